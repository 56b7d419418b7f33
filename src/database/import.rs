//! Import of the conversations of a legacy `assistant.db`, which stays unchanged.
//!
//! A question opens a turn and the answer after it closes the turn. An answer that follows no open
//! question gets a turn of its own, and one before any question is the greeting, so each stored
//! message stays one message. System messages are notes of the legacy program: they and unknown
//! roles are left out and counted. What an earlier import brought is left alone.

mod convert;
mod source;

use std::{collections::BTreeMap, fmt, path::Path, sync::Arc};

use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use crate::{
    ids::{ConversationId, Seq},
    project::ProjectName,
    rights::Ownership,
};

use self::{
    convert::ImportStep,
    source::{SourceConversation, SourceDatabase},
};
use super::{
    clock::Clock,
    connection,
    error::{DatabaseError, OpenError},
    messages::{CreateConversation, WriteEntries},
    recorder::Recorder,
    writes::{Change, RecordImport},
};

/// The outcome of an import.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// Imported conversations.
    pub conversations: usize,
    /// Imported messages.
    pub messages: usize,
    /// Conversations that an earlier import brought; left as they are.
    pub already_there: usize,
    /// Messages left out, by their role.
    pub left_out: BTreeMap<String, usize>,
    /// Messages of conversations that were deleted in the source.
    pub without_conversation: usize,
}

/// Why an import stopped. What it imported before stays.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file lacks what an `assistant.db` has.
    #[error("{path} is no assistant.db: {reason}")]
    NotAnOriginal {
        /// The file.
        path: std::path::PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The file cannot be read as a database.
    #[error(
        "cannot read {path} as a database ({source}): stop the server that uses it, then try again"
    )]
    Source {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// The store cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The store cannot be written.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// Imports the conversations of the file `source` into the store at `database`, as ones of
/// `project`. A server may use the store meanwhile. Blocks.
pub fn run(
    source: &Path,
    project: &ProjectName,
    database: &Path,
) -> Result<ImportReport, ImportError> {
    let source = SourceDatabase::open(source)?;
    let connection = connection::connect(database)?;
    connection::require_alone(&connection, database)?;
    let mut report = ImportReport {
        without_conversation: source.messages_without_conversation()?,
        ..ImportReport::default()
    };
    for conversation in source.conversations()? {
        // One transaction for each, so that a server's writes need not wait long.
        let transaction = Transaction::new_unchecked(&connection, TransactionBehavior::Immediate)
            .map_err(DatabaseError::from)?;
        if is_imported(&transaction, project, &source, &conversation)? {
            report.already_there += 1;
            continue;
        }
        let messages = source.messages(ConversationId(conversation.id))?;
        let converted = convert::turns(&messages).map_err(DatabaseError::from)?;
        report.conversations += 1;
        report.messages += converted.messages;
        for (role, count) in &converted.left_out {
            *report.left_out.entry(role.clone()).or_default() += count;
        }
        write(&transaction, project, &source, conversation, converted.steps)?;
        transaction.commit().map_err(DatabaseError::from)?;
    }
    Ok(report)
}

fn write(
    transaction: &Transaction<'_>,
    project: &ProjectName,
    source: &SourceDatabase,
    conversation: SourceConversation,
    steps: Vec<ImportStep>,
) -> Result<(), DatabaseError> {
    let now = Clock::system().now();
    let created_at: Arc<str> = conversation.created_at.as_deref().unwrap_or(&now).into();
    let mut recorder = Recorder::new(transaction, now)?;
    let id = recorder.allocate_conversation()?;
    let new = CreateConversation {
        project: project.clone(),
        // The source lists every conversation.
        explicit: true,
        reserved_seq: Seq::ZERO,
        agent_session: None,
        entries: Vec::new(),
        ownership: Ownership::default(),
        forked_from: None,
        copied: Vec::new(),
    };
    let create = Change::CreateConversation { conversation: id, new };
    recorder.apply_at(Arc::clone(&created_at), create)?;
    for ImportStep { at, entries } in steps {
        let at = at.map_or_else(|| Arc::clone(&created_at), Arc::from);
        let write = WriteEntries { project: project.clone(), conversation: id, entries };
        recorder.apply_at(at, Change::WriteEntries(write))?;
    }
    recorder.apply(Change::RecordImport(RecordImport {
        project: project.clone(),
        conversation: id,
        source: source.name(),
        source_conversation: conversation.id,
        source_created_at: conversation.created_at.unwrap_or_default(),
        title: conversation.title,
        updated_at: conversation.updated_at,
    }))?;
    Ok(())
}

fn is_imported(
    connection: &Connection,
    project: &ProjectName,
    source: &SourceDatabase,
    conversation: &SourceConversation,
) -> Result<bool, DatabaseError> {
    Ok(connection
        .prepare_cached(
            "SELECT 1 FROM imports WHERE project = ?1 AND source = ?2
                 AND source_conversation_id = ?3 AND source_created_at = ?4",
        )?
        .exists(params![
            project.as_str(),
            source.name(),
            conversation.id,
            conversation.created_at.as_deref().unwrap_or_default(),
        ])?)
}

impl fmt::Display for ImportReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "imported conversations: {}, messages: {}", self.conversations, self.messages)?;
        if self.already_there > 0 {
            write!(f, "; {} were imported before and left as they are", self.already_there)?;
        }
        for (role, count) in &self.left_out {
            write!(f, "; {count} messages of role {role:?} left out")?;
        }
        if self.without_conversation > 0 {
            write!(
                f,
                "; {} messages of deleted conversations left out",
                self.without_conversation
            )?;
        }
        Ok(())
    }
}
