//! A stand-in for the model behind the real agent: speaks the Messages API on loopback and does
//! what the newest message of the person tells it to, one command a line, one line a round:
//!
//! - `SAY text` and `WORDS n delay_ms` answer (`w0 w1 …`), and end the turn
//! - `THINK text` thinks before the next line answers
//! - `TOOL name {json}` calls a tool; the next line is done when its result is back
//! - `RESULTS` answers with the results of the tools, and ends the turn
//! - `HISTORY` answers with every text of a person so far, and ends the turn
//! - `STATUS code times` fails the first so many requests of this message
//! - `REJECT text` answers with status 400 and this error, and `REJECTED text` only where it was answered
//!   before in the same history
//! - `REFUSE text` says something and then declines to go on
//! - `CUT n` streams n words and breaks the connection; asked again without streaming it answers
//! - `SLOW ms` waits before the next line
//!
//! How far a message is done is seen from the tool results after it, so nothing is remembered
//! but the failures.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    dev::ServerHandle,
    http::StatusCode,
    web::{self, Bytes, Data},
};
use futures_util::stream;
use serde_json::{Value, json};

/// A running stand-in. Ends when dropped.
pub struct FakeApi {
    port: u16,
    handle: ServerHandle,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    /// Bodies of all requests for a message, in order.
    requests: Mutex<Vec<Value>>,
    /// Whose account each of them was for.
    accounts: Mutex<Vec<String>>,
    /// How often each message has failed so far.
    failures: Mutex<HashMap<String, u32>>,
}

/// A piece of a streamed response.
enum Piece {
    Event(Value),
    Wait(u64),
    Break,
}

/// What is to be answered.
#[derive(Default)]
struct Answer {
    wait_ms: u64,
    thinking: Option<String>,
    words: Vec<String>,
    delay_ms: u64,
    tool: Option<(String, Value)>,
    cut: Option<usize>,
    is_refused: bool,
}

impl FakeApi {
    /// Starts one on a free port.
    pub fn start() -> Self {
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        let server = HttpServer::new(move || {
            App::new()
                .app_data(Data::from(Arc::clone(&shared)))
                .app_data(web::PayloadConfig::new(64 << 20))
                .route("/v1/messages", web::post().to(messages))
                .route("/v1/messages/count_tokens", web::post().to(count_tokens))
        })
        .workers(1)
        .disable_signals()
        .bind(("127.0.0.1", 0))
        .unwrap();
        let port = server.addrs()[0].port();
        let server = server.run();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        Self { port, handle, state }
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Whose accounts the requests for a message were for: what they showed.
    pub fn accounts(&self) -> Vec<String> {
        self.state.accounts.lock().unwrap().clone()
    }

    /// The requests for a message so far.
    pub fn requests(&self) -> Vec<Value> {
        self.state.requests.lock().unwrap().clone()
    }
}

impl Drop for FakeApi {
    fn drop(&mut self) {
        // Told is enough: nothing waits for it.
        drop(self.handle.stop(false));
    }
}

async fn count_tokens() -> HttpResponse {
    HttpResponse::Ok().json(json!({"input_tokens": 100}))
}

async fn messages(state: Data<State>, request: HttpRequest, body: Bytes) -> HttpResponse {
    let body: Value = serde_json::from_slice(&body).unwrap();
    state.requests.lock().unwrap().push(body.clone());
    let shown = ["authorization", "x-api-key"].iter().find_map(|name| request.headers().get(*name));
    let shown = shown.and_then(|value| value.to_str().ok()).unwrap_or_default();
    state.accounts.lock().unwrap().push(shown.to_owned());
    let commands = commands(&body);
    if let Some(response) = rejection(&body, &commands) {
        return response;
    }
    if let Some(response) = failure(&state, &body, &commands) {
        return response;
    }
    let answer = answer(&body, &commands);
    let is_streamed = body["stream"] == json!(true);
    log::debug!("{} streamed={is_streamed}", request.path());
    if is_streamed {
        let pieces = pieces(&body, answer);
        HttpResponse::Ok()
            .content_type("text/event-stream")
            .insert_header(("request-id", "req_fake"))
            .streaming(stream::unfold(pieces.into_iter(), next_piece))
    } else {
        actix_web::rt::time::sleep(Duration::from_millis(answer.wait_ms)).await;
        HttpResponse::Ok().json(whole(&body, &answer))
    }
}

/// The next bytes of a streamed response. Waiting is done before the piece that follows.
async fn next_piece(
    mut pieces: std::vec::IntoIter<Piece>,
) -> Option<(std::io::Result<Bytes>, std::vec::IntoIter<Piece>)> {
    loop {
        match pieces.next()? {
            Piece::Wait(ms) => actix_web::rt::time::sleep(Duration::from_millis(ms)).await,
            Piece::Break => return Some((Err(std::io::Error::other("cut")), pieces)),
            Piece::Event(event) => {
                let kind = event["type"].as_str().unwrap();
                let bytes = Bytes::from(format!("event: {kind}\ndata: {event}\n\n"));
                return Some((Ok(bytes), pieces));
            }
        }
    }
}

/// The texts of one message.
fn texts(message: &Value) -> Vec<&str> {
    match &message["content"] {
        Value::String(text) => vec![text],
        Value::Array(blocks) => blocks.iter().filter_map(|block| block["text"].as_str()).collect(),
        _ => Vec::new(),
    }
}

fn tool_results(message: &Value) -> Vec<String> {
    let blocks = message["content"].as_array().map(Vec::as_slice).unwrap_or_default();
    let results = blocks.iter().filter(|block| block["type"] == "tool_result");
    results
        .map(|block| match &block["content"] {
            Value::String(text) => text.clone(),
            blocks => texts(&json!({"content": blocks})).concat(),
        })
        .collect()
}

fn is_command(line: &str) -> bool {
    let verb = line.split(' ').next().unwrap_or_default();
    [
        "SAY", "WORDS", "THINK", "TOOL", "RESULTS", "HISTORY", "STATUS", "REJECT", "REJECTED",
        "REFUSE", "CUT", "SLOW",
    ]
    .contains(&verb)
}

/// The newest commands of the person, and how many tools have answered since.
fn commands(body: &Value) -> (Vec<String>, Vec<String>) {
    let mut results = Vec::new();
    for message in body["messages"].as_array().unwrap().iter().rev() {
        if message["role"] != "user" {
            continue;
        }
        results.splice(0..0, tool_results(message));
        // A message that failed is put before the next one, as a block of its own.
        for text in texts(message).iter().rev() {
            let lines = text.lines().filter(|line| is_command(line));
            let lines: Vec<String> = lines.map(str::to_owned).collect();
            if !lines.is_empty() {
                return (lines, results);
            }
        }
    }
    (vec!["SAY nothing was asked".to_owned()], results)
}

fn rejection(body: &Value, (lines, _): &(Vec<String>, Vec<String>)) -> Option<HttpResponse> {
    let is_answered =
        body["messages"].as_array()?.iter().any(|message| message["role"] == "assistant");
    let text = lines.iter().find_map(|line| match line.split_once(' ')? {
        ("REJECT", text) => Some(text),
        ("REJECTED", text) => is_answered.then_some(text),
        _ => None,
    })?;
    let error = json!({"type": "invalid_request_error", "message": text});
    Some(HttpResponse::BadRequest().json(json!({"type": "error", "error": error})))
}

fn failure(
    state: &State,
    body: &Value,
    (lines, _): &(Vec<String>, Vec<String>),
) -> Option<HttpResponse> {
    let line = lines.iter().find(|line| line.starts_with("STATUS "))?;
    let words: Vec<&str> = line.split(' ').collect();
    let (status, times): (u16, u32) = (words[1].parse().unwrap(), words[2].parse().unwrap());
    let mut failures = state.failures.lock().unwrap();
    let failed =
        failures.entry(format!("{}{lines:?}", body["messages"].as_array()?.len())).or_default();
    *failed += 1;
    let error = json!({"type": "error", "error": {"type": "api_error", "message": format!("fake {status}")}});
    (*failed <= times)
        .then(|| HttpResponse::build(StatusCode::from_u16(status).unwrap()).json(error))
}

fn answer(body: &Value, (lines, results): &(Vec<String>, Vec<String>)) -> Answer {
    let mut answer = Answer::default();
    let mut tools_done = 0;
    for line in lines {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        let number = |at: usize| rest.split(' ').nth(at).and_then(|word| word.parse().ok());
        match verb {
            "THINK" => answer.thinking = Some(rest.to_owned()),
            "SLOW" => answer.wait_ms = number(0).unwrap(),
            "TOOL" if tools_done < results.len() => tools_done += 1,
            "TOOL" => {
                let (name, input) = rest.split_once(' ').unwrap_or((rest, "{}"));
                answer.tool = Some((name.to_owned(), serde_json::from_str(input).unwrap()));
                return answer;
            }
            "REFUSE" => {
                answer.words = vec![rest.to_owned()];
                answer.is_refused = true;
            }
            "SAY" => answer.words = vec![rest.to_owned()],
            "WORDS" | "CUT" => {
                let count = number(0).unwrap();
                answer.words = (0..count).map(|n| format!("w{n} ")).collect();
                answer.delay_ms = number(1).unwrap_or(0);
                answer.cut = (verb == "CUT").then_some(count as usize);
                if answer.cut.is_some() {
                    answer.words.push("after the cut".to_owned());
                }
            }
            "RESULTS" => answer.words = vec![format!("{results:?}")],
            "HISTORY" => {
                let messages = body["messages"].as_array().unwrap().iter();
                answer.words = vec![messages.flat_map(texts).collect::<Vec<_>>().join(" | ")];
            }
            _ => (),
        }
    }
    if answer.words.is_empty() {
        answer.words.push("done".to_owned());
    }
    answer
}

fn usage(output_tokens: usize) -> Value {
    json!({
        "input_tokens": 100,
        "cache_creation_input_tokens": 7,
        "cache_read_input_tokens": 50,
        "output_tokens": output_tokens,
        "service_tier": "standard",
    })
}

fn message(body: &Value, content: Value, stop_reason: Value) -> Value {
    json!({
        "id": format!("msg_{}", uuid::Uuid::new_v4().simple()),
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": content,
        "stop_reason": stop_reason,
        "stop_sequence": null,
        "usage": usage(1),
    })
}

fn stop_reason(answer: &Answer) -> &'static str {
    match &answer.tool {
        Some(_) => "tool_use",
        None if answer.is_refused => "refusal",
        None => "end_turn",
    }
}

fn tool_id() -> String {
    format!("toolu_{}", uuid::Uuid::new_v4().simple())
}

/// A response in one piece.
fn whole(body: &Value, answer: &Answer) -> Value {
    let content = match &answer.tool {
        Some((name, input)) => {
            json!([{"type": "tool_use", "id": tool_id(), "name": name, "input": input}])
        }
        None => json!([{"type": "text", "text": answer.words.concat()}]),
    };
    message(body, content, json!(stop_reason(answer)))
}

/// A response as a stream of events.
fn pieces(body: &Value, answer: Answer) -> Vec<Piece> {
    let start = json!({"type": "message_start", "message": message(body, json!([]), Value::Null)});
    let mut pieces = vec![Piece::Wait(answer.wait_ms), Piece::Event(start)];
    let mut index = 0;
    let mut block = |pieces: &mut Vec<Piece>, start: Value, deltas: Vec<Value>, delay_ms: u64| {
        pieces.push(Piece::Event(
            json!({"type": "content_block_start", "index": index, "content_block": start}),
        ));
        for delta in deltas {
            pieces.push(Piece::Wait(delay_ms));
            pieces.push(Piece::Event(
                json!({"type": "content_block_delta", "index": index, "delta": delta}),
            ));
        }
        pieces.push(Piece::Event(json!({"type": "content_block_stop", "index": index})));
        index += 1;
    };
    if let Some(thinking) = &answer.thinking {
        let start = json!({"type": "thinking", "thinking": "", "signature": ""});
        let deltas = vec![
            json!({"type": "thinking_delta", "thinking": thinking}),
            json!({"type": "signature_delta", "signature": "c2ln"}),
        ];
        block(&mut pieces, start, deltas, 0);
    }
    if let Some((name, input)) = &answer.tool {
        let start = json!({"type": "tool_use", "id": tool_id(), "name": name, "input": {}});
        let input = input.to_string();
        let middle = input.floor_char_boundary(input.len() / 2);
        let deltas = [&input[..middle], &input[middle..]]
            .map(|part| json!({"type": "input_json_delta", "partial_json": part}));
        block(&mut pieces, start, deltas.into(), 0);
    } else {
        let words = answer.words[..answer.cut.unwrap_or(answer.words.len())].iter();
        let deltas = words.map(|word| json!({"type": "text_delta", "text": word})).collect();
        block(&mut pieces, json!({"type": "text", "text": ""}), deltas, answer.delay_ms);
    }
    if answer.cut.is_some() {
        pieces.pop();
        pieces.push(Piece::Break);
        return pieces;
    }
    let delta = json!({"stop_reason": stop_reason(&answer), "stop_sequence": null});
    let usage = usage(answer.words.len());
    pieces.push(Piece::Event(json!({"type": "message_delta", "delta": delta, "usage": usage})));
    pieces.push(Piece::Event(json!({"type": "message_stop"})));
    pieces
}
