//! Login and logout: a browser shows a token once and gets a cookie for it.

use std::{sync::Arc, time::Instant};

use actix_web::{
    HttpRequest, HttpResponse,
    cookie::{Cookie, SameSite, time::Duration as CookieDuration},
    http::StatusCode,
    web::{Data, Form, ReqData},
};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::web::problem::{HandlerResult, Problem, ProblemResponse};

use super::{AccessControl, rate_limit::Visitor};

#[derive(Deserialize, ToSchema)]
#[schema(as = Login)]
pub(crate) struct LoginForm {
    /// The token of a viewer or of an admin.
    token: String,
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
        "can_log_out": access.login_role(request.headers()).is_some(),
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
    access: Data<Arc<AccessControl>>,
    visitor: ReqData<Visitor>,
    request: HttpRequest,
    form: Form<LoginForm>,
) -> HandlerResult {
    if access.tokens.is_empty() {
        let detail = "This server has no tokens, so there is no need to log in.";
        return Err(Problem::new(StatusCode::CONFLICT, detail));
    }
    let role = access.role_of_token(&visitor, form.token.trim())?;
    // The new cookie replaces the old one, and nobody could end that login any more.
    access.end_logins(request.headers());
    let id = access.logins.begin(role, Instant::now());
    log::info!("login role={role:?}");
    let lifetime = access.logins.lifetime();
    let mut cookie = cookie(&access, id.to_string(), visitor.is_secure);
    cookie.set_max_age(CookieDuration::try_from(lifetime).unwrap_or(CookieDuration::MAX));
    Ok(HttpResponse::Ok().cookie(cookie).json(json!({ "role": role })))
}

/// `POST /logout`: ends the login of this browser.
#[utoipa::path(
    post,
    path = "/logout",
    tag = "login",
    responses((status = 204), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn log_out(
    access: Data<Arc<AccessControl>>,
    visitor: ReqData<Visitor>,
    request: HttpRequest,
) -> HttpResponse {
    access.end_logins(request.headers());
    let mut removal = cookie(&access, String::new(), visitor.is_secure);
    removal.make_removal();
    HttpResponse::NoContent().cookie(removal).finish()
}

fn cookie(access: &AccessControl, id: String, is_secure: bool) -> Cookie<'static> {
    Cookie::build(access.cookie_name(), id)
        .path(access.cookie_path.clone())
        .http_only(true)
        .same_site(SameSite::Strict)
        .secure(is_secure)
        .finish()
}
