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
use words::status;
pub(crate) use words::{in_line, queued};

mod ends;
#[cfg(test)]
mod tests;
mod words;

/// What the agent of a conversation is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Agent {
    /// There is no process.
    Absent,
    /// There is none, and a question waits for leave to start one.
    InLine,
    /// The process has not answered the handshake.
    Starting,
    /// The process takes messages.
    Ready,
    /// The process is being ended.
    Stopping,
}

/// The state of a conversation's turns.
#[derive(Debug)]
pub(crate) struct Turns {
    agent: Agent,
    /// The agent's process has answered a question.
    has_answered: bool,
    running: Option<Running>,
    waiting: VecDeque<Question>,
    /// The turn for which the agent has begun afresh already: once is enough.
    afresh: Option<TurnNumber>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Running {
    turn: TurnNumber,
    /// A person wants it to end.
    stopping: bool,
    /// What is asked.
    question: Question,
    /// An agent that was idle may be gone without having seen the question.
    is_untaken: bool,
}

/// A durable question that waits for its turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    /// Its turn.
    pub turn: TurnNumber,
    /// Its text.
    pub content: String,
}

/// What happens to a conversation.
#[derive(Debug)]
pub(crate) enum Event {
    /// Somebody is about to ask: the agent is started ahead of the question.
    Wake,
    /// A question is stored.
    Asked(Question),
    /// There is leave to start the agent.
    PlaceTaken,
    /// The agent takes messages.
    AgentReady,
    /// The agent works on the question that it was asked.
    Taken,
    /// The question could not be given to the agent, with words for the user.
    NotSent(String),
    /// The question is better not given to the agent, whose program was replaced: to the next one.
    AgentOutdated(Question),
    /// The agent ended its turn.
    Finished(AgentResult),
    /// The agent's process is gone, with words for the user.
    AgentExited(String),
    /// The agent could not even be started, with words for the user.
    StartFailed(String),
    /// A person wants the running turn to end.
    StopAsked,
    /// The agent must go, whatever it is doing, with words for the user.
    AgentMustEnd(String),
    /// The agent has been idle for long.
    Hibernate,
    /// The conversation ends, with the end that its open turns come to.
    Closed(Closing),
}

/// Why a conversation ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Closing {
    /// The server shuts down: what came so far is kept as an interrupted answer, and what waits
    /// goes on waiting.
    Shutdown,
    /// Somebody ended it, with words for the user.
    Ended(String),
}

/// What is to be done.
#[derive(Debug)]
pub(crate) enum Effect {
    /// Get leave to start the agent, if it is to be had at once.
    StartAhead,
    /// Wait for leave to start the agent.
    StandInLine,
    /// Wait for it no more.
    LeaveLine,
    /// Start the agent.
    StartAgent,
    /// Give the agent this question; its turn begins.
    Ask(Question),
    /// Ask the agent to break off.
    Interrupt,
    /// End the agent's process.
    StopAgent,
    /// The agent's own record of the conversation is of no use: the next one begins without it.
    BeginAfresh,
    /// The turn is over: this is its end.
    End {
        /// The turn.
        turn: TurnNumber,
        /// A [`Content`] that [ends](Content::is_end).
        content: Content,
    },
    /// Tell the viewers.
    Tell(Status),
    /// Tell whoever asked this question how many are answered before it.
    TellPlace {
        /// The question's turn.
        turn: TurnNumber,
        /// Questions before it; at least 1.
        ahead: usize,
    },
}

impl Default for Turns {
    fn default() -> Self {
        Self {
            agent: Agent::Absent,
            has_answered: false,
            running: None,
            waiting: VecDeque::new(),
            afresh: None,
        }
    }
}

impl Turns {
    /// Takes an event and says what is to be done.
    pub(crate) fn on(&mut self, event: Event) -> Vec<Effect> {
        let mut effects = Vec::new();
        match event {
            Event::Wake => {
                if self.agent == Agent::Absent {
                    effects.push(Effect::StartAhead);
                }
            }
            Event::PlaceTaken => {
                if matches!(self.agent, Agent::Absent | Agent::InLine) {
                    self.agent = Agent::Starting;
                    self.has_answered = false;
                    effects.push(Effect::Tell(status(
                        ConversationState::Starting,
                        "Starting the agent…",
                    )));
                    effects.push(Effect::StartAgent);
                }
            }
            Event::Asked(question) => {
                let (turn, ahead) = (question.turn, self.questions_ahead());
                self.waiting.push_back(question);
                if ahead > 0 {
                    effects.push(Effect::TellPlace { turn, ahead });
                }
                self.advance(&mut effects);
            }
            Event::AgentReady => {
                if self.agent == Agent::Starting {
                    self.agent = Agent::Ready;
                    self.advance(&mut effects);
                    if self.running.is_none() {
                        effects.push(Effect::Tell(status(ConversationState::Idle, "")));
                    }
                }
            }
            Event::Taken => {
                if let Some(running) = &mut self.running {
                    running.is_untaken = false;
                }
            }
            Event::NotSent(words) => {
                self.end_agent(&mut effects);
                self.fail_taken(&words, &mut effects);
            }
            Event::AgentOutdated(question) => {
                if self.running() == Some(question.turn) {
                    self.running = None;
                    self.waiting.push_front(question);
                    self.end_agent(&mut effects);
                }
            }
            Event::Finished(result) => self.finished(result, &mut effects),
            Event::AgentExited(words) => self.exited(words, &mut effects),
            Event::StartFailed(words) => {
                self.agent = Agent::Absent;
                self.fail_first(&words, &mut effects);
                self.after_end(&mut effects);
            }
            Event::StopAsked => self.stop(&mut effects),
            Event::AgentMustEnd(words) => {
                self.end_agent(&mut effects);
                match self.running {
                    // It was asked to stop and did not: it stops now.
                    Some(Running { turn, stopping: true, .. }) => {
                        self.running = None;
                        effects.push(done(turn, Outcome::Stopped));
                    }
                    _ => self.fail_first(&words, &mut effects),
                }
            }
            Event::Hibernate => {
                if self.is_idle() {
                    self.end_agent(&mut effects);
                }
            }
            Event::Closed(closing) => self.close(closing, &mut effects),
        }
        if self.agent == Agent::InLine && self.waiting.is_empty() {
            self.agent = Agent::Absent;
            effects.push(Effect::LeaveLine);
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
        self.agent != Agent::Absent
    }

    /// Whether the agent has yet to answer the handshake.
    pub(crate) fn is_starting(&self) -> bool {
        self.agent == Agent::Starting
    }

    /// Whether the agent's process is being ended.
    pub(crate) fn is_stopping(&self) -> bool {
        self.agent == Agent::Stopping
    }

    /// The state in one word.
    pub(crate) fn state(&self) -> ConversationState {
        match (&self.running, self.agent) {
            (Some(Running { stopping: true, .. }), _) => ConversationState::Stopping,
            (Some(_), _) => ConversationState::Running,
            (None, Agent::Starting) => ConversationState::Starting,
            (None, Agent::InLine) => ConversationState::Waiting,
            (None, _) if !self.waiting.is_empty() => ConversationState::Queued,
            (None, _) => ConversationState::Idle,
        }
    }

    /// Begins the next turn as soon as the agent is free.
    fn advance(&mut self, effects: &mut Vec<Effect>) {
        if self.running.is_some() || self.waiting.is_empty() {
            return;
        }
        match self.agent {
            Agent::Absent => {
                self.agent = Agent::InLine;
                effects.push(Effect::StandInLine);
            }
            // The leave, the agent's next sign of life or its exit brings us here again.
            Agent::InLine | Agent::Starting | Agent::Stopping => (),
            Agent::Ready => {
                if let Some(question) = self.waiting.pop_front() {
                    self.running = Some(Running {
                        turn: question.turn,
                        stopping: false,
                        question: question.clone(),
                        is_untaken: self.has_answered,
                    });
                    effects.push(Effect::Tell(status(ConversationState::Running, "Thinking…")));
                    effects.push(Effect::Ask(question));
                    self.tell_places(effects);
                }
            }
        }
    }

    /// Everybody who waits is told how far it is.
    fn tell_places(&self, effects: &mut Vec<Effect>) {
        let running = usize::from(self.running.is_some());
        let places = self.waiting.iter().zip(running..).filter(|(_, ahead)| *ahead > 0);
        effects.extend(
            places.map(|(question, ahead)| Effect::TellPlace { turn: question.turn, ahead }),
        );
    }

    fn finished(&mut self, result: AgentResult, effects: &mut Vec<Effect>) {
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
                effects.push(Effect::BeginAfresh);
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
        effects.push(Effect::End { turn: running.turn, content });
        self.after_end(effects);
    }

    fn after_end(&mut self, effects: &mut Vec<Effect>) {
        self.advance(effects);
        if self.is_idle() {
            effects.push(Effect::Tell(status(ConversationState::Idle, "")));
        }
    }

    fn exited(&mut self, words: String, effects: &mut Vec<Effect>) {
        let was = std::mem::replace(&mut self.agent, Agent::Absent);
        match self.running {
            Some(Running { turn, stopping: true, .. }) => {
                self.running = None;
                effects.push(done(turn, Outcome::Stopped));
            }
            Some(_) => self.fail_taken(&words, effects),
            // It never came to take the question that waits.
            None if was == Agent::Starting => self.fail_first(&words, effects),
            None => (),
        }
        self.after_end(effects);
    }

    /// Ends the running turn as failed, unless its agent was gone before it saw the question: then it
    /// is asked again of the next one, which has not answered anything and is the last to be asked.
    fn fail_taken(&mut self, words: &str, effects: &mut Vec<Effect>) {
        match self.running.take_if(|running| running.is_untaken) {
            Some(running) => self.waiting.push_front(running.question),
            None => self.fail_first(words, effects),
        }
    }

    /// Ends the running turn, or else the first waiting one, as failed.
    fn fail_first(&mut self, words: &str, effects: &mut Vec<Effect>) {
        let running = self.running.take().map(|running| running.turn);
        let turn = running.or_else(|| self.waiting.pop_front().map(|question| question.turn));
        if let Some(turn) = turn {
            effects.push(failure(turn, words.to_owned()));
        }
    }

    fn stop(&mut self, effects: &mut Vec<Effect>) {
        if let Some(running) = &mut self.running {
            if !std::mem::replace(&mut running.stopping, true) {
                effects.push(Effect::Tell(status(ConversationState::Stopping, "Stopping…")));
                effects.push(Effect::Interrupt);
            }
        } else if let Some(question) = self.waiting.pop_front() {
            effects.push(done(question.turn, Outcome::Stopped));
            self.tell_places(effects);
        }
    }

    fn end_agent(&mut self, effects: &mut Vec<Effect>) {
        if matches!(self.agent, Agent::Starting | Agent::Ready) {
            self.agent = Agent::Stopping;
            effects.push(Effect::StopAgent);
        }
    }

    fn close(&mut self, closing: Closing, effects: &mut Vec<Effect>) {
        let running = self.running.take().map(|running| running.turn);
        let waiting = self.waiting.drain(..).map(|question| question.turn);
        match closing {
            // What waits is stored, and is answered after the restart.
            Closing::Shutdown => {
                waiting.for_each(drop);
                effects.extend(running.map(|turn| done(turn, Outcome::Interrupted)));
            }
            Closing::Ended(words) => {
                let open = running.into_iter().chain(waiting);
                effects.extend(open.map(|turn| failure(turn, words.clone())));
            }
        }
        self.end_agent(effects);
    }
}
