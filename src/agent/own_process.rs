//! Processes of this program that are confined as agents are, and are none: the readers of projects,
//! and what draws.

use std::{ffi::OsString, fs, path::PathBuf, process::ExitStatus, sync::Arc};

use tokio::{
    process::{ChildStderr, ChildStdin, ChildStdout},
    sync::{oneshot, watch},
    task::spawn_blocking,
};
use uuid::Uuid;

use crate::{
    policy::InvalidSecret,
    project::{Project, ProjectName},
};

use super::{
    AgentSession, Agents,
    choice::AgentProgram,
    directories::Directories,
    invocation::{Invocation, LaunchRequest},
    process::{
        control::ProcessControl,
        disk_quota::{self, DiskQuota},
        resources::ResourceLimits,
        spawner::SpawnedProcess,
    },
    remove_dir::remove_dir_all,
};

/// The pipes of a process that was started, and its end.
pub(crate) struct OwnProcess {
    pub(crate) stdin: ChildStdin,
    pub(crate) stdout: ChildStdout,
    pub(crate) stderr: ChildStderr,
    pub(crate) life: ProcessLife,
    /// Resolves when it is reaped; `None` where its status cannot be had.
    pub(crate) exited: oneshot::Receiver<Option<ExitStatus>>,
}

/// Kills the process with all its children when dropped.
#[derive(Debug)]
pub(crate) struct ProcessLife(Arc<ProcessControl>);

impl ProcessLife {
    pub(crate) fn kill(&self) {
        self.0.kill();
    }
}

impl Drop for ProcessLife {
    fn drop(&mut self) {
        self.0.kill();
    }
}

impl Agents {
    /// Starts `cicerone` with `arguments` as a process that reads `project` and can do nothing else,
    /// confined as well as this kernel can. The error is for a person.
    pub(crate) async fn start_reader(
        &self,
        project: Project,
        arguments: Vec<OsString>,
        limits: ResourceLimits,
    ) -> Result<OwnProcess, String> {
        let name = project.name.clone();
        let prepare = move |request: LaunchRequest| {
            let invocation = request.prepare_reader(arguments, limits)?;
            if let Some(note) = &invocation.note {
                log::debug!("a reader is confined less than possible project={name} note={note:?}");
            }
            Ok(invocation)
        };
        self.start_own(project, prepare).await
    }

    /// Starts `cicerone` with `arguments` as a process that reads nothing but its input, for a project
    /// of which it sees nothing. The error is for a person.
    pub(crate) async fn start_drawing(
        &self,
        project: Project,
        arguments: Vec<OsString>,
        limits: ResourceLimits,
    ) -> Result<OwnProcess, String> {
        self.start_own(project, move |request| request.prepare_drawing(arguments, limits)).await
    }

    /// Starts what `prepare`, which blocks, makes of a request for the project.
    async fn start_own(
        &self,
        project: Project,
        prepare: impl FnOnce(LaunchRequest) -> Result<Invocation, String> + Send + 'static,
    ) -> Result<OwnProcess, String> {
        let session = AgentSession::New(Uuid::new_v4());
        let request = self.launch_request(AgentProgram::Guide, project, None, session);
        let request = request.map_err(|error| error.to_string())?;
        let (cicerone, quota) = (request.cicerone.clone(), request.disk_quota());
        let prepared = spawn_blocking(move || prepare(request)).await;
        let invocation = prepared.map_err(|error| error.to_string())??;
        let command = invocation.command(&cicerone)?;
        let spawned = self.inner.spawner.spawn_piped(command).await;
        let spawned = spawned.map_err(|error| error.to_string())?;
        let SpawnedProcess { mut child, leader, stdin, stdout, stderr } = spawned;
        let control = Arc::new(ProcessControl::new());
        control.started(leader);
        let life = ProcessLife(Arc::clone(&control));
        let (sender, exited) = oneshot::channel();
        let (reaped, was_reaped) = watch::channel(false);
        tokio::spawn(keep_quota(invocation.written(), quota, was_reaped, Arc::clone(&control)));
        let spawner = self.inner.spawner.clone();
        tokio::spawn(async move {
            let status = tokio::select! {
                status = child.wait() => status,
                () = control.outlives_kill() => {
                    control.kill_group();
                    child.wait().await
                }
            };
            control.reaped();
            reaped.send_replace(true);
            spawner.forget(leader);
            // Nobody may wait for it any more.
            sender.send(status.ok()).ok();
        });
        Ok(OwnProcess { stdin, stdout, stderr, life, exited })
    }

    /// Removes the kept indexes of projects that are not among these. Only while no reader runs.
    pub(crate) fn clear_indexes(&self, projects: &[Project]) {
        let place = Directories::new(&self.inner.data_dir);
        let Ok(entries) = fs::read_dir(&place.indexes) else { return };
        let is_known = |dir: &PathBuf| projects.iter().any(|it| place.of_index(&it.name) == *dir);
        // A link leads elsewhere.
        let is_dir = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
        let dirs = entries.flatten().filter(is_dir).map(|entry| entry.path());
        for dir in dirs.filter(|dir| !is_known(dir)) {
            match remove_dir_all(&dir) {
                Ok(()) => log::info!("the index of a project that is gone was removed dir={dir:?}"),
                Err(error) => log::warn!("cannot remove an index dir={dir:?} error={error}"),
            }
        }
    }

    /// Where the reader of a project keeps its index.
    pub(crate) fn index_dir(&self, project: &ProjectName) -> PathBuf {
        Directories::new(&self.inner.data_dir).of_index(project)
    }

    /// The globs of secret files besides the built-in ones.
    pub(crate) fn secret_globs(&self) -> Result<Vec<String>, InvalidSecret> {
        self.inner.secrets.clone().map(|secrets| secrets.added().to_vec())
    }
}

/// Ends the process when it keeps more on disk than it may.
async fn keep_quota(
    dirs: Vec<PathBuf>,
    most: DiskQuota,
    reaped: watch::Receiver<bool>,
    control: Arc<ProcessControl>,
) {
    if dirs.is_empty() {
        return;
    }
    if let Some(words) = disk_quota::watch(dirs, most, reaped, || control.kill()).await {
        log::warn!("a reader was stopped reason={words:?}");
    }
}
