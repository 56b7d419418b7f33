//! An agent: a command line that reads a project and speaks a line protocol on stdin and stdout.
//! This is the only part of the program that starts processes. It knows nothing of turns'
//! history, of viewers or of the database: a session gets events and an exit.

pub mod event;
mod handle;
mod messages;
pub(crate) mod prompt;
pub(crate) mod slots;

pub mod codec;
pub mod process;
pub mod sandbox;

mod claude;
mod conversation_lock;
mod directories;
mod executable;
mod guide;
mod invocation;
mod program;
mod run;
mod run_once;
mod sandbox_test;

use std::{
    env,
    ffi::OsString,
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use actix::Recipient;
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::{
    config::settings::{AgentSettings, Limits},
    ids::ConversationId,
    policy::{InvalidSecret, Secrets},
    project::{Project, ProjectName},
};
use claude::{Home, Login};
use conversation_lock::ConversationLocks;
use directories::Directories;
use executable::LaunchedExecutable;
use invocation::LaunchRequest;
use process::{control::ProcessControl, disk_quota, spawner::Spawner};
use program::{RestrictedSupport, find_claude};
use run::{AgentRun, INPUT_LINES};
use sandbox::status::SandboxStatus;

pub use claude::Account;
pub use handle::AgentHandle;
pub use messages::{AgentExit, AgentExited, AgentOutput, Flow};

/// Starts agents as the settings say. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Agents {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    settings: AgentSettings,
    limits: Limits,
    data_dir: PathBuf,
    server: Server,
    secrets: Result<Secrets, InvalidSecret>,
    spawner: Spawner,
    sandbox_status: SandboxStatus,
    /// What is known of programs that were asked.
    restricted: RestrictedSupport,
    /// Held by the agent of a conversation while what is kept of it is used.
    conversation_locks: ConversationLocks,
}

/// The server as agents see it.
#[derive(Debug)]
pub struct Server {
    /// The `cicerone` program: launcher, guide and feature tools.
    pub program: io::Result<PathBuf>,
    /// The server's environment, of which an agent gets a part.
    pub environment: Vec<(OsString, OsString)>,
}

/// Which agent answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgentKind {
    /// The Claude Code CLI.
    Claude,
    /// The built-in guide.
    Guide,
}

/// Stands for a conversation where there is none.
pub const NO_CONVERSATION: ConversationId = ConversationId(0);

/// What starting an agent depends on.
#[derive(Debug, Clone)]
pub struct StartAgent {
    /// Comes back with everything that the agent says; [`NO_CONVERSATION`] keeps nothing of it.
    pub conversation: ConversationId,
    /// Comes back too: tells a new agent's words from those of an older one.
    pub epoch: u64,
    /// The project that it answers about.
    pub project: Project,
    /// The conversation on the agent's side.
    pub session: AgentSession,
}

/// The conversation as the agent itself knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgentSession {
    /// A new one under this id, which was never used before.
    New(Uuid),
    /// One that was begun under this id.
    Resume(Uuid),
}

/// Why an agent cannot be started or spoken to.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// No `claude` program on the `PATH`.
    #[error(
        "the `claude` program is not on the server's PATH: install it with `npm install -g \
         @anthropic-ai/claude-code`, name it with `claude` in the settings, or choose the \
         built-in guide"
    )]
    ClaudeNotFound,
    /// The configured program cannot be run.
    #[error(
        "the configured `claude` program {0:?} cannot be run: correct the path in the settings or \
         make the file executable"
    )]
    ProgramUnusable(PathBuf),
    /// This program does not know its own path.
    #[error("cannot find this program's own file, which starts agents: {0}")]
    OwnProgram(String),
    /// A glob of secret files is wrong; without it the files would be open.
    #[error("no agent is started: {0}")]
    Secrets(#[from] InvalidSecret),
    /// Too many lines wait for the agent.
    #[error("the agent does not take what it is sent; stop the turn or ask again in a moment")]
    Busy,
    /// The agent has ended.
    #[error("the agent has ended; the next message starts it again")]
    Gone,
}

impl AgentError {
    /// What is wrong, without a path: for whoever may know none.
    pub fn cause(&self) -> &'static str {
        match self {
            Self::ClaudeNotFound => "the `claude` program is not installed",
            Self::ProgramUnusable(_) => "the configured `claude` program cannot be run",
            Self::OwnProgram(_) => "the server does not find its own program",
            Self::Secrets(_) => "the list of secret files is wrong",
            Self::Busy | Self::Gone => "the agent has ended",
        }
    }

    /// Whether the agent's program is missing or cannot be run.
    pub fn is_about_program(&self) -> bool {
        matches!(self, Self::ClaudeNotFound | Self::ProgramUnusable(_))
    }
}

impl AgentKind {
    /// The name in settings and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Claude => "claude",
            Self::Guide => "guide",
        }
    }
}

impl fmt::Display for AgentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl AgentSession {
    /// The id.
    pub fn id(self) -> Uuid {
        match self {
            Self::New(id) | Self::Resume(id) => id,
        }
    }
}

impl Agents {
    /// Agents of this process, with their state under `data_dir`.
    pub fn new(settings: &AgentSettings, limits: &Limits, data_dir: &Path) -> Self {
        let server = Server { program: env::current_exe(), environment: env::vars_os().collect() };
        Self::of(server, settings, limits, data_dir)
    }

    /// As [`Agents::new`], for a caller that is not the `cicerone` program itself.
    pub fn of(server: Server, settings: &AgentSettings, limits: &Limits, data_dir: &Path) -> Self {
        let program = server.program.as_ref();
        let spawner = Spawner::new(program.map_or_else(|_| PathBuf::new(), Clone::clone));
        Self {
            inner: Arc::new(Inner {
                settings: settings.clone(),
                limits: limits.clone(),
                data_dir: data_dir.to_owned(),
                server,
                secrets: Secrets::new(&settings.secrets),
                spawner,
                sandbox_status: SandboxStatus::new(settings.sandbox),
                restricted: RestrictedSupport::default(),
                conversation_locks: ConversationLocks::default(),
            }),
        }
    }

    /// Which agent would answer now, or why none can. Starts nothing.
    pub fn kind(&self) -> Result<AgentKind, AgentError> {
        Ok(match find_claude(&self.inner.settings, &self.inner.server)? {
            Some(_) => AgentKind::Claude,
            None => AgentKind::Guide,
        })
    }

    /// Starts an agent; must be called on an actor's thread. It returns before there is a
    /// process: what goes wrong later, a failed start included, is told by [`AgentExited`].
    pub fn start(
        &self,
        start: StartAgent,
        output: Recipient<AgentOutput>,
        exited: Recipient<AgentExited>,
    ) -> Result<AgentHandle, AgentError> {
        let conversation = (start.conversation != NO_CONVERSATION).then_some(start.conversation);
        let request = self.launch_request(start.project, conversation, start.session)?;
        let executable =
            LaunchedExecutable::new(request.claude.as_ref().unwrap_or(&request.cicerone));
        let kind = match request.claude {
            Some(_) => AgentKind::Claude,
            None => AgentKind::Guide,
        };
        let control = Arc::new(ProcessControl::new());
        let (input, lines) = mpsc::channel(INPUT_LINES);
        let run = AgentRun {
            agents: self.clone(),
            request,
            conversation: start.conversation,
            epoch: start.epoch,
            kind,
            control: Arc::clone(&control),
            input: input.clone(),
            lines,
            output,
        };
        // The channel is empty, so the first line always has room.
        input.try_send(codec::command::handshake()).ok();
        actix::spawn(run::run(run, exited));
        Ok(AgentHandle { kind, executable, control, input })
    }

    /// What the newest self-test came to.
    pub fn sandbox_status(&self) -> &SandboxStatus {
        &self.inner.sandbox_status
    }

    /// Removes what agents of a server left behind that was killed. Only while none runs.
    pub fn clear(&self) {
        let place = Directories::new(&self.inner.data_dir);
        let login = Login::of(&self.inner.server.environment);
        for home in Home::left(&place) {
            login.iter().for_each(|login| home.take_back(login.clone()));
            home.close();
        }
        for dir in [place.prompts, place.temporary, place.homes, place.self_tests] {
            if let Err(error) = disk_quota::clear(&dir) {
                log::warn!("cannot remove what agents left dir={dir:?} error={error}");
            }
        }
    }

    /// Removes what agents keep of a conversation that was deleted. Its agent has ended. Blocks.
    pub fn forget(&self, project: &ProjectName, conversation: ConversationId) {
        let place = Directories::new(&self.inner.data_dir);
        claude::home::forget(&place.of_conversation(project, conversation));
    }

    /// Whose account Claude Code would use.
    pub fn account(&self) -> Account {
        claude::account(&self.inner.server.environment, &self.inner.data_dir)
    }

    /// What is needed to start an agent for `project`.
    fn launch_request(
        &self,
        project: Project,
        conversation: Option<ConversationId>,
        session: AgentSession,
    ) -> Result<LaunchRequest, AgentError> {
        let claude = find_claude(&self.inner.settings, &self.inner.server)?;
        self.launch_request_for(claude, project, conversation, session)
    }

    /// As [`Agents::launch_request`], for one of which nothing is kept, also where the program is missing:
    /// this one stands in its place then.
    fn trial_request(&self, project: Project) -> Result<LaunchRequest, AgentError> {
        let claude = match find_claude(&self.inner.settings, &self.inner.server) {
            Err(error) if error.is_about_program() => {
                self.inner.server.program.as_ref().ok().cloned()
            }
            claude => claude?,
        };
        self.launch_request_for(claude, project, None, AgentSession::New(Uuid::new_v4()))
    }

    fn launch_request_for(
        &self,
        claude: Option<PathBuf>,
        project: Project,
        conversation: Option<ConversationId>,
        session: AgentSession,
    ) -> Result<LaunchRequest, AgentError> {
        let inner = &self.inner;
        let cicerone = match &inner.server.program {
            Ok(path) => path.clone(),
            Err(error) => return Err(AgentError::OwnProgram(error.to_string())),
        };
        let secrets = inner.secrets.clone()?;
        Ok(LaunchRequest {
            inner: Arc::clone(inner),
            project,
            conversation,
            session,
            claude,
            is_restricted: false,
            cicerone,
            secrets,
            id: Uuid::new_v4(),
        })
    }
}
