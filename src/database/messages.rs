//! What can be asked of the database: the writes, as messages to [`Database`](super::Database),
//! each answered once it is committed.

use actix::Message;

use crate::{
    entry::{EntryRow, UserMessage},
    project::ProjectName,
};

use super::{DatabaseError, Summary};

/// Makes a conversation together with its first entries, in one transaction.
#[derive(Message, Debug)]
#[rtype(result = "Result<Summary, DatabaseError>")]
pub struct CreateConversation {
    /// The project that it belongs to.
    pub project: ProjectName,
    /// Listed even while nobody has written in it.
    pub explicit: bool,
    /// Highest sequence number that may be used before [`ReserveSeq`].
    pub reserved_seq: i64,
    /// The agent's own session id.
    pub agent_session: Option<String>,
    /// The entries, such as the greeting.
    pub entries: Vec<EntryRow>,
}

/// Takes a stored conversation over, before it is loaded: the turn that nobody will end any more
/// gets its end, questions that wait have their entries, and `range` sequence numbers are
/// reserved. Answers the first of them.
#[derive(Message, Debug)]
#[rtype(result = "Result<i64, DatabaseError>")]
pub struct ClaimConversation {
    /// The project that it must belong to.
    pub project: ProjectName,
    /// The conversation.
    pub conversation: i64,
    /// How many numbers are needed.
    pub range: i64,
}

/// Accepts a person's question: once this is answered, the question survives whatever happens.
/// Its entry is written afterwards with [`WriteEntries`]; where that never comes, recovery makes
/// the entry. Titles an untitled conversation.
#[derive(Message, Debug)]
#[rtype(result = "Result<(), DatabaseError>")]
pub struct AcceptQuestion {
    /// The conversation.
    pub conversation: i64,
    /// The turn that will answer it.
    pub turn: i64,
    /// What its entry will hold.
    pub message: UserMessage,
}

/// Writes entries: new ones are added, and one whose `first_seq` is there already (a text that
/// has grown) takes the new `last_seq` and payload. A user message opens its turn as queued and
/// titles an untitled conversation; an end closes its turn.
#[derive(Message, Debug)]
#[rtype(result = "Result<(), DatabaseError>")]
pub struct WriteEntries {
    /// The conversation.
    pub conversation: i64,
    /// The entries, in order.
    pub entries: Vec<EntryRow>,
}

/// Marks a queued turn as running.
#[derive(Message, Debug)]
#[rtype(result = "Result<(), DatabaseError>")]
pub struct BeginTurn {
    /// The conversation.
    pub conversation: i64,
    /// The turn.
    pub turn: i64,
}

/// Allows sequence numbers up to and including `up_to`.
#[derive(Message, Debug)]
#[rtype(result = "Result<(), DatabaseError>")]
pub struct ReserveSeq {
    /// The conversation.
    pub conversation: i64,
    /// The new highest number. Never lowers what is reserved.
    pub up_to: i64,
}

/// Remembers where a page of the original was last, for when it comes back after a restart of
/// the server and names no conversation. Forgotten after an hour.
#[derive(Message, Debug)]
#[rtype(result = "Result<(), DatabaseError>")]
pub struct NoteVisit {
    /// The browser's id.
    pub browser: String,
    /// The project.
    pub project: ProjectName,
    /// The conversation.
    pub conversation: i64,
    /// The newest sequence number when it came in.
    pub seq: i64,
}

/// Remembers under which id the agent itself knows the conversation; `None` forgets it.
#[derive(Message, Debug)]
#[rtype(result = "Result<(), DatabaseError>")]
pub struct SetAgentSession {
    /// The conversation.
    pub conversation: i64,
    /// The agent's session id.
    pub agent_session: Option<String>,
}

/// Gives a conversation a title. Answers `None` when the project has no such conversation.
#[derive(Message, Debug)]
#[rtype(result = "Result<Option<Summary>, DatabaseError>")]
pub struct RenameConversation {
    /// The project that it must belong to.
    pub project: ProjectName,
    /// The conversation.
    pub conversation: i64,
    /// The title. `None` takes it away: the next question titles the conversation again.
    pub title: Option<String>,
}

/// Deletes a conversation with all that it holds. Answers whether there was one.
#[derive(Message, Debug)]
#[rtype(result = "Result<bool, DatabaseError>")]
pub struct DeleteConversation {
    /// The project that it must belong to.
    pub project: ProjectName,
    /// The conversation.
    pub conversation: i64,
}

/// Deletes a conversation if nobody wrote in it and nobody asked for it explicitly.
/// Answers whether it did.
#[derive(Message, Debug)]
#[rtype(result = "Result<bool, DatabaseError>")]
pub struct DeleteIfEmpty {
    /// The conversation.
    pub conversation: i64,
}

/// Answers once everything asked before it is committed.
#[derive(Message, Debug)]
#[rtype(result = "Result<(), DatabaseError>")]
pub struct Flush;
