//! The line protocol of an agent: a state machine from stdout lines to events and host actions.
//! It does no I/O; [`command`] builds the lines for stdin.

pub mod acp;
mod answer;
pub(crate) mod command;
mod content;
mod control;
mod dialect;
mod failure;
mod liveness;
pub(crate) mod mcp;
mod notice;
mod turn_end;
mod wire;

use serde_json::value::RawValue;

use super::event::{Activity, AgentEvent, Liveness};
use crate::{
    json,
    tools::{Caller, ProjectCall},
};
use answer::StreamedAnswer;
use content::{cut, plain};
use liveness::SeenStates;
use wire::{Envelope, MessageContent, MessageLine, ResultLine, RetryLine, StateLine};

pub use dialect::{AgentCodec, AgentLines, ToolQuestion};

/// Longest part of an unreadable line that is logged, in bytes.
const GARBAGE_BYTES: usize = 200;

/// The agent's error for an unknown session id.
pub const SESSION_LOST: &str = "No conversation found with session ID";

/// The limits that a codec enforces.
#[derive(Debug, Clone)]
pub struct CodecSettings {
    /// The agent, which is listed its tools.
    pub caller: Caller,
    /// Longest tool result that is kept, in bytes.
    pub tool_result_bytes: usize,
    /// The only tools that the agent may come with; `None` skips the check.
    pub allowed_tools: Option<Vec<String>>,
}

/// An action that a line requires of the host, which runs the process.
#[derive(Debug)]
pub enum HostAction {
    /// Write this line to the agent.
    Reply(String),
    /// Decide on this tool call and answer with [`ToolQuestion::answer`].
    JudgeTool {
        /// Builds the answer.
        question: ToolQuestion,
        /// The tool's name.
        tool: String,
        /// Its input.
        input: Box<RawValue>,
    },
    /// Run this tool and answer with [`mcp::result`].
    CallTool {
        /// Goes back with the result.
        pending: mcp::PendingCall,
        /// What to run.
        call: ProjectCall,
    },
    /// Keep the agent's own id of its session, which resumes it.
    KeepSession(String),
    /// End the agent, for this reason.
    Abort(String),
}

/// What the lines read so far have produced.
#[derive(Debug, Default)]
pub struct CodecOutput {
    /// For the session.
    pub events: Vec<AgentEvent>,
    /// For the host.
    pub actions: Vec<HostAction>,
    /// How the agent is.
    pub activity: Activity,
}

impl CodecOutput {
    /// Notes a line that was dropped for its length, in bytes.
    pub fn note_dropped_line(&mut self, length: usize) {
        let note = format!("a line of {length} bytes, which is more than is read");
        self.events.push(AgentEvent::Garbage(note));
    }

    fn note_liveness(&mut self, life: Liveness) {
        self.activity.liveness = self.activity.liveness.max(life);
    }
}

/// The protocol state of one agent process.
#[derive(Debug)]
pub struct Codec {
    settings: CodecSettings,
    /// Whether a message was sent and its result is outstanding.
    turn_open: bool,
    /// Whether output still belongs to the turn that has ended: the agent has not announced the next.
    /// Always false for an agent that announces no turns.
    is_stale: bool,
    /// Whether the agent announces its turns.
    says_begin: bool,
    /// Whether the agent has reported that it works on the turn.
    is_busy: bool,
    /// Whether long strings of the current line were cut.
    is_shortened: bool,
    /// Whether the agent does not know the session to resume.
    session_lost: bool,
    /// What streams.
    answer: StreamedAnswer,
    /// State lines of this turn.
    said: SeenStates,
    /// Text of the agent program itself: part of the answer unless the turn fails.
    own_text: String,
    /// The error kind that came with the program's own text.
    error_kind: Option<String>,
    /// Reports about the service.
    reports: notice::ServiceReports,
    /// Cost of all turns so far, in US dollars.
    cost_usd: f64,
}

impl Codec {
    /// The codec of a new process.
    pub fn new(settings: CodecSettings) -> Self {
        Self {
            settings,
            turn_open: false,
            is_stale: false,
            says_begin: false,
            is_busy: false,
            is_shortened: false,
            session_lost: false,
            answer: StreamedAnswer::default(),
            said: SeenStates::default(),
            own_text: String::new(),
            error_kind: None,
            reports: notice::ServiceReports::default(),
            cost_usd: 0.0,
        }
    }

    /// Notes that a message was sent to the agent.
    pub fn open_turn(&mut self) {
        self.turn_open = true;
    }

    /// Whether the agent does not know the session that it should resume.
    pub fn session_lost(&self) -> bool {
        self.session_lost
    }

    /// Reads one line of stdout.
    pub fn line(&mut self, line: &[u8], output: &mut CodecOutput) {
        let text = json::decode_text(line);
        if text.trim().is_empty() {
            return;
        }
        let understood = match Envelope::read(&text) {
            Ok(envelope) => self.dispatch(envelope, &text, output),
            Err(error) => match json::repair(&text) {
                Some(text) => Envelope::read(&text)
                    .and_then(|envelope| self.dispatch(envelope, &text, output)),
                None => Err(error),
            },
        };
        if let Err(reason) = understood {
            let shown = String::from_utf8_lossy(&line[..line.len().min(GARBAGE_BYTES)]);
            output.events.push(AgentEvent::Garbage(format!("{reason}: {shown}")));
        }
    }

    /// Reads one line whose long strings were cut.
    pub fn shortened_line(&mut self, line: &[u8], output: &mut CodecOutput) {
        self.is_shortened = true;
        self.line(line, output);
        self.is_shortened = false;
    }

    fn dispatch(
        &mut self,
        envelope: Envelope<'_>,
        line: &str,
        output: &mut CodecOutput,
    ) -> serde_json::Result<()> {
        let of_subagent = envelope.parent_tool_use_id.is_some();
        let subtype = envelope.subtype.as_ref().map(|subtype| subtype.as_str());
        let kind = envelope.kind.as_str();
        if !of_subagent {
            self.reports.line(kind, subtype, line, &mut output.events);
        }
        self.note_activity(kind, subtype, &envelope, line, output);
        match (kind, subtype) {
            ("stream_event" | "assistant" | "user", _) if of_subagent => (),
            ("user", _) => self.user(json::read(line)?, &mut output.events),
            ("stream_event" | "assistant", _) if self.is_stale => (),
            ("stream_event", _) => {
                let abandoned = envelope.abandoned_from();
                if let Some(event) = envelope.event {
                    self.answer.stream(event, abandoned, &mut output.events);
                }
            }
            ("assistant", _) => self.assistant(json::read(line)?, &mut output.events)?,
            ("system", Some("init")) => self.init(json::read(line)?, output),
            ("system", Some("api_retry")) => retry(&json::read(line)?, output),
            ("system", Some("status" | "session_state_changed")) => {
                self.state(&json::read(line)?, output);
            }
            ("tombstone", _) => self.tombstone(line, &mut output.events),
            ("conversation_reset", _) => self.answer.withdraw_message(&mut output.events),
            ("result", _) => self.result(json::read(line)?, &mut output.events),
            ("control_request", _) => {
                let request = json::read(line)?;
                output.actions.push(control::request(request, self.settings.caller));
            }
            ("control_response", _) => control::response(json::read(line)?, output),
            // Unknown kinds belong to the protocol; a line without a kind does not.
            ("", _) => return Err(serde::de::Error::custom("a line without a type")),
            (kind, _) if kind.contains(char::REPLACEMENT_CHARACTER) => {
                return Err(serde::de::Error::custom("a line whose type is no text"));
            }
            _ => (),
        }
        Ok(())
    }

    /// Updates the activity report from a line.
    fn note_activity(
        &mut self,
        kind: &str,
        subtype: Option<&str>,
        envelope: &Envelope<'_>,
        line: &str,
        output: &mut CodecOutput,
    ) {
        let life = match (kind, subtype) {
            ("", _) => Liveness::None,
            ("stream_event", _) => {
                envelope.event.as_ref().map_or(Liveness::Sign, liveness::liveness_of)
            }
            ("assistant" | "user" | "result" | "control_request", _)
            | ("system", Some("init" | "api_retry" | "compact_boundary")) => Liveness::Progress,
            ("keep_alive" | "control_response", _) => Liveness::Sign,
            _ => self.said.line(line),
        };
        output.note_liveness(life);
        if life == Liveness::Progress && (kind, subtype) != ("system", Some("status")) {
            output.activity.pause_ms = 0;
            output.activity.is_compacting = Some(false);
        }
    }

    /// Reads finished blocks, which override what was streamed.
    fn assistant(
        &mut self,
        line: MessageLine<'_>,
        events: &mut Vec<AgentEvent>,
    ) -> serde_json::Result<()> {
        let Some(message) = line.message else {
            return Err(serde::de::Error::custom("a line of an assistant without a message"));
        };
        if let Some(model) = &message.model
            && model.as_str() == "<synthetic>"
        {
            self.error_kind = line.error.map(|kind| kind.0.into_owned());
            if self.error_kind.is_none() {
                self.own_text.push_str(&plain(message.content));
            }
            return Ok(());
        }
        let uuid = line.uuid.unwrap_or_default();
        let ids = (message.id.as_str(), uuid.as_str());
        match MessageContent::read(message.content) {
            MessageContent::Plain(text) => self.answer.plain(ids, &text, events),
            MessageContent::Blocks(blocks) => self.answer.blocks(ids, blocks, events),
        }
        Ok(())
    }

    /// Reads tool results, which come as a user message; everything else in one is an echo.
    fn user(&mut self, line: MessageLine<'_>, events: &mut Vec<AgentEvent>) {
        // The agent echoes the question when it begins to work on it.
        self.is_stale &= !line.is_replay;
        let content = line.message.and_then(|message| message.content);
        let MessageContent::Blocks(blocks) = MessageContent::read(content) else { return };
        if self.is_stale {
            return;
        }
        for block in blocks {
            if block.kind.as_str() != "tool_result" {
                continue;
            }
            let mut content = plain(block.content);
            let truncated = cut(&mut content, self.settings.tool_result_bytes) || self.is_shortened;
            let call_id = block.tool_use_id.unwrap_or_default().0.into_owned();
            self.answer.returned(&call_id, events);
            let ok = !block.is_error;
            events.push(AgentEvent::ToolReturned { call_id, ok, content, truncated });
        }
    }

    /// Withdraws what a cut stream had said. The protocol does not fix the field with its id, so every
    /// string of the line is tried.
    fn tombstone(&mut self, line: &str, events: &mut Vec<AgentEvent>) {
        let line = json::value(line).unwrap_or_default();
        let named = strings_in(&line);
        let is_named = |id: &str| !id.is_empty() && named.contains(&id);
        self.answer.withdraw(is_named, events);
    }

    /// What the agent is doing.
    fn state(&mut self, line: &StateLine<'_>, output: &mut CodecOutput) {
        match line.status.as_ref().map(|status| status.as_str()) {
            Some("compacting") => output.activity.is_compacting = Some(true),
            status => {
                output.activity.is_compacting = Some(false);
                self.is_stale &= status != Some("requesting");
            }
        }
        match line.state.as_ref().map(|state| state.as_str()) {
            Some("running") => {
                self.is_stale = false;
                self.is_busy = true;
            }
            // The agent is done, and its result is missing or was unreadable.
            Some("idle")
                if std::mem::take(&mut self.is_busy) && self.turn_open && !self.is_stale =>
            {
                self.result(ResultLine::default(), &mut output.events);
            }
            _ => (),
        }
    }
}

/// All texts within a value.
fn strings_in(value: &serde_json::Value) -> Vec<&str> {
    let mut strings = Vec::new();
    let mut left = vec![value];
    while let Some(value) = left.pop() {
        match value {
            serde_json::Value::String(text) => strings.push(text.as_str()),
            serde_json::Value::Array(elements) => left.extend(elements),
            serde_json::Value::Object(fields) => left.extend(fields.values()),
            _ => (),
        }
    }
    strings
}

fn retry(line: &RetryLine<'_>, output: &mut CodecOutput) {
    let kind = line.error.as_ref().map(|kind| kind.as_str());
    // A float of at least 0 fits: `as` saturates.
    let delay_ms = line.retry_delay_ms.unwrap_or(0.0) as u64;
    output.activity.pause_ms = delay_ms;
    output.events.push(AgentEvent::Retrying {
        attempt: line.attempt,
        max_attempts: line.max_retries,
        delay_ms,
        reason: failure::of_retry(line.error_status, kind),
    });
}

#[cfg(test)]
mod tests;
