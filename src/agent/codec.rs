//! The line protocol of an agent: lines of its stdout become events and demands, messages become
//! lines for its stdin. Pure and stateful; it reads no file and waits for nothing.

mod answer;
pub mod command;
mod content;
mod failure;
mod notice;
mod wire;

use serde_json::value::RawValue;

use super::event::{AgentEnd, AgentEvent, AgentInit, AgentResult, Usage};
use answer::{Answer, push_text};
use content::{cut, object, plain};
use wire::{
    Content, ControlRequestLine, ControlResponseLine, Envelope, HookInput, InitLine, MessageLine,
    ResultLine, RetryLine,
};

/// Longest piece of an unreadable line that is kept for the log, in bytes.
const GARBAGE_BYTES: usize = 200;

/// What the agent says when it does not know the session that it was to resume.
pub const SESSION_LOST: &str = "No conversation found with session ID";

/// What a codec may rely on.
#[derive(Debug, Clone)]
pub struct CodecSettings {
    /// Most of a tool's result that is kept, bytes.
    pub tool_result_bytes: usize,
    /// The agent must run with these tools at most, and deny what is not allowed; `None` trusts
    /// whatever it runs with.
    pub allowed_tools: Option<Vec<String>>,
}

/// Something that the agent's line asks of whoever runs the process.
#[derive(Debug)]
pub enum Demand {
    /// Write this line to the agent.
    Reply(String),
    /// Judge this call of a tool and answer with [`command::hook_answer`].
    JudgeTool {
        /// Goes back with the answer.
        request_id: String,
        /// The tool's name.
        tool: String,
        /// Its input.
        input: Box<RawValue>,
    },
    /// End the agent; the text tells a person why.
    Abort(String),
}

/// Where lines put what they mean.
#[derive(Debug, Default)]
pub struct Output {
    /// For the session.
    pub events: Vec<AgentEvent>,
    /// For whoever runs the process.
    pub demands: Vec<Demand>,
}

/// The state of one agent's output.
#[derive(Debug)]
pub struct Codec {
    settings: CodecSettings,
    /// Whether a message was sent whose result has not come.
    turn_open: bool,
    /// Whether what is still said belongs to an earlier turn: one has ended since the agent began
    /// the last time, and it has not begun the next.
    is_stale: bool,
    /// Whether the agent said that it does not know the session to resume.
    session_lost: bool,
    /// What streams.
    answer: Answer,
    /// Text of the agent program itself: part of the answer unless the turn turns out failed.
    own_text: String,
    /// The kind of error that the agent named beside its own text.
    error_kind: Option<String>,
    /// What it told of its service.
    heard: notice::Heard,
    /// US dollars of all turns so far.
    cost_usd: f64,
}

impl Codec {
    /// The codec of a process that has just been started.
    pub fn new(settings: CodecSettings) -> Self {
        Self {
            settings,
            turn_open: false,
            is_stale: false,
            session_lost: false,
            answer: Answer::default(),
            own_text: String::new(),
            error_kind: None,
            heard: notice::Heard::default(),
            cost_usd: 0.0,
        }
    }

    /// Tells that a message was sent to the agent.
    pub fn open_turn(&mut self) {
        self.turn_open = true;
    }

    /// Whether the agent said that it does not know the session it was to resume.
    pub fn session_lost(&self) -> bool {
        self.session_lost
    }

    /// Reads one line of stdout.
    pub fn line(&mut self, line: &[u8], output: &mut Output) {
        if line.iter().all(u8::is_ascii_whitespace) {
            return;
        }
        let reason = match std::str::from_utf8(line) {
            Ok(text) => self.understand(text, output).err().map(|error| error.to_string()),
            Err(error) => Some(error.to_string()),
        };
        if let Some(reason) = reason {
            let shown = String::from_utf8_lossy(&line[..line.len().min(GARBAGE_BYTES)]);
            output.events.push(AgentEvent::Garbage(format!("{reason}: {shown}")));
        }
    }

    /// Notes a line that was dropped for its length, in bytes.
    pub fn dropped_line(&mut self, length: usize, output: &mut Output) {
        let note = format!("a line of {length} bytes, which is more than is read");
        output.events.push(AgentEvent::Garbage(note));
    }

    fn understand(&mut self, line: &str, output: &mut Output) -> serde_json::Result<()> {
        let envelope: Envelope<'_> = serde_json::from_str(line)?;
        let of_subagent = envelope.parent_tool_use_id.is_some();
        let subtype = envelope.subtype.as_ref().map(|subtype| subtype.as_str());
        if !of_subagent {
            self.heard.line(envelope.kind.as_str(), subtype, line, &mut output.events);
        }
        match (envelope.kind.as_str(), subtype) {
            ("stream_event" | "assistant" | "user", _) if of_subagent || self.is_stale => (),
            ("stream_event", _) => {
                if let Some(event) = envelope.event {
                    self.answer.stream(event, &mut output.events);
                }
            }
            ("assistant", _) => self.assistant(serde_json::from_str(line)?, &mut output.events)?,
            ("user", _) => self.user(serde_json::from_str(line)?, &mut output.events)?,
            ("system", Some("init")) => self.init(serde_json::from_str(line)?, output),
            ("system", Some("api_retry")) => retry(serde_json::from_str(line)?, &mut output.events),
            ("result", _) => self.result(serde_json::from_str(line)?, &mut output.events),
            ("control_request", _) => request(serde_json::from_str(line)?, &mut output.demands)?,
            ("control_response", _) => response(serde_json::from_str(line)?, output),
            // A line without a kind is none of the protocol; kinds that we do not know are.
            ("", _) => return Err(serde::de::Error::custom("a line without a type")),
            _ => (),
        }
        Ok(())
    }

    /// A finished block, or several: the truth about what was streamed.
    fn assistant(
        &mut self,
        line: MessageLine<'_>,
        events: &mut Vec<AgentEvent>,
    ) -> serde_json::Result<()> {
        let message = line.message;
        if let Some(model) = &message.model
            && model.as_str() == "<synthetic>"
        {
            self.error_kind = line.error.map(|kind| kind.0.into_owned());
            if self.error_kind.is_none() {
                self.own_text.push_str(&plain(message.content)?);
            }
            return Ok(());
        }
        let id = message.id.as_str();
        match Content::read(message.content)? {
            Content::Plain(text) => self.answer.confirm_text(id, &text, events),
            Content::Blocks(blocks) => {
                for block in blocks {
                    self.answer.block(id, block, events);
                }
            }
        }
        Ok(())
    }

    /// Results of tools come as a message of the user; everything else in one is an echo.
    fn user(
        &mut self,
        line: MessageLine<'_>,
        events: &mut Vec<AgentEvent>,
    ) -> serde_json::Result<()> {
        let Content::Blocks(blocks) = Content::read(line.message.content)? else {
            return Ok(());
        };
        for block in blocks {
            if block.kind.as_str() != "tool_result" {
                continue;
            }
            let mut content = plain(block.content)?;
            let truncated = cut(&mut content, self.settings.tool_result_bytes);
            events.push(AgentEvent::ToolReturned {
                call_id: block.tool_use_id.unwrap_or_default().0.into_owned(),
                ok: !block.is_error.unwrap_or(false),
                content,
                truncated,
            });
        }
        Ok(())
    }

    fn init(&mut self, line: InitLine, output: &mut Output) {
        self.is_stale = false;
        if let Some(refusal) = self.refusal(&line) {
            output.demands.push(Demand::Abort(refusal));
        }
        output.events.push(AgentEvent::Initialized(AgentInit {
            session_id: line.session_id,
            tools: line.tools,
            model: line.model,
            version: line.version,
        }));
    }

    /// Why an agent that runs with this must not run.
    fn refusal(&self, line: &InitLine) -> Option<String> {
        let allowed = self.settings.allowed_tools.as_ref()?;
        let extra: Vec<&str> =
            line.tools.iter().filter(|tool| !allowed.contains(tool)).map(String::as_str).collect();
        if !extra.is_empty() {
            let extra = extra.join(", ");
            return Some(format!(
                "The agent was ended because it came with tools that a read-only guide must not \
                 have: {extra}. Install a version of the agent that this server knows."
            ));
        }
        (line.permission_mode != "dontAsk").then(|| {
            format!(
                "The agent was ended because it does not deny what is not allowed (its permission \
                 mode is {:?}). Install a version of the agent that this server knows.",
                line.permission_mode
            )
        })
    }

    fn result(&mut self, line: ResultLine, events: &mut Vec<AgentEvent>) {
        if line.errors.iter().any(|error| error.contains(SESSION_LOST)) {
            self.session_lost = true;
            return;
        }
        let cost_usd = line.total_cost_usd.map(|total| {
            let before = std::mem::replace(&mut self.cost_usd, total);
            if total < before { total } else { total - before }
        });
        let own_text = std::mem::take(&mut self.own_text);
        let error_kind = self.error_kind.take();
        self.answer = Answer::default();
        if !self.turn_open || (self.is_stale && !line.is_error) {
            // Housekeeping of the agent, or a second result, perhaps after the next message was
            // sent already: no turn waits for it.
            return;
        }
        self.turn_open = false;
        self.is_stale = true;
        let end = if line.terminal_reason.as_deref().is_some_and(is_interrupt) {
            AgentEnd::Interrupted
        } else if line.is_error {
            AgentEnd::Failed(failure::of_result(&line, error_kind.as_deref(), &self.heard))
        } else {
            if !own_text.is_empty() {
                events.push(AgentEvent::TextStarted);
                push_text(&own_text, events);
            }
            AgentEnd::Completed
        };
        self.heard.forget_turn();
        let usage = line.usage.unwrap_or_default();
        events.push(AgentEvent::Finished(AgentResult {
            end,
            usage: Usage {
                input_tokens: usage.input_tokens,
                output_tokens: usage.output_tokens,
                cache_read_tokens: usage.cache_read_input_tokens,
                cache_write_tokens: usage.cache_creation_input_tokens,
            },
            cost_usd,
            duration_ms: line.duration_ms,
        }));
    }
}

fn is_interrupt(terminal_reason: &str) -> bool {
    terminal_reason.starts_with("aborted_")
}

fn retry(line: RetryLine<'_>, events: &mut Vec<AgentEvent>) {
    let kind = line.error.as_ref().map(|kind| kind.as_str());
    events.push(AgentEvent::Retrying {
        attempt: line.attempt,
        max_attempts: line.max_retries,
        // A float of at least 0 fits: `as` saturates.
        delay_ms: line.retry_delay_ms.max(0.0) as u64,
        reason: failure::of_retry(line.error_status, kind),
    });
}

fn request(line: ControlRequestLine<'_>, demands: &mut Vec<Demand>) -> serde_json::Result<()> {
    let request_id = line.request_id.as_str();
    demands.push(match line.request.subtype.as_str() {
        "hook_callback" => {
            let input = line.request.input.map(RawValue::get).unwrap_or("{}");
            // A hook that we cannot read must still be answered: no answer lets the tool run.
            match serde_json::from_str::<HookInput<'_>>(input) {
                Ok(input) => Demand::JudgeTool {
                    request_id: request_id.to_owned(),
                    tool: input.tool_name.unwrap_or_default().0.into_owned(),
                    input: object(input.tool_input),
                },
                Err(_) => Demand::Reply(command::hook_answer(
                    request_id,
                    &command::Decision::Deny("The call could not be read.".to_owned()),
                )),
            }
        }
        "can_use_tool" => Demand::Reply(command::permission_denied(
            request_id,
            "This is a read-only guide: that tool is not available.",
        )),
        unknown => Demand::Reply(command::unsupported(request_id, unknown)),
    });
    Ok(())
}

fn response(line: ControlResponseLine<'_>, output: &mut Output) {
    let response = line.response;
    if response.request_id.as_str() != command::HANDSHAKE_ID {
        return;
    }
    if response.subtype.as_str() == "success" {
        output.events.push(AgentEvent::Ready);
    } else {
        let reason = response.error.unwrap_or_default().0;
        output.demands.push(Demand::Abort(format!(
            "The agent refused the handshake: {reason}. Install a version of the agent that this \
             server knows."
        )));
    }
}

#[cfg(test)]
mod tests;
