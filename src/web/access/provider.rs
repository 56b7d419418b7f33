//! Logins with an OpenID Connect provider: the authorisation code with PKCE, a state and a nonce.
//!
//! All of it blocks, and belongs on a thread where that is allowed.

mod access_token;
mod person;

use std::{
    error::Error,
    io,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use openidconnect::{
    AuthorizationCode, ClaimsVerificationError, ClientId, ClientSecret, CsrfToken, HttpRequest,
    HttpResponse, IssuerUrl, Nonce, OAuth2TokenResponse as _, PkceCodeChallenge, PkceCodeVerifier,
    RedirectUrl, Scope,
    core::{
        CoreAuthenticationFlow, CoreClient, CoreClientAuthMethod, CoreIdToken,
        CoreJwsSigningAlgorithm, CoreProviderMetadata,
    },
};
use serde_json::{Map, Value};
use ureq::Agent;
use url::Url;

use crate::{config::settings::OidcSettings, http_client};
use access_token::{BadToken, Expected};
pub(crate) use person::ProvenPerson;

/// Longest silence of the provider.
const SILENCE: Duration = Duration::from_secs(10);

/// The longest that one request takes.
const REQUEST: Duration = Duration::from_secs(20);

/// Largest answer of the provider, in bytes.
const MAX_ANSWER: u64 = 1024 * 1024;

/// How long what the provider says of itself, and its keys, count.
const METADATA_LIFETIME: Duration = Duration::from_secs(3600);

/// They are not fetched again sooner, whatever comes with an unknown key.
const METADATA_PAUSE: Duration = Duration::from_secs(10);

/// How much the provider's clock and ours may differ.
const SKEW: Duration = Duration::from_secs(60);

/// Signatures that count. None is by a secret that both sides know, and none is no signature.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// A provider of logins.
#[derive(Debug)]
pub(crate) struct Provider {
    settings: OidcSettings,
    agent: Agent,
    metadata: Mutex<Option<(Arc<CoreProviderMetadata>, Instant)>>,
}

/// What a browser keeps between the begin of a login and its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LoginAttempt {
    pub(crate) state: String,
    nonce: String,
    verifier: String,
    /// The path of the page to open then.
    pub(crate) next: String,
}

/// Why somebody has not logged in, in words for a person.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProviderError {
    #[error("The login service {issuer} cannot be reached: {why}. Try again in a while.")]
    Unreachable { issuer: String, why: String },
    #[error("The login service did not accept this login: {0}. Begin it again.")]
    Refused(String),
    #[error("The login service sent an answer that cannot be trusted: {0}. Begin the login again.")]
    Untrusted(String),
    #[error("The login service tells no `{0}` of you, by which you are known here.")]
    NoName(String),
    #[error("Your address of electronic mail is not confirmed with the login service.")]
    Unconfirmed,
}

impl ProviderError {
    /// Whether the provider cannot be reached.
    pub(crate) fn is_outage(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }
}

impl LoginAttempt {
    /// As it stands in a cookie.
    pub(crate) fn encode(&self) -> String {
        let next = BASE64_URL_SAFE_NO_PAD.encode(&self.next);
        format!("{}.{}.{}.{next}", self.state, self.nonce, self.verifier)
    }

    /// Reads what a cookie holds.
    pub(crate) fn decode(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let mut part = || parts.next().filter(|part| !part.is_empty());
        let (state, nonce, verifier, next) = (part()?, part()?, part()?, part()?);
        let next = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(next).ok()?).ok()?;
        let [state, nonce, verifier] = [state, nonce, verifier].map(str::to_owned);
        parts.next().is_none().then_some(Self { state, nonce, verifier, next })
    }
}

impl Provider {
    pub(crate) fn new(settings: OidcSettings) -> Self {
        let agent = http_client::config(&settings.issuer, SILENCE).new_agent();
        Self { settings, agent, metadata: Mutex::default() }
    }

    /// Names the provider and what it knows this server as: logins with another one do not count.
    pub(crate) fn origin(settings: &OidcSettings) -> String {
        format!("{} {}", settings.issuer, settings.client_id)
    }

    /// The address to send a browser to, and what it must bring back.
    pub(crate) fn begin(
        &self,
        redirect: &str,
        next: String,
    ) -> Result<(Url, LoginAttempt), ProviderError> {
        let client = client(&*self.metadata(METADATA_LIFETIME)?, &self.settings, redirect)?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let scopes = self.settings.scopes.iter().cloned().map(Scope::new);
        let (url, state, nonce) = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                CsrfToken::new_random,
                Nonce::new_random,
            )
            .add_scopes(scopes)
            .set_pkce_challenge(challenge)
            .url();
        let attempt = LoginAttempt {
            state: state.secret().clone(),
            nonce: nonce.secret().clone(),
            verifier: verifier.secret().clone(),
            next,
        };
        Ok((url, attempt))
    }

    /// Exchanges the code that a browser has brought for who it is.
    pub(crate) fn finish(
        &self,
        redirect: &str,
        attempt: LoginAttempt,
        code: String,
    ) -> Result<ProvenPerson, ProviderError> {
        let metadata = self.metadata(METADATA_LIFETIME)?;
        let exchange = client(&metadata, &self.settings, redirect)?
            .exchange_code(AuthorizationCode::new(code))
            .map_err(|error| ProviderError::Untrusted(error.to_string()))?
            .set_pkce_verifier(PkceCodeVerifier::new(attempt.verifier))
            .request(&|request: HttpRequest| self.send(request));
        let tokens = exchange.map_err(|error| self.explain(&error))?;
        let id_token = tokens.extra_fields().id_token();
        let id_token =
            id_token.ok_or_else(|| ProviderError::Untrusted("it has no ID token".to_owned()))?;
        let nonce = Nonce::new(attempt.nonce);
        match verify(&metadata, &self.settings, id_token, &nonce) {
            // It may have new keys.
            Err(ClaimsVerificationError::SignatureVerification(_)) => {
                let metadata = self.metadata(METADATA_PAUSE)?;
                verify(&metadata, &self.settings, id_token, &nonce)
            }
            verified => verified,
        }
        .map_err(|error| ProviderError::Untrusted(words(&error)))?;
        let mut claims = payload(id_token)?;
        let is_told = |claims: &Map<String, Value>| {
            person::claim(claims, &self.settings.name_claim).is_some()
                && person::claim(claims, &self.settings.groups_claim).is_some()
        };
        if let Some(userinfo) = metadata.userinfo_endpoint().filter(|_| !is_told(&claims)) {
            let more = self.userinfo(userinfo.as_str(), tokens.access_token().secret())?;
            // OpenID Connect Core 5.3.2: it could be of somebody else.
            if more.get("sub") != claims.get("sub") {
                let why = "it tells of another person than it let in".to_owned();
                return Err(ProviderError::Untrusted(why));
            }
            more.into_iter().for_each(|(name, value)| {
                claims.entry(name).or_insert(value);
            });
        }
        person::proven(&claims, &self.settings)
    }

    /// Who holds an access token of the provider that was given out for `resource`, and until when, in seconds
    /// since 1970.
    pub(crate) fn holder(
        &self,
        token: &str,
        resource: &str,
        now: i64,
    ) -> Result<(ProvenPerson, i64), ProviderError> {
        let verified = |age| {
            let metadata = self.metadata(age)?;
            let expected = Expected { issuer: metadata.issuer(), resource, now };
            Ok::<_, ProviderError>(access_token::verified(token, metadata.jwks(), expected))
        };
        let verified = match verified(METADATA_LIFETIME)? {
            // It may have new keys.
            Err(BadToken::UnknownKey) => verified(METADATA_PAUSE)?,
            verified => verified,
        };
        let (claims, ends_at) =
            verified.map_err(|error| ProviderError::Untrusted(error.to_string()))?;
        Ok((person::proven(&claims, &self.settings)?, ends_at))
    }

    /// What the provider says of itself, no older than this.
    fn metadata(&self, age: Duration) -> Result<Arc<CoreProviderMetadata>, ProviderError> {
        let kept = self.metadata.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((metadata, at)) = kept
            && at.elapsed() < age
        {
            return Ok(metadata);
        }
        let issuer = IssuerUrl::new(self.settings.issuer.clone())
            .map_err(|error| ProviderError::Untrusted(error.to_string()))?;
        let found =
            CoreProviderMetadata::discover(&issuer, &|request: HttpRequest| self.send(request));
        let found = Arc::new(found.map_err(|error| self.explain(&error))?);
        let mut kept = self.metadata.lock().unwrap_or_else(PoisonError::into_inner);
        *kept = Some((Arc::clone(&found), Instant::now()));
        Ok(found)
    }

    fn userinfo(&self, address: &str, token: &str) -> Result<Map<String, Value>, ProviderError> {
        let unreachable =
            |why: String| ProviderError::Unreachable { issuer: self.settings.issuer.clone(), why };
        let request = ureq::http::Request::get(address)
            .header("authorization", format!("Bearer {token}"))
            .header("accept", "application/json")
            .body(Vec::new())
            .map_err(|error| unreachable(error.to_string()))?;
        let answer = self.send(request).map_err(|error| unreachable(error.to_string()))?;
        serde_json::from_slice(answer.body())
            .map_err(|_| ProviderError::Untrusted("what it tells of you is no JSON".to_owned()))
    }

    /// Sends a request of the protocol. A provider that is reached safely leads nowhere else.
    fn send(&self, request: HttpRequest) -> Result<HttpResponse, ureq::Error> {
        let is_safe = request.uri().scheme_str() == Some("https");
        if self.settings.issuer.starts_with("https:") && !is_safe {
            let words = "the login service leads to an address without TLS";
            return Err(io::Error::other(words).into());
        }
        let (parts, body) = request.into_parts();
        let answer = if body.is_empty() {
            let request = ureq::http::Request::from_parts(parts, ());
            self.run(request)
        } else {
            self.run(ureq::http::Request::from_parts(parts, body))
        };
        let (parts, mut body) = answer?.into_parts();
        let body = body.with_config().limit(MAX_ANSWER).read_to_vec()?;
        Ok(ureq::http::Response::from_parts(parts, body))
    }

    fn run<B: ureq::AsSendBody>(
        &self,
        request: ureq::http::Request<B>,
    ) -> Result<ureq::http::Response<ureq::Body>, ureq::Error> {
        let configured = self.agent.configure_request(request);
        self.agent.run(configured.timeout_global(Some(REQUEST)).build())
    }

    fn explain(&self, error: &(dyn Error + 'static)) -> ProviderError {
        let mut cause = Some(error);
        let mut is_refused = true;
        while let Some(it) = cause {
            is_refused &= it.downcast_ref::<ureq::Error>().is_none();
            cause = it.source();
        }
        match is_refused {
            true => ProviderError::Refused(words(error)),
            false => {
                let issuer = self.settings.issuer.clone();
                ProviderError::Unreachable { issuer, why: words(error) }
            }
        }
    }
}

type Client = CoreClient<
    openidconnect::EndpointSet,
    openidconnect::EndpointNotSet,
    openidconnect::EndpointNotSet,
    openidconnect::EndpointNotSet,
    openidconnect::EndpointMaybeSet,
    openidconnect::EndpointMaybeSet,
>;

fn client(
    metadata: &CoreProviderMetadata,
    settings: &OidcSettings,
    redirect: &str,
) -> Result<Client, ProviderError> {
    let secret = settings.secret.as_ref().map(|it| ClientSecret::new(it.reveal().to_owned()));
    let redirect = RedirectUrl::new(redirect.to_owned())
        .map_err(|error| ProviderError::Untrusted(error.to_string()))?;
    let client = CoreClient::from_provider_metadata(
        metadata.clone(),
        ClientId::new(settings.client_id.clone()),
        secret,
    );
    let methods = metadata.token_endpoint_auth_methods_supported();
    let takes_header =
        methods.is_none_or(|methods| methods.contains(&CoreClientAuthMethod::ClientSecretBasic));
    let how = match takes_header {
        true => openidconnect::AuthType::BasicAuth,
        false => openidconnect::AuthType::RequestBody,
    };
    Ok(client.set_redirect_uri(redirect).set_auth_type(how))
}

/// Checks the issuer, the audience, the signature, the times and the nonce of an ID token.
fn verify(
    metadata: &CoreProviderMetadata,
    settings: &OidcSettings,
    id_token: &CoreIdToken,
    nonce: &Nonce,
) -> Result<(), ClaimsVerificationError> {
    let now = || DateTime::<Utc>::from(SystemTime::now());
    let verifier = openidconnect::core::CoreIdTokenVerifier::new_public_client(
        ClientId::new(settings.client_id.clone()),
        metadata.issuer().clone(),
        metadata.jwks().clone(),
    );
    let verifier = verifier
        .set_allowed_algs(ALGORITHMS)
        .set_time_fn(move || now() - SKEW)
        .set_issue_time_verifier_fn(move |issued| match issued <= now() + SKEW {
            true => Ok(()),
            false => Err("it was issued in the future".to_owned()),
        });
    id_token.claims(&verifier, nonce).map(drop)
}

/// All claims of an ID token that was verified.
fn payload(id_token: &CoreIdToken) -> Result<Map<String, Value>, ProviderError> {
    let text = id_token.to_string();
    let claims = text.split('.').nth(1).and_then(|part| access_token::object(part).ok());
    claims.ok_or_else(|| ProviderError::Untrusted("its ID token is no JSON".to_owned()))
}

/// An error with its causes, in one line.
fn words(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(it) = cause {
        text = format!("{text}: {it}");
        cause = it.source();
    }
    text
}
