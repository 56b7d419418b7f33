//! From a request to a WebSocket.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};

use crate::wire::close_code;

use crate::web::{
    access::rate_limit::Visitor,
    browser_cookie,
    connections::Connection,
    problem::ProblemResponse,
    state::{AppState, NoProject},
};

use super::ViewerEnv;

/// `GET /api/assistant/ws/{project}`. A project that cannot be spoken about, and one connection
/// too many, is refused after the upgrade, because a browser shows its page no other reason.
#[utoipa::path(
    get,
    path = "/api/assistant/ws/{project}",
    tag = "conversations",
    params(("project" = String, Path, description = "The project's name")),
    responses((status = 101, description = "A WebSocket; the README tells its frames"), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn connect(
    state: web::Data<AppState>,
    project: web::Path<String>,
    visitor: web::ReqData<Visitor>,
    request: HttpRequest,
    stream: web::Payload,
) -> actix_web::Result<HttpResponse> {
    let project = match state.project(&project).await {
        Ok(project) => project.name,
        Err(no) => {
            let (code, reason) = refusal(no);
            return super::refuse(&request, stream, code, reason.to_owned());
        }
    };
    let visitor = visitor.into_inner();
    let socket = match visitor.open_socket() {
        Ok(socket) => socket,
        Err(limit) => {
            return super::refuse(&request, stream, close_code::TOO_MANY, limit.message);
        }
    };
    let connection = request.conn_data::<Arc<Connection>>().cloned();
    let (browser, cookie) = browser_cookie::identify(&request);
    let state = state.as_ref().clone();
    let env = ViewerEnv { state, project, browser, visitor, socket, connection };
    let mut answer = super::start(&request, stream, env)?;
    if let Some(cookie) = cookie {
        answer.add_cookie(&cookie)?;
    }
    Ok(answer)
}

fn refusal(no: NoProject) -> (u16, &'static str) {
    match no {
        NoProject::BadName => (close_code::BAD_PROJECT_NAME, "Invalid project name"),
        NoProject::Unknown => (close_code::NO_SUCH_PROJECT, "Project not found in registry"),
        NoProject::DirectoryGone => (close_code::NO_SUCH_PROJECT, "Project directory not found"),
    }
}
