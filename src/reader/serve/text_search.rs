//! A step of a search in the text of the files. All of it blocks.

use std::{
    collections::HashMap,
    ops::Range,
    path::Path,
    time::{Duration, Instant},
};

use regex::Regex;

use crate::{
    policy::gate::{Tree, TreeError},
    reader::{
        file_list::FoundFile,
        protocol::{FileRefusal, FileRefusalKind, ReaderAnswer},
        text_search::{
            FileHits, FoundText, LanguageCount, LineHit, LinePiece, MAX_FILE_HITS, MAX_FILES,
            MAX_LANGUAGES, TextQuery, TextScope, TextStep, TextTally,
        },
    },
    source::{language, text},
};

use super::{
    files::ReadableFiles,
    tools::{
        grep::{
            self,
            lines::{self, End, Hit},
        },
        path_pattern::PathPattern,
    },
};

/// How long a step takes, but for the file that is searched at its end.
const STEP: Duration = Duration::from_millis(150);

/// How long one file may take.
const FILE_TIME: Duration = Duration::from_secs(2);

/// Most matches that are marked in a line.
const MAX_MARKS: usize = 50;

/// Most patterns of paths.
const MAX_PATTERNS: usize = 20;

/// What is looked for, ready to be used.
struct Query {
    pattern: Regex,
    chosen: Vec<PathPattern>,
    left_out: Vec<PathPattern>,
    language: String,
}

impl Query {
    /// The error is for a person.
    fn new(query: &TextQuery) -> Result<Self, String> {
        let pattern = match query.is_regex {
            true => query.pattern.clone(),
            false => regex::escape(&query.pattern),
        };
        let pattern = grep::built(&pattern, query.ignore_case).map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => {
                "The expression needs too much memory. Repeat less in it.".to_owned()
            }
            error => format!("This is no regular expression: {}", cause(&error)),
        })?;
        let (mut chosen, mut left_out) = (Vec::new(), Vec::new());
        for written in query.paths.split_whitespace().take(MAX_PATTERNS) {
            let (patterns, written) = match written.strip_prefix('!') {
                Some(written) => (&mut left_out, written),
                None => (&mut chosen, written),
            };
            patterns.push(PathPattern::new(written)?);
        }
        Ok(Self { pattern, chosen, left_out, language: query.language.clone() })
    }

    fn is_on_path(&self, path: &str) -> bool {
        let is_chosen = self.chosen.is_empty() || self.chosen.iter().any(|it| it.matches(path));
        is_chosen && !self.left_out.iter().any(|it| it.matches(path))
    }

    fn is_in_language(&self, path: &str) -> bool {
        self.language.is_empty() || language::fence_name(Path::new(path)) == self.language
    }
}

/// The last line of what the parser of expressions says, which names the error.
fn cause(error: &regex::Error) -> String {
    let words = error.to_string();
    let last = words.lines().next_back().unwrap_or_default();
    last.trim_start_matches("error: ").to_owned() + "."
}

/// Searches from the place of the step on, until its time or its hits are used up.
pub(super) fn search(files: &ReadableFiles, step: &TextStep) -> ReaderAnswer {
    let query = match Query::new(&step.query) {
        Ok(query) => query,
        Err(words) => {
            return ReaderAnswer::Refused(FileRefusal { kind: FileRefusalKind::BadPath, words });
        }
    };
    let list = files.list();
    let scope = step.after.is_empty().then(|| {
        let on_path: Vec<_> =
            list.files().iter().filter(|file| query.is_on_path(&file.path)).collect();
        TextScope {
            files: on_path.iter().filter(|file| query.is_in_language(&file.path)).count(),
            truncated: list.truncated,
            languages: languages(&on_path),
        }
    });
    let tree = match Tree::of(files.roots()) {
        Ok(tree) => tree,
        Err(error) => return ReaderAnswer::Failed(error.to_string()),
    };
    let mut found = FoundText { files: Vec::new(), next: None, tally: TextTally::default(), scope };
    let until = Instant::now() + STEP;
    let mut room = step.most;
    // The list is in the order of paths.
    let begin = list.files().partition_point(|file| file.path <= step.after);
    let rest = list.files().iter().skip(begin);
    let is_asked =
        |file: &&FoundFile| query.is_on_path(&file.path) && query.is_in_language(&file.path);
    let mut rest = rest.filter(is_asked).peekable();
    while let Some(file) = rest.next() {
        let hits = match tree.read(Path::new(&file.path), files.max_file_bytes()) {
            Ok(bytes) => in_file(&query, &file.path, &bytes, &mut found.tally),
            Err(TreeError::TooLarge(_)) => {
                found.tally.too_large += 1;
                None
            }
            // It is gone since it was listed, or its content is secret.
            Err(_) => {
                found.tally.unread += 1;
                None
            }
        };
        if let Some(hits) = hits {
            room = room.saturating_sub(hits.hits.len());
            found.files.push(hits);
        }
        let is_full = room == 0 || found.files.len() >= MAX_FILES;
        if rest.peek().is_some() && (is_full || Instant::now() > until) {
            found.next = Some(file.path.clone());
            break;
        }
    }
    ReaderAnswer::Text(found)
}

/// The hits in a file with these bytes, if it has any.
fn in_file(query: &Query, path: &str, bytes: &[u8], tally: &mut TextTally) -> Option<FileHits> {
    let Some(decoded) = text::of_file(Path::new(path), bytes) else {
        tally.binary += 1;
        return None;
    };
    let deadline = Instant::now() + FILE_TIME;
    let found = lines::find(&query.pattern, &decoded.text, MAX_FILE_HITS, deadline);
    tally.searched += 1;
    tally.long_lines += found.long_lines;
    let more = found.end != End::Whole;
    tally.cut_files += usize::from(more);
    if found.hits.is_empty() {
        return None;
    }
    let mut shown = Vec::with_capacity(found.hits.len());
    let mut hits = found.hits.iter().peekable();
    for (number, line) in decoded.text.lines().enumerate() {
        let Some(hit) = hits.peek() else { break };
        if hit.line == number {
            shown.push(line_hit(&query.pattern, line, hit));
            hits.next();
        }
    }
    Some(FileHits { path: path.to_owned(), hits: shown, more })
}

/// The line, or the part of it around its first match.
fn line_hit(pattern: &Regex, line: &str, hit: &Hit) -> LineHit {
    // A match in all of the line may not be one in a part, which has other ends.
    let searched = line.get(..line.floor_char_boundary(lines::MAX_SEARCHED)).unwrap_or_default();
    let marks = pattern.find_iter(searched).map(|it| it.range());
    shown_line(line, hit.line + 1, &hit.at, marks.skip_while(|it| it.start < hit.at.start))
}

/// The line with this number, or the part of it around the `first` of its marks.
pub(super) fn shown_line(
    line: &str,
    number: usize,
    first: &Range<usize>,
    marks: impl Iterator<Item = Range<usize>>,
) -> LineHit {
    let Range { start, end } = lines::shown_range(line, first);
    let end = end.min(line.len());
    let marks = marks.take_while(|it| it.start < end).take(MAX_MARKS);
    let mut pieces = Vec::new();
    let mut push = |range: Range<usize>, hit: bool| {
        let text = line.get(range).unwrap_or_default();
        if !text.is_empty() {
            pieces.push(LinePiece { text: text.to_owned(), hit });
        }
    };
    let mut at = start;
    for mark in marks {
        let mark = mark.start..line.floor_char_boundary(mark.end.min(end));
        push(at..mark.start, false);
        push(mark.clone(), true);
        at = mark.end.max(at);
    }
    push(at..end, false);
    let before = line.get(..start).unwrap_or_default();
    LineHit { line: number, from: before.encode_utf16().count(), pieces, cut: end < line.len() }
}

/// The languages of files, the most frequent first.
fn languages(files: &[&FoundFile]) -> Vec<LanguageCount> {
    let mut counts: HashMap<&'static str, usize> = HashMap::new();
    for file in files {
        let name = language::fence_name(Path::new(&file.path));
        if !name.is_empty() {
            *counts.entry(name).or_default() += 1;
        }
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(name, files)| (std::cmp::Reverse(*files), *name));
    let named = counts.into_iter().take(MAX_LANGUAGES);
    named.map(|(name, files)| LanguageCount { name: name.to_owned(), files }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(pattern: &str, is_regex: bool, ignore_case: bool, paths: &str) -> TextQuery {
        let (pattern, paths) = (pattern.to_owned(), paths.to_owned());
        TextQuery { pattern, is_regex, ignore_case, paths, language: String::new() }
    }

    fn hits(asked: &TextQuery, text: &str) -> Vec<(usize, String)> {
        let query = Query::new(asked).unwrap();
        let found = in_file(&query, "a.rs", text.as_bytes(), &mut TextTally::default());
        let marked = |hit: LineHit| {
            let piece = |piece: LinePiece| match piece.hit {
                true => format!("[{}]", piece.text),
                false => piece.text,
            };
            (hit.line, hit.pieces.into_iter().map(piece).collect())
        };
        found.map(|it| it.hits.into_iter().map(marked).collect()).unwrap_or_default()
    }

    #[test]
    fn each_match_of_a_line_is_marked() {
        let text = "Ab ab\nnone\r\na.b\n";
        for (asked, expected) in [
            (query("ab", false, false, ""), vec![(1, "Ab [ab]")]),
            (query("ab", false, true, ""), vec![(1, "[Ab] [ab]")]),
            (query("a.b", false, false, ""), vec![(3, "[a.b]")]),
            (query("a.b", true, true, ""), vec![(3, "[a.b]")]),
            (query("^a|b$", true, false, ""), vec![(1, "Ab a[b]"), (3, "[a].[b]")]),
            (query("n*", true, false, ""), vec![(1, "Ab ab"), (2, "[n]o[n]e"), (3, "a.b")]),
            (query("\\n", true, false, ""), vec![]),
            (query("\\n", false, false, ""), vec![]),
        ] {
            let expected: Vec<_> =
                expected.into_iter().map(|(line, text)| (line, text.to_owned())).collect();
            assert_eq!(hits(&asked, text), expected, "{asked:?}");
        }
    }

    #[test]
    fn a_long_line_is_shown_around_its_first_match() {
        let line = format!("{}needle{}", "ü".repeat(1000), "ö".repeat(1000));
        let query = Query::new(&query("needle", false, false, "")).unwrap();
        let found = in_file(&query, "a.rs", line.as_bytes(), &mut TextTally::default()).unwrap();
        let hit = &found.hits[0];
        assert!(hit.cut && hit.from == 950, "{hit:?}");
        assert!(hit.pieces[1].hit && hit.pieces[1].text == "needle", "{hit:?}");
        let bytes: usize = hit.pieces.iter().map(|it| it.text.len()).sum();
        assert!(bytes <= lines::MAX_SHOWN, "{bytes}");
    }

    #[test]
    fn paths_are_chosen_and_left_out() {
        let query = Query::new(&query("x", false, false, "src *.md !*_test.rs")).unwrap();
        for (path, is_chosen) in
            [("src/a.rs", true), ("src/a_test.rs", false), ("README.md", true), ("lib/a.rs", false)]
        {
            assert_eq!(query.is_on_path(path), is_chosen, "{path}");
        }
    }

    #[test]
    fn what_cannot_be_looked_for_is_said_in_words() {
        for (asked, words) in [
            (query("(", true, false, ""), "unclosed group."),
            (query("(?=a)", true, false, ""), "look-around"),
            (query("(a{1000}){1000}", true, false, ""), "too much memory"),
            (query("a", true, false, "../x"), "leaves the directory"),
        ] {
            let refused = Query::new(&asked).err().unwrap();
            assert!(refused.contains(words), "{refused}");
        }
    }
}
