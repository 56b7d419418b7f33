//! One answer as viewers of HTML are shown it: its parts, which of them are final, and how far a viewer
//! has got in them.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use bytestring::ByteString;

use crate::{
    citation::References,
    ids::{Seq, TurnNumber},
    markdown::{AnswerPart, Renderer, code::CodeBlock},
    wire::{
        Dialect,
        encode::{self, HtmlPart},
    },
};

use super::{
    Cursor,
    html_changes::{Allowance, ByteBudget, HtmlChanges},
    streaming_text::StreamingText,
};

/// Bytes of a frame beside its HTML, about.
const FRAME: usize = 100;

/// Bytes of text that are rendered again, so that those who look see what has come.
const WORK: Allowance = Allowance { always: 1024 * 1024, per_byte: 128 };

/// What a viewer may be sent that gets what is new of the open part.
const NEW: Allowance = Allowance { always: 16 * 1024, per_byte: 5 };

/// What a viewer may be sent that gets the open part whole each time.
const WHOLE: Allowance = Allowance { always: 48 * 1024, per_byte: 4 };

/// Neighbouring texts, rendered as far as the viewers of HTML have been shown them.
#[derive(Debug)]
pub(super) struct HtmlAnswer {
    pub(super) rendering: Renderer,
    /// The final parts.
    finished: Vec<String>,
    /// The part after them.
    open: String,
    /// The same as it was rendered.
    pub(super) open_part: AnswerPart,
    /// The final parts with code whose colours have not come, by their places.
    uncoloured: Vec<(usize, AnswerPart)>,
    /// The colours of code in those parts; `None` where it stays plain.
    colours: HashMap<Arc<CodeBlock>, Option<Arc<str>>>,
    /// Code whose colours are on their way.
    asked: HashSet<Arc<CodeBlock>>,
    /// Code whose colours are to be asked for.
    pub(super) wanted: Vec<Arc<CodeBlock>>,
    /// Counts the times that the open part changed.
    pub(super) version: u32,
    changes: HtmlChanges,
    work: ByteBudget,
    pace: ByteBudget,
    /// The version that viewers are to have by now that get the open part whole each time.
    whole: u32,
    pace_of_whole: ByteBudget,
    /// Bytes of text that were taken in.
    taken: usize,
    /// Which of all renderings it is: another one when everything was rendered anew.
    pub(super) epoch: u32,
    pub(super) fed: SourcePosition,
    /// The number that a viewer has seen that has all of it.
    pub(super) seq: Seq,
    /// References to files in it, and those of them in final parts.
    pub(super) mentioned: References,
    mentioned_before: References,
}

/// How much of the text has been rendered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SourcePosition {
    pub(crate) entry: usize,
    pub(crate) offset: usize,
    pub(crate) revision: u32,
}

/// How far a viewer has got in a rendered text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct HtmlCursor {
    /// The entry with which the text begins.
    first: usize,
    epoch: u32,
    /// Final parts that it has.
    parts: usize,
    /// The version of the open part that it has; 0 is none.
    version: u32,
}

impl HtmlCursor {
    /// Whether the last part that it has is one that others belong together with.
    pub(super) fn is_incomplete(self) -> bool {
        self.parts > 0 && self.version == 0
    }
}

impl SourcePosition {
    pub(super) fn all(entry: usize, text: &StreamingText) -> Self {
        Self { entry, offset: text.escaped().len(), revision: text.block.revision }
    }
}

impl HtmlAnswer {
    /// A rendering of nothing, of the answer that begins at `first`.
    pub(super) fn new(first: usize, epoch: u32) -> Self {
        Self {
            rendering: Renderer::default(),
            finished: Vec::new(),
            open: String::new(),
            open_part: AnswerPart::default(),
            uncoloured: Vec::new(),
            colours: HashMap::new(),
            asked: HashSet::new(),
            wanted: Vec::new(),
            version: 0,
            changes: HtmlChanges::default(),
            work: ByteBudget::default(),
            pace: ByteBudget::default(),
            whole: 0,
            pace_of_whole: ByteBudget::default(),
            taken: 0,
            epoch,
            fed: SourcePosition { entry: first, offset: 0, revision: 0 },
            seq: Seq(0),
            mentioned: References::default(),
            mentioned_before: References::default(),
        }
    }

    /// The same of nothing, of a text that was replaced: some of its code may be the same.
    pub(super) fn anew(self, first: usize, epoch: u32) -> Self {
        let Self { colours, asked, wanted, .. } = self;
        Self { colours, asked, wanted, ..Self::new(first, epoch) }
    }

    /// Takes in what has come of the text of the entry `index`.
    pub(super) fn feed(&mut self, index: usize, text: &StreamingText) {
        let from = if index == self.fed.entry { self.fed.offset } else { 0 };
        let text_from = text.plain_from(from);
        self.taken += text_from.len();
        self.rendering.append(&text_from);
        self.fed = SourcePosition::all(index, text);
    }

    /// Whether it may be rendered and sent again for an answer that has so many more bytes by now.
    pub(super) fn may_change(&self, more: usize) -> bool {
        let taken = self.taken + more;
        self.pace.allows(taken, NEW) && self.work.allows(taken, WORK)
    }

    /// Has every viewer get what there is, however much it has been sent.
    pub(super) fn show_all(&mut self) {
        self.whole = self.version;
    }

    /// Whether some viewers are not to get yet what there is.
    pub(super) fn holds_back(&self) -> bool {
        self.whole != self.version
    }

    /// Whether colours are on their way.
    pub(super) fn awaits_colours(&self) -> bool {
        !self.asked.is_empty()
    }

    /// The last entry that it shows something of.
    pub(super) fn end(&self) -> usize {
        self.fed.entry
    }

    pub(super) fn bytes(&self) -> usize {
        let finished = self.finished.iter().map(|part| size_of::<String>() + part.capacity());
        size_of::<Self>() + self.open.capacity() + finished.sum::<usize>()
    }

    pub(super) fn render(&mut self) {
        self.work.spend(self.rendering.open_bytes());
        let crate::markdown::RenderStep { finished, open } = self.rendering.render();
        for part in &finished {
            self.mentioned_before.extend(part.references.clone());
        }
        self.mentioned = self.mentioned_before.clone();
        self.mentioned.extend(open.references.clone());
        let is_longer = !finished.is_empty();
        // A viewer may have the open part even while it is empty.
        let mut before = Some(std::mem::take(&mut self.open)).filter(|_| self.version > 0);
        for part in finished {
            self.want(&part);
            let html = self.coloured(&part);
            if let Some(open) = before.take() {
                self.changes.note(self.version + 1, self.finished.len(), &open, &html);
            }
            self.finished.push(html);
            if !self.is_coloured(&part) {
                self.uncoloured.push((self.finished.len() - 1, part));
            }
        }
        self.want(&open);
        let before = before.unwrap_or_default();
        let html = self.coloured(&open);
        if self.version == 0 || is_longer || html != before {
            self.changed(&before, &html, is_longer);
        }
        (self.open, self.open_part) = (html, open);
        self.forget();
    }

    /// Notes that there is another open part, or more of it.
    fn changed(&mut self, before: &str, html: &str, is_another: bool) {
        self.version += 1;
        let new = match is_another {
            true => html.len(),
            false => self.changes.note(self.version, self.finished.len(), before, html),
        };
        self.pace.spend(new + FRAME);
        // Whoever gets a final part gets the open one with it.
        if is_another || self.whole == 0 || self.pace_of_whole.allows(self.taken, WHOLE) {
            self.whole = self.version;
            self.pace_of_whole.spend(html.len() + FRAME);
        }
    }

    /// Takes the colours of code, `None` where it stays plain, and tells which parts have changed.
    pub(super) fn colour(&mut self, fence: Arc<CodeBlock>, html: Option<Arc<str>>) -> Vec<usize> {
        self.asked.remove(&fence);
        self.colours.insert(fence, html);
        let mut changed = Vec::new();
        for (index, part) in std::mem::take(&mut self.uncoloured) {
            // With all its code at once.
            if !self.is_coloured(&part) {
                self.uncoloured.push((index, part));
                continue;
            }
            let html = self.coloured(&part);
            let known = self.finished.get_mut(index).filter(|known| **known != html);
            if let Some(known) = known {
                self.changes.note(self.version, index, known, &html);
                *known = html;
                changed.push(index);
            }
        }
        let html = self.coloured(&self.open_part);
        if html != self.open {
            let before = std::mem::replace(&mut self.open, html.clone());
            self.changed(&before, &html, false);
            changed.push(self.finished.len());
        }
        self.forget();
        changed
    }

    fn want(&mut self, part: &AnswerPart) {
        for code in &part.code {
            let fence = &code.block;
            if !self.colours.contains_key(fence) && self.asked.insert(Arc::clone(fence)) {
                self.wanted.push(Arc::clone(fence));
            }
        }
    }

    fn is_coloured(&self, part: &AnswerPart) -> bool {
        part.code.iter().all(|code| self.colours.contains_key(&code.block))
    }

    /// A part with the colours that are known.
    fn coloured(&self, part: &AnswerPart) -> String {
        part.with_highlights(|fence| self.colours.get(fence)?.as_deref())
    }

    /// Drops the colours that are needed no more.
    fn forget(&mut self) {
        let parts = self.uncoloured.iter().map(|(_, part)| part).chain([&self.open_part]);
        let needed: HashSet<_> = parts.flat_map(|part| &part.code).map(|it| &it.block).collect();
        self.colours.retain(|fence, _| needed.contains(fence));
    }

    /// Whether a viewer at `cursor` has been sent this part of the text that begins at `first`.
    pub(super) fn has(&self, cursor: &Cursor, first: usize, part: usize) -> bool {
        let has_passed = self.fed.entry < cursor.entry;
        match cursor.drawn.filter(|drawn| drawn.first == first) {
            Some(drawn) => drawn.epoch == self.epoch && (part < drawn.parts || has_passed),
            None => has_passed,
        }
    }

    /// A part that is sent again, for a viewer that has seen `seq`.
    pub(super) fn again(
        &self,
        part: usize,
        place: (TurnNumber, u32),
        seq: Seq,
        more: bool,
    ) -> ByteString {
        self.frame(part, place, seq, more, 0)
    }

    /// A part, for a viewer that has its first `kept` bytes.
    fn frame(
        &self,
        part: usize,
        (turn, block): (TurnNumber, u32),
        seq: Seq,
        more: bool,
        kept: usize,
    ) -> ByteString {
        let whole = self.finished.get(part).unwrap_or(&self.open);
        let (kept, html) = whole.split_at_checked(kept).unwrap_or(("", whole));
        let parts = self.finished.len() + 1;
        encode::html(HtmlPart { turn, block, seq, part, parts, kept, html, more })
    }

    /// All parts, which belong together.
    pub(super) fn all(&self, place: (TurnNumber, u32), seq: Seq) -> Vec<ByteString> {
        let last = self.finished.len();
        (0..=last).map(|part| self.again(part, place, seq, part < last)).collect()
    }

    /// Whether a viewer that has got so far has everything.
    pub(super) fn is_drawn(&self, first: usize, drawn: Option<HtmlCursor>) -> bool {
        let (epoch, parts, version) = (self.epoch, self.finished.len(), self.version);
        drawn == Some(HtmlCursor { first, epoch, parts, version }) && !self.rendering.is_behind()
    }

    /// Whether a viewer that has got so far has what it is to have by now of a text that may grow.
    pub(super) fn is_drawn_for_now(
        &self,
        first: usize,
        drawn: Option<HtmlCursor>,
        dialect: Dialect,
    ) -> bool {
        let due = drawn.filter(|drawn| dialect == Dialect::Html && drawn.version >= self.whole);
        let due = due.filter(|drawn| drawn.version > 0);
        let version = self.version;
        self.is_drawn(first, due.map(|drawn| HtmlCursor { version, ..drawn }).or(drawn))
    }

    /// What a viewer is sent next, and how far it has got then.
    pub(super) fn frames(
        &self,
        (first, may_grow): (usize, bool),
        drawn: Option<HtmlCursor>,
        place: (TurnNumber, u32),
        dialect: Dialect,
        max_bytes: usize,
    ) -> (Vec<ByteString>, HtmlCursor) {
        let same = drawn.filter(|drawn| drawn.first == first && drawn.epoch == self.epoch);
        let none = HtmlCursor { first, epoch: self.epoch, parts: 0, version: 0 };
        let mut drawn = same.unwrap_or(none);
        let mut frames = Vec::new();
        let mut bytes = 0;
        while bytes < max_bytes {
            let is_drawn = match may_grow {
                true => self.is_drawn_for_now(first, Some(drawn), dialect),
                false => self.is_drawn(first, Some(drawn)),
            };
            let part = drawn.parts;
            let is_final = part < self.finished.len();
            if is_drawn || (!is_final && self.rendering.is_behind()) {
                break;
            }
            // Of a part that it does not have nothing is kept.
            let has_open = dialect == Dialect::HtmlChanges && drawn.version > 0;
            let kept = if has_open { self.changes.kept(part, drawn.version) } else { None };
            let frame = self.frame(part, place, self.seq, is_final, kept.unwrap_or(0));
            match is_final {
                true => drawn = HtmlCursor { parts: part + 1, version: 0, ..drawn },
                false => drawn.version = self.version,
            }
            bytes += frame.len();
            frames.push(frame);
        }
        (frames, drawn)
    }
}
