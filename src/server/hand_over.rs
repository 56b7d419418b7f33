//! Before a node of a cluster hands its projects over, the answers that are being written come to their end.

use std::time::{Duration, Instant};

use actix::Addr;

use crate::registry::{
    Registry,
    messages::{ListSessions, SessionDescription},
};

/// Step of waiting.
const STEP: Duration = Duration::from_millis(100);

/// What is left of the time to end for all that comes after, at least.
const LEFT: Duration = Duration::from_secs(3);

/// Waits until no answer is being written, but leaves some of the time to end. Questions that wait go on at the
/// next owner.
pub(super) async fn answers_end(registry: &Addr<Registry>, time_to_end: Duration) {
    let deadline = Instant::now() + time_to_end.saturating_sub(LEFT);
    while Instant::now() < deadline {
        // Nobody is left to answer where the registry is not.
        let Ok(sessions) = registry.send(ListSessions).await else { return };
        if !sessions.iter().any(is_answering) {
            return;
        }
        tokio::time::sleep(STEP).await;
    }
    log::warn!("answers that are still being written are interrupted");
}

fn is_answering(session: &SessionDescription) -> bool {
    let mut conversations = session.description.iter().flat_map(|it| &it.conversations);
    conversations.any(|conversation| conversation.turn.is_some())
}
