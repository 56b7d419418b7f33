//! Conversations: list, create, read, rename and delete.

use std::time::Instant;

use actix::Addr;
use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::{
    conversation::{transcript::Transcript, turn::CloseReason},
    database::{
        Detail, Reader, Summary,
        messages::{ActionKind, CreateConversation, DeleteConversation, RenameConversation},
        title,
    },
    ids::{ConversationId, Seq},
    project::ProjectName,
    registry::Registry,
    rights::{Action, Denial, Ownership},
    session::{Resources, close::Close, list::Listed, rename::Rename},
};

use super::actions;

use crate::web::{
    access::{problems::limit_exceeded, rate_limit::Visitor},
    browser_cookie,
    problem::{HandlerResult, Problem, ProblemResponse},
    state::{AppState, complete, live_session},
};

/// `GET /api/assistant/conversations/{project}`: the most recently changed first.
#[utoipa::path(
    get,
    path = "/api/assistant/conversations/{project}",
    tag = "conversations",
    params(("project" = String, Path, description = "The project's name")),
    responses((status = 200, body = [Summary]), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn list(
    state: web::Data<AppState>,
    project: web::Path<String>,
    visitor: web::ReqData<Visitor>,
) -> HandlerResult {
    let project = state.project(&visitor, &project).await?.name;
    let who = visitor.into_inner().principal;
    let list = move |reader: &Reader| reader.conversations(&project, &who);
    let list = state.resources.reader.ask(list).await?;
    Ok(HttpResponse::Ok().json(list))
}

/// `POST /api/assistant/conversations/{project}`: creates one that is listed although it is empty.
#[utoipa::path(
    post,
    path = "/api/assistant/conversations/{project}",
    tag = "conversations",
    params(("project" = String, Path, description = "The project's name")),
    responses((status = 200, body = Summary), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn create(
    state: web::Data<AppState>,
    project: web::Path<String>,
    visitor: web::ReqData<Visitor>,
) -> HandlerResult {
    let project = state.project(&visitor, &project).await?.name;
    visitor.count_conversation(Instant::now()).map_err(limit_exceeded)?;
    let max = state.resources.settings.visitor_limits.empty_conversations;
    let name = project.clone();
    let empty = state.resources.reader.ask(move |reader| reader.count_empty(&name, max)).await?;
    if empty >= max {
        return Err(Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            format!(
                "This project has {empty} empty conversations, which is the limit \
                 (advanced.limits.empty_conversations): use one of them or delete some."
            ),
        ));
    }
    let create = CreateConversation {
        project: project.clone(),
        explicit: true,
        reserved_seq: Seq(Transcript::range()),
        agent_session: None,
        entries: Vec::new(),
        ownership: Ownership::of_new(
            &visitor.principal,
            state.resources.live.get().team.default_visibility,
        ),
        forked_from: None,
        copied: Vec::new(),
    };
    let created = state.resources.database.send(create).await??;
    if let Some(session) = state.live_session(&project).await? {
        // One that has ended tells nobody.
        session.send(Listed { conversation: created.id }).await.unwrap_or_default();
    }
    Ok(HttpResponse::Ok().json(created))
}

/// `GET /api/assistant/conversations/{project}/{id}`: with its messages.
#[utoipa::path(
    get,
    path = "/api/assistant/conversations/{project}/{id}",
    tag = "conversations",
    params(("project" = String, Path, description = "The project's name"), ("id" = i64, Path, description = "The conversation's id")),
    responses((status = 200, body = Detail), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn detail(
    state: web::Data<AppState>,
    path: web::Path<(String, String)>,
    visitor: web::ReqData<Visitor>,
    request: HttpRequest,
) -> HandlerResult {
    let (project, id, _) = permitted(&state, &path, &visitor, Action::Read).await?;
    let detail =
        state.resources.reader.ask(move |reader| reader.conversation(&project, id)).await?;
    let detail = detail.ok_or_else(unknown)?;
    let (browser, cookie) = browser_cookie::identify(&request, state.base_path());
    state.browsers.note_history_read(browser, id);
    let mut answer = HttpResponse::Ok();
    if let Some(cookie) = cookie {
        answer.cookie(cookie);
    }
    Ok(answer.json(detail))
}

#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = Renaming)]
pub(crate) struct RenameRequest {
    /// The new title; null or empty removes it. Required.
    #[serde(deserialize_with = "Option::deserialize")]
    title: Option<String>,
}

/// `PATCH /api/assistant/conversations/{project}/{id}`: changes the title.
#[utoipa::path(
    patch,
    path = "/api/assistant/conversations/{project}/{id}",
    tag = "conversations",
    request_body = RenameRequest,
    params(("project" = String, Path, description = "The project's name"), ("id" = i64, Path, description = "The conversation's id")),
    responses((status = 200, body = Summary), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn rename(
    state: web::Data<AppState>,
    path: web::Path<(String, String)>,
    visitor: web::ReqData<Visitor>,
    renaming: crate::web::json_body::Json<RenameRequest>,
) -> HandlerResult {
    let (project, conversation, _) = permitted(&state, &path, &visitor, Action::Write).await?;
    let title = title::given(renaming.0.title.as_deref().unwrap_or_default())
        .map_err(|long| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, long.to_string()))?;
    let summary = complete(async move {
        Ok(match state.live_session(&project).await? {
            Some(session) => session.send(Rename { conversation, title }).await??,
            None => {
                let rename = RenameConversation { project, conversation, title };
                state.resources.database.send(rename).await??
            }
        })
    });
    let summary = summary.await?.ok_or_else(unknown)?;
    Ok(HttpResponse::Ok().json(summary))
}

/// `DELETE /api/assistant/conversations/{project}/{id}`: deletes it, also while it is live.
#[utoipa::path(
    delete,
    path = "/api/assistant/conversations/{project}/{id}",
    tag = "conversations",
    params(("project" = String, Path, description = "The project's name"), ("id" = i64, Path, description = "The conversation's id")),
    responses((status = 200, body = Value), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn delete(
    state: web::Data<AppState>,
    path: web::Path<(String, String)>,
    visitor: web::ReqData<Visitor>,
) -> HandlerResult {
    let (project, id, of) = permitted(&state, &path, &visitor, Action::Delete).await?;
    actions::record(&state, &visitor, &project, Some(id), ActionKind::Deleted).await?;
    let deleted = complete(async move {
        delete_conversation(&state.registry, &state.resources, project, id, of).await
    });
    match deleted.await? {
        true => {
            Ok(HttpResponse::Ok()
                .json(json!({ "success": true, "message": "Conversation deleted" })))
        }
        false => Err(unknown()),
    }
}

/// Deletes a conversation, also while it is live. Gives whether it was there.
pub(crate) async fn delete_conversation(
    registry: &Addr<Registry>,
    resources: &Resources,
    project: ProjectName,
    id: ConversationId,
    of: Ownership,
) -> Result<bool, Problem> {
    if let Some(session) = live_session(registry, &project).await? {
        let closing = CloseReason::Ended("the conversation was deleted".to_owned());
        return Ok(session
            .send(Close { conversation: Some(id), closing, delete: Some(of) })
            .await?);
    }
    Ok(resources.database.send(DeleteConversation { project, conversation: id }).await??)
}

/// The project and conversation id of a path. It says nothing of whether the conversation is there.
pub(super) async fn parse_path(
    state: &AppState,
    path: &(String, String),
    visitor: &Visitor,
) -> Result<(ProjectName, ConversationId), Problem> {
    let (project, id) = path;
    let number = id.parse().map_err(|_| Problem::not_an_integer("conversation_id", id))?;
    Ok((state.project(visitor, project).await?.name, number))
}

/// The project and conversation of a path, and whose it is, if the visitor may do this.
///
/// # Errors
/// As for one that does not exist, where the visitor may not read it.
pub(super) async fn permitted(
    state: &AppState,
    path: &(String, String),
    visitor: &Visitor,
    action: Action,
) -> Result<(ProjectName, ConversationId, Ownership), Problem> {
    let (project, id) = parse_path(state, path, visitor).await?;
    let name = project.clone();
    let ownership = state.resources.reader.ask(move |reader| reader.ownership(&name, id)).await?;
    let ownership = ownership.ok_or_else(unknown)?;
    ownership.check(&visitor.principal, action).map_err(|refusal| match refusal {
        Denial::Unknown => unknown(),
        Denial::Forbidden => forbidden(action),
    })?;
    if action == Action::Read {
        let principal = &visitor.principal;
        state.readings.record(&state.resources, principal, &project, id, &ownership);
    }
    Ok((project, id, ownership))
}

/// The error of a conversation that is not there, or not for the visitor.
pub(super) fn unknown() -> Problem {
    Problem::not_found("Conversation not found")
}

fn forbidden(action: Action) -> Problem {
    let detail = match action {
        Action::Share | Action::Publish => {
            "Only the owner of a conversation decides who may read it."
        }
        _ => {
            "This conversation was shared with you for reading. Go on from an answer in one of \
             your own."
        }
    };
    Problem::new(StatusCode::FORBIDDEN, detail)
}
