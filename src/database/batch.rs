//! Group commit: many writes in one transaction, each answered after its commit.
//!
//! Blocks; knows nothing of actors.

mod journaled;

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::oneshot;

use super::{
    clock::Clock,
    connection::Pool,
    error::DatabaseError,
    journal::Journal,
    lock::DirectoryLock,
    recorder::{IdRanges, Recorder},
    stats::{StoreStats, WriteCounts},
};

/// How long another program may keep the database locked before the waiting writes fail.
const LOCK_TIMEOUT: Duration = Duration::from_secs(30);

/// A unit of work that waits for its transaction.
pub(super) trait Job: Send {
    /// Does the work and keeps its answer.
    fn run(&mut self, recorder: &mut Recorder<'_>) -> Result<(), DatabaseError>;

    /// Sends the answer, after the commit. The work is done even where nobody listens any more.
    fn answer(self: Box<Self>, outcome: Result<(), DatabaseError>);
}

struct ClosureJob<T, F> {
    operation: Option<F>,
    value: Option<T>,
    reply: oneshot::Sender<Result<T, DatabaseError>>,
}

/// Makes a job of `operation`, and the receiver of its answer.
pub(super) fn job<T, F>(operation: F) -> (Box<dyn Job>, oneshot::Receiver<Result<T, DatabaseError>>)
where
    T: Send + 'static,
    F: FnOnce(&mut Recorder<'_>) -> Result<T, DatabaseError> + Send + 'static,
{
    let (reply, answer) = oneshot::channel();
    let job = ClosureJob { operation: Some(operation), value: None, reply };
    (Box::new(job), answer)
}

impl<T, F> Job for ClosureJob<T, F>
where
    T: Send,
    F: FnOnce(&mut Recorder<'_>) -> Result<T, DatabaseError> + Send,
{
    fn run(&mut self, recorder: &mut Recorder<'_>) -> Result<(), DatabaseError> {
        if let Some(operation) = self.operation.take() {
            self.value = Some(operation(recorder)?);
        }
        Ok(())
    }

    fn answer(self: Box<Self>, outcome: Result<(), DatabaseError>) {
        let Self { value, reply, .. } = *self;
        let answer = outcome.and_then(|()| value.ok_or(DatabaseError::Stopped));
        // An error here means that the sender of the message went away.
        drop(reply.send(answer));
    }
}

/// The only way into the database for writes.
pub(super) struct Writer {
    pool: Pool,
    clock: Clock,
    stats: Arc<StoreStats>,
    lock_timeout: Duration,
    /// What is written goes there first; a single machine has none.
    journal: Option<Arc<dyn Journal>>,
    /// Ids that the journal gave.
    ids: Mutex<IdRanges>,
    /// Held as long as anything can still be written.
    _lock: Option<DirectoryLock>,
}

impl Writer {
    pub(super) fn new(
        pool: Pool,
        clock: Clock,
        lock: Option<DirectoryLock>,
        journal: Option<Arc<dyn Journal>>,
    ) -> Self {
        Self {
            pool,
            clock,
            stats: Arc::default(),
            lock_timeout: LOCK_TIMEOUT,
            journal,
            ids: Mutex::default(),
            _lock: lock,
        }
    }

    pub(super) fn stats(&self) -> &Arc<StoreStats> {
        &self.stats
    }

    /// Bytes of entries that may be written at once. In a record they take up to four times as many.
    pub(super) fn most_bytes(&self) -> usize {
        self.journal.as_ref().map_or(usize::MAX, |journal| journal.most_bytes() / 4)
    }

    /// Runs the jobs in their order in one transaction, and answers each after the commit.
    pub(super) fn commit(&self, mut jobs: Vec<Box<dyn Job>>) {
        let since = Instant::now();
        let committed = self
            .pool
            .get()
            .map_err(DatabaseError::from)
            .and_then(|connection| self.execute(&connection, &mut jobs));
        self.stats.count_commit(since.elapsed(), committed.is_ok());
        match committed {
            Ok(Committed { outcomes, counts }) => {
                self.stats.count_writes(counts);
                for (job, outcome) in jobs.into_iter().zip(outcomes) {
                    job.answer(outcome);
                }
            }
            Err(error) => {
                log::error!("nothing was written jobs={} error={error}", jobs.len());
                for job in jobs {
                    job.answer(Err(error.clone()));
                }
            }
        }
    }
}

impl Writer {
    /// Commits the jobs; an error when the transaction as a whole failed.
    fn execute(
        &self,
        connection: &Connection,
        jobs: &mut [Box<dyn Job>],
    ) -> Result<Committed, DatabaseError> {
        let Some(journal) = self.journal.as_deref() else {
            return execute(connection, jobs, &self.clock, self.lock_timeout);
        };
        // One transaction at a time: nobody waits for it.
        let mut ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        journaled::refill(&mut ids, connection, journal)?;
        let transaction = begin(connection, self.lock_timeout)?;
        let now = self.clock.now();
        let mut recorder = Recorder::journaled(&transaction, now, ids.clone(), journal.owner());
        let Ran { mut outcomes, written } = run_all(&mut recorder, jobs)?;
        let (recorded, left) = recorder.finish();
        *ids = left;
        let counts = WriteCounts::of(&recorded.writes);
        let mut of_jobs = journaled::Jobs { outcomes: &mut outcomes, written };
        journaled::commit(transaction, connection, recorded, &mut of_jobs, journal)?;
        Ok(Committed { outcomes, counts })
    }
}

/// What a committed transaction did.
#[derive(Debug)]
struct Committed {
    /// One a job, in their order.
    outcomes: Vec<Result<(), DatabaseError>>,
    counts: WriteCounts,
}

/// Commits the jobs without a journal; an error when the transaction as a whole failed.
fn execute(
    connection: &Connection,
    jobs: &mut [Box<dyn Job>],
    clock: &Clock,
    lock_timeout: Duration,
) -> Result<Committed, DatabaseError> {
    let transaction = begin(connection, lock_timeout)?;
    let mut recorder = Recorder::new(&transaction, clock.now())?;
    let Ran { outcomes, .. } = run_all(&mut recorder, jobs)?;
    let (recorded, _) = recorder.finish();
    let counts = WriteCounts::of(&recorded.writes);
    transaction.commit()?;
    Ok(Committed { outcomes, counts })
}

/// What became of jobs, and what each wrote, where there is a journal.
struct Ran {
    outcomes: Vec<Result<(), DatabaseError>>,
    written: Vec<journaled::WrittenByJob>,
}

/// Runs the jobs in their order; an error when the transaction as a whole failed.
fn run_all(recorder: &mut Recorder<'_>, jobs: &mut [Box<dyn Job>]) -> Result<Ran, DatabaseError> {
    let mut ran = Ran { outcomes: Vec::with_capacity(jobs.len()), written: Vec::new() };
    for job in jobs {
        let before = recorder.length();
        let outcome = run_isolated(recorder, job.as_mut());
        // A full disk and the like make SQLite roll back everything, not this job alone.
        if let Err(error) = &outcome
            && recorder.connection().is_autocommit()
        {
            return Err(error.clone());
        }
        ran.outcomes.push(outcome);
        if recorder.is_journaled() {
            ran.written.push(journaled::WrittenByJob {
                scopes: recorder.scopes_after(before),
                has_unrecorded: recorder.take_unrecorded(),
            });
        }
    }
    Ok(ran)
}

/// Begins to write. WholeNumber while another program holds the lock, with a line in the log each
/// time SQLite gives up.
fn begin(
    connection: &Connection,
    lock_timeout: Duration,
) -> Result<Transaction<'_>, DatabaseError> {
    let since = Instant::now();
    loop {
        match Transaction::new_unchecked(connection, TransactionBehavior::Immediate) {
            Ok(transaction) => return Ok(transaction),
            Err(error) => match DatabaseError::from(error) {
                DatabaseError::Locked if since.elapsed() < lock_timeout => log::warn!(
                    "the database is locked by another program, still trying waited_s={}",
                    since.elapsed().as_secs()
                ),
                error => return Err(error),
            },
        }
    }
}

/// Runs one job in a savepoint: where it fails, nothing of it stays and the others are as if it
/// had not been there.
fn run_isolated(recorder: &mut Recorder<'_>, job: &mut dyn Job) -> Result<(), DatabaseError> {
    let transaction = recorder.transaction();
    transaction.prepare_cached("SAVEPOINT job")?.execute(())?;
    let recorded = recorder.length();
    let outcome = catch_unwind(AssertUnwindSafe(|| job.run(recorder)))
        .unwrap_or_else(|panic| Err(DatabaseError::Panicked(panic_message(&*panic))));
    if outcome.is_err() {
        recorder.forget_after(recorded);
        if !transaction.is_autocommit() {
            transaction.prepare_cached("ROLLBACK TO job")?.execute(())?;
        }
    }
    if !transaction.is_autocommit() {
        transaction.prepare_cached("RELEASE job")?.execute(())?;
    }
    outcome
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|message| (*message).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned())
}

#[cfg(test)]
mod tests {
    use crate::database::connection;

    use super::*;

    const NOW: &str = "2027-01-15T08:00:00.000000Z";

    /// A job that stores `bytes` as a title.
    fn store(bytes: usize) -> Box<dyn Job> {
        let title = "x".repeat(bytes);
        let write = move |recorder: &mut Recorder<'_>| {
            recorder.connection().execute(
                "INSERT INTO conversations
                     (project, title, reserved_seq, explicit, created_at, updated_at)
                 VALUES ('demo', ?1, 0, 1, ?2, ?2)",
                (&title, NOW),
            )?;
            Ok(())
        };
        job(write).0
    }

    fn fixture() -> (tempfile::TempDir, Connection) {
        let directory = tempfile::tempdir().unwrap();
        let connection =
            connection::connect(&directory.path().join(connection::FILE_NAME)).unwrap();
        (directory, connection)
    }

    fn run(
        connection: &Connection,
        mut jobs: Vec<Box<dyn Job>>,
    ) -> Result<Vec<Result<(), DatabaseError>>, DatabaseError> {
        let clock = Clock::new(|| time::macros::datetime!(2027-01-15 08:00 UTC));
        Ok(execute(connection, &mut jobs, &clock, Duration::ZERO)?.outcomes)
    }

    fn titles(connection: &Connection) -> Vec<i64> {
        connection
            .prepare("SELECT length(title) FROM conversations WHERE created_at = ?1 ORDER BY id")
            .unwrap()
            .query_map([NOW], |row| row.get(0))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap()
    }

    #[test]
    fn a_job_that_panics_fails_alone() {
        let (_directory, connection) = fixture();
        let (panicking, _) = job(|recorder: &mut Recorder<'_>| -> Result<(), _> {
            recorder.connection().execute("DELETE FROM conversations", ())?;
            panic!("no such luck");
        });
        let outcomes = run(&connection, vec![store(1), panicking, store(3)]).unwrap();
        assert!(
            matches!(&outcomes[..], [Ok(()), Err(DatabaseError::Panicked(words)), Ok(())]
                if words == "no such luck"),
            "{outcomes:?}"
        );
        assert_eq!(titles(&connection), [1, 3]);
    }

    #[test]
    fn nothing_is_acknowledged_on_a_full_disk_and_the_next_write_goes_on() {
        let (_directory, connection) = fixture();
        let pages: i64 =
            connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
        let limit = |pages: i64| {
            connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).unwrap();
        };
        limit(pages + 10);
        let mut stored = 0;
        // A write may fail alone or take its transaction with it; what counts is that none that
        // is not there was called done.
        for outcomes in [
            run(&connection, vec![store(10), store(1_000_000), store(20)]),
            run(&connection, vec![store(1_000_000)]),
        ] {
            let outcomes = outcomes.unwrap_or_else(|error| vec![Err(error)]);
            stored += outcomes.iter().filter(|outcome| outcome.is_ok()).count();
            assert!(
                outcomes.iter().any(|outcome| matches!(outcome, Err(DatabaseError::Full))),
                "{outcomes:?}"
            );
        }
        assert_eq!(titles(&connection).len(), stored);
        limit(pages + 1000);
        assert!(run(&connection, vec![store(1_000_000)]).unwrap()[0].is_ok());
        assert_eq!(titles(&connection).len(), stored + 1);
    }

    #[test]
    fn when_a_failure_takes_the_whole_transaction_no_job_is_called_done() {
        let (_directory, connection) = fixture();
        let (fatal, _) = job(|recorder: &mut Recorder<'_>| -> Result<(), _> {
            // What SQLite itself does when the disk fails in the middle.
            recorder.connection().execute_batch("ROLLBACK")?;
            Err(DatabaseError::Full)
        });
        let failed = run(&connection, vec![store(1), fatal, store(3)]);
        assert!(matches!(failed, Err(DatabaseError::Full)), "{failed:?}");
        assert!(titles(&connection).is_empty());
        assert!(run(&connection, vec![store(4)]).unwrap()[0].is_ok());
    }

    #[test]
    fn a_read_only_file_and_a_lasting_lock_are_told_in_words() {
        let (directory, connection) = fixture();
        connection.pragma_update(None, "query_only", true).unwrap();
        let words = run(&connection, vec![store(1)]).unwrap_err().to_string();
        assert!(words.contains("read-only"), "{words}");

        connection.pragma_update(None, "query_only", false).unwrap();
        connection.busy_timeout(Duration::ZERO).unwrap();
        let other = Connection::open(directory.path().join(connection::FILE_NAME)).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let failed = run(&connection, vec![store(1)]).unwrap_err();
        assert!(failed.is_retryable(), "{failed}");
        assert!(failed.to_string().contains("locked by another program"), "{failed}");
    }
}
