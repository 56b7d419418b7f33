//! Conversations: list, create, read, rename and delete.

use std::time::Instant;

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::{
    conversation::{transcript::Transcript, turn::CloseReason},
    database::{
        Detail, Summary,
        messages::{CreateConversation, DeleteConversation, RenameConversation},
        title,
    },
    ids::{ConversationId, Seq},
    session::{close::Close, list::Listed, rename::Rename},
};

use crate::web::{
    access::{problems::limit_exceeded, rate_limit::Visitor},
    browser_cookie,
    problem::{HandlerResult, Problem, ProblemResponse},
    state::{AppState, complete},
};

/// `GET /api/assistant/conversations/{project}`: the most recently changed first.
#[utoipa::path(
    get,
    path = "/api/assistant/conversations/{project}",
    tag = "conversations",
    params(("project" = String, Path, description = "The project's name")),
    responses((status = 200, body = [Summary]), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn list(state: web::Data<AppState>, project: web::Path<String>) -> HandlerResult {
    let project = state.project(&project).await?.name;
    let list = state.resources.reader.ask(move |reader| reader.conversations(&project)).await?;
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
    let project = state.project(&project).await?.name;
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
    request: HttpRequest,
) -> HandlerResult {
    let (project, id) = parse_path(&state, &path).await?;
    let detail =
        state.resources.reader.ask(move |reader| reader.conversation(&project, id)).await?;
    let detail = detail.ok_or_else(|| Problem::not_found("Conversation not found"))?;
    let (browser, cookie) = browser_cookie::identify(&request);
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
    renaming: crate::web::json_body::Json<RenameRequest>,
) -> HandlerResult {
    let (project, conversation) = parse_path(&state, &path).await?;
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
    let summary = summary.await?.ok_or_else(|| Problem::not_found("Conversation not found"))?;
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
) -> HandlerResult {
    let (project, id) = parse_path(&state, &path).await?;
    let deleted = complete(async move {
        Ok(match state.live_session(&project).await? {
            Some(session) => {
                let closing = CloseReason::Ended("the conversation was deleted".to_owned());
                session.send(Close { conversation: Some(id), closing, delete: true }).await?
            }
            None => {
                let delete = DeleteConversation { project, conversation: id };
                state.resources.database.send(delete).await??
            }
        })
    });
    match deleted.await? {
        true => {
            Ok(HttpResponse::Ok()
                .json(json!({ "success": true, "message": "Conversation deleted" })))
        }
        false => Err(Problem::not_found("Conversation not found")),
    }
}

/// The project and conversation id of a path.
pub(super) async fn parse_path(
    state: &AppState,
    path: &(String, String),
) -> Result<(crate::project::ProjectName, ConversationId), Problem> {
    let (project, id) = path;
    let number = id.parse().map_err(|_| Problem::not_an_integer("conversation_id", id))?;
    Ok((state.project(project).await?.name, number))
}
