//! Watchdog over the agent of a running turn: silence, and activity without progress.

use std::time::{Duration, Instant};

use crate::agent::event::{Activity, Liveness};

/// The longest pause that an agent may announce.
const LONGEST_PAUSE: Duration = Duration::from_secs(60 * 60);

#[derive(Debug, Clone, Copy)]
pub(crate) struct Watchdog {
    /// Its last sign of life, or the end of a pause that it announced.
    sign: Instant,
    /// Its last progress, likewise.
    progress: Instant,
    /// It compacts its context, silently.
    is_compacting: bool,
}

impl Watchdog {
    /// A watchdog that starts `now`, with the agent or with a question.
    pub(crate) fn new(now: Instant) -> Self {
        Self { sign: now, progress: now, is_compacting: false }
    }

    /// Records the activity of the agent.
    pub(crate) fn heard(&mut self, activity: Activity, now: Instant) {
        if let Some(is_compacting) = activity.is_compacting {
            self.is_compacting = is_compacting;
        }
        let heard = now + Duration::from_millis(activity.pause_ms).min(LONGEST_PAUSE);
        if activity.liveness >= Liveness::Sign {
            self.sign = self.sign.max(heard);
        }
        if activity.liveness == Liveness::Progress {
            self.progress = heard;
            self.sign = heard;
        }
    }

    /// Restarts at `now`, for an agent that was not read for a while.
    pub(crate) fn resume(&mut self, now: Instant) {
        self.sign = self.sign.max(now);
        self.progress = self.progress.max(now);
    }

    /// Time since the last sign of life.
    pub(crate) fn silence(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.sign)
    }

    /// The reason to end the agent: `silence` without a sign of life, unless it compacts, or
    /// `progress` without anything new.
    pub(crate) fn overdue(
        &self,
        now: Instant,
        (silence, progress): (Duration, Duration),
    ) -> Option<String> {
        let silent = self.silence(now);
        if silent > silence && !self.is_compacting {
            return Some(quiet(silent));
        }
        let stuck = now.saturating_duration_since(self.progress);
        (stuck > progress.max(silence)).then(|| {
            format!(
                "the agent was there but got no further for {} seconds (advanced.agent.progress_timeout) and \
                 was ended; what it said until then is kept; ask again",
                stuck.as_secs()
            )
        })
    }
}

/// The error of an agent without a sign of life for this long.
pub(crate) fn quiet(silent: Duration) -> String {
    format!(
        "the agent said nothing for {} seconds and was ended; what it said until then is kept; ask \
         again",
        silent.as_secs()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const SILENCE: u64 = 10;
    const PROGRESS: u64 = 60;

    /// Says this, one after another, so many seconds after the beginning, and gives the words when so
    /// much time is over.
    fn after(heard: &[(u64, Activity)], seconds: u64) -> Option<String> {
        let begin = Instant::now();
        let mut watch = Watchdog::new(begin);
        for (at, activity) in heard {
            watch.heard(*activity, begin + Duration::from_secs(*at));
        }
        let limits = (Duration::from_secs(SILENCE), Duration::from_secs(PROGRESS));
        watch.overdue(begin + Duration::from_secs(seconds), limits)
    }

    fn activity(liveness: Liveness) -> Activity {
        Activity { liveness, ..Activity::default() }
    }

    #[test]
    fn silence_ends_an_agent_and_every_sign_of_life_keeps_it() {
        assert_eq!(after(&[], SILENCE), None);
        assert!(after(&[], SILENCE + 1).unwrap().contains("said nothing for 11 seconds"));
        for liveness in [Liveness::Sign, Liveness::Progress] {
            assert_eq!(after(&[(9, activity(liveness))], 19), None, "{liveness:?}");
            assert!(after(&[(9, activity(liveness))], 20).is_some(), "{liveness:?}");
        }
        assert!(after(&[(9, activity(Liveness::None))], 12).is_some(), "garbage is no life");
    }

    #[test]
    fn signs_without_anything_new_keep_it_only_for_so_long() {
        let pings: Vec<_> = (1..80).map(|second| (second, activity(Liveness::Sign))).collect();
        assert_eq!(after(&pings[..60], PROGRESS), None);
        let words = after(&pings, PROGRESS + 1).unwrap();
        assert!(
            words.contains("no further for 61 seconds (advanced.agent.progress_timeout)"),
            "{words}"
        );
        let mut with_news = pings;
        with_news[40].1 = activity(Liveness::Progress);
        assert_eq!(after(&with_news, 80), None);
    }

    #[test]
    fn an_announced_pause_is_no_silence() {
        let retry = Activity { pause_ms: 30_000, ..activity(Liveness::Progress) };
        assert_eq!(after(&[(5, retry)], 44), None);
        assert!(after(&[(5, retry)], 46).is_some());
        assert_eq!(after(&[(5, retry), (6, activity(Liveness::Sign))], 44), None);
        let for_ever = Activity { pause_ms: u64::MAX, ..retry };
        assert!(after(&[(5, for_ever)], 3700).is_some());
    }

    #[test]
    fn compaction_may_be_silent_up_to_the_longer_limit() {
        let begun = Activity { is_compacting: Some(true), ..activity(Liveness::Progress) };
        let done = Activity { is_compacting: Some(false), ..activity(Liveness::Progress) };
        assert_eq!(after(&[(1, begun)], 61), None);
        assert!(after(&[(1, begun)], 62).is_some());
        assert!(after(&[(1, begun), (2, done)], 13).is_some());
    }
}
