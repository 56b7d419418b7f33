//! A client's byte stream, ended before the first frame that is refused.

use std::{
    cell::Cell,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
    time::Instant,
};

use actix_web::{error::PayloadError, web::Bytes};
use futures_util::{Stream, StreamExt as _};

use super::frame_check::{FrameCheck, FrameViolation, Refused};

/// What the viewer knows of its stream.
#[derive(Debug, Default)]
pub(super) struct StreamState {
    pub last_read_at: Cell<Option<Instant>>,
    /// Why the stream was ended.
    pub violation: Cell<Option<FrameViolation>>,
}

pub(super) struct CheckedStream<S> {
    /// `None` after a violation: what follows is not read.
    stream: Option<S>,
    check: FrameCheck,
    state: Rc<StreamState>,
}

impl<S> CheckedStream<S> {
    pub(super) fn new(stream: S, max_message_bytes: usize, state: Rc<StreamState>) -> Self {
        Self { stream: Some(stream), check: FrameCheck::new(max_message_bytes), state }
    }
}

impl<S: Stream<Item = Result<Bytes, PayloadError>> + Unpin> Stream for CheckedStream<S> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let Some(stream) = &mut self.stream else { return Poll::Ready(None) };
        let mut bytes = match ready!(stream.poll_next_unpin(task)) {
            Some(Ok(bytes)) => bytes,
            end => return Poll::Ready(end),
        };
        self.state.last_read_at.set(Some(Instant::now()));
        if let Err(Refused { at, why }) = self.check.advance(&bytes) {
            self.state.violation.set(Some(why));
            self.stream = None;
            bytes.truncate(at);
        }
        Poll::Ready(Some(Ok(bytes)))
    }
}
