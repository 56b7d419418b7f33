//! The streamed answer: deltas first, then the finished block, which overrides them. The two agree
//! unless a stream was cut. The request is repeated then, and the blocks of the cut message are
//! withdrawn as soon as the repeated one says something.

mod blocks;

use crate::{agent::event::AgentEvent, entry::TextKind, json::Text};

use super::{
    content::object,
    wire::{ContentBlock, StreamEvent},
};
use blocks::{AnswerBlocks, Repetition};

/// The result of a tool call whose message was withdrawn.
const CALL_WITHDRAWN: &str =
    "Not carried out: the connection to the model broke, and the request was repeated.";

/// The answer of the running turn.
#[derive(Debug, Default)]
pub(super) struct StreamedAnswer {
    message: StreamedMessage,
    /// Texts and thoughts of the turn.
    blocks: AnswerBlocks,
    /// Tool calls without a result.
    calls: Vec<PendingCall>,
    /// Blocks of cut messages, until others take their place.
    scheduled: Vec<usize>,
    /// Ids of cut messages.
    scheduled_messages: Vec<String>,
    /// Number of messages that began without a `message_start`; they get generated ids.
    unannounced: u32,
}

#[derive(Debug)]
struct PendingCall {
    id: String,
    message: String,
    line: String,
}

/// The API message that streams, or streamed last.
#[derive(Debug, Default)]
struct StreamedMessage {
    id: String,
    state: MessageState,
    /// Why the model stopped.
    stop_reason: Option<String>,
    /// Id of the tool call that streams, or streamed last.
    call: String,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum MessageState {
    /// It has ended, or none has begun.
    #[default]
    Whole,
    /// It streams without a `message_start`.
    Unannounced,
    Streaming,
}

impl StreamedAnswer {
    /// Whether the last message did not reach its end.
    pub(super) fn is_cut(&self) -> bool {
        self.message.state == MessageState::Streaming
    }

    /// Why the model stopped, if the stream said so.
    pub(super) fn stop_reason(&self) -> Option<&str> {
        self.message.stop_reason.as_deref()
    }

    /// Reads an event of the API's stream. `abandoned` is the index of the first block that the end of
    /// the message gives up, if any.
    pub(super) fn stream(
        &mut self,
        event: StreamEvent<'_>,
        abandoned: Option<u64>,
        events: &mut Vec<AgentEvent>,
    ) {
        match event.kind.as_str() {
            "content_block_delta" => {
                let Some(delta) = event.delta else { return };
                if let Some(text) = delta.text {
                    self.stream_text(TextKind::Answer, text.as_str(), events);
                } else if let Some(thinking) = delta.thinking {
                    self.stream_text(TextKind::Thinking, thinking.as_str(), events);
                }
            }
            "content_block_start" => {
                let Some(block) = event.content_block else { return };
                if let Some(id) = block.id {
                    self.message.call = id.0.into_owned();
                }
                if let (Some(text), "text") = (block.text, block.kind.as_str()) {
                    self.stream_text(TextKind::Answer, text.as_str(), events);
                }
            }
            "message_start" => {
                let id = event.message.map(|message| message.id.0);
                self.begin(id.unwrap_or_default().into_owned(), MessageState::Streaming);
            }
            "message_delta" => {
                if let Some(reason) = event.delta.and_then(|delta| delta.stop_reason) {
                    self.message.stop_reason = Some(reason.0.into_owned());
                    self.end_message(events);
                }
            }
            "message_stop" => match abandoned {
                None => self.end_message(events),
                Some(from) => self.abandon(from),
            },
            _ => (),
        }
    }

    /// Reads the finished blocks of message `id` from line `uuid`.
    pub(super) fn blocks(
        &mut self,
        (id, uuid): (&str, &str),
        blocks: Vec<ContentBlock<'_>>,
        events: &mut Vec<AgentEvent>,
    ) {
        self.blocks.set_line(uuid);
        for block in blocks {
            let id = if self.is_own(id, &block) { self.message.id.clone() } else { id.to_owned() };
            let id = id.as_str();
            match block.kind.as_str() {
                "text" => {
                    let text = block.text.unwrap_or_default();
                    self.confirm(id, TextKind::Answer, text.as_str(), events);
                }
                "thinking" => {
                    let thinking = block.thinking.unwrap_or_default();
                    self.confirm(id, TextKind::Thinking, thinking.as_str(), events);
                }
                "tool_use" => {
                    self.begin_confirmed(id);
                    self.withdraw_scheduled(events);
                    let call_id = block.id.unwrap_or_default().0.into_owned();
                    self.calls.push(PendingCall {
                        id: call_id.clone(),
                        message: id.to_owned(),
                        line: uuid.to_owned(),
                    });
                    events.push(AgentEvent::ToolCalled {
                        call_id,
                        tool: block.name.unwrap_or_default().0.into_owned(),
                        input: object(block.input),
                    });
                }
                _ => (),
            }
        }
    }

    /// Reads the text of a finished message without blocks.
    pub(super) fn plain(
        &mut self,
        (id, uuid): (&str, &str),
        text: &str,
        events: &mut Vec<AgentEvent>,
    ) {
        self.blocks.set_line(uuid);
        self.confirm(id, TextKind::Answer, text, events);
    }

    /// Notes a tool's result: the message that called it has ended.
    pub(super) fn returned(&mut self, call_id: &str, events: &mut Vec<AgentEvent>) {
        let at = self.calls.iter().position(|call| call.id == call_id);
        if let Some(call) = at.map(|at| self.calls.swap_remove(at))
            && call.message == self.message.id
        {
            self.end_message(events);
        }
    }

    /// Emits what is outstanding at the end of the turn.
    pub(super) fn finish(&mut self, events: &mut Vec<AgentEvent>) {
        if let Some(text) = self.blocks.finish_repetition() {
            events.push(AgentEvent::TextReplaced(text));
        }
    }

    /// Withdraws the blocks of the lines or messages with these ids.
    pub(super) fn withdraw(
        &mut self,
        is_named: impl Fn(&str) -> bool,
        events: &mut Vec<AgentEvent>,
    ) {
        let named = self.blocks.find(|block| is_named(&block.message) || is_named(&block.line));
        self.scheduled.extend(named);
        self.drop_calls(|call| is_named(&call.message) || is_named(&call.line), events);
        self.withdraw_scheduled(events);
    }

    /// Withdraws the blocks of the streaming message.
    pub(super) fn withdraw_message(&mut self, events: &mut Vec<AgentEvent>) {
        if self.message.state != MessageState::Whole {
            self.schedule_withdrawal();
            self.withdraw_scheduled(events);
        }
    }

    /// Begins another message, and schedules the blocks of one that was cut for withdrawal.
    fn begin(&mut self, id: String, state: MessageState) {
        if self.message.state != MessageState::Whole {
            self.schedule_withdrawal();
        } else {
            self.blocks.confirm_closed();
        }
        self.message = StreamedMessage { id, state, ..StreamedMessage::default() };
    }

    /// Whether a finished block is the one that streams, even if its message id differs or is missing.
    fn is_own(&self, id: &str, block: &ContentBlock<'_>) -> bool {
        let of = |text: &Option<Text<'_>>, kind| {
            text.as_ref().is_some_and(|text| self.blocks.is_streaming(kind, text.as_str()))
        };
        let call = block.id.as_ref().map_or("", Text::as_str);
        id.is_empty()
            || match block.kind.as_str() {
                "text" => of(&block.text, TextKind::Answer),
                "thinking" => of(&block.thinking, TextKind::Thinking),
                _ => !call.is_empty() && call == self.message.call,
            }
    }

    /// A finished block of message `id` arrived: another message that streams was cut.
    fn begin_confirmed(&mut self, id: &str) {
        if id != self.message.id {
            self.begin(id.to_owned(), MessageState::Whole);
        }
    }

    fn end_message(&mut self, events: &mut Vec<AgentEvent>) {
        self.finish(events);
        self.message.state = MessageState::Whole;
        self.blocks.close();
    }

    /// The stream broke, and the message is repeated from block `from` on. A message that is given up
    /// from its start is treated like any other that was cut.
    fn abandon(&mut self, from: u64) {
        if from > 0 {
            self.blocks.abort_repetition();
            let unconfirmed =
                self.blocks.find(|block| block.message == self.message.id && !block.is_confirmed());
            self.scheduled.extend(unconfirmed);
            self.message.state = MessageState::Whole;
        }
    }

    fn schedule_withdrawal(&mut self) {
        self.blocks.abort_repetition();
        let of_message = self.blocks.find(|block| block.message == self.message.id);
        self.scheduled.extend(of_message);
        self.scheduled_messages.push(self.message.id.clone());
    }

    fn cancel_withdrawal(&mut self) {
        self.scheduled.clear();
        self.scheduled_messages.clear();
    }

    /// Appends to the streaming block. A block begins with its first text, so an empty one leaves no
    /// trace.
    fn stream_text(&mut self, kind: TextKind, text: &str, events: &mut Vec<AgentEvent>) {
        if text.is_empty() {
            return;
        }
        if self.message.state == MessageState::Whole {
            self.unannounced += 1;
            self.begin(format!("\0{}", self.unannounced), MessageState::Unannounced);
        }
        if self.replaces(kind) {
            // The new stream replaces the cut one.
            self.cancel_withdrawal();
            self.blocks.expect_repetition(&self.message.id);
        }
        if kind == TextKind::Answer
            && let Some(repeated) = self.blocks.repeat(text)
        {
            match repeated {
                Repetition::Prefix => (),
                Repetition::Longer(more) => push_text(&more, events),
                Repetition::Different(text) => events.push(AgentEvent::TextReplaced(text)),
            }
            return;
        }
        self.withdraw_scheduled(events);
        if !self.blocks.append(&self.message.id, kind, text) {
            self.begin_block(kind, Some(text), events);
        }
        push(kind, text, events);
    }

    /// Compares a finished block of message `id` with what was streamed, and corrects it.
    fn confirm(&mut self, id: &str, kind: TextKind, text: &str, events: &mut Vec<AgentEvent>) {
        self.begin_confirmed(id);
        if self.replaces(kind) {
            self.cancel_withdrawal();
            self.blocks.reassign_last(id);
        }
        self.withdraw_scheduled(events);
        let Some(open) = self.blocks.unconfirmed(id, kind) else {
            if !text.is_empty() {
                self.begin_block(kind, None, events);
                push(kind, text, events);
            }
            return;
        };
        self.blocks.confirm_at(open.at);
        // Redacted thinking streams, and the finished block is empty.
        if open.text == text || (kind == TextKind::Thinking && text.is_empty()) {
            return;
        }
        match text.strip_prefix(open.text.as_str()) {
            Some(rest) if open.is_last => push(kind, rest, events),
            _ if open.is_last && kind == TextKind::Answer => {
                events.push(AgentEvent::TextReplaced(text.to_owned()));
            }
            _ => {
                self.scheduled.push(open.at);
                self.withdraw_scheduled(events);
                if !text.is_empty() {
                    self.begin_block(kind, None, events);
                    push(kind, text, events);
                }
            }
        }
    }

    /// Whether a text replaces everything scheduled for withdrawal: a single, unfinished last text.
    fn replaces(&self, kind: TextKind) -> bool {
        kind == TextKind::Answer
            && self.scheduled.len() == 1
            && self.scheduled.last().is_some_and(|at| self.blocks.is_streaming_text(*at))
            && !self.calls.iter().any(|call| self.scheduled_messages.contains(&call.message))
    }

    fn begin_block(&mut self, kind: TextKind, text: Option<&str>, events: &mut Vec<AgentEvent>) {
        let follows_its_kind = self.blocks.begin(&self.message.id, kind, text);
        if kind == TextKind::Answer || follows_its_kind {
            events.push(AgentEvent::TextStarted);
        }
    }

    fn withdraw_scheduled(&mut self, events: &mut Vec<AgentEvent>) {
        if self.scheduled.is_empty() && self.scheduled_messages.is_empty() {
            return;
        }
        let messages = std::mem::take(&mut self.scheduled_messages);
        self.drop_calls(|call| messages.contains(&call.message), events);
        let mut scheduled = std::mem::take(&mut self.scheduled);
        scheduled.sort_unstable();
        scheduled.dedup();
        log::debug!("withdrew what a cut stream had said blocks={}", scheduled.len());
        self.blocks.withdraw(&scheduled);
        if scheduled.last().is_some_and(|at| self.blocks.is_last_text(*at)) {
            scheduled.pop();
            events.push(AgentEvent::TextReplaced(String::new()));
        }
        if !scheduled.is_empty() {
            events.push(AgentEvent::Withdrawn(scheduled));
        }
    }

    /// Ends the outstanding calls of withdrawn messages.
    fn drop_calls(
        &mut self,
        is_withdrawn: impl Fn(&PendingCall) -> bool,
        events: &mut Vec<AgentEvent>,
    ) {
        let gone = self.calls.extract_if(.., |call| is_withdrawn(call));
        events.extend(gone.map(|call| AgentEvent::ToolReturned {
            call_id: call.id,
            ok: false,
            content: CALL_WITHDRAWN.to_owned(),
            truncated: false,
        }));
    }
}

/// Appends text to the open block; adjacent deltas are merged.
pub(super) fn push_text(text: &str, events: &mut Vec<AgentEvent>) {
    push(TextKind::Answer, text, events);
}

pub(super) fn push(kind: TextKind, text: &str, events: &mut Vec<AgentEvent>) {
    match (kind, events.last_mut()) {
        _ if text.is_empty() => (),
        (TextKind::Answer, Some(AgentEvent::TextDelta(open)))
        | (TextKind::Thinking, Some(AgentEvent::ThinkingDelta(open))) => open.push_str(text),
        (TextKind::Answer, _) => events.push(AgentEvent::TextDelta(text.to_owned())),
        (TextKind::Thinking, _) => events.push(AgentEvent::ThinkingDelta(text.to_owned())),
    }
}
