//! A question of another program's agent, whose answer comes with its progress.

use std::{convert::Infallible, sync::Arc};

use actix_web::{HttpRequest, HttpResponse, web::Bytes};
use futures_util::stream;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::web::{
    access::rate_limit::Visitor,
    api::{
        address::server_address,
        ask::{
            self, AskRequest,
            answer::{AnswerDocument, AnswerParts},
            awaited_turn::AwaitedTurn,
            frames::TurnFrames,
            progress,
            shown_place::{ShownPlace, places},
            turn_viewer::{TurnNews, TurnViewer},
        },
        openai,
    },
    connections::Connection,
    problem::Problem,
    state::AppState,
    websocket::events,
};

use super::{
    calls::{self, ToolOutcome},
    message::{Version, notification},
    running::RunningCall,
};

const PING: &[u8] = b": ping\n\n";

/// What `ask` was called with.
#[derive(Debug, Default, Deserialize)]
pub(super) struct AskArguments {
    question: String,
    conversation_id: Option<i64>,
    agent: Option<String>,
    effort: Option<String>,
}

/// A call of `ask`.
pub(super) struct AskCall {
    pub(super) id: Value,
    pub(super) version: Version,
    /// The client's name for its progress, if it wants to be told.
    pub(super) progress_token: Option<Value>,
    pub(super) running: RunningCall,
}

/// An answer on its way to the client. It is stopped where the client leaves.
pub(super) struct Answering {
    call: AskCall,
    viewer: TurnViewer,
    frames: TurnFrames,
    parts: AnswerParts,
    awaited: AwaitedTurn,
    address: String,
    connection: Option<Arc<Connection>>,
    /// Notifications that were sent.
    told: u32,
}

/// What comes next of an answer.
enum News {
    Nothing,
    Progress(Value),
    Outcome(ToolOutcome),
    /// Nobody waits for it any more.
    Cancelled,
}

/// Asks the question. The call is not made where that fails.
pub(super) async fn begin(
    state: &AppState,
    visitor: Visitor,
    request: &HttpRequest,
    mut arguments: Map<String, Value>,
    call: AskCall,
) -> Result<Answering, (AskCall, Problem)> {
    let address = server_address(request, &visitor);
    let connection = request.conn_data::<Arc<Connection>>().cloned();
    let author = visitor.principal.user.clone();
    let project = match calls::project(state, &visitor, arguments.shift_remove("project")).await {
        Ok(project) => project.name.to_string(),
        Err(problem) => return Err((call, problem)),
    };
    let AskArguments { question, conversation_id, agent, effort } =
        serde_json::from_value(Value::Object(arguments)).unwrap_or_default();
    let conversation_id = conversation_id.map(crate::ids::ConversationId);
    let question =
        AskRequest { project, question, conversation_id, agent, effort, ..AskRequest::default() };
    let (viewer, turn, before) = match ask::begin(state, visitor, request, question).await {
        Ok(begun) => begun,
        Err(problem) => return Err((call, problem)),
    };
    let frames = TurnFrames { turn: turn.turn, after: before };
    let awaited = AwaitedTurn::new(state, author, turn);
    let parts = AnswerParts::default();
    Ok(Answering { call, viewer, frames, parts, awaited, address, connection, told: 0 })
}

impl Answering {
    /// The whole answer in one document.
    pub(super) async fn whole(mut self) -> HttpResponse {
        loop {
            match self.next().await {
                News::Outcome(outcome) => {
                    let AskCall { id, version, .. } = &self.call;
                    return HttpResponse::Ok().json(version.result(id, outcome.into_result()));
                }
                News::Cancelled => return HttpResponse::NoContent().finish(),
                News::Nothing | News::Progress(_) => (),
            }
        }
    }

    /// The answer as events, after those of its progress.
    pub(super) fn stream(self) -> HttpResponse {
        let events = stream::unfold(Some(self), |answering| async {
            let mut answering = answering?;
            let (event, is_over) = match answering.next().await {
                News::Nothing => (Bytes::from_static(PING), false),
                News::Progress(message) => (event(&message), false),
                News::Outcome(outcome) => {
                    let AskCall { id, version, .. } = &answering.call;
                    (event(&version.result(id, outcome.into_result())), true)
                }
                News::Cancelled => return None,
            };
            Some((Ok::<_, Infallible>(event), (!is_over).then_some(answering)))
        });
        events::response().streaming(Box::pin(events))
    }

    async fn next(&mut self) -> News {
        let news = tokio::select! {
            biased;
            () = self.call.running.cancelled() => return News::Cancelled,
            news = self.viewer.news_while_there(&mut self.frames, self.connection.as_deref()) => news,
        };
        let (frame, is_end) = match news {
            Some(TurnNews::Ping) => return News::Nothing,
            Some(TurnNews::Frame { frame, is_end, .. }) => (frame, is_end),
            None => {
                let words = "The server ended the request before the answer was complete.";
                return News::Outcome(ToolOutcome::error(format!("{words} {}", self.link())));
            }
        };
        self.parts.add(&frame);
        if is_end {
            self.awaited.is_over = true;
            return News::Outcome(self.outcome());
        }
        match (&self.call.progress_token, progress::line(&frame)) {
            (Some(token), Some(line)) => {
                self.told += 1;
                let params =
                    json!({ "progressToken": token, "progress": self.told, "message": line });
                News::Progress(notification("notifications/progress", &params))
            }
            _ => News::Nothing,
        }
    }

    fn link(&self) -> String {
        format!("{}{}", self.address, self.awaited.turn.link())
    }

    fn outcome(&mut self) -> ToolOutcome {
        let link = self.link();
        let turn = &self.awaited.turn;
        let parts = std::mem::take(&mut self.parts);
        let answer = match parts.finish(turn.conversation, turn.turn, link.clone()) {
            Ok(answer) => answer,
            Err(failed) => return ToolOutcome::error(format!("{} {link}", failed.content)),
        };
        let AnswerDocument { citations, questions, notes, .. } = &answer;
        let cited: Vec<ShownPlace> =
            citations.iter().filter_map(|it| ShownPlace::deserialize(it).ok()).collect();
        let cited = places(&cited, ShownPlace::lines);
        let mut text = answer.answer.clone();
        text.push_str(&openai::questions(questions, text.is_empty()));
        let structured = json!({
            "conversation_id": turn.conversation, "turn": turn.turn, "outcome": answer.outcome,
            "answer": text, "citations": cited, "link": link, "cost_usd": answer.cost_usd,
        });
        let structured = without_nulls(structured);
        for (title, lines) in [("Sources", &cited), ("Notes", notes)] {
            if !lines.is_empty() {
                text.push_str(&format!("\n\n{title}:\n- {}", lines.join("\n- ")));
            }
        }
        if answer.outcome != "completed" {
            text.push_str(&format!("\n\nThe answer is not complete: it was {}.", answer.outcome));
        }
        text.push_str(&format!("\n\nConversation {}: {link}", turn.conversation));
        ToolOutcome { text, structured: Some(structured), is_error: false }
    }
}

fn without_nulls(mut value: Value) -> Value {
    if let Some(fields) = value.as_object_mut() {
        fields.retain(|_, field| !field.is_null());
    }
    value
}

/// JSON text is one line.
fn event(message: &Value) -> Bytes {
    format!("event: message\ndata: {message}\n\n").into()
}
