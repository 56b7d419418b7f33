//! Events of an agent: the vocabulary between the codec, which reads its lines, and the session.

use serde_json::value::RawValue;

use crate::entry::Usage;

/// One thing an agent said. A codec turns each line of output into any number of these.
#[derive(Debug)]
pub enum AgentEvent {
    /// The agent has answered the handshake and takes messages.
    Ready,
    /// The agent's configuration, at the start of each turn.
    Initialized(AgentInit),
    /// A new block begins; deltas that follow belong to it.
    TextStarted,
    /// More text of the open block. Adjacent deltas of one read are merged.
    TextDelta(String),
    /// The whole text of the open block, where it differs from what was streamed.
    TextReplaced(String),
    /// More text of the model's thinking.
    ThinkingDelta(String),
    /// Numbers of withdrawn blocks of the turn, from 0 in the order in which they began.
    /// A text begins with each [`TextStarted`](Self::TextStarted), a thought with the first
    /// [`ThinkingDelta`](Self::ThinkingDelta) after a text, or after a `TextStarted`.
    Withdrawn(Vec<usize>),
    /// The agent uses a tool.
    ToolCalled {
        /// Ties the result to the call.
        call_id: String,
        /// The tool's name as the agent says it, e.g. `Read` or `mcp__features__feature_get_stats`.
        tool: String,
        /// The tool's input, always a JSON object.
        input: Box<RawValue>,
    },
    /// A tool's result came back.
    ToolReturned {
        /// The call that it answers.
        call_id: String,
        /// Whether the tool succeeded.
        ok: bool,
        /// The result as text, cut at the configured size.
        content: String,
        /// Whether `content` was cut.
        truncated: bool,
    },
    /// The model's API failed and the request is repeated.
    Retrying {
        /// Which attempt comes next, from 1.
        attempt: u32,
        /// Most attempts.
        max_attempts: u32,
        /// Milliseconds until the attempt.
        delay_ms: u64,
        /// Why, for the user.
        reason: String,
    },
    /// Something beside the answer that people should see.
    Notice(AgentNotice),
    /// The turn is over. Exactly one ends a turn, as long as the agent behaves.
    Finished(AgentResult),
    /// A line outside the protocol, for the log only.
    Garbage(String),
}

/// What a piece of output shows about the agent's health.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Liveness {
    /// Nothing: no line of the protocol.
    #[default]
    None,
    /// The agent responds, but reports nothing new.
    Sign,
    /// The turn makes progress.
    Progress,
}

/// The agent's activity, as its output shows it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Activity {
    /// The liveness that it shows.
    pub liveness: Liveness,
    /// Announced silence, in milliseconds.
    pub pause_ms: u64,
    /// Whether it compacts the conversation, which takes a while in silence; `None` if unchanged.
    pub is_compacting: Option<bool>,
}

/// The agent's configuration as it reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentInit {
    /// The agent's own session id, for resuming.
    pub session_id: String,
    /// The tools that the agent may use.
    pub tools: Vec<String>,
    /// The model in use.
    pub model: String,
    /// The agent's version, empty when unknown.
    pub version: String,
}

/// How the agent ended a turn.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentResult {
    /// How it went.
    pub end: AgentEnd,
    /// Tokens used by this turn.
    pub usage: Usage,
    /// Cost of this turn in US dollars, if reported.
    pub cost_usd: Option<f64>,
    /// Duration of the turn in milliseconds, if reported.
    pub duration_ms: Option<u64>,
}

/// The end of a turn, as the agent sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgentEnd {
    /// Answered.
    Completed,
    /// Ended by an interrupt.
    Interrupted,
    /// Failed.
    Failed(AgentFailure),
}

/// Why an agent failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentFailure {
    /// What failed, why, and how to mend it, for the user.
    pub content: String,
    /// What helps.
    pub remedy: Remedy,
    /// When asking again can help, as a Unix timestamp in seconds, if known.
    pub retry_at: Option<i64>,
}

/// What to do about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Asking again, now or a while later.
    AskAgain,
    /// A new conversation.
    NewConversation,
    /// A new agent with a summary of the conversation: its own record is damaged.
    FreshAgent,
    /// A person must fix the cause, or ask something else.
    FixFirst,
}

impl AgentFailure {
    /// A failure with this message.
    pub fn new(content: impl Into<String>, remedy: Remedy) -> Self {
        Self { content: content.into(), remedy, retry_at: None }
    }
}

impl From<String> for AgentFailure {
    /// A failure that asking again may get past.
    fn from(content: String) -> Self {
        Self::new(content, Remedy::AskAgain)
    }
}

/// See [`AgentEvent::Notice`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentNotice {
    /// The text for the user.
    pub words: String,
    /// The model that answers instead of the one that was asked for.
    pub model: Option<String>,
    /// Whether the agent is busy with it until the next event.
    pub is_busy: bool,
    /// Whether it is stored with the answer.
    pub is_kept: bool,
}

impl AgentNotice {
    /// Something that has happened.
    pub fn now(words: &str, is_kept: bool) -> Self {
        Self { words: words.to_owned(), model: None, is_busy: false, is_kept }
    }

    /// Something that takes its time.
    pub fn busy(words: &str) -> Self {
        Self { is_busy: true, ..Self::now(words, false) }
    }
}
