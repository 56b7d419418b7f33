//! What a crash leaves behind, put in order when a server opens the database.

use rusqlite::{Connection, TransactionBehavior};

use crate::entry::{Content, Outcome, ResponseDone, TurnError, UserMessage};

use super::{error::DatabaseError, writes};

/// What was put in order.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Recovery {
    /// Turns that ran and were given an end.
    pub(super) interrupted: usize,
    /// Turns that waited and were given an error.
    pub(super) unanswered: usize,
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
    let recovery = Recovery { emptied, ..end_open_turns(&transaction, None, now)? };
    transaction.commit()?;
    Ok(recovery)
}

/// Gives an end to the open turns of a conversation, or of all.
pub(super) fn end_open_turns(
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
        let mut entries = Vec::new();
        for content in question.into_iter().chain([end(open.queued)]) {
            seq += 1;
            entries.push(writes::entry_row(open.turn, seq, &content)?);
        }
        newest = Some((open.conversation, seq));
        writes::write_entries(connection, open.conversation, &entries, now)?;
        writes::mark_recovered(connection, open.conversation, open.turn)?;
        if open.queued {
            recovery.unanswered += 1;
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
        "SELECT turns.conversation_id, turn, state = 'queued', reserved_seq, message_id, question,
                EXISTS (SELECT 1 FROM entries
                        WHERE entries.conversation_id = turns.conversation_id
                            AND entries.turn = turns.turn AND kind = 'user_message')
         FROM turns JOIN conversations ON conversations.id = turns.conversation_id
         WHERE state <> 'done' AND (?1 IS NULL OR turns.conversation_id = ?1)
         ORDER BY turns.conversation_id, turn",
    )?;
    let turns = statement.query_map([conversation], |row| {
        Ok(OpenTurn {
            conversation: row.get(0)?,
            turn: row.get(1)?,
            queued: row.get(2)?,
            reserved_seq: row.get(3)?,
            question: match (row.get(5)?, row.get(6)?) {
                (Some(content), false) => {
                    Some(UserMessage { message_id: row.get(4)?, author: None, content })
                }
                _ => None,
            },
        })
    })?;
    Ok(turns.collect::<Result<_, _>>()?)
}

fn end(queued: bool) -> Content {
    if queued {
        Content::Error(TurnError {
            content: "a restart came before this question was answered: ask it again".to_owned(),
            retryable: true,
        })
    } else {
        Content::ResponseDone(ResponseDone {
            outcome: Outcome::Interrupted,
            usage: None,
            cost_usd: None,
            duration_ms: None,
        })
    }
}
