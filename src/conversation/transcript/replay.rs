//! Replay of the history to a viewer: where it comes in, and the pages that bring it to the end.

use std::ops::ControlFlow;

use bytestring::ByteString;

use crate::{
    ids::{Seq, TurnNumber},
    wire::{
        Dialect,
        encode::{self, TextPiece},
    },
};

use super::{
    Entry, EntryBody, TextKind, Transcript, html_answer::HtmlCursor, streaming_text::StreamingText,
};

/// A viewer's position in the history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cursor {
    /// The next entry to send, or the one that was sent in part.
    pub(super) entry: usize,
    /// Bytes of that entry's text that were sent.
    offset: usize,
    /// The revision of the text that they were sent from.
    revision: u32,
    /// The viewer may hold an older state of the entry, so its text is sent whole and replaces it.
    rewrites: bool,
    /// Its position in the HTML answer that it was shown last.
    pub(super) drawn: Option<HtmlCursor>,
    /// Its position in the log of highlighted parts.
    pub(super) colours: usize,
    /// The newest number that it was sent as HTML.
    pub(super) seen: Seq,
}

/// Where a viewer comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResumePoint {
    /// The position.
    pub cursor: Cursor,
    /// The viewer drops what it has beyond this number.
    pub after: Seq,
    /// Whether the viewer's own number could be used.
    pub resumed: bool,
}

/// A page of the history for one viewer.
#[derive(Debug, Clone)]
pub struct HistoryPage {
    /// In order.
    pub frames: Vec<ByteString>,
    /// The viewer's position after the page.
    pub next: Cursor,
    /// The number of the last thing in it; `None` if it has nothing.
    pub seq: Option<Seq>,
    /// Whether there is more to send already.
    pub more: bool,
}

impl Transcript {
    /// Where a viewer comes in that saw everything up to `after`, or nothing.
    pub fn resume_point(&self, after: Option<Seq>, dialect: Dialect) -> ResumePoint {
        let mut entrance = self.entrance(after, dialect);
        if dialect.is_html() {
            let colours = self.colours_up_to(entrance.after);
            entrance.cursor.colours = colours;
            let faded =
                self.faded(colours).and_then(|first| Some((first, self.entries.get(first)?)));
            if let Some((first, entry)) = faded.filter(|(_, it)| it.first_seq <= entrance.after) {
                let cursor = Cursor { colours: self.colours_up_to(Seq::ZERO), ..Cursor::at(first) };
                entrance = ResumePoint { cursor, after: entry.first_seq - 1, resumed: true };
            }
            entrance.cursor.seen = entrance.after;
        }
        entrance
    }

    fn entrance(&self, after: Option<Seq>, dialect: Dialect) -> ResumePoint {
        let beginning = ResumePoint { cursor: Cursor::at(0), after: Seq::ZERO, resumed: false };
        let Some(after) = after.filter(|after| (Seq::ZERO..self.numbers.next).contains(after))
        else {
            return beginning;
        };
        let index = self.entries.partition_point(|entry| entry.last_seq <= after);
        let inside = self.entries.get(index).is_some_and(|entry| entry.first_seq <= after);
        if inside {
            let cursor = Cursor { rewrites: true, ..Cursor::at(index) };
            return ResumePoint { cursor, after, resumed: true };
        }
        let Some(previous) = index.checked_sub(1).and_then(|i| self.entries.get(i)) else {
            return ResumePoint { resumed: after == Seq::ZERO, ..beginning };
        };
        let answer = self.answer_before(index).filter(|_| dialect.is_html());
        let answer = answer.and_then(|first| Some((first, self.entries.get(first)?.first_seq - 1)));
        // A question in the middle of an answer is sent before the answer's text so far, which
        // waits for what follows and may be lost.
        let is_between = self.is_question(index - 1);
        if previous.last_seq == after && !(is_between && answer.is_some()) {
            let newest = index == self.entries.len();
            let cursor = if newest { self.end() } else { Cursor::at(index) };
            return ResumePoint { cursor, after, resumed: true };
        }
        // What the number stood for was lost: the viewer holds more than there is. It drops the
        // last text and gets it again as far as it is known.
        let (index, after) = answer.unwrap_or(match previous.block() {
            Some(_) => (index - 1, previous.first_seq - 1),
            None => (index, previous.last_seq),
        });
        ResumePoint { cursor: Cursor::at(index), after, resumed: true }
    }

    /// The position behind everything; what is held back is still to come.
    pub fn end(&self) -> Cursor {
        let is_held_back = self.shown < self.entries.len();
        let mut cursor = Cursor::at(self.shown);
        if let Some(Entry { body: EntryBody::Text(growing), .. }) = self.entries.last()
            && growing.open
            && !is_held_back
        {
            cursor = Cursor {
                offset: growing.escaped().len(),
                revision: growing.block.revision,
                ..Cursor::at(self.entries.len() - 1)
            };
        }
        cursor
    }

    /// The position behind everything that began up to `seq`, for a viewer that cannot replace what
    /// it has.
    pub(crate) fn behind(&self, seq: Seq) -> Cursor {
        let index = self.entries.partition_point(|entry| entry.first_seq <= seq);
        if index == self.entries.len() { self.end() } else { Cursor::at(index) }
    }

    /// The beginning of a turn's answer. Its question may stand long before, in the middle of an
    /// earlier answer.
    pub(crate) fn start_of(&self, turn: TurnNumber) -> Cursor {
        let is_answer =
            |(index, entry): (usize, &Entry)| entry.turn == turn && !self.is_question(index);
        let index = self.entries.iter().enumerate().position(is_answer);
        index.map_or_else(|| self.end(), Cursor::at)
    }

    /// Whether there is something to send to a viewer at `cursor`.
    pub fn has_news(&self, cursor: &Cursor, dialect: Dialect) -> bool {
        if dialect.is_html() {
            if self.has_colours(cursor) {
                return true;
            }
            if let Some(has_html) = self.has_html(cursor, dialect) {
                return has_html;
            }
        }
        match self.entries.get(cursor.entry) {
            None => false,
            Some(entry) if entry.held => false,
            Some(Entry { body: EntryBody::Text(growing), .. }) => {
                cursor.revision != growing.block.revision
                    || cursor.offset < growing.escaped().len()
                    || self.entries.get(cursor.entry + 1).is_some_and(|next| !next.held)
            }
            Some(_) => true,
        }
    }

    /// The page after `cursor`, about `max_bytes`; a single larger piece is sent whole. It ends
    /// where something is [`missing`](Self::missing).
    pub fn page(&mut self, cursor: Cursor, dialect: Dialect, max_bytes: usize) -> HistoryPage {
        let mut page = PageBuilder { cursor, frames: Vec::new(), bytes: 0, seq: None, max_bytes };
        if dialect.is_html() {
            let highlighted = self.recoloured(&mut page.cursor, max_bytes);
            page.extend(highlighted);
        }
        while page.bytes < max_bytes && self.add_next(&mut page, dialect).is_continue() {}
        let PageBuilder { mut cursor, frames, seq, .. } = page;
        if dialect.is_html() {
            cursor.seen = seq.unwrap_or(cursor.seen);
        }
        HistoryPage { frames, next: cursor, seq, more: self.has_news(&cursor, dialect) }
    }

    /// Adds what is at the cursor to a page, and moves the cursor past it.
    fn add_next(&mut self, page: &mut PageBuilder, dialect: Dialect) -> ControlFlow<()> {
        let is_held = self.entries.get(page.cursor.entry).is_none_or(|entry| entry.held);
        if is_held || self.missing(&page.cursor, dialect).is_some() {
            return ControlFlow::Break(());
        }
        if dialect.is_html() {
            let left = page.max_bytes - page.bytes;
            if let Some(piece) = self.html(page.cursor, dialect, left) {
                page.seq = piece.seq.or(page.seq);
                page.cursor = piece.next;
                page.extend(piece.frames);
                return if piece.passed {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                };
            }
            if let Some(redrawn) = self.redrawn(page.cursor.entry) {
                page.seq = self.entries.get(page.cursor.entry).map(|entry| entry.last_seq);
                page.cursor = Cursor { drawn: None, ..page.cursor.next() };
                page.extend(redrawn);
                return ControlFlow::Continue(());
            }
        }
        self.add_entry(page, dialect)
    }

    fn add_entry(&self, page: &mut PageBuilder, dialect: Dialect) -> ControlFlow<()> {
        let Some(entry) = self.entries.get(page.cursor.entry) else {
            return ControlFlow::Break(());
        };
        match &entry.body {
            EntryBody::Fixed(content) => {
                page.cursor = page.cursor.next();
                page.seq = Some(entry.last_seq);
                page.extend(encode::fixed(content, entry.turn, entry.last_seq, dialect));
            }
            EntryBody::Text(text) => {
                let left = page.max_bytes - page.bytes;
                let (frame, seq) = entry.piece(text, &mut page.cursor, left, dialect);
                page.seq = Some(seq);
                page.extend(frame);
                let may_grow = text.open && page.cursor.entry + 1 == self.entries.len();
                if page.cursor.offset < text.escaped().len() || may_grow {
                    return ControlFlow::Break(());
                }
                page.cursor = page.cursor.next();
            }
            EntryBody::Evicted(_) => return ControlFlow::Break(()),
        }
        ControlFlow::Continue(())
    }
}

/// A page that is being put together.
struct PageBuilder {
    cursor: Cursor,
    frames: Vec<ByteString>,
    /// Bytes of the frames.
    bytes: usize,
    seq: Option<Seq>,
    max_bytes: usize,
}

impl PageBuilder {
    fn extend(&mut self, frames: impl IntoIterator<Item = ByteString>) {
        for frame in frames {
            self.bytes += frame.len();
            self.frames.push(frame);
        }
    }
}

impl Cursor {
    pub(super) fn at(entry: usize) -> Self {
        Self {
            entry,
            offset: 0,
            revision: 0,
            rewrites: false,
            drawn: None,
            colours: 0,
            seen: Seq::ZERO,
        }
    }

    /// The same with this position in the HTML answer.
    pub(super) fn showing(self, drawn: HtmlCursor) -> Self {
        Self { drawn: Some(drawn), ..self }
    }

    /// At the beginning of the same entry, whose HTML may still grow.
    pub(super) fn again(self) -> Self {
        let Self { entry, drawn, colours, seen, .. } = self;
        Self { drawn, colours, seen, ..Self::at(entry) }
    }

    /// At the next entry.
    pub(super) fn next(self) -> Self {
        Self { entry: self.entry + 1, ..self.again() }
    }
}

impl Entry {
    /// The next piece of a text, and moves the cursor past it.
    fn piece(
        &self,
        growing: &StreamingText,
        cursor: &mut Cursor,
        max_bytes: usize,
        dialect: Dialect,
    ) -> (Option<ByteString>, Seq) {
        let outdated = cursor.offset > 0 && cursor.revision != growing.block.revision;
        let replace = outdated || (cursor.rewrites && cursor.offset == 0);
        let from = if outdated { 0 } else { cursor.offset };
        let (to, seq) = growing.cut(from, max_bytes, self.last_seq);
        *cursor =
            Cursor { offset: to, revision: growing.block.revision, rewrites: false, ..*cursor };
        let escaped = growing.escaped().get(from..to).unwrap_or_default();
        if escaped.is_empty() && !replace {
            return (None, seq);
        }
        let piece = TextPiece {
            thinking: growing.block.kind == TextKind::Thinking,
            turn: self.turn,
            block: growing.block.number,
            seq,
            escaped,
            replace,
        };
        (encode::text(piece, dialect), seq)
    }
}
