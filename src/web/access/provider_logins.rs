//! Logins with a provider, as access control makes and ends them.

use std::{sync::Arc, time::Instant};

use actix_web::http::{StatusCode, header::HeaderMap};
use subtle::ConstantTimeEq as _;

use crate::{
    config::settings::Settings, database::DatabaseError, project::ProjectAccess, web::cookies,
};

use super::{
    AccessControl,
    credentials::{NewCredential, NotMade, now},
    provider::{LoginAttempt, Provider, ProviderError},
    rate_limit::Visitor,
};

/// The provider of logins, and who of its people may come in.
#[derive(Debug)]
pub(super) struct ProviderLogins {
    provider: Arc<Provider>,
    allow: ProjectAccess,
    issuer: String,
    /// What logins are stored with.
    pub(super) origin: String,
}

/// Why somebody is not logged in, in words for a person.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProviderFailure {
    #[error("This server has no login service.")]
    NoProvider,
    #[error(
        "This login was not begun in this browser, or too long ago. Begin it again; if that does not \
         help, allow this page to keep cookies."
    )]
    NotBegun,
    #[error("The login service has refused: {0}.")]
    Denied(String),
    #[error("The answer is of another login service than the one that was asked.")]
    OtherIssuer,
    #[error("{0} may not use this server: ask the person who runs it.")]
    NotAllowed(String),
    #[error("Too many logins from your address have failed. Try again in a minute.")]
    TooMany,
    #[error(transparent)]
    Provider(#[from] ProviderError),
    #[error("The login cannot be stored: {0}. Try again in a while.")]
    Store(#[from] DatabaseError),
}

impl ProviderFailure {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::NoProvider => StatusCode::NOT_FOUND,
            Self::NotBegun | Self::OtherIssuer => StatusCode::BAD_REQUEST,
            Self::Denied(_) | Self::NotAllowed(_) => StatusCode::FORBIDDEN,
            Self::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Self::Provider(error) if error.is_outage() => StatusCode::BAD_GATEWAY,
            Self::Provider(_) => StatusCode::UNAUTHORIZED,
            Self::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl ProviderLogins {
    pub(super) fn of(settings: &Settings) -> Option<Self> {
        let oidc = settings.oidc.is_on().then(|| settings.oidc.clone())?;
        Some(Self {
            allow: oidc.access.clone(),
            issuer: oidc.issuer.clone(),
            origin: Provider::origin(&oidc),
            provider: Arc::new(Provider::new(oidc)),
        })
    }
}

impl AccessControl {
    /// The host of the provider, if there is one.
    pub(crate) fn provider_host(&self) -> Option<String> {
        let host = url::Url::parse(self.issuer()?).ok()?.host_str()?.to_owned();
        Some(host)
    }

    pub(crate) fn issuer(&self) -> Option<&str> {
        self.provider.as_ref().map(|logins| logins.issuer.as_str())
    }

    pub(super) fn provider(&self) -> Option<Arc<Provider>> {
        self.provider.as_ref().map(|logins| Arc::clone(&logins.provider))
    }

    /// Whether somebody whom the provider knows may come in.
    pub(super) fn is_allowed(&self, visitor: &Visitor) -> bool {
        self.provider.as_ref().is_some_and(|logins| logins.allow.admits(&visitor.principal))
    }

    /// The address of the provider to lead a browser to, and what the browser is to keep.
    pub(crate) async fn begin_provider_login(
        &self,
        redirect: String,
        next: String,
    ) -> Result<(String, String), ProviderFailure> {
        let logins = self.provider.as_ref().ok_or(ProviderFailure::NoProvider)?;
        let provider = Arc::clone(&logins.provider);
        let begun = blocking(move || provider.begin(&redirect, next)).await??;
        Ok((begun.0.to_string(), begun.1.encode()))
    }

    /// Ends a login with what a browser has brought: a code, the state and perhaps the issuer. Returns who has
    /// come, the secret of the login, and the page to open.
    pub(crate) async fn end_provider_login(
        &self,
        visitor: &Visitor,
        headers: &HeaderMap,
        redirect: String,
        (code, state, issuer): (String, String, Option<String>),
    ) -> Result<(Visitor, String, String), ProviderFailure> {
        let logins = self.provider.as_ref().ok_or(ProviderFailure::NoProvider)?;
        // Each try costs the provider a request.
        if visitor.has_failed_too_often(Instant::now()) {
            return Err(ProviderFailure::TooMany);
        }
        let name = self.attempt_cookie_name();
        let mut kept = cookies::values(headers, &name).filter_map(LoginAttempt::decode);
        let is_own = |attempt: &LoginAttempt| {
            bool::from(attempt.state.as_bytes().ct_eq(state.as_bytes())) && !state.is_empty()
        };
        let attempt = kept.find(is_own).ok_or(ProviderFailure::NotBegun)?;
        // RFC 9207: a code of another provider is not sent to this one.
        if issuer.is_some_and(|issuer| issuer != logins.issuer) {
            return Err(ProviderFailure::OtherIssuer);
        }
        let (next, provider) = (attempt.next.clone(), Arc::clone(&logins.provider));
        let person = blocking(move || provider.finish(&redirect, attempt, code)).await??;
        let mut come = self.visitors.visitor(visitor.address(), Some(person.user.clone()));
        come.is_secure = visitor.is_secure;
        come.principal.groups = person.groups.as_slice().into();
        if !self.is_allowed(&come) {
            return Err(ProviderFailure::NotAllowed(person.user));
        }
        come.principal.is_admin = self.is_admin_by_group(&person.groups);
        self.end_logins(headers).await?;
        self.credentials.note_groups(&person.user, &person.groups);
        let lifetime = i64::try_from(self.login_lifetime().as_secs()).unwrap_or(i64::MAX);
        let login = NewCredential {
            scope: None,
            name: String::new(),
            user: person.user,
            groups: person.groups,
            origin: logins.origin.clone(),
            ends_at: now().saturating_add(lifetime),
        };
        let (secret, _) = self.credentials.add(login).await.map_err(|error| match error {
            NotMade::Database(error) => error,
            NotMade::TooMany => DatabaseError::Busy,
        })?;
        Ok((come, secret, next))
    }

    pub(crate) fn attempt_cookie_name(&self) -> String {
        format!("{}-attempt", self.cookie_name())
    }
}

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, DatabaseError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| DatabaseError::Stopped)
}
