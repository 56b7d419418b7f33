//! The store's clock and its format of time. Nothing else here reads the clock.

use std::{fmt, sync::Arc};

use time::{OffsetDateTime, UtcOffset, format_description::BorrowedFormatItem, macros};

const FORMAT: &[BorrowedFormatItem<'static>] = macros::format_description!(
    "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z"
);

/// A source of time that tests can choose.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> OffsetDateTime + Send + Sync>);

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self::new(OffsetDateTime::now_utc)
    }

    /// A clock that shows what `read` returns.
    pub fn new(read: impl Fn() -> OffsetDateTime + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    /// The time now, as the store writes it.
    pub fn now(&self) -> String {
        timestamp((self.0)())
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// `time` in UTC as `YYYY-MM-DDTHH:MM:SS.ffffffZ`: 27 characters, so that comparing texts
/// compares times.
pub fn timestamp(time: OffsetDateTime) -> String {
    let utc = time.to_offset(UtcOffset::UTC);
    // Formatting fails only for years that do not have four digits; the epoch sorts first then.
    utc.format(FORMAT).unwrap_or_else(|_| "1970-01-01T00:00:00.000000Z".to_owned())
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_timestamp_always_has_six_digits_and_is_utc() {
        assert_eq!(timestamp(datetime!(2026-01-07 10:00:00 UTC)), "2026-01-07T10:00:00.000000Z");
        assert_eq!(
            timestamp(datetime!(2026-01-07 10:00:00.123456789 +02:00)),
            "2026-01-07T08:00:00.123456Z"
        );
    }
}
