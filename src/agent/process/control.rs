//! The state of one agent's process, shared by its handle and the tasks that run it.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::sync::watch;

use super::supervisor::KILL_ALL;

/// Time that a supervisor has to kill everything.
const KILL_TIMEOUT: Duration = Duration::from_secs(7);

/// Shared by an agent's handle and the tasks that run it.
#[derive(Debug)]
pub(in crate::agent) struct ProcessControl {
    group: Mutex<ProcessGroup>,
    /// Whether a message was sent whose turn has not ended.
    pub turn: watch::Sender<bool>,
    /// Whether the agent has to stop.
    pub stop: watch::Sender<bool>,
    /// Whether the supervisor was told to kill everything.
    pub killed: watch::Sender<bool>,
    /// Upper limit for the time of each step of the stop sequence.
    pub hurry: watch::Sender<Option<Duration>>,
}

/// The process group of the agent, led by its supervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ProcessGroup {
    Starting,
    /// To be killed as soon as it has started.
    Cancelled,
    /// Running; the leader's process id.
    Running(Pid),
    /// Reaped: the id may belong to another process by now.
    Gone,
}

impl ProcessControl {
    pub(in crate::agent) fn new() -> Self {
        Self {
            group: Mutex::new(ProcessGroup::Starting),
            turn: watch::Sender::new(false),
            stop: watch::Sender::new(false),
            killed: watch::Sender::new(false),
            hurry: watch::Sender::new(None),
        }
    }

    /// Notes that the supervisor runs; kills it if the agent was cancelled.
    pub(in crate::agent) fn started(&self, leader: Pid) {
        let mut group = self.group();
        let is_unwanted = *group == ProcessGroup::Cancelled;
        *group = ProcessGroup::Running(leader);
        drop(group);
        if is_unwanted {
            self.kill();
        }
    }

    /// Notes that the supervisor was reaped, and kills what is left of its group.
    pub(in crate::agent) fn reaped(&self) {
        self.kill_group();
        *self.group() = ProcessGroup::Gone;
    }

    /// Process id of the supervisor, while it runs.
    pub(crate) fn supervisor(&self) -> Option<u32> {
        match *self.group() {
            ProcessGroup::Running(pid) => u32::try_from(pid.as_raw_nonzero().get()).ok(),
            ProcessGroup::Starting | ProcessGroup::Cancelled | ProcessGroup::Gone => None,
        }
    }

    /// Sends SIGTERM to every process of the agent.
    pub(in crate::agent) fn terminate(&self) {
        if let ProcessGroup::Running(leader) = *self.group() {
            signal(leader, Signal::TERM);
        }
    }

    /// Kills every process of the agent.
    pub(in crate::agent) fn kill(&self) {
        let mut group = self.group();
        match *group {
            ProcessGroup::Running(leader) => {
                signal(leader, KILL_ALL);
                // It may have been stopped by a signal.
                signal(leader, Signal::CONT);
            }
            ProcessGroup::Starting => *group = ProcessGroup::Cancelled,
            ProcessGroup::Cancelled | ProcessGroup::Gone => (),
        }
        drop(group);
        self.killed.send_replace(true);
    }

    /// Resolves when the supervisor had its time to kill everything: then its process group is to be
    /// killed. Never, unless that was requested.
    pub(in crate::agent) async fn outlives_kill(&self) {
        self.killed.subscribe().wait_for(|killed| *killed).await.ok();
        tokio::time::sleep(KILL_TIMEOUT).await;
    }

    /// Kills the whole process group, including the supervisor.
    pub(in crate::agent) fn kill_group(&self) {
        if let ProcessGroup::Running(leader) = *self.group() {
            // An error means that the group is gone. Its id was not reused in the moment since the
            // leader was reaped: the kernel assigns ids in turn.
            kill_process_group(leader, Signal::KILL).ok();
        }
    }

    fn group(&self) -> std::sync::MutexGuard<'_, ProcessGroup> {
        self.group.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn signal(supervisor: Pid, signal: Signal) {
    // An error means that it is gone.
    kill_process(supervisor, signal).ok();
}
