//! Entries that the database does not have yet, and how many bytes of them wait.

use crate::{
    entry::{Content, EntryRow},
    ids::Seq,
};

use super::{Transcript, streaming_text::StreamingText};

/// Bytes of unsaved entries, about.
#[derive(Debug, Default)]
pub(super) struct UnsavedBytes {
    /// Not handed to the database yet.
    waiting: usize,
    /// Handed to the database and not confirmed.
    under_way: usize,
}

impl UnsavedBytes {
    pub(super) fn add(&mut self, bytes: usize) {
        self.waiting += bytes;
    }

    fn bytes(&self) -> usize {
        self.waiting + self.under_way
    }

    fn is_handed_over(&mut self) {
        self.under_way += std::mem::take(&mut self.waiting);
    }

    fn is_written(&mut self) {
        self.under_way = 0;
    }

    /// Takes back what was handed over, after a failed write.
    fn is_back(&mut self) {
        self.waiting += std::mem::take(&mut self.under_way);
    }
}

/// The payload of a text's row, as `TextBlock` has it. The text is escaped for JSON already and is
/// not read again.
pub(super) fn text_payload(block: u32, text: &StreamingText) -> String {
    format!("{{\"block\":{block},\"content\":\"{}\"}}", text.escaped())
}

/// Entries of one history, at most: each keeps a few bytes in memory.
const MOST_ENTRIES: usize = 200_000;

/// Bytes of all questions of one conversation, at most: they stay in memory.
const MOST_ASKED: usize = 16 * 1024 * 1024;

impl Transcript {
    /// Whether the conversation is as long as one may be.
    pub(crate) fn is_full(&self) -> bool {
        let asked = self.contents().filter_map(|(_, content)| match content {
            Content::UserMessage(message) => Some(message.content.len()),
            _ => None,
        });
        self.entry_count() > MOST_ENTRIES || asked.sum::<usize>() > MOST_ASKED
    }

    pub(crate) fn entry_count(&self) -> usize {
        self.entries.len()
    }

    /// Rows of everything that changed since the last call.
    pub fn take_dirty(&mut self) -> Vec<EntryRow> {
        let rows = self
            .entries
            .iter_mut()
            .skip(self.first_dirty)
            .filter_map(|entry| std::mem::take(&mut entry.dirty).then(|| entry.row()).flatten())
            .collect();
        self.unsaved.is_handed_over();
        // Only the last entry can still grow.
        self.first_dirty = self.entries.len().saturating_sub(1);
        rows
    }

    /// Marks everything from `seq` on as unsaved, after a failed write.
    pub(crate) fn mark_dirty_from(&mut self, seq: Seq) {
        let index = self.entries.partition_point(|entry| entry.last_seq < seq);
        for entry in self.entries.iter_mut().skip(index) {
            entry.dirty = true;
        }
        self.first_dirty = self.first_dirty.min(index);
        self.unsaved.is_back();
    }

    /// Records that the database has everything that was handed over.
    pub(crate) fn is_written(&mut self) {
        self.unsaved.is_written();
    }

    /// Bytes of unsaved entries, those under way included.
    pub(crate) fn unsaved_bytes(&self) -> usize {
        self.unsaved.bytes()
    }

    /// Whether [`take_dirty`](Self::take_dirty) would return anything.
    pub(crate) fn is_dirty(&self) -> bool {
        self.entries.iter().skip(self.first_dirty).any(|entry| entry.dirty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::TextKind;
    use crate::{
        entry::{TextBlock, UserMessage},
        ids::TurnNumber,
    };

    #[test]
    fn a_text_is_stored_as_its_block_would_be() {
        for text in
            ["plain", "", "quotes \" and \\ and\nlines\t\u{1}", "é – 漢字 \u{1f600}\u{2028}"]
        {
            let mut growing = StreamingText::new(TextKind::Answer, 7);
            growing.append(text, Seq(1));
            let block = TextBlock { block: 7, content: text.to_owned() };
            assert_eq!(text_payload(7, &growing), serde_json::to_string(&block).unwrap());
        }
    }

    #[test]
    fn p9_what_people_ask_in_one_conversation_has_a_bound() {
        let mut transcript = Transcript::new(Seq(100_000));
        let content = "q".repeat(MOST_ASKED / 8);
        let question = UserMessage { content, ..UserMessage::default() };
        for turn in 1..=8 {
            transcript.push(TurnNumber(turn), Content::UserMessage(question.clone()));
            assert!(!transcript.is_full(), "{turn} questions");
        }
        transcript.push(TurnNumber(9), Content::UserMessage(question));
        assert!(transcript.is_full());
    }

    #[test]
    fn what_is_not_written_is_counted_until_it_is() {
        let mut transcript = Transcript::new(Seq(1000));
        transcript.append(TurnNumber(1), TextKind::Answer, &"x".repeat(100));
        let waiting = transcript.unsaved_bytes();
        assert!(waiting >= 100, "{waiting}");
        transcript.take_dirty();
        assert_eq!(transcript.unsaved_bytes(), waiting, "it is on its way");
        transcript.append(TurnNumber(1), TextKind::Answer, &"y".repeat(50));
        transcript.mark_dirty_from(Seq(1));
        assert_eq!(transcript.unsaved_bytes(), waiting + 50, "it came back");
        transcript.take_dirty();
        transcript.append(TurnNumber(1), TextKind::Answer, "z");
        transcript.is_written();
        assert_eq!(transcript.unsaved_bytes(), 1, "what came meanwhile is not written");
    }

    #[test]
    fn a_long_text_becomes_entries_and_pieces_of_a_bounded_size() {
        let text = "é".repeat(500_000);
        let mut transcript = Transcript::new(Seq(100_000));
        transcript.append(TurnNumber(1), TextKind::Answer, &text);
        let rows = transcript.take_dirty();
        assert!(rows.iter().all(|row| row.payload.len() < 100_000), "{} rows", rows.len());
        let read =
            |row: &EntryRow| serde_json::from_str::<TextBlock>(&row.payload).unwrap().content;
        assert_eq!(rows.iter().map(read).collect::<String>(), text);
        let start = transcript.resume_point(None, crate::wire::Dialect::V1).cursor;
        let page = transcript.page(start, crate::wire::Dialect::V1, 16 * 1024);
        let bytes: usize = page.frames.iter().map(|frame| frame.len()).sum();
        assert!(bytes < 40 * 1024 && page.more, "{bytes} bytes at once");
    }
}
