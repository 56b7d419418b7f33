//! Entries of a conversation page by page, for export.
//!
//! Each page is a read of its own, so a slow client holds no connection.

use std::mem;

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::{
    citation::Citation,
    database::{Reader, error::DatabaseError},
    entry::Content,
    ids::{ConversationId, Seq, TurnNumber},
    project::ProjectName,
};

/// Entries in a page.
const PAGE: i64 = 64;

/// An entry with its times.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct StoredEntry {
    /// 0 is the greeting's.
    pub(crate) turn: TurnNumber,
    /// Sequence number of its first piece.
    pub(crate) first_seq: Seq,
    /// Sequence number of its newest piece.
    pub(crate) last_seq: Seq,
    /// See [`EntryRow::kind`](crate::entry::EntryRow::kind).
    pub(crate) kind: String,
    /// The content's fields.
    pub(crate) payload: Box<RawValue>,
    /// UTC, ISO 8601.
    pub(crate) created_at: String,
    /// UTC, ISO 8601.
    pub(crate) updated_at: String,
}

impl StoredEntry {
    /// What the answer that it ends cites, and the files that were read for it; nothing of another entry.
    pub(crate) fn sources(&self) -> (Vec<Citation>, Vec<String>) {
        let mut content = Content::from_row(&self.kind, self.payload.get());
        let details = content.as_mut().ok().and_then(Content::end_details);
        details.map_or_else(Default::default, |details| {
            (mem::take(details.citations), mem::take(details.files_read))
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EntryOrder {
    /// As they came: a question that was asked while another was answered stands within that
    /// answer.
    BySequence,
    /// One turn after the other.
    ByTurn,
}

/// The turn and first number of the entry behind which a page begins.
pub(crate) type ExportCursor = (TurnNumber, Seq);

/// Before the first entry.
pub(crate) const START: ExportCursor = (TurnNumber(-1), Seq(-1));

impl StoredEntry {
    /// Whether it ends its turn.
    pub(crate) fn is_end(&self) -> bool {
        matches!(self.kind.as_str(), "response_done" | "error")
    }

    /// Behind this entry.
    pub(crate) fn cursor(&self) -> ExportCursor {
        (self.turn, self.first_seq)
    }
}

impl Reader {
    /// The next few entries of a conversation behind `after`; none at its end. Fails when the
    /// conversation is gone.
    pub(crate) fn entries(
        &self,
        conversation: ConversationId,
        order: EntryOrder,
        after: ExportCursor,
    ) -> Result<Vec<StoredEntry>, DatabaseError> {
        self.read(|connection| entries(connection, conversation, order, after))
    }

    /// The entry that ends a turn of a project's conversation, once it has ended.
    pub(crate) fn end_of_turn(
        &self,
        project: &ProjectName,
        conversation: ConversationId,
        turn: TurnNumber,
    ) -> Result<Option<StoredEntry>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT turn, first_seq, last_seq, kind, payload, created_at, updated_at
                 FROM entries WHERE conversation_id = ?1 AND turn = ?2
                     AND kind IN ('response_done', 'error')
                     AND EXISTS (SELECT 1 FROM conversations WHERE id = ?1 AND project = ?3)
                 ORDER BY first_seq DESC LIMIT 1",
            )?;
            let found =
                statement.query_row(params![conversation, turn, project.as_str()], read_entry);
            Ok(found.optional()?)
        })
    }

    /// What was asked in a turn.
    pub(crate) fn question_of_turn(
        &self,
        conversation: ConversationId,
        turn: TurnNumber,
    ) -> Result<Option<String>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT payload ->> '$.content' FROM entries
                 WHERE conversation_id = ?1 AND turn = ?2 AND kind = 'user_message' LIMIT 1",
            )?;
            Ok(statement.query_row(params![conversation, turn], |row| row.get(0)).optional()?)
        })
    }

    /// Accepted questions of a conversation that have no entry yet, in their order: turn, and the
    /// payload that the entry will have.
    pub(crate) fn questions_without_entry(
        &self,
        conversation: ConversationId,
    ) -> Result<Vec<(TurnNumber, Box<RawValue>)>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT turn, question FROM turns
                 WHERE conversation_id = ?1 AND state <> 'done' AND question IS NOT NULL
                     AND NOT EXISTS (SELECT 1 FROM entries
                         WHERE entries.conversation_id = turns.conversation_id
                             AND entries.kind = 'user_message' AND entries.turn = turns.turn)
                 ORDER BY turn",
            )?;
            let rows =
                statement.query_map([conversation], |row| Ok((row.get(0)?, json(row, 1)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

fn entries(
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
        let exists = connection
            .prepare_cached("SELECT 1 FROM conversations WHERE id = ?1")?
            .exists([conversation])?;
        if !exists {
            return Err(DatabaseError::ConversationGone { conversation });
        }
    }
    Ok(entries)
}

fn read_entry(row: &Row<'_>) -> rusqlite::Result<StoredEntry> {
    Ok(StoredEntry {
        turn: row.get(0)?,
        first_seq: row.get(1)?,
        last_seq: row.get(2)?,
        kind: row.get(3)?,
        payload: json(row, 4)?,
        created_at: row.get(5)?,
        updated_at: row.get(6)?,
    })
}

fn json(row: &Row<'_>, column: usize) -> rusqlite::Result<Box<RawValue>> {
    RawValue::from_string(row.get(column)?).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(
            column,
            rusqlite::types::Type::Text,
            Box::new(error),
        )
    })
}
