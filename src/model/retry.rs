//! When a request is repeated, and how long that waits. Pure.

use std::time::Duration;

use super::failure::{FailureKind, ServiceError};

/// First wait; each further one is twice as long.
const FIRST: Duration = Duration::from_millis(500);

/// Longest wait, also where a service asks for more: then a person decides.
pub(super) const LONGEST: Duration = Duration::from_secs(60);

/// Repetitions where nothing answers at the address: a service that is being restarted comes soon, one
/// that does not run does not.
const UNREACHABLE: u32 = 2;

/// Repetitions of requests that were answered without a word or with something else than an answer.
const ODD: u32 = 1;

/// The wait before the repetition `attempt`, from 1, of at most `most`; `None` if it is not worth one.
pub(super) fn delay(error: &ServiceError, attempt: u32, most: u32) -> Option<Duration> {
    let most = match error.kind {
        FailureKind::Unreachable => most.min(UNREACHABLE),
        FailureKind::Empty | FailureKind::Unreadable => most.min(ODD),
        _ => most,
    };
    if !error.is_passing() || attempt > most {
        return None;
    }
    let doubled = FIRST.saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1)));
    let wait = error.retry_after.unwrap_or(Duration::ZERO).max(doubled.min(LONGEST));
    (wait <= LONGEST).then_some(wait)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::failure::in_response;

    #[test]
    fn waits_grow_follow_the_service_and_are_bounded() {
        let limited = |header: Option<&str>| in_response(429, "{}", header);
        assert_eq!(delay(&limited(None), 1, 4), Some(FIRST));
        assert_eq!(delay(&limited(None), 3, 4), Some(FIRST * 4));
        assert_eq!(delay(&limited(None), 20, 40), Some(LONGEST));
        assert_eq!(delay(&limited(None), 5, 4), None);
        assert_eq!(delay(&limited(Some("7")), 1, 4), Some(Duration::from_secs(7)));
        assert_eq!(delay(&limited(Some("3600")), 1, 4), None);
        assert_eq!(delay(&in_response(401, "{}", None), 1, 4), None);
        assert_eq!(delay(&in_response(529, "{}", None), 1, 0), None);
        let gone = ServiceError::new(FailureKind::Unreachable, "");
        assert_eq!((delay(&gone, 2, 4).is_some(), delay(&gone, 3, 4)), (true, None));
    }
}
