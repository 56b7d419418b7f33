//! The agent's program: where it is, its version, and the options that it knows.

use std::{
    collections::HashMap,
    env,
    ffi::OsStr,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::sync::Mutex;
use uuid::Uuid;

use crate::{config::settings::AgentChoice, project::Project};

use super::{
    AgentError, AgentKind, AgentSession, Agents, Inner, Server, claude,
    directories::Directories,
    executable::FileIdentity,
    invocation::LaunchRequest,
    run_once::{self, ProgramOutput},
};

/// Time for a program to print its version or help.
const ANSWER: Duration = Duration::from_secs(10);

/// Which programs know [`claude::RESTRICTED`], asked once for each file.
#[derive(Debug, Default)]
pub(super) struct RestrictedSupport(Mutex<HashMap<FileIdentity, bool>>);

impl Agents {
    /// The agent's program and the version that it prints; `None` for the guide. The program runs
    /// confined, as it would for `project`.
    pub async fn version(&self, project: &Project) -> Result<Option<(PathBuf, String)>, String> {
        let chosen = self.choose(None).map_err(|error| error.to_string())?;
        let session = AgentSession::New(Uuid::new_v4());
        let request = self.launch_request(chosen.program(), project.clone(), None, session);
        let request = request.map_err(|error| error.to_string())?;
        let Some(program) = request.claude.clone() else { return Ok(None) };
        let told = self.ask_program(request, "--version").await?;
        match told.status.success() {
            true => Ok(Some((program, told.stdout.trim().to_owned()))),
            false => Err(format!("{program:?} ended with {}: {}", told.status, told.stderr.trim())),
        }
    }

    /// Whether the program of a request knows [`claude::RESTRICTED`]. It is asked for its options
    /// the first time, and not again before another takes its place.
    pub(super) async fn knows_restricted(&self, request: &LaunchRequest) -> bool {
        let Some(program) = &request.claude else { return false };
        let Some(file) = FileIdentity::of(program) else { return false };
        let mut known = self.inner.restricted.0.lock().await;
        if let Some(known) = known.get(&file) {
            return *known;
        }
        let session = AgentSession::New(Uuid::new_v4());
        let trial =
            self.launch_request(Some(program.clone()), request.project.clone(), None, session);
        let Ok(trial) = trial else { return false };
        let told = self.ask_program(trial, "--help").await;
        let knows = match &told {
            Ok(told) => told.stdout.split_whitespace().any(|word| word == claude::RESTRICTED),
            Err(words) => {
                log::warn!("cannot read the options of an agent's program: {words}");
                false
            }
        };
        known.insert(file, knows);
        knows
    }

    /// Runs the program of a request with one argument, confined as an agent.
    async fn ask_program(
        &self,
        request: LaunchRequest,
        argument: &str,
    ) -> Result<ProgramOutput, String> {
        let program = request.claude.clone().unwrap_or_default();
        let (cicerone, dir) = (request.cicerone.clone(), request.project.dir.clone());
        let leftovers = Directories::new(&self.inner.data_dir).of_start(request.id);
        let prepared = tokio::task::spawn_blocking(|| request.prepare()).await;
        let told = match prepared.map_err(|error| error.to_string())? {
            Ok(invocation) => {
                let paths = [cicerone.as_path(), &dir, &program];
                run_once::run(&invocation, &self.inner.spawner, paths, &[argument.into()], ANSWER)
                    .await
            }
            Err(words) => Err(words),
        };
        Directories::remove(leftovers).await;
        told
    }
}

/// Why the guide answers although nobody has chosen it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoModel {
    /// There is no `claude` program on the `PATH`.
    #[error(
        "Claude Code is not installed on the server; install it with `npm install -g \
         @anthropic-ai/claude-code` and run `claude` there once to log in"
    )]
    NotInstalled,
    /// The program has no account.
    #[error(
        "Claude Code is not logged in on the server; run `claude` there once to log in, or start \
         the server with `ANTHROPIC_API_KEY`"
    )]
    NotLoggedIn,
    /// The kernel cannot confine an agent with a network as the settings require.
    #[error(
        "the server's kernel cannot confine an agent that has a network as `agent.sandbox` requires \
         (Linux 6.12 or newer can); `cicerone doctor` says what is missing"
    )]
    NotConfined,
}

/// The agent that a start gives.
#[derive(Debug, Clone)]
pub(super) enum ChosenAgent {
    Claude(PathBuf),
    /// With the reason where another was wanted.
    Guide(Option<NoModel>),
}

impl ChosenAgent {
    pub(super) fn kind(&self) -> AgentKind {
        match self {
            Self::Claude(_) => AgentKind::Claude,
            Self::Guide(_) => AgentKind::Guide,
        }
    }

    /// The `claude` program.
    pub(super) fn program(self) -> Option<PathBuf> {
        match self {
            Self::Claude(program) => Some(program),
            Self::Guide(_) => None,
        }
    }
}

impl Agents {
    /// The agent that a start gives where a person has asked for `asked`, else by the settings.
    pub(super) fn choose(&self, asked: Option<AgentKind>) -> Result<ChosenAgent, AgentError> {
        let Inner { settings, sandbox_status, .. } = &*self.inner;
        let is_auto = asked.is_none() && settings.kind == AgentChoice::Auto;
        match self.wanted(asked)? {
            ChosenAgent::Claude(_) if is_auto && sandbox_status.models_refused().is_some() => {
                Ok(ChosenAgent::Guide(Some(NoModel::NotConfined)))
            }
            wanted => Ok(wanted),
        }
    }

    /// The same, whatever the self-test of the sandbox says. Looks at the disk, so an installation or
    /// a login counts from the next start on.
    pub(super) fn wanted(&self, asked: Option<AgentKind>) -> Result<ChosenAgent, AgentError> {
        let Inner { settings, server, login, .. } = &*self.inner;
        let wanted = match asked {
            Some(AgentKind::Guide) => AgentChoice::Guide,
            Some(AgentKind::Claude) => AgentChoice::Claude,
            None => settings.kind,
        };
        if wanted == AgentChoice::Guide {
            return Ok(ChosenAgent::Guide(None));
        }
        if let Some(program) = &settings.claude {
            return match is_executable(program) {
                true => Ok(ChosenAgent::Claude(program.clone())),
                false => Err(AgentError::ProgramUnusable(program.clone())),
            };
        }
        match (wanted, find_on_path(server)) {
            (AgentChoice::Claude, None) => Err(AgentError::ClaudeNotFound),
            (AgentChoice::Claude, Some(program)) => Ok(ChosenAgent::Claude(program)),
            (_, None) => Ok(ChosenAgent::Guide(Some(NoModel::NotInstalled))),
            (_, Some(program)) => Ok(match login.is_there(&server.environment) {
                true => ChosenAgent::Claude(program),
                false => ChosenAgent::Guide(Some(NoModel::NotLoggedIn)),
            }),
        }
    }
}

fn find_on_path(server: &Server) -> Option<PathBuf> {
    let path = server.environment.iter().find(|(name, _)| name == "PATH");
    let path = path.map_or(OsStr::new(""), |(_, value)| value);
    env::split_paths(path)
        .filter(|dir| dir.is_absolute())
        .map(|dir| dir.join("claude"))
        .find(|program| is_executable(program))
}

fn is_executable(program: &Path) -> bool {
    fs::metadata(program)
        .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}
