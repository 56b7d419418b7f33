//! Similar earlier questions: the index finds candidates, [`score`] compares them. Those whose answers
//! are kept as notes come first.

pub(crate) mod score;

use std::{cmp::Reverse, collections::HashSet, time::Duration};

use rusqlite::{Connection, Row, named_params};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    ids::{ConversationId, TurnNumber},
    project::ProjectName,
    rights::{Principal, readable},
};

use super::{
    Reader,
    error::DatabaseError,
    queries::{
        notes::{self, Note},
        search::within,
    },
};
use score::QuestionTerms;

/// Notes that are compared with a question, the newest.
const MAX_NOTES: i64 = 1000;

/// Characters of a question that are compared and shown.
const MAX_QUESTION: i64 = 500;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Asked)]
pub(crate) struct SimilarQuestion {
    pub(crate) conversation_id: ConversationId,
    pub(crate) turn: TurnNumber,
    /// Cut off where it is long.
    pub(crate) question: String,
    /// UTC, ISO 8601.
    pub(crate) asked_at: String,
    /// Whether its answer is kept as a note.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) note: bool,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct SimilarityLimits {
    /// How many of the newest questions are compared.
    pub(crate) candidates: usize,
    pub(crate) results: usize,
    /// Candidates found after this are left out.
    pub(crate) timeout: Duration,
}

impl Reader {
    /// Questions of the project that ask the same as `typed` and that a person may read: those of notes,
    /// then the others, each the most similar first.
    pub(crate) fn similar(
        &self,
        of: (&ProjectName, &Principal),
        typed: &QuestionTerms,
        limits: SimilarityLimits,
    ) -> Result<Vec<SimilarQuestion>, DatabaseError> {
        self.read(|connection| similar(connection, of, typed, limits))
    }

    /// The notes of the project, outside of a conversation, that everybody may read and that answer a
    /// similar question, the most similar first.
    pub(crate) fn fitting_notes(
        &self,
        project: &ProjectName,
        not_in: ConversationId,
        question: &str,
        limit: usize,
    ) -> Result<Vec<Note>, DatabaseError> {
        let (asked, everybody) = (QuestionTerms::asked(question), Principal::default());
        self.read(|connection| {
            let similar = similar_notes(connection, (project, &everybody), &asked)?;
            let outside = similar.into_iter().filter(|it| it.conversation_id != not_in);
            let mut found = Vec::new();
            for it in outside.take(limit) {
                let of = (it.conversation_id, it.turn);
                found.extend(notes::one(connection, (project, &everybody), of)?);
            }
            Ok(found)
        })
    }
}

/// See [`Reader::similar`]. Of questions with the same words it gives the newest.
pub(super) fn similar(
    connection: &Connection,
    of: (&ProjectName, &Principal),
    typed: &QuestionTerms,
    limits: SimilarityLimits,
) -> Result<Vec<SimilarQuestion>, DatabaseError> {
    let Some(query) = typed.query() else { return Ok(Vec::new()) };
    let candidates = within(connection, limits.timeout, || {
        candidates(connection, of, &query, limits.candidates)
    })?;
    let notes = of_notes(connection, of)?;
    let mut found = scored(typed, notes.into_iter().chain(candidates));
    found.truncate(limits.results);
    Ok(found)
}

/// The questions of notes that ask the same as `asked`, the most similar first.
pub(super) fn similar_notes(
    connection: &Connection,
    of: (&ProjectName, &Principal),
    asked: &QuestionTerms,
) -> Result<Vec<SimilarQuestion>, DatabaseError> {
    Ok(scored(asked, of_notes(connection, of)?))
}

/// Those that ask the same; of questions with the same words the first.
fn scored(
    typed: &QuestionTerms,
    candidates: impl IntoIterator<Item = SimilarQuestion>,
) -> Vec<SimilarQuestion> {
    let mut seen = HashSet::new();
    let mut scored: Vec<(f64, SimilarQuestion)> = candidates
        .into_iter()
        .filter_map(|it| Some((typed.similarity(&QuestionTerms::asked(&it.question))?, it)))
        .filter(|(_, it)| seen.insert(it.question.trim().to_lowercase()))
        .collect();
    scored.sort_by(|(one, a), (other, b)| {
        let by_note = b.note.cmp(&a.note).then_with(|| other.total_cmp(one));
        by_note.then_with(|| Reverse(&a.asked_at).cmp(&Reverse(&b.asked_at)))
    });
    scored.into_iter().map(|(_, it)| it).collect()
}

/// The questions of the newest notes.
fn of_notes(
    connection: &Connection,
    (project, who): (&ProjectName, &Principal),
) -> rusqlite::Result<Vec<SimilarQuestion>> {
    let mut statement = connection.prepare_cached(concat!(
        "SELECT note.conversation_id, note.turn,
             substr(entry.payload ->> '$.content', 1, :max_question), entry.created_at
         FROM notes AS note
         JOIN conversations AS conversation ON conversation.id = note.conversation_id
         JOIN entries AS entry ON entry.conversation_id = note.conversation_id
             AND entry.kind = 'user_message' AND entry.turn = note.turn
         WHERE note.project = :project AND ",
        readable!(),
        " ORDER BY note.kept_at DESC LIMIT :limit",
    ))?;
    let rows = statement.query_map(
        named_params! {
            ":project": project.as_str(),
            ":user": who.user,
            ":reads_all": who.reads_all,
            ":limit": MAX_NOTES,
            ":max_question": MAX_QUESTION,
        },
        |row| Ok(SimilarQuestion { note: true, ..read_question(row)? }),
    )?;
    rows.collect()
}

fn read_question(row: &Row<'_>) -> rusqlite::Result<SimilarQuestion> {
    Ok(SimilarQuestion {
        conversation_id: row.get(0)?,
        turn: row.get(1)?,
        question: row.get(2)?,
        asked_at: row.get(3)?,
        note: false,
    })
}

/// The newest questions with one of the words that were found in time.
fn candidates(
    connection: &Connection,
    (project, who): (&ProjectName, &Principal),
    query: &str,
    limit: usize,
) -> rusqlite::Result<Vec<SimilarQuestion>> {
    // The index is in the order of time: nothing is sorted, so little is read.
    let mut statement = connection.prepare_cached(concat!(
        "SELECT entry.conversation_id, entry.turn,
             substr(entry.payload ->> '$.content', 1, :max_question),
             entry.created_at
         FROM search
         JOIN entries AS entry ON entry.id = search.rowid
         JOIN conversations AS conversation ON conversation.id = entry.conversation_id
         WHERE search MATCH :words AND entry.kind = 'user_message' AND entry.turn > 0
             AND conversation.project = :project AND ",
        readable!(),
        " ORDER BY search.rowid DESC LIMIT :limit",
    ))?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = statement.query_map(
        named_params! {
            ":words": query,
            ":project": project.as_str(),
            ":user": who.user,
            ":reads_all": who.reads_all,
            ":limit": limit,
            ":max_question": MAX_QUESTION,
        },
        read_question,
    )?;
    let mut found = Vec::new();
    for row in rows {
        match row {
            Err(error) if is_interrupted(&error) => break,
            row => found.push(row?),
        }
    }
    Ok(found)
}

fn is_interrupted(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::OperationInterrupted)
}
