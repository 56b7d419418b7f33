//! Answer text for viewers that want HTML: its parts, rendered once for all of them.
//!
//! Neighbouring texts of a turn are one answer, though a question of somebody else may stand between
//! them: they are rendered together, as the parts of the first one's block, and shown where the last
//! one stands.
//!
//! Code is without its colours at first, and is wanted once it is closed. When its colours come, its part
//! takes them: the one that is open, like any change of it, and a final one by the log in
//! [`colours`](super::colours).

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use bytestring::ByteString;

use crate::{
    citation::Mentioned,
    entry::Content,
    render::{Part, Rendering, code::Fence},
    wire::render::{self, HtmlPart},
};

use super::{Body, Cursor, Entry, Transcript, colours::Uncoloured, growing::Growing};

/// Neighbouring texts, rendered as far as the viewers of HTML have been shown them.
#[derive(Debug)]
pub(super) struct Rendered {
    rendering: Rendering,
    /// The final parts, escaped as the inside of a JSON string.
    finished: Vec<String>,
    /// The part after them, escaped.
    open: String,
    /// The same as it was rendered.
    open_part: Part,
    /// The final parts with code whose colours have not come, by their places.
    uncoloured: Vec<(usize, Part)>,
    /// The colours of code in those parts; `None` where it stays plain.
    colours: HashMap<Arc<Fence>, Option<Arc<str>>>,
    /// Code whose colours are on their way.
    asked: HashSet<Arc<Fence>>,
    /// Code whose colours are to be asked for.
    wanted: Vec<Arc<Fence>>,
    /// Counts the times that the open part changed.
    version: u32,
    /// Counts the times that everything was rendered anew.
    pub(super) epoch: u32,
    fed: Fed,
    /// The number that a viewer has seen that has all of it.
    seq: i64,
    /// References to files in it, and those of them in final parts.
    mentioned: Mentioned,
    mentioned_before: Mentioned,
}

/// How much of the text has been rendered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fed {
    entry: usize,
    offset: usize,
    revision: u32,
}

/// How far a viewer has got in a rendered text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Drawn {
    /// The entry with which the text begins.
    first: usize,
    epoch: u32,
    /// Final parts that it has.
    parts: usize,
    /// The version of the open part that it has; 0 is none.
    version: u32,
}

/// What a viewer is sent of a rendered text.
pub(super) struct Piece {
    pub frames: Vec<ByteString>,
    /// The number that it has seen then; none while it has not got everything.
    pub seq: Option<i64>,
    pub next: Cursor,
    /// It goes on with the entry that follows.
    pub passed: bool,
}

impl Transcript {
    /// Renders what has come since the last time of the text that grows, where somebody has been
    /// shown it. Viewers see nothing of it before.
    pub fn refresh(&mut self) {
        let Some(last) = self.shown().len().checked_sub(1) else { return };
        if self.text_at(last).is_some() {
            let (first, _) = self.neighbours(last);
            if self.text_at(first).is_some_and(|text| text.rendered.is_some()) {
                self.render(first, last);
            }
        }
    }

    /// How many bytes the next [`refresh`](Self::refresh) renders again.
    pub fn open_bytes(&self) -> usize {
        let last = self.shown().len().saturating_sub(1);
        let (first, _) = self.neighbours(last);
        let rendered = self.text_at(first).and_then(|text| text.rendered.as_ref());
        rendered.map_or(0, |rendered| rendered.rendering.open_bytes())
    }

    /// The code that is not closed yet at the end of the text that grows, as far as it was rendered.
    pub fn open_code(&self) -> Option<Arc<Fence>> {
        let last = self.shown().len().checked_sub(1)?;
        let (first, _) = self.neighbours(last);
        let rendered = self.text_at(first)?.rendered.as_ref()?;
        rendered.open_part.open_code.clone()
    }

    /// References to files in the text that grows, as far as it was rendered.
    pub fn mentioned(&self) -> Option<(i64, &Mentioned)> {
        let last = self.entries.len().checked_sub(1)?;
        let (first, _) = self.neighbours(last);
        let rendered = self.text_at(first)?.rendered.as_ref()?;
        Some((self.entries.get(last)?.turn, &rendered.mentioned))
    }

    /// Where a viewer goes back to whose newest text is not ours: behind `index`, it may hold more
    /// of the answer that ends there.
    pub(super) fn answer_before(&self, index: usize) -> Option<usize> {
        let last = (0..index).rev().find(|at| !self.is_question(*at))?;
        self.text_at(last).map(|_| self.neighbours(last).0)
    }

    /// The next piece of the rendered text at the cursor, about `max_bytes`.
    pub(super) fn html(&mut self, cursor: Cursor, max_bytes: usize) -> Option<Piece> {
        let text = self.text_at(cursor.entry)?;
        let may_grow = text.open && cursor.entry + 1 == self.entries.len();
        let (first, is_last) = self.neighbours(cursor.entry);
        if !is_last {
            return Some(Piece {
                frames: Vec::new(),
                seq: None,
                next: cursor.next(),
                passed: true,
            });
        }
        // The first of it is shown at once, and what follows by the next refresh.
        let rendered = self.text_at(first)?.rendered.as_ref();
        let is_begun = rendered.is_some_and(|rendered| rendered.fed.entry == cursor.entry);
        if !may_grow || !is_begun {
            self.render(first, cursor.entry);
        }
        let turn = self.entries.get(first)?.turn;
        let text = self.text_at(first)?;
        let rendered = text.rendered.as_ref()?;
        let (frames, drawn) = rendered.frames(first, cursor.drawn, turn, text.block, max_bytes);
        let is_whole = rendered.is_drawn(first, Some(drawn));
        let passed = is_whole && !may_grow;
        let next = if passed { cursor.next() } else { cursor.again() };
        let next = next.showing(drawn);
        Some(Piece { frames, seq: is_whole.then_some(rendered.seq), next, passed })
    }

    /// Whether there is something to send of the text at the cursor, or to pass it.
    pub(super) fn has_html(&self, cursor: &Cursor) -> Option<bool> {
        let text = self.text_at(cursor.entry)?;
        let may_grow = text.open && cursor.entry + 1 == self.entries.len();
        let (first, is_last) = self.neighbours(cursor.entry);
        let rendered = self.text_at(first)?.rendered.as_ref();
        let is_shown = is_last
            && rendered.is_some_and(|rendered| {
                let is_begun = rendered.fed.entry == cursor.entry;
                let is_whole = rendered.fed == Fed::all(cursor.entry, text);
                rendered.is_drawn(first, cursor.drawn) && is_begun && (may_grow || is_whole)
            });
        let is_followed = self.entries.get(cursor.entry + 1).is_some_and(|next| !next.held);
        Some(!is_shown || is_followed)
    }

    /// Brings the text that begins with the entry `first` up to the end of the entry `last`.
    fn render(&mut self, first: usize, last: usize) {
        let Some(text) = self.text_at_mut(first) else { return };
        let mut rendered = text.rendered.take().unwrap_or_else(|| Box::new(Rendered::new(first)));
        let is_replaced = self
            .text_at(rendered.fed.entry)
            .is_none_or(|text| text.revision != rendered.fed.revision);
        if is_replaced {
            let Rendered { epoch, colours, asked, wanted, .. } = *rendered;
            *rendered = Rendered::new(first);
            *rendered = Rendered { epoch: epoch + 1, colours, asked, wanted, ..*rendered };
        }
        let before = rendered.fed;
        for index in before.entry..=last {
            let Some(text) = self.text_at(index) else { continue };
            let from = if index == before.entry { before.offset } else { 0 };
            rendered.rendering.append(&text.plain_from(from));
            rendered.fed = Fed::all(index, text);
        }
        if rendered.fed != before || rendered.version == 0 {
            rendered.render();
        }
        rendered.seq = self.entries.get(last).map_or(0, |entry| entry.last_seq);
        self.uncoloured.extend(rendered.wanted.drain(..).map(|fence| Uncoloured { first, fence }));
        if let Some(text) = self.text_at_mut(first) {
            text.rendered = Some(rendered);
        }
    }

    /// Where the text begins that the one at `index` belongs to, and whether nothing follows of it.
    fn neighbours(&self, index: usize) -> (usize, bool) {
        let Some(turn) = self.entries.get(index).map(|entry| entry.turn) else {
            return (index, true);
        };
        let is_between = |at: &usize| {
            self.is_question(*at) && self.entries.get(*at).is_some_and(|it| it.turn != turn)
        };
        let is_same = |at: usize| {
            self.text_at(at).is_some() && self.entries.get(at).is_some_and(|it| it.turn == turn)
        };
        let mut first = index;
        while let Some(before) = (0..first).rev().find(|at| !is_between(at))
            && is_same(before)
        {
            first = before;
        }
        let next = (index + 1..self.shown().len()).find(|at| !is_between(at));
        (first, !next.is_some_and(is_same))
    }

    pub(super) fn is_question(&self, index: usize) -> bool {
        let entry = self.entries.get(index);
        entry.is_some_and(|entry| matches!(entry.body, Body::Fixed(Content::UserMessage(_))))
    }

    /// The answer's text at `index`, where there is one.
    pub(super) fn text_at(&self, index: usize) -> Option<&Growing> {
        match self.entries.get(index) {
            Some(Entry { body: Body::Growing(text), .. }) if !text.thinking => Some(text),
            _ => None,
        }
    }

    pub(super) fn text_at_mut(&mut self, index: usize) -> Option<&mut Growing> {
        match self.entries.get_mut(index) {
            Some(Entry { body: Body::Growing(text), .. }) if !text.thinking => Some(text),
            _ => None,
        }
    }
}

impl Drawn {
    /// Whether the last part that it has is one that others belong together with.
    pub(super) fn is_incomplete(self) -> bool {
        self.parts > 0 && self.version == 0
    }
}

impl Fed {
    fn all(entry: usize, text: &Growing) -> Self {
        Self { entry, offset: text.escaped().len(), revision: text.revision }
    }
}

impl Rendered {
    fn new(first: usize) -> Self {
        Self {
            rendering: Rendering::default(),
            finished: Vec::new(),
            open: String::new(),
            open_part: Part::default(),
            uncoloured: Vec::new(),
            colours: HashMap::new(),
            asked: HashSet::new(),
            wanted: Vec::new(),
            version: 0,
            epoch: 0,
            fed: Fed { entry: first, offset: 0, revision: 0 },
            seq: 0,
            mentioned: Mentioned::default(),
            mentioned_before: Mentioned::default(),
        }
    }

    fn render(&mut self) {
        let crate::render::Rendered { finished, open } = self.rendering.render();
        for part in &finished {
            self.mentioned_before.extend(part.mentioned.clone());
        }
        self.mentioned = self.mentioned_before.clone();
        self.mentioned.extend(open.mentioned.clone());
        let is_longer = !finished.is_empty();
        for part in finished {
            self.want(&part);
            self.finished.push(self.coloured(&part));
            if !self.is_coloured(&part) {
                self.uncoloured.push((self.finished.len() - 1, part));
            }
        }
        self.want(&open);
        let html = self.coloured(&open);
        if self.version == 0 || is_longer || html != self.open {
            self.version += 1;
        }
        (self.open, self.open_part) = (html, open);
        self.forget();
    }

    /// Takes the colours of code, `None` where it stays plain, and tells which parts have changed.
    pub(super) fn colour(&mut self, fence: Arc<Fence>, html: Option<Arc<str>>) -> Vec<usize> {
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
                *known = html;
                changed.push(index);
            }
        }
        let html = self.coloured(&self.open_part);
        if html != self.open {
            self.open = html;
            self.version += 1;
            changed.push(self.finished.len());
        }
        self.forget();
        changed
    }

    fn want(&mut self, part: &Part) {
        for code in &part.code {
            let fence = &code.fence;
            if !self.colours.contains_key(fence) && self.asked.insert(Arc::clone(fence)) {
                self.wanted.push(Arc::clone(fence));
            }
        }
    }

    fn is_coloured(&self, part: &Part) -> bool {
        part.code.iter().all(|code| self.colours.contains_key(&code.fence))
    }

    /// A part with the colours that are known, escaped.
    fn coloured(&self, part: &Part) -> String {
        render::escaped(&part.coloured(|fence| self.colours.get(fence)?.as_deref()))
    }

    /// Drops the colours that are needed no more.
    fn forget(&mut self) {
        let parts = self.uncoloured.iter().map(|(_, part)| part).chain([&self.open_part]);
        let needed: HashSet<_> = parts.flat_map(|part| &part.code).map(|it| &it.fence).collect();
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
    pub(super) fn again(&self, part: usize, place: (i64, u32), seq: i64, more: bool) -> ByteString {
        let (turn, block) = place;
        let html = self.finished.get(part).unwrap_or(&self.open);
        let parts = self.finished.len() + 1;
        render::html(HtmlPart { turn, block, seq, part, parts, html, more })
    }

    /// Whether a viewer that has got so far has everything.
    fn is_drawn(&self, first: usize, drawn: Option<Drawn>) -> bool {
        let (epoch, parts, version) = (self.epoch, self.finished.len(), self.version);
        drawn == Some(Drawn { first, epoch, parts, version })
    }

    /// What a viewer is sent next, and how far it has got then.
    fn frames(
        &self,
        first: usize,
        drawn: Option<Drawn>,
        turn: i64,
        block: u32,
        max_bytes: usize,
    ) -> (Vec<ByteString>, Drawn) {
        let same = drawn.filter(|drawn| drawn.first == first && drawn.epoch == self.epoch);
        let none = Drawn { first, epoch: self.epoch, parts: 0, version: 0 };
        let mut drawn = same.unwrap_or(none);
        let mut frames = Vec::new();
        let mut bytes = 0;
        while bytes < max_bytes && !self.is_drawn(first, Some(drawn)) {
            let part = drawn.parts;
            let finished = self.finished.get(part);
            let frame = self.again(part, (turn, block), self.seq, finished.is_some());
            match finished {
                Some(_) => drawn = Drawn { parts: part + 1, version: 0, ..drawn },
                None => drawn.version = self.version,
            }
            bytes += frame.len();
            frames.push(frame);
        }
        (frames, drawn)
    }
}
