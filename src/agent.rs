//! An agent: a command line that reads a project and speaks a line protocol on stdin and stdout.
//! This is the only part of the program that starts processes. It knows nothing of turns'
//! history, of viewers or of the database: a session gets events and an exit.

pub mod event;
pub mod handle;
pub mod messages;
pub mod places;
pub mod prompt;

pub mod codec;
pub mod lines;
pub mod memory;

mod claude;
mod guide;
mod invocation;

mod process;
mod spawner;

pub mod guard;
pub mod launcher;

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
    policy::{InvalidSecret, Policy, Secrets},
    project::Project,
};
use codec::CodecSettings;
use handle::{INPUT_LINES, Shared};
use invocation::{Invocation, find_claude};
use process::Run;
use spawner::Spawner;

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
    line_bytes: usize,
    tool_result_bytes: usize,
    data_dir: PathBuf,
    server: Server,
    secrets: Result<Secrets, InvalidSecret>,
    spawner: Spawner,
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

/// What starting an agent depends on.
#[derive(Debug, Clone)]
pub struct StartAgent {
    /// Comes back with everything that the agent says.
    pub conversation: i64,
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
                line_bytes: limits.agent_line_bytes,
                tool_result_bytes: limits.tool_result_bytes,
                data_dir: data_dir.to_owned(),
                server,
                secrets: Secrets::new(&settings.secrets),
                spawner,
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
        let inner = &self.inner;
        let claude = find_claude(&inner.settings, &inner.server)?;
        let cicerone = match &inner.server.program {
            Ok(path) => path,
            Err(error) => return Err(AgentError::OwnProgram(error.to_string())),
        };
        let secrets = inner.secrets.clone()?;
        let invocation = match claude {
            Some(program) => Invocation::of_claude(
                &start,
                program,
                cicerone,
                &inner.server,
                &inner.settings,
                &secrets,
                &inner.data_dir,
            ),
            None => Invocation::of_guide(&start, cicerone, &inner.server, &secrets),
        };
        let kind = invocation.kind;
        let mut policy = Policy::new(start.project.dir.clone(), secrets);
        if !inner.settings.has_web(&start.project.name) {
            policy = policy.without_web();
        }
        if let Some(results) = &invocation.results {
            policy = policy.with_results(results.clone());
        }
        let shared = Arc::new(Shared::new());
        let (input, lines) = mpsc::channel(INPUT_LINES);
        let run = Run {
            conversation: start.conversation,
            epoch: start.epoch,
            kind,
            command: invocation.command(cicerone, &start.project.dir),
            prepare: invocation.prepare,
            prompt: invocation.prompt,
            codec: CodecSettings {
                tool_result_bytes: inner.tool_result_bytes,
                allowed_tools: invocation.allowed_tools,
            },
            line_bytes: inner.line_bytes,
            policy,
            stop_timeout: inner.settings.stop_timeout,
            spawner: inner.spawner.clone(),
            shared: Arc::clone(&shared),
            input: input.clone(),
            lines,
            output,
        };
        // The channel is empty, so the first line always has room.
        input.try_send(codec::command::handshake()).ok();
        actix::spawn(process::run(run, exited));
        Ok(AgentHandle { kind, shared, input })
    }
}
