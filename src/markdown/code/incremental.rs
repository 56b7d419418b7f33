//! Blocks of code, read as far as they go and read on when there is more of them: what comes out is
//! the same wherever the code was cut.

use std::sync::Arc;

use super::{
    Budget, CodeBlock, Grammar, LineHighlighter, grammars,
    spans::{SpanProgress, SpanWriter},
};

/// What a line in a terminal begins with that was typed.
const PROMPTS: [&str; 4] = ["$ ", "# ", "> ", "% "];

/// A block of code that has been read as far as it goes.
#[derive(Debug)]
pub struct IncrementalHighlight {
    reader: LineHighlighter,
    is_console: bool,
    done: SpanProgress,
}

impl IncrementalHighlight {
    /// Nothing is read yet. The grammar is the fence's, and the fence has its first line at least, if it
    /// will have one.
    pub fn new(fence: &CodeBlock, grammar: Arc<Grammar>) -> Self {
        Self {
            reader: LineHighlighter::new(grammar),
            is_console: grammars::is_console(fence),
            done: SpanProgress::default(),
        }
    }

    /// Bytes that have been read.
    pub fn bytes(&self) -> usize {
        self.done.line_end()
    }

    /// Reads what has been added, as far as its lines are whole: the code must begin with all that was
    /// read before.
    pub fn read(&mut self, code: &str, budget: &mut Budget<'_>) {
        let whole = code.rfind('\n').and_then(|newline| code.get(..=newline)).unwrap_or_default();
        self.lines(whole, budget);
    }

    /// Reads the rest of the code, which must begin with all that was read before: all of it as HTML.
    pub fn finish(mut self, code: &str, budget: &mut Budget<'_>) -> String {
        self.lines(code, budget);
        SpanWriter::from(code, self.done).finish()
    }

    fn lines(&mut self, code: &str, budget: &mut Budget<'_>) {
        let mut spans = SpanWriter::from(code, std::mem::take(&mut self.done));
        while let Some(line) = spans.next_line() {
            if !self.is_console {
                self.reader.line(line, budget, &mut spans);
                continue;
            }
            // What was typed at a prompt is a shell's; what was printed is nothing's.
            let typed = PROMPTS.into_iter().find_map(|prompt| line.strip_prefix(prompt));
            if let Some(typed) = typed {
                spans.put(line.len() - typed.len(), "");
                self.reader.line(typed, budget, &mut spans);
            }
        }
        self.done = spans.leave();
    }
}
