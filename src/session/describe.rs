//! Snapshot of a session for the admin pages and metrics.

use actix::{Handler, Message};
use serde::Serialize;

use crate::{
    conversation::description::ConversationDescription,
    ids::ConversationId,
    rights::{Action, Principal},
};

use super::Session;

#[derive(Message, Debug)]
#[rtype(result = "SessionOverview")]
pub(crate) struct Describe;

/// A session, as `/admin` and the metrics show it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct SessionOverview {
    /// The newest conversation.
    pub(crate) latest: Option<ConversationId>,
    /// The live ones.
    pub(crate) conversations: Vec<ConversationDescription>,
}

impl SessionOverview {
    /// The newest conversation, if it is live and `who` may read it.
    pub(crate) fn latest_for(&self, who: &Principal) -> Option<ConversationId> {
        let latest =
            self.conversations.iter().find(|it| Some(it.conversation_id) == self.latest)?;
        latest.ownership.allows(who, Action::Read).then_some(latest.conversation_id)
    }
}

impl Handler<Describe> for Session {
    type Result = actix::MessageResult<Describe>;

    fn handle(&mut self, _: Describe, _: &mut Self::Context) -> Self::Result {
        let mut conversations: Vec<_> =
            self.conversations.values().map(|live| live.describe()).collect();
        conversations.sort_by_key(|live| live.conversation_id);
        actix::MessageResult(SessionOverview { latest: self.latest, conversations })
    }
}

/// Makes the session panic, to test supervision.
#[cfg(feature = "faults")]
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) struct InjectPanic;
#[cfg(feature = "faults")]
impl Handler<InjectPanic> for Session {
    type Result = ();

    #[expect(clippy::panic, reason = "the fault that is injected")]
    fn handle(&mut self, _: InjectPanic, _: &mut Self::Context) {
        panic!("a fault was injected");
    }
}
