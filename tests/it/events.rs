//! Conversations without a WebSocket: server-sent events, and a request for each frame.

use std::time::Duration;

use reqwest::header::{HeaderName, HeaderValue};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpSocket,
};

use crate::{
    client::{Client, text_of, types_of},
    server::{DEADLINE, PROJECT, Server, Setup, eventually},
};

const VIEWER: &str = "viewer-0123456789";

/// A client whose requests have these headers.
fn http(headers: &[(&'static str, &str)]) -> reqwest::Client {
    let named = headers.iter().map(|&(name, value)| {
        (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
    });
    // A server closes connections that rest, and a POST over one is not sent again.
    let builder = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0);
    builder.default_headers(named.collect()).build().unwrap()
}

/// A client without a WebSocket.
pub struct EventClient {
    http: reqwest::Client,
    response: reqwest::Response,
    unread: String,
    /// Where its frames are sent.
    url: String,
}

impl EventClient {
    pub async fn open(server: &Server) -> Self {
        Self::open_as(server, &[]).await
    }

    /// Opens a stream; each of its requests has these headers.
    async fn open_as(server: &Server, headers: &[(&'static str, &str)]) -> Self {
        let http = http(headers);
        let events = server.url(&format!("/api/assistant/events/{PROJECT}"));
        let response = http.get(&events).send().await.unwrap().error_for_status().unwrap();
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut client = Self { http, response, unread: String::new(), url: String::new() };
        let (name, id) = client.event().await;
        assert_eq!(name, "session");
        client.url = format!("{events}/{id}");
        client
    }

    /// The next event by its name, `message` if it has none.
    async fn event(&mut self) -> (String, String) {
        loop {
            if let Some((event, rest)) = self.unread.split_once("\n\n") {
                let field = |name| event.lines().find_map(|line| line.strip_prefix(name));
                let found = field("data: ").map(|data| {
                    (field("event: ").unwrap_or("message").to_owned(), data.to_owned())
                });
                self.unread = rest.to_owned();
                if let Some(found) = found {
                    return found;
                }
                continue;
            }
            let chunk = tokio::time::timeout(DEADLINE, self.response.chunk()).await.unwrap();
            let chunk = chunk.unwrap().expect("the stream has ended");
            self.unread.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// Frames up to the first of this kind.
    pub async fn until(&mut self, kind: &str) -> Vec<Value> {
        let mut frames = Vec::new();
        loop {
            let (name, data) = self.event().await;
            if name == "ping" {
                continue;
            }
            assert_eq!(name, "message", "{data}");
            frames.push(serde_json::from_str::<Value>(&data).unwrap());
            if frames.last().unwrap()["type"] == kind {
                return frames;
            }
        }
    }

    pub async fn send(&self, frame: Value) -> u16 {
        self.http.post(&self.url).body(frame.to_string()).send().await.unwrap().status().into()
    }

    /// Attaches to a conversation, or begins one, and gives its id and what came.
    async fn start(&mut self, conversation: Value, after: Value) -> (i64, Vec<Value>) {
        let start = json!({ "type": "start", "protocol": 1, "conversation_id": conversation, "after": after });
        assert_eq!(self.send(start).await, 204);
        let frames = self.until("caught_up").await;
        let attached = frames.iter().find(|frame| frame["type"] == "attached").unwrap();
        (attached["conversation_id"].as_i64().unwrap(), frames)
    }

    async fn ask(&self, id: &str, content: &str) -> u16 {
        self.send(json!({ "type": "message", "message_id": id, "content": content })).await
    }
}

/// The numbers of what belongs to the history.
fn numbers(frames: &[Value]) -> Vec<u64> {
    let history = frames.iter().filter(|frame| frame["type"] != "accepted");
    let of_turns = history.filter(|frame| !frame["turn"].is_null());
    of_turns.filter_map(|frame| frame["seq"].as_u64()).collect()
}

#[tokio::test]
async fn events_bring_what_a_socket_brings_and_a_question_counts_once() {
    let server = Setup::scripted().start();
    let mut events = EventClient::open(&server).await;
    let (conversation, _) = events.start(Value::Null, Value::Null).await;
    let mut socket = Client::connect(server.address(), PROJECT, None).await;
    socket.enter(conversation, Value::Null).await;

    assert_eq!(events.ask("m1", "say The quokka hops.").await, 204);
    assert_eq!(events.ask("m1", "say The quokka hops.").await, 204);
    let told = events.until("response_done").await;
    let seen = socket.until("response_done").await;
    assert_eq!((text_of(&told), text_of(&seen)), ("The quokka hops.".into(), text_of(&told)));
    assert!(numbers(&told).is_sorted_by(|a, b| a < b), "{told:?}");
    assert_eq!(numbers(&told).last(), numbers(&seen).last());

    // Another stream goes on where the first was, without a gap and without anything twice.
    let first = numbers(&told)[0];
    let mut again = EventClient::open(&server).await;
    let (_, replayed) = again.start(json!(conversation), json!(first)).await;
    assert_eq!(text_of(&replayed), "The quokka hops.");
    let replayed = numbers(&replayed);
    assert!(replayed[0] > first && replayed.last() == numbers(&told).last(), "{replayed:?}");
    let questions = types_of(&told).iter().filter(|kind| **kind == "user_message").count();
    assert_eq!(questions, 1);
}

#[tokio::test]
async fn an_answer_is_stopped_and_leaving_is_noticed() {
    let server = Setup::scripted().start();
    let mut events = EventClient::open(&server).await;
    let (conversation, _) = events.start(Value::Null, Value::Null).await;
    events.ask("m1", "stream 100000 5").await;
    events.until("text").await;
    assert_eq!(events.send(json!({ "type": "stop" })).await, 204);
    let told = events.until("response_done").await;
    assert_eq!(told.last().unwrap()["outcome"], "stopped", "{:?}", types_of(&told));
    let mut socket = Client::connect(server.address(), PROJECT, None).await;
    socket.enter(conversation, Value::Null).await;

    let left = events.http.delete(&events.url).send().await.unwrap();
    assert_eq!(left.status(), 204);
    viewers_are(&server, 1).await;
    assert_eq!(events.send(json!({ "type": "ping" })).await, 404);
}

async fn has_viewers(server: &Server, expected: u64) -> Option<()> {
    let (_, list) = server.get("/api/admin/sessions").await;
    (list[0]["conversations"][0]["viewers"] == expected).then_some(())
}

async fn viewers_are(server: &Server, expected: u64) {
    eventually("as many viewers as expected", async || has_viewers(server, expected).await).await;
}

#[tokio::test]
async fn a_question_may_be_as_long_as_over_a_socket() {
    let server = Setup::scripted().start();
    let mut events = EventClient::open(&server).await;
    events.start(Value::Null, Value::Null).await;
    assert_eq!(events.ask("m1", &format!("say {}", "x".repeat(200_000))).await, 204);
    assert_eq!(text_of(&events.until("response_done").await).len(), 200_000);
    assert_eq!(events.ask("m2", &"x".repeat(2 << 20)).await, 413);
    assert_eq!(events.ask("m3", "say still here").await, 204);
    assert_eq!(text_of(&events.until("response_done").await), "still here");
}

#[tokio::test]
async fn who_may_not_open_a_socket_gets_no_events() {
    let server = Setup::scripted().env("CICERONE_VIEWER_TOKEN", VIEWER).start();
    let http = http(&[]);
    let events = server.url(&format!("/api/assistant/events/{PROJECT}"));
    let stream = format!("{events}/00000000-0000-4000-8000-000000000000");
    let requests = || [http.get(&events), http.post(&stream).body("{}"), http.delete(&stream)];
    for request in requests() {
        assert_eq!(request.send().await.unwrap().status(), 401);
    }
    for request in requests() {
        let request = request.bearer_auth(VIEWER).header("origin", "https://evil.example");
        assert_eq!(request.send().await.unwrap().status(), 403);
    }
    let [_, post, delete] = requests();
    for request in [post, delete] {
        assert_eq!(request.bearer_auth(VIEWER).send().await.unwrap().status(), 404);
    }
}

#[tokio::test]
async fn a_stream_is_its_users_alone_and_each_user_has_as_many_as_sockets() {
    let config = "[access]\ntrusted_proxies = [\"127.0.0.1\"]\nuser_header = \"X-Forwarded-User\"\n\
                  [limits]\nsockets_per_visitor = 1\n";
    let server = Setup::scripted().config(config).project("other").start();
    let ada = [("x-forwarded-for", "203.0.113.7"), ("x-forwarded-user", "ada")];
    let bob = [("x-forwarded-for", "203.0.113.7"), ("x-forwarded-user", "bob")];
    let mut events = EventClient::open_as(&server, &ada).await;
    let (conversation, _) = events.start(Value::Null, Value::Null).await;

    let elsewhere = events.url.replace(PROJECT, "other");
    for (other, url) in
        [(http(&bob), &events.url), (http(&[]), &events.url), (http(&ada), &elsewhere)]
    {
        let frame = json!({ "type": "message", "content": "say mine" }).to_string();
        assert_eq!(other.post(url).body(frame).send().await.unwrap().status(), 404);
        assert_eq!(other.delete(url).send().await.unwrap().status(), 404);
    }
    events.ask("m1", "say The quokka hops.").await;
    let told = events.until("response_done").await;
    assert_eq!(text_of(&told), "The quokka hops.");

    let is_refused = async || {
        let url = server.url(&format!("/api/assistant/events/{PROJECT}"));
        let mut response = http(&ada).get(url).send().await.unwrap();
        let first = response.chunk().await.unwrap().unwrap();
        String::from_utf8_lossy(&first).contains("\"code\":4429")
    };
    assert!(is_refused().await);
    EventClient::open_as(&server, &bob).await.start(json!(conversation), Value::Null).await;
    events.http.delete(&events.url).send().await.unwrap();
    eventually("ada may open another", async || (!is_refused().await).then_some(())).await;
}

#[tokio::test]
async fn a_project_that_there_is_not_is_told_as_over_a_socket() {
    let server = Setup::scripted().start();
    for (project, code) in [("nothing", 4004), ("%2e%2e%3f", 4000), ("a%20b", 4000)] {
        let url = server.url(&format!("/api/assistant/events/{project}"));
        let text = http(&[]).get(url).send().await.unwrap().text().await.unwrap();
        let end = format!("event: close\ndata: {{\"code\":{code},");
        assert!(text.contains(&end), "{project}: {text}");
    }
}

const IMPATIENT: &str = "[advanced.socket]\nping_interval = \"100ms\"\nping_timeout = \"3s\"\n\
                         attach_after = \"100ms\"\n";

#[tokio::test]
async fn who_answers_pings_stays_and_who_does_not_has_left() {
    let server = Setup::scripted().config(IMPATIENT).start();
    let mut awake = EventClient::open(&server).await;
    let (conversation, _) = awake.start(Value::Null, Value::Null).await;
    let mut silent = EventClient::open(&server).await;
    silent.start(json!(conversation), Value::Null).await;
    eventually("only who answers is there", async || {
        while awake.event().await.0 != "ping" {}
        assert_eq!(awake.send(json!({ "type": "ping" })).await, 204);
        has_viewers(&server, 1).await
    })
    .await;
    assert_eq!(silent.send(json!({ "type": "ping" })).await, 404);
    assert_eq!(awake.send(json!({ "type": "ping" })).await, 204);
}

#[tokio::test]
async fn a_stream_without_a_word_from_its_client_follows_nothing() {
    let server = Setup::scripted().config(IMPATIENT).start();
    let mut socket = Client::connect(server.address(), PROJECT, None).await;
    socket.start().await;
    let mut silent = EventClient::open(&server).await;
    for _ in 0..5 {
        assert_eq!(silent.event().await.0, "ping");
    }
}

/// Opens a stream over a connection that holds little, and reads no more than its id.
async fn open_narrow(server: &Server) -> (tokio::net::TcpStream, String) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(server.address().parse().unwrap()).await.unwrap();
    let events = format!("/api/assistant/events/{PROJECT}");
    let request = format!("GET {events} HTTP/1.1\r\nHost: {}\r\n\r\n", server.address());
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut read = String::new();
    loop {
        let found = read.split_once("event: session\ndata: ").and_then(|(_, rest)| rest.get(..36));
        if let Some(id) = found {
            return (stream, server.url(&format!("{events}/{id}")));
        }
        let mut bytes = [0; 256];
        let n = tokio::time::timeout(DEADLINE, stream.read(&mut bytes)).await.unwrap().unwrap();
        assert!(n > 0, "{read}");
        read.push_str(std::str::from_utf8(&bytes[..n]).unwrap());
    }
}

#[tokio::test]
async fn who_does_not_read_delays_nobody_and_is_cut_off() {
    let server = Setup::scripted().config("[advanced.socket]\nstall_timeout = \"5s\"\n").start();
    let mut healthy = EventClient::open(&server).await;
    let (conversation, _) = healthy.start(Value::Null, Value::Null).await;
    let (jammed, url) = open_narrow(&server).await;
    let start = json!({ "type": "start", "protocol": 1, "conversation_id": conversation });
    assert_eq!(healthy.http.post(&url).body(start.to_string()).send().await.unwrap().status(), 204);
    viewers_are(&server, 2).await;
    for turn in 0..4 {
        healthy.ask(&format!("m{turn}"), &format!("say {}", "x".repeat(200_000))).await;
        healthy.until("response_done").await;
    }
    // What it sends is not kept without a bound either.
    let mut refused = Vec::new();
    for _ in 0..9 {
        let sent = healthy.http.post(&url).body("{}").send().await.unwrap();
        refused.push(sent.status().as_u16());
    }
    assert!(refused.iter().any(|status| [429, 404].contains(status)), "{refused:?}");
    viewers_are(&server, 1).await;
    healthy.ask("on", "say on").await;
    assert_eq!(text_of(&healthy.until("response_done").await), "on");
    drop(jammed);
}

#[tokio::test]
async fn a_shutdown_waits_for_no_stream() {
    let mut server = Setup::scripted().start();
    let mut attached = EventClient::open(&server).await;
    attached.start(Value::Null, Value::Null).await;
    let _silent = EventClient::open(&server).await;
    let _narrow = open_narrow(&server).await;
    let begun = std::time::Instant::now();
    assert!(server.terminate().success());
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
}
