//! The writes of one transaction: gives each its time and ids, applies it, keeps it.

use std::sync::Arc;

use crate::ids::ConversationId;

use rusqlite::{Connection, Transaction};

use super::{
    error::DatabaseError,
    writes::{self, Change, Write},
};

/// Turns changes into [`Write`]s within a transaction.
///
/// The next ids are read from the store when the transaction begins, because an import, which is
/// another process, may have added rows meanwhile. What a rolled back write would have used is
/// free again in the next transaction; what was committed is never used twice.
pub(super) struct Recorder<'a> {
    transaction: &'a Transaction<'a>,
    at: Arc<str>,
    next_conversation: ConversationId,
    next_entry: i64,
    writes: Vec<Write>,
}

impl<'a> Recorder<'a> {
    /// Begins to record what `transaction`, which holds the lock for writing, changes at `at`.
    pub(super) fn new(transaction: &'a Transaction<'a>, at: String) -> Result<Self, DatabaseError> {
        let (conversation, entry): (ConversationId, i64) = transaction
            .prepare_cached(
                "SELECT ifnull((SELECT seq FROM sqlite_sequence WHERE name = 'conversations'), 0),
                     max(ifnull((SELECT seq FROM sqlite_sequence WHERE name = 'entries'), 0),
                         ifnull((SELECT max(id) FROM entries), 0))",
            )?
            .query_row((), |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(Self {
            transaction,
            at: at.into(),
            next_conversation: conversation + 1,
            next_entry: entry + 1,
            writes: Vec::new(),
        })
    }

    /// For reading what a change depends on, or what it left.
    pub(super) fn connection(&self) -> &Connection {
        self.transaction
    }

    /// The id for a new conversation.
    pub(super) fn allocate_conversation(&mut self) -> ConversationId {
        let id = self.next_conversation;
        self.next_conversation += 1;
        id
    }

    /// Applies a change at the transaction's time. Answers whether there was anything to change.
    pub(super) fn apply(&mut self, change: Change) -> Result<bool, DatabaseError> {
        self.apply_at(Arc::clone(&self.at), change)
    }

    /// As [`Recorder::apply`], at another time.
    pub(super) fn apply_at(&mut self, at: Arc<str>, change: Change) -> Result<bool, DatabaseError> {
        let write = Write { at, first_entry_id: self.next_entry, change };
        // Ids of entries that were there already are left out, and free again afterwards.
        self.next_entry += i64::try_from(write.change.entries().len()).unwrap_or(i64::MAX);
        let has_changed = writes::apply(self.transaction, &write)?;
        self.writes.push(write);
        Ok(has_changed)
    }

    /// The writes so far.
    pub(super) fn writes(&self) -> &[Write] {
        &self.writes
    }

    /// Forgets all writes but the first `count`: the others were rolled back.
    pub(super) fn forget_after(&mut self, count: usize) {
        self.writes.truncate(count);
    }
}
