//! Failed turns, explained to people: what failed, why, how to fix it, whether to ask again.
//! The agent's internal diagnostics are never shown.

mod cause;
mod classify;
mod message;

use super::{notice::ServiceReports, wire::ResultLine};
use crate::{
    agent::event::{AgentFailure, Remedy},
    guide::lines::EXPLAINED,
};

pub(super) use message::AccountHelp;

#[cfg(test)]
mod tests;

/// Longest quotation of the agent's own error text, in characters.
const QUOTED: usize = 400;

/// Explains a failed turn. `kind` is the error kind that the agent sent beside its text; `reports` is
/// what it reported of the service before.
pub(super) fn of_result(
    result: &ResultLine,
    kind: Option<&str>,
    reports: &ServiceReports,
) -> AgentFailure {
    let said = said(result);
    if result.terminal_reason.as_deref() == Some(EXPLAINED) {
        return AgentFailure::new(said, explained_remedy(result));
    }
    let cause = classify::classify(result, &said, kind, reports);
    message::failure(cause, &quoted(&said), reports, &message::CLAUDE)
}

/// Explains a failure of which only the text and perhaps the API's HTTP status is known.
pub(super) fn of_error(said: &str, status: Option<u16>, account: &AccountHelp<'_>) -> AgentFailure {
    let reports = ServiceReports::default();
    let result = ResultLine { api_error_status: status, ..ResultLine::default() };
    let cause = classify::classify(&result, said, None, &reports);
    message::failure(cause, &quoted(said), &reports, account)
}

/// What helps, in the words of a built-in agent.
fn explained_remedy(result: &ResultLine) -> Remedy {
    match result.remedy.as_deref() {
        Some("new_conversation") => Remedy::NewConversation,
        Some("fix_first") => Remedy::FixFirst,
        _ => Remedy::AskAgain,
    }
}

/// Why a request to the API is repeated.
pub(super) fn of_retry(status: Option<u16>, kind: Option<&str>) -> String {
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

/// The agent's error text, without its internal diagnostics.
fn said(result: &ResultLine) -> String {
    let texts = result.errors.iter().chain(&result.result);
    let shown: Vec<&str> = texts
        .map(|text| text.trim())
        .filter(|text| !text.is_empty() && !text.starts_with("[ede_diagnostic]"))
        .collect();
    shown.join("; ")
}

/// The error text, cut to what is quoted.
fn quoted(said: &str) -> String {
    match said.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{}…", &said[..end]),
        None => said.to_owned(),
    }
}
