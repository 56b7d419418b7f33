//! Messages to the [`Registry`](super::Registry).

use std::time::{Duration, Instant};

use actix::{Addr, Message};

use crate::{
    cluster::NotHere,
    ids::ConversationId,
    project::ProjectName,
    session::{Session, describe::SessionOverview},
};

/// Asks for a project's session, which starts if there is none.
#[derive(Message, Debug)]
#[rtype(result = "Result<Addr<Session>, NotOpened>")]
pub(crate) struct Open {
    pub project: ProjectName,
}

/// Why a session cannot be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotOpened {
    #[error("Project not found in registry")]
    UnknownProject,
    /// It failed and restarts after this time.
    #[error("The project's session failed and is being started again; try again in a moment.")]
    Restarting(Duration),
    /// It failed too often.
    #[error(
        "The project's session failed too often and was given up. Close it in the admin list (or \
         DELETE /api/assistant/sessions/NAME) to allow another try; the server's log says why."
    )]
    GivenUp,
    #[error("The server is shutting down. Try again in a moment.")]
    Draining,
    /// Its project is not this node's to write.
    #[error("Nothing can be said here: {0}.")]
    NotHere(NotHere),
}

/// Asks for the phase of a project's session, without starting one. Answers `None` when there is
/// none, and [`NotOpened::Draining`] while the server shuts down.
#[derive(Message, Debug)]
#[rtype(result = "Result<Option<SessionPhase>, NotOpened>")]
pub(crate) struct Find {
    pub(crate) project: ProjectName,
}

/// Phase of a project's session.
#[derive(Debug, Clone)]
pub(crate) enum SessionPhase {
    Live(Addr<Session>),
    /// It failed and restarts at this time.
    Restarting(Instant),
    /// It failed too often.
    GivenUp,
    /// It is being closed; another one starts only when it has ended.
    Closing,
}

impl SessionPhase {
    /// All names, as the API and the metrics have them.
    pub(crate) const NAMES: [&str; 4] = ["live", "restarting", "given_up", "closing"];

    pub(crate) fn name(&self) -> &'static str {
        let [live, restarting, given_up, closing] = Self::NAMES;
        match self {
            Self::Live(_) => live,
            Self::Restarting(_) => restarting,
            Self::GivenUp => given_up,
            Self::Closing => closing,
        }
    }
}

/// Starts the session of a project that this node has taken, if questions wait in it.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) struct Resume {
    pub(crate) project: ProjectName,
}

/// Ends the session of a project that this node has lost.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) struct Lose {
    pub(crate) project: ProjectName,
}

#[derive(Message, Debug)]
#[rtype(result = "Sessions")]
pub(crate) struct ListSessions;

/// All sessions, by project.
pub(crate) type Sessions = Vec<SessionDescription>;

/// A project's session.
#[derive(Debug, Clone)]
pub(crate) struct SessionDescription {
    pub project: ProjectName,
    /// The name of its phase.
    pub phase: &'static str,
    /// Restarts after failures.
    pub restarts: u32,
    /// `None` unless it is live.
    pub description: Option<SessionOverview>,
}

/// Closes a project's session or one of its conversations. Answers whether there was one.
#[derive(Message, Debug)]
#[rtype(result = "bool")]
pub(crate) struct CloseSession {
    pub project: ProjectName,
    /// `None` means all.
    pub conversation: Option<ConversationId>,
    /// The error of running turns.
    pub words: String,
}

/// Closes all sessions and starts no other. Answered when everything is stored.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) struct Drain;
