//! The handle of a running agent: sends messages, interrupts, stops.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use tokio::sync::mpsc;
use uuid::Uuid;

use crate::{
    attachment::told::ToldFile,
    config::settings::agents::AgentName,
    effort::Effort,
    project::{Project, identity::RootsIdentity},
};

use super::{
    AgentError, AgentKind,
    codec::{
        AgentLines,
        command::{self, ToldTurn},
    },
    executable::LaunchedExecutable,
    process::{control::ProcessControl, tree::children},
};

/// A running agent. Dropping it kills the agent with all its children at once; the orderly way
/// is [`AgentHandle::stop`], and to keep this until [`AgentExited`](super::AgentExited) came.
#[derive(Debug)]
pub struct AgentHandle {
    pub(super) name: AgentName,
    pub(super) kind: AgentKind,
    pub(super) executable: LaunchedExecutable,
    /// The project as configured, and its directories when the agent started.
    pub(super) project: Project,
    pub(super) started_in: Arc<OnceLock<RootsIdentity>>,
    pub(super) control: Arc<ProcessControl>,
    pub(super) dialect: AgentLines,
    pub(super) input: mpsc::Sender<String>,
}

impl AgentHandle {
    /// The agent's name in the settings.
    pub fn name(&self) -> &AgentName {
        &self.name
    }

    /// What agent this is.
    pub fn kind(&self) -> AgentKind {
        self.kind
    }

    /// Whether the agent's program on disk was replaced. Irrelevant to the guide, which needs its file
    /// no more. Reads the disk.
    pub fn is_outdated(&self) -> bool {
        self.kind == AgentKind::Claude && self.executable.is_replaced()
    }

    /// Looks whether other directories have taken the places of those in which the agent was started.
    /// `None` where that does not matter: it reads no files itself, or has not started. Blocks.
    pub(crate) fn place_check(&self) -> Option<impl FnOnce() -> bool + Send + 'static> {
        let reads_itself = matches!(self.kind, AgentKind::Claude | AgentKind::Acp);
        let before = self.started_in.get().filter(|_| reads_itself)?.clone();
        let project = self.project.clone();
        // Where there is none now, an agent that is started anew says so.
        Some(move || RootsIdentity::of(&project).ok() != Some(before))
    }

    /// The agent's process id, while there is a process: not yet right after the start. Reads some
    /// small files of `/proc`.
    pub fn pid(&self) -> Option<u32> {
        // Adopted processes are younger than the agent.
        children(self.supervisor()?).first().copied()
    }

    /// Process id of the supervisor, the ancestor of everything that the agent starts.
    pub fn supervisor(&self) -> Option<u32> {
        self.control.supervisor()
    }

    /// Sends a person's message. `id` must be new: an agent drops what it has seen before.
    /// One message at a time: the next one after the turn's end.
    pub fn send_message(&self, text: &str, id: Uuid) -> Result<(), AgentError> {
        self.send_with(text, &[], id)
    }

    /// Whether it is known that the agent takes no images.
    pub(crate) fn lacks_images(&self) -> bool {
        self.dialect.lacks_images()
    }

    /// Sends a person's message with its files, as [`AgentHandle::send_message`] does without.
    pub(crate) fn send_with(
        &self,
        text: &str,
        files: &[ToldFile],
        id: Uuid,
    ) -> Result<(), AgentError> {
        let line = self.dialect.user_message(text, files, id).ok_or(AgentError::Busy)?;
        self.write(line)?;
        self.control.turn.send_replace(true);
        Ok(())
    }

    /// Tells an agent without sessions of its own what was said before, the oldest turn first. Before its
    /// first question.
    pub(crate) fn tell_history(&self, turns: &[ToldTurn]) -> Result<(), AgentError> {
        self.write(command::history(turns))
    }

    /// Has the guide begin its answer to the next question with a text in Markdown.
    pub(crate) fn tell_note(&self, text: &str) -> Result<(), AgentError> {
        self.write(command::note(text))
    }

    /// Tells the agent how thorough its answers are to be from now on. Only for one that
    /// [can be told](AgentKind::takes_effort).
    pub(crate) fn set_effort(&self, effort: Option<Effort>) -> Result<(), AgentError> {
        self.write(command::thinking(effort.map(Effort::thinking_tokens)))?;
        match self.kind {
            AgentKind::Claude => self.write(command::effort_level(effort.map(Effort::level))),
            _ => Ok(()),
        }
    }

    /// Asks the agent to end the running turn, which ends with an event like any other.
    pub fn interrupt(&self) -> Result<(), AgentError> {
        self.dialect.interrupt().map_or(Ok(()), |line| self.write(line))
    }

    /// Starts the stop sequence: interrupt, end of stdin, SIGTERM, SIGKILL. Returns at once; `AgentExited`
    /// reports the end.
    pub fn stop(&self) {
        self.control.stop.send_replace(true);
    }

    /// Limits the time of each step of the stop sequence, including the current one.
    pub fn hurry(&self, step: Duration) {
        self.control.hurry.send_replace(Some(step));
    }

    /// Kills the agent with all its children; `AgentExited` reports the end.
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
