//! Updates of a session: texts, thoughts, tool calls and usage of the running turn.

use serde_json::value::RawValue;

use super::{
    AcpCodec, CodecOutput, failure,
    opening::Opening,
    wire::{Update, UpdateParams},
};
use crate::{
    agent::{
        codec::answer::push,
        event::{AgentEvent, AgentNotice, Liveness},
    },
    entry::TextKind,
    json::{self, Object, Text},
};

/// Longest text that may be a model's error, in bytes.
const ERROR_BYTES: usize = 16 << 10; // 16 KiB

/// How agents begin a warning of their own.
const WARNINGS: [&str; 2] = ["Warning: ", "**Warning:** "];

/// The texts and thoughts of the running turn.
#[derive(Debug, Default)]
pub(super) struct Answer {
    /// Blocks so far.
    blocks: usize,
    /// The open block, with the agent's id of its message.
    open: Option<(TextKind, Option<String>)>,
    /// The open block's text while it may be a model's error.
    suspect: Option<String>,
}

impl Answer {
    fn add(
        &mut self,
        kind: TextKind,
        message: Option<&str>,
        text: &str,
        events: &mut Vec<AgentEvent>,
    ) {
        let goes_on =
            matches!(&self.open, Some((open, id)) if *open == kind && id.as_deref() == message);
        if !goes_on {
            self.open = Some((kind, message.map(str::to_owned)));
            self.blocks += 1;
            self.suspect =
                (kind == TextKind::Answer && text.trim_start().starts_with('{')).then(String::new);
            events.push(AgentEvent::TextStarted);
        }
        if let Some(suspect) = &mut self.suspect {
            suspect.push_str(text);
            if suspect.len() > ERROR_BYTES {
                self.suspect = None;
            }
        }
        push(kind, text, events);
    }

    /// Ends the open block: something else comes.
    pub(super) fn close(&mut self) {
        self.open = None;
        self.suspect = None;
    }

    /// The error that the last text is, with the number of its block.
    pub(super) fn error(&self) -> Option<(usize, String)> {
        let error = failure::in_error(self.suspect.as_deref()?)?;
        Some((self.blocks.checked_sub(1)?, error))
    }
}

impl AcpCodec {
    /// Reads a `session/update`.
    pub(super) fn on_update(
        &mut self,
        params: Option<&RawValue>,
        is_shortened: bool,
        output: &mut CodecOutput,
    ) {
        let params = params.and_then(|params| json::read::<UpdateParams<'_>>(params.get()).ok());
        let Some(UpdateParams { update }) = params else { return };
        self.meter.on_update(&update, self.opening == Opening::Loading);
        // A replay, or what comes after a turn's end.
        if self.opening != Opening::Done || !self.is_turn_open() {
            return;
        }
        let kind = update.session_update.as_str();
        if kind == "session_info_update" {
            return self.on_session_info(&update, output);
        }
        let is_answer = matches!(
            kind,
            "agent_message_chunk"
                | "agent_thought_chunk"
                | "tool_call"
                | "tool_call_update"
                | "plan"
        );
        if !is_answer {
            return;
        }
        output.note_liveness(Liveness::Progress);
        self.announce(output);
        match kind {
            "agent_message_chunk" => self.on_chunk(TextKind::Answer, &update, output),
            "agent_thought_chunk" => self.on_chunk(TextKind::Thinking, &update, output),
            "tool_call" | "tool_call_update" => {
                self.answer.close();
                let limit = self.settings.tool_result_bytes;
                self.calls.update(&update, limit, is_shortened, &mut output.events);
            }
            _ => (),
        }
    }

    fn on_chunk(&mut self, kind: TextKind, update: &Update<'_>, output: &mut CodecOutput) {
        let text = block_text(update.content);
        if text.is_empty() {
            return;
        }
        let message = update.message_id.as_ref().map(|id| id.as_str());
        match warning(kind, message, update, &text) {
            Some(words) => {
                self.answer.close();
                output.events.push(AgentEvent::Notice(AgentNotice::now(words, false)));
            }
            None => self.answer.add(kind, message, &text, &mut output.events),
        }
    }

    /// A request that failed and is repeated, as some agents tell it.
    fn on_session_info(&mut self, update: &Update<'_>, output: &mut CodecOutput) {
        let error = update.meta.as_ref().and_then(|meta| meta.object("codex")?.object("error"));
        let Some(error) = error.filter(|error| error.get("willRetry") == Some(true)) else {
            return;
        };
        self.announce_retry(error.text("additionalDetails").as_ref(), output);
    }

    /// Reads a `_session/retrying`.
    pub(super) fn on_retry(&mut self, params: Option<&RawValue>, output: &mut CodecOutput) {
        let params = params.and_then(|params| Object::read(params.get()).ok()).unwrap_or_default();
        if self.is_turn_open() {
            self.announce_retry(params.text("detail").as_ref(), output);
        }
    }

    fn announce_retry(&mut self, detail: Option<&Text<'_>>, output: &mut CodecOutput) {
        output.note_liveness(Liveness::Progress);
        self.announce(output);
        let detail = detail.map(|detail| detail.as_str().chars().take(200).collect::<String>());
        let detail = detail.map_or(String::new(), |detail| format!(" ({detail})"));
        let words = format!("The model's API failed{detail}; the agent asks it again.");
        output.events.push(AgentEvent::Notice(AgentNotice::busy(&words)));
    }
}

/// The text of a block; one of another kind is shown as its kind in brackets.
fn block_text(content: Option<&RawValue>) -> String {
    let Some(block) = content.and_then(|it| Object::read(it.get()).ok()) else {
        return String::new();
    };
    match (block.text("text"), block.text("type")) {
        (Some(text), _) => text.0.into_owned(),
        (None, Some(kind)) if kind.as_str() != "text" => format!("[{}]", kind.as_str()),
        _ => String::new(),
    }
}

/// The words of a warning that the program itself puts among the model's answer.
fn warning<'a>(
    kind: TextKind,
    message: Option<&str>,
    update: &Update<'_>,
    text: &'a str,
) -> Option<&'a str> {
    let claude = update.meta.as_ref().and_then(|meta| meta.object("claudeCode"));
    let is_marked =
        claude.and_then(|it| it.text("kind")).is_some_and(|it| it.as_str() == "informational");
    let words = WARNINGS.iter().find_map(|lead| text.strip_prefix(lead));
    // Agents that number the model's messages give their own none.
    let is_own = is_marked || (message.is_none() && text.ends_with("\n\n"));
    words.filter(|_| kind == TextKind::Answer && is_own).map(str::trim)
}
