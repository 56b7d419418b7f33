//! Messages to the [`Database`](super::Database), each answered once its change is committed.
//!
//! They are plain data: all but [`ClaimConversation`],
//! [`ForkConversation`], [`DropLoose`] and [`Flush`] are also what a
//! [`Write`](super::writes::Write) is made of.

pub(crate) mod credentials;

use actix::Message;
use serde::{Deserialize, Serialize};

use crate::{
    attachment::LoadedFile,
    entry::{EntryRow, UserMessage},
    ids::{ConversationId, ForkedFrom, Seq, TurnNumber},
    project::ProjectName,
    reaction::{Reaction, Reactor},
    rights::{Ownership, Visibility},
};

use super::{
    DatabaseError, Summary,
    queries::{attachments::StoredFiles, snapshots::PublishedSnapshot},
};

/// Makes a conversation together with its first entries.
#[derive(Message, Debug, Clone, Serialize, Deserialize)]
#[rtype(result = "Result<Summary, DatabaseError>")]
pub struct CreateConversation {
    /// The project that it belongs to.
    pub project: ProjectName,
    /// Whether it is listed even while nobody has written in it.
    pub explicit: bool,
    /// Highest sequence number that may be used before [`ReserveSeq`].
    pub reserved_seq: Seq,
    /// The agent's own session id.
    pub agent_session: Option<String>,
    /// The entries, such as the greeting.
    pub entries: Vec<EntryRow>,
    /// Whose it is.
    #[serde(default)]
    pub ownership: Ownership,
    /// Where it goes on from, if it is a fork.
    #[serde(default)]
    pub forked_from: Option<ForkedFrom>,
    /// Files of its entries that are copied from another conversation of the project.
    #[serde(default)]
    pub copied: Vec<CopiedAttachment>,
}

/// Makes a conversation with the turns of another one, up to one that has ended.
#[derive(Message, Debug)]
#[rtype(result = "Result<Forked, DatabaseError>")]
pub(crate) struct ForkConversation {
    /// The project of both.
    pub(crate) project: ProjectName,
    pub(crate) from: ForkedFrom,
    /// Whose the new one is.
    pub(crate) ownership: Ownership,
    /// Sequence numbers that it may use before [`ReserveSeq`].
    pub(crate) reserved: i64,
}

/// What became of a fork.
#[derive(Debug)]
pub(crate) enum Forked {
    Made(Box<Summary>),
    /// There is no such turn, or it has not ended.
    NoSuchTurn,
    /// There is more to copy than may be.
    TooLong,
}

/// Takes a stored conversation over, before it is loaded: settles its open turns, as
/// [recovery](super::recovery) does, and reserves `range` sequence numbers. Answers the first of
/// them.
#[derive(Message, Debug)]
#[rtype(result = "Result<Seq, DatabaseError>")]
pub(crate) struct ClaimConversation {
    /// The project that it must belong to.
    pub(crate) project: ProjectName,
    pub(crate) conversation: ConversationId,
    /// How many numbers are needed.
    pub(crate) range: i64,
}

/// Accepts a person's question: once this is answered, the question survives a crash. Its entry
/// follows with [`WriteEntries`]; where that never comes, recovery makes the entry. Titles an
/// untitled conversation.
#[derive(Message, Debug, Clone, Serialize, Deserialize)]
#[rtype(result = "Result<(), DatabaseError>")]
pub(crate) struct AcceptQuestion {
    pub(crate) project: ProjectName,
    pub(crate) conversation: ConversationId,
    /// The turn that will answer it.
    pub(crate) turn: TurnNumber,
    /// The payload of its entry.
    pub(crate) message: UserMessage,
    /// Files of the message that are copied from another conversation of the project.
    #[serde(default)]
    pub(crate) copied: Vec<CopiedAttachment>,
    /// Whether the audit log gets the text too.
    #[serde(default)]
    pub(crate) is_text_audited: bool,
}

/// A file that gets a copy under a new id.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CopiedAttachment {
    /// The id of the file.
    pub from: String,
    /// The id of its copy.
    pub to: String,
}

/// Stores a file for a question that is still to be asked. It is deleted after an hour unless a
/// question names it.
#[derive(Message, Debug, Clone, Serialize, Deserialize)]
#[rtype(result = "Result<AttachmentAdded, DatabaseError>")]
pub(crate) struct AddAttachment {
    /// The project that the conversation must belong to.
    pub(crate) project: ProjectName,
    pub(crate) conversation: ConversationId,
    pub(crate) loaded: LoadedFile,
    /// Who sends it, for the bound on what is not named yet.
    pub(crate) sender: String,
    /// What there may be with it.
    pub(crate) most: StoredFiles,
}

/// Whether a file was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AttachmentAdded {
    Stored,
    /// The conversation has as many bytes as it may have.
    ConversationFull,
    /// The sender has stored as many bytes as it may without a question that names them.
    TooManyLoose,
}

/// Deletes the files that no question named in time.
#[derive(Message, Debug)]
#[rtype(result = "Result<(), DatabaseError>")]
pub(crate) struct DropLoose;

/// Writes entries: new ones are added, and one whose `first_seq` is there already (a text that
/// has grown) takes the new `last_seq` and payload. A user message opens its turn as queued and
/// titles an untitled conversation; an end closes its turn.
#[derive(Message, Debug, Clone, Serialize, Deserialize)]
#[rtype(result = "Result<(), DatabaseError>")]
pub struct WriteEntries {
    /// The conversation's project.
    pub project: ProjectName,
    /// The conversation.
    pub conversation: ConversationId,
    /// The entries, in order.
    pub entries: Vec<EntryRow>,
}

/// Marks a queued turn as running.
#[derive(Message, Debug, Clone, Serialize, Deserialize)]
#[rtype(result = "Result<(), DatabaseError>")]
pub(crate) struct BeginTurn {
    pub(crate) project: ProjectName,
    pub(crate) conversation: ConversationId,
    pub(crate) turn: TurnNumber,
}

/// Allows sequence numbers up to and including `up_to`.
#[derive(Message, Debug, Clone, Serialize, Deserialize)]
#[rtype(result = "Result<(), DatabaseError>")]
pub(crate) struct ReserveSeq {
    pub(crate) project: ProjectName,
    pub(crate) conversation: ConversationId,
    /// The new highest number. Never lowers what is reserved.
    pub(crate) up_to: Seq,
}

/// Remembers where a legacy page was last, for when it comes back after a restart of the server
/// and names no conversation. Forgotten after an hour.
#[derive(Message, Debug, Clone, Serialize, Deserialize)]
#[rtype(result = "Result<(), DatabaseError>")]
pub(crate) struct NoteVisit {
    /// The id in the browser's cookie.
    pub(crate) browser: String,
    pub(crate) project: ProjectName,
    pub(crate) conversation: ConversationId,
    /// The newest sequence number when it came in.
    pub(crate) seq: Seq,
}

/// Remembers under which id the agent itself knows the conversation; `None` forgets it.
#[derive(Message, Debug, Clone, Serialize, Deserialize)]
#[rtype(result = "Result<(), DatabaseError>")]
pub(crate) struct SetAgentSession {
    pub(crate) project: ProjectName,
    pub(crate) conversation: ConversationId,
    pub(crate) agent_session: Option<String>,
}

/// Gives a conversation a title. Answers `None` when the project has no such conversation.
#[derive(Message, Debug, Clone, Serialize, Deserialize)]
#[rtype(result = "Result<Option<Summary>, DatabaseError>")]
pub(crate) struct RenameConversation {
    /// The project that it must belong to.
    pub(crate) project: ProjectName,
    pub(crate) conversation: ConversationId,
    /// `None` takes the title away: the next question titles the conversation again.
    pub(crate) title: Option<String>,
}

/// Changes who may read a conversation. Answers `None` when the project has no such conversation.
#[derive(Message, Debug, Clone, Serialize, Deserialize)]
#[rtype(result = "Result<Option<Summary>, DatabaseError>")]
pub(crate) struct ShareConversation {
    /// The project that it must belong to.
    pub(crate) project: ProjectName,
    pub(crate) conversation: ConversationId,
    pub(crate) sharing: Sharing,
}

/// A change of who may read a conversation.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Sharing {
    Visibility(Visibility),
    /// What its link holds from now on; `None` withdraws the link. Either way its guests have gone.
    Link(Option<String>),
    /// A user has opened its link; nothing changes where that is another one by now.
    Guest {
        user: String,
        link: String,
    },
}

/// Records what somebody does: nothing is ended, deleted or shared that is not recorded.
#[derive(Message, Debug, Clone, Serialize, Deserialize)]
#[rtype(result = "Result<(), DatabaseError>")]
pub(crate) struct RecordAction {
    /// `None` where it is of no project.
    pub(crate) project: Option<ProjectName>,
    /// `None` for all conversations of the project.
    pub(crate) conversation: Option<ConversationId>,
    pub(crate) kind: ActionKind,
    /// Who does it, where users are known.
    pub(crate) user: Option<String>,
    /// Whether it is done with an admin's token.
    pub(crate) is_admin: bool,
    /// The name of a token or an address, where there is one; never what was asked or answered.
    #[serde(default)]
    pub(crate) detail: String,
}

/// Deletes the oldest rows of the audit log: some of those before `before`, and of those beyond the newest
/// `rows`. Answers whether there were any.
#[derive(Message, Debug)]
#[rtype(result = "Result<bool, DatabaseError>")]
pub(crate) struct TrimAudit {
    /// `None` where no row is too old.
    pub(crate) before: Option<String>,
    pub(crate) rows: usize,
}

/// What somebody does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ActionKind {
    Ended,
    Deleted,
    MadePrivate,
    OpenedToTeam,
    MadeLink,
    WithdrewLink,
    OpenedLink,
    Published,
    WithdrewSnapshot,
    Asked,
    Opened,
    LoggedIn,
    LoggedOut,
    FailedLogin,
    MadeToken,
    RevokedToken,
}

impl ActionKind {
    /// As it is stored.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Ended => "ended",
            Self::Deleted => "deleted",
            Self::MadePrivate => "made_private",
            Self::OpenedToTeam => "opened_to_team",
            Self::MadeLink => "made_link",
            Self::WithdrewLink => "withdrew_link",
            Self::OpenedLink => "opened_link",
            Self::Published => "published",
            Self::WithdrewSnapshot => "withdrew_snapshot",
            Self::Asked => "asked",
            Self::Opened => "opened",
            Self::LoggedIn => "logged_in",
            Self::LoggedOut => "logged_out",
            Self::FailedLogin => "failed_login",
            Self::MadeToken => "made_token",
            Self::RevokedToken => "revoked_token",
        }
    }
}

/// Stores what somebody says of an answer, in place of what that person said before.
#[derive(Message, Debug, Clone, Serialize, Deserialize)]
#[rtype(result = "Result<Marked, DatabaseError>")]
pub(crate) struct React {
    /// The project that the conversation must belong to.
    pub(crate) project: ProjectName,
    pub(crate) conversation: ConversationId,
    pub(crate) turn: TurnNumber,
    pub(crate) by: Reactor,
    /// The person's name, where it is known.
    pub(crate) user: Option<String>,
    /// `None` withdraws it.
    pub(crate) reaction: Option<Reaction>,
}

/// Keeps an answer as a note of its project, or no longer.
#[derive(Message, Debug, Clone, Serialize, Deserialize)]
#[rtype(result = "Result<Marked, DatabaseError>")]
pub(crate) struct KeepNote {
    /// The project that the conversation must belong to.
    pub(crate) project: ProjectName,
    pub(crate) conversation: ConversationId,
    pub(crate) turn: TurnNumber,
    /// Who keeps it, where users are known.
    pub(crate) user: Option<String>,
    pub(crate) is_kept: bool,
}

/// Publishes a frozen copy of a conversation, or withdraws it. Answers what is public then: `None` also
/// when the project has no such conversation.
#[derive(Message, Debug, Clone, Serialize, Deserialize)]
#[rtype(result = "Result<Option<PublishedSnapshot>, DatabaseError>")]
pub(crate) struct SetSnapshot {
    /// The project that the conversation must belong to.
    pub(crate) project: ProjectName,
    pub(crate) conversation: ConversationId,
    /// `None` withdraws it.
    pub(crate) copy: Option<FrozenCopy>,
}

/// What a snapshot shows, and its address.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct FrozenCopy {
    /// The end of its address, random. One that is published already keeps its own.
    pub(crate) token: String,
    pub(crate) title: Option<String>,
    /// Who publishes it, where users are known.
    pub(crate) user: Option<String>,
    /// Questions and answers.
    pub(crate) html: String,
}

/// What became of a reaction or a note.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Marked {
    Stored,
    /// There is no such answer, or it has not ended.
    NoSuchAnswer,
    /// There are as many as are kept: reactions to the answer, or notes of the project.
    TooMany,
}

/// Deletes a conversation with its entries. Answers whether there was one.
#[derive(Message, Debug, Clone, Serialize, Deserialize)]
#[rtype(result = "Result<bool, DatabaseError>")]
pub(crate) struct DeleteConversation {
    /// The project that it must belong to.
    pub(crate) project: ProjectName,
    pub(crate) conversation: ConversationId,
}

/// Deletes a conversation if nobody wrote in it and nobody asked for it explicitly. Answers
/// whether it did.
#[derive(Message, Debug, Clone, Serialize, Deserialize)]
#[rtype(result = "Result<bool, DatabaseError>")]
pub(crate) struct DeleteIfEmpty {
    /// The project that it must belong to.
    pub(crate) project: ProjectName,
    pub(crate) conversation: ConversationId,
}

/// Answers once everything sent before it is committed.
#[derive(Message, Debug)]
#[rtype(result = "Result<(), DatabaseError>")]
pub struct Flush;
