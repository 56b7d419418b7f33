//! Rows of reactions.

use rusqlite::{Connection, params};

use crate::database::{error::DatabaseError, messages::React};

/// Stores or withdraws a reaction. Answers whether anything changed.
pub(super) fn set(connection: &Connection, react: &React, at: &str) -> Result<bool, DatabaseError> {
    let React { project, conversation, turn, by, user, reaction } = react;
    let project = project.as_str();
    let changed = match reaction {
        Some(reaction) => connection
            .prepare_cached(
                "INSERT INTO reactions (conversation_id, turn, person, user, verdict, why, reacted_at)
                 SELECT id, ?3, ?4, ?5, ?6, ?7, ?8 FROM conversations WHERE id = ?1 AND project = ?2
                 ON CONFLICT DO UPDATE SET user = excluded.user, verdict = excluded.verdict,
                     why = excluded.why, reacted_at = excluded.reacted_at",
            )?
            .execute(params![
                conversation,
                project,
                turn,
                by.as_str(),
                user,
                reaction.verdict.as_str(),
                reaction.why,
                at
            ])?,
        None => connection
            .prepare_cached(
                "DELETE FROM reactions WHERE turn = ?3 AND person = ?4 AND conversation_id = (
                     SELECT id FROM conversations WHERE id = ?1 AND project = ?2)",
            )?
            .execute(params![conversation, project, turn, by.as_str()])?,
    };
    Ok(changed > 0)
}
