//! The lines that a built-in agent says within a turn, in Claude Code's format. Pure.

use serde_json::{Map, Value, json};
use uuid::Uuid;

/// Builds the lines of one conversation.
#[derive(Debug)]
pub(crate) struct ProtocolLines {
    session_id: String,
    model: String,
}

/// Tokens of a turn, or of one message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct TokenCounts {
    /// Sent, and not read from a cache.
    pub input: u64,
    /// Sent, and read from a cache.
    pub cached: u64,
    pub output: u64,
}

/// The summary of a turn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TurnEnd<'a> {
    /// The whole text of the answer.
    pub text: &'a str,
    pub duration_ms: u64,
    pub n_messages: u32,
    pub tokens: TokenCounts,
    /// US dollars since the process started, if known.
    pub total_cost: Option<f64>,
}

/// A turn that failed, explained so that the words need no more than to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExplainedFailure {
    /// What failed, why, and how to mend it.
    pub words: String,
    /// `ask_again`, `new_conversation` or `fix_first`.
    pub remedy: &'static str,
}

/// The `terminal_reason` of an [`ExplainedFailure`].
pub(crate) const EXPLAINED: &str = "explained";

/// A request that is repeated.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestRetry<'a> {
    /// Number of the next attempt, from 1.
    pub attempt: u32,
    pub max_retries: u32,
    pub delay_ms: u64,
    /// HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// The kind of failure in the words of the protocol.
    pub error: &'a str,
}

impl ProtocolLines {
    /// The lines of an agent that reports this model.
    pub(crate) fn new(model: &str) -> Self {
        Self { session_id: Uuid::new_v4().to_string(), model: model.to_owned() }
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

    /// The first line of each turn: what the agent runs with.
    pub(crate) fn init(&self, cwd: &str, tools: &[impl AsRef<str>]) -> Value {
        let tools: Vec<&str> = tools.iter().map(AsRef::as_ref).collect();
        self.stamp(json!({
            "type": "system",
            "subtype": "init",
            "cwd": cwd,
            "tools": tools,
            "mcp_servers": [],
            "model": self.model,
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

    /// A message of the agent begins.
    pub(crate) fn message_start(&self, message_id: &str) -> Value {
        self.event(
            &json!({"type": "message_start", "message": self.message(message_id, &json!([]))}),
        )
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

    /// A block of thinking begins.
    pub(crate) fn thinking_start(&self, index: usize) -> Value {
        self.event(&json!({
            "type": "content_block_start",
            "index": index,
            "content_block": {"type": "thinking", "thinking": ""},
        }))
    }

    /// A piece of the open block of thinking.
    pub(crate) fn thinking_delta(&self, index: usize, thinking: &str) -> Value {
        self.event(&json!({
            "type": "content_block_delta",
            "index": index,
            "delta": {"type": "thinking_delta", "thinking": thinking},
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
    pub(crate) fn message_delta(&self, stop_reason: &str, tokens: TokenCounts) -> Value {
        self.event(&json!({
            "type": "message_delta",
            "delta": {"stop_reason": stop_reason, "stop_sequence": null},
            "usage": usage(tokens),
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
            "message": self.message(message_id, &json!([block])),
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

    /// A request to the service is repeated.
    pub(crate) fn api_retry(&self, retry: RequestRetry<'_>) -> Value {
        self.stamp(json!({
            "type": "system",
            "subtype": "api_retry",
            "attempt": retry.attempt,
            "max_retries": retry.max_retries,
            "retry_delay_ms": retry.delay_ms,
            "error_status": retry.status,
            "error": retry.error,
        }))
    }

    /// The agent is alive.
    pub(crate) fn keep_alive(&self) -> Value {
        json!({"type": "keep_alive"})
    }

    /// The turn ended with an answer, for this reason: `end_turn`, `max_tokens` or another of the
    /// protocol.
    pub(crate) fn success(&self, end: TurnEnd<'_>, stop_reason: &str) -> Value {
        let mut result = result("success", false, end);
        result.insert("result".to_owned(), json!(end.text));
        result.insert("stop_reason".to_owned(), json!(stop_reason));
        result.insert("terminal_reason".to_owned(), json!("completed"));
        self.add_stamp(&mut result);
        Value::Object(result)
    }

    /// The turn ended by an interrupt.
    pub(crate) fn aborted(&self, end: TurnEnd<'_>) -> Value {
        Value::Object(self.error(end, "aborted_streaming", "interrupted by the user"))
    }

    /// The turn ended without an answer, for this reason.
    pub(crate) fn failed(&self, end: TurnEnd<'_>, why: &str) -> Value {
        Value::Object(self.error(end, "failed", why))
    }

    /// The turn ended without an answer, or with a part of one, for a reason in words.
    pub(crate) fn explained(&self, end: TurnEnd<'_>, failure: &ExplainedFailure) -> Value {
        let mut result = self.error(end, EXPLAINED, &failure.words);
        result.insert("remedy".to_owned(), json!(failure.remedy));
        Value::Object(result)
    }

    fn error(&self, end: TurnEnd<'_>, terminal_reason: &str, why: &str) -> Map<String, Value> {
        let mut result = result("error_during_execution", true, end);
        result.insert("stop_reason".to_owned(), Value::Null);
        result.insert("terminal_reason".to_owned(), json!(terminal_reason));
        result.insert("errors".to_owned(), json!([why]));
        self.add_stamp(&mut result);
        result
    }

    fn message(&self, id: &str, content: &Value) -> Value {
        json!({
            "id": id,
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": content,
            "stop_reason": null,
            "stop_sequence": null,
            "usage": usage(TokenCounts::default()),
        })
    }
}

fn usage(tokens: TokenCounts) -> Value {
    json!({
        "input_tokens": tokens.input,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": tokens.cached,
        "output_tokens": tokens.output,
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
    if let Some(cost) = end.total_cost {
        fields.insert("total_cost_usd".to_owned(), json!(cost));
    }
    fields.insert("usage".to_owned(), usage(end.tokens));
    fields.insert("permission_denials".to_owned(), json!([]));
    fields
}
