//! The agent's program: where it is, its version, and the options that it knows.

use std::{
    collections::HashMap,
    ffi::OsString,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::sync::Mutex;
use uuid::Uuid;

use crate::{config::settings::agents::AgentName, model::look::ServiceCheck, project::Project};

use super::{
    AgentSession, Agents, claude,
    directories::Directories,
    executable::FileIdentity,
    invocation::{Invocation, LaunchRequest},
    run_once::{self, ProgramOutput},
};

/// Time for a program to print its version or help.
const ANSWER: Duration = Duration::from_secs(10);

/// Time to look at a model service.
const CHECK: Duration = Duration::from_secs(30);

/// Which programs know [`claude::RESTRICTED`], asked once for each file.
#[derive(Debug, Default)]
pub(super) struct RestrictedSupport(Mutex<HashMap<FileIdentity, bool>>);

impl Agents {
    /// The agent's program and the version that it prints; `None` for the guide. The program runs
    /// confined, as it would for `project`.
    pub async fn version(&self, project: &Project) -> Result<Option<(PathBuf, String)>, String> {
        let chosen = self.choose(Some(&project.name), None).map_err(|error| error.to_string())?;
        let session = AgentSession::New(Uuid::new_v4());
        let request = self.launch_request(chosen.program, project.clone(), None, session);
        let request = request.map_err(|error| error.to_string())?;
        let Some(program) = request.program.claude().map(Path::to_owned) else { return Ok(None) };
        let told = self.run_in_place(request, ANSWER, |_| vec!["--version".into()]).await?;
        match told.status.success() {
            true => Ok(Some((program, told.stdout.trim().to_owned()))),
            false => Err(format!("{program:?} ended with {}: {}", told.status, told.stderr.trim())),
        }
    }

    /// Looks at the service of a model agent, confined as the agent is. The error is for a person.
    pub(crate) async fn check_service(
        &self,
        project: &Project,
        agent: &AgentName,
    ) -> Result<ServiceCheck, String> {
        let chosen = self.wanted(Some(&project.name), Some(agent));
        let chosen = chosen.map_err(|error| error.to_string())?;
        let session = AgentSession::New(Uuid::new_v4());
        let request = self.launch_request(chosen.program, project.clone(), None, session);
        let request = request.map_err(|error| error.to_string())?;
        let told = self.run_in_place(request, CHECK, |invocation| {
            let mut arguments = invocation.arguments.clone();
            arguments.push("--check".into());
            arguments
        });
        let told = told.await?;
        serde_json::from_str(&told.stdout).map_err(|_| {
            format!("the look at it ended with {}: {}", told.status, told.stderr.trim())
        })
    }

    /// Whether the program of a request knows [`claude::RESTRICTED`]. It is asked for its options
    /// the first time, and not again before another takes its place.
    pub(super) async fn knows_restricted(&self, request: &LaunchRequest) -> bool {
        let Some(program) = request.program.claude() else { return false };
        let Some(file) = FileIdentity::of(program) else { return false };
        let mut known = self.inner.restricted.0.lock().await;
        if let Some(known) = known.get(&file) {
            return *known;
        }
        let session = AgentSession::New(Uuid::new_v4());
        let trial =
            self.launch_request(request.program.clone(), request.project.clone(), None, session);
        let Ok(trial) = trial else { return false };
        let told = self.run_in_place(trial, ANSWER, |_| vec!["--help".into()]).await;
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

    /// Runs the program of a request with `arguments` in place of the agent, confined as it is.
    async fn run_in_place(
        &self,
        request: LaunchRequest,
        limit: Duration,
        arguments: impl FnOnce(&Invocation) -> Vec<OsString>,
    ) -> Result<ProgramOutput, String> {
        let cicerone = request.cicerone.clone();
        let leftovers = Directories::new(&self.inner.data_dir).of_start(request.id);
        let prepared = tokio::task::spawn_blocking(|| request.prepare()).await;
        let told = match prepared.map_err(|error| error.to_string())? {
            Ok(invocation) => {
                let paths = [cicerone.as_path(), &invocation.program];
                let arguments = arguments(&invocation);
                run_once::run(&invocation, &self.inner.spawner, paths, &arguments, limit.into())
                    .await
            }
            Err(words) => Err(words),
        };
        Directories::remove(leftovers).await;
        told
    }
}
