//! Writes to the database: one at a time per conversation, and what is shown only once it is stored.

use std::time::{Duration, Instant, SystemTime};

use crate::{
    conversation::save_state::SavePhase,
    database::{
        DatabaseError,
        messages::{ReserveSeq, WriteEntries},
    },
    ids::Seq,
    wire::server_frame::{ErrorNotice, Notice},
};

use super::live::LiveConversation;

/// Interval between writes of a text that grows.
const GROWTH_WRITTEN: Duration = Duration::from_millis(200);

/// Wait before a failed write is tried again.
const RETRY: Duration = Duration::from_secs(1);

impl LiveConversation<'_> {
    /// Writes what has changed with the next periodic write. All conversations write at the same
    /// moments, so that one commit takes the texts of all.
    pub(super) fn save_soon(&mut self) {
        self.save_within(until_next(GROWTH_WRITTEN));
    }

    fn save_within(&mut self, wait: Duration) {
        if self.state.save.phase.schedule() {
            self.run_later(wait, |live| {
                if live.state.save.phase.on_due() {
                    live.save();
                }
            });
        }
    }

    /// Writes what has changed. During a write, it waits for the next one.
    pub(super) fn save(&mut self) {
        let state = &mut *self.state;
        if state.save.phase.is_writing() {
            state.save.phase = SavePhase::WritingAgain;
            return;
        }
        let wait = state.save.retry_at.map(|at| at.saturating_duration_since(Instant::now()));
        if let Some(wait) = wait.filter(|wait| !wait.is_zero()) {
            return self.save_within(wait);
        }
        let entries = state.transcript.take_dirty();
        let first = entries.first().map(|entry| entry.first_seq);
        let last = entries.iter().map(|entry| entry.last_seq).max();
        let Some((first, last)) = first.zip(last) else { return };
        state.save.phase = SavePhase::Writing;
        let (project, conversation) = (self.env.project.name.clone(), state.id);
        let write = WriteEntries { project, conversation, entries };
        let written = self.env.resources.database.send(write);
        self.spawn(written, move |live, answer| {
            live.on_write_result((first, last), answer.unwrap_or(Err(DatabaseError::Stopped)));
        });
    }

    /// Handles the answer to a write of the entries from `first` to `last`.
    fn on_write_result(&mut self, (first, last): (Seq, Seq), answer: Result<(), DatabaseError>) {
        let state = &mut *self.state;
        let is_repeated = state.save.phase.on_write_result();
        match answer {
            Ok(()) => {
                state.save.retry_at = None;
                state.transcript.is_written();
            }
            Err(error) => {
                log::error!("cannot store conversation={} error={error}", state.id);
                state.transcript.mark_dirty_from(first);
                if state.save.retry_at.replace(Instant::now() + RETRY).is_none() {
                    state.audience.notify(&Notice::Error(ErrorNotice::retryable(format!(
                        "What is said now cannot be stored: {error}. The conversation goes on, and \
                         is stored as soon as that works again."
                    ))));
                }
            }
        }
        // After a failed write too: people must not wait for a broken disk.
        let waiting = state.save.unconfirmed_ends.len();
        state.release_ends(last);
        let has_ended = state.save.unconfirmed_ends.len() < waiting;
        state.deliver();
        state.evict_history(self.env.history_memory());
        state.open_gates(self.env.unsaved_limit());
        if has_ended {
            self.list_changed();
        }
        if is_repeated {
            self.save();
        } else if self.state.transcript.is_dirty() {
            self.save_soon();
        }
    }

    /// Reserves more sequence numbers when few are left.
    pub(super) fn reserve_numbers(&mut self) {
        let Some(up_to) = self.state.transcript.wants_range() else { return };
        let (project, conversation) = (self.env.project.name.clone(), self.state.id);
        let reserve = ReserveSeq { project, conversation, up_to };
        let reserved = self.env.resources.database.send(reserve);
        self.spawn(reserved, move |live, answer| {
            let state = &mut *live.state;
            if let Ok(Ok(())) = answer {
                state.transcript.reserve(up_to);
                return state.open_gates(live.env.unsaved_limit());
            }
            state.transcript.withdraw_request();
            if state.agent.is_held() {
                // A held agent says nothing that would lead to the next attempt.
                live.run_later(RETRY, |live| live.reserve_numbers());
            }
        });
    }
}

/// The time until the next multiple of `period` on the clock, the same moment for all sessions.
fn until_next(period: Duration) -> Duration {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let elapsed = now.as_millis() % period.as_millis().max(1);
    period.saturating_sub(Duration::from_millis(u64::try_from(elapsed).unwrap_or_default()))
}
