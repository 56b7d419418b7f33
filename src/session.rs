//! A session: one actor per project. It owns the project's live conversations and their agents,
//! and is the only one that changes them.
//!
//! * [`turn`] decides, [`transcript`] remembers, [`conversation`] ties them together: no effects.
//! * `attach`, `asking`, `output`, `storing` and `closing` are the handlers, by what they are
//!   about: viewers that come, viewers that speak, agents that speak, the database, the end.
//!
//! What it awaits is below it (the database, agents); what is above it (viewers, the registry)
//! learns facts and is never waited for.

pub mod conversation;
pub mod messages;
pub mod subscriber;
pub mod transcript;
pub mod turn;

mod asking;
mod attach;
mod closing;
mod digest;
mod output;
mod storing;

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use actix::{Actor, ActorFutureExt as _, Addr, AsyncContext, Context, Recipient, WrapFuture as _};

use tokio::sync::Semaphore;

use crate::{
    agent::{AgentKind, Agents, StartAgent},
    config::settings::Settings,
    database::{Database, Reader, messages::BeginTurn},
    project::Project,
};

use conversation::Conversation;
use messages::{SessionExited, ViewerId};
use turn::{Effect, Event, Question};

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
    /// How many more agents may run at once, of all projects together.
    pub places: Arc<Semaphore>,
}

/// The session of one project.
#[derive(Debug)]
pub struct Session {
    project: Project,
    /// Which start of the project's session this is.
    epoch: u64,
    resources: Resources,
    exited: Recipient<SessionExited>,
    conversations: HashMap<i64, Conversation>,
    /// Which conversation each viewer follows.
    following: HashMap<ViewerId, i64>,
    /// The conversation that was started last: the one that a client means that names none.
    latest: Option<i64>,
    /// Conversations whose end is awaited before the session answers that it is closed.
    closing: Vec<closing::Waiter>,
    /// Conversations that were deleted: nothing of them is loaded again.
    deleted: HashSet<i64>,
    /// Stored conversations in which questions wait, to be gone on with as soon as there is room.
    unanswered: VecDeque<i64>,
    /// No new conversation is begun.
    is_closing: bool,
}

impl Session {
    /// A session that is yet to be started. It tells `exited` when it ends, for whatever reason.
    pub fn new(
        project: Project,
        epoch: u64,
        resources: Resources,
        exited: Recipient<SessionExited>,
    ) -> Self {
        Self {
            project,
            epoch,
            resources,
            exited,
            conversations: HashMap::new(),
            following: HashMap::new(),
            latest: None,
            closing: Vec::new(),
            deleted: HashSet::new(),
            unanswered: VecDeque::new(),
            is_closing: false,
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
    fn happen(&mut self, conversation: i64, event: Event, context: &mut Context<Self>) {
        let Some(live) = self.conversations.get_mut(&conversation) else { return };
        live.last_used = Instant::now();
        for effect in live.turns.on(event) {
            self.perform(conversation, effect, context);
        }
        if let Some(live) = self.conversations.get_mut(&conversation) {
            live.deliver();
        }
    }

    fn perform(&mut self, conversation: i64, effect: Effect, context: &mut Context<Self>) {
        let Some(live) = self.conversations.get_mut(&conversation) else { return };
        match effect {
            Effect::Tell(status) => live.tell(&status),
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
            Effect::End { turn, content } => {
                live.stop_asked = None;
                live.asked.clear();
                let seq = live.transcript.push(turn, content, true);
                live.held.push(seq);
                self.store(conversation, context);
            }
        }
    }

    fn start_agent(&mut self, conversation: i64, context: &mut Context<Self>) {
        let Ok(place) = Arc::clone(&self.resources.places).try_acquire_owned() else {
            return self.no_place(conversation, context);
        };
        let Some(live) = self.conversations.get_mut(&conversation) else { return };
        live.epoch += 1;
        live.last_output = Instant::now();
        let start = StartAgent {
            conversation,
            epoch: live.epoch,
            project: self.project.clone(),
            session: live.agent_session(),
        };
        let me = context.address();
        let started = self.resources.agents.start(start, me.clone().recipient(), me.recipient());
        match started {
            Ok(agent) => {
                // Only a language model gains from being told what was said before.
                let forgot = live.agent_session.is_none() && live.transcript.has_user_message();
                live.needs_digest = forgot && agent.kind() == AgentKind::Claude;
                live.is_resuming = live.agent_session.is_some();
                live.agent = Some(agent);
                live.place = Some(place);
            }
            Err(error) => {
                log::warn!("cannot start an agent project={} error={error}", self.project.name);
                let failed = Event::StartFailed(error.to_string());
                // The cause is the same for every question that waits.
                self.happen(conversation, failed, context);
            }
        }
    }

    /// As many agents run as may. The one of this project that has been idle for longest goes, so
    /// that there is a place when the question is asked again.
    fn no_place(&mut self, conversation: i64, context: &mut Context<Self>) {
        let most = self.resources.settings.limits.agents;
        log::warn!("no place for an agent project={} running={most}", self.project.name);
        let idle = self
            .conversations
            .values()
            .filter(|live| live.id != conversation && live.agent.is_some() && live.turns.is_idle());
        if let Some(idlest) = idle.min_by_key(|live| live.last_used).map(|live| live.id) {
            self.happen(idlest, Event::Hibernate, context);
        }
        let words = format!(
            "as many agents run as may at once (limits.agents is {most}); ask again in a moment"
        );
        self.happen(conversation, Event::StartFailed(words), context);
    }

    fn ask(&mut self, conversation: i64, question: Question, context: &mut Context<Self>) {
        let Some(live) = self.conversations.get_mut(&conversation) else { return };
        let turn = question.turn;
        live.last_output = Instant::now();
        let text = match std::mem::take(&mut live.needs_digest) {
            true => digest::wrap(&live.transcript, turn, &question.content),
            false => question.content,
        };
        let sent = match &live.agent {
            Some(agent) => agent.send_message(&text, uuid::Uuid::new_v4()),
            None => Err(crate::agent::AgentError::Gone),
        };
        self.write_in_background(BeginTurn { conversation, turn }, context);
        if let Err(error) = sent {
            self.happen(conversation, Event::AgentMustEnd(error.to_string()), context);
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
            self.forget_session_that_hangs(conversation);
            self.happen(conversation, event, context);
        }
        for conversation in leaving {
            self.unload(conversation, context);
        }
        self.resume(context);
    }

    /// An agent that does not come up with its own session is started without it next time.
    fn forget_session_that_hangs(&mut self, conversation: i64) {
        if let Some(live) = self.conversations.get_mut(&conversation)
            && live.turns.is_starting()
            && live.is_resuming
        {
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
    let silent = now - live.last_output;
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
        if refused_to_stop || silent > settings.silence_timeout {
            let words = format!(
                "the agent said nothing for {} seconds and was ended; what it said until then is \
                 kept; ask again",
                silent.as_secs()
            );
            return Some(Event::AgentMustEnd(words));
        }
    }
    let unused = now - live.last_used;
    let sleepy = live.turns.has_agent() && live.turns.is_idle();
    (sleepy && unused > settings.idle_timeout).then_some(Event::Hibernate)
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
