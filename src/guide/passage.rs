//! Passages to cite: the line, its definition and the lines to quote, for a ranked file.
//!
//! The file is read again, so that a citation is never outdated.

use std::{collections::HashMap, ops::Range};

use crate::{
    citation::written,
    guide::{extent, value},
    source::{
        document::Definition,
        index::Index,
        language,
        query::Query,
        rank::{RankedFile, place},
        terms,
    },
};

/// Lines quoted around a line that defines nothing, at most.
const MAX_AROUND: usize = 18;
/// Lines of the longest definition that is quoted whole.
const MAX_WHOLE_LINES: usize = 60;
/// Lines quoted of a longer one.
const MAX_BEGINNING: usize = 36;
/// Lines of comment quoted above a definition at most.
const MAX_LEAD_LINES: usize = 24;
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
    /// The last line of the definition, also where the quote ends before it.
    pub ends: u32,
    /// Its value, where it is a constant.
    pub value: Option<String>,
    /// Another definition of the file that says nearly as much.
    pub also: Option<Definition>,
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
    let at = place::best_lines(index, query, hit, &lines);
    let first = on_definition(at.first().copied().unwrap_or(1), &lines, &defined);
    let definition = |line: usize| defined.get(&(line as u32)).map(|found| (*found).clone());
    let mut passage = cited(index, hit.file, first, definition(first), &lines);
    let second = at.get(1).map(|line| on_definition(*line, &lines, &defined));
    passage.also =
        second.filter(|line| !passage.quoted.contains(&(*line as u32))).and_then(definition);
    Some(passage)
}

/// The passage of a definition.
pub(crate) fn of_definition(
    index: &Index,
    file: u32,
    definition: &Definition,
) -> Option<CitedPassage> {
    index.files().get(file as usize)?;
    let text = index.text(file)?;
    let lines: Vec<&str> = text.lines().collect();
    let line = (definition.line as usize).clamp(1, lines.len().max(1));
    Some(cited(index, file, line, Some(definition.clone()), &lines))
}

/// The passage at a line that defines nothing.
pub(crate) fn of_line(index: &Index, file: u32, line: usize) -> Option<CitedPassage> {
    index.files().get(file as usize)?;
    let text = index.text(file)?;
    let lines: Vec<&str> = text.lines().collect();
    Some(cited(index, file, line.clamp(1, lines.len().max(1)), None, &lines))
}

fn cited(
    index: &Index,
    file: u32,
    line: usize,
    definition: Option<Definition>,
    lines: &[&str],
) -> CitedPassage {
    let path = &index.files()[file as usize].found.path;
    let is_block = definition
        .as_ref()
        .is_some_and(|definition| !matches!(definition.kind, "heading" | "section"));
    let (quoted, ends) = quoted(line, is_block, lines);
    let shown = lines.get(line - 1).copied().unwrap_or_default();
    let value = definition.as_ref().and_then(|it| value::of(it.kind, &it.name, shown));
    CitedPassage {
        file,
        path: path.to_string_lossy().into_owned(),
        line: line as u32,
        text: clip(shown),
        definition,
        quote: quote(lines, &quoted),
        quoted,
        ends,
        value,
        also: None,
        fence: language::fence_name(path),
    }
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

/// Whether a line is a comment or an annotation.
fn is_lead(text: &str) -> bool {
    let text = text.trim_start();
    ["//", "#", "*", "/*", "@", "--", ";"].iter().any(|opening| text.starts_with(opening))
}

/// The lines to quote around `line`, from 1, the end excluded, with the comment above: a definition whole,
/// or the beginning of a long one. And the line where it ends.
fn quoted(line: usize, is_block: bool, lines: &[&str]) -> (Range<u32>, u32) {
    let mut start = line;
    while start > 1 && line - start < MAX_LEAD_LINES && is_lead(lines[start - 2]) {
        start -= 1;
    }
    let whole = if is_block { extent::last_line(lines, line) } else { start + MAX_AROUND - 1 };
    let is_cut = is_block && whole - line >= MAX_WHOLE_LINES;
    let last = if is_cut { line + MAX_BEGINNING - 1 } else { whole };
    let mut last = last.min(lines.len()).max(line);
    while last > line && lines[last - 1].trim().is_empty() {
        last -= 1;
    }
    (start as u32..last as u32 + 1, if is_cut { whole } else { last } as u32)
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
