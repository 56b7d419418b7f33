//! Access control: decides whether a request may reach its handler.
//!
//! It checks in this order: the host that the request is addressed to, who sent it, whether the page
//! that caused it may do so, its size, the visitor's rate limits, and the token or login.

pub(crate) mod bodies;
pub(crate) mod client_address;
pub(crate) mod credentials;
pub(crate) mod host_check;
pub(crate) mod issued_tokens;
pub(crate) mod login_sessions;
mod logins;
pub(crate) mod middleware;
pub(crate) mod origin_check;
mod peer;
pub(crate) mod problems;
#[cfg(feature = "oidc")]
pub(crate) mod provider;
#[cfg(not(feature = "oidc"))]
#[path = "access/no_provider.rs"]
pub(crate) mod provider;
pub(crate) mod provider_logins;
pub(crate) mod rate_limit;
mod request_size;
mod request_source;
pub(crate) mod response_headers;
pub(crate) mod roles;
mod token_bucket;

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use actix_web::{
    HttpMessage as _,
    dev::ServiceRequest,
    http::{
        Method,
        header::{self, HeaderMap},
    },
    web::ServiceConfig,
};

use crate::{
    authority::{Authority, Scheme},
    cluster::{Cluster, peers::HandedOn},
    config::{
        base_path::BasePath,
        settings::{Live, Settings},
    },
    signing::SigningKey,
};

use super::{cookies, problem::Problem};
pub(crate) use bodies::timeout_message as body_timeout_message;
use client_address::{ClientIdentity, TrustedProxies};
use credentials::{Credentials, Holder, TokenScope};
use host_check::AllowedHosts;
use login_sessions::LoginSessions;
use origin_check::{AllowedOrigins, RequestOrigin};
use provider_logins::ProviderLogins;
use rate_limit::{Permit, RateLimits, Visitor, Visitors};
use request_size::SizeLimits;
use response_headers::HeaderContext;
use roles::{AccessTokens, Role};

/// Delay of each request with a token while too many wrong ones come from its address. Together with
/// the limit of connections it bounds the rate of guesses.
const GUESSING_DELAY: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub(crate) struct AccessControl {
    hosts: AllowedHosts,
    origins: AllowedOrigins,
    proxies: TrustedProxies,
    user_header: Option<String>,
    groups_header: Option<String>,
    /// Groups whose members are admins.
    admin_groups: Vec<String>,
    /// Whether a token or a group makes an admin.
    knows_admins: bool,
    live: Live,
    tokens: AccessTokens,
    logins: LoginSessions,
    credentials: Credentials,
    provider: Option<ProviderLogins>,
    /// Whether people have names, which a credential needs.
    knows_people: bool,
    visitors: Arc<Visitors>,
    base: BasePath,
    has_tls: bool,
    sizes: SizeLimits,
    body_timeout: Duration,
    cluster: Cluster,
    /// What the cookies of logins are called; `None` where the port tells servers of one host apart.
    cookie: Option<String>,
    /// The port listened on, once it is known.
    port: OnceLock<u16>,
}

/// Whether a request sends a frame of a client without a WebSocket, or a question by itself, which are as
/// large as over one.
fn is_frame(method: &Method, path: &str) -> bool {
    method == Method::POST
        && (path.starts_with("/api/assistant/events/")
            || path == "/api/v1/ask"
            || path == "/mcp"
            || path == "/v1/chat/completions")
}

/// Whether a request sends a file for a question: those are larger than other bodies and take longer.
fn is_upload(method: &Method, path: &str) -> bool {
    method == Method::POST
        && path.starts_with("/api/assistant/conversations/")
        && path.ends_with("/attachments")
}

/// The token of a request's `Authorization` header.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    roles::bearer_token(headers.get(header::AUTHORIZATION)?.to_str().ok()?)
}

enum Decision {
    Admit(Box<Visitor>, Option<Permit>),
    /// A page of an allowed origin asks what it may send (CORS).
    AnswerPreflight,
}

impl AccessControl {
    /// The key is that of logins with a configured token.
    pub(crate) fn new(
        settings: &Settings,
        live: Live,
        cluster: Cluster,
        key: SigningKey,
    ) -> Arc<Self> {
        let (access, limits) = (&settings.access, &settings.visitor_limits);
        Arc::new(Self {
            groups_header: access.groups_header.clone(),
            admin_groups: access.admin_groups.clone(),
            knows_admins: access.has_token() || !access.admin_groups.is_empty(),
            live,
            hosts: AllowedHosts::new(&settings.listen, access.hosts.clone()),
            origins: AllowedOrigins::new(access.origins.clone()),
            proxies: TrustedProxies::new(access.trusted_proxies.clone()),
            user_header: access.user_header.clone(),
            tokens: AccessTokens::new(access.viewer_token.clone(), access.admin_token.clone()),
            logins: LoginSessions::new(key, access.login_lifetime),
            credentials: Credentials::new(limits.logins),
            provider: ProviderLogins::of(settings),
            knows_people: access.knows_people(),
            visitors: Visitors::new(RateLimits {
                requests: limits.connections_per_address,
                sockets: limits.sockets_per_visitor,
                turns: limits.turns_per_visitor,
                messages_per_minute: limits.messages_per_minute,
                wrong_tokens_per_minute: limits.failed_logins_per_minute,
                conversations_per_minute: limits.conversations_per_minute,
                starts_per_minute: limits.starts_per_minute,
            }),
            base: settings.base_path.clone(),
            has_tls: settings.tls.is_some(),
            sizes: SizeLimits {
                header_bytes: limits.header_bytes,
                body_bytes: limits.body_bytes,
                upload_bytes: settings.attachments.file_bytes,
                frame_bytes: settings.limits.frame_bytes,
            },
            body_timeout: settings.socket.request_timeout,
            // A login holds on all nodes, whatever their ports.
            cookie: cluster
                .is_clustered()
                .then(|| format!("cicerone-login-{}", settings.cluster.stream)),
            cluster,
            port: OnceLock::new(),
        })
    }

    /// Whether everybody is an admin: no token, and no project that only some may see.
    fn is_everybodys(&self) -> bool {
        !self.knows_admins && !self.live.get().is_restricted()
    }

    /// Sets the port listened on. Requests are refused before, and later calls change nothing.
    pub(crate) fn set_port(&self, port: u16) {
        self.port.set(port).unwrap_or_default();
    }

    pub(crate) fn configure(&self, config: &mut ServiceConfig) {
        self.sizes.configure(config);
    }

    /// Decides about a request, and fills in the context of its response's headers.
    fn admit(
        &self,
        request: &ServiceRequest,
        context: &mut HeaderContext,
    ) -> Result<Decision, Problem> {
        let (headers, method) = (request.headers(), request.method());
        let host = self.host(request)?;
        let client = self.client(request);
        let is_secure = client.is_secure.unwrap_or(self.has_tls);
        context.use_hsts = self.has_tls && !host.host.is_loopback();

        match self.origins.classify(request_source::of(headers), &host, is_secure) {
            RequestOrigin::Allowed(origin) => context.allowed_origin = Some(origin.to_string()),
            RequestOrigin::Foreign if !request_source::is_link(request) => {
                return Err(problems::foreign_page(headers));
            }
            RequestOrigin::Foreign | RequestOrigin::Own => (),
        }
        context.is_preflight = *method == Method::OPTIONS
            && context.allowed_origin.is_some()
            && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        if context.is_preflight {
            return Ok(Decision::AnswerPreflight);
        }

        self.sizes.check(headers, method, request.match_info().as_str())?;
        if roles::has_token(request.query_string()) {
            return Err(problems::token_in_url());
        }
        let mut visitor = self.visitor(request, client);
        visitor.is_secure = is_secure;
        let permit = visitor.begin_request().map_err(problems::limit_exceeded)?;
        let required = roles::required(method, request.match_info().as_str());
        visitor.role = self.role(headers, &visitor, required)?;
        visitor.principal.is_admin = !self.is_everybodys() && visitor.role == Some(Role::Admin);
        visitor.principal.reads_all =
            visitor.principal.is_admin && self.live.get().team.admins_read;
        match (required, visitor.role) {
            (Some(required), Some(role)) if required > role => Err(problems::admin_required()),
            (Some(_), None) => Err(problems::token_required()),
            (Some(_), _) if !visitor.may(roles::scope(method, request.match_info().as_str())) => {
                Err(problems::scope_required())
            }
            _ => Ok(Decision::Admit(Box::new(visitor), permit)),
        }
    }

    /// Who asks: the holder of a personal token or of a login with a provider, or else whom a proxy names.
    fn visitor(&self, request: &ServiceRequest, client: ClientIdentity) -> Visitor {
        // Before all that depends on it.
        let access_changes = self.live.access_changes();
        let issued = request.extensions().get::<Holder>().cloned();
        let holder = issued.or_else(|| self.holder(request.headers()));
        let (user, groups) = match &holder {
            Some(holder) => (Some(holder.user.clone()), Arc::clone(&holder.groups)),
            None => (client.user, client.groups.into()),
        };
        if let (None, Some(user), Some(_)) = (&holder, &user, &self.groups_header) {
            self.credentials.note_groups(user, &groups);
        }
        let mut visitor = self.visitors.visitor(client.address, user);
        visitor.principal.groups = groups;
        visitor.credential = holder;
        visitor.access_changes = access_changes;
        visitor
    }

    fn holder(&self, headers: &HeaderMap) -> Option<Holder> {
        if !self.knows_people {
            return None;
        }
        if let Some(token) = bearer(headers) {
            return self.credentials.of_token(token);
        }
        let name = self.cookie_name();
        cookies::values(headers, &name).find_map(|secret| self.credentials.of_login(secret))
    }

    fn host(&self, request: &ServiceRequest) -> Result<Authority, Problem> {
        let named = request.headers().get_all(header::HOST).map(|value| value.as_bytes());
        let in_line = request.uri().authority().map(|authority| authority.as_str().as_bytes());
        let scheme = if self.has_tls { Scheme::Https } else { Scheme::Http };
        let Some(port) = self.port.get() else {
            return Err(Problem::unavailable("The server is starting; try again in a moment."));
        };
        let host = match request.extensions().contains::<HandedOn>() {
            // The node that handed it on has checked it.
            true => AllowedHosts::named(named.chain(in_line)),
            false => self.hosts.check(named.chain(in_line), *port, scheme),
        };
        host.map_err(|error| problems::wrong_host(&error))
    }

    /// The role of a request's token or login, and of its user's groups. A token is looked at only if a role
    /// is required.
    fn role(
        &self,
        headers: &HeaderMap,
        visitor: &Visitor,
        required: Option<Role>,
    ) -> Result<Option<Role>, Problem> {
        if let Some(holder) = &visitor.credential {
            let may_administer = holder.scope.is_none_or(|scope| scope == TokenScope::Admin);
            let is_admin = may_administer && self.is_admin_by_group(&holder.groups);
            return Ok(Some(if is_admin { Role::Admin } else { Role::Viewer }));
        }
        let token = bearer(headers).filter(|_| required.is_some());
        // A personal token that is unknown is never taken for none.
        let token = token.filter(|it| self.needs_login() || it.starts_with(credentials::PREFIX));
        let shown = match token {
            Some(token) => Some(self.role_of_token(visitor, token)?),
            None if self.is_everybodys() => return Ok(Some(Role::Admin)),
            None if !self.needs_login() => Some(Role::Viewer),
            None => self.login_role(headers),
        };
        let is_admin = self.is_admin_by_group(&visitor.principal.groups);
        Ok(shown.map(|shown| if is_admin { Role::Admin } else { shown }))
    }

    /// Whether nobody is let in who shows nothing.
    fn needs_login(&self) -> bool {
        !self.tokens.is_empty() || self.provider.is_some()
    }

    pub(crate) fn has_tokens(&self) -> bool {
        !self.tokens.is_empty()
    }

    pub(crate) fn is_admin_by_group(&self, groups: &[String]) -> bool {
        groups.iter().any(|group| self.admin_groups.contains(group))
    }

    pub(crate) fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// The address of a path, below the base path.
    pub(crate) fn address(&self, path: &str) -> String {
        self.base.address(path)
    }

    /// A path of a page without the base path.
    pub(crate) fn own_path<'a>(&self, path: &'a str) -> &'a str {
        self.base.own_path(path).unwrap_or(path)
    }

    /// The role that a token grants. A right token works however many wrong ones came from its
    /// address: otherwise people could lock out those who share an address with them.
    fn role_of_token(&self, visitor: &Visitor, token: &str) -> Result<Role, Problem> {
        self.tokens.role(token).ok_or_else(|| match visitor.count_wrong_token(Instant::now()) {
            Ok(()) => problems::wrong_token(),
            Err(limit) => problems::limit_exceeded(limit),
        })
    }

    /// The delay of a request with a token from an address that has sent too many wrong ones. Right
    /// and wrong tokens wait alike, so the time reveals nothing.
    fn guessing_delay(&self, request: &ServiceRequest) -> Option<Duration> {
        let has_token = request.headers().contains_key(header::AUTHORIZATION)
            || (request.method() == Method::POST && request.match_info().as_str() == "/login");
        if !self.needs_login() || !has_token {
            return None;
        }
        let visitor = self.visitors.visitor(self.client(request).address, None);
        visitor.has_failed_too_often(Instant::now()).then_some(GUESSING_DELAY)
    }

    /// Browsers send a cookie to all ports of a host, so each server has a name of its own.
    pub(crate) fn cookie_name(&self) -> String {
        if let Some(name) = &self.cookie {
            return name.clone();
        }
        format!("cicerone-login-{}", self.port.get().copied().unwrap_or_default())
    }
}
