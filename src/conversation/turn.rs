//! The decisions of a conversation: which question is answered when, when its agent runs, and how
//! every turn comes to exactly one end. Pure code: an event goes in, effects come out.

use std::collections::VecDeque;

use crate::{
    agent::event::{AgentEnd, AgentResult, Remedy},
    entry::{Content, Outcome, ResponseDone},
    ids::TurnNumber,
    wire::server_frame::{ConversationState, Status},
};
use ends::{done, failed, failure};
use status_text::status;
pub(crate) use status_text::{in_line, queued};

mod ends;
mod status_text;
#[cfg(test)]
mod tests;

/// What the agent of a conversation is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AgentPhase {
    /// There is no process.
    Absent,
    /// There is none, and a question waits for leave to start one.
    AwaitingSlot,
    /// The process has not answered the handshake.
    Starting,
    /// The process takes messages.
    Ready,
    /// The process is being ended.
    Stopping,
}

/// The state of a conversation's turns.
#[derive(Debug)]
pub(crate) struct TurnMachine {
    agent: AgentPhase,
    /// The agent's process has answered a question.
    has_answered: bool,
    running: Option<RunningTurn>,
    waiting: VecDeque<QueuedQuestion>,
    /// The turn for which the agent has begun afresh already: once is enough.
    afresh: Option<TurnNumber>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct RunningTurn {
    turn: TurnNumber,
    /// A person wants it to end.
    stopping: bool,
    /// What is asked.
    question: QueuedQuestion,
    /// An agent that was idle may be gone without having seen the question.
    is_untaken: bool,
}

/// A durable question that waits for its turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct QueuedQuestion {
    /// Its turn.
    pub(crate) turn: TurnNumber,
    /// Its text.
    pub(crate) content: String,
}

/// What happens to a conversation.
#[derive(Debug)]
pub(crate) enum TurnEvent {
    /// Somebody is about to ask: the agent is started ahead of the question.
    QuestionExpected,
    /// A question is stored.
    QuestionStored(QueuedQuestion),
    /// There is leave to start the agent.
    SlotAcquired,
    /// The agent takes messages.
    AgentReady,
    /// The agent works on the question that it was asked.
    QuestionReceived,
    /// The question could not be given to the agent, with words for the user.
    SendFailed(String),
    /// The question is better not given to the agent, whose program was replaced: to the next one.
    AgentOutdated(QueuedQuestion),
    /// The agent ended its turn.
    AgentFinished(AgentResult),
    /// The agent's process is gone, with words for the user.
    AgentExited(String),
    /// The agent could not even be started, with words for the user.
    StartFailed(String),
    /// A person wants the running turn to end.
    StopRequested,
    /// The agent has taken too long and is stopped, with words for the user.
    AgentOverdue(String),
    /// The answer has grown beyond its limit and its agent is killed, with words for the user.
    AnswerTooLong(String),
    /// The agent has been idle for long.
    Hibernate,
    /// The conversation ends, with the end that its open turns come to.
    CloseRequested(CloseReason),
}

/// Why a conversation ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CloseReason {
    /// The server shuts down: what came so far is kept as an interrupted answer, and what waits
    /// goes on waiting.
    Shutdown,
    /// Somebody ended it, with words for the user.
    Ended(String),
}

/// What is to be done.
#[derive(Debug)]
pub(crate) enum TurnEffect {
    /// Get leave to start the agent, if it is to be had at once.
    TakeFreeSlot,
    /// Wait for leave to start the agent.
    WaitForSlot,
    /// Wait for it no more.
    CancelSlotWait,
    /// Start the agent.
    StartAgent,
    /// Give the agent this question; its turn begins.
    SendQuestion(QueuedQuestion),
    /// Ask the agent to break off.
    InterruptAgent,
    /// Ask the agent's process to end.
    StopAgent,
    /// Kill the agent's process: it could say still more while it was asked to end.
    KillAgent,
    /// The agent's own record of the conversation is of no use: the next one begins without it.
    DropAgentSession,
    /// The turn is over: this is its end.
    EndTurn {
        /// The turn.
        turn: TurnNumber,
        /// A [`Content`] that [ends](Content::is_end).
        content: Content,
    },
    /// Tell the viewers.
    ShowStatus(Status),
    /// Tell whoever asked this question how many are answered before it.
    ShowQueuePosition {
        /// The question's turn.
        turn: TurnNumber,
        /// Questions before it; at least 1.
        ahead: usize,
    },
}

impl Default for TurnMachine {
    fn default() -> Self {
        Self {
            agent: AgentPhase::Absent,
            has_answered: false,
            running: None,
            waiting: VecDeque::new(),
            afresh: None,
        }
    }
}

impl TurnMachine {
    /// Takes an event and says what is to be done.
    pub(crate) fn on(&mut self, event: TurnEvent) -> Vec<TurnEffect> {
        let mut effects = Vec::new();
        match event {
            TurnEvent::QuestionExpected => {
                if self.agent == AgentPhase::Absent {
                    effects.push(TurnEffect::TakeFreeSlot);
                }
            }
            TurnEvent::SlotAcquired => {
                if matches!(self.agent, AgentPhase::Absent | AgentPhase::AwaitingSlot) {
                    self.agent = AgentPhase::Starting;
                    self.has_answered = false;
                    effects.push(TurnEffect::ShowStatus(status(
                        ConversationState::Starting,
                        "Starting the agent…",
                    )));
                    effects.push(TurnEffect::StartAgent);
                }
            }
            TurnEvent::QuestionStored(question) => {
                let (turn, ahead) = (question.turn, self.questions_ahead());
                self.waiting.push_back(question);
                if ahead > 0 {
                    effects.push(TurnEffect::ShowQueuePosition { turn, ahead });
                }
                self.advance(&mut effects);
            }
            TurnEvent::AgentReady => {
                if self.agent == AgentPhase::Starting {
                    self.agent = AgentPhase::Ready;
                    self.advance(&mut effects);
                    if self.running.is_none() {
                        effects.push(TurnEffect::ShowStatus(status(ConversationState::Idle, "")));
                    }
                }
            }
            TurnEvent::QuestionReceived => {
                if let Some(running) = &mut self.running {
                    running.is_untaken = false;
                }
            }
            TurnEvent::SendFailed(words) => {
                self.end_agent(&mut effects);
                self.fail_taken(&words, &mut effects);
            }
            TurnEvent::AgentOutdated(question) => {
                if self.running() == Some(question.turn) {
                    self.running = None;
                    self.waiting.push_front(question);
                    self.end_agent(&mut effects);
                }
            }
            TurnEvent::AgentFinished(result) => self.finished(result, &mut effects),
            TurnEvent::AgentExited(words) => self.exited(words, &mut effects),
            TurnEvent::StartFailed(words) => {
                self.agent = AgentPhase::Absent;
                self.fail_first(&words, &mut effects);
                self.after_end(&mut effects);
            }
            TurnEvent::StopRequested => self.stop(&mut effects),
            TurnEvent::AgentOverdue(words) => {
                self.end_agent(&mut effects);
                self.end_cut_off(&words, &mut effects);
            }
            TurnEvent::AnswerTooLong(words) => {
                self.end_agent_by(TurnEffect::KillAgent, &mut effects);
                self.end_cut_off(&words, &mut effects);
            }
            TurnEvent::Hibernate => {
                if self.is_idle() {
                    self.end_agent(&mut effects);
                }
            }
            TurnEvent::CloseRequested(closing) => self.close(closing, &mut effects),
        }
        if self.agent == AgentPhase::AwaitingSlot && self.waiting.is_empty() {
            self.agent = AgentPhase::Absent;
            effects.push(TurnEffect::CancelSlotWait);
        }
        effects
    }

    /// The turn that the agent works on.
    pub(crate) fn running(&self) -> Option<TurnNumber> {
        self.running.as_ref().map(|running| running.turn)
    }

    /// How many questions are answered before one that is asked now.
    pub(crate) fn questions_ahead(&self) -> usize {
        self.waiting.len() + usize::from(self.running.is_some())
    }

    /// Bytes of the questions that wait.
    pub(crate) fn waiting_bytes(&self) -> usize {
        self.waiting.iter().map(|question| question.content.len()).sum()
    }

    /// Whether nothing runs and nothing waits.
    pub(crate) fn is_idle(&self) -> bool {
        self.questions_ahead() == 0
    }

    /// Whether a process of the agent exists.
    pub(crate) fn has_agent(&self) -> bool {
        self.agent != AgentPhase::Absent
    }

    /// Whether the agent has yet to answer the handshake.
    pub(crate) fn is_starting(&self) -> bool {
        self.agent == AgentPhase::Starting
    }

    /// The state in one word.
    pub(crate) fn state(&self) -> ConversationState {
        match (&self.running, self.agent) {
            (Some(RunningTurn { stopping: true, .. }), _) => ConversationState::Stopping,
            (Some(_), _) => ConversationState::Running,
            (None, AgentPhase::Starting) => ConversationState::Starting,
            (None, AgentPhase::AwaitingSlot) => ConversationState::Waiting,
            (None, _) if !self.waiting.is_empty() => ConversationState::Queued,
            (None, _) => ConversationState::Idle,
        }
    }

    /// Begins the next turn as soon as the agent is free.
    fn advance(&mut self, effects: &mut Vec<TurnEffect>) {
        if self.running.is_some() || self.waiting.is_empty() {
            return;
        }
        match self.agent {
            AgentPhase::Absent => {
                self.agent = AgentPhase::AwaitingSlot;
                effects.push(TurnEffect::WaitForSlot);
            }
            // The leave, the agent's next sign of life or its exit brings us here again.
            AgentPhase::AwaitingSlot | AgentPhase::Starting | AgentPhase::Stopping => (),
            AgentPhase::Ready => {
                if let Some(question) = self.waiting.pop_front() {
                    self.running = Some(RunningTurn {
                        turn: question.turn,
                        stopping: false,
                        question: question.clone(),
                        is_untaken: self.has_answered,
                    });
                    effects.push(TurnEffect::ShowStatus(status(
                        ConversationState::Running,
                        "Thinking…",
                    )));
                    effects.push(TurnEffect::SendQuestion(question));
                    self.tell_places(effects);
                }
            }
        }
    }

    /// Everybody who waits is told how far it is.
    fn tell_places(&self, effects: &mut Vec<TurnEffect>) {
        let running = usize::from(self.running.is_some());
        let places = self.waiting.iter().zip(running..).filter(|(_, ahead)| *ahead > 0);
        effects.extend(
            places.map(|(question, ahead)| TurnEffect::ShowQueuePosition {
                turn: question.turn,
                ahead,
            }),
        );
    }

    fn finished(&mut self, result: AgentResult, effects: &mut Vec<TurnEffect>) {
        // A result without a turn, or a second one, ends nothing.
        let Some(running) = self.running.take() else { return };
        self.has_answered = true;
        let outcome = match result.end {
            AgentEnd::Completed => Outcome::Completed,
            AgentEnd::Interrupted if running.stopping => Outcome::Stopped,
            AgentEnd::Interrupted => Outcome::Interrupted,
            AgentEnd::Failed(_) if running.stopping => Outcome::Stopped,
            AgentEnd::Failed(failure)
                if failure.remedy == Remedy::FreshAgent && self.afresh != Some(running.turn) =>
            {
                self.afresh = Some(running.turn);
                effects.push(TurnEffect::DropAgentSession);
                self.waiting.push_front(running.question);
                self.end_agent(effects);
                return;
            }
            AgentEnd::Failed(failure) => {
                effects.push(failed(running.turn, failure));
                self.after_end(effects);
                return;
            }
        };
        let content = Content::ResponseDone(ResponseDone {
            outcome,
            usage: Some(result.usage),
            cost_usd: result.cost_usd,
            duration_ms: result.duration_ms,
            ..ResponseDone::default()
        });
        effects.push(TurnEffect::EndTurn { turn: running.turn, content });
        self.after_end(effects);
    }

    fn after_end(&mut self, effects: &mut Vec<TurnEffect>) {
        self.advance(effects);
        if self.is_idle() {
            effects.push(TurnEffect::ShowStatus(status(ConversationState::Idle, "")));
        }
    }

    fn exited(&mut self, words: String, effects: &mut Vec<TurnEffect>) {
        let was = std::mem::replace(&mut self.agent, AgentPhase::Absent);
        match self.running {
            Some(RunningTurn { turn, stopping: true, .. }) => {
                self.running = None;
                effects.push(done(turn, Outcome::Stopped));
            }
            Some(_) => self.fail_taken(&words, effects),
            // It never came to take the question that waits.
            None if was == AgentPhase::Starting => self.fail_first(&words, effects),
            None => (),
        }
        self.after_end(effects);
    }

    /// Ends the running turn as failed, unless its agent was gone before it saw the question: then it
    /// is asked again of the next one, which has not answered anything and is the last to be asked.
    fn fail_taken(&mut self, words: &str, effects: &mut Vec<TurnEffect>) {
        match self.running.take_if(|running| running.is_untaken) {
            Some(running) => self.waiting.push_front(running.question),
            None => self.fail_first(words, effects),
        }
    }

    /// Ends the running turn, or else the first waiting one, as failed.
    fn fail_first(&mut self, words: &str, effects: &mut Vec<TurnEffect>) {
        let running = self.running.take().map(|running| running.turn);
        let turn = running.or_else(|| self.waiting.pop_front().map(|question| question.turn));
        if let Some(turn) = turn {
            effects.push(failure(turn, words.to_owned()));
        }
    }

    /// Ends the running turn whose agent is ended: as stopped where a person asked for that.
    fn end_cut_off(&mut self, words: &str, effects: &mut Vec<TurnEffect>) {
        match self.running.take_if(|running| running.stopping) {
            Some(running) => effects.push(done(running.turn, Outcome::Stopped)),
            None => self.fail_first(words, effects),
        }
    }

    fn stop(&mut self, effects: &mut Vec<TurnEffect>) {
        if let Some(running) = &mut self.running {
            if !std::mem::replace(&mut running.stopping, true) {
                effects
                    .push(TurnEffect::ShowStatus(status(ConversationState::Stopping, "Stopping…")));
                effects.push(TurnEffect::InterruptAgent);
            }
        } else if let Some(question) = self.waiting.pop_front() {
            effects.push(done(question.turn, Outcome::Stopped));
            self.tell_places(effects);
        }
    }

    fn end_agent(&mut self, effects: &mut Vec<TurnEffect>) {
        self.end_agent_by(TurnEffect::StopAgent, effects);
    }

    fn end_agent_by(&mut self, effect: TurnEffect, effects: &mut Vec<TurnEffect>) {
        if matches!(self.agent, AgentPhase::Starting | AgentPhase::Ready) {
            self.agent = AgentPhase::Stopping;
            effects.push(effect);
        }
    }

    fn close(&mut self, closing: CloseReason, effects: &mut Vec<TurnEffect>) {
        let running = self.running.take().map(|running| running.turn);
        let waiting = self.waiting.drain(..).map(|question| question.turn);
        match closing {
            // What waits is stored, and is answered after the restart.
            CloseReason::Shutdown => {
                waiting.for_each(drop);
                effects.extend(running.map(|turn| done(turn, Outcome::Interrupted)));
            }
            CloseReason::Ended(words) => {
                let open = running.into_iter().chain(waiting);
                effects.extend(open.map(|turn| failure(turn, words.clone())));
            }
        }
        self.end_agent(effects);
    }
}
