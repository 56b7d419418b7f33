//! Writing code as HTML, token by token, in a way that can be left and gone on with.

use super::super::html::escape;

/// Code that is being written as HTML.
pub(super) struct SpanWriter<'a> {
    code: &'a str,
    done: SpanProgress,
}

/// How far code is written. Longer code that begins with the same can be gone on with from here.
#[derive(Debug, Default)]
pub(super) struct SpanProgress {
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

impl SpanProgress {
    /// Up to here the code has been read.
    pub(super) fn line_end(&self) -> usize {
        self.line_end
    }
}

impl<'a> SpanWriter<'a> {
    pub(super) fn new(code: &'a str) -> Self {
        Self::from(code, SpanProgress::default())
    }

    /// Goes on with code that begins with what is `done`.
    pub(super) fn from(code: &'a str, done: SpanProgress) -> Self {
        Self { code, done }
    }

    /// Leaves it for now.
    pub(super) fn leave(self) -> SpanProgress {
        self.done
    }

    /// The next line with its end. What no token came of is plain.
    pub(super) fn next_line(&mut self) -> Option<&'a str> {
        self.put(self.done.line_end - self.done.end, "");
        let rest = self.code.get(self.done.line_end..).filter(|rest| !rest.is_empty())?;
        let length = rest.find('\n').map_or(rest.len(), |newline| newline + 1);
        self.done.line_end += length;
        rest.get(..length)
    }

    /// The next `length` bytes are of this class, empty for none.
    pub(super) fn put(&mut self, length: usize, class: &'static str) {
        let text = self.code.get(self.done.end..self.done.end + length).unwrap_or_default();
        // Blanks belong to what is on both sides of them, and never make an element.
        let word = text.trim();
        let start = self.done.end + text.len() - text.trim_start().len();
        self.done.end += length;
        if word.is_empty() {
            return;
        }
        let end = start + word.len();
        if class == self.done.open {
            return self.write(end);
        }
        self.close();
        self.write(start);
        if !class.is_empty() {
            self.done.out.push_str("<span class=\"");
            self.done.out.push_str(class);
            self.done.out.push_str("\">");
        }
        self.done.open = class;
        self.write(end);
    }

    fn write(&mut self, end: usize) {
        escape(self.code.get(self.done.written..end).unwrap_or_default(), &mut self.done.out);
        self.done.written = end;
    }

    fn close(&mut self) {
        if !std::mem::take(&mut self.done.open).is_empty() {
            self.done.out.push_str("</span>");
        }
    }

    /// Forgets what was written.
    pub(super) fn restart(&mut self) {
        self.done.out.clear();
        self.done.open = "";
        self.done.end = self.done.line_end;
        self.done.written = self.done.end;
    }

    pub(super) fn finish(mut self) -> String {
        self.close();
        self.write(self.code.len());
        self.done.out
    }
}
