//! Whether the services of configured models answer. Each is looked at at most once in a while, off the
//! actors' threads.

use std::{
    collections::HashMap,
    ffi::OsString,
    net::{TcpStream, ToSocketAddrs as _},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use crate::config::settings::agents::ModelConfig;

use super::{model::base_url, sandbox::value};

/// How long a result counts.
const KEPT: Duration = Duration::from_secs(10);

/// Longest attempt to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a start waits for a first result; a service that takes longer counts as reachable until it is
/// known.
const FIRST_WAIT: Duration = Duration::from_millis(250);

/// The services by host and port.
#[derive(Debug, Default)]
pub(super) struct ReachableServices {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    results: Mutex<HashMap<(String, u16), LookResult>>,
    changed: Condvar,
}

#[derive(Debug, Clone)]
struct LookResult {
    /// Why nobody answers; `None` where somebody does, or nothing is known yet.
    why_not: Option<String>,
    is_known: bool,
    at: Instant,
}

impl ReachableServices {
    /// Why a model cannot be asked: its key is missing, or nobody answers at its address. Blocks for a
    /// moment at most, and only the first time.
    pub(super) fn check(
        &self,
        config: &ModelConfig,
        environment: &[(OsString, OsString)],
    ) -> Result<(), String> {
        if let Some(name) = &config.key_env
            && value(environment, name).is_none()
        {
            return Err(format!("the server's environment has no {name}, which holds its key"));
        }
        if let Some(file) = config.key_file.as_ref().filter(|file| !file.is_file()) {
            return Err(format!("its key file {file:?} is missing"));
        }
        let url = base_url(config)?;
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return Err(format!("its address {url} names no host"));
        };
        match self.why_not((host.to_owned(), port)) {
            None => Ok(()),
            Some(why) => Err(format!("nobody answers at {url} ({why})")),
        }
    }

    fn why_not(&self, place: (String, u16)) -> Option<String> {
        let mut results = self.shared.lock();
        let known = results.get(&place).cloned();
        if known.as_ref().is_none_or(|known| known.at.elapsed() > KEPT) {
            let before = known.clone().filter(|known| known.is_known);
            let started = LookResult {
                why_not: before.as_ref().and_then(|known| known.why_not.clone()),
                is_known: before.is_some(),
                at: Instant::now(),
            };
            results.insert(place.clone(), started);
            let (shared, looked) = (Arc::clone(&self.shared), place.clone());
            let spawned = thread::Builder::new().name("reachable".to_owned()).spawn(move || {
                let why_not = connect(&looked).err();
                let result = LookResult { why_not, is_known: true, at: Instant::now() };
                shared.lock().insert(looked, result);
                shared.changed.notify_all();
            });
            if let Err(error) = spawned {
                log::warn!("cannot look whether a model service answers error={error}");
                return None;
            }
        }
        let is_unknown = |results: &mut HashMap<_, LookResult>| {
            results.get(&place).is_some_and(|result| !result.is_known)
        };
        let waited = self.shared.changed.wait_timeout_while(results, FIRST_WAIT, is_unknown);
        let (results, _) = waited.unwrap_or_else(PoisonError::into_inner);
        results.get(&place)?.why_not.clone()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, HashMap<(String, u16), LookResult>> {
        self.results.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn connect((host, port): &(String, u16)) -> Result<(), String> {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let addresses = (host, *port).to_socket_addrs().map_err(|error| error.to_string())?;
    let mut last = "the name has no address".to_owned();
    for address in addresses {
        match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
            Ok(_) => return Ok(()),
            Err(error) => last = error.to_string(),
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn config(port: u16) -> ModelConfig {
        let base_url = Some(format!("http://127.0.0.1:{port}/v1"));
        ModelConfig { base_url, model: Some("m".to_owned()), ..ModelConfig::default() }
    }

    #[test]
    fn a_service_that_listens_can_be_asked_and_one_that_does_not_cannot() {
        let services = ReachableServices::default();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        services.check(&config(port), &[]).unwrap();
        drop(listener);
        // The result counts for a while.
        services.check(&config(port), &[]).unwrap();
        let words = ReachableServices::default().check(&config(port), &[]).unwrap_err();
        assert!(words.contains(&format!("127.0.0.1:{port}")), "{words}");
    }

    #[test]
    fn a_model_whose_key_is_missing_cannot_be_asked() {
        let services = ReachableServices::default();
        let by_env = ModelConfig { key_env: Some("SHOP_KEY".to_owned()), ..config(1) };
        assert!(services.check(&by_env, &[]).unwrap_err().contains("SHOP_KEY"));
        let by_file = ModelConfig { key_file: Some("/nowhere/key".into()), ..config(1) };
        assert!(services.check(&by_file, &[]).unwrap_err().contains("/nowhere/key"));
    }
}
