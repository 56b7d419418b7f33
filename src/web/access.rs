//! The access: every request passes it before anything else sees it. It asks, in this order: is the
//! request addressed to us, whom does it come from, may the page that sent it do this, is it of a
//! bearable size, and has whoever sent it form what is needed? What each answer rests on stands
//! in a module of its own; here they are put together and turned into responses.

pub(crate) mod bodies;
pub(crate) mod client_address;
pub(crate) mod host_check;
pub(crate) mod login;
pub(crate) mod login_sessions;
pub(crate) mod origin_check;
pub(crate) mod rate_limit;
mod request_source;
pub(crate) mod response_headers;
pub(crate) mod roles;

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use actix_web::{
    Error, HttpMessage as _, HttpResponse, ResponseError as _,
    body::{EitherBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    error::{InternalError, UrlencodedError},
    http::{
        Method, StatusCode,
        header::{self, HeaderMap, HeaderValue},
    },
    middleware::Next,
    web::{self, ServiceConfig},
};

use crate::{
    authority::{Authority, Scheme},
    config::settings::Settings,
};

use super::{connections::Connection, cookies, problem::Problem};
use bodies::Answering;
use client_address::{ForwardedHeaders, TrustedProxies};
use host_check::{AllowedHosts, WrongHost};
use login_sessions::LoginSessions;
use origin_check::{AllowedOrigins, RequestOrigin};
use rate_limit::{Bounds, LimitExceeded, Permit, Visitor, Visitors};
use response_headers::HeaderContext;
use roles::{AccessTokens, Role};

/// Of a text that came from outside, as much as an answer or a log line repeats.
const LONGEST_QUOTE: usize = 100;

/// How long a request with a token waits while too many wrong ones come from its address. With the
/// connections that one address may have, this bounds how fast it can guess.
const GUESSING_DELAY: Duration = Duration::from_millis(500);

/// See the module.
#[derive(Debug)]
pub(crate) struct AccessControl {
    hosts: AllowedHosts,
    origins: AllowedOrigins,
    proxies: TrustedProxies,
    user_header: Option<String>,
    tokens: AccessTokens,
    logins: LoginSessions,
    visitors: Arc<Visitors>,
    has_tls: bool,
    body_bytes: usize,
    header_bytes: usize,
    /// Time for the body of a request.
    body_time: Duration,
    /// The port that is listened on, once it is known.
    port: OnceLock<u16>,
}

/// What becomes of a request.
enum Answer {
    /// It goes on, as this visitor's.
    Pass(Visitor, Option<Permit>),
    /// A page of another origin asks what it may send.
    Preflight,
}

impl AccessControl {
    /// The access of a server that listens as `settings` say.
    pub(crate) fn new(settings: &Settings) -> Arc<Self> {
        let (access, limits) = (&settings.access, &settings.visitor_limits);
        Arc::new(Self {
            hosts: AllowedHosts::new(&settings.listen, access.hosts.clone()),
            origins: AllowedOrigins::new(access.origins.clone()),
            proxies: TrustedProxies::new(access.trusted_proxies.clone()),
            user_header: access.user_header.clone(),
            tokens: AccessTokens::new(access.viewer_token.clone(), access.admin_token.clone()),
            logins: LoginSessions::new(access.login_lifetime, limits.logins),
            visitors: Visitors::new(Bounds {
                requests: limits.connections_per_address,
                sockets: limits.sockets_per_visitor,
                turns: limits.turns_per_visitor,
                messages: limits.messages_per_minute,
                failures: limits.failed_logins_per_minute,
                conversations: limits.conversations_per_minute,
                starts: limits.starts_per_minute,
            }),
            has_tls: settings.tls.is_some(),
            body_bytes: limits.body_bytes,
            header_bytes: limits.header_bytes,
            body_time: settings.socket.request_timeout,
            port: OnceLock::new(),
        })
    }

    /// Tells the port that is listened on. Before, nobody is let in.
    pub(crate) fn open(&self, port: u16) {
        // It does not change.
        self.port.set(port).unwrap_or_default();
    }

    /// Bounds the bodies that handlers read, also where their length is not forwarded before.
    pub(crate) fn configure(&self, config: &mut ServiceConfig) {
        let refuse = |error: &dyn std::fmt::Display, status: StatusCode| {
            InternalError::from_response(
                "",
                Problem::new(status, error.to_string()).error_response(),
            )
        };
        let form =
            web::FormConfig::default().limit(self.body_bytes).error_handler(move |error, _| {
                match &error {
                    UrlencodedError::Payload(cause) if let Some(words) = bodies::overdue(cause) => {
                        refuse(&words, StatusCode::REQUEST_TIMEOUT).into()
                    }
                    _ => refuse(&error, error.status_code()).into(),
                }
            });
        let payload = web::PayloadConfig::new(self.body_bytes);
        config.app_data(form).app_data(payload);
    }

    /// Looks at a request. What is found out for the headers of the response goes to `header_context`.
    fn admit(
        &self,
        request: &ServiceRequest,
        header_context: &mut HeaderContext,
    ) -> Result<Answer, Problem> {
        let (head, method) = (request.headers(), request.method());
        let host = self.host(request)?;
        let peer = self.peer(request);
        let is_secure = peer.is_secure.unwrap_or(self.has_tls);
        header_context.only_tls = self.has_tls && !host.host.is_loopback();

        let page = self.origins.page(request_source::sender(head), &host, is_secure);
        match &page {
            RequestOrigin::Named(origin) => header_context.reader = Some(origin.to_string()),
            RequestOrigin::Foreign if !request_source::is_link(request) => {
                return Err(foreign_page(head));
            }
            RequestOrigin::Foreign | RequestOrigin::Own => (),
        }
        header_context.is_preflight = *method == Method::OPTIONS
            && header_context.reader.is_some()
            && head.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        if header_context.is_preflight {
            return Ok(Answer::Preflight);
        }

        self.check_size(head)?;
        if roles::has_token(request.query_string()) {
            let words = "A token does not belong into an address, where histories and logs keep it. \
                         Log in at /login, or send the header `Authorization: Bearer TOKEN`.";
            return Err(Problem::new(StatusCode::BAD_REQUEST, words));
        }
        let mut visitor = self.visitors.visitor(peer.address, peer.user);
        visitor.is_secure = is_secure;
        let permit = visitor.begin_request().map_err(|many| too_many(&many))?;
        let needed = roles::needed(method, request.match_info().as_str());
        visitor.role = self.role(request, &visitor, needed)?;
        match (needed, visitor.role) {
            (Some(needed), Some(role)) if needed > role => Err(not_admin()),
            (Some(_), None) => Err(nothing_shown()),
            _ => Ok(Answer::Pass(visitor, permit)),
        }
    }

    fn host(&self, request: &ServiceRequest) -> Result<Authority, Problem> {
        let named = request.headers().get_all(header::HOST).map(|value| value.as_bytes());
        let in_line = request.uri().authority().map(|authority| authority.as_str().as_bytes());
        let scheme = if self.has_tls { Scheme::Https } else { Scheme::Http };
        let Some(port) = self.port.get() else {
            return Err(Problem::unavailable("the server is being started"));
        };
        self.hosts.host(named.chain(in_line), *port, scheme).map_err(|wrong| match wrong {
            WrongHost::Unclear => {
                let words = "A request names one host, in its `Host` header.";
                Problem::new(StatusCode::BAD_REQUEST, words)
            }
            WrongHost::Another(host) => {
                let host = quote(host.to_string().as_bytes());
                let words = format!(
                    "This server is not addressed as {host}; if it should be, add that to \
                     `access.hosts`."
                );
                Problem::new(StatusCode::MISDIRECTED_REQUEST, words)
            }
        })
    }

    fn peer(&self, request: &ServiceRequest) -> client_address::ClientIdentity {
        let all =
            |name: &str| request.headers().get_all(name).map(|value| value.as_bytes()).collect();
        let forwarded = ForwardedHeaders {
            forwarded_for: all("x-forwarded-for"),
            proto: request.headers().get("x-forwarded-proto").map(|value| value.as_bytes()),
            user: self.user_header.as_deref().map_or_else(Vec::new, all),
        };
        let nobody = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        let socket = request.peer_addr().map_or(nobody, |address| address.ip());
        self.proxies.peer(socket, &forwarded)
    }

    fn check_size(&self, head: &HeaderMap) -> Result<(), Problem> {
        let bytes: usize = head.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        if bytes > self.header_bytes {
            let words = format!(
                "The headers have {bytes} bytes, and at most {} are taken.",
                self.header_bytes
            );
            return Err(Problem::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, words));
        }
        let is_plain = |coding: &HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"identity");
        if !head.get_all(header::CONTENT_ENCODING).all(is_plain) {
            // A few bytes could be unpacked to any number before one is counted.
            let words = "A compressed body is not taken; send it as it is.";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, words));
        }
        let length = head.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
        // What is no number was refused before.
        let length: u64 = length.and_then(|length| length.parse().ok()).unwrap_or(0);
        if length > u64::try_from(self.body_bytes).unwrap_or(u64::MAX) {
            let words =
                format!("The body has {length} bytes, and at most {} are taken.", self.body_bytes);
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, words));
        }
        Ok(())
    }

    /// The role of whoever sent a request. A wrong token is forwarded where one is needed.
    fn role(
        &self,
        request: &ServiceRequest,
        visitor: &Visitor,
        needed: Option<Role>,
    ) -> Result<Option<Role>, Problem> {
        if self.tokens.is_empty() {
            return Ok(Some(Role::Admin));
        }
        let authorization = request.headers().get(header::AUTHORIZATION);
        let authorization = authorization.and_then(|value| value.to_str().ok());
        match authorization.and_then(roles::bearer) {
            Some(token) if needed.is_some() => self.role_of_token(visitor, token).map(Some),
            _ => Ok(self.login(request.headers())),
        }
    }

    /// The role that a token gives. A wrong one counts against the address that showed it; a right
    /// one is taken however many wrong ones came from there, or whoever shares an address could
    /// be shut out by a neighbour.
    fn role_of_token(&self, visitor: &Visitor, token: &str) -> Result<Role, Problem> {
        self.tokens.role(token).ok_or_else(|| match visitor.count_failure(Instant::now()) {
            Ok(()) => {
                let words = "This token is not one of this server's.";
                unauthorized(words, ", error=\"invalid_token\"")
            }
            Err(many) => too_many(&many),
        })
    }

    /// How long a request with a token waits before the token is looked at: its address has form
    /// too many wrong ones. Right and wrong ones wait alike, so that none can be forwarded by its time.
    fn delay(&self, request: &ServiceRequest) -> Option<Duration> {
        let shows_token = request.headers().contains_key(header::AUTHORIZATION)
            || (request.method() == Method::POST && request.match_info().as_str() == "/login");
        if self.tokens.is_empty() || !shows_token {
            return None;
        }
        let visitor = self.visitors.visitor(self.peer(request).address, None);
        visitor.has_failed_too_often(Instant::now()).then_some(GUESSING_DELAY)
    }

    /// The role of a browser that has logged in.
    fn login(&self, head: &HeaderMap) -> Option<Role> {
        let now = Instant::now();
        let name = self.cookie_name();
        cookies::values(head, &name).filter_map(|id| self.logins.role(id, now)).max()
    }

    /// Ends what logins the browser has.
    fn log_out(&self, head: &HeaderMap) {
        let name = self.cookie_name();
        cookies::values(head, &name).for_each(|id| self.logins.end(id));
    }

    /// Cookies are sent to all ports of a host: each server has one of its own.
    fn cookie_name(&self) -> String {
        format!("cicerone-login-{}", self.port.get().copied().unwrap_or_default())
    }
}

/// The middleware.
pub(crate) async fn pass<B: MessageBody + 'static>(
    access: Arc<AccessControl>,
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<Answering<EitherBody<B>>>, Error> {
    let connection = request.conn_data::<Arc<Connection>>().cloned();
    let guard = connection.map(|connection| connection.begin_request());
    // A WebSocket's frames come as such a body too.
    let is_socket =
        request.method() == Method::GET && request.headers().contains_key(header::UPGRADE);
    if !is_socket {
        let body = request.take_payload();
        request.set_payload(bodies::timed(body, access.body_time));
    }
    let by_origin = !access.origins.is_empty();
    let mut header_context = HeaderContext { by_origin, ..HeaderContext::default() };
    if let Some(delay) = access.delay(&request) {
        tokio::time::sleep(delay).await;
    }
    let mut permit = None;
    let mut response = match access.admit(&request, &mut header_context) {
        Ok(Answer::Pass(visitor, its_permit)) => {
            permit = its_permit;
            request.extensions_mut().insert(visitor);
            match next.call(request).await {
                Ok(response) => response.map_into_left_body(),
                Err(error) => {
                    let mut response = error.error_response();
                    response_headers::secure(response.headers_mut(), &header_context);
                    return Err(InternalError::from_response(error, response).into());
                }
            }
        }
        Ok(Answer::Preflight) => {
            request.into_response(HttpResponse::NoContent().finish()).map_into_right_body()
        }
        Err(problem) => {
            let path = quote(request.path().as_bytes());
            log::debug!("refused method={} path={path} why={problem}", request.method());
            request.into_response(problem.error_response()).map_into_right_body()
        }
    };
    response_headers::secure(response.headers_mut(), &header_context);
    Ok(response.map_body(|_, body| Answering::new(body, guard, permit)))
}

fn foreign_page(head: &HeaderMap) -> Problem {
    let origin = head.get(header::ORIGIN).map(|value| quote(value.as_bytes()));
    let words = match origin {
        Some(origin) => format!(
            "A page of {origin} may not do this; if it should, add its origin to `access.origins`."
        ),
        None => "A page of another site may not do this.".to_owned(),
    };
    Problem::new(StatusCode::FORBIDDEN, words)
}

fn nothing_shown() -> Problem {
    let words = "This needs a token. Log in at /login, or send the header `Authorization: Bearer \
                 TOKEN`.";
    unauthorized(words, "")
}

fn unauthorized(words: &str, parameters: &str) -> Problem {
    let challenge = format!("Bearer realm=\"cicerone\"{parameters}");
    Problem::new(StatusCode::UNAUTHORIZED, words).with_header(header::WWW_AUTHENTICATE, challenge)
}

fn not_admin() -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "This needs the token of an admin.")
}

/// 429: the visitor has as much as one may have.
pub(super) fn too_many(many: &LimitExceeded) -> Problem {
    let seconds = rate_limit::seconds(many.retry_after).to_string();
    Problem::new(StatusCode::TOO_MANY_REQUESTS, many.words.clone())
        .with_header(header::RETRY_AFTER, seconds)
}

/// A text from outside, so that it can be repeated: in quotes, escaped and of bounded length.
fn quote(text: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(text).chars().take(LONGEST_QUOTE).collect();
    format!("{text:?}")
}
