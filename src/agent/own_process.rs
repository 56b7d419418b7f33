//! Processes of this program that are confined as agents are, and are none: the readers of projects.

use std::{ffi::OsString, process::ExitStatus, sync::Arc, time::Duration};

use rustix::process::Pid;
use tokio::{
    process::{Child, ChildStderr, ChildStdin, ChildStdout},
    sync::oneshot,
    task::spawn_blocking,
    time::timeout,
};
use uuid::Uuid;

use crate::{policy::InvalidSecret, project::Project};

use super::{
    AgentSession, Agents,
    process::{control::ProcessControl, resources::ResourceLimits, spawner::Spawner},
};

/// Time for the supervisor to kill a process; then its process group is killed.
const KILL_TIMEOUT: Duration = Duration::from_secs(7);

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
        let session = AgentSession::New(Uuid::new_v4());
        let request = self.launch_request(None, project, None, session);
        let request = request.map_err(|error| error.to_string())?;
        let (cicerone, dir) = (request.cicerone.clone(), request.project.dir.clone());
        let prepared = spawn_blocking(move || request.prepare_reader(arguments, limits)).await;
        let invocation = prepared.map_err(|error| error.to_string())??;
        if let Some(note) = &invocation.note {
            log::debug!("a reader is confined less than possible dir={dir:?} note={note:?}");
        }
        let command = invocation.command(&cicerone, &dir)?;
        let spawned = self.inner.spawner.spawn(command).await;
        let mut child = spawned.map_err(|error| error.to_string())?;
        let leader = child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(leader), (Some(stdin), Some(stdout), Some(stderr))) = (leader, pipes) else {
            return Err("it has no pipes".to_owned());
        };
        let control = Arc::new(ProcessControl::new());
        control.started(leader);
        let life = ProcessLife(Arc::clone(&control));
        let (sender, exited) = oneshot::channel();
        let spawner = self.inner.spawner.clone();
        tokio::spawn(async move {
            let status = reap(child, leader, &control, &spawner).await;
            // Nobody may wait for it any more.
            sender.send(status).ok();
        });
        Ok(OwnProcess { stdin, stdout, stderr, life, exited })
    }

    /// The globs of secret files besides the built-in ones.
    pub(crate) fn secret_globs(&self) -> Result<Vec<String>, InvalidSecret> {
        self.inner.secrets.clone().map(|secrets| secrets.added().to_vec())
    }
}

/// Waits for the end of a process.
async fn reap(
    mut child: Child,
    leader: Pid,
    control: &ProcessControl,
    spawner: &Spawner,
) -> Option<ExitStatus> {
    let mut killed = control.killed.subscribe();
    let status = tokio::select! {
        status = child.wait() => status,
        () = async { drop(killed.wait_for(|killed| *killed).await) } => {
            let ended = timeout(KILL_TIMEOUT, child.wait()).await;
            if ended.is_err() {
                control.kill_group();
            }
            child.wait().await
        }
    };
    control.reaped();
    spawner.forget(leader);
    status.ok()
}
