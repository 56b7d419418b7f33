//! Withdrawal of text: the stream of a message was cut and its request is repeated. The withdrawn
//! entries stay in place and become empty, in memory and in the database. The last one, while it
//! grows, gets a new number; for others an entry of its own tells viewers.

use bytestring::ByteString;

use crate::{
    entry::{Content, Withdrawn},
    ids::TurnNumber,
    wire::Dialect,
};

use super::{Entry, EntryBody, PIECE_BYTES, TextKind, Transcript, streaming_text::StreamingText};

/// Texts and thoughts of the running turn, in order. A long one has several entries, and so has one
/// that another question interrupts.
#[derive(Debug, Default)]
pub(super) struct TurnTexts {
    turn: TurnNumber,
    /// The next text begins a new one.
    pub(crate) is_begun: bool,
    said: Vec<TurnText>,
}

#[derive(Debug)]
struct TurnText {
    kind: TextKind,
    entries: Vec<usize>,
}

impl TurnTexts {
    /// Continues the current text, or begins one of this kind.
    pub(super) fn continue_with(&mut self, turn: TurnNumber, kind: TextKind) {
        if self.turn != turn {
            *self = Self { turn, ..Self::default() };
        }
        let is_new = std::mem::take(&mut self.is_begun)
            || self.said.last().is_none_or(|last| last.kind != kind);
        if is_new {
            self.said.push(TurnText { kind, entries: Vec::new() });
        }
    }

    /// Adds an entry to the current text.
    pub(super) fn add(&mut self, entry: usize) {
        if let Some(last) = self.said.last_mut() {
            last.entries.push(entry);
        }
    }

    /// Takes the entries of the current text.
    fn take_open(&mut self, turn: TurnNumber) -> Option<Vec<usize>> {
        let last = self.said.last_mut().filter(|last| last.kind == TextKind::Answer)?;
        let is_open = self.turn == turn && !self.is_begun;
        is_open.then(|| std::mem::take(&mut last.entries))
    }
}

impl Transcript {
    /// Replaces the current text: what was streamed is not what was meant.
    pub(crate) fn replace(&mut self, turn: TurnNumber, text: &str) {
        let Some(entries) = self.pieces.take_open(turn) else {
            return self.append(turn, TextKind::Answer, text);
        };
        match *entries {
            [only] if only + 1 == self.entries.len() && self.is_open(turn, TextKind::Answer) => {
                let (first, rest) = text.split_at(text.floor_char_boundary(PIECE_BYTES));
                self.pieces.add(only);
                self.replace_last(first);
                self.append(turn, TextKind::Answer, rest);
            }
            _ => {
                self.empty(&entries);
                self.append(turn, TextKind::Answer, text);
            }
        }
    }

    /// Withdraws texts and thoughts of the running turn, counted from 0.
    pub(crate) fn withdraw(&mut self, turn: TurnNumber, pieces: &[usize]) {
        if self.pieces.turn != turn {
            return;
        }
        let mut entries = Vec::new();
        for at in pieces {
            if let Some(piece) = self.pieces.said.get_mut(*at) {
                entries.append(&mut piece.entries);
            }
        }
        self.empty(&entries);
    }

    /// Whether one of the last turns has said or done anything.
    pub(crate) fn has_answer(&self, turn: TurnNumber) -> bool {
        let entries = self.entries.iter().rev().take_while(|entry| entry.turn >= turn);
        entries.filter(|entry| entry.turn == turn).any(|entry| match &entry.body {
            EntryBody::Text(text) => {
                text.block.kind == TextKind::Answer && !text.escaped().is_empty()
            }
            EntryBody::Fixed(content) => {
                matches!(**content, Content::ToolCall(_) | Content::Question(_))
            }
            EntryBody::Evicted(stored) => {
                stored.block().is_none_or(|block| block.kind == TextKind::Answer)
            }
        })
    }

    fn replace_last(&mut self, text: &str) {
        let seq = self.numbers.take();
        if let Some(entry) = self.entries.last_mut()
            && let EntryBody::Text(growing) = &mut entry.body
        {
            growing.replace(text, seq);
            self.unsaved.add(growing.escaped().len());
            entry.last_seq = seq;
            entry.dirty = true;
        }
    }

    /// Empties entries of text.
    fn empty(&mut self, entries: &[usize]) {
        let mut gone = Vec::new();
        for at in entries {
            let is_last = at + 1 == self.entries.len();
            let Some(entry) = self.entries.get_mut(*at) else { continue };
            let Some(block) = entry.block() else { continue };
            match &mut entry.body {
                EntryBody::Text(growing) if is_last && growing.open => {
                    self.replace_last("");
                    continue;
                }
                EntryBody::Text(growing) if growing.escaped().is_empty() => continue,
                EntryBody::Text(growing) => growing.withdraw(),
                EntryBody::Evicted(_) => {
                    let mut growing =
                        StreamingText::new(block.kind, block.number).again(block.revision);
                    growing.withdraw();
                    entry.body = EntryBody::Text(Box::new(growing));
                }
                EntryBody::Fixed(_) => continue,
            }
            entry.dirty = true;
            let (turn, first) = (entry.turn, self.neighbours(*at).0);
            self.rendered.remove(&first);
            self.first_dirty = self.first_dirty.min(*at);
            gone.push((
                turn,
                Withdrawn { block: block.number, thinking: block.kind == TextKind::Thinking },
            ));
        }
        for (turn, withdrawn) in gone {
            self.push(turn, Content::Withdrawn(withdrawn));
        }
    }

    /// The first and last entry of the answer in which the entry at `index` withdraws something.
    pub(super) fn withdrawn_from(&self, index: usize) -> Option<(usize, usize)> {
        let entry = self.entries.get(index)?;
        let EntryBody::Fixed(content) = &entry.body else { return None };
        let Content::Withdrawn(Withdrawn { block, thinking: false }) = **content else {
            return None;
        };
        let is_it = |at: &usize| {
            self.entries.get(*at).is_some_and(|it| {
                let is_block = |it: &Entry| it.block().is_some_and(|it| it.number == block);
                it.turn == entry.turn && is_block(it) && self.is_answer(*at)
            })
        };
        let at = (0..index).rev().find(is_it)?;
        let (first, _) = self.neighbours(at);
        let mut last = at;
        while let Some(next) = (last + 1..index)
            .find(|next| self.is_answer(*next))
            .filter(|next| self.neighbours(*next).0 == first)
        {
            last = next;
        }
        Some((first, last))
    }

    /// The HTML answer in which the entry at `index` withdraws something, as it is now.
    pub(super) fn redrawn(&mut self, index: usize) -> Option<Vec<ByteString>> {
        let (first, last) = self.withdrawn_from(index)?;
        if self.needed(index, Dialect::Html).is_some() {
            return None;
        }
        self.render(first, last);
        let seq = self.entries.get(index)?.last_seq;
        Some(self.rendered.get(&first)?.all(self.place_of(first)?, seq))
    }
}
