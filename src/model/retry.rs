//! When a request is repeated, and how long that waits. Pure.

use std::time::{Duration, SystemTime};

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

/// Longest wait that is believed.
const MAX_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// What OpenAI and its likes count separately.
const COUNTED: [&str; 2] = ["requests", "tokens"];

/// The wait that a response's headers ask for: `retry-after` in seconds or as a date, else the time
/// until what is used up is there again.
pub(super) fn wait_asked<'a>(
    header: impl Fn(&str) -> Option<&'a str>,
    now: SystemTime,
) -> Option<Duration> {
    let in_header = header("retry-after").and_then(|text| {
        let until = || httpdate::parse_http_date(text.trim()).ok()?.duration_since(now).ok();
        seconds(text).or_else(until)
    });
    let until_reset = || {
        let is_used_up = |what: &&&str| {
            let remaining = header(&format!("x-ratelimit-remaining-{what}"));
            remaining.and_then(|it| it.trim().parse::<f64>().ok()).is_some_and(|it| it <= 0.0)
        };
        let resets = COUNTED.iter().filter(is_used_up);
        resets.filter_map(|what| span(header(&format!("x-ratelimit-reset-{what}"))?)).max()
    };
    in_header.or_else(until_reset).map(|wait| wait.min(MAX_WAIT))
}

fn seconds(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(text.trim().parse().ok()?).ok()
}

/// A time such as `12ms`, `6m0s` or `1.5s`, or seconds.
fn span(text: &str) -> Option<Duration> {
    let text = text.trim();
    let in_seconds = || seconds(text.strip_suffix('s').unwrap_or(text));
    humantime::parse_duration(text).ok().or_else(in_seconds)
}

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
        let limited = |wait: Option<u64>| in_response(429, "{}", wait.map(Duration::from_secs));
        assert_eq!(delay(&limited(None), 1, 4), Some(FIRST));
        assert_eq!(delay(&limited(None), 3, 4), Some(FIRST * 4));
        assert_eq!(delay(&limited(None), 20, 40), Some(LONGEST));
        assert_eq!(delay(&limited(None), 5, 4), None);
        assert_eq!(delay(&limited(Some(7)), 1, 4), Some(Duration::from_secs(7)));
        assert_eq!(delay(&limited(Some(3600)), 1, 4), None);
        assert_eq!(delay(&in_response(401, "{}", None), 1, 4), None);
        assert_eq!(delay(&in_response(529, "{}", None), 1, 0), None);
        let gone = ServiceError::new(FailureKind::Unreachable, "");
        assert_eq!((delay(&gone, 2, 4).is_some(), delay(&gone, 3, 4)), (true, None));
    }
    #[test]
    fn the_headers_of_a_limit_say_how_long_it_lasts() {
        const NOW: Duration = Duration::from_secs(784_111_777);
        let wait = |headers: &[(&str, &str)]| {
            let header = |name: &str| headers.iter().find(|it| it.0 == name).map(|it| it.1);
            wait_asked(header, SystemTime::UNIX_EPOCH + NOW).map(|wait| wait.as_millis())
        };
        let reset = |remaining, reset| {
            wait(&[
                ("x-ratelimit-remaining-requests", "17"),
                ("x-ratelimit-reset-requests", "9h"),
                ("x-ratelimit-remaining-tokens", remaining),
                ("x-ratelimit-reset-tokens", reset),
            ])
        };
        for (header, expected) in [
            ("7", Some(7000)),
            (" 0.5 ", Some(500)),
            ("Sun, 06 Nov 1994 08:49:47 GMT", Some(10_000)),
            ("Sun, 06 Nov 1994 08:49:07 GMT", None),
            ("1e99", None),
            ("9999999", Some(MAX_WAIT.as_millis())),
            ("-1", None),
            ("soon", None),
            ("NaN", None),
            ("", None),
        ] {
            assert_eq!(wait(&[("retry-after", header)]), expected, "{header:?}");
        }
        for (remaining, time, expected) in [
            ("0", "12ms", Some(12)),
            ("0", "6m0s", Some(360_000)),
            ("-1", "1.5s", Some(1500)),
            ("0", "20", Some(20_000)),
            ("0", "soon", None),
            ("0", "", None),
            ("900", "6m0s", None),
            ("many", "6m0s", None),
        ] {
            assert_eq!(reset(remaining, time), expected, "{remaining} {time:?}");
        }
        assert_eq!(wait(&[]), None);
    }
}
