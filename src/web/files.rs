//! A project's files, for people to find and read. What may be read is the [`Policy`]'s matter,
//! and it alone is asked. Everything here that touches a disk runs where blocking is allowed.

pub(crate) mod finder;
pub(crate) mod page;

use std::sync::Arc;

use actix_web::{HttpResponse, http::StatusCode, web};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use utoipa::{IntoParams, ToSchema};

use crate::{
    config::settings::Settings,
    highlighter,
    policy::{InvalidSecret, Policy, Secrets},
    project::Project,
};

use super::{
    problem::{Problem, ProblemResponse},
    state::AppState,
};
use crate::policy::opening::{self, FileReadError};
use finder::{FileList, Finder, FoundFile};
use page::FileExcerpt;

/// Files that are read at once: each may take `advanced.reading.file_bytes` of memory.
const READS: usize = 8;

/// Files that are given where nothing is said.
const USUAL: usize = 50;

/// Longest query, in characters.
const LONGEST_QUERY: usize = 200;

/// Bytes of a file's first line that may tell its language.
const LONGEST_FIRST_LINE: usize = 200;

/// What the file paths work with.
#[derive(Debug)]
pub(crate) struct Files {
    secrets: Result<Secrets, InvalidSecret>,
    finder: Finder,
    reads: Semaphore,
}

/// What file is query.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct FilesQuery {
    /// Letters of the path, in their order; empty for any file.
    #[serde(default)]
    q: String,
    /// Most files.
    limit: Option<usize>,
}

/// What is found.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FoundFiles)]
struct FoundFiles {
    /// The best first.
    files: Vec<FoundFile>,
    /// How many match.
    total: usize,
    /// Whether the project has more files than are looked at.
    truncated: bool,
}

/// Which part of a file is query.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct FileQuery {
    /// The path from the project's root.
    path: String,
    /// A line that must be shown, from 1.
    line: Option<usize>,
    /// What the lines are given as.
    #[serde(default)]
    #[param(inline)]
    format: Format,
}

/// What the lines of a file are given as.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Format {
    /// As text alone, which comes at once.
    #[default]
    Text,
    /// As HTML with colours too.
    Html,
}

/// A part of a file. The path is the one that was asked for.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FilePage)]
struct FilePage {
    path: String,
    #[serde(flatten)]
    page: FileExcerpt,
    /// With `format=html`, the lines as HTML that is safe to show: escaped text and, where the language
    /// is known, `<span class="…">` elements that do not stand within one another and end with their
    /// line. The colours are right where what stands up to `advanced.highlighting.file_bytes` before tells
    /// that no string and no comment goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    lines: Option<Vec<String>>,
}

impl Files {
    /// The files of the projects that `settings` name.
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            secrets: Secrets::new(&settings.agent.secrets),
            finder: Finder::new(settings.reading.file_list_lifetime),
            reads: Semaphore::new(READS),
        }
    }

    fn secrets(&self) -> Result<Secrets, Problem> {
        self.secrets.clone().map_err(Problem::unavailable)
    }

    /// The project's files, as they were a moment ago.
    pub(super) async fn list(&self, project: &Project) -> Result<Arc<FileList>, Problem> {
        let list = self.finder.list(project, self.secrets()?).await;
        list.map_err(Problem::unavailable)
    }

    /// What may be read of the project.
    pub(super) fn policy(&self, project: &Project) -> Result<Policy, Problem> {
        Ok(Policy::new(project.dir.clone(), self.secrets()?))
    }
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
) -> Result<HttpResponse, Problem> {
    let project = state.project(&project).await?;
    let FilesQuery { q, limit } = query.into_inner();
    if q.chars().count() > LONGEST_QUERY {
        let words = format!("The query may have at most {LONGEST_QUERY} characters.");
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, words));
    }
    let most = state.resources.settings.reading.file_search_hits;
    let limit = limit.unwrap_or(USUAL).clamp(1, most);
    let list = state.files.list(&project).await?;
    let truncated = list.truncated;
    let ranked = web::block(move || finder::rank(&list, &q, limit)).await;
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
) -> Result<HttpResponse, Problem> {
    let project = state.project(&project).await?;
    let FileQuery { path, line, format } = query.into_inner();
    let policy = state.files.policy(&project)?;
    let settings = Arc::clone(&state.resources.settings);
    let permit = state.files.reads.acquire().await.map_err(Problem::unavailable)?;
    let shown = web::block(move || {
        let reading = &settings.reading;
        let bytes = opening::read(&policy, &path, reading.file_bytes)?;
        let page = page::of(&path, &bytes, line, reading.page_lines, reading.page_bytes);
        let is_html = format == Format::Html;
        let plain = is_html.then(|| plain(&path, &page, &bytes, settings.highlighting.file_bytes));
        Ok::<_, FileReadError>((FilePage { path, page, lines: None }, plain))
    });
    let (mut shown, plain) = shown.await.map_err(Problem::unavailable)??;
    drop(permit);
    if let Some(plain) = plain {
        let is_empty = shown.page.total_lines == 0;
        let lines = state.resources.highlighter.excerpt(plain).await;
        shown.lines = Some(if is_empty { Vec::new() } else { lines });
    }
    Ok(HttpResponse::Ok().json(shown))
}

/// A page that is yet to get its colours.
fn plain(
    path: &str,
    page: &FileExcerpt,
    bytes: &[u8],
    most_before: usize,
) -> highlighter::HighlightRequest {
    let first_line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let first_line = first_line.get(..LONGEST_FIRST_LINE).unwrap_or(first_line);
    highlighter::HighlightRequest {
        path: path.into(),
        first_line: String::from_utf8_lossy(first_line).into_owned(),
        before: page::before(bytes, page.first_line, most_before),
        shown: page.text.as_str().into(),
    }
}

impl From<FileReadError> for Problem {
    fn from(error: FileReadError) -> Self {
        let status = match &error {
            FileReadError::BadPath(_) | FileReadError::Directory(_) => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            FileReadError::Refused(_) | FileReadError::Climbs(_) | FileReadError::NotPlain(_) => {
                StatusCode::FORBIDDEN
            }
            FileReadError::NotThere(_) => StatusCode::NOT_FOUND,
            FileReadError::Changed(_) => StatusCode::CONFLICT,
            FileReadError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            FileReadError::Unreadable { .. } => StatusCode::FORBIDDEN,
        };
        Self::new(status, error.to_string())
    }
}
