//! What a crash leaves behind, put in order when a server opens the database.

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::entry::{Content, Outcome, ResponseDone, TurnError};

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
}

/// Ends what no session will end any more, in one transaction.
pub(super) fn run(connection: &mut Connection, now: &str) -> Result<Recovery, DatabaseError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut recovery = Recovery {
        emptied: writes::delete_empty(&transaction)?,
        ..Recovery::default()
    };
    // Numbers above the reserved ones were seen by nobody; two turns of one conversation take
    // two of them.
    let mut newest = None;
    for open in open_turns(&transaction)? {
        let seq = match newest {
            Some((conversation, seq)) if conversation == open.conversation => seq + 1,
            _ => open.reserved_seq + 1,
        };
        newest = Some((open.conversation, seq));
        end(&transaction, &open, seq, now)?;
        if open.queued {
            recovery.unanswered += 1;
        } else {
            recovery.interrupted += 1;
        }
    }
    transaction.commit()?;
    Ok(recovery)
}

fn open_turns(transaction: &Transaction<'_>) -> Result<Vec<OpenTurn>, DatabaseError> {
    let mut statement = transaction.prepare(
        "SELECT turns.conversation_id, turn, state = 'queued', reserved_seq
         FROM turns JOIN conversations ON conversations.id = turns.conversation_id
         WHERE state <> 'done'
         ORDER BY turns.conversation_id, turn",
    )?;
    let turns = statement.query_map((), |row| {
        Ok(OpenTurn {
            conversation: row.get(0)?,
            turn: row.get(1)?,
            queued: row.get(2)?,
            reserved_seq: row.get(3)?,
        })
    })?;
    Ok(turns.collect::<Result<_, _>>()?)
}

fn end(
    transaction: &Transaction<'_>,
    open: &OpenTurn,
    seq: i64,
    now: &str,
) -> Result<(), DatabaseError> {
    let content = if open.queued {
        Content::Error(TurnError {
            content: "the server restarted before this question was answered: ask it again"
                .to_owned(),
            retryable: true,
        })
    } else {
        Content::ResponseDone(ResponseDone {
            outcome: Outcome::Interrupted,
            usage: None,
            cost_usd: None,
            duration_ms: None,
        })
    };
    let entry = writes::entry_row(open.turn, seq, &content)?;
    writes::write_entries(transaction, open.conversation, &[entry], now)
}
