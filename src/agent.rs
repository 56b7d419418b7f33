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
mod disk;
mod guide;
mod invocation;

mod once;
mod process;
mod spawner;

pub mod guard;
pub mod launcher;
pub mod sandbox;

pub mod proof;
pub mod self_test;

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
    config::settings::{AgentSettings, Limits, Sandbox},
    policy::{InvalidSecret, Secrets},
    project::Project,
};
use disk::Allowance;
use handle::{INPUT_LINES, Shared};
use invocation::{Order, Place, find_claude};
use process::Run;
use proof::Proof;
use self_test::{ProjectTest, SelfTest, Verdict};
use spawner::Spawner;

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
    proof: Proof,
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
                limits: limits.clone(),
                data_dir: data_dir.to_owned(),
                server,
                secrets: Secrets::new(&settings.secrets),
                spawner,
                proof: Proof::new(settings.sandbox),
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
        let order = self.order(start.project, start.session)?;
        let kind = match order.claude {
            Some(_) => AgentKind::Claude,
            None => AgentKind::Guide,
        };
        let shared = Arc::new(Shared::new());
        let (input, lines) = mpsc::channel(INPUT_LINES);
        let run = Run {
            conversation: start.conversation,
            epoch: start.epoch,
            kind,
            leftovers: Place::new(&inner.data_dir).of_start(order.id),
            order,
            agents: self.clone(),
            tool_result_bytes: inner.limits.tool_result_bytes,
            line_bytes: inner.limits.agent_line_bytes,
            stop_timeout: inner.settings.stop_timeout,
            disk: Allowance {
                bytes: inner.limits.agent_disk as u64,
                files: inner.limits.agent_files,
            },
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

    /// Tests the sandbox, in general and in each of `projects`, and keeps what came of it: where
    /// the sandbox is required, no agent starts before.
    pub async fn prove(&self, projects: &[Project]) -> Arc<SelfTest> {
        let test = self_test::run(self, projects).await;
        tell(&test);
        self.inner.proof.publish(test)
    }

    /// Waits until it is known whether an agent may start in `project`. What failed there is
    /// tried again: it may have been mended. The error is for a person.
    async fn may_start(&self, project: &Project) -> Result<(), String> {
        if self.inner.settings.sandbox != Sandbox::Required {
            return Ok(());
        }
        let known = self.inner.proof.known().await?;
        if let Some(words) = self.inner.proof.refusal() {
            return Err(proof::not_confined(&words));
        }
        let is_proved = |own: &ProjectTest| own.verdict == Verdict::Proved;
        if known.project(project.name.as_str()).is_some_and(is_proved) {
            return Ok(());
        }
        let looked_at = project.clone();
        let is_there = tokio::task::spawn_blocking(move || invocation::check_dir(&looked_at));
        is_there.await.map_err(|error| error.to_string())??;
        let own = self_test::in_project(self, project.clone()).await;
        let (is_proved, words) = (is_proved(&own), own.words());
        self.inner.proof.publish_project(own);
        if is_proved { Ok(()) } else { Err(proof::not_confined(&words)) }
    }

    /// What the newest self-test came to.
    pub fn proof(&self) -> &Proof {
        &self.inner.proof
    }

    /// Removes what agents of a server left behind that was killed. Only while none runs.
    pub fn clear(&self) {
        let place = Place::new(&self.inner.data_dir);
        for dir in [place.prompts, place.temporary, place.self_tests] {
            if let Err(error) = disk::clear(&dir) {
                log::warn!("cannot remove what agents left dir={dir:?} error={error}");
            }
        }
    }

    /// The program that would answer, where it is not this one, and what it says of its version.
    /// It is run confined, as it would be for `project`.
    pub async fn version(&self, project: &Project) -> Result<Option<(PathBuf, String)>, String> {
        let order = self.order(project.clone(), AgentSession::New(Uuid::new_v4()));
        let order = order.map_err(|error| error.to_string())?;
        let Some(program) = order.claude.clone() else { return Ok(None) };
        let cicerone = order.cicerone.clone();
        let leftovers = Place::new(&self.inner.data_dir).of_start(order.id);
        let prepared = tokio::task::spawn_blocking(|| order.prepare()).await;
        let told = match prepared.map_err(|error| error.to_string())? {
            Ok(invocation) => {
                let paths = [cicerone.as_path(), &project.dir, &program];
                let arguments = ["--version".into()];
                let limit = self.inner.settings.start_timeout;
                once::run(&invocation, &self.inner.spawner, paths, &arguments, limit).await
            }
            Err(words) => Err(words),
        };
        Place::remove(leftovers).await;
        let told = told?;
        match told.status.success() {
            true => Ok(Some((program, told.stdout.trim().to_owned()))),
            false => Err(format!("{program:?} ended with {}: {}", told.status, told.stderr.trim())),
        }
    }

    /// Whose account Claude Code would use.
    pub fn account(&self) -> Account {
        claude::account(&self.inner.server.environment, &self.inner.data_dir)
    }

    /// What is needed to start an agent for `project`.
    fn order(&self, project: Project, session: AgentSession) -> Result<Order, AgentError> {
        let inner = &self.inner;
        let claude = find_claude(&inner.settings, &inner.server)?;
        let cicerone = match &inner.server.program {
            Ok(path) => path.clone(),
            Err(error) => return Err(AgentError::OwnProgram(error.to_string())),
        };
        let secrets = inner.secrets.clone()?;
        let inner = Arc::clone(inner);
        Ok(Order { inner, project, session, claude, cicerone, secrets, id: Uuid::new_v4() })
    }
}

/// Tells the log what a self-test came to.
fn tell(test: &SelfTest) {
    let level = |verdict| match verdict {
        Verdict::Proved => log::Level::Info,
        Verdict::Partly | Verdict::Off => log::Level::Warn,
        Verdict::Failed => log::Level::Error,
    };
    let (verdict, words) = (test.verdict, test.words());
    log::log!(
        level(verdict),
        "sandbox tested verdict={} landlock={} uid={} result={words:?} missing={:?}",
        verdict.as_str(),
        test.landlock,
        test.uid,
        test.missing
    );
    for own in
        test.projects.iter().filter(|own| own.verdict != Verdict::Proved || own.uid != test.uid)
    {
        log::log!(
            level(own.verdict),
            "sandbox tested project={} verdict={} uid={} result={:?} missing={:?}",
            own.project,
            own.verdict.as_str(),
            own.uid,
            own.words(),
            own.missing
        );
    }
}
