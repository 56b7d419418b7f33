//! Code with classes for its colours: comments, strings, numbers, keywords, names of types and of
//! what is called, and what a difference adds and removes.
//!
//! The grammars are Sublime Text's, collected by the `two-face` crate and read by `syntect`. A grammar's
//! patterns are compiled when they are first needed, which takes tens of milliseconds for a language, and
//! reading takes some milliseconds per KiB: this is nothing for the way of a text. What comes out
//! is escaped text in `<span class="…">` elements that do not stand within one another, as few as will do.

mod classes;
mod languages;

use syntect::parsing::{BasicScopeStackOp, ParseState, ScopeStack, SyntaxReference};

use super::html::escape;
use classes::Meaning;
pub use languages::of_path;

/// A block of code of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Fence {
    /// The name of its language as the answer has it.
    pub language: String,
    /// The code.
    pub code: String,
}

/// How far code is read.
pub struct Patience<'a> {
    /// Bytes of a line at most; a longer one is passed over and stays plain.
    pub line_bytes: usize,
    /// Asked before each line: what follows stays plain once this is false.
    pub goes_on: &'a mut dyn FnMut() -> bool,
}

/// A block of code as HTML; `None` where its language is not known.
pub fn block(fence: &Fence, patience: &mut Patience<'_>) -> Option<String> {
    let mut spans = Spans::new(&fence.code);
    if languages::is_console(fence) {
        console(&mut spans, patience)?;
    } else {
        let mut reader = Reader::new(languages::named(&fence.language)?);
        while let Some(line) = spans.next_line() {
            reader.line(line, patience, &mut spans);
        }
    }
    Some(spans.finish())
}

/// Each line of a part of a file as HTML, without their ends. `before` are the lines that stand before
/// it, since a string or a comment may have begun there. `language` is a name that [`of_path`] gave; the
/// lines are plain where it gave none.
pub fn lines(
    before: &str,
    shown: &str,
    language: Option<&str>,
    patience: &mut Patience<'_>,
) -> Vec<String> {
    let mut reader = language.and_then(languages::named).map(Reader::new);
    let mut spans = Spans::new(before);
    while let Some(line) = spans.next_line() {
        if let Some(reader) = &mut reader {
            reader.line(line, patience, &mut spans);
        }
        spans.restart();
    }
    let mut lines = Vec::new();
    for line in shown.split('\n') {
        // The grammars know a line by its end.
        let ended = format!("{line}\n");
        let mut spans = Spans::new(&ended);
        if let Some(reader) = &mut reader
            && let Some(line) = spans.next_line()
        {
            reader.line(line, patience, &mut spans);
        }
        let mut html = spans.finish();
        html.truncate(html.trim_end_matches('\n').len());
        lines.push(html);
    }
    lines
}

/// What was typed at a prompt is a shell's; what was printed is nothing's.
fn console(spans: &mut Spans<'_>, patience: &mut Patience<'_>) -> Option<()> {
    let mut reader = Reader::new(languages::named("sh")?);
    while let Some(line) = spans.next_line() {
        let prompt = ["$ ", "# ", "> ", "% "].into_iter().find(|prompt| line.starts_with(prompt));
        if let Some(typed) = prompt.and_then(|prompt| line.strip_prefix(prompt)) {
            spans.put(line.len() - typed.len(), "");
            reader.line(typed, patience, spans);
        }
    }
    Some(())
}

/// Reads code line by line.
struct Reader {
    state: ParseState,
    scopes: ScopeStack,
    /// What each of the scopes means, with those around it.
    meanings: Vec<Meaning>,
    is_lost: bool,
}

impl Reader {
    fn new(syntax: &SyntaxReference) -> Self {
        Self {
            state: ParseState::new(syntax),
            scopes: ScopeStack::new(),
            meanings: Vec::new(),
            is_lost: false,
        }
    }

    /// Reads one line, with its end, and gives its tokens to `spans`.
    fn line(&mut self, line: &str, patience: &mut Patience<'_>, spans: &mut Spans<'_>) {
        if self.is_lost || line.len() > patience.line_bytes {
            return;
        }
        let parsed = match (patience.goes_on)() {
            true => self.state.parse_line(line, languages::all()).ok(),
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

/// Code that is being written as HTML.
struct Spans<'a> {
    code: &'a str,
    /// Up to here it has been read.
    line_end: usize,
    /// Up to here tokens have come.
    end: usize,
    /// Up to here it is written; what follows is blank.
    written: usize,
    /// The class of the element that is open.
    open: &'static str,
    out: String,
}

impl<'a> Spans<'a> {
    fn new(code: &'a str) -> Self {
        Self { code, line_end: 0, end: 0, written: 0, open: "", out: String::new() }
    }

    /// The next line with its end. What no token came of is plain.
    fn next_line(&mut self) -> Option<&'a str> {
        self.put(self.line_end - self.end, "");
        let rest = self.code.get(self.line_end..).filter(|rest| !rest.is_empty())?;
        let length = rest.find('\n').map_or(rest.len(), |newline| newline + 1);
        self.line_end += length;
        rest.get(..length)
    }

    /// The next `length` bytes are of this class, empty for none.
    fn put(&mut self, length: usize, class: &'static str) {
        let text = self.code.get(self.end..self.end + length).unwrap_or_default();
        // Blanks belong to what is on both sides of them, and never make an element.
        let word = text.trim();
        let start = self.end + text.len() - text.trim_start().len();
        self.end += length;
        if word.is_empty() {
            return;
        }
        let end = start + word.len();
        if class == self.open {
            return self.write(end);
        }
        self.close();
        self.write(start);
        if !class.is_empty() {
            self.out.push_str("<span class=\"");
            self.out.push_str(class);
            self.out.push_str("\">");
        }
        self.open = class;
        self.write(end);
    }

    fn write(&mut self, end: usize) {
        escape(self.code.get(self.written..end).unwrap_or_default(), &mut self.out);
        self.written = end;
    }

    fn close(&mut self) {
        if !std::mem::take(&mut self.open).is_empty() {
            self.out.push_str("</span>");
        }
    }

    /// Forgets what was written.
    fn restart(&mut self) {
        self.out.clear();
        self.open = "";
        self.end = self.line_end;
        self.written = self.end;
    }

    fn finish(mut self) -> String {
        self.close();
        self.write(self.code.len());
        self.out
    }
}

#[cfg(test)]
mod tests;
