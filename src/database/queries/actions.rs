//! Who ended, deleted or shared what.

use rusqlite::named_params;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    database::{Reader, error::DatabaseError},
    ids::ConversationId,
};

/// Something that somebody did to a session or a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct RecordedAction {
    /// UTC, ISO 8601.
    pub(crate) at: String,
    pub(crate) project: String,
    /// `ended`, `deleted`, `made_private`, `opened_to_team`, `made_link`, `withdrew_link`,
    /// `opened_link`, `published` or `withdrew_snapshot`.
    pub(crate) kind: String,
    /// `null` for all conversations of the project. It may be gone.
    pub(crate) conversation_id: Option<ConversationId>,
    /// Who did it, where users are known.
    pub(crate) user: Option<String>,
    /// Whether it was done with an admin's token.
    pub(crate) is_admin: bool,
}

impl Reader {
    /// The newest actions in which `words` occurs: in the project, the kind or the user's name.
    pub(crate) fn actions(
        &self,
        words: &str,
        limit: usize,
    ) -> Result<Vec<RecordedAction>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT at, project, kind, nullif(conversation_id, 0), user, is_admin FROM actions
                 WHERE instr(lower(project || ' ' || kind || ' ' || ifnull(user, '')), lower(:words))
                 ORDER BY at DESC, project, kind, conversation_id LIMIT :limit",
            )?;
            let rows = statement.query_map(
                named_params! {
                    ":words": words,
                    ":limit": i64::try_from(limit).unwrap_or(i64::MAX),
                },
                |row| {
                    Ok(RecordedAction {
                        at: row.get(0)?,
                        project: row.get(1)?,
                        kind: row.get(2)?,
                        conversation_id: row.get(3)?,
                        user: row.get(4)?,
                        is_admin: row.get(5)?,
                    })
                },
            )?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}
