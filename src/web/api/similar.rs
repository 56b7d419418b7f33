//! Earlier questions similar to the one being typed.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::database::{
    Reader,
    similar::{SimilarQuestion, SimilarityLimits, score::QuestionTerms},
};

use crate::web::{
    access::rate_limit::Visitor,
    problem::{HandlerResult, ProblemResponse},
    state::AppState,
};

const MAX_RESULTS: usize = 3;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SimilarQuery {
    /// The question so far.
    q: String,
}

/// `GET /api/projects/{project}/questions/similar?q=`.
#[utoipa::path(
    get,
    path = "/api/projects/{project}/questions/similar",
    tag = "conversations",
    params(("project" = String, Path, description = "The project's name"), SimilarQuery),
    responses((status = 200, body = [SimilarQuestion]), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn find(
    state: web::Data<AppState>,
    project: web::Path<String>,
    query: web::Query<SimilarQuery>,
    visitor: web::ReqData<Visitor>,
) -> HandlerResult {
    let project = state.project(&visitor, &project).await?.name;
    let reading = &state.resources.settings.reading;
    let bounds = SimilarityLimits {
        candidates: reading.similar_candidates,
        results: MAX_RESULTS,
        timeout: reading.similar_timeout,
    };
    let who = visitor.into_inner().principal;
    let look = move |reader: &Reader| {
        reader.similar((&project, &who), &QuestionTerms::typed(&query.q), bounds)
    };
    Ok(HttpResponse::Ok().json(state.resources.reader.ask(look).await?))
}

/// `GET /api/assistant/asked/{project}?q=`, the former path of [`find`].
#[utoipa::path(
    get,
    path = "/api/assistant/asked/{project}",
    tag = "conversations",
    params(("project" = String, Path, description = "The project's name"), SimilarQuery),
    responses((status = 200, body = [SimilarQuestion]), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn find_formerly(
    state: web::Data<AppState>,
    project: web::Path<String>,
    query: web::Query<SimilarQuery>,
    visitor: web::ReqData<Visitor>,
) -> HandlerResult {
    find(state, project, query, visitor).await
}
