//! Frames that belong to a socket and not to the history: answers to requests, states, refusals.

use bytestring::ByteString;
use serde::Serialize;

use crate::citation::Citation;

use super::Dialect;

/// A frame outside the history. The field order is the wire's.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Notice {
    /// A conversation was made for this socket.
    ConversationCreated {
        /// Its id.
        conversation_id: i64,
    },
    /// The socket now follows a conversation.
    Attached(Attached),
    /// A message is stored; it will be answered.
    Accepted {
        /// The client's id of it.
        #[serde(skip_serializing_if = "Option::is_none")]
        message_id: Option<String>,
        /// Sequence number of its entry.
        seq: i64,
        /// The turn that will answer it.
        turn: i64,
        /// How many questions are answered before it.
        position: usize,
    },
    /// What the conversation is doing. Not stored.
    Status(Status),
    /// A request was refused, or something outside a turn went wrong.
    Error(ErrorNotice),
    /// The conversation has this title now.
    Title {
        /// The title.
        title: String,
    },
    /// The self-test of the sandbox has come to this since the socket was attached. Not stored.
    ReadOnly(ReadOnly),
    /// So many sockets follow the conversation now. Not stored.
    Presence {
        /// Sockets, this one included.
        viewers: usize,
    },
    /// What is known of the files that the running answer refers to; it replaces what was told before.
    /// Not stored: the end of the turn has them all.
    Citations(Citations),
    /// Everything known so far has been sent.
    CaughtUp {
        /// The newest sequence number.
        seq: i64,
    },
    /// Answer to a ping.
    Pong,
    /// The original's end mark, sent where it answers a `start`.
    ResponseDone,
    /// The original's text, sent where it answers a `start`.
    Text {
        /// A piece to be appended.
        content: String,
    },
}

/// See [`Notice::Attached`].
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Attached {
    /// The conversation.
    pub conversation_id: i64,
    /// Its title, once it has one.
    pub title: Option<String>,
    /// The newest sequence number.
    pub seq: i64,
    /// What follows begins after this number: a client drops what it has beyond it.
    pub after: i64,
    /// Whether the replay goes on where the client asked, instead of at the beginning.
    pub resumed: bool,
    /// What the conversation is doing.
    pub state: ConversationState,
    /// Who answers.
    pub agent: AgentName,
    /// How it is proved that the agent cannot write to the project.
    pub read_only: ReadOnly,
    /// How many sockets follow the conversation, this one included.
    pub viewers: usize,
    /// Longest message that is taken, bytes.
    pub message_bytes: usize,
}

/// See [`Notice::ReadOnly`] and [`Attached::read_only`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct ReadOnly {
    /// `proved`, `partly`, `off` or `failed`; `pending` while the first self-test runs.
    pub verdict: &'static str,
    /// Descriptions of the attempts to change a project.
    pub tried: Vec<String>,
    /// What the kernel cannot restrict, and the attempts with an unexpected outcome.
    pub missing: Vec<String>,
}

/// Which agent answers.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct AgentName {
    /// `claude` or `guide`.
    pub kind: &'static str,
}

/// See [`Notice::Status`].
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Status {
    /// The state.
    pub state: ConversationState,
    /// The state in words for a person.
    pub detail: String,
    /// How many questions wait before this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue_position: Option<usize>,
}

/// What a conversation is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ConversationState {
    /// Nothing.
    Idle,
    /// Its agent is being started.
    Starting,
    /// As many agents run as may: a question waits until one is free.
    Waiting,
    /// A question waits for its turn.
    Queued,
    /// A question is being answered.
    Running,
    /// The agent's service failed and is tried again.
    Retrying,
    /// The agent makes its memory of the conversation shorter, before it goes on with the question.
    Compacting,
    /// The running turn is being stopped.
    Stopping,
    /// The session was closed; the next question opens it again.
    Closed,
}

/// See [`Notice::Citations`].
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Citations {
    /// The turn.
    pub turn: i64,
    /// In the order in which the answer names them.
    pub citations: Vec<Citation>,
}

/// See [`Notice::Error`].
#[derive(Debug, Clone, Serialize)]
pub struct ErrorNotice {
    /// What failed, why, and how to mend it.
    pub content: String,
    /// Whether the same request can work later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retryable: Option<bool>,
    /// The message that was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
}

impl ErrorNotice {
    /// A refusal that only tells its words.
    pub fn new(content: impl Into<String>) -> Self {
        Self { content: content.into(), retryable: None, message_id: None }
    }
}

impl Notice {
    /// A refusal with nothing but words, as both dialects know it.
    pub(crate) fn error(content: impl Into<String>) -> Self {
        Self::Error(ErrorNotice::new(content))
    }

    /// The frame for a dialect; `None` where the dialect has no such frame.
    pub(crate) fn frame(&self, dialect: Dialect) -> Option<ByteString> {
        match (dialect, self) {
            (
                Dialect::Legacy,
                Self::Attached(_)
                | Self::Accepted { .. }
                | Self::Status(_)
                | Self::Title { .. }
                | Self::Presence { .. }
                | Self::ReadOnly(_)
                | Self::Citations(_)
                | Self::CaughtUp { .. },
            )
            // Who gets Markdown finds the references in it, and their files in the turn's end.
            | (Dialect::V1, Self::Citations(_)) => None,
            (Dialect::Legacy, Self::Error(refusal)) => {
                Some(json(&Self::error(refusal.content.clone())))
            }
            _ => Some(json(self)),
        }
    }
}

/// Serialises what cannot fail to serialise: plain data with text keys.
fn json<T: Serialize>(value: &T) -> ByteString {
    serde_json::to_string(value).unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(notice: Notice, dialect: Dialect) -> Option<String> {
        notice.frame(dialect).map(|frame| frame.to_string())
    }

    #[test]
    fn the_seed_dialect_knows_only_the_originals_frames() {
        let created = Notice::ConversationCreated { conversation_id: 3 };
        assert_eq!(
            frame(created, Dialect::Legacy).as_deref(),
            Some(r#"{"type":"conversation_created","conversation_id":3}"#)
        );
        assert_eq!(frame(Notice::CaughtUp { seq: 1 }, Dialect::Legacy), None);
        let refused = Notice::Error(ErrorNotice {
            content: "Empty message".to_owned(),
            retryable: Some(false),
            message_id: Some("m".to_owned()),
        });
        assert_eq!(
            frame(refused, Dialect::Legacy).as_deref(),
            Some(r#"{"type":"error","content":"Empty message"}"#)
        );
        assert_eq!(frame(Notice::Pong, Dialect::Legacy).as_deref(), Some(r#"{"type":"pong"}"#));
    }

    #[test]
    fn a_status_says_its_state_and_its_words() {
        let status = Notice::Status(Status {
            state: ConversationState::Queued,
            detail: "Waiting: 2 questions before yours".to_owned(),
            queue_position: Some(2),
        });
        assert_eq!(
            frame(status, Dialect::V1).as_deref(),
            Some(
                r#"{"type":"status","state":"queued","detail":"Waiting: 2 questions before yours","queue_position":2}"#
            )
        );
    }
}
