//! Closing of conversations and of the session: turns end, agents exit, everything is stored, and
//! only then the request is answered.

use std::time::{Duration, Instant};

use actix::{
    ActorContext as _, ActorFutureExt as _, AsyncContext as _, Context, Handler, Message,
    ResponseFuture, WrapFuture as _,
};
use tokio::{sync::oneshot, task::spawn_blocking};

use crate::{
    conversation::{
        Conversation,
        turn::{CloseReason, TurnEvent},
        viewer::AfterBatch,
    },
    database::messages::DeleteConversation,
    ids::ConversationId,
    rights::Ownership,
    wire::{
        close_code,
        server_frame::{ConversationState, Notice, Status},
    },
};

use super::{Session, live::LiveConversation};

/// RFC 6455: the endpoint is going away.
const GOING_AWAY: u16 = 1001;

/// Time for dismissed viewers to ask for their last batch.
const PARTING: Duration = Duration::from_secs(1);

/// Each of the three steps of an agent's end gets this fraction of the time to shut down.
const SHUTDOWN_PARTS: u32 = 8;

/// An open request to close.
#[derive(Debug)]
pub(super) struct CloseWaiter {
    /// `None` means all.
    conversation: Option<ConversationId>,
    delete: bool,
    /// The state that viewers are shown last.
    farewell: Option<Status>,
    /// What legacy viewers are shown last, unless the end of a turn tells it.
    error: Option<Notice>,
    /// What follows for the viewers.
    then: AfterBatch,
    /// When dismissed viewers are no longer waited for.
    parted_by: Option<Instant>,
    reply: oneshot::Sender<bool>,
}

/// Closes a conversation, or all of them and the session. Answered when the agents have exited and
/// everything is stored.
#[derive(Message, Debug)]
#[rtype(result = "bool")]
pub(crate) struct Close {
    /// `None` means all.
    pub(crate) conversation: Option<ConversationId>,
    pub(crate) closing: CloseReason,
    /// Deletes the conversation as well; whose it is.
    pub(crate) delete: Option<Ownership>,
}

impl Handler<Close> for Session {
    type Result = ResponseFuture<bool>;

    fn handle(&mut self, close: Close, context: &mut Self::Context) -> Self::Result {
        let Close { conversation, closing, delete } = close;
        let targets: Vec<ConversationId> = match conversation {
            Some(id) => self.conversations.contains_key(&id).then_some(id).into_iter().collect(),
            None => self.conversations.keys().copied().collect(),
        };
        self.is_closing |= conversation.is_none();
        let is_deletion = delete.is_some();
        if let (Some(id), Some(ownership)) = (conversation, delete) {
            self.deleted.insert(id, ownership);
        }
        let then = match (&closing, is_deletion) {
            (CloseReason::Shutdown, _) => {
                AfterBatch::Close { code: GOING_AWAY, reason: "the server is shutting down" }
            }
            (_, true) => AfterBatch::Close {
                code: close_code::NO_SUCH_CONVERSATION,
                reason: "the conversation was deleted",
            },
            (_, false) => AfterBatch::Detached,
        };
        let was_idle = |id| self.conversations.get(id).is_none_or(|live| live.turns.is_idle());
        let error = (is_deletion && targets.iter().all(was_idle))
            .then(|| Notice::error("The conversation was deleted."));
        for id in targets {
            if let Some(mut live) = self.live(id, context) {
                live.close(&closing);
            }
        }
        let farewell = match closing {
            CloseReason::Ended(detail) => {
                Some(Status { state: ConversationState::Closed, detail, queue_position: None })
            }
            CloseReason::Shutdown => None,
        };
        let (reply, answer) = oneshot::channel();
        let waiter = CloseWaiter {
            conversation,
            delete: is_deletion,
            farewell,
            error,
            then,
            parted_by: None,
            reply,
        };
        self.closing.push(waiter);
        self.answer_closers(context);
        Box::pin(async move { answer.await.unwrap_or(false) })
    }
}

impl LiveConversation<'_> {
    fn close(&mut self, reason: &CloseReason) {
        self.state.lifecycle.closing = Some(reason.clone());
        self.apply_event(TurnEvent::CloseRequested(reason.clone()));
        if let (CloseReason::Shutdown, Some(agent)) = (reason, &self.state.agent.handle) {
            // An agent that ignores its end must leave time to store what it said.
            agent.hurry(self.env.resources.settings.shutdown_timeout / SHUTDOWN_PARTS);
        }
    }
}

impl Session {
    /// Answers the requests whose end has come.
    pub(super) fn answer_closers(&mut self, context: &mut Context<Self>) {
        let waiters = std::mem::take(&mut self.closing);
        for mut waiter in waiters {
            if !self.has_ended(waiter.conversation) {
                self.closing.push(waiter);
                continue;
            }
            // Every end is stored by now. A viewer that is busy with its last batch asks for this
            // one in a moment; one that does not read is not waited for.
            let parted_by = waiter.parted_by.unwrap_or_else(|| {
                self.dismiss(&waiter);
                context.run_later(PARTING, Self::answer_closers);
                Instant::now() + PARTING
            });
            if self.is_parting(waiter.conversation) && Instant::now() < parted_by {
                waiter.parted_by = Some(parted_by);
                self.closing.push(waiter);
            } else {
                self.finish(waiter, context);
            }
        }
    }

    fn has_ended(&self, conversation: Option<ConversationId>) -> bool {
        self.closed(conversation).all(Conversation::has_ended)
    }

    fn is_parting(&self, conversation: Option<ConversationId>) -> bool {
        self.closed(conversation).any(|live| live.audience.is_leaving())
    }

    /// Lets viewers go once they have everything.
    fn dismiss(&mut self, waiter: &CloseWaiter) {
        for live in self.conversations.values_mut() {
            if waiter.conversation.is_none_or(|id| id == live.id) {
                if let Some(farewell) = &waiter.farewell {
                    live.audience.show_status(farewell);
                }
                if let Some(error) = &waiter.error {
                    live.audience.notify_legacy(error);
                }
                live.audience.dismiss(&waiter.then);
                live.deliver();
            }
        }
    }

    fn closed(&self, conversation: Option<ConversationId>) -> impl Iterator<Item = &Conversation> {
        let all = self.conversations.values();
        all.filter(move |live| conversation.is_none_or(|id| id == live.id))
    }

    fn finish(&mut self, waiter: CloseWaiter, context: &mut Context<Self>) {
        let CloseWaiter { conversation, delete, reply, .. } = waiter;
        let Some(id) = conversation else {
            let ids: Vec<ConversationId> = self.conversations.keys().copied().collect();
            for id in ids {
                self.unload(id, context);
            }
            // The requester may be gone; the end is the same.
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
        let project = self.env.project.name.clone();
        let deleted =
            self.env.resources.database.send(DeleteConversation { project, conversation: id });
        let (agents, project) = (self.env.resources.agents.clone(), self.env.project.name.clone());
        let deleted = async move {
            let answer = deleted.await;
            // Its agents' own records go too.
            let forgotten = spawn_blocking(move || agents.forget(&project, id)).await;
            if let Err(error) = forgotten {
                log::error!("cannot forget conversation={id} error={error}");
            }
            answer
        };
        context.spawn(deleted.into_actor(self).map(move |answer, session, context| {
            if let Ok(Err(error)) = &answer {
                log::error!("cannot delete conversation={id} error={error}");
            }
            // One without questions may have gone with its last viewer.
            let is_deleted = matches!(answer, Ok(Ok(found)) if found || was_live);
            reply.send(is_deleted).unwrap_or_default();
            session.list_changed(id, context);
        }));
    }
}
