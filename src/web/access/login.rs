//! The paths by which a browser shows a token once and has a cookie from then on.

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

use crate::web::problem::{Failure, Problem};

use super::{Door, rate_limit::Visitor};

/// What the form of the page sends.
#[derive(Deserialize, ToSchema)]
#[schema(as = Login)]
pub(crate) struct Shown {
    /// The token of a viewer or of an admin.
    token: String,
}

/// `GET /api/me`: who is asking, as the server sees it.
#[utoipa::path(
    get,
    path = "/api/me",
    tag = "login",
    responses((status = 200, body = Value), (status = "default", response = Failure)),
)]
pub(crate) async fn me(
    door: Data<Arc<Door>>,
    visitor: ReqData<Visitor>,
    request: HttpRequest,
) -> HttpResponse {
    HttpResponse::Ok().json(json!({
        "role": visitor.role,
        "user": visitor.user,
        "can_log_out": door.login(request.headers()).is_some(),
    }))
}

/// `POST /login`: a token for a cookie. The cookie holds a random id and not the token.
#[utoipa::path(
    post,
    path = "/login",
    tag = "login",
    request_body(content = Shown, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = Value), (status = "default", response = Failure)),
)]
pub(crate) async fn log_in(
    door: Data<Arc<Door>>,
    visitor: ReqData<Visitor>,
    request: HttpRequest,
    shown: Form<Shown>,
) -> Result<HttpResponse, Problem> {
    if door.tokens.is_empty() {
        let words = "No token is configured here, and none is needed.";
        return Err(Problem::new(StatusCode::CONFLICT, words));
    }
    let role = door.role_of_token(&visitor, shown.token.trim())?;
    // The new cookie takes the place of the old one, which nobody could end any more.
    door.log_out(request.headers());
    let id = door.logins.begin(role, Instant::now());
    log::info!("login role={role:?}");
    let lifetime = door.logins.lifetime();
    let mut cookie = cookie(&door, id.to_string(), visitor.is_secure);
    cookie.set_max_age(CookieDuration::try_from(lifetime).unwrap_or(CookieDuration::MAX));
    Ok(HttpResponse::Ok().cookie(cookie).json(json!({ "role": role })))
}

/// `POST /logout`: ends the login of this browser.
#[utoipa::path(
    post,
    path = "/logout",
    tag = "login",
    responses((status = 204), (status = "default", response = Failure)),
)]
pub(crate) async fn log_out(
    door: Data<Arc<Door>>,
    visitor: ReqData<Visitor>,
    request: HttpRequest,
) -> HttpResponse {
    door.log_out(request.headers());
    let mut gone = cookie(&door, String::new(), visitor.is_secure);
    gone.make_removal();
    HttpResponse::NoContent().cookie(gone).finish()
}

fn cookie(door: &Door, id: String, is_secure: bool) -> Cookie<'static> {
    Cookie::build(door.cookie_name(), id)
        .path("/")
        .http_only(true)
        .same_site(SameSite::Strict)
        .secure(is_secure)
        .finish()
}
