//! Snapshot of a live conversation for the admin pages and metrics.

use serde::Serialize;

use crate::{
    ids::{ConversationId, Seq, TurnNumber},
    wire::server_frame::ConversationState,
};

use super::usage::UsageTotals;

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
