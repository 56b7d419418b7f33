//! The messages for people, one for each cause.

use crate::agent::{
    codec::notice::{ServiceReports, moment},
    event::{AgentFailure, Remedy},
};

use super::cause::FailureCause;

/// Where an agent's account comes from, in words for people.
#[derive(Debug)]
pub(in crate::agent::codec) struct AccountHelp<'a> {
    /// How to log the agent in, in sentences.
    pub log_in: &'a str,
    /// What names the address of the model's API.
    pub address: &'a str,
}

/// The account of Claude Code.
pub(super) const CLAUDE: AccountHelp<'static> = AccountHelp {
    log_in: "On the server, run `claude` and then `/login`, or set ANTHROPIC_API_KEY or \
             CLAUDE_CODE_OAUTH_TOKEN in the server's environment, and restart the server.",
    address: "ANTHROPIC_BASE_URL",
};

/// The failure to show for `cause`; `said` is the agent's error text.
pub(super) fn failure(
    cause: FailureCause,
    said: &str,
    reports: &ServiceReports,
    account: &AccountHelp<'_>,
) -> AgentFailure {
    let mut failure = AgentFailure::new(content(cause, said, account), remedy(cause));
    if cause == FailureCause::UsageLimit || cause == FailureCause::RateLimit {
        let at = moment_in(said).or_else(|| reports.resets_at());
        failure.retry_at = at;
        failure.content = limit(cause, said, at);
    }
    failure
}

fn remedy(cause: FailureCause) -> Remedy {
    match cause {
        FailureCause::TooLong | FailureCause::TooLarge | FailureCause::NoBudget => {
            Remedy::NewConversation
        }
        FailureCause::BadHistory => Remedy::FreshAgent,
        FailureCause::UsageLimit
        | FailureCause::RateLimit
        | FailureCause::NoName
        | FailureCause::Unreachable
        | FailureCause::TimedOut
        | FailureCause::Overloaded
        | FailureCause::Server(_)
        | FailureCause::Other => Remedy::AskAgain,
        FailureCause::TooManySteps
        | FailureCause::Declined
        | FailureCause::BadMedia
        | FailureCause::LongAnswer
        | FailureCause::NoCredit
        | FailureCause::NoAccount
        | FailureCause::BadAccount
        | FailureCause::HeldAccount
        | FailureCause::Forbidden
        | FailureCause::CloudAccount
        | FailureCause::NoModel
        | FailureCause::Untrusted
        | FailureCause::Proxy
        | FailureCause::Refused(_) => Remedy::FixFirst,
    }
}

fn content(cause: FailureCause, said: &str, account: &AccountHelp<'_>) -> String {
    let words = match cause {
        FailureCause::TooLong => {
            "This conversation has become too long for the model: start a new conversation. A \
             summary of this one can be carried over."
        }
        FailureCause::TooLarge => {
            "This conversation holds more than the model's API takes in one request (413): start a \
             new conversation. A summary of this one can be carried over."
        }
        FailureCause::BadHistory => {
            "The model's API refuses the agent's own record of this conversation, and would refuse \
             it each time: start a new conversation. A summary of this one can be carried over."
        }
        FailureCause::TooManySteps => {
            "The agent stopped after its highest number of steps. Ask for less at a time, or send \
             \"continue\"."
        }
        FailureCause::NoBudget => {
            "The agent has used up its budget. Raise the budget, or start a new conversation."
        }
        FailureCause::Declined => {
            "The model declined to answer this: its safeguards flagged the question or what was \
             said before. This also happens with harmless questions. Say it differently, or start a \
             new conversation."
        }
        FailureCause::BadMedia => {
            "The model's API cannot read an image or a document that the agent read: it is too \
             large, damaged or of a kind that is not supported. Ask again without that file."
        }
        FailureCause::LongAnswer => {
            "The answer is longer than the model may answer at once. Ask for less at a time, or \
             send \"continue\"."
        }
        FailureCause::TimedOut => {
            "The model's API did not answer in time. This usually passes: ask again in a moment. If \
             it stays, check the server's network and its proxy settings."
        }
        FailureCause::Overloaded => {
            "The model's API is overloaded (529). This passes: ask again in a moment."
        }
        FailureCause::Other if said.is_empty() => {
            "The agent gave up on this turn without saying why. Ask again."
        }
        _ => return with_details(cause, said, account),
    };
    words.to_owned()
}

fn with_details(cause: FailureCause, said: &str, account: &AccountHelp<'_>) -> String {
    let AccountHelp { log_in, address } = account;
    match cause {
        FailureCause::Unreachable => format!(
            "The agent could not reach the model's API: the connection failed. Check the server's \
             network, its proxy settings and {address}, then ask again."
        ),
        FailureCause::NoCredit => format!(
            "The agent's account has no credit left{}. Add credit or raise its limit where the \
             account is managed; asking again does not help before that.",
            aside(said)
        ),
        FailureCause::NoAccount => format!("The agent has no account to answer with. {log_in}"),
        FailureCause::BadAccount => {
            format!("The model's API does not accept the agent's account (401). {log_in}")
        }
        FailureCause::HeldAccount => format!(
            "The agent's account is blocked or waits for its owner{}. Look at the account where it \
             is managed, or use another one. {log_in}",
            aside(said)
        ),
        FailureCause::Forbidden => format!(
            "The agent's account may not use the model's API (403): {said}. Check the account's \
             plan and permissions. {log_in}"
        ),
        FailureCause::CloudAccount => format!(
            "The agent cannot load the credentials of its cloud provider{}. Check or renew them on \
             the server.",
            aside(said)
        ),
        FailureCause::NoModel => format!(
            "The model's API does not know the model (404){}. Set a model that the account may use \
             (`model` in the settings, or none for the default).",
            aside(said)
        ),
        FailureCause::Untrusted => format!(
            "The agent does not trust the certificate of the model's API{}. Where a proxy reads \
             along, name its certificate in NODE_EXTRA_CA_CERTS in the server's environment; else \
             check the server's clock and certificates.",
            aside(said)
        ),
        FailureCause::Proxy => format!(
            "A proxy keeps the agent from the model's API{}. Check HTTPS_PROXY and NO_PROXY in the \
             server's environment, and the proxy's user and password.",
            aside(said)
        ),
        FailureCause::NoName => format!(
            "The agent could not reach the model's API: its name cannot be resolved{}. Check the \
             server's network, its DNS and {address}, then ask again.",
            aside(said)
        ),
        FailureCause::Server(status) => format!(
            "The model's API failed on its side ({status}). This usually passes: ask again in a \
             moment."
        ),
        FailureCause::Refused(status) => format!(
            "The model's API refused the request ({status}): {said}. The same question would be \
             refused again: ask differently, or start a new conversation."
        ),
        _ => format!("The agent failed: {said}"),
    }
}

/// The message for a limit. `at` is its end as a Unix timestamp in seconds.
fn limit(cause: FailureCause, said: &str, at: Option<i64>) -> String {
    let what = match cause {
        FailureCause::RateLimit => "The account's rate limit is reached (429)",
        _ => "The account's usage limit is reached",
    };
    match (at, pause_in(said)) {
        (Some(at), _) => {
            let until = moment(at);
            format!("{what} until {until}. Ask again then.")
        }
        (None, Some(seconds)) => {
            format!("{what}. Wait about {seconds} seconds and ask again.")
        }
        (None, None) if cause == FailureCause::RateLimit => {
            format!("{what}. Wait a while and ask again.")
        }
        (None, None) => format!("{what}{}. Ask again when it has ended.", aside(said)),
    }
}

/// The agent's error text in brackets, or nothing.
fn aside(said: &str) -> String {
    let said = said.trim_end_matches('.');
    if said.is_empty() { String::new() } else { format!(" ({said})") }
}

/// The Unix timestamp in texts such as `usage limit reached|1795342009`, in seconds.
fn moment_in(said: &str) -> Option<i64> {
    said.match_indices('|').find_map(|(at, _)| {
        let digits = said.get(at + 1..)?;
        let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        let number: i64 = digits.get(..end)?.parse().ok()?;
        match end {
            10 => Some(number),
            13 => Some(number / 1000),
            _ => None,
        }
    })
}

/// The seconds in texts such as `retry after 30 seconds`.
fn pause_in(said: &str) -> Option<u64> {
    let said = said.to_lowercase();
    let leads = ["retry-after: ", "retry-after\":", "retry after ", "try again in ", "retry in "];
    leads.iter().find_map(|lead| {
        let at = said.find(lead)? + lead.len();
        let rest = said.get(at..)?.trim_start_matches(['"', ' ']);
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let number: u64 = rest.get(..end)?.parse().ok()?;
        let unit = rest.get(end..)?.trim_start();
        match unit.get(..1) {
            Some("m") if !unit.starts_with("ms") => number.checked_mul(60),
            Some("h") => number.checked_mul(3600),
            _ => Some(number),
        }
    })
}
