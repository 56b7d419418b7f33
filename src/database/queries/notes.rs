//! Notes: answers that people keep, of a project, found by words or by what is asked.

use std::time::Duration;

use rusqlite::{Connection, Row, ToSql, params};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    database::{
        Reader,
        error::DatabaseError,
        queries::search::{FullTextQuery, within},
    },
    ids::{ConversationId, TurnNumber},
    project::ProjectName,
    rights::{Principal, readable},
};

/// Characters of a question.
const MAX_QUESTION: i64 = 500;

/// Characters of an answer.
const MAX_ANSWER: i64 = 2000;

/// A note of a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Note {
    pub(crate) conversation_id: ConversationId,
    pub(crate) turn: TurnNumber,
    /// What was asked, cut off where it is long.
    pub(crate) question: String,
    /// The beginning of the answer, in Markdown.
    pub(crate) answer: String,
    /// When it was answered. UTC, ISO 8601.
    pub(crate) answered_at: String,
    /// Who keeps it, where users are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) kept_by: Option<String>,
    /// UTC, ISO 8601.
    pub(crate) kept_at: String,
}

macro_rules! note_columns {
    () => {
        "note.conversation_id, note.turn,
         ifnull((SELECT substr(payload ->> '$.content', 1, :question) FROM entries
             WHERE entries.conversation_id = note.conversation_id AND kind = 'user_message'
                 AND entries.turn = note.turn), ''),
         ifnull((SELECT substr(group_concat(payload ->> '$.content', '' ORDER BY first_seq),
                 1, :answer) FROM entries
             WHERE entries.conversation_id = note.conversation_id AND kind = 'text'
                 AND entries.turn = note.turn), ''),
         ifnull((SELECT max(created_at) FROM entries
             WHERE entries.conversation_id = note.conversation_id
                 AND entries.turn = note.turn AND kind IN ('response_done', 'error')),
             note.kept_at),
         note.kept_by, note.kept_at
         FROM notes AS note
         JOIN conversations AS conversation ON conversation.id = note.conversation_id
         WHERE note.project = :project AND "
    };
}

macro_rules! newest_first {
    () => {
        " ORDER BY note.kept_at DESC, note.conversation_id DESC, note.turn DESC LIMIT :limit"
    };
}

impl Reader {
    /// Notes of the project that `who` may read, the newest first, at most `limit`: those whose question
    /// or answer matches, or all.
    ///
    /// # Errors
    /// Besides what any read may fail with, [`DatabaseError::TookTooLong`] after `timeout`.
    pub(crate) fn notes(
        &self,
        of: (&ProjectName, &Principal),
        query: Option<&FullTextQuery>,
        limit: usize,
        timeout: Duration,
    ) -> Result<Vec<Note>, DatabaseError> {
        self.read(|connection| {
            within(connection, timeout, || match query {
                Some(query) => matching(connection, of, query, limit),
                None => newest(connection, of, limit),
            })
        })
    }

    /// Whether the project has notes.
    pub(crate) fn has_notes(&self, project: &ProjectName) -> Result<bool, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection
                .prepare_cached("SELECT EXISTS (SELECT 1 FROM notes WHERE project = ?1)")?;
            Ok(statement.query_row([project.as_str()], |row| row.get(0))?)
        })
    }
}

fn newest(
    connection: &Connection,
    of: (&ProjectName, &Principal),
    limit: usize,
) -> rusqlite::Result<Vec<Note>> {
    let sql = concat!("SELECT ", note_columns!(), readable!(), newest_first!());
    select(connection, sql, of, &[(":limit", &limit_of(limit))])
}

pub(in crate::database) fn one(
    connection: &Connection,
    of: (&ProjectName, &Principal),
    (conversation, turn): (ConversationId, TurnNumber),
) -> rusqlite::Result<Option<Note>> {
    let sql = concat!(
        "SELECT ",
        note_columns!(),
        readable!(),
        " AND note.conversation_id = :conversation AND note.turn = :turn"
    );
    let at: [(&str, &dyn ToSql); 2] = [(":conversation", &conversation), (":turn", &turn)];
    Ok(select(connection, sql, of, &at)?.pop())
}

fn matching(
    connection: &Connection,
    of: (&ProjectName, &Principal),
    query: &FullTextQuery,
    limit: usize,
) -> rusqlite::Result<Vec<Note>> {
    let sql = concat!(
        "WITH found AS MATERIALIZED (
             SELECT DISTINCT entry.conversation_id, entry.turn FROM search
             JOIN entries AS entry ON entry.id = search.rowid WHERE search MATCH :words)
         SELECT ",
        note_columns!(),
        readable!(),
        " AND (note.conversation_id, note.turn) IN (SELECT * FROM found)",
        newest_first!()
    );
    let words = query.as_str();
    select(connection, sql, of, &[(":words", &words), (":limit", &limit_of(limit))])
}

/// The notes that `sql` selects by [`note_columns`], with `more` parameters than those of every note.
fn select(
    connection: &Connection,
    sql: &str,
    (project, who): (&ProjectName, &Principal),
    more: &[(&str, &dyn ToSql)],
) -> rusqlite::Result<Vec<Note>> {
    let project = project.as_str();
    let mut parameters: Vec<(&str, &dyn ToSql)> = vec![
        (":question", &MAX_QUESTION),
        (":answer", &MAX_ANSWER),
        (":project", &project),
        (":user", &who.user),
        (":reads_all", &who.reads_all),
    ];
    parameters.extend(more);
    let mut statement = connection.prepare_cached(sql)?;
    statement.query_map(parameters.as_slice(), read_note)?.collect()
}

fn limit_of(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// How many notes the project has besides one of this turn.
pub(in crate::database) fn others(
    connection: &Connection,
    (project, conversation, turn): (&ProjectName, ConversationId, TurnNumber),
) -> Result<u32, DatabaseError> {
    let mut statement = connection.prepare_cached(
        "SELECT count(*) FROM notes
         WHERE project = ?1 AND NOT (conversation_id = ?2 AND turn = ?3)",
    )?;
    let of = params![project.as_str(), conversation, turn];
    Ok(statement.query_row(of, |row| row.get(0))?)
}

fn read_note(row: &Row<'_>) -> rusqlite::Result<Note> {
    Ok(Note {
        conversation_id: row.get(0)?,
        turn: row.get(1)?,
        question: row.get(2)?,
        answer: row.get(3)?,
        answered_at: row.get(4)?,
        kept_by: row.get(5)?,
        kept_at: row.get(6)?,
    })
}
