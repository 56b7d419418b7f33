//! How long conversations stay: the table `history`.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::values::{As, KeptFor};

/// How long conversations stay.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("live" = true))]
pub(crate) struct HistorySettings {
    /// Conversations in which nothing was asked for this long are deleted, such as `365d`, but for those with
    /// a kept answer or a public snapshot; empty: all stay.
    #[serde(with = "As::<KeptFor>")]
    pub(crate) keep: Option<Duration>,
}
