//! Delivery of the history: a viewer requests the next batch once it has sent the one before.

use std::{
    future::Future,
    pin::Pin,
    task::{self, Poll},
};

use actix::{ActorFutureExt as _, AsyncContext as _, WrapFuture as _};
use tokio::sync::oneshot;

use crate::{
    conversation::viewer::{AfterBatch, Batch},
    session::viewers::PullBatch,
};

use super::{Context, Viewer, close};

impl Viewer {
    /// Asks the session for what the client has not seen.
    pub(super) fn request_batch(&mut self, context: &mut Context) {
        if self.is_batch_requested {
            return;
        }
        let Some(attached) = &self.attached else { return };
        let (reply, answer) = oneshot::channel();
        if attached.demands.try_send(PullBatch { viewer: self.id, reply }).is_err() {
            return self.on_session_lost(context);
        }
        self.is_batch_requested = true;
        context.spawn(answer.into_actor(self).map(|answer, viewer, context| {
            viewer.is_batch_requested = false;
            match answer {
                Ok(batch) => viewer.deliver(batch, context),
                Err(_) => viewer.on_session_lost(context),
            }
        }));
    }

    fn deliver(&mut self, batch: Batch, context: &mut Context) {
        let Batch { frames, seq, read_at, then } = batch;
        for frame in frames {
            context.text(frame);
        }
        if let (Some(attached), Some(seq)) = (&mut self.attached, seq) {
            attached.position.seq = seq;
        }
        match then {
            AfterBatch::AskAgain => {
                let flushed = PendingPolls(2).into_actor(self);
                context.wait(flushed.map(move |(), viewer, context| {
                    if let Some(read_at) = read_at {
                        viewer.env.state.deliveries.add(read_at.elapsed());
                    }
                    viewer.request_batch(context);
                }));
            }
            AfterBatch::Detached => self.left_at = self.attached.take().map(|it| it.position),
            AfterBatch::Close { code, reason } => close(context, code, reason),
        }
    }
}

/// Is pending for so many polls. After two the frames before it have left the actor's buffer and
/// were written to the socket.
struct PendingPolls(u8);

impl Future for PendingPolls {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, task: &mut task::Context<'_>) -> Poll<()> {
        if self.0 == 0 {
            return Poll::Ready(());
        }
        self.0 -= 1;
        task.waker().wake_by_ref();
        Poll::Pending
    }
}
