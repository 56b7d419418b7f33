//! Suggested questions for a new conversation.

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::web::{
    problem::{HandlerResult, ProblemResponse},
    state::AppState,
};

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FittingQuestions)]
struct SuggestedQuestions {
    /// Up to three questions about this project, none where it has no files.
    questions: Vec<String>,
}

/// `GET /api/projects/{project}/questions`: up to three questions about this project.
#[utoipa::path(
    get,
    path = "/api/projects/{project}/questions",
    tag = "projects",
    params(("project" = String, Path, description = "The project's name")),
    responses((status = 200, body = SuggestedQuestions), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn show(state: web::Data<AppState>, project: web::Path<String>) -> HandlerResult {
    let project = state.project(&project).await?;
    let questions = state.resources.readers.suggest(&project).await?;
    Ok(HttpResponse::Ok().json(SuggestedQuestions { questions }))
}
