//! Who looks at a conversation, and what they wait for.

use std::time::Instant;

use super::{Conversation, transcript::MissingEntries};

/// What a conversation waits for that is in the database alone.
#[derive(Debug, Default)]
pub(crate) struct HistoryReload {
    /// What a viewer cannot be sent yet.
    pub(crate) missing: Option<MissingEntries>,
    pub(crate) is_reading: bool,
    /// When it may be tried again, after it failed.
    pub(crate) retry_at: Option<Instant>,
    /// It failed, and the viewers know.
    pub(crate) has_failed: bool,
}

impl Conversation {
    /// Lets go of old parts of the history, down to the newest `keep` bytes, as far as they are stored.
    pub(crate) fn evict_history(&mut self, keep: usize) {
        if !self.writing && self.transcript.exceeds(keep) {
            let cursors = self.cursors();
            self.transcript.evict(&cursors, keep);
        }
    }
}
