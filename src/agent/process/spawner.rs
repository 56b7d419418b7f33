//! The thread that starts all agents. A supervisor is signalled at the end of the thread that started it,
//! so the thread lives as long as the server; and a spawn would block an actor for too long.

use std::{
    collections::HashSet,
    io,
    path::PathBuf,
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

use rustix::process::Pid;
use tokio::{
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command},
    runtime::Handle,
    sync::oneshot,
};

use super::{reaper::Reaper, supervisor::kill_all};

/// Time between two checks of the reaper, while no job arrives.
const REAPER_CHECK: Duration = Duration::from_millis(500);

/// Hands commands to the spawner thread. Cheap to clone.
#[derive(Debug, Clone)]
pub(in crate::agent) struct Spawner {
    jobs: mpsc::Sender<Job>,
}

/// A process that was just spawned.
pub(in crate::agent) struct SpawnedProcess {
    pub child: Child,
    /// The supervisor, which leads the process group.
    pub leader: Pid,
    pub stdin: ChildStdin,
    pub stdout: ChildStdout,
    pub stderr: ChildStderr,
}

enum Job {
    Spawn {
        command: Box<Command>,
        /// The runtime that drives the child's pipes.
        runtime: Handle,
        reply: oneshot::Sender<io::Result<Child>>,
    },
    /// The process group is gone.
    Forget(Pid),
}

impl Spawner {
    /// Starts the thread, which ends with the last clone of the spawner. `cicerone` is the reaper's program.
    pub(in crate::agent) fn new(cicerone: PathBuf) -> Self {
        let (jobs, queue) = mpsc::channel();
        let started = thread::Builder::new()
            .name("agent-spawner".to_owned())
            .spawn(move || work(cicerone, &queue));
        if let Err(error) = started {
            // The queue was dropped with the closure, so every spawn fails.
            log::error!("cannot start the agent spawner error={error}");
        }
        Self { jobs }
    }

    /// Starts the leader of a process group. Its pipes belong to the current runtime.
    pub(in crate::agent) async fn spawn(&self, command: Command) -> io::Result<Child> {
        let gone = || io::Error::other("the thread that starts agents is gone");
        let (reply, answer) = oneshot::channel();
        let job = Job::Spawn { command: Box::new(command), runtime: Handle::current(), reply };
        self.jobs.send(job).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// As [`Spawner::spawn`], with all pipes at hand.
    pub(in crate::agent) async fn spawn_piped(
        &self,
        command: Command,
    ) -> io::Result<SpawnedProcess> {
        let mut child = self.spawn(command).await?;
        let leader = child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(leader), (Some(stdin), Some(stdout), Some(stderr))) = (leader, pipes) else {
            return Err(io::Error::other("it has no pipes"));
        };
        Ok(SpawnedProcess { child, leader, stdin, stdout, stderr })
    }

    /// Notes that a spawned process group is gone.
    pub(in crate::agent) fn forget(&self, group: Pid) {
        // Without the thread there is no reaper that could kill another group of this id.
        self.jobs.send(Job::Forget(group)).ok();
    }
}

fn work(cicerone: PathBuf, queue: &mpsc::Receiver<Job>) {
    let mut groups = ReapedGroups { cicerone, reaper: None, groups: HashSet::new() };
    loop {
        match queue.recv_timeout(REAPER_CHECK) {
            Ok(Job::Spawn { mut command, runtime, reply }) => {
                let _entered = runtime.enter();
                if let Err(Ok(unwanted)) = reply.send(groups.spawn(&mut command)) {
                    // Nobody reports its end, so it stays registered, which is harmless.
                    kill_all(&unwanted);
                }
            }
            Ok(Job::Forget(group)) => groups.forget(group),
            Err(RecvTimeoutError::Timeout) => groups.check_reaper(),
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// The live process groups, and the reaper that knows them.
struct ReapedGroups {
    cicerone: PathBuf,
    reaper: Option<Reaper>,
    groups: HashSet<Pid>,
}

impl ReapedGroups {
    /// Starts a process and registers its group with the reaper.
    fn spawn(&mut self, command: &mut Command) -> io::Result<Child> {
        if self.reaper.is_none() {
            self.reaper = Some(Reaper::start(&self.cicerone)?);
        }
        let child = command.spawn()?;
        if let Some(group) = child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?)) {
            self.groups.insert(group);
            let added = self.reaper.as_mut().map(|reaper| reaper.add(group));
            if added.is_some_and(|added| added.is_err()) {
                self.replace()?;
            }
        }
        Ok(child)
    }

    fn forget(&mut self, group: Pid) {
        self.groups.remove(&group);
        if let Some(Err(error)) = self.reaper.as_mut().map(|reaper| reaper.forget(group)) {
            log::debug!("the reaper is gone error={error}");
        }
    }

    /// Replaces a dead reaper while there are groups.
    fn check_reaper(&mut self) {
        let is_gone = self.reaper.as_mut().is_none_or(Reaper::is_gone);
        if is_gone
            && !self.groups.is_empty()
            && let Err(error) = self.replace()
        {
            log::error!("cannot start the reaper error={error}");
        }
    }

    /// Starts a new reaper and registers all groups.
    fn replace(&mut self) -> io::Result<()> {
        log::warn!("the reaper is gone and is replaced groups={}", self.groups.len());
        self.reaper = None;
        let mut reaper = Reaper::start(&self.cicerone)?;
        for group in &self.groups {
            reaper.add(*group)?;
        }
        self.reaper = Some(reaper);
        Ok(())
    }
}
