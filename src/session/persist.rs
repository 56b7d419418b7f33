//! The session and the database: what changed is written, one write per conversation at a time,
//! and what must be stored before it is seen is shown then.

use std::time::{Duration, Instant, SystemTime};

use actix::{
    ActorFutureExt as _, AsyncContext as _, Context, Handler, Message, WrapFuture as _,
    dev::ToEnvelope,
};

use crate::{
    database::{
        Database, DatabaseError,
        messages::{DeleteIfEmpty, ReserveSeq, WriteEntries},
    },
    entry::EntryRow,
    ids::{ConversationId, Seq},
    wire::server_frame::{ErrorNotice, Notice},
};

use super::Session;

/// A growing text is written at most this often.
const GROWTH_WRITTEN: Duration = Duration::from_millis(200);

/// A write that failed is tried again after this.
const RETRY: Duration = Duration::from_secs(1);

impl Session {
    /// Writes what has changed, soon: text that grows is written now and then, of all conversations at
    /// the same moments, so that one commit takes it all.
    pub(super) fn store_soon(&mut self, conversation: ConversationId, context: &mut Context<Self>) {
        self.store_within(conversation, until_the_next(GROWTH_WRITTEN), context);
    }

    fn store_within(
        &mut self,
        conversation: ConversationId,
        wait: Duration,
        context: &mut Context<Self>,
    ) {
        let Some(live) = self.conversations.get_mut(&conversation) else { return };
        if !std::mem::replace(&mut live.write_due, true) {
            context.run_later(wait, move |session, context| session.store(conversation, context));
        }
    }

    /// Writes what has changed. While a write is under way, what changes waits for the next.
    pub(super) fn store(&mut self, conversation: ConversationId, context: &mut Context<Self>) {
        let Some(live) = self.conversations.get_mut(&conversation) else { return };
        live.write_due = false;
        if live.writing {
            live.write_again = true;
            return;
        }
        let wait = live.retry_at.map(|at| at.saturating_duration_since(Instant::now()));
        if let Some(wait) = wait.filter(|wait| !wait.is_zero()) {
            return self.store_within(conversation, wait, context);
        }
        let entries = live.transcript.take_dirty();
        let (Some(first), Some(last)) = (
            entries.first().map(|entry: &EntryRow| entry.first_seq),
            entries.iter().map(|entry| entry.last_seq).max(),
        ) else {
            return;
        };
        live.writing = true;
        let write = self.resources.database.send(WriteEntries {
            project: self.project.name.clone(),
            conversation,
            entries,
        });
        let stored = write.into_actor(self).map(move |answer, session, context| {
            let answer = answer.unwrap_or(Err(DatabaseError::Stopped));
            session.on_write_result(conversation, first, last, answer, context);
        });
        context.spawn(stored);
    }

    fn on_write_result(
        &mut self,
        conversation: ConversationId,
        first: Seq,
        last: Seq,
        answer: Result<(), DatabaseError>,
        context: &mut Context<Self>,
    ) {
        let keep = self.resources.settings.limits.history_memory;
        let most = self.unsaved_share();
        let Some(live) = self.conversations.get_mut(&conversation) else { return };
        live.writing = false;
        let failed = answer.is_err();
        live.retry_at = failed.then(|| Instant::now() + RETRY);
        if let Err(error) = answer {
            log::error!("cannot store conversation={conversation} error={error}");
            live.transcript.mark_dirty_from(first);
            if !std::mem::replace(&mut live.store_failed, true) {
                live.notify(&Notice::Error(ErrorNotice {
                    content: format!(
                        "What is said now cannot be stored: {error}. The conversation goes on, and \
                         is stored as soon as that works again."
                    ),
                    retryable: Some(true),
                    message_id: None,
                }));
            }
        } else {
            live.store_failed = false;
            live.transcript.is_written();
        }
        // An end is shown once it is stored, or once it is clear that it cannot be for now: a
        // person must not wait for a broken disk.
        let held = std::mem::take(&mut live.unconfirmed_ends);
        for (seq, since) in held {
            if seq <= last {
                live.transcript.release(seq);
            } else {
                live.unconfirmed_ends.push((seq, since));
            }
        }
        let again = std::mem::take(&mut live.write_again);
        let more = live.transcript.is_dirty();
        live.deliver();
        live.evict_history(keep);
        live.open_gates(most);
        if again {
            self.store(conversation, context);
        } else if more {
            self.store_soon(conversation, context);
        }
        self.answer_closers(context);
    }

    /// What the agent of one conversation may have said that is not stored, in bytes.
    pub(super) fn unsaved_share(&self) -> usize {
        let settings = &self.resources.settings;
        settings.answer_limits.unsaved_share(settings.limits.agents)
    }

    /// Asks for more sequence numbers when it is time to.
    pub(super) fn reserve(&mut self, conversation: ConversationId, context: &mut Context<Self>) {
        let Some(live) = self.conversations.get_mut(&conversation) else { return };
        let Some(up_to) = live.transcript.wants_range() else { return };
        let reserved = self
            .resources
            .database
            .send(ReserveSeq { project: self.project.name.clone(), conversation, up_to })
            .into_actor(self)
            .map(move |answer, session, context| {
                let granted = matches!(answer, Ok(Ok(())));
                let most = session.unsaved_share();
                let live = session.conversations.get_mut(&conversation);
                let Some(live) = live else { return };
                live.transcript.reserve(up_to, granted);
                live.open_gates(most);
                if !granted && live.is_held() {
                    // An agent that waits says nothing that would lead to the next try.
                    context.run_later(RETRY, move |session, context| {
                        session.reserve(conversation, context);
                    });
                }
            });
        context.spawn(reserved);
    }

    /// Sends a write whose failure only the log needs to know.
    pub(super) fn write_in_background<M>(&mut self, write: M, context: &mut Context<Self>)
    where
        M: Message<Result = Result<(), DatabaseError>> + Send + std::fmt::Debug + 'static,
        Database: Handler<M>,
        <Database as actix::Actor>::Context: ToEnvelope<Database, M>,
    {
        let what = format!("{write:?}");
        let written =
            self.resources.database.send(write).into_actor(self).map(move |answer, _, _| {
                match answer {
                    Ok(Ok(())) => (),
                    Ok(Err(error)) => log::warn!("cannot write {what}: {error}"),
                    Err(error) => log::warn!("cannot write {what}: {error}"),
                }
            });
        context.spawn(written);
    }

    /// Lets a conversation go from memory, and from the database if nobody ever wrote in it.
    pub(super) fn unload(&mut self, conversation: ConversationId, context: &mut Context<Self>) {
        let Some(live) = self.conversations.remove(&conversation) else { return };
        if self.latest == Some(conversation) {
            self.latest = None;
        }
        if live.is_empty() {
            let deleted = self
                .resources
                .database
                .send(DeleteIfEmpty { project: self.project.name.clone(), conversation });
            context.spawn(deleted.into_actor(self).map(move |answer, _, _| {
                if let Ok(Err(error)) = answer {
                    log::warn!("cannot delete conversation={conversation} error={error}");
                }
            }));
        }
    }
}

/// The time until the next of the moments that come once in a `period` for all sessions.
fn until_the_next(period: Duration) -> Duration {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let gone = now.as_millis() % period.as_millis().max(1);
    period.saturating_sub(Duration::from_millis(u64::try_from(gone).unwrap_or_default()))
}
