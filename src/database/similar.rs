//! Similar earlier questions: the index finds candidates, [`score`] compares them.

pub(crate) mod score;

use std::{cmp::Reverse, collections::HashSet, time::Duration};

use rusqlite::{Connection, named_params};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    ids::{ConversationId, TurnNumber},
    project::ProjectName,
    rights::{Principal, readable},
};

use super::{Reader, error::DatabaseError, queries::search::within};
use score::QuestionTerms;

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
    /// Questions of the project that ask the same as `typed` and that a person may read, the most
    /// similar first.
    pub(crate) fn similar(
        &self,
        of: (&ProjectName, &Principal),
        typed: &QuestionTerms,
        limits: SimilarityLimits,
    ) -> Result<Vec<SimilarQuestion>, DatabaseError> {
        self.read(|connection| similar(connection, of, typed, limits))
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
    let mut seen = HashSet::new();
    let mut scored: Vec<(f64, SimilarQuestion)> = candidates
        .into_iter()
        .filter_map(|it| Some((typed.similarity(&QuestionTerms::asked(&it.question))?, it)))
        .filter(|(_, it)| seen.insert(it.question.trim().to_lowercase()))
        .collect();
    scored.sort_by(|(one, a), (other, b)| {
        other.total_cmp(one).then_with(|| Reverse(&a.asked_at).cmp(&Reverse(&b.asked_at)))
    });
    Ok(scored.into_iter().take(limits.results).map(|(_, it)| it).collect())
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
        |row| {
            Ok(SimilarQuestion {
                conversation_id: row.get(0)?,
                turn: row.get(1)?,
                question: row.get(2)?,
                asked_at: row.get(3)?,
            })
        },
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
