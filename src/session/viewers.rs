//! Viewers of a conversation: their requests for batches, their departure, their number.

use std::time::Duration;

use actix::{Context, Handler, Message};
use tokio::sync::oneshot;

use crate::conversation::viewer::{AfterBatch, Batch, ViewerId};

use super::{Session, live::LiveConversation};

/// Delay before others who are present are shown: after a restart all come back at once.
const PRESENCE_DELAY: Duration = Duration::from_millis(100);

/// Asks for the next batch, answered once there is something to send.
///
/// The answer comes through `reply` and not as the message's result, because the session keeps it
/// until then. A viewer asks again once it has handed on a batch: it costs one batch however slow it
/// is.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) struct PullBatch {
    pub(crate) viewer: ViewerId,
    pub(crate) reply: oneshot::Sender<Batch>,
}

impl Handler<PullBatch> for Session {
    type Result = ();

    fn handle(&mut self, PullBatch { viewer, reply }: PullBatch, context: &mut Context<Self>) {
        let Some(mut live) = self.followed_by(viewer, context) else {
            // The conversation was closed between two requests.
            let detached = Batch { then: AfterBatch::Detached, ..Batch::default() };
            let last = self.farewell(viewer).unwrap_or(detached);
            return reply.send(last).unwrap_or_default();
        };
        if let Some(subscriber) = live.state.audience.subscriber(viewer) {
            subscriber.ask(reply);
            live.state.deliver_to(viewer);
            // Delivery may have rendered code, or reached what is not in memory.
            live.highlight_code();
            live.reload_history();
        }
        self.answer_closers(context);
    }
}

/// Tells that a viewer is gone.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) struct Detach {
    pub(crate) viewer: ViewerId,
}

impl Handler<Detach> for Session {
    type Result = ();

    fn handle(&mut self, Detach { viewer }: Detach, context: &mut Context<Self>) {
        self.disconnected.remove(&viewer);
        let Some(id) = self.following.remove(&viewer) else { return };
        if let Some(mut live) = self.live(id, context) {
            // Nobody waits for the batch any more.
            drop(live.state.audience.remove(viewer));
            live.show_presence_soon();
        }
    }
}

impl LiveConversation<'_> {
    /// Shows all viewers who is present after a short delay.
    pub(super) fn show_presence_soon(&mut self) {
        if std::mem::replace(&mut self.state.audience.is_presence_due, true) {
            return;
        }
        self.run_later(PRESENCE_DELAY, |live| {
            live.state.audience.is_presence_due = false;
            live.state.audience.show_presence();
            live.state.deliver();
        });
    }
}
