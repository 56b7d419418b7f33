//! Answers as HTML, rendered once for all viewers. Neighbouring texts of a turn are one answer,
//! even if another question stands between them: they are rendered together, as parts of the first
//! one's block, and sent at the last one. Code is plain at first and highlighted once it is closed.
//! A highlighted part that is still open changes like any open part; a final one is sent again by
//! the log in [`highlights`](super::highlights).

use std::sync::Arc;

use bytestring::ByteString;

use crate::{
    citation::References,
    entry::Content,
    ids::{Seq, TurnNumber},
    markdown::code::CodeBlock,
    wire::Dialect,
};

use super::{
    Cursor, Entry, EntryBody, TextKind, Transcript,
    highlights::PendingHighlight,
    html_answer::{HtmlAnswer, SourcePosition},
    streaming_text::StreamingText,
};

/// A piece of an HTML answer.
pub(super) struct HtmlPiece {
    pub(crate) frames: Vec<ByteString>,
    /// The number that the viewer has seen then; `None` until it has everything.
    pub(crate) seq: Option<Seq>,
    pub(crate) next: Cursor,
    /// The viewer goes on with the next entry.
    pub(crate) passed: bool,
}

impl Transcript {
    /// Renders new text of the growing answer, if a viewer was shown it. Viewers see nothing of it
    /// before.
    pub(crate) fn refresh(&mut self) {
        let Some((first, last)) = self.growing_answer() else { return };
        self.render(first, last);
        self.rendered.entry(first).and_modify(HtmlAnswer::show_all);
    }

    /// As [`refresh`](Self::refresh), unless viewers would be sent too much again for what is new.
    /// Returns whether they get everything; the rest comes with later text, with the end of the
    /// answer, or with `refresh`.
    pub(crate) fn refresh_within_pace(&mut self) -> bool {
        let Some((first, last)) = self.growing_answer() else { return true };
        if !self.rendered.get(&first).is_none_or(|it| it.may_change(self.unrendered(it, last))) {
            return false;
        }
        self.render(first, last);
        !self.rendered.get(&first).is_some_and(HtmlAnswer::holds_back)
    }

    /// First and last entry of the growing answer, if a viewer was shown it.
    fn growing_answer(&mut self) -> Option<(usize, usize)> {
        let last = self.shown().len().checked_sub(1).filter(|last| self.is_answer(*last))?;
        let (first, _) = self.neighbours(last);
        if self.needed(last, Dialect::Html).is_some() {
            // The text was replaced. It is rendered anew once the missing entries are read.
            self.rendered.remove(&first);
        }
        self.rendered.contains_key(&first).then_some((first, last))
    }

    /// Bytes of an answer up to entry `last` that are not rendered, about.
    fn unrendered(&self, rendered: &HtmlAnswer, last: usize) -> usize {
        let SourcePosition { entry, offset, .. } = rendered.fed;
        let texts = (entry..=last).filter_map(|index| self.text_at(index));
        texts.map(|text| text.escaped().len()).sum::<usize>().saturating_sub(offset)
    }

    /// Bytes that the next [`refresh`](Self::refresh) renders again.
    pub(crate) fn open_bytes(&self) -> usize {
        let last = self.shown().len().saturating_sub(1);
        let (first, _) = self.neighbours(last);
        self.rendered.get(&first).map_or(0, |rendered| rendered.rendering.open_bytes())
    }

    /// The open code block at the end of the growing answer, as far as it is rendered.
    pub(crate) fn open_code(&self) -> Option<Arc<CodeBlock>> {
        let last = self.shown().len().checked_sub(1)?;
        let (first, _) = self.neighbours(last);
        self.rendered.get(&first)?.open_part.open_block.clone()
    }

    /// File references of the growing answer, as far as it is rendered.
    pub(crate) fn mentioned(&self) -> Option<(TurnNumber, &References)> {
        let last = self.entries.len().checked_sub(1)?;
        let (first, _) = self.neighbours(last);
        Some((self.entries.get(last)?.turn, &self.rendered.get(&first)?.mentioned))
    }

    /// The beginning of the answer that ends before `index`, of which a returning viewer may hold
    /// more than there is.
    pub(super) fn answer_before(&self, index: usize) -> Option<usize> {
        let last = (0..index).rev().find(|at| !self.is_question(*at))?;
        self.is_answer(last).then(|| self.neighbours(last).0)
    }

    /// The next piece of the HTML answer at the cursor, about `max_bytes`.
    pub(super) fn html(
        &mut self,
        cursor: Cursor,
        dialect: Dialect,
        max_bytes: usize,
    ) -> Option<HtmlPiece> {
        if !self.is_answer(cursor.entry) {
            return None;
        }
        let (first, is_last) = self.neighbours(cursor.entry);
        if !is_last {
            return Some(HtmlPiece {
                frames: Vec::new(),
                seq: None,
                next: cursor.next(),
                passed: true,
            });
        }
        let text = self.text_at(cursor.entry)?;
        let may_grow = text.open && cursor.entry + 1 == self.entries.len();
        // The beginning is shown at once; the next refresh shows what follows.
        let rendered = self.rendered.get(&first);
        let is_begun = rendered.is_some_and(|rendered| {
            rendered.fed.entry == cursor.entry && !rendered.rendering.is_behind()
        });
        if !may_grow || !is_begun {
            self.render(first, cursor.entry);
        }
        let place = self.place_of(first)?;
        let rendered = self.rendered.get(&first)?;
        let (frames, drawn) =
            rendered.frames((first, may_grow), cursor.drawn, place, dialect, max_bytes);
        let is_whole = rendered.is_drawn(first, Some(drawn));
        let passed = is_whole && !may_grow;
        let next = if passed { cursor.next() } else { cursor.again() };
        let next = next.showing(drawn);
        Some(HtmlPiece { frames, seq: is_whole.then_some(rendered.seq), next, passed })
    }

    /// Whether there is something to send of the answer at the cursor, or to pass it.
    pub(super) fn has_html(&self, cursor: &Cursor, dialect: Dialect) -> Option<bool> {
        let text = self.text_at(cursor.entry)?;
        let may_grow = text.open && cursor.entry + 1 == self.entries.len();
        let (first, is_last) = self.neighbours(cursor.entry);
        let rendered = self.rendered.get(&first);
        let is_shown = is_last
            && rendered.is_some_and(|rendered| {
                let is_begun = rendered.fed.entry == cursor.entry;
                let is_whole = rendered.fed == SourcePosition::all(cursor.entry, text);
                let drawn = cursor.drawn;
                match may_grow {
                    true => is_begun && rendered.is_drawn_for_now(first, drawn, dialect),
                    false => is_begun && is_whole && rendered.is_drawn(first, drawn),
                }
            });
        let is_followed = self.entries.get(cursor.entry + 1).is_some_and(|next| !next.held);
        Some(!is_shown || is_followed)
    }

    /// Renders the answer from entry `first` to the end of entry `last`.
    pub(super) fn render(&mut self, first: usize, last: usize) {
        let known = self.rendered.remove(&first);
        let mut rendered = match known {
            Some(known) if self.is_current(&known) => known,
            known => {
                self.renderings += 1;
                match known {
                    Some(known) => known.anew(first, self.renderings),
                    None => HtmlAnswer::new(first, self.renderings),
                }
            }
        };
        let before = rendered.fed;
        for index in before.entry..=last {
            if let Some(text) = self.text_at(index) {
                rendered.feed(index, text);
            }
        }
        let is_behind = rendered.rendering.is_behind();
        if rendered.fed != before || rendered.version == 0 || is_behind {
            rendered.render();
        }
        rendered.seq = self.entries.get(last).map_or(Seq::ZERO, |entry| entry.last_seq);
        self.uncoloured
            .extend(rendered.wanted.drain(..).map(|fence| PendingHighlight { first, fence }));
        self.rendered.insert(first, rendered);
    }

    /// Whether it was rendered from the current text.
    fn is_current(&self, rendered: &HtmlAnswer) -> bool {
        let block = self.entries.get(rendered.fed.entry).and_then(Entry::block);
        block.is_some_and(|block| block.revision == rendered.fed.revision)
    }

    /// The entry from which the answer at `first` is still to be rendered.
    pub(super) fn rendered_until(&self, first: usize) -> usize {
        let rendered = self.rendered.get(&first).filter(|rendered| self.is_current(rendered));
        rendered.map_or(first, |rendered| rendered.fed.entry)
    }

    /// Bytes of the HTML answer at `first`, about.
    pub(super) fn rendered_bytes(&self, first: usize) -> usize {
        self.rendered.get(&first).map_or(0, HtmlAnswer::bytes)
    }

    /// Drops HTML of evicted answers, unless a viewer at one of `cursors` is about to be sent some
    /// of it. HTML of more than `keep` bytes goes as soon as its answer is complete; later viewers
    /// have it rendered again.
    pub(super) fn evict_html(&mut self, cursors: &[(Cursor, Dialect)], keep: usize) {
        let html = cursors.iter().filter(|(_, dialect)| dialect.is_html());
        let html: Vec<_> = html.map(|(cursor, _)| cursor).collect();
        let recoloured = html.iter().map(|cursor| cursor.colours).min();
        let recoloured = recoloured.and_then(|from| self.coloured.get(from..)).unwrap_or_default();
        let tail = self.tail;
        let finished = self.finished_rendering();
        let large = finished.filter(|(_, it)| it.bytes() > keep).map(|(first, _)| first);
        self.rendered.retain(|first, rendered| {
            let end = rendered.end();
            let is_read = |cursor: &&Cursor| (*first..=end).contains(&cursor.entry);
            (end >= tail && large != Some(*first))
                || rendered.awaits_colours()
                || html.iter().any(is_read)
                || recoloured.iter().any(|coloured| coloured.first == *first)
        });
    }

    /// The newest rendering, where its answer does not grow any more, and the entry it begins with.
    pub(super) fn finished_rendering(&self) -> Option<(usize, &HtmlAnswer)> {
        let (first, rendered) = self.rendered.last_key_value()?;
        let (last, is_shown) =
            (self.entries.len().checked_sub(1)?, self.shown == self.entries.len());
        let may_grow = rendered.end() == last
            && matches!(&self.entries.get(last)?.body, EntryBody::Text(text) if text.open);
        (is_shown && !may_grow).then_some((*first, rendered))
    }

    /// The turn and the number of the block that begins at `first`.
    pub(super) fn place_of(&self, first: usize) -> Option<(TurnNumber, u32)> {
        let entry = self.entries.get(first)?;
        Some((entry.turn, entry.block()?.number))
    }

    /// Where the text begins that the one at `index` belongs to, and whether nothing follows of it.
    pub(super) fn neighbours(&self, index: usize) -> (usize, bool) {
        let Some(turn) = self.entries.get(index).map(|entry| entry.turn) else {
            return (index, true);
        };
        let first = self.answers.get(index).copied().unwrap_or(index);
        let next = (index + 1..self.shown().len()).find(|at| !self.is_between(*at, turn));
        (first, !next.is_some_and(|next| self.is_answer_of(next, turn)))
    }

    /// Where the answer begins that the next entry of this turn goes on with or stands behind.
    pub(super) fn answer_of(&self, turn: TurnNumber) -> usize {
        let end = self.entries.len();
        let before = (0..end).rev().find(|at| !self.is_between(*at, turn));
        let before = before.filter(|before| self.is_answer_of(*before, turn));
        before.and_then(|before| self.answers.get(before).copied()).unwrap_or(end)
    }

    /// Whether it is a question that stands in the middle of a turn of another.
    fn is_between(&self, index: usize, turn: TurnNumber) -> bool {
        self.is_question(index) && self.entries.get(index).is_some_and(|it| it.turn != turn)
    }

    fn is_answer_of(&self, index: usize, turn: TurnNumber) -> bool {
        self.is_answer(index) && self.entries.get(index).is_some_and(|it| it.turn == turn)
    }

    pub(super) fn is_question(&self, index: usize) -> bool {
        let content = self.entries.get(index).and_then(|entry| match &entry.body {
            EntryBody::Fixed(content) => Some(&**content),
            _ => None,
        });
        matches!(content, Some(Content::UserMessage(_)))
    }

    /// Whether the entry at `index` is text of an answer.
    pub(super) fn is_answer(&self, index: usize) -> bool {
        let block = self.entries.get(index).and_then(Entry::block);
        block.is_some_and(|block| block.kind == TextKind::Answer)
    }

    /// The answer's text at `index`, where there is one in memory.
    fn text_at(&self, index: usize) -> Option<&StreamingText> {
        match &self.entries.get(index)?.body {
            EntryBody::Text(text) if text.block.kind == TextKind::Answer => Some(text),
            _ => None,
        }
    }
}
