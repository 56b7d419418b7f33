//! The handler that upgrades a request to a WebSocket.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, dev::Payload, web};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    web::{
        access::rate_limit::Visitor,
        browser_cookie,
        connections::Connection,
        problem::ProblemResponse,
        state::{AppState, NoProject},
    },
    wire::{Dialect, close_code},
};

use super::{ViewerEnv, refused};

/// What the address of a WebSocket may tell.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SocketQuery {
    /// The protocol that the client will ask for with its `start`: 1. Without it, a client that is silent
    /// for a while is taken for a legacy page that came back.
    protocol: Option<String>,
}

/// `GET /api/assistant/ws/{project}`. A project that is not available, and one connection too many,
/// are refused after the upgrade, as a browser shows its page no other reason.
#[utoipa::path(
    get,
    path = "/api/assistant/ws/{project}",
    tag = "conversations",
    params(("project" = String, Path, description = "The project's name"), SocketQuery),
    responses((status = 101, description = "A WebSocket; `cicerone help protocol` describes its frames"), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn connect(
    state: web::Data<AppState>,
    project: web::Path<String>,
    visitor: web::ReqData<Visitor>,
    query: web::Query<SocketQuery>,
    request: HttpRequest,
    stream: web::Payload,
) -> actix_web::Result<HttpResponse> {
    let project = match state.project(&visitor, &project).await {
        Ok(project) => project.name,
        Err(error) => {
            let (code, reason) = refusal(error);
            return refused::start(&request, stream, code, reason.to_owned());
        }
    };
    let visitor = visitor.into_inner();
    let permit = match visitor.open_socket() {
        Ok(permit) => permit,
        Err(limit) => {
            return refused::start(&request, stream, close_code::TOO_MANY, limit.message);
        }
    };
    let connection = request.conn_data::<Arc<Connection>>().cloned();
    let (browser, cookie) = browser_cookie::identify(&request, state.base_path());
    let state = state.as_ref().clone();
    let env = ViewerEnv { state, project, browser, visitor, _permit: permit, connection };
    let dialect =
        if query.protocol.as_deref() == Some("1") { Dialect::V1 } else { Dialect::Legacy };
    let mut response = super::start(&request, stream, env, dialect)?;
    if let Some(cookie) = cookie {
        response.add_cookie(&cookie)?;
    }
    Ok(response)
}

/// Upgrades a request to a WebSocket that says why its project is not served here, and closes.
pub(crate) fn refuse_elsewhere(
    request: &HttpRequest,
    stream: Payload,
    reason: String,
) -> actix_web::Result<HttpResponse> {
    refused::start(request, stream, close_code::SERVED_ELSEWHERE, reason)
}

pub(super) fn refusal(error: NoProject) -> (u16, &'static str) {
    match error {
        NoProject::BadName => (close_code::BAD_PROJECT_NAME, "Invalid project name"),
        NoProject::Unknown => (close_code::NO_SUCH_PROJECT, "Project not found in registry"),
        NoProject::DirectoryGone => (close_code::NO_SUCH_PROJECT, "Project directory not found"),
    }
}
