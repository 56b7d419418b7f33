//! How large a request may be and how much one visitor may have, whom a proxy speaks for.

use serde_json::json;

use crate::{
    client::{Client, types_of},
    server::{Gate, Server, Setup},
};

use super::raw::{ask, ask_with};

/// A server behind a proxy on this machine, which names the user.
fn behind_proxy(limits: &str) -> Setup {
    Setup::scripted().config(&format!(
        "[access]\ntrusted_proxies = [\"127.0.0.1\"]\nuser_header = \"X-Forwarded-User\"\n\
         [limits]\n{limits}"
    ))
}

async fn connect_from(server: &Server, headers: &[(&str, &str)]) -> Client {
    Client::connect_with(server.address(), "demo", headers).await.unwrap()
}

const FROM_AFAR: [(&str, &str); 1] = [("x-forwarded-for", "203.0.113.7")];

#[actix::test]
async fn p10_a_request_that_is_too_large_is_refused_and_the_server_lives_on() {
    let server =
        Setup::guide().config("[advanced.limits]\nbody_bytes = 100\nheader_bytes = 1000\n").start();
    let body = format!("token={}", "x".repeat(200));
    let length = body.len().to_string();
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    let told = [("Host", server.address()), form, ("Content-Length", &length)];
    let refused = ask_with(&server, "POST /login", &told, &body).await;
    assert_eq!(refused.status, 413);
    assert_eq!(refused.detail(), "The body has 206 bytes; the limit is 100.");
    let chunked = [("Host", server.address()), form, ("Transfer-Encoding", "chunked")];
    let chunks = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let refused = ask_with(&server, "POST /login", &chunked, &chunks).await;
    assert_eq!(refused.status, 413, "{refused:?}");

    let large = "x".repeat(2000);
    let refused = ask(&server, "GET /", &[("X-Large", &large)]).await;
    assert_eq!(refused.status, 431);
    assert!(refused.detail().contains("the limit is 1000"), "{refused:?}");
    let many: Vec<(&str, &str)> = vec![("X", "y"); 500];
    assert_eq!(ask(&server, "GET /", &many).await.status, 431);
    let huge = "x".repeat(300_000);
    assert_eq!(ask(&server, "GET /", &[("X-Huge", &huge)]).await.status, 431);
    assert_eq!(ask(&server, "GET /healthz", &[]).await.status, 200);
}

#[actix::test]
async fn p10_a_visitor_has_so_many_sockets_and_others_have_their_own() {
    let server = behind_proxy("sockets_per_visitor = 2\n").start();
    let first = connect_from(&server, &FROM_AFAR).await;
    let mut second = connect_from(&server, &FROM_AFAR).await;
    second.start().await;
    let mut third = connect_from(&server, &FROM_AFAR).await;
    let (frames, code, _) = third.until_closed().await;
    assert_eq!(code, 4429);
    assert!(frames[0].contains("You have 2 open connections"), "{frames:?}");
    let other = [("x-forwarded-for", "203.0.113.8")];
    connect_from(&server, &other).await.start().await;
    // Who is named counts by the name, wherever they are.
    let ada = [("x-forwarded-for", "203.0.113.7"), ("x-forwarded-user", "ada")];
    connect_from(&server, &ada).await.start().await;

    drop(first);
    crate::server::eventually("a closed socket makes room", async || {
        let mut client = connect_from(&server, &FROM_AFAR).await;
        client.send(json!({ "type": "ping" })).await;
        (client.frame().await["type"] == "pong").then_some(())
    })
    .await;
}

#[actix::test]
async fn p9_a_client_behind_a_proxy_has_so_many_requests_at_once_and_others_have_their_own() {
    let server = behind_proxy("connections_per_address = 3\n").start();
    // A WebSocket is a request whose answer goes on.
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(connect_from(&server, &FROM_AFAR).await);
    }
    let refused = ask(&server, "GET /api/projects", &FROM_AFAR).await;
    assert_eq!(refused.status, 429);
    assert!(refused.detail().starts_with("3 of your requests are in progress"), "{refused:?}");
    let other = [("X-Forwarded-For", "203.0.113.8")];
    assert_eq!(ask(&server, "GET /api/projects", &other).await.status, 200);
    drop(held);
    crate::server::eventually("what was held is given back", async || {
        (ask(&server, "GET /api/projects", &FROM_AFAR).await.status == 200).then_some(())
    })
    .await;
    for _ in 0..10 {
        assert_eq!(ask(&server, "GET /api/projects", &FROM_AFAR).await.status, 200);
    }
}

#[actix::test]
async fn p10_a_visitor_sends_so_many_messages_a_minute() {
    let server = behind_proxy("messages_per_minute = 2\n").start();
    let mut client = connect_from(&server, &FROM_AFAR).await;
    client.start().await;
    for _ in 0..2 {
        client.ask("say yes").await;
        client.until("response_done").await;
    }
    client.post("third", "say no").await;
    let refused = client.until("error").await.pop().unwrap();
    assert_eq!((&refused["retryable"], &refused["message_id"]), (&json!(true), &json!("third")));
    assert!(refused["content"].as_str().unwrap().contains("2 messages a minute"), "{refused}");
    let mut other = connect_from(&server, &[("x-forwarded-for", "203.0.113.8")]).await;
    other.start().await;
    other.ask("say yes").await;
    other.until("response_done").await;
}

#[actix::test]
async fn p10_a_visitor_has_so_many_turns_and_gets_them_back() {
    let server = behind_proxy("turns_per_visitor = 1\n").start();
    let gate = Gate::new(&server);
    let mut client = connect_from(&server, &FROM_AFAR).await;
    client.start().await;
    client.ask(&gate.script()).await;
    client.until("accepted").await;
    let mut second = connect_from(&server, &FROM_AFAR).await;
    second.start().await;
    second.ask("say no").await;
    let refused = second.until("error").await.pop().unwrap();
    assert_eq!(refused["retryable"], true);
    assert!(refused["content"].as_str().unwrap().starts_with("1 of your questions"), "{refused}");
    gate.open();
    client.until("response_done").await;
    second.ask("say yes").await;
    assert!(types_of(&second.until("response_done").await).contains(&"text"));
}

#[actix::test]
async fn p10_only_a_named_proxy_tells_who_asks() {
    let asked_by = async |server: &Server, headers: &[(&str, &str)]| {
        let mut client = connect_from(server, headers).await;
        let id = client.start().await;
        client.ask("say yes").await;
        let frames = client.until("response_done").await;
        let asked = frames.iter().find(|frame| frame["type"] == "user_message").unwrap().clone();
        (id, asked["author"].clone())
    };
    let ada = [("x-forwarded-user", "Ada \u{202e}L.")];
    let mut server = behind_proxy("sockets_per_visitor = 9\n").start();
    let (id, author) = asked_by(&server, &ada).await;
    assert_eq!(author, "Ada L.");
    assert_eq!(asked_by(&server, &[]).await.1, json!(null));
    let mut bea = connect_from(&server, &[("x-forwarded-user", "Bea")]).await;
    bea.start().await;
    bea.ask("stream 1000 20").await;
    bea.until("text").await;
    bea.send(json!({ "type": "stop" })).await;
    let done = bea.until("response_done").await.pop().unwrap();
    assert_eq!((&done["outcome"], &done["stopped_by"]), (&json!("stopped"), &json!("Bea")));
    // It is kept.
    server.crash();
    let (_, frames) = server.enter(id, json!(null)).await;
    let asked = frames.iter().find(|frame| frame["type"] == "user_message").unwrap();
    assert_eq!(asked["author"], "Ada L.");

    let elsewhere = "[access]\ntrusted_proxies = [\"192.0.2.0/24\"]\n\
                     user_header = \"X-Forwarded-User\"\n[limits]\nsockets_per_visitor = 1\n";
    let server = Setup::scripted().config(elsewhere).start();
    assert_eq!(asked_by(&server, &ada).await.1, json!(null));
    // Nor does it tell from where: both are loopback, which is not counted.
    let _first = connect_from(&server, &FROM_AFAR).await;
    connect_from(&server, &FROM_AFAR).await.start().await;
    let (status, stderr) =
        Setup::guide().config("[access]\nuser_header = \"X-Forwarded-User\"\n").fail();
    assert_eq!(status.code(), Some(2));
    assert!(stderr.contains("access.trusted_proxies"), "{stderr}");
}
