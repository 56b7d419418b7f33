//! A turn whose client waits for the answer and cannot come back to it.

use tokio::runtime::Handle;

use crate::{session::post::StopTurn, web::state::AppState};

use super::FollowedTurn;

/// Stops the turn when it is dropped before it is over: its client has left.
pub(crate) struct AwaitedTurn {
    pub(crate) turn: FollowedTurn,
    pub(crate) is_over: bool,
    state: AppState,
    author: Option<String>,
}

impl AwaitedTurn {
    /// `author` is the user who asks, where that is known.
    pub(crate) fn new(state: &AppState, author: Option<String>, turn: FollowedTurn) -> Self {
        Self { turn, is_over: false, state: state.clone(), author }
    }
}

impl Drop for AwaitedTurn {
    fn drop(&mut self) {
        let Ok(runtime) = Handle::try_current() else { return };
        if self.is_over {
            return;
        }
        let (state, author) = (self.state.clone(), self.author.take());
        let FollowedTurn { project, conversation, turn, .. } = self.turn.clone();
        runtime.spawn(async move {
            if let Ok(Some(session)) = state.live_session(&project).await {
                let stop = StopTurn { conversation, turn: Some(turn), author };
                // One that has ended has nothing to stop.
                session.send(stop).await.unwrap_or_default();
            }
        });
    }
}
