//! Old parts of conversations: they leave memory once they are stored and nobody is about to see them, and
//! are read from the database when a viewer comes to them.

use std::time::{Duration, Instant};

use actix::{ActorFutureExt as _, AsyncContext as _, Context, WrapFuture as _};

use crate::{
    conversation::transcript::{MissingEntries, ReloadedEntries},
    database::{DatabaseError, Reader},
    ids::ConversationId,
    wire::server_frame::{ErrorNotice, Notice},
};

use super::Session;

/// A read that failed is tried again after this.
const RETRY: Duration = Duration::from_secs(1);

impl Session {
    /// Reads what a viewer of the conversation waits for, one piece at a time.
    pub(super) fn recall(&mut self, conversation: ConversationId, context: &mut Context<Self>) {
        let Some(live) = self.conversations.get_mut(&conversation) else { return };
        let waits = live.history_reload.retry_at.is_some_and(|at| at > Instant::now());
        if live.history_reload.is_reading || waits {
            return;
        }
        let Some(missing) = live.history_reload.missing.take() else { return };
        live.history_reload.is_reading = true;
        let reader = self.resources.reader.clone();
        let (first, last) = missing.seqs;
        let rows = move |reader: &Reader| reader.rows(conversation, first, last);
        let read = async move { reader.ask(move |it| Ok(ReloadedEntries::read(&rows(it)?))).await };
        context.spawn(read.into_actor(self).map(move |recalled, session, context| {
            session.recalled(conversation, missing, recalled, context);
        }));
    }

    fn recalled(
        &mut self,
        conversation: ConversationId,
        missing: MissingEntries,
        recalled: Result<ReloadedEntries, DatabaseError>,
        context: &mut Context<Self>,
    ) {
        let keep = self.resources.settings.limits.history_memory;
        let Some(live) = self.conversations.get_mut(&conversation) else { return };
        live.history_reload.is_reading = false;
        match recalled {
            Ok(recalled) => {
                live.history_reload.retry_at = None;
                live.history_reload.has_failed = false;
                live.evict_history(keep);
                live.transcript.insert_reloaded(missing, recalled);
            }
            Err(error) => {
                log::error!("cannot read history conversation={conversation} error={error}");
                live.history_reload.retry_at = Some(Instant::now() + RETRY);
                if !std::mem::replace(&mut live.history_reload.has_failed, true) {
                    live.notify(&Notice::Error(ErrorNotice {
                        content: format!(
                            "What was said earlier cannot be read: {error}. It is shown as soon as \
                             that works again."
                        ),
                        retryable: Some(true),
                        message_id: None,
                    }));
                }
            }
        }
        live.deliver();
        self.colour(conversation, context);
        self.recall(conversation, context);
    }

    /// Lets go of what is old, and reads what is waited for, where nothing else has led to it.
    pub(super) fn evict_histories(&mut self, context: &mut Context<Self>) {
        let keep = self.resources.settings.limits.history_memory;
        let mut waiting = Vec::new();
        for live in self.conversations.values_mut() {
            if live.transcript.has_reloaded() {
                live.evict_history(keep);
            }
            if live.history_reload.missing.is_some() {
                waiting.push(live.id);
            }
        }
        for conversation in waiting {
            self.recall(conversation, context);
        }
    }
}
