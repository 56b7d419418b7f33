//! The audit log: who did what, and not what was answered.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::{
    database::{
        Reader,
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
const MAX_LINES: usize = 100_000;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ActionsQuery {
    /// Actions in whose project, kind, user's name or detail this occurs.
    q: Option<String>,
    /// The most actions to return: 100 without it, at most 1000, and 100,000 of them as lines.
    limit: Option<usize>,
    /// Only what was done then or later: UTC, ISO 8601.
    since: Option<String>,
    /// `json` or, one action a line, `jsonl`.
    #[serde(default)]
    #[param(inline)]
    format: ActionFormat,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ActionFormat {
    #[default]
    Json,
    Jsonl,
}

/// `GET /api/admin/actions`: the newest first.
#[utoipa::path(
    get,
    path = "/api/admin/actions",
    tag = "admin",
    params(ActionsQuery),
    responses((status = 200, content((Vec<RecordedAction> = "application/json"), (String = "application/x-ndjson"))), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn list(
    state: web::Data<AppState>,
    query: web::Query<ActionsQuery>,
) -> HandlerResult {
    let ActionsQuery { q, limit, since, format } = query.into_inner();
    let most = if format == ActionFormat::Jsonl { MAX_LINES } else { MAX_LIMIT };
    let limit = limit.unwrap_or(DEFAULT_LIMIT).clamp(1, most);
    let words = q.unwrap_or_default();
    let since = since.unwrap_or_default();
    let read = move |reader: &Reader| reader.actions(words.trim(), &since, limit);
    let actions = state.resources.reader.ask(read).await?;
    if format == ActionFormat::Json {
        return Ok(HttpResponse::Ok().json(actions));
    }
    let lines = actions.iter().filter_map(|action| serde_json::to_string(action).ok());
    let lines: String = lines.map(|line| line + "\n").collect();
    Ok(HttpResponse::Ok().content_type("application/x-ndjson").body(lines))
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
        project: Some(project.clone()),
        detail: String::new(),
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

/// Records what a visitor does that is of no project.
pub(super) async fn record_of_server(
    state: &AppState,
    visitor: &Visitor,
    kind: ActionKind,
    detail: &str,
) -> Result<(), Problem> {
    let action = RecordAction {
        project: None,
        conversation: None,
        kind,
        user: visitor.principal.user.clone(),
        is_admin: visitor.principal.is_admin,
        detail: detail.to_owned(),
    };
    log::info!("action kind={} by={:?}", kind.as_str(), action.user);
    Ok(state.resources.database.send(action).await??)
}
