//! Part boundaries: where an answer is split, between top-level blocks or within one that is too long.

use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag};

use super::{
    html::open_details,
    parser::{is_open_block, options},
};

/// The repeated head of a block has at most this share of the text before it: one eighth.
const HEAD_SHARE: usize = 8;

/// The offsets at which new parts start, each at the start of a line. Later text changes none of them.
pub(super) fn between_blocks(text: &str) -> Vec<usize> {
    let text = settled(text);
    let mut cuts = Vec::new();
    let mut depth = 0usize;
    let mut end = 0;
    // What is folded is one part, with all its blocks.
    let mut n_details = 0;
    for (event, range) in Parser::new_ext(text, options()).into_offset_iter() {
        if depth == 0 {
            let before = text.get(..range.start).unwrap_or_default();
            let line = before.rfind('\n').map_or(0, |newline| newline + 1);
            // Link definitions show nothing and may absorb lines that follow them.
            let is_next = text.get(end..line).is_some_and(|between| between.trim().is_empty());
            let block = text.get(line..range.end).unwrap_or_default();
            let is_footnote = matches!(event, Event::Start(Tag::FootnoteDefinition(_)));
            let is_settled = is_footnote || !may_define(block);
            let is_apart = is_next && is_settled && n_details == 0;
            if end > 0 && is_apart && cuts.last().is_none_or(|last| *last < line) {
                cuts.push(line);
            }
            end = range.end;
        }
        match event {
            Event::Start(_) => depth += 1,
            Event::End(_) => depth = depth.saturating_sub(1),
            // Within a list or a quote, details end with it.
            Event::Html(html) if depth == 1 => n_details = open_details(&html, n_details),
            _ => (),
        }
    }
    cuts
}

/// The text whose block structure is settled: its whole lines, and an incomplete line if it begins
/// with a letter. Such a line belongs to a paragraph whatever follows, unlike half a list marker.
fn settled(text: &str) -> &str {
    let begin = text.rfind('\n').map_or(0, |newline| newline + 1);
    let (lines, half) = text.split_at(begin);
    let is_settled = half.trim_start_matches(' ').starts_with(char::is_alphabetic);
    if is_settled { text } else { lines }
}

/// Whether a block may still turn out to be a link definition.
fn may_define(block: &str) -> bool {
    let Some(label) = block.trim_start().strip_prefix('[') else { return false };
    match label.split_once(']') {
        Some((label, rest)) => label.ends_with('\\') || rest.is_empty() || rest.starts_with(':'),
        None => true,
    }
}

/// Where to split a text that is too long and in which no block ends: after the last line, else after
/// the last word, of its second half. Also returns the head with which the block continues in the
/// next part: the opening fence of code, or the head of a table.
pub(super) fn within_block(text: &str) -> (usize, String) {
    let half = text.len() / 2;
    let width_at =
        |at: usize| text.get(at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
    let last = |is_break: fn(char) -> bool| text.rfind(is_break).filter(|at| *at >= half);
    let last_break = last(|c| c == '\n').or_else(|| last(char::is_whitespace));
    let cut = last_break.map_or(text.len(), |at| at + width_at(at));
    (cut, head(text.get(..cut).unwrap_or_default()).unwrap_or_default())
}

/// The head of the block that continues after the end of `text`.
fn head(text: &str) -> Option<String> {
    let mut depth = 0usize;
    let mut last = None;
    for (event, range) in Parser::new_ext(text, options()).into_offset_iter() {
        match event {
            Event::Start(tag) => {
                if depth == 0 {
                    last = Some((tag, range));
                }
                depth += 1;
            }
            Event::End(_) => depth = depth.saturating_sub(1),
            _ => (),
        }
    }
    let (tag, range) = last?;
    let lines = match tag {
        Tag::CodeBlock(CodeBlockKind::Fenced(_)) if is_open_block(text, range.clone()) => 1,
        Tag::Table(_) if text.lines().next_back().is_some_and(|line| !line.trim().is_empty()) => 2,
        _ => return None,
    };
    let block = text.get(range)?;
    let head: String = block.split_inclusive('\n').take(lines).collect();
    (head.len() <= text.len() / HEAD_SHARE && head.ends_with('\n')).then_some(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_that_is_cut_goes_on_as_what_it_is() {
        for (begin, block, rest, head) in [
            ("```rust\n", "let a;\n", "let", "```rust\n"),
            ("One.\n\n~~~~\n", "let a;\n", "le", "~~~~\n"),
            ("|a|b|\n|-|-|\n", "|1|2|\n", "|5", "|a|b|\n|-|-|\n"),
            ("one ", "two ", "three", ""),
            ("one", "two", "", ""),
            ("- one\n", "- two\n", "- th", ""),
            ("```\n", "a\n", "```\n", ""),
            ("```\n", "a\n", "```\n\nEnd.\n", ""),
            ("|a|\n|-|\n", "|b|\n", "\n", ""),
        ] {
            let text = format!("{begin}{}{rest}", block.repeat(40));
            let (cut, repeated) = within_block(&text);
            let is_whole = rest.is_empty() || rest.ends_with('\n');
            let expected = if is_whole { text.len() } else { text.len() - rest.len() };
            assert_eq!((cut, repeated.as_str()), (expected, head), "{begin}");
        }
    }
}
