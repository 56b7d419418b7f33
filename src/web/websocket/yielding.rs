//! Lets the poll of a task end before it goes on.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

/// Is pending as often as it says.
pub(super) struct Yield(pub u8);

impl Future for Yield {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<()> {
        if self.0 == 0 {
            return Poll::Ready(());
        }
        self.0 -= 1;
        task.waker().wake_by_ref();
        Poll::Pending
    }
}
