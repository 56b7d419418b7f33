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
        messages::{KeepNote, Marked, React},
        queries::reactions::{ReactionCounts, WrongAnswer},
    },
    reaction::{AnswerReactions, AnswerVerdict, Reaction, Reactor},
    rights::{Action, Visibility},
    session::reactions::ReactionStored,
    web::{
        access::rate_limit::Visitor,
        browser_cookie,
        json_body::Json,
        problem::{HandlerResult, Problem, ProblemResponse},
        state::{AppState, complete},
    },
    webhook::event::{AnswerPlace, WebhookEvent, WrongEvent},
};

use super::conversations::permitted;

/// Answers that admins are told of at a time.
const MAX_WRONG: usize = 100;

/// Project, conversation and turn of a path.
pub(super) type AnswerPath = web::Path<(String, String, String)>;

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
    let all = state.resources.reader.ask(move |reader| reader.answer_marks(id)).await?;
    let (by, _) = reactor(&state, &visitor, &request);
    let told = all.iter().map(|(turn, marks)| AnswerReactions::of(*turn, marks, Some(&by)));
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
fn reactor(
    state: &AppState,
    visitor: &Visitor,
    request: &HttpRequest,
) -> (Reactor, Option<String>) {
    let (browser, cookie) = browser_cookie::identify(request, state.base_path());
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
    let (project, conversation, ownership) =
        permitted(state, &(project, id), visitor, Action::Read).await?;
    let turn = turn.parse().map_err(|_| Problem::not_an_integer("turn", &turn))?;
    let (by, _) = reactor(state, visitor, request);
    let user = visitor.principal.user.clone();
    let wrong = reaction.as_ref().filter(|it| it.verdict == AnswerVerdict::Wrong).cloned();
    let react =
        React { project: project.clone(), conversation, turn, by, user: user.clone(), reaction };
    let answer = mark(state, visitor, request, MarkChange::Reaction(react)).await?;
    if let Some(wrong) = wrong.filter(|_| ownership.visibility == Visibility::Team) {
        let place = AnswerPlace { project: &project, conversation, turn };
        let (user, why) = (user.as_deref(), wrong.why.as_deref());
        let event = WebhookEvent::Wrong(WrongEvent { place, user, why });
        state.resources.webhooks.tell(&event);
    }
    Ok(answer)
}

/// Something that is stored of an answer.
#[derive(Debug)]
pub(super) enum MarkChange {
    Reaction(React),
    Note(KeepNote),
}

/// Stores something of an answer, and has those who look at it see that. Answers how it stands now.
pub(super) async fn mark(
    state: &AppState,
    visitor: &Visitor,
    request: &HttpRequest,
    marking: MarkChange,
) -> HandlerResult {
    let (by, cookie) = reactor(state, visitor, request);
    let (conversation, turn) = match &marking {
        MarkChange::Reaction(react) => (react.conversation, react.turn),
        MarkChange::Note(keep) => (keep.conversation, keep.turn),
    };
    let state = state.clone();
    let marks = complete(async move {
        store(&state, marking).await?;
        let read = move |reader: &Reader| reader.marks_of(conversation, turn);
        Ok(state.resources.reader.ask(read).await?)
    });
    let told = AnswerReactions::of(turn, &marks.await?, Some(&by));
    let mut answer = HttpResponse::Ok();
    if let Some(cookie) = cookie {
        answer.insert_header((header::SET_COOKIE, cookie));
    }
    Ok(answer.json(told))
}

async fn store(state: &AppState, marking: MarkChange) -> Result<(), Problem> {
    let database = &state.resources.database;
    let (stored, project, conversation, full) = match marking {
        MarkChange::Reaction(react) => {
            let (project, conversation) = (react.project.clone(), react.conversation);
            let full = "As many people as are kept have said something of this answer.";
            (database.send(react).await??, project, conversation, full)
        }
        MarkChange::Note(keep) => {
            let (project, conversation) = (keep.project.clone(), keep.conversation);
            let full = "The project has as many notes as are kept: remove one that is out of date.";
            (database.send(keep).await??, project, conversation, full)
        }
    };
    match stored {
        Marked::Stored => (),
        Marked::NoSuchAnswer => {
            return Err(Problem::not_found("There is no such answer, or it has not ended."));
        }
        Marked::TooMany => return Err(Problem::new(StatusCode::CONFLICT, full)),
    }
    if let Some(session) = state.live_session(&project).await? {
        // One that has ended shows nobody anything.
        session.send(ReactionStored { conversation }).await.unwrap_or_default();
    }
    Ok(())
}
