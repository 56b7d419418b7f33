//! A conversation's history in memory: entries, sequence numbers, and what a viewer that stands
//! at a cursor has not seen yet. Pure code; the database holds the same entries as rows.

use crate::entry::{Content, EntryRow, TextBlock};

use colours::Coloured;
pub use colours::Uncoloured;
use growing::Growing;
pub use replay::{Cursor, Entrance, Page};

mod colours;
mod growing;
mod rendered;
mod replay;
#[cfg(test)]
mod tests;

/// A text entry that has reached this many bytes is followed by another one, so that writing a
/// growing entry stays cheap however long an answer is.
const MAX_TEXT_BYTES: usize = 64 * 1024;

/// Sequence numbers are reserved in the database in ranges of this many.
const SEQ_RANGE: i64 = 16 * 1024;

/// The agent is read no further while fewer numbers than this are left.
const SEQ_LOW_WATER: i64 = 2 * 1024;

/// The history of one conversation.
#[derive(Debug)]
pub struct Transcript {
    entries: Vec<Entry>,
    next_seq: i64,
    /// Highest number that the database lets us use.
    reserved: i64,
    /// Highest number that has been asked for; above `reserved` while the answer is out.
    requested: i64,
    /// Entries from here on may have grown since they were last handed to the database.
    first_dirty: usize,
    /// Entries before the first one that is held.
    shown: usize,
    /// Code whose colours are to be asked for.
    uncoloured: Vec<Uncoloured>,
    /// The parts of answers that have got their colours, in order.
    coloured: Vec<Coloured>,
}

#[derive(Debug)]
struct Entry {
    turn: i64,
    first_seq: i64,
    last_seq: i64,
    body: Body,
    /// Not shown before the database has it.
    held: bool,
    /// Changed since it was last handed to the database.
    dirty: bool,
}

#[derive(Debug)]
enum Body {
    Growing(Growing),
    Fixed(Content),
}

impl Transcript {
    /// An empty history whose numbers up to `reserved` are free to use.
    pub fn new(reserved: i64) -> Self {
        Self {
            entries: Vec::new(),
            next_seq: 1,
            reserved,
            requested: reserved,
            first_dirty: 0,
            shown: 0,
            uncoloured: Vec::new(),
            coloured: Vec::new(),
        }
    }

    /// A history read from the database. `first` is the first number of a range that was newly
    /// reserved for it: so that none is used twice, not even one that was lost in a crash.
    pub fn restore(rows: &[EntryRow], first: i64) -> serde_json::Result<Self> {
        let mut transcript = Self::new(first + SEQ_RANGE - 1);
        for row in rows {
            let body = match Content::from_row(&row.kind, &row.payload)? {
                Content::Text(block) => Body::Growing(Growing::closed(false, &block, row.last_seq)),
                Content::Thinking(block) => {
                    Body::Growing(Growing::closed(true, &block, row.last_seq))
                }
                other => Body::Fixed(other),
            };
            transcript.add(Entry {
                turn: row.turn,
                first_seq: row.first_seq,
                last_seq: row.last_seq,
                body,
                held: false,
                dirty: false,
            });
        }
        transcript.first_dirty = transcript.entries.len();
        transcript.next_seq = first;
        Ok(transcript)
    }

    /// How many numbers are reserved at once.
    pub fn range() -> i64 {
        SEQ_RANGE
    }

    /// Adds an entry that does not grow and gives its number. A held one is shown, with all that
    /// follows it, only after [`release`](Self::release).
    pub fn push(&mut self, turn: i64, content: Content, held: bool) -> i64 {
        self.close_block();
        let seq = self.take_seq();
        self.add(Entry {
            turn,
            first_seq: seq,
            last_seq: seq,
            body: Body::Fixed(content),
            held,
            dirty: true,
        });
        seq
    }

    /// Shows the held entry with this number.
    pub fn release(&mut self, seq: i64) {
        let index = self.entries.partition_point(|entry| entry.last_seq < seq);
        if let Some(entry) = self.entries.get_mut(index) {
            entry.held = false;
        }
        self.show();
    }

    /// Begins a new block of text; the next [`append`](Self::append) opens it.
    pub fn close_block(&mut self) {
        if let Some(Entry { body: Body::Growing(growing), .. }) = self.entries.last_mut() {
            growing.close();
        }
    }

    /// Adds text to the open block of this turn, or opens one.
    pub fn append(&mut self, turn: i64, thinking: bool, text: &str) {
        if text.is_empty() {
            return;
        }
        if !self.continues(turn, thinking) {
            self.open_block(turn, thinking);
        }
        let seq = self.take_seq();
        if let Some(entry) = self.entries.last_mut()
            && let Body::Growing(growing) = &mut entry.body
        {
            growing.append(text, seq);
            entry.last_seq = seq;
            entry.dirty = true;
        }
    }

    /// Puts `text` in place of the open block's text: what was streamed is not what was meant.
    pub fn replace(&mut self, turn: i64, text: &str) {
        if text.is_empty() {
            return;
        }
        if !self.is_open(turn, false) {
            self.append(turn, false, text);
            return;
        }
        let seq = self.take_seq();
        if let Some(entry) = self.entries.last_mut()
            && let Body::Growing(growing) = &mut entry.body
        {
            growing.replace(text, seq);
            entry.last_seq = seq;
            entry.dirty = true;
        }
    }

    /// Everything that changed since the last call, as rows for the database.
    pub fn take_dirty(&mut self) -> Vec<EntryRow> {
        let rows = self
            .entries
            .iter_mut()
            .skip(self.first_dirty)
            .filter_map(|entry| std::mem::take(&mut entry.dirty).then(|| entry.row()).flatten())
            .collect();
        // Only the last entry can still grow.
        self.first_dirty = self.entries.len().saturating_sub(1);
        rows
    }

    /// Marks everything from `seq` on as not yet in the database, because writing it failed.
    pub fn mark_dirty_from(&mut self, seq: i64) {
        let index = self.entries.partition_point(|entry| entry.last_seq < seq);
        for entry in self.entries.iter_mut().skip(index) {
            entry.dirty = true;
        }
        self.first_dirty = self.first_dirty.min(index);
    }

    /// Whether [`take_dirty`](Self::take_dirty) would give anything.
    pub fn is_dirty(&self) -> bool {
        self.entries.iter().skip(self.first_dirty).any(|entry| entry.dirty)
    }

    /// A new upper bound of numbers to ask the database for, when it is time to. Asked for once:
    /// [`reserve`](Self::reserve) tells that it is there.
    pub fn wants_range(&mut self) -> Option<i64> {
        let low = self.requested - self.next_seq < SEQ_RANGE / 2;
        low.then(|| {
            self.requested = self.requested.max(self.next_seq) + SEQ_RANGE;
            self.requested
        })
    }

    /// Numbers up to `up_to` are ours; `false` in `granted` takes the request back.
    pub fn reserve(&mut self, up_to: i64, granted: bool) {
        if granted {
            self.reserved = self.reserved.max(up_to);
        } else {
            self.requested = self.reserved;
        }
    }

    /// Whether so few numbers are left that nothing more should be read from the agent.
    pub fn is_short_of_numbers(&self) -> bool {
        self.reserved - self.next_seq < SEQ_LOW_WATER
    }

    /// The newest number that a viewer can have seen.
    pub fn last_seq(&self) -> i64 {
        self.shown().last().map_or(0, |entry| entry.last_seq)
    }

    /// Whether a person has written anything.
    pub fn has_user_message(&self) -> bool {
        self.contents().any(|(_, content)| matches!(content, Content::UserMessage(_)))
    }

    /// Turn and number of the message that a client knows under this id.
    pub fn find_message(&self, id: &str) -> Option<(i64, i64)> {
        self.entries.iter().rev().find_map(|entry| match &entry.body {
            Body::Fixed(Content::UserMessage(message))
                if message.message_id.as_deref() == Some(id) =>
            {
                Some((entry.turn, entry.first_seq))
            }
            _ => None,
        })
    }

    /// The entries that do not grow, with their turns.
    pub fn contents(&self) -> impl Iterator<Item = (i64, &Content)> {
        self.entries.iter().filter_map(|entry| match &entry.body {
            Body::Fixed(content) => Some((entry.turn, content)),
            Body::Growing(_) => None,
        })
    }

    /// The questions and answers of the past, oldest first: turn, whether a person speaks, text.
    pub fn spoken(&self) -> impl Iterator<Item = (i64, bool, String)> {
        self.entries.iter().filter_map(|entry| match &entry.body {
            Body::Fixed(Content::UserMessage(message)) => {
                Some((entry.turn, true, message.content.clone()))
            }
            Body::Growing(growing) if !growing.thinking => {
                Some((entry.turn, false, growing.plain()))
            }
            _ => None,
        })
    }

    /// What the agent has said in a turn that is among the last.
    pub fn answer(&self, turn: i64) -> String {
        let texts = self.entries.iter().rev().take_while(|entry| entry.turn >= turn);
        let mut texts: Vec<String> = texts
            .filter_map(|entry| match &entry.body {
                Body::Growing(text) if entry.turn == turn && !text.thinking => Some(text.plain()),
                _ => None,
            })
            .collect();
        texts.reverse();
        texts.join("\n\n")
    }

    fn shown(&self) -> &[Entry] {
        self.entries.get(..self.shown).unwrap_or_default()
    }

    fn add(&mut self, entry: Entry) {
        self.entries.push(entry);
        self.show();
    }

    /// Shows what no held entry holds back any more.
    fn show(&mut self) {
        while self.entries.get(self.shown).is_some_and(|entry| !entry.held) {
            self.shown += 1;
        }
    }

    fn take_seq(&mut self) -> i64 {
        let seq = self.next_seq;
        self.next_seq += 1;
        seq
    }

    fn is_open(&self, turn: i64, thinking: bool) -> bool {
        matches!(
            self.entries.last(),
            Some(Entry { turn: t, body: Body::Growing(growing), .. })
                if *t == turn && growing.open && growing.thinking == thinking
        )
    }

    fn continues(&self, turn: i64, thinking: bool) -> bool {
        self.is_open(turn, thinking)
            && matches!(
                self.entries.last(),
                Some(Entry { body: Body::Growing(growing), .. })
                    if growing.escaped().len() < MAX_TEXT_BYTES
            )
    }

    fn open_block(&mut self, turn: i64, thinking: bool) {
        self.close_block();
        let block = self
            .entries
            .iter()
            .rev()
            // Questions of later turns may stand between.
            .take_while(|entry| entry.turn >= turn)
            .find_map(|entry| match &entry.body {
                Body::Growing(growing) if entry.turn == turn => Some(growing.block + 1),
                _ => None,
            })
            .unwrap_or(0);
        self.add(Entry {
            turn,
            first_seq: self.next_seq,
            last_seq: self.next_seq,
            body: Body::Growing(Growing::new(thinking, block)),
            held: false,
            dirty: true,
        });
    }
}

impl Entry {
    fn row(&self) -> Option<EntryRow> {
        let (kind, payload) = match &self.body {
            Body::Fixed(content) => (content.kind(), content.payload().ok()?),
            Body::Growing(growing) => {
                let kind = if growing.thinking { "thinking" } else { "text" };
                let block = TextBlock { block: growing.block, content: growing.plain() };
                (kind, serde_json::to_string(&block).ok()?)
            }
        };
        Some(EntryRow {
            turn: self.turn,
            first_seq: self.first_seq,
            last_seq: self.last_seq,
            kind: kind.to_owned(),
            payload,
        })
    }
}
