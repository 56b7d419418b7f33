//! `grep`: lines that match a regular expression.

pub(in crate::reader::serve) mod lines;

use std::{
    fmt::Write as _,
    path::Path,
    time::{Duration, Instant},
};

use regex::{Regex, RegexBuilder};
use serde::Deserialize;

use crate::{
    policy::gate::{Tree, TreeError},
    reader::{file_list::FoundFile, serve::files::ReadableFiles},
    source::text,
};

use super::{
    named_path::{self, NamedFile},
    path_pattern::PathPattern,
    scope::{LEFT_OUT, Scope},
};

/// Matching lines that are shown, unless told otherwise, and at most.
const LINES: usize = 50;
const MAX_LINES: usize = 500;

/// Lines that are shown around each at most.
const MAX_CONTEXT: usize = 10;

/// Longest result, in bytes.
const MAX_BYTES: usize = 24 << 10; // 24 KiB

/// Longest pattern, in bytes.
const MAX_PATTERN_BYTES: usize = 2000;

/// Largest automaton of a pattern, in bytes.
const MAX_AUTOMATON_BYTES: usize = 2 << 20; // 2 MiB

/// Longest search.
const LONGEST: Duration = Duration::from_secs(8);

#[derive(Debug, Deserialize)]
pub(super) struct GrepArguments {
    pattern: String,
    #[serde(default)]
    path: String,
    glob: Option<String>,
    #[serde(default)]
    ignore_case: bool,
    #[serde(default)]
    context: usize,
    limit: Option<usize>,
}

pub(super) fn grep(files: &ReadableFiles, asked: &GrepArguments) -> Result<String, String> {
    let pattern = compiled(&asked.pattern, asked.ignore_case)?;
    let glob = asked.glob.as_deref().filter(|glob| !glob.is_empty());
    let glob = glob.map(|glob| PathPattern::new(&files.roots().path_of(glob))).transpose()?;
    let scope = Scope::of(files, &asked.path)?;
    let mut search = Search {
        pattern,
        context: asked.context.min(MAX_CONTEXT),
        limit: asked.limit.unwrap_or(LINES).clamp(1, MAX_LINES),
        deadline: Instant::now() + LONGEST.min(files.tool_time()),
        most_bytes: files.max_file_bytes(),
        shown: String::new(),
        tally: Tally::default(),
    };
    match scope {
        Scope::File(NamedFile { path, bytes, .. }) => search.bytes(&path, &bytes),
        Scope::Directory(prefix) => {
            let list = files.list();
            let inside = |file: &&FoundFile| {
                let path = file.path.get(prefix.len()..).unwrap_or_default();
                glob.as_ref().is_none_or(|glob| glob.matches(path))
            };
            let tree = Tree::of(files.roots()).map_err(|error| error.to_string())?;
            let chosen: Vec<&FoundFile> = list.below(&prefix).iter().filter(inside).collect();
            search.all(&tree, &chosen);
            search.tally.is_list_cut = list.truncated;
        }
    }
    Ok(search.result())
}

/// The pattern, within limits. The error is for the model.
fn compiled(pattern: &str, ignore_case: bool) -> Result<Regex, String> {
    if pattern.is_empty() {
        return Err("The pattern is empty: it would match every line.".to_owned());
    }
    if pattern.len() > MAX_PATTERN_BYTES {
        return Err(format!("A pattern has at most {MAX_PATTERN_BYTES} bytes."));
    }
    if pattern.contains('\n') || pattern.contains("\\n") {
        let words = "Each line is matched by itself, so a pattern with a line break matches nothing: \
                     look for one of its lines, with `context`.";
        return Err(words.to_owned());
    }
    built(pattern, ignore_case).map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => {
            "The pattern needs too much memory: repeat less in it.".to_owned()
        }
        error => format!(
            "The pattern is no regular expression of this tool, which has neither look-around nor \
             back-references; put a backslash before `( ) [ ] {{ }} . * + ? | ^ $` to mean \
             themselves.\n{error}"
        ),
    })
}

/// The pattern with bounds on its automaton.
pub(in crate::reader::serve) fn built(
    pattern: &str,
    ignore_case: bool,
) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern)
        .case_insensitive(ignore_case)
        .size_limit(MAX_AUTOMATON_BYTES)
        .dfa_size_limit(MAX_AUTOMATON_BYTES)
        .build()
}

/// Why a search ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    Lines,
    Bytes,
    Time,
}

/// What was looked at.
#[derive(Debug, Default)]
struct Tally {
    chosen: usize,
    searched: usize,
    /// Files with a match.
    matched: usize,
    /// Matching lines that are shown.
    lines: usize,
    binary: usize,
    too_large: usize,
    unread: usize,
    /// Lines of which only the beginning was searched.
    long_lines: usize,
    cut: Option<(Cut, String)>,
    /// Whether the project has more files than are listed.
    is_list_cut: bool,
}

struct Search {
    pattern: Regex,
    context: usize,
    limit: usize,
    deadline: Instant,
    /// Largest file that is searched, in bytes.
    most_bytes: usize,
    shown: String,
    tally: Tally,
}

impl Search {
    fn all(&mut self, tree: &Tree, chosen: &[&FoundFile]) {
        self.tally.chosen = chosen.len();
        for file in chosen {
            if Instant::now() > self.deadline {
                self.cut(Cut::Time, &file.path);
            }
            if self.tally.cut.is_some() {
                return;
            }
            match tree.read(Path::new(&file.path), self.most_bytes) {
                Ok(bytes) => self.bytes(&file.path, &bytes),
                Err(TreeError::TooLarge(_)) => self.tally.too_large += 1,
                // It is gone since it was listed, or it is a private key, which has no place in a list.
                Err(_) => self.tally.unread += 1,
            }
        }
    }

    /// Searches a file with these bytes.
    fn bytes(&mut self, path: &str, bytes: &[u8]) {
        self.tally.chosen = self.tally.chosen.max(1);
        let Some(decoded) = text::of_file(Path::new(path), bytes) else {
            self.tally.binary += 1;
            return;
        };
        let most = self.limit - self.tally.lines;
        let found = lines::find(&self.pattern, &decoded.text, most, self.deadline);
        self.tally.searched += 1;
        self.tally.long_lines += found.long_lines;
        if !found.hits.is_empty() {
            self.tally.matched += 1;
            let room = MAX_BYTES.saturating_sub(self.shown.len());
            let shown = lines::shown(&decoded.text, &found.hits, self.context, room);
            self.tally.lines += shown.n_hits;
            _ = writeln!(self.shown, "{}\n{}", named_path::shown(path), shown.text);
            if shown.n_hits < found.hits.len() || self.shown.len() >= MAX_BYTES {
                self.cut(Cut::Bytes, path);
            }
        }
        match found.end {
            lines::End::Whole => (),
            lines::End::Late => self.cut(Cut::Time, path),
            lines::End::More => self.cut(Cut::Lines, path),
        }
    }

    fn cut(&mut self, cut: Cut, path: &str) {
        self.tally.cut.get_or_insert_with(|| (cut, path.to_owned()));
    }

    fn result(mut self) -> String {
        _ = writeln!(self.shown, "({})", self.tally.words());
        self.shown
    }
}

impl Tally {
    /// Whether the result is complete, and what was not searched.
    fn words(&self) -> String {
        let Self { chosen, searched, matched, lines, .. } = self;
        let mut words = match &self.cut {
            None if *lines == 0 => {
                format!("Complete: no line matches in {}. {LEFT_OUT}", counted(*searched, "file"))
            }
            None => {
                let (lines, files) = (counted(*lines, "line"), counted(*searched, "file"));
                format!("Complete: {lines} in {matched} of {files}.")
            }
            Some((cut, path)) => {
                let path = named_path::quoted(path);
                let why = match cut {
                    Cut::Lines => format!("there are more in {path} or after it"),
                    Cut::Bytes => format!("the result is long enough, in {path}"),
                    Cut::Time => format!("it took too long, at {path}"),
                };
                let advice = match cut {
                    Cut::Lines => format!(", or raise `limit` ({MAX_LINES} at most)"),
                    Cut::Bytes | Cut::Time => String::new(),
                };
                format!(
                    "Cut at {} after {searched} of {}: {why}. Narrow it with `pattern`, `path` or \
                     `glob`{advice}.",
                    counted(*lines, "line"),
                    counted(*chosen, "file")
                )
            }
        };
        let omitted = [
            (self.binary, "not text"),
            (self.too_large, "too large"),
            (self.unread, "unreadable or secret"),
        ];
        for (n, which) in omitted.into_iter().filter(|(n, _)| *n > 0) {
            _ = write!(words, " Not searched: {} ({which}).", counted(n, "file"));
        }
        if self.long_lines > 0 {
            let lines = counted(self.long_lines, "line");
            _ = write!(words, " Only the beginning was searched of {lines}, for length.");
        }
        if self.is_list_cut {
            words.push_str(" The project has more files than are listed.");
        }
        words
    }
}

fn counted(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}
