//! The tools that tell of the project's history. All of it blocks.

use serde::Deserialize;

use crate::history::{HistoryError, LogQuery, Search, text};

use super::files::ReadableFiles;

/// Longest difference in a result, in bytes.
const MAX_DIFF_BYTES: usize = 24 << 10;

/// Commits in a list, unless told otherwise.
const COMMITS: usize = 20;

/// Lines that are blamed at once.
const MAX_BLAMED: usize = 300;

#[derive(Debug, Deserialize)]
pub(super) struct LogArguments {
    path: Option<String>,
    first_line: Option<usize>,
    last_line: Option<usize>,
    author: Option<String>,
    since: Option<String>,
    until: Option<String>,
    limit: Option<usize>,
}

pub(super) fn log(files: &ReadableFiles, asked: LogArguments) -> Result<String, String> {
    let LogArguments { path, first_line, last_line, author, since, until, limit } = asked;
    let lines = first_line.map(|first| (first, last_line.unwrap_or(first)));
    let query = LogQuery { path, lines, author, since, until, limit };
    files.history().log(&query).map(|found| text::list(&found)).map_err(words)
}

#[derive(Debug, Deserialize)]
pub(super) struct ShowArguments {
    commit: String,
}

pub(super) fn show(files: &ReadableFiles, asked: &ShowArguments) -> Result<String, String> {
    let shown = files.history().show(asked.commit.trim(), MAX_DIFF_BYTES);
    shown.map(|shown| text::shown(&shown)).map_err(words)
}

#[derive(Debug, Deserialize)]
pub(super) struct BlameArguments {
    path: String,
    first_line: Option<usize>,
    last_line: Option<usize>,
}

pub(super) fn blame(files: &ReadableFiles, asked: &BlameArguments) -> Result<String, String> {
    let now = files.text(&asked.path).map_err(|error| error.to_string())?;
    let first = asked.first_line.unwrap_or(1).max(1);
    let last = asked.last_line.unwrap_or(usize::MAX).min(first.saturating_add(MAX_BLAMED - 1));
    let blame = files.history().blame(&asked.path, &now, first, last);
    blame.map(|blame| text::blame(&blame, &now, first)).map_err(words)
}

#[derive(Debug, Deserialize)]
pub(super) struct DiffArguments {
    from: String,
    to: Option<String>,
    path: Option<String>,
}

pub(super) fn diff(files: &ReadableFiles, asked: &DiffArguments) -> Result<String, String> {
    let to = asked.to.as_deref().unwrap_or("HEAD");
    let found = files.history().diff(&asked.from, to, asked.path.as_deref(), MAX_DIFF_BYTES);
    found.map(|changes| text::changes(&changes)).map_err(words)
}

#[derive(Debug, Deserialize)]
pub(super) struct SearchArguments {
    words: Option<String>,
    text: Option<String>,
    pattern: Option<String>,
    path: Option<String>,
    limit: Option<usize>,
}

pub(super) fn search(files: &ReadableFiles, asked: &SearchArguments) -> Result<String, String> {
    let search = match (&asked.words, &asked.text, &asked.pattern) {
        (Some(words), None, None) => {
            Search::Message(words.split_whitespace().map(str::to_owned).collect())
        }
        (None, Some(text), None) => Search::Text(text.clone()),
        (None, None, Some(pattern)) => Search::Pattern(pattern.clone()),
        _ => return Err("Give one of `words`, `text` and `pattern`.".to_owned()),
    };
    let limit = asked.limit.unwrap_or(COMMITS);
    let found = files.history().search(&search, asked.path.as_deref(), limit);
    found.map(|found| text::list(&found)).map_err(words)
}

fn words(error: HistoryError) -> String {
    format!("There is no answer: {error}.")
}
