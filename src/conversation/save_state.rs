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
    /// A write is under way, and the time of the next one has not come.
    WritingDue,
    /// A write is under way, and another one follows it at once.
    WritingAgain,
}

impl SavePhase {
    pub(crate) fn is_writing(self) -> bool {
        matches!(self, Self::Writing | Self::WritingDue | Self::WritingAgain)
    }

    /// Plans a write. Answers whether a timer for [`on_due`](Self::on_due) is to be set.
    pub(crate) fn schedule(&mut self) -> bool {
        let planned = match self {
            Self::Idle => Self::Due,
            Self::Writing => Self::WritingDue,
            Self::Due | Self::WritingDue | Self::WritingAgain => return false,
        };
        *self = planned;
        true
    }

    /// The time of a planned write has come. Answers whether it begins now.
    pub(crate) fn on_due(&mut self) -> bool {
        let (next, begins) = match self {
            Self::Due => (Self::Idle, true),
            Self::WritingDue => (Self::WritingAgain, false),
            Self::Idle | Self::Writing | Self::WritingAgain => return false,
        };
        *self = next;
        begins
    }

    /// A write has ended. Answers whether the next one follows at once.
    pub(crate) fn on_write_result(&mut self) -> bool {
        let before = std::mem::take(self);
        if before == Self::WritingDue {
            // Its timer is still set.
            *self = Self::Due;
        }
        before == Self::WritingAgain
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

#[cfg(test)]
mod tests {
    use super::SavePhase::{Due, Idle, Writing, WritingAgain, WritingDue};

    #[test]
    fn p4_what_comes_during_a_write_is_written_at_its_time_or_at_once_after_the_write() {
        for (before, planned, is_set) in [
            (Idle, Due, true),
            (Due, Due, false),
            (Writing, WritingDue, true),
            (WritingDue, WritingDue, false),
            (WritingAgain, WritingAgain, false),
        ] {
            let mut phase = before;
            assert_eq!((phase.schedule(), phase), (is_set, planned), "{before:?} is planned");
        }
        for (before, due, begins) in [
            (Due, Idle, true),
            (WritingDue, WritingAgain, false),
            (Idle, Idle, false),
            (Writing, Writing, false),
            (WritingAgain, WritingAgain, false),
        ] {
            let mut phase = before;
            assert_eq!((phase.on_due(), phase), (begins, due), "{before:?} is due");
        }
        for (before, ended, follows) in
            [(Writing, Idle, false), (WritingDue, Due, false), (WritingAgain, Idle, true)]
        {
            let mut phase = before;
            assert_eq!((phase.on_write_result(), phase), (follows, ended), "{before:?} has ended");
        }
    }
}
