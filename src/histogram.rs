//! Durations by their length, as Prometheus counts them.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// Upper bounds of the buckets in seconds; the last bucket has none.
pub(crate) type Bounds = [f64; 10];

/// Counts durations. It only grows.
#[derive(Debug)]
pub(crate) struct Histogram {
    bounds: &'static Bounds,
    /// Those of each bucket alone, and those above all.
    counts: [AtomicU64; 11],
    micros: AtomicU64,
}

/// The values of a histogram at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct HistogramSnapshot {
    /// Each upper bound in seconds, with how many durations are at most as long.
    pub(crate) buckets: [(f64, u64); 10],
    /// All durations.
    pub(crate) count: u64,
    /// Their sum.
    pub(crate) sum: Duration,
}

impl Histogram {
    pub(crate) fn new(bounds: &'static Bounds) -> Self {
        Self { bounds, counts: Default::default(), micros: AtomicU64::default() }
    }

    pub(crate) fn add(&self, duration: Duration) {
        let seconds = duration.as_secs_f64();
        let bucket = self.bounds.iter().take_while(|bound| seconds > **bound).count();
        if let Some(count) = self.counts.get(bucket) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.micros.fetch_add(micros, Ordering::Relaxed);
    }

    pub(crate) fn snapshot(&self) -> HistogramSnapshot {
        let mut snapshot = HistogramSnapshot {
            sum: Duration::from_micros(self.micros.load(Ordering::Relaxed)),
            ..HistogramSnapshot::default()
        };
        let mut counts = self.counts.iter().map(|count| count.load(Ordering::Relaxed));
        for ((bucket, bound), count) in
            snapshot.buckets.iter_mut().zip(self.bounds).zip(&mut counts)
        {
            snapshot.count += count;
            *bucket = (*bound, snapshot.count);
        }
        snapshot.count += counts.sum::<u64>();
        snapshot
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0];

    #[test]
    fn each_bucket_has_all_that_are_at_most_as_long() {
        let histogram = Histogram::new(&BOUNDS);
        for millis in [0, 100, 101, 700, 100_000, 100_001] {
            histogram.add(Duration::from_millis(millis));
        }
        let snapshot = histogram.snapshot();
        let counts = snapshot.buckets.map(|(_, count)| count);
        assert_eq!(counts, [2, 3, 3, 4, 4, 4, 4, 4, 4, 5]);
        assert_eq!(snapshot.count, 6);
        assert_eq!(snapshot.sum, Duration::from_millis(200_902));
    }
}
