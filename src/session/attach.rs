//! Attaching viewers: which conversation they follow, from where, and what they are sent first.

use actix::{
    ActorFutureExt as _, Context, Handler, Message, ResponseActFuture, WrapFuture as _, fut,
};
use tokio::sync::oneshot;

use crate::{
    agent::prompt,
    config::settings::agents::NamedAgent,
    conversation::{
        Conversation,
        presence::{Person, Presence},
        subscriber::Subscriber,
        transcript::{Cursor, ResumePoint},
        viewer::{Batch, ConnectionCloser, ViewerId},
    },
    database::messages::NoteVisit,
    ids::{ConversationId, Seq},
    markdown,
    rights::Action,
    wire::{
        Dialect,
        server_frame::{
            AgentOption, AnsweringAgent, Attached, AttachmentLimits, Notice, ReadOnly, SharingState,
        },
    },
};

use super::{Session, live::LiveConversation};

/// Makes a viewer follow a conversation, and leave the one that it followed before.
#[derive(Message, Debug)]
#[rtype(result = "Result<Attachment, AttachError>")]
pub(crate) struct Attach {
    pub(crate) person: Person,
    pub(crate) dialect: Dialect,
    pub(crate) to: AttachTarget,
    /// Where the viewer goes on in the list of conversations, if it wants to be told of it.
    pub(crate) list: Option<String>,
    /// Closes its connection.
    pub(crate) hang_up: ConnectionCloser,
}

/// The conversation that a viewer wants to follow.
#[derive(Debug, Clone)]
pub(crate) enum AttachTarget {
    New,
    Stored {
        conversation: ConversationId,
        /// The last sequence number that the viewer saw.
        after: Option<Seq>,
    },
    /// A stored one for a legacy viewer, which is greeted unless it has the history.
    Resumed {
        conversation: ConversationId,
        /// The viewer's browser has read the history.
        has_history: bool,
    },
    /// The one that the viewer followed when the session failed, silently.
    Again {
        conversation: ConversationId,
        /// The last sequence number that the viewer was sent.
        seq: Seq,
    },
    /// The one that the viewer's browser left last.
    Left,
    Only,
    /// The one that the viewer's browser followed last, else the newest live one.
    Latest,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Attachment {
    pub(crate) conversation: ConversationId,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum AttachError {
    #[error(
        "Conversation {0} not found in this project. It may have been deleted; start a new one."
    )]
    Unknown(String),
    /// No conversation is live, or several are.
    #[error("No active session. Send 'start' first.")]
    NoneLive,
    #[error(
        "This project has {0} live conversations, and no more are allowed. Close one, or try again later."
    )]
    TooMany(usize),
    #[error("{0}")]
    Store(String),
    #[error("The server is shutting down. Try again in a moment.")]
    Closing,
}

pub(super) type AttachResponse = ResponseActFuture<Session, Result<Attachment, AttachError>>;

impl Handler<Attach> for Session {
    type Result = AttachResponse;

    fn handle(&mut self, attach: Attach, context: &mut Self::Context) -> AttachResponse {
        if self.is_closing {
            return Box::pin(fut::err(AttachError::Closing));
        }
        let conversation = match &attach.to {
            AttachTarget::New => return self.create_conversation(attach, context),
            AttachTarget::Stored { conversation, .. }
            | AttachTarget::Resumed { conversation, .. }
            | AttachTarget::Again { conversation, .. } => Some(*conversation),
            AttachTarget::Left => self.last_left_by(&attach.person),
            AttachTarget::Only => self.only(&attach.person),
            AttachTarget::Latest => {
                self.last_left_by(&attach.person).or_else(|| self.latest_for(&attach.person))
            }
        };
        let Some(id) = conversation else { return Box::pin(fut::err(AttachError::NoneLive)) };
        match self.conversations.get_mut(&id) {
            Some(live) if live.lifecycle.closing.is_some() => {
                let gone = live.lifecycle.closed().into_actor(self);
                Box::pin(gone.then(|(), session, context| session.handle(attach, context)))
            }
            // It is not told from one that does not exist.
            Some(live) if !may_read(live, &attach.person) => {
                Box::pin(fut::err(AttachError::Unknown(id.to_string())))
            }
            Some(_) => Box::pin(fut::ready(self.attach_viewer(id, attach, context))),
            None => self.load(id, attach, context),
        }
    }
}

impl Session {
    /// The live conversation that a viewer of this browser left last.
    fn last_left_by(&self, person: &Person) -> Option<ConversationId> {
        let browser = person.browser.as_ref();
        browser?;
        let mut left = self
            .conversations
            .values()
            .filter(|live| may_read(live, person) && live.audience.last_cursor(browser).is_some());
        left.next().map(|live| live.id)
    }

    fn only(&self, person: &Person) -> Option<ConversationId> {
        let mut live = self.conversations.values().filter(|live| may_read(live, person));
        live.next().map(|live| live.id).filter(|_| live.next().is_none())
    }

    fn latest_for(&self, person: &Person) -> Option<ConversationId> {
        let latest = self.conversations.get(&self.latest?)?;
        may_read(latest, person).then_some(latest.id)
    }

    /// Lets a viewer follow a live conversation.
    pub(super) fn attach_viewer(
        &mut self,
        id: ConversationId,
        attach: Attach,
        context: &mut Context<Self>,
    ) -> Result<Attachment, AttachError> {
        let (viewer, list) = (attach.person.viewer, attach.list.clone());
        let previous = self.leave_previous(viewer, id, context);
        self.awaits_sandbox_status |= self.env.resources.agents.sandbox_status().newest().is_none();
        if !matches!(attach.to, AttachTarget::Left | AttachTarget::Only) {
            self.latest = Some(id);
        }
        let read_only = self.read_only();
        let live = self.live(id, context);
        live.ok_or_else(|| AttachError::Unknown(id.to_string()))?.add(attach, previous, read_only);
        if let Some(position) = list {
            self.resume_list(viewer, &position, context);
        }
        Ok(Attachment { conversation: id })
    }

    /// Takes a viewer out of its conversation, before it follows `next`.
    fn leave_previous(
        &mut self,
        viewer: ViewerId,
        next: ConversationId,
        context: &mut Context<Self>,
    ) -> Previous {
        let before = self.following.insert(viewer, next);
        let Some(mut left) = before.and_then(|before| self.live(before, context)) else {
            return Previous::default();
        };
        let is_same = left.state.id == next;
        let cursor = left.state.audience.subscriber(viewer).map(|subscriber| subscriber.cursor);
        let demand = left.state.audience.remove(viewer);
        left.show_presence_soon();
        Previous { stayed: cursor.filter(|_| is_same), demand }
    }
}

fn may_read(live: &Conversation, person: &Person) -> bool {
    live.ownership.allows(&person.principal, Action::Read)
}

/// What a viewer brings from the conversation that it followed before.
#[derive(Debug, Default)]
struct Previous {
    /// Its position, if that is the same conversation.
    stayed: Option<Cursor>,
    /// Its open request for a batch.
    demand: Option<oneshot::Sender<Batch>>,
}

impl LiveConversation<'_> {
    fn add(&mut self, attach: Attach, previous: Previous, read_only: ReadOnly) {
        let resume_point = self.state.resume_point(&attach, previous.stayed);
        let Attach { person, dialect, to, hang_up, list: _ } = attach;
        let present = self.state.audience.presence_with(Some(&person));
        let sharing = person.principal.user.is_some();
        let sharing = sharing.then(|| SharingState::of(&self.state.ownership, &person.principal));
        let may_publish = self.env.resources.live.get().team.public_snapshots
            && self.state.ownership.allows(&person.principal, Action::Publish);
        let browser = person.browser.clone();
        let mut subscriber =
            Subscriber::new(person, dialect, resume_point.cursor, present.clone(), hang_up);
        if let AttachTarget::New = to {
            let conversation_id = self.state.id;
            subscriber.notify(&Notice::ConversationCreated { conversation_id });
        }
        subscriber.notify(&Notice::Attached(Box::new(self.attached(
            &resume_point,
            present,
            read_only,
            (sharing, may_publish),
        ))));
        self.greet(&mut subscriber, &to, previous.stayed.is_some());
        if let Some(demand) = previous.demand {
            subscriber.ask(demand);
        }
        if dialect.is_html() {
            self.state.transcript.refresh();
        }
        self.state.subscribe(subscriber);
        self.state.deliver();
        if let Some(browser) = browser.filter(|_| dialect == Dialect::Legacy) {
            let (project, conversation) = (self.env.project.name.clone(), self.state.id);
            let seq = self.state.transcript.last_seq();
            self.write_in_background(NoteVisit { browser, project, conversation, seq });
        }
        if self.state.reactions.is_unread() {
            self.read_reactions();
        }
        self.reload_history();
        self.show_presence_soon();
    }

    fn attached(
        &self,
        from: &ResumePoint,
        present: Presence,
        read_only: ReadOnly,
        (sharing, may_publish): (Option<SharingState>, bool),
    ) -> Attached {
        let limits = &self.env.resources.settings.attachments;
        Attached {
            conversation_id: self.state.id,
            title: self.state.title.clone(),
            seq: self.state.transcript.last_seq(),
            after: from.after,
            resumed: from.resumed,
            state: self.state.turns.state(),
            agent: self.agent_info(),
            instructions: self.instructions(),
            read_only,
            viewers: present.viewers,
            people: present.people,
            message_bytes: self.env.resources.settings.limits.message_bytes,
            attachments: AttachmentLimits {
                count: limits.count,
                file_bytes: limits.file_bytes,
                question_bytes: limits.question_bytes,
            },
            sharing,
            may_publish,
            forked_from: self.state.forked_from,
        }
    }

    /// What agents of the project are told, to be shown. Where it cannot be read, the start of an agent
    /// says so.
    fn instructions(&self) -> Option<String> {
        let told = self.env.resources.agents.instructions(&self.env.project);
        told.ok().flatten().map(|text| markdown::parts(&text).concat())
    }

    fn agent_info(&self) -> AnsweringAgent {
        let agents = &self.env.resources.agents;
        let chosen = self.choice(None).ok();
        let option = |agent: &NamedAgent| AgentOption {
            name: agent.name.to_string(),
            kind: agent.config.kind(),
            model: agent.config.model().map(str::to_owned),
            attachments: agent.config.attachments(),
            effort: agent.config.takes_effort(),
        };
        let is_chosen =
            |agent: &&NamedAgent| chosen.as_ref().is_some_and(|it| it.name == agent.name);
        let answering = agents.named_agents().iter().find(is_chosen);
        let mut choices: Vec<_> = agents.named_agents().iter().map(option).collect();
        if !agents.has_choice() {
            choices.clear();
        }
        AnsweringAgent {
            kind: chosen.as_ref().map_or("none", |chosen| chosen.kind.as_str()),
            name: chosen.as_ref().map(|chosen| chosen.name.to_string()),
            model: chosen.as_ref().and_then(|chosen| chosen.model.clone()),
            attachments: answering.and_then(|agent| agent.config.attachments()),
            effort: answering.is_some_and(|agent| agent.config.takes_effort()),
            choices,
            no_model: chosen.and_then(|chosen| chosen.no_model).map(|reason| reason.to_string()),
        }
    }

    /// Tells a viewer that no agent is available, or greets a legacy one in a stored conversation.
    fn greet(&self, subscriber: &mut Subscriber, to: &AttachTarget, is_there_already: bool) {
        match (self.choice(None), to) {
            (
                Err(error),
                AttachTarget::New | AttachTarget::Stored { .. } | AttachTarget::Resumed { .. },
            ) => {
                let text = format!("Failed to initialize assistant: {error}");
                subscriber.notify(&Notice::error(text));
            }
            (Ok(chosen), AttachTarget::Resumed { has_history, .. }) => {
                if !is_there_already && !has_history {
                    let content = prompt::greeting(self.env.project.name.as_str(), &chosen);
                    subscriber.notify(&Notice::Text { content });
                }
                subscriber.notify(&Notice::ResponseDone);
            }
            _ => (),
        }
    }
}

impl Conversation {
    /// Where an attaching viewer goes on; `stayed` is its position if it follows already.
    fn resume_point(&self, attach: &Attach, stayed: Option<Cursor>) -> ResumePoint {
        let dialect = attach.dialect;
        let cursor = match attach.to {
            AttachTarget::New => return self.transcript.resume_point(None, dialect),
            AttachTarget::Stored { after, .. } => {
                return self.transcript.resume_point(after, dialect);
            }
            AttachTarget::Again { seq, .. } if !dialect.is_legacy() => {
                return self.transcript.resume_point(Some(seq), dialect);
            }
            AttachTarget::Again { seq, .. } => self.transcript.behind(seq),
            AttachTarget::Resumed { .. } => stayed.unwrap_or_else(|| self.live_cursor()),
            AttachTarget::Left | AttachTarget::Only | AttachTarget::Latest => {
                let left = self.audience.last_cursor(attach.person.browser.as_ref());
                left.unwrap_or_else(|| self.live_cursor())
            }
        };
        // Legacy viewers have no sequence numbers.
        ResumePoint { cursor, after: Seq::ZERO, resumed: true }
    }
}
