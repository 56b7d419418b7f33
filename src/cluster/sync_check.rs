//! Whether the NATS servers write to the disk before they acknowledge: without it, a power cut loses the
//! whole log. They tell it at their monitoring addresses alone.

use serde::Deserialize;
use url::Url;

use super::error::ClusterError;
use crate::{config::settings::ClusterSettings, http_client};

/// Port of the monitoring where none is configured.
const PORT: u16 = 8222;

const PATH: &str = "jsz?config=true";

/// Most of an answer that is read, in bytes.
const MOST: u64 = 1 << 20; // 1 MiB

#[derive(Deserialize)]
struct Jsz {
    #[serde(default)]
    config: JetStreamConfig,
}

#[derive(Deserialize, Default)]
struct JetStreamConfig {
    #[serde(default)]
    sync_always: bool,
}

/// Requires it of every server.
pub(super) async fn require(settings: &ClusterSettings) -> Result<(), ClusterError> {
    for address in addresses(settings)? {
        let silence = settings.append_timeout;
        let asked = address.clone();
        let told = tokio::task::spawn_blocking(move || ask(&asked, silence)).await;
        let told = told.unwrap_or_else(|error| Err(error.to_string()));
        match told {
            Ok(true) => (),
            Ok(false) => return Err(ClusterError::NotSynced { server: address.to_string() }),
            Err(reason) => {
                return Err(ClusterError::SyncUnknown { server: address.to_string(), reason });
            }
        }
    }
    Ok(())
}

/// The monitoring addresses: those that are configured, or else port 8222 of each server.
fn addresses(settings: &ClusterSettings) -> Result<Vec<Url>, ClusterError> {
    if !settings.monitoring.is_empty() {
        return Ok(settings.monitoring.clone());
    }
    let of = |server: &String| {
        let server = Url::parse(server).ok();
        let host = server.as_ref().and_then(Url::host_str)?;
        Url::parse(&format!("http://{host}:{PORT}")).ok()
    };
    let address = |server| of(server).ok_or_else(|| ClusterError::Address(server.clone()));
    settings.nats.iter().map(address).collect()
}

fn ask(address: &Url, silence: std::time::Duration) -> Result<bool, String> {
    let url = address.join(PATH).map_err(|error| error.to_string())?;
    let agent = http_client::config(address.as_str(), silence).new_agent();
    let response = agent.get(url.as_str()).call().map_err(|error| error.to_string())?;
    let body = response.into_body().into_with_config().limit(MOST).read_to_string();
    let told: Jsz = serde_json::from_str(&body.map_err(|error| error.to_string())?)
        .map_err(|error| error.to_string())?;
    Ok(told.config.sync_always)
}
