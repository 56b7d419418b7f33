//! One text that grows while it streams, kept escaped as the inside of a JSON string, so that
//! any part of it becomes a frame without looking at it again.

use crate::{entry::TextBlock, ids::Seq};

/// A mark is set after about this many bytes: a long text is sent in pages that end at a mark,
/// and every mark knows its sequence number.
const MARK_BYTES: usize = 4 * 1024;

/// Which text of a conversation one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BlockInfo {
    /// Its number within its turn.
    pub number: u32,
    /// Whether it is thinking and not answer.
    pub thinking: bool,
    /// Counts the times that the text was replaced.
    pub revision: u32,
}

/// A growing text.
#[derive(Debug)]
pub(super) struct StreamingText {
    /// Which text it is.
    pub block: BlockInfo,
    /// Whether more may be appended.
    pub open: bool,
    escaped: String,
    marks: Vec<Mark>,
}

/// Up to `offset`, the text is what a viewer has that saw `seq`.
#[derive(Debug, Clone, Copy)]
struct Mark {
    offset: usize,
    seq: Seq,
}

impl StreamingText {
    /// An empty text that can be appended to.
    pub(super) fn new(thinking: bool, number: u32) -> Self {
        let block = BlockInfo { number, thinking, revision: 0 };
        Self { block, open: true, escaped: String::new(), marks: Vec::new() }
    }

    /// A finished text, as read from the database.
    pub(super) fn closed(thinking: bool, block: &TextBlock, last_seq: Seq) -> Self {
        let mut growing = Self::new(thinking, block.block);
        growing.append(&block.content, last_seq);
        growing.close();
        growing
    }

    /// The same text, read from the database once more.
    pub(super) fn again(self, revision: u32) -> Self {
        Self { block: BlockInfo { revision, ..self.block }, ..self }
    }

    /// What it takes of memory, in bytes.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + self.escaped.len() + size_of_val(self.marks.as_slice())
    }

    /// The text, escaped.
    pub(super) fn escaped(&self) -> &str {
        &self.escaped
    }

    /// The text as it was said.
    pub(super) fn plain(&self) -> String {
        self.plain_from(0)
    }

    /// As [`plain`](Self::plain), from an offset on at which a piece was appended.
    pub(super) fn plain_from(&self, offset: usize) -> String {
        let escaped = self.escaped.get(offset..).unwrap_or_default();
        serde_json::from_str(&format!("\"{escaped}\"")).unwrap_or_default()
    }

    /// Adds text under a number.
    pub(super) fn append(&mut self, text: &str, seq: Seq) {
        let quoted = serde_json::to_string(text).unwrap_or_default();
        let inside = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default();
        self.escaped.push_str(inside);
        let last = self.marks.last().map_or(0, |mark| mark.offset);
        if self.escaped.len() - last >= MARK_BYTES {
            self.marks.push(Mark { offset: self.escaped.len(), seq });
        }
    }

    /// Ends the text, and keeps no more room than it needs.
    pub(super) fn close(&mut self) {
        if std::mem::take(&mut self.open) {
            self.escaped.shrink_to_fit();
        }
    }

    /// Puts other text in place of all of it.
    pub(super) fn replace(&mut self, text: &str, seq: Seq) {
        self.block.revision += 1;
        self.escaped.clear();
        self.marks.clear();
        self.append(text, seq);
    }

    /// Takes back all of it, under the numbers that it had.
    pub(super) fn withdraw(&mut self) {
        self.block.revision += 1;
        self.escaped = String::new();
        self.marks = Vec::new();
        self.open = false;
    }

    /// Where a piece ends that starts at `from` and has about `max_bytes`, and its number.
    pub(super) fn cut(&self, from: usize, max_bytes: usize, last_seq: Seq) -> (usize, Seq) {
        let whole = (self.escaped.len(), last_seq);
        if self.escaped.len() - from <= max_bytes {
            return whole;
        }
        let next = self.marks.partition_point(|mark| mark.offset <= from);
        let beyond = self.marks.partition_point(|mark| mark.offset <= from + max_bytes);
        // The last mark that fits, or else the first one there is.
        let mark = self.marks.get(beyond.saturating_sub(1).max(next));
        mark.map_or(whole, |mark| (mark.offset, mark.seq))
    }
}
