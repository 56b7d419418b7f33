//! Errors of the store, with how to mend them.

use std::{path::PathBuf, sync::Arc, time::Duration};

use crate::{
    ids::{ConversationId, Seq, TurnNumber},
    project::ProjectName,
};

use rusqlite::ErrorCode;

/// Why a read or a write was not done. Nothing of a failed write is stored.
///
/// Can be cloned because all writes of one transaction fail together when its commit does.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DatabaseError {
    /// The conversation was deleted.
    #[error("conversation {conversation} was deleted")]
    ConversationGone {
        /// The conversation.
        conversation: ConversationId,
    },
    /// The conversation has a message with this id already.
    #[error("message {message_id:?} is in conversation {conversation} already")]
    DuplicateMessage {
        /// The conversation.
        conversation: ConversationId,
        /// The client's id for the message.
        message_id: String,
    },
    /// A file that a question names is not stored.
    #[error("the attached file {name:?} is not on the server any more: attach it again")]
    AttachmentGone {
        /// Its name.
        name: String,
    },
    /// The turn has an end already.
    #[error("turn {turn} of conversation {conversation} has ended already")]
    SecondEnd {
        /// The conversation.
        conversation: ConversationId,
        /// The turn.
        turn: TurnNumber,
    },
    /// Another entry has this sequence number.
    #[error("sequence number {seq} of conversation {conversation} belongs to another entry")]
    SequenceTaken {
        /// The conversation.
        conversation: ConversationId,
        /// The number.
        seq: Seq,
    },
    /// Too much waits to be written.
    #[error("too many writes are waiting for the database: try again shortly")]
    Busy,
    /// Another program kept the database locked.
    #[error(
        "the database was locked by another program for too long: close whatever else has it \
         open, then try again"
    )]
    Locked,
    /// The disk is full.
    #[error("the disk that holds the database is full: make room, then try again")]
    Full,
    /// The file or its directory cannot be written.
    #[error("the database is read-only: make the data directory writable, then try again")]
    ReadOnly,
    /// The file's content is damaged.
    #[error(
        "the database is damaged ({0}): stop the server, move the file away and restore a backup"
    )]
    Damaged(Arc<rusqlite::Error>),
    /// The operating system could not read or write the file.
    #[error(
        "the database file cannot be read or written ({0}): check the disk and its permissions"
    )]
    Disk(Arc<rusqlite::Error>),
    /// No connection could be opened.
    #[error("the database cannot be opened ({0}): check the data directory")]
    Connection(String),
    /// Anything else that SQLite reports.
    #[error("the database failed: {0}")]
    Sqlite(Arc<rusqlite::Error>),
    /// A search was ended after this time.
    #[error("the search took longer than {0:?} and was stopped: use more words, or rarer ones")]
    TookTooLong(Duration),
    /// Another node of the cluster writes this project, or none does yet.
    #[error("this node does not own the project {project} now: try again shortly")]
    NotOwner {
        /// The project.
        project: ProjectName,
    },
    /// What is written could not be put into the journal.
    #[error("the cluster cannot be reached ({0}): nothing can be said now, try again shortly")]
    JournalUnreachable(String),
    /// What is written at once is longer than a record of the journal may be.
    #[error(
        "this is too large to be stored at once: {bytes} bytes, at most {most}; send less, or raise \
         max_payload of the NATS servers"
    )]
    RecordTooLarge {
        /// Its length, in bytes.
        bytes: usize,
        /// The most, in bytes.
        most: usize,
    },
    /// Between two records of the journal there was another one.
    #[error(
        "records of {scope:?} are missing in the journal between {before} and {at}: this store \
         cannot follow it any more; start this node again, and it takes a snapshot of another one"
    )]
    RecordsMissing {
        /// The project, or what else the records are of.
        scope: String,
        /// The record that this store applied last.
        before: u64,
        /// The next one that there is.
        at: u64,
    },
    /// A newer program has written to the journal.
    #[error(
        "the journal has a record of version {found}, and this program knows {known}: upgrade \
         cicerone on this node"
    )]
    NewerRecord {
        /// The record's version.
        found: u32,
        /// The newest that this program knows.
        known: u32,
    },
    /// The operation panicked; the actor lives on.
    #[error("the database operation failed because of a bug in cicerone: {0}")]
    Panicked(String),
    /// The actor has stopped before the operation was done.
    #[error("the database has shut down")]
    Stopped,
}

impl DatabaseError {
    /// Whether the same operation can succeed later by itself.
    pub fn is_retryable(&self) -> bool {
        matches!(
            self,
            Self::Busy | Self::Locked | Self::NotOwner { .. } | Self::JournalUnreachable(_)
        )
    }
}

impl From<rusqlite::Error> for DatabaseError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked,
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::ReadOnly) => Self::ReadOnly,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Damaged(Arc::new(error))
            }
            Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen) => Self::Disk(Arc::new(error)),
            _ => Self::Sqlite(Arc::new(error)),
        }
    }
}

impl From<serde_json::Error> for DatabaseError {
    fn from(error: serde_json::Error) -> Self {
        rusqlite::Error::ToSqlConversionFailure(error.into()).into()
    }
}

impl From<r2d2::Error> for DatabaseError {
    fn from(error: r2d2::Error) -> Self {
        Self::Connection(error.to_string())
    }
}

/// Why the store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory or the file cannot be made or reached.
    #[error("cannot use {path}: {source}; check its permissions or use another --data-dir")]
    Directory {
        /// The directory or file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Another server has the data directory.
    #[error(
        "{path} is in use by another cicerone server{}: stop it or use another --data-dir",
        .holder.as_ref().map(|pid| format!(" (process {pid})")).unwrap_or_default()
    )]
    InUse {
        /// The directory.
        path: PathBuf,
        /// The process id of the other server, where known.
        holder: Option<u32>,
    },
    /// Another program keeps the file locked.
    #[error("{path} is locked by another program: close whatever has it open, then start again")]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// The file is damaged, or no database at all.
    #[error(
        "{path} is damaged or not a database ({source}): restore a backup in its place, or move \
         it away to begin with an empty one"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        source: Arc<rusqlite::Error>,
    },
    /// The file is a database of another program.
    #[error(
        "{path} is a database, but not one of cicerone: move it away or use another --data-dir"
    )]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file was written by a newer version.
    #[error(
        "{path} was made by a newer version of cicerone: it has schema {found}, this program \
         knows {known}; upgrade cicerone or use another --data-dir"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The file's schema.
        found: i64,
        /// The newest schema that this program knows.
        known: i64,
    },
    /// It is the database of a node, and would be written without the others.
    #[error(
        "{path} is the database of a node of a cluster, whose other nodes would not hear of what is \
         written: configure `[cluster]`, or use another --data-dir"
    )]
    OfCluster {
        /// The file.
        path: PathBuf,
    },
    /// It holds what no other node of the cluster has.
    #[error(
        "{path} has conversations of a server that was alone, which the other nodes of the cluster \
         would not have: run `cicerone cluster import` to begin the log of a cluster with them, or use \
         another --data-dir for the node"
    )]
    OfAlone {
        /// The file.
        path: PathBuf,
    },
    /// Anything else.
    #[error("cannot open {path}: {source}")]
    Database {
        /// The file.
        path: PathBuf,
        /// Why.
        source: DatabaseError,
    },
}
