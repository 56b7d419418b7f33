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

use crate::{
    config::settings::{AgentChoice, AgentSettings},
    project::Project,
};

use super::{
    AgentError, AgentSession, Agents, Server, claude,
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
        let request = self.launch_request(project.clone(), None, AgentSession::New(Uuid::new_v4()));
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
        let trial =
            self.launch_request(request.project.clone(), None, AgentSession::New(Uuid::new_v4()));
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

/// The `claude` program to start; `None` for the guide.
pub(super) fn find_claude(
    settings: &AgentSettings,
    server: &Server,
) -> Result<Option<PathBuf>, AgentError> {
    if settings.kind == AgentChoice::Guide {
        return Ok(None);
    }
    if let Some(program) = &settings.claude {
        return if is_executable(program) {
            Ok(Some(program.clone()))
        } else {
            Err(AgentError::ProgramUnusable(program.clone()))
        };
    }
    let path = server.environment.iter().find(|(name, _)| name == "PATH");
    let path = path.map_or(OsStr::new(""), |(_, value)| value);
    let found = env::split_paths(path)
        .filter(|dir| dir.is_absolute())
        .map(|dir| dir.join("claude"))
        .find(|program| is_executable(program));
    match settings.kind {
        AgentChoice::Claude if found.is_none() => Err(AgentError::ClaudeNotFound),
        _ => Ok(found),
    }
}

fn is_executable(program: &Path) -> bool {
    fs::metadata(program)
        .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}
