//! Questions over plain HTTP: answered as one document, or as server-sent events that a client can
//! take up again where it lost them.
//!
//! A request follows its turn as a viewer ([`turn_viewer`]), so that all that holds for a WebSocket holds
//! for it.

pub(crate) mod answer;
pub(crate) mod awaited_turn;
pub(crate) mod frames;
pub(crate) mod progress;

pub(crate) mod shown_place;
pub(crate) mod turn_viewer;

use std::convert::Infallible;

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header},
    web,
};
use futures_util::{StreamExt as _, stream};
use serde::{Deserialize, Serialize};
use serde_json::json;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::{
    config::base_path::BasePath,
    database::queries::turns::TurnPlace,
    ids::{ConversationId, Seq, TurnNumber},
    project::ProjectName,
    rights::Action,
    session::post::StopTurn,
    web::{
        access::rate_limit::Visitor,
        json_body,
        problem::{HandlerResult, Problem, ProblemResponse},
        state::AppState,
        websocket::events,
    },
    wire::client_frame,
};

use super::conversations::permitted;
use answer::{AnswerDocument, AnswerParts, FailedTurn};
use frames::TurnFrames;
use turn_viewer::{AskedTurn, TurnNews, TurnViewer};

/// A question to a project.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub(crate) struct AskRequest {
    pub(crate) project: String,
    pub(crate) question: String,
    /// The conversation to go on in; a new one without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) conversation_id: Option<ConversationId>,
    /// The agent that is to answer, by its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) agent: Option<String>,
    /// `quick` or `thorough`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) effort: Option<String>,
    /// The client's id of the question: with the same one it is asked once, however often it is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) message_id: Option<String>,
    /// The ids of files that were sent to the conversation before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) attachments: Vec<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct TurnQuery {
    /// The turn; the newest without it.
    #[param(value_type = Option<i64>)]
    turn: Option<TurnNumber>,
    /// The last number that the client has seen, where it sends no `Last-Event-ID`.
    #[param(value_type = Option<i64>)]
    after: Option<Seq>,
}

/// A turn that a client follows.
#[derive(Debug, Clone)]
pub(crate) struct FollowedTurn {
    /// Of the server.
    pub(crate) base: BasePath,
    pub(crate) project: ProjectName,
    pub(crate) conversation: ConversationId,
    pub(crate) turn: TurnNumber,
}

impl FollowedTurn {
    /// The path of the page that shows the turn.
    pub(crate) fn link(&self) -> String {
        self.base.address(&self.project.turn_link(self.conversation, self.turn))
    }

    fn path(&self) -> String {
        let Self { base, project, conversation, turn } = self;
        base.address(&format!("/api/v1/ask/{project}/{conversation}?turn={turn}"))
    }
}

/// `POST /api/v1/ask`: asks a question and answers with its answer.
#[utoipa::path(
    post,
    path = "/api/v1/ask",
    tag = "asking",
    request_body = AskRequest,
    responses(
        (status = 200, content((AnswerDocument = "application/json"), (String = "text/event-stream")), description = "The answer, or with `Accept: text/event-stream` the frames of its turn as they come"),
        (status = "default", response = ProblemResponse),
    ),
)]
pub(crate) async fn ask(
    state: web::Data<AppState>,
    visitor: web::ReqData<Visitor>,
    request: HttpRequest,
    body: web::Payload,
) -> HandlerResult {
    let body = json_body::read(body, state.resources.settings.limits.frame_bytes).await?;
    let question: AskRequest = json_body::parse(&request, &body)?;
    let (viewer, turn, before) = begin(&state, visitor.into_inner(), &request, question).await?;
    let frames = TurnFrames { turn: turn.turn, after: before };
    match wants_events(&request) {
        true => Ok(stream_turn(viewer, turn, frames, None)),
        false => answer_whole(viewer, &turn, frames).await,
    }
}

/// Has a question accepted, or finds it again, and follows its turn from its beginning.
pub(crate) async fn begin(
    state: &AppState,
    visitor: Visitor,
    request: &HttpRequest,
    question: AskRequest,
) -> Result<(TurnViewer, FollowedTurn, Seq), Problem> {
    let AskRequest { project, conversation_id, message_id, .. } = &question;
    let name = state.project(&visitor, project).await?.name;
    if let Some(id) = conversation_id {
        permitted(state, &(project.clone(), id.to_string()), &visitor, Action::Write).await?;
    }
    let asked_before = match message_id {
        Some(id) => find_message(state, &visitor, (&name, *conversation_id), id).await?,
        None => None,
    };
    let message_id = message_id.clone().unwrap_or_else(|| Uuid::new_v4().to_string());
    let message = json!({
        "type": "message", "message_id": message_id, "content": question.question,
        "agent": question.agent, "effort": question.effort, "attachments": question.attachments,
    });
    check(&question, &message.to_string())?;
    let mut viewer = TurnViewer::open(state, name.clone(), visitor, request)?;
    let AskedTurn { conversation, turn, before } = match (asked_before, *conversation_id) {
        (Some(asked), _) => {
            viewer.attach(Some(asked.conversation), asked.before).await?;
            asked
        }
        (None, conversation) => {
            let newest = match conversation {
                Some(id) => state.resources.reader.ask(move |reader| reader.newest_seq(id)).await?,
                None => Seq::ZERO,
            };
            let attached = viewer.attach(conversation, newest).await?;
            viewer.ask(attached, &message, &message_id).await?
        }
    };
    let base = state.base_path().clone();
    Ok((viewer, FollowedTurn { base, project: name, conversation, turn }, before))
}

/// The turn of a question that the visitor has asked before, if they may still read it.
async fn find_message(
    state: &AppState,
    visitor: &Visitor,
    (project, conversation): (&ProjectName, Option<ConversationId>),
    message_id: &str,
) -> Result<Option<AskedTurn>, Problem> {
    let (name, user) = (project.clone(), visitor.principal.user.clone());
    let message_id = message_id.to_owned();
    let found = state.resources.reader.ask(move |reader| {
        let found = reader.turn_of_message(&name, conversation, user.as_deref(), &message_id)?;
        let Some((conversation, turn)) = found else { return Ok(None) };
        let place = reader.turn_place(conversation, Some(turn))?;
        Ok(place.map(|TurnPlace { before, .. }| AskedTurn { conversation, turn, before }))
    });
    let Some(asked) = found.await? else { return Ok(None) };
    let path = (project.to_string(), asked.conversation.to_string());
    Ok(permitted(state, &path, visitor, Action::Read).await.ok().map(|_| asked))
}

/// Checks what the viewer would refuse without naming the question.
fn check(question: &AskRequest, message: &str) -> Result<(), Problem> {
    let refused = |detail: String| Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail));
    if question.question.trim().is_empty() {
        return refused("The question is empty.".to_owned());
    }
    match client_frame::parse(message) {
        Ok(_) => Ok(()),
        Err(error) => refused(error.to_string().replace("Server error: ", "")),
    }
}

/// `GET /api/v1/ask/{project}/{id}`: the answer of a turn, or what a client has not seen of it.
#[utoipa::path(
    get,
    path = "/api/v1/ask/{project}/{id}",
    tag = "asking",
    params(("project" = String, Path, description = "The project's name"), ("id" = i64, Path, description = "The conversation's id"), TurnQuery, ("Last-Event-ID" = Option<i64>, Header, description = "The last number that the client has seen")),
    responses(
        (status = 200, content((AnswerDocument = "application/json"), (String = "text/event-stream")), description = "As of the question"),
        (status = 204, description = "The client has seen the turn's end"),
        (status = "default", response = ProblemResponse),
    ),
)]
pub(crate) async fn follow(
    state: web::Data<AppState>,
    path: web::Path<(String, String)>,
    query: web::Query<TurnQuery>,
    visitor: web::ReqData<Visitor>,
    request: HttpRequest,
) -> HandlerResult {
    let (project, conversation, _) = permitted(&state, &path, &visitor, Action::Read).await?;
    let place = place(&state, conversation, query.turn).await?;
    let wants_events = wants_events(&request);
    let seen = last_event_id(&request).or(query.after).filter(|_| wants_events);
    let after = seen.unwrap_or_default().max(place.before);
    if wants_events && place.end.is_some_and(|end| end <= after) {
        // A browser's event source comes again until it is told so.
        return Ok(HttpResponse::NoContent().finish());
    }
    let base = state.base_path().clone();
    let turn = FollowedTurn { base, project: project.clone(), conversation, turn: place.turn };
    let mut viewer = TurnViewer::open(&state, project, visitor.into_inner(), &request)?;
    let attached = viewer.attach(Some(conversation), after).await?;
    let frames = TurnFrames { turn: place.turn, after: attached.after };
    match wants_events {
        true => {
            let lost = (attached.after < after).then_some(attached.after);
            Ok(stream_turn(viewer, turn, frames, lost))
        }
        false => answer_whole(viewer, &turn, frames).await,
    }
}

/// `DELETE /api/v1/ask/{project}/{id}`: stops the answer of a turn, or takes its question back.
#[utoipa::path(
    delete,
    path = "/api/v1/ask/{project}/{id}",
    tag = "asking",
    params(("project" = String, Path, description = "The project's name"), ("id" = i64, Path, description = "The conversation's id"), TurnQuery),
    responses((status = 204, description = "The turn ends, if it had not ended"), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn stop(
    state: web::Data<AppState>,
    path: web::Path<(String, String)>,
    query: web::Query<TurnQuery>,
    visitor: web::ReqData<Visitor>,
) -> HandlerResult {
    let (project, conversation, _) = permitted(&state, &path, &visitor, Action::Write).await?;
    if query.turn.is_some() {
        place(&state, conversation, query.turn).await?;
    }
    if let Some(session) = state.live_session(&project).await? {
        let author = visitor.principal.user.clone();
        session.send(StopTurn { conversation, turn: query.turn, author }).await?;
    }
    Ok(HttpResponse::NoContent().finish())
}

async fn place(
    state: &AppState,
    conversation: ConversationId,
    turn: Option<TurnNumber>,
) -> Result<TurnPlace, Problem> {
    let found = state.resources.reader.ask(move |reader| reader.turn_place(conversation, turn));
    found.await?.ok_or_else(|| Problem::not_found("The conversation has no such turn."))
}

fn last_event_id(request: &HttpRequest) -> Option<Seq> {
    request.headers().get("last-event-id")?.to_str().ok()?.trim().parse().ok()
}

fn wants_events(request: &HttpRequest) -> bool {
    let accepted = request.headers().get_all(header::ACCEPT).filter_map(|it| it.to_str().ok());
    accepted.into_iter().any(|it| it.contains("text/event-stream"))
}

/// A turn as events, from the first of which a client learns where it is. `lost` is the number behind
/// which it drops what it has.
fn stream_turn(
    viewer: TurnViewer,
    turn: FollowedTurn,
    frames: TurnFrames,
    lost: Option<Seq>,
) -> HttpResponse {
    let mut told = json!({
        "conversation_id": turn.conversation, "turn": turn.turn, "link": turn.link(),
    });
    if let Some(after) = lost {
        told["after"] = json!(after);
    }
    let first = events::event("conversation", &told.to_string());
    let first = stream::once(std::future::ready(Ok::<_, Infallible>(first)));
    let rest = stream::unfold(Some((viewer, frames)), |following| async {
        let (mut viewer, mut frames) = following?;
        let news = viewer.news(&mut frames).await?;
        let event = turn_viewer::event(&news);
        let is_end = matches!(news, TurnNews::Frame { is_end: true, .. });
        Some((Ok(event), (!is_end).then_some((viewer, frames))))
    });
    events::response().streaming(first.chain(rest))
}

/// The answer as one document, once it has ended.
async fn answer_whole(
    mut viewer: TurnViewer,
    turn: &FollowedTurn,
    mut frames: TurnFrames,
) -> HandlerResult {
    let mut parts = AnswerParts::default();
    loop {
        match viewer.news(&mut frames).await {
            Some(TurnNews::Ping) => continue,
            Some(TurnNews::Frame { frame, is_end, .. }) => {
                parts.add(&frame);
                if is_end {
                    break;
                }
            }
            None => {
                let detail = "The answer goes on, but this request cannot wait for it any longer: \
                              send a GET to the Location.";
                return Err(Problem::unavailable(detail)
                    .with_header(header::LOCATION, turn.path())
                    .with_header(header::RETRY_AFTER, "1"));
            }
        }
    }
    match parts.finish(turn.conversation, turn.turn, turn.link()) {
        Ok(document) => Ok(HttpResponse::Ok().json(document)),
        Err(failed) => Err(failure(failed).with_header(header::LOCATION, turn.path())),
    }
}

fn failure(failed: FailedTurn) -> Problem {
    let FailedTurn { status, content, retry_at } = failed;
    let retry_at = retry_at.and_then(|at| OffsetDateTime::parse(&at, &Rfc3339).ok());
    let problem = Problem::of_status(status, content);
    match retry_at {
        Some(at) => {
            let wait = (at - OffsetDateTime::now_utc()).whole_seconds().max(1);
            problem.with_header(header::RETRY_AFTER, wait.to_string())
        }
        None => problem,
    }
}
