//! The audit log: who did what.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, ToSql, named_params};
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
    /// The name of a token, an address, or what was asked where `audit.content` wishes that.
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

/// The time up to which rows of the audit log go next: those before `before`, and those beyond the newest
/// `rows`, but not many more than `most` at once.
pub(in crate::database) fn trimmed_up_to(
    connection: &Connection,
    before: Option<&str>,
    rows: usize,
    most: u32,
) -> Result<Option<Arc<str>>, DatabaseError> {
    let at = |query: &str, parameter: &dyn ToSql| -> rusqlite::Result<Option<String>> {
        connection.prepare_cached(query)?.query_row([parameter], |row| row.get(0)).optional()
    };
    let too_old = at(
        "SELECT at FROM audit WHERE at < ?1 ORDER BY at DESC LIMIT 1",
        &before.unwrap_or_default(),
    )?;
    let beyond = at(
        "SELECT at FROM audit ORDER BY at DESC LIMIT 1 OFFSET ?1",
        &i64::try_from(rows).unwrap_or(i64::MAX),
    )?;
    let many = at("SELECT at FROM audit ORDER BY at LIMIT 1 OFFSET ?1", &most)?;
    let up_to = too_old.max(beyond);
    Ok(up_to.map(|up_to| many.map_or(up_to.clone(), |many| many.min(up_to)).into()))
}
