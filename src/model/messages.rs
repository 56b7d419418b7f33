//! Messages: Anthropic's dialect, which other services offer too. Pure.

use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use crate::json;

use super::{
    failure::{self, ServiceError},
    reply::{CallDelta, ModelReply, Piece},
};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Event<'a> {
    #[serde(rename = "type", deserialize_with = "json::lenient")]
    kind: String,
    #[serde(deserialize_with = "json::lenient_u64")]
    index: Option<u64>,
    /// Of `message_start`.
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    /// Of `content_block_start`.
    #[serde(borrow)]
    content_block: Option<&'a RawValue>,
    /// Of `content_block_delta` and `message_delta`.
    #[serde(borrow)]
    delta: Option<&'a RawValue>,
    /// Of `message_delta`.
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Message<'a> {
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
}

/// A block as it begins, or a piece of it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Block<'a> {
    #[serde(rename = "type", deserialize_with = "json::lenient")]
    kind: String,
    #[serde(deserialize_with = "json::lenient")]
    id: Option<String>,
    #[serde(deserialize_with = "json::lenient")]
    name: Option<String>,
    /// Of a tool's use; an object.
    #[serde(borrow)]
    input: Option<&'a RawValue>,
    #[serde(deserialize_with = "json::lenient")]
    text: Option<String>,
    #[serde(deserialize_with = "json::lenient")]
    thinking: Option<String>,
    #[serde(deserialize_with = "json::lenient")]
    signature: Option<String>,
    #[serde(deserialize_with = "json::lenient")]
    partial_json: Option<String>,
    /// Of `redacted_thinking`.
    #[serde(deserialize_with = "json::lenient")]
    data: Option<String>,
    /// Of `message_delta`.
    #[serde(deserialize_with = "json::lenient")]
    stop_reason: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Usage {
    #[serde(deserialize_with = "json::lenient_u64")]
    input_tokens: Option<u64>,
    #[serde(deserialize_with = "json::lenient_u64")]
    cache_read_input_tokens: Option<u64>,
    #[serde(deserialize_with = "json::lenient_u64")]
    cache_creation_input_tokens: Option<u64>,
    #[serde(deserialize_with = "json::lenient_u64")]
    output_tokens: Option<u64>,
}

/// The thinking of a reply as it has to be sent back within the turn: unchanged, with its signature.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct SignedThinking {
    blocks: Vec<(Option<u64>, ThinkingBlock)>,
}

#[derive(Debug, Clone, PartialEq)]
enum ThinkingBlock {
    Shown { thinking: String, signature: String },
    Redacted { data: String },
}

impl SignedThinking {
    /// The blocks as content; those without a signature are refused by services, and left out.
    pub(super) fn content(&self) -> Vec<Value> {
        let block = |block: &ThinkingBlock| match block {
            ThinkingBlock::Shown { signature, .. } if signature.is_empty() => None,
            ThinkingBlock::Shown { thinking, signature } => Some(serde_json::json!({
                "type": "thinking", "thinking": thinking, "signature": signature,
            })),
            ThinkingBlock::Redacted { data } => {
                Some(serde_json::json!({"type": "redacted_thinking", "data": data}))
            }
        };
        self.blocks.iter().filter_map(|(_, it)| block(it)).collect()
    }

    /// Thinking without a signature, of another dialect.
    pub(super) fn unsigned(thinking: &str) -> Self {
        let mut signed = Self::default();
        signed.add(None, thinking, "");
        signed
    }

    /// All that was thought and shown.
    pub(super) fn text(&self) -> String {
        let shown = self.blocks.iter().map(|(_, block)| match block {
            ThinkingBlock::Shown { thinking, .. } => thinking.as_str(),
            ThinkingBlock::Redacted { .. } => "",
        });
        shown.collect()
    }

    fn add(&mut self, index: Option<u64>, thinking: &str, signature: &str) {
        if !matches!(self.blocks.last(), Some((at, ThinkingBlock::Shown { .. })) if *at == index) {
            let block = ThinkingBlock::Shown { thinking: String::new(), signature: String::new() };
            self.blocks.push((index, block));
        }
        if let Some((_, ThinkingBlock::Shown { thinking: all, signature: signed })) =
            self.blocks.last_mut()
        {
            all.push_str(thinking);
            signed.push_str(signature);
        }
    }
}

/// Reads the data of one event into the reply. Gives the pieces to show.
pub(super) fn read(
    data: &str,
    reply: &mut ModelReply,
    signed: &mut SignedThinking,
) -> Result<Vec<Piece>, ServiceError> {
    let event: Event<'_> = json::read(data).map_err(|_| ServiceError::unreadable(data))?;
    if let Some(error) = event.error.filter(|error| error.get() != "null") {
        return Err(failure::in_stream(error.get()));
    }
    let mut pieces = Vec::new();
    match event.kind.as_str() {
        "message_start" => {
            let message: Message<'_> = lenient(event.message);
            read_usage(message.usage, reply);
        }
        "content_block_start" => {
            let block: Block<'_> = lenient(event.content_block);
            read_start(block, event.index, reply, signed, &mut pieces);
        }
        "content_block_delta" => {
            read_delta(&lenient(event.delta), event.index, reply, signed, &mut pieces);
        }
        "message_delta" => {
            let delta: Block<'_> = lenient(event.delta);
            reply.finish = delta.stop_reason.or(reply.finish.take());
            read_usage(event.usage, reply);
        }
        "message_stop" => reply.is_done = true,
        _ => (),
    }
    Ok(pieces)
}

fn read_start(
    block: Block<'_>,
    index: Option<u64>,
    reply: &mut ModelReply,
    signed: &mut SignedThinking,
    pieces: &mut Vec<Piece>,
) {
    match block.kind.as_str() {
        "tool_use" => {
            let input =
                block.input.map(RawValue::get).filter(|input| !matches!(*input, "{}" | "null"));
            let arguments = input.unwrap_or_default().to_owned();
            reply.add_call(CallDelta { index, id: block.id, name: block.name, arguments });
        }
        "redacted_thinking" => {
            let data = block.data.unwrap_or_default();
            signed.blocks.push((index, ThinkingBlock::Redacted { data }));
        }
        _ => read_delta(&block, index, reply, signed, pieces),
    }
}

fn read_delta(
    delta: &Block<'_>,
    index: Option<u64>,
    reply: &mut ModelReply,
    signed: &mut SignedThinking,
    pieces: &mut Vec<Piece>,
) {
    if let Some(text) = &delta.text {
        pieces.extend(reply.add_text(text));
    }
    if let Some(arguments) = delta.partial_json.clone() {
        reply.add_call(CallDelta { index, id: None, name: None, arguments });
    }
    let thinking = delta.thinking.as_deref().map(|thinking| reply.add_thinking(thinking));
    if let Some(Some(Piece::Thinking(thinking))) = &thinking {
        signed.add(index, thinking, "");
    }
    pieces.extend(thinking.flatten());
    if let Some(signature) = &delta.signature {
        signed.add(index, "", signature);
    }
}

fn read_usage(usage: Option<&RawValue>, reply: &mut ModelReply) {
    let usage: Usage =
        usage.map(|usage| json::read(usage.get()).unwrap_or_default()).unwrap_or_default();
    let cached = usage.cache_read_input_tokens;
    let sent = [usage.input_tokens, cached, usage.cache_creation_input_tokens];
    // Each part is counted by itself; later events repeat what has come.
    if usage.input_tokens.is_some() {
        reply.usage.input = Some(sent.into_iter().flatten().sum());
    }
    reply.usage.cached = cached.or(reply.usage.cached);
    reply.usage.output = usage.output_tokens.or(reply.usage.output);
}

fn lenient<'a, T: Deserialize<'a> + Default>(value: Option<&'a RawValue>) -> T {
    value.and_then(|value| json::read(value.get()).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read_all(events: &[Value]) -> (ModelReply, SignedThinking) {
        let (mut reply, mut signed) = (ModelReply::default(), SignedThinking::default());
        for event in events {
            read(&event.to_string(), &mut reply, &mut signed).unwrap();
        }
        reply.finish();
        (reply, signed)
    }

    #[test]
    fn text_thinking_and_calls_are_read_and_thinking_keeps_its_signature() {
        let start = |index: u64, block: Value| json!({"type": "content_block_start", "index": index, "content_block": block});
        let delta = |index: u64, delta: Value| json!({"type": "content_block_delta", "index": index, "delta": delta});
        let (reply, signed) = read_all(&[
            json!({"type": "message_start", "message": {"usage": {"input_tokens": 5, "cache_read_input_tokens": 7, "output_tokens": 1}}}),
            json!({"type": "ping"}),
            start(0, json!({"type": "thinking", "thinking": "", "signature": ""})),
            delta(0, json!({"type": "thinking_delta", "thinking": "hm"})),
            delta(0, json!({"type": "signature_delta", "signature": "s1"})),
            json!({"type": "content_block_stop", "index": 0}),
            start(1, json!({"type": "redacted_thinking", "data": "xx"})),
            start(2, json!({"type": "text", "text": ""})),
            delta(2, json!({"type": "text_delta", "text": "So."})),
            start(3, json!({"type": "tool_use", "id": "t1", "name": "read", "input": {}})),
            delta(3, json!({"type": "input_json_delta", "partial_json": "{\"path\":"})),
            delta(3, json!({"type": "input_json_delta", "partial_json": "\"a\"}"})),
            start(4, json!({"type": "tool_use", "id": "t2", "name": "list"})),
            start(
                5,
                json!({"type": "tool_use", "id": "t3", "name": "read", "input": {"path": "b"}}),
            ),
            json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 9}}),
            json!({"type": "message_stop"}),
        ]);
        assert_eq!((reply.text.as_str(), reply.thinking.as_str()), ("So.", "hm"));
        let calls: Vec<_> =
            reply.calls.iter().map(|it| (it.id.as_str(), it.arguments.as_str())).collect();
        assert_eq!(calls, [("t1", "{\"path\":\"a\"}"), ("t2", ""), ("t3", "{\"path\":\"b\"}")]);
        assert_eq!(
            (reply.usage.input, reply.usage.cached, reply.usage.output),
            (Some(12), Some(7), Some(9))
        );
        assert_eq!(
            signed.content(),
            [
                json!({"type": "thinking", "thinking": "hm", "signature": "s1"}),
                json!({"type": "redacted_thinking", "data": "xx"}),
            ]
        );
        assert!(reply.is_done && reply.finish.as_deref() == Some("tool_use"));
    }

    #[test]
    fn an_error_after_the_start_is_one_in_both_of_its_shapes() {
        for error in [
            json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}),
            json!({"error": {"code": 500, "message": "Overloaded", "type": "server_error"}}),
        ] {
            let failed = read(
                &error.to_string(),
                &mut ModelReply::default(),
                &mut SignedThinking::default(),
            );
            assert!(failed.unwrap_err().to_string().contains("Overloaded"));
        }
    }

    #[test]
    fn thinking_without_a_signature_is_not_sent_back() {
        let (reply, signed) = read_all(&[
            json!({"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hm"}}),
            json!({"type": "unknown", "index": "x"}),
        ]);
        assert_eq!(reply.thinking, "hm");
        assert!(signed.content().is_empty());
    }
}
