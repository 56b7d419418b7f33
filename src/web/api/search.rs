//! Search in a project's conversations.

use actix_web::{HttpResponse, http::StatusCode, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::database::{
    Reader,
    queries::search::{FullTextQuery, SearchHit},
};

use crate::web::{
    access::rate_limit::Visitor,
    problem::{HandlerResult, Problem, ProblemResponse},
    state::AppState,
};

const DEFAULT_LIMIT: usize = 20;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SearchQuery {
    /// The words to search for.
    q: String,
    /// The most hits to return.
    limit: Option<usize>,
}

#[derive(Debug, Serialize, ToSchema)]
struct FoundMessages {
    /// Those of notes, then the others, each newest first.
    hits: Vec<SearchHit>,
    /// Whether there are older hits.
    more: bool,
}

/// `GET /api/assistant/search/{project}?q=&limit=`.
#[utoipa::path(
    get,
    path = "/api/assistant/search/{project}",
    tag = "conversations",
    params(("project" = String, Path, description = "The project's name"), SearchQuery),
    responses((status = 200, body = FoundMessages), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn find(
    state: web::Data<AppState>,
    project: web::Path<String>,
    query: web::Query<SearchQuery>,
    visitor: web::ReqData<Visitor>,
) -> HandlerResult {
    let project = state.project(&visitor, &project).await?.name;
    let reading = &state.resources.settings.reading;
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, reading.search_hits);
    let timeout = reading.search_timeout;
    let words = FullTextQuery::parse(&query.q)
        .map_err(|many| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, many.to_string()))?;
    let Some(words) = words else {
        return Ok(HttpResponse::Ok().json(FoundMessages { hits: Vec::new(), more: false }));
    };
    let who = visitor.into_inner().principal;
    let search = move |reader: &Reader| reader.search((&project, &who), &words, limit + 1, timeout);
    let mut hits = state.resources.reader.ask(search).await?;
    let more = hits.len() > limit;
    hits.truncate(limit);
    Ok(HttpResponse::Ok().json(FoundMessages { hits, more }))
}
