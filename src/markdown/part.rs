//! Parts of an answer: HTML, the code in it, and its references to files.

use std::{ops::Range, sync::Arc};

use crate::citation::References;

use super::{code::CodeBlock, invisible::marked_html};

/// A part of an answer: one or more of its top-level blocks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AnswerPart {
    /// Safe to show; code is not highlighted yet.
    pub html: String,
    /// The closed code blocks that name their language, in order.
    pub code: Vec<CodeRange>,
    /// The code block that is still open and names its language, up to its last whole line.
    pub open_block: Option<Arc<CodeBlock>>,
    /// The references to files in it.
    pub references: References,
}

/// A code block, and where it stands in the HTML of its part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeRange {
    /// The code.
    pub block: Arc<CodeBlock>,
    pub(super) at: Range<usize>,
}

impl AnswerPart {
    /// The HTML with the highlighted code that `highlights` knows.
    pub(crate) fn with_highlights<S: AsRef<str>>(
        &self,
        highlights: impl Fn(&CodeBlock) -> Option<S>,
    ) -> String {
        let mut html = String::with_capacity(self.html.len());
        let mut from = 0;
        for CodeRange { block, at } in &self.code {
            if let Some(highlighted) = highlights(block) {
                html.push_str(self.html.get(from..at.start).unwrap_or_default());
                html.push_str(&marked_html(highlighted.as_ref()));
                from = at.end;
            }
        }
        html.push_str(self.html.get(from..).unwrap_or_default());
        html
    }
}

impl CodeRange {
    /// The block up to the end of its last whole line.
    pub(super) fn whole_lines(self) -> Arc<CodeBlock> {
        let mut block = Arc::unwrap_or_clone(self.block);
        let end = block.code.rfind('\n').map_or(0, |newline| newline + 1);
        block.code.truncate(end);
        Arc::new(block)
    }
}
