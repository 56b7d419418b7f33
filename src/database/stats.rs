//! Counters of the store, for metrics.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use serde::Deserialize;

use crate::entry::{EntryRow, Outcome};

use super::{
    messages::WriteEntries,
    writes::{Change, Write},
};

/// Counts since the start of the server. They only grow.
#[derive(Debug, Default)]
pub(crate) struct StoreStats {
    entries: AtomicU64,
    completed: AtomicU64,
    stopped: AtomicU64,
    interrupted: AtomicU64,
    failed: AtomicU64,
    commits: AtomicU64,
    commit_failures: AtomicU64,
    commit_micros: AtomicU64,
}

/// The values of [`StoreStats`] at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct StatsSnapshot {
    /// Entries written; a text that grows is written again each time.
    pub(crate) entries: u64,
    /// Turns by their ends: completed, stopped, interrupted, failed.
    pub(crate) turns: [(&'static str, u64); 4],
    /// Transactions committed.
    pub(crate) commits: u64,
    /// Transactions that failed as a whole.
    pub(crate) commit_failures: u64,
    /// Time that all committed ones took together.
    pub(crate) commit_time: Duration,
}

/// What a transaction adds to the counters.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct WriteCounts {
    entries: u64,
    /// Completed, stopped, interrupted, failed.
    ends: [u64; 4],
}

impl WriteCounts {
    /// Counts the entries of sessions: neither greetings nor what recovery adds.
    pub(super) fn of(writes: &[Write]) -> Self {
        let mut counts = Self::default();
        for write in writes {
            if let Change::WriteEntries(WriteEntries { entries, .. }) = &write.change {
                counts.entries += entries.len() as u64;
                entries.iter().for_each(|entry| counts.count_end(entry));
            }
        }
        counts
    }

    fn count_end(&mut self, entry: &EntryRow) {
        #[derive(Deserialize)]
        struct End {
            outcome: Outcome,
        }
        let [completed, stopped, interrupted, failed] = &mut self.ends;
        match entry.kind.as_str() {
            "error" => *failed += 1,
            "response_done" => match serde_json::from_str(&entry.payload) {
                Ok(End { outcome: Outcome::Completed }) => *completed += 1,
                Ok(End { outcome: Outcome::Stopped }) => *stopped += 1,
                Ok(End { outcome: Outcome::Interrupted }) => *interrupted += 1,
                Err(_) => (),
            },
            _ => (),
        }
    }
}

impl StoreStats {
    pub(super) fn count_writes(&self, counts: WriteCounts) {
        let [completed, stopped, interrupted, failed] = counts.ends;
        for (counter, by) in [
            (&self.entries, counts.entries),
            (&self.completed, completed),
            (&self.stopped, stopped),
            (&self.interrupted, interrupted),
            (&self.failed, failed),
        ] {
            counter.fetch_add(by, Ordering::Relaxed);
        }
    }

    pub(super) fn count_commit(&self, took: Duration, succeeded: bool) {
        if succeeded {
            self.commits.fetch_add(1, Ordering::Relaxed);
            let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
            self.commit_micros.fetch_add(micros, Ordering::Relaxed);
        } else {
            self.commit_failures.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn snapshot(&self) -> StatsSnapshot {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        StatsSnapshot {
            entries: of(&self.entries),
            turns: [
                ("completed", of(&self.completed)),
                ("stopped", of(&self.stopped)),
                ("interrupted", of(&self.interrupted)),
                ("failed", of(&self.failed)),
            ],
            commits: of(&self.commits),
            commit_failures: of(&self.commit_failures),
            commit_time: Duration::from_micros(of(&self.commit_micros)),
        }
    }
}
