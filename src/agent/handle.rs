//! A session's hold on a running agent: sends it messages, interrupts it, ends it.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::sync::{mpsc, watch};
use uuid::Uuid;

use super::{AgentError, AgentKind, codec::command};

/// Lines that may wait to be written to an agent.
pub const INPUT_LINES: usize = 64;

/// A running agent. Dropping it kills the agent with all its children at once; the orderly way
/// is [`AgentHandle::stop`], and to keep this until [`AgentExited`](super::AgentExited) came.
#[derive(Debug)]
pub struct AgentHandle {
    pub(super) kind: AgentKind,
    pub(super) shared: Arc<Shared>,
    pub(super) input: mpsc::Sender<String>,
}

impl AgentHandle {
    /// Which agent this is.
    pub fn kind(&self) -> AgentKind {
        self.kind
    }

    /// The process id, while there is a process: not yet right after the start.
    pub fn pid(&self) -> Option<u32> {
        match *self.shared.group() {
            Group::Running(pid) => u32::try_from(pid.as_raw_nonzero().get()).ok(),
            Group::Starting | Group::Cancelled | Group::Gone => None,
        }
    }

    /// Sends a person's message. `id` must be new: an agent drops what it has seen before.
    /// One message at a time: the next one after the turn's end.
    pub fn send_message(&self, text: &str, id: Uuid) -> Result<(), AgentError> {
        self.write(command::user_message(text, id))?;
        self.shared.turn.send_replace(true);
        Ok(())
    }

    /// Asks the agent to end the running turn; its end comes as an event like any other.
    pub fn interrupt(&self) -> Result<(), AgentError> {
        self.write(command::interrupt())
    }

    /// Begins to end the agent: interrupt, close its stdin, SIGTERM, SIGKILL, each step when the
    /// one before had its time. Returns at once; the end is told by `AgentExited`.
    pub fn stop(&self) {
        self.shared.stop.send_replace(true);
    }

    /// Gives each step of the agent's end no more time than this, also the one that it is at.
    pub fn hurry(&self, step: Duration) {
        self.shared.hurry.send_replace(Some(step));
    }

    /// Ends the agent with all its children at once; the end is told by `AgentExited`.
    pub fn kill(&self) {
        self.shared.kill();
    }

    fn write(&self, line: String) -> Result<(), AgentError> {
        self.input.try_send(line).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => AgentError::Busy,
            mpsc::error::TrySendError::Closed(_) => AgentError::Gone,
        })
    }
}

impl Drop for AgentHandle {
    fn drop(&mut self) {
        self.shared.kill();
    }
}

/// What the handle and the tasks that run the process share.
#[derive(Debug)]
pub(super) struct Shared {
    group: Mutex<Group>,
    /// Whether a message was sent whose turn has not ended.
    pub turn: watch::Sender<bool>,
    /// Whether the agent is to end.
    pub stop: watch::Sender<bool>,
    /// The longest that a step of its end may take, where there is hurry.
    pub hurry: watch::Sender<Option<Duration>>,
}

/// The agent's process group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Group {
    /// Not there yet.
    Starting,
    /// Not there yet and not wanted any more.
    Cancelled,
    /// There, under the leader's process id.
    Running(Pid),
    /// Ended and reaped: the id may belong to another process by now.
    Gone,
}

impl Shared {
    pub fn new() -> Self {
        Self {
            group: Mutex::new(Group::Starting),
            turn: watch::Sender::new(false),
            stop: watch::Sender::new(false),
            hurry: watch::Sender::new(None),
        }
    }

    /// Tells that the process runs. One that is not wanted any more is killed.
    pub fn started(&self, leader: Pid) {
        let mut group = self.group();
        if *group == Group::Cancelled {
            signal(leader, Signal::KILL);
        }
        *group = Group::Running(leader);
    }

    /// Tells that the leader was reaped. What is left of its group is killed.
    pub fn reaped(&self) {
        let mut group = self.group();
        if let Group::Running(leader) = *group {
            // The id cannot have been given away in the moment since the reaping: the kernel
            // hands ids out in turn.
            signal(leader, Signal::KILL);
        }
        *group = Group::Gone;
    }

    /// Asks every process of the group to end.
    pub fn terminate(&self) {
        if let Group::Running(leader) = *self.group() {
            signal(leader, Signal::TERM);
        }
    }

    /// Ends every process of the group.
    pub fn kill(&self) {
        let mut group = self.group();
        match *group {
            Group::Running(leader) => signal(leader, Signal::KILL),
            Group::Starting => *group = Group::Cancelled,
            Group::Cancelled | Group::Gone => (),
        }
    }

    fn group(&self) -> std::sync::MutexGuard<'_, Group> {
        self.group.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn signal(leader: Pid, signal: Signal) {
    // A group that is gone already is what was wanted.
    kill_process_group(leader, signal).ok();
}
