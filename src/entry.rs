//! Entries: what a conversation consists of, in memory, in the database and on the wire.
//!
//! Pure data. The wire dialects render it, the database keeps its rows.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

pub use end::{
    AnswerFacts, Answered, AnsweredBy, EndDetails, Outcome, ResponseDone, TurnError, Usage,
};

mod end;

use crate::{
    attachment::AttachedFile,
    citation::Citation,
    effort::Effort,
    history::checkout::Checkout,
    ids::{ConversationId, Seq, TurnNumber},
    json,
};

/// What an agent says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextKind {
    /// For people.
    Answer,
    /// For itself.
    Thinking,
}

/// The content of one entry of a conversation.
#[derive(Debug, Clone)]
pub enum Content {
    /// A person's question.
    UserMessage(UserMessage),
    /// Answer text. Grows while it streams.
    Text(TextBlock),
    /// Thinking of the model. Grows while it streams.
    Thinking(TextBlock),
    /// The agent withdrew a text or thinking block: readers empty it.
    Withdrawn(Withdrawn),
    /// The agent calls a tool.
    ToolCall(ToolCall),
    /// The result of a tool call.
    ToolResult(ToolResult),
    /// Questions of the agent to the person.
    Question(AgentQuestion),
    /// The end of a turn that did not fail.
    ResponseDone(ResponseDone),
    /// The end of a turn that failed.
    Error(TurnError),
}

/// See [`Content::UserMessage`].
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct UserMessage {
    /// The client's id for it; the same id is accepted once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// Who asked, if a proxy names the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// The text.
    pub content: String,
    /// The files that come with it, in the order in which they were attached.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<AttachedFile>,
    /// The turn whose question this repeats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_of: Option<TurnNumber>,
    /// The `call_id` of the agent's question that this answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answers: Option<String>,
    /// The agent that is to answer it, where the person chose one, by its name; `auto` for the one of the
    /// settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// How thorough the answer is to be, where the person chose that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effort: Option<Effort>,
    /// The conversation that this one continues.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continues: Option<ConversationId>,
    /// A recap of that conversation for the agent; never sent to a viewer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(ignore)]
    pub carried: Option<String>,
}

/// See [`Content::Text`] and [`Content::Thinking`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TextBlock {
    /// Number of the block within its turn, from 0.
    pub block: u32,
    /// The text.
    pub content: String,
}

/// See [`Content::Withdrawn`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Withdrawn {
    /// Number of the block within its turn.
    pub block: u32,
    /// Whether it is a thinking block.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub thinking: bool,
}

/// See [`Content::ToolCall`].
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ToolCall {
    /// Ties the result to the call.
    pub call_id: String,
    /// The tool's name.
    pub tool: String,
    /// The tool's input, a JSON object.
    #[schema(value_type = Object)]
    pub input: Box<RawValue>,
}

/// See [`Content::ToolResult`].
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ToolResult {
    /// The call that it answers.
    pub call_id: String,
    /// Whether the tool succeeded.
    pub ok: bool,
    /// The result as text.
    pub content: String,
    /// Whether `content` was cut.
    pub truncated: bool,
}

/// See [`Content::Question`].
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AgentQuestion {
    /// The call that asked.
    pub call_id: String,
    /// A list of `{question, header, options: [{label, description}], multiSelect}`.
    #[schema(value_type = Vec<serde_json::Value>)]
    pub questions: Box<RawValue>,
}

/// An entry as the database keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryRow {
    /// The turn that it belongs to; 0 is the greeting.
    pub turn: TurnNumber,
    /// Sequence number of its first piece.
    pub first_seq: Seq,
    /// Sequence number of its newest piece.
    pub last_seq: Seq,
    /// One of `user_message`, `text`, `thinking`, `withdrawn`, `tool_call`, `tool_result`,
    /// `question`, `response_done`, `error`.
    pub kind: String,
    /// The content's fields as a JSON object.
    pub payload: String,
}

/// An entry of the database without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryOutline {
    /// See [`EntryRow::turn`].
    pub turn: TurnNumber,
    /// See [`EntryRow::first_seq`].
    pub first_seq: Seq,
    /// See [`EntryRow::last_seq`].
    pub last_seq: Seq,
    /// See [`EntryRow::kind`].
    pub kind: String,
    /// Bytes of its payload.
    pub bytes: usize,
}

impl EntryRow {
    /// The row of an entry that does not grow.
    pub(crate) fn new(turn: TurnNumber, seq: Seq, content: &Content) -> serde_json::Result<Self> {
        let (kind, payload) = (content.kind().to_owned(), content.payload()?);
        Ok(Self { turn, first_seq: seq, last_seq: seq, kind, payload })
    }
}

impl Content {
    /// The name of this kind of content, in the database and on the wire.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::UserMessage(_) => "user_message",
            Self::Text(_) => "text",
            Self::Thinking(_) => "thinking",
            Self::Withdrawn(_) => "withdrawn",
            Self::ToolCall(_) => "tool_call",
            Self::ToolResult(_) => "tool_result",
            Self::Question(_) => "question",
            Self::ResponseDone(_) => "response_done",
            Self::Error(_) => "error",
        }
    }

    /// Whether this ends its turn.
    pub fn is_end(&self) -> bool {
        matches!(self, Self::ResponseDone(_) | Self::Error(_))
    }

    /// Approximate memory, in bytes.
    pub fn bytes(&self) -> usize {
        let rest = match self {
            Self::UserMessage(fields) => fields.content.len(),
            Self::Text(fields) | Self::Thinking(fields) => fields.content.len(),
            Self::Withdrawn(_) => 0,
            Self::ToolCall(fields) => fields.input.get().len(),
            Self::ToolResult(fields) => fields.content.len(),
            Self::Question(fields) => fields.questions.get().len(),
            Self::ResponseDone(fields) => {
                around_bytes(&fields.citations, [&fields.files_read, &fields.notes])
                    + commit_bytes(&fields.commits)
            }
            Self::Error(fields) => {
                let around = around_bytes(&fields.citations, [&fields.files_read, &fields.notes]);
                fields.content.len() + around + commit_bytes(&fields.commits)
            }
        };
        size_of::<Self>() + rest
    }

    /// The content's fields as a JSON object.
    pub fn payload(&self) -> serde_json::Result<String> {
        match self {
            Self::UserMessage(fields) => serde_json::to_string(fields),
            Self::Text(fields) | Self::Thinking(fields) => serde_json::to_string(fields),
            Self::Withdrawn(fields) => serde_json::to_string(fields),
            Self::ToolCall(fields) => serde_json::to_string(fields),
            Self::ToolResult(fields) => serde_json::to_string(fields),
            Self::Question(fields) => serde_json::to_string(fields),
            Self::ResponseDone(fields) => serde_json::to_string(fields),
            Self::Error(fields) => serde_json::to_string(fields),
        }
    }

    /// Reads a content back from its kind and its fields.
    pub fn from_row(kind: &str, payload: &str) -> serde_json::Result<Self> {
        Ok(match kind {
            "user_message" => Self::UserMessage(json::from_str(payload)?),
            "text" => Self::Text(json::from_str(payload)?),
            "thinking" => Self::Thinking(json::from_str(payload)?),
            "withdrawn" => Self::Withdrawn(json::from_str(payload)?),
            "tool_call" => Self::ToolCall(json::from_str(payload)?),
            "tool_result" => Self::ToolResult(json::from_str(payload)?),
            "question" => Self::Question(json::from_str(payload)?),
            "response_done" => Self::ResponseDone(json::from_str(payload)?),
            "error" => Self::Error(json::from_str(payload)?),
            unknown => {
                return Err(serde::de::Error::custom(format!("unknown kind of entry {unknown:?}")));
            }
        })
    }
}

fn commit_bytes(commits: &[Checkout]) -> usize {
    commits.iter().map(Checkout::bytes).sum()
}

fn around_bytes(citations: &[Citation], texts: [&Vec<String>; 2]) -> usize {
    let texts = texts.into_iter().flatten().map(|text| size_of::<String>() + text.len());
    texts.chain(citations.iter().map(Citation::bytes)).sum()
}
