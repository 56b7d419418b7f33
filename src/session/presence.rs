//! How many look on: told to all who do, but not for each who comes or goes. After a restart, all
//! of them come back at once.

use std::time::Duration;

use actix::{AsyncContext as _, Context};

use crate::ids::ConversationId;

use super::Session;

/// The number is told this long after it changed.
const TOLD_AFTER: Duration = Duration::from_millis(100);

impl Session {
    /// Tells the viewers of a conversation how many they are, soon.
    pub(super) fn tell_viewers_soon(
        &mut self,
        conversation: ConversationId,
        context: &mut Context<Self>,
    ) {
        let Some(live) = self.conversations.get_mut(&conversation) else { return };
        if std::mem::replace(&mut live.presence_due, true) {
            return;
        }
        context.run_later(TOLD_AFTER, move |session, _| {
            if let Some(live) = session.conversations.get_mut(&conversation) {
                live.presence_due = false;
                live.tell_viewers();
                live.deliver();
            }
        });
    }
}
