//! Incremental highlighting: a block is highlighted as far as it goes and resumed when it has grown.
//! The output does not depend on where the code was cut.

use std::sync::Arc;

use super::{
    block::CodeBlock,
    grammars::Grammar,
    line::{Budget, LineHighlighter},
    spans::{SpanProgress, SpanWriter},
};

/// Prompts of typed lines in a terminal session.
const PROMPTS: [&str; 4] = ["$ ", "# ", "> ", "% "];

/// A code block, highlighted as far as it goes.
#[derive(Debug)]
pub struct IncrementalHighlight {
    highlighter: LineHighlighter,
    is_console: bool,
    progress: SpanProgress,
}

impl IncrementalHighlight {
    /// Starts a block, which has its first line if it will have one. `grammar` is that of its language.
    pub fn new(block: &CodeBlock, grammar: Arc<Grammar>) -> Self {
        Self {
            highlighter: LineHighlighter::new(grammar),
            is_console: block.is_console(),
            progress: SpanProgress::default(),
        }
    }

    /// Bytes highlighted so far.
    pub fn bytes(&self) -> usize {
        self.progress.line_end()
    }

    /// Highlights the whole lines that were added. `code` must begin with the code highlighted before.
    pub fn extend(&mut self, code: &str, budget: &mut Budget<'_>) {
        let whole = code.rfind('\n').and_then(|newline| code.get(..=newline)).unwrap_or_default();
        self.lines(whole, budget);
    }

    /// Highlights the rest and returns all of it as HTML. `code` must begin with the code highlighted
    /// before.
    pub fn finish(mut self, code: &str, budget: &mut Budget<'_>) -> String {
        self.lines(code, budget);
        SpanWriter::resume(code, self.progress).finish()
    }

    fn lines(&mut self, code: &str, budget: &mut Budget<'_>) {
        let mut spans = SpanWriter::resume(code, std::mem::take(&mut self.progress));
        while let Some(line) = spans.next_line() {
            if !self.is_console {
                self.highlighter.line(line, budget, &mut spans);
                continue;
            }
            // Only what was typed at a prompt is shell code; the output is plain.
            let typed = PROMPTS.into_iter().find_map(|prompt| line.strip_prefix(prompt));
            if let Some(typed) = typed {
                spans.push(line.len() - typed.len(), "");
                self.highlighter.line(typed, budget, &mut spans);
            }
        }
        self.progress = spans.suspend();
    }
}
