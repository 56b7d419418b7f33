//! Sessions: list, inspect and close.

use std::collections::BTreeSet;

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use crate::{
    database::messages::ActionKind,
    ids::ConversationId,
    project::ProjectName,
    registry::messages::{CloseSession, Find, ListSessions, SessionPhase},
    session::describe::{Describe, SessionOverview},
};

use super::actions;

use crate::web::{
    access::rate_limit::Visitor,
    placement::hand_on::ask_others,
    problem::{HandlerResult, Problem, ProblemResponse},
    state::{AppState, complete},
};

/// Shown to the viewers of a turn that is ended by this.
const CLOSED_BY_ADMIN: &str = "the session was closed by an administrator; ask again to open it";

/// `GET /api/assistant/sessions`: the projects that have a session.
#[utoipa::path(
    get,
    path = "/api/assistant/sessions",
    tag = "sessions",
    responses((status = 200, body = [String]), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn list(
    state: web::Data<AppState>,
    visitor: web::ReqData<Visitor>,
    request: HttpRequest,
) -> HandlerResult {
    let sessions = state.registry.send(ListSessions).await?;
    let names = sessions.iter().map(|session| &session.project);
    let own = names.filter(|name| exists(&state, &visitor, name)).map(ToString::to_string);
    let mut names: BTreeSet<String> = own.collect();
    for (_, others) in ask_others(&state, &request).await {
        let others = others.and_then(|others| serde_json::from_value::<Vec<String>>(others).ok());
        names.extend(others.unwrap_or_default());
    }
    Ok(HttpResponse::Ok().json(names))
}

/// `GET /api/assistant/sessions/{project}`: the newest conversation of a session.
#[utoipa::path(
    get,
    path = "/api/assistant/sessions/{project}",
    tag = "sessions",
    params(("project" = String, Path, description = "The project's name")),
    responses((status = 200, body = Value), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn info(
    state: web::Data<AppState>,
    project: web::Path<String>,
    visitor: web::ReqData<Visitor>,
) -> HandlerResult {
    let project = name(&project)?;
    if !exists(&state, &visitor, &project) {
        return Err(no_active_session());
    }
    let conversation_id = match state.registry.send(Find { project: project.clone() }).await? {
        Ok(Some(SessionPhase::Live(session))) => {
            session.send(Describe).await?.latest_for(&visitor.principal)
        }
        Ok(Some(SessionPhase::Restarting(_) | SessionPhase::GivenUp)) => None,
        Ok(Some(SessionPhase::Closing) | None) | Err(_) => return Err(no_active_session()),
    };
    Ok(HttpResponse::Ok().json(json!({
        "project_name": project.as_str(),
        "conversation_id": conversation_id,
        "is_active": true,
    })))
}

/// `DELETE /api/assistant/sessions/{project}`: closes the session and ends its agents.
#[utoipa::path(
    delete,
    path = "/api/assistant/sessions/{project}",
    tag = "sessions",
    params(("project" = String, Path, description = "The project's name")),
    responses((status = 200, body = Value), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn close(
    state: web::Data<AppState>,
    project: web::Path<String>,
    visitor: web::ReqData<Visitor>,
) -> HandlerResult {
    if close_session(&state, &visitor, name(&project)?, None).await? {
        return Ok(HttpResponse::Ok().json(json!({ "success": true, "message": "Session closed" })));
    }
    Err(no_active_session())
}

/// `GET /api/admin/sessions`: all sessions and their conversations, of all nodes of a cluster. What a
/// conversation is about is told to those who may read it.
#[utoipa::path(
    get,
    path = "/api/admin/sessions",
    tag = "admin",
    responses((status = 200, body = [Value]), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn admin_list(
    state: web::Data<AppState>,
    visitor: web::ReqData<Visitor>,
    request: HttpRequest,
) -> HandlerResult {
    let sessions = state.registry.send(ListSessions).await?;
    let node = state.resources.cluster.node();
    let told = |session: &SessionOverview| {
        let conversations = session.conversations.iter();
        conversations.map(|it| it.told_to(&visitor.principal)).collect::<Vec<_>>()
    };
    let own = sessions.iter().map(|session| {
        let mut row = json!({
            "project": session.project.as_str(),
            "state": session.phase,
            "restarts": session.restarts,
            "conversations": session.description.as_ref().map(told),
        });
        if let Some(node) = &node {
            row["node"] = json!(node);
        }
        row
    });
    let mut list: Vec<Value> = own.collect();
    for (node, others) in ask_others(&state, &request).await {
        match others {
            Some(Value::Array(others)) => list.extend(others),
            _ => log::warn!("a node does not tell its sessions node={node}"),
        }
    }
    list.sort_by(|a, b| a["project"].as_str().cmp(&b["project"].as_str()));
    Ok(HttpResponse::Ok().json(list))
}

/// `DELETE /api/admin/sessions/{project}`: the same for admins.
#[utoipa::path(
    delete,
    path = "/api/admin/sessions/{project}",
    tag = "admin",
    params(("project" = String, Path, description = "The project's name")),
    responses((status = 200, body = Value), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn admin_close(
    state: web::Data<AppState>,
    project: web::Path<String>,
    visitor: web::ReqData<Visitor>,
) -> HandlerResult {
    close(state, project, visitor).await
}

/// `DELETE /api/admin/sessions/{project}/{conversation}`: ends a conversation's turn and agent, and
/// keeps its history.
#[utoipa::path(
    delete,
    path = "/api/admin/sessions/{project}/{conversation}",
    tag = "admin",
    params(("project" = String, Path, description = "The project's name"), ("conversation" = i64, Path, description = "The conversation's id")),
    responses((status = 200, body = Value), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn admin_close_one(
    state: web::Data<AppState>,
    path: web::Path<(String, String)>,
    visitor: web::ReqData<Visitor>,
) -> HandlerResult {
    let (project, id) = path.into_inner();
    let conversation = id.parse().map_err(|_| Problem::not_an_integer("conversation", &id))?;
    if close_session(&state, &visitor, name(&project)?, Some(conversation)).await? {
        return Ok(
            HttpResponse::Ok().json(json!({ "success": true, "message": "Conversation closed" }))
        );
    }
    Err(Problem::not_found("No such live conversation"))
}

async fn close_session(
    state: &web::Data<AppState>,
    visitor: &Visitor,
    project: ProjectName,
    conversation: Option<ConversationId>,
) -> Result<bool, Problem> {
    if state.live_session(&project).await?.is_some() {
        actions::record(state, visitor, &project, conversation, ActionKind::Ended).await?;
    }
    let close = CloseSession { project, conversation, words: CLOSED_BY_ADMIN.to_owned() };
    let registry = state.registry.clone();
    complete(async move { Ok(registry.send(close).await?) }).await
}

fn name(project: &str) -> Result<ProjectName, Problem> {
    ProjectName::parse(project).map_err(|_| Problem::bad_project_name())
}

fn exists(state: &AppState, visitor: &Visitor, project: &ProjectName) -> bool {
    state.visible_project(visitor, project).is_some()
}

fn no_active_session() -> Problem {
    Problem::not_found("No active session for this project")
}
