//! Committing with a journal: what a transaction recorded goes there first, a record for each scope.

use std::{collections::BTreeMap, sync::Arc};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::database::{
    error::DatabaseError,
    journal::{
        Append, CONVERSATION_IDS, ENTRY_IDS, FreeIds, Journal, JournalScope, Placed, Position,
        Record, Unappended, positions, replay,
    },
    recorder::{IdRanges, Recorded, Turnover},
};

/// Ids that a transaction may need, at most: there is one conversation a job.
const NEEDED_CONVERSATIONS: i64 = CONVERSATION_IDS / 2;
const NEEDED_ENTRIES: i64 = ENTRY_IDS / 2;

/// Times that another node may be faster, until a write is refused.
const RACES: usize = 20;

/// Takes more ids from the journal where few are left. What is left of the old ones is never used.
pub(super) fn refill(
    ids: &mut IdRanges,
    connection: &Connection,
    journal: &dyn Journal,
) -> Result<(), DatabaseError> {
    let left = |range: &std::ops::Range<i64>| range.end - range.start;
    if left(&ids.conversations) >= NEEDED_CONVERSATIONS && left(&ids.entries) >= NEEDED_ENTRIES {
        return Ok(());
    }
    let scope = JournalScope::Ids;
    for _ in 0..RACES {
        let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
        let free = positions::free_ids(&transaction)?;
        let taken = FreeIds {
            conversation: free.conversation + CONVERSATION_IDS,
            entry: free.entry + ENTRY_IDS,
        };
        let after = positions::applied(&transaction, &scope)?;
        let record =
            Record { free_ids: Some(taken), ..Record::new(&journal.owner().incarnation, after) };
        let append = Append { scope: scope.clone(), record };
        match journal.append([append.clone()].into()).pop() {
            Some(Ok(at)) => {
                place(&transaction, append, at)?;
                transaction.commit()?;
                ids.conversations = free.conversation..taken.conversation;
                ids.entries = free.entry..taken.entry;
                return Ok(());
            }
            Some(Err(Unappended::Behind(records))) => {
                replay::apply(&transaction, &records)?;
                transaction.commit()?;
            }
            Some(Err(unappended)) => return Err(error(&scope, unappended)),
            None => break,
        }
    }
    Err(DatabaseError::Busy)
}

/// Puts what a transaction recorded into the journal and commits it. Where scopes are refused, the others
/// are committed all the same, and the jobs of those that were refused get the reason as their outcome.
pub(super) fn commit(
    transaction: Transaction<'_>,
    connection: &Connection,
    recorded: Recorded,
    jobs: &mut Jobs<'_>,
    journal: &dyn Journal,
) -> Result<(), DatabaseError> {
    let appends = appends(&transaction, recorded, journal)?;
    if appends.is_empty() {
        // What others have written is in the journal already.
        return Ok(transaction.commit()?);
    }
    let answers = journal.append(Arc::clone(&appends));
    let (mut added, mut refused) = (Vec::new(), Vec::new());
    for (append, answer) in appends.iter().zip(answers) {
        match answer {
            Ok(at) => added.push((append, at)),
            Err(reason) => refused.push((append, reason)),
        }
    }
    let committed = if refused.is_empty() {
        let noted = added
            .iter()
            .try_for_each(|(append, at)| positions::set_applied(&transaction, &append.scope, *at));
        noted.and_then(|()| transaction.commit()).map_err(DatabaseError::from)
    } else {
        transaction.rollback()?;
        jobs.refuse_unrecorded();
        let shared = refused.iter().position(|(append, reason)| {
            append.scope == JournalScope::Shared && matches!(reason, Unappended::Behind(_))
        });
        let shared = shared.map(|at| refused.swap_remove(at));
        for (append, reason) in refused {
            jobs.refuse(&append.scope, &error(&append.scope, reason));
        }
        redo(connection, &added, shared, jobs, journal)
    };
    if let Err(error) = &committed
        && !added.is_empty()
    {
        journal.is_behind(error);
    }
    committed
}

/// The outcomes of a transaction's jobs, with what each has written.
pub(super) struct Jobs<'a> {
    pub(super) outcomes: &'a mut [Result<(), DatabaseError>],
    pub(super) written: Vec<WrittenByJob>,
}

/// What a job has written.
pub(super) struct WrittenByJob {
    pub(super) scopes: Vec<JournalScope>,
    /// Whether it changed something that is in no record.
    pub(super) has_unrecorded: bool,
}

impl Jobs<'_> {
    fn refuse(&mut self, scope: &JournalScope, error: &DatabaseError) {
        self.fail(error, |written| written.scopes.contains(scope));
    }

    /// Fails those whose changes are undone and in no record: who asked for them asks again.
    fn refuse_unrecorded(&mut self) {
        self.fail(&DatabaseError::Busy, |written| written.has_unrecorded);
    }

    fn fail(&mut self, error: &DatabaseError, is_meant: impl Fn(&WrittenByJob) -> bool) {
        for (outcome, written) in self.outcomes.iter_mut().zip(&self.written) {
            if outcome.is_ok() && is_meant(written) {
                *outcome = Err(error.clone());
            }
        }
    }
}

/// A record for each scope, behind what the store has of it.
fn appends(
    transaction: &Transaction<'_>,
    recorded: Recorded,
    journal: &dyn Journal,
) -> Result<Arc<[Append]>, DatabaseError> {
    let mut records: BTreeMap<JournalScope, Record> = BTreeMap::new();
    let new = || Record::new(&journal.owner().incarnation, Position::default());
    for (project, turnover) in recorded.turnovers {
        let record = records.entry(JournalScope::Project(project)).or_insert_with(new);
        match turnover {
            Turnover::Open => record.open = Some(journal.owner().clone()),
            Turnover::Close => record.close = true,
        }
    }
    for write in recorded.writes {
        records.entry(JournalScope::of(&write)).or_insert_with(new).writes.push(write);
    }
    let appends = records.into_iter().map(|(scope, mut record)| {
        record.after = positions::applied(transaction, &scope)?;
        Ok(Append { scope, record })
    });
    appends.collect()
}

/// Applies what is in the journal by now in a transaction of its own, and what is of all nodes behind what
/// others were faster with.
fn redo(
    connection: &Connection,
    added: &[(&Append, Position)],
    shared: Option<(&Append, Unappended)>,
    jobs: &mut Jobs<'_>,
    journal: &dyn Journal,
) -> Result<(), DatabaseError> {
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    for (append, at) in added {
        place(&transaction, (*append).clone(), *at)?;
    }
    if let Some((append, reason)) = shared
        && let Err(error) = add_shared(&transaction, append.clone(), reason, journal)
    {
        // What others wrote before is kept either way.
        jobs.refuse(&JournalScope::Shared, &error);
    }
    Ok(transaction.commit()?)
}

/// Adds a record of the shared scope behind those of others, which it does not depend on.
fn add_shared(
    transaction: &Transaction<'_>,
    mut append: Append,
    mut reason: Unappended,
    journal: &dyn Journal,
) -> Result<(), DatabaseError> {
    for _ in 0..RACES {
        let Unappended::Behind(records) = reason else {
            return Err(error(&append.scope, reason));
        };
        replay::apply(transaction, &records)?;
        append.record.after = positions::applied(transaction, &append.scope)?;
        match journal.append([append.clone()].into()).pop() {
            Some(Ok(at)) => return place(transaction, append, at),
            Some(Err(again)) => reason = again,
            None => break,
        }
    }
    Err(DatabaseError::Busy)
}

/// Applies an own record that is in the journal at `at`.
fn place(transaction: &Transaction<'_>, append: Append, at: Position) -> Result<(), DatabaseError> {
    let Append { scope, record } = append;
    replay::apply(transaction, &[Placed { at, scope, record }]).map(drop)
}

fn error(scope: &JournalScope, reason: Unappended) -> DatabaseError {
    match (reason, scope) {
        (Unappended::Behind(_), JournalScope::Project(project)) => {
            DatabaseError::NotOwner { project: project.clone() }
        }
        (Unappended::Behind(_), _) => DatabaseError::Busy,
        (Unappended::Unreachable(why), _) => DatabaseError::JournalUnreachable(why),
        (Unappended::TooLarge { bytes, most }, _) => DatabaseError::RecordTooLarge { bytes, most },
    }
}
