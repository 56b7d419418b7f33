//! A project's files: search by path, and a page of a file.

use std::sync::Arc;

use actix_web::{HttpResponse, http::StatusCode, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    highlighter,
    policy::opening::{self, FileReadError},
    web::{
        files::{
            excerpt::{self, FileExcerpt},
            file_list::{self, FoundFile},
        },
        problem::{HandlerResult, Problem, ProblemResponse},
        state::AppState,
    },
};

const DEFAULT_LIMIT: usize = 50;

const MAX_QUERY_CHARS: usize = 200;

/// Longest part of a file's first line that is used to guess its language, in bytes.
const MAX_FIRST_LINE_BYTES: usize = 200;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct FilesQuery {
    /// Letters of the path, in order; empty for any file.
    #[serde(default)]
    q: String,
    /// The most files to return.
    limit: Option<usize>,
}

#[derive(Debug, Serialize, ToSchema)]
struct FoundFiles {
    /// The best matches first.
    files: Vec<FoundFile>,
    /// The number of matches.
    total: usize,
    /// Whether the project has more files than are searched.
    truncated: bool,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct FileQuery {
    /// The path from the project's root.
    path: String,
    /// A line that must be included, from 1.
    line: Option<usize>,
    /// The format of the lines.
    #[serde(default)]
    #[param(inline)]
    format: FileFormat,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum FileFormat {
    /// Text alone, which comes at once.
    #[default]
    Text,
    /// Highlighted HTML in addition.
    Html,
}

/// A part of a file.
#[derive(Debug, Serialize, ToSchema)]
struct FilePage {
    /// The path as requested.
    path: String,
    #[serde(flatten)]
    excerpt: FileExcerpt,
    /// With `format=html`, the lines as safe HTML: escaped text and, if the language is known,
    /// `<span class="…">` elements that are not nested and end with their line. Colours may be wrong
    /// if a string or comment begins more than `advanced.highlighting.file_bytes` before the page.
    #[serde(skip_serializing_if = "Option::is_none")]
    lines: Option<Vec<String>>,
}

/// `GET /api/projects/{project}/files?q=&limit=`: a fuzzy search for files by their paths.
#[utoipa::path(
    get,
    path = "/api/projects/{project}/files",
    tag = "projects",
    params(("project" = String, Path, description = "The project's name"), FilesQuery),
    responses((status = 200, body = FoundFiles), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn find(
    state: web::Data<AppState>,
    project: web::Path<String>,
    query: web::Query<FilesQuery>,
) -> HandlerResult {
    let project = state.project(&project).await?;
    let FilesQuery { q, limit } = query.into_inner();
    if q.chars().count() > MAX_QUERY_CHARS {
        let detail = format!("The query may have at most {MAX_QUERY_CHARS} characters.");
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail));
    }
    let max = state.resources.settings.reading.file_search_hits;
    let limit = limit.unwrap_or(DEFAULT_LIMIT).clamp(1, max);
    let list = state.files.list(&project).await?;
    let truncated = list.truncated;
    let ranked = web::block(move || file_list::rank(&list, &q, limit)).await;
    let (files, total) = ranked.map_err(Problem::unavailable)?;
    Ok(HttpResponse::Ok().json(FoundFiles { files, total, truncated }))
}

/// `GET /api/projects/{project}/file?path=&line=&format=`: a page of a file.
#[utoipa::path(
    get,
    path = "/api/projects/{project}/file",
    tag = "projects",
    params(("project" = String, Path, description = "The project's name"), FileQuery),
    responses((status = 200, body = FilePage), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn show(
    state: web::Data<AppState>,
    project: web::Path<String>,
    query: web::Query<FileQuery>,
) -> HandlerResult {
    let project = state.project(&project).await?;
    let FileQuery { path, line, format } = query.into_inner();
    let policy = state.files.policy(&project)?;
    let settings = Arc::clone(&state.resources.settings);
    let permit = state.files.read_permit().await?;
    let page = web::block(move || {
        let limits = &settings.reading;
        let bytes = opening::read(&policy, &path, limits.file_bytes)?;
        let excerpt = excerpt::of(&path, &bytes, line, limits.page_lines, limits.page_bytes);
        let unhighlighted = (format == FileFormat::Html)
            .then(|| unhighlighted(&path, &excerpt, &bytes, settings.highlighting.file_bytes));
        Ok::<_, FileReadError>((FilePage { path, excerpt, lines: None }, unhighlighted))
    });
    let (mut page, unhighlighted) = page.await.map_err(Problem::unavailable)??;
    drop(permit);
    if let Some(unhighlighted) = unhighlighted {
        let is_empty = page.excerpt.total_lines == 0;
        let lines = state.resources.highlighter.excerpt(unhighlighted).await;
        page.lines = Some(if is_empty { Vec::new() } else { lines });
    }
    Ok(HttpResponse::Ok().json(page))
}

/// The text to highlight: the page, and up to `max_before` bytes before it.
fn unhighlighted(
    path: &str,
    excerpt: &FileExcerpt,
    bytes: &[u8],
    max_before: usize,
) -> highlighter::HighlightRequest {
    let first_line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let first_line = first_line.get(..MAX_FIRST_LINE_BYTES).unwrap_or(first_line);
    highlighter::HighlightRequest {
        path: path.into(),
        first_line: String::from_utf8_lossy(first_line).into_owned(),
        before: excerpt::text_before(path, bytes, excerpt.first_line, max_before),
        shown: excerpt.text.as_str().into(),
    }
}
