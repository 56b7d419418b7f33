//! The agent of a conversation: its process, its slot, and what is known of its answers.

use std::{
    fmt,
    time::{Duration, Instant, SystemTime},
};

use tokio::sync::oneshot;
use uuid::Uuid;

use crate::{
    agent::{AgentHandle, AgentSession, slots::Slot},
    config::settings::{AgentSettings, agents::AgentName},
    effort::Effort,
    entry::{AnsweredBy, Content, UserMessage},
    ids::TurnNumber,
};

use super::{
    Conversation,
    answer_limits::AnswerVolume,
    recap::AgentKnowledge,
    turn::{TurnEvent, TurnMachine},
    watchdog::{self, Watchdog},
};

#[derive(Debug)]
pub(crate) struct AgentState {
    /// The process, while there is one.
    pub(crate) handle: Option<AgentHandle>,
    /// The agent that was started last; `None` where that failed.
    pub(crate) answerer: Option<AnsweredBy>,
    /// Its slot among the agents that may run.
    pub(crate) slot: Option<Slot>,
    pub(crate) started_at: SystemTime,
    /// Resident memory of the process and its children, when it was last sampled.
    pub(crate) memory_bytes: Option<u64>,
    /// Counts the starts: output of an older process is ignored.
    pub(crate) epoch: u64,
    /// The agent's own session of the conversation, once it has confirmed one.
    pub(crate) session: Option<OwnSession>,
    /// The process was started to resume its own session.
    pub(crate) is_resuming: bool,
    /// The effort that the process was last told.
    pub(crate) effort: Option<Effort>,
    /// What the process knows of the history; the next question brings the rest.
    pub(crate) knowledge: AgentKnowledge,
    pub(crate) volume: AnswerVolume,
    /// Held while the agent's output is not read; dropped, they let it be read on.
    pub(crate) gates: Vec<oneshot::Sender<()>>,
    pub(crate) watchdog: Watchdog,
    /// When the newest output was read.
    pub(crate) read_at: Instant,
    /// When a person asked the running turn to stop.
    pub(crate) stop_requested: Option<Instant>,
    /// The name of that person, where a proxy gave one.
    pub(crate) stopped_by: Option<String>,
}

impl Default for AgentState {
    fn default() -> Self {
        Self {
            handle: None,
            answerer: None,
            slot: None,
            started_at: SystemTime::now(),
            memory_bytes: None,
            epoch: 0,
            session: None,
            is_resuming: false,
            effort: None,
            knowledge: AgentKnowledge::Everything,
            volume: AnswerVolume::default(),
            gates: Vec::new(),
            watchdog: Watchdog::new(Instant::now()),
            read_at: Instant::now(),
            stop_requested: None,
            stopped_by: None,
        }
    }
}

/// An agent's own session of a conversation, which no other agent knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OwnSession {
    pub(crate) agent: AgentName,
    pub(crate) id: Uuid,
}

impl fmt::Display for OwnSession {
    /// As it is stored. In earlier versions all were Claude Code's, and the name was left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.agent == AgentName::claude() {
            true => write!(f, "{}", self.id),
            false => write!(f, "{} {}", self.id, self.agent),
        }
    }
}

impl OwnSession {
    /// Reads what is stored; `None` for what is none.
    pub(crate) fn read(stored: &str) -> Option<Self> {
        let (id, agent) = match stored.split_once(' ') {
            Some((id, agent)) => (id, agent.parse().ok()?),
            None => (stored, AgentName::claude()),
        };
        Some(Self { agent, id: id.parse().ok()? })
    }
}

impl Conversation {
    /// The agent that was asked for where `turn` is answered; `None` for the one of the settings. A
    /// question names it for itself and all later ones, and one that is asked again for itself alone.
    pub(crate) fn chosen_agent(&self, turn: Option<TurnNumber>) -> Option<AgentName> {
        let questions = self.transcript.contents().filter_map(|(of, content)| match content {
            Content::UserMessage(message) => Some((of, message)),
            _ => None,
        });
        let upto = questions.filter(|(of, _)| turn.is_none_or(|turn| *of <= turn));
        let counts = |(of, message): &(TurnNumber, &UserMessage)| {
            message.retry_of.is_none() || Some(*of) == turn
        };
        let named = upto
            .filter(counts)
            .filter_map(|(of, message)| Some((of, message.agent.as_deref()?.to_owned())));
        let (_, name) = named.max_by_key(|(of, _)| *of)?;
        name.parse().ok()
    }
}

impl AgentState {
    /// The session that the next process of `agent` starts with.
    pub(crate) fn next_session(&self, agent: &AgentName) -> AgentSession {
        match self.session.as_ref().filter(|session| session.agent == *agent) {
            Some(session) => AgentSession::Resume(session.id),
            None => AgentSession::New(Uuid::new_v4()),
        }
    }

    /// What becomes of an agent that has taken too long, or was not used for `unused`.
    pub(crate) fn overdue(
        &self,
        turns: &TurnMachine,
        unused: Duration,
        settings: &AgentSettings,
    ) -> Option<TurnEvent> {
        let now = Instant::now();
        // An agent that is not read, because the database is behind, is not silent.
        let watchdog = if self.is_held() { Watchdog::new(now) } else { self.watchdog };
        let silence = watchdog.silence(now);
        if turns.is_starting() && silence > settings.start_timeout {
            return Some(TurnEvent::AgentOverdue(format!(
                "the agent did not start within {} seconds and was ended; ask again, or see the \
                 server's log",
                settings.start_timeout.as_secs()
            )));
        }
        if turns.running().is_some() {
            let ignores_stop =
                self.stop_requested.is_some_and(|at| now - at > settings.stop_timeout);
            let limits = (settings.silence_timeout, settings.progress_timeout);
            let reason = watchdog.overdue(now, limits);
            let reason = reason.or_else(|| ignores_stop.then(|| watchdog::quiet(silence)));
            if let Some(reason) = reason {
                return Some(TurnEvent::AgentOverdue(reason));
            }
        }
        let is_idle = turns.has_agent() && turns.is_idle();
        let is_outdated = || self.handle.as_ref().is_some_and(AgentHandle::is_outdated);
        (is_idle && (unused > settings.idle_timeout || is_outdated()))
            .then_some(TurnEvent::Hibernate)
    }

    /// Whether its output is not read.
    pub(crate) fn is_held(&self) -> bool {
        !self.gates.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_read_as_it_was_stored_and_an_old_one_is_of_claude() {
        let id = Uuid::new_v4();
        for (name, stored) in [("claude", id.to_string()), ("gemini", format!("{id} gemini"))] {
            let session = OwnSession { agent: name.parse().unwrap(), id };
            assert_eq!(session.to_string(), stored);
            assert_eq!(OwnSession::read(&stored), Some(session));
        }
        for bad in ["", "x", "x claude", &format!("{id} a/b"), &format!("{id} ")] {
            assert_eq!(OwnSession::read(bad), None, "{bad:?}");
        }
    }
}
