//! Source documents: one file split into passages, the unit of search.
//!
//! A passage is a definition with the comment above it, or else a run of lines.

use std::collections::HashMap;

use crate::source::{
    definitions::{self, DefinedName},
    language::Language,
    terms::raw_words,
};

/// Longest passage, lines; a longer one is split.
pub(crate) const MAX_PASSAGE_LINES: usize = 40;
/// Shortest passage, lines; a shorter one is joined with the next definition.
const MIN_PASSAGE_LINES: usize = 8;
/// Lines at the head of a file whose comments describe the whole file.
const HEAD_LINES: usize = 60;
/// Words kept of a file's outline.
const MAX_OUTLINE_WORDS: usize = 160;
/// Comments to tools, which say nothing of the code.
const DIRECTIVES: [&str; 7] =
    ["eslint-", "@ts-", "prettier-", "noqa", "pylint:", "istanbul", "stylelint-"];
/// Longest summary of a definition, bytes.
const MAX_SUMMARY_BYTES: usize = 160;

/// The part of a passage in which a word occurs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WordField {
    /// Code, or the text of prose.
    Text = 0,
    Comment = 1,
    /// The name of something defined here, or a heading.
    Definition = 2,
}

#[derive(Debug, Default)]
pub(crate) struct SourceDocument<'a> {
    /// In order; together they are the whole file.
    pub passages: Vec<Passage<'a>>,
    /// In the order of the file.
    pub definitions: Vec<Definition>,
    /// The words of the comment at the head of the file.
    pub head: Vec<String>,
    /// The words of the names and summaries of definitions, outermost first.
    pub outline: Vec<String>,
}

/// A run of lines.
#[derive(Debug, Default)]
pub(crate) struct Passage<'a> {
    /// The first line, counted from 1.
    pub start: u32,
    pub end: u32,
    /// The count of each word by [`WordField`].
    pub words: HashMap<&'a str, [u16; 3]>,
    /// The names of enclosing definitions, such as the class of a method.
    pub context: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Definition {
    /// Such as `fn`, `class` or `heading`.
    pub kind: &'static str,
    pub name: Box<str>,
    /// The line of the name, counted from 1.
    pub line: u32,
    /// The first sentence of its comment, empty without one.
    pub summary: Box<str>,
}

/// One line, classified.
struct Line<'a> {
    text: &'a str,
    is_comment: bool,
    found: Option<DefinedName<'a>>,
    indent: usize,
}

/// Parses the text of a file.
pub(crate) fn read(text: &str, language: Language) -> SourceDocument<'_> {
    let lines = label(text, language);
    let mut document =
        SourceDocument { head: head_words(&lines, language), ..SourceDocument::default() };
    // Indentation and name of the definitions that enclose the current line.
    let mut enclosing: Vec<(usize, String)> = Vec::new();
    let mut context_at = vec![0_usize; lines.len()];
    let mut contexts: Vec<String> = vec![String::new()];
    for (at, line) in lines.iter().enumerate() {
        if let Some(found) = line.found {
            enclosing.retain(|(indent, _)| *indent < line.indent);
            let names: Vec<&str> = enclosing.iter().map(|(_, name)| name.as_str()).collect();
            let outer = names.join(" ");
            contexts.push(outer.clone());
            context_at[at] = contexts.len() - 1;
            contexts.push(format!("{outer} {}", found.name));
            if definitions::is_container(found.kind) || found.kind == "heading" {
                enclosing.push((line.indent, found.name.to_owned()));
            }
            if found.kind != "impl" {
                let summary = summary(&lines, at, language);
                document.definitions.push(Definition {
                    kind: definitions::kind_word(found.kind),
                    name: found.name.into(),
                    line: at as u32 + 1,
                    summary: summary.into(),
                });
            }
        } else {
            context_at[at] = contexts.len() - 1;
        }
    }
    document.definitions.shrink_to_fit();
    document.outline = outline(&document.definitions, &lines);
    for (start, end) in cut(&lines) {
        let first = (start..=end).find(|at| lines[*at].found.is_some());
        let context = &contexts[context_at[first.unwrap_or(start)]];
        document.passages.push(passage(&lines, start, end, context, language));
    }
    document
}

/// The words of the definitions, the outermost first.
fn outline(definitions: &[Definition], lines: &[Line<'_>]) -> Vec<String> {
    let indent = |definition: &Definition| lines[definition.line as usize - 1].indent;
    let mut outermost: Vec<&Definition> = definitions.iter().collect();
    outermost.sort_by_key(|definition| indent(definition));
    outermost
        .iter()
        .flat_map(|definition| raw_words(&definition.name).chain(raw_words(&definition.summary)))
        .take(MAX_OUTLINE_WORDS)
        .map(str::to_owned)
        .collect()
}

fn label(text: &str, language: Language) -> Vec<Line<'_>> {
    let mut closing: Option<&'static str> = None;
    let mut lines: Vec<Line<'_>> = Vec::new();
    for text in text.lines() {
        let trimmed = text.trim_start();
        let indent = text.len() - trimmed.len();
        let mut is_comment =
            language.line_comments().iter().any(|opening| trimmed.starts_with(opening));
        if let Some(close) = closing {
            is_comment = true;
            if trimmed.contains(close) {
                closing = None;
            }
        } else if !is_comment {
            let block = language.block_comments().iter().find(|(open, _)| {
                let body = trimmed.trim_start_matches(['r', 'u', 'b', 'f', 'R']);
                trimmed.starts_with(open)
                    || (language == Language::Python && body.starts_with(open))
            });
            if let Some((open, close)) = block {
                is_comment = true;
                let from = trimmed.find(open).map_or(0, |at| at + open.len());
                if !trimmed[from..].contains(close) {
                    closing = Some(close);
                }
            }
        }
        let found = if is_comment { None } else { definitions::definition(language, text) };
        lines.push(Line { text, is_comment, found, indent });
    }
    mark_underlined_headings(&mut lines, language);
    lines
}

/// reStructuredText and old Markdown underline their headings.
fn mark_underlined_headings(lines: &mut [Line<'_>], language: Language) {
    if !language.is_prose() {
        return;
    }
    for at in 1..lines.len() {
        let rule = lines[at].text.trim_end();
        let is_rule = rule.len() >= 3
            && rule.chars().next().is_some_and(|first| {
                "=-~^\"'*+".contains(first) && rule.chars().all(|c| c == first)
            });
        let title = lines[at - 1].text.trim();
        if is_rule && !title.is_empty() && title.chars().any(char::is_alphabetic) {
            let title = lines[at - 1].text.trim();
            lines[at - 1].found = Some(DefinedName { kind: "heading", name: title });
        }
    }
}

/// The first and last line of each passage, counted from 0.
fn cut(lines: &[Line<'_>]) -> Vec<(usize, usize)> {
    let mut cuts = Vec::new();
    let mut start = 0;
    let mut at = 0;
    while at < lines.len() {
        let opens = lines[at].found.is_some();
        let head = if opens { with_lead(lines, at, start) } else { at };
        if opens && head >= start + MIN_PASSAGE_LINES {
            cuts.push((start, head - 1));
            start = head;
        }
        if at + 1 - start >= MAX_PASSAGE_LINES {
            cuts.push((start, at));
            start = at + 1;
        }
        at += 1;
    }
    if start < lines.len() {
        cuts.push((start, lines.len() - 1));
    }
    cuts
}

/// The first line of the comments and attributes directly above the definition at `at`.
fn with_lead(lines: &[Line<'_>], at: usize, lowest: usize) -> usize {
    let mut head = at;
    while head > lowest {
        let above = &lines[head - 1];
        let text = above.text.trim_start();
        let leads = above.is_comment || text.starts_with("#[") || text.starts_with('@');
        if !leads || above.found.is_some() {
            break;
        }
        head -= 1;
    }
    head
}

fn passage<'a>(
    lines: &[Line<'a>],
    start: usize,
    end: usize,
    context: &str,
    language: Language,
) -> Passage<'a> {
    let mut words: HashMap<&'a str, [u16; 3]> = HashMap::new();
    let mut add = |text: &'a str, field: WordField| {
        for word in raw_words(text) {
            let count = &mut words.entry(word).or_default()[field as usize];
            *count = count.saturating_add(1);
        }
    };
    for line in &lines[start..=end] {
        let is_comment = line.is_comment && !language.is_prose();
        add(line.text, if is_comment { WordField::Comment } else { WordField::Text });
        if let Some(found) = line.found {
            add(found.name, WordField::Definition);
        }
    }
    Passage { start: start as u32 + 1, end: end as u32 + 1, words, context: context.to_owned() }
}

/// The words of the comments at the head of a file, without licences.
fn head_words(lines: &[Line<'_>], language: Language) -> Vec<String> {
    let words = |text: &str| raw_words(text).map(str::to_owned).collect::<Vec<_>>();
    if language.is_prose() {
        let title = lines.iter().take(HEAD_LINES).find_map(|line| line.found);
        return title.map(|found| words(found.name)).unwrap_or_default();
    }
    head_blocks(lines).iter().flat_map(|block| words(&block.join("\n"))).collect()
}

/// The comments at the head of a file, without licences.
fn head_blocks<'a>(lines: &[Line<'a>]) -> Vec<Vec<&'a str>> {
    let mut blocks: Vec<Vec<&str>> = vec![Vec::new()];
    for line in lines.iter().take(HEAD_LINES) {
        let text = line.text.trim();
        let is_preamble = text.is_empty() || text.contains("use strict") || text.starts_with("#!");
        if is_preamble {
            blocks.push(Vec::new());
        } else if line.is_comment {
            if let Some(block) = blocks.last_mut() {
                block.push(text);
            }
        } else {
            break;
        }
    }
    blocks.retain(|block| {
        let lower = block.join(" ").to_lowercase();
        let is_directive = DIRECTIVES.iter().any(|it| lower.contains(it));
        let is_legal = lower.contains("copyright") || lower.contains("license");
        !block.is_empty() && !is_legal && !is_directive
    });
    blocks
}

/// Of each line of a file, whether it is a comment or a doc string as a whole.
pub(crate) fn comment_lines(text: &str, language: Language) -> Vec<bool> {
    label(text, language).iter().map(|line| line.is_comment).collect()
}

/// The first sentence of the comment at the head of a file, empty without one.
pub(crate) fn head_sentence(text: &str, language: Language) -> String {
    if !language.is_code() {
        return String::new();
    }
    let lines = label(text, language);
    let blocks = head_blocks(&lines);
    let Some(block) = blocks.first() else {
        return String::new();
    };
    let speaks_for_file = lines
        .iter()
        .find(|line| !line.text.trim().is_empty() && !line.is_comment)
        .is_none_or(|line| line.found.is_none());
    // A comment directly above the first definition belongs to that.
    if !speaks_for_file && !block[0].starts_with("//!") && blocks.len() < 2 {
        return String::new();
    }
    let plain: Vec<&str> = block
        .iter()
        .map(|line| strip_marks(line))
        .skip_while(|line| line.is_empty())
        .take_while(|line| !line.is_empty())
        .map(|line| line.trim_start_matches("@fileoverview").trim())
        .collect();
    first_sentence(&plain.join(" "))
}

fn strip_marks(line: &str) -> &str {
    line.trim()
        .trim_start_matches(['/', '*', '#', '!', ':', '-', '=', '"', '\'', ';', '<'])
        .trim_end_matches(['*', '/', '=', '"', '\''])
        .trim()
}

/// The first sentence of the comment above a definition, or of the doc string below it.
fn summary(lines: &[Line<'_>], at: usize, language: Language) -> String {
    let head = with_lead(lines, at, 0);
    let above = lines[head..at].iter().filter(|line| line.is_comment);
    let below = lines[at + 1..]
        .iter()
        .take(4)
        .skip_while(|line| !line.is_comment)
        .take_while(|line| line.is_comment);
    let mut text = String::new();
    let is_below = language == Language::Python
        && lines[at].found.is_some_and(|found| found.kind != "constant");
    let comments: Vec<&Line<'_>> = match is_below {
        // A remark in the body is no doc string.
        true => below.skip_while(|line| line.text.trim_start().starts_with('#')).collect(),
        false => above.collect(),
    };
    for line in comments {
        let plain = strip_marks(line.text);
        let is_directive = DIRECTIVES.iter().any(|it| plain.starts_with(it));
        if plain.is_empty() || plain.starts_with('@') || is_directive {
            if text.is_empty() {
                continue;
            }
            break;
        }
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(plain);
        if text.len() > MAX_SUMMARY_BYTES || plain.ends_with('.') {
            break;
        }
    }
    first_sentence(&text)
}

fn first_sentence(text: &str) -> String {
    let is_abbreviation =
        |at: usize| ["e.g", "i.e", "etc", "vs"].iter().any(|it| text[..at].ends_with(it));
    let ends = text.match_indices(". ").map(|(at, _)| at);
    let end = ends.into_iter().find(|at| !is_abbreviation(*at)).map_or(text.len(), |at| at + 1);
    let mut sentence = text[..end].to_owned();
    if sentence.len() > MAX_SUMMARY_BYTES {
        let mut cut = MAX_SUMMARY_BYTES;
        while !sentence.is_char_boundary(cut) {
            cut -= 1;
        }
        sentence.truncate(cut);
        sentence.push('…');
    }
    sentence
}

#[cfg(test)]
mod tests;
