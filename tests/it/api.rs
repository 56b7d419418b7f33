//! Our own paths for conversations: titles that people give, and what is taken home.

use reqwest::Method;
use serde_json::{Value, json};

use crate::server::{Server, eventually};

const CONVERSATIONS: &str = "/api/assistant/conversations/demo";

/// Asks to rename a conversation.
async fn rename(server: &Server, id: i64, body: &str) -> (u16, Value) {
    let answer = reqwest::Client::new()
        .patch(server.url(&format!("{CONVERSATIONS}/{id}")))
        .header("content-type", "application/json")
        .body(body.to_owned())
        .send()
        .await
        .unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[actix::test]
async fn a_title_is_stored_and_everyone_who_looks_is_told() {
    let server = Server::start();
    let mut ana = server.connect().await;
    let id = ana.start().await;
    let (mut ben, _) = server.enter(id, Value::Null).await;
    ana.ask("say one").await;
    ana.turn().await;
    ben.turn().await;

    let (status, summary) = rename(&server, id, r#"{"title":"  Two\nwords "}"#).await;
    assert_eq!((status, &summary["title"]), (200, &json!("Two words")));
    for viewer in [&mut ana, &mut ben] {
        let frames = viewer.until("title").await;
        assert_eq!(frames.last().unwrap()["title"], "Two words");
    }
    let (_, list) = server.get(CONVERSATIONS).await;
    assert_eq!(list[0], summary);

    // A further question leaves it; one after it was taken away makes a new one.
    ana.ask("say two").await;
    ana.turn().await;
    assert_eq!(server.get(CONVERSATIONS).await.1[0]["title"], "Two words");
    for nothing in [r#"{"title":null}"#, r#"{"title":" "}"#] {
        let (status, summary) = rename(&server, id, nothing).await;
        assert_eq!((status, &summary["title"]), (200, &Value::Null));
        assert_eq!(ana.until("title").await.last().unwrap()["title"], "");
    }
    ana.ask("say three").await;
    let frames = ana.until("title").await;
    assert_eq!(frames.last().unwrap()["title"], "say three");
    ana.turn().await;
    assert_eq!(server.get(CONVERSATIONS).await.1[0]["title"], "say three");
}

#[actix::test]
async fn a_conversation_that_is_not_live_is_renamed_too() {
    let mut server = Server::start();
    let (_, created) = server.request(Method::POST, CONVERSATIONS).await;
    let id = created["id"].as_i64().unwrap();
    assert_eq!(rename(&server, id, r#"{"title":"Kept"}"#).await.0, 200);
    server.crash();
    assert_eq!(server.get(CONVERSATIONS).await.1[0]["title"], "Kept");
    let (_client, frames) = server.enter(id, Value::Null).await;
    let attached = frames.iter().find(|frame| frame["type"] == "attached").unwrap();
    assert_eq!(attached["title"], "Kept");
}

#[actix::test]
async fn a_title_that_does_not_do_is_refused_in_words_and_changes_nothing() {
    let server = Server::start();
    let (_, created) = server.request(Method::POST, CONVERSATIONS).await;
    let id = created["id"].as_i64().unwrap();
    assert_eq!(rename(&server, id, r#"{"title":"Good"}"#).await.0, 200);
    let long = json!({ "title": "x".repeat(201) }).to_string();
    for (body, expected) in
        [(long.as_str(), 422), ("{}", 422), (r#"{"title":7}"#, 422), ("{", 400), ("", 400)]
    {
        let (status, problem) = rename(&server, id, body).await;
        assert_eq!((status, &problem["status"]), (expected, &json!(expected)), "{body}");
        assert!(problem["detail"].is_string(), "{problem}");
    }
    assert_eq!(rename(&server, 77, r#"{"title":"x"}"#).await.0, 404);
    let other = reqwest::Client::new()
        .patch(server.url("/api/assistant/conversations/demo/x"))
        .json(&json!({ "title": "x" }))
        .send();
    assert_eq!(other.await.unwrap().status(), 422);
    eventually("the title is as it was", async || {
        let (_, list) = server.get(CONVERSATIONS).await;
        (list[0]["title"] == "Good").then_some(())
    })
    .await;
}
