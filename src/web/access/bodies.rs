//! The bodies of requests, which must arrive within their time, and those of answers, which end a
//! request.

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

/// Longest pause within a body.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A request's body that ends in an error when it is not there in time.
struct TimedBody {
    /// `None` once its time was over.
    body: Option<Payload>,
    longest: Duration,
    longest_pause: Duration,
    deadline: Pin<Box<Sleep>>,
    pause: Pin<Box<Sleep>>,
}

/// Bounds how long a body may take: `longest` in all, and 5 s without a byte.
pub(crate) fn timed(body: Payload, longest: Duration) -> Payload {
    let body = TimedBody::new(body, longest, LONGEST_PAUSE);
    Payload::Stream { payload: Box::pin(body) }
}

impl TimedBody {
    fn new(body: Payload, longest: Duration, longest_pause: Duration) -> Self {
        Self {
            body: Some(body),
            longest,
            longest_pause,
            deadline: Box::pin(sleep(longest)),
            pause: Box::pin(sleep(longest_pause)),
        }
    }
}

/// The words for a body that was not there in time.
pub(crate) fn overdue(error: &PayloadError) -> Option<String> {
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
        // The end in all comes first: bytes that trickle in would put it off.
        let is_over = self.deadline.as_mut().poll(task).is_ready();
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        if !is_over {
            if let Poll::Ready(read) = body.poll_next_unpin(task) {
                let pause_ends = Instant::now() + self.longest_pause;
                self.pause.as_mut().reset(pause_ends);
                return Poll::Ready(read);
            }
            ready!(self.pause.as_mut().poll(task));
        }
        self.body = None;
        let words = format!(
            "The body did not arrive in time: it may take {:?} in all, and pause for {:?}.",
            self.longest, self.longest_pause
        );
        Poll::Ready(Some(Err(PayloadError::Io(io::Error::new(io::ErrorKind::TimedOut, words)))))
    }
}

pin_project! {
    /// An answer's body. The request is over when it is dropped.
    pub struct Answering<B> {
        #[pin]
        body: B,
        request: Option<RequestGuard>,
        permit: Option<Permit>,
    }
}

impl<B> Answering<B> {
    /// The answer to a request, and what is kept until it is complete.
    pub(crate) fn new(body: B, request: Option<RequestGuard>, permit: Option<Permit>) -> Self {
        Self { body, request, permit }
    }
}

impl<B: MessageBody> MessageBody for Answering<B> {
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

    /// A body of so many bytes that come one by one, so many milliseconds after each other.
    fn slow(bytes: usize, millis: u64) -> Payload {
        let body = stream::iter(0..bytes).then(move |_| async move {
            sleep(Duration::from_millis(millis)).await;
            Ok(Bytes::from_static(b"x"))
        });
        Payload::Stream { payload: Box::pin(body) }
    }

    #[actix_web::test]
    async fn p9_a_body_that_trickles_or_stands_still_ends_in_an_error_in_its_time() {
        let millis = Duration::from_millis;
        for (bytes, pause, longest, longest_pause, is_whole) in [
            (5, 10, 5000, 2000, true),
            (0, 0, 5000, 2000, true),
            (2, 60_000, 60_000, 100, false),
            (10_000, 10, 300, 2000, false),
            (10_000, 0, 1, 2000, false),
        ] {
            let begun = Instant::now();
            let body = TimedBody::new(slow(bytes, pause), millis(longest), millis(longest_pause));
            let whole = body.try_fold(0, |so_far, read| async move { Ok(so_far + read.len()) });
            match whole.await {
                Ok(read) => assert!(is_whole && read == bytes, "{bytes} {pause}"),
                Err(error) => {
                    assert!(!is_whole, "{bytes} {pause}: {error}");
                    assert!(overdue(&error).unwrap().contains("did not arrive in time"));
                }
            }
            assert!(begun.elapsed() < millis(4000), "{bytes} {pause}: {:?}", begun.elapsed());
        }
    }
}
