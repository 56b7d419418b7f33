//! How long to wait before a recorded line.

use std::time::Duration;

/// Longest wait between two lines, before it is divided by the speed: a recording may say anything.
const LONGEST: Duration = Duration::from_secs(10);

/// How fast a recording is played.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    speed: u16,
}

impl Pace {
    /// `speed` times as fast as it was recorded; at least once.
    pub(super) fn new(speed: u16) -> Self {
        Self { speed: speed.max(1) }
    }

    /// The wait before a line that came this many milliseconds after the one before it.
    pub(super) fn wait(self, gap_ms: u64) -> Duration {
        Duration::from_millis(gap_ms).min(LONGEST) / u32::from(self.speed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_divided_by_the_speed_and_never_long() {
        assert_eq!(Pace::new(1).wait(500), Duration::from_millis(500));
        assert_eq!(Pace::new(10).wait(500), Duration::from_millis(50));
        assert_eq!(Pace::new(0).wait(7), Duration::from_millis(7));
        assert_eq!(Pace::new(1).wait(u64::MAX), LONGEST);
        assert_eq!(Pace::new(1000).wait(u64::MAX), Duration::from_millis(10));
    }
}
