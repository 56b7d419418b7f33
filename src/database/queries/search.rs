//! Full-text search over questions and answers.
//!
//! What a person types is read as words and phrases, never as the query language of the index.

use std::time::{Duration, Instant};

use rusqlite::{Connection, named_params};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    database::{Reader, error::DatabaseError},
    ids::{ConversationId, Seq, TurnNumber},
    project::ProjectName,
    rights::{Principal, readable},
};

/// Words and phrases in a query.
const MAX_TERMS: usize = 32;

/// Words shown around a hit; the index allows 64.
const SNIPPET_WORDS: i64 = 24;

/// Steps of SQLite between two checks of the time limit, some 0.1 ms.
const STEPS_PER_CHECK: i32 = 1000;

/// A MATCH expression of FTS5.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FullTextQuery(String);

/// A query has more terms than are searched at once: so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "The search takes at most {MAX_TERMS} words and phrases, and this has {0}; leave some out."
)]
pub(crate) struct TooManyTerms(usize);

/// A message that matches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Hit)]
pub(crate) struct SearchHit {
    pub(crate) conversation_id: ConversationId,
    /// Its title, once there is one.
    pub(crate) title: Option<String>,
    pub(crate) turn: TurnNumber,
    /// Sequence number of the text's first piece.
    pub(crate) seq: Seq,
    /// `user` or `assistant`.
    pub(crate) role: &'static str,
    /// When the text began. UTC, ISO 8601.
    pub(crate) timestamp: String,
    /// Whether it is of a note.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) note: bool,
    /// The text around the hit, in parts that make one text.
    pub(crate) snippet: Vec<SnippetPart>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Piece)]
pub(crate) struct SnippetPart {
    pub(crate) text: String,
    /// Whether it matches the query.
    pub(crate) hit: bool,
}

impl FullTextQuery {
    pub(in crate::database) fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads what a person typed: words, and phrases in double quotes, all of which must be in
    /// the message. The last word may be the beginning of one. `None` where nothing can be
    /// searched for.
    pub(crate) fn parse(typed: &str) -> Result<Option<Self>, TooManyTerms> {
        let mut parts: Vec<&str> = Vec::new();
        // Every other piece between quotes is a phrase; a quote that is not closed opens one.
        for (piece, is_phrase) in typed.split('"').zip([false, true].into_iter().cycle()) {
            match is_phrase {
                true => parts.push(piece),
                false => parts.extend(piece.split(|c: char| c.is_whitespace() || c == '\0')),
            }
        }
        parts.retain(|part| part.chars().any(char::is_alphanumeric));
        if parts.len() > MAX_TERMS {
            return Err(TooManyTerms(parts.len()));
        }
        let quoted: Vec<_> =
            parts.iter().map(|part| format!("\"{}\"", part.replace('\0', " "))).collect();
        let is_open = typed.chars().next_back().is_some_and(char::is_alphanumeric);
        let end = if is_open { "*" } else { "" };
        Ok((!quoted.is_empty()).then(|| Self(format!("{}{end}", quoted.join(" ")))))
    }
}

impl Reader {
    /// Messages of the project that match and that `who` may read, at most `limit`: those of notes, then
    /// the others, each newest first.
    ///
    /// # Errors
    /// Besides what any read may fail with, [`DatabaseError::TookTooLong`] after `timeout`.
    pub(crate) fn search(
        &self,
        (project, who): (&ProjectName, &Principal),
        query: &FullTextQuery,
        limit: usize,
        timeout: Duration,
    ) -> Result<Vec<SearchHit>, DatabaseError> {
        self.read(|connection| search(connection, (project, who), query, limit, timeout))
    }
}

/// See [`Reader::search`]. Gives one hit for each question and answer, none for greetings.
pub(in crate::database) fn search(
    connection: &Connection,
    of: (&ProjectName, &Principal),
    query: &FullTextQuery,
    limit: usize,
    timeout: Duration,
) -> Result<Vec<SearchHit>, DatabaseError> {
    within(connection, timeout, || find(connection, of, query, limit))
}

/// Interrupts what `query` does on the connection after `timeout`.
pub(in crate::database) fn within<T>(
    connection: &Connection,
    timeout: Duration,
    query: impl FnOnce() -> rusqlite::Result<T>,
) -> Result<T, DatabaseError> {
    let since = Instant::now();
    connection.progress_handler(STEPS_PER_CHECK, Some(move || since.elapsed() >= timeout))?;
    let found = query();
    // The connection is used by others afterwards.
    connection.progress_handler(0, None::<fn() -> bool>)?;
    found.map_err(|error| match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::OperationInterrupted) => DatabaseError::TookTooLong(timeout),
        _ => error.into(),
    })
}

fn find(
    connection: &Connection,
    (project, who): (&ProjectName, &Principal),
    query: &FullTextQuery,
    limit: usize,
) -> rusqlite::Result<Vec<SearchHit>> {
    // The marks around a hit are random, so that no text can contain them.
    let id = Uuid::new_v4().simple();
    let (start, end) = (format!("<{id}>"), format!("</{id}>"));
    // The index is read twice: for the newest messages, and for their snippets.
    let mut statement = connection.prepare_cached(concat!(
        "WITH newest AS MATERIALIZED (
             SELECT max(entry.id) AS id, entry.conversation_id, conversation.title, entry.turn,
                 entry.first_seq, entry.kind, entry.created_at, EXISTS (
                     SELECT 1 FROM notes WHERE notes.conversation_id = entry.conversation_id
                         AND notes.turn = entry.turn) AS note
             FROM search
             JOIN entries AS entry ON entry.id = search.rowid
             JOIN conversations AS conversation ON conversation.id = entry.conversation_id
             WHERE search MATCH :words AND conversation.project = :project AND entry.turn > 0
                 AND (conversation.explicit = 1 OR conversation.written = 1) AND ",
        readable!(),
        "    GROUP BY entry.conversation_id, entry.turn, entry.kind
             ORDER BY note DESC, entry.created_at DESC, id DESC LIMIT :limit)
         SELECT newest.conversation_id, newest.title, newest.turn, newest.first_seq, newest.kind,
             newest.created_at, snippet(search, 0, :start, :end, '…', :snippet_words), newest.note
         FROM search CROSS JOIN newest ON newest.id = search.rowid
         WHERE search MATCH :words
         ORDER BY newest.note DESC, newest.created_at DESC, newest.id DESC",
    ))?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = statement.query_map(
        named_params! {
            ":words": query.0,
            ":project": project.as_str(),
            ":user": who.user,
            ":reads_all": who.reads_all,
            ":limit": limit,
            ":start": start,
            ":end": end,
            ":snippet_words": SNIPPET_WORDS,
        },
        |row| {
            let kind: String = row.get(4)?;
            let snippet: String = row.get(6)?;
            Ok(SearchHit {
                conversation_id: row.get(0)?,
                title: row.get(1)?,
                turn: row.get(2)?,
                seq: row.get(3)?,
                role: if kind == "user_message" { "user" } else { "assistant" },
                timestamp: row.get(5)?,
                note: row.get(7)?,
                snippet: snippet_parts(&snippet, &start, &end),
            })
        },
    )?;
    rows.collect()
}

/// Splits a text at its marks.
fn snippet_parts(marked: &str, start: &str, end: &str) -> Vec<SnippetPart> {
    let mut pieces = Vec::new();
    let mut add = |text: &str, hit| {
        if !text.is_empty() {
            pieces.push(SnippetPart { text: text.to_owned(), hit });
        }
    };
    let mut parts = marked.split(start);
    add(parts.next().unwrap_or_default(), false);
    for part in parts {
        let (hit, rest) = part.split_once(end).unwrap_or((part, ""));
        add(hit, true);
        add(rest, false);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(typed: &str) -> Option<String> {
        FullTextQuery::parse(typed).unwrap().map(|words| words.0)
    }

    #[test]
    fn what_is_typed_becomes_words_and_phrases() {
        for (typed, expected) in [
            ("where is main", r#""where" "is" "main"*"#),
            ("main ", r#""main""#),
            (r#""go on" now"#, r#""go on" "now"*"#),
            (r#"say "go on""#, r#""say" "go on""#),
            (r#"say "go o"#, r#""say" "go o"*"#),
            (r#"a OR b NOT c* ^d NEAR(e)"#, r#""a" "OR" "b" "NOT" "c*" "^d" "NEAR(e)""#),
            ("content : x", r#""content" "x"*"#),
            ("a\0b", r#""a" "b"*"#),
            (r#""a\0b""#, r#""a\0b""#),
        ] {
            assert_eq!(parsed(typed).as_deref(), Some(expected), "{typed}");
        }
        for nothing in ["", "  ", "\"", "\"\"", "-> ( * ) :: ^", "\0"] {
            assert_eq!(parsed(nothing), None, "{nothing:?}");
        }
        assert!(FullTextQuery::parse(&"a ".repeat(33)).is_err());
    }

    #[test]
    fn a_snippet_is_pieces_of_plain_text() {
        let piece = |text: &str, hit| SnippetPart { text: text.to_owned(), hit };
        assert_eq!(
            snippet_parts("a <1>b</1> <c> <1>d</1>", "<1>", "</1>"),
            [piece("a ", false), piece("b", true), piece(" <c> ", false), piece("d", true)]
        );
        assert_eq!(snippet_parts("", "<1>", "</1>"), []);
    }
}
