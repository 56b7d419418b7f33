//! Who may read a conversation: its visibility, and a link for others of the team.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    database::{
        Reader, Summary,
        messages::{ActionKind, ShareConversation, Sharing},
    },
    ids::ConversationId,
    project::ProjectName,
    rights::{Action, Ownership, Visibility},
    session::sharing::Share,
    web::{
        access::rate_limit::Visitor,
        json_body::Json,
        problem::{HandlerResult, Problem, ProblemResponse},
        state::{AppState, complete},
    },
};

use super::actions;
use super::conversations::{parse_path, permitted, unknown};

#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = VisibilityChange)]
pub(crate) struct VisibilityRequest {
    visibility: Visibility,
}

/// `PUT /api/assistant/conversations/{project}/{id}/visibility`: decides who may read it. Others who
/// read a conversation that becomes private are disconnected.
#[utoipa::path(
    put,
    path = "/api/assistant/conversations/{project}/{id}/visibility",
    tag = "sharing",
    request_body = VisibilityRequest,
    params(("project" = String, Path, description = "The project's name"), ("id" = i64, Path, description = "The conversation's id")),
    responses((status = 200, body = Summary), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn set_visibility(
    state: web::Data<AppState>,
    path: web::Path<(String, String)>,
    visitor: web::ReqData<Visitor>,
    change: Json<VisibilityRequest>,
) -> HandlerResult {
    let (project, id, before) = permitted(&state, &path, &visitor, Action::Share).await?;
    let visibility = change.0.visibility;
    let kind = match visibility {
        Visibility::Private => ActionKind::MadePrivate,
        Visibility::Team => ActionKind::OpenedToTeam,
    };
    actions::record(&state, &visitor, &project, Some(id), kind).await?;
    let summary =
        share(&state, project, (id, Some(before)), Sharing::Visibility(visibility)).await?;
    Ok(HttpResponse::Ok().json(summary))
}

/// What a link to a conversation holds.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Link)]
pub(crate) struct ConversationLink {
    /// Random. A page opens it as `/p/{project}/{id}#link={link}`.
    link: String,
}

/// `PUT /api/assistant/conversations/{project}/{id}/link`: a link with which others of the team read
/// a private conversation. It stays the same until it is withdrawn.
#[utoipa::path(
    put,
    path = "/api/assistant/conversations/{project}/{id}/link",
    tag = "sharing",
    params(("project" = String, Path, description = "The project's name"), ("id" = i64, Path, description = "The conversation's id")),
    responses((status = 200, body = ConversationLink), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn make_link(
    state: web::Data<AppState>,
    path: web::Path<(String, String)>,
    visitor: web::ReqData<Visitor>,
) -> HandlerResult {
    let (project, id, _) = permitted(&state, &path, &visitor, Action::Share).await?;
    if let Some(link) = stored_link(&state, &project, id).await? {
        return Ok(HttpResponse::Ok().json(ConversationLink { link }));
    }
    let link = Uuid::new_v4().simple().to_string();
    actions::record(&state, &visitor, &project, Some(id), ActionKind::MadeLink).await?;
    share(&state, project, (id, None), Sharing::Link(Some(link.clone()))).await?;
    Ok(HttpResponse::Ok().json(ConversationLink { link }))
}

/// `DELETE /api/assistant/conversations/{project}/{id}/link`: withdraws the link. Those who read by it
/// are disconnected.
#[utoipa::path(
    delete,
    path = "/api/assistant/conversations/{project}/{id}/link",
    tag = "sharing",
    params(("project" = String, Path, description = "The project's name"), ("id" = i64, Path, description = "The conversation's id")),
    responses((status = 200, body = Summary), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn withdraw_link(
    state: web::Data<AppState>,
    path: web::Path<(String, String)>,
    visitor: web::ReqData<Visitor>,
) -> HandlerResult {
    let (project, id, before) = permitted(&state, &path, &visitor, Action::Share).await?;
    actions::record(&state, &visitor, &project, Some(id), ActionKind::WithdrewLink).await?;
    let summary = share(&state, project, (id, Some(before)), Sharing::Link(None)).await?;
    Ok(HttpResponse::Ok().json(summary))
}

/// `POST /api/assistant/conversations/{project}/{id}/guests`: opens a link as the user who asks, who
/// may read the conversation from then on.
#[utoipa::path(
    post,
    path = "/api/assistant/conversations/{project}/{id}/guests",
    tag = "sharing",
    request_body = ConversationLink,
    params(("project" = String, Path, description = "The project's name"), ("id" = i64, Path, description = "The conversation's id")),
    responses((status = 200, body = Summary), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn open_link(
    state: web::Data<AppState>,
    path: web::Path<(String, String)>,
    visitor: web::ReqData<Visitor>,
    shown: Json<ConversationLink>,
) -> HandlerResult {
    let (project, id) = parse_path(&state, &path, &visitor).await?;
    let (user, shown) = (visitor.principal.user.clone(), shown.0.link);
    let stored = stored_link(&state, &project, id).await?;
    let is_right = stored.is_some_and(|it| it.as_bytes().ct_eq(shown.as_bytes()).into());
    if !is_right && permitted(&state, &path, &visitor, Action::Read).await.is_err() {
        return Err(unknown());
    }
    let sharing = user.filter(|_| is_right).map(|user| Sharing::Guest { user, link: shown });
    let summary = match sharing {
        Some(guest) => {
            actions::record(&state, &visitor, &project, Some(id), ActionKind::OpenedLink).await?;
            share(&state, project, (id, None), guest).await?
        }
        None => {
            let summary = move |reader: &Reader| reader.summary(&project, id);
            state.resources.reader.ask(summary).await?.ok_or_else(unknown)?
        }
    };
    // The link may have been withdrawn meanwhile.
    match summary.ownership.allows(&visitor.principal, Action::Read) {
        true => Ok(HttpResponse::Ok().json(summary)),
        false => Err(unknown()),
    }
}

async fn stored_link(
    state: &AppState,
    project: &ProjectName,
    id: ConversationId,
) -> Result<Option<String>, Problem> {
    let project = project.clone();
    Ok(state.resources.reader.ask(move |reader| reader.link(&project, id)).await?)
}

/// Stores the change, and has it hold where the conversation is live.
async fn share(
    state: &AppState,
    project: ProjectName,
    (conversation, before): (ConversationId, Option<Ownership>),
    sharing: Sharing,
) -> Result<Summary, Problem> {
    let state = state.clone();
    let shared = complete(async move {
        let share = Share { conversation, sharing: sharing.clone(), before };
        if let Some(session) = state.live_session(&project).await? {
            return Ok(session.send(share).await??);
        }
        let write = ShareConversation { project: project.clone(), conversation, sharing };
        let stored = state.resources.database.send(write).await??;
        // A session that began meanwhile may have read what was stored before.
        if let Some(session) = state.live_session(&project).await? {
            return Ok(session.send(share).await??);
        }
        Ok(stored)
    });
    shared.await?.ok_or_else(unknown)
}
