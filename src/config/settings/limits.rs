//! Limits: the table `limits`, by what it limits.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::values::{As, Count, Size};

/// Upper bounds. Reaching one gives a clear error.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Agent processes of the whole server; when all are busy, questions wait for one.
    #[serde(with = "As::<Count>")]
    #[schemars(extend("default" = 16))]
    pub agents: usize,
    /// Agent processes of one project.
    #[serde(with = "As::<Count>")]
    #[schemars(extend("default" = 8))]
    pub agents_per_project: usize,
    /// Memory of one agent and its children; one that takes more is stopped.
    #[serde(with = "As::<Size>")]
    #[schemars(extend("default" = "4GiB"))]
    pub agent_memory: usize,
    /// Processes and threads of one agent; of all agents, where they run as a user of their own.
    #[serde(with = "As::<Count>")]
    #[schemars(extend("default" = 2048))]
    pub agent_processes: usize,
    /// Size of all files in an agent's own directories; one that writes more is stopped.
    #[serde(with = "As::<Size>")]
    #[schemars(extend("default" = "2GiB"))]
    pub agent_disk: usize,
    /// Longest message of a user.
    #[serde(with = "As::<Size>")]
    #[schemars(extend("default" = "256KiB"))]
    pub message_bytes: usize,
    /// Messages that may wait in one conversation.
    #[serde(with = "As::<Count>")]
    #[schemars(extend("default" = 16))]
    pub queued_messages: usize,
    /// Live conversations of one project.
    #[serde(with = "As::<Count>")]
    #[schemars(extend("default" = 64))]
    pub conversations_per_project: usize,
    /// Connections to the server; fewer where the limit of open files leaves no room for them.
    #[serde(with = "As::<Count>")]
    #[schemars(extend("default" = 20000))]
    pub connections: usize,
    /// Open files of an agent.
    #[serde(with = "As::<Count>")]
    #[schemars(extend("default" = 4096, "advanced" = true))]
    pub agent_open_files: usize,
    /// Largest file that an agent may write in its own directories.
    #[serde(with = "As::<Size>")]
    #[schemars(extend("default" = "1GiB", "advanced" = true))]
    pub agent_file_bytes: usize,
    /// Files and directories in an agent's own directories; one that makes more is stopped.
    #[serde(with = "As::<Count>")]
    #[schemars(extend("default" = 20000, "advanced" = true))]
    pub agent_files: usize,
    /// Longest output line of an agent that is read whole; long texts in longer lines are cut.
    #[serde(with = "As::<Size>")]
    #[schemars(extend("default" = "16MiB", "advanced" = true))]
    pub agent_line_bytes: usize,
    /// Part of a tool's result that is kept.
    #[serde(with = "As::<Size>")]
    #[schemars(extend("default" = "64KiB", "advanced" = true))]
    pub tool_result_bytes: usize,
    /// Largest WebSocket message that is read.
    #[serde(with = "As::<Size>")]
    #[schemars(extend("default" = "1MiB", "advanced" = true))]
    pub frame_bytes: usize,
    /// History of one live conversation that is kept in memory; older parts are read from the
    /// database on demand.
    #[serde(with = "As::<Size>")]
    #[schemars(extend("default" = "1MiB", "advanced" = true))]
    pub history_memory: usize,
}

/// Upper bounds of agents' output. Reaching one ends the answer or makes the agent wait.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AnswerLimits {
    /// Output of an agent in one answer, its tools' results included; one that says more is stopped.
    #[serde(rename = "answer_bytes", with = "As::<Size>")]
    #[schemars(extend("default" = "16MiB"))]
    pub(crate) bytes: usize,
    /// Parts of one answer: texts, tool calls and their results.
    #[serde(rename = "answer_entries", with = "As::<Count>")]
    #[schemars(extend("default" = 20000, "advanced" = true))]
    pub(crate) entries: usize,
    /// Output of all agents together that is not in the database yet; beyond it agents wait.
    #[serde(with = "As::<Size>")]
    #[schemars(extend("default" = "8MiB", "advanced" = true))]
    pub(crate) unsaved_bytes: usize,
}

impl AnswerLimits {
    /// The part of `unsaved_bytes` for one of so many agents. A share that is too small would make
    /// every text wait for a commit; one that is too large would be no bound.
    pub(crate) fn unsaved_share(&self, agents: usize) -> usize {
        const LEAST: usize = 512 * 1024;
        const MOST: usize = 4 * 1024 * 1024;
        (self.unsaved_bytes / agents.max(1)).clamp(LEAST, MOST)
    }
}

/// Upper bounds of what visitors send. Reaching one gives a clear error.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VisitorLimits {
    /// Connections from one address (IPv6: one /64), counted before any token is shown; for a client
    /// behind a trusted proxy, requests at once. Loopback is exempt.
    #[serde(with = "As::<Count>")]
    #[schemars(extend("default" = 512))]
    pub(crate) connections_per_address: usize,
    /// WebSockets of one visitor: of a user named by a proxy, else of an address (IPv6: one /64).
    /// Loopback is exempt.
    #[serde(with = "As::<Count>")]
    #[schemars(extend("default" = 64))]
    pub(crate) sockets_per_visitor: usize,
    /// Messages of one visitor in a minute.
    #[serde(with = "As::<Count>")]
    #[schemars(extend("default" = 60))]
    pub(crate) messages_per_minute: usize,
    /// Questions of one visitor that are being answered or wait.
    #[serde(with = "As::<Count>")]
    #[schemars(extend("default" = 16))]
    pub(crate) turns_per_visitor: usize,
    /// Wrong tokens that one address may send in a minute, loopback included.
    #[serde(with = "As::<Count>")]
    #[schemars(extend("default" = 10))]
    pub(crate) failed_logins_per_minute: usize,
    /// Conversations that one visitor may begin in a minute, loopback included.
    #[serde(with = "As::<Count>")]
    #[schemars(extend("default" = 120, "advanced" = true))]
    pub(crate) conversations_per_minute: usize,
    /// Agents that are started for one visitor in a minute before a question, loopback included.
    #[serde(with = "As::<Count>")]
    #[schemars(extend("default" = 20, "advanced" = true))]
    pub(crate) starts_per_minute: usize,
    /// Conversations of one project that were created and have no message.
    #[serde(with = "As::<Count>")]
    #[schemars(extend("default" = 256, "advanced" = true))]
    pub(crate) empty_conversations: usize,
    /// Logins with a provider that are remembered; beyond it, the one that expires first is forgotten.
    #[serde(with = "As::<Count>")]
    #[schemars(extend("default" = 4096, "advanced" = true))]
    pub(crate) logins: usize,
    /// Largest body of a request.
    #[serde(with = "As::<Size>")]
    #[schemars(extend("default" = "64KiB", "advanced" = true))]
    pub(crate) body_bytes: usize,
    /// Largest head of a request, with all its headers.
    #[serde(with = "As::<Size>")]
    #[schemars(extend("default" = "16KiB", "advanced" = true))]
    pub(crate) header_bytes: usize,
}
