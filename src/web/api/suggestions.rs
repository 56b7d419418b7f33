//! Suggested questions for a new conversation.

use std::sync::Arc;

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    policy::opening,
    source::{
        readme::{self, TextFile},
        text,
    },
    suggestions::{self, ProjectFile},
};

use crate::web::{
    api::projects::has_spec,
    problem::{HandlerResult, Problem, ProblemResponse},
    state::AppState,
};

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FittingQuestions)]
struct SuggestedQuestions {
    /// Three questions about this project.
    questions: Vec<String>,
}

/// `GET /api/projects/{project}/questions`: three questions about this project.
#[utoipa::path(
    get,
    path = "/api/projects/{project}/questions",
    tag = "projects",
    params(("project" = String, Path, description = "The project's name")),
    responses((status = 200, body = SuggestedQuestions), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn show(state: web::Data<AppState>, project: web::Path<String>) -> HandlerResult {
    let project = state.project(&project).await?;
    // Walking the files is most of the work, and the list is cached.
    let list = state.files.list(&project).await?;
    let policy = state.files.policy(&project)?;
    let settings = Arc::clone(&state.resources.settings);
    let questions = web::block(move || {
        let files: Vec<_> =
            list.files().iter().map(|it| ProjectFile { path: &it.path, size: it.size }).collect();
        let readme = readme::of_project(files.iter().map(|it| it.path)).and_then(|path| {
            let bytes = opening::read(&policy, path, settings.reading.file_bytes).ok()?;
            let text = text::decode(&bytes)?.text.into_owned();
            Some(readme::plain(TextFile { path: path.to_owned(), text }))
        });
        suggestions::of(&files, readme.as_ref(), has_spec(&policy))
    });
    let questions = questions.await.map_err(Problem::unavailable)?;
    Ok(HttpResponse::Ok().json(SuggestedQuestions { questions }))
}
