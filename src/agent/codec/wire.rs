//! The agent's lines as they are on the wire: what is read of each, borrowed from the line where
//! that is possible. Unknown fields and kinds are left out; meaning is the codec's matter.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

/// A string that is borrowed from the line unless it holds escapes. (`Option<Cow<str>>` itself
/// always allocates with serde.)
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct Text<'a>(#[serde(borrow)] pub Cow<'a, str>);

impl Text<'_> {
    /// The string.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What every line is read for first. Streamed deltas, by far the most lines, need nothing more.
#[derive(Debug, Deserialize)]
pub struct Envelope<'a> {
    /// The kind of line.
    #[serde(rename = "type", borrow, default)]
    pub kind: Text<'a>,
    /// A finer kind, of `system` and `result` lines.
    #[serde(borrow, default)]
    pub subtype: Option<Text<'a>>,
    /// Set on lines of a subagent.
    #[serde(borrow, default)]
    pub parent_tool_use_id: Option<Text<'a>>,
    /// The API's own event, of `stream_event` lines.
    #[serde(borrow, default)]
    pub event: Option<StreamEvent<'a>>,
}

/// An event of the Messages API.
#[derive(Debug, Deserialize)]
pub struct StreamEvent<'a> {
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
pub struct MessageId<'a> {
    /// The message's id.
    #[serde(borrow, default)]
    pub id: Text<'a>,
}

/// See [`StreamEvent::content_block`].
#[derive(Debug, Deserialize)]
pub struct BlockKind<'a> {
    /// `text`, `thinking`, `tool_use`, …
    #[serde(rename = "type", borrow, default)]
    pub kind: Text<'a>,
    /// What a text block begins with, usually nothing.
    #[serde(borrow, default)]
    pub text: Option<Text<'a>>,
}

/// See [`StreamEvent::delta`].
#[derive(Debug, Deserialize)]
pub struct Delta<'a> {
    /// Of `text_delta`.
    #[serde(borrow, default)]
    pub text: Option<Text<'a>>,
    /// Of `thinking_delta`.
    #[serde(borrow, default)]
    pub thinking: Option<Text<'a>>,
}

/// An `assistant` or `user` line.
#[derive(Debug, Deserialize)]
pub struct MessageLine<'a> {
    /// The message.
    #[serde(borrow)]
    pub message: Message<'a>,
    /// The kind of failure, on texts that tell of one.
    #[serde(borrow, default)]
    pub error: Option<Text<'a>>,
}

/// See [`MessageLine::message`].
#[derive(Debug, Deserialize)]
pub struct Message<'a> {
    /// The message's id; all its blocks share it.
    #[serde(borrow, default)]
    pub id: Text<'a>,
    /// The model, `<synthetic>` on texts that the program made itself.
    #[serde(borrow, default)]
    pub model: Option<Text<'a>>,
    /// [`Content`].
    #[serde(borrow, default)]
    pub content: Option<&'a RawValue>,
}

/// Content is either plain text or a list of blocks.
#[derive(Debug)]
pub enum Content<'a> {
    /// Plain text.
    Plain(String),
    /// Blocks.
    Blocks(Vec<Block<'a>>),
}

impl<'a> Content<'a> {
    /// Reads content as the agent sent it. (Serde's untagged enums cannot borrow.)
    pub fn read(content: Option<&'a RawValue>) -> serde_json::Result<Self> {
        match content.map(RawValue::get) {
            Some(text) if text.starts_with('"') => serde_json::from_str(text).map(Self::Plain),
            Some(blocks) if blocks.starts_with('[') => {
                serde_json::from_str(blocks).map(Self::Blocks)
            }
            None | Some(_) => Ok(Self::Blocks(Vec::new())),
        }
    }
}

/// One block of content.
#[derive(Debug, Deserialize)]
pub struct Block<'a> {
    /// `text`, `thinking`, `tool_use`, `tool_result`, …
    #[serde(rename = "type", borrow, default)]
    pub kind: Text<'a>,
    /// Of `text`.
    #[serde(borrow, default)]
    pub text: Option<Text<'a>>,
    /// Of `thinking`.
    #[serde(borrow, default)]
    pub thinking: Option<Text<'a>>,
    /// Of `tool_use`.
    #[serde(borrow, default)]
    pub id: Option<Text<'a>>,
    /// Of `tool_use`.
    #[serde(borrow, default)]
    pub name: Option<Text<'a>>,
    /// Of `tool_use`.
    #[serde(borrow, default)]
    pub input: Option<&'a RawValue>,
    /// Of `tool_result`.
    #[serde(borrow, default)]
    pub tool_use_id: Option<Text<'a>>,
    /// Of `tool_result`.
    #[serde(default)]
    pub is_error: Option<bool>,
    /// Of `tool_result`: [`Content`].
    #[serde(borrow, default)]
    pub content: Option<&'a RawValue>,
}

/// A `system`/`init` line.
#[derive(Debug, Deserialize)]
pub struct InitLine {
    /// The agent's session id.
    #[serde(default)]
    pub session_id: String,
    /// The tools that the model may call.
    #[serde(default)]
    pub tools: Vec<String>,
    /// The model.
    #[serde(default)]
    pub model: String,
    /// How tools are permitted.
    #[serde(default, rename = "permissionMode")]
    pub permission_mode: String,
    /// The program's version.
    #[serde(default, rename = "claude_code_version")]
    pub version: String,
}

/// A `system`/`api_retry` line.
#[derive(Debug, Deserialize)]
pub struct RetryLine<'a> {
    /// Which attempt comes next.
    #[serde(default)]
    pub attempt: u32,
    /// How many there are at most.
    #[serde(default)]
    pub max_retries: u32,
    /// Milliseconds until then.
    #[serde(default)]
    pub retry_delay_ms: f64,
    /// The HTTP status, if there was an answer.
    #[serde(default)]
    pub error_status: Option<u16>,
    /// The kind of failure.
    #[serde(borrow, default)]
    pub error: Option<Text<'a>>,
}

/// A `result` line.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ResultLine {
    /// Whether the turn failed; the subtype does not tell.
    pub is_error: bool,
    /// The last text, or the error's.
    pub result: Option<String>,
    /// Errors of turns that ended without a result.
    pub errors: Vec<String>,
    /// Why the turn ended, in the agent's words.
    pub terminal_reason: Option<String>,
    /// Why the model stopped; none where its stream was cut.
    pub stop_reason: Option<String>,
    /// The API's HTTP status, where it answered with an error.
    pub api_error_status: Option<u16>,
    /// US dollars since the process started.
    pub total_cost_usd: Option<f64>,
    /// Milliseconds of the turn.
    pub duration_ms: Option<u64>,
    /// Tokens of the turn.
    pub usage: Option<UsageLine>,
}

/// See [`ResultLine::usage`].
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct UsageLine {
    /// Tokens read.
    pub input_tokens: u64,
    /// Tokens written.
    pub output_tokens: u64,
    /// Tokens read from the cache.
    pub cache_read_input_tokens: u64,
    /// Tokens written to the cache.
    pub cache_creation_input_tokens: u64,
}

/// A `control_request` line: the agent wants something of us.
#[derive(Debug, Deserialize)]
pub struct ControlRequestLine<'a> {
    /// Goes back with the answer.
    #[serde(borrow)]
    pub request_id: Text<'a>,
    /// What it wants.
    #[serde(borrow)]
    pub request: ControlRequest<'a>,
}

/// See [`ControlRequestLine::request`].
#[derive(Debug, Deserialize)]
pub struct ControlRequest<'a> {
    /// `hook_callback`, `can_use_tool`, …
    #[serde(borrow, default)]
    pub subtype: Text<'a>,
    /// Of `hook_callback`: a [`HookInput`].
    #[serde(borrow, default)]
    pub input: Option<&'a RawValue>,
}

/// See [`ControlRequest::input`].
#[derive(Debug, Deserialize)]
pub struct HookInput<'a> {
    /// The tool that the model calls.
    #[serde(borrow, default)]
    pub tool_name: Option<Text<'a>>,
    /// With what.
    #[serde(borrow, default)]
    pub tool_input: Option<&'a RawValue>,
}

/// A `control_response` line: the answer to a request of ours.
#[derive(Debug, Deserialize)]
pub struct ControlResponseLine<'a> {
    /// The answer.
    #[serde(borrow)]
    pub response: ControlResponse<'a>,
}

/// See [`ControlResponseLine::response`].
#[derive(Debug, Deserialize)]
pub struct ControlResponse<'a> {
    /// `success` or `error`.
    #[serde(borrow, default)]
    pub subtype: Text<'a>,
    /// The request that it answers.
    #[serde(borrow, default)]
    pub request_id: Text<'a>,
    /// What went wrong.
    #[serde(borrow, default)]
    pub error: Option<Text<'a>>,
}
