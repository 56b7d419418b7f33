//! Notes: answers that people keep for their project.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    database::{
        Reader,
        messages::KeepNote,
        queries::{notes::Note, search::FullTextQuery},
    },
    project::Project,
    rights::{Action, Principal},
    web::{
        access::rate_limit::Visitor,
        problem::{HandlerResult, Problem, ProblemResponse},
        state::AppState,
    },
};

use super::{
    conversations::permitted,
    reactions::{AnswerPath, MarkChange, mark},
};

const DEFAULT_LIMIT: usize = 20;

const MAX_LIMIT: usize = 50;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct NotesQuery {
    /// Words of the question or the answer.
    #[serde(default)]
    q: String,
    /// The most notes to return, up to 50.
    limit: Option<usize>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FoundNotes {
    /// The newest first.
    notes: Vec<CheckedNote>,
    /// Whether there are older ones.
    more: bool,
}

/// A note, and whether what it cites is as it was.
#[derive(Debug, Serialize, ToSchema)]
struct CheckedNote {
    #[serde(flatten)]
    note: Note,
    /// Places that it cites.
    cited: usize,
    /// Those that have changed since, or are gone.
    changed: usize,
}

/// `GET /api/projects/{project}/notes?q=&limit=`: the notes of a project that the visitor may read.
#[utoipa::path(
    get,
    path = "/api/projects/{project}/notes",
    tag = "notes",
    params(("project" = String, Path, description = "The project's name"), NotesQuery),
    responses((status = 200, body = FoundNotes), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn list(
    state: web::Data<AppState>,
    project: web::Path<String>,
    query: web::Query<NotesQuery>,
    visitor: web::ReqData<Visitor>,
) -> HandlerResult {
    let project = state.project(&visitor, &project).await?;
    let NotesQuery { q, limit } = query.into_inner();
    let found = find(&state, &project, visitor.into_inner().principal, &q, limit).await?;
    Ok(HttpResponse::Ok().json(found))
}

/// The notes that somebody may read, with all words of `q`.
pub(super) async fn find(
    state: &AppState,
    project: &Project,
    who: Principal,
    q: &str,
    limit: Option<usize>,
) -> Result<FoundNotes, Problem> {
    let words = FullTextQuery::parse(q)
        .map_err(|many| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, many.to_string()))?;
    if words.is_none() && !q.trim().is_empty() {
        return Ok(FoundNotes { notes: Vec::new(), more: false });
    }
    let limit = limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT);
    let timeout = state.resources.settings.reading.search_timeout;
    let name = project.name.clone();
    let read =
        move |reader: &Reader| reader.notes((&name, &who), words.as_ref(), limit + 1, timeout);
    let mut notes = state.resources.reader.ask(read).await?;
    let more = notes.len() > limit;
    notes.truncate(limit);
    let mut checked = Vec::with_capacity(notes.len());
    for note in notes {
        checked.push(check(state, project, note).await?);
    }
    Ok(FoundNotes { notes: checked, more })
}

/// Compares what a note cites with the project as it is now.
async fn check(state: &AppState, project: &Project, note: Note) -> Result<CheckedNote, Problem> {
    let (name, id, turn) = (project.name.clone(), note.conversation_id, note.turn);
    let end = move |reader: &Reader| reader.end_of_turn(&name, id, turn);
    let end = state.resources.reader.ask(end).await?;
    let citations = end.map(|end| end.sources().0).unwrap_or_default();
    let counted = state.resources.readers.count_changed(project, citations).await;
    let (cited, changed) = counted.unwrap_or_else(|error| {
        log::warn!("a note is not compared with the project error={error}");
        (0, 0)
    });
    Ok(CheckedNote { note, cited, changed })
}

/// `PUT /api/assistant/conversations/{project}/{id}/notes/{turn}`: keeps an answer as a note of the
/// project, for everybody who may read its conversation.
#[utoipa::path(
    put,
    path = "/api/assistant/conversations/{project}/{id}/notes/{turn}",
    tag = "notes",
    params(("project" = String, Path, description = "The project's name"), ("id" = i64, Path, description = "The conversation's id"), ("turn" = i64, Path, description = "The answer's turn")),
    responses((status = 200, body = crate::reaction::AnswerReactions), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn keep(
    state: web::Data<AppState>,
    path: AnswerPath,
    visitor: web::ReqData<Visitor>,
    request: HttpRequest,
) -> HandlerResult {
    set(&state, path, &visitor, &request, true).await
}

/// `DELETE /api/assistant/conversations/{project}/{id}/notes/{turn}`: the answer is no note any more.
#[utoipa::path(
    delete,
    path = "/api/assistant/conversations/{project}/{id}/notes/{turn}",
    tag = "notes",
    params(("project" = String, Path, description = "The project's name"), ("id" = i64, Path, description = "The conversation's id"), ("turn" = i64, Path, description = "The answer's turn")),
    responses((status = 200, body = crate::reaction::AnswerReactions), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn drop(
    state: web::Data<AppState>,
    path: AnswerPath,
    visitor: web::ReqData<Visitor>,
    request: HttpRequest,
) -> HandlerResult {
    set(&state, path, &visitor, &request, false).await
}

async fn set(
    state: &AppState,
    path: AnswerPath,
    visitor: &Visitor,
    request: &HttpRequest,
    is_kept: bool,
) -> HandlerResult {
    let (project, id, turn) = path.into_inner();
    let (project, conversation, _) =
        permitted(state, &(project, id), visitor, Action::Write).await?;
    let turn = turn.parse().map_err(|_| Problem::not_an_integer("turn", &turn))?;
    let user = visitor.principal.user.clone();
    let who = user.as_deref().unwrap_or("somebody");
    log::info!("note kept={is_kept} conversation={conversation} turn={turn} by={who}");
    let note = KeepNote { project, conversation, turn, user, is_kept };
    mark(state, visitor, request, MarkChange::Note(note)).await
}
