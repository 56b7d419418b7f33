//! What people say of answers: useful or wrong, with a word why.

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header},
    web,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    database::{
        Reader,
        messages::{React, Reacted},
        queries::reactions::{ReactionCounts, WrongAnswer},
    },
    ids::ConversationId,
    project::ProjectName,
    reaction::{AnswerReactions, Reaction, Reactor, StoredReaction},
    rights::Action,
    session::reactions::ReactionStored,
    web::{
        access::rate_limit::Visitor,
        browser_cookie,
        json_body::Json,
        problem::{HandlerResult, Problem, ProblemResponse},
        state::{AppState, complete},
    },
};

use super::conversations::permitted;

/// Answers that admins are told of at a time.
const MAX_WRONG: usize = 100;

/// Project, conversation and turn of a path.
type AnswerPath = web::Path<(String, String, String)>;

/// `GET /api/assistant/conversations/{project}/{id}/reactions`: the answers of which somebody has said
/// something.
#[utoipa::path(
    get,
    path = "/api/assistant/conversations/{project}/{id}/reactions",
    tag = "reactions",
    params(("project" = String, Path, description = "The project's name"), ("id" = i64, Path, description = "The conversation's id")),
    responses((status = 200, body = [AnswerReactions]), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn list(
    state: web::Data<AppState>,
    path: web::Path<(String, String)>,
    visitor: web::ReqData<Visitor>,
    request: HttpRequest,
) -> HandlerResult {
    let (_, id, _) = permitted(&state, &path, &visitor, Action::Read).await?;
    let all = state.resources.reader.ask(move |reader| reader.reactions(id)).await?;
    let (by, _) = reactor(&visitor, &request);
    let by_turn = all.chunk_by(|one, other| one.turn == other.turn);
    let told = by_turn.filter_map(|of| Some(AnswerReactions::of(of.first()?.turn, of, Some(&by))));
    Ok(HttpResponse::Ok().json(told.collect::<Vec<_>>()))
}

/// `PUT /api/assistant/conversations/{project}/{id}/reactions/{turn}`: says something of an answer, in
/// place of what the same person said before.
#[utoipa::path(
    put,
    path = "/api/assistant/conversations/{project}/{id}/reactions/{turn}",
    tag = "reactions",
    request_body = Reaction,
    params(("project" = String, Path, description = "The project's name"), ("id" = i64, Path, description = "The conversation's id"), ("turn" = i64, Path, description = "The answer's turn")),
    responses((status = 200, body = AnswerReactions), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn react(
    state: web::Data<AppState>,
    path: AnswerPath,
    visitor: web::ReqData<Visitor>,
    request: HttpRequest,
    reaction: Json<Reaction>,
) -> HandlerResult {
    let reaction = reaction.0.tidied();
    let reaction = reaction
        .map_err(|long| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, long.to_string()))?;
    change(&state, path, &visitor, &request, Some(reaction)).await
}

/// `DELETE /api/assistant/conversations/{project}/{id}/reactions/{turn}`: withdraws it.
#[utoipa::path(
    delete,
    path = "/api/assistant/conversations/{project}/{id}/reactions/{turn}",
    tag = "reactions",
    params(("project" = String, Path, description = "The project's name"), ("id" = i64, Path, description = "The conversation's id"), ("turn" = i64, Path, description = "The answer's turn")),
    responses((status = 200, body = AnswerReactions), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn withdraw(
    state: web::Data<AppState>,
    path: AnswerPath,
    visitor: web::ReqData<Visitor>,
    request: HttpRequest,
) -> HandlerResult {
    change(&state, path, &visitor, &request, None).await
}

/// What people say of all answers.
#[derive(Debug, Serialize, ToSchema)]
struct AllReactions {
    #[serde(flatten)]
    counts: ReactionCounts,
    /// Answers that somebody finds wrong, the newest reaction first, at most 100; none of conversations
    /// that the admin may not read.
    wrong_answers: Vec<WrongAnswer>,
}

/// `GET /api/admin/reactions`.
#[utoipa::path(
    get,
    path = "/api/admin/reactions",
    tag = "admin",
    responses((status = 200, body = AllReactions), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn admin_list(
    state: web::Data<AppState>,
    visitor: web::ReqData<Visitor>,
) -> HandlerResult {
    let who = visitor.into_inner().principal;
    let read = move |reader: &Reader| {
        let (counts, wrong_answers) =
            (reader.reaction_counts()?, reader.wrong_answers(&who, MAX_WRONG)?);
        Ok(AllReactions { counts, wrong_answers })
    };
    Ok(HttpResponse::Ok().json(state.resources.reader.ask(read).await?))
}

/// Who says something, and the header that makes a browser known.
fn reactor(visitor: &Visitor, request: &HttpRequest) -> (Reactor, Option<String>) {
    let (browser, cookie) = browser_cookie::identify(request);
    let by = Reactor::of_person(visitor.principal.user.as_deref(), &browser);
    (by, cookie.map(|cookie| cookie.to_string()))
}

async fn change(
    state: &AppState,
    path: AnswerPath,
    visitor: &Visitor,
    request: &HttpRequest,
    reaction: Option<Reaction>,
) -> HandlerResult {
    let (project, id, turn) = path.into_inner();
    let (project, conversation, _) =
        permitted(state, &(project, id), visitor, Action::Read).await?;
    let turn = turn.parse().map_err(|_| Problem::not_an_integer("turn", &turn))?;
    let (by, cookie) = reactor(visitor, request);
    let user = visitor.principal.user.clone();
    let react = React { project, conversation, turn, by: by.clone(), user, reaction };
    let all = store(state, react).await?;
    let told = AnswerReactions::of(turn, &all, Some(&by));
    let mut answer = HttpResponse::Ok();
    if let Some(cookie) = cookie {
        answer.insert_header((header::SET_COOKIE, cookie));
    }
    Ok(answer.json(told))
}

/// Stores the reaction and has it shown. Answers all reactions to the answer.
async fn store(state: &AppState, react: React) -> Result<Vec<StoredReaction>, Problem> {
    let (project, conversation, turn) = (react.project.clone(), react.conversation, react.turn);
    let state = state.clone();
    complete(async move {
        match state.resources.database.send(react).await?? {
            Reacted::Stored => show(&state, &project, conversation).await?,
            Reacted::NoSuchAnswer => {
                return Err(Problem::not_found("There is no such answer, or it has not ended."));
            }
            Reacted::TooMany => {
                let detail = "As many people as are kept have said something of this answer.";
                return Err(Problem::new(StatusCode::CONFLICT, detail));
            }
        }
        let read = move |reader: &Reader| reader.reactions_to(conversation, turn);
        Ok(state.resources.reader.ask(read).await?)
    })
    .await
}

/// Has those who look at the conversation see the reaction.
async fn show(
    state: &AppState,
    project: &ProjectName,
    conversation: ConversationId,
) -> Result<(), Problem> {
    if let Some(session) = state.live_session(project).await? {
        // One that has ended shows nobody anything.
        session.send(ReactionStored { conversation }).await.unwrap_or_default();
    }
    Ok(())
}
