//! The envelope of every line, and the API's stream events. Deltas, by far the most lines, are parsed
//! once; a line with an unexpected field is read again, field by field.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::json::{Object, Text};

/// The fields that every line is read for first.
#[derive(Debug, Deserialize)]
pub(crate) struct Envelope<'a> {
    /// The kind of line.
    #[serde(rename = "type", borrow, default)]
    pub kind: Text<'a>,
    /// The subtype of `system` and `result` lines.
    #[serde(borrow, default)]
    pub subtype: Option<Text<'a>>,
    /// Set on lines of a subagent.
    #[serde(borrow, default)]
    pub parent_tool_use_id: Option<Text<'a>>,
    /// The API's own event, of `stream_event` lines.
    #[serde(borrow, default)]
    pub event: Option<StreamEvent<'a>>,
    /// Of a `message_stop`: what is given up because the stream broke and the request is repeated.
    #[serde(borrow, default)]
    pub abandoned_blocks: Option<&'a RawValue>,
}

/// An event of the Messages API.
#[derive(Debug, Deserialize)]
pub(crate) struct StreamEvent<'a> {
    /// `message_start`, `content_block_start`, `content_block_delta`, …
    #[serde(rename = "type", borrow, default)]
    pub kind: Text<'a>,
    /// Of `message_start`.
    #[serde(borrow, default)]
    pub message: Option<MessageId<'a>>,
    /// Of `content_block_start`.
    #[serde(borrow, default)]
    pub content_block: Option<BlockKind<'a>>,
    /// Of `content_block_delta`.
    #[serde(borrow, default)]
    pub delta: Option<Delta<'a>>,
}

/// See [`StreamEvent::message`].
#[derive(Debug, Deserialize)]
pub(crate) struct MessageId<'a> {
    #[serde(borrow, default)]
    pub id: Text<'a>,
}

/// See [`StreamEvent::content_block`].
#[derive(Debug, Deserialize)]
pub(crate) struct BlockKind<'a> {
    /// `text`, `thinking`, `tool_use`, …
    #[serde(rename = "type", borrow, default)]
    pub kind: Text<'a>,
    /// Of `tool_use`: the call's id.
    #[serde(borrow, default)]
    pub id: Option<Text<'a>>,
    /// First text of a text block, usually empty.
    #[serde(borrow, default)]
    pub text: Option<Text<'a>>,
}

/// See [`StreamEvent::delta`].
#[derive(Debug, Deserialize)]
pub(crate) struct Delta<'a> {
    /// `text_delta`, `thinking_delta`, `input_json_delta`, …
    #[serde(rename = "type", borrow, default)]
    pub kind: Text<'a>,
    /// Of `text_delta`.
    #[serde(borrow, default)]
    pub text: Option<Text<'a>>,
    /// Of `thinking_delta`.
    #[serde(borrow, default)]
    pub thinking: Option<Text<'a>>,
    /// Of `message_delta`: why the model stops.
    #[serde(borrow, default)]
    pub stop_reason: Option<Text<'a>>,
}

impl<'a> Envelope<'a> {
    /// Index of the first block that is given up, if any.
    pub(crate) fn abandoned_from(&self) -> Option<u64> {
        let raw = self.abandoned_blocks.filter(|raw| raw.get() != "null")?;
        let from = Object::read(raw.get()).ok().and_then(|it| it.raw("from_block_index"));
        // Without an index the whole message is given up.
        Some(from.and_then(|from| from.get().parse().ok()).unwrap_or_default())
    }

    /// Reads a line in one pass, or field by field where that fails.
    pub(crate) fn read(line: &'a str) -> serde_json::Result<Self> {
        match serde_json::from_str::<Self>(line) {
            Ok(envelope) if envelope.is_told_apart() => Ok(envelope),
            _ => Object::read(line).map(|line| Self::of(&line)),
        }
    }

    /// Whether the line has a `type`.
    fn is_told_apart(&self) -> bool {
        let event = self.event.as_ref().map(|event| event.kind.as_str());
        match self.kind.as_str() {
            "" => false,
            "system" => self.subtype.is_some(),
            "stream_event" => event.is_some_and(|kind| !kind.is_empty()),
            _ => true,
        }
    }

    fn of(line: &Object<'a>) -> Self {
        let kind = line.text("type");
        let subtype = line.text("subtype");
        Self {
            kind: kind.unwrap_or_else(|| Text(shape(line).into())),
            subtype: subtype.or_else(|| Some(Text(system_shape(line)?.into()))),
            parent_tool_use_id: line.text("parent_tool_use_id"),
            event: line.object("event").map(|event| StreamEvent::of(&event)),
            abandoned_blocks: line.raw("abandoned_blocks"),
        }
    }
}

impl<'a> StreamEvent<'a> {
    fn of(event: &Object<'a>) -> Self {
        let block = event.object("content_block");
        let delta = event.object("delta");
        let id = |message: Object<'a>| message.text("id").unwrap_or_default();
        Self {
            kind: event.text("type").unwrap_or_else(|| Text(event_shape(event).into())),
            message: event.object("message").map(|message| MessageId { id: id(message) }),
            content_block: block.map(|block| BlockKind {
                kind: block.text("type").unwrap_or_default(),
                id: block.text("id"),
                text: block.text("text"),
            }),
            delta: delta.map(|delta| Delta {
                kind: delta.text("type").unwrap_or_default(),
                text: delta.text("text"),
                thinking: delta.text("thinking"),
                stop_reason: delta.text("stop_reason"),
            }),
        }
    }
}

/// The kind of a line without a `type`, guessed by fields that only this kind has.
fn shape(line: &Object<'_>) -> &'static str {
    let has = |names: &[&str]| names.iter().any(|name| line.raw(name).is_some());
    let role = || line.object("message").and_then(|message| message.text("role"));
    if has(&["terminal_reason", "total_cost_usd", "num_turns"]) {
        "result"
    } else if line.object("event").is_some() {
        "stream_event"
    } else if has(&["request"]) && has(&["request_id"]) {
        "control_request"
    } else if has(&["response"]) {
        "control_response"
    } else if system_shape(line).is_some() {
        "system"
    } else {
        match role().as_ref().map(Text::as_str) {
            Some("assistant") => "assistant",
            Some("user") => "user",
            _ => "",
        }
    }
}

/// The subtype of a `system` line without one.
fn system_shape(line: &Object<'_>) -> Option<&'static str> {
    let has = |name: &str| line.raw(name).is_some();
    if has("tools") && (has("permissionMode") || has("claude_code_version")) {
        Some("init")
    } else if has("retry_delay_ms") {
        Some("api_retry")
    } else {
        None
    }
}

/// The kind of an event without a `type`.
fn event_shape(event: &Object<'_>) -> &'static str {
    let delta = event.object("delta");
    let has = |name: &str| delta.as_ref().is_some_and(|delta| delta.raw(name).is_some());
    if event.raw("message").is_some() {
        "message_start"
    } else if event.raw("content_block").is_some() {
        "content_block_start"
    } else if has("text") || has("thinking") {
        "content_block_delta"
    } else if has("stop_reason") {
        "message_delta"
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_read_field_by_field_says_the_same() {
        for line in [
            r#"{"type":"stream_event","event":{"type":"message_start","message":{"id":"m"}},"parent_tool_use_id":null}"#,
            r#"{"type":"stream_event","event":{"type":"content_block_start","content_block":{"type":"text","text":"é"}}}"#,
            r#"{"type":"stream_event","event":{"type":"content_block_delta","delta":{"type":"text_delta","text":"\n"}}}"#,
            r#"{"type":"stream_event","event":{"type":"content_block_delta","delta":{"type":"thinking_delta","thinking":"x"}}}"#,
            r#"{"type":"stream_event","event":{"type":"message_delta","delta":{"stop_reason":"end_turn"}}}"#,
            r#"{"type":"assistant","parent_tool_use_id":"t","message":{}}"#,
            r#"{"type":"system","subtype":"init","tools":[]}"#,
        ] {
            let at_once: Envelope<'_> = serde_json::from_str(line).unwrap();
            let by_field = Envelope::of(&Object::read(line).unwrap());
            assert_eq!(format!("{at_once:?}"), format!("{by_field:?}"));
        }
    }
}
