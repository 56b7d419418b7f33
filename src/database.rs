//! The store: one SQLite file, written by one actor, read through a pool.

pub mod messages;

/// A conversation in a list. The field order is the original's.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Summary {
    /// The id; never used again after a deletion.
    pub id: i64,
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

/// What the store could not do.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// SQLite failed.
    #[error("the database failed: {0}")]
    Sqlite(#[from] rusqlite::Error),
}
