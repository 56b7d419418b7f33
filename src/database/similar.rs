//! Questions that were asked before: the index knows candidates, [`score`] judges them.

pub(crate) mod score;

use std::{cmp::Reverse, collections::HashSet, time::Duration};

use rusqlite::{Connection, params};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    ids::{ConversationId, TurnNumber},
    project::ProjectName,
};

use super::{error::DatabaseError, queries::search::within};
use score::QuestionTerms;

/// Characters of a question that are compared, and shown.
const LONGEST: i64 = 500;

/// A question that was asked before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Asked)]
pub struct SimilarQuestion {
    /// In which conversation.
    pub conversation_id: ConversationId,
    /// The turn in it.
    pub turn: TurnNumber,
    /// The question, cut off where it is long.
    pub question: String,
    /// UTC, ISO 8601.
    pub asked_at: String,
}

/// How much is looked at, and how much is given.
#[derive(Debug, Clone, Copy)]
pub struct SimilarityLimits {
    /// Questions that are compared, the newest.
    pub candidates: usize,
    /// Questions that are given.
    pub results: usize,
    /// After this time, what was found is given.
    pub timeout: Duration,
}

/// Questions of the project that ask what `typed` asks, the closest first; of those with the same
/// words the newest.
pub(super) fn similar(
    connection: &Connection,
    project: &ProjectName,
    typed: &QuestionTerms,
    limits: SimilarityLimits,
) -> Result<Vec<SimilarQuestion>, DatabaseError> {
    let Some(query) = typed.query() else { return Ok(Vec::new()) };
    let candidates = within(connection, limits.timeout, || {
        candidates(connection, project, &query, limits.candidates)
    })?;
    let mut seen = HashSet::new();
    let mut close: Vec<(f64, SimilarQuestion)> = candidates
        .into_iter()
        .filter_map(|it| Some((typed.similarity(&QuestionTerms::asked(&it.question))?, it)))
        .filter(|(_, it)| seen.insert(it.question.trim().to_lowercase()))
        .collect();
    close.sort_by(|(one, a), (other, b)| {
        other.total_cmp(one).then_with(|| Reverse(&a.asked_at).cmp(&Reverse(&b.asked_at)))
    });
    Ok(close.into_iter().take(limits.results).map(|(_, it)| it).collect())
}

/// The newest questions with one of the words, as far as they were found in time.
fn candidates(
    connection: &Connection,
    project: &ProjectName,
    query: &str,
    limit: usize,
) -> rusqlite::Result<Vec<SimilarQuestion>> {
    // In the order of the index, which is that of time: nothing is sorted, so little is read.
    let mut statement = connection.prepare_cached(
        "SELECT entry.conversation_id, entry.turn, substr(entry.payload ->> '$.content', 1, ?4),
             entry.created_at
         FROM search
         JOIN entries AS entry ON entry.id = search.rowid
         JOIN conversations AS conversation ON conversation.id = entry.conversation_id
         WHERE search MATCH ?1 AND entry.kind = 'user_message' AND entry.turn > 0
             AND conversation.project = ?2
         ORDER BY search.rowid DESC LIMIT ?3",
    )?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = statement.query_map(params![query, project.as_str(), limit, LONGEST], |row| {
        Ok(SimilarQuestion {
            conversation_id: row.get(0)?,
            turn: row.get(1)?,
            question: row.get(2)?,
            asked_at: row.get(3)?,
        })
    })?;
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
