//! Definitions of a project by their names, and who wrote lines of a file.

use actix_web::{HttpResponse, http::StatusCode, web};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    reader::{
        symbols::{BlamedLines, FoundSymbols, MAX_BLAMED, SymbolQuery},
        uses::FoundUses,
    },
    web::{
        access::rate_limit::Visitor,
        problem::{HandlerResult, Problem, ProblemResponse},
        state::AppState,
    },
};

use super::files::check_letters;

const DEFAULT_LIMIT: usize = 50;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SymbolsQuery {
    /// Letters of the name, in order; empty for any.
    #[serde(default)]
    q: String,
    /// Whether `q` is the whole name.
    #[serde(default)]
    exact: bool,
    /// The most definitions to return.
    limit: Option<usize>,
}

/// `GET /api/projects/{project}/symbols?q=&exact=&limit=`: definitions by their names.
#[utoipa::path(
    get,
    path = "/api/projects/{project}/symbols",
    tag = "projects",
    params(("project" = String, Path, description = "The project's name"), SymbolsQuery),
    responses((status = 200, body = FoundSymbols), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn find(
    state: web::Data<AppState>,
    project: web::Path<String>,
    query: web::Query<SymbolsQuery>,
    visitor: web::ReqData<Visitor>,
) -> HandlerResult {
    let project = state.project(&visitor, &project).await?;
    let SymbolsQuery { q, exact, limit } = query.into_inner();
    check_letters(&q)?;
    let max = state.resources.settings.reading.file_search_hits;
    let limit = limit.unwrap_or(DEFAULT_LIMIT).clamp(1, max);
    let query = SymbolQuery { name: q, is_exact: exact, limit };
    let found: FoundSymbols = state.resources.readers.find_symbols(&project, query).await?;
    Ok(HttpResponse::Ok().json(found))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct UsesQuery {
    /// The whole name, as it is written.
    name: String,
}

/// `GET /api/projects/{project}/uses?name=`: where a name is used as code, by the definitions around.
#[utoipa::path(
    get,
    path = "/api/projects/{project}/uses",
    tag = "projects",
    params(("project" = String, Path, description = "The project's name"), UsesQuery),
    responses((status = 200, body = FoundUses), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn find_uses(
    state: web::Data<AppState>,
    project: web::Path<String>,
    query: web::Query<UsesQuery>,
    visitor: web::ReqData<Visitor>,
) -> HandlerResult {
    let project = state.project(&visitor, &project).await?;
    let UsesQuery { name } = query.into_inner();
    check_letters(&name)?;
    if !name.contains(char::is_alphanumeric) || name.contains(char::is_whitespace) {
        let detail = "Uses are found of one name.".to_owned();
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail));
    }
    Ok(HttpResponse::Ok().json(state.resources.readers.find_uses(&project, name).await?))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct BlameQuery {
    /// The path from the project's root.
    path: String,
    /// The first line, from 1.
    line: usize,
    /// The last line; at most 500 are told.
    end_line: Option<usize>,
}

/// `GET /api/projects/{project}/blame?path=&line=&end_line=`: who wrote lines of a file last.
#[utoipa::path(
    get,
    path = "/api/projects/{project}/blame",
    tag = "projects",
    params(("project" = String, Path, description = "The project's name"), BlameQuery),
    responses((status = 200, body = BlamedLines), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn blame(
    state: web::Data<AppState>,
    project: web::Path<String>,
    query: web::Query<BlameQuery>,
    visitor: web::ReqData<Visitor>,
) -> HandlerResult {
    let project = state.project(&visitor, &project).await?;
    let BlameQuery { path, line, end_line } = query.into_inner();
    let first = line.max(1);
    let last = end_line.unwrap_or(first).max(first).min(first.saturating_add(MAX_BLAMED - 1));
    let blamed: BlamedLines = state.resources.readers.blame(&project, path, first, last).await?;
    Ok(HttpResponse::Ok().json(blamed))
}
