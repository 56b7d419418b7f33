//! The answer as it streams: deltas come first, then the finished block, which is the truth. The
//! two agree unless a stream was cut: the request is repeated then, and what the cut message had said,
//! finished or not, is withdrawn as soon as the repeated one says something.

mod blocks;

use crate::{agent::event::AgentEvent, json::Text};

use super::{
    content::object,
    wire::{ContentBlock, StreamEvent},
};
use blocks::{AnswerBlocks, Repetition};

/// What a call is said to have come to whose message was withdrawn.
const CALL_WITHDRAWN: &str =
    "Not carried out: the connection to the model broke, and the request was repeated.";

/// What the running turn has said.
#[derive(Debug, Default)]
pub(super) struct StreamedAnswer {
    message: StreamedMessage,
    /// Texts and thoughts of the turn.
    pieces: AnswerBlocks,
    /// Calls that have not returned.
    calls: Vec<PendingCall>,
    /// AnswerBlocks of a message whose stream was cut, until another one takes their place.
    doomed: Vec<usize>,
    /// The ids of such messages.
    doomed_messages: Vec<String>,
    /// Messages of which nobody said that they begin: they get ids of ours.
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
    /// The call that streams, or streamed last.
    call: String,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum MessageState {
    /// It does not stream, or has come to its end.
    #[default]
    Whole,
    /// It streams, though nobody said that it begins.
    Unannounced,
    /// It streams.
    Streaming,
}

impl StreamedAnswer {
    /// Whether the message that streamed last did not come to its end.
    pub(super) fn is_cut(&self) -> bool {
        self.message.state == MessageState::Streaming
    }

    /// Why the model stopped, as far as its stream told.
    pub(super) fn stop_reason(&self) -> Option<&str> {
        self.message.stop_reason.as_deref()
    }

    /// Takes an event of the API's stream. `abandoned` is the first block of the message that is given
    /// up with its end, where that is so.
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
                    self.stream_piece(false, text.as_str(), events);
                } else if let Some(thinking) = delta.thinking {
                    self.stream_piece(true, thinking.as_str(), events);
                }
            }
            "content_block_start" => {
                let Some(block) = event.content_block else { return };
                if let Some(id) = block.id {
                    self.message.call = id.0.into_owned();
                }
                match block.text {
                    Some(text) if block.kind.as_str() == "text" => {
                        self.stream_piece(false, text.as_str(), events);
                    }
                    _ => (),
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

    /// Takes the finished blocks of message `id` that the line `uuid` brings.
    pub(super) fn blocks(
        &mut self,
        (id, uuid): (&str, &str),
        blocks: Vec<ContentBlock<'_>>,
        events: &mut Vec<AgentEvent>,
    ) {
        self.pieces.set_line(uuid);
        for block in blocks {
            let id = if self.is_own(id, &block) { self.message.id.clone() } else { id.to_owned() };
            let id = id.as_str();
            match block.kind.as_str() {
                "text" => {
                    let text = block.text.unwrap_or_default();
                    self.confirm(id, false, text.as_str(), events);
                }
                "thinking" => {
                    let thinking = block.thinking.unwrap_or_default();
                    self.confirm(id, true, thinking.as_str(), events);
                }
                "tool_use" => {
                    self.succeed(id);
                    self.withdraw_doomed(events);
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

    /// Takes the text of a finished message `id` that is not divided into blocks.
    pub(super) fn plain(
        &mut self,
        (id, uuid): (&str, &str),
        text: &str,
        events: &mut Vec<AgentEvent>,
    ) {
        self.pieces.set_line(uuid);
        self.confirm(id, false, text, events);
    }

    /// Notes that a tool has returned: whatever message called it has come to its end.
    pub(super) fn returned(&mut self, call_id: &str, events: &mut Vec<AgentEvent>) {
        let at = self.calls.iter().position(|call| call.id == call_id);
        if let Some(call) = at.map(|at| self.calls.swap_remove(at))
            && call.message == self.message.id
        {
            self.end_message(events);
        }
    }

    /// Says what is left to say when the turn has come to its end.
    pub(super) fn finish(&mut self, events: &mut Vec<AgentEvent>) {
        if let Some(text) = self.pieces.end_repetition() {
            events.push(AgentEvent::TextReplaced(text));
        }
    }

    /// Takes back what the lines or messages with these ids have said.
    pub(super) fn withdraw(
        &mut self,
        is_named: impl Fn(&str) -> bool,
        events: &mut Vec<AgentEvent>,
    ) {
        let named = self.pieces.find(|piece| is_named(&piece.message) || is_named(&piece.line));
        self.doomed.extend(named);
        self.drop_calls(|call| is_named(&call.message) || is_named(&call.line), events);
        self.withdraw_doomed(events);
    }

    /// Takes back what the message has said that streams.
    pub(super) fn withdraw_message(&mut self, events: &mut Vec<AgentEvent>) {
        if self.message.state != MessageState::Whole {
            self.doom();
            self.withdraw_doomed(events);
        }
    }

    /// Another message begins. What one has said that did not come to its end is to be withdrawn.
    fn begin(&mut self, id: String, state: MessageState) {
        if self.message.state != MessageState::Whole {
            self.doom();
        } else {
            self.pieces.forget_texts();
        }
        self.message = StreamedMessage { id, state, ..StreamedMessage::default() };
    }

    /// Whether a finished block belongs to the message that streams, also where its id says otherwise
    /// or nothing: it is the block that streams.
    fn is_own(&self, id: &str, block: &ContentBlock<'_>) -> bool {
        let of = |text: &Option<Text<'_>>, thinking| {
            text.as_ref().is_some_and(|text| self.pieces.is_open(thinking, text.as_str()))
        };
        let call = block.id.as_ref().map_or("", Text::as_str);
        id.is_empty()
            || match block.kind.as_str() {
                "text" => of(&block.text, false),
                "thinking" => of(&block.thinking, true),
                _ => !call.is_empty() && call == self.message.call,
            }
    }

    /// A finished block of message `id` has come: where another one streams, that one was cut.
    fn succeed(&mut self, id: &str) {
        if id != self.message.id {
            self.begin(id.to_owned(), MessageState::Whole);
        }
    }

    fn end_message(&mut self, events: &mut Vec<AgentEvent>) {
        self.finish(events);
        self.message.state = MessageState::Whole;
        self.pieces.close();
    }

    /// The message ended because its stream broke, and is repeated from block `from` on. One that is
    /// given up whole is like any other that was cut.
    fn abandon(&mut self, from: u64) {
        if from > 0 {
            self.pieces.forget_repetition();
            let unconfirmed =
                self.pieces.find(|piece| piece.message == self.message.id && !piece.is_confirmed());
            self.doomed.extend(unconfirmed);
            self.message.state = MessageState::Whole;
        }
    }

    fn doom(&mut self) {
        self.pieces.forget_repetition();
        let of_message = self.pieces.find(|piece| piece.message == self.message.id);
        self.doomed.extend(of_message);
        self.doomed_messages.push(self.message.id.clone());
    }

    fn spare(&mut self) {
        self.doomed.clear();
        self.doomed_messages.clear();
    }

    /// More text of the block that streams. A block begins with its first text, so that an empty
    /// one leaves no trace.
    fn stream_piece(&mut self, thinking: bool, text: &str, events: &mut Vec<AgentEvent>) {
        if text.is_empty() {
            return;
        }
        if self.message.state == MessageState::Whole {
            self.unannounced += 1;
            self.begin(format!("\0{}", self.unannounced), MessageState::Unannounced);
        }
        if self.replaces(thinking) {
            // What streams now takes the place of what was cut.
            self.spare();
            self.pieces.repeat_last(&self.message.id);
        }
        if !thinking && let Some(repeated) = self.pieces.repeat(text) {
            match repeated {
                Repetition::SoFar => (),
                Repetition::And(more) => push_text(&more, events),
                Repetition::Otherwise(text) => events.push(AgentEvent::TextReplaced(text)),
            }
            return;
        }
        self.withdraw_doomed(events);
        if !self.pieces.grow(&self.message.id, thinking, text) {
            self.begin_piece(thinking, Some(text), events);
        }
        push(thinking, text, events);
    }

    /// Takes the text of a finished block of message `id`.
    fn confirm(&mut self, id: &str, thinking: bool, text: &str, events: &mut Vec<AgentEvent>) {
        self.succeed(id);
        if self.replaces(thinking) {
            self.spare();
            self.pieces.take_over_last(id);
        }
        self.withdraw_doomed(events);
        let Some(open) = self.pieces.unconfirmed(id, thinking) else {
            if !text.is_empty() {
                self.begin_piece(thinking, None, events);
                push(thinking, text, events);
            }
            return;
        };
        self.pieces.confirm_at(open.at);
        // Thoughts that are kept secret stream and are empty in the end.
        if open.text == text || (thinking && text.is_empty()) {
            return;
        }
        match text.strip_prefix(open.text.as_str()) {
            Some(rest) if open.is_last => push(thinking, rest, events),
            _ if open.is_last && !thinking => {
                events.push(AgentEvent::TextReplaced(text.to_owned()));
            }
            _ => {
                self.doomed.push(open.at);
                self.withdraw_doomed(events);
                if !text.is_empty() {
                    self.begin_piece(thinking, None, events);
                    push(thinking, text, events);
                }
            }
        }
    }

    /// Whether a text of this kind takes the place of all that is to be withdrawn: the last text, which
    /// was never finished.
    fn replaces(&self, thinking: bool) -> bool {
        !thinking
            && self.doomed.len() == 1
            && self.doomed.last().is_some_and(|at| self.pieces.is_open_text(*at))
            && !self.calls.iter().any(|call| self.doomed_messages.contains(&call.message))
    }

    fn begin_piece(&mut self, thinking: bool, text: Option<&str>, events: &mut Vec<AgentEvent>) {
        let follows_its_kind = self.pieces.begin(&self.message.id, thinking, text);
        if !thinking || follows_its_kind {
            events.push(AgentEvent::TextStarted);
        }
    }

    fn withdraw_doomed(&mut self, events: &mut Vec<AgentEvent>) {
        if self.doomed.is_empty() && self.doomed_messages.is_empty() {
            return;
        }
        let messages = std::mem::take(&mut self.doomed_messages);
        self.drop_calls(|call| messages.contains(&call.message), events);
        let mut doomed = std::mem::take(&mut self.doomed);
        doomed.sort_unstable();
        doomed.dedup();
        log::debug!("withdrew what a cut stream had said pieces={}", doomed.len());
        self.pieces.withdraw(&doomed);
        if doomed.last().is_some_and(|at| self.pieces.is_last_text(*at)) {
            doomed.pop();
            events.push(AgentEvent::TextReplaced(String::new()));
        }
        if !doomed.is_empty() {
            events.push(AgentEvent::Withdrawn(doomed));
        }
    }

    /// Calls of withdrawn messages that have not returned will not.
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

/// Adds text to the open block; neighbouring deltas become one.
pub(super) fn push_text(text: &str, events: &mut Vec<AgentEvent>) {
    match events.last_mut() {
        _ if text.is_empty() => (),
        Some(AgentEvent::TextDelta(open)) => open.push_str(text),
        _ => events.push(AgentEvent::TextDelta(text.to_owned())),
    }
}

fn push(thinking: bool, text: &str, events: &mut Vec<AgentEvent>) {
    if !thinking {
        return push_text(text, events);
    }
    match events.last_mut() {
        _ if text.is_empty() => (),
        Some(AgentEvent::ThinkingDelta(open)) => open.push_str(text),
        _ => events.push(AgentEvent::ThinkingDelta(text.to_owned())),
    }
}
