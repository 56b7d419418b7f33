//! What an agent says, in our words: the vocabulary between a codec, which reads the agent's
//! lines, and a session, which acts on them. Pure data.

use serde_json::value::RawValue;

use crate::entry::Usage;

/// One thing an agent said. A codec turns each line of output into any number of these.
#[derive(Debug)]
pub enum AgentEvent {
    /// The agent has answered the handshake and takes messages.
    Ready,
    /// The agent told what it runs with. Comes at the start of each turn.
    Initialized(AgentInit),
    /// A new block begins; deltas that follow belong to it.
    TextStarted,
    /// More text of the open block. Neighbouring deltas of one read are merged into one.
    TextDelta(String),
    /// The open block's text is not what was streamed: this is the whole of it.
    TextReplaced(String),
    /// More of what the model thinks before it answers.
    ThinkingDelta(String),
    /// Texts and thoughts of the turn that are taken back, counted from 0 in the order in which they
    /// began. A text begins with each [`TextStarted`](Self::TextStarted), a thought with the first
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
    /// The agent's API failed and is tried again.
    Retrying {
        /// Which attempt comes next, from 1.
        attempt: u32,
        /// How many attempts there will be at most.
        max_attempts: u32,
        /// Milliseconds until the attempt.
        delay_ms: u64,
        /// Why, in words for the user.
        reason: String,
    },
    /// Something beside the answer that people should know.
    Notice(AgentNotice),
    /// The turn is over. Exactly one ends a turn, as long as the agent behaves.
    Finished(AgentResult),
    /// A line that is no line of the protocol. Logged, never shown.
    Garbage(String),
}

/// What output tells of whether the agent still works.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Liveness {
    /// It tells nothing: there was none, or nothing of the protocol.
    #[default]
    None,
    /// The agent is there, but says nothing that it had not said before.
    Sign,
    /// The turn gets on.
    Progress,
}

/// How the agent is, as its output tells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Activity {
    /// Whether it works.
    pub liveness: Liveness,
    /// Milliseconds for which it has announced to say nothing.
    pub pause_ms: u64,
    /// Whether it has begun to shorten its memory of the conversation, which takes a while and says
    /// nothing, or is done with it.
    pub is_compacting: Option<bool>,
}

/// What the agent says that it runs with.
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
    /// US dollars that this turn cost, where the agent tells.
    pub cost_usd: Option<f64>,
    /// Milliseconds that the agent worked on the turn.
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
    /// From when asking again can help, in seconds since 1970, where that is known.
    pub retry_at: Option<i64>,
}

/// What helps against a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Asking again, now or a while later.
    AskAgain,
    /// A new conversation.
    NewConversation,
    /// An agent that begins afresh, told in short what was said: the record of its own is damaged.
    FreshAgent,
    /// Only what somebody mends, or another question.
    FixFirst,
}

impl AgentFailure {
    /// A failure with these words.
    pub fn new(content: impl Into<String>, remedy: Remedy) -> Self {
        Self { content: content.into(), remedy, retry_at: None }
    }
}

impl From<String> for AgentFailure {
    /// A failure that may not come again.
    fn from(content: String) -> Self {
        Self::new(content, Remedy::AskAgain)
    }
}

/// See [`AgentEvent::Notice`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentNotice {
    /// In words for the user.
    pub words: String,
    /// The model that answers instead of the one that was asked for.
    pub model: Option<String>,
    /// Whether the agent does nothing else until it says so.
    pub is_busy: bool,
    /// Whether it is kept with the answer.
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
