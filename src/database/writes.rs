//! The writes as plain functions over a connection with an open transaction.
//!
//! `now` is the time of the transaction. A conversation's time never goes backwards: when the
//! clock did, the newest time stored is used in its place.

use rusqlite::{Connection, ErrorCode, OptionalExtension, named_params, params};
use serde::Serialize;

use crate::{
    entry::{Content, EntryRow, UserMessage},
    project::ProjectName,
};

use super::{
    Summary,
    error::DatabaseError,
    messages::{AcceptQuestion, ClaimConversation, CreateConversation, NoteVisit},
    queries::conversations,
    title,
};

pub(super) fn create_conversation(
    connection: &Connection,
    new: &CreateConversation,
    now: &str,
) -> Result<Summary, DatabaseError> {
    connection
        .prepare_cached(
            "INSERT INTO conversations
                 (project, agent_session, reserved_seq, explicit, created_at, updated_at)
             VALUES (:project, :agent_session, :reserved_seq, :explicit, :now, :now)",
        )?
        .execute(named_params! {
            ":project": new.project.as_str(),
            ":agent_session": new.agent_session,
            ":reserved_seq": new.reserved_seq,
            ":explicit": new.explicit,
            ":now": now,
        })?;
    let conversation = connection.last_insert_rowid();
    write_entries(connection, conversation, &new.entries, now)?;
    conversations::summary(connection, &new.project, conversation)?
        .ok_or(DatabaseError::ConversationGone { conversation })
}

pub(super) fn accept_question(
    connection: &Connection,
    question: &AcceptQuestion,
    now: &str,
) -> Result<(), DatabaseError> {
    let AcceptQuestion { conversation, turn, message } = question;
    let UserMessage { message_id, content, .. } = message;
    touch(connection, *conversation, 0, now)?;
    let accepted = connection
        .prepare_cached(
            "INSERT INTO turns (conversation_id, turn, state, message_id, question)
             VALUES (?1, ?2, 'queued', ?3, ?4)",
        )?
        .execute(params![conversation, turn, message_id, json(message)?]);
    if let Err(error) = accepted {
        // The turn's number may be taken instead: then the question was not accepted before.
        let known: bool = connection
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM turns
                     WHERE conversation_id = ?1 AND message_id = ?2)",
            )?
            .query_row(params![conversation, message_id], |row| row.get(0))?;
        return Err(match message_id.clone().filter(|_| known) {
            Some(message_id) => {
                DatabaseError::DuplicateMessage { conversation: *conversation, message_id }
            }
            None => error.into(),
        });
    }
    title_by(connection, *conversation, content)
}

pub(super) fn write_entries(
    connection: &Connection,
    conversation: i64,
    entries: &[EntryRow],
    now: &str,
) -> Result<(), DatabaseError> {
    let last_seq = entries.iter().map(|entry| entry.last_seq).max();
    let now = touch(connection, conversation, last_seq.unwrap_or(0), now)?;
    let mut open = None;
    for entry in entries {
        // A turn that begins without a question, such as the greeting, is open too until it
        // ends; and whatever answers a question shows that its turn runs.
        let opened = (entry.turn, entry.kind == "user_message");
        if open != Some(opened) {
            open_turn(connection, conversation, entry, &now)?;
            open = Some(opened);
        }
        write_entry(connection, conversation, entry, &now)?;
        match entry.kind.as_str() {
            "user_message" => note_question(connection, conversation, entry)?,
            "response_done" | "error" => end_turn(connection, conversation, entry.turn, &now)?,
            _ => {}
        }
    }
    Ok(())
}

/// What the table keeps of a value; plain data cannot fail to become JSON.
fn json(value: &impl Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

/// The row of an entry that does not grow.
pub(super) fn entry_row(turn: i64, seq: i64, content: &Content) -> Result<EntryRow, DatabaseError> {
    let payload =
        content.payload().map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    Ok(EntryRow { turn, first_seq: seq, last_seq: seq, kind: content.kind().to_owned(), payload })
}

/// Notes that the conversation changes, and that numbers up to `seq` are in use. Answers the
/// time to store.
fn touch(
    connection: &Connection,
    conversation: i64,
    seq: i64,
    now: &str,
) -> Result<String, DatabaseError> {
    connection
        .prepare_cached(
            "UPDATE conversations
             SET updated_at = max(updated_at, ?2), reserved_seq = max(reserved_seq, ?3)
             WHERE id = ?1 RETURNING updated_at",
        )?
        .query_row(params![conversation, now, seq], |row| row.get(0))
        .optional()?
        .ok_or(DatabaseError::ConversationGone { conversation })
}

fn open_turn(
    connection: &Connection,
    conversation: i64,
    entry: &EntryRow,
    now: &str,
) -> Result<(), DatabaseError> {
    let queued = entry.kind == "user_message";
    connection
        .prepare_cached(
            "INSERT INTO turns (conversation_id, turn, state, started_at)
             VALUES (?1, ?2, iif(?3, 'queued', 'running'), iif(?3, NULL, ?4))
             ON CONFLICT DO UPDATE SET state = 'running', started_at = excluded.started_at
             WHERE state = 'queued' AND excluded.state = 'running'",
        )?
        .execute(params![conversation, entry.turn, queued, now])?;
    Ok(())
}

fn write_entry(
    connection: &Connection,
    conversation: i64,
    entry: &EntryRow,
    now: &str,
) -> Result<(), DatabaseError> {
    // A newer state of the same entry replaces an older one, never the other way round.
    let written = connection
        .prepare_cached(
            "INSERT INTO entries
                 (conversation_id, turn, first_seq, last_seq, kind, payload, created_at, updated_at)
             VALUES (:conversation, :turn, :first_seq, :last_seq, :kind, :payload, :now, :now)
             ON CONFLICT (conversation_id, first_seq) DO UPDATE
             SET last_seq = excluded.last_seq, payload = excluded.payload,
                 updated_at = excluded.updated_at
             WHERE excluded.last_seq >= last_seq
                 AND excluded.kind = kind AND excluded.turn = turn",
        )?
        .execute(named_params! {
            ":conversation": conversation,
            ":turn": entry.turn,
            ":first_seq": entry.first_seq,
            ":last_seq": entry.last_seq,
            ":kind": entry.kind,
            ":payload": entry.payload,
            ":now": now,
        });
    match written {
        Ok(0) => refuse_other_entry(connection, conversation, entry),
        Ok(_) => Ok(()),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
            Err(explain_conflict(connection, conversation, entry)?.unwrap_or(error.into()))
        }
        Err(error) => Err(error.into()),
    }
}

/// Nothing was written over the entry that has the number: fine if that is a later state of the
/// same entry.
fn refuse_other_entry(
    connection: &Connection,
    conversation: i64,
    entry: &EntryRow,
) -> Result<(), DatabaseError> {
    let same: bool = connection
        .prepare_cached(
            "SELECT turn = ?3 AND kind = ?4 FROM entries
             WHERE conversation_id = ?1 AND first_seq = ?2",
        )?
        .query_row(params![conversation, entry.first_seq, entry.turn, entry.kind], |row| {
            row.get(0)
        })?;
    if same {
        return Ok(());
    }
    Err(DatabaseError::SequenceTaken { conversation, seq: entry.first_seq })
}

/// Which rule of the table `entry` breaks.
fn explain_conflict(
    connection: &Connection,
    conversation: i64,
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
    let ended = connection
        .query_row(
            "SELECT 1 FROM entries
             WHERE conversation_id = ?1 AND turn = ?2 AND kind IN ('response_done', 'error')",
            params![conversation, entry.turn],
            |_| Ok(()),
        )
        .optional()?
        .is_some();
    let is_end = matches!(entry.kind.as_str(), "response_done" | "error");
    Ok((ended && is_end).then_some(DatabaseError::SecondEnd { conversation, turn: entry.turn }))
}

fn note_question(
    connection: &Connection,
    conversation: i64,
    entry: &EntryRow,
) -> Result<(), DatabaseError> {
    let content: String = connection
        .prepare_cached("SELECT ifnull(?1 ->> '$.content', '')")?
        .query_row([&entry.payload], |row| row.get(0))?;
    title_by(connection, conversation, &content)
}

/// The first question lists the conversation and titles it.
fn title_by(
    connection: &Connection,
    conversation: i64,
    question: &str,
) -> Result<(), DatabaseError> {
    connection
        .prepare_cached(
            "UPDATE conversations
             SET written = 1, title = ifnull(nullif(title, ''), nullif(?2, ''))
             WHERE id = ?1 AND (ifnull(title, '') = '' OR written = 0)",
        )?
        .execute(params![conversation, title::from_message(question)])?;
    Ok(())
}

/// Gives the conversation a title, or with `None` takes it away. `None` when there is no such
/// conversation.
pub(super) fn rename(
    connection: &Connection,
    project: &ProjectName,
    conversation: i64,
    title: Option<&str>,
) -> Result<Option<Summary>, DatabaseError> {
    connection
        .prepare_cached("UPDATE conversations SET title = ?3 WHERE id = ?1 AND project = ?2")?
        .execute(params![conversation, project.as_str(), title])?;
    conversations::summary(connection, project, conversation)
}

pub(super) fn begin_turn(
    connection: &Connection,
    conversation: i64,
    turn: i64,
    now: &str,
) -> Result<(), DatabaseError> {
    let now = touch(connection, conversation, 0, now)?;
    connection
        .prepare_cached(
            "INSERT INTO turns (conversation_id, turn, state, started_at)
             VALUES (?1, ?2, 'running', ?3)
             ON CONFLICT DO UPDATE SET state = 'running', started_at = excluded.started_at
             WHERE state = 'queued'",
        )?
        .execute(params![conversation, turn, now])?;
    Ok(())
}

fn end_turn(
    connection: &Connection,
    conversation: i64,
    turn: i64,
    now: &str,
) -> Result<(), DatabaseError> {
    connection
        .prepare_cached(
            "UPDATE turns SET state = 'done', ended_at = ?3
             WHERE conversation_id = ?1 AND turn = ?2 AND state <> 'done'",
        )?
        .execute(params![conversation, turn, now])?;
    Ok(())
}

/// Notes that the turn was open when the server, or its session, was gone: a page that comes
/// back has not seen what became of it since.
pub(super) fn mark_recovered(
    connection: &Connection,
    conversation: i64,
    turn: i64,
) -> Result<(), DatabaseError> {
    connection
        .prepare_cached("UPDATE turns SET recovered = 1 WHERE conversation_id = ?1 AND turn = ?2")?
        .execute(params![conversation, turn])?;
    Ok(())
}

/// Visits that are remembered, at most.
const MOST_VISITS: i64 = 10_000;

pub(super) fn note_visit(
    connection: &Connection,
    visit: &NoteVisit,
    now: &str,
) -> Result<(), DatabaseError> {
    let NoteVisit { browser, project, conversation, seq } = visit;
    connection
        .prepare_cached(
            "INSERT INTO visits (browser, project, conversation_id, seq, visited_at)
             VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT DO UPDATE SET conversation_id = excluded.conversation_id,
                 seq = excluded.seq, visited_at = excluded.visited_at",
        )?
        .execute(params![browser, project.as_str(), conversation, seq, now])?;
    // A page comes back within seconds; and of many that are noted at once the oldest go.
    connection
        .prepare_cached(
            "DELETE FROM visits
             WHERE visited_at < strftime('%Y-%m-%dT%H:%M:%f', ?1, '-1 hour')
                 OR visited_at < (SELECT visited_at FROM visits
                                  ORDER BY visited_at DESC LIMIT 1 OFFSET ?2)",
        )?
        .execute(params![now, MOST_VISITS])?;
    Ok(())
}

/// Reserves numbers above all that were ever reserved and answers the first of them.
pub(super) fn claim(
    connection: &Connection,
    claim: &ClaimConversation,
) -> Result<i64, DatabaseError> {
    let ClaimConversation { project, conversation, range } = claim;
    connection
        .prepare_cached(
            "UPDATE conversations SET reserved_seq = reserved_seq + ?3
             WHERE id = ?1 AND project = ?2 RETURNING reserved_seq - ?3 + 1",
        )?
        .query_row(params![conversation, project.as_str(), range], |row| row.get(0))
        .optional()?
        .ok_or(DatabaseError::ConversationGone { conversation: *conversation })
}

pub(super) fn reserve_seq(
    connection: &Connection,
    conversation: i64,
    up_to: i64,
) -> Result<(), DatabaseError> {
    let reserved = connection
        .prepare_cached(
            "UPDATE conversations SET reserved_seq = max(reserved_seq, ?2) WHERE id = ?1",
        )?
        .execute(params![conversation, up_to])?;
    exists(reserved, conversation)
}

pub(super) fn set_agent_session(
    connection: &Connection,
    conversation: i64,
    agent_session: Option<&str>,
) -> Result<(), DatabaseError> {
    let set = connection
        .prepare_cached("UPDATE conversations SET agent_session = ?2 WHERE id = ?1")?
        .execute(params![conversation, agent_session])?;
    exists(set, conversation)
}

fn exists(changed: usize, conversation: i64) -> Result<(), DatabaseError> {
    match changed {
        0 => Err(DatabaseError::ConversationGone { conversation }),
        _ => Ok(()),
    }
}

pub(super) fn delete_conversation(
    connection: &Connection,
    project: &ProjectName,
    conversation: i64,
) -> Result<bool, DatabaseError> {
    let deleted = connection
        .prepare_cached("DELETE FROM conversations WHERE id = ?1 AND project = ?2")?
        .execute(params![conversation, project.as_str()])?;
    Ok(deleted > 0)
}

pub(super) fn delete_if_empty(
    connection: &Connection,
    conversation: i64,
) -> Result<bool, DatabaseError> {
    let deleted = connection
        .prepare_cached("DELETE FROM conversations WHERE id = ?1 AND explicit = 0 AND written = 0")?
        .execute([conversation])?;
    Ok(deleted > 0)
}

/// Deletes every conversation in which nobody wrote and for which nobody asked. Answers how many.
pub(super) fn delete_empty(connection: &Connection) -> Result<usize, DatabaseError> {
    Ok(connection.execute("DELETE FROM conversations WHERE explicit = 0 AND written = 0", ())?)
}
