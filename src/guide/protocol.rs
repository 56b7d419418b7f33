//! Line protocol of the built-in agents: parses their input and builds their control lines. Pure.
//!
//! The lines have Claude Code's format, because the server reads all agents with one codec. What an
//! agent says within a turn is built in [`lines`](super::lines).

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{effort, tools};

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
    /// Bounds what a model thinks before it answers.
    Thinking {
        request_id: String,
        /// `None` leaves it to the model.
        most_tokens: Option<u64>,
    },
    /// What the agent itself has requested.
    Response(CallResponse),
    /// The conversation so far: its turns, the oldest first.
    History(Vec<Value>),
    /// What the answer to the next question begins with.
    Note(String),
    /// An unknown control request.
    Unsupported {
        request_id: String,
        subtype: String,
    },
    /// A valid line that does not concern the agent.
    Ignored,
    /// An invalid line, with the reason.
    Garbage(String),
}

/// The answer to a control request of the agent.
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
    /// Whether anything but text is attached, which the guide cannot read.
    pub has_attachments: bool,
    /// The images among them, as blocks, for an agent with a model.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<Value>,
    /// What the answer begins with, in Markdown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
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
        Some("history") => match value.get("turns").and_then(Value::as_array) {
            Some(turns) => InputLine::History(turns.clone()),
            None => InputLine::Garbage("a history without turns".to_owned()),
        },
        Some("note") => match value.get("text").and_then(Value::as_str) {
            Some(text) => InputLine::Note(text.to_owned()),
            None => InputLine::Garbage("a note without text".to_owned()),
        },
        Some(_) => InputLine::Ignored,
        None => InputLine::Garbage("no type".to_owned()),
    }
}

fn ask(value: &Value) -> InputLine {
    let content = value.pointer("/message/content");
    let (text, has_attachments, images) = match content {
        Some(Value::String(text)) => (text.clone(), false, Vec::new()),
        Some(Value::Array(blocks)) => {
            let texts: Vec<&str> = blocks
                .iter()
                .filter_map(|block| block.get("text").and_then(Value::as_str))
                .collect();
            let has_attachments = texts.len() < blocks.len();
            let images = blocks.iter().filter(|block| block["type"] == "image").cloned();
            (texts.join("\n"), has_attachments, images.collect())
        }
        _ => return InputLine::Garbage("a user line without content".to_owned()),
    };
    InputLine::Question(UserQuestion {
        text,
        has_attachments,
        images,
        note: None,
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
        Some(effort::REQUEST) => InputLine::Thinking {
            request_id,
            most_tokens: value.pointer("/request/max_thinking_tokens").and_then(Value::as_u64),
        },
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

/// The control request that sends a message to the server of the project's tools.
pub(crate) fn tool_request(request_id: &str, method: &str, params: &Value) -> Value {
    json!({
        "type": "control_request",
        "request_id": request_id,
        "request": {
            "subtype": "mcp_message",
            "server_name": tools::SERVER_NAME,
            "message": {"jsonrpc": "2.0", "id": 1, "method": method, "params": params},
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

/// The response to the handshake of an agent with one model, and what is said of that.
pub(crate) fn initialize_response(model: &str, name: &str, description: &str) -> Value {
    json!({
        "commands": [],
        "agents": [],
        "output_style": "default",
        "available_output_styles": ["default"],
        "models": [{"value": model, "displayName": name, "description": description}],
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_read_from_text_and_from_blocks() {
        let plain = r#"{"type":"user","message":{"role":"user","content":"hi"}}"#;
        let blocks = r#"{"type":"user","message":{"role":"user","content":[{"type":"text","text":"hi"},{"type":"image"}]}}"#;
        for (line, has_attachments) in [(plain, false), (blocks, true)] {
            let image = has_attachments.then(|| json!({"type": "image"}));
            let expected = UserQuestion {
                text: "hi".to_owned(),
                has_attachments,
                images: image.into_iter().collect(),
                note: None,
                wants_answer: true,
            };
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
