//! Rows of turns: accepted, queued, running, done.

use rusqlite::{Connection, params};

use crate::{
    database::{error::DatabaseError, messages::AcceptQuestion},
    entry::{EntryRow, UserMessage},
    ids::{ConversationId, Seq, TurnNumber},
};

use super::{actions, attachments, conversations};

pub(super) fn accept_question(
    connection: &Connection,
    question: &AcceptQuestion,
    at: &str,
) -> Result<(), DatabaseError> {
    let AcceptQuestion { conversation, turn, message, .. } = question;
    let UserMessage { message_id, content, .. } = message;
    conversations::touch(connection, *conversation, Seq::ZERO, at)?;
    let accepted = connection
        .prepare_cached(
            "INSERT INTO turns (conversation_id, turn, state, message_id, question)
             VALUES (?1, ?2, 'queued', ?3, ?4)",
        )?
        .execute(params![conversation, turn, message_id, serde_json::to_string(message)?]);
    if let Err(error) = accepted {
        // The turn's number may be taken instead: then the question was not accepted before.
        let is_known = connection
            .prepare_cached("SELECT 1 FROM turns WHERE conversation_id = ?1 AND message_id = ?2")?
            .exists(params![conversation, message_id])?;
        return Err(match message_id.clone().filter(|_| is_known) {
            Some(message_id) => {
                DatabaseError::DuplicateMessage { conversation: *conversation, message_id }
            }
            None => error.into(),
        });
    }
    attachments::claim(connection, question, at)?;
    actions::record_question(connection, question, at)?;
    conversations::note_question(connection, *conversation, content)
}

/// Opens the entry's turn. One that begins without a question, such as the greeting, runs until
/// it ends; whatever answers a question shows that its turn runs.
pub(super) fn open(
    connection: &Connection,
    conversation: ConversationId,
    entry: &EntryRow,
    at: &str,
) -> Result<(), DatabaseError> {
    let is_question = entry.kind == "user_message";
    connection
        .prepare_cached(
            "INSERT INTO turns (conversation_id, turn, state, started_at)
             VALUES (?1, ?2, iif(?3, 'queued', 'running'), iif(?3, NULL, ?4))
             ON CONFLICT DO UPDATE SET state = 'running', started_at = excluded.started_at
             WHERE state = 'queued' AND excluded.state = 'running'",
        )?
        .execute(params![conversation, entry.turn, is_question, at])?;
    Ok(())
}

pub(super) fn begin(
    connection: &Connection,
    conversation: ConversationId,
    turn: TurnNumber,
    at: &str,
) -> Result<(), DatabaseError> {
    let at = conversations::touch(connection, conversation, Seq::ZERO, at)?;
    connection
        .prepare_cached(
            "INSERT INTO turns (conversation_id, turn, state, started_at)
             VALUES (?1, ?2, 'running', ?3)
             ON CONFLICT DO UPDATE SET state = 'running', started_at = excluded.started_at
             WHERE state = 'queued'",
        )?
        .execute(params![conversation, turn, at])?;
    Ok(())
}

pub(super) fn end(
    connection: &Connection,
    conversation: ConversationId,
    turn: TurnNumber,
    at: &str,
) -> Result<(), DatabaseError> {
    connection
        .prepare_cached(
            "UPDATE turns SET state = 'done', ended_at = ?3
             WHERE conversation_id = ?1 AND turn = ?2 AND state <> 'done'",
        )?
        .execute(params![conversation, turn, at])?;
    Ok(())
}

pub(super) fn mark_recovered(
    connection: &Connection,
    conversation: ConversationId,
    turn: TurnNumber,
) -> Result<(), DatabaseError> {
    connection
        .prepare_cached("UPDATE turns SET recovered = 1 WHERE conversation_id = ?1 AND turn = ?2")?
        .execute(params![conversation, turn])?;
    Ok(())
}
