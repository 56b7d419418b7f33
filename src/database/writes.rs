//! Writes as plain values, and the one function that applies them.
//!
//! A [`Write`] carries its time and the ids of the rows that it adds. Applying it reads no clock
//! and draws no number, so the same writes in the same order make the same store, wherever and
//! whenever they are applied. Writes of different projects do not depend on each other.
//!
//! A conversation's time never goes backwards: where the clock did, the newest time stored is used
//! in its place.

mod actions;
mod answers;
mod attachments;
mod conversations;
mod credentials;
mod entries;
mod imports;
mod notes;
mod reactions;
mod snapshots;
mod turns;
mod visits;

use std::sync::Arc;

use rusqlite::Transaction;
use serde::{Deserialize, Serialize};

use crate::{
    entry::EntryRow,
    ids::{ConversationId, Seq, TurnNumber},
    project::ProjectName,
};

use super::{
    error::DatabaseError,
    messages::{
        AcceptQuestion, AddAttachment, BeginTurn, CreateConversation, DeleteConversation,
        DeleteIfEmpty, KeepNote, NoteVisit, React, RecordAction, RenameConversation, ReserveSeq,
        SetAgentSession, SetSnapshot, ShareConversation, WriteEntries,
        credentials::ChangeCredential,
    },
};

/// A change with everything that decides what it leaves in the store.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Write {
    /// When it happened, see [`timestamp`](super::timestamp).
    pub(super) at: Arc<str>,
    /// The row id of the change's first entry; the others follow it. Never used twice.
    pub(super) first_entry_id: i64,
    pub(super) change: Change,
}

/// What a write changes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Change {
    CreateConversation {
        /// The new conversation's id. Never used twice.
        conversation: ConversationId,
        new: CreateConversation,
    },
    AcceptQuestion(AcceptQuestion),
    WriteEntries(WriteEntries),
    BeginTurn(BeginTurn),
    ReserveSeq(ReserveSeq),
    SetAgentSession(SetAgentSession),
    NoteVisit(NoteVisit),
    RenameConversation(RenameConversation),
    ShareConversation(ShareConversation),
    React(React),
    KeepNote(KeepNote),
    SetSnapshot(SetSnapshot),
    RecordAction(RecordAction),
    ChangeCredential(ChangeCredential),
    /// Deletes the rows of the audit log up to this time.
    TrimAudit(Arc<str>),
    DeleteConversation(DeleteConversation),
    DeleteIfEmpty(DeleteIfEmpty),
    AddAttachment(AddAttachment),
    DropLooseAttachments(DropLooseAttachments),
    RecoverTurn(RecoverTurn),
    RecordImport(RecordImport),
}

/// Deletes the files of a project that no question named in time.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct DropLooseAttachments {
    pub(super) project: ProjectName,
}

/// Gives a turn that nobody will go on with the entries that it lacks, and marks it: a page that
/// comes back has not seen them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RecoverTurn {
    pub(super) project: ProjectName,
    pub(super) conversation: ConversationId,
    pub(super) turn: TurnNumber,
    pub(super) entries: Vec<EntryRow>,
}

/// Completes an imported conversation, and remembers where it came from.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RecordImport {
    pub(super) project: ProjectName,
    pub(super) conversation: ConversationId,
    /// Path of the imported file.
    pub(super) source: String,
    pub(super) source_conversation: i64,
    /// When the source made it; empty where the source does not tell.
    pub(super) source_created_at: String,
    pub(super) title: Option<String>,
    pub(super) updated_at: Option<String>,
}

impl Change {
    /// The project whose rows it changes, if it is one's. It depends on no row of another one.
    pub(super) fn project(&self) -> Option<&ProjectName> {
        match self {
            Self::CreateConversation { new: CreateConversation { project, .. }, .. }
            | Self::AcceptQuestion(AcceptQuestion { project, .. })
            | Self::WriteEntries(WriteEntries { project, .. })
            | Self::BeginTurn(BeginTurn { project, .. })
            | Self::ReserveSeq(ReserveSeq { project, .. })
            | Self::SetAgentSession(SetAgentSession { project, .. })
            | Self::NoteVisit(NoteVisit { project, .. })
            | Self::RenameConversation(RenameConversation { project, .. })
            | Self::ShareConversation(ShareConversation { project, .. })
            | Self::React(React { project, .. })
            | Self::KeepNote(KeepNote { project, .. })
            | Self::SetSnapshot(SetSnapshot { project, .. })
            | Self::DeleteConversation(DeleteConversation { project, .. })
            | Self::DeleteIfEmpty(DeleteIfEmpty { project, .. })
            | Self::AddAttachment(AddAttachment { project, .. })
            | Self::DropLooseAttachments(DropLooseAttachments { project })
            | Self::RecoverTurn(RecoverTurn { project, .. })
            | Self::RecordImport(RecordImport { project, .. }) => Some(project),
            // Every node records what is done there, also with projects that it does not own.
            Self::RecordAction(_) | Self::ChangeCredential(_) | Self::TrimAudit(_) => None,
        }
    }

    /// The entries that it writes.
    pub(super) fn entries(&self) -> &[EntryRow] {
        match self {
            Self::CreateConversation { new: CreateConversation { entries, .. }, .. }
            | Self::WriteEntries(WriteEntries { entries, .. })
            | Self::RecoverTurn(RecoverTurn { entries, .. }) => entries,
            _ => &[],
        }
    }
}

/// Keeps the ids of all entries from being used again once they are deleted.
pub(super) fn retire_entry_ids(transaction: &Transaction<'_>) -> Result<(), DatabaseError> {
    let newest: Option<i64> =
        transaction.query_row("SELECT max(id) FROM entries", (), |row| row.get(0))?;
    newest.map_or(Ok(()), |id| conversations::retire_entry_ids(transaction, Seq(id)))
}

/// Applies a write, and answers whether there was anything to change. After an error the caller
/// rolls back what it may have left.
pub(crate) fn apply(transaction: &Transaction<'_>, write: &Write) -> Result<bool, DatabaseError> {
    let Write { at, first_entry_id, change } = write;
    let ids = *first_entry_id..;
    match change {
        Change::CreateConversation { conversation, new } => {
            conversations::create(transaction, *conversation, new, at)?;
            attachments::copy(transaction, (&new.project, *conversation), &new.copied, at)?;
            entries::write(transaction, *conversation, ids.zip(&new.entries), at)?;
        }
        Change::AcceptQuestion(question) => turns::accept_question(transaction, question, at)?,
        Change::WriteEntries(WriteEntries { project, conversation, entries }) => {
            entries::write(transaction, *conversation, ids.zip(entries), at)?;
            answers::note(transaction, project, *conversation, entries, at)?;
        }
        Change::BeginTurn(BeginTurn { conversation, turn, .. }) => {
            turns::begin(transaction, *conversation, *turn, at)?;
        }
        Change::ReserveSeq(ReserveSeq { conversation, up_to, .. }) => {
            conversations::reserve_seq(transaction, *conversation, *up_to)?;
        }
        Change::SetAgentSession(SetAgentSession { conversation, agent_session, .. }) => {
            conversations::set_agent_session(transaction, *conversation, agent_session.as_deref())?;
        }
        Change::AddAttachment(add) => attachments::add(transaction, add, at)?,
        Change::DropLooseAttachments(DropLooseAttachments { project }) => {
            return attachments::drop_loose(transaction, project, at);
        }
        Change::NoteVisit(visit) => visits::note(transaction, visit, at)?,
        Change::RenameConversation(rename) => {
            return conversations::rename(transaction, rename);
        }
        Change::ShareConversation(share) => return conversations::share(transaction, share),
        Change::React(react) => return reactions::set(transaction, react, at),
        Change::RecordAction(action) => actions::record(transaction, action, at)?,
        Change::TrimAudit(up_to) => return actions::trim(transaction, up_to),
        Change::ChangeCredential(change) => credentials::change(transaction, change)?,
        Change::KeepNote(keep) => return notes::set(transaction, keep, at),
        Change::SetSnapshot(set) => return snapshots::set(transaction, set, at),
        Change::DeleteConversation(DeleteConversation { project, conversation }) => {
            return conversations::delete(transaction, project, *conversation);
        }
        Change::DeleteIfEmpty(DeleteIfEmpty { project, conversation }) => {
            return conversations::delete_if_empty(transaction, project, *conversation);
        }
        Change::RecoverTurn(RecoverTurn { conversation, turn, entries, .. }) => {
            if !entries.is_empty() {
                entries::write(transaction, *conversation, ids.zip(entries), at)?;
            }
            turns::mark_recovered(transaction, *conversation, *turn)?;
        }
        Change::RecordImport(import) => imports::record(transaction, import, at)?,
    }
    Ok(true)
}
