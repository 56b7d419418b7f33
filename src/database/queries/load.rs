//! Conversations as a session loads them: the newest entries, and outlines of the rest.

use rusqlite::{Connection, Row, params};

use crate::{
    database::{Reader, StoredConversation, error::DatabaseError},
    entry::{EntryOutline, EntryRow},
    ids::{ConversationId, Seq, TurnNumber},
    project::ProjectName,
};

use super::conversations;

/// Texts of answers that are loaded however old they are, for the recap that an agent without its
/// own session gets.
const RECAP_TEXTS: usize = 32;

impl Reader {
    /// A conversation with its newest entries, of `keep` bytes together, and the outlines of what
    /// is older. `None` when the project has no such one.
    pub fn load(
        &self,
        project: &ProjectName,
        conversation: ConversationId,
        keep: usize,
    ) -> Result<Option<StoredConversation>, DatabaseError> {
        self.read(|connection| load(connection, project, conversation, keep))
    }

    /// The rows of a conversation whose first numbers are from `first` to `last`, in their order.
    pub(crate) fn rows(
        &self,
        conversation: ConversationId,
        first: Seq,
        last: Seq,
    ) -> Result<Vec<EntryRow>, DatabaseError> {
        self.read(|connection| Ok(rows(connection, conversation, first, last)?))
    }
}

fn load(
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
    let newest = start_of_newest(&outlines, keep);
    let texts = outlines.iter().rev().filter(|outline| outline.kind == "text");
    let first_text = texts.take(RECAP_TEXTS).last().map_or(newest, |text| text.first_seq);
    let mut entries = older(connection, conversation, newest, first_text)?;
    entries.extend(rows(connection, conversation, newest, Seq::MAX)?);
    let is_loaded = |seq| entries.binary_search_by_key(&seq, |entry| entry.first_seq).is_ok();
    outlines.retain(|outline| outline.first_seq < newest && !is_loaded(outline.first_seq));
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

/// The first number of the newest entries that have `keep` bytes together.
fn start_of_newest(outlines: &[EntryOutline], keep: usize) -> Seq {
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

/// Entries before `newest` that are loaded all the same: questions, ends of turns, and texts from
/// `first_text` on. An index for each kind skips what stands between.
fn older(
    connection: &Connection,
    conversation: ConversationId,
    newest: Seq,
    first_text: Seq,
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
        .query_map(params![conversation, newest, first_text], read_row)?
        .collect::<Result<Vec<_>, _>>()?;
    rows.sort_by_key(|row| row.first_seq);
    Ok(rows)
}

pub(in crate::database) fn rows(
    connection: &Connection,
    conversation: ConversationId,
    first: Seq,
    last: Seq,
) -> rusqlite::Result<Vec<EntryRow>> {
    connection
        .prepare_cached(
            "SELECT turn, first_seq, last_seq, kind, payload FROM entries
             WHERE conversation_id = ?1 AND first_seq BETWEEN ?2 AND ?3 ORDER BY first_seq",
        )?
        .query_map((conversation, first, last), read_row)?
        .collect()
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

/// Turn and text of the questions that wait for an answer, in their order.
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
