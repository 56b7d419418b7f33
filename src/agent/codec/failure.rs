//! What failed, in words: turns the agent's errors into sentences that tell a person what
//! happened and how to mend it. Pure; the words never hold the agent's internal diagnostics.

use super::wire::ResultLine;

/// How to give the agent an account.
const LOG_IN: &str = "On the server, run `claude` and then `/login`, or set ANTHROPIC_API_KEY or \
     CLAUDE_CODE_OAUTH_TOKEN in the server's environment, and restart the server.";

/// Longest piece of the agent's own words that is quoted, in characters.
const QUOTED: usize = 400;

/// Why a turn failed. `kind` is the kind of error that the agent named beside its text.
pub fn of_result(result: &ResultLine, kind: Option<&str>) -> String {
    let said = said(result);
    if result.terminal_reason.as_deref() == Some("max_turns") {
        return "The agent stopped after its highest number of steps. Ask for less at a time, or \
                send \"continue\"."
            .to_owned();
    }
    if said.contains("Reached maximum budget") {
        return "The agent has used up its budget. Raise the budget, or start a new conversation."
            .to_owned();
    }
    if said.contains("Not logged in") || said.contains("/login") {
        return format!("The agent has no account to answer with. {LOG_IN}");
    }
    let status =
        result.api_error_status.or_else(|| status_in(&said)).or_else(|| status_of_kind(kind?));
    match status {
        Some(status) => of_status(status, &said),
        None if is_unreachable(&said) => {
            "The agent could not reach the model's API: the connection failed. Check the server's \
             network, its proxy settings and ANTHROPIC_BASE_URL, then ask again."
                .to_owned()
        }
        None if said.contains("Prompt is too long")
            || result.terminal_reason.as_deref() == Some("blocking_limit") =>
        {
            "This conversation has grown beyond what the model can read. Start a new conversation."
                .to_owned()
        }
        None if said.contains("Usage Policy") => {
            "The model declined to answer this. Say it differently, or start a new conversation."
                .to_owned()
        }
        None if said.is_empty() => {
            "The agent gave up on this turn without saying why. Ask again.".to_owned()
        }
        None => format!("The agent failed: {said}"),
    }
}

/// Why a request to the API is tried again.
pub fn of_retry(status: Option<u16>, kind: Option<&str>) -> String {
    match (status, kind) {
        (Some(401 | 403), _) | (None, Some("authentication_failed")) => {
            "the model's API refuses the account".to_owned()
        }
        (Some(429), _) | (None, Some("rate_limit")) => {
            "the account's rate limit is reached".to_owned()
        }
        (Some(529), _) | (None, Some("overloaded")) => "the model's API is overloaded".to_owned(),
        (Some(status), _) => format!("the model's API answered with status {status}"),
        (None, _) => "the model's API cannot be reached".to_owned(),
    }
}

fn of_status(status: u16, said: &str) -> String {
    match status {
        401 => format!("The model's API does not accept the agent's account (401). {LOG_IN}"),
        403 => format!(
            "The agent's account may not use the model's API (403): {said}. Check the account's \
             plan and permissions. {LOG_IN}"
        ),
        404 => format!(
            "The model's API does not know the model (404): {said}. Set a model that the account \
             may use (`model` in the settings, or none for the default)."
        ),
        413 => "The conversation is too large for the model's API (413). Start a new conversation."
            .to_owned(),
        429 => "The account's rate limit is reached (429). Wait a while and ask again.".to_owned(),
        529 => {
            "The model's API is overloaded (529). This passes: ask again in a moment.".to_owned()
        }
        500..=599 => format!(
            "The model's API failed on its side ({status}). This usually passes: ask again in a \
             moment."
        ),
        _ => format!("The model's API refused the request ({status}): {said}"),
    }
}

/// The agent's own words, shortened, without its internal diagnostics.
fn said(result: &ResultLine) -> String {
    let texts = result.errors.iter().chain(&result.result);
    let shown: Vec<&str> = texts
        .map(|text| text.trim())
        .filter(|text| !text.is_empty() && !text.starts_with("[ede_diagnostic]"))
        .collect();
    let said = shown.join("; ");
    match said.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{}…", &said[..end]),
        None => said,
    }
}

/// The status in texts such as `API Error: 403 …` and `Repeated 529 Overloaded errors`.
fn status_in(said: &str) -> Option<u16> {
    let start = ["API Error: ", "Repeated "].iter().find_map(|lead| {
        said.match_indices(lead).find_map(|(at, _)| number_at(said, at + lead.len()))
    });
    start.filter(|status| (400..600).contains(status))
}

fn number_at(said: &str, at: usize) -> Option<u16> {
    let text = said.get(at..)?.trim_start_matches("Repeated ");
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok()
}

fn status_of_kind(kind: &str) -> Option<u16> {
    match kind {
        "authentication_failed" => Some(401),
        "rate_limit" => Some(429),
        "overloaded" => Some(529),
        _ => None,
    }
}

fn is_unreachable(said: &str) -> bool {
    [
        "Unable to connect",
        "ConnectionRefused",
        "ECONNREFUSED",
        "ENOTFOUND",
        "fetch failed",
        "Connection error",
    ]
    .iter()
    .any(|sign| said.contains(sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(result: &str, kind: Option<&str>, expected: &[&str]) {
        let result: ResultLine = serde_json::from_str(result).unwrap();
        let words = of_result(&result, kind);
        for part in expected {
            assert!(words.contains(part), "{words:?} does not say {part:?}");
        }
        assert!(!words.contains("ede_diagnostic"), "{words:?}");
    }

    #[test]
    fn an_agent_without_an_account_says_how_to_log_in() {
        let how = ["/login", "ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN", "restart"];
        let not_logged_in = r#"{"is_error":true,"result":"Not logged in · Please run /login"}"#;
        check(not_logged_in, Some("authentication_failed"), &how);
        let refused = r#"{"is_error":true,"api_error_status":401,"result":"Failed to authenticate. API Error: 401 no"}"#;
        check(refused, None, &how);
        check(r#"{"is_error":true}"#, Some("authentication_failed"), &how);
    }

    #[test]
    fn failures_of_the_api_are_told_by_their_status() {
        let check_status = |status: u16, text: &str, expected: &[&str]| {
            let line =
                serde_json::json!({"is_error": true, "api_error_status": status, "result": text});
            check(&line.to_string(), None, expected);
        };
        check_status(429, "x", &["rate limit", "ask again"]);
        check_status(529, "x", &["overloaded", "ask again"]);
        check_status(500, "x", &["500", "ask again"]);
        check_status(404, "no such model m", &["model", "no such model m", "settings"]);
        check_status(413, "x", &["new conversation"]);
        check_status(400, "bad thing", &["400", "bad thing"]);
    }

    #[test]
    fn a_status_is_found_in_the_text_when_no_field_has_it() {
        let text = r#"{"is_error":true,"api_error_status":null,"result":"API Error: Repeated 529 Overloaded errors. Busy."}"#;
        check(text, None, &["overloaded (529)"]);
        check(r#"{"is_error":true,"result":"API Error: 500 boom"}"#, None, &["(500)"]);
    }

    #[test]
    fn an_unreachable_api_is_told_as_such() {
        let text = r#"{"is_error":true,"result":"API Error: Unable to connect to API (ConnectionRefused)"}"#;
        check(text, Some("unknown"), &["could not reach", "ANTHROPIC_BASE_URL"]);
    }

    #[test]
    fn limits_of_the_agent_are_told() {
        check(
            r#"{"is_error":true,"terminal_reason":"max_turns","errors":["Reached maximum number of turns (2)"]}"#,
            None,
            &["number of steps"],
        );
        check(
            r#"{"is_error":true,"errors":["Reached maximum budget ($0.001)"]}"#,
            None,
            &["budget"],
        );
        check(r#"{"is_error":true,"result":"Prompt is too long"}"#, None, &["new conversation"]);
    }

    #[test]
    fn internal_diagnostics_are_never_shown() {
        check(
            r#"{"is_error":true,"errors":["[ede_diagnostic] result_type=user"]}"#,
            None,
            &["Ask again"],
        );
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let line = serde_json::json!({"is_error": true, "result": "é".repeat(2000)});
        check(&line.to_string(), None, &["…"]);
    }
}
