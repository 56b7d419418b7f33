//! Frames that are read or written field by field, as types for their description alone.
#![expect(dead_code, reason = "only the types are described")]

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    effort::Effort,
    ids::{ConversationId, Seq, TurnNumber},
};

/// A frame of a client.
#[derive(Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum SentFrame {
    /// Begins a conversation, or attaches to one.
    Start {
        /// Always 1.
        protocol: u8,
        #[serde(skip_serializing_if = "Option::is_none")]
        conversation_id: Option<ConversationId>,
        /// The last number that the client has seen.
        #[serde(skip_serializing_if = "Option::is_none")]
        after: Option<Seq>,
        /// `markdown` or `html`.
        #[serde(skip_serializing_if = "Option::is_none")]
        format: Option<String>,
        /// With `html`: whether only the new text of a part is sent.
        #[serde(skip_serializing_if = "Option::is_none")]
        changes: Option<bool>,
        /// True, or a position: whether `list` frames are sent, from there on.
        #[serde(skip_serializing_if = "Option::is_none")]
        list: Option<Value>,
    },
    /// Asks a question.
    Message {
        content: String,
        /// The same one is accepted once.
        #[serde(skip_serializing_if = "Option::is_none")]
        message_id: Option<String>,
        /// The agent that is to answer, by its name.
        #[serde(skip_serializing_if = "Option::is_none")]
        agent: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        effort: Option<Effort>,
        /// The ids of files that were sent before.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        attachments: Vec<String>,
    },
    /// Replies to a question of the agent.
    Answer {
        #[serde(skip_serializing_if = "Option::is_none")]
        call_id: Option<String>,
        /// The choices by question.
        answers: Value,
        #[serde(skip_serializing_if = "Option::is_none")]
        message_id: Option<String>,
    },
    /// Asks the question of a turn again.
    Retry {
        turn: TurnNumber,
        #[serde(skip_serializing_if = "Option::is_none")]
        conversation_id: Option<ConversationId>,
        #[serde(skip_serializing_if = "Option::is_none")]
        agent: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        message_id: Option<String>,
    },
    /// Takes a question back while it waits.
    Withdraw { turn: TurnNumber },
    /// Ends the running turn.
    Stop,
    /// Somebody is about to ask.
    Typing,
    /// Is answered by `pong`.
    Ping,
}

/// Where a frame stands in the history.
#[derive(Serialize, ToSchema)]
pub(super) struct HistoryPlace {
    seq: Seq,
    turn: TurnNumber,
}

/// Text of the answer, or thinking: appended to its block.
#[derive(Serialize, ToSchema)]
pub(super) struct TextPart {
    /// The number of the text within its turn.
    block: u32,
    content: String,
    /// Whether it takes the place of the whole block.
    #[serde(skip_serializing_if = "Option::is_none")]
    replace: Option<bool>,
}

/// A part of a block as HTML that is safe to show.
#[derive(Serialize, ToSchema)]
pub(super) struct HtmlFragment {
    block: u32,
    /// The index of the part within its block.
    part: usize,
    /// The parts that the block has now.
    parts: usize,
    /// UTF-16 units of the part that the client keeps; `html` follows them.
    #[serde(skip_serializing_if = "Option::is_none")]
    keep: Option<usize>,
    html: String,
    /// Whether it is shown only together with the frames that follow.
    #[serde(skip_serializing_if = "Option::is_none")]
    more: Option<bool>,
}
