//! A session's hold on a running agent: sends it messages, interrupts it, ends it.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::sync::{mpsc, watch};
use uuid::Uuid;

use super::{
    AgentError, AgentKind, codec::command, descendants::children, program::Started,
    supervisor::END_ALL,
};

/// Lines that may wait to be written to an agent.
pub(crate) const INPUT_LINES: usize = 64;

/// A running agent. Dropping it kills the agent with all its children at once; the orderly way
/// is [`AgentHandle::stop`], and to keep this until [`AgentExited`](super::AgentExited) came.
#[derive(Debug)]
pub struct AgentHandle {
    pub(super) kind: AgentKind,
    pub(super) started: Started,
    pub(super) shared: Arc<Shared>,
    pub(super) input: mpsc::Sender<String>,
}

impl AgentHandle {
    /// Which agent this is.
    pub fn kind(&self) -> AgentKind {
        self.kind
    }

    /// Whether another program has taken the place of the agent's on disk. Of the guide that does
    /// not matter: it needs nothing more of its file. Looks at the disk.
    pub fn is_outdated(&self) -> bool {
        self.kind == AgentKind::Claude && self.started.is_replaced()
    }

    /// The agent's process id, while there is a process: not yet right after the start. Reads some
    /// small files of `/proc`.
    pub fn pid(&self) -> Option<u32> {
        // What else the supervisor has been given is younger.
        children(self.supervisor()?).first().copied()
    }

    /// The process id of the agent's parent, from which descends all that it started.
    pub fn supervisor(&self) -> Option<u32> {
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
    /// Whether its supervisor was told to end everything at once.
    pub killed: watch::Sender<bool>,
    /// The longest that a step of its end may take, where there is hurry.
    pub hurry: watch::Sender<Option<Duration>>,
}

/// The process group of the agent and its supervisor, who leads it.
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
    pub(super) fn new() -> Self {
        Self {
            group: Mutex::new(Group::Starting),
            turn: watch::Sender::new(false),
            stop: watch::Sender::new(false),
            killed: watch::Sender::new(false),
            hurry: watch::Sender::new(None),
        }
    }

    /// Tells that the supervisor runs. One that is not wanted any more is told to end.
    pub(super) fn started(&self, leader: Pid) {
        let mut group = self.group();
        let is_unwanted = *group == Group::Cancelled;
        *group = Group::Running(leader);
        drop(group);
        if is_unwanted {
            self.kill();
        }
    }

    /// Tells that the supervisor was reaped. What is left of its group, where somebody has killed
    /// it, is killed.
    pub(super) fn reaped(&self) {
        self.kill_group();
        *self.group() = Group::Gone;
    }

    /// Asks every process of the agent to end.
    pub(super) fn terminate(&self) {
        if let Group::Running(leader) = *self.group() {
            signal(leader, Signal::TERM);
        }
    }

    /// Ends every process of the agent.
    pub(super) fn kill(&self) {
        let mut group = self.group();
        match *group {
            Group::Running(leader) => {
                signal(leader, END_ALL);
                // Somebody may have stopped it.
                signal(leader, Signal::CONT);
            }
            Group::Starting => *group = Group::Cancelled,
            Group::Cancelled | Group::Gone => (),
        }
        drop(group);
        self.killed.send_replace(true);
    }

    /// Ends the whole process group, the supervisor included, which can do no more for it.
    pub(super) fn kill_group(&self) {
        if let Group::Running(leader) = *self.group() {
            // A group that is gone already is what was wanted. Its id cannot have been given away
            // in the moment since its leader was reaped: the kernel hands ids out in turn.
            kill_process_group(leader, Signal::KILL).ok();
        }
    }

    fn group(&self) -> std::sync::MutexGuard<'_, Group> {
        self.group.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn signal(supervisor: Pid, signal: Signal) {
    // One that is gone already is what was wanted.
    kill_process(supervisor, signal).ok();
}
