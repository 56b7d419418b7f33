//! Viewers that come: conversations are made, loaded and entered.

use std::sync::Arc;

use actix::{
    ActorFutureExt as _, AsyncContext as _, Context, Handler, Message, ResponseActFuture,
    WrapFuture as _, fut,
};

use crate::{
    agent::prompt,
    conversation::{
        Conversation,
        references::check_cut_off,
        subscriber::Subscriber,
        transcript::{Cursor, ResumePoint, Transcript},
        turn::{QueuedQuestion, TurnEvent},
        usage::UsageTotals,
        viewer::{BrowserId, ConnectionCloser, ViewerId},
    },
    database::{
        DatabaseError, StoredConversation, Summary,
        messages::{ClaimConversation, CreateConversation, NoteVisit},
    },
    entry::{Content, Outcome},
    ids::{ConversationId, Seq, TurnNumber},
    wire::{
        Dialect,
        server_frame::{AgentName, Attached, Notice},
    },
};

use super::Session;

/// Makes a viewer follow a conversation. A viewer that followed another one leaves it.
#[derive(Message, Debug)]
#[rtype(result = "Result<Attachment, AttachError>")]
pub(crate) struct Attach {
    /// The viewer.
    pub(crate) viewer: ViewerId,
    /// Its browser, where known.
    pub(crate) browser: Option<BrowserId>,
    /// How it is spoken to.
    pub(crate) dialect: Dialect,
    /// Which conversation, and where in it.
    pub(crate) to: AttachTarget,
    /// How its connection is ended.
    pub(crate) hang_up: ConnectionCloser,
}

/// Which conversation a viewer wants to follow.
#[derive(Debug, Clone)]
pub(crate) enum AttachTarget {
    /// A new one.
    New,
    /// A stored one.
    Stored {
        /// Its id.
        conversation: ConversationId,
        /// The last sequence number that the viewer saw.
        after: Option<Seq>,
    },
    /// In the original's dialect, a stored one that the viewer has to be greeted in again,
    /// unless it has the history already.
    Resumed {
        /// Its id.
        conversation: ConversationId,
        /// Whether the viewer's browser has read the history.
        has_history: bool,
    },
    /// Where the session failed under the viewer, silently what it followed before.
    Again {
        /// Its id.
        conversation: ConversationId,
        /// The last sequence number that the viewer was sent.
        seq: Seq,
    },
    /// The one that the viewer's browser left last.
    Left,
    /// The only live one.
    Only,
    /// The one that the viewer's browser followed last; else the newest live one.
    Latest,
}

/// The viewer follows a conversation now.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attachment {
    /// Which one.
    pub(crate) conversation: ConversationId,
}

/// Why a viewer cannot follow a conversation.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AttachError {
    /// No such conversation in this project.
    #[error(
        "Conversation {0} not found in this project. It may have been deleted; start a new one."
    )]
    Unknown(String),
    /// No conversation is live, or it is not clear which is meant.
    #[error("No active session. Send 'start' first.")]
    NoneLive,
    /// The project has as many live conversations as it may have.
    #[error(
        "This project has {0} live conversations, and no more are allowed. Close one, or try again later."
    )]
    TooMany(usize),
    /// The store failed.
    #[error("{0}")]
    Store(String),
    /// The session is closing.
    #[error("The server is shutting down. Try again in a moment.")]
    Closing,
}

type Coming = ResponseActFuture<Session, Result<Attachment, AttachError>>;

impl Handler<Attach> for Session {
    type Result = Coming;

    fn handle(&mut self, attach: Attach, context: &mut Self::Context) -> Coming {
        if self.is_closing {
            return Box::pin(fut::err(AttachError::Closing));
        }
        let conversation = match &attach.to {
            AttachTarget::New => return self.create(attach, context),
            AttachTarget::Stored { conversation, .. }
            | AttachTarget::Resumed { conversation, .. }
            | AttachTarget::Again { conversation, .. } => Some(*conversation),
            AttachTarget::Left => self.last_left_by(attach.browser.as_ref()),
            AttachTarget::Only => self.only(),
            AttachTarget::Latest => self.last_left_by(attach.browser.as_ref()).or(self.latest),
        };
        match conversation {
            None => Box::pin(fut::err(AttachError::NoneLive)),
            Some(id) => match self.conversations.get_mut(&id) {
                Some(live) if live.closing.is_some() => {
                    let gone = live.gone().into_actor(self);
                    Box::pin(gone.then(|(), session, context| session.handle(attach, context)))
                }
                Some(_) => Box::pin(fut::ready(self.attach_viewer(id, attach, context))),
                None => self.load(id, attach, context),
            },
        }
    }
}

impl Session {
    /// The live conversation that a viewer of this browser left last.
    fn last_left_by(&self, browser: Option<&BrowserId>) -> Option<ConversationId> {
        browser?;
        let mut left =
            self.conversations.values().filter(|live| live.last_cursor(browser).is_some());
        left.next().map(|live| live.id)
    }

    fn only(&self) -> Option<ConversationId> {
        let mut live = self.conversations.keys();
        live.next().copied().filter(|_| live.next().is_none())
    }

    /// Makes a conversation, or takes the one that this browser began and left without a word.
    fn create(&mut self, attach: Attach, context: &mut Context<Self>) -> Coming {
        let begun = self.conversations.values().find(|live| {
            live.is_abandoned()
                && live.closing.is_none()
                && live.last_cursor(attach.browser.as_ref()).is_some()
        });
        if let Some(id) = begun.map(|live| live.id) {
            return Box::pin(fut::ready(self.attach_viewer(id, attach, context)));
        }
        // Those of others may still be come back to, but not all of them need an agent.
        let abandoned = self.conversations.values().filter(|live| live.is_abandoned());
        for id in abandoned.map(|live| live.id).collect::<Vec<_>>() {
            self.apply_event(id, TurnEvent::Hibernate, context);
        }
        if let Err(error) = self.make_room(context) {
            return Box::pin(fut::err(error));
        }
        let mut transcript = Transcript::new(Seq(Transcript::range()));
        if let Ok(kind) = self.resources.agents.kind() {
            let greeting = prompt::greeting(self.project.name.as_str(), kind);
            transcript.append(TurnNumber::GREETING, false, &greeting);
            transcript.push(TurnNumber::GREETING, Content::plain_end(Outcome::Completed), false);
        }
        let create = CreateConversation {
            project: self.project.name.clone(),
            explicit: false,
            reserved_seq: Seq(Transcript::range()),
            agent_session: None,
            entries: transcript.take_dirty(),
        };
        let created = self.resources.database.send(create).into_actor(self);
        Box::pin(created.map(move |answer, session, context| {
            let summary: Summary = stored(answer)?;
            let live = Conversation::new(summary.id, None, transcript, TurnNumber::FIRST);
            session.insert_conversation(live)?;
            session.attach_viewer(summary.id, attach, context)
        }))
    }

    fn load(&mut self, id: ConversationId, attach: Attach, context: &mut Context<Self>) -> Coming {
        if self.deleted.contains(&id) {
            return Box::pin(fut::err(AttachError::Unknown(id.to_string())));
        }
        if let Err(error) = self.make_room(context) {
            return Box::pin(fut::err(error));
        }
        let loaded = self.fetch(id).into_actor(self);
        Box::pin(loaded.then(move |loaded, session, context| {
            match loaded.and_then(|loaded| session.insert_loaded(id, loaded, context)) {
                // It is live by now, and may even be closing again.
                Ok(()) => session.handle(attach, context),
                Err(error) => Box::pin(fut::err(error)),
            }
        }))
    }

    /// Goes on with conversations in which questions wait, as far as there is room for them.
    pub(super) fn resume(&mut self, context: &mut Context<Self>) {
        if self.is_closing {
            return;
        }
        while let Some(id) = self.unanswered.pop_front() {
            if self.conversations.contains_key(&id) || self.deleted.contains(&id) {
                continue;
            }
            if self.make_room(context).is_err() {
                return self.unanswered.push_front(id);
            }
            let loaded = self.fetch(id).into_actor(self);
            context.spawn(loaded.map(move |loaded, session, context| {
                let adopted = loaded.and_then(|loaded| session.insert_loaded(id, loaded, context));
                match adopted {
                    // It waits in the database.
                    Ok(()) | Err(AttachError::Closing) => (),
                    Err(error) => {
                        log::error!("cannot go on with conversation={id} error={error}");
                    }
                }
            }));
        }
    }

    /// Takes in a conversation that was read from the database, and what waits in it.
    fn insert_loaded(
        &mut self,
        id: ConversationId,
        loaded: (Conversation, Vec<QueuedQuestion>),
        context: &mut Context<Self>,
    ) -> Result<(), AttachError> {
        if self.deleted.contains(&id) {
            return Err(AttachError::Unknown(id.to_string()));
        }
        // Another viewer may have been faster.
        if self.conversations.contains_key(&id) {
            return Ok(());
        }
        let (conversation, waiting) = loaded;
        self.insert_conversation(conversation)?;
        // What was found out while it was read.
        self.store(id, context);
        for question in waiting {
            self.apply_event(id, TurnEvent::QuestionStored(question), context);
        }
        Ok(())
    }

    /// One more conversation is live, unless the session began to close while it was on its way:
    /// nobody would bring it to its end.
    fn insert_conversation(&mut self, conversation: Conversation) -> Result<(), AttachError> {
        if self.is_closing {
            return Err(AttachError::Closing);
        }
        self.conversations.insert(conversation.id, conversation);
        Ok(())
    }

    /// Reads a conversation from the database, after taking it over there.
    fn fetch(
        &self,
        id: ConversationId,
    ) -> impl Future<Output = Result<(Conversation, Vec<QueuedQuestion>), AttachError>> + 'static
    {
        let project = self.project.name.clone();
        let claim = ClaimConversation {
            project: project.clone(),
            conversation: id,
            range: Transcript::range(),
        };
        let claimed = self.resources.database.send(claim);
        let reader = self.resources.reader.clone();
        let settings = Arc::clone(&self.resources.settings);
        let policy = self.policy.clone();
        let root = self.project.dir.clone();
        async move {
            let keep = settings.limits.history_memory;
            let first = match claimed.await {
                Ok(Err(DatabaseError::ConversationGone { .. })) => {
                    return Err(AttachError::Unknown(id.to_string()));
                }
                answer => stored(answer)?,
            };
            let loaded = reader.ask(move |reader| reader.load(&project, id, keep)).await;
            let loaded = loaded.map_err(|error| AttachError::Store(error.to_string()))?;
            let loaded = loaded.ok_or_else(|| AttachError::Unknown(id.to_string()))?;
            // A long one takes longer than an actor's thread may be held up.
            let restored = tokio::task::spawn_blocking(move || {
                let (mut live, waiting) = restore(loaded, first)?;
                if let Some(policy) = policy {
                    check_cut_off(&mut live.transcript, &policy, &root, &settings);
                }
                Ok((live, waiting))
            });
            restored.await.map_err(|error| AttachError::Store(error.to_string()))?
        }
    }

    /// Sees to it that one more conversation may live.
    fn make_room(&mut self, context: &mut Context<Self>) -> Result<(), AttachError> {
        let most = self.resources.settings.limits.conversations_per_project;
        if self.conversations.len() < most {
            return Ok(());
        }
        let resting = self.conversations.values().filter(|live| live.is_at_rest());
        let oldest = resting.min_by_key(|live| live.last_used).map(|live| live.id);
        self.unload(oldest.ok_or(AttachError::TooMany(most))?, context);
        Ok(())
    }

    /// Lets a viewer follow a live conversation.
    fn attach_viewer(
        &mut self,
        id: ConversationId,
        attach: Attach,
        context: &mut Context<Self>,
    ) -> Result<Attachment, AttachError> {
        let Attach { viewer, browser, dialect, to, hang_up } = attach;
        let before = self.following.insert(viewer, id);
        // One that follows the conversation already goes on where it is.
        let stayed = before.filter(|before| *before == id);
        let stayed = stayed.and_then(|id| self.conversations.get_mut(&id)?.subscriber(viewer));
        let stayed = stayed.map(|subscriber| subscriber.cursor);
        let demand = before
            .and_then(|before| self.conversations.get_mut(&before))
            .and_then(|left| left.unsubscribe(viewer));
        if let Some(before) = before {
            self.tell_viewers_soon(before, context);
        }
        let agent = self.resources.agents.kind();
        let read_only = self.read_only();
        let Some(live) = self.conversations.get_mut(&id) else {
            return Err(AttachError::Unknown(id.to_string()));
        };
        let visited = browser.clone().filter(|_| dialect == Dialect::Legacy);
        let entrance = match &to {
            AttachTarget::New => live.transcript.resume_point(None, dialect),
            AttachTarget::Stored { after, .. } => live.transcript.resume_point(*after, dialect),
            AttachTarget::Again { seq, .. } if !dialect.is_legacy() => {
                live.transcript.resume_point(Some(*seq), dialect)
            }
            AttachTarget::Again { seq, .. } => silent(live.transcript.behind(*seq)),
            AttachTarget::Resumed { .. } => silent(stayed.unwrap_or_else(|| live.live_cursor())),
            AttachTarget::Left | AttachTarget::Only | AttachTarget::Latest => {
                silent(live.last_cursor(browser.as_ref()).unwrap_or_else(|| live.live_cursor()))
            }
        };
        self.awaits_proof |= self.resources.agents.sandbox_status().newest().is_none();
        let viewers = live.viewers() + 1;
        let mut subscriber =
            Subscriber::new(viewer, browser, dialect, entrance.cursor, viewers, hang_up);
        if let AttachTarget::New = to {
            subscriber.notify(&Notice::ConversationCreated { conversation_id: id });
        }
        subscriber.notify(&Notice::Attached(Attached {
            conversation_id: id,
            title: live.title.clone(),
            seq: live.transcript.last_seq(),
            after: entrance.after,
            resumed: entrance.resumed,
            state: live.turns.state(),
            agent: AgentName { kind: agent.as_ref().map_or("none", |kind| kind.as_str()) },
            read_only,
            viewers,
            message_bytes: self.resources.settings.limits.message_bytes,
        }));
        match (&agent, &to) {
            (
                Err(error),
                AttachTarget::New | AttachTarget::Stored { .. } | AttachTarget::Resumed { .. },
            ) => {
                subscriber
                    .notify(&Notice::error(format!("Failed to initialize assistant: {error}")));
            }
            (Ok(kind), AttachTarget::Resumed { has_history, .. }) => {
                if stayed.is_none() && !has_history {
                    let greeting = prompt::greeting(self.project.name.as_str(), *kind);
                    subscriber.notify(&Notice::Text { content: greeting });
                }
                subscriber.notify(&Notice::ResponseDone);
            }
            _ => (),
        }
        if let Some(demand) = demand {
            subscriber.ask(demand);
        }
        if dialect.is_html() {
            live.transcript.refresh();
        }
        live.subscribe(subscriber);
        live.deliver();
        if let Some(browser) = visited {
            let visit = NoteVisit {
                browser,
                project: self.project.name.clone(),
                conversation: id,
                seq: live.transcript.last_seq(),
            };
            self.write_in_background(visit, context);
        }
        self.recall(id, context);
        self.tell_viewers_soon(id, context);
        if !matches!(to, AttachTarget::Left | AttachTarget::Only) {
            self.latest = Some(id);
        }
        Ok(Attachment { conversation: id })
    }
}

/// An entrance for a dialect that knows no numbers.
fn silent(cursor: Cursor) -> ResumePoint {
    ResumePoint { cursor, after: Seq::ZERO, resumed: true }
}

pub(super) fn restore(
    stored: StoredConversation,
    first: Seq,
) -> Result<(Conversation, Vec<QueuedQuestion>), AttachError> {
    let StoredConversation {
        summary, agent_session, entries, outlines, next_turn, waiting, ..
    } = stored;
    let transcript = Transcript::restore(&entries, &outlines, first).map_err(|error| {
        AttachError::Store(format!("Conversation {} cannot be read: {error}", summary.id))
    })?;
    let mut live = Conversation::new(summary.id, summary.title, transcript, next_turn);
    live.explicit = true;
    live.agent_session = agent_session.and_then(|id| id.parse().ok());
    live.usage = UsageTotals::of(&entries);
    let waiting = waiting.into_iter().map(|(turn, content)| QueuedQuestion { turn, content });
    Ok((live, waiting.collect()))
}

fn stored<T>(
    answer: Result<Result<T, DatabaseError>, actix::MailboxError>,
) -> Result<T, AttachError> {
    match answer {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(AttachError::Store(error.to_string())),
        Err(error) => Err(AttachError::Store(format!("the database cannot be reached: {error}"))),
    }
}
