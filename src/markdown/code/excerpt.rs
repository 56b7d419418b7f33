//! Highlighting of an excerpt of a file, line by line.

use std::sync::Arc;

use super::{
    grammars::Grammar,
    line::{Budget, LineHighlighter},
    spans::SpanWriter,
};

/// Each line of an excerpt as HTML, without its newline. `before` are the lines before the excerpt,
/// in which a string or a comment may have begun. Without a `grammar` the lines are plain.
pub(crate) fn excerpt_lines(
    before: &str,
    shown: &str,
    grammar: Option<Arc<Grammar>>,
    budget: &mut Budget<'_>,
) -> Vec<String> {
    let mut highlighter = grammar.map(LineHighlighter::new);
    let mut spans = SpanWriter::new(before);
    while let Some(line) = spans.next_line() {
        if let Some(highlighter) = &mut highlighter {
            highlighter.line(line, budget, &mut spans);
        }
        spans.discard();
    }
    let mut lines = Vec::new();
    for line in shown.split('\n') {
        // Grammars match the newline at the end of a line.
        let ended = format!("{line}\n");
        let mut spans = SpanWriter::new(&ended);
        if let Some(highlighter) = &mut highlighter
            && let Some(line) = spans.next_line()
        {
            highlighter.line(line, budget, &mut spans);
        }
        let mut html = spans.finish();
        html.truncate(html.trim_end_matches('\n').len());
        lines.push(html);
    }
    lines
}
