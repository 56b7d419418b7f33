//! The writes of one transaction: gives each its time and ids, applies it, keeps it.

use std::{ops::Range, sync::Arc};

use crate::{ids::ConversationId, project::ProjectName};

use rusqlite::{Connection, Transaction};

use super::{
    error::DatabaseError,
    journal::{JournalScope, Owner, positions},
    writes::{self, Change, Write},
};

/// Turns changes into [`Write`]s within a transaction.
///
/// What a rolled back write would have used is free again in the next transaction, unless a journal
/// gives the ids; what was committed is never used twice.
pub(super) struct Recorder<'a> {
    transaction: &'a Transaction<'a>,
    at: Arc<str>,
    ids: IdRanges,
    /// Whose projects may be written, where there is a journal.
    owner: Option<&'a Owner>,
    recorded: Recorded,
    /// Whether something was changed since the last look that is in no record.
    has_unrecorded: bool,
}

/// Ids that nothing has yet.
#[derive(Debug, Clone, Default)]
pub(super) struct IdRanges {
    pub(super) conversations: Range<i64>,
    pub(super) entries: Range<i64>,
}

/// What a transaction changes.
#[derive(Debug, Default)]
pub(super) struct Recorded {
    /// In their order.
    pub(super) writes: Vec<Write>,
    /// Projects whose owner changes, in their order.
    pub(super) turnovers: Vec<(ProjectName, Turnover)>,
}

/// A change of who owns a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turnover {
    /// It is this node's from now on.
    Open,
    /// It is nobody's afterwards.
    Close,
}

/// How much a transaction had recorded at a moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct RecordedLength {
    writes: usize,
    turnovers: usize,
}

impl<'a> Recorder<'a> {
    /// Begins to record what `transaction`, which holds the lock for writing, changes at `at`.
    ///
    /// The next ids are read from the store, because an import, which is another process, may have
    /// added rows meanwhile.
    pub(super) fn new(transaction: &'a Transaction<'a>, at: String) -> Result<Self, DatabaseError> {
        let (conversation, entry): (i64, i64) = transaction
            .prepare_cached(
                "SELECT ifnull((SELECT seq FROM sqlite_sequence WHERE name = 'conversations'), 0),
                     max(ifnull((SELECT seq FROM sqlite_sequence WHERE name = 'entries'), 0),
                         ifnull((SELECT max(id) FROM entries), 0))",
            )?
            .query_row((), |row| Ok((row.get(0)?, row.get(1)?)))?;
        let ids =
            IdRanges { conversations: conversation + 1..i64::MAX, entries: entry + 1..i64::MAX };
        Ok(Self {
            transaction,
            at: at.into(),
            ids,
            owner: None,
            recorded: Recorded::default(),
            has_unrecorded: false,
        })
    }

    /// As [`Recorder::new`], with ids that a journal gave, and for the projects of `owner` alone.
    pub(super) fn journaled(
        transaction: &'a Transaction<'a>,
        at: String,
        ids: IdRanges,
        owner: &'a Owner,
    ) -> Self {
        let (at, owner) = (at.into(), Some(owner));
        Self { transaction, at, ids, owner, recorded: Recorded::default(), has_unrecorded: false }
    }

    /// For reading what a change depends on, or what it left.
    pub(super) fn connection(&self) -> &Connection {
        self.transaction
    }

    /// For what is in no record, and so is to be done again where the transaction is undone.
    pub(super) fn unrecorded(&mut self) -> &'a Transaction<'a> {
        self.has_unrecorded = true;
        self.transaction
    }

    /// Whether something was changed since the last look that is in no record.
    pub(super) fn take_unrecorded(&mut self) -> bool {
        std::mem::take(&mut self.has_unrecorded)
    }

    /// For savepoints.
    pub(super) fn transaction(&self) -> &'a Transaction<'a> {
        self.transaction
    }

    /// The id for a new conversation.
    pub(super) fn allocate_conversation(&mut self) -> Result<ConversationId, DatabaseError> {
        self.ids.conversations.next().map(ConversationId).ok_or(DatabaseError::Busy)
    }

    /// Applies a change at the transaction's time. Answers whether there was anything to change.
    pub(super) fn apply(&mut self, change: Change) -> Result<bool, DatabaseError> {
        self.apply_at(Arc::clone(&self.at), change)
    }

    /// As [`Recorder::apply`], at another time.
    pub(super) fn apply_at(&mut self, at: Arc<str>, change: Change) -> Result<bool, DatabaseError> {
        if let Some(project) = change.project() {
            self.require(project)?;
        }
        let first_entry_id = self.ids.entries.start;
        // Ids of entries that were there already are left out, and free again afterwards.
        let entries = i64::try_from(change.entries().len()).unwrap_or(i64::MAX);
        self.ids.entries.start = first_entry_id.saturating_add(entries);
        if self.ids.entries.start > self.ids.entries.end {
            return Err(DatabaseError::Busy);
        }
        let write = Write { at, first_entry_id, change };
        let has_changed = writes::apply(self.transaction, &write)?;
        self.recorded.writes.push(write);
        Ok(has_changed)
    }

    /// Applies a change that every store makes by itself.
    pub(super) fn apply_unrecorded(&mut self, change: Change) -> Result<bool, DatabaseError> {
        let write = Write { at: Arc::clone(&self.at), first_entry_id: 0, change };
        writes::apply(self.unrecorded(), &write)
    }

    /// Whether what it records goes into a journal.
    pub(super) fn is_journaled(&self) -> bool {
        self.owner.is_some()
    }

    /// Whether this node may write the project.
    pub(super) fn owns(&self, project: &ProjectName) -> Result<bool, DatabaseError> {
        let Some(me) = self.owner else { return Ok(true) };
        let owner = positions::owner(self.transaction, &JournalScope::Project(project.clone()))?;
        Ok(owner.as_ref() == Some(me))
    }

    fn require(&self, project: &ProjectName) -> Result<(), DatabaseError> {
        match self.owns(project)? {
            true => Ok(()),
            false => Err(DatabaseError::NotOwner { project: project.clone() }),
        }
    }

    /// Makes the project this node's, in place of the owner that it is known to have.
    pub(super) fn open(
        &mut self,
        project: &ProjectName,
        instead_of: Option<&Owner>,
    ) -> Result<(), DatabaseError> {
        let Some(me) = self.owner else { return Ok(()) };
        let scope = JournalScope::Project(project.clone());
        let is_turned_over = self.recorded.turnovers.iter().any(|(other, _)| other == project);
        if is_turned_over || positions::owner(self.transaction, &scope)?.as_ref() != instead_of {
            return Err(DatabaseError::NotOwner { project: project.clone() });
        }
        positions::set_owner(self.transaction, &scope, Some(me))?;
        self.recorded.turnovers.push((project.clone(), Turnover::Open));
        Ok(())
    }

    /// Gives the project back. Nothing is written to it afterwards.
    pub(super) fn close(&mut self, project: &ProjectName) -> Result<(), DatabaseError> {
        self.require(project)?;
        if self.owner.is_some() {
            positions::set_owner(self.transaction, &JournalScope::Project(project.clone()), None)?;
            self.recorded.turnovers.push((project.clone(), Turnover::Close));
        }
        Ok(())
    }

    /// How much it has recorded so far.
    pub(super) fn length(&self) -> RecordedLength {
        let Recorded { writes, turnovers } = &self.recorded;
        RecordedLength { writes: writes.len(), turnovers: turnovers.len() }
    }

    /// The scopes of what was recorded after it had this length.
    pub(super) fn scopes_after(&self, length: RecordedLength) -> Vec<JournalScope> {
        let Recorded { writes, turnovers } = &self.recorded;
        let written = writes[length.writes..].iter().map(JournalScope::of);
        let turned = turnovers[length.turnovers..].iter();
        written.chain(turned.map(|(project, _)| JournalScope::Project(project.clone()))).collect()
    }

    /// Forgets what was recorded after it had this length: it was rolled back.
    pub(super) fn forget_after(&mut self, length: RecordedLength) {
        self.recorded.writes.truncate(length.writes);
        self.recorded.turnovers.truncate(length.turnovers);
    }

    /// What it has recorded, and the ids that are left.
    pub(super) fn finish(self) -> (Recorded, IdRanges) {
        (self.recorded, self.ids)
    }
}
