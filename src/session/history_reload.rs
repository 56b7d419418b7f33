//! Old parts of a history: read from the database when a viewer reaches them, evicted afterwards.

use std::time::{Duration, Instant};

use actix::Context;

use crate::{
    conversation::transcript::{MissingEntries, ReloadedEntries},
    database::{DatabaseError, Reader},
    ids::ConversationId,
    wire::server_frame::{ErrorNotice, Notice},
};

use super::{Session, live::LiveConversation};

/// Wait before a failed read is tried again.
const RETRY: Duration = Duration::from_secs(1);

impl LiveConversation<'_> {
    /// Reads the entries that a viewer waits for, one piece at a time.
    pub(super) fn reload_history(&mut self) {
        let reload = &mut self.state.audience.history_reload;
        if reload.is_reading || reload.retry_at.is_some_and(|at| at > Instant::now()) {
            return;
        }
        let Some(missing) = reload.missing.take() else { return };
        reload.is_reading = true;
        let conversation = self.state.id;
        let (first, last) = missing.seqs;
        let reader = self.env.resources.reader.clone();
        let rows = move |reader: &Reader| reader.rows(conversation, first, last);
        let read = async move {
            reader.ask(move |reader| Ok(ReloadedEntries::read(&rows(reader)?))).await
        };
        self.spawn(read, move |live, entries| live.on_reloaded(missing, entries));
    }

    fn on_reloaded(
        &mut self,
        missing: MissingEntries,
        entries: Result<ReloadedEntries, DatabaseError>,
    ) {
        let state = &mut *self.state;
        state.audience.history_reload.is_reading = false;
        match entries {
            Ok(entries) => {
                state.audience.history_reload.retry_at = None;
                state.evict_history(self.env.history_memory());
                state.transcript.insert_reloaded(missing, entries);
            }
            Err(error) => {
                log::error!("cannot read history conversation={} error={error}", state.id);
                let retry_at = Instant::now() + RETRY;
                if state.audience.history_reload.retry_at.replace(retry_at).is_none() {
                    state.audience.notify(&Notice::Error(ErrorNotice::retryable(format!(
                        "What was said earlier cannot be read: {error}. It is shown as soon as that \
                         works again."
                    ))));
                }
            }
        }
        self.state.deliver();
        self.highlight_code();
        self.reload_history();
    }
}

impl Session {
    /// Evicts reloaded entries that no viewer needs, and retries reads that are due.
    pub(super) fn evict_histories(&mut self, context: &mut Context<Self>) {
        let keep = self.env.history_memory();
        let mut waiting: Vec<ConversationId> = Vec::new();
        for live in self.conversations.values_mut() {
            if live.transcript.has_reloaded() {
                live.evict_history(keep);
            }
            if live.audience.history_reload.missing.is_some() {
                waiting.push(live.id);
            }
        }
        for id in waiting {
            if let Some(mut live) = self.live(id, context) {
                live.reload_history();
            }
        }
    }
}
