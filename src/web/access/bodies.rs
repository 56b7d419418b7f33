//! Bodies: a request's must arrive in time, and a response's keeps its request counted.

use std::{
    future::Future as _,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use actix_web::{
    body::{BodySize, MessageBody},
    dev::Payload,
    error::PayloadError,
    web::Bytes,
};
use futures_util::{Stream, StreamExt as _};
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep};

use crate::web::connections::RequestGuard;

use super::rate_limit::Permit;

/// Longest time without a byte.
const MAX_PAUSE: Duration = Duration::from_secs(5);

/// A request body that fails if it does not arrive in time.
struct TimedBody {
    /// `None` after a timeout.
    body: Option<Payload>,
    max_time: Duration,
    max_pause: Duration,
    deadline: Pin<Box<Sleep>>,
    pause: Pin<Box<Sleep>>,
}

/// Lets a body take `max_time` in total and [`MAX_PAUSE`] between bytes.
pub(super) fn with_timeout(body: Payload, max_time: Duration) -> Payload {
    Payload::Stream { payload: Box::pin(TimedBody::new(body, max_time, MAX_PAUSE)) }
}

impl TimedBody {
    fn new(body: Payload, max_time: Duration, max_pause: Duration) -> Self {
        Self {
            body: Some(body),
            max_time,
            max_pause,
            deadline: Box::pin(sleep(max_time)),
            pause: Box::pin(sleep(max_pause)),
        }
    }
}

/// The message for a client whose body timed out; `None` for other errors.
pub(crate) fn timeout_message(error: &PayloadError) -> Option<String> {
    match error {
        PayloadError::Io(error) if error.kind() == io::ErrorKind::TimedOut => {
            Some(error.to_string())
        }
        _ => None,
    }
}

impl Stream for TimedBody {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        // The deadline is checked first, or bytes that trickle in would postpone it.
        let is_over = self.deadline.as_mut().poll(task).is_ready();
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        if !is_over {
            if let Poll::Ready(read) = body.poll_next_unpin(task) {
                let pause_ends = Instant::now() + self.max_pause;
                self.pause.as_mut().reset(pause_ends);
                return Poll::Ready(read);
            }
            ready!(self.pause.as_mut().poll(task));
        }
        self.body = None;
        let message = format!(
            "The body did not arrive in time: the limits are {:?} in total and {:?} without a byte.",
            self.max_time, self.max_pause
        );
        Poll::Ready(Some(Err(PayloadError::Io(io::Error::new(io::ErrorKind::TimedOut, message)))))
    }
}

pin_project! {
    /// A response body. Dropping it ends the request.
    pub struct GuardedBody<B> {
        #[pin]
        body: B,
        request: Option<RequestGuard>,
        permit: Option<Permit>,
    }
}

impl<B> GuardedBody<B> {
    pub(super) fn new(body: B, request: Option<RequestGuard>, permit: Option<Permit>) -> Self {
        Self { body, request, permit }
    }
}

impl<B: MessageBody> MessageBody for GuardedBody<B> {
    type Error = B::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        self: Pin<&mut Self>,
        task: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, B::Error>>> {
        self.project().body.poll_next(task)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{TryStreamExt as _, stream};

    use super::*;

    /// A body of `bytes` single bytes, each `millis` after the one before.
    fn slow(bytes: usize, millis: u64) -> Payload {
        let body = stream::iter(0..bytes).then(move |_| async move {
            sleep(Duration::from_millis(millis)).await;
            Ok(Bytes::from_static(b"x"))
        });
        Payload::Stream { payload: Box::pin(body) }
    }

    #[actix_web::test]
    async fn p9_a_body_that_trickles_or_stalls_fails_in_time() {
        let millis = Duration::from_millis;
        for (bytes, pause, max_time, max_pause, is_whole) in [
            (5, 10, 5000, 2000, true),
            (0, 0, 5000, 2000, true),
            (2, 60_000, 60_000, 100, false),
            (10_000, 10, 300, 2000, false),
            (10_000, 0, 1, 2000, false),
        ] {
            let begun = Instant::now();
            let body = TimedBody::new(slow(bytes, pause), millis(max_time), millis(max_pause));
            let whole = body.try_fold(0, |so_far, read| async move { Ok(so_far + read.len()) });
            match whole.await {
                Ok(read) => assert!(is_whole && read == bytes, "{bytes} {pause}"),
                Err(error) => {
                    assert!(!is_whole, "{bytes} {pause}: {error}");
                    assert!(timeout_message(&error).unwrap().contains("did not arrive in time"));
                }
            }
            assert!(begun.elapsed() < millis(4000), "{bytes} {pause}: {:?}", begun.elapsed());
        }
    }
}
