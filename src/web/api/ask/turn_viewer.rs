//! A viewer within the server that asks a question and follows its turn.

use std::{collections::VecDeque, time::Duration};

use actix_web::{
    HttpRequest,
    http::StatusCode,
    web::{Bytes, BytesMut},
};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tokio::{sync::mpsc, time::timeout};

use crate::{
    ids::{ConversationId, Seq, TurnNumber},
    project::ProjectName,
    web::{
        access::{problems::limit_exceeded, rate_limit::Visitor},
        api::conversations::unknown,
        browser_cookie,
        connections::Connection,
        problem::Problem,
        state::AppState,
        websocket::{
            events::write_data,
            in_process::{self, Sent, ViewerOutput},
        },
    },
    wire::close_code,
};

use super::frames::{FrameHead, Picked, RefusalFrame, TurnFrames};

/// The WebSocket's code for a message that is too large.
const TOO_LARGE: u16 = 1009;

/// Time between two looks whether the client is still there.
const LOOK: Duration = Duration::from_secs(1);

/// Keeps proxies from closing a stream in which nothing happens.
const PING: &[u8] = b": ping\n\n";

pub(crate) struct TurnViewer {
    frames: mpsc::Sender<Bytes>,
    output: ViewerOutput,
    /// What was read and is still to be looked at.
    unread: VecDeque<Sent>,
}

/// Where a viewer is attached.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AttachedAt {
    pub(crate) conversation: ConversationId,
    /// The replay begins after this number.
    pub(crate) after: Seq,
}

/// A question that was accepted: its turn, and the number before it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AskedTurn {
    pub(crate) conversation: ConversationId,
    pub(crate) turn: TurnNumber,
    pub(crate) before: Seq,
}

/// Something of a turn that is followed.
#[derive(Debug)]
pub(crate) enum TurnNews {
    /// A frame, with its number if it has one.
    Frame { frame: Bytes, seq: Option<Seq>, is_end: bool },
    /// Nothing has happened for a while.
    Ping,
}

impl TurnViewer {
    pub(crate) fn open(
        state: &AppState,
        project: ProjectName,
        visitor: Visitor,
        request: &HttpRequest,
    ) -> Result<Self, Problem> {
        // A client without a page keeps no cookie.
        let (browser, _) = browser_cookie::identify(request, state.base_path());
        let opened = in_process::open(state, project, visitor, browser, request);
        let (frames, output) = opened.map_err(limit_exceeded)?;
        Ok(Self { frames, output, unread: VecDeque::new() })
    }

    /// Attaches to a conversation from a number on, or begins one.
    pub(crate) async fn attach(
        &mut self,
        conversation: Option<ConversationId>,
        after: Seq,
    ) -> Result<AttachedAt, Problem> {
        let start = json!({
            "type": "start", "protocol": 1, "conversation_id": conversation, "after": after,
        });
        self.send(&start).await?;
        loop {
            let frame = self.frame().await?;
            let head = FrameHead::of(&frame);
            match (&*head.kind, head.conversation_id) {
                ("attached", Some(conversation)) => {
                    return Ok(AttachedAt { conversation, after: head.after.unwrap_or_default() });
                }
                ("error", _) if head.turn.is_none() => return Err(self.refused(&frame)),
                _ => (),
            }
        }
    }

    /// Asks a question, a `message` with this id, in the conversation of the viewer.
    pub(crate) async fn ask(
        &mut self,
        at: AttachedAt,
        message: &Value,
        message_id: &str,
    ) -> Result<AskedTurn, Problem> {
        self.send(message).await?;
        let conversation = at.conversation;
        loop {
            let frame = self.frame().await?;
            let head = FrameHead::of(&frame);
            if head.message_id.as_deref() != Some(message_id) {
                continue;
            }
            let (Some(turn), Some(seq)) = (head.turn, head.seq) else {
                return Err(self.refused(&frame));
            };
            let asked = AskedTurn { conversation, turn, before: seq - 1 };
            match &*head.kind {
                "user_message" => {
                    self.unread.push_front(Sent::Frame(frame));
                    return Ok(asked);
                }
                // It was asked before, and the viewer came in after it.
                "accepted" if seq <= at.after => {
                    self.attach(Some(conversation), asked.before).await?;
                    return Ok(asked);
                }
                "accepted" => return Ok(asked),
                _ => (),
            }
        }
    }

    /// The next news of a turn; `None` if the client has to come again for the rest.
    pub(crate) async fn news(&mut self, turn: &mut TurnFrames) -> Option<TurnNews> {
        loop {
            let frame = match self.next().await? {
                Sent::Frame(frame) => frame,
                Sent::Ping => return Some(TurnNews::Ping),
                Sent::Closed { .. } => return None,
            };
            let (seq, is_end) = match turn.pick(&FrameHead::of(&frame)) {
                Picked::Other => continue,
                Picked::Status => (None, false),
                Picked::Part(seq) => (seq, false),
                Picked::End(seq) => (seq, true),
                Picked::Lost => return None,
            };
            return Some(TurnNews::Frame { frame, seq, is_end });
        }
    }

    /// As [`TurnViewer::news`]; `None` also once the client of that connection has left.
    pub(crate) async fn news_while_there(
        &mut self,
        turn: &mut TurnFrames,
        connection: Option<&Connection>,
    ) -> Option<TurnNews> {
        loop {
            match timeout(LOOK, self.news(turn)).await {
                Ok(news) => return news,
                Err(_) if connection.is_some_and(Connection::is_abandoned) => return None,
                Err(_) => (),
            }
        }
    }

    async fn send(&self, frame: &Value) -> Result<(), Problem> {
        let frame = in_process::encode(frame.to_string().as_bytes());
        self.frames.send(frame).await.map_err(|_| ended())
    }

    async fn frame(&mut self) -> Result<Bytes, Problem> {
        loop {
            match self.next().await {
                Some(Sent::Frame(frame)) => return Ok(frame),
                Some(Sent::Ping) => (),
                Some(Sent::Closed { code, reason }) => return Err(closed(code, reason)),
                None => return Err(ended()),
            }
        }
    }

    async fn next(&mut self) -> Option<Sent> {
        let sent = match self.unread.pop_front() {
            Some(sent) => sent,
            None => self.output.next().await?.ok()?,
        };
        if matches!(sent, Sent::Ping) {
            // With a full channel it is not idle.
            self.frames.try_send(in_process::encode(br#"{"type":"ping"}"#)).unwrap_or_default();
        }
        Some(sent)
    }

    /// The problem of a refusal, which a close follows at once where it has a code.
    fn refused(&mut self, frame: &[u8]) -> Problem {
        let refusal = RefusalFrame::of(frame);
        self.unread.extend(self.output.take_waiting());
        let code = self.unread.iter().find_map(|sent| match sent {
            Sent::Closed { code, .. } => Some(*code),
            _ => None,
        });
        match code {
            Some(code) => closed(code, refusal.content),
            None => Problem::of_status(refusal.status(), refusal.content),
        }
    }
}

fn closed(code: u16, reason: String) -> Problem {
    match code {
        close_code::NO_SUCH_CONVERSATION => unknown(),
        close_code::NO_SUCH_PROJECT => Problem::not_found("Project not found"),
        close_code::TOO_MANY => Problem::new(StatusCode::TOO_MANY_REQUESTS, reason),
        TOO_LARGE => Problem::new(StatusCode::PAYLOAD_TOO_LARGE, reason),
        _ => Problem::unavailable(reason),
    }
}

fn ended() -> Problem {
    Problem::unavailable("The server ended the request; send it again in a moment.")
}

/// News as an event.
pub(crate) fn event(news: &TurnNews) -> Bytes {
    let mut text = BytesMut::new();
    match news {
        TurnNews::Frame { frame, seq, .. } => {
            if let Some(seq) = seq {
                text.extend_from_slice(format!("id: {seq}\n").as_bytes());
            }
            write_data(frame, &mut text);
        }
        TurnNews::Ping => text.extend_from_slice(PING),
    }
    text.freeze()
}
