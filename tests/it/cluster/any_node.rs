//! Whichever node a request reaches, the one that owns the project answers it.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::{
    nats::{Nats, NatsSetup},
    nodes::{LONG, SHORT, begin, check, come_back, config, node},
};
use crate::{
    access::{
        raw::{self, Answer},
        rights::team,
        tls,
    },
    client::text_of,
    events::EventClient,
    screen::Screen,
    server::{DEADLINE, Gate, PROJECT, Server, Setup, eventually},
};

/// A node that owns the project, with a conversation there, and another one.
async fn owner_and_other(nats: &Nats) -> ([Server; 2], i64) {
    let nodes = ["a", "b"].map(|name| node(nats, name, LONG));
    let (mut client, id) = begin(&nodes[0]).await;
    client.post("m0", "say first").await;
    client.turn().await;
    (nodes, id)
}

/// The path of the conversations.
fn list() -> String {
    format!("/api/assistant/conversations/{PROJECT}")
}

/// Sends JSON; answers the status and what came back, as JSON or text.
async fn send(node: &Server, method: Method, path: &str, body: &Value) -> (u16, Value) {
    let request = reqwest::Client::new().request(method, node.url(path)).json(body);
    let answer = request.timeout(DEADLINE).send().await.unwrap();
    let (status, text) = (answer.status().as_u16(), answer.text().await.unwrap());
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

#[actix::test]
async fn a_socket_that_reaches_another_node_is_one_of_the_owner() {
    let nats = Nats::start().await;
    let ([a, b], id) = owner_and_other(&nats).await;
    let (mut direct, frames) = a.enter(id, json!(0)).await;
    let (mut through, same) = b.enter(id, json!(0)).await;
    let (mut seen, mut shown) = (Screen::of(&frames), Screen::of(&same));
    let gate = Gate::new(&a);
    through.post("m1", &format!("stream 200 50\n{}\nstream 200 50", gate.script())).await;
    shown.show(&through.until("text").await);
    gate.open();
    shown.show(&through.turn().await);
    seen.show(&direct.turn().await);
    shown.assert_same(&seen, "through another node");
    // A frame of the largest size goes through in one piece, and one that is too large is refused there.
    through.ask(&format!("say {}", "x".repeat(20_000))).await;
    assert!(text_of(&through.turn().await).len() >= 20_000);
    direct.turn().await;
    through.send_text(&"x".repeat(2_000_000)).await;
    assert_eq!(through.until_closed().await.1, 1009);
    check(&[&a, &b], &[(id, "m0"), (id, "m1")]).await;
}

#[actix::test]
async fn what_is_written_through_another_node_is_read_there_at_once() {
    let nats = Nats::start().await;
    let ([a, b], id) = owner_and_other(&nats).await;
    let path = format!("{}/{id}", list());
    for number in 0..20 {
        let title = format!("Title {number}");
        let (status, told) = send(&b, Method::PATCH, &path, &json!({ "title": title })).await;
        assert_eq!(status, 200, "{told}");
        let (_, detail) = b.get(&path).await;
        assert_eq!(detail["title"], *title, "read at the node that was written to");
    }
    let (status, made) = send(&b, Method::POST, &list(), &json!({})).await;
    assert_eq!(status, 200, "{made}");
    let (status, _) = b.request(Method::DELETE, &path).await;
    assert_eq!(status, 200);
    assert_eq!(b.get(&path).await.0, 404);
    eventually("the owner has deleted it", async || (a.get(&path).await.0 == 404).then_some(()))
        .await;
    check(&[&a, &b], &[]).await;
}

#[actix::test]
async fn files_and_event_streams_go_through_another_node() {
    let nats = Nats::start().await;
    let ([a, b], id) = owner_and_other(&nats).await;
    let path = format!("{}/{id}/attachments", list());
    let content = "a line\n".repeat(100_000);
    let url = b.url(&format!("{path}?name=log.txt"));
    let sent = reqwest::Client::new().post(url).body(content.clone()).timeout(DEADLINE).send();
    let sent = sent.await.unwrap();
    assert_eq!(sent.status(), 201);
    let file: Value = sent.json().await.unwrap();
    for node in [&b, &a] {
        let path = format!("{path}/{}", file["id"].as_str().unwrap());
        let got = reqwest::get(node.url(&path)).await.unwrap().text().await.unwrap();
        assert_eq!(got.len(), content.len());
    }
    let mut events = EventClient::open(&b).await;
    events.send(json!({ "type": "start", "protocol": 1, "conversation_id": id })).await;
    events.until("caught_up").await;
    events.send(json!({ "type": "message", "message_id": "m1", "content": "say by events" })).await;
    let frames = events.until("response_done").await;
    assert!(text_of(&frames).ends_with("by events"), "{frames:?}");
    check(&[&a, &b], &[(id, "m0"), (id, "m1")]).await;
}

#[actix::test]
async fn programs_ask_at_any_node() {
    let nats = Nats::start().await;
    let ([a, b], _) = owner_and_other(&nats).await;
    let question = |text: &str| json!({ "project": PROJECT, "question": format!("say {text}") });
    let (status, answer) = send(&b, Method::POST, "/api/v1/ask", &question("by HTTP")).await;
    assert_eq!((status, &answer["answer"]), (200, &json!("by HTTP")), "{answer}");
    let turn = format!("/api/v1/ask/{PROJECT}/{}", answer["conversation_id"]);
    let (status, followed) = send(&b, Method::GET, &turn, &json!({})).await;
    assert_eq!((status, &followed["answer"]), (200, &json!("by HTTP")), "{followed}");
    let chat =
        json!({ "model": PROJECT, "messages": [{ "role": "user", "content": "say by chat" }] });
    let (status, answer) = send(&b, Method::POST, "/v1/chat/completions", &chat).await;
    let said = &answer["choices"][0]["message"]["content"];
    assert!(status == 200 && said.as_str().unwrap().starts_with("by chat"), "{answer}");
    let call = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": { "name": "ask", "arguments": { "question": "say by MCP" } },
    });
    let asked = reqwest::Client::new().post(b.url("/mcp")).json(&call).timeout(DEADLINE);
    let asked = asked.header("accept", "application/json, text/event-stream").send().await.unwrap();
    let asked = asked.text().await.unwrap();
    assert!(asked.contains("by MCP"), "{asked}");
    // What is not understood is refused as on a single machine.
    for (path, body, status) in [
        ("/api/v1/ask", json!({ "question": "say no project" }), 422),
        ("/api/v1/ask", json!({ "project": "elsewhere", "question": "?" }), 404),
        ("/v1/chat/completions", json!({ "model": "elsewhere", "messages": [] }), 400),
        (
            "/v1/chat/completions",
            json!({ "model": PROJECT, "messages": [{ "role": "user", "content": "x".repeat(3_000_000) }] }),
            413,
        ),
    ] {
        for node in [&a, &b] {
            let (got, told) = send(node, Method::POST, path, &body).await;
            assert_eq!(got, status, "{path} {told}");
        }
    }
    check(&[&a, &b], &[]).await;
}

#[actix::test]
async fn whoever_looks_through_another_node_comes_back_when_the_owner_is_gone() {
    let nats = Nats::start().await;
    let (mut a, b, c) = (node(&nats, "a", SHORT), node(&nats, "b", SHORT), node(&nats, "c", SHORT));
    let (_owner, id) = begin(&a).await;
    let (mut client, frames) = b.enter(id, json!(0)).await;
    let mut screen = Screen::of(&frames);
    client.post("m1", "stream 100000 20").await;
    screen.show(&client.until("text").await);
    a.kill();
    while let Some(frame) = client.try_frame().await {
        screen.show(&[frame]);
    }
    let (mut client, frames) = come_back(&[&b, &c], id, screen.seq).await;
    screen.show(&frames);
    // Whoever has taken the project, both serve it now.
    client.post("m2", "say here").await;
    screen.show(&client.turn().await);
    for node in [&b, &c] {
        let (mut client, _) = node.enter(id, json!(screen.seq)).await;
        client.ask("say both").await;
        assert!(text_of(&client.turn().await).ends_with("both"));
    }
    a.launch_again();
    let (mut back, _) = come_back(&[&a], id, 0).await;
    back.post("m3", "say back").await;
    assert!(text_of(&back.turn().await).ends_with("back"));
    check(&[&a, &b, &c], &[(id, "m1"), (id, "m2"), (id, "m3")]).await;
}

#[actix::test]
async fn a_request_waits_for_the_next_owner_where_the_last_one_was_killed() {
    let nats = Nats::start().await;
    let (mut a, b) = (node(&nats, "a", SHORT), node(&nats, "b", SHORT));
    let (mut client, id) = begin(&a).await;
    client.post("m1", "say hello").await;
    client.turn().await;
    eventually("the other node has it", async || {
        (b.get(&format!("{}/{id}", list())).await.0 == 200).then_some(())
    })
    .await;
    a.kill();
    let (status, told) =
        send(&b, Method::PATCH, &format!("{}/{id}", list()), &json!({ "title": "late" })).await;
    assert_eq!(status, 200, "{told}");
    a.launch_again();
    check(&[&a, &b], &[(id, "m1")]).await;
}

/// Logs in, and gives the cookie.
async fn log_in(node: &Server, token: &str) -> String {
    let form = format!("token={token}");
    let length = form.len().to_string();
    let headers = [
        ("Host", node.address()),
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Content-Length", length.as_str()),
    ];
    raw::ask_with(node, "POST /login", &headers, &form).await.cookie()
}

#[actix::test]
async fn a_login_holds_at_every_node_until_it_is_ended_at_one() {
    let nats = Nats::start().await;
    let [a, mut b] = ["a", "b"].map(|name| team(&config(&nats, name, LONG)).start());
    let cookie = log_in(&a, "viewer-0123456789").await;
    let me = async |node: &Server| {
        let headers = [("Cookie", cookie.as_str())];
        let Answer { status, body, .. } = raw::ask(node, "GET /api/me", &headers).await;
        (status, body.contains("viewer"))
    };
    assert_eq!((me(&a).await, me(&b).await), ((200, true), (200, true)));
    assert!(b.terminate().success());
    b.launch_again();
    assert_eq!(me(&b).await, (200, true), "it outlives the server");
    let ended = raw::ask(&a, "POST /logout", &[("Cookie", &cookie)]).await;
    assert_eq!(ended.status, 204);
    assert_eq!(me(&a).await.0, 401);
    eventually("the other node has heard of it", async || (me(&b).await.0 == 401).then_some(()))
        .await;
    assert!(b.terminate().success());
    b.launch_again();
    assert_eq!(me(&b).await.0, 401, "what was ended stays so");
    // Nor is it another one in another spelling.
    let (name, login) = cookie.split_once('=').unwrap();
    let (text, signature) = login.rsplit_once('.').unwrap();
    let other = format!("{name}={text}.{}", signature.to_uppercase());
    assert_eq!(raw::ask(&a, "GET /api/me", &[("Cookie", &other)]).await.status, 401);
    check(&[&a, &b], &[]).await;
}

#[actix::test]
async fn a_node_is_believed_only_where_it_proves_who_it_is() {
    let nats = Nats::start().await;
    // What answers at its address is no node at all.
    let liar = config(&nats, "a", LONG).replace("http://127.0.0.1:0", &nats.monitoring()[0]);
    let a = Setup::scripted().config(&liar).start();
    let b = node(&nats, "b", LONG);
    let files = tempfile::tempdir().unwrap();
    let other = files.path().join("secret");
    std::fs::write(&other, "the-secret-of-some-other-nodes").unwrap();
    let other = config(&nats, "c", LONG)
        .replace(&format!("{:?}", nats.secret_file()), &format!("{other:?}"));
    let c = Setup::scripted().config(&other).start();
    let (mut client, id) = begin(&a).await;
    client.post("m1", "say hello").await;
    client.turn().await;
    let path = format!("{}/{id}", list());
    let title = json!({ "title": "of a liar" });
    let (status, told) = send(&b, Method::PATCH, &path, &title).await;
    assert!(
        status == 421 && told["detail"].as_str().unwrap().contains("Nothing was changed"),
        "{told}"
    );
    assert!(b.log().contains("is not that node"), "{}", b.log());
    // What a client writes itself, and what another secret has signed, is no word of a node.
    for header in ["203.0.113.7 https 00", "", "127.0.0.1 http"] {
        let refused = raw::ask(&b, "GET /api/projects", &[("X-Cicerone-Peer", header)]).await;
        assert_eq!(refused.status, 421, "{refused:?}");
    }
    a.request(Method::DELETE, &format!("/api/assistant/sessions/{PROJECT}")).await;
    let (status, _) = send(&c, Method::PATCH, &path, &title).await;
    assert_eq!(status, 421);
    check(&[&a, &b, &c], &[(id, "m1")]).await;
}

#[actix::test]
async fn nodes_speak_tls_to_each_other_where_they_serve_it() {
    let nats = Nats::with(NatsSetup { servers: 1, ..NatsSetup::default() }).await;
    let files = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let (certificate, key) = (files.path().join("node.pem"), files.path().join("node.key"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let start = |name: &str, more: &str| {
        let table = config(&nats, name, LONG).replace("http://127.0.0.1:0", "https://127.0.0.1:0");
        let tls = format!("[server]\ntls_certificate = {certificate:?}\ntls_key = {key:?}\n");
        Setup::scripted().config(&format!("{tls}{table}{more}")).start()
    };
    let trusting = format!("tls_ca = {certificate:?}\n");
    let (a, b, c) = (start("a", &trusting), start("b", &trusting), start("c", ""));
    let ask = async |node: &Server| {
        let stream = tokio::net::TcpStream::connect(node.address()).await.unwrap();
        let stream =
            tls::trusting(&made.cert).connect("127.0.0.1".try_into().unwrap(), stream).await;
        let body = json!({ "project": PROJECT, "question": "say over TLS" }).to_string();
        let length = body.len().to_string();
        let headers = [
            ("Host", node.address()),
            ("Content-Type", "application/json"),
            ("Content-Length", length.as_str()),
        ];
        raw::exchange(stream.unwrap(), "POST /api/v1/ask", &headers, &body).await
    };
    for node in [&a, &b] {
        let answer = ask(node).await;
        assert!(answer.status == 200 && answer.body.contains("over TLS"), "{answer:?}");
    }
    // One that does not trust the others' certificates hands nothing on.
    let refused = ask(&c).await;
    assert_eq!(refused.status, 421, "{refused:?}");
    assert!(c.log().contains("cannot hand a request on"), "{}", c.log());
}

#[actix::test]
async fn admins_see_all_nodes_at_each_and_end_sessions_of_any() {
    let nats = Nats::start().await;
    let ([a, mut b], _) = owner_and_other(&nats).await;
    let (_, sessions) = b.get("/api/admin/sessions").await;
    let row = &sessions[0];
    assert_eq!((&row["project"], &row["node"]), (&json!(PROJECT), &json!("a")), "{sessions}");
    assert_eq!(b.get("/api/assistant/sessions").await.1, json!([PROJECT]));
    let (_, status) = b.get("/api/admin/status").await;
    let told = |status: &Value| {
        let nodes = status["nodes"].as_array().unwrap().iter();
        let told = nodes.map(|it| (it["node"].as_str().unwrap().to_owned(), it["answers"] == true));
        told.collect::<Vec<_>>()
    };
    assert_eq!(told(&status), [("b".to_owned(), true), ("a".to_owned(), true)], "{status}");
    let figures = reqwest::get(a.url("/metrics")).await.unwrap().text().await.unwrap();
    for line in ["cluster_owned_projects 1", "cluster_live_nodes 2", "cluster_append_seconds_count"]
    {
        assert!(figures.contains(line), "{line} {figures}");
    }
    let path = format!("/api/admin/sessions/{PROJECT}");
    assert_eq!(b.request(Method::DELETE, &path).await.0, 200);
    eventually("the session has ended", async || {
        (a.get("/api/admin/sessions").await.1 == json!([])).then_some(())
    })
    .await;
    assert_eq!(b.request(Method::DELETE, &path).await.0, 404);
    b.kill();
    let (_, status) = a.get("/api/admin/status").await;
    assert_eq!(told(&status), [("a".to_owned(), true), ("b".to_owned(), false)], "{status}");
}

#[actix::test]
async fn an_mcp_call_is_cancelled_through_any_node() {
    let nats = Nats::start().await;
    let ([a, b], id) = owner_and_other(&nats).await;
    let gate = Gate::new(&a);
    let mcp = |node: &Server, message: &Value| {
        let request = reqwest::Client::new().post(node.url("/mcp")).json(message).timeout(DEADLINE);
        let request = request.header("accept", "application/json, text/event-stream");
        request.header("mcp-session-id", "a-session").send()
    };
    let call = json!({
        "jsonrpc": "2.0", "id": 7, "method": "tools/call",
        "params": { "name": "ask", "arguments": { "question": format!("say x\n{}", gate.script()) } },
    });
    let asking = actix_web::rt::spawn(mcp(&b, &call));
    eventually("it runs at the owner", async || {
        let running = a.database().query_row(
            "SELECT 1 FROM turns WHERE state = 'running' AND conversation_id <> ?1",
            [id],
            |_| Ok(()),
        );
        running.ok()
    })
    .await;
    let cancel = json!({
        "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 7 },
    });
    assert_eq!(mcp(&b, &cancel).await.unwrap().status(), 202);
    eventually("the turn has ended", async || {
        let ended = a.database().query_row(
            "SELECT 1 FROM turns WHERE state = 'done' AND turn > 0 AND conversation_id <> ?1",
            [id],
            |_| Ok(()),
        );
        ended.ok()
    })
    .await;
    drop(asking);
    check(&[&a, &b], &[(id, "m0")]).await;
}

#[actix::test]
async fn a_client_that_leaves_is_gone_at_the_owner_too() {
    let nats = Nats::start().await;
    let ([a, b], id) = owner_and_other(&nats).await;
    let watched = async |node: &Server| {
        let (_, sessions) = node.get("/api/admin/sessions").await;
        let conversations = sessions[0]["conversations"].as_array().unwrap().clone();
        let of = conversations.iter().find(|it| it["conversation_id"] == id);
        of.map_or(0, |it| it["viewers"].as_i64().unwrap())
    };
    let (client, _) = b.enter(id, json!(0)).await;
    eventually("the owner counts the viewer", async || (watched(&a).await == 1).then_some(()))
        .await;
    drop(client);
    eventually("the viewer has left", async || (watched(&a).await == 0).then_some(())).await;
    tokio::time::timeout(Duration::from_secs(20), check(&[&a, &b], &[(id, "m0")])).await.unwrap();
}
