//! The store: one SQLite file, written by one actor, read through a pool.
//!
//! [`Database`] commits what [`messages`] ask, many writes to a transaction; [`Reader`] answers
//! questions meanwhile. Both come from [`Database::open`]. [`import`] brings in the conversations
//! of the original, [`backup`] copies the store while a server uses it. What a conversation means is not
//! decided here: the store keeps the rows of [`crate::entry`], and who may see them is asked
//! elsewhere.

pub mod backup;
pub mod import;
pub mod messages;
pub(crate) mod queries;
pub(crate) mod similar;
pub(crate) mod stats;

mod actor;
mod batch;
mod clock;
mod connection;
mod error;
mod inspect;
mod lock;
mod open;
mod reader;
mod recorder;
mod recovery;
mod schema;
pub(crate) mod title;
mod writes;

#[cfg(test)]
mod tests;

pub use actor::Database;
pub use clock::{Clock, timestamp};
pub use connection::FILE_NAME;
pub use error::{DatabaseError, OpenError};
pub(crate) use inspect::inspect;
pub use reader::Reader;

use crate::{
    entry::{EntryOutline, EntryRow},
    ids::{ConversationId, Seq, TurnNumber},
};

/// A conversation in a list. The field order is the original's.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct Summary {
    /// The id; never used again after a deletion.
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
}

/// A conversation with what was said in it. The field order is the original's.
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
}

/// One question or one finished answer.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct ChatMessage {
    /// The id; unique in the store.
    pub id: ConversationId,
    /// `user` or `assistant`.
    pub role: String,
    /// The text; for an answer all text of its turn, joined with nothing between.
    pub content: String,
    /// When it began. UTC, ISO 8601.
    pub timestamp: String,
}

/// A conversation with everything that a session needs to go on with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredConversation {
    /// What a list shows of it.
    pub summary: Summary,
    /// The agent's own session id.
    pub agent_session: Option<String>,
    /// Highest sequence number that may have been used; go on above it, after reserving more.
    pub reserved_seq: Seq,
    /// The entries, in the order of their numbers: the newest, what people asked, how turns ended and what
    /// was answered last.
    pub entries: Vec<EntryRow>,
    /// All other entries, in the same order.
    pub outlines: Vec<EntryOutline>,
    /// The number of the next turn; at least 1.
    pub next_turn: TurnNumber,
    /// Questions that wait for an answer, in their order: turn and text.
    pub waiting: Vec<(TurnNumber, String)>,
}
