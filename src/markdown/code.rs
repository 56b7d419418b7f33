//! Code with classes for its colours: comments, strings, numbers, keywords, names of types and of
//! what is called, and what a difference adds and removes.
//!
//! The grammars are Sublime Text's, collected by the `two-face` crate and read by `syntect`. A grammar's
//! patterns are compiled when they are first needed, which takes some milliseconds for a language, and
//! reading takes a millisecond per KiB: so a block may be read while it still grows. What comes out is
//! escaped text in `<span class="…">` elements that do not stand within one another, as few as will do.

mod classes;
mod grammars;
mod incremental;
mod spans;

use std::sync::Arc;

use syntect::parsing::{BasicScopeStackOp, ParseState, ScopeStack};

use classes::TokenClass;
pub use grammars::{Grammar, Grammars};
pub use incremental::IncrementalHighlight;
use spans::SpanWriter;

/// A block of code of an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct CodeBlock {
    /// The name of its language as the answer has it.
    pub language: String,
    /// The code.
    pub code: String,
}

impl CodeBlock {
    /// Whether this is `before`, or what has become of it since.
    pub fn continues(&self, before: &Self) -> bool {
        self.language == before.language && self.code.starts_with(&before.code)
    }
}

/// How far code is read.
pub struct Budget<'a> {
    /// Bytes of a line at most; a longer one is passed over and stays plain.
    pub line_bytes: usize,
    /// Asked before each line: what follows stays plain once this is false.
    pub has_time: &'a mut dyn FnMut() -> bool,
}

/// Each line of a part of a file as HTML, without their ends. `before` are the lines that stand before
/// it, since a string or a comment may have begun there. Without a `grammar` they are plain.
pub fn lines(
    before: &str,
    shown: &str,
    grammar: Option<Arc<Grammar>>,
    budget: &mut Budget<'_>,
) -> Vec<String> {
    let mut reader = grammar.map(LineHighlighter::new);
    let mut spans = SpanWriter::new(before);
    while let Some(line) = spans.next_line() {
        if let Some(reader) = &mut reader {
            reader.line(line, budget, &mut spans);
        }
        spans.restart();
    }
    let mut lines = Vec::new();
    for line in shown.split('\n') {
        // The grammars know a line by its end.
        let ended = format!("{line}\n");
        let mut spans = SpanWriter::new(&ended);
        if let Some(reader) = &mut reader
            && let Some(line) = spans.next_line()
        {
            reader.line(line, budget, &mut spans);
        }
        let mut html = spans.finish();
        html.truncate(html.trim_end_matches('\n').len());
        lines.push(html);
    }
    lines
}

/// Reads code line by line.
#[derive(Debug)]
struct LineHighlighter {
    grammar: Arc<Grammar>,
    state: ParseState,
    scopes: ScopeStack,
    /// What each of the scopes means, with those around it.
    meanings: Vec<TokenClass>,
    is_lost: bool,
}

impl LineHighlighter {
    fn new(grammar: Arc<Grammar>) -> Self {
        Self {
            state: ParseState::new(grammar.syntax()),
            grammar,
            scopes: ScopeStack::new(),
            meanings: Vec::new(),
            is_lost: false,
        }
    }

    /// Reads one line, with its end, and gives its tokens to `spans`.
    fn line(&mut self, line: &str, budget: &mut Budget<'_>, spans: &mut SpanWriter<'_>) {
        if self.is_lost || line.len() > budget.line_bytes {
            return;
        }
        let parsed = match (budget.has_time)() {
            true => self.state.parse_line(line, self.grammar.all()).ok(),
            false => None,
        };
        let Some(changes) = parsed else {
            self.is_lost = true;
            return;
        };
        let mut from = 0;
        for (at, change) in changes {
            let text = line.get(from..at).unwrap_or_default();
            spans.put(text.len(), self.class(text));
            from += text.len();
            let meanings = &mut self.meanings;
            let applied = self.scopes.apply_with_hook(&change, |change, _| match change {
                BasicScopeStackOp::Push(scope) => {
                    let around = meanings.last().copied().unwrap_or_default();
                    meanings.push(classes::meaning(scope).unwrap_or(around));
                }
                BasicScopeStackOp::Pop => drop(meanings.pop()),
            });
            if applied.is_err() {
                self.is_lost = true;
                return;
            }
        }
        let text = line.get(from..).unwrap_or_default();
        spans.put(text.len(), self.class(text));
    }

    fn class(&self, text: &str) -> &'static str {
        self.meanings.last().copied().unwrap_or_default().class(text)
    }
}

#[cfg(test)]
mod tests;
