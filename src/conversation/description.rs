//! Snapshot of a live conversation for the admin pages and metrics.

use serde::Serialize;

use crate::{
    database::timestamp,
    ids::{ConversationId, Seq, TurnNumber},
    wire::server_frame::ConversationState,
};

use super::{Conversation, usage::UsageTotals};

/// What a conversation is doing.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ConversationDescription {
    /// Its id.
    pub(crate) conversation_id: ConversationId,
    /// Its title, once it has one.
    pub(crate) title: Option<String>,
    /// What it is doing.
    pub(crate) state: ConversationState,
    /// The turn that is answered now.
    pub(crate) turn: Option<TurnNumber>,
    /// Questions that wait.
    pub(crate) queued: usize,
    /// Sockets that follow it.
    pub(crate) viewers: usize,
    /// Those of them that are behind and do not read.
    pub(crate) laggards: usize,
    /// Its agent, while there is one.
    pub(crate) agent: Option<AgentDescription>,
    /// How often an agent was started for it since it is live, beyond the first time.
    pub(crate) restarts: u64,
    /// What its answers have cost so far.
    pub(crate) spent: UsageTotals,
    /// When something last happened. UTC, ISO 8601.
    pub(crate) last_event_at: String,
    /// The newest sequence number.
    pub(crate) seq: Seq,
}

/// What the agent of a conversation is doing.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct AgentDescription {
    /// `claude` or `guide`.
    pub(crate) kind: &'static str,
    /// Its process id; `None` for a moment after the start.
    pub(crate) pid: Option<u32>,
    /// Memory of it and its children in bytes, when it was last looked at.
    pub(crate) memory_bytes: Option<u64>,
    /// When it was started. UTC, ISO 8601.
    pub(crate) started_at: String,
}

impl Conversation {
    pub(crate) fn describe(&self) -> ConversationDescription {
        let agent = self.agent.handle.as_ref().map(|handle| AgentDescription {
            kind: handle.kind().as_str(),
            pid: handle.pid(),
            memory_bytes: self.agent.memory_bytes,
            started_at: timestamp(self.agent.started_at.into()),
        });
        ConversationDescription {
            conversation_id: self.id,
            title: self.title.clone(),
            state: self.turns.state(),
            turn: self.turns.running(),
            queued: self.turns.questions_ahead() - usize::from(self.turns.running().is_some()),
            viewers: self.audience.len(),
            laggards: self.audience.laggards(&self.transcript),
            agent,
            restarts: self.agent.epoch.saturating_sub(1),
            spent: self.usage,
            last_event_at: timestamp(self.lifecycle.last_event.into()),
            seq: self.transcript.last_seq(),
        }
    }
}
