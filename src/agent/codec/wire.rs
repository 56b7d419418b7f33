//! Serde types of the agent's lines, borrowed from the line where possible.
//! Unknown fields are skipped, and a field with an unexpected type counts as absent.

mod stream;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::json::{self, Text};

pub(super) use stream::{Envelope, StreamEvent};

/// An `assistant` or `user` line.
#[derive(Debug, Deserialize)]
pub(super) struct MessageLine<'a> {
    #[serde(borrow, default, deserialize_with = "json::lenient_option")]
    pub message: Option<Message<'a>>,
    /// The line's own id.
    #[serde(borrow, default, deserialize_with = "json::lenient")]
    pub uuid: Option<Text<'a>>,
    /// The error kind, on messages that report an error.
    #[serde(borrow, default, deserialize_with = "json::lenient")]
    pub error: Option<Text<'a>>,
    /// Whether it echoes a message of ours.
    #[serde(default, rename = "isReplay", deserialize_with = "json::lenient_bool")]
    pub is_replay: bool,
}

/// See [`MessageLine::message`].
#[derive(Debug, Deserialize)]
pub(super) struct Message<'a> {
    /// The message's id; all its blocks share it.
    #[serde(borrow, default, deserialize_with = "json::lenient")]
    pub id: Text<'a>,
    /// The model; `<synthetic>` on texts of the agent program itself.
    #[serde(borrow, default, deserialize_with = "json::lenient")]
    pub model: Option<Text<'a>>,
    /// [`MessageContent`].
    #[serde(borrow, default)]
    pub content: Option<&'a RawValue>,
}

/// The content of a message.
#[derive(Debug)]
pub(super) enum MessageContent<'a> {
    Plain(String),
    Blocks(Vec<ContentBlock<'a>>),
}

impl<'a> MessageContent<'a> {
    /// Reads content; what is neither text nor a block is skipped.
    pub(super) fn read(content: Option<&'a RawValue>) -> Self {
        let text = content.map_or("", RawValue::get);
        let list = match text.as_bytes().first() {
            Some(b'"') => match serde_json::from_str(text) {
                Ok(plain) => return Self::Plain(plain),
                Err(_) => Vec::new(),
            },
            Some(b'[') => json::list(text).unwrap_or_default(),
            _ => content.into_iter().collect(),
        };
        Self::Blocks(list.into_iter().filter_map(|block| ContentBlock::read(block.get())).collect())
    }
}

/// One block of content.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ContentBlock<'a> {
    /// `text`, `thinking`, `tool_use`, `tool_result`, …
    #[serde(rename = "type", borrow, deserialize_with = "json::lenient")]
    pub kind: Text<'a>,
    /// Of `text`.
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub text: Option<Text<'a>>,
    /// Of `thinking`.
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub thinking: Option<Text<'a>>,
    /// Of `tool_use`.
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub id: Option<Text<'a>>,
    /// Of `tool_use`.
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub name: Option<Text<'a>>,
    /// Of `tool_use`.
    #[serde(borrow)]
    pub input: Option<&'a RawValue>,
    /// Of `tool_result`.
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub tool_use_id: Option<Text<'a>>,
    /// Of `tool_result`.
    #[serde(deserialize_with = "json::lenient_bool")]
    pub is_error: bool,
    /// Of `tool_result`: [`MessageContent`].
    #[serde(borrow)]
    pub content: Option<&'a RawValue>,
}

impl<'a> ContentBlock<'a> {
    fn read(text: &'a str) -> Option<Self> {
        if let Ok(text @ Text(_)) = serde_json::from_str(text) {
            return Some(Self { kind: Text("text".into()), text: Some(text), ..Self::default() });
        }
        let mut block: Self = json::read(text).ok()?;
        if block.kind.as_str().is_empty() {
            block.kind = Text(block.shape().into());
        }
        Some(block)
    }

    /// The kind of a block that lacks its `type`, guessed by its fields.
    fn shape(&self) -> &'static str {
        match self {
            Self { tool_use_id: Some(_), .. } => "tool_result",
            Self { name: Some(_), input: Some(_), .. } => "tool_use",
            Self { thinking: Some(_), .. } => "thinking",
            Self { text: Some(_), .. } => "text",
            _ => "",
        }
    }
}

/// A `system`/`init` line.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct InitLine {
    /// The agent's session id.
    #[serde(deserialize_with = "json::lenient")]
    pub session_id: String,
    /// The tools that the model may call.
    #[serde(deserialize_with = "json::lenient_strings")]
    pub tools: Vec<String>,
    #[serde(deserialize_with = "json::lenient")]
    pub model: String,
    #[serde(rename = "permissionMode", deserialize_with = "json::lenient")]
    pub permission_mode: String,
    #[serde(rename = "claude_code_version", deserialize_with = "json::lenient")]
    pub version: String,
}

/// A `system`/`api_retry` line.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RetryLine<'a> {
    /// Number of the next attempt.
    #[serde(deserialize_with = "json::lenient")]
    pub attempt: u32,
    #[serde(deserialize_with = "json::lenient")]
    pub max_retries: u32,
    /// Milliseconds until the attempt.
    #[serde(deserialize_with = "json::lenient_f64")]
    pub retry_delay_ms: Option<f64>,
    /// The HTTP status, if there was an answer.
    #[serde(deserialize_with = "json::lenient")]
    pub error_status: Option<u16>,
    /// The kind of failure.
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub error: Option<Text<'a>>,
}

/// A `system`/`status` or `system`/`session_state_changed` line.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct StateLine<'a> {
    /// Of `status`: `requesting`, `compacting`, none.
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub status: Option<Text<'a>>,
    /// Of `session_state_changed`: `running`, `idle`, `requires_action`.
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub state: Option<Text<'a>>,
}

/// A `result` line.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ResultLine {
    /// Whether the turn failed, if given.
    #[serde(deserialize_with = "json::lenient_bool")]
    pub is_error: bool,
    /// `success`, also of turns that failed, or `error_…`.
    #[serde(deserialize_with = "json::lenient")]
    pub subtype: Option<String>,
    /// The last text, or the error.
    #[serde(deserialize_with = "json::lenient")]
    pub result: Option<String>,
    /// Errors of turns that ended without a result.
    #[serde(deserialize_with = "json::lenient_strings")]
    pub errors: Vec<String>,
    /// Why the turn ended.
    #[serde(deserialize_with = "json::lenient")]
    pub terminal_reason: Option<String>,
    /// What helps, of turns whose errors are already explained.
    #[serde(deserialize_with = "json::lenient")]
    pub remedy: Option<String>,
    /// Why the model stopped; none where its stream was cut.
    #[serde(deserialize_with = "json::lenient")]
    pub stop_reason: Option<String>,
    /// The API's HTTP status of an error.
    #[serde(deserialize_with = "json::lenient")]
    pub api_error_status: Option<u16>,
    /// US dollars since the process started.
    #[serde(deserialize_with = "json::lenient_f64")]
    pub total_cost_usd: Option<f64>,
    /// Milliseconds of the turn.
    #[serde(deserialize_with = "json::lenient_u64")]
    pub duration_ms: Option<u64>,
    /// Tokens of the turn.
    #[serde(deserialize_with = "json::lenient_option")]
    pub usage: Option<UsageLine>,
}

impl ResultLine {
    /// Whether the turn failed. The subtype shows only some failures.
    pub(super) fn has_failed(&self) -> bool {
        let is_error = |subtype: &str| subtype.starts_with("error");
        self.is_error || self.subtype.as_deref().is_some_and(is_error)
    }
}

/// See [`ResultLine::usage`].
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct UsageLine {
    /// Tokens read.
    #[serde(deserialize_with = "json::lenient_u64")]
    pub input_tokens: Option<u64>,
    /// Tokens written.
    #[serde(deserialize_with = "json::lenient_u64")]
    pub output_tokens: Option<u64>,
    /// Tokens read from the cache.
    #[serde(deserialize_with = "json::lenient_u64")]
    pub cache_read_input_tokens: Option<u64>,
    /// Tokens written to the cache.
    #[serde(deserialize_with = "json::lenient_u64")]
    pub cache_creation_input_tokens: Option<u64>,
}

/// A `control_request` line: a request of the agent to the host.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ControlRequestLine<'a> {
    /// Repeated in the answer.
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub request_id: Text<'a>,
    #[serde(borrow, deserialize_with = "json::lenient_option")]
    pub request: Option<ControlRequest<'a>>,
}

/// See [`ControlRequestLine::request`].
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ControlRequest<'a> {
    /// `hook_callback`, `can_use_tool`, `mcp_message`, …
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub subtype: Text<'a>,
    /// Of `mcp_message`: the server that is meant.
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub server_name: Text<'a>,
    /// Of `mcp_message`: a message of JSON-RPC.
    #[serde(borrow)]
    pub message: Option<&'a RawValue>,
    /// Of `hook_callback`: a [`HookInput`].
    #[serde(borrow)]
    pub input: Option<&'a RawValue>,
}

/// See [`ControlRequest::input`]. Strict, because a tool call that cannot be read must not run.
#[derive(Debug, Deserialize)]
pub(super) struct HookInput<'a> {
    /// The tool that the model calls.
    #[serde(borrow, default)]
    pub tool_name: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub tool_input: Option<&'a RawValue>,
}

/// A `control_response` line: the answer to a request of the host.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ControlResponseLine<'a> {
    #[serde(borrow, deserialize_with = "json::lenient_option")]
    pub response: Option<ControlResponse<'a>>,
}

/// See [`ControlResponseLine::response`].
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ControlResponse<'a> {
    /// `success` or `error`.
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub subtype: Text<'a>,
    /// The request that it answers.
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub request_id: Text<'a>,
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub error: Option<Text<'a>>,
}
