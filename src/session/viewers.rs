//! Viewers of a conversation: their requests for batches, their departure, their number.

use std::time::Duration;

use actix::{AsyncContext as _, Context, Handler, Message};
use tokio::sync::oneshot;

use crate::{
    conversation::viewer::{AfterBatch, Batch, ViewerId},
    ids::ConversationId,
};

use super::Session;

/// Asks for what the viewer has not seen. Answered when there is something.
///
/// The answer comes through `reply` and not as the message's result: the session keeps it until
/// there is something to send. A viewer asks again once it has handed on what it got, so it costs
/// one batch however slow it is.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) struct PullBatch {
    /// The viewer.
    pub(crate) viewer: ViewerId,
    /// Where the batch goes.
    pub(crate) reply: oneshot::Sender<Batch>,
}

impl Handler<PullBatch> for Session {
    type Result = ();

    fn handle(&mut self, demand: PullBatch, context: &mut Self::Context) {
        let PullBatch { viewer, reply } = demand;
        let live = self.following.get(&viewer).and_then(|id| self.conversations.get_mut(id));
        let Some(live) = live else {
            // The conversation was closed between two demands.
            reply
                .send(Batch { then: AfterBatch::Detached, ..Batch::default() })
                .unwrap_or_default();
            return;
        };
        if let Some(subscriber) = live.subscriber(viewer) {
            subscriber.ask(reply);
            live.deliver_to(viewer);
            let conversation = live.id;
            // What it was sent last, or is sent now, may have been rendered for it.
            self.colour(conversation, context);
            self.recall(conversation, context);
        }
        self.answer_closers(context);
    }
}

/// The viewer is gone.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) struct Detach {
    /// The viewer.
    pub(crate) viewer: ViewerId,
}

impl Handler<Detach> for Session {
    type Result = ();

    fn handle(&mut self, detach: Detach, context: &mut Self::Context) {
        let Some(id) = self.following.remove(&detach.viewer) else { return };
        if let Some(live) = self.conversations.get_mut(&id) {
            // Nobody waits for the demand any more.
            drop(live.unsubscribe(detach.viewer));
            self.tell_viewers_soon(id, context);
        }
    }
}

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
