//! The reads as plain functions over a connection.

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::{
    ids::{ConversationId, Seq},
    project::ProjectName,
};

use crate::database::{ChatMessage, Detail, Summary, error::DatabaseError};

/// The columns of a [`Summary`], of a conversation named `conversation`. The count is that of
/// the view `messages`, which would join all the text to get there.
macro_rules! summary_columns {
    () => {
        "conversation.id, conversation.project, conversation.title,
         conversation.created_at, conversation.updated_at,
         (SELECT count(*) FROM entries
          WHERE conversation_id = conversation.id AND kind = 'user_message')
         + (SELECT count(*) FROM turns
            WHERE turns.conversation_id = conversation.id AND turns.state = 'done' AND EXISTS (
                SELECT 1 FROM entries WHERE entries.conversation_id = turns.conversation_id
                    AND entries.kind = 'text' AND entries.turn = turns.turn))"
    };
}

fn read_summary(row: &Row<'_>) -> rusqlite::Result<Summary> {
    Ok(Summary {
        id: row.get(0)?,
        project_name: row.get(1)?,
        title: row.get(2)?,
        created_at: row.get(3)?,
        updated_at: row.get(4)?,
        message_count: row.get(5)?,
    })
}

pub(in crate::database) fn conversations(
    connection: &Connection,
    project: &ProjectName,
) -> Result<Vec<Summary>, DatabaseError> {
    let mut statement = connection.prepare_cached(concat!(
        "SELECT ",
        summary_columns!(),
        " FROM conversations AS conversation
         WHERE project = ?1 AND (explicit = 1 OR written = 1)
         ORDER BY updated_at DESC, id DESC"
    ))?;
    let rows = statement.query_map([project.as_str()], read_summary)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(in crate::database) fn empty(
    connection: &Connection,
    project: &ProjectName,
    most: usize,
) -> Result<usize, DatabaseError> {
    let mut statement = connection.prepare_cached(
        "SELECT count(*) FROM (
             SELECT 1 FROM conversations
             WHERE project = ?1 AND explicit = 1 AND written = 0 LIMIT ?2)",
    )?;
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let count: u32 = statement.query_row(params![project.as_str(), most], |row| row.get(0))?;
    Ok(count as usize)
}

pub(in crate::database) fn summary(
    connection: &Connection,
    project: &ProjectName,
    conversation: ConversationId,
) -> Result<Option<Summary>, DatabaseError> {
    let mut statement = connection.prepare_cached(concat!(
        "SELECT ",
        summary_columns!(),
        " FROM conversations AS conversation WHERE id = ?1 AND project = ?2"
    ))?;
    Ok(statement.query_row(params![conversation, project.as_str()], read_summary).optional()?)
}

/// The highest sequence number that may be in use.
pub(in crate::database) fn reserved_seq(
    connection: &Connection,
    project: &ProjectName,
    conversation: ConversationId,
) -> Result<Option<Seq>, DatabaseError> {
    Ok(connection
        .prepare_cached("SELECT reserved_seq FROM conversations WHERE id = ?1 AND project = ?2")?
        .query_row(params![conversation, project.as_str()], |row| row.get(0))
        .optional()?)
}

/// The conversation that a browser was in last, and the number behind which it missed something,
/// if turns were open there when the server went.
pub(in crate::database) fn missed(
    connection: &Connection,
    project: &ProjectName,
    browser: &str,
) -> Result<Option<(ConversationId, Seq)>, DatabaseError> {
    // Of a turn that was cut off it misses the end alone; of one that waited everything but its
    // question, which may stand in the middle of the answer before. What comes of later turns
    // follows.
    Ok(connection
        .prepare_cached(
            "SELECT visit.conversation_id, iif(
                 final.payload ->> '$.outcome' = 'interrupted',
                 final.first_seq - 1,
                 max(question.first_seq, (
                     SELECT ifnull(max(last_seq), 0) FROM entries AS earlier
                     WHERE earlier.conversation_id = turn.conversation_id
                         AND earlier.turn < turn.turn)))
             FROM visits AS visit
             JOIN turns AS turn ON turn.conversation_id = visit.conversation_id
             LEFT JOIN entries AS final ON final.conversation_id = turn.conversation_id
                 AND final.turn = turn.turn AND final.kind IN ('response_done', 'error')
             JOIN entries AS question ON question.conversation_id = turn.conversation_id
                 AND question.turn = turn.turn AND question.kind = 'user_message'
             WHERE visit.browser = ?1 AND visit.project = ?2 AND turn.recovered = 1
                 AND ifnull(final.first_seq > visit.seq, 1)
             ORDER BY turn.turn LIMIT 1",
        )?
        .query_row([browser, project.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?)
}

/// The conversation that a browser was in last, and its newest number.
pub(in crate::database) fn last_visited(
    connection: &Connection,
    project: &ProjectName,
    browser: &str,
) -> Result<Option<(ConversationId, Seq)>, DatabaseError> {
    Ok(connection
        .prepare_cached(
            "SELECT conversation_id, ifnull((
                 SELECT max(last_seq) FROM entries AS entry
                 WHERE entry.conversation_id = visit.conversation_id), 0)
             FROM visits AS visit WHERE browser = ?1 AND project = ?2",
        )?
        .query_row([browser, project.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?)
}

/// Needs a transaction, so that the summary and the messages are of one moment.
pub(in crate::database) fn detail(
    connection: &Connection,
    project: &ProjectName,
    conversation: ConversationId,
) -> Result<Option<Detail>, DatabaseError> {
    let Some(summary) = summary(connection, project, conversation)? else {
        return Ok(None);
    };
    let mut statement = connection.prepare_cached(
        "SELECT id, role, content, timestamp FROM messages
         WHERE conversation_id = ?1 ORDER BY first_seq",
    )?;
    let messages = statement.query_map([conversation], |row| {
        Ok(ChatMessage {
            id: row.get(0)?,
            role: row.get(1)?,
            content: row.get(2)?,
            timestamp: row.get(3)?,
        })
    })?;
    Ok(Some(Detail {
        id: summary.id,
        project_name: summary.project_name,
        title: summary.title,
        created_at: summary.created_at,
        updated_at: summary.updated_at,
        messages: messages.collect::<Result<_, _>>()?,
    }))
}

/// Conversations in which questions wait, with their projects, the longest waiting first.
pub(in crate::database) fn unanswered(
    connection: &Connection,
) -> Result<Vec<(String, ConversationId)>, DatabaseError> {
    let mut statement = connection.prepare_cached(
        "SELECT DISTINCT project, id FROM turns
         JOIN conversations ON conversations.id = turns.conversation_id
         WHERE state <> 'done' AND state = 'queued' ORDER BY updated_at, id",
    )?;
    let rows = statement.query_map((), |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(in crate::database) fn bytes(connection: &Connection) -> Result<u64, DatabaseError> {
    let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    Ok((number("page_count")? * number("page_size")?).unsigned_abs())
}
