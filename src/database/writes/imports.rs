//! Rows of imports, which keep a conversation from being imported twice.

use rusqlite::{Connection, params};

use crate::database::error::DatabaseError;

use super::RecordImport;

pub(super) fn record(
    connection: &Connection,
    import: &RecordImport,
    at: &str,
) -> Result<(), DatabaseError> {
    connection
        .prepare_cached(
            "UPDATE conversations
             SET title = ifnull(nullif(?2, ''), title),
                 updated_at = max(updated_at, ifnull(?3, ''))
             WHERE id = ?1",
        )?
        .execute(params![import.conversation, import.title, import.updated_at])?;
    connection
        .prepare_cached(
            "INSERT INTO imports (project, source, source_conversation_id, source_created_at,
                 conversation_id, imported_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            import.project.as_str(),
            import.source,
            import.source_conversation,
            import.source_created_at,
            import.conversation,
            at,
        ])?;
    Ok(())
}
