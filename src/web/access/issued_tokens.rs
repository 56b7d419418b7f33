//! Tokens that the provider gives out to programs for `/mcp`, a protected resource (RFC 9728).

use std::{sync::Arc, time::Instant};

use actix_web::{
    dev::ServiceRequest,
    http::header::{self, HeaderMap, HeaderValue},
};

use crate::{authority::Authority, web::problem::Problem};

use super::{
    AccessControl, bearer,
    credentials::{Holder, now},
    provider_logins::{ProviderFailure, blocking},
};

/// The path that the tokens are for.
const RESOURCE: &str = "/mcp";

/// Where the resource is described.
const METADATA: &str = "/.well-known/oauth-protected-resource";

impl AccessControl {
    /// An address of this server, on the host that a request is for.
    pub(crate) fn full_address(&self, host: &str, is_secure: bool, path: &str) -> String {
        let scheme = if is_secure { "https" } else { "http" };
        format!("{scheme}://{host}{}", self.address(path))
    }

    /// What tokens are given out for, on this host; `None` without a provider.
    pub(crate) fn resource(&self, host: &str, is_secure: bool) -> Option<String> {
        self.issuer()?;
        let host: Authority = host.parse().ok()?;
        Some(self.full_address(&host.to_string(), is_secure, RESOURCE))
    }

    /// Who shows a token of the provider's for this resource. `None` is for the usual checks.
    pub(super) async fn token_holder(
        &self,
        request: &ServiceRequest,
        resource: String,
    ) -> Result<Option<Holder>, Problem> {
        // A personal token has no parts.
        let token = bearer(request.headers()).filter(|it| it.split('.').count() == 3);
        let (Some(token), Some(provider)) = (token.map(str::to_owned), self.provider()) else {
            return Ok(None);
        };
        let client = self.client(request);
        let visitor = self.visitors.visitor(client.address, None);
        // Checking one costs work, and may cost the provider a request.
        if visitor.has_failed_too_often(Instant::now()) {
            return Ok(None);
        }
        let shown = blocking(move || provider.holder(&token, &resource, now())).await;
        match shown.map_err(ProviderFailure::from) {
            Ok(Ok((person, ends_at))) => {
                let mut visitor = self.visitors.visitor(client.address, Some(person.user.clone()));
                visitor.principal.groups = person.groups.as_slice().into();
                if !self.is_allowed(&visitor) {
                    return Err(problem(&ProviderFailure::NotAllowed(person.user)));
                }
                Ok(Some(Holder::of_issued(person.user, Arc::from(person.groups), ends_at)))
            }
            Ok(Err(error)) if error.is_outage() => Err(problem(&error.into())),
            Ok(Err(error)) => {
                log::debug!("refused a token of the provider why={error}");
                Ok(None)
            }
            Err(failure) => Err(problem(&failure)),
        }
    }

    /// The resource, if a request is for it.
    pub(super) fn resource_of(&self, request: &ServiceRequest) -> Option<String> {
        if request.match_info().as_str() != RESOURCE {
            return None;
        }
        let host = self.host(request).ok()?;
        let is_secure = self.client(request).is_secure.unwrap_or(self.has_tls);
        self.resource(&host.to_string(), is_secure)
    }
}

/// Tells a program that shows no token where it is told how to get one.
pub(super) fn name_metadata(headers: &mut HeaderMap, resource: &str) {
    let base = resource.strip_suffix(RESOURCE).unwrap_or(resource);
    let Some(challenge) = headers.get(header::WWW_AUTHENTICATE) else { return };
    let challenge = String::from_utf8_lossy(challenge.as_bytes());
    let challenge = format!("{challenge}, resource_metadata=\"{base}{METADATA}\"");
    if let Ok(challenge) = HeaderValue::try_from(challenge) {
        headers.insert(header::WWW_AUTHENTICATE, challenge);
    }
}

fn problem(failure: &ProviderFailure) -> Problem {
    Problem::new(failure.status(), failure.to_string())
}
