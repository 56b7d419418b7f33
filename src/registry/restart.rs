//! Backoff of failing sessions: when one restarts, and when it is given up. Pure code.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use crate::config::settings::RestartSettings;

/// Recent failures of one session.
#[derive(Debug, Default)]
pub(crate) struct History {
    failures: VecDeque<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    /// After this wait.
    RestartAfter(Duration),
    GiveUp,
}

impl History {
    /// Records a failure and decides what follows.
    pub(crate) fn failed(&mut self, now: Instant, settings: &RestartSettings) -> Decision {
        self.failures.retain(|at| now.saturating_duration_since(*at) < settings.window);
        self.failures.push_back(now);
        let recent = u32::try_from(self.failures.len()).unwrap_or(u32::MAX);
        if recent > settings.attempts {
            return Decision::GiveUp;
        }
        let doubled = settings.backoff.saturating_mul(1 << (recent - 1).min(16));
        Decision::RestartAfter(doubled.min(settings.backoff_max))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> RestartSettings {
        RestartSettings {
            backoff: Duration::from_millis(100),
            backoff_max: Duration::from_millis(300),
            attempts: 3,
            window: Duration::from_secs(60),
        }
    }

    #[test]
    fn the_wait_doubles_up_to_its_cap_and_then_the_session_is_given_up() {
        let (mut history, now) = (History::default(), Instant::now());
        let decisions: Vec<_> = (0..4).map(|_| history.failed(now, &settings())).collect();
        let wait = |ms| Decision::RestartAfter(Duration::from_millis(ms));
        assert_eq!(decisions, [wait(100), wait(200), wait(300), Decision::GiveUp]);
    }

    #[test]
    fn failures_long_ago_do_not_count() {
        let (mut history, now) = (History::default(), Instant::now());
        for minute in 0..10 {
            let later = now + Duration::from_secs(61 * minute);
            let first = Decision::RestartAfter(Duration::from_millis(100));
            assert_eq!(history.failed(later, &settings()), first);
        }
    }
}
