//! The live list: viewers that ask for it are told what changes in the project's conversations.

use std::{collections::BTreeMap, time::Duration};

use actix::{ActorFutureExt as _, AsyncContext as _, Context, Handler, Message, WrapFuture as _};

use crate::{
    conversation::{Conversation, viewer::ViewerId},
    database::Summary,
    entry::{Content, Outcome},
    ids::{ConversationId, TurnNumber},
    rights::{Ownership, Visibility},
    webhook::event::{AnswerPlace, AnsweredEvent, WebhookEvent},
    wire::list_frame::{EndedTurn, ListChange, ListUpdate, ListedConversation},
};

use super::{Session, live::LiveConversation};

/// Delay before a change is told, together with all that change meanwhile.
const LIST_DELAY: Duration = Duration::from_millis(50);

/// Characters of an answer that are told with its end.
const EXCERPT: usize = 160;

/// Tells that a conversation was changed in the database, past its session.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) struct Listed {
    pub(crate) conversation: ConversationId,
}

impl Handler<Listed> for Session {
    type Result = ();

    fn handle(&mut self, Listed { conversation }: Listed, context: &mut Context<Self>) {
        self.list_changed(conversation, context);
    }
}

impl LiveConversation<'_> {
    /// Has the list tell of this conversation in a moment.
    pub(super) fn list_changed(&mut self) {
        if self.env.list.mark(self.state.id) {
            self.context.run_later(LIST_DELAY, Session::update_list);
        }
    }

    /// Keeps how a turn ended for the list, which tells of it once that is stored.
    pub(super) fn note_end(&mut self, turn: TurnNumber, content: &Content) {
        let outcome = match content {
            Content::ResponseDone(done) => match done.outcome {
                Outcome::Completed => "completed",
                Outcome::Stopped => "stopped",
                Outcome::Interrupted => "interrupted",
            },
            _ => "error",
        };
        let answer = self.state.transcript.answer(turn);
        self.tell_webhooks(turn, outcome, &answer);
        let excerpt = answer.chars().take(EXCERPT).collect();
        self.env.list.note_end(self.state.id, EndedTurn { turn, outcome, excerpt });
    }

    /// Tells of an answer in a conversation that the team may read.
    fn tell_webhooks(&self, turn: TurnNumber, outcome: &'static str, answer: &str) {
        let is_open = self.state.ownership.visibility == Visibility::Team;
        if !is_open || !matches!(outcome, "completed" | "error") {
            return;
        }
        let Some(question) = self.state.transcript.question(turn) else { return };
        let project = &self.env.project.name;
        let place = AnswerPlace { project, conversation: self.state.id, turn };
        self.env.resources.webhooks.tell(&WebhookEvent::Answered(AnsweredEvent {
            place,
            outcome,
            user: question.author.as_deref(),
            question: &question.content,
            answer,
        }));
    }
}

impl Session {
    /// Has the list tell of a conversation in a moment, live or not.
    pub(super) fn list_changed(&mut self, id: ConversationId, context: &mut Context<Self>) {
        if self.env.list.mark(id) {
            context.run_later(LIST_DELAY, Self::update_list);
        }
    }

    /// Tells a viewer what it has missed of the list since `position`, or to read it anew.
    pub(super) fn resume_list(
        &mut self,
        viewer: ViewerId,
        position: &str,
        context: &mut Context<Self>,
    ) {
        let who = self.principal_of(viewer, context);
        let answering = || self.answering_for(&who);
        let (update, missed) = self.env.list.resume(position, answering);
        if let Some(live) = self.followed_by(viewer, context)
            && let Some(subscriber) = live.state.audience.subscriber(viewer)
        {
            subscriber.follow_list(update);
            live.state.deliver_to(viewer);
        }
        for id in missed {
            self.list_changed(id, context);
        }
    }

    /// Reads how the list shows what has changed, and tells it.
    fn update_list(&mut self, context: &mut Context<Self>) {
        let changed = self.env.list.begin();
        let at = self.env.list.position();
        let is_followed = self.conversations.values().any(|live| live.audience.follows_list());
        if !is_followed {
            return self.end_list_update(context);
        }
        let reader = self.env.resources.reader.clone();
        let project = self.env.project.name.clone();
        let ids: Vec<ConversationId> = changed.iter().map(|(id, _)| *id).collect();
        let asked = ids.clone();
        let read = async move { reader.ask(move |it| it.summaries(&project, &asked)).await };
        context.spawn(read.into_actor(self).map(move |read, session, context| {
            let update = match read {
                Ok(listed) => {
                    let private = session.private_among(&ids, &listed);
                    let changes = changed.into_iter().map(|(id, ended)| {
                        let conversation = listed.iter().find(|it| it.id == id).map(row);
                        let live = session.conversations.get(&id);
                        let answering = live.is_some_and(Conversation::is_answering);
                        ListChange { id, conversation, answering, ended }
                    });
                    let changes = changes.collect();
                    ListUpdate { at, changes, private, ..ListUpdate::default() }
                }
                Err(error) => {
                    log::warn!("cannot read changes of the list error={error}");
                    let live = session.conversations.values().filter(|live| live.is_answering());
                    let private = live.clone().map(|live| (live.id, live.ownership.clone()));
                    let private = private.collect();
                    ListUpdate { private, ..ListUpdate::reset(at, live.map(|it| it.id).collect()) }
                }
            };
            let live = session.conversations.values_mut();
            for live in live.filter(|live| live.audience.follows_list()) {
                live.audience.tell_list(&update);
                live.deliver();
            }
            session.end_list_update(context);
        }));
    }

    /// The private ones of these conversations, and whose they are. A deleted one was private too.
    fn private_among(
        &self,
        ids: &[ConversationId],
        listed: &[Summary],
    ) -> BTreeMap<ConversationId, Ownership> {
        let of = |id: &ConversationId| {
            let stored = listed.iter().find(|it| it.id == *id).map(|it| &it.ownership);
            // What its session knows is newer than what was read.
            let ownership = self.known_ownership(*id).or(stored)?;
            (!ownership.visibility.is_team()).then(|| (*id, ownership.clone()))
        };
        ids.iter().filter_map(of).collect()
    }

    fn end_list_update(&mut self, context: &mut Context<Self>) {
        if self.env.list.end() {
            context.run_later(LIST_DELAY, Self::update_list);
        }
    }
}

fn row(summary: &Summary) -> ListedConversation {
    ListedConversation {
        id: summary.id,
        title: summary.title.clone(),
        created_at: summary.created_at.clone(),
        updated_at: summary.updated_at.clone(),
        message_count: summary.message_count,
        ownership: summary.ownership.clone(),
        forked_from: summary.forked_from,
    }
}
