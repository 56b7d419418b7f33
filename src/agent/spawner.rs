//! The one thread that starts all agents. The kernel ends an agent when the thread that started
//! it ends, so that thread must live as long as the server; and a spawn takes longer than an
//! actor's thread may be held up.

use std::{io, sync::mpsc, thread};

use tokio::{
    process::{Child, Command},
    runtime::Handle,
    sync::oneshot,
};

/// Starts processes.
#[derive(Debug, Clone)]
pub struct Spawner {
    jobs: mpsc::Sender<Job>,
}

struct Job {
    command: Command,
    /// The runtime that drives the child's pipes.
    runtime: Handle,
    reply: oneshot::Sender<io::Result<Child>>,
}

impl Spawner {
    /// Starts the thread. It ends with the last clone of the spawner.
    pub fn new() -> Self {
        let (jobs, queue) = mpsc::channel();
        let started =
            thread::Builder::new().name("agent-spawner".to_owned()).spawn(move || spawn_all(queue));
        if let Err(error) = started {
            // The queue is gone with the closure, so every spawn says that it failed.
            log::error!("cannot start the agent spawner error={error}");
        }
        Self { jobs }
    }

    /// Starts a process whose pipes belong to the current runtime.
    pub async fn spawn(&self, command: Command) -> io::Result<Child> {
        let gone = || io::Error::other("the thread that starts agents is gone");
        let (reply, answer) = oneshot::channel();
        let job = Job { command, runtime: Handle::current(), reply };
        self.jobs.send(job).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

fn spawn_all(queue: mpsc::Receiver<Job>) {
    for mut job in queue {
        let _entered = job.runtime.enter();
        let child = job.command.spawn();
        // Nobody waits any more: the child is killed as it is dropped.
        job.reply.send(child).ok();
    }
}
