//! The session of one project, an actor: it owns the live conversations and their agents and alone
//! changes them.
//!
//! What a conversation remembers and decides is in [`crate::conversation`], without effects. Here
//! are the effects, a file per group of messages, each message beside its handler. A handler gets a
//! [`live::LiveConversation`] and works on it alone.
//!
//! A session awaits only what is below it: the database and the agents. Viewers and the registry
//! above it receive facts and are never awaited.

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
mod live;
mod load;
mod persist;
mod read_only;
mod references;

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use actix::{Actor, Addr, AsyncContext, Context, Message, Recipient};

use crate::{
    agent::{Agents, slots::Slots},
    config::settings::Settings,
    conversation::{Conversation, turn::TurnEvent, viewer::ViewerId},
    database::{Database, Reader},
    highlighter::Highlighter,
    ids::ConversationId,
    policy::{Policy, Secrets},
    project::{Project, ProjectName},
    wire::server_frame::Notice,
};

use live::{Environment, LiveConversation};

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
    env: Environment,
    /// Counts the starts of the project's session.
    epoch: u64,
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
    memory_sampled: Instant,
    /// Viewers came before the sandbox's self-test had a result, which they are shown when it has.
    awaits_sandbox_status: bool,
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
            env: Environment {
                project,
                resources,
                policy,
                start_failed: None,
                slot_waits: HashMap::new(),
            },
            epoch,
            exited,
            conversations: HashMap::new(),
            following: HashMap::new(),
            latest: None,
            closing: Vec::new(),
            deleted: HashSet::new(),
            unanswered: VecDeque::new(),
            is_closing: false,
            memory_sampled: Instant::now(),
            awaits_sandbox_status: false,
        }
    }

    /// Starts the session on the current thread, with its mailbox set before anyone can write.
    pub fn launch(self) -> Addr<Self> {
        Self::create(move |context| {
            context.set_mailbox_capacity(MAILBOX);
            self
        })
    }

    /// Looks for what has taken too long.
    fn tick(&mut self, context: &mut Context<Self>) {
        let settings = Arc::clone(&self.env.resources.settings);
        let settings = &settings.agent;
        let now = Instant::now();
        let mut overdue = Vec::new();
        let mut leaving = Vec::new();
        for live in self.conversations.values() {
            let unused = now - live.lifecycle.last_used;
            if let Some(event) = live.agent.overdue(&live.turns, unused, settings) {
                overdue.push((live.id, event));
            }
            let alone = live.audience.is_empty() && live.turns.is_idle();
            let is_forgotten = alone && live.is_empty() && unused > EMPTY_KEPT;
            let is_asleep = live.is_at_rest() && unused > settings.idle_timeout;
            if is_forgotten || is_asleep {
                leaving.push(live.id);
            }
        }
        for (conversation, event) in overdue {
            if let Some(mut live) = self.live(conversation, context) {
                live.on_overdue(event);
            }
        }
        for conversation in leaving {
            self.unload(conversation, context);
        }
        let patience = self.env.resources.settings.socket.stall_timeout;
        for live in self.conversations.values_mut() {
            live.audience.disconnect_stalled(patience);
            live.show_slow_disk();
        }
        self.sample_memory(context);
        self.evict_histories(context);
        self.show_sandbox_status();
        self.resume(context);
    }

    /// Tells viewers that came while the sandbox was tested what that came to.
    fn show_sandbox_status(&mut self) {
        let proof = self.env.resources.agents.sandbox_status();
        if !self.awaits_sandbox_status || proof.newest().is_none() {
            return;
        }
        self.awaits_sandbox_status = false;
        let told = Notice::ReadOnly(self.read_only());
        for live in self.conversations.values_mut() {
            live.audience.notify(&told);
            live.deliver();
        }
    }
}

impl LiveConversation<'_> {
    fn on_overdue(&mut self, event: TurnEvent) {
        if self.state.turns.is_starting() {
            self.env.start_failed = Some(Instant::now());
            if self.state.agent.is_resuming {
                // The next agent starts without the session that this one did not come up with.
                self.state.agent.session_id = None;
            }
        }
        self.end_checked(event);
    }
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
        log::info!("session started project={} epoch={}", self.env.project.name, self.epoch);
        context.run_interval(TICK, Self::tick);
        self.find_unanswered(context);
    }

    /// Runs after a panic too: the registry builds a new session then. The agents die with their
    /// handles, and the viewers notice that their demands are dropped.
    fn stopped(&mut self, _: &mut Self::Context) {
        let panicked = std::thread::panicking();
        let exited =
            SessionExited { project: self.env.project.name.clone(), epoch: self.epoch, panicked };
        self.exited.do_send(exited);
    }
}
