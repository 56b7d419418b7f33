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
pub(crate) mod list;
pub(crate) mod post;
pub(crate) mod reactions;
pub(crate) mod rename;
mod send_question;
pub(crate) mod sharing;
pub(crate) mod viewers;

mod carry_over;
mod fitting_notes;
mod history_reload;
mod html_refresh;
mod live;
mod load;
mod persist;
mod read_only;
mod references;

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use actix::{Actor, ActorContext as _, Addr, AsyncContext, Context, Handler, Message, Recipient};

use crate::{
    agent::{Agents, slots::Slots},
    cluster::Cluster,
    config::settings::{Live, Settings},
    conversation::{Conversation, list_log::ListLog, turn::TurnEvent, viewer::ViewerId},
    database::{Database, Reader},
    drawing::Drawings,
    ids::ConversationId,
    project::{Project, ProjectName},
    reader::{Readers, code::CodeHighlighter},
    repositories::Repositories,
    rights::Ownership,
    telemetry::Telemetry,
    webhook::Webhooks,
    wire::{Dialect, server_frame::Notice},
};

use live::{Environment, LiveConversation};

/// Interval between checks of timeouts.
const TICK: Duration = Duration::from_millis(500);

/// Time that a conversation without questions is kept after its last viewer, so that a page that
/// reconnects finds it.
const EMPTY_KEPT: Duration = Duration::from_secs(10);

/// Mailbox capacity, beyond one message of each sender.
const MAILBOX: usize = 64;

/// What every session works with. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Resources {
    /// The validated configuration of the start.
    pub settings: Arc<Settings>,
    /// What a reload of the configuration changes.
    pub live: Live,
    /// For writes.
    pub database: Addr<Database>,
    /// For reads.
    pub reader: Reader,
    /// Starts agent processes.
    pub agents: Agents,
    /// Agent slots of all projects together.
    pub slots: Slots,
    /// Read the projects' files.
    pub readers: Readers,
    /// Highlights the code of answers.
    pub highlighter: CodeHighlighter,
    /// Draws their diagrams and formulas.
    pub drawings: Drawings,
    /// Fetch the projects from git.
    pub(crate) repositories: Repositories,
    /// Tell other servers what happens.
    pub(crate) webhooks: Webhooks,
    /// Tells a collector what turns take.
    pub(crate) telemetry: Telemetry,
    /// Which projects this node may write.
    pub(crate) cluster: Cluster,
}

/// The actor of one project.
#[derive(Debug)]
pub struct Session {
    env: Environment,
    /// Counts the starts of the project's session.
    epoch: u64,
    exited: Recipient<SessionExited>,
    conversations: HashMap<ConversationId, Conversation>,
    /// The conversation that each viewer follows.
    following: HashMap<ViewerId, ConversationId>,
    /// The newest conversation, for clients that name none.
    latest: Option<ConversationId>,
    /// Requests to close, which wait for agents and for the database.
    closing: Vec<close::CloseWaiter>,
    /// Deleted conversations, which are not loaded again, and whose they were.
    deleted: HashMap<ConversationId, Ownership>,
    /// How often it was changed who may read a conversation.
    shares: u64,
    /// The newest of these changes of each conversation, and what it left.
    shared: HashMap<ConversationId, (u64, Ownership)>,
    /// Viewers whose conversation was closed to them, and who are still to be told.
    disconnected: HashMap<ViewerId, Dialect>,
    /// Stored conversations with waiting questions, to be loaded as soon as there is room.
    unanswered: VecDeque<ConversationId>,
    /// No conversation becomes live any more.
    is_closing: bool,
    /// When the agents' memory was last sampled.
    memory_sampled: Instant,
    /// Viewers wait for the result of the sandbox's self-test.
    awaits_sandbox_status: bool,
}

impl Session {
    /// A session that is not started. It reports its end to `exited`, whatever the reason.
    pub fn new(
        project: Project,
        epoch: u64,
        resources: Resources,
        exited: Recipient<SessionExited>,
    ) -> Self {
        Self {
            env: Environment {
                project,
                resources,
                start_failed: None,
                slot_waits: HashMap::new(),
                list: ListLog::default(),
                has_notes: false,
            },
            epoch,
            exited,
            conversations: HashMap::new(),
            following: HashMap::new(),
            latest: None,
            closing: Vec::new(),
            deleted: HashMap::new(),
            shares: 0,
            shared: HashMap::new(),
            disconnected: HashMap::new(),
            unanswered: VecDeque::new(),
            is_closing: false,
            memory_sampled: Instant::now(),
            awaits_sandbox_status: false,
        }
    }

    /// Starts the session on this thread, with the mailbox capacity set before anyone can send.
    pub fn launch(self) -> Addr<Self> {
        Self::create(move |context| {
            context.set_mailbox_capacity(MAILBOX);
            self
        })
    }

    /// Checks timeouts, and cleans up.
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

    /// Shows viewers the result of the sandbox's self-test once it is there.
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
                // The next agent starts without this session, which did not come up.
                self.state.agent.session = None;
            }
        }
        self.end_checked(event);
    }
}

/// Ends the session at once, as its project is another node's by now: nothing can be written any more.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) struct Abandon;

impl Handler<Abandon> for Session {
    type Result = ();

    fn handle(&mut self, _: Abandon, context: &mut Self::Context) {
        log::warn!("session abandoned project={} epoch={}", self.env.project.name, self.epoch);
        context.stop();
    }
}

/// Reports the end of a session.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub struct SessionExited {
    /// The project of the session.
    pub project: ProjectName,
    /// Counts the starts of the project's session.
    pub epoch: u64,
    /// It panicked and was not closed.
    pub panicked: bool,
}

impl Actor for Session {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        log::info!("session started project={} epoch={}", self.env.project.name, self.epoch);
        context.run_interval(TICK, Self::tick);
        self.find_unanswered(context);
        self.look_for_notes(context);
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
