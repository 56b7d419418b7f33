//! The log of who ended, deleted or shared what.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    database::{
        messages::{ActionKind, RecordAction},
        queries::actions::RecordedAction,
    },
    ids::ConversationId,
    project::ProjectName,
    web::{
        access::rate_limit::Visitor,
        problem::{HandlerResult, Problem, ProblemResponse},
        state::AppState,
    },
};

const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1000;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ActionsQuery {
    /// Actions in whose project, kind or user's name this occurs.
    q: Option<String>,
    /// The most actions to return: 100 without it, at most 1000.
    limit: Option<usize>,
}

/// `GET /api/admin/actions`: the newest first. Not what a conversation is about.
#[utoipa::path(
    get,
    path = "/api/admin/actions",
    tag = "admin",
    params(ActionsQuery),
    responses((status = 200, body = [RecordedAction]), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn list(
    state: web::Data<AppState>,
    query: web::Query<ActionsQuery>,
) -> HandlerResult {
    let ActionsQuery { q, limit } = query.into_inner();
    let limit = limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT);
    let words = q.unwrap_or_default();
    let read = state.resources.reader.ask(move |reader| reader.actions(words.trim(), limit));
    Ok(HttpResponse::Ok().json(read.await?))
}

/// Records that a visitor is about to do something; what cannot be recorded is not done.
pub(super) async fn record(
    state: &AppState,
    visitor: &Visitor,
    project: &ProjectName,
    conversation: Option<ConversationId>,
    kind: ActionKind,
) -> Result<(), Problem> {
    let action = RecordAction {
        project: project.clone(),
        conversation,
        kind,
        user: visitor.principal.user.clone(),
        is_admin: visitor.principal.is_admin,
    };
    log::info!(
        "action kind={} project={project} conversation={conversation:?} by={:?}",
        kind.as_str(),
        action.user
    );
    Ok(state.resources.database.send(action).await??)
}
