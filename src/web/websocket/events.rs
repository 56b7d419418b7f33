//! A viewer without a WebSocket, for clients behind a proxy that lets none through.
//!
//! The response to a `GET` is a stream of server-sent events, one for each frame; each frame of the
//! client comes as a `POST`. Both ends lead to the same actor as a WebSocket: what the client sends
//! becomes frames of its stream, and what the actor sends becomes events while the response is read.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use actix_http::ws::{Codec, OpCode, Parser};
use actix_web::{
    Error, HttpRequest, HttpResponse,
    error::{ErrorInternalServerError, PayloadError},
    http::{StatusCode, header},
    web::{self, Bytes, BytesMut},
};
use actix_web_actors::ws::WebsocketContext;
use futures_util::{Stream, StreamExt as _, stream};
use serde_json::json;
use tokio::sync::mpsc::{self, error::TrySendError};

use crate::{
    web::{
        access::{body_timeout_message, rate_limit::Visitor},
        browser_cookie,
        connections::Connection,
        event_streams::{self, OpenStream, StreamGuard},
        problem::{HandlerResult, Problem, ProblemResponse},
        state::AppState,
    },
    wire::{Dialect, close_code, server_frame::Notice},
};

use super::{ViewerEnv, upgrade};

/// Frames of a client that may wait for its viewer. A client sends one after another, so more wait
/// only if it does not read.
const MAX_WAITING: usize = 4;

/// RFC 6455: the end came without a code.
const NO_STATUS: u16 = 1005;

/// `GET /api/assistant/events/{project}`: what a WebSocket would bring, as server-sent events. The
/// first has the id under which the client sends; one named `close` has the code of the end.
#[utoipa::path(
    get,
    path = "/api/assistant/events/{project}",
    tag = "conversations",
    params(("project" = String, Path, description = "The project's name")),
    responses((status = 200, description = "Server-sent events; `cicerone help protocol` describes them", content_type = "text/event-stream"), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn open(
    state: web::Data<AppState>,
    project: web::Path<String>,
    visitor: web::ReqData<Visitor>,
    request: HttpRequest,
) -> actix_web::Result<HttpResponse> {
    let project = match state.project(&project).await {
        Ok(project) => project.name,
        Err(error) => {
            let (code, reason) = upgrade::refusal(error);
            return Ok(refused(code, reason));
        }
    };
    let visitor = visitor.into_inner();
    let permit = match visitor.open_socket() {
        Ok(permit) => permit,
        Err(limit) => return Ok(refused(close_code::TOO_MANY, &limit.message)),
    };
    let connection = request.conn_data::<Arc<Connection>>().cloned();
    let (browser, cookie) = browser_cookie::identify(&request);
    let (frames, mut sent) = mpsc::channel(MAX_WAITING);
    let stream =
        OpenStream { project: project.clone(), user: visitor.principal.user.clone(), frames };
    let guard = state.event_streams.open(stream);
    let state = state.as_ref().clone();
    let frame_bytes = state.resources.settings.limits.frame_bytes;
    let env = ViewerEnv { state, project, browser, visitor, _permit: permit, connection };
    let sent = stream::poll_fn(move |task| sent.poll_recv(task)).map(Ok::<_, PayloadError>);
    let (viewer, sent) = super::viewer(sent, env, Dialect::V1);
    let codec = Codec::new().max_size(frame_bytes);
    let first = event("session", &guard.id().to_string());
    let events = Events {
        frames: Box::pin(WebsocketContext::with_codec(viewer, sent, codec)),
        unread: BytesMut::new(),
        _guard: guard,
    };
    let first = stream::once(std::future::ready(Ok::<_, Error>(first)));
    let mut response = response().streaming(first.chain(events));
    if let Some(cookie) = cookie {
        response.add_cookie(&cookie)?;
    }
    Ok(response)
}

/// `POST /api/assistant/events/{project}/{stream}`: one frame of the client.
#[utoipa::path(
    post,
    path = "/api/assistant/events/{project}/{stream}",
    tag = "conversations",
    params(("project" = String, Path, description = "The project's name"), ("stream" = String, Path, description = "The id that the stream began with")),
    request_body(content = String, content_type = "application/json", description = "A frame, as of the WebSocket"),
    responses((status = 204, description = "It will be handled after those before it"), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn send(
    state: web::Data<AppState>,
    path: web::Path<(String, String)>,
    visitor: web::ReqData<Visitor>,
    body: web::Payload,
) -> HandlerResult {
    let (project, stream) = path.into_inner();
    let (_, frames) = state.event_streams.find(&project, &stream, &visitor)?;
    let frame = read(body, state.resources.settings.limits.frame_bytes).await?;
    let mut bytes = BytesMut::new();
    Parser::write_message(&mut bytes, &frame, OpCode::Text, true, true);
    match frames.try_send(bytes.freeze()) {
        Ok(()) => Ok(HttpResponse::NoContent().finish()),
        Err(TrySendError::Full(_)) => {
            Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, super::TOO_MANY_REQUESTS))
        }
        Err(TrySendError::Closed(_)) => Err(event_streams::ended()),
    }
}

/// Reads a frame to its end, but not beyond the bound.
async fn read(mut body: web::Payload, max_bytes: usize) -> Result<Bytes, Problem> {
    let mut frame = BytesMut::new();
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|error| match body_timeout_message(&error) {
            Some(message) => Problem::new(StatusCode::REQUEST_TIMEOUT, message),
            None => {
                Problem::new(StatusCode::BAD_REQUEST, format!("Cannot read the frame: {error}."))
            }
        })?;
        if frame.len() + chunk.len() > max_bytes {
            let detail = format!("The frame is too large: the limit is {max_bytes} bytes.");
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail));
        }
        frame.extend_from_slice(&chunk);
    }
    Ok(frame.freeze())
}

/// `DELETE /api/assistant/events/{project}/{stream}`: the client leaves. A proxy may keep the
/// connection of the stream open.
#[utoipa::path(
    delete,
    path = "/api/assistant/events/{project}/{stream}",
    tag = "conversations",
    params(("project" = String, Path, description = "The project's name"), ("stream" = String, Path, description = "The id that the stream began with")),
    responses((status = 204, description = "The stream ends"), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn leave(
    state: web::Data<AppState>,
    path: web::Path<(String, String)>,
    visitor: web::ReqData<Visitor>,
) -> HandlerResult {
    let (project, stream) = path.into_inner();
    let (id, _) = state.event_streams.find(&project, &stream, &visitor)?;
    state.event_streams.remove(id);
    Ok(HttpResponse::NoContent().finish())
}

/// A response of events, which nothing on its way holds back.
fn response() -> actix_web::HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    response
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-store, no-transform"))
        .insert_header((header::CONTENT_ENCODING, "identity"))
        .insert_header(("x-accel-buffering", "no"));
    response
}

/// The stream of a viewer that is refused: browsers tell a page no status of it.
fn refused(code: u16, reason: &str) -> HttpResponse {
    let mut text = BytesMut::new();
    if let Some(frame) = Notice::error(reason).frame(Dialect::V1) {
        write_data(frame.as_bytes(), &mut text);
    }
    text.extend(close(code, reason));
    response().body(text.freeze())
}

fn event(name: &str, data: &str) -> Bytes {
    format!("event: {name}\ndata: {data}\n\n").into()
}

fn close(code: u16, reason: &str) -> Bytes {
    event("close", &json!({ "code": code, "reason": reason }).to_string())
}

/// A frame is one line: JSON escapes the ends of lines.
fn write_data(frame: &[u8], text: &mut BytesMut) {
    text.extend_from_slice(b"data: ");
    text.extend_from_slice(frame);
    text.extend_from_slice(b"\n\n");
}

/// What a viewer sends, as events.
struct Events {
    frames: Pin<Box<dyn Stream<Item = Result<Bytes, Error>>>>,
    /// The beginning of a frame whose rest has not come.
    unread: BytesMut,
    _guard: StreamGuard,
}

impl Stream for Events {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(bytes) = ready!(self.frames.poll_next_unpin(task)).transpose()? else {
            return Poll::Ready(None);
        };
        self.unread.extend_from_slice(&bytes);
        let mut text = BytesMut::new();
        while let Some((_, kind, payload)) =
            Parser::parse(&mut self.unread, false, usize::MAX).map_err(ErrorInternalServerError)?
        {
            let payload = payload.unwrap_or_default();
            match kind {
                OpCode::Text => write_data(&payload, &mut text),
                OpCode::Ping => text.extend(event("ping", "{}")),
                OpCode::Close => {
                    let reason = Parser::try_parse_close_payload(&payload).ok().flatten();
                    let (code, why) = reason.map_or((NO_STATUS, String::new()), |reason| {
                        (u16::from(reason.code), reason.description.unwrap_or_default())
                    });
                    text.extend(close(code, &why));
                }
                _ => (),
            }
        }
        Poll::Ready(Some(Ok(text.freeze())))
    }
}
