//! Blocks of code, read as far as they go and read on when there is more of them: what comes out is
//! the same wherever the code was cut.

use std::sync::Arc;

use super::{
    Fence, Grammar, Patience, Reader, grammars,
    spans::{Done, Spans},
};

/// What a line in a terminal begins with that was typed.
const PROMPTS: [&str; 4] = ["$ ", "# ", "> ", "% "];

/// A block of code that has been read as far as it goes.
#[derive(Debug)]
pub struct Reading {
    reader: Reader,
    is_console: bool,
    done: Done,
}

impl Reading {
    /// Nothing is read yet. The grammar is the fence's, and the fence has its first line at least, if it
    /// will have one.
    pub fn new(fence: &Fence, grammar: Arc<Grammar>) -> Self {
        Self {
            reader: Reader::new(grammar),
            is_console: grammars::is_console(fence),
            done: Done::default(),
        }
    }

    /// Bytes that have been read.
    pub fn bytes(&self) -> usize {
        self.done.line_end()
    }

    /// Reads what has been added, as far as its lines are whole: the code must begin with all that was
    /// read before.
    pub fn read(&mut self, code: &str, patience: &mut Patience<'_>) {
        let whole = code.rfind('\n').and_then(|newline| code.get(..=newline)).unwrap_or_default();
        self.lines(whole, patience);
    }

    /// Reads the rest of the code, which must begin with all that was read before: all of it as HTML.
    pub fn finish(mut self, code: &str, patience: &mut Patience<'_>) -> String {
        self.lines(code, patience);
        Spans::from(code, self.done).finish()
    }

    fn lines(&mut self, code: &str, patience: &mut Patience<'_>) {
        let mut spans = Spans::from(code, std::mem::take(&mut self.done));
        while let Some(line) = spans.next_line() {
            if !self.is_console {
                self.reader.line(line, patience, &mut spans);
                continue;
            }
            // What was typed at a prompt is a shell's; what was printed is nothing's.
            let typed = PROMPTS.into_iter().find_map(|prompt| line.strip_prefix(prompt));
            if let Some(typed) = typed {
                spans.put(line.len() - typed.len(), "");
                self.reader.line(typed, patience, &mut spans);
            }
        }
        self.done = spans.leave();
    }
}
