//! Chat completions: the dialect that nearly every service speaks. Pure.

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use crate::json;

use super::{
    failure::{self, ServiceError},
    reply::{CallDelta, ModelReply, Piece, RequestUsage},
};

/// The data of the last event.
const DONE: &str = "[DONE]";

/// A part of a stream, or a whole answer.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Chunk<'a> {
    #[serde(borrow)]
    choices: Option<&'a RawValue>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Choice<'a> {
    /// Of a stream.
    #[serde(borrow)]
    delta: Option<&'a RawValue>,
    /// Of a whole answer.
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    #[serde(deserialize_with = "json::lenient")]
    finish_reason: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Delta<'a> {
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(deserialize_with = "json::lenient")]
    reasoning_content: Option<String>,
    #[serde(deserialize_with = "json::lenient")]
    reasoning: Option<String>,
    #[serde(deserialize_with = "json::lenient")]
    refusal: Option<String>,
    #[serde(borrow)]
    tool_calls: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Call<'a> {
    #[serde(deserialize_with = "json::lenient_u64")]
    index: Option<u64>,
    #[serde(deserialize_with = "json::lenient")]
    id: Option<String>,
    #[serde(borrow)]
    function: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Function<'a> {
    #[serde(deserialize_with = "json::lenient")]
    name: Option<String>,
    /// A string; some services give the object itself.
    #[serde(borrow)]
    arguments: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Usage<'a> {
    #[serde(deserialize_with = "json::lenient_u64")]
    prompt_tokens: Option<u64>,
    #[serde(deserialize_with = "json::lenient_u64")]
    completion_tokens: Option<u64>,
    #[serde(borrow)]
    prompt_tokens_details: Option<&'a RawValue>,
    #[serde(deserialize_with = "json::lenient_f64")]
    cost: Option<f64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct InputDetails {
    #[serde(deserialize_with = "json::lenient_u64")]
    cached_tokens: Option<u64>,
}

/// Reads the data of one event, or the body of an answer that is no stream, into the reply. Gives
/// the pieces to show.
pub(super) fn read(data: &str, reply: &mut ModelReply) -> Result<Vec<Piece>, ServiceError> {
    let data = data.trim();
    if data == DONE {
        reply.is_done = true;
        return Ok(Vec::new());
    }
    let chunk: Chunk<'_> = json::read(data).map_err(|_| ServiceError::unreadable(data))?;
    if let Some(error) = chunk.error.filter(|error| error.get() != "null") {
        return Err(failure::in_stream(error.get()));
    }
    if let Some(usage) = chunk.usage.map(|usage| lenient::<Usage<'_>>(usage.get())) {
        read_usage(&usage, &mut reply.usage);
    }
    let mut pieces = Vec::new();
    // Other choices would be other answers.
    let choices = chunk.choices.and_then(|choices| json::list(choices.get()).ok());
    if let Some(choice) = choices.and_then(|choices| choices.into_iter().next()) {
        let choice: Choice<'_> = lenient(choice.get());
        if let Some(delta) = choice.delta.or(choice.message) {
            read_delta(lenient(delta.get()), reply, &mut pieces);
        }
        if let Some(reason) = choice.finish_reason.filter(|reason| !reason.is_empty()) {
            reply.finish = Some(reason);
        }
    }
    Ok(pieces)
}

fn read_delta(delta: Delta<'_>, reply: &mut ModelReply, pieces: &mut Vec<Piece>) {
    if let Some(thinking) = delta.reasoning_content.or(delta.reasoning) {
        pieces.extend(reply.add_thinking(&thinking));
    }
    if let Some(text) = delta.content.and_then(|content| text_of(content.get())) {
        pieces.extend(reply.add_text(&text));
    }
    if let Some(refusal) = delta.refusal {
        pieces.extend(reply.add_text(&refusal));
    }
    let calls = delta.tool_calls.and_then(|calls| json::list(calls.get()).ok());
    for call in calls.into_iter().flatten() {
        let call: Call<'_> = lenient(call.get());
        let function: Function<'_> = call.function.map(|it| lenient(it.get())).unwrap_or_default();
        reply.add_call(CallDelta {
            index: call.index,
            id: call.id,
            name: function.name,
            arguments: function.arguments.map(|it| arguments_of(it.get())).unwrap_or_default(),
        });
    }
}

/// The text of a content: a string, or parts with texts.
fn text_of(content: &str) -> Option<String> {
    #[derive(Debug, Default, Deserialize)]
    #[serde(default)]
    struct Part {
        #[serde(deserialize_with = "json::lenient")]
        text: Option<String>,
    }
    if let Ok(text) = serde_json::from_str::<String>(content) {
        return Some(text);
    }
    let parts = json::list(content).ok()?;
    Some(parts.iter().filter_map(|part| lenient::<Part>(part.get()).text).collect())
}

fn arguments_of(arguments: &str) -> String {
    match arguments {
        "null" => String::new(),
        _ => serde_json::from_str(arguments).unwrap_or_else(|_| arguments.to_owned()),
    }
}

fn read_usage(usage: &Usage<'_>, total: &mut RequestUsage) {
    let details = usage.prompt_tokens_details.map(|it| owned::<InputDetails>(it.get()));
    // Services that report usage along the way report its sum.
    total.input = usage.prompt_tokens.or(total.input);
    total.output = usage.completion_tokens.or(total.output);
    total.cached = details.and_then(|details| details.cached_tokens).or(total.cached);
    total.cost = usage.cost.or(total.cost);
}

fn lenient<'a, T: Deserialize<'a> + Default>(text: &'a str) -> T {
    json::read(text).unwrap_or_default()
}

fn owned<T: DeserializeOwned + Default>(text: &str) -> T {
    json::read(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read_all(events: &[&str]) -> ModelReply {
        let mut reply = ModelReply::default();
        for event in events {
            read(event, &mut reply).unwrap();
        }
        reply.finish();
        reply
    }

    fn one(value: serde_json::Value) -> String {
        json!({"choices": [value]}).to_string()
    }

    #[test]
    fn text_comes_in_pieces_and_every_field_may_be_missing_or_odd() {
        let mut reply = ModelReply::default();
        for event in [
            one(json!({"delta": {"role": "assistant", "content": null}, "finish_reason": null})),
            one(json!({"delta": {"content": "Hel"}, "finish_reason": ""})),
            one(json!({"delta": {"content": [{"type": "text", "text": "lo"}]}})),
            one(json!({"delta": 7})),
            one(json!(null)),
            json!({"choices": {}}).to_string(),
            json!({"usage": {}}).to_string(),
            json!({"usage": null, "error": null, "choices": []}).to_string(),
            "{}".to_owned(),
        ] {
            read(&event, &mut reply).unwrap();
        }
        assert_eq!((reply.text.as_str(), reply.is_broken_off()), ("Hello", true));
        read(&one(json!({"delta": {}, "finish_reason": "stop"})), &mut reply).unwrap();
        assert!(!reply.is_broken_off());
        assert!(read("<html>", &mut reply).is_err());
    }

    #[test]
    fn reasoning_is_thinking_under_both_of_its_names() {
        let mut reply = ModelReply::default();
        for name in ["reasoning", "reasoning_content"] {
            let pieces = read(&one(json!({"delta": {name: "hm"}})), &mut reply).unwrap();
            assert_eq!(pieces, [Piece::Thinking("hm".to_owned())]);
        }
        assert_eq!((reply.thinking.as_str(), reply.text.as_str()), ("hmhm", ""));
    }

    #[test]
    fn usage_is_taken_in_all_its_shapes() {
        for (usage, expected) in [
            (json!({"prompt_tokens": 5, "completion_tokens": 2}), (Some(5), None, Some(2), None)),
            (
                json!({"prompt_tokens": "5", "prompt_tokens_details": {"cached_tokens": 4}, "cost": 0.5}),
                (Some(5), Some(4), None, Some(0.5)),
            ),
            (json!({"prompt_tokens": -1, "prompt_tokens_details": null}), (None, None, None, None)),
            (json!([]), (None, None, None, None)),
        ] {
            let RequestUsage { input, cached, output, cost } =
                read_all(&[&json!({"usage": usage}).to_string()]).usage;
            assert_eq!((input, cached, output, cost), expected, "{usage}");
        }
    }

    #[test]
    fn an_answer_that_is_no_stream_is_read_as_one() {
        let body = json!({"choices": [{"finish_reason": "tool_calls", "message": {
            "role": "assistant", "content": "So.",
            "tool_calls": [{"id": "x", "type": "function", "function": {"name": "read", "arguments": {"path": "a"}}}],
        }}], "usage": {"prompt_tokens": 3}});
        let reply = read_all(&[&body.to_string()]);
        assert_eq!((reply.text.as_str(), reply.usage.input), ("So.", Some(3)));
        assert_eq!(reply.calls[0].parsed().unwrap()["path"], "a");
    }

    #[test]
    fn an_error_within_a_stream_is_one() {
        for error in [
            json!({"error": {"message": "out of memory", "code": 500}}),
            json!({"error": "out of memory"}),
            json!({"choices": [], "error": {"message": "out of memory", "metadata": {}}}),
        ] {
            let failed = read(&error.to_string(), &mut ModelReply::default()).unwrap_err();
            assert!(failed.to_string().contains("out of memory"), "{failed}");
        }
    }
}
