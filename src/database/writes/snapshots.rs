//! Rows of public snapshots.

use rusqlite::{Connection, params};

use crate::database::{
    error::DatabaseError,
    messages::{FrozenCopy, SetSnapshot},
};

/// Publishes a copy of a conversation, in place of an earlier one and under its address, or withdraws
/// it. Answers whether anything changed.
pub(super) fn set(
    connection: &Connection,
    set: &SetSnapshot,
    at: &str,
) -> Result<bool, DatabaseError> {
    let SetSnapshot { project, conversation, copy } = set;
    let project = project.as_str();
    let changed = match copy {
        Some(FrozenCopy { token, title, user, html }) => connection
            .prepare_cached(
                "INSERT INTO snapshots
                     (conversation_id, token, project, title, published_by, published_at, html)
                 SELECT id, ?3, project, ?4, ?5, ?6, ?7 FROM conversations
                 WHERE id = ?1 AND project = ?2
                 ON CONFLICT (conversation_id) DO UPDATE SET
                     title = excluded.title, published_by = excluded.published_by,
                     published_at = excluded.published_at, html = excluded.html",
            )?
            .execute(params![conversation, project, token, title, user, at, html])?,
        None => connection
            .prepare_cached("DELETE FROM snapshots WHERE conversation_id = ?1 AND project = ?2")?
            .execute(params![conversation, project])?,
    };
    Ok(changed > 0)
}
