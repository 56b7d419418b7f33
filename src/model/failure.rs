//! Failures of a service: what an error means, whether asking again helps, and words for a person.
//! Pure.

use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::json;

/// Longest part of a service's own words that is shown, in characters.
const MAX_WORDS: usize = 300;

/// Why a service gave no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FailureKind {
    /// The key is missing or wrong.
    Key,
    /// The account has no credit, so that asking again does not help.
    Credit,
    /// The service does not know the model.
    UnknownModel,
    /// The model is still being loaded.
    Loading,
    /// The conversation is longer than the model takes; its size in tokens, if the service tells.
    Overflow { limit: Option<u64> },
    /// Too many requests.
    RateLimit,
    /// The service has too much to do.
    Overloaded,
    /// It is no model service, or there is none at this path.
    NotAService,
    /// The request was not accepted.
    Refused,
    /// The service failed.
    Failed,
    /// What came could not be read.
    Unreadable,
    /// Nothing answers at the address.
    Unreachable,
    /// The connection cannot be made secure.
    Insecure,
    /// The service sends requests elsewhere.
    Redirected,
    /// The service said nothing for too long.
    Silent,
    /// The stream ended before the answer did.
    BrokenOff,
    /// The service sent more than is read.
    Endless,
    /// The model answered without a word and without a call.
    Empty,
    /// The model takes no tools.
    NoTools,
    /// The model declined to answer.
    Declined,
}

/// Why a service gave no answer, with its own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ServiceError {
    pub(super) kind: FailureKind,
    /// What the service said, shortened; may be empty.
    pub(super) said: String,
    /// How long to wait before asking again, if the service tells.
    pub(super) retry_after: Option<Duration>,
    /// HTTP status, if there was an answer.
    pub(super) status: Option<u16>,
}

/// What was asked of which service, for words.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    /// Host and port of the service.
    pub(super) service: &'a str,
    pub(super) model: &'a str,
    pub(super) is_ollama: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ErrorBody<'a> {
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(deserialize_with = "json::lenient")]
    message: Option<String>,
    #[serde(deserialize_with = "json::lenient")]
    detail: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ErrorDetails {
    #[serde(deserialize_with = "json::lenient")]
    message: Option<String>,
    #[serde(rename = "type", deserialize_with = "json::lenient")]
    kind: String,
    /// A name, or an HTTP status.
    code: Option<serde_json::Value>,
    #[serde(deserialize_with = "json::lenient_u64")]
    n_ctx: Option<u64>,
}

impl ServiceError {
    /// A failure that the service did not answer itself.
    pub(super) fn new(kind: FailureKind, said: &str) -> Self {
        Self { kind, said: shortened(said), retry_after: None, status: None }
    }

    /// Data of a stream that is not what the dialect has.
    pub(super) fn unreadable(data: &str) -> Self {
        Self::new(FailureKind::Unreadable, data)
    }

    /// Whether the same request may succeed later.
    pub(super) fn is_passing(&self) -> bool {
        use FailureKind::{
            BrokenOff, Empty, Failed, Loading, Overloaded, RateLimit, Unreachable, Unreadable,
        };
        matches!(
            self.kind,
            Loading
                | RateLimit
                | Overloaded
                | Failed
                | Unreachable
                | BrokenOff
                | Empty
                | Unreadable
        )
    }

    /// What helps, as the protocol names it.
    pub(super) fn remedy(&self) -> &'static str {
        match self.kind {
            FailureKind::Overflow { .. } => "new_conversation",
            FailureKind::Key
            | FailureKind::Credit
            | FailureKind::UnknownModel
            | FailureKind::NotAService
            | FailureKind::Insecure
            | FailureKind::Redirected
            | FailureKind::Refused
            | FailureKind::Declined
            | FailureKind::NoTools => "fix_first",
            _ => "ask_again",
        }
    }

    /// The kind in the words of the protocol, for a request that is repeated.
    pub(super) fn protocol_kind(&self) -> &'static str {
        match self.kind {
            FailureKind::RateLimit => "rate_limit",
            FailureKind::Overloaded => "overloaded",
            _ => "server_error",
        }
    }

    /// What failed, why and what helps.
    pub(super) fn words(&self, asked: &Asked<'_>) -> String {
        let Asked { service, model, is_ollama } = asked;
        let cure = match &self.kind {
            FailureKind::Key => format!(
                "The model service at {service} does not accept the key. Correct the key in the agent's settings."
            ),
            FailureKind::Credit => format!(
                "The account at {service} has no credit left. Add credit there, or choose another agent."
            ),
            FailureKind::UnknownModel if *is_ollama => format!(
                "{service} does not have the model {model:?}. Run `ollama pull {model}` there, or name another model in the agent's settings."
            ),
            FailureKind::UnknownModel => format!(
                "{service} does not know the model {model:?}. Correct `model` in the agent's settings."
            ),
            FailureKind::Loading => {
                format!("The model is still being loaded at {service}. Ask again in a moment.")
            }
            FailureKind::Overflow { limit } => {
                let size = limit.map_or_else(String::new, |limit| format!(" of {limit} tokens"));
                format!(
                    "The conversation is longer than the model's context{size}. Begin a new conversation, or give the model a larger context."
                )
            }
            FailureKind::RateLimit => {
                let wait = self.retry_after.map_or_else(
                    || "in a moment".to_owned(),
                    |wait| {
                        format!(
                            "in {}",
                            humantime::format_duration(Duration::from_secs(wait.as_secs().max(1)))
                        )
                    },
                );
                format!("{service} limits how often it is asked. Ask again {wait}.")
            }
            FailureKind::Overloaded => {
                format!("{service} has too much to do. Ask again in a moment.")
            }
            FailureKind::NotAService => format!(
                "There is no model service at {service}, or not under this path. Correct `base_url` in the agent's settings; it often ends with /v1."
            ),
            FailureKind::Refused => format!("{service} did not accept the request."),
            FailureKind::Failed => format!("{service} failed. Ask again in a moment."),
            FailureKind::Unreadable => {
                format!("{service} sent something that is no answer of a model.")
            }
            FailureKind::Unreachable => format!(
                "Nothing answers at {service}. Start the model service there, or correct `base_url` in the agent's settings."
            ),
            FailureKind::Insecure => format!(
                "The connection to {service} cannot be made secure. Correct its certificate, name your own authority in SSL_CERT_FILE, or use http:// in `base_url` where the service has no TLS."
            ),
            FailureKind::Redirected => format!(
                "{service} sends requests elsewhere, and the key is not sent along. Put the new address into `base_url` in the agent's settings."
            ),
            FailureKind::Silent => {
                format!(
                    "{service} said nothing for too long. Ask again, or allow a longer silence."
                )
            }
            FailureKind::BrokenOff => {
                format!("The connection to {service} ended before the answer did. Ask again.")
            }
            FailureKind::Endless => {
                format!("{service} sent more than an answer can hold, so I stopped reading.")
            }
            FailureKind::Empty => {
                format!("{model} answered without a word. Ask again, or choose another model.")
            }
            FailureKind::NoTools => format!("{model} cannot use tools."),
            FailureKind::Declined => {
                format!("{model} declined to answer. Ask in other words.")
            }
        };
        match self.said.is_empty() {
            true => cure,
            false => format!("{cure} It said: {}", self.said),
        }
    }
}

impl std::fmt::Display for ServiceError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.said)
    }
}

/// The meaning of an `error` that came within a stream.
pub(super) fn in_stream(error: &str) -> ServiceError {
    let details = details(error);
    let status = details.code.as_ref().and_then(serde_json::Value::as_u64);
    let status = status.and_then(|status| u16::try_from(status).ok()).unwrap_or(500);
    of(status, &details, None)
}

/// The meaning of a response that is no success. `retry_after` is the wait that its headers ask for.
pub(super) fn in_response(status: u16, body: &str, retry_after: Option<Duration>) -> ServiceError {
    let parsed: Option<ErrorBody<'_>> = json::read(body.trim()).ok();
    let Some(ErrorBody { error, message, detail }) = parsed else {
        let is_page = body.trim_start().starts_with('<');
        let said = if is_page { String::new() } else { shortened(body) };
        let mut error = of(status, &ErrorDetails::default(), retry_after);
        if is_page && error.kind == FailureKind::Refused {
            error.kind = FailureKind::NotAService;
        }
        return ServiceError { said, ..error };
    };
    let mut details = error.map(|error| details(error.get())).unwrap_or_default();
    details.message = details.message.or(message).or(detail);
    of(status, &details, retry_after)
}

/// An error is an object, or only a text.
fn details(error: &str) -> ErrorDetails {
    match serde_json::from_str::<String>(error) {
        Ok(message) => ErrorDetails { message: Some(message), ..ErrorDetails::default() },
        Err(_) => json::read(error).unwrap_or_default(),
    }
}

fn of(status: u16, details: &ErrorDetails, retry_after: Option<Duration>) -> ServiceError {
    let said = details.message.clone().unwrap_or_default();
    let lower = said.to_lowercase();
    let has = |words: &[&str]| {
        let code = details.code.as_ref().and_then(serde_json::Value::as_str).unwrap_or_default();
        words.iter().any(|word| lower.contains(word) || details.kind == *word || code == *word)
    };
    let kind = if has(&["insufficient_quota", "billing_error", "credit balance is too low"])
        || status == 402
    {
        FailureKind::Credit
    } else if has(&[
        "exceed_context_size_error",
        "context_length_exceeded",
        "maximum context length",
        "prompt is too long",
        "max_tokens must be at least 1",
        "context window",
    ]) || status == 413
    {
        let limit = details.n_ctx.or_else(|| limit_in(&lower));
        FailureKind::Overflow { limit }
    } else if has(&["does not support tools", "tool use is not supported"])
        || (has(&["--enable-auto-tool-choice", "tools are not supported"]) && status < 500)
    {
        FailureKind::NoTools
    } else if has(&["loading model"]) {
        FailureKind::Loading
    } else if has(&["model_not_found"])
        || (matches!(status, 400 | 404) && lower.contains("model") && lower.contains("not found"))
        || (status == 404 && lower.contains("model") && lower.contains("does not exist"))
    {
        FailureKind::UnknownModel
    } else {
        match status {
            401 | 403 => FailureKind::Key,
            404 | 405 => FailureKind::NotAService,
            429 => FailureKind::RateLimit,
            503 | 529 => FailureKind::Overloaded,
            _ if has(&["overloaded_error", "overloaded"]) => FailureKind::Overloaded,
            500..=599 => FailureKind::Failed,
            _ => FailureKind::Refused,
        }
    };
    ServiceError { kind, said: shortened(&said), retry_after, status: Some(status) }
}

/// The size in "maximum context length is 4096 tokens" and "208310 tokens > 200000 maximum".
fn limit_in(words: &str) -> Option<u64> {
    let number = |text: &str| -> Option<u64> {
        let digits: String = text
            .chars()
            .skip_while(|c| !c.is_ascii_digit())
            .take_while(|c| c.is_ascii_digit() || *c == ',')
            .filter(|c| *c != ',')
            .collect();
        digits.parse().ok()
    };
    let after = |mark: &str| words.split_once(mark).and_then(|(_, rest)| number(rest));
    after("maximum context length is").or_else(|| after("tokens >"))
}

/// A service's words in one line, without control characters.
fn shortened(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MAX_WORDS) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKED: Asked<'_> = Asked { service: "127.0.0.1:11434", model: "qwen3", is_ollama: true };

    #[test]
    fn every_known_error_has_its_meaning() {
        use FailureKind::*;
        for (status, body, kind) in [
            (
                401,
                r#"{"error":{"message":"Invalid API Key","type":"authentication_error","code":401}}"#,
                Key,
            ),
            (
                401,
                r#"{"error":{"message":"Incorrect API key provided","code":"invalid_api_key"}}"#,
                Key,
            ),
            (
                402,
                r#"{"error":{"code":402,"message":"Insufficient credits","metadata":{}}}"#,
                Credit,
            ),
            (
                429,
                r#"{"error":{"message":"You exceeded your current quota","code":"insufficient_quota"}}"#,
                Credit,
            ),
            (
                400,
                r#"{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low"}}"#,
                Credit,
            ),
            (
                503,
                r#"{"error":{"message":"Loading model","type":"unavailable_error","code":503}}"#,
                Loading,
            ),
            (
                400,
                r#"{"error":{"code":400,"message":"request (9 tokens) exceeds","type":"exceed_context_size_error","n_prompt_tokens":9,"n_ctx":8}}"#,
                Overflow { limit: Some(8) },
            ),
            (
                400,
                r#"{"error":{"message":"This model's maximum context length is 4096 tokens. However","code":"context_length_exceeded"}}"#,
                Overflow { limit: Some(4096) },
            ),
            (
                400,
                r#"{"object":"error","message":"This model's maximum context length is 4096 tokens","type":"BadRequestError","code":400}"#,
                Overflow { limit: Some(4096) },
            ),
            (
                400,
                r#"{"error":{"message":"max_tokens must be at least 1, got -186","code":400}}"#,
                Overflow { limit: None },
            ),
            (
                400,
                r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 208310 tokens > 200000 maximum"}}"#,
                Overflow { limit: Some(200_000) },
            ),
            (413, "<html>413</html>", Overflow { limit: None }),
            (
                429,
                r#"{"type":"error","error":{"type":"rate_limit_error","message":"slow down"}}"#,
                RateLimit,
            ),
            (
                404,
                r#"{"error":{"message":"The model `x` does not exist","code":"model_not_found"}}"#,
                UnknownModel,
            ),
            (
                404,
                r#"{"error":{"message":"model \"x\" not found, try pulling it first","type":"not_found_error"}}"#,
                UnknownModel,
            ),
            (
                404,
                r#"{"error":{"code":404,"message":"File Not Found","type":"not_found_error"}}"#,
                NotAService,
            ),
            (404, "<!doctype html><title>404</title>", NotAService),
            (400, "<html>nginx</html>", NotAService),
            (
                529,
                r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
                Overloaded,
            ),
            (500, r#"{"error":"out of memory"}"#, Failed),
            (502, "<html>Bad gateway</html>", Failed),
            (400, r#"{"detail":"Field required"}"#, Refused),
            (418, "", Refused),
        ] {
            let error = in_response(status, body, None);
            assert_eq!(error.kind, kind, "{status} {body}");
            assert!(!error.said.contains('<'), "{}", error.said);
        }
    }

    #[test]
    fn words_name_the_service_and_what_helps_and_are_short() {
        let pull = in_response(404, r#"{"error":{"message":"model 'qwen3' not found"}}"#, None);
        assert!(pull.words(&ASKED).contains("`ollama pull qwen3`"));
        let limited = in_response(429, "{}", Some(Duration::from_secs(90)));
        assert!(limited.words(&ASKED).contains("in 1m 30s"), "{}", limited.words(&ASKED));
        assert!(limited.is_passing());
        let long =
            in_response(500, &format!("{{\"error\":\"{}\"}}", "x\\u0007\\n".repeat(999)), None);
        assert!(long.words(&ASKED).chars().count() < 400, "{}", long.words(&ASKED));
        assert!(!long.words(&ASKED).contains(char::is_control));
    }
}
