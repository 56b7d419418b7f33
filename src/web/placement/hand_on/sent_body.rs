//! The body of a request as the client of another node sends it.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use actix_web::{dev::Payload, error::PayloadError, web::Bytes};
use futures_util::Stream as _;
use hyper::body::{Body, Frame, SizeHint};

use crate::web::placement::body::RequestBody;

/// What is sent, at once or as it comes.
pub(super) enum SentBody {
    Whole(Bytes),
    Coming(Payload),
}

impl From<RequestBody> for SentBody {
    fn from(body: RequestBody) -> Self {
        match body {
            RequestBody::Whole(bytes) => Self::Whole(bytes),
            RequestBody::Coming(payload) => Self::Coming(payload),
            RequestBody::Gone => Self::Whole(Bytes::new()),
        }
    }
}

impl Body for SentBody {
    type Data = Bytes;
    type Error = PayloadError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, PayloadError>>> {
        match &mut *self {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Coming(payload) => {
                Pin::new(payload).poll_next(context).map(|chunk| Some(chunk?.map(Frame::data)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Coming(_) => SizeHint::default(),
        }
    }
}
