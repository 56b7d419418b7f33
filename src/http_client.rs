//! What all requests of this program to other servers share.

use std::{sync::Arc, time::Duration};

use ureq::{
    Agent,
    config::Config,
    http::Uri,
    tls::{Certificate, RootCerts, TlsConfig},
};

use crate::authority::Authority;

/// Longest wait for a name and for a connection.
const CONNECT: Duration = Duration::from_secs(10);

/// The settings for requests to `base_url`, where nothing is silent for longer than `silence`.
pub(crate) fn config(base_url: &str, silence: Duration) -> Config {
    let mut config = Agent::config_builder()
        .http_status_as_error(false)
        // A redirect could take the key elsewhere.
        .max_redirects(0)
        .max_redirects_will_error(false)
        .timeout_resolve(Some(CONNECT))
        .timeout_connect(Some(CONNECT))
        .timeout_per_read(Some(silence))
        .timeout_per_write(Some(silence))
        .user_agent(concat!("cicerone/", env!("CARGO_PKG_VERSION")));
    if is_of_this_machine(base_url) {
        config = config.proxy(None);
    }
    if base_url.starts_with("https:") {
        config = config.tls_config(tls());
    }
    config.build()
}

/// Proxies are not asked for servers of this machine.
fn is_of_this_machine(url: &str) -> bool {
    let uri: Option<Uri> = url.parse().ok();
    let authority = uri.as_ref().and_then(Uri::authority);
    let authority = authority.and_then(|it| it.as_str().rsplit('@').next()?.parse().ok());
    authority.is_some_and(|authority: Authority| authority.host.is_loopback())
}

/// The authorities that the system trusts, or those of SSL_CERT_FILE and SSL_CERT_DIR.
fn tls() -> TlsConfig {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        log::warn!("cannot read a certificate of the system: {error}");
    }
    let roots = found.certs.iter().map(|it| Certificate::from_der(it.as_ref()).to_owned());
    TlsConfig::builder()
        .root_certs(RootCerts::from(roots.collect::<Vec<_>>()))
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build()
}
