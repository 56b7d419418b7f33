//! Projects from git, for admins: what is served, and a look at a remote now.

use actix_web::{HttpResponse, web};

use crate::{
    project::ProjectName,
    repositories::ServedState,
    web::{
        problem::{HandlerResult, Problem, ProblemResponse},
        state::AppState,
    },
};

/// `GET /api/admin/repositories`.
#[utoipa::path(
    get,
    path = "/api/admin/repositories",
    tag = "admin",
    responses((status = 200, body = [ServedState]), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn list(state: web::Data<AppState>) -> HttpResponse {
    HttpResponse::Ok().json(state.resources.repositories.states())
}

/// `POST /api/admin/repositories/{project}`: looks at the project's remote now.
#[utoipa::path(
    post,
    path = "/api/admin/repositories/{project}",
    tag = "admin",
    params(("project" = String, Path, description = "The project's name")),
    responses((status = 202), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn refresh(
    state: web::Data<AppState>,
    project: web::Path<String>,
) -> HandlerResult {
    let name = ProjectName::parse(&project).map_err(|_| Problem::bad_project_name())?;
    match state.resources.repositories.refresh(&name) {
        true => Ok(HttpResponse::Accepted().finish()),
        false => Err(Problem::not_found("No project of this name comes from git")),
    }
}
