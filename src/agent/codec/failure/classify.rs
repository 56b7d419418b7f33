//! Classifies a failed result: by its fields first, then by signs in its text.

use super::cause::FailureCause;
use crate::agent::codec::{notice::ServiceReports, wire::ResultLine};

/// Signs in the error text, in lower case and without backticks; the first match decides.
const SIGNS: &[(FailureCause, &[&str])] = &[
    (FailureCause::TooManySteps, &["maximum number of turns"]),
    (FailureCause::NoBudget, &["maximum budget"]),
    (
        FailureCause::Declined,
        &[
            "usage policy",
            "safeguards",
            "content filtering policy",
            "output blocked by content",
            "unable to respond to this request",
            "legal/aup",
        ],
    ),
    (
        FailureCause::BadHistory,
        &[
            "signature in thinking block",
            "invalid data in redacted_thinking",
            "thinking.signature",
            "blocks in the latest assistant message cannot be modified",
            "cannot be modified. these blocks must remain",
            "thinking block",
            "expected thinking or redacted_thinking",
            "surrogate",
            "tool_use ids were found without",
            "unexpected tool_use_id found in tool_result",
            "tool_use ids must be unique",
            "tool_use block must have a corresponding tool_result",
            "each tool_use block must have a corresponding",
            "each tool_result block must have a corresponding",
            "text content blocks must be non-empty",
            "text content blocks must contain non-whitespace",
            "roles must alternate",
            "first message must use the user role",
            "final assistant content cannot end with trailing whitespace",
            "all messages must have non-empty content",
            "must have non-empty content",
            "request body is not valid json",
            "not valid json",
            "tool_use_id: string should match pattern",
            "tool use concurrency issues",
            "previous_message_id",
        ],
    ),
    (
        FailureCause::TooLong,
        &[
            "prompt is too long",
            "input is too long",
            "exceed context limit",
            "context limit",
            "context window",
            "context_length_exceeded",
            "maximum context length",
            "longer than the model's context length",
            "longer than the maximum model length",
            "available context size",
            "exceeds the maximum number of tokens",
            "exceeded model token limit",
            "input token length too long",
            "input tokens exceed",
            "maximum prompt length",
            "prompt exceeds max length",
            "tokens in request more than max",
            "range of input length should be",
            "reduce the length of the messages",
            "too many total text bytes",
            "conversation too long",
            "conversation is too long",
        ],
    ),
    (
        FailureCause::BadMedia,
        &[
            "could not process image",
            "image was too large",
            "image exceeds",
            "image dimensions exceed",
            "image cannot be empty",
            "image file is empty",
            "does not match the provided media type",
            "unable to resize image",
            "many-image requests",
            "could not process pdf",
            "pdf pages",
            "pdf specified",
            "pdf is password protected",
            "does not support pdf",
            "too much media",
        ],
    ),
    (
        FailureCause::TooLarge,
        &["request too large", "request_too_large", "request size", "exceeds the maximum size"],
    ),
    (FailureCause::LongAnswer, &["output token maximum", "max_output_tokens"]),
    (
        FailureCause::NoCredit,
        &[
            "credit balance",
            "out of usage credits",
            "out of extra usage",
            "requires usage credits",
            "add funds",
            "payment required",
            "billing",
            "spend limit",
        ],
    ),
    (
        FailureCause::UsageLimit,
        &[
            "usage limit",
            "usage limits",
            "you've hit your",
            "you've reached your",
            "out of usage",
            "limit reached",
            "session limit",
            "weekly limit",
            "usage allocation",
        ],
    ),
    (
        FailureCause::NoAccount,
        &["not logged in", "no api key", "anthropic_api_key is not set", "could not resolve auth"],
    ),
    (
        FailureCause::HeldAccount,
        &[
            "organization has been disabled",
            "account is on hold",
            "verify your",
            "is disabled for your org",
            "does not have access to claude",
            "disabled api key authentication",
            "oauth authentication is currently not allowed",
            "updated our consumer terms",
            "is not enabled for this organization",
            "is not enabled for your organization",
        ],
    ),
    (
        FailureCause::CloudAccount,
        &["could not load aws", "could not load gcp", "could not load google", "credentials ·"],
    ),
    (
        FailureCause::BadAccount,
        &[
            "/login",
            "invalid api key",
            "invalid x-api-key",
            "invalid bearer token",
            "api key is invalid",
            "oauth token",
            "login expired",
            "failed to authenticate",
            "authentication_error",
        ],
    ),
    (
        FailureCause::NoModel,
        &[
            "issue with the selected model",
            "invalid model name",
            "model not found",
            "model_not_found",
            "not available on your",
            "not_found_error",
        ],
    ),
    (
        FailureCause::Untrusted,
        &[
            "certificate",
            "ssl error",
            "tls error",
            "self_signed",
            "self-signed",
            "unable_to_verify",
            "unable to verify",
            "unable_to_get_issuer",
        ],
    ),
    (
        FailureCause::NoName,
        &[
            "enotfound",
            "eai_again",
            "getaddrinfo",
            "dns",
            "name resolution",
            "nodata",
            "could not resolve host",
        ],
    ),
    (
        FailureCause::Proxy,
        &["proxy authentication", "proxyconnect", "proxy error", "tunnel", "proxy response"],
    ),
    (
        FailureCause::TimedOut,
        &["timed out", "timeout", "etimedout", "no response from api", "stream idle"],
    ),
    (FailureCause::Overloaded, &["overloaded", "at capacity"]),
    (
        FailureCause::RateLimit,
        &["rate limit", "rate_limit", "too many requests", "request was throttled"],
    ),
    (
        FailureCause::Unreachable,
        &[
            "unable to connect",
            "connection refused",
            "connectionrefused",
            "econnrefused",
            "econnreset",
            "epipe",
            "ehostunreach",
            "enetunreach",
            "connection error",
            "connection closed",
            "connection to the api was lost",
            "connectionclosed",
            "failedtoopensocket",
            "fetch failed",
            "socket",
            "network error",
            "could not be read",
        ],
    ),
];

/// Looks at the result's fields, the signs in its text, and what the service reported before.
pub(super) fn classify(
    result: &ResultLine,
    said: &str,
    kind: Option<&str>,
    reports: &ServiceReports,
) -> FailureCause {
    if let Some(cause) = result.terminal_reason.as_deref().and_then(of_terminal_reason) {
        return cause;
    }
    if result.stop_reason.as_deref() == Some("refusal") || reports.is_refused() {
        return FailureCause::Declined;
    }
    let text = said.to_lowercase().replace('`', "").replace('’', "'");
    if text.starts_with("prompt is too long") {
        // The agent may have tried to recover and failed with another status: this came first.
        return FailureCause::TooLong;
    }
    let status = result.api_error_status.or_else(|| status_in(said));
    let signs = SIGNS.iter().filter(|(cause, _)| cause.fits(status));
    let found = signs.into_iter().find(|(_, signs)| signs.iter().any(|it| text.contains(it)));
    let found = found.map(|(cause, _)| *cause);
    if let Some(cause) = found.filter(|cause| !cause.yields_to_kind()) {
        return cause;
    }
    let may_be_limited = matches!(found, None | Some(FailureCause::RateLimit));
    if reports.is_limited() && may_be_limited && matches!(status, None | Some(429)) {
        return FailureCause::UsageLimit;
    }
    let by_status = status.map(|status| of_status(status, found));
    by_status.or_else(|| kind.and_then(of_kind)).or(found).unwrap_or(FailureCause::Other)
}

fn of_terminal_reason(reason: &str) -> Option<FailureCause> {
    match reason {
        "max_turns" => Some(FailureCause::TooManySteps),
        "budget_exhausted" => Some(FailureCause::NoBudget),
        "blocking_limit" | "prompt_too_long" | "rapid_refill_breaker" => {
            Some(FailureCause::TooLong)
        }
        "image_error" => Some(FailureCause::BadMedia),
        _ => None,
    }
}

fn of_status(status: u16, sign: Option<FailureCause>) -> FailureCause {
    match status {
        401 => FailureCause::BadAccount,
        402 => FailureCause::NoCredit,
        403 => FailureCause::Forbidden,
        404 => FailureCause::NoModel,
        407 => FailureCause::Proxy,
        408 => FailureCause::TimedOut,
        413 => FailureCause::TooLarge,
        429 => FailureCause::RateLimit,
        529 => FailureCause::Overloaded,
        500..=599 => FailureCause::Server(status),
        _ => sign.unwrap_or(FailureCause::Refused(status)),
    }
}

fn of_kind(kind: &str) -> Option<FailureCause> {
    match kind {
        "authentication_failed" => Some(FailureCause::BadAccount),
        "oauth_org_not_allowed" | "account_on_hold" | "verification_required" => {
            Some(FailureCause::HeldAccount)
        }
        "billing_error" => Some(FailureCause::NoCredit),
        "rate_limit" => Some(FailureCause::RateLimit),
        "overloaded" => Some(FailureCause::Overloaded),
        "model_not_found" => Some(FailureCause::NoModel),
        "max_output_tokens" => Some(FailureCause::LongAnswer),
        "cloud_credential_error" => Some(FailureCause::CloudAccount),
        "invalid_request" => Some(FailureCause::Refused(400)),
        // `server_error` and `unknown` say nothing: they are also used when the network is down.
        _ => None,
    }
}

/// The HTTP status in texts such as `API Error: 403 …` and `Repeated 529 Overloaded errors`.
fn status_in(said: &str) -> Option<u16> {
    let leads = ["API Error: ", "Repeated ", "Request rejected (", "status code ", "HTTP "];
    let start = leads.iter().find_map(|lead| {
        said.match_indices(lead).find_map(|(at, _)| number_at(said, at + lead.len()))
    });
    start.filter(|status| (400..600).contains(status))
}

fn number_at(said: &str, at: usize) -> Option<u16> {
    let text = said.get(at..)?;
    let text = text.trim_start_matches("Repeated ").trim_start_matches("Request rejected (");
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok()
}
