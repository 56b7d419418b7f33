//! A project's files: search by path, and a page of a file.

use actix_web::{HttpResponse, http::StatusCode, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    reader::{
        FileRefusal, ReaderError,
        excerpt::FileExcerpt,
        file_list::{Directory, FoundFile},
        find_in_file::FoundPlaces,
        protocol::{self, FileRefusalKind, PageOf},
        questions::PageError,
    },
    web::{
        access::rate_limit::Visitor,
        api::editor_link,
        problem::{HandlerResult, Problem, ProblemResponse},
        state::AppState,
    },
};

const DEFAULT_LIMIT: usize = 50;

const MAX_QUERY_CHARS: usize = 200;

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
pub(crate) struct TreeQuery {
    /// The path of the directory from the project's root; empty for the root.
    #[serde(default)]
    path: String,
}

/// `GET /api/projects/{project}/tree?path=`: what is in a directory.
#[utoipa::path(
    get,
    path = "/api/projects/{project}/tree",
    tag = "projects",
    params(("project" = String, Path, description = "The project's name"), TreeQuery),
    responses((status = 200, body = Directory), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn list(
    state: web::Data<AppState>,
    project: web::Path<String>,
    query: web::Query<TreeQuery>,
    visitor: web::ReqData<Visitor>,
) -> HandlerResult {
    let project = state.project(&visitor, &project).await?;
    let TreeQuery { path } = query.into_inner();
    Ok(HttpResponse::Ok().json(state.resources.readers.directory(&project, path).await?))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct FileQuery {
    /// The path from the project's root.
    path: String,
    /// The commit to take the file from, by its whole hash; without one, the file as it is.
    commit: Option<String>,
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
    /// Where it opens in an editor or at a code host, with `{line}` for the line, where
    /// `reader.editor_url` is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    editor_url: Option<String>,
}

/// Refuses letters to look for of which there are too many.
pub(super) fn check_letters(letters: &str) -> Result<(), Problem> {
    if letters.chars().count() <= MAX_QUERY_CHARS {
        return Ok(());
    }
    let detail = format!("The query may have at most {MAX_QUERY_CHARS} characters.");
    Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail))
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
    visitor: web::ReqData<Visitor>,
) -> HandlerResult {
    let project = state.project(&visitor, &project).await?;
    let FilesQuery { q, limit } = query.into_inner();
    check_letters(&q)?;
    let max = state.resources.settings.reading.file_search_hits;
    let limit = limit.unwrap_or(DEFAULT_LIMIT).clamp(1, max);
    let found = state.resources.readers.find_files(&project, q, limit).await?;
    let protocol::FoundFiles { files, total, truncated } = found;
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
    visitor: web::ReqData<Visitor>,
) -> HandlerResult {
    let FileQuery { path, commit, line, format } = query.into_inner();
    let of = match commit {
        Some(commit) => PageOf::FileAt { path: path.clone(), commit },
        None => PageOf::File(path.clone()),
    };
    page(&state, (&visitor, &project), path, of, line, format).await
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PlacesQuery {
    /// The path from the project's root; empty for what a commit changes.
    #[serde(default)]
    path: String,
    /// The commit to take the file from, by its whole hash; without one, the file as it is.
    commit: Option<String>,
    /// The text to find, whatever its capital letters.
    q: String,
}

/// `GET /api/projects/{project}/file/places?path=&commit=&q=`: where a text stands in a whole file.
#[utoipa::path(
    get,
    path = "/api/projects/{project}/file/places",
    tag = "projects",
    params(("project" = String, Path, description = "The project's name"), PlacesQuery),
    responses((status = 200, body = FoundPlaces), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn find_places(
    state: web::Data<AppState>,
    project: web::Path<String>,
    query: web::Query<PlacesQuery>,
    visitor: web::ReqData<Visitor>,
) -> HandlerResult {
    let project = state.project(&visitor, &project).await?;
    let PlacesQuery { path, commit, q } = query.into_inner();
    check_letters(&q)?;
    if q.is_empty() {
        let detail = "The text to find is empty.".to_owned();
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail));
    }
    let of = match commit {
        Some(commit) if path.is_empty() => PageOf::Commit(commit),
        Some(commit) => PageOf::FileAt { path, commit },
        None => PageOf::File(path),
    };
    Ok(HttpResponse::Ok().json(state.resources.readers.find_in_file(&project, of, q).await?))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct CommitQuery {
    /// The commit's hash, or the beginning of it.
    id: String,
    /// A line that must be included, from 1.
    line: Option<usize>,
    /// The format of the lines.
    #[serde(default)]
    #[param(inline)]
    format: FileFormat,
}

/// `GET /api/projects/{project}/commit?id=&line=&format=`: the message of a commit and how it differs
/// from the one before, as a page of a file.
#[utoipa::path(
    get,
    path = "/api/projects/{project}/commit",
    tag = "projects",
    params(("project" = String, Path, description = "The project's name"), CommitQuery),
    responses((status = 200, body = FilePage), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn show_commit(
    state: web::Data<AppState>,
    project: web::Path<String>,
    query: web::Query<CommitQuery>,
    visitor: web::ReqData<Visitor>,
) -> HandlerResult {
    let CommitQuery { id, line, format } = query.into_inner();
    page(&state, (&visitor, &project), id.clone(), PageOf::Commit(id), line, format).await
}

/// The page of a file or a commit, which was requested as `path`.
async fn page(
    state: &AppState,
    (visitor, project): (&Visitor, &str),
    path: String,
    of: PageOf,
    line: Option<usize>,
    format: FileFormat,
) -> HandlerResult {
    let project = state.project(visitor, project).await?;
    let is_highlighted = format == FileFormat::Html;
    let is_current = matches!(of, PageOf::File(_));
    let page = state.resources.readers.page(&project, of, line, is_highlighted).await?;
    let live = state.resources.live.get();
    let editor = live.file_links.editor_url.as_ref().filter(|_| is_current);
    let editor_url = editor.and_then(|url| editor_link::of(url, &project, &path));
    let protocol::ReadPage { excerpt, lines } = page;
    Ok(HttpResponse::Ok().json(FilePage { path, excerpt, lines, editor_url }))
}

impl From<ReaderError> for Problem {
    fn from(error: ReaderError) -> Self {
        match error {
            ReaderError::DirectoryGone { .. } => Self::not_found(&error.to_string()),
            _ => Self::unavailable(error),
        }
    }
}

impl From<FileRefusal> for Problem {
    fn from(FileRefusal { kind, words }: FileRefusal) -> Self {
        let status = match kind {
            FileRefusalKind::BadPath => StatusCode::UNPROCESSABLE_ENTITY,
            FileRefusalKind::Forbidden => StatusCode::FORBIDDEN,
            FileRefusalKind::NotThere => StatusCode::NOT_FOUND,
            FileRefusalKind::Changed => StatusCode::CONFLICT,
            FileRefusalKind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        };
        Self::new(status, words)
    }
}

impl From<PageError> for Problem {
    fn from(error: PageError) -> Self {
        match error {
            PageError::Refused(refusal) => refusal.into(),
            PageError::Reader(error) => error.into(),
        }
    }
}
