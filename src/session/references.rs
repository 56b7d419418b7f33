//! References of answers to files. They are checked while an answer streams, for those who look
//! at it, and all of them once more when it ends, however it does: that is what is kept. Where the server
//! went before that, they are checked when the conversation is read again. Files are looked at off the
//! session's thread, and the agent is not read on until the end is told.

use std::{sync::Arc, time::Duration};

use actix::{ActorFutureExt as _, AsyncContext as _, Context, WrapFuture as _};
use tokio::{sync::oneshot, task::spawn_blocking, time::timeout};

use crate::{
    citation::{Citation, References, check},
    conversation::turn::TurnEvent,
    ids::ConversationId,
    markdown,
};

use super::Session;

/// An answer's end does not wait longer for a disk.
const PATIENCE: Duration = Duration::from_secs(2);

impl Session {
    /// Checks what an answer that streams refers to and nobody has looked at yet.
    pub(super) fn cite(&mut self, conversation: ConversationId, context: &mut Context<Self>) {
        let Some(live) = self.conversations.get_mut(&conversation) else { return };
        let Some(turn) = live.turns.running().filter(|_| !live.references.is_checking) else {
            return;
        };
        let Some((of, mentioned)) = live.transcript.mentioned() else { return };
        let new = mentioned.clone().without(&live.references.asked);
        let most = self.resources.settings.reading.references;
        if of != turn || new.is_empty() || live.references.known.len() >= most {
            return;
        }
        live.references.is_checking = true;
        live.references.asked.extend(new.clone());
        let read = live.references.reading.files().to_vec();
        let Some(check) = self.check(move || new, read) else { return };
        let checked = check.into_actor(self).map(move |citations, session, context| {
            let Some(live) = session.conversations.get_mut(&conversation) else { return };
            if live.turns.running() != Some(turn) {
                return;
            }
            live.references.is_checking = false;
            live.references.known.extend(citations);
            live.tell_citations(turn);
            live.deliver();
            session.cite(conversation, context);
        });
        context.spawn(checked);
    }

    /// Feeds an event to a conversation that ends its running turn, once the references of the answer
    /// are checked.
    pub(super) fn end_checked(
        &mut self,
        conversation: ConversationId,
        event: TurnEvent,
        context: &mut Context<Self>,
    ) {
        let Some(live) = self.conversations.get_mut(&conversation) else { return };
        let is_exit = matches!(event, TurnEvent::AgentExited(_));
        if live.references.is_finishing() && !is_exit {
            // It ends in a moment.
            return;
        }
        let running = live.turns.running();
        let answer = running.map(|turn| (turn, live.transcript.answer(turn)));
        let answer = answer.filter(|(_, answer)| !answer.is_empty());
        let read = live.references.reading.files().to_vec();
        let Some((turn, answer)) = answer else {
            return self.apply_event(conversation, event, context);
        };
        let Some(check) = self.check(move || markdown::references(&answer), read) else {
            return self.apply_event(conversation, event, context);
        };
        let Some(live) = self.conversations.get_mut(&conversation) else { return };
        let epoch = live.epoch;
        live.references.finishing = Some(oneshot::channel().0);
        let checked = check.into_actor(self).map(move |citations, session, context| {
            let Some(live) = session.conversations.get_mut(&conversation) else { return };
            if live.epoch != epoch {
                return;
            }
            let is_awaited = live.turns.running() == Some(turn) && live.references.is_finishing();
            if is_awaited {
                live.references.known = citations;
                live.references.is_whole = true;
            }
            // That the agent is gone must be known in any case.
            if is_awaited || is_exit {
                session.apply_event(conversation, event, context);
                session.store(conversation, context);
                session.answer_closers(context);
            }
        });
        context.spawn(checked);
    }

    /// Checks references where blocking is allowed. None where nothing may be read.
    fn check(
        &self,
        mentioned: impl FnOnce() -> References + Send + 'static,
        read: Vec<String>,
    ) -> Option<impl Future<Output = Vec<Citation>> + 'static> {
        let policy = Arc::clone(self.policy.as_ref()?);
        let settings = Arc::clone(&self.resources.settings);
        let root = self.project.dir.clone();
        let checked = spawn_blocking(move || {
            let mut mentioned = mentioned();
            mentioned.truncate(settings.reading.references);
            check::check(&policy, &root, &mentioned, &read, settings.reading.file_bytes)
        });
        Some(async move {
            match timeout(PATIENCE, checked).await {
                Ok(citations) => citations.unwrap_or_default(),
                Err(_) => {
                    log::warn!("files that an answer names could not be looked at in {PATIENCE:?}");
                    Vec::new()
                }
            }
        })
    }
}
