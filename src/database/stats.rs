//! Counters of the store, for metrics.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use serde::Deserialize;

use crate::{
    entry::{AnswerFacts, EntryRow, Outcome},
    histogram::{Bounds, Histogram, HistogramSnapshot},
};

use super::{
    messages::WriteEntries,
    writes::{Change, Write},
};

/// A transaction takes milliseconds on a good disk.
const COMMIT_BOUNDS: Bounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0];

/// People wait seconds for the first text, and minutes for the whole answer.
const FIRST_TEXT_BOUNDS: Bounds = [0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0];
const ANSWER_BOUNDS: Bounds = [0.25, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0];

/// Counts since the start of the server. They only grow.
#[derive(Debug)]
pub(crate) struct StoreStats {
    entries: AtomicU64,
    completed: AtomicU64,
    stopped: AtomicU64,
    interrupted: AtomicU64,
    failed: AtomicU64,
    commit_failures: AtomicU64,
    commits: Histogram,
    first_texts: Histogram,
    answers: Histogram,
}

/// The values of [`StoreStats`] at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct StatsSnapshot {
    /// Entries written; a text that grows is written again each time.
    pub(crate) entries: u64,
    /// Turns by their ends: completed, stopped, interrupted, failed.
    pub(crate) turns: [(&'static str, u64); 4],
    /// Transactions that failed as a whole.
    pub(crate) commit_failures: u64,
    /// What committed transactions took.
    pub(crate) commits: HistogramSnapshot,
    /// What answers took until their first text, and until their end.
    pub(crate) first_texts: HistogramSnapshot,
    pub(crate) answers: HistogramSnapshot,
}

/// What a transaction adds to the counters.
#[derive(Debug, Clone, Default)]
pub(super) struct WriteCounts {
    entries: u64,
    /// Completed, stopped, interrupted, failed.
    ends: [u64; 4],
    /// In milliseconds, where an answer has them.
    first_texts: Vec<u64>,
    answers: Vec<u64>,
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
            /// A failure has none.
            #[serde(default)]
            outcome: Option<Outcome>,
            #[serde(flatten)]
            facts: AnswerFacts,
        }
        let kind = entry.kind.as_str();
        if !matches!(kind, "error" | "response_done") {
            return;
        }
        let Ok(End { outcome, facts }) = serde_json::from_str(&entry.payload) else { return };
        let [completed, stopped, interrupted, failed] = &mut self.ends;
        *match outcome {
            None => failed,
            Some(Outcome::Completed) => completed,
            Some(Outcome::Stopped) => stopped,
            Some(Outcome::Interrupted) => interrupted,
        } += 1;
        self.first_texts.extend(facts.first_text_ms);
        self.answers.extend(facts.duration_ms);
    }
}

impl Default for StoreStats {
    fn default() -> Self {
        Self {
            entries: AtomicU64::default(),
            completed: AtomicU64::default(),
            stopped: AtomicU64::default(),
            interrupted: AtomicU64::default(),
            failed: AtomicU64::default(),
            commit_failures: AtomicU64::default(),
            commits: Histogram::new(&COMMIT_BOUNDS),
            first_texts: Histogram::new(&FIRST_TEXT_BOUNDS),
            answers: Histogram::new(&ANSWER_BOUNDS),
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
        for (histogram, all) in
            [(&self.first_texts, counts.first_texts), (&self.answers, counts.answers)]
        {
            all.into_iter().map(Duration::from_millis).for_each(|it| histogram.add(it));
        }
    }

    pub(super) fn count_commit(&self, took: Duration, succeeded: bool) {
        if succeeded {
            self.commits.add(took);
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
            commit_failures: of(&self.commit_failures),
            commits: self.commits.snapshot(),
            first_texts: self.first_texts.snapshot(),
            answers: self.answers.snapshot(),
        }
    }
}
