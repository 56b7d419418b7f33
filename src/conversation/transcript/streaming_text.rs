//! A text that grows while it streams, escaped for JSON once, so that any piece of it becomes a
//! frame as it is.

use crate::{
    entry::{TextBlock, TextKind},
    ids::Seq,
};

/// Bytes between marks, about: pages of a long text end at marks, which know their sequence
/// numbers.
const MARK_BYTES: usize = 4 * 1024;

/// Identity of a text in its conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BlockInfo {
    /// Its number in its turn.
    pub(crate) number: u32,
    pub(crate) kind: TextKind,
    /// Counts replacements of the text.
    pub(crate) revision: u32,
}

#[derive(Debug)]
pub(super) struct StreamingText {
    pub(crate) block: BlockInfo,
    /// Text may be appended.
    pub(crate) open: bool,
    escaped: String,
    marks: Vec<Mark>,
}

/// The text up to `offset` is what a viewer has that saw `seq`.
#[derive(Debug, Clone, Copy)]
struct Mark {
    offset: usize,
    seq: Seq,
}

impl StreamingText {
    /// An empty open text.
    pub(super) fn new(kind: TextKind, number: u32) -> Self {
        let block = BlockInfo { number, kind, revision: 0 };
        Self { block, open: true, escaped: String::new(), marks: Vec::new() }
    }

    /// A complete text from the database.
    pub(super) fn closed(kind: TextKind, block: &TextBlock, last_seq: Seq) -> Self {
        let mut growing = Self::new(kind, block.block);
        growing.append(&block.content, last_seq);
        growing.close();
        growing
    }

    /// The same text after a reload.
    pub(super) fn again(self, revision: u32) -> Self {
        Self { block: BlockInfo { revision, ..self.block }, ..self }
    }

    /// Bytes in memory.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + self.escaped.len() + size_of_val(self.marks.as_slice())
    }

    pub(super) fn escaped(&self) -> &str {
        &self.escaped
    }

    /// The text without escapes.
    pub(super) fn plain(&self) -> String {
        self.plain_from(0)
    }

    /// As [`plain`](Self::plain), from an offset where a piece was appended.
    pub(super) fn plain_from(&self, offset: usize) -> String {
        let escaped = self.escaped.get(offset..).unwrap_or_default();
        serde_json::from_str(&format!("\"{escaped}\"")).unwrap_or_default()
    }

    /// Appends text under a sequence number.
    pub(super) fn append(&mut self, text: &str, seq: Seq) {
        let quoted = serde_json::to_string(text).unwrap_or_default();
        let inside = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default();
        self.escaped.push_str(inside);
        let last = self.marks.last().map_or(0, |mark| mark.offset);
        if self.escaped.len() - last >= MARK_BYTES {
            self.marks.push(Mark { offset: self.escaped.len(), seq });
        }
    }

    /// Closes the text and frees spare room.
    pub(super) fn close(&mut self) {
        if std::mem::take(&mut self.open) {
            self.escaped.shrink_to_fit();
        }
    }

    /// Replaces all of the text.
    pub(super) fn replace(&mut self, text: &str, seq: Seq) {
        self.block.revision += 1;
        self.escaped.clear();
        self.marks.clear();
        self.append(text, seq);
    }

    /// Empties the text under the numbers that it had.
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
        // The last mark that fits, else the next one.
        let mark = self.marks.get(beyond.saturating_sub(1).max(next));
        mark.map_or(whole, |mark| (mark.offset, mark.seq))
    }
}
