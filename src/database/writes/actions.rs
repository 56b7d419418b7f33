//! Rows of the audit log: who did what.

use rusqlite::{Connection, params};

use crate::{
    database::{
        error::DatabaseError,
        messages::{AcceptQuestion, ActionKind, RecordAction},
    },
    project::ProjectName,
};

/// Characters of a question.
const MAX_TEXT: usize = 4000;

/// Two of one kind at one moment are one.
pub(super) fn record(
    connection: &Connection,
    action: &RecordAction,
    at: &str,
) -> Result<(), DatabaseError> {
    let RecordAction { project, conversation, kind, user, is_admin, detail } = action;
    connection
        .prepare_cached(
            "INSERT INTO audit (at, kind, project, conversation_id, user, detail, is_admin)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            at,
            kind.as_str(),
            project.as_ref().map_or("", ProjectName::as_str),
            conversation.map_or(0, |id| id.0),
            user.as_deref().unwrap_or_default(),
            detail,
            is_admin
        ])?;
    Ok(())
}

/// Deletes the rows up to and including this time.
pub(super) fn trim(connection: &Connection, up_to: &str) -> Result<bool, DatabaseError> {
    let rows =
        connection.prepare_cached("DELETE FROM audit WHERE at <= ?1")?.execute(params![up_to])?;
    Ok(rows > 0)
}

/// Records who asks, and what where that is wished.
pub(super) fn record_question(
    connection: &Connection,
    question: &AcceptQuestion,
    at: &str,
) -> Result<(), DatabaseError> {
    let action = RecordAction {
        project: Some(question.project.clone()),
        conversation: Some(question.conversation),
        kind: ActionKind::Asked,
        user: question.message.author.clone(),
        is_admin: false,
        detail: match question.is_text_audited {
            true => question.message.content.chars().take(MAX_TEXT).collect(),
            false => String::new(),
        },
    };
    record(connection, &action, at)
}
