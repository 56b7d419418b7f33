//! How far a conversation is stored, and what waits for the database.

use std::time::{Duration, Instant};

use crate::{
    ids::Seq,
    wire::server_frame::{Notice, Status},
};

use super::Conversation;

/// Wait for the database before viewers are told that the disk is slow.
const SLOW_DISK: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(crate) struct SaveState {
    pub(crate) phase: SavePhase,
    /// When a write may be tried again; `Some` after one failed, which viewers know.
    pub(crate) retry_at: Option<Instant>,
    /// Ends of turns that are shown once they are stored, and since when they wait.
    pub(crate) unconfirmed_ends: Vec<(Seq, Instant)>,
    /// Viewers were told that the disk is slow.
    is_disk_slow: bool,
}

/// What becomes of changes that are not stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum SavePhase {
    /// Nothing is planned.
    #[default]
    Idle,
    /// A write begins in a moment.
    Due,
    /// A write is under way.
    Writing,
    /// A write is under way, and another one follows it at once.
    WritingAgain,
}

impl SavePhase {
    pub(crate) fn is_writing(self) -> bool {
        matches!(self, Self::Writing | Self::WritingAgain)
    }
}

impl Conversation {
    /// Whether the database has everything.
    pub(crate) fn is_saved(&self) -> bool {
        self.inbox.pending.is_empty()
            && !self.save.phase.is_writing()
            && !self.transcript.is_dirty()
    }

    /// Shows the ends up to `last`.
    pub(crate) fn release_ends(&mut self, last: Seq) {
        let transcript = &mut self.transcript;
        self.save.unconfirmed_ends.retain(|(seq, _)| {
            let is_waiting = *seq > last;
            if !is_waiting {
                transcript.release(*seq);
            }
            is_waiting
        });
    }

    /// Tells viewers once when something waits long for the disk.
    pub(crate) fn show_slow_disk(&mut self) {
        let ends = self.save.unconfirmed_ends.iter().map(|(_, since)| *since);
        let questions = self.inbox.pending.iter().map(|question| question.since);
        let is_slow = ends.chain(questions).any(|since| since.elapsed() > SLOW_DISK);
        if !std::mem::replace(&mut self.save.is_disk_slow, is_slow) && is_slow {
            self.audience.notify(&Notice::Status(Status {
                state: self.turns.state(),
                detail: "The disk is slow: what was said is being stored and is shown as soon as \
                         that is done…"
                    .to_owned(),
                queue_position: None,
            }));
            self.deliver();
        }
    }
}
