//! Span writer: code as HTML, token by token, resumable when the code has grown.

use crate::markdown::escape::push_escaped;

/// Writes code as HTML.
pub(super) struct SpanWriter<'a> {
    code: &'a str,
    progress: SpanProgress,
}

/// How far code is written. Code that begins with the same text resumes from here.
#[derive(Debug, Default)]
pub(super) struct SpanProgress {
    /// Offset up to which lines were taken.
    line_end: usize,
    /// Offset up to which tokens were pushed.
    end: usize,
    /// Offset up to which code is written; up to `end` only whitespace follows.
    written: usize,
    /// The class of the open span, empty for none.
    open: &'static str,
    out: String,
}

impl SpanProgress {
    /// Offset up to which lines were taken.
    pub(super) fn line_end(&self) -> usize {
        self.line_end
    }
}

impl<'a> SpanWriter<'a> {
    pub(super) fn new(code: &'a str) -> Self {
        Self::resume(code, SpanProgress::default())
    }

    /// Resumes with code that begins with the code written so far.
    pub(super) fn resume(code: &'a str, progress: SpanProgress) -> Self {
        Self { code, progress }
    }

    pub(super) fn suspend(self) -> SpanProgress {
        self.progress
    }

    /// The next line with its newline. Code that no token covered stays plain.
    pub(super) fn next_line(&mut self) -> Option<&'a str> {
        self.push(self.progress.line_end - self.progress.end, "");
        let rest = self.code.get(self.progress.line_end..).filter(|rest| !rest.is_empty())?;
        let length = rest.find('\n').map_or(rest.len(), |newline| newline + 1);
        self.progress.line_end += length;
        rest.get(..length)
    }

    /// Writes the next `length` bytes with this class, empty for none.
    pub(super) fn push(&mut self, length: usize, class: &'static str) {
        let text = self.code.get(self.progress.end..self.progress.end + length).unwrap_or_default();
        // Whitespace joins the tokens around it and gets no span of its own.
        let word = text.trim();
        let start = self.progress.end + text.len() - text.trim_start().len();
        self.progress.end += length;
        if word.is_empty() {
            return;
        }
        let end = start + word.len();
        if class == self.progress.open {
            return self.write(end);
        }
        self.close();
        self.write(start);
        if !class.is_empty() {
            self.progress.out.push_str("<span class=\"");
            self.progress.out.push_str(class);
            self.progress.out.push_str("\">");
        }
        self.progress.open = class;
        self.write(end);
    }

    fn write(&mut self, end: usize) {
        push_escaped(
            self.code.get(self.progress.written..end).unwrap_or_default(),
            &mut self.progress.out,
        );
        self.progress.written = end;
    }

    fn close(&mut self) {
        if !std::mem::take(&mut self.progress.open).is_empty() {
            self.progress.out.push_str("</span>");
        }
    }

    /// Discards the output so far.
    pub(super) fn discard(&mut self) {
        self.progress.out.clear();
        self.progress.open = "";
        self.progress.end = self.progress.line_end;
        self.progress.written = self.progress.end;
    }

    pub(super) fn finish(mut self) -> String {
        self.close();
        self.write(self.code.len());
        self.progress.out
    }
}
