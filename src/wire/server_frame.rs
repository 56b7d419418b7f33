//! Server frames that are no part of the history: replies, states and errors of one socket.

use bytestring::ByteString;
use serde::{Deserialize, Serialize};

use crate::{
    citation::Citation,
    ids::{ConversationId, ForkedFrom, Seq, TurnNumber},
    reaction::AnswerReactions,
    rights::{Action, Ownership, Principal},
};

use super::{Dialect, list_frame::ListUpdate};

/// A frame outside the history, not stored. The order of the fields is the wire's.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Notice {
    /// The socket's new conversation has this id.
    ConversationCreated {
        conversation_id: ConversationId,
    },
    /// The socket is attached to a conversation.
    Attached(Box<Attached>),
    /// A question is stored and will be answered.
    Accepted {
        #[serde(skip_serializing_if = "Option::is_none")]
        message_id: Option<String>,
        /// The sequence number of its entry.
        seq: Seq,
        turn: TurnNumber,
        /// The number of questions to be answered before it.
        position: usize,
    },
    /// What the conversation is doing.
    Status(Status),
    /// A request was refused, or something outside a turn went wrong.
    Error(ErrorNotice),
    /// The conversation's new title.
    Title {
        title: String,
    },
    /// Somebody has changed who may read the conversation.
    Sharing(SharingState),
    /// The result of a sandbox self-test that ended after the socket was attached.
    ReadOnly(ReadOnly),
    /// Other people read the conversation than before.
    Presence {
        /// Their number, this one included.
        viewers: usize,
        /// The names of those that are known.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        people: Vec<String>,
    },
    /// The project's list of conversations has changed, for a client that asked for it.
    List(ListUpdate),
    /// The files that the running answer refers to so far, in place of those sent before. The end of
    /// the turn has them all.
    Citations(Citations),
    /// People say something else of these answers than before.
    Reactions {
        answers: Vec<AnswerReactions>,
    },
    /// The socket has got everything up to now.
    CaughtUp {
        /// The newest sequence number.
        seq: Seq,
    },
    Pong,
    /// Legacy: the end of the answer to a `start`.
    ResponseDone,
    /// Legacy: text of the answer to a `start`, to be appended.
    Text {
        content: String,
    },
}

/// See [`Notice::Attached`].
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub(crate) struct Attached {
    pub conversation_id: ConversationId,
    pub title: Option<String>,
    /// The newest sequence number.
    pub seq: Seq,
    /// The replay begins after this number; a client drops what it has beyond it.
    pub after: Seq,
    /// Whether the replay continues where the client asked, and does not begin at the beginning.
    pub resumed: bool,
    pub state: ConversationState,
    pub agent: AnsweringAgent,
    /// What the operator tells agents of the project, as HTML.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instructions: Option<String>,
    /// How it is proved that the agent cannot write to the project.
    pub read_only: ReadOnly,
    /// The number of people who read the conversation, this one included.
    pub viewers: usize,
    /// The names of those that are known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub people: Vec<String>,
    /// Longest question in bytes.
    pub message_bytes: usize,
    /// What may come with a question.
    pub attachments: AttachmentLimits,
    /// Whose the conversation is, where the viewer's user is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sharing: Option<SharingState>,
    /// Whether the viewer may publish a frozen copy of it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub may_publish: bool,
    /// Where the conversation goes on from, if it is a fork.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forked_from: Option<ForkedFrom>,
}

/// Whose a conversation is, and what the viewer may do with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(crate) struct SharingState {
    #[serde(flatten)]
    pub ownership: Ownership,
    /// Whether the viewer may ask in it.
    pub may_write: bool,
    /// Whether the viewer decides who may read it.
    pub may_share: bool,
}

impl SharingState {
    pub(crate) fn of(ownership: &Ownership, viewer: &Principal) -> Self {
        Self {
            ownership: ownership.clone(),
            may_write: ownership.allows(viewer, Action::Write),
            may_share: ownership.allows(viewer, Action::Share),
        }
    }
}

/// See [`Attached::attachments`].
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub(crate) struct AttachmentLimits {
    /// Files of one question; 0 where none are taken.
    pub count: u32,
    /// Largest file in bytes.
    pub file_bytes: usize,
    /// All files of one question together, in bytes.
    pub question_bytes: usize,
}

/// See [`Notice::ReadOnly`] and [`Attached::read_only`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(crate) struct ReadOnly {
    /// `proved`, `partly`, `off` or `failed`; `pending` while the first self-test runs.
    pub verdict: &'static str,
    /// Descriptions of the attempts to change a project.
    pub tried: Vec<String>,
    /// What the kernel cannot restrict, and the attempts with an unexpected outcome.
    pub missing: Vec<String>,
}

/// The agent that answers the next question.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub(crate) struct AnsweringAgent {
    /// `claude`, `model`, `acp`, `replay` or `guide`; `none` where none can start.
    pub kind: &'static str,
    /// Its name in the settings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The model that it asks for, where the settings name one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Which files of a question it takes, where that is known: `all`, `text` or `none`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attachments: Option<&'static str>,
    /// Whether a question may say how thorough its answer is to be.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub effort: bool,
    /// The agents that a question may ask for, where there is a choice.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<AgentOption>,
    /// Why the guide answers where a model was wanted, and how to get one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_model: Option<String>,
}

/// An agent that a question may ask for.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub(crate) struct AgentOption {
    pub name: String,
    pub kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// As of the one that answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attachments: Option<&'static str>,
    /// As of the one that answers.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub effort: bool,
}

/// See [`Notice::Status`].
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub(crate) struct Status {
    pub state: ConversationState,
    /// The state in words.
    pub detail: String,
    /// The number of questions to be answered before this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue_position: Option<usize>,
}

/// What a conversation is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ConversationState {
    Idle,
    Starting,
    /// A question waits for an agent slot.
    Waiting,
    /// A question waits for another one.
    Queued,
    Running,
    /// The agent repeats a failed request to its model.
    Retrying,
    /// The agent shortens its memory of the conversation before it continues.
    Compacting,
    Stopping,
    /// The session is closed; the next question opens it again.
    Closed,
}

/// See [`Notice::Citations`].
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub(crate) struct Citations {
    pub turn: TurnNumber,
    /// In the order of the answer.
    pub citations: Vec<Citation>,
}

/// See [`Notice::Error`].
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct ErrorNotice {
    /// What failed, why, and how to mend it.
    pub content: String,
    /// Whether the same request can work later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retryable: Option<bool>,
    /// What the request ran into, where it is one of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<RefusalReason>,
    /// The message that was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
}

/// See [`ErrorNotice::reason`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RefusalReason {
    /// A budget of the month is used up.
    Budget,
    /// There is too much at once, or in a minute.
    Limit,
    /// The message is too long.
    TooLong,
}

impl ErrorNotice {
    pub fn new(content: impl Into<String>) -> Self {
        Self { content: content.into(), retryable: None, reason: None, message_id: None }
    }

    /// The same error, with what the request ran into.
    pub(crate) fn because_of(self, reason: RefusalReason) -> Self {
        Self { reason: Some(reason), ..self }
    }

    /// An error after which the same request may be sent again.
    pub(crate) fn retryable(content: impl Into<String>) -> Self {
        Self { retryable: Some(true), ..Self::new(content) }
    }

    /// An error that stays, however often the request is sent.
    pub(crate) fn permanent(content: impl Into<String>) -> Self {
        Self { retryable: Some(false), ..Self::new(content) }
    }

    /// The same error, of the message with the client's id.
    pub(crate) fn of_message(self, message_id: Option<String>) -> Self {
        Self { message_id, ..self }
    }
}

impl Notice {
    /// An error with nothing but its message.
    pub(crate) fn error(content: impl Into<String>) -> Self {
        Self::Error(ErrorNotice::new(content))
    }

    /// The frame in a dialect; `None` if the dialect has none.
    pub(crate) fn frame(&self, dialect: Dialect) -> Option<ByteString> {
        match (dialect, self) {
            (
                Dialect::Legacy,
                Self::Attached(_)
                | Self::Accepted { .. }
                | Self::Status(_)
                | Self::Title { .. }
                | Self::Presence { .. }
                | Self::List(_)
                | Self::ReadOnly(_)
                | Self::Sharing(_)
                | Self::Citations(_)
                | Self::Reactions { .. }
                | Self::CaughtUp { .. },
            )
            // A client of Markdown finds the references in the text, and their files in the turn's end.
            | (Dialect::V1, Self::Citations(_)) => None,
            (Dialect::Legacy, Self::Error(refusal)) => {
                Some(json(&Self::error(refusal.content.clone())))
            }
            _ => Some(json(self)),
        }
    }
}

/// Serialising plain data with text keys cannot fail.
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
    fn the_legacy_dialect_has_only_legacy_frames() {
        let created = Notice::ConversationCreated { conversation_id: ConversationId(3) };
        assert_eq!(
            frame(created, Dialect::Legacy).as_deref(),
            Some(r#"{"type":"conversation_created","conversation_id":3}"#)
        );
        assert_eq!(frame(Notice::CaughtUp { seq: Seq(1) }, Dialect::Legacy), None);
        let refused = ErrorNotice::permanent("Empty message").of_message(Some("m".to_owned()));
        let refused = Notice::Error(refused);
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
