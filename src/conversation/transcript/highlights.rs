//! Colours of code, which come when its part of an answer has been shown: the part is sent again to the
//! viewers that have it.
//!
//! A log tells which parts have changed, in order, and a cursor how far a viewer has got in it. What
//! the log has is sent before anything of the history that is newer. So a viewer that has seen
//! a number has every change that was logged when that number had not yet been given out, and one that
//! comes back is sent those that were logged later.

use std::sync::Arc;

use bytestring::ByteString;

use crate::{ids::Seq, markdown::code::CodeBlock};

use super::{Cursor, Transcript};

/// Code that has no colours yet.
#[derive(Debug, Clone)]
pub struct PendingHighlight {
    /// The entry with which its answer begins.
    pub first: usize,
    /// The code.
    pub fence: Arc<CodeBlock>,
}

/// A part of an answer that has got its colours.
#[derive(Debug)]
pub(super) struct Highlighted {
    /// The entry with which the answer begins.
    pub first: usize,
    /// The rendering that the part belongs to.
    epoch: u32,
    part: usize,
    /// The newest number that had been given out.
    at: Seq,
}

impl Transcript {
    /// The code whose colours have come to be wanted since the last call: whoever has them hands them to
    /// [`colour`](Self::colour).
    pub fn take_uncoloured(&mut self) -> Vec<PendingHighlight> {
        std::mem::take(&mut self.uncoloured)
    }

    /// Takes the colours of code as HTML that is safe to show; `None` where it stays plain. It may come at
    /// any time: what there is no such code for changes nothing.
    pub fn colour(&mut self, code: PendingHighlight, html: Option<Arc<str>>) {
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

    /// Where an answer begins that a viewer must be sent anew, which has not been sent the changes from
    /// `colours` on: the rendering that one of them belongs to is gone.
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

    /// The parts that have changed, of those that the viewer has; about `max_bytes`.
    pub(super) fn recoloured(&self, cursor: &mut Cursor, max_bytes: usize) -> Vec<ByteString> {
        let mut frames = Vec::new();
        let mut bytes = 0;
        // A number counts as seen with the last of the parts that belong together.
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
