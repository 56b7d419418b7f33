//! The viewer actor: one WebSocket, its protocol, heartbeat and the conversation it is attached to.
//!
//! Only this module uses `actix_web_actors`, also for viewers without a WebSocket ([`in_process`]). That
//! crate polls the actor as the body of the response: while the socket's buffer is full the actor is
//! not polled, so it requests no further batch, and a slow client costs one batch however long that
//! lasts.

mod attach;
mod attachments;
mod backlog;
mod checked_stream;
mod delivery;
pub(crate) mod events;
mod fragments;
mod frame_check;
pub(crate) mod in_process;
mod post;
mod refused;
mod requests;
pub(crate) mod upgrade;

use std::{
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use actix::{Actor, ActorContext as _, Addr, AsyncContext as _, Recipient, StreamHandler};
use actix_http::ws::Item;
use actix_web::{HttpRequest, HttpResponse, web::Payload};
use actix_web_actors::ws::{
    self, CloseCode, CloseReason, Message, ProtocolError, WebsocketContext,
};

use crate::{
    conversation::viewer::{BrowserId, ConnectionCloser, ViewerId},
    ids::{ConversationId, Seq},
    project::ProjectName,
    session::{
        Session,
        viewers::{Detach, PullBatch},
    },
    wire::{
        Dialect,
        client_frame::{self, ClientFrame},
        close_code,
        server_frame::{ErrorNotice, Notice},
    },
};

use super::{
    access::rate_limit::{Permit, Visitor},
    connections::{Connection, SocketGuard},
    state::AppState,
};
use backlog::Backlog;
use checked_stream::{CheckedStream, StreamState};
use fragments::{Fragments, WholeMessage};
use frame_check::FrameViolation;

const SERVER_FULL: &str = "The server has reached its limit of connections; close a page that you \
                           do not need, or try again in a moment.";

const TOO_MANY_REQUESTS: &str =
    "Too many requests at once; wait for the answers, then send it again.";

/// What belongs to a viewer for as long as it lives.
#[derive(Debug)]
struct ViewerEnv {
    state: AppState,
    project: ProjectName,
    browser: BrowserId,
    visitor: Visitor,
    /// Counts the socket among the visitor's.
    _permit: Option<Permit>,
    connection: Option<Arc<Connection>>,
}

impl ViewerEnv {
    /// Whether this node may not write the project any more.
    fn is_lost(&self) -> bool {
        !self.state.resources.cluster.is_mine(&self.project)
    }
}

/// Upgrades a request to a viewer's WebSocket.
fn start(
    request: &HttpRequest,
    stream: Payload,
    env: ViewerEnv,
    dialect: Dialect,
) -> actix_web::Result<HttpResponse> {
    let frame_bytes = env.state.resources.settings.limits.frame_bytes;
    let (viewer, stream) = viewer(stream, env, dialect);
    ws::WsResponseBuilder::new(viewer, request, stream).frame_size(frame_bytes).start()
}

/// The viewer of a client that sends these bytes, and the bytes as it reads them. The client gets this
/// dialect until it asks for another with its `start`.
fn viewer<S>(stream: S, env: ViewerEnv, dialect: Dialect) -> (Viewer, CheckedStream<S>) {
    static NEXT_ID: AtomicU64 = AtomicU64::new(1);
    let frame_bytes = env.state.resources.settings.limits.frame_bytes;
    let stream_state = Rc::new(StreamState::default());
    let stream = CheckedStream::new(stream, frame_bytes, Rc::clone(&stream_state));
    let viewer = Viewer {
        id: ViewerId(NEXT_ID.fetch_add(1, Ordering::Relaxed)),
        hang_up: hang_up(env.connection.clone()),
        env,
        dialect,
        list: None,
        attached: None,
        left_at: None,
        is_batch_requested: false,
        has_sent_request: false,
        socket_guard: None,
        opened_at: Instant::now(),
        stream_state,
        requests_in_progress: 0,
        backlog: Backlog::new(frame_bytes.saturating_mul(2)),
        fragments: Fragments::default(),
    };
    (viewer, stream)
}

fn hang_up(connection: Option<Arc<Connection>>) -> ConnectionCloser {
    ConnectionCloser::new(move || {
        if let Some(connection) = &connection {
            connection.shutdown();
        }
    })
}

/// The actor of one WebSocket.
struct Viewer {
    id: ViewerId,
    env: ViewerEnv,
    dialect: Dialect,
    /// Where the client went on in the list of conversations, if it asked for it.
    list: Option<String>,
    /// `None` until the first `start` or question, and after the session was closed.
    attached: Option<Attached>,
    /// Where the viewer was when its session was closed.
    left_at: Option<Position>,
    /// Whether a pull is under way; there is never more than one.
    is_batch_requested: bool,
    /// Whether the client has sent anything but pings.
    has_sent_request: bool,
    /// Counts the connection as a WebSocket in use, from the first request on.
    socket_guard: Option<SocketGuard>,
    opened_at: Instant,
    /// What the check of incoming bytes has seen: the last byte's time, and a violation.
    stream_state: Rc<StreamState>,
    /// Closes the TCP connection, for a session whose batch the client does not take.
    hang_up: ConnectionCloser,
    /// Requests that are awaited; while there are any, others wait in the backlog.
    requests_in_progress: u32,
    backlog: Backlog,
    /// The beginning of a text that comes in several frames.
    fragments: Fragments,
}

/// The conversation that a viewer is attached to.
struct Attached {
    session: Addr<Session>,
    /// For demands alone: there is never more than one in flight, so its own slot in the session's
    /// mailbox is always free.
    demands: Recipient<PullBatch>,
    position: Position,
}

/// A conversation and the last sequence number that the client has seen in it.
#[derive(Debug, Clone, Copy)]
struct Position {
    conversation: ConversationId,
    seq: Seq,
}

type Context = WebsocketContext<Viewer>;

impl Actor for Viewer {
    type Context = Context;

    fn started(&mut self, context: &mut Context) {
        let settings = &self.env.state.resources.settings.socket;
        context.run_interval(settings.ping_interval, Self::on_heartbeat);
        context.run_later(settings.attach_after, Self::attach_silent);
    }

    fn stopped(&mut self, _: &mut Context) {
        if let Some(attached) = &self.attached {
            // Nobody waits for this fact, and a session that is gone does not need it.
            attached.session.do_send(Detach { viewer: self.id });
        }
    }
}

impl StreamHandler<Result<Message, ProtocolError>> for Viewer {
    fn handle(&mut self, message: Result<Message, ProtocolError>, context: &mut Context) {
        match message {
            Ok(Message::Text(text)) => self.on_text(&text, context),
            Ok(Message::Binary(_)) => self.refuse_binary(context),
            Ok(Message::Continuation(item)) => self.on_fragment(item, context),
            Ok(Message::Ping(payload)) => context.pong(&payload),
            Ok(Message::Pong(_) | Message::Nop) => (),
            Ok(Message::Close(reason)) => {
                context.close(reason);
                context.stop();
            }
            // A text frame that is not UTF-8; the stream is still in step. A lost connection looks
            // the same, and then the notice does not matter.
            Err(ProtocolError::Io(error)) => {
                log::debug!("bad frame viewer={} error={error}", self.id.0);
                self.notify(&Notice::error("Invalid JSON"), context);
            }
            Err(error) => self.close_on_violation(&error.to_string(), "protocol error", context),
        }
    }

    /// The client has gone, or sent a frame that the check has refused.
    fn finished(&mut self, context: &mut Context) {
        match self.stream_state.violation.get() {
            Some(FrameViolation::TooLarge) => self.refuse_size(context),
            Some(FrameViolation::Protocol(why)) => self.close_on_violation(why, why, context),
            None => context.stop(),
        }
    }
}

impl Viewer {
    /// Handles one text message. A ping is answered at once, other requests one after another.
    fn on_text(&mut self, text: &str, context: &mut Context) {
        if self.close_unless_let_in(context) {
            return;
        }
        let request = match client_frame::parse(text) {
            Ok(ClientFrame::Ping) => return self.notify(&Notice::Pong, context),
            Ok(request) => request,
            Err(error) => return self.notify(&Notice::error(error.to_string()), context),
        };
        if !self.has_sent_request && !self.open_socket() {
            self.notify(&Notice::error(SERVER_FULL), context);
            return close(context, close_code::TOO_MANY, "see the error");
        }
        self.has_sent_request = true;
        if self.requests_in_progress == 0 {
            self.handle_request(request, context);
        } else if let Err(request) = self.backlog.push(request, text.len()) {
            let notice = ErrorNotice::retryable(TOO_MANY_REQUESTS)
                .of_message(request.message_id().map(str::to_owned));
            self.notify(&Notice::Error(notice), context);
        }
    }

    /// Marks the connection as in use, so that it is not displaced; false if there are too many.
    fn open_socket(&mut self) -> bool {
        let Some(connection) = &self.env.connection else { return true };
        self.socket_guard = connection.open_socket();
        self.socket_guard.is_some()
    }

    fn on_fragment(&mut self, item: Item, context: &mut Context) {
        let max_bytes = self.env.state.resources.settings.limits.frame_bytes;
        match self.fragments.add(item, max_bytes) {
            WholeMessage::Incomplete => (),
            WholeMessage::Text(text) => self.on_text(&text, context),
            WholeMessage::Binary => self.refuse_binary(context),
            WholeMessage::InvalidUtf8 => self.notify(&Notice::error("Invalid JSON"), context),
            WholeMessage::TooLarge => self.refuse_size(context),
        }
    }

    fn on_heartbeat(&mut self, context: &mut Context) {
        let settings = &self.env.state.resources.settings.socket;
        if self.close_unless_let_in(context) {
            return;
        }
        // Every byte counts as a sign of life, as a large frame on a slow line takes its time.
        let last_read_at = self.stream_state.last_read_at.get().unwrap_or(self.opened_at);
        if last_read_at.elapsed() > settings.ping_timeout {
            log::debug!("viewer answers no ping viewer={}", self.id.0);
            context.stop();
        } else {
            context.ping(b"");
        }
    }

    /// Closes the connection if what was found out about the visitor holds no longer.
    fn close_unless_let_in(&self, context: &mut Context) -> bool {
        if !self.env.visitor.is_still_let_in() {
            close(context, u16::from(CloseCode::Policy), "your login has ended");
            return true;
        }
        let is_changed =
            self.env.state.resources.live.access_changes() != self.env.visitor.access_changes;
        if is_changed {
            close(context, u16::from(CloseCode::Away), "it has changed who may see what");
        }
        is_changed
    }

    fn refuse_binary(&mut self, context: &mut Context) {
        let message = "Server error: binary frames are not supported; send text";
        self.notify(&Notice::error(message), context);
    }

    fn refuse_size(&mut self, context: &mut Context) {
        let max_bytes = self.env.state.resources.settings.limits.frame_bytes;
        let message = format!("The frame is too large: the limit is {max_bytes} bytes.");
        self.notify(&Notice::error(message), context);
        close(context, u16::from(CloseCode::Size), "frame too large");
    }

    fn close_on_violation(&self, violation: &str, reason: &str, context: &mut Context) {
        log::debug!("protocol error viewer={} error={violation}", self.id.0);
        close(context, u16::from(CloseCode::Protocol), reason);
    }

    /// Sends a frame that is no part of the history, ahead of what is still to be delivered.
    fn notify(&self, notice: &Notice, context: &mut Context) {
        if let Some(frame) = notice.frame(self.dialect) {
            context.text(frame);
        }
    }
}

fn close<A>(context: &mut WebsocketContext<A>, code: u16, reason: &str)
where
    A: Actor<Context = WebsocketContext<A>>,
{
    let description = Some(reason.to_owned());
    context.close(Some(CloseReason { code: CloseCode::from(code), description }));
    context.stop();
}
