//! A viewer without a WebSocket, for clients behind a proxy that lets none through.
//!
//! The response to a `GET` is a stream of server-sent events, one for each frame; each frame of the
//! client comes as a `POST`. Both ends lead to the same actor as a WebSocket: what the client sends
//! becomes frames of its stream, and what the actor sends becomes events while the response is read.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use actix_web::{
    Error, HttpRequest, HttpResponse, HttpResponseBuilder,
    http::{StatusCode, header},
    web::{self, Bytes, BytesMut},
};
use futures_util::{Stream, StreamExt as _, stream};
use serde_json::json;
use tokio::sync::mpsc::error::TrySendError;

use crate::{
    web::{
        access::rate_limit::Visitor,
        browser_cookie,
        event_streams::{self, OpenStream, StreamGuard},
        json_body,
        problem::{HandlerResult, Problem, ProblemResponse},
        state::AppState,
    },
    wire::{Dialect, close_code, server_frame::Notice},
};

use super::{
    in_process::{self, Sent, ViewerOutput},
    upgrade,
};

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
    let project = match state.project(&visitor, &project).await {
        Ok(project) => project.name,
        Err(error) => {
            let (code, reason) = upgrade::refusal(error);
            return Ok(refused(code, reason));
        }
    };
    let visitor = visitor.into_inner();
    let (browser, cookie) = browser_cookie::identify(&request, state.base_path());
    let user = visitor.principal.user.clone();
    let opened = in_process::open(&state, project.clone(), visitor, browser, &request);
    let (frames, output) = match opened {
        Ok(opened) => opened,
        Err(limit) => return Ok(refused(close_code::TOO_MANY, &limit.message)),
    };
    let guard = state.event_streams.open(OpenStream { project, user, frames });
    let first = event("session", &guard.id().to_string());
    let events = Events { output, _guard: guard };
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
    let frame = json_body::read(body, state.resources.settings.limits.frame_bytes).await?;
    match frames.try_send(in_process::encode(&frame)) {
        Ok(()) => Ok(HttpResponse::NoContent().finish()),
        Err(TrySendError::Full(_)) => {
            Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, super::TOO_MANY_REQUESTS))
        }
        Err(TrySendError::Closed(_)) => Err(event_streams::ended()),
    }
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
pub(crate) fn response() -> HttpResponseBuilder {
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

pub(crate) fn event(name: &str, data: &str) -> Bytes {
    format!("event: {name}\ndata: {data}\n\n").into()
}

fn close(code: u16, reason: &str) -> Bytes {
    event("close", &json!({ "code": code, "reason": reason }).to_string())
}

/// A frame is one line: JSON escapes the ends of lines.
pub(crate) fn write_data(frame: &[u8], text: &mut BytesMut) {
    text.extend_from_slice(b"data: ");
    text.extend_from_slice(frame);
    text.extend_from_slice(b"\n\n");
}

/// What a viewer sends, as events.
struct Events {
    output: ViewerOutput,
    _guard: StreamGuard,
}

impl Stream for Events {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(first) = ready!(self.output.poll_next_unpin(task)).transpose()? else {
            return Poll::Ready(None);
        };
        let mut text = BytesMut::new();
        for sent in std::iter::once(first).chain(self.output.take_waiting()) {
            match sent {
                Sent::Frame(frame) => write_data(&frame, &mut text),
                Sent::Ping => text.extend(event("ping", "{}")),
                Sent::Closed { code, reason } => text.extend(close(code, &reason)),
            }
        }
        Poll::Ready(Some(Ok(text.freeze())))
    }
}
