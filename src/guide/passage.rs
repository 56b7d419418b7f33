//! Passages to cite: the line, its definition and the lines to quote, for a ranked file.
//!
//! The file is read again, so that a citation is never outdated.

use std::{collections::HashMap, ops::Range};

use crate::{
    citation::written,
    source::{
        document::Definition,
        index::Index,
        language,
        query::Query,
        rank::{RankedFile, place},
        terms,
    },
};

/// Lines quoted at most.
const MAX_QUOTED_LINES: usize = 18;
/// Lines of comment quoted above a definition at most.
const MAX_LEAD_LINES: usize = 8;
/// Longest line quoted, characters.
const MAX_LINE_CHARACTERS: usize = 160;

/// A passage to cite.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CitedPassage {
    /// The file.
    pub file: u32,
    /// Relative to the project.
    pub path: String,
    /// The line to cite, counted from 1.
    pub line: u32,
    /// The text of that line.
    pub text: String,
    pub definition: Option<Definition>,
    /// The lines to quote, counted from 1, the end excluded.
    pub quoted: Range<u32>,
    /// The text of these lines.
    pub quote: String,
    /// The language name for a fenced block.
    pub fence: &'static str,
}

impl CitedPassage {
    /// The place to cite, in Markdown.
    pub(crate) fn citation(&self) -> String {
        written::line(&self.path, self.line)
    }
}

/// The highest weight of each term of a query.
pub(crate) fn worth(query: &Query) -> HashMap<String, f32> {
    let mut worth: HashMap<String, f32> = HashMap::new();
    for clause in &query.clauses {
        for (term, certainty) in &clause.members {
            let known = worth.entry(term.clone()).or_default();
            *known = known.max(clause.weight * certainty);
        }
    }
    worth
}

/// The best passage of a ranked file; `None` if the file is gone.
pub(crate) fn locate(index: &Index, query: &Query, hit: &RankedFile) -> Option<CitedPassage> {
    let entry = index.files().get(hit.file as usize)?;
    let text = index.text(hit.file)?;
    let lines: Vec<&str> = text.lines().collect();
    let definitions = entry.definitions();
    let defined: HashMap<u32, &Definition> =
        definitions.iter().map(|definition| (definition.line, definition)).collect();
    let line = place::best_line(index, query, hit, &lines);
    let line = on_definition(line, &lines, &defined);
    let quoted = quoted(line, lines.len(), &lines);
    Some(CitedPassage {
        file: hit.file,
        path: entry.found.path.to_string_lossy().into_owned(),
        line: line as u32,
        text: lines.get(line - 1).map(|text| clip(text)).unwrap_or_default(),
        definition: defined.get(&(line as u32)).map(|found| (*found).clone()),
        quote: quote(&lines, &quoted),
        quoted,
        fence: language::fence_name(&entry.found.path),
    })
}

/// The passage of a definition.
pub(crate) fn of_definition(
    index: &Index,
    file: u32,
    definition: &Definition,
) -> Option<CitedPassage> {
    let entry = index.files().get(file as usize)?;
    let text = index.text(file)?;
    let lines: Vec<&str> = text.lines().collect();
    let line = (definition.line as usize).clamp(1, lines.len().max(1));
    let quoted = quoted(line, lines.len(), &lines);
    Some(CitedPassage {
        file,
        path: entry.found.path.to_string_lossy().into_owned(),
        line: line as u32,
        text: lines.get(line - 1).map(|text| clip(text)).unwrap_or_default(),
        definition: Some(definition.clone()),
        quote: quote(&lines, &quoted),
        quoted,
        fence: language::fence_name(&entry.found.path),
    })
}

/// The definition directly below a line of comment, else the line itself.
fn on_definition(line: usize, lines: &[&str], defined: &HashMap<u32, &Definition>) -> usize {
    for at in line..line + MAX_LEAD_LINES * 2 {
        if defined.contains_key(&(at as u32)) {
            return at;
        }
        let is_lead = lines.get(at - 1).is_some_and(|text| is_lead(text));
        if !is_lead {
            break;
        }
    }
    line
}

fn is_lead(text: &str) -> bool {
    let text = text.trim_start();
    ["//", "#", "*", "/*", "@", "--", ";"].iter().any(|opening| text.starts_with(opening))
}

/// The lines to quote around `line`, from 1, the end excluded.
fn quoted(line: usize, end: usize, lines: &[&str]) -> Range<u32> {
    let mut start = line;
    while start > 1 && line - start < MAX_LEAD_LINES && is_lead(lines[start - 2]) {
        start -= 1;
    }
    let mut last = end.min(start + MAX_QUOTED_LINES - 1).min(lines.len()).max(line);
    while last > line && lines[last - 1].trim().is_empty() {
        last -= 1;
    }
    start as u32..last as u32 + 1
}

fn quote(lines: &[&str], quoted: &Range<u32>) -> String {
    let lines = &lines[quoted.start as usize - 1..(quoted.end as usize - 1).min(lines.len())];
    let indent = lines
        .iter()
        .filter(|line| !line.trim().is_empty())
        .map(|line| line.len() - line.trim_start().len())
        .min()
        .unwrap_or(0);
    let cut: Vec<String> =
        lines.iter().map(|line| clip(line.get(indent..).unwrap_or_default())).collect();
    cut.join("\n")
}

fn clip(line: &str) -> String {
    let line = line.trim_end();
    match line.char_indices().nth(MAX_LINE_CHARACTERS) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line.to_owned(),
    }
}

/// The summed weights of the query's terms in a line.
pub(crate) fn line_worth(text: &str, worth: &HashMap<String, f32>) -> f32 {
    let mut found: HashMap<String, f32> = HashMap::new();
    for word in terms::raw_words(text) {
        for term in terms::terms_of_word(word) {
            if let Some(value) = worth.get(&term) {
                found.insert(term, *value);
            }
        }
    }
    found.values().sum()
}
