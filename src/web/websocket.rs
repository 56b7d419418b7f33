//! A viewer: one actor per WebSocket. It knows the protocol, the heartbeat and which conversation
//! it follows, and nothing of what is said there.
//!
//! This is the only file that knows `actix_web_actors`. That crate polls the actor as the body of
//! the response: while the socket's buffer is full the actor is not polled at all, so it does not
//! ask for more, and costs one batch however long that lasts.

use std::{
    future::Future,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use actix::{
    Actor, ActorContext as _, ActorFutureExt as _, Addr, AsyncContext as _, Recipient,
    StreamHandler, WrapFuture as _,
};
use actix_http::ws::Item;
use actix_web::{HttpRequest, HttpResponse, web::Payload};
use actix_web_actors::ws::{
    self, CloseCode, CloseReason, Message, ProtocolError, WebsocketContext,
};
use tokio::sync::oneshot;

use crate::{
    project::ProjectName,
    session::{
        Session,
        messages::{Asking, Batch, BrowserId, Demand, Detach, HangUp, Stop, Then, ViewerId},
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
use fragments::{Fragments, Whole};
use frame_check::{CheckedStream, FrameViolation, StreamState};
use yielding::Yield;

mod attach;
mod backlog;
mod fragments;
mod frame_check;
mod post;
pub(crate) mod upgrade;
mod yielding;

/// RFC 6455: the endpoint is going away.
const GOING_AWAY: u16 = 1001;

/// What a client is told that is one too many for the server.
const TOO_MANY: &str = "The server has as many connections as it may have; close a page that you \
                        do not need, or try again in a moment.";

/// What a viewer works with.
#[derive(Debug)]
pub(crate) struct ViewerEnv {
    /// The rest of the server.
    pub state: AppState,
    /// The project that the socket is about.
    pub project: ProjectName,
    /// Whose socket it is.
    pub browser: BrowserId,
    /// Who has opened it.
    pub visitor: Visitor,
    /// The socket's place among those that the visitor may have.
    pub socket: Option<Permit>,
    /// What carries it.
    pub connection: Option<Arc<Connection>>,
}

/// Turns a request into a viewer's WebSocket.
pub(crate) fn start(
    request: &HttpRequest,
    stream: Payload,
    env: ViewerEnv,
) -> actix_web::Result<HttpResponse> {
    static VIEWERS: AtomicU64 = AtomicU64::new(1);
    let frame_bytes = env.state.resources.settings.limits.frame_bytes;
    let stream_state = Rc::new(StreamState::default());
    let stream = CheckedStream::new(stream, frame_bytes, Rc::clone(&stream_state));
    let viewer = Viewer {
        id: ViewerId(VIEWERS.fetch_add(1, Ordering::Relaxed)),
        env,
        dialect: Dialect::Legacy,
        followed: None,
        left: None,
        is_asking: false,
        has_spoken: false,
        in_use: None,
        opened_at: Instant::now(),
        stream_state,
        hang_up: hang_up(request),
        busy: 0,
        backlog: Backlog::new(frame_bytes.saturating_mul(2)),
        fragments: Fragments::default(),
    };
    ws::WsResponseBuilder::new(viewer, request, stream).frame_size(frame_bytes).start()
}

/// What ends the connection of this request from outside.
fn hang_up(request: &HttpRequest) -> HangUp {
    let connection = request.conn_data::<Arc<Connection>>().cloned();
    HangUp::new(move || {
        if let Some(connection) = &connection {
            connection.shutdown();
        }
    })
}

/// Turns a request into a WebSocket that says why it is refused, and closes.
pub(crate) fn refuse(
    request: &HttpRequest,
    stream: Payload,
    code: u16,
    reason: String,
) -> actix_web::Result<HttpResponse> {
    ws::start(Refused { code, reason }, request, stream)
}

/// See the module.
struct Viewer {
    id: ViewerId,
    env: ViewerEnv,
    dialect: Dialect,
    followed: Option<Followed>,
    /// What was followed last, when the session was closed since.
    left: Option<Place>,
    /// A demand is out.
    is_asking: bool,
    /// The client has sent something other than a ping.
    has_spoken: bool,
    /// Its place among those that the server may have, once it has spoken.
    in_use: Option<SocketGuard>,
    opened_at: Instant,
    /// What the bytes that the client sends are found to be.
    stream_state: Rc<StreamState>,
    hang_up: HangUp,
    /// Requests of the client that are being seen to.
    busy: u32,
    /// What it has asked meanwhile.
    backlog: Backlog,
    fragments: Fragments,
}

/// The conversation that a viewer follows.
struct Followed {
    session: Addr<Session>,
    /// Used for demands alone: as there is never more than one of them out, its own place in the
    /// session's mailbox is always free.
    demands: Recipient<Demand>,
    place: Place,
}

/// A conversation and how far the client has got in it.
#[derive(Debug, Clone, Copy)]
struct Place {
    conversation: i64,
    seq: i64,
}

type Context = WebsocketContext<Viewer>;

impl Actor for Viewer {
    type Context = Context;

    fn started(&mut self, context: &mut Context) {
        let settings = &self.env.state.resources.settings.socket;
        context.run_interval(settings.ping_interval, Self::heartbeat);
        context.run_later(settings.attach_after, Self::attach_silent);
    }

    fn stopped(&mut self, _: &mut Context) {
        if let Some(followed) = &self.followed {
            // A fact that nobody waits for; a session that is gone needs it no more.
            followed.session.do_send(Detach { viewer: self.id });
        }
    }
}

impl StreamHandler<Result<Message, ProtocolError>> for Viewer {
    fn handle(&mut self, message: Result<Message, ProtocolError>, context: &mut Context) {
        match message {
            Ok(Message::Text(text)) => self.frame(&text, context),
            Ok(Message::Binary(_)) => self.refuse_binary(context),
            Ok(Message::Continuation(item)) => self.fragment(item, context),
            Ok(Message::Ping(payload)) => context.pong(&payload),
            Ok(Message::Pong(_) | Message::Nop) => (),
            Ok(Message::Close(reason)) => {
                context.close(reason);
                context.stop();
            }
            // A frame that is no text: the stream itself is still in step. What else has this shape
            // is a connection that is cut, to which nothing matters any more.
            Err(ProtocolError::Io(error)) => {
                log::debug!("bad frame viewer={} error={error}", self.id.0);
                self.say(&Notice::error("Invalid JSON"), context);
            }
            Err(error) => {
                log::debug!("protocol error viewer={} error={error}", self.id.0);
                close(context, u16::from(CloseCode::Protocol), "protocol error");
            }
        }
    }

    /// The client has gone, or sent a frame that is refused.
    fn finished(&mut self, context: &mut Context) {
        match self.stream_state.refused.get() {
            Some(FrameViolation::TooLarge) => self.refuse_size(context),
            Some(FrameViolation::Protocol(why)) => {
                log::debug!("protocol error viewer={} error={why}", self.id.0);
                close(context, u16::from(CloseCode::Protocol), why);
            }
            None => context.stop(),
        }
    }
}

impl Viewer {
    /// Reads one text frame. A ping is answered at once; everything else in its order.
    fn frame(&mut self, text: &str, context: &mut Context) {
        let request = match client_frame::parse(text) {
            Ok(ClientFrame::Ping) => return self.say(&Notice::Pong, context),
            Ok(request) => request,
            Err(bad) => return self.say(&Notice::error(bad.to_string()), context),
        };
        if !self.has_spoken && !self.take_place() {
            self.say(&Notice::error(TOO_MANY), context);
            return close(context, close_code::TOO_MANY, "see the error");
        }
        self.has_spoken = true;
        if self.busy == 0 {
            self.serve(request, context);
        } else if let Err(request) = self.backlog.push(request, text.len()) {
            let refusal = ErrorNotice {
                content: "Too much was asked at once; wait for the answers and send it again."
                    .to_owned(),
                retryable: Some(true),
                message_id: request.message_id().map(str::to_owned),
            };
            self.say(&Notice::Error(refusal), context);
        }
    }

    /// Keeps the connection from making room for others, which a socket does that says nothing;
    /// false where too many are kept.
    fn take_place(&mut self) -> bool {
        let Some(connection) = &self.env.connection else { return true };
        self.in_use = connection.open_socket();
        self.in_use.is_some()
    }

    /// Sees to something that takes its time; what the client asks meanwhile waits.
    fn occupy<T: 'static>(
        &mut self,
        work: impl Future<Output = T> + 'static,
        context: &mut Context,
        then: impl FnOnce(&mut Self, T, &mut Context) + 'static,
    ) {
        self.busy += 1;
        context.spawn(work.into_actor(self).map(move |outcome, viewer, context| {
            viewer.busy -= 1;
            then(viewer, outcome, context);
            while viewer.busy == 0 {
                let Some(request) = viewer.backlog.pop() else { break };
                viewer.serve(request, context);
            }
        }));
    }

    fn serve(&mut self, request: ClientFrame, context: &mut Context) {
        match request {
            ClientFrame::Ping => self.say(&Notice::Pong, context),
            ClientFrame::Start(start) => self.start_frame(start, context),
            ClientFrame::Message { message_id, content } => {
                let content = content.trim().to_owned();
                if content.is_empty() {
                    let content = "Empty message".to_owned();
                    let refusal = ErrorNotice { content, retryable: Some(false), message_id };
                    return self.say(&Notice::Error(refusal), context);
                }
                self.post(message_id, Asking::Text(content), context);
            }
            ClientFrame::Answer { message_id, content, call_id } => {
                self.post(message_id, Asking::Answer { content, call_id }, context);
            }
            ClientFrame::Retry { turn, conversation, message_id } => {
                let what = match conversation {
                    Some(conversation) => Asking::Onward { conversation, turn },
                    None => Asking::Again(turn),
                };
                self.post(message_id, what, context);
            }
            ClientFrame::Typing => self.wake(context),
            ClientFrame::Stop => {
                if let Some(followed) = &self.followed {
                    let author = self.env.visitor.user.clone();
                    let stopped = followed.session.send(Stop { viewer: self.id, author });
                    self.occupy(stopped, context, |_, _, _| ());
                }
            }
        }
    }

    /// Asks the session for what the client has not seen.
    fn ask(&mut self, context: &mut Context) {
        let Some(followed) = self.followed.as_ref().filter(|_| !self.is_asking) else { return };
        let (reply, answer) = oneshot::channel();
        let sent = followed.demands.try_send(Demand { viewer: self.id, reply });
        if sent.is_err() {
            return self.session_lost(context);
        }
        self.is_asking = true;
        context.spawn(answer.into_actor(self).map(|answer, viewer, context| {
            viewer.is_asking = false;
            match answer {
                Ok(batch) => viewer.receive(batch, context),
                Err(_) => viewer.session_lost(context),
            }
        }));
    }

    fn receive(&mut self, batch: Batch, context: &mut Context) {
        let Batch { frames, seq, then } = batch;
        for frame in frames {
            context.text(frame);
        }
        if let (Some(followed), Some(seq)) = (&mut self.followed, seq) {
            followed.place.seq = seq;
        }
        match then {
            // Twice Pending: the batch has left this poll and was written to the socket.
            Then::AskAgain => context
                .wait(Yield(2).into_actor(self).map(|(), viewer, context| viewer.ask(context))),
            Then::Detached => self.left = self.followed.take().map(|followed| followed.place),
            Then::Close { code, reason } => close(context, code, reason),
        }
    }

    fn heartbeat(&mut self, context: &mut Context) {
        let settings = &self.env.state.resources.settings.socket;
        // Every byte is a sign of life: a large frame over a slow line takes its time.
        let last_heard = self.stream_state.last_heard.get().unwrap_or(self.opened_at);
        if last_heard.elapsed() > settings.ping_timeout {
            log::debug!("viewer answers no ping viewer={}", self.id.0);
            context.stop();
        } else {
            context.ping(b"");
        }
    }

    fn fragment(&mut self, item: Item, context: &mut Context) {
        let longest = self.env.state.resources.settings.limits.frame_bytes;
        match self.fragments.add(item, longest) {
            Whole::NotYet => (),
            Whole::Text(text) => self.frame(&text, context),
            Whole::Binary => self.refuse_binary(context),
            Whole::NoText => self.say(&Notice::error("Invalid JSON"), context),
            Whole::TooLarge => self.refuse_size(context),
        }
    }

    fn refuse_binary(&mut self, context: &mut Context) {
        let words = "Server error: binary frames are not understood; send text";
        self.say(&Notice::error(words), context);
    }

    fn refuse_size(&mut self, context: &mut Context) {
        let longest = self.env.state.resources.settings.limits.frame_bytes;
        let words = format!("The frame is too large: at most {longest} bytes are taken.");
        self.say(&Notice::error(words), context);
        close(context, u16::from(CloseCode::Size), "frame too large");
    }

    /// Sends a frame outside the history, at once.
    fn say(&self, notice: &Notice, context: &mut Context) {
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

/// A socket that is refused, in words and with a close code.
struct Refused {
    code: u16,
    reason: String,
}

impl Actor for Refused {
    type Context = WebsocketContext<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        if let Some(frame) = Notice::error(self.reason.as_str()).frame(Dialect::Legacy) {
            context.text(frame);
        }
        close(context, self.code, &self.reason);
    }
}

impl StreamHandler<Result<Message, ProtocolError>> for Refused {
    fn handle(&mut self, _: Result<Message, ProtocolError>, _: &mut Self::Context) {}
}
