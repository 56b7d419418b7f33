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

pub(crate) mod agent_lifecycle;
pub(crate) mod agent_output;
pub(crate) mod attach;
pub(crate) mod close;
pub(crate) mod describe;
pub(crate) mod post;
pub(crate) mod rename;
pub(crate) mod viewers;

mod carry_over;
mod history_reload;
mod html_refresh;
mod persist;
mod read_only;
mod references;

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use actix::{
    Actor, ActorFutureExt as _, Addr, AsyncContext, Context, Message, Recipient, WrapFuture as _,
};

use crate::{
    agent::{AgentHandle, Agents, slots::Slots},
    config::settings::Settings,
    conversation::{
        Conversation,
        recap::{self, AgentKnowledge},
        turn::{self, QueuedQuestion, TurnEffect, TurnEvent},
        viewer::ViewerId,
        watchdog::{self, Watchdog},
    },
    database::{
        Database, Reader,
        messages::{BeginTurn, SetAgentSession},
    },
    highlighter::Highlighter,
    ids::ConversationId,
    policy::{Policy, Secrets},
    project::{Project, ProjectName},
    wire::server_frame::Notice,
};

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
    closing: Vec<close::CloseWaiter>,
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
    fn apply_event(
        &mut self,
        conversation: ConversationId,
        event: TurnEvent,
        context: &mut Context<Self>,
    ) {
        let Some(live) = self.conversations.get_mut(&conversation) else { return };
        live.touch();
        for effect in live.turns.on(event) {
            self.run_effect(conversation, effect, context);
        }
        if let Some(live) = self.conversations.get_mut(&conversation) {
            if let Some(place) = &live.slot {
                place.set_idle(live.turns.is_idle());
            }
            live.deliver();
        }
    }

    fn run_effect(
        &mut self,
        conversation: ConversationId,
        effect: TurnEffect,
        context: &mut Context<Self>,
    ) {
        let Some(live) = self.conversations.get_mut(&conversation) else { return };
        match effect {
            TurnEffect::ShowStatus(status) => live.tell(&status),
            TurnEffect::ShowQueuePosition { turn, ahead } => {
                live.tell_askers(turn, &turn::queued(ahead))
            }
            TurnEffect::TakeFreeSlot => self.start_ahead(conversation, context),
            TurnEffect::WaitForSlot => self.stand_in_line(conversation, context),
            TurnEffect::CancelSlotWait => {
                if let Some(line) = live.slot_wait.take() {
                    context.cancel_future(line);
                }
            }
            TurnEffect::StartAgent => self.start_agent(conversation, context),
            TurnEffect::SendQuestion(question) => self.ask(conversation, question, context),
            TurnEffect::InterruptAgent => {
                live.stop_asked = Some(Instant::now());
                if let Some(Err(error)) = live.agent.as_ref().map(|agent| agent.interrupt()) {
                    log::info!("cannot interrupt conversation={conversation} error={error}");
                }
            }
            TurnEffect::StopAgent => {
                if let Some(agent) = &live.agent {
                    agent.stop();
                }
            }
            TurnEffect::KillAgent => {
                if let Some(agent) = &live.agent {
                    agent.kill();
                }
            }
            TurnEffect::DropAgentSession => {
                live.begin_afresh();
                let forget = SetAgentSession {
                    project: self.project.name.clone(),
                    conversation,
                    agent_session: None,
                };
                self.write_in_background(forget, context);
            }
            TurnEffect::EndTurn { turn, content } => {
                live.end_turn(turn, content);
                self.store(conversation, context);
            }
        }
    }

    fn ask(
        &mut self,
        conversation: ConversationId,
        question: QueuedQuestion,
        context: &mut Context<Self>,
    ) {
        let Some(live) = self.conversations.get_mut(&conversation) else { return };
        if live.agent.as_ref().is_some_and(AgentHandle::is_outdated) {
            // The next one is of the program that has taken its place.
            log::info!("agent is replaced conversation={conversation} why=\"new program\"");
            return self.apply_event(conversation, TurnEvent::AgentOutdated(question), context);
        }
        let turn = question.turn;
        live.watchdog = Watchdog::new(Instant::now());
        live.askers.remove(&turn);
        live.note_carried(turn);
        let text = match std::mem::take(&mut live.agent_knowledge) {
            AgentKnowledge::Nothing => recap::with_recap(&live.transcript, turn, &question.content),
            AgentKnowledge::WithoutTheLast => {
                recap::with_cut_off_answer(&live.transcript, turn, &question.content)
            }
            AgentKnowledge::Everything => question.content,
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
            self.apply_event(conversation, TurnEvent::SendFailed(error.to_string()), context);
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
            live.disconnect_stalled_viewers(patience);
            live.tell_of_slow_disk();
        }
        self.watch_memory(context);
        self.evict_histories(context);
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
) -> Option<TurnEvent> {
    // One that is not read on, because the database is behind, is not silent.
    let watch = if live.is_held() { Watchdog::new(now) } else { live.watchdog };
    let silent = watch.silence(now);
    if live.turns.is_starting() && silent > settings.start_timeout {
        let words = format!(
            "the agent did not start within {} seconds and was ended; ask again, or see the \
             server's log",
            settings.start_timeout.as_secs()
        );
        return Some(TurnEvent::AgentOverdue(words));
    }
    if live.turns.running().is_some() {
        let refused_to_stop = live.stop_asked.is_some_and(|at| now - at > settings.stop_timeout);
        let limits = (settings.silence_timeout, settings.progress_timeout);
        let overdue = watch.overdue(now, limits);
        if let Some(words) = overdue.or_else(|| refused_to_stop.then(|| watchdog::quiet(silent))) {
            return Some(TurnEvent::AgentOverdue(words));
        }
    }
    let unused = now - live.last_used;
    let sleepy = live.turns.has_agent() && live.turns.is_idle();
    let is_outdated = || live.agent.as_ref().is_some_and(AgentHandle::is_outdated);
    (sleepy && (unused > settings.idle_timeout || is_outdated())).then_some(TurnEvent::Hibernate)
}

/// A session has ended.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub struct SessionExited {
    /// Its project.
    pub project: ProjectName,
    /// Which start of the project's session it was.
    pub epoch: u64,
    /// Whether it failed, instead of being closed.
    pub panicked: bool,
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
