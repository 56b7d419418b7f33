//! A session's hold on a running agent: sends it messages, interrupts it, ends it.

use std::{sync::Arc, time::Duration};

use tokio::sync::mpsc;
use uuid::Uuid;

use super::{
    AgentError, AgentKind,
    codec::command,
    executable::LaunchedExecutable,
    process::{control::ProcessControl, tree::children},
};

/// A running agent. Dropping it kills the agent with all its children at once; the orderly way
/// is [`AgentHandle::stop`], and to keep this until [`AgentExited`](super::AgentExited) came.
#[derive(Debug)]
pub struct AgentHandle {
    pub(super) kind: AgentKind,
    pub(super) executable: LaunchedExecutable,
    pub(super) control: Arc<ProcessControl>,
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
        self.kind == AgentKind::Claude && self.executable.is_replaced()
    }

    /// The agent's process id, while there is a process: not yet right after the start. Reads some
    /// small files of `/proc`.
    pub fn pid(&self) -> Option<u32> {
        // What else the supervisor has been given is younger.
        children(self.supervisor()?).first().copied()
    }

    /// The process id of the agent's parent, from which descends all that it started.
    pub fn supervisor(&self) -> Option<u32> {
        self.control.supervisor()
    }

    /// Sends a person's message. `id` must be new: an agent drops what it has seen before.
    /// One message at a time: the next one after the turn's end.
    pub fn send_message(&self, text: &str, id: Uuid) -> Result<(), AgentError> {
        self.write(command::user_message(text, id))?;
        self.control.turn.send_replace(true);
        Ok(())
    }

    /// Asks the agent to end the running turn; its end comes as an event like any other.
    pub fn interrupt(&self) -> Result<(), AgentError> {
        self.write(command::interrupt())
    }

    /// Begins to end the agent: interrupt, close its stdin, SIGTERM, SIGKILL, each step when the
    /// one before had its time. Returns at once; the end is told by `AgentExited`.
    pub fn stop(&self) {
        self.control.stop.send_replace(true);
    }

    /// Gives each step of the agent's end no more time than this, also the one that it is at.
    pub fn hurry(&self, step: Duration) {
        self.control.hurry.send_replace(Some(step));
    }

    /// Ends the agent with all its children at once; the end is told by `AgentExited`.
    pub fn kill(&self) {
        self.control.kill();
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
        self.control.kill();
    }
}
