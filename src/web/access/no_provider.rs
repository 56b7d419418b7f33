//! What stands for the provider where the program is built without the feature `oidc`: the configuration
//! refuses one then, so that none is ever asked.
#![allow(dead_code, reason = "nothing of it is ever made")]

use url::Url;

use crate::config::settings::OidcSettings;

pub(crate) use {
    NoAttempt as LoginAttempt, NoProvider as Provider, NoProviderError as ProviderError,
};

#[derive(Debug)]
pub(crate) struct NoProvider;

#[derive(Debug)]
pub(crate) struct NoAttempt {
    pub(crate) state: String,
    pub(crate) next: String,
}

#[derive(Debug)]
pub(crate) struct NoPerson {
    pub(crate) user: String,
    pub(crate) groups: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum NoProviderError {
    #[error("{issuer}: {why}")]
    Unreachable { issuer: String, why: String },
}

impl NoProviderError {
    pub(crate) fn is_outage(&self) -> bool {
        true
    }
}

impl NoAttempt {
    pub(crate) fn encode(&self) -> String {
        String::new()
    }

    pub(crate) fn decode(_: &str) -> Option<Self> {
        None
    }
}

impl NoProvider {
    pub(crate) fn new(_: OidcSettings) -> Self {
        Self
    }

    pub(crate) fn origin(settings: &OidcSettings) -> String {
        settings.issuer.clone()
    }

    pub(crate) fn begin(&self, _: &str, _: String) -> Result<(Url, NoAttempt), NoProviderError> {
        Err(missing())
    }

    pub(crate) fn finish(
        &self,
        _: &str,
        _: NoAttempt,
        _: String,
    ) -> Result<NoPerson, NoProviderError> {
        Err(missing())
    }

    pub(crate) fn holder(
        &self,
        _: &str,
        _: &str,
        _: i64,
    ) -> Result<(NoPerson, i64), NoProviderError> {
        Err(missing())
    }
}

fn missing() -> NoProviderError {
    let why = "this program was built without logins with a provider".to_owned();
    NoProviderError::Unreachable { issuer: String::new(), why }
}
