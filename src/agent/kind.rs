//! The kinds of agents.

use std::fmt;

/// What an agent is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgentKind {
    /// The Claude Code CLI.
    Claude,
    /// A model service, asked by this program.
    Model,
    /// A program that speaks the Agent Client Protocol.
    Acp,
    /// A recording of another agent.
    Replay,
    /// The built-in guide.
    Guide,
}

impl AgentKind {
    /// Whether a language model answers.
    pub fn has_model(self) -> bool {
        !matches!(self, Self::Replay | Self::Guide)
    }

    /// Whether the agent reads the files that come with a question.
    pub(crate) fn reads_attachments(self) -> bool {
        !matches!(self, Self::Guide | Self::Replay)
    }

    /// Whether a running agent can be told how thorough to be. A model agent passes it on only where its
    /// service takes it.
    pub(crate) fn takes_effort(self) -> bool {
        matches!(self, Self::Claude | Self::Model)
    }

    /// Whether the agent keeps sessions of its own, which it can resume.
    pub(crate) fn keeps_sessions(self) -> bool {
        matches!(self, Self::Claude | Self::Acp)
    }

    /// The name in settings and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Claude => "claude",
            Self::Model => "model",
            Self::Acp => "acp",
            Self::Replay => "replay",
            Self::Guide => "guide",
        }
    }
}

impl fmt::Display for AgentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
