//! Highlights of code, which come after its part of an answer was shown: the part is sent again. A
//! log lists the parts that have changed, in order; a cursor holds a viewer's position in it. The
//! log is sent before newer entries of the history. So a viewer that has seen a number has every
//! change that was logged before the number was given out, and one that comes back is sent the
//! later ones.

use std::sync::Arc;

use bytestring::ByteString;

use crate::{ids::Seq, markdown::code::CodeBlock};

use super::{Cursor, Transcript};

/// A code block that is to be highlighted.
#[derive(Debug, Clone)]
pub(crate) struct PendingHighlight {
    /// Index of the first entry of its answer.
    pub(crate) first: usize,
    pub(crate) fence: Arc<CodeBlock>,
}

/// A part of an answer that was highlighted after it was shown.
#[derive(Debug)]
pub(super) struct Highlighted {
    /// Index of the first entry of the answer.
    pub(crate) first: usize,
    /// The HTML answer that the part belongs to.
    epoch: u32,
    part: usize,
    /// The newest sequence number at that time.
    at: Seq,
}

impl Transcript {
    /// The code blocks that are to be highlighted since the last call, for
    /// [`colour`](Self::colour).
    pub(crate) fn take_uncoloured(&mut self) -> Vec<PendingHighlight> {
        std::mem::take(&mut self.uncoloured)
    }

    /// Takes a highlighted block as safe HTML; `None` leaves it plain. A block that is gone changes
    /// nothing.
    pub(crate) fn colour(&mut self, code: PendingHighlight, html: Option<Arc<str>>) {
        let PendingHighlight { first, fence } = code;
        let at = self.numbers.next - 1;
        let Some(rendered) = self.rendered.get_mut(&first) else { return };
        let (epoch, changed) = (rendered.epoch, rendered.colour(fence, html));
        let changed = changed.into_iter().map(|part| Highlighted { first, epoch, part, at });
        self.coloured.extend(changed);
    }

    /// How many of the changes a viewer has that saw everything up to `after`.
    pub(super) fn colours_up_to(&self, after: Seq) -> usize {
        match after {
            // It has nothing that could be sent again.
            Seq::ZERO => self.coloured.len(),
            _ => self.coloured.partition_point(|coloured| coloured.at < after),
        }
    }

    /// The first answer that a viewer must be sent anew from the change `colours` on, because the
    /// HTML answer of such a change is gone.
    pub(super) fn faded(&self, colours: usize) -> Option<usize> {
        let changes = self.coloured.get(colours..)?;
        let is_gone = |it: &Highlighted| {
            self.rendered.get(&it.first).is_none_or(|rendered| rendered.epoch != it.epoch)
        };
        changes.iter().any(is_gone).then(|| changes.iter().map(|it| it.first).min())?
    }

    /// Whether a viewer has not been sent all changes.
    pub(super) fn has_colours(&self, cursor: &Cursor) -> bool {
        cursor.colours < self.coloured.len()
    }

    /// Frames of changed parts that the viewer has, about `max_bytes`.
    pub(super) fn recoloured(&self, cursor: &mut Cursor, max_bytes: usize) -> Vec<ByteString> {
        let mut frames = Vec::new();
        let mut bytes = 0;
        // A number counts as seen with the last part that belongs to it.
        let more = cursor.drawn.is_some_and(|drawn| drawn.is_incomplete());
        while bytes < max_bytes
            && let Some(coloured) = self.coloured.get(cursor.colours)
        {
            if let Some(frame) = self.again(coloured, cursor, more) {
                bytes += frame.len();
                frames.push(frame);
            }
            cursor.colours += 1;
        }
        frames
    }

    fn again(&self, coloured: &Highlighted, cursor: &Cursor, more: bool) -> Option<ByteString> {
        let Highlighted { first, epoch, part, .. } = *coloured;
        let rendered = self.rendered.get(&first).filter(|rendered| rendered.epoch == epoch)?;
        let place = self.place_of(first)?;
        let is_had = rendered.has(cursor, first, part);
        is_had.then(|| rendered.again(part, place, cursor.seen, more))
    }
}
