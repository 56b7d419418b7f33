//! The one thread that starts all agents. The kernel ends an agent when the thread that started
//! it ends, so that thread must live as long as the server; and a spawn takes longer than an
//! actor's thread may be held up.

use std::{
    io,
    path::{Path, PathBuf},
    sync::mpsc,
    thread,
};

use rustix::process::Pid;
use tokio::{
    process::{Child, Command},
    runtime::Handle,
    sync::oneshot,
};

use super::guard::Guard;

/// Starts processes.
#[derive(Debug, Clone)]
pub(super) struct Spawner {
    jobs: mpsc::Sender<Job>,
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
    /// Starts the thread, which ends with the last clone of the spawner. `cicerone` is the
    /// program that guards what is spawned.
    pub fn new(cicerone: PathBuf) -> Self {
        let (jobs, queue) = mpsc::channel();
        let started = thread::Builder::new()
            .name("agent-spawner".to_owned())
            .spawn(move || work(&cicerone, queue));
        if let Err(error) = started {
            // The queue is gone with the closure, so every spawn says that it failed.
            log::error!("cannot start the agent spawner error={error}");
        }
        Self { jobs }
    }

    /// Starts the leader of a process group. Its pipes belong to the current runtime.
    pub async fn spawn(&self, command: Command) -> io::Result<Child> {
        let gone = || io::Error::other("the thread that starts agents is gone");
        let (reply, answer) = oneshot::channel();
        let job = Job::Spawn { command: Box::new(command), runtime: Handle::current(), reply };
        self.jobs.send(job).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// Tells that a process group that was spawned is gone.
    pub fn forget(&self, group: Pid) {
        // Without the thread there is no guard that could mistake another group for it.
        self.jobs.send(Job::Forget(group)).ok();
    }
}

fn work(cicerone: &Path, queue: mpsc::Receiver<Job>) {
    let mut guard = None;
    for job in queue {
        match job {
            Job::Spawn { mut command, runtime, reply } => {
                let _entered = runtime.enter();
                let child = spawn(cicerone, &mut guard, &mut command);
                // If nobody waits any more the child is killed as it is dropped.
                reply.send(child).ok();
            }
            Job::Forget(group) => {
                if let Some(Err(error)) = guard.as_mut().map(|guard| guard.forget(group)) {
                    log::debug!("the guard is gone error={error}");
                }
            }
        }
    }
}

/// Starts a process and has it guarded. A guard that is gone is replaced; groups that only it
/// knew still die with the server, all but their grandchildren.
fn spawn(cicerone: &Path, guard: &mut Option<Guard>, command: &mut Command) -> io::Result<Child> {
    if guard.is_none() {
        *guard = Some(Guard::start(cicerone)?);
    }
    let child = command.spawn()?;
    let group = child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
    if let (Some(known), Some(group)) = (guard.as_mut(), group)
        && let Err(error) = known.add(group)
    {
        log::warn!("the guard is gone and is replaced error={error}");
        let mut new = Guard::start(cicerone)?;
        new.add(group)?;
        *guard = Some(new);
    }
    Ok(child)
}
