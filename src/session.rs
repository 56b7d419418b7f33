//! A session: one actor per project. It owns the project's live conversations and their agents,
//! and is the only one that changes them.
//!
//! * [`turn`] decides, [`transcript`] remembers, [`conversation`] ties them together: no effects.
//! * `attach`, `asking`, `running`, `output`, `rendering`, `citing`, `storing`, `recalling` and `closing` are the
//!   effects, by what they are about: viewers that come, viewers that speak, agents that come and go,
//!   agents that speak, what is shown as HTML, files that answers name, the database, the end;
//!   `presence` tells who looks on.
//!
//! What it awaits is below it (the database, agents); what is above it (viewers, the registry)
//! learns facts and is never waited for.

pub(crate) mod conversation;
pub(crate) mod messages;
pub(crate) mod subscriber;
pub mod transcript;
pub(crate) mod turn;
pub(crate) mod watch;

mod answering;
mod asking;
mod attach;
mod bounding;
mod citing;
mod closing;
mod continuing;
mod digest;
mod notes;
mod output;
mod pages;
mod presence;
mod read_only;
mod recalling;
mod renaming;
mod rendering;
mod running;
mod spent;
mod storing;

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use actix::{Actor, ActorFutureExt as _, Addr, AsyncContext, Context, Recipient, WrapFuture as _};

use crate::{
    agent::{AgentHandle, Agents, slots::Slots},
    config::settings::Settings,
    database::{
        Database, Reader,
        messages::{BeginTurn, SetAgentSession},
    },
    highlighter::Highlighter,
    ids::ConversationId,
    policy::{Policy, Secrets},
    project::Project,
    wire::server_frame::Notice,
};

use conversation::Conversation;
use digest::Knowledge;
use messages::{SessionExited, ViewerId};
use turn::{Effect, Event, Question};
use watch::Watch;

/// How often the session looks for what has taken too long.
const TICK: Duration = Duration::from_millis(500);

/// A conversation in which nobody wrote anything goes this long after its last viewer, so that a
/// page that reconnects finds it again.
const EMPTY_KEPT: Duration = Duration::from_secs(10);

/// Room in the mailbox, beyond one place for every sender.
const MAILBOX: usize = 64;

/// What every session works with. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Resources {
    /// The settings.
    pub settings: Arc<Settings>,
    /// Writes.
    pub database: Addr<Database>,
    /// Reads.
    pub reader: Reader,
    /// Starts agents.
    pub agents: Agents,
    /// Who may run an agent, of all projects together.
    pub slots: Slots,
    /// Gives code its colours.
    pub highlighter: Highlighter,
}

/// The session of one project.
#[derive(Debug)]
pub struct Session {
    project: Project,
    /// Which start of the project's session this is.
    epoch: u64,
    resources: Resources,
    /// What of the project may be read; none where the configured secrets are no patterns.
    policy: Option<Arc<Policy>>,
    exited: Recipient<SessionExited>,
    conversations: HashMap<ConversationId, Conversation>,
    /// Which conversation each viewer follows.
    following: HashMap<ViewerId, ConversationId>,
    /// The conversation that was started last: the one that a client means that names none.
    latest: Option<ConversationId>,
    /// Conversations whose end is awaited before the session answers that it is closed.
    closing: Vec<closing::Waiter>,
    /// Conversations that were deleted: nothing of them is loaded again.
    deleted: HashSet<ConversationId>,
    /// Stored conversations in which questions wait, to be gone on with as soon as there is room.
    unanswered: VecDeque<ConversationId>,
    /// No new conversation is begun.
    is_closing: bool,
    /// When the agents' memory was last looked at.
    memory_seen: Instant,
    /// When an agent last failed to start.
    start_failed: Option<Instant>,
    /// What viewers that came while the sandbox was tested are still to be told.
    awaits_proof: bool,
}

impl Session {
    /// A session that is yet to be started. It tells `exited` when it ends, for whatever reason.
    pub fn new(
        project: Project,
        epoch: u64,
        resources: Resources,
        exited: Recipient<SessionExited>,
    ) -> Self {
        let secrets = Secrets::new(&resources.settings.agent.secrets).ok();
        let policy = secrets.map(|secrets| Arc::new(Policy::new(project.dir.clone(), secrets)));
        Self {
            project,
            epoch,
            resources,
            policy,
            exited,
            conversations: HashMap::new(),
            following: HashMap::new(),
            latest: None,
            closing: Vec::new(),
            deleted: HashSet::new(),
            unanswered: VecDeque::new(),
            is_closing: false,
            memory_seen: Instant::now(),
            start_failed: None,
            awaits_proof: false,
        }
    }

    /// Starts the session on the current thread, with its mailbox set before anyone can write.
    pub fn launch(self) -> Addr<Self> {
        Self::create(move |context| {
            context.set_mailbox_capacity(MAILBOX);
            self
        })
    }

    /// Feeds an event to a conversation and does what follows from it.
    fn happen(&mut self, conversation: ConversationId, event: Event, context: &mut Context<Self>) {
        let Some(live) = self.conversations.get_mut(&conversation) else { return };
        live.touch();
        for effect in live.turns.on(event) {
            self.perform(conversation, effect, context);
        }
        if let Some(live) = self.conversations.get_mut(&conversation) {
            if let Some(place) = &live.place {
                place.set_idle(live.turns.is_idle());
            }
            live.deliver();
        }
    }

    fn perform(
        &mut self,
        conversation: ConversationId,
        effect: Effect,
        context: &mut Context<Self>,
    ) {
        let Some(live) = self.conversations.get_mut(&conversation) else { return };
        match effect {
            Effect::Tell(status) => live.tell(&status),
            Effect::TellPlace { turn, ahead } => live.tell_askers(turn, &turn::queued(ahead)),
            Effect::StartAhead => self.start_ahead(conversation, context),
            Effect::StandInLine => self.stand_in_line(conversation, context),
            Effect::LeaveLine => {
                if let Some(line) = live.line.take() {
                    context.cancel_future(line);
                }
            }
            Effect::StartAgent => self.start_agent(conversation, context),
            Effect::Ask(question) => self.ask(conversation, question, context),
            Effect::Interrupt => {
                live.stop_asked = Some(Instant::now());
                if let Some(Err(error)) = live.agent.as_ref().map(|agent| agent.interrupt()) {
                    log::info!("cannot interrupt conversation={conversation} error={error}");
                }
            }
            Effect::StopAgent => {
                if let Some(agent) = &live.agent {
                    agent.stop();
                }
            }
            Effect::BeginAfresh => {
                live.begin_afresh();
                let forget = SetAgentSession {
                    project: self.project.name.clone(),
                    conversation,
                    agent_session: None,
                };
                self.write_in_background(forget, context);
            }
            Effect::End { turn, content } => {
                live.end_turn(turn, content);
                self.store(conversation, context);
            }
        }
    }

    fn ask(
        &mut self,
        conversation: ConversationId,
        question: Question,
        context: &mut Context<Self>,
    ) {
        let Some(live) = self.conversations.get_mut(&conversation) else { return };
        if live.agent.as_ref().is_some_and(AgentHandle::is_outdated) {
            // The next one is of the program that has taken its place.
            log::info!("agent is replaced conversation={conversation} why=\"new program\"");
            return self.happen(conversation, Event::AgentOutdated(question), context);
        }
        let turn = question.turn;
        live.watch = Watch::new(Instant::now());
        live.askers.remove(&turn);
        live.note_carried(turn);
        let text = match std::mem::take(&mut live.knows) {
            Knowledge::Nothing => digest::wrap(&live.transcript, turn, &question.content),
            Knowledge::WithoutTheLast => digest::remind(&live.transcript, turn, &question.content),
            Knowledge::Everything => question.content,
        };
        let sent = match &live.agent {
            Some(agent) => agent.send_message(&text, uuid::Uuid::new_v4()),
            None => Err(crate::agent::AgentError::Gone),
        };
        self.write_in_background(
            BeginTurn { project: self.project.name.clone(), conversation, turn },
            context,
        );
        if let Err(error) = sent {
            self.happen(conversation, Event::NotSent(error.to_string()), context);
        }
    }

    /// Looks for what has taken too long.
    fn tick(&mut self, context: &mut Context<Self>) {
        let settings = Arc::clone(&self.resources.settings);
        let settings = &settings.agent;
        let now = Instant::now();
        let mut overdue = Vec::new();
        let mut leaving = Vec::new();
        for live in self.conversations.values() {
            if let Some(event) = overdue_of(live, now, settings) {
                overdue.push((live.id, event));
            }
            let unused = now - live.last_used;
            let alone = live.viewers() == 0 && live.turns.is_idle();
            let is_forgotten = alone && live.is_empty() && unused > EMPTY_KEPT;
            let is_asleep = live.is_at_rest() && unused > settings.idle_timeout;
            if is_forgotten || is_asleep {
                leaving.push(live.id);
            }
        }
        for (conversation, event) in overdue {
            self.note_start_that_hangs(conversation);
            self.end_checked(conversation, event, context);
        }
        for conversation in leaving {
            self.unload(conversation, context);
        }
        let patience = self.resources.settings.socket.stall_timeout;
        for live in self.conversations.values_mut() {
            live.hang_up_on_the_jammed(patience);
            live.tell_of_slow_disk();
        }
        self.watch_memory(context);
        self.look_after_memory(context);
        self.tell_proof();
        self.resume(context);
    }

    /// Tells viewers that came while the sandbox was tested what that came to.
    fn tell_proof(&mut self) {
        let proof = self.resources.agents.sandbox_status();
        if !self.awaits_proof || proof.newest().is_none() {
            return;
        }
        self.awaits_proof = false;
        let told = Notice::ReadOnly(self.read_only());
        for live in self.conversations.values_mut() {
            live.notify(&told);
            live.deliver();
        }
    }

    /// An agent that does not come up with its own session is started without it next time.
    fn note_start_that_hangs(&mut self, conversation: ConversationId) {
        let live = self.conversations.get_mut(&conversation);
        let Some(live) = live.filter(|live| live.turns.is_starting()) else { return };
        self.start_failed = Some(Instant::now());
        if live.is_resuming {
            live.agent_session = None;
        }
    }

    /// Looks for questions that waited when the server, or the session before this one, went.
    fn look_for_unanswered(&mut self, context: &mut Context<Self>) {
        let reader = self.resources.reader.clone();
        let found = async move { reader.ask(|reader| reader.unanswered()).await };
        context.spawn(found.into_actor(self).map(|found, session, context| match found {
            Ok(found) => {
                let own = found.into_iter().filter(|(project, _)| *project == session.project.name);
                session.unanswered = own.map(|(_, conversation)| conversation).collect();
                session.resume(context);
            }
            Err(error) => log::error!("cannot look for questions that wait error={error}"),
        }));
    }
}

/// What of a conversation has taken too long.
fn overdue_of(
    live: &Conversation,
    now: Instant,
    settings: &crate::config::settings::AgentSettings,
) -> Option<Event> {
    // One that is not read on, because the database is behind, is not silent.
    let watch = if live.is_held() { Watch::new(now) } else { live.watch };
    let silent = watch.silence(now);
    if live.turns.is_starting() && silent > settings.start_timeout {
        let words = format!(
            "the agent did not start within {} seconds and was ended; ask again, or see the \
             server's log",
            settings.start_timeout.as_secs()
        );
        return Some(Event::AgentMustEnd(words));
    }
    if live.turns.running().is_some() {
        let refused_to_stop = live.stop_asked.is_some_and(|at| now - at > settings.stop_timeout);
        let limits = (settings.silence_timeout, settings.progress_timeout);
        let overdue = watch.overdue(now, limits);
        if let Some(words) = overdue.or_else(|| refused_to_stop.then(|| watch::quiet(silent))) {
            return Some(Event::AgentMustEnd(words));
        }
    }
    let unused = now - live.last_used;
    let sleepy = live.turns.has_agent() && live.turns.is_idle();
    let is_outdated = || live.agent.as_ref().is_some_and(AgentHandle::is_outdated);
    (sleepy && (unused > settings.idle_timeout || is_outdated())).then_some(Event::Hibernate)
}

impl Actor for Session {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        log::info!("session started project={} epoch={}", self.project.name, self.epoch);
        context.run_interval(TICK, Self::tick);
        self.look_for_unanswered(context);
    }

    /// Runs after a panic too: the registry builds a new session then. The agents die with their
    /// handles, and the viewers notice that their demands are dropped.
    fn stopped(&mut self, _: &mut Self::Context) {
        let panicked = std::thread::panicking();
        let exited =
            SessionExited { project: self.project.name.clone(), epoch: self.epoch, panicked };
        self.exited.do_send(exited);
    }
}
