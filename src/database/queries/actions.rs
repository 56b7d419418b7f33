//! The audit log: who did what.

use rusqlite::named_params;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    database::{Reader, error::DatabaseError},
    ids::ConversationId,
};

/// Something that somebody did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct RecordedAction {
    /// UTC, ISO 8601.
    pub(crate) at: String,
    /// `null` where it is of no project.
    pub(crate) project: Option<String>,
    /// `ended`, `deleted`, `made_private`, `opened_to_team`, `made_link`, `withdrew_link`,
    /// `opened_link`, `published`, `withdrew_snapshot`, `asked`, `opened`, `logged_in`, `logged_out`,
    /// `failed_login`, `made_token` or `revoked_token`.
    pub(crate) kind: String,
    /// `null` for all conversations of the project, or none. It may be gone.
    pub(crate) conversation_id: Option<ConversationId>,
    /// Who did it, where users are known.
    pub(crate) user: Option<String>,
    /// Whether it was done with an admin's token.
    pub(crate) is_admin: bool,
    /// The name of a token, or an address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) detail: Option<String>,
}

impl Reader {
    /// The newest actions in which `words` occurs, not older than `since`: in the project, the kind, the
    /// user's name or the detail.
    pub(crate) fn actions(
        &self,
        words: &str,
        since: &str,
        limit: usize,
    ) -> Result<Vec<RecordedAction>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT at, nullif(project, ''), kind, nullif(conversation_id, 0), nullif(user, ''),
                     is_admin, nullif(detail, '') FROM audit
                 WHERE at >= :since AND instr(
                     lower(project || ' ' || kind || ' ' || user || ' ' || detail), lower(:words))
                 ORDER BY at DESC, kind, project, conversation_id, user, detail LIMIT :limit",
            )?;
            let rows = statement.query_map(
                named_params! {
                    ":words": words,
                    ":since": since,
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
                        detail: row.get(6)?,
                    })
                },
            )?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}
