//! The answer as it streams: deltas come first, then the finished block, which is the truth. The
//! two agree unless a stream was cut and the request was repeated.

use crate::agent::event::AgentEvent;

use super::{
    content::object,
    wire::{Block, StreamEvent},
};

/// What has streamed and is not confirmed.
#[derive(Debug, Default)]
pub(super) struct Answer {
    /// Id of the API message that streams.
    message_id: String,
    /// The text block that streams and that no `assistant` line has confirmed.
    open_text: Option<OpenText>,
    /// Whether thinking streamed that no `assistant` line has confirmed.
    open_thinking: bool,
}

#[derive(Debug)]
struct OpenText {
    /// The message that it belongs to.
    message_id: String,
    /// What was streamed.
    text: String,
}

impl Answer {
    /// Takes an event of the API's stream.
    pub(super) fn stream(&mut self, event: StreamEvent<'_>, events: &mut Vec<AgentEvent>) {
        match event.kind.as_str() {
            "content_block_delta" => {
                let Some(delta) = event.delta else { return };
                if let Some(text) = delta.text {
                    self.stream_text(text.as_str(), events);
                } else if let Some(thinking) = delta.thinking {
                    self.drop_cut_text(&self.message_id.clone(), events);
                    self.open_thinking = true;
                    push_thinking(thinking.as_str(), events);
                }
            }
            "content_block_start" => {
                let Some(block) = event.content_block else {
                    return;
                };
                match block.text {
                    Some(text) if block.kind.as_str() == "text" => {
                        self.stream_text(text.as_str(), events);
                    }
                    _ => (),
                }
            }
            "message_start" => {
                let id = event.message.map(|message| message.id.0);
                self.message_id = id.unwrap_or_default().into_owned();
            }
            _ => (),
        }
    }

    /// More text of the block that streams. A block begins with its first text, so that an empty
    /// one leaves no trace.
    fn stream_text(&mut self, text: &str, events: &mut Vec<AgentEvent>) {
        if text.is_empty() {
            return;
        }
        match &mut self.open_text {
            Some(open) if open.message_id == self.message_id => open.text.push_str(text),
            // A stream was cut and the request repeated: what streams now takes its place.
            Some(open) => {
                open.message_id.clone_from(&self.message_id);
                open.text.clear();
                open.text.push_str(text);
                events.push(AgentEvent::TextReplaced(text.to_owned()));
                return;
            }
            None => {
                events.push(AgentEvent::TextStarted);
                self.open_text =
                    Some(OpenText { message_id: self.message_id.clone(), text: text.to_owned() });
            }
        }
        push_text(text, events);
    }

    /// Takes a finished block of message `id`.
    pub(super) fn block(&mut self, id: &str, block: Block<'_>, events: &mut Vec<AgentEvent>) {
        match block.kind.as_str() {
            "text" => {
                let text = block.text.unwrap_or_default();
                self.confirm_text(id, text.as_str(), events);
            }
            "thinking" => {
                self.drop_cut_text(id, events);
                let streamed = std::mem::take(&mut self.open_thinking);
                if let Some(thinking) = block.thinking
                    && !streamed
                {
                    push_thinking(thinking.as_str(), events);
                }
            }
            "tool_use" => {
                self.drop_cut_text(id, events);
                events.push(AgentEvent::ToolCalled {
                    call_id: block.id.unwrap_or_default().0.into_owned(),
                    tool: block.name.unwrap_or_default().0.into_owned(),
                    input: object(block.input),
                });
            }
            _ => (),
        }
    }

    /// Takes the text of a finished block of message `id`.
    pub(super) fn confirm_text(&mut self, id: &str, text: &str, events: &mut Vec<AgentEvent>) {
        match self.open_text.take() {
            Some(open) if open.text == text => (),
            Some(open) if open.message_id == id && text.starts_with(&open.text) => {
                push_text(&text[open.text.len()..], events);
            }
            Some(_) => events.push(AgentEvent::TextReplaced(text.to_owned())),
            None if text.is_empty() => (),
            None => {
                events.push(AgentEvent::TextStarted);
                push_text(text, events);
            }
        }
    }

    /// Empties a text whose stream was cut, when the repeated request took another way.
    fn drop_cut_text(&mut self, id: &str, events: &mut Vec<AgentEvent>) {
        if let Some(open) = self.open_text.take_if(|open| open.message_id != id) {
            log::debug!("dropped the text of a cut stream bytes={}", open.text.len());
            events.push(AgentEvent::TextReplaced(String::new()));
        }
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

fn push_thinking(text: &str, events: &mut Vec<AgentEvent>) {
    match events.last_mut() {
        _ if text.is_empty() => (),
        Some(AgentEvent::ThinkingDelta(open)) => open.push_str(text),
        _ => events.push(AgentEvent::ThinkingDelta(text.to_owned())),
    }
}
