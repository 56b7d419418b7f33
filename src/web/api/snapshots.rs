//! Public snapshots: frozen copies of conversations that everybody reads who has their address.
//!
//! A conversation has at most one. Publishing it again replaces what the snapshot shows and keeps its
//! address; after it was withdrawn, the next one has another address.

mod drawings;
mod page;

use actix_web::{HttpResponse, http::StatusCode, web};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    database::{
        Reader,
        messages::{ActionKind, FrozenCopy, SetSnapshot},
        queries::snapshots::PublishedSnapshot,
    },
    ids::ConversationId,
    project::ProjectName,
    rights::Action,
    web::{
        access::rate_limit::Visitor,
        assets::Assets,
        problem::{HandlerResult, Problem, ProblemResponse},
        state::{AppState, complete},
    },
};

use super::{
    actions,
    conversations::{permitted, unknown},
};
use page::{Frozen, NotFrozen};

/// Snapshots that admins are told of.
const MAX_LISTED: u32 = 200;

/// `GET /s/{token}`: a snapshot as a page of its own, without a login and without scripts.
#[utoipa::path(
    get,
    path = "/s/{token}",
    tag = "sharing",
    params(("token" = String, Path, description = "The random end of its address")),
    responses(
        (status = 200, body = String, content_type = "text/html"),
        (status = 404, description = "There is none, or not any more", body = String, content_type = "text/html"),
    ),
)]
pub(crate) async fn show(
    state: web::Data<AppState>,
    assets: web::Data<Assets>,
    token: web::Path<String>,
) -> HandlerResult {
    let live = state.resources.live.get();
    let mut snapshot = None;
    if live.team.public_snapshots {
        let read = move |reader: &Reader| reader.snapshot(&token);
        snapshot = state.resources.reader.ask(read).await?;
    }
    // That of a project which is not served any more is not either.
    let snapshot = snapshot.filter(|snapshot| live.project(&snapshot.project).is_some());
    let template = assets.document(page::TEMPLATE).await;
    let template = template.ok_or_else(|| Problem::unavailable("The page cannot be read."))?;
    Ok(page::response(&template, snapshot.as_ref()))
}

/// `GET /api/assistant/conversations/{project}/{id}/snapshot`: the snapshot that is published; null
/// without one.
#[utoipa::path(
    get,
    path = "/api/assistant/conversations/{project}/{id}/snapshot",
    tag = "sharing",
    params(("project" = String, Path, description = "The project's name"), ("id" = i64, Path, description = "The conversation's id")),
    responses((status = 200, body = Option<PublishedSnapshot>), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn published(
    state: web::Data<AppState>,
    path: web::Path<(String, String)>,
    visitor: web::ReqData<Visitor>,
) -> HandlerResult {
    let (project, id, _) = permitted(&state, &path, &visitor, Action::Publish).await?;
    let published = move |reader: &Reader| reader.published(&project, id);
    let published = state.resources.reader.ask(published).await?;
    Ok(HttpResponse::Ok().json(published.map(|it| it.below(state.base_path()))))
}

/// `PUT /api/assistant/conversations/{project}/{id}/snapshot`: publishes the answers that have ended, in
/// place of what was published before.
#[utoipa::path(
    put,
    path = "/api/assistant/conversations/{project}/{id}/snapshot",
    tag = "sharing",
    params(("project" = String, Path, description = "The project's name"), ("id" = i64, Path, description = "The conversation's id")),
    responses((status = 200, body = PublishedSnapshot), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn publish(
    state: web::Data<AppState>,
    path: web::Path<(String, String)>,
    visitor: web::ReqData<Visitor>,
) -> HandlerResult {
    let (project, id, _) = permitted(&state, &path, &visitor, Action::Publish).await?;
    if !state.resources.live.get().team.public_snapshots {
        let detail = "This server publishes nothing. Its operator may allow it with \
                      team.public_snapshots.";
        return Err(Problem::new(StatusCode::FORBIDDEN, detail));
    }
    let name = project.clone();
    let summary = state.resources.reader.ask(move |reader| reader.summary(&name, id)).await?;
    let title = summary.ok_or_else(unknown)?.title;
    let Frozen { title, html } =
        page::freeze(&state, &state.project(&visitor, &path.0).await?, id, title).await?;
    actions::record(&state, &visitor, &project, Some(id), ActionKind::Published).await?;
    let token = Uuid::new_v4().simple().to_string();
    let user = visitor.principal.user.clone();
    let copy = FrozenCopy { token, title, user, html };
    let published = set(&state, project, id, Some(copy)).await?.ok_or_else(unknown)?;
    Ok(HttpResponse::Ok().json(published.below(state.base_path())))
}

/// `DELETE /api/assistant/conversations/{project}/{id}/snapshot`: withdraws the snapshot.
#[utoipa::path(
    delete,
    path = "/api/assistant/conversations/{project}/{id}/snapshot",
    tag = "sharing",
    params(("project" = String, Path, description = "The project's name"), ("id" = i64, Path, description = "The conversation's id")),
    responses((status = 204), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn withdraw(
    state: web::Data<AppState>,
    path: web::Path<(String, String)>,
    visitor: web::ReqData<Visitor>,
) -> HandlerResult {
    let (project, id, _) = permitted(&state, &path, &visitor, Action::Publish).await?;
    withdrawn(&state, project, id, &visitor).await
}

/// All that is published.
#[derive(Debug, Serialize, ToSchema)]
struct AllSnapshots {
    /// Whether they can be read at the moment: `team.public_snapshots`.
    allowed: bool,
    /// The newest first, at most 200.
    snapshots: Vec<PublishedSnapshot>,
}

/// `GET /api/admin/snapshots`: the snapshots of all projects. Their titles are public with them.
#[utoipa::path(
    get,
    path = "/api/admin/snapshots",
    tag = "admin",
    responses((status = 200, body = AllSnapshots), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn admin_list(state: web::Data<AppState>) -> HandlerResult {
    let allowed = state.resources.live.get().team.public_snapshots;
    let snapshots = state.resources.reader.ask(|reader| reader.all_published(MAX_LISTED)).await?;
    let snapshots = snapshots.into_iter().map(|it| it.below(state.base_path())).collect();
    Ok(HttpResponse::Ok().json(AllSnapshots { allowed, snapshots }))
}

/// `DELETE /api/admin/snapshots/{project}/{conversation}`: withdraws any of them.
#[utoipa::path(
    delete,
    path = "/api/admin/snapshots/{project}/{conversation}",
    tag = "admin",
    params(("project" = String, Path, description = "The project's name"), ("conversation" = i64, Path, description = "The conversation's id")),
    responses((status = 204), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn admin_withdraw(
    state: web::Data<AppState>,
    path: web::Path<(String, String)>,
    visitor: web::ReqData<Visitor>,
) -> HandlerResult {
    let (project, id) = path.into_inner();
    let project = ProjectName::parse(&project).map_err(|_| Problem::bad_project_name())?;
    let id = id.parse().map_err(|_| Problem::not_an_integer("conversation", &id))?;
    withdrawn(&state, project, id, &visitor).await
}

async fn withdrawn(
    state: &AppState,
    project: ProjectName,
    id: ConversationId,
    visitor: &Visitor,
) -> HandlerResult {
    actions::record(state, visitor, &project, Some(id), ActionKind::WithdrewSnapshot).await?;
    set(state, project, id, None).await?;
    Ok(HttpResponse::NoContent().finish())
}

async fn set(
    state: &AppState,
    project: ProjectName,
    conversation: ConversationId,
    copy: Option<FrozenCopy>,
) -> Result<Option<PublishedSnapshot>, Problem> {
    let database = state.resources.database.clone();
    let set = SetSnapshot { project, conversation, copy };
    complete(async move { Ok(database.send(set).await??) }).await
}

impl From<NotFrozen> for Problem {
    fn from(error: NotFrozen) -> Self {
        match error {
            NotFrozen::Nothing => Self::new(StatusCode::CONFLICT, error.to_string()),
            NotFrozen::TooLong => Self::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()),
            NotFrozen::Unread(error) => error.into(),
        }
    }
}
