//! What the audit log has, and how long: the table `audit`.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::values::{As, Count, KeptFor};

/// How long it stays known who asked, shared, deleted and logged in, and whether what was asked.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("live" = true))]
pub(crate) struct AuditSettings {
    /// Rows of the audit log that are older are deleted, such as `365d`; empty: no row is too old.
    #[serde(with = "As::<KeptFor>")]
    pub(crate) keep: Option<Duration>,
    /// Most rows of the audit log: beyond it the oldest are deleted.
    #[serde(with = "As::<Count>")]
    #[schemars(extend("default" = 1_000_000))]
    pub(crate) rows: usize,
    /// Whether it also has what was asked, of private conversations too: the first 4,000 characters of each
    /// question. They outlive their conversation.
    #[schemars(extend("default" = false))]
    pub(crate) content: bool,
}
