//! Records of the journal, applied to the store.

use rusqlite::Transaction;

use crate::database::{error::DatabaseError, writes};

use super::{JournalScope, Placed, Record, VERSION, positions};

/// Applies records in their order, but those that are applied already. Answers how many it applied.
pub(crate) fn apply(
    transaction: &Transaction<'_>,
    records: &[Placed],
) -> Result<usize, DatabaseError> {
    let mut applied = 0;
    for Placed { at, scope, record } in records {
        // Asked within the transaction: an own record comes back after it was committed.
        let before = positions::applied(transaction, scope)?;
        if *at > before {
            if record.v <= VERSION && record.after != before {
                let (scope, before) = (scope.as_str().to_owned(), before.0);
                return Err(DatabaseError::RecordsMissing { scope, before, at: at.0 });
            }
            apply_one(transaction, scope, record)?;
            positions::set_applied(transaction, scope, *at)?;
            applied += 1;
        }
    }
    Ok(applied)
}

fn apply_one(
    transaction: &Transaction<'_>,
    scope: &JournalScope,
    record: &Record,
) -> Result<(), DatabaseError> {
    let Record { v, open, close, free_ids, writes, .. } = record;
    if *v > VERSION {
        return Err(DatabaseError::NewerRecord { found: *v, known: VERSION });
    }
    if let Some(owner) = open {
        positions::set_owner(transaction, scope, Some(owner))?;
    }
    for write in writes {
        writes::apply(transaction, write)?;
    }
    if *close {
        positions::set_owner(transaction, scope, None)?;
    }
    if let Some(free) = free_ids {
        positions::set_free_ids(transaction, *free)?;
    }
    Ok(())
}
