//! Rows of notes.

use rusqlite::{Connection, params};

use crate::database::{error::DatabaseError, messages::KeepNote};

/// Keeps an answer as a note, or no longer. Who kept it first stays. Answers whether anything changed.
pub(super) fn set(
    connection: &Connection,
    keep: &KeepNote,
    at: &str,
) -> Result<bool, DatabaseError> {
    let KeepNote { project, conversation, turn, user, is_kept } = keep;
    let project = project.as_str();
    let changed = match is_kept {
        true => connection
            .prepare_cached(
                "INSERT INTO notes (conversation_id, turn, project, kept_by, kept_at)
                 SELECT id, ?3, project, ?4, ?5 FROM conversations WHERE id = ?1 AND project = ?2
                 ON CONFLICT DO NOTHING",
            )?
            .execute(params![conversation, project, turn, user, at])?,
        false => connection
            .prepare_cached(
                "DELETE FROM notes WHERE conversation_id = ?1 AND project = ?2 AND turn = ?3",
            )?
            .execute(params![conversation, project, turn])?,
    };
    Ok(changed > 0)
}
