//! The chat completions of OpenAI as a way to ask, so that chat programs, editors and bots that speak
//! them work unchanged: each project is a model.
//!
//! Clients are stateless and send all that was said; [`chats`] finds the conversation again.

pub(crate) mod chats;
pub(crate) mod chores;
pub(crate) mod chunks;
pub(crate) mod models;
pub(crate) mod request;

use std::{
    convert::Infallible,
    sync::{Arc, LazyLock},
};

use actix_web::{
    HttpRequest, HttpResponse,
    web::{self, Bytes},
};
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    ids::ConversationId,
    rights::Action,
    web::{
        access::rate_limit::Visitor, connections::Connection, json_body, openai_error::ApiError,
        problem::Problem, state::AppState, websocket::events,
    },
};

use super::{
    address::server_address,
    ask::{
        self, AskRequest,
        answer::{AnswerParts, FailedTurn},
        awaited_turn::AwaitedTurn,
        frames::TurnFrames,
        turn_viewer::{TurnNews, TurnViewer},
    },
    conversations::permitted,
};
use chats::{ChatOwner, Chats};
use chunks::{Completion, StreamedText};
use request::{BadRequest, ChatRequest, ChatWords};

const LOST: &str = "The server ended the request before the answer was complete; ask again.";

static CHATS: LazyLock<Chats> = LazyLock::new(Chats::default);

/// `POST /v1/chat/completions`: asks the last message of the user.
#[utoipa::path(
    post,
    path = "/v1/chat/completions",
    tag = "asking",
    request_body = Value,
    responses(
        (status = 200, content((Value = "application/json"), (String = "text/event-stream")), description = "As of the OpenAI API"),
        (status = "default", body = Value, description = "An error in the shape of the OpenAI API"),
    ),
)]
pub(crate) async fn complete(
    state: web::Data<AppState>,
    visitor: web::ReqData<Visitor>,
    request: HttpRequest,
    body: web::Payload,
) -> HttpResponse {
    let answered = answer(&state, visitor.into_inner(), &request, body).await;
    answered.unwrap_or_else(|error| error.response())
}

async fn answer(
    state: &AppState,
    visitor: Visitor,
    request: &HttpRequest,
    body: web::Payload,
) -> Result<HttpResponse, ApiError> {
    let body = json_body::read(body, state.resources.settings.limits.frame_bytes).await?;
    let chat = request::parse(&json_body::parse(request, &body)?)
        .map_err(|BadRequest { message, param }| ApiError::bad_request(&message, param))?;
    let project =
        state.project(&visitor, &chat.model).await.map_err(|_| ApiError::no_model(&chat.model))?;
    if let Some(text) = chores::answer(&chat.question) {
        let completion = completion(&chat, format!("chatcmpl-{}", Uuid::new_v4()));
        return Ok(match chat.wants_stream {
            true => stream_chore(&completion, &text, chat.wants_usage),
            false => HttpResponse::Ok().json(completion.whole(&text, &[], None)),
        });
    }
    let user = visitor.principal.user.clone().unwrap_or_else(|| visitor.sender());
    let owner = ChatOwner { project: project.name.to_string(), user };
    let conversation_id = find_conversation(state, &visitor, &owner, &chat.before).await;
    let question = AskRequest {
        project: chat.model.clone(),
        question: match conversation_id {
            Some(_) => chat.question.clone(),
            None => request::with_chat(&chat.question, &chat.before),
        },
        conversation_id,
        effort: chat.effort.map(str::to_owned),
        ..AskRequest::default()
    };
    let page = state.base_path().address(&format!("/p/{}", chat.model));
    let page = format!("{}{page}", server_address(request, &visitor));
    let author = visitor.principal.user.clone();
    let connection = request.conn_data::<Arc<Connection>>().cloned();
    let (viewer, turn, before) = ask::begin(state, visitor, request, question).await?;
    let frames = TurnFrames { turn: turn.turn, after: before };
    let id = format!("chatcmpl-{}-{}", turn.conversation, turn.turn);
    let (completion, wants_stream) = (completion(&chat, id), chat.wants_stream);
    let awaited = AwaitedTurn::new(state, author, turn);
    let asked = AskedChat { owner, chat, awaited, said: String::new() };
    let answering = Answering { viewer, frames, asked, completion, page, connection };
    match wants_stream {
        true => Ok(answering.stream()),
        false => answering.whole().await,
    }
}

fn completion(chat: &ChatRequest, id: String) -> Completion {
    let created = OffsetDateTime::now_utc().unix_timestamp();
    Completion { id, created, model: chat.model.clone() }
}

/// The conversation that a chat goes on in, if it has come no further since: a chat that was taken back
/// to an earlier message becomes one of its own.
async fn find_conversation(
    state: &AppState,
    visitor: &Visitor,
    owner: &ChatOwner,
    before: &[ChatWords],
) -> Option<ConversationId> {
    let (conversation, turn) = CHATS.find(owner, before)?;
    let path = (owner.project.clone(), conversation.to_string());
    permitted(state, &path, visitor, Action::Write).await.ok()?;
    let newest = state.resources.reader.ask(move |reader| reader.turn_place(conversation, None));
    (newest.await.ok()??.turn == turn).then_some(conversation)
}

/// A question of a chat that is being answered. When it is dropped, its chat is remembered.
struct AskedChat {
    owner: ChatOwner,
    chat: ChatRequest,
    awaited: AwaitedTurn,
    /// The answer so far, as the client has it.
    said: String,
}

impl Drop for AskedChat {
    fn drop(&mut self) {
        let mut said = std::mem::take(&mut self.chat.before);
        said.push(ChatWords { by_person: true, text: std::mem::take(&mut self.chat.question) });
        said.push(ChatWords { by_person: false, text: std::mem::take(&mut self.said) });
        let turn = &self.awaited.turn;
        CHATS.remember(&self.owner, &said, (turn.conversation, turn.turn));
    }
}

/// An answer on its way to the client.
struct Answering {
    viewer: TurnViewer,
    frames: TurnFrames,
    asked: AskedChat,
    completion: Completion,
    page: String,
    connection: Option<Arc<Connection>>,
}

impl Answering {
    /// The next news of the turn; `None` where the client has left, too.
    async fn news(&mut self) -> Option<TurnNews> {
        self.viewer.news_while_there(&mut self.frames, self.connection.as_deref()).await
    }

    async fn whole(mut self) -> Result<HttpResponse, ApiError> {
        let mut parts = AnswerParts::default();
        loop {
            match self.news().await {
                Some(TurnNews::Ping) => (),
                Some(TurnNews::Frame { frame, is_end, .. }) => {
                    parts.add(&frame);
                    if is_end {
                        break;
                    }
                }
                None => return Err(Problem::unavailable(LOST).into()),
            }
        }
        self.asked.awaited.is_over = true;
        let turn = &self.asked.awaited.turn;
        let answer = parts
            .finish(turn.conversation, turn.turn, turn.link())
            .map_err(|failed| Problem::of_status(failed.status, failed.content))?;
        if answer.outcome == "interrupted" {
            return Err(Problem::unavailable(LOST).into());
        }
        let mut content = answer.answer;
        content.push_str(&questions(&answer.questions, content.is_empty()));
        let behind = content.chars().count();
        let sources = chunks::sources(&answer.citations, behind, &self.page);
        content.push_str(&sources.text);
        self.asked.said.clone_from(&content);
        let usage = answer.usage.as_ref();
        Ok(HttpResponse::Ok().json(self.completion.whole(&content, &sources.annotations, usage)))
    }

    fn stream(self) -> HttpResponse {
        let first = json!({ "role": "assistant", "content": "" });
        let first = event(&self.completion.chunk(&first, None));
        let first = stream::once(std::future::ready(Ok::<_, Infallible>(first)));
        let following = Some((self, StreamedText::default()));
        let rest = stream::unfold(following, |following| async {
            let (mut answering, mut text) = following?;
            let (bytes, is_over) = answering.next(&mut text).await;
            Some((Ok(bytes), (!is_over).then_some((answering, text))))
        });
        events::response().streaming(first.chain(rest))
    }

    /// What comes next in the stream, and whether that is its end.
    async fn next(&mut self, text: &mut StreamedText) -> (Bytes, bool) {
        loop {
            let (frame, is_end) = match self.news().await {
                Some(TurnNews::Ping) => return (Bytes::from_static(b": ping\n\n"), false),
                Some(TurnNews::Frame { frame, is_end, .. }) => (frame, is_end),
                None => return (failure(Problem::unavailable(LOST)), true),
            };
            let frame: Value = serde_json::from_slice(&frame).unwrap_or_default();
            if is_end {
                self.asked.awaited.is_over = true;
                return (self.end(&frame, text), true);
            }
            let new = match frame["type"] == "question" {
                true => {
                    let asked =
                        frame["questions"].as_array().map(Vec::as_slice).unwrap_or_default();
                    let asked = questions(asked, text.sent.is_empty());
                    text.sent.push_str(&asked);
                    Some(asked)
                }
                false => text.add(&frame),
            };
            if let Some(new) = new {
                self.asked.said.push_str(&new);
                return (event(&self.completion.chunk(&json!({ "content": new }), None)), false);
            }
        }
    }

    /// The end of a stream: the sources, what the answer took, or how it failed.
    fn end(&mut self, end: &Value, text: &StreamedText) -> Bytes {
        if end["type"] == "error" || end["outcome"] == "interrupted" {
            let mut parts = AnswerParts::default();
            parts.add(end.to_string().as_bytes());
            let turn = &self.asked.awaited.turn;
            return failure(match parts.finish(turn.conversation, turn.turn, turn.link()) {
                Err(FailedTurn { status, content, .. }) => Problem::of_status(status, content),
                Ok(_) => Problem::unavailable(LOST),
            });
        }
        let citations = end["citations"].as_array().map(Vec::as_slice).unwrap_or_default();
        let sources = chunks::sources(citations, text.sent.chars().count(), &self.page);
        self.asked.said.push_str(&sources.text);
        let delta = match sources.text.is_empty() {
            true => json!({}),
            false => json!({ "content": sources.text, "annotations": sources.annotations }),
        };
        let last = self.completion.chunk(&delta, Some("stop"));
        let usage =
            self.asked.chat.wants_usage.then(|| self.completion.usage_chunk(end.get("usage")));
        last_events(&last, usage)
    }
}

/// What the agent asks the person, as text: its answer is the next message.
pub(super) fn questions(asked: &[Value], is_first: bool) -> String {
    let mut text = String::new();
    for one in asked {
        text.push_str(if is_first && text.is_empty() { "" } else { "\n\n" });
        text.push_str(one["question"].as_str().unwrap_or_default());
        for option in one["options"].as_array().into_iter().flatten() {
            text.push_str("\n- ");
            text.push_str(option["label"].as_str().unwrap_or_default());
        }
    }
    text
}

fn stream_chore(completion: &Completion, text: &str, wants_usage: bool) -> HttpResponse {
    let delta = json!({ "role": "assistant", "content": text });
    let last = completion.chunk(&delta, Some("stop"));
    let usage = wants_usage.then(|| completion.usage_chunk(None));
    events::response().body(last_events(&last, usage))
}

fn last_events(last: &Value, usage: Option<Value>) -> Bytes {
    let mut text = event(last).to_vec();
    if let Some(usage) = usage {
        text.extend(event(&usage));
    }
    text.extend_from_slice(b"data: [DONE]\n\n");
    text.into()
}

fn failure(problem: Problem) -> Bytes {
    event(&ApiError::from(problem).body())
}

/// JSON text is one line.
fn event(data: &Value) -> Bytes {
    format!("data: {data}\n\n").into()
}
