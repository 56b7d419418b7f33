//! Reading a conversation piece by piece, for whoever takes it home: short reads that hold no
//! connection between them, however slowly the client takes what it gets.

use rusqlite::{Connection, Row, params};

use crate::ids::{ConversationId, Seq, TurnNumber};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::database::error::DatabaseError;

/// Entries that are read at once.
const PAGE: i64 = 64;

/// An entry with its times, as it is stored.
#[derive(Debug, Clone, Serialize)]
pub struct StoredEntry {
    /// The turn that it belongs to; 0 is the greeting.
    pub turn: TurnNumber,
    /// Sequence number of its first piece.
    pub first_seq: Seq,
    /// Sequence number of its newest piece.
    pub last_seq: Seq,
    /// See [`EntryRow::kind`](crate::entry::EntryRow::kind).
    pub kind: String,
    /// The content's fields.
    pub payload: Box<RawValue>,
    /// When it began. UTC, ISO 8601.
    pub created_at: String,
    /// When it changed last. UTC, ISO 8601.
    pub updated_at: String,
}

/// In which order entries are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryOrder {
    /// As they came: a question that was asked while another was answered stands within that
    /// answer.
    BySequence,
    /// Each turn for itself.
    ByTurn,
}

/// The place behind an entry: its turn and its first number.
pub(crate) type ExportCursor = (TurnNumber, Seq);

/// The place before everything.
pub(crate) const START: ExportCursor = (TurnNumber(-1), Seq(-1));

/// The next entries behind `after`; none when there are no more.
pub(in crate::database) fn entries(
    connection: &Connection,
    conversation: ConversationId,
    order: EntryOrder,
    (turn, seq): ExportCursor,
) -> Result<Vec<StoredEntry>, DatabaseError> {
    macro_rules! page {
        ($after:literal, $order:literal) => {
            concat!(
                "SELECT turn, first_seq, last_seq, kind, payload, created_at, updated_at
                 FROM entries WHERE id IN (
                     SELECT id FROM entries WHERE conversation_id = ?1 AND ",
                $after,
                " ORDER BY ",
                $order,
                " LIMIT ?4) ORDER BY ",
                $order
            )
        };
    }
    let mut statement = connection.prepare_cached(match order {
        EntryOrder::BySequence => page!("first_seq > ?3 AND ?2 IS NOT NULL", "first_seq"),
        EntryOrder::ByTurn => page!("(turn, first_seq) > (?2, ?3)", "turn, first_seq"),
    })?;
    let rows = statement.query_map(params![conversation, turn, seq, PAGE], read_entry)?;
    let entries: Vec<StoredEntry> = rows.collect::<Result<_, _>>()?;
    if entries.is_empty() {
        let is_there: bool = connection
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM conversations WHERE id = ?1)")?
            .query_row([conversation], |row| row.get(0))?;
        if !is_there {
            return Err(DatabaseError::ConversationGone { conversation });
        }
    }
    Ok(entries)
}

/// Questions that are accepted and have no entry yet, in their order.
pub(in crate::database) fn waiting(
    connection: &Connection,
    conversation: ConversationId,
) -> Result<Vec<(TurnNumber, Box<RawValue>)>, DatabaseError> {
    let mut statement = connection.prepare_cached(
        "SELECT turn, question FROM turns
         WHERE conversation_id = ?1 AND state <> 'done' AND question IS NOT NULL
             AND NOT EXISTS (SELECT 1 FROM entries
                 WHERE entries.conversation_id = turns.conversation_id
                     AND entries.kind = 'user_message' AND entries.turn = turns.turn)
         ORDER BY turn",
    )?;
    let rows = statement.query_map([conversation], |row| Ok((row.get(0)?, raw(row, 1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn read_entry(row: &Row<'_>) -> rusqlite::Result<StoredEntry> {
    Ok(StoredEntry {
        turn: row.get(0)?,
        first_seq: row.get(1)?,
        last_seq: row.get(2)?,
        kind: row.get(3)?,
        payload: raw(row, 4)?,
        created_at: row.get(5)?,
        updated_at: row.get(6)?,
    })
}

fn raw(row: &Row<'_>, column: usize) -> rusqlite::Result<Box<RawValue>> {
    RawValue::from_string(row.get(column)?).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(
            column,
            rusqlite::types::Type::Text,
            Box::new(error),
        )
    })
}

impl StoredEntry {
    /// The place behind it.
    pub fn cursor(&self) -> ExportCursor {
        (self.turn, self.first_seq)
    }
}
