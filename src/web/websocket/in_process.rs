//! A viewer without a WebSocket: what it is sent and what it sends are frames within the server.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use actix_http::ws::{Codec, OpCode, Parser};
use actix_web::{
    Error, HttpRequest,
    error::{ErrorInternalServerError, PayloadError},
    web::{Bytes, BytesMut},
};
use actix_web_actors::ws::WebsocketContext;
use futures_util::{Stream, StreamExt as _, stream};
use tokio::sync::mpsc;

use crate::{
    conversation::viewer::BrowserId,
    project::ProjectName,
    web::{
        access::rate_limit::{LimitExceeded, Visitor},
        connections::Connection,
        state::AppState,
    },
    wire::Dialect,
};

use super::ViewerEnv;

/// Frames of a client that may wait for its viewer. A client sends one after another, so more wait
/// only if it does not read.
const MAX_WAITING: usize = 4;

/// RFC 6455: the end came without a code.
const NO_STATUS: u16 = 1005;

/// What a viewer sends.
#[derive(Debug)]
pub(crate) enum Sent {
    /// A frame of the protocol: one line of JSON.
    Frame(Bytes),
    /// A question whether the client is there; any frame answers it.
    Ping,
    /// The end, with a code and its reason.
    Closed { code: u16, reason: String },
}

/// What a viewer sends, while it is read: a viewer whose output nobody reads asks for no more.
pub(crate) struct ViewerOutput {
    bytes: Pin<Box<dyn Stream<Item = Result<Bytes, Error>>>>,
    /// The beginning of a frame whose rest has not come.
    unread: BytesMut,
    sent: VecDeque<Sent>,
}

/// Opens a viewer of protocol 1. It lives until its input or its output is dropped.
pub(crate) fn open(
    state: &AppState,
    project: ProjectName,
    visitor: Visitor,
    browser: BrowserId,
    request: &HttpRequest,
) -> Result<(mpsc::Sender<Bytes>, ViewerOutput), LimitExceeded> {
    let permit = visitor.open_socket()?;
    let connection = request.conn_data::<Arc<Connection>>().cloned();
    let state = state.clone();
    let frame_bytes = state.resources.settings.limits.frame_bytes;
    let env = ViewerEnv { state, project, browser, visitor, _permit: permit, connection };
    let (frames, mut input) = mpsc::channel(MAX_WAITING);
    let input = stream::poll_fn(move |task| input.poll_recv(task)).map(Ok::<_, PayloadError>);
    let (viewer, input) = super::viewer(input, env, Dialect::V1);
    let codec = Codec::new().max_size(frame_bytes);
    let bytes = Box::pin(WebsocketContext::with_codec(viewer, input, codec));
    Ok((frames, ViewerOutput { bytes, unread: BytesMut::new(), sent: VecDeque::new() }))
}

/// A frame of the client as its viewer reads it.
pub(crate) fn encode(frame: &[u8]) -> Bytes {
    let mut bytes = BytesMut::new();
    Parser::write_message(&mut bytes, frame, OpCode::Text, true, true);
    bytes.freeze()
}

impl ViewerOutput {
    /// Everything that has come together and waits; more is read only once it is taken.
    pub(crate) fn take_waiting(&mut self) -> VecDeque<Sent> {
        std::mem::take(&mut self.sent)
    }

    fn decode(&mut self, bytes: &Bytes) -> Result<(), Error> {
        self.unread.extend_from_slice(bytes);
        while let Some((_, kind, payload)) =
            Parser::parse(&mut self.unread, false, usize::MAX).map_err(ErrorInternalServerError)?
        {
            let payload = payload.unwrap_or_default();
            match kind {
                OpCode::Text => self.sent.push_back(Sent::Frame(payload.freeze())),
                OpCode::Ping => self.sent.push_back(Sent::Ping),
                OpCode::Close => {
                    let reason = Parser::try_parse_close_payload(&payload).ok().flatten();
                    let (code, reason) = reason.map_or((NO_STATUS, String::new()), |reason| {
                        (u16::from(reason.code), reason.description.unwrap_or_default())
                    });
                    self.sent.push_back(Sent::Closed { code, reason });
                }
                _ => (),
            }
        }
        Ok(())
    }
}

impl Stream for ViewerOutput {
    type Item = Result<Sent, Error>;

    fn poll_next(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(sent) = self.sent.pop_front() {
                return Poll::Ready(Some(Ok(sent)));
            }
            let Some(bytes) = ready!(self.bytes.poll_next_unpin(task)).transpose()? else {
                return Poll::Ready(None);
            };
            self.decode(&bytes)?;
        }
    }
}
