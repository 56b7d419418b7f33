//! The end of conversations and of the session: turns come to their end, agents go, everything is
//! stored, and only then whoever asked for it is told.

use actix::{
    ActorContext as _, ActorFutureExt as _, AsyncContext as _, Context, Handler, ResponseFuture,
    WrapFuture as _,
};
use tokio::sync::oneshot;

use crate::{
    database::messages::DeleteConversation,
    wire::{
        close_code,
        outgoing::{State, Status},
    },
};

use super::{
    Session,
    conversation::Conversation,
    messages::{Close, Then},
    turn::{Closing, Event},
};

/// RFC 6455: the endpoint is going away.
const GOING_AWAY: u16 = 1001;

/// Somebody who waits for an end.
#[derive(Debug)]
pub(super) struct Waiter {
    /// The conversation; `None` means the whole session.
    conversation: Option<i64>,
    delete: bool,
    /// What becomes of the viewers.
    then: Then,
    reply: oneshot::Sender<bool>,
}

impl Handler<Close> for Session {
    type Result = ResponseFuture<bool>;

    fn handle(&mut self, close: Close, context: &mut Self::Context) -> Self::Result {
        let Close { conversation, closing, delete } = close;
        let targets: Vec<i64> = match conversation {
            Some(id) => self.conversations.contains_key(&id).then_some(id).into_iter().collect(),
            None => self.conversations.keys().copied().collect(),
        };
        self.is_closing |= conversation.is_none();
        if let Some(id) = conversation.filter(|_| delete) {
            self.deleted.insert(id);
        }
        let then = match (&closing, delete) {
            (Closing::Shutdown, _) => {
                Then::Close { code: GOING_AWAY, reason: "the server is shutting down" }
            }
            (_, true) => Then::Close {
                code: close_code::NO_SUCH_CONVERSATION,
                reason: "the conversation was deleted",
            },
            (_, false) => Then::Detached,
        };
        for id in targets {
            if let Some(live) = self.conversations.get_mut(&id) {
                live.is_closing = true;
            }
            if let Closing::Ended(words) = &closing
                && let Some(live) = self.conversations.get_mut(&id)
            {
                live.tell(&Status {
                    state: State::Closed,
                    detail: words.clone(),
                    queue_position: None,
                });
            }
            self.happen(id, Event::Closed(closing.clone()), context);
        }
        let (reply, answer) = oneshot::channel();
        self.closing.push(Waiter { conversation, delete, then, reply });
        self.answer_closers(context);
        Box::pin(async move { answer.await.unwrap_or(false) })
    }
}

impl Session {
    /// Tells those who wait for an end that has come.
    pub(super) fn answer_closers(&mut self, context: &mut Context<Self>) {
        let waiters = std::mem::take(&mut self.closing);
        for waiter in waiters {
            if self.has_ended(waiter.conversation) {
                self.finish(waiter, context);
            } else {
                self.closing.push(waiter);
            }
        }
    }

    fn has_ended(&self, conversation: Option<i64>) -> bool {
        self.conversations
            .values()
            .filter(|live| conversation.is_none_or(|id| id == live.id))
            .all(Conversation::has_ended)
    }

    fn finish(&mut self, waiter: Waiter, context: &mut Context<Self>) {
        let Waiter { conversation, delete, then, reply } = waiter;
        // Every end is shown by now, so whoever is let go has seen it.
        for live in self.conversations.values_mut() {
            if conversation.is_none_or(|id| id == live.id) {
                live.dismiss(&then);
                live.deliver();
            }
        }
        let Some(id) = conversation else {
            let ids: Vec<i64> = self.conversations.keys().copied().collect();
            for id in ids {
                self.unload(id, context);
            }
            // Whoever asked has gone: the end is the same.
            reply.send(true).unwrap_or_default();
            context.stop();
            return;
        };
        let was_live = self.conversations.contains_key(&id);
        self.unload(id, context);
        self.following.retain(|_, followed| *followed != id);
        if !delete {
            reply.send(was_live).unwrap_or_default();
            return;
        }
        let project = self.project.name.clone();
        let deleted =
            self.resources.database.send(DeleteConversation { project, conversation: id });
        context.spawn(deleted.into_actor(self).map(move |answer, _, _| {
            if let Ok(Err(error)) = &answer {
                log::error!("cannot delete conversation={id} error={error}");
            }
            reply.send(matches!(answer, Ok(Ok(true)))).unwrap_or_default();
        }));
    }
}
