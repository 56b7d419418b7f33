//! Rows of actions: who ended, deleted or shared what.

use rusqlite::{Connection, params};

use crate::database::{error::DatabaseError, messages::RecordAction};

/// Two of one kind at one moment are one.
pub(super) fn record(
    connection: &Connection,
    action: &RecordAction,
    at: &str,
) -> Result<(), DatabaseError> {
    let RecordAction { project, conversation, kind, user, is_admin } = action;
    connection
        .prepare_cached(
            "INSERT INTO actions (at, project, kind, conversation_id, user, is_admin)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            at,
            project.as_str(),
            kind.as_str(),
            conversation.map_or(0, |id| id.0),
            user,
            is_admin
        ])?;
    Ok(())
}
