//! Line protocol: parses the guide's input and builds its output lines. Pure.
//!
//! The lines have Claude Code's format, because the server reads both with one codec.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::tools;

/// The model name that the guide reports.
pub(crate) const MODEL: &str = "guide";
/// The tools that the guide uses, by the names that agents give them.
pub(crate) const TOOLS: &[&str] = &["Glob", "Grep", "Read"];

/// A parsed line of input.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum InputLine {
    /// A question of the user.
    Question(UserQuestion),
    Initialize {
        request_id: String,
    },
    /// Requests to end the running turn.
    Interrupt {
        request_id: String,
    },
    /// What the guide itself has requested.
    Response(CallResponse),
    /// An unknown control request.
    Unsupported {
        request_id: String,
        subtype: String,
    },
    /// A valid line that does not concern the guide.
    Ignored,
    /// An invalid line, with the reason.
    Garbage(String),
}

/// The answer to a control request of the guide.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CallResponse {
    pub request_id: String,
    /// The error is in words.
    pub response: Result<Value, String>,
}

/// A question of the user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UserQuestion {
    pub text: String,
    /// Whether images or documents are attached, which the guide cannot read.
    pub has_attachments: bool,
    /// Whether to answer; otherwise the turn has only its start and end.
    pub wants_answer: bool,
}

/// Parses a line of input.
pub(crate) fn parse(line: &str) -> InputLine {
    if line.trim().is_empty() {
        return InputLine::Ignored;
    }
    let value = match crate::json::value(line) {
        Ok(value) => value,
        Err(error) => return InputLine::Garbage(error.to_string()),
    };
    match value.get("type").and_then(Value::as_str) {
        Some("user") => ask(&value),
        Some("control_request") => control(&value),
        Some("control_response") => response(&value),
        Some(_) => InputLine::Ignored,
        None => InputLine::Garbage("no type".to_owned()),
    }
}

fn ask(value: &Value) -> InputLine {
    let content = value.pointer("/message/content");
    let (text, has_attachments) = match content {
        Some(Value::String(text)) => (text.clone(), false),
        Some(Value::Array(blocks)) => {
            let texts: Vec<&str> = blocks
                .iter()
                .filter_map(|block| block.get("text").and_then(Value::as_str))
                .collect();
            let has_attachments = texts.len() < blocks.len();
            (texts.join("\n"), has_attachments)
        }
        _ => return InputLine::Garbage("a user line without content".to_owned()),
    };
    InputLine::Question(UserQuestion {
        text,
        has_attachments,
        wants_answer: value.get("shouldQuery") != Some(&Value::Bool(false)),
    })
}

fn control(value: &Value) -> InputLine {
    let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str);
    let Some(request_id) = text("/request_id").map(str::to_owned) else {
        return InputLine::Garbage("a control request without request_id".to_owned());
    };
    match text("/request/subtype") {
        Some("initialize") => InputLine::Initialize { request_id },
        Some("interrupt") => InputLine::Interrupt { request_id },
        subtype => {
            InputLine::Unsupported { request_id, subtype: subtype.unwrap_or_default().to_owned() }
        }
    }
}

fn response(value: &Value) -> InputLine {
    let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str);
    let Some(request_id) = text("/response/request_id").map(str::to_owned) else {
        return InputLine::Garbage("a control response without request_id".to_owned());
    };
    let response = match text("/response/subtype") {
        Some("success") => Ok(value.pointer("/response/response").cloned().unwrap_or_default()),
        _ => Err(text("/response/error").unwrap_or("the request failed").to_owned()),
    };
    InputLine::Response(CallResponse { request_id, response })
}

/// The control request that calls a tool of the server named `project`.
pub(crate) fn tool_call(request_id: &str, tool: &str, arguments: &impl Serialize) -> Value {
    json!({
        "type": "control_request",
        "request_id": request_id,
        "request": {
            "subtype": "mcp_message",
            "server_name": tools::SERVER_NAME,
            "message": {
                "jsonrpc": "2.0",
                "id": 1,
                "method": "tools/call",
                "params": {"name": tool, "arguments": json!(arguments)},
            },
        },
    })
}

/// The answer to a control request that succeeded.
pub(crate) fn control_success(request_id: &str, response: Option<Value>) -> Value {
    let mut inner = json!({"subtype": "success", "request_id": request_id});
    if let (Some(inner), Some(response)) = (inner.as_object_mut(), response) {
        inner.insert("response".to_owned(), response);
    }
    json!({"type": "control_response", "response": inner})
}

/// The response to the handshake.
pub(crate) fn initialize_response() -> Value {
    json!({
        "commands": [],
        "agents": [],
        "output_style": "default",
        "available_output_styles": ["default"],
        "models": [{
            "value": MODEL,
            "displayName": "Guide",
            "description": "Answers from the project's files, without a language model",
        }],
        "account": {},
        "pid": std::process::id(),
    })
}

/// The answer to a control request that is not supported.
pub(crate) fn control_error(request_id: &str, error: &str) -> Value {
    json!({
        "type": "control_response",
        "response": {"subtype": "error", "request_id": request_id, "error": error},
    })
}

/// Builds the lines of one conversation.
#[derive(Debug)]
pub(crate) struct ProtocolLines {
    session_id: String,
}

/// The summary of a turn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TurnEnd<'a> {
    /// The whole text of the answer.
    pub text: &'a str,
    pub duration_ms: u64,
    pub n_messages: u32,
}

impl ProtocolLines {
    pub(crate) fn new() -> Self {
        Self { session_id: Uuid::new_v4().to_string() }
    }

    fn stamp(&self, mut value: Value) -> Value {
        if let Some(fields) = value.as_object_mut() {
            self.add_stamp(fields);
        }
        value
    }

    fn add_stamp(&self, fields: &mut Map<String, Value>) {
        fields.insert("session_id".to_owned(), json!(self.session_id));
        fields.insert("uuid".to_owned(), json!(Uuid::new_v4().to_string()));
    }

    /// The first line of each turn: what the guide runs with.
    pub(crate) fn init(&self, cwd: &str) -> Value {
        self.stamp(json!({
            "type": "system",
            "subtype": "init",
            "cwd": cwd,
            "tools": TOOLS,
            "mcp_servers": [],
            "model": MODEL,
            "permissionMode": "dontAsk",
            "slash_commands": [],
            "apiKeySource": "none",
            "claude_code_version": env!("CARGO_PKG_VERSION"),
            "output_style": "default",
            "agents": [],
            "skills": [],
            "plugins": [],
        }))
    }

    fn event(&self, event: &Value) -> Value {
        self.stamp(json!({"type": "stream_event", "event": event, "parent_tool_use_id": null}))
    }

    /// A message of the guide begins.
    pub(crate) fn message_start(&self, message_id: &str) -> Value {
        self.event(&json!({"type": "message_start", "message": message(message_id, &json!([]))}))
    }

    /// A block of text begins.
    pub(crate) fn text_start(&self, index: usize) -> Value {
        self.event(&json!({
            "type": "content_block_start",
            "index": index,
            "content_block": {"type": "text", "text": ""},
        }))
    }

    /// A piece of the open block.
    pub(crate) fn text_delta(&self, index: usize, text: &str) -> Value {
        self.event(&json!({
            "type": "content_block_delta",
            "index": index,
            "delta": {"type": "text_delta", "text": text},
        }))
    }

    /// The use of a tool begins.
    pub(crate) fn tool_start(&self, index: usize, id: &str, tool: &str) -> Value {
        self.event(&json!({
            "type": "content_block_start",
            "index": index,
            "content_block": {"type": "tool_use", "id": id, "name": tool, "input": {}},
        }))
    }

    /// The input of the tool.
    pub(crate) fn tool_delta(&self, index: usize, input: &Value) -> Value {
        self.event(&json!({
            "type": "content_block_delta",
            "index": index,
            "delta": {"type": "input_json_delta", "partial_json": input.to_string()},
        }))
    }

    /// The open block ends.
    pub(crate) fn block_stop(&self, index: usize) -> Value {
        self.event(&json!({"type": "content_block_stop", "index": index}))
    }

    /// The message ends, for this reason: `tool_use` or `end_turn`.
    pub(crate) fn message_delta(&self, stop_reason: &str) -> Value {
        self.event(&json!({
            "type": "message_delta",
            "delta": {"stop_reason": stop_reason, "stop_sequence": null},
            "usage": usage(),
        }))
    }

    /// The message has ended.
    pub(crate) fn message_stop(&self) -> Value {
        self.event(&json!({"type": "message_stop"}))
    }

    /// A finished block of a message.
    pub(crate) fn assistant(&self, message_id: &str, block: &Value) -> Value {
        self.stamp(json!({
            "type": "assistant",
            "message": message(message_id, &json!([block])),
            "parent_tool_use_id": null,
        }))
    }

    /// What a tool gave back.
    pub(crate) fn tool_result(&self, id: &str, content: &str, is_error: bool) -> Value {
        self.stamp(json!({
            "type": "user",
            "message": {
                "role": "user",
                "content": [{
                    "tool_use_id": id,
                    "type": "tool_result",
                    "content": content,
                    "is_error": is_error,
                }],
            },
            "parent_tool_use_id": null,
        }))
    }

    /// The user has interrupted.
    pub(crate) fn interrupted(&self) -> Value {
        self.stamp(json!({
            "type": "user",
            "message": {
                "role": "user",
                "content": [{"type": "text", "text": "[Request interrupted by user]"}],
            },
            "parent_tool_use_id": null,
        }))
    }

    /// The turn ended with an answer.
    pub(crate) fn success(&self, end: TurnEnd<'_>) -> Value {
        let mut result = result("success", false, end);
        result.insert("result".to_owned(), json!(end.text));
        result.insert("stop_reason".to_owned(), json!("end_turn"));
        result.insert("terminal_reason".to_owned(), json!("completed"));
        self.add_stamp(&mut result);
        Value::Object(result)
    }

    /// The turn ended by an interrupt.
    pub(crate) fn aborted(&self, end: TurnEnd<'_>) -> Value {
        self.error(end, "aborted_streaming", "interrupted by the user")
    }

    /// The turn ended without an answer, for this reason.
    pub(crate) fn failed(&self, end: TurnEnd<'_>, why: &str) -> Value {
        self.error(end, "failed", why)
    }

    fn error(&self, end: TurnEnd<'_>, terminal_reason: &str, why: &str) -> Value {
        let mut result = result("error_during_execution", true, end);
        result.insert("stop_reason".to_owned(), Value::Null);
        result.insert("terminal_reason".to_owned(), json!(terminal_reason));
        result.insert("errors".to_owned(), json!([why]));
        self.add_stamp(&mut result);
        Value::Object(result)
    }
}

impl Default for ProtocolLines {
    fn default() -> Self {
        Self::new()
    }
}

fn message(id: &str, content: &Value) -> Value {
    json!({
        "id": id,
        "type": "message",
        "role": "assistant",
        "model": MODEL,
        "content": content,
        "stop_reason": null,
        "stop_sequence": null,
        "usage": usage(),
    })
}

fn usage() -> Value {
    json!({
        "input_tokens": 0,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": 0,
    })
}

fn result(subtype: &str, is_error: bool, end: TurnEnd<'_>) -> Map<String, Value> {
    let mut fields = Map::new();
    fields.insert("type".to_owned(), json!("result"));
    fields.insert("subtype".to_owned(), json!(subtype));
    fields.insert("is_error".to_owned(), json!(is_error));
    fields.insert("duration_ms".to_owned(), json!(end.duration_ms));
    fields.insert("duration_api_ms".to_owned(), json!(0));
    fields.insert("num_turns".to_owned(), json!(end.n_messages));
    fields.insert("total_cost_usd".to_owned(), json!(0));
    fields.insert("usage".to_owned(), usage());
    fields.insert("permission_denials".to_owned(), json!([]));
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_read_from_text_and_from_blocks() {
        let plain = r#"{"type":"user","message":{"role":"user","content":"hi"}}"#;
        let blocks = r#"{"type":"user","message":{"role":"user","content":[{"type":"text","text":"hi"},{"type":"image"}]}}"#;
        for (line, has_attachments) in [(plain, false), (blocks, true)] {
            let expected =
                UserQuestion { text: "hi".to_owned(), has_attachments, wants_answer: true };
            assert_eq!(parse(line), InputLine::Question(expected));
        }
    }

    #[test]
    fn control_requests_are_told_apart() {
        let line = |subtype: &str| {
            parse(&format!(
                r#"{{"type":"control_request","request_id":"a","request":{{"subtype":"{subtype}"}}}}"#
            ))
        };
        let request_id = || "a".to_owned();
        assert_eq!(line("initialize"), InputLine::Initialize { request_id: request_id() });
        assert_eq!(line("interrupt"), InputLine::Interrupt { request_id: request_id() });
        assert!(
            matches!(line("set_model"), InputLine::Unsupported { subtype, .. } if subtype == "set_model")
        );
    }

    #[test]
    fn odd_values_cost_themselves_alone() {
        for (content, text) in [
            (r#""a \ud83d b""#, "a \u{fffd} b"),
            (r#"[{"type":"text","text":"\udc00"},{"type":"image"}]"#, "\u{fffd}"),
        ] {
            let line = format!(
                r#"{{"type":"user","odd":1e999,"message":{{"content":{content},"odd":-1e999}}}}"#
            );
            assert!(matches!(parse(&line), InputLine::Question(ask) if ask.text == text), "{line}");
        }
        let line =
            r#"{"type":"control_request","request_id":"\ud83d","request":{"subtype":"interrupt"}}"#;
        assert_eq!(parse(line), InputLine::Interrupt { request_id: "\u{fffd}".to_owned() });
    }

    #[test]
    fn garbage_is_told_from_what_does_not_concern_the_guide() {
        for garbage in
            ["{", "null", "[]", "12", r#"{"type":"user"}"#, r#"{"type":"control_request"}"#]
        {
            assert!(matches!(parse(garbage), InputLine::Garbage(_)), "{garbage}");
        }
        for ignored in ["", "  ", r#"{"type":"keep_alive"}"#] {
            assert_eq!(parse(ignored), InputLine::Ignored, "{ignored}");
        }
    }
}
