//! What happens to the turns of a conversation, and what follows from it.

use crate::{
    agent::event::AgentResult, entry::Content, ids::TurnNumber, wire::server_frame::Status,
};

/// A stored question that waits for its turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct QueuedQuestion {
    pub(crate) turn: TurnNumber,
    pub(crate) content: String,
}

/// What happens to a conversation. Texts are shown to people.
#[derive(Debug)]
pub(crate) enum TurnEvent {
    /// A question is about to come; the agent may start ahead of it.
    QuestionExpected,
    /// A question is stored.
    QuestionStored(QueuedQuestion),
    /// A slot for the agent is acquired.
    SlotAcquired,
    /// The agent takes questions.
    AgentReady,
    /// The agent works on its question.
    QuestionReceived,
    /// The question could not be sent to the agent.
    SendFailed(String),
    /// The agent's program was replaced or another agent answers, so the question goes to a new process.
    AgentOutdated(QueuedQuestion),
    /// The agent ended its turn.
    AgentFinished(AgentResult),
    /// The agent's process has exited.
    AgentExited(String),
    /// The agent could not be started.
    StartFailed(String),
    /// A person asked the running turn to stop.
    StopRequested,
    /// A person took a waiting question back.
    QuestionWithdrawn {
        turn: TurnNumber,
        /// Their name, where a proxy gives one.
        author: Option<String>,
    },
    /// The agent has taken too long and is stopped.
    AgentOverdue(String),
    /// The answer exceeds its limit, so its agent is killed.
    AnswerTooLong(String),
    /// The agent is not needed for now.
    Hibernate,
    /// The conversation is being closed.
    CloseRequested(CloseReason),
}

/// Why a conversation is closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CloseReason {
    /// The server shuts down: the running answer is kept as interrupted, waiting questions stay
    /// stored.
    Shutdown,
    /// A person closed it; the text is the error of its open turns.
    Ended(String),
}

/// What the session does.
#[derive(Debug)]
pub(crate) enum TurnEffect {
    /// Take a slot for the agent, if one is free.
    TakeFreeSlot,
    /// Wait for a slot.
    WaitForSlot,
    /// Cancel the wait for a slot.
    CancelSlotWait,
    StartAgent,
    /// Send the agent a question; its turn begins.
    SendQuestion(QueuedQuestion),
    /// Ask the agent to break off its answer.
    InterruptAgent,
    /// Ask the agent's process to end.
    StopAgent,
    /// Kill the agent's process, which could say still more while it ends.
    KillAgent,
    /// Forget the agent's own session, which is of no use any more.
    DropAgentSession,
    /// Record the end of a turn.
    EndTurn {
        turn: TurnNumber,
        /// A [`Content`] that [ends](Content::is_end) a turn.
        content: Content,
    },
    /// Show all viewers a state.
    ShowStatus(Status),
    /// Show the askers of a question its position.
    ShowQueuePosition {
        turn: TurnNumber,
        /// Questions before it; at least 1.
        ahead: usize,
    },
}
