//! Snapshot of a live conversation for the admin pages and metrics.

use serde::Serialize;

use crate::{
    database::timestamp,
    ids::{ConversationId, Seq, TurnNumber},
    rights::{Action, Ownership, Principal},
    wire::server_frame::ConversationState,
};

use super::{Conversation, usage::UsageTotals};

/// A live conversation, as `/admin` and the metrics show it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ConversationDescription {
    pub(crate) conversation_id: ConversationId,
    pub(crate) title: Option<String>,
    #[serde(flatten)]
    pub(crate) ownership: Ownership,
    pub(crate) state: ConversationState,
    /// The running turn.
    pub(crate) turn: Option<TurnNumber>,
    /// Questions that wait behind the running turn.
    pub(crate) queued: usize,
    /// Connections that follow it.
    pub(crate) viewers: usize,
    /// Viewers that are behind and do not ask for more.
    pub(crate) laggards: usize,
    pub(crate) agent: Option<AgentDescription>,
    /// Starts of an agent after the first one, since the conversation became live.
    pub(crate) restarts: u64,
    pub(crate) spent: UsageTotals,
    /// UTC, ISO 8601.
    pub(crate) last_event_at: String,
    /// The newest sequence number.
    pub(crate) seq: Seq,
}

impl ConversationDescription {
    /// The same, without what it is about where `who` may not read it.
    pub(crate) fn told_to(&self, who: &Principal) -> Self {
        let mut told = self.clone();
        told.title = told.title.filter(|_| self.ownership.allows(who, Action::Read));
        told
    }
}

/// The running agent of a conversation.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct AgentDescription {
    /// Its name in the settings.
    pub(crate) name: String,
    /// `claude`, `model`, `acp`, `replay` or `guide`.
    pub(crate) kind: &'static str,
    /// `None` for a moment after the start.
    pub(crate) pid: Option<u32>,
    /// Resident memory of the process and its children, when it was last sampled.
    pub(crate) memory_bytes: Option<u64>,
    /// UTC, ISO 8601.
    pub(crate) started_at: String,
}

impl Conversation {
    pub(crate) fn describe(&self) -> ConversationDescription {
        let agent = self.agent.handle.as_ref().map(|handle| AgentDescription {
            name: handle.name().to_string(),
            kind: handle.kind().as_str(),
            pid: handle.pid(),
            memory_bytes: self.agent.memory_bytes,
            started_at: timestamp(self.agent.started_at.into()),
        });
        ConversationDescription {
            conversation_id: self.id,
            title: self.title.clone(),
            ownership: self.ownership.clone(),
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
