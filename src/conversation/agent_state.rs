//! The agent of a conversation: its process, its slot, and what is known of its answers.

use std::time::{Duration, Instant, SystemTime};

use tokio::sync::oneshot;
use uuid::Uuid;

use crate::{
    agent::{AgentHandle, AgentKind, AgentSession, slots::Slot},
    config::settings::AgentSettings,
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
    /// Its slot among the agents that may run.
    pub(crate) slot: Option<Slot>,
    pub(crate) started_at: SystemTime,
    /// Resident memory of the process and its children, when it was last sampled.
    pub(crate) memory_bytes: Option<u64>,
    /// Counts the starts: output of an older process is ignored.
    pub(crate) epoch: u64,
    /// The agent's own id of the conversation, once it has confirmed one.
    pub(crate) session_id: Option<Uuid>,
    /// The process was started to resume its own session.
    pub(crate) is_resuming: bool,
    /// What the process knows of the history; the next question brings the rest.
    pub(crate) knowledge: AgentKnowledge,
    pub(crate) volume: AnswerVolume,
    /// Held while the agent's output is not read; dropped, they let it be read on.
    pub(crate) gates: Vec<oneshot::Sender<()>>,
    pub(crate) watchdog: Watchdog,
    /// When a person asked the running turn to stop.
    pub(crate) stop_requested: Option<Instant>,
    /// The name of that person, where a proxy gave one.
    pub(crate) stopped_by: Option<String>,
}

impl Default for AgentState {
    fn default() -> Self {
        Self {
            handle: None,
            slot: None,
            started_at: SystemTime::now(),
            memory_bytes: None,
            epoch: 0,
            session_id: None,
            is_resuming: false,
            knowledge: AgentKnowledge::Everything,
            volume: AnswerVolume::default(),
            gates: Vec::new(),
            watchdog: Watchdog::new(Instant::now()),
            stop_requested: None,
            stopped_by: None,
        }
    }
}

impl Conversation {
    /// The agent that the asker of a turn's question chose; `None` for the one of the settings.
    pub(crate) fn chosen_agent(&self, turn: TurnNumber) -> Option<AgentKind> {
        self.transcript.question(turn)?.agent.as_deref()?.parse().ok()
    }
}

impl AgentState {
    /// The agent's own session that the next process starts with.
    pub(crate) fn next_session(&self) -> AgentSession {
        match self.session_id {
            Some(id) => AgentSession::Resume(id),
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
