//! The protocols that agents speak, as their handle and the reader of their output use them.

use std::sync::Arc;

use uuid::Uuid;

use crate::attachment::told::ToldFile;

use super::{
    Codec, CodecOutput,
    acp::{AcpCodec, AcpLines, Permission},
    command::{self, HookDecision},
};

/// The protocol state of an agent's process.
#[derive(Debug)]
pub enum AgentCodec {
    /// Claude Code's lines, which our own agents speak as well.
    StreamJson(Box<Codec>),
    /// The Agent Client Protocol.
    Acp(Box<AcpCodec>),
}

impl AgentCodec {
    /// Notes that a message was sent to the agent.
    pub fn open_turn(&mut self) {
        match self {
            Self::StreamJson(codec) => codec.open_turn(),
            // Its lines count the prompts.
            Self::Acp(_) => (),
        }
    }

    /// Whether the agent does not know the session that it should resume.
    pub fn session_lost(&self) -> bool {
        match self {
            Self::StreamJson(codec) => codec.session_lost(),
            Self::Acp(codec) => codec.session_lost(),
        }
    }

    /// Reads one line of stdout.
    pub fn line(&mut self, line: &[u8], output: &mut CodecOutput) {
        match self {
            Self::StreamJson(codec) => codec.line(line, output),
            Self::Acp(codec) => codec.line(line, output),
        }
    }

    /// Reads one line whose long strings were cut.
    pub fn shortened_line(&mut self, line: &[u8], output: &mut CodecOutput) {
        match self {
            Self::StreamJson(codec) => codec.shortened_line(line, output),
            Self::Acp(codec) => codec.shortened_line(line, output),
        }
    }
}

/// Builds the lines for an agent's stdin. Cheap to clone.
#[derive(Debug, Clone)]
pub enum AgentLines {
    /// See [`AgentCodec::StreamJson`].
    StreamJson,
    /// See [`AgentCodec::Acp`].
    Acp(Arc<AcpLines>),
}

impl AgentLines {
    /// The first line.
    pub fn handshake(&self) -> String {
        match self {
            Self::StreamJson => command::handshake(),
            Self::Acp(lines) => lines.initialize(),
        }
    }

    /// A person's message with its files and a new id; `None` while the agent cannot take one.
    pub(crate) fn user_message(&self, text: &str, files: &[ToldFile], id: Uuid) -> Option<String> {
        match self {
            Self::StreamJson => Some(command::user_message(text, files, id)),
            Self::Acp(lines) => lines.prompt_with(text, files),
        }
    }

    /// Whether it is known that the agent takes no images.
    pub(crate) fn lacks_images(&self) -> bool {
        matches!(self, Self::Acp(lines) if !lines.takes_images())
    }

    /// Ends the running turn; `None` while there can be none.
    pub fn interrupt(&self) -> Option<String> {
        match self {
            Self::StreamJson => Some(command::interrupt()),
            Self::Acp(lines) => lines.cancel(),
        }
    }
}

/// A question of an agent whether a tool may run.
#[derive(Debug)]
pub enum ToolQuestion {
    /// From the hook, by its request.
    Hook(String),
    /// See [`AgentCodec::Acp`].
    Permission(Permission),
}

impl ToolQuestion {
    /// The line that answers it.
    pub(crate) fn answer(&self, decision: &HookDecision) -> String {
        match self {
            Self::Hook(request_id) => command::hook_answer(request_id, decision),
            Self::Permission(permission) => permission.answer(decision),
        }
    }
}
