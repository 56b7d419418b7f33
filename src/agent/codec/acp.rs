//! The Agent Client Protocol, version 1, over stdio: a state machine from stdout lines to events and
//! host actions, like [`Codec`](super::Codec). It does no I/O; [`AcpLines`] builds the lines for stdin.
//!
//! The client offers neither files nor terminals: the agent reads the disk itself, inside its cage.

mod calls;
mod failure;
mod lines;
mod opening;
mod permission;
mod turn_end;
mod updates;
mod usage;
mod wire;

use std::sync::Arc;

use serde_json::{Value, value::RawValue};
use uuid::Uuid;

use super::{CodecOutput, GARBAGE_BYTES, HostAction};
use crate::{
    agent::event::{AgentEvent, AgentInit, Liveness},
    json,
};
use calls::OpenCalls;
use lines::{PROTOCOL_VERSION, prompt_number};
use opening::Opening;
use updates::Answer;
use usage::{Meter, UsageCount};
use wire::{Capabilities, RpcMessage};

pub use lines::AcpLines;
pub use permission::Permission;
pub use usage::UsageScope;

/// How one agent is spoken to.
#[derive(Debug, Clone)]
pub struct AcpSettings {
    /// Longest tool result that is kept, in bytes.
    pub tool_result_bytes: usize,
    /// The agent's working directory, absolute.
    pub dir: String,
    /// The session under our own id, reported by
    /// [`AgentEvent::Initialized`].
    pub session: Uuid,
    /// The agent's id of the session to resume; `None` for a new one.
    pub resume: Option<String>,
    /// Method of `authenticate`; `None` for an agent that needs no such request.
    pub auth_method: Option<String>,
    /// Mode to set before the first question.
    pub mode: Option<String>,
    /// `_meta` of the requests that open a session.
    pub meta: Option<Value>,
    /// Instructions that precede the first question of a new session.
    pub preface: Option<String>,
    /// What the agent's numbers of tokens count.
    pub usage: UsageScope,
    /// How to give the agent an account, in sentences for a person.
    pub log_in: String,
}

/// The protocol state of one agent process.
#[derive(Debug)]
pub struct AcpCodec {
    settings: AcpSettings,
    lines: Arc<AcpLines>,
    opening: Opening,
    capabilities: Capabilities,
    /// The agent's version, and its model where it tells it.
    version: String,
    model: String,
    /// Whether the agent does not know the session to resume.
    session_lost: bool,
    /// The number of the newest prompt that was answered.
    answered: u64,
    /// Whether the agent has said anything about the running turn.
    is_announced: bool,
    answer: Answer,
    calls: OpenCalls,
    meter: Meter,
}

impl AcpCodec {
    /// The codec of a new process, whose lines are built by `lines`.
    pub fn new(settings: AcpSettings, lines: Arc<AcpLines>) -> Self {
        let meter = Meter::new(settings.usage);
        Self {
            settings,
            lines,
            opening: Opening::Initializing,
            capabilities: Capabilities::default(),
            version: String::new(),
            model: String::new(),
            session_lost: false,
            answered: 0,
            is_announced: false,
            answer: Answer::default(),
            calls: OpenCalls::default(),
            meter,
        }
    }

    /// Whether the agent does not know the session that it should resume.
    pub fn session_lost(&self) -> bool {
        self.session_lost
    }

    /// Reads one line of stdout.
    pub fn line(&mut self, line: &[u8], output: &mut CodecOutput) {
        self.read(line, false, output);
    }

    /// Reads one line whose long strings were cut.
    pub fn shortened_line(&mut self, line: &[u8], output: &mut CodecOutput) {
        self.read(line, true, output);
    }

    fn read(&mut self, line: &[u8], is_shortened: bool, output: &mut CodecOutput) {
        let text = json::decode_text(line);
        if text.trim().is_empty() {
            return;
        }
        let repaired;
        let message = match json::read::<RpcMessage<'_>>(&text) {
            Ok(message) => Some(message),
            Err(_) => match json::repair(&text) {
                Some(text) => {
                    repaired = text;
                    json::read(&repaired).ok()
                }
                None => None,
            },
        };
        match message {
            Some(message) if message.is_of_protocol() => {
                self.dispatch(message, is_shortened, output);
            }
            _ => {
                let shown = String::from_utf8_lossy(&line[..line.len().min(GARBAGE_BYTES)]);
                output.events.push(AgentEvent::Garbage(format!("no message: {shown}")));
            }
        }
    }

    fn dispatch(&mut self, message: RpcMessage<'_>, is_shortened: bool, output: &mut CodecOutput) {
        output.note_liveness(Liveness::Sign);
        let method = message.method.as_ref().map(|method| method.as_str());
        match (method.filter(|method| !method.is_empty()), message.id) {
            (None, Some(id)) => {
                if let Ok(id) = id.get().parse() {
                    self.on_answer(id, &message, output);
                }
            }
            // An error without an id: the agent could not read a line.
            (None, None) => (),
            (Some("session/request_permission"), Some(id)) => {
                self.on_permission(id, message.params, output);
            }
            (Some(method), Some(id)) => {
                output.note_liveness(Liveness::Progress);
                output.actions.push(HostAction::Reply(lines::unsupported(id, method)));
            }
            (Some("session/update"), None) => self.on_update(message.params, is_shortened, output),
            (Some("_session/retrying"), None) => self.on_retry(message.params, output),
            (Some(_), None) => (),
        }
    }

    /// Reads the answer to one of our requests.
    fn on_answer(&mut self, id: u64, message: &RpcMessage<'_>, output: &mut CodecOutput) {
        match prompt_number(id) {
            // Each prompt is answered once, and an older one's answer belongs to no open turn.
            Some(number) if number == self.lines.sent() && number > self.answered => {
                output.note_liveness(Liveness::Progress);
                self.announce(output);
                self.answered = number;
                self.is_announced = false;
                self.end_turn(message, output);
            }
            Some(_) => (),
            None => self.on_opening(id, message, output),
        }
    }

    /// Whether a prompt is unanswered.
    fn is_turn_open(&self) -> bool {
        self.lines.sent() > self.answered
    }

    /// Reports the session once a turn, when the agent begins to work on it.
    fn announce(&mut self, output: &mut CodecOutput) {
        if !std::mem::replace(&mut self.is_announced, true) {
            output.events.push(AgentEvent::Initialized(AgentInit {
                session_id: self.settings.session.to_string(),
                tools: Vec::new(),
                model: self.model.clone(),
                version: self.version.clone(),
            }));
        }
    }
}

impl RpcMessage<'_> {
    /// Whether it is a request, a notification or an answer.
    fn is_of_protocol(&self) -> bool {
        let is_id = |id: &RawValue| {
            id.get().starts_with(|c: char| c == '"' || c == '-' || c.is_ascii_digit())
        };
        let is_answer = self.result.is_some() || self.error.is_some() || self.id.is_some();
        self.id.is_none_or(is_id) && (self.method.is_some() || is_answer)
    }
}

#[cfg(test)]
pub(super) mod tests;
