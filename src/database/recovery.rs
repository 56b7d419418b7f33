//! What a crash leaves behind, put in order when a server opens the database or a session takes a
//! conversation over: the turn that ran gets its end, and questions that waited go on waiting.

use rusqlite::{Connection, TransactionBehavior};

use crate::{
    entry::{Content, Outcome, UserMessage},
    json,
};

use super::{error::DatabaseError, writes};

/// What was put in order.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Recovery {
    /// Turns that ran and were given an end.
    pub(super) interrupted: usize,
    /// Turns that wait to be answered.
    pub(super) waiting: usize,
    /// Conversations in which nobody wrote anything, removed.
    pub(super) emptied: usize,
}

struct OpenTurn {
    conversation: i64,
    turn: i64,
    queued: bool,
    reserved_seq: i64,
    /// The question, where it was accepted and its entry was not written any more.
    question: Option<UserMessage>,
}

/// Ends what no session will end any more, in one transaction.
pub(super) fn run(connection: &mut Connection, now: &str) -> Result<Recovery, DatabaseError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let emptied = writes::delete_empty(&transaction)?;
    let recovery = Recovery { emptied, ..settle_open_turns(&transaction, None, now)? };
    transaction.commit()?;
    Ok(recovery)
}

/// Ends the turns that ran and completes those that wait, of a conversation or of all.
pub(super) fn settle_open_turns(
    connection: &Connection,
    conversation: Option<i64>,
    now: &str,
) -> Result<Recovery, DatabaseError> {
    let mut recovery = Recovery::default();
    // Numbers above the reserved ones were seen by nobody; what is added to one conversation
    // takes one after the other.
    let mut newest = None;
    for open in open_turns(connection, conversation)? {
        let mut seq = match newest {
            Some((conversation, seq)) if conversation == open.conversation => seq,
            _ => open.reserved_seq,
        };
        let question = open.question.clone().map(Content::UserMessage);
        let end = (!open.queued).then(|| Content::plain_end(Outcome::Interrupted));
        let mut entries = Vec::new();
        for content in question.into_iter().chain(end) {
            seq += 1;
            entries.push(writes::entry_row(open.turn, seq, &content)?);
        }
        newest = Some((open.conversation, seq));
        if !entries.is_empty() {
            writes::write_entries(connection, open.conversation, &entries, now)?;
        }
        writes::mark_recovered(connection, open.conversation, open.turn)?;
        if open.queued {
            recovery.waiting += 1;
        } else {
            recovery.interrupted += 1;
        }
    }
    Ok(recovery)
}

fn open_turns(
    connection: &Connection,
    conversation: Option<i64>,
) -> Result<Vec<OpenTurn>, DatabaseError> {
    let mut statement = connection.prepare_cached(
        "SELECT turns.conversation_id, turn, state = 'queued', reserved_seq, question,
                EXISTS (SELECT 1 FROM entries
                        WHERE entries.conversation_id = turns.conversation_id
                            AND entries.turn = turns.turn AND kind = 'user_message')
         FROM turns JOIN conversations ON conversations.id = turns.conversation_id
         WHERE state <> 'done' AND (?1 IS NULL OR turns.conversation_id = ?1)
         ORDER BY turns.conversation_id, turn",
    )?;
    let turns = statement.query_map([conversation], |row| {
        let question: Option<String> = row.get(4)?;
        let has_entry: bool = row.get(5)?;
        Ok(OpenTurn {
            conversation: row.get(0)?,
            turn: row.get(1)?,
            queued: row.get(2)?,
            reserved_seq: row.get(3)?,
            question: question.filter(|_| !has_entry).map(|asked| message(&asked)).transpose()?,
        })
    })?;
    Ok(turns.collect::<Result<_, _>>()?)
}

/// Reads back a question as it was accepted.
fn message(payload: &str) -> rusqlite::Result<UserMessage> {
    json::from_str(payload).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(4, rusqlite::types::Type::Text, error.into())
    })
}
