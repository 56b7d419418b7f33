//! Personal tokens: with one a program acts as a person, within what the person allows it.

use std::sync::Arc;

use actix_web::{HttpResponse, http::StatusCode, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    database::messages::ActionKind,
    web::{
        access::{
            AccessControl,
            credentials::{ListedToken, NewCredential, NotMade, TokenScope, now},
            rate_limit::Visitor,
        },
        json_body::Json,
        problem::{HandlerResult, Problem, ProblemResponse},
        state::AppState,
    },
};

use super::actions;

/// Longest name of a token in characters.
const MAX_NAME_CHARS: usize = 100;

/// Days that a token lasts, without a wish and at most.
const DEFAULT_DAYS: i64 = 90;
const MAX_DAYS: i64 = 366;

const DAY: i64 = 24 * 60 * 60;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenRequest {
    /// What it is for: 1 to 100 characters.
    name: String,
    scope: TokenScope,
    /// After how many days it ends: 1 to 366, 90 without it.
    days: Option<i64>,
}

/// A new token. It is shown this once.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NewToken {
    id: String,
    token: String,
    /// Seconds since 1970.
    ends_at: i64,
}

/// `GET /api/me/tokens`: the personal tokens of who asks, the newest first.
#[utoipa::path(
    get,
    path = "/api/me/tokens",
    tag = "login",
    responses((status = 200, body = [ListedToken]), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn list(
    access: web::Data<Arc<AccessControl>>,
    visitor: web::ReqData<Visitor>,
) -> HandlerResult {
    let owner = owner(&visitor)?;
    Ok(HttpResponse::Ok().json(access.credentials().tokens(Some(owner))))
}

/// `POST /api/me/tokens`: makes a personal token.
#[utoipa::path(
    post,
    path = "/api/me/tokens",
    tag = "login",
    request_body = TokenRequest,
    responses((status = 200, body = NewToken), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn make(
    state: web::Data<AppState>,
    access: web::Data<Arc<AccessControl>>,
    visitor: web::ReqData<Visitor>,
    body: Json<TokenRequest>,
) -> HandlerResult {
    let Json(TokenRequest { name, scope, days }) = body;
    let refused = |detail: String| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail);
    let user = owner(&visitor)?.to_owned();
    let name = name.trim().to_owned();
    let length = name.chars().count();
    if !(1..=MAX_NAME_CHARS).contains(&length) || name.chars().any(char::is_control) {
        return Err(refused(format!("Give the token a name of 1 to {MAX_NAME_CHARS} letters.")));
    }
    let days = days.unwrap_or(DEFAULT_DAYS);
    if !(1..=MAX_DAYS).contains(&days) {
        return Err(refused(format!("A token lasts for 1 to {MAX_DAYS} days.")));
    }
    if scope == TokenScope::Admin && !access.is_admin_by_group(&visitor.principal.groups) {
        let detail = "Only a member of a group of administrators (access.admin_groups) can make a \
                      token for administration.";
        return Err(Problem::new(StatusCode::FORBIDDEN, detail));
    }
    let ends_at = now() + days * DAY;
    actions::record_of_server(&state, &visitor, ActionKind::MadeToken, &name).await?;
    let new = NewCredential {
        scope: Some(scope),
        name,
        user,
        groups: visitor.principal.groups.to_vec(),
        origin: String::new(),
        ends_at,
    };
    let (token, id) = access.credentials().add(new).await.map_err(|error| match error {
        NotMade::TooMany => Problem::new(StatusCode::CONFLICT, error.to_string()),
        NotMade::Database(error) => error.into(),
    })?;
    Ok(HttpResponse::Ok().json(NewToken { id, token, ends_at }))
}

/// `DELETE /api/me/tokens/{id}`: revokes one. It lets nobody in from then on, and what it has opened is
/// closed within a ping.
#[utoipa::path(
    delete,
    path = "/api/me/tokens/{id}",
    tag = "login",
    params(("id" = String, Path, description = "The token's id")),
    responses((status = 204), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn revoke(
    state: web::Data<AppState>,
    access: web::Data<Arc<AccessControl>>,
    visitor: web::ReqData<Visitor>,
    id: web::Path<String>,
) -> HandlerResult {
    let owner = owner(&visitor)?.to_owned();
    end(&state, &access, &visitor, &id, Some(&owner)).await
}

/// `GET /api/admin/tokens`: the personal tokens of everybody.
#[utoipa::path(
    get,
    path = "/api/admin/tokens",
    tag = "admin",
    responses((status = 200, body = [ListedToken]), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn admin_list(access: web::Data<Arc<AccessControl>>) -> HttpResponse {
    HttpResponse::Ok().json(access.credentials().tokens(None))
}

/// `DELETE /api/admin/tokens/{id}`: revokes anybody's.
#[utoipa::path(
    delete,
    path = "/api/admin/tokens/{id}",
    tag = "admin",
    params(("id" = String, Path, description = "The token's id")),
    responses((status = 204), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn admin_revoke(
    state: web::Data<AppState>,
    access: web::Data<Arc<AccessControl>>,
    visitor: web::ReqData<Visitor>,
    id: web::Path<String>,
) -> HandlerResult {
    end(&state, &access, &visitor, &id, None).await
}

async fn end(
    state: &AppState,
    access: &AccessControl,
    visitor: &Visitor,
    id: &str,
    owner: Option<&str>,
) -> HandlerResult {
    let revoked = access.credentials().revoke(id, owner).await?;
    let token = revoked.ok_or_else(|| Problem::not_found("You have no such token."))?;
    let detail = match owner {
        Some(_) => token.name,
        // Whose it was is known nowhere else from now on.
        None => format!("{} of {}", token.name, token.user),
    };
    actions::record_of_server(state, visitor, ActionKind::RevokedToken, &detail).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Who owns tokens here: a person with a name, not a token of theirs.
fn owner(visitor: &Visitor) -> Result<&str, Problem> {
    if visitor.has_token_of_person() {
        let detail = "A personal token manages no tokens: log in to do that.";
        return Err(Problem::new(StatusCode::FORBIDDEN, detail));
    }
    visitor.principal.user.as_deref().ok_or_else(|| {
        let detail = "You have no name here, so no token can act for you: log in with a provider, or \
                      come through a proxy that names you.";
        Problem::new(StatusCode::CONFLICT, detail)
    })
}
