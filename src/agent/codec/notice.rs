//! Reports about the service beside the answer: fallback models, compaction, rate limits, refusals.

use serde_json::Value;
use time::{OffsetDateTime, UtcOffset, format_description::FormatItem, macros::format_description};

use crate::agent::event::{AgentEvent, AgentNotice};

const MOMENT: &[FormatItem<'_>] = format_description!("[year]-[month]-[day] [hour]:[minute] UTC");

/// Longest model name that is passed on, in characters.
const LONGEST: usize = 300;

/// The state of the account's limit, and whether the model refused in the running turn.
#[derive(Debug, Default)]
pub(super) struct ServiceReports {
    is_refused: bool,
    is_limited: bool,
    resets_at: Option<i64>,
}

impl ServiceReports {
    /// Whether the model declined.
    pub(super) fn is_refused(&self) -> bool {
        self.is_refused
    }

    /// Whether the account's limit is reached.
    pub(super) fn is_limited(&self) -> bool {
        self.is_limited
    }

    /// When the limit ends, as a Unix timestamp in seconds.
    pub(super) fn resets_at(&self) -> Option<i64> {
        self.resets_at
    }

    /// The turn is over.
    pub(super) fn forget_turn(&mut self) {
        self.is_refused = false;
    }

    /// Reads a line; kinds that report nothing are skipped.
    pub(super) fn line(
        &mut self,
        kind: &str,
        subtype: Option<&str>,
        line: &str,
        events: &mut Vec<AgentEvent>,
    ) {
        let told = match (kind, subtype) {
            ("system", Some("status")) => compaction(&read(line)),
            ("system", Some("compact_boundary")) => Some(AgentNotice::now(
                "The conversation had become long: the agent works with a summary of it.",
                true,
            )),
            ("system", Some("model_fallback" | "model_consent_fallback")) => fallback(&read(line)),
            ("system", Some("model_refusal_fallback")) => {
                let line = read(line);
                // A local fallback concerns a side request, not the answer.
                (line["scope"] != "local").then(|| fallback(&line)).flatten()
            }
            ("system", Some("model_refusal_no_fallback")) => {
                self.is_refused = true;
                None
            }
            ("rate_limit_event", _) => self.limit(&read(line)["rate_limit_info"]),
            _ => None,
        };
        events.extend(told.map(AgentEvent::Notice));
    }

    fn limit(&mut self, info: &Value) -> Option<AgentNotice> {
        let at = seconds(&info["resetsAt"]);
        let status = info["status"].as_str()?;
        self.is_limited = status == "rejected";
        self.resets_at = at.filter(|_| self.is_limited);
        let until = at.map(|at| format!(" until {}", moment(at))).unwrap_or_default();
        let which = match info["rateLimitType"].as_str() {
            Some("five_hour") => "5-hour",
            Some(limit) if limit.starts_with("seven_day") => "weekly",
            _ => "usage",
        };
        match status {
            "allowed_warning" => {
                // A small ratio; `as` saturates.
                let used = info["utilization"].as_f64().map(|share| (share * 100.0).round() as i64);
                let used = used.map_or_else(|| "Most".to_owned(), |used| format!("{used} %"));
                Some(AgentNotice::now(
                    &format!("{used} of the account's {which} limit is used{until}."),
                    true,
                ))
            }
            "rejected" if info["isUsingOverage"] == true => Some(AgentNotice::now(
                &format!(
                    "The account's {which} limit is used up{until}; answers are paid for separately."
                ),
                true,
            )),
            _ => None,
        }
    }
}

/// A Unix timestamp in seconds as text. The page finds this form and shows it in local time, so it is
/// part of the contract.
pub(super) fn moment(seconds: i64) -> String {
    let time = OffsetDateTime::from_unix_timestamp(seconds).ok();
    let text = time.and_then(|time| time.to_offset(UtcOffset::UTC).format(MOMENT).ok());
    text.unwrap_or_else(|| "a later time".to_owned())
}

fn compaction(line: &Value) -> Option<AgentNotice> {
    match line["status"].as_str() {
        Some("compacting") => Some(AgentNotice::busy(
            "The conversation has become long: the agent is summarizing it, which takes a moment…",
        )),
        None if line["compact_result"].as_str().is_some_and(|result| result != "success") => {
            Some(AgentNotice::now("The agent could not summarize the conversation.", false))
        }
        None if line["compact_result"].is_string() => Some(AgentNotice::now("Thinking…", false)),
        _ => None,
    }
}

fn fallback(line: &Value) -> Option<AgentNotice> {
    let to = short(&line["fallback_model"])?;
    let instead = short(&line["original_model"])
        .map(|from| format!(" instead of {from}"))
        .unwrap_or_default();
    let why = match line["trigger"].as_str() {
        Some("overloaded") => ", which is overloaded",
        Some("refusal") => ", whose safeguards declined",
        Some("model_not_found" | "permission_denied") => ", which the account may not use",
        _ => "",
    };
    let mut told = AgentNotice::now(&format!("{to} answers{instead}{why}."), true);
    told.model = Some(to);
    Some(told)
}

fn short(value: &Value) -> Option<String> {
    let text: String = value.as_str()?.chars().filter(|c| !c.is_control()).take(LONGEST).collect();
    (!text.trim().is_empty()).then_some(text)
}

/// A timestamp in seconds or milliseconds, as seconds.
fn seconds(value: &Value) -> Option<i64> {
    // A float of this size fits: `as` saturates.
    let number = value.as_i64().or_else(|| value.as_f64().map(|number| number as i64))?;
    let number = if number > 100_000_000_000 { number / 1000 } else { number };
    (number > 0).then_some(number)
}

/// An unreadable line reports nothing.
fn read(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What is told of a line.
    fn told(line: &Value) -> Option<AgentNotice> {
        let mut events = Vec::new();
        let subtype = line["subtype"].as_str();
        let kind = line["type"].as_str().unwrap();
        ServiceReports::default().line(kind, subtype, &line.to_string(), &mut events);
        match events.pop() {
            Some(AgentEvent::Notice(told)) => Some(told),
            _ => None,
        }
    }

    #[test]
    fn another_model_that_answers_is_told_and_kept() {
        for (subtype, trigger, why) in [
            ("model_fallback", "overloaded", "overloaded"),
            ("model_refusal_fallback", "refusal", "declined"),
            ("model_consent_fallback", "", "instead of"),
        ] {
            let line = json!({"type": "system", "subtype": subtype, "trigger": trigger,
                "original_model": "claude-sonnet-4-5", "fallback_model": "claude-haiku-4-5",
                "content": "Switched"});
            let told = told(&line).unwrap();
            assert_eq!(told.model.as_deref(), Some("claude-haiku-4-5"));
            assert!(told.is_kept && told.words.contains(why), "{told:?}");
            assert!(
                told.words.starts_with("claude-haiku-4-5 answers instead of claude-sonnet-4-5")
            );
        }
    }

    #[test]
    fn a_memory_that_is_made_shorter_is_told() {
        let status =
            |status: Value| json!({"type": "system", "subtype": "status", "status": status});
        let told_of = |line: Value| told(&line).unwrap();
        assert!(told_of(status(json!("compacting"))).is_busy);
        let mut done = status(Value::Null);
        done["compact_result"] = "success".into();
        assert!(!told_of(done).is_busy);
        assert_eq!(told(&status(json!("requesting"))), None);
        assert_eq!(told(&status(Value::Null)), None);
        let boundary = json!({"type": "system", "subtype": "compact_boundary"});
        assert!(told_of(boundary).is_kept);
    }

    #[test]
    fn a_limit_that_comes_near_is_told_with_its_end() {
        let limit = |info: Value| json!({"type": "rate_limit_event", "rate_limit_info": info});
        let near = told(&limit(json!({"status": "allowed_warning", "resetsAt": 1_795_342_009,
            "rateLimitType": "five_hour", "utilization": 0.91})));
        let near = near.unwrap();
        let expected = "91 % of the account's 5-hour limit is used until 2026-11-22 10:06 UTC.";
        assert_eq!((near.words.as_str(), near.is_kept), (expected, true));
        assert_eq!(told(&limit(json!({"status": "allowed"}))), None);
    }

    #[test]
    fn odd_lines_tell_nothing() {
        for line in [
            json!({"type": "rate_limit_event"}),
            json!({"type": "rate_limit_event", "rate_limit_info": {"status": 5}}),
            json!({"type": "rate_limit_event",
                "rate_limit_info": {"status": "rejected", "resetsAt": "soon"}}),
            json!({"type": "system", "subtype": "model_fallback", "fallback_model": null}),
            json!({"type": "system", "subtype": "model_fallback", "fallback_model": {}}),
            json!({"type": "system", "subtype": "status", "status": 7}),
            json!({"type": "system", "subtype": "other"}),
        ] {
            assert_eq!(told(&line), None, "{line}");
        }
        assert_eq!(moment(i64::MAX), "a later time");
    }
}
