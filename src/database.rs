//! The store: one SQLite file, written by one actor, read through a pool.
//!
//! Messages to [`Database`] become [`writes`], which a [`batch`] applies together and commits;
//! [`Reader`] answers [`queries`] meanwhile. Both come from [`Database::open`]. The store keeps the
//! rows of [`crate::entry`] and does not interpret them; access is checked elsewhere.

pub mod backup;
pub(crate) mod forget;
pub mod import;
pub mod integrity;
pub(crate) mod journal;
pub mod json_lines;
pub mod messages;
pub(crate) mod queries;
pub mod restore;
pub(crate) mod similar;
pub(crate) mod stats;

mod actor;
mod batch;
mod clock;
mod connection;
mod error;
mod fork;
mod inspect;
mod lock;
mod loose;
mod open;
mod reader;
mod recorder;
mod recovery;
mod schema;
pub(crate) mod title;
pub(crate) mod writes;

#[cfg(test)]
mod tests;

pub use actor::Database;
pub use clock::{Clock, timestamp};
pub use connection::FILE_NAME;
pub use error::{DatabaseError, OpenError};
pub use forget::Forgotten;
pub(crate) use inspect::inspect;
pub(crate) use loose::drop_loose_regularly;
pub use reader::Reader;

use crate::{
    entry::{EntryOutline, EntryRow},
    ids::{ConversationId, ForkedFrom, Seq, TurnNumber},
    rights::Ownership,
};

/// A conversation in a list. The order of the fields is that of the legacy API.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct Summary {
    /// Never used again after a deletion.
    pub id: ConversationId,
    /// The project.
    pub project_name: String,
    /// The title, once there is one.
    pub title: Option<String>,
    /// UTC, ISO 8601.
    pub created_at: String,
    /// UTC, ISO 8601.
    pub updated_at: String,
    /// Messages of users and answers.
    pub message_count: i64,
    /// Whose it is, where that is known.
    #[serde(flatten)]
    pub ownership: Ownership,
    /// Where it goes on from, if it is a fork.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forked_from: Option<ForkedFrom>,
}

/// A conversation with its messages. The order of the fields is that of the legacy API.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct Detail {
    /// See [`Summary::id`].
    pub id: ConversationId,
    /// The project.
    pub project_name: String,
    /// The title, once there is one.
    pub title: Option<String>,
    /// UTC, ISO 8601.
    pub created_at: String,
    /// UTC, ISO 8601.
    pub updated_at: String,
    /// Questions and finished answers, in order.
    pub messages: Vec<ChatMessage>,
    /// Whose it is, where that is known.
    #[serde(flatten)]
    pub ownership: Ownership,
    /// Where it goes on from, if it is a fork.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forked_from: Option<ForkedFrom>,
}

/// One question or one finished answer.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct ChatMessage {
    /// Unique in the store.
    pub id: i64,
    /// `user` or `assistant`.
    pub role: String,
    /// The text; for an answer all text of its turn, joined with nothing between.
    pub content: String,
    /// When it began. UTC, ISO 8601.
    pub timestamp: String,
}

/// A conversation with everything that a session needs to continue it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredConversation {
    /// As in a list.
    pub summary: Summary,
    /// The agent's own session id.
    pub agent_session: Option<String>,
    /// Highest sequence number that may have been used; continue above it, after reserving more.
    pub reserved_seq: Seq,
    /// In the order of their numbers: the newest entries, and of older ones the questions, the ends of
    /// turns and the last texts.
    pub entries: Vec<EntryRow>,
    /// All other entries, in the same order.
    pub outlines: Vec<EntryOutline>,
    /// At least 1.
    pub next_turn: TurnNumber,
    /// Turn and text of the questions that wait for an answer, in their order.
    pub waiting: Vec<(TurnNumber, String)>,
}
