//! Errors of an agent, explained to people.

use serde_json::Value;

use super::{AcpCodec, wire::ErrorBody};
use crate::{
    agent::{
        codec::failure::{self as service, AccountHelp},
        event::AgentFailure,
    },
    json::{self, Object, Text},
};

/// The protocol's code for an agent without an account.
const AUTH_REQUIRED: i64 = -32000;

/// The protocol's code for something that does not exist, such as a session.
const NOT_FOUND: i64 = -32002;

/// What the SDKs put before every unexpected error.
const EMPTY_PREFIX: &str = "Internal error";

/// Signs of a credential in an error text, in lower case.
const CREDENTIALS: [&str; 4] = ["api key", "api_key", "apikey", "credential"];

/// Signs that it is not accepted.
const REFUSED: [&str; 6] =
    ["invalid", "rejected", "missing", "expired", "incorrect", "not configured"];

/// Whether the agent lacks an account.
pub(super) fn is_about_account(error: &ErrorBody<'_>) -> bool {
    error.code == AUTH_REQUIRED
}

/// Whether the agent does not know the session of a prompt.
pub(super) fn is_unknown_session(error: &ErrorBody<'_>) -> bool {
    error.code == NOT_FOUND || said(error).to_lowercase().contains("session not found")
}

/// The cause in an error: its message, or the details where that says nothing.
pub(super) fn said(error: &ErrorBody<'_>) -> String {
    let message = error.message.as_str().trim();
    let message = message.strip_prefix(EMPTY_PREFIX).unwrap_or(message);
    let message = message.trim_start_matches([':', ' ']);
    let data = error.data.map_or("", |data| data.get());
    let detail = || {
        let plain = json::read::<Text<'_>>(data).ok();
        let object = Object::read(data).unwrap_or_default();
        let named = || ["details", "message", "error"].iter().find_map(|name| object.text(name));
        plain.or_else(named).map(|text| text.0.into_owned())
    };
    let said = match message {
        "" => detail().unwrap_or_else(|| "it did not say why".to_owned()),
        message => in_error(message).unwrap_or_else(|| message.to_owned()),
    };
    said.trim().to_owned()
}

/// The message of an error of a model's API that is passed on as JSON, such as
/// `{"error":{"message":"…"}}`.
pub(super) fn in_error(text: &str) -> Option<String> {
    let value: Value = serde_json::from_str(text.trim()).ok()?;
    let object = value.as_object()?;
    let error = object.get("error")?;
    let message = error.get("message").or_else(|| Some(error).filter(|error| error.is_string()));
    let kinds = ["code", "type", "status"];
    let is_error = kinds.iter().any(|kind| error.get(kind).is_some() || object.contains_key(*kind));
    let message = message.and_then(Value::as_str).filter(|_| is_error)?;
    // The code often names the cause that the message only describes.
    match error.get("code").and_then(Value::as_str) {
        Some(code) => Some(format!("{message} ({code})")),
        None => Some(message.to_owned()),
    }
}

impl AcpCodec {
    /// Why a turn failed with this error.
    pub(super) fn failure_of(&self, error: &ErrorBody<'_>) -> AgentFailure {
        let said = said(error);
        let status = u16::try_from(error.code).ok().or_else(|| leading_status(&said));
        let status = status.filter(|status| (400..600).contains(status));
        self.failure(&said, status, is_about_account(error))
    }

    /// Why a turn failed of which this was said.
    pub(super) fn failure(
        &self,
        said: &str,
        status: Option<u16>,
        is_account: bool,
    ) -> AgentFailure {
        let lower = said.to_lowercase();
        let has = |signs: &[&str]| signs.iter().any(|sign| lower.contains(sign));
        let status = match status {
            None if is_account || has(&CREDENTIALS) && has(&REFUSED) => Some(401),
            status => status,
        };
        let account =
            AccountHelp { log_in: &self.settings.log_in, address: "the address of its API" };
        service::of_error(said, status, &account)
    }
}

/// The HTTP status at the start of texts such as `401 no such key`, or at the end of `fake 401`.
fn leading_status(said: &str) -> Option<u16> {
    let words: Vec<&str> = said.split_whitespace().collect();
    let ends = words.first().into_iter().chain(words.last());
    ends.filter_map(|word| word.trim_end_matches([':', '.', ',']).parse().ok())
        .find(|status| (400..600).contains(status))
}
