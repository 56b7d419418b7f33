//! Webhooks: the table `webhooks`.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use crate::config::{
    event_kind::EventKind,
    token::Token,
    values::{As, EventName, HookUrl, List, OptionalPath},
};

/// Other servers that are told what happens, by signed requests.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebhookSettings {
    /// Addresses that get a POST for each event. Private conversations are not told of.
    #[serde(with = "As::<List<HookUrl>>")]
    pub(crate) urls: Vec<Url>,
    /// What is told: `answered` (also of failures), `wrong` (somebody finds an answer wrong) and
    /// `budget_reached`.
    #[serde(with = "As::<List<EventName>>")]
    #[schemars(extend("default" = ["answered", "wrong", "budget_reached"]))]
    pub(crate) events: Vec<EventKind>,
    /// File with the secret that signs the requests as Standard Webhooks describes.
    #[serde(with = "As::<OptionalPath>")]
    pub(crate) secret_file: Option<PathBuf>,
    /// The secret in it.
    #[serde(skip)]
    pub(crate) secret: Option<Token>,
}
