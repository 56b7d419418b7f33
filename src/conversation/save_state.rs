//! How far a conversation is stored.

use std::time::Duration;

use crate::wire::server_frame::{Notice, Status};

use super::{Conversation, inbox::PendingQuestion};

/// The disk may take this long before people who wait for it are told.
const SLOW_DISK: Duration = Duration::from_secs(1);

impl Conversation {
    /// Tells whoever waits for it that the disk is slow, once in a while.
    pub(crate) fn tell_of_slow_disk(&mut self) {
        let oldest_held = self.unconfirmed_ends.iter().map(|(_, since)| *since);
        let oldest_asked = self.pending_questions.iter().map(PendingQuestion::since);
        let waits = oldest_held.chain(oldest_asked).any(|since| since.elapsed() > SLOW_DISK);
        if !std::mem::replace(&mut self.disk_is_slow, waits) && waits {
            let status = Notice::Status(Status {
                state: self.turns.state(),
                detail: "The disk is slow: what was said is being stored and is shown as soon as \
                         that is done…"
                    .to_owned(),
                queue_position: None,
            });
            self.notify(&status);
            self.deliver();
        }
    }
}
