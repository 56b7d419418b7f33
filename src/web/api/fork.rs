//! Going on from a turn of a conversation in a new one.

use std::time::Instant;

use actix_web::{HttpResponse, http::StatusCode, web};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    conversation::transcript::Transcript,
    database::{
        Summary,
        messages::{ForkConversation, Forked},
    },
    ids::{ForkedFrom, TurnNumber},
    rights::{Action, Ownership},
    session::list::Listed,
    web::{
        access::{problems::limit_exceeded, rate_limit::Visitor},
        json_body::Json,
        problem::{HandlerResult, Problem, ProblemResponse},
        state::{AppState, complete},
    },
};

use super::conversations::permitted;

#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = Fork)]
pub(crate) struct ForkRequest {
    /// The last turn that is copied.
    turn: TurnNumber,
}

/// `POST /api/assistant/conversations/{project}/{id}/fork`: a new conversation of the user who asks,
/// with the turns up to one that has ended.
#[utoipa::path(
    post,
    path = "/api/assistant/conversations/{project}/{id}/fork",
    tag = "conversations",
    request_body = ForkRequest,
    params(("project" = String, Path, description = "The project's name"), ("id" = i64, Path, description = "The conversation's id")),
    responses((status = 200, body = Summary), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn fork(
    state: web::Data<AppState>,
    path: web::Path<(String, String)>,
    visitor: web::ReqData<Visitor>,
    request: Json<ForkRequest>,
) -> HandlerResult {
    let (project, id, of) = permitted(&state, &path, &visitor, Action::Read).await?;
    visitor.count_conversation(Instant::now()).map_err(limit_exceeded)?;
    // What was private stays so until its new owner decides.
    let visibility = match of.visibility.is_team() {
        true => state.resources.live.get().team.default_visibility,
        false => of.visibility,
    };
    let fork = ForkConversation {
        project: project.clone(),
        from: ForkedFrom { conversation_id: id, turn: request.0.turn },
        ownership: Ownership::of_new(&visitor.principal, visibility),
        reserved: Transcript::range(),
    };
    let state = state.as_ref().clone();
    let forked = complete(async move {
        let forked = state.resources.database.send(fork).await??;
        if let (Forked::Made(made), Some(session)) = (&forked, state.live_session(&project).await?)
        {
            // One that has ended tells nobody.
            session.send(Listed { conversation: made.id }).await.unwrap_or_default();
        }
        Ok(forked)
    });
    match forked.await? {
        Forked::Made(summary) => Ok(HttpResponse::Ok().json(summary)),
        Forked::NoSuchTurn => {
            Err(Problem::not_found("There is no such answer, or it has not ended."))
        }
        Forked::TooLong => Err(Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "The conversation up to there is too long to be copied; go on from an earlier answer.",
        )),
    }
}
