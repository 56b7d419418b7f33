//! Questions over plain HTTP: as one document and as events that are taken up where they were lost.

use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt as _, net::TcpSocket};

use crate::{
    access::rights::{ANA, BEN, Person, make_private, team},
    screen::Screen,
    server::{DEADLINE, Gate, PROJECT, Server, Setup, eventually},
};

/// A script that takes a while and uses everything.
const LONG: &str = "think a\nstream 12 5\ntool Read {} => x\nstream 12 5";

/// Something that a stream brought, as it came.
#[derive(Debug, Clone, PartialEq)]
struct Event {
    text: String,
    name: String,
    id: Option<i64>,
    data: Value,
}

/// A stream of events that is being read.
struct Stream {
    response: reqwest::Response,
    unread: String,
    pings: usize,
}

impl Stream {
    async fn of(request: RequestBuilder) -> Self {
        let response = request.header("accept", "text/event-stream").send().await.unwrap();
        assert_eq!(response.status(), 200, "{}", response.text().await.unwrap());
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, unread: String::new(), pings: 0 }
    }

    /// The next event; `None` at the end of the stream.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((text, rest)) = self.unread.split_once("\n\n") {
                let (text, rest) = (text.to_owned(), rest.to_owned());
                self.unread = rest;
                if text.starts_with(": ") {
                    self.pings += 1;
                    continue;
                }
                let field = |name| text.lines().find_map(|line| line.strip_prefix(name));
                return Some(Event {
                    name: field("event: ").unwrap_or("message").to_owned(),
                    id: field("id: ").map(|id| id.parse().unwrap()),
                    data: serde_json::from_str(field("data: ").unwrap()).unwrap(),
                    text,
                });
            }
            let chunk = tokio::time::timeout(DEADLINE, self.response.chunk()).await.unwrap();
            // A server that is killed ends it in the middle.
            let Ok(Some(chunk)) = chunk else { return None };
            self.unread.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    async fn rest(mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        events
    }

    async fn until(&mut self, kind: &str) -> Vec<Event> {
        let mut events = Vec::new();
        while events.last().is_none_or(|event: &Event| event.data["type"] != kind) {
            events.push(self.next().await.unwrap());
        }
        events
    }
}

fn post(server: &Server, body: Value) -> RequestBuilder {
    let body = with_project(body);
    reqwest::Client::new().post(server.url("/api/v1/ask")).json(&body).timeout(DEADLINE)
}

fn with_project(mut body: Value) -> Value {
    if body["project"].is_null() {
        body["project"] = json!(PROJECT);
    }
    body
}

fn path(conversation: i64, query: &str) -> String {
    format!("/api/v1/ask/{PROJECT}/{conversation}{query}")
}

fn get(server: &Server, conversation: i64, after: Option<i64>) -> RequestBuilder {
    let request = reqwest::Client::new().get(server.url(&path(conversation, "?turn=1")));
    match after {
        Some(after) => request.header("last-event-id", after.to_string()),
        None => request,
    }
}

/// Asks, and gives the answer as one document.
async fn asked(server: &Server, body: Value) -> (u16, Value) {
    let answer = post(server, body).send().await.unwrap();
    let status = answer.status().as_u16();
    (status, answer.json().await.unwrap())
}

/// Shows what a stream brought on a screen, as a client would.
fn show(screen: &mut Screen, events: &[Event]) {
    for event in events {
        match event.name.as_str() {
            "conversation" if event.data["after"].is_null() => (),
            "conversation" => {
                screen.show(&[json!({ "type": "attached", "after": event.data["after"] })]);
            }
            _ => {
                assert_eq!(event.id, event.data["seq"].as_i64(), "{}", event.text);
                screen.show(std::slice::from_ref(&event.data));
            }
        }
    }
}

/// What is stored of the first turn.
fn stored(server: &Server, conversation: i64) -> Screen {
    let mut screen = Screen::stored(server, conversation);
    screen.entries.retain(|shown| shown.turn == 1);
    screen
}

fn is_end(event: &Event) -> bool {
    event.data["type"] == "response_done" || event.data["type"] == "error"
}

#[actix::test]
async fn an_answer_comes_as_events_from_the_question_to_the_end() {
    let server = Server::start();
    let events = Stream::of(post(&server, json!({ "question": LONG }))).await.rest().await;
    assert_eq!(events[0].name, "conversation");
    let id = events[0].data["conversation_id"].as_i64().unwrap();
    assert_eq!(
        events[0].data,
        json!({ "conversation_id": id, "turn": 1, "link": format!("/p/demo/{id}#turn-1") })
    );
    let of_turn = events[1..].iter().filter(|event| event.data["type"] != "status");
    assert!(of_turn.clone().all(|event| event.data["turn"] == 1), "{events:?}");
    assert_eq!(of_turn.clone().next().unwrap().data["type"], "user_message");
    assert!(events[1..].iter().all(|event| event.id.is_some() == (event.data["type"] != "status")));
    assert_eq!(events.iter().filter(|event| is_end(event)).count(), 1);
    assert!(is_end(events.last().unwrap()));
    let mut screen = Screen::default();
    show(&mut screen, &events);
    screen.assert_same(&stored(&server, id), "in the database");
}

#[actix::test]
async fn whatever_number_a_client_saw_last_the_rest_comes_exactly() {
    let server = Server::start();
    let live = Stream::of(post(&server, json!({ "question": LONG }))).await.rest().await;
    let id = live[0].data["conversation_id"].as_i64().unwrap();
    let recorded = Stream::of(get(&server, id, None)).await.rest().await;
    let mut whole = Screen::default();
    show(&mut whole, &recorded);
    // Of a recorded answer, byte by byte.
    for (index, event) in recorded.iter().enumerate() {
        let (Some(seq), false) = (event.id, is_end(event)) else { continue };
        let rest = Stream::of(get(&server, id, Some(seq))).await.rest().await;
        assert_eq!(rest[1..], recorded[index + 1..], "after {seq}");
    }
    // In the middle of a text as it came.
    let mut seen = Screen::default();
    for event in &live[1..] {
        show(&mut seen, std::slice::from_ref(event));
        let (Some(seq), false) = (event.id, is_end(event)) else { continue };
        let mut back = seen.clone();
        show(&mut back, &Stream::of(get(&server, id, Some(seq))).await.rest().await);
        back.assert_same(&whole, &format!("after {seq}"));
    }
    // By the query too; and nothing is left behind the end.
    let last = live.last().unwrap().id.unwrap();
    let url = server.url(&path(id, &format!("?turn=1&after={}", last - 1)));
    let rest = Stream::of(reqwest::Client::new().get(url)).await.rest().await;
    assert_eq!(rest.len(), 2, "{rest:?}");
    let over = get(&server, id, Some(last)).header("accept", "text/event-stream").send().await;
    assert_eq!(over.unwrap().status(), 204);
}

#[actix::test]
async fn who_leaves_in_the_middle_stops_nothing_and_finds_the_rest() {
    let server = Server::start();
    let gate = Gate::new(&server);
    let script = format!("stream 5 1\n{}\nsay and on", gate.script());
    let mut stream = Stream::of(post(&server, json!({ "question": script }))).await;
    let mut seen = Screen::default();
    let first = stream.until("text").await;
    let id = first[0].data["conversation_id"].as_i64().unwrap();
    show(&mut seen, &first);
    drop(stream);
    let mut back = Stream::of(get(&server, id, Some(seen.seq))).await;
    let again = back.next().await.unwrap();
    assert_eq!(again.data["turn"], 1);
    gate.open();
    show(&mut seen, &back.rest().await);
    assert_eq!(seen.answer(1), "w0 w1 w2 w3 w4 and on");
    let (status, whole) = server.get(&path(id, "")).await;
    assert_eq!((status, &whole["outcome"]), (200, &json!("completed")), "{whole}");
}

#[actix::test]
async fn an_answer_that_a_crash_cut_off_is_taken_up_at_its_end() {
    let mut server = Server::start();
    let mut stream = Stream::of(post(&server, json!({ "question": "stream 100000 5" }))).await;
    let mut seen = Screen::default();
    let first = stream.until("text").await;
    show(&mut seen, &first);
    let id = first[0].data["conversation_id"].as_i64().unwrap();
    server.has_begun(id, 1).await;
    for _ in 0..20 {
        let event = stream.next().await.unwrap();
        show(&mut seen, &[event]);
    }
    server.crash();
    show(&mut seen, &stream.rest().await);
    let rest = Stream::of(get(&server, id, Some(seen.seq))).await.rest().await;
    assert_eq!(rest.last().unwrap().data["outcome"], "interrupted", "{rest:?}");
    show(&mut seen, &rest);
    seen.assert_same(&stored(&server, id), "in the database");
    let (status, whole) = server.get(&path(id, "?turn=1")).await;
    assert_eq!((status, &whole["outcome"]), (200, &json!("interrupted")));
    assert_eq!(whole["answer"], seen.answer(1).trim_end());
}

#[actix::test]
async fn two_who_ask_at_once_get_their_own_answers() {
    let server = Server::start();
    let gate = Gate::new(&server);
    let first = json!({ "question": format!("say one\n{}\nsay more", gate.script()) });
    let mut first = Stream::of(post(&server, first)).await;
    let begun = first.until("text").await;
    let id = begun[0].data["conversation_id"].as_i64().unwrap();
    let second = json!({ "question": "say two", "conversation_id": id });
    let mut second = Stream::of(post(&server, second)).await;
    assert_eq!(second.next().await.unwrap().data["turn"], 2);
    let waits = second.until("status").await;
    gate.open();
    let (first, second) = tokio::join!(first.rest(), second.rest());
    let mut screens = [Screen::default(), Screen::default()];
    show(&mut screens[0], &[begun, first].concat());
    show(&mut screens[1], &[waits, second].concat());
    assert!(screens[0].answer(1).starts_with("one") && screens[0].answer(2).is_empty());
    assert_eq!((screens[1].answer(2), screens[1].answer(1)), ("two".to_owned(), String::new()));
}

#[actix::test]
async fn an_answer_comes_as_one_document() {
    let server = Server::start();
    let (status, whole) = asked(&server, json!({ "question": "stream 3 0" })).await;
    assert_eq!(status, 200, "{whole}");
    let id = whole["conversation_id"].as_i64().unwrap();
    assert_eq!(whole["answer"], "w0 w1 w2");
    assert_eq!((&whole["turn"], &whole["outcome"]), (&json!(1), &json!("completed")));
    assert_eq!(whole["link"], format!("/p/demo/{id}#turn-1"));
    assert_eq!(whole["usage"]["output_tokens"], 3);
    assert!(whole["cost_usd"].is_f64() && whole["duration_ms"].is_u64(), "{whole}");
    assert_eq!((&whole["citations"], &whole["notes"]), (&json!([]), &json!([])));
    assert_eq!(whole["answered"]["by"]["kind"], "claude");
    assert_eq!(server.get(&path(id, "?turn=1")).await, (200, whole));

    let question = r#"ask {"questions":[{"question":"Which?","header":"It","options":[{"label":"a","description":"A"},{"label":"b","description":"B"}],"multiSelect":false}]}"#;
    let more = json!({ "question": question, "conversation_id": id });
    let (status, whole) = asked(&server, more).await;
    assert_eq!((status, &whole["turn"]), (200, &json!(2)));
    assert_eq!(whole["questions"][0]["question"], "Which?", "{whole}");
}

#[actix::test]
async fn a_question_that_is_sent_again_is_asked_once() {
    let mut server = Server::start();
    let body = json!({ "question": "say once", "message_id": "m1" });
    let (_, first) = asked(&server, body.clone()).await;
    let id = first["conversation_id"].as_i64().unwrap();
    assert_eq!(asked(&server, body.clone()).await, (200, first.clone()));
    let mut named = body.clone();
    named["conversation_id"] = json!(id);
    assert_eq!(asked(&server, named).await, (200, first.clone()));
    server.crash();
    assert_eq!(asked(&server, body).await, (200, first));
    assert_eq!(server.get(&path(id, "?turn=2")).await.0, 404);

    // Also while it is being answered.
    let gate = Gate::new(&server);
    let body = json!({ "question": gate.script(), "message_id": "m2", "conversation_id": id });
    let mut one = Stream::of(post(&server, body.clone())).await;
    one.until("user_message").await;
    let mut two = Stream::of(post(&server, body)).await;
    assert_eq!(two.next().await.unwrap().data["turn"], 2);
    gate.open();
    let (one, two) = tokio::join!(one.rest(), two.rest());
    assert_eq!(one.last(), two.last());
}

#[actix::test]
async fn what_cannot_be_asked_is_refused_in_words() {
    let server = Setup::scripted().config("[limits]\nmessage_bytes = 100\n").start();
    for (body, status, words) in [
        (json!({ "question": "say a", "project": "none" }), 404, "Project not found"),
        (json!({ "question": "say a", "project": "../x" }), 400, "Invalid project name"),
        (json!({ "question": "say a", "conversation_id": 99 }), 404, "Conversation not found"),
        (json!({ "question": "say a", "agent": "nobody" }), 422, "nobody"),
        (json!({ "question": "say a", "effort": "some" }), 422, "effort must be one of"),
        (json!({ "question": "say a", "message_id": "" }), 422, "message_id must be"),
        (json!({ "question": " \n" }), 422, "empty"),
        (json!({ "question": 7 }), 422, "expected a string"),
        (json!({ "question": "x".repeat(101) }), 413, "the limit is 100"),
        (json!({ "question": "x".repeat(2 << 20) }), 413, "limit"),
        (json!({ "question": "say a", "attachments": ["x"] }), 422, "attach"),
    ] {
        let (found, problem) = asked(&server, body.clone()).await;
        let detail = problem["detail"].as_str().unwrap_or_default().to_lowercase();
        assert_eq!(found, status, "{problem}");
        assert!(detail.contains(&words.to_lowercase()), "{problem}");
    }
    let broken = reqwest::Client::new().post(server.url("/api/v1/ask"));
    let broken = broken.header("content-type", "application/json").body("{").send().await.unwrap();
    assert_eq!(broken.status(), 400);
    assert_eq!(server.get(&path(99, "")).await.0, 404);
}

#[actix::test]
async fn a_turn_that_fails_is_a_problem_that_says_where_it_is() {
    let server = Server::start();
    let answer = post(&server, json!({ "question": "error it broke" })).send().await.unwrap();
    let (status, place) =
        (answer.status(), answer.headers()["location"].to_str().unwrap().to_owned());
    let problem: Value = answer.json().await.unwrap();
    assert!([502, 503].contains(&status.as_u16()), "{status}");
    assert!(problem["detail"].as_str().unwrap().contains("it broke"), "{problem}");
    assert_eq!(server.get(&place).await.0, status.as_u16());
    let events = reqwest::Client::new().get(server.url(&place));
    let events = Stream::of(events).await.rest().await;
    assert_eq!(events.last().unwrap().data["type"], "error");
}

#[actix::test]
async fn an_answer_is_stopped_and_a_question_that_waits_is_taken_back() {
    let server = Server::start();
    let mut running = Stream::of(post(&server, json!({ "question": "stream 100000 5" }))).await;
    let id = running.until("text").await[0].data["conversation_id"].as_i64().unwrap();
    let waiting = json!({ "question": "say two", "conversation_id": id });
    let waiting = Stream::of(post(&server, waiting)).await;
    for (turn, status) in [(2, 204), (1, 204), (1, 204), (3, 404)] {
        let (stopped, _) =
            server.request(Method::DELETE, &path(id, &format!("?turn={turn}"))).await;
        assert_eq!(stopped, status, "turn {turn}");
    }
    let (running, waiting) = tokio::join!(running.rest(), waiting.rest());
    assert_eq!(running.last().unwrap().data["outcome"], "stopped");
    assert_eq!(waiting.last().unwrap().data["withdrawn"], true);
}

#[actix::test]
async fn limits_and_budgets_hold_as_over_a_socket() {
    let server = team("[budgets]\nuser_tokens = 15\n").start();
    let body = with_project(json!({ "question": "stream 6 0" })).to_string();
    let (status, first) = ANA.send(&server, "POST", "/api/v1/ask", &body).await;
    assert_eq!(status, 200, "{first}");
    let (status, refused) = ANA.send(&server, "POST", "/api/v1/ask", &body).await;
    assert_eq!(status, 402, "{refused}");
    assert!(refused["detail"].as_str().unwrap().contains("budgets.user_tokens"), "{refused}");
    assert_eq!(BEN.send(&server, "POST", "/api/v1/ask", &body).await.0, 200);

    let server =
        Setup::scripted().config("[advanced.limits]\nconversations_per_minute = 1\n").start();
    assert_eq!(asked(&server, json!({ "question": "say a" })).await.0, 200);
    let (status, refused) = asked(&server, json!({ "question": "say b" })).await;
    assert_eq!(status, 429, "{refused}");
}

async fn status_of(server: &Server, who: Person, method: &str, path: &str, body: &str) -> u16 {
    who.send(server, method, path, body).await.0.as_u16()
}

#[actix::test]
async fn a_private_conversation_is_none_for_others() {
    let server = team("").start();
    let body = with_project(json!({ "question": "say mine" })).to_string();
    let (_, mine) = ANA.send(&server, "POST", "/api/v1/ask", &body).await;
    let id = mine["conversation_id"].as_i64().unwrap();
    make_private(&server, ANA, id).await;
    let more = with_project(json!({ "question": "say yours", "conversation_id": id })).to_string();
    let one = path(id, "");
    for (who, asked, read) in [(BEN, 404, 404), (ANA, 200, 200)] {
        assert_eq!(status_of(&server, who, "GET", &one, "").await, read, "{who:?}");
        assert_eq!(status_of(&server, who, "POST", "/api/v1/ask", &more).await, asked, "{who:?}");
        let stopped = if asked == 200 { 204 } else { 404 };
        assert_eq!(status_of(&server, who, "DELETE", &one, "").await, stopped, "{who:?}");
    }
    // The id of a message finds nothing of somebody else.
    let repeated = json!({ "question": "say mine", "message_id": "same" });
    let repeated = with_project(repeated).to_string();
    let (_, of_ana) = ANA.send(&server, "POST", "/api/v1/ask", &repeated).await;
    let (_, of_ben) = BEN.send(&server, "POST", "/api/v1/ask", &repeated).await;
    assert_ne!(of_ana["conversation_id"], of_ben["conversation_id"]);
}

#[actix::test]
async fn a_stream_in_which_nothing_happens_is_kept_open_and_a_shutdown_ends_it() {
    let config = "[advanced.socket]\nping_interval = \"50ms\"\nping_timeout = \"3s\"\n";
    let mut server = Setup::scripted().config(config).start();
    let gate = Gate::new(&server);
    let mut stream = Stream::of(post(&server, json!({ "question": gate.script() }))).await;
    let id = stream.next().await.unwrap().data["conversation_id"].as_i64().unwrap();
    let waited = tokio::time::timeout(Duration::from_secs(4), async {
        while stream.next().await.is_some() {}
    });
    assert!(waited.await.is_err(), "it has ended");
    assert!(stream.pings > 10, "{} pings", stream.pings);
    let (_, list) = server.get("/api/admin/sessions").await;
    assert_eq!(list[0]["conversations"][0]["viewers"], 1, "{list}");
    assert!(server.terminate().success());
    while stream.next().await.is_some() {}
    server.launch_again();
    gate.open();
    let ended = eventually("the turn has ended", async || {
        let (status, whole) = server.get(&path(id, "?turn=1")).await;
        (status == 200).then_some(whole)
    });
    assert_eq!(ended.await["outcome"], "interrupted");
}

#[actix::test]
async fn who_does_not_read_is_cut_off_and_the_answer_is_whole_for_others() {
    let server = Setup::scripted().config("[advanced.socket]\nstall_timeout = \"2s\"\n").start();
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut jammed = socket.connect(server.address().parse().unwrap()).await.unwrap();
    let body = with_project(json!({ "question": "blocks 60 100000" })).to_string();
    let request = format!(
        "POST /api/v1/ask HTTP/1.1\r\nHost: {}\r\nAccept: text/event-stream\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        server.address(),
        body.len()
    );
    jammed.write_all(request.as_bytes()).await.unwrap();
    eventually("the question is stored", async || {
        let (_, list) = server.get("/api/assistant/conversations/demo").await;
        (list.as_array()?.len() == 1).then_some(())
    })
    .await;
    let (status, whole) = server.get(&path(1, "?turn=1")).await;
    assert_eq!((status, &whole["outcome"]), (200, &json!("completed")));
    assert!(whole["answer"].as_str().unwrap().len() > 5_000_000);
    eventually("nobody is there any more", async || {
        let (_, list) = server.get("/api/admin/sessions").await;
        (list[0]["conversations"][0]["viewers"] == 0).then_some(())
    })
    .await;
    drop(jammed);
}
