//! Parser settings: the dialect of Markdown that answers are written in.

use std::ops::Range;

use pulldown_cmark::Options;

pub(super) fn options() -> Options {
    Options::ENABLE_TABLES
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_MATH
        // Quotes that begin with `[!NOTE]` and the like.
        | Options::ENABLE_GFM
        // Old footnotes need no definition, which may not have come yet.
        | Options::ENABLE_OLD_FOOTNOTES
}

/// Whether the code block at `range` of `text` may still grow: it is last and its fence is open.
pub(super) fn is_open_block(text: &str, range: Range<usize>) -> bool {
    let is_last = text.get(range.end..).is_none_or(|after| after.trim().is_empty());
    let block = text.get(range).unwrap_or_default().trim();
    let mark = if block.starts_with('~') { '~' } else { '`' };
    let n_marks = block.len() - block.trim_start_matches(mark).len();
    let last = block.rsplit_once('\n').map_or("", |(_, last)| last);
    let last = last.trim_start_matches([' ', '\t', '>']);
    let is_closed = last.len() >= n_marks && last.chars().all(|c| c == mark);
    is_last && !is_closed && !block.is_empty()
}
