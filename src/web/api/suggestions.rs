//! What a new conversation shows of a project: one sentence on it, and suggested questions.

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    history::checkout::Checkout,
    suggestions::Suggestions,
    web::{
        access::rate_limit::Visitor,
        problem::{HandlerResult, ProblemResponse},
        state::AppState,
    },
};

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FittingQuestions)]
struct SuggestedQuestions {
    /// What the project is, in one sentence of its README.
    #[serde(skip_serializing_if = "Option::is_none")]
    about: Option<String>,
    /// Up to three questions about this project, none where it has no files.
    questions: Vec<String>,
    /// What is checked out in the project's directories: `commit`, `branch`, whether files that git
    /// knows have been changed since (`is_changed`), and in a group the `member`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<Object>)]
    checkouts: Vec<Checkout>,
    /// What is wrong with them: the last fetch of a project from git failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<String>,
}

/// `GET /api/projects/{project}/questions`: what this project is, and up to three questions about it.
#[utoipa::path(
    get,
    path = "/api/projects/{project}/questions",
    tag = "projects",
    params(("project" = String, Path, description = "The project's name")),
    responses((status = 200, body = SuggestedQuestions), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn show(
    state: web::Data<AppState>,
    project: web::Path<String>,
    visitor: web::ReqData<Visitor>,
) -> HandlerResult {
    let project = state.project(&visitor, &project).await?;
    let readers = &state.resources.readers;
    let (suggested, checkouts) =
        tokio::join!(readers.suggest(&project), readers.checkouts(&project));
    let Suggestions { about, questions } = suggested?;
    let state = state.resources.repositories.state(&project.name);
    let warning = state.and_then(|state| state.warning());
    let checkouts = checkouts.unwrap_or_else(|error| {
        log::warn!("cannot tell what is checked out project={} error={error}", project.name);
        Vec::new()
    });
    Ok(HttpResponse::Ok().json(SuggestedQuestions { about, questions, checkouts, warning }))
}
