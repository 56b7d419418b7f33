//! Agents: child processes that answer questions about a project over a line protocol.
//! This is the only module that starts processes. It knows neither history nor viewers nor the database:
//! a session gets events and an exit.

pub mod event;
mod handle;
mod messages;
pub(crate) mod prompt;
pub(crate) mod slots;

pub mod codec;
pub mod process;
pub mod sandbox;

mod acp;
mod choice;
mod claude;
mod conversation_lock;
mod directories;
mod executable;
pub(crate) mod git;
mod git_helper;
mod guide;
mod instructions;
mod invocation;
mod kind;
mod model;
mod own_process;
mod program;
mod reachable;
mod record;
mod remove_dir;
mod replay;
mod run;
mod run_once;
mod sandbox_test;

use std::{
    env,
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use actix::Recipient;
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::{
    config::settings::{AgentSettings, Limits, Live, Settings, agents::AgentName},
    ids::ConversationId,
    policy::{InvalidSecret, Secrets},
    project::{Project, ProjectName, absence::Absences},
    tools::ProjectTools,
};
use acp::AcpHome;
use choice::AgentProgram;
use claude::{Home, Login, LoginCheck};
use conversation_lock::ConversationLocks;
use directories::Directories;
use executable::LaunchedExecutable;
use invocation::LaunchRequest;
use process::{control::ProcessControl, spawner::Spawner};
use program::RestrictedSupport;
use reachable::ReachableServices;
use record::Recordings;
use run::{AgentRun, INPUT_LINES};
use sandbox::status::SandboxStatus;

pub use choice::NoModel;
pub(crate) use choice::{AgentChosen, PERSONAL_LOGIN};
pub use claude::Account;
pub(crate) use claude::AccountOwner;
pub use handle::AgentHandle;
pub use kind::AgentKind;
pub use messages::{AgentExit, AgentExited, AgentOutput, Flow};
pub(crate) use own_process::{OwnProcess, ProcessLife};

/// Starts agents as the settings say. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Agents {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    settings: AgentSettings,
    live: Live,
    limits: Limits,
    data_dir: PathBuf,
    server: Server,
    secrets: Result<Secrets, InvalidSecret>,
    spawner: Spawner,
    sandbox_status: SandboxStatus,
    login: LoginCheck,
    reachable: ReachableServices,
    restricted: RestrictedSupport,
    conversation_locks: ConversationLocks,
    recordings: Option<Recordings>,
    absences: Absences,
}

/// What agents get from the server.
#[derive(Debug)]
pub struct Server {
    /// The `cicerone` program, which is also launcher, guide and feature server.
    pub program: io::Result<PathBuf>,
    /// The server's environment, of which agents get a part.
    pub environment: Vec<(OsString, OsString)>,
}

/// The id of an agent without a conversation.
pub const NO_CONVERSATION: ConversationId = ConversationId(0);

/// The parameters of a start.
#[derive(Debug, Clone)]
pub struct StartAgent {
    /// Returned with all output; nothing is kept for [`NO_CONVERSATION`].
    pub conversation: ConversationId,
    /// Returned too: separates a new agent's output from an older one's.
    pub epoch: u64,
    /// The project to answer about.
    pub project: Project,
    /// The agent's own session.
    pub session: AgentSession,
    /// The agent that a person asked for; `None` for the one of the settings.
    pub agent: Option<AgentName>,
    /// Runs its calls of the project's tools; `None` for an agent that is only tried.
    pub tools: Option<Arc<dyn ProjectTools>>,
    /// What it is told of the trace of its turn (W3C Trace Context), where one is made.
    pub trace_context: Option<String>,
}

/// The agent's own session of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgentSession {
    /// A new one under this unused id.
    New(Uuid),
    /// An earlier one.
    Resume(Uuid),
}

/// Why an agent cannot be started or spoken to.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// There is no `claude` program on the `PATH`.
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
    /// The account is that of one person, and others can ask.
    #[error("{PERSONAL_LOGIN}")]
    PersonalLogin,
    /// The server's own program cannot be found.
    #[error("cannot find this program's own file, which starts agents: {0}")]
    OwnProgram(String),
    /// The file of an agent that plays a recording cannot be played.
    #[error(
        "the recording {0:?} cannot be played: {1}; correct `file` in the agent's table, or record \
         anew"
    )]
    Recording(PathBuf, String),
    /// A glob of secret files is invalid; ignoring it would expose the files.
    #[error("no agent is started: {0}")]
    Secrets(#[from] InvalidSecret),
    /// The agent's input queue is full.
    #[error("the agent does not read its input; stop the turn or ask again in a moment")]
    Busy,
    /// The agent has ended.
    #[error("the agent has ended; the next message starts it again")]
    Gone,
}

impl AgentError {
    /// The cause without paths, for people who may not see them.
    pub fn cause(&self) -> &'static str {
        match self {
            Self::ClaudeNotFound => "the `claude` program is not installed",
            Self::ProgramUnusable(_) => "the configured `claude` program cannot be run",
            Self::PersonalLogin => "the account on the server is one person's login",
            Self::OwnProgram(_) => "the server cannot find its own program",
            Self::Recording(..) => "the agent's recording cannot be played",
            Self::Secrets(_) => "the list of secret files is wrong",
            Self::Busy | Self::Gone => "the agent has ended",
        }
    }

    /// Whether the agent's program is missing, cannot be run or may not be used.
    pub fn is_about_program(&self) -> bool {
        matches!(self, Self::ClaudeNotFound | Self::ProgramUnusable(_) | Self::PersonalLogin)
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
    /// Agents of this process, with their state under the data directory.
    pub fn new(settings: &Settings, live: Live) -> Self {
        let server = Server { program: env::current_exe(), environment: env::vars_os().collect() };
        Self::of(server, &settings.agent, live, &settings.limits, &settings.data_dir)
    }

    /// As [`Agents::new`], for a caller that is not the `cicerone` program itself.
    pub fn of(
        server: Server,
        settings: &AgentSettings,
        live: Live,
        limits: &Limits,
        data_dir: &Path,
    ) -> Self {
        let program = server.program.as_ref();
        let spawner = Spawner::new(program.map_or_else(|_| PathBuf::new(), Clone::clone));
        Self {
            inner: Arc::new(Inner {
                settings: settings.clone(),
                live,
                limits: limits.clone(),
                data_dir: data_dir.to_owned(),
                server,
                secrets: Secrets::new(&settings.secrets),
                spawner,
                sandbox_status: SandboxStatus::new(settings.sandbox),
                login: LoginCheck::default(),
                reachable: ReachableServices::default(),
                restricted: RestrictedSupport::default(),
                conversation_locks: ConversationLocks::default(),
                recordings: settings.record.as_deref().map(Recordings::new),
                absences: Absences::default(),
            }),
        }
    }

    /// Starts an agent, from an actor's thread. Returns before there is a process: later failures, also
    /// of the start, are reported by [`AgentExited`].
    pub fn start(
        &self,
        start: StartAgent,
        output: Recipient<AgentOutput>,
        exited: Recipient<AgentExited>,
    ) -> Result<AgentHandle, AgentError> {
        let conversation = (start.conversation != NO_CONVERSATION).then_some(start.conversation);
        let chosen = self.choose(Some(&start.project.name), start.agent.as_ref())?;
        let (name, kind) = (chosen.name, chosen.program.kind());
        let dialect = chosen.program.lines();
        let request = self.launch_request(
            chosen.program,
            start.project.clone(),
            conversation,
            start.session,
        )?;
        let executable =
            LaunchedExecutable::new(request.program.claude().unwrap_or(&request.cicerone));
        let control = Arc::new(ProcessControl::new());
        let (project, started_in) = (start.project.clone(), Arc::default());
        let (input, lines) = mpsc::channel(INPUT_LINES);
        let run = AgentRun {
            project: start.project,
            agents: self.clone(),
            request,
            conversation: start.conversation,
            epoch: start.epoch,
            name: name.clone(),
            kind,
            started_in: Arc::clone(&started_in),
            control: Arc::clone(&control),
            dialect: dialect.clone(),
            input: input.clone(),
            lines,
            output,
            tools: start.tools,
            trace_context: start.trace_context,
        };
        // The channel is empty, so this cannot fail.
        input.try_send(dialect.handshake()).ok();
        actix::spawn(run::run(run, exited));
        Ok(AgentHandle { name, kind, executable, project, started_in, control, dialect, input })
    }

    /// The newest self-test of the sandbox.
    pub fn sandbox_status(&self) -> &SandboxStatus {
        &self.inner.sandbox_status
    }

    /// Removes the leftovers of a killed server's agents. Only while no agent runs.
    pub fn clear(&self) {
        let place = Directories::new(&self.inner.data_dir);
        let login = Login::of(&self.inner.server.environment);
        for home in Home::left(&place) {
            login.iter().for_each(|login| home.take_back(login.clone()));
            home.close();
        }
        AcpHome::left(&place).iter().for_each(AcpHome::close);
        for dir in [place.prompts, place.temporary, place.homes, place.self_tests] {
            if let Err(error) = remove_dir::remove_dir_all(&dir) {
                log::warn!("cannot remove what agents left dir={dir:?} error={error}");
            }
        }
    }

    /// Removes the transcripts of a deleted conversation, after its agent's end. Blocks.
    pub fn forget(&self, project: &ProjectName, conversation: ConversationId) {
        let place = Directories::new(&self.inner.data_dir);
        claude::home::forget(&place.of_conversation(project, conversation));
        claude::home::forget(&place.sessions_of(project, conversation));
    }

    /// The account that Claude Code would use.
    pub fn account(&self) -> Account {
        claude::account(&self.inner.server.environment, &self.inner.data_dir)
    }

    fn launch_request(
        &self,
        program: AgentProgram,
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
            program,
            is_restricted: false,
            cicerone,
            secrets,
            specification: prompt::Specification::default(),
            instructions: instructions::Instructions::default(),
            id: Uuid::new_v4(),
        })
    }
}
