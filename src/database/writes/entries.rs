//! Rows of entries, and what they do to their turns.

use rusqlite::{Connection, ErrorCode, OptionalExtension, named_params, params};

use crate::{
    database::error::DatabaseError,
    entry::EntryRow,
    ids::{ConversationId, Seq},
};

use super::{conversations, turns};

/// Writes entries with the ids that new ones get.
pub(super) fn write<'a>(
    connection: &Connection,
    conversation: ConversationId,
    entries: impl Iterator<Item = (i64, &'a EntryRow)> + Clone,
    at: &str,
) -> Result<(), DatabaseError> {
    let last_seq = entries.clone().map(|(_, entry)| entry.last_seq).max();
    let at = conversations::touch(connection, conversation, last_seq.unwrap_or(Seq::ZERO), at)?;
    let mut opened = None;
    for (id, entry) in entries {
        let turn = (entry.turn, entry.kind == "user_message");
        if opened != Some(turn) {
            turns::open(connection, conversation, entry, &at)?;
            opened = Some(turn);
        }
        upsert(connection, conversation, id, entry, &at)?;
        match entry.kind.as_str() {
            "user_message" => note_question(connection, conversation, entry)?,
            "response_done" | "error" => turns::end(connection, conversation, entry.turn, &at)?,
            _ => {}
        }
    }
    Ok(())
}

/// Adds an entry, or replaces an older state of it; never a newer one.
fn upsert(
    connection: &Connection,
    conversation: ConversationId,
    id: i64,
    entry: &EntryRow,
    at: &str,
) -> Result<(), DatabaseError> {
    let written = connection
        .prepare_cached(
            "INSERT INTO entries
                 (id, conversation_id, turn, first_seq, last_seq, kind, payload,
                  created_at, updated_at)
             VALUES (:id, :conversation, :turn, :first_seq, :last_seq, :kind, :payload, :at, :at)
             ON CONFLICT (conversation_id, first_seq) DO UPDATE
             SET last_seq = excluded.last_seq, payload = excluded.payload,
                 updated_at = excluded.updated_at
             WHERE excluded.last_seq >= last_seq
                 AND excluded.kind = kind AND excluded.turn = turn",
        )?
        .execute(named_params! {
            ":id": id,
            ":conversation": conversation,
            ":turn": entry.turn,
            ":first_seq": entry.first_seq,
            ":last_seq": entry.last_seq,
            ":kind": entry.kind,
            ":payload": entry.payload,
            ":at": at,
        });
    match written {
        Ok(0) => check_same_entry(connection, conversation, entry),
        Ok(_) => Ok(()),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
            Err(explain_conflict(connection, conversation, entry)?.unwrap_or(error.into()))
        }
        Err(error) => Err(error.into()),
    }
}

/// Checks that the number belongs to a later state of the same entry.
fn check_same_entry(
    connection: &Connection,
    conversation: ConversationId,
    entry: &EntryRow,
) -> Result<(), DatabaseError> {
    let is_same: bool = connection
        .prepare_cached(
            "SELECT turn = ?3 AND kind = ?4 FROM entries
             WHERE conversation_id = ?1 AND first_seq = ?2",
        )?
        .query_row(params![conversation, entry.first_seq, entry.turn, entry.kind], |row| {
            row.get(0)
        })?;
    if is_same {
        return Ok(());
    }
    Err(DatabaseError::SequenceTaken { conversation, seq: entry.first_seq })
}

/// Which rule of the table the entry breaks.
fn explain_conflict(
    connection: &Connection,
    conversation: ConversationId,
    entry: &EntryRow,
) -> Result<Option<DatabaseError>, DatabaseError> {
    let message_id: Option<String> = connection
        .query_row(
            "SELECT message_id FROM entries
             WHERE conversation_id = ?1 AND ?2 = 'user_message'
                 AND message_id = iif(json_valid(?3), ?3, '{}') ->> '$.message_id'",
            params![conversation, entry.kind, entry.payload],
            |row| row.get(0),
        )
        .optional()?;
    if let Some(message_id) = message_id {
        return Ok(Some(DatabaseError::DuplicateMessage { conversation, message_id }));
    }
    let has_ended = connection
        .prepare(
            "SELECT 1 FROM entries
             WHERE conversation_id = ?1 AND turn = ?2 AND kind IN ('response_done', 'error')",
        )?
        .exists(params![conversation, entry.turn])?;
    let is_end = matches!(entry.kind.as_str(), "response_done" | "error");
    Ok((has_ended && is_end).then_some(DatabaseError::SecondEnd { conversation, turn: entry.turn }))
}

fn note_question(
    connection: &Connection,
    conversation: ConversationId,
    entry: &EntryRow,
) -> Result<(), DatabaseError> {
    let content: String = connection
        .prepare_cached("SELECT ifnull(?1 ->> '$.content', '')")?
        .query_row([&entry.payload], |row| row.get(0))?;
    conversations::note_question(connection, conversation, &content)
}
