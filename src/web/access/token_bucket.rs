//! A token bucket: at most so many events a minute, all at once or evenly spread.

use std::time::{Duration, Instant};

const MINUTE: Duration = Duration::from_secs(60);

/// Holds the time at which the bucket is full again; `None` is a full one.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct TokenBucket {
    full_at: Option<Instant>,
}

impl TokenBucket {
    /// Takes one of `per_minute` tokens; `Err` is the wait until there is one.
    pub(super) fn take(&mut self, per_minute: usize, now: Instant) -> Result<(), Duration> {
        let step = MINUTE / u32::try_from(per_minute.max(1)).unwrap_or(u32::MAX);
        let full_at = self.full_at.map_or(now, |full_at| full_at.max(now)) + step;
        let wait = (full_at - now).saturating_sub(MINUTE.max(step));
        if wait.is_zero() {
            self.full_at = Some(full_at);
            return Ok(());
        }
        Err(wait)
    }

    pub(super) fn is_full(self, now: Instant) -> bool {
        self.full_at.is_none_or(|full_at| full_at <= now)
    }

    pub(super) fn is_empty(mut self, per_minute: usize, now: Instant) -> bool {
        self.take(per_minute, now).is_err()
    }
}
