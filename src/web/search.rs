//! Search over what was said in a project.

use actix_web::{HttpResponse, http::StatusCode, web};
use serde::{Deserialize, Serialize};

use crate::database::search::{Hit, Words};

use super::{problem::Problem, state::State};

/// Hits that are given where nothing is said.
const USUAL: usize = 20;

/// What is asked for.
#[derive(Debug, Deserialize)]
pub struct Wish {
    /// What somebody typed.
    q: String,
    /// Most hits.
    limit: Option<usize>,
}

/// What is found.
#[derive(Debug, Serialize)]
struct Found {
    /// The newest first.
    hits: Vec<Hit>,
    /// Whether there are older ones.
    more: bool,
}

/// `GET /api/assistant/search/{project}?q=&limit=`.
pub async fn find(
    state: web::Data<State>,
    project: web::Path<String>,
    wish: web::Query<Wish>,
) -> Result<HttpResponse, Problem> {
    let project = state.project(&project).await?.name;
    let reading = &state.resources.settings.reading;
    let limit = wish.limit.unwrap_or(USUAL).clamp(1, reading.search_hits);
    let patience = reading.search_timeout;
    let words = Words::parse(&wish.q)
        .map_err(|many| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, many.to_string()))?;
    let Some(words) = words else {
        return Ok(HttpResponse::Ok().json(Found { hits: Vec::new(), more: false }));
    };
    let search = move |reader: &crate::database::Reader| {
        reader.search(&project, &words, limit + 1, patience)
    };
    let mut hits = state.resources.reader.ask(search).await?;
    let more = hits.len() > limit;
    hits.truncate(limit);
    Ok(HttpResponse::Ok().json(Found { hits, more }))
}
