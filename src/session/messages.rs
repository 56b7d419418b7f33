//! What can be asked of a [`Session`](super::Session).

use std::{fmt, sync::Arc};

use actix::Message;
use bytestring::ByteString;
use serde::Serialize;
use tokio::sync::oneshot;

use crate::{
    database::{DatabaseError, Summary},
    ids::{ConversationId, Seq, TurnNumber},
    project::ProjectName,
    wire::{
        Dialect,
        server_frame::{ConversationState, ErrorNotice},
    },
};

use super::{spent::Spent, turn::Closing};

/// Tells viewers apart; never used twice in the life of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ViewerId(pub u64);

/// Tells browsers apart: the value of a cookie.
pub(crate) type BrowserId = String;

/// Ends a viewer's connection from outside, for one that reads no more.
#[derive(Clone)]
pub struct HangUp(Arc<dyn Fn() + Send + Sync>);

impl HangUp {
    /// Hangs up by calling `cut`, which must do no harm when the connection is gone.
    pub fn new(cut: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(cut))
    }

    /// Hangs up.
    pub fn now(&self) {
        (self.0)();
    }
}

impl fmt::Debug for HangUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HangUp")
    }
}

/// Makes a viewer follow a conversation. A viewer that followed another one leaves it.
#[derive(Message, Debug)]
#[rtype(result = "Result<Attachment, AttachError>")]
pub struct Attach {
    /// The viewer.
    pub viewer: ViewerId,
    /// Its browser, where known.
    pub browser: Option<BrowserId>,
    /// How it is spoken to.
    pub dialect: Dialect,
    /// Which conversation, and where in it.
    pub to: Destination,
    /// How its connection is ended.
    pub hang_up: HangUp,
}

/// Which conversation a viewer wants to follow.
#[derive(Debug, Clone)]
pub enum Destination {
    /// A new one.
    New,
    /// A stored one.
    Stored {
        /// Its id.
        conversation: ConversationId,
        /// The last sequence number that the viewer saw.
        after: Option<Seq>,
    },
    /// In the original's dialect, a stored one that the viewer has to be greeted in again,
    /// unless it has the history already.
    Resumed {
        /// Its id.
        conversation: ConversationId,
        /// Whether the viewer's browser has read the history.
        has_history: bool,
    },
    /// Where the session failed under the viewer, silently what it followed before.
    Again {
        /// Its id.
        conversation: ConversationId,
        /// The last sequence number that the viewer was sent.
        seq: Seq,
    },
    /// The one that the viewer's browser left last.
    Left,
    /// The only live one.
    Only,
    /// The one that the viewer's browser followed last; else the newest live one.
    Latest,
}

/// The viewer follows a conversation now.
#[derive(Debug, Clone, Copy)]
pub struct Attachment {
    /// Which one.
    pub conversation: ConversationId,
}

/// Why a viewer cannot follow a conversation.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// No such conversation in this project.
    #[error(
        "Conversation {0} not found in this project. It may have been deleted; start a new one."
    )]
    Unknown(String),
    /// No conversation is live, or it is not clear which is meant.
    #[error("No active session. Send 'start' first.")]
    NoneLive,
    /// The project has as many live conversations as it may have.
    #[error(
        "This project has {0} live conversations, and no more are allowed. Close one, or try again later."
    )]
    TooMany(usize),
    /// The store failed.
    #[error("{0}")]
    Store(String),
    /// The session is closing.
    #[error("The server is shutting down. Try again in a moment.")]
    Closing,
}

/// Asks for what the viewer has not seen. Answered when there is something.
///
/// The answer comes through `reply` and not as the message's result: the session keeps it until
/// there is something to send. A viewer asks again once it has handed on what it got, so it costs
/// one batch however slow it is.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub struct Demand {
    /// The viewer.
    pub viewer: ViewerId,
    /// Where the batch goes.
    pub reply: oneshot::Sender<Batch>,
}

/// What a viewer is sent at once.
#[derive(Debug, Default)]
pub struct Batch {
    /// The frames, in order, shared with other viewers.
    pub frames: Vec<ByteString>,
    /// The last sequence number in it, where it has one.
    pub seq: Option<Seq>,
    /// What becomes of the viewer afterwards.
    pub then: Then,
}

/// What becomes of a viewer after a [`Batch`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Then {
    /// It asks again.
    #[default]
    AskAgain,
    /// It follows no conversation any more.
    Detached,
    /// Its socket is closed.
    Close {
        /// The close code.
        code: u16,
        /// The reason, at most 123 bytes.
        reason: &'static str,
    },
}

/// Asks something in the viewer's conversation. Whether it is accepted comes as a frame, once
/// it is stored.
#[derive(Message, Debug)]
#[rtype(result = "Result<(), ErrorNotice>")]
pub struct Post {
    /// The viewer.
    pub viewer: ViewerId,
    /// The client's own id of the message.
    pub message_id: Option<String>,
    /// What is asked.
    pub what: Asking,
    /// The name of who asks, where one is known.
    pub author: Option<String>,
    /// What is held until the turn that the message becomes has ended.
    pub permit: Option<Held>,
}

/// What a viewer asks.
#[derive(Debug)]
pub enum Asking {
    /// This text.
    Text(String),
    /// This answer to a question of the agent.
    Answer {
        /// The text.
        content: String,
        /// The call that asked; the newest where the client does not say it.
        call_id: Option<String>,
    },
    /// The question of this turn once more.
    Again(TurnNumber),
    /// The question of a turn of another conversation, which this one goes on with.
    Onward {
        /// The other conversation.
        conversation: ConversationId,
        /// The turn.
        turn: TurnNumber,
    },
    /// The same, once the other conversation was looked at.
    Carried {
        /// The question.
        content: String,
        /// The other conversation.
        from: ConversationId,
        /// What was said there, in short.
        digest: String,
    },
}

/// Something that counts as taken until it is dropped.
pub(crate) type Held = Box<dyn std::any::Any + Send>;

/// Tells that somebody is about to ask something in the viewer's conversation, whose agent is then
/// started if nobody else would miss the place.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Wake {
    /// The viewer.
    pub viewer: ViewerId,
    /// Whether its visitor may have one more agent started; called only where one would be.
    pub may_start: Box<dyn FnOnce() -> bool + Send>,
}

/// Ends the running turn of the viewer's conversation.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub struct Stop {
    /// The viewer.
    pub viewer: ViewerId,
    /// Who it is, where a proxy told.
    pub author: Option<String>,
}

/// The viewer is gone.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub struct Detach {
    /// The viewer.
    pub viewer: ViewerId,
}

/// Gives a conversation a title, whether it is live or not: its viewers are told once that is
/// stored. Answers `None` when the project has no such conversation.
#[derive(Message, Debug)]
#[rtype(result = "Result<Option<Summary>, DatabaseError>")]
pub struct Rename {
    /// The conversation.
    pub conversation: ConversationId,
    /// The title; `None` takes it away.
    pub title: Option<String>,
}

/// Ends a conversation, or all of them and the session. Answered when the agents are gone and
/// everything is stored.
#[derive(Message, Debug)]
#[rtype(result = "bool")]
pub struct Close {
    /// The conversation; `None` means all.
    pub conversation: Option<ConversationId>,
    /// What the viewers are told.
    pub closing: Closing,
    /// Also delete the conversation: its viewers are told that it is gone.
    pub delete: bool,
}

/// A session has ended.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub struct SessionExited {
    /// Its project.
    pub project: ProjectName,
    /// Which start of the project's session it was.
    pub epoch: u64,
    /// Whether it failed, instead of being closed.
    pub panicked: bool,
}

/// Asks what the session is doing.
#[derive(Message, Debug)]
#[rtype(result = "Description")]
pub struct Describe;

/// What a session is doing.
#[derive(Debug, Clone, Serialize)]
pub struct Description {
    /// The conversation that was started last.
    pub latest: Option<ConversationId>,
    /// The live conversations.
    pub conversations: Vec<ConversationDescription>,
}

/// What a conversation is doing.
#[derive(Debug, Clone, Serialize)]
pub struct ConversationDescription {
    /// Its id.
    pub conversation_id: ConversationId,
    /// Its title, once it has one.
    pub title: Option<String>,
    /// What it is doing.
    pub state: ConversationState,
    /// The turn that is answered now.
    pub turn: Option<TurnNumber>,
    /// Questions that wait.
    pub queued: usize,
    /// Sockets that follow it.
    pub viewers: usize,
    /// Those of them that are behind and do not read.
    pub laggards: usize,
    /// Its agent, while there is one.
    pub agent: Option<AgentDescription>,
    /// How often an agent was started for it since it is live, beyond the first time.
    pub restarts: u64,
    /// What its answers have cost so far.
    pub spent: Spent,
    /// When something last happened. UTC, ISO 8601.
    pub last_event_at: String,
    /// The newest sequence number.
    pub seq: Seq,
}

/// What the agent of a conversation is doing.
#[derive(Debug, Clone, Serialize)]
pub struct AgentDescription {
    /// `claude` or `guide`.
    pub kind: &'static str,
    /// Its process id; `None` for a moment after the start.
    pub pid: Option<u32>,
    /// Memory of it and its children in bytes, when it was last looked at.
    pub memory_bytes: Option<u64>,
    /// When it was started. UTC, ISO 8601.
    pub started_at: String,
}

/// Makes the session panic: how supervision is tested.
#[cfg(feature = "faults")]
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub struct InjectPanic;
