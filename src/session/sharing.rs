//! Who may read a conversation: stored first, then it holds for everybody who is connected.

use std::collections::BTreeSet;

use actix::{ActorFutureExt as _, Context, Handler, Message, ResponseActFuture, WrapFuture as _};

use crate::{
    conversation::viewer::{AfterBatch, Batch, ViewerId},
    database::{
        DatabaseError, Summary,
        messages::{ShareConversation, Sharing},
    },
    ids::ConversationId,
    rights::{Action, Ownership, Principal},
    wire::{
        Dialect, close_code,
        server_frame::{ErrorNotice, Notice},
    },
};

use super::{Session, live::LiveConversation};

const READ_ONLY: &str =
    "This conversation was shared with you for reading. Go on from an answer in one of your own.";

/// Changes who may read a conversation, live or not. Those who may not any more are disconnected.
/// Answers `None` if the project has no such conversation.
#[derive(Message, Debug)]
#[rtype(result = "Result<Option<Summary>, DatabaseError>")]
pub(crate) struct Share {
    pub(crate) conversation: ConversationId,
    pub(crate) sharing: Sharing,
    /// Whose it was before, where somebody may lose it.
    pub(crate) before: Option<Ownership>,
}

impl Handler<Share> for Session {
    type Result = ResponseActFuture<Self, Result<Option<Summary>, DatabaseError>>;

    fn handle(&mut self, share: Share, _: &mut Self::Context) -> Self::Result {
        let Share { conversation, sharing, before } = share;
        self.shares += 1;
        let number = self.shares;
        let project = self.env.project.name.clone();
        let share = ShareConversation { project, conversation, sharing };
        let shared = self.env.resources.database.send(share);
        Box::pin(shared.into_actor(self).map(move |answer, session, context| {
            let answer = answer.unwrap_or(Err(DatabaseError::Stopped));
            if let Ok(Some(summary)) = &answer {
                session.on_shared(conversation, number, &summary.ownership, context);
                session.remove_from_lists(conversation, before.as_ref(), &summary.ownership);
                session.list_changed(conversation, context);
            }
            answer
        }))
    }
}

impl Session {
    /// Applies what is stored. The answers of the database come in any order: the newest counts.
    fn on_shared(
        &mut self,
        id: ConversationId,
        number: u64,
        ownership: &Ownership,
        context: &mut Context<Self>,
    ) {
        let newest = self.shared.entry(id).or_default();
        if newest.0 > number {
            return;
        }
        *newest = (number, ownership.clone());
        if let Some(live) = self.conversations.get_mut(&id) {
            live.ownership = ownership.clone();
            live.audience.show_sharing(ownership);
            live.deliver();
        }
        self.disconnect_outsiders(id, ownership, context);
    }

    /// Disconnects the viewers who may not read the conversation.
    fn disconnect_outsiders(
        &mut self,
        id: ConversationId,
        ownership: &Ownership,
        context: &mut Context<Self>,
    ) {
        let Some(mut live) = self.live(id, context) else { return };
        let outsiders = live.state.audience.outsiders(ownership);
        let mut disconnected = Vec::new();
        for (viewer, dialect) in outsiders {
            match live.state.audience.remove(viewer) {
                // It may have gone meanwhile.
                Some(demand) => demand.send(farewell(dialect)).unwrap_or_default(),
                None => disconnected.push((viewer, dialect)),
            }
            live.show_presence_soon();
        }
        self.following.retain(|viewer, of| {
            *of != id || self.conversations.get(&id).is_some_and(|live| live.audience.has(*viewer))
        });
        // These are told with their next request.
        self.disconnected.extend(disconnected);
    }

    /// Has the lists of those who could read the conversation and may not any more lose it at once,
    /// and those who come back read theirs anew.
    fn remove_from_lists(
        &mut self,
        id: ConversationId,
        before: Option<&Ownership>,
        after: &Ownership,
    ) {
        let Some(before) = before.filter(|before| after.takes_from(before)) else { return };
        let update = self.env.list.removal(id);
        for live in self.conversations.values_mut() {
            live.audience.tell_list_of_outsiders(&update, before, after);
            live.deliver();
        }
    }

    /// Who a viewer is; nobody where it follows no conversation.
    pub(super) fn principal_of(
        &mut self,
        viewer: ViewerId,
        context: &mut Context<Self>,
    ) -> Principal {
        let person = self.followed_by(viewer, context).and_then(|live| {
            live.state.audience.subscriber(viewer).map(|it| it.person.principal.clone())
        });
        person.unwrap_or_default()
    }

    /// The batch that ends the connection of a viewer whose conversation is closed to it.
    pub(super) fn farewell(&mut self, viewer: ViewerId) -> Option<Batch> {
        self.disconnected.remove(&viewer).map(farewell)
    }

    /// The live conversations in which an answer is being written, of those that `who` may read.
    pub(super) fn answering_for(&self, who: &Principal) -> BTreeSet<ConversationId> {
        let live = self.conversations.values();
        live.filter(|live| live.is_answering() && live.ownership.allows(who, Action::Read))
            .map(|live| live.id)
            .collect()
    }

    /// Whose a conversation is, where its session knows it.
    pub(super) fn known_ownership(&self, id: ConversationId) -> Option<&Ownership> {
        let live = self.conversations.get(&id).map(|live| &live.ownership);
        live.or_else(|| self.deleted.get(&id))
    }
}

impl LiveConversation<'_> {
    /// Refuses what the viewer may only read.
    pub(super) fn check_write(&mut self, viewer: ViewerId) -> Result<(), ErrorNotice> {
        let ownership = &self.state.ownership;
        let person = self.state.audience.subscriber(viewer).map(|it| &it.person.principal);
        match person.is_some_and(|person| ownership.allows(person, Action::Write)) {
            true => Ok(()),
            false => Err(ErrorNotice::permanent(READ_ONLY)),
        }
    }
}

/// Ends the connection of a viewer.
fn farewell(dialect: Dialect) -> Batch {
    let frames = Notice::error("The conversation is private now.").frame(dialect);
    let code = close_code::NO_SUCH_CONVERSATION;
    let then = AfterBatch::Close { code, reason: "the conversation is private now" };
    Batch { frames: frames.into_iter().collect(), then, ..Batch::default() }
}
