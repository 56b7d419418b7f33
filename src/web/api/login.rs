//! Login and logout: with a token, or with a provider (OpenID Connect), for a cookie.

use std::sync::Arc;

use actix_web::{
    HttpRequest, HttpResponse,
    cookie::{Cookie, SameSite, time::Duration as CookieDuration},
    http::{StatusCode, header},
    web::{Data, Form, Query, ReqData},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use crate::{
    database::messages::ActionKind,
    markdown::escape::push_escaped,
    web::{
        access::{AccessControl, provider_logins::ProviderFailure, rate_limit::Visitor},
        assets,
        problem::{HandlerResult, Problem, ProblemResponse},
        state::AppState,
    },
};

use super::actions;

/// Longest path that a login leads back to, in bytes.
const MAX_NEXT: usize = 500;

#[derive(Deserialize, ToSchema)]
#[schema(as = Login)]
pub(crate) struct LoginForm {
    /// The token of a viewer or of an admin.
    token: String,
}

/// How somebody can log in.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LoginOptions)]
pub(crate) struct LoginOptions {
    /// Whether a token is taken.
    token: bool,
    /// The host of the provider, if there is one.
    provider: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct BeginQuery {
    /// The path of the page to open after the login.
    next: Option<String>,
}

/// What a provider sends a browser back with.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct CallbackQuery {
    code: Option<String>,
    state: Option<String>,
    iss: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

/// `GET /api/me`: who is asking, as the server sees it.
#[utoipa::path(
    get,
    path = "/api/me",
    tag = "login",
    responses((status = 200, body = Value), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn me(
    access: Data<Arc<AccessControl>>,
    visitor: ReqData<Visitor>,
    request: HttpRequest,
) -> HttpResponse {
    HttpResponse::Ok().json(json!({
        "role": visitor.role,
        "user": visitor.principal.user,
        "can_log_out": access.has_login(request.headers()),
        "can_make_tokens": visitor.principal.user.is_some() && !visitor.has_token_of_person(),
    }))
}

/// `GET /login/options`: how one can log in.
#[utoipa::path(
    get,
    path = "/login/options",
    tag = "login",
    responses((status = 200, body = LoginOptions), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn options(access: Data<Arc<AccessControl>>) -> HttpResponse {
    HttpResponse::Ok()
        .json(LoginOptions { token: access.has_tokens(), provider: access.provider_host() })
}

/// How programs get tokens for `/mcp` (RFC 9728).
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ResourceMetadata {
    /// For what a token must be given out.
    resource: String,
    resource_name: &'static str,
    authorization_servers: [String; 1],
    bearer_methods_supported: [&'static str; 1],
}

/// `GET /.well-known/oauth-protected-resource`: how programs get tokens for `/mcp`.
#[utoipa::path(
    get,
    path = "/.well-known/oauth-protected-resource",
    tag = "login",
    responses((status = 200, body = ResourceMetadata), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn resource(
    access: Data<Arc<AccessControl>>,
    visitor: ReqData<Visitor>,
    request: HttpRequest,
) -> HandlerResult {
    let found = access.issuer().zip(access.resource(host(&request), visitor.is_secure));
    let (issuer, resource) =
        found.ok_or_else(|| Problem::not_found("This server has no login service."))?;
    Ok(HttpResponse::Ok().json(ResourceMetadata {
        resource,
        resource_name: "Cicerone",
        authorization_servers: [issuer.to_owned()],
        bearer_methods_supported: ["header"],
    }))
}

/// `POST /login`: a token for a cookie. The cookie holds a random id and not the token.
#[utoipa::path(
    post,
    path = "/login",
    tag = "login",
    request_body(content = LoginForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = Value), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn log_in(
    state: Data<AppState>,
    access: Data<Arc<AccessControl>>,
    visitor: ReqData<Visitor>,
    request: HttpRequest,
    form: Form<LoginForm>,
) -> HandlerResult {
    let begun = access.log_in(&visitor, request.headers(), form.token.trim()).await;
    let record = async |kind, visitor: &Visitor| {
        actions::record_of_server(&state, visitor, kind, &visitor.address().to_string()).await
    };
    let (role, id) = match begun {
        Ok(begun) => begun,
        Err(problem) => {
            // Those beyond the limit are not recorded, or guesses would fill the disk.
            if problem.status() == StatusCode::UNAUTHORIZED {
                record(ActionKind::FailedLogin, &visitor).await?;
            }
            return Err(problem);
        }
    };
    log::info!("login role={role:?}");
    record(ActionKind::LoggedIn, &visitor).await?;
    let cookie = cookie(&access, id, visitor.is_secure, SameSite::Strict);
    Ok(HttpResponse::Ok().cookie(cookie).json(json!({ "role": role })))
}

/// `GET /login/begin?next=`: leads to the provider.
#[utoipa::path(
    get,
    path = "/login/begin",
    tag = "login",
    params(BeginQuery),
    responses((status = 303, description = "Leads to the provider"), (status = "default", description = "Why not, as a page", body = String, content_type = "text/html")),
)]
pub(crate) async fn begin(
    access: Data<Arc<AccessControl>>,
    visitor: ReqData<Visitor>,
    query: Query<BeginQuery>,
    request: HttpRequest,
) -> HttpResponse {
    let next = page_to_open(query.next.as_deref().map(|next| access.own_path(next)));
    let redirect = callback_address(&access, &request, &visitor);
    match access.begin_provider_login(redirect, next).await {
        Ok((address, kept)) => {
            let attempt = attempt_cookie(&access, kept, visitor.is_secure);
            let mut response = HttpResponse::SeeOther();
            response.insert_header((header::LOCATION, address)).cookie(attempt).finish()
        }
        Err(failure) => failure_page(&access, &failure),
    }
}

/// `GET /login/callback`: back from the provider, with a code.
#[utoipa::path(
    get,
    path = "/login/callback",
    tag = "login",
    params(CallbackQuery),
    responses((status = 303, description = "Logged in; leads to the page"), (status = "default", description = "Why not, as a page", body = String, content_type = "text/html")),
)]
pub(crate) async fn callback(
    state: Data<AppState>,
    access: Data<Arc<AccessControl>>,
    visitor: ReqData<Visitor>,
    query: Query<CallbackQuery>,
    request: HttpRequest,
) -> HandlerResult {
    let redirect = callback_address(&access, &request, &visitor);
    let CallbackQuery { code, state: shown, iss, error, error_description } = query.into_inner();
    let refused = error.map(|error| error_description.unwrap_or(error));
    let brought = match (refused, code, shown) {
        (Some(words), ..) => Err(ProviderFailure::Denied(words)),
        (None, Some(code), Some(shown)) => Ok((code, shown, iss)),
        _ => Err(ProviderFailure::NotBegun),
    };
    let begun = match brought {
        Ok(brought) => {
            access.end_provider_login(&visitor, request.headers(), redirect, brought).await
        }
        Err(failure) => Err(failure),
    };
    let mut attempt = attempt_cookie(&access, String::new(), visitor.is_secure);
    attempt.make_removal();
    let address = visitor.address().to_string();
    match begun {
        Ok((visitor, secret, next)) => {
            actions::record_of_server(&state, &visitor, ActionKind::LoggedIn, &address).await?;
            // Strict would leave it out of the request that the provider's page has led to.
            let cookie = cookie(&access, secret, visitor.is_secure, SameSite::Lax);
            let mut response = HttpResponse::SeeOther();
            response
                .insert_header((header::LOCATION, access.address(&next)))
                .cookie(cookie)
                .cookie(attempt);
            Ok(response.finish())
        }
        Err(failure) => {
            let why = failure.to_string();
            log::warn!("login with the provider failed address={address} why={why:?}");
            if visitor.count_wrong_token(std::time::Instant::now()).is_ok() {
                let kind = ActionKind::FailedLogin;
                actions::record_of_server(&state, &visitor, kind, &address).await?;
            }
            let mut response = failure_page(&access, &failure);
            response.add_cookie(&attempt).map_err(Problem::unavailable)?;
            Ok(response)
        }
    }
}

/// `POST /logout`: ends the login of this browser.
#[utoipa::path(
    post,
    path = "/logout",
    tag = "login",
    responses((status = 204), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn log_out(
    state: Data<AppState>,
    access: Data<Arc<AccessControl>>,
    visitor: ReqData<Visitor>,
    request: HttpRequest,
) -> HandlerResult {
    if access.end_logins(request.headers()).await? {
        let address = visitor.address().to_string();
        actions::record_of_server(&state, &visitor, ActionKind::LoggedOut, &address).await?;
    }
    let mut removal = cookie(&access, String::new(), visitor.is_secure, SameSite::Strict);
    removal.make_removal();
    Ok(HttpResponse::NoContent().cookie(removal).finish())
}

/// The cookie of a login, which lasts as long.
fn cookie(
    access: &AccessControl,
    secret: String,
    is_secure: bool,
    same_site: SameSite,
) -> Cookie<'static> {
    let lifetime = access.login_lifetime();
    Cookie::build(access.cookie_name(), secret)
        .path(access.address("/"))
        .http_only(true)
        .same_site(same_site)
        .secure(is_secure)
        .max_age(CookieDuration::try_from(lifetime).unwrap_or(CookieDuration::MAX))
        .finish()
}

/// The cookie that ties what the provider sends back to the browser that has begun.
fn attempt_cookie(access: &AccessControl, kept: String, is_secure: bool) -> Cookie<'static> {
    Cookie::build(access.attempt_cookie_name(), kept)
        .path(access.address("/login"))
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(is_secure)
        .max_age(CookieDuration::minutes(10))
        .finish()
}

/// The address to which the provider sends browsers back: of the host that this request is for, which is one
/// of `access.hosts`.
fn callback_address(access: &AccessControl, request: &HttpRequest, visitor: &Visitor) -> String {
    access.full_address(host(request), visitor.is_secure, "/login/callback")
}

/// The host that a request is for.
fn host(request: &HttpRequest) -> &str {
    let host = request.headers().get(header::HOST).and_then(|value| value.to_str().ok());
    host.unwrap_or_default()
}

/// The path of one of our pages; anything else becomes the first page.
fn page_to_open(next: Option<&str>) -> String {
    let is_ours = |next: &&str| {
        let is_plain = next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        let path = next.split(['?', '#']).next().unwrap_or_default();
        let is_page = path == "/" || path == "/admin" || path.starts_with("/p/");
        is_plain && next.len() <= MAX_NEXT && is_page && assets::is_page(path)
    };
    next.filter(is_ours).unwrap_or("/").to_owned()
}

/// A page that says why somebody is not logged in. It has no script.
fn failure_page(access: &AccessControl, failure: &ProviderFailure) -> HttpResponse {
    let mut words = String::new();
    push_escaped(&failure.to_string(), &mut words);
    HttpResponse::build(failure.status()).content_type("text/html; charset=utf-8").body(format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Not logged in – \
         Cicerone</title></head><body><main><h1>You are not logged in</h1><p>{words}</p><p><a \
         href=\"{}\">Back to the login</a></p></main></body></html>",
        access.address("/login")
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_login_leads_to_a_page_of_ours_and_nowhere_else() {
        for page in ["/", "/p/demo/12", "/admin", "/p/demo/12#turn-3", "/p/demo?x=1"] {
            assert_eq!(page_to_open(Some(page)), page);
        }
        for other in [
            "https://evil.example/",
            "//evil.example/",
            "/\\evil.example/",
            "\\\\evil.example",
            "/p/../\\evil",
            "/login",
            "/login/begin",
            "/api/me",
            "javascript:alert(1)",
            "/p/demo\r\nx: y",
            " /",
            "",
            "p/demo",
        ] {
            assert_eq!(page_to_open(Some(other)), "/", "{other:?}");
        }
        assert_eq!(page_to_open(None), "/");
    }

    proptest! {
        #[test]
        fn whatever_is_wished_stays_on_this_server(wish in "[/\\\\:a-z.@p?#% \r\n\t]{0,12}") {
            let base = url::Url::parse("https://guide.example.org/login/callback").unwrap();
            let next = base.join(&page_to_open(Some(&wish))).unwrap();
            prop_assert_eq!(next.host_str(), Some("guide.example.org"));
        }
    }
}
