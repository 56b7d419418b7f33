//! State machine of a conversation's turns: which question runs when, and with which agent. An
//! event goes in, effects come out. Every turn comes to exactly one end.

use std::collections::VecDeque;

use crate::{
    agent::event::{AgentEnd, AgentResult, Remedy},
    entry::{AnswerFacts, Content, Outcome, ResponseDone},
    ids::TurnNumber,
    wire::server_frame::ConversationState,
};
use ends::{done, failed, failure, withdrawn};
pub(crate) use event::{CloseReason, QueuedQuestion, TurnEffect, TurnEvent};
use status_text::status;
pub(crate) use status_text::{in_line, queued};

mod ends;
mod event;
mod status_text;
#[cfg(test)]
mod tests;

/// Phase of the conversation's agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AgentPhase {
    /// No process.
    Absent,
    /// No process; a question waits for a slot.
    AwaitingSlot,
    /// The process has not completed the handshake.
    Starting,
    /// The process takes questions.
    Ready,
    /// The process is being ended.
    Stopping,
}

#[derive(Debug)]
pub(crate) struct TurnMachine {
    agent: AgentPhase,
    /// The agent's process has answered a question already.
    has_answered: bool,
    running: Option<RunningTurn>,
    waiting: VecDeque<QueuedQuestion>,
    /// The turn that was restarted with a fresh agent already: once is enough.
    afresh: Option<TurnNumber>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct RunningTurn {
    turn: TurnNumber,
    /// A person asked it to stop.
    is_stopping: bool,
    question: QueuedQuestion,
    /// The agent has not shown that it works on the question; it may have exited while idle.
    is_unconfirmed: bool,
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
    /// Applies an event and returns what follows from it.
    pub(crate) fn on(&mut self, event: TurnEvent) -> Vec<TurnEffect> {
        let mut effects = Vec::new();
        self.apply(event, &mut effects);
        if self.agent == AgentPhase::AwaitingSlot && self.waiting.is_empty() {
            self.agent = AgentPhase::Absent;
            effects.push(TurnEffect::CancelSlotWait);
        }
        effects
    }

    fn apply(&mut self, event: TurnEvent, effects: &mut Vec<TurnEffect>) {
        match event {
            TurnEvent::QuestionExpected if self.agent == AgentPhase::Absent => {
                effects.push(TurnEffect::TakeFreeSlot);
            }
            TurnEvent::QuestionExpected => (),
            TurnEvent::QuestionStored(question) => self.enqueue(question, effects),
            TurnEvent::QuestionReceived => {
                if let Some(running) = &mut self.running {
                    running.is_unconfirmed = false;
                }
            }
            TurnEvent::SlotAcquired => self.start_agent(effects),
            TurnEvent::AgentReady => self.agent_ready(effects),
            TurnEvent::AgentFinished(result) => self.finished(result, effects),
            TurnEvent::AgentExited(reason) => self.exited(reason, effects),
            TurnEvent::StartFailed(reason) => {
                self.agent = AgentPhase::Absent;
                self.fail_first(&reason, effects);
                self.after_end(effects);
            }
            TurnEvent::SendFailed(reason) => {
                self.end_agent(effects);
                self.fail_taken(&reason, effects);
            }
            TurnEvent::AgentOutdated(question) => {
                if self.running() == Some(question.turn) {
                    self.running = None;
                    self.waiting.push_front(question);
                    self.end_agent(effects);
                }
            }
            TurnEvent::AgentOverdue(reason) => {
                self.end_agent(effects);
                self.end_cut_off(&reason, effects);
            }
            TurnEvent::AnswerTooLong(reason) => {
                self.end_agent_by(TurnEffect::KillAgent, effects);
                self.end_cut_off(&reason, effects);
            }
            TurnEvent::StopRequested => self.stop(effects),
            TurnEvent::QuestionWithdrawn { turn, author } => self.withdraw(turn, author, effects),
            TurnEvent::Hibernate if self.is_idle() => self.end_agent(effects),
            TurnEvent::Hibernate => (),
            TurnEvent::CloseRequested(reason) => self.close(reason, effects),
        }
    }

    fn enqueue(&mut self, question: QueuedQuestion, effects: &mut Vec<TurnEffect>) {
        let (turn, ahead) = (question.turn, self.questions_ahead());
        self.waiting.push_back(question);
        if ahead > 0 {
            effects.push(TurnEffect::ShowQueuePosition { turn, ahead });
        }
        self.advance(effects);
    }

    fn start_agent(&mut self, effects: &mut Vec<TurnEffect>) {
        if matches!(self.agent, AgentPhase::Absent | AgentPhase::AwaitingSlot) {
            self.agent = AgentPhase::Starting;
            self.has_answered = false;
            let starting = status(ConversationState::Starting, "Starting the agent…");
            effects.push(TurnEffect::ShowStatus(starting));
            effects.push(TurnEffect::StartAgent);
        }
    }

    fn agent_ready(&mut self, effects: &mut Vec<TurnEffect>) {
        if self.agent == AgentPhase::Starting {
            self.agent = AgentPhase::Ready;
            self.advance(effects);
            if self.running.is_none() {
                effects.push(TurnEffect::ShowStatus(status(ConversationState::Idle, "")));
            }
        }
    }

    /// The running turn.
    pub(crate) fn running(&self) -> Option<TurnNumber> {
        self.running.as_ref().map(|running| running.turn)
    }

    /// The turn of the question that waits longest.
    pub(crate) fn next_waiting(&self) -> Option<TurnNumber> {
        self.waiting.front().map(|question| question.turn)
    }

    /// Whether a question waits that nobody has begun to answer.
    pub(crate) fn is_waiting(&self, turn: TurnNumber) -> bool {
        self.waiting.iter().any(|question| question.turn == turn)
    }

    /// Questions that are answered before one that is asked now.
    pub(crate) fn questions_ahead(&self) -> usize {
        self.waiting.len() + usize::from(self.running.is_some())
    }

    /// Bytes of waiting questions.
    pub(crate) fn waiting_bytes(&self) -> usize {
        self.waiting.iter().map(|question| question.content.len()).sum()
    }

    /// Whether nothing runs and nothing waits.
    pub(crate) fn is_idle(&self) -> bool {
        self.questions_ahead() == 0
    }

    /// Whether a process exists or a slot is awaited.
    pub(crate) fn has_agent(&self) -> bool {
        self.agent != AgentPhase::Absent
    }

    /// Whether the agent has not completed the handshake.
    pub(crate) fn is_starting(&self) -> bool {
        self.agent == AgentPhase::Starting
    }

    pub(crate) fn state(&self) -> ConversationState {
        match (&self.running, self.agent) {
            (Some(RunningTurn { is_stopping: true, .. }), _) => ConversationState::Stopping,
            (Some(_), _) => ConversationState::Running,
            (None, AgentPhase::Starting) => ConversationState::Starting,
            (None, AgentPhase::AwaitingSlot) => ConversationState::Waiting,
            (None, _) if !self.waiting.is_empty() => ConversationState::Queued,
            (None, _) => ConversationState::Idle,
        }
    }

    /// Begins the next turn if the agent is free.
    fn advance(&mut self, effects: &mut Vec<TurnEffect>) {
        if self.running.is_some() || self.waiting.is_empty() {
            return;
        }
        match self.agent {
            AgentPhase::Absent => {
                self.agent = AgentPhase::AwaitingSlot;
                effects.push(TurnEffect::WaitForSlot);
            }
            // The slot, the handshake or the exit comes back here.
            AgentPhase::AwaitingSlot | AgentPhase::Starting | AgentPhase::Stopping => (),
            AgentPhase::Ready => {
                if let Some(question) = self.waiting.pop_front() {
                    self.running = Some(RunningTurn {
                        turn: question.turn,
                        is_stopping: false,
                        question: question.clone(),
                        is_unconfirmed: self.has_answered,
                    });
                    effects.push(TurnEffect::ShowStatus(status(
                        ConversationState::Running,
                        "Thinking…",
                    )));
                    effects.push(TurnEffect::SendQuestion(question));
                    self.show_queue_positions(effects);
                }
            }
        }
    }

    /// Shows all askers their positions.
    fn show_queue_positions(&self, effects: &mut Vec<TurnEffect>) {
        let running = usize::from(self.running.is_some());
        let positions = self.waiting.iter().zip(running..).filter(|(_, ahead)| *ahead > 0);
        effects.extend(
            positions.map(|(question, ahead)| TurnEffect::ShowQueuePosition {
                turn: question.turn,
                ahead,
            }),
        );
    }

    fn finished(&mut self, result: AgentResult, effects: &mut Vec<TurnEffect>) {
        // A result without a turn, or a second one, ends nothing.
        let Some(running) = self.running.take() else { return };
        self.has_answered = true;
        let facts = Box::new(AnswerFacts {
            usage: Some(result.usage),
            cost_usd: result.cost_usd,
            duration_ms: result.duration_ms,
            ..AnswerFacts::default()
        });
        let outcome = match result.end {
            AgentEnd::Completed => Outcome::Completed,
            AgentEnd::Interrupted if running.is_stopping => Outcome::Stopped,
            AgentEnd::Interrupted => Outcome::Interrupted,
            AgentEnd::Failed(_) if running.is_stopping => Outcome::Stopped,
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
                effects.push(failed(running.turn, failure, facts));
                self.after_end(effects);
                return;
            }
        };
        let done = ResponseDone { outcome, facts, ..ResponseDone::default() };
        let content = Content::ResponseDone(done);
        effects.push(TurnEffect::EndTurn { turn: running.turn, content });
        self.after_end(effects);
    }

    fn after_end(&mut self, effects: &mut Vec<TurnEffect>) {
        self.advance(effects);
        if self.is_idle() {
            effects.push(TurnEffect::ShowStatus(status(ConversationState::Idle, "")));
        }
    }

    fn exited(&mut self, reason: String, effects: &mut Vec<TurnEffect>) {
        let before = std::mem::replace(&mut self.agent, AgentPhase::Absent);
        match self.running {
            Some(RunningTurn { turn, is_stopping: true, .. }) => {
                self.running = None;
                effects.push(done(turn, Outcome::Stopped));
            }
            Some(_) => self.fail_taken(&reason, effects),
            // The agent never got to the waiting question.
            None if before == AgentPhase::Starting => self.fail_first(&reason, effects),
            None => (),
        }
        self.after_end(effects);
    }

    /// Ends the running turn as failed, unless its agent exited before it saw the question: then
    /// the next agent gets it, which has answered nothing yet and is the last to get it.
    fn fail_taken(&mut self, reason: &str, effects: &mut Vec<TurnEffect>) {
        match self.running.take_if(|running| running.is_unconfirmed) {
            Some(running) => self.waiting.push_front(running.question),
            None => self.fail_first(reason, effects),
        }
    }

    /// Ends the running turn, or else the first waiting one, as failed.
    fn fail_first(&mut self, reason: &str, effects: &mut Vec<TurnEffect>) {
        let running = self.running.take().map(|running| running.turn);
        let turn = running.or_else(|| self.waiting.pop_front().map(|question| question.turn));
        if let Some(turn) = turn {
            effects.push(failure(turn, reason.to_owned()));
        }
    }

    /// Ends the running turn whose agent is being ended: as stopped if a person asked for that.
    fn end_cut_off(&mut self, reason: &str, effects: &mut Vec<TurnEffect>) {
        match self.running.take_if(|running| running.is_stopping) {
            Some(running) => effects.push(done(running.turn, Outcome::Stopped)),
            None => self.fail_first(reason, effects),
        }
    }

    fn stop(&mut self, effects: &mut Vec<TurnEffect>) {
        if let Some(running) = &mut self.running {
            if !std::mem::replace(&mut running.is_stopping, true) {
                effects
                    .push(TurnEffect::ShowStatus(status(ConversationState::Stopping, "Stopping…")));
                effects.push(TurnEffect::InterruptAgent);
            }
        } else if let Some(question) = self.waiting.pop_front() {
            effects.push(done(question.turn, Outcome::Stopped));
            self.show_queue_positions(effects);
        }
    }

    fn withdraw(
        &mut self,
        turn: TurnNumber,
        author: Option<String>,
        effects: &mut Vec<TurnEffect>,
    ) {
        let Some(at) = self.waiting.iter().position(|question| question.turn == turn) else {
            return;
        };
        self.waiting.remove(at);
        let is_next = at == 0 && self.running.is_none();
        effects.push(withdrawn(turn, author, !is_next));
        self.show_queue_positions(effects);
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
            // Waiting questions are answered after the restart.
            CloseReason::Shutdown => {
                waiting.for_each(drop);
                effects.extend(running.map(|turn| done(turn, Outcome::Interrupted)));
            }
            CloseReason::Ended(reason) => {
                let open = running.into_iter().chain(waiting);
                effects.extend(open.map(|turn| failure(turn, reason.clone())));
            }
        }
        self.end_agent(effects);
    }
}
