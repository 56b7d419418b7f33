//! History of a conversation: entries, their sequence numbers, and what a viewer at a cursor has
//! not seen. Pure code. The database holds the same entries as rows; old ones are in memory only
//! while a viewer reads them.

use crate::{
    citation::Citation,
    entry::{Content, EntryOutline, EntryRow, TextKind, UserMessage},
    ids::{Seq, TurnNumber},
};

use std::{
    collections::{BTreeMap, VecDeque},
    ops::Range,
};

pub(crate) use dialogue::{SpokenPart, Utterance};
use entry::{Entry, EntryBody};
pub(crate) use eviction::{MissingEntries, ReloadedEntries};
use highlights::Highlighted;
pub(crate) use highlights::PendingHighlight;
use html_answer::HtmlAnswer;
pub use replay::{Cursor, HistoryPage, ResumePoint};
use sequence::{SEQ_RANGE, SequenceAllocator};
use streaming_text::StreamingText;
use unsaved::UnsavedBytes;
use withdrawal::TurnTexts;

mod dialogue;
mod entry;
mod eviction;
mod highlights;
mod html;
mod html_answer;
mod html_changes;
mod replay;
mod sequence;
mod streaming_text;
#[cfg(test)]
mod tests;
mod unsaved;
mod withdrawal;

/// Bytes of a text entry after which the next one begins, so that writing a growing entry stays
/// cheap.
const MAX_TEXT_BYTES: usize = 64 * 1024;

/// Bytes of a text that are appended under one sequence number, at most.
const PIECE_BYTES: usize = 16 * 1024;

/// The history of one conversation.
#[derive(Debug)]
pub struct Transcript {
    entries: Vec<Entry>,
    /// For each entry, the index where its answer begins; its own index if it belongs to none.
    answers: Vec<usize>,
    numbers: SequenceAllocator,
    /// Entries before this index are unchanged since they were last handed to the database.
    first_dirty: usize,
    unsaved: UnsavedBytes,
    /// Number of entries before the first one that is held back.
    shown: usize,
    /// Code blocks whose highlights are to be requested.
    uncoloured: Vec<PendingHighlight>,
    /// Parts of answers whose highlights came later, in order.
    coloured: Vec<Highlighted>,
    /// Answers as HTML, by the index of their first entry.
    rendered: BTreeMap<usize, HtmlAnswer>,
    /// Numbers the HTML answers, so that each is unique.
    renderings: u32,
    /// Entries before this index are in memory only where they are in `recalled`.
    tail: usize,
    /// Ranges before the tail that were reloaded.
    recalled: VecDeque<Range<usize>>,
    /// The beginnings of evicted answers, the newest ones.
    excerpts: VecDeque<(usize, Utterance)>,
    /// The texts of the running turn, for when one is withdrawn.
    pieces: TurnTexts,
}

impl Transcript {
    /// An empty history with sequence numbers up to `reserved`.
    pub fn new(reserved: Seq) -> Self {
        Self {
            entries: Vec::new(),
            answers: Vec::new(),
            numbers: SequenceAllocator::new(Seq::FIRST, reserved),
            first_dirty: 0,
            unsaved: UnsavedBytes::default(),
            shown: 0,
            uncoloured: Vec::new(),
            coloured: Vec::new(),
            rendered: BTreeMap::new(),
            renderings: 0,
            tail: 0,
            recalled: VecDeque::new(),
            excerpts: VecDeque::new(),
            pieces: TurnTexts::default(),
        }
    }

    /// A history from rows of the database, and outlines where only those were read. `first` begins
    /// a newly reserved range, so that no number is used twice, not even one that was lost in a
    /// crash.
    pub fn restore(
        rows: &[EntryRow],
        outlines: &[EntryOutline],
        first: Seq,
    ) -> serde_json::Result<Self> {
        let mut transcript = Self::new(first + SEQ_RANGE - 1);
        let mut outlines = outlines.iter().peekable();
        for row in rows {
            while let Some(outline) = outlines.next_if(|it| it.first_seq < row.first_seq) {
                transcript.add_outline(outline);
            }
            transcript.add(Entry {
                turn: row.turn,
                first_seq: row.first_seq,
                last_seq: row.last_seq,
                body: EntryBody::read(row)?,
                held: false,
                dirty: false,
            });
        }
        outlines.for_each(|outline| transcript.add_outline(outline));
        transcript.first_dirty = transcript.entries.len();
        transcript.numbers.next = first;
        transcript.evict_before_outlines();
        Ok(transcript)
    }

    /// Adds an entry that does not grow and returns its number.
    pub fn push(&mut self, turn: TurnNumber, content: Content) -> Seq {
        let seq = self.push_held(turn, content);
        self.release(seq);
        seq
    }

    /// As [`push`](Self::push), but the entry is shown, with all that follows it, only after
    /// [`release`](Self::release).
    pub(crate) fn push_held(&mut self, turn: TurnNumber, content: Content) -> Seq {
        self.end_block();
        let seq = self.numbers.take();
        self.add(Entry {
            turn,
            first_seq: seq,
            last_seq: seq,
            body: EntryBody::Fixed(Box::new(content)),
            held: true,
            dirty: true,
        });
        seq
    }

    /// Shows the held entry with this number.
    pub(crate) fn release(&mut self, seq: Seq) {
        let index = self.entries.partition_point(|entry| entry.last_seq < seq);
        if let Some(entry) = self.entries.get_mut(index) {
            entry.held = false;
        }
        self.show();
    }

    /// Adds checked references to the end of a turn that lacks them.
    pub(crate) fn cite(
        &mut self,
        turn: TurnNumber,
        citations: Vec<Citation>,
        files_read: Vec<String>,
    ) {
        let end = self.entries.iter_mut().enumerate().rev().find_map(|(index, entry)| {
            let EntryBody::Fixed(content) = &mut entry.body else { return None };
            let details = content.end_details().filter(|_| entry.turn == turn)?;
            *details.citations = citations.clone();
            *details.files_read = files_read.clone();
            entry.dirty = true;
            Some(index)
        });
        self.first_dirty = self.first_dirty.min(end.unwrap_or(usize::MAX));
    }

    /// Closes the open block of text; the next [`append`](Self::append) opens a new one.
    pub(crate) fn close_block(&mut self) {
        self.end_block();
        self.pieces.is_begun = true;
    }

    fn end_block(&mut self) {
        if let Some(Entry { body: EntryBody::Text(growing), .. }) = self.entries.last_mut() {
            growing.close();
        }
    }

    /// Appends text to the open block of a turn, or opens one. A long text is split under several
    /// numbers, so that no entry, page or row becomes much larger than others.
    pub fn append(&mut self, turn: TurnNumber, kind: TextKind, text: &str) {
        let mut rest = text;
        while !rest.is_empty() {
            let (piece, behind) = rest.split_at(rest.floor_char_boundary(PIECE_BYTES));
            self.append_piece(turn, kind, piece);
            rest = behind;
        }
    }

    fn append_piece(&mut self, turn: TurnNumber, kind: TextKind, piece: &str) {
        self.pieces.continue_with(turn, kind);
        if !self.continues(turn, kind) {
            self.open_block(turn, kind);
        }
        let seq = self.numbers.take();
        if let Some(entry) = self.entries.last_mut()
            && let EntryBody::Text(growing) = &mut entry.body
        {
            let before = growing.escaped().len();
            growing.append(piece, seq);
            self.unsaved.add(growing.escaped().len() - before);
            entry.last_seq = seq;
            entry.dirty = true;
        }
    }

    /// The newest number that a viewer can have seen.
    pub fn last_seq(&self) -> Seq {
        self.shown().last().map_or(Seq::ZERO, |entry| entry.last_seq)
    }

    /// Whether a person has written anything.
    pub(crate) fn has_user_message(&self) -> bool {
        self.contents().any(|(_, content)| matches!(content, Content::UserMessage(_)))
    }

    /// Turn and number of the message with this client id.
    pub(crate) fn find_message(&self, id: &str) -> Option<(TurnNumber, Seq)> {
        self.entries.iter().rev().find_map(|entry| match &entry.body {
            EntryBody::Fixed(content) => match &**content {
                Content::UserMessage(message) if message.message_id.as_deref() == Some(id) => {
                    Some((entry.turn, entry.first_seq))
                }
                _ => None,
            },
            _ => None,
        })
    }

    /// The question of a turn.
    pub(crate) fn question(&self, turn: TurnNumber) -> Option<&UserMessage> {
        let of_turn = self.contents().filter(|(of, _)| *of == turn);
        of_turn.into_iter().find_map(|(_, content)| match content {
            Content::UserMessage(message) => Some(message),
            _ => None,
        })
    }

    pub(crate) fn has_ended(&self, turn: TurnNumber) -> bool {
        self.entries.iter().any(|entry| entry.turn == turn && entry.is_end())
    }

    /// Entries that do not grow, with their turns, as far as they are in memory; questions always
    /// are.
    pub(crate) fn contents(&self) -> impl Iterator<Item = (TurnNumber, &Content)> {
        self.entries.iter().filter_map(|entry| match &entry.body {
            EntryBody::Fixed(content) => Some((entry.turn, &**content)),
            _ => None,
        })
    }

    /// The answer of one of the last turns; of a very long one, what is in memory.
    pub(crate) fn answer(&self, turn: TurnNumber) -> String {
        let texts = self.entries.iter().rev().take_while(|entry| entry.turn >= turn);
        let mut texts: Vec<String> = texts
            .filter_map(|entry| match &entry.body {
                EntryBody::Text(text)
                    if entry.turn == turn && text.block.kind == TextKind::Answer =>
                {
                    Some(text.plain())
                }
                _ => None,
            })
            .filter(|text| !text.is_empty())
            .collect();
        texts.reverse();
        texts.join("\n\n")
    }

    fn shown(&self) -> &[Entry] {
        self.entries.get(..self.shown).unwrap_or_default()
    }

    fn add(&mut self, entry: Entry) {
        self.answers.push(self.answer_of(entry.turn));
        if entry.dirty {
            self.unsaved.add(entry.bytes());
        }
        self.entries.push(entry);
        self.show();
    }

    /// Shows everything before the first entry that is held back.
    fn show(&mut self) {
        while self.entries.get(self.shown).is_some_and(|entry| !entry.held) {
            self.shown += 1;
        }
    }

    fn is_open(&self, turn: TurnNumber, kind: TextKind) -> bool {
        matches!(
            self.entries.last(),
            Some(Entry { turn: t, body: EntryBody::Text(growing), .. })
                if *t == turn && growing.open && growing.block.kind == kind
        )
    }

    fn continues(&self, turn: TurnNumber, kind: TextKind) -> bool {
        self.is_open(turn, kind)
            && matches!(
                self.entries.last(),
                Some(Entry { body: EntryBody::Text(growing), .. })
                    if growing.escaped().len() < MAX_TEXT_BYTES
            )
    }

    /// The number of the next block of a turn.
    fn next_block(&self, turn: TurnNumber) -> u32 {
        // Questions of later turns may stand between.
        let of_turn = self.entries.iter().rev().take_while(|entry| entry.turn >= turn);
        let of_turn = of_turn.filter(|entry| entry.turn == turn);
        of_turn.into_iter().find_map(|entry| Some(entry.block()?.number + 1)).unwrap_or(0)
    }

    fn open_block(&mut self, turn: TurnNumber, kind: TextKind) {
        self.end_block();
        let block = self.next_block(turn);
        self.pieces.add(self.entries.len());
        self.add(Entry {
            turn,
            first_seq: self.numbers.next,
            last_seq: self.numbers.next,
            body: EntryBody::Text(Box::new(StreamingText::new(kind, block))),
            held: false,
            dirty: true,
        });
    }
}
