//! The state of one agent's process, shared by its handle and the tasks that run it.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::sync::watch;

use super::supervisor::KILL_ALL;

/// What the handle and the tasks that run the process share.
#[derive(Debug)]
pub(in crate::agent) struct ProcessControl {
    group: Mutex<ProcessGroup>,
    /// Whether a message was sent whose turn has not ended.
    pub turn: watch::Sender<bool>,
    /// Whether the agent is to end.
    pub stop: watch::Sender<bool>,
    /// Whether its supervisor was told to end everything at once.
    pub killed: watch::Sender<bool>,
    /// The longest that a step of its end may take, where there is hurry.
    pub hurry: watch::Sender<Option<Duration>>,
}

/// The process group of the agent and its supervisor, who leads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ProcessGroup {
    /// Not there yet.
    Starting,
    /// Not there yet and not wanted any more.
    Cancelled,
    /// There, under the leader's process id.
    Running(Pid),
    /// Ended and reaped: the id may belong to another process by now.
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

    /// Tells that the supervisor runs. One that is not wanted any more is told to end.
    pub(in crate::agent) fn started(&self, leader: Pid) {
        let mut group = self.group();
        let is_unwanted = *group == ProcessGroup::Cancelled;
        *group = ProcessGroup::Running(leader);
        drop(group);
        if is_unwanted {
            self.kill();
        }
    }

    /// Tells that the supervisor was reaped. What is left of its group, where somebody has killed
    /// it, is killed.
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

    /// Asks every process of the agent to end.
    pub(in crate::agent) fn terminate(&self) {
        if let ProcessGroup::Running(leader) = *self.group() {
            signal(leader, Signal::TERM);
        }
    }

    /// Ends every process of the agent.
    pub(in crate::agent) fn kill(&self) {
        let mut group = self.group();
        match *group {
            ProcessGroup::Running(leader) => {
                signal(leader, KILL_ALL);
                // Somebody may have stopped it.
                signal(leader, Signal::CONT);
            }
            ProcessGroup::Starting => *group = ProcessGroup::Cancelled,
            ProcessGroup::Cancelled | ProcessGroup::Gone => (),
        }
        drop(group);
        self.killed.send_replace(true);
    }

    /// Ends the whole process group, the supervisor included, which can do no more for it.
    pub(in crate::agent) fn kill_group(&self) {
        if let ProcessGroup::Running(leader) = *self.group() {
            // A group that is gone already is what was wanted. Its id cannot have been given away
            // in the moment since its leader was reaped: the kernel hands ids out in turn.
            kill_process_group(leader, Signal::KILL).ok();
        }
    }

    fn group(&self) -> std::sync::MutexGuard<'_, ProcessGroup> {
        self.group.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn signal(supervisor: Pid, signal: Signal) {
    // One that is gone already is what was wanted.
    kill_process(supervisor, signal).ok();
}
