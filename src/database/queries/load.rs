//! Conversations as a session takes them in, and their entries.

use rusqlite::{Connection, Row, params};

use crate::{
    entry::{EntryOutline, EntryRow},
    ids::{ConversationId, Seq, TurnNumber},
    project::ProjectName,
};

use super::conversations;
use crate::database::{StoredConversation, error::DatabaseError};

/// Texts of answers that are loaded though they are old: an agent that knows nothing of the
/// conversation is told of them.
const TEXTS: usize = 32;

/// Needs a transaction, so that all parts are of one moment.
pub(in crate::database) fn load(
    connection: &Connection,
    project: &ProjectName,
    conversation: ConversationId,
    keep: usize,
) -> Result<Option<StoredConversation>, DatabaseError> {
    let Some(summary) = conversations::summary(connection, project, conversation)? else {
        return Ok(None);
    };
    let (agent_session, reserved_seq, next_turn) = connection
        .prepare_cached(
            "SELECT agent_session, reserved_seq,
                 (SELECT ifnull(max(turn), 0) + 1 FROM turns WHERE conversation_id = ?1)
             FROM conversations WHERE id = ?1",
        )?
        .query_row([conversation], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let mut outlines = outlines(connection, conversation)?;
    let newest = newest(&outlines, keep);
    let texts = outlines.iter().rev().filter(|outline| outline.kind == "text");
    let spoken = texts.take(TEXTS).last().map_or(newest, |text| text.first_seq);
    let mut entries = older(connection, conversation, newest, spoken)?;
    entries.extend(rows(connection, conversation, newest, Seq::MAX)?);
    let has = |seq| entries.binary_search_by_key(&seq, |entry| entry.first_seq).is_ok();
    outlines.retain(|outline| outline.first_seq < newest && !has(outline.first_seq));
    Ok(Some(StoredConversation {
        summary,
        agent_session,
        reserved_seq,
        entries,
        outlines,
        next_turn,
        waiting: waiting(connection, conversation)?,
    }))
}

/// The number with which the newest entries begin that have `keep` bytes together.
fn newest(outlines: &[EntryOutline], keep: usize) -> Seq {
    let mut bytes = 0_usize;
    let fit = outlines.iter().rev().take_while(|outline| {
        bytes = bytes.saturating_add(outline.bytes);
        bytes <= keep
    });
    fit.last().map_or(Seq::MAX, |outline| outline.first_seq)
}

fn outlines(
    connection: &Connection,
    conversation: ConversationId,
) -> rusqlite::Result<Vec<EntryOutline>> {
    connection
        .prepare_cached(
            "SELECT turn, first_seq, last_seq, kind, octet_length(payload) FROM entries
             WHERE conversation_id = ?1 ORDER BY first_seq",
        )?
        .query_map([conversation], |row| {
            Ok(EntryOutline {
                turn: row.get(0)?,
                first_seq: row.get(1)?,
                last_seq: row.get(2)?,
                kind: row.get(3)?,
                bytes: row.get::<_, u32>(4)? as usize,
            })
        })?
        .collect()
}

/// What is loaded of entries before `newest`: what people asked, how turns ended, and texts of answers from
/// `spoken` on. Each kind is found by an index of its own, past all that stands between.
fn older(
    connection: &Connection,
    conversation: ConversationId,
    newest: Seq,
    spoken: Seq,
) -> rusqlite::Result<Vec<EntryRow>> {
    let mut rows = connection
        .prepare_cached(
            "SELECT turn, first_seq, last_seq, kind, payload FROM entries
             WHERE conversation_id = ?1 AND kind = 'user_message' AND first_seq < ?2
             UNION ALL
             SELECT turn, first_seq, last_seq, kind, payload FROM entries
             WHERE conversation_id = ?1 AND kind IN ('response_done', 'error') AND first_seq < ?2
             UNION ALL
             SELECT turn, first_seq, last_seq, kind, payload FROM entries
             WHERE conversation_id = ?1 AND kind = 'text' AND first_seq >= ?3 AND first_seq < ?2",
        )?
        .query_map(params![conversation, newest, spoken], read_row)?
        .collect::<Result<Vec<_>, _>>()?;
    rows.sort_by_key(|row| row.first_seq);
    Ok(rows)
}

/// The rows whose first numbers are from `first` to `last`, in their order.
pub(in crate::database) fn rows(
    connection: &Connection,
    conversation: ConversationId,
    first: Seq,
    last: Seq,
) -> Result<Vec<EntryRow>, DatabaseError> {
    let mut statement = connection.prepare_cached(
        "SELECT turn, first_seq, last_seq, kind, payload FROM entries
         WHERE conversation_id = ?1 AND first_seq BETWEEN ?2 AND ?3 ORDER BY first_seq",
    )?;
    let rows = statement.query_map((conversation, first, last), read_row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn read_row(row: &Row<'_>) -> rusqlite::Result<EntryRow> {
    Ok(EntryRow {
        turn: row.get(0)?,
        first_seq: row.get(1)?,
        last_seq: row.get(2)?,
        kind: row.get(3)?,
        payload: row.get(4)?,
    })
}

/// The questions that wait, in their order.
fn waiting(
    connection: &Connection,
    conversation: ConversationId,
) -> rusqlite::Result<Vec<(TurnNumber, String)>> {
    connection
        .prepare_cached(
            "SELECT turn, ifnull(question ->> '$.content', (
                 SELECT payload ->> '$.content' FROM entries
                 WHERE entries.conversation_id = turns.conversation_id
                     AND entries.turn = turns.turn AND kind = 'user_message'))
             FROM turns WHERE conversation_id = ?1 AND state = 'queued' ORDER BY turn",
        )?
        .query_map([conversation], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}
