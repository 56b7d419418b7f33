//! How long a conversation stays live.

use std::{
    convert::Infallible,
    time::{Instant, SystemTime},
};

use tokio::sync::oneshot;

use super::turn::CloseReason;

#[derive(Debug)]
pub(crate) struct Lifecycle {
    /// Kept and listed even while nobody has written in it.
    pub(crate) is_listed: bool,
    /// Why it is being closed, once it is: no more questions are taken.
    pub(crate) closing: Option<CloseReason>,
    /// Dropped with the conversation, for viewers that wait to load it again.
    close_waiters: Vec<oneshot::Sender<Infallible>>,
    /// When something last happened.
    pub(crate) last_used: Instant,
    /// The same on the clock.
    pub(crate) last_event: SystemTime,
}

impl Default for Lifecycle {
    fn default() -> Self {
        Self {
            is_listed: false,
            closing: None,
            close_waiters: Vec::new(),
            last_used: Instant::now(),
            last_event: SystemTime::now(),
        }
    }
}

impl Lifecycle {
    /// Notes that something happens.
    pub(crate) fn touch(&mut self) {
        self.last_used = Instant::now();
        self.last_event = SystemTime::now();
    }

    /// Waits until the conversation is no longer live.
    pub(crate) fn closed(&mut self) -> impl Future<Output = ()> + 'static {
        let (waiter, closed) = oneshot::channel();
        self.close_waiters.push(waiter);
        // Nothing is ever sent.
        async move { drop(closed.await) }
    }
}
