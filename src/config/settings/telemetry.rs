//! What an OpenTelemetry collector is sent: the table `telemetry`.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use crate::config::values::{As, CollectorUrl, HumanDuration};

/// An OpenTelemetry collector that gets traces and figures, where the program is built with `otlp`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TelemetrySettings {
    /// Where the collector takes OTLP over HTTP, such as `http://127.0.0.1:4318`, without `/v1/traces`; empty: nothing
    /// is sent.
    #[serde(with = "As::<CollectorUrl>")]
    pub(crate) endpoint: Option<Url>,
    /// How often the figures are sent.
    #[serde(with = "As::<HumanDuration>")]
    #[schemars(extend("default" = "1m"))]
    pub(crate) interval: Duration,
}
