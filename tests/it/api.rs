//! Our own paths for conversations: titles that people give, and what is taken home.

use reqwest::Method;
use serde_json::{Value, json};

use crate::server::{Gate, Server, eventually};

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
    let half = r#"{"title":"Half \ud83d"}"#;
    assert_eq!(rename(&server, id, half).await.0, 200);
    assert_eq!(server.get(CONVERSATIONS).await.1[0]["title"], "Half \u{fffd}");
    assert_eq!(rename(&server, id, r#"{"title":"Good"}"#).await.0, 200);
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

/// Downloads an export: the headers that count, and the text.
async fn export(server: &Server, id: i64, query: &str) -> (u16, String, String, String) {
    let url = server.url(&format!("{CONVERSATIONS}/{id}/export{query}"));
    let answer = reqwest::get(url).await.unwrap();
    let header = |name: &str| {
        answer.headers().get(name).map(|it| it.to_str().unwrap().to_owned()).unwrap_or_default()
    };
    let (kind, disposition) = (header("content-type"), header("content-disposition"));
    (answer.status().as_u16(), kind, disposition, answer.text().await.unwrap())
}

#[actix::test]
async fn a_conversation_is_taken_home_as_markdown_and_as_json() {
    let server = Server::start();
    let mut client = server.connect().await;
    let id = client.start().await;
    client.ask("say one, \ntool Read {\"file_path\":\"a\"} => x\nsay two").await;
    client.turn().await;
    client.ask("exit 3").await;
    client.turn().await;
    // More than one page of entries.
    let many: String = (0..80).map(|n| format!("tool Read {{\"n\":{n}}} => x\n")).collect();
    client.ask(&many).await;
    client.turn().await;

    let (status, kind, disposition, text) = export(&server, id, "").await;
    assert_eq!((status, kind.as_str()), (200, "text/markdown; charset=utf-8"));
    assert!(disposition.starts_with("attachment; filename=\"demo-1-say-one"), "{disposition}");
    assert!(disposition.ends_with(".md\""), "{disposition}");
    assert!(text.starts_with("# say one, "), "{text}");
    for part in
        ["\n> say one, \n> tool", "one, \n\n- Read `{\"file_path\":\"a\"}`\n\ntwo", "**Error:**"]
    {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
    for n in 0..80 {
        assert_eq!(text.matches(&format!("- Read `{{\"n\":{n}}}`")).count(), 1, "{n}");
    }

    let (status, kind, _, text) = export(&server, id, "?turn=1").await;
    assert_eq!((status, kind.as_str()), (200, "text/markdown; charset=utf-8"));
    assert_eq!(text, "one, \n\ntwo\n");
    // An answer without words, and none.
    for turn in [3, 77] {
        assert_eq!(export(&server, id, &format!("?turn={turn}")).await.0, 404);
    }

    let (status, kind, disposition, text) = export(&server, id, "?format=json").await;
    assert_eq!((status, kind.as_str()), (200, "application/json"));
    assert!(disposition.ends_with(".json\""), "{disposition}");
    let copy: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(copy["conversation"], server.get(CONVERSATIONS).await.1[0]);
    let stored: Vec<(i64, String, String)> = server
        .database()
        .prepare("SELECT first_seq, kind, payload FROM entries ORDER BY first_seq")
        .unwrap()
        .query_map((), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert!(stored.len() > 64, "{}", stored.len());
    let copied: Vec<_> = copy["entries"].as_array().unwrap().iter().collect();
    assert_eq!(copied.len(), stored.len());
    for (entry, (seq, kind, payload)) in copied.iter().zip(stored) {
        let payload: Value = serde_json::from_str(&payload).unwrap();
        assert_eq!(
            (&entry["first_seq"], &entry["kind"], &entry["payload"]),
            (&json!(seq), &json!(kind), &payload)
        );
    }
    assert_eq!(copy["waiting"], json!([]));
}

#[actix::test]
async fn a_conversation_is_taken_home_while_it_is_answered() {
    let server = Server::start();
    let gate = Gate::new(&server);
    let mut client = server.connect().await;
    let id = client.start().await;
    client.ask(&format!("say begun\n{}\nsay ended", gate.script())).await;
    client.until("text").await;
    client.ask("say next").await;
    client.until("accepted").await;
    eventually("the beginning is stored and copied", async || {
        let (_, _, _, text) = export(&server, id, "").await;
        let is_whole = text.contains("\nbegun\n\n*The answer was not complete")
            && text.contains("> say next")
            && text.trim_end().ends_with("export.*");
        is_whole.then_some(())
    })
    .await;
    gate.open();
    client.turn().await;
    client.turn().await;
    let (_, _, _, text) = export(&server, id, "?format=md").await;
    let at = |part: &str| text.find(part).unwrap_or_else(|| panic!("no {part:?} in {text}"));
    assert!(at("begunended") < at("> say next") && at("> say next") < at("\nnext"), "{text}");
    assert!(!text.contains("was not complete"), "{text}");
}

#[actix::test]
async fn what_cannot_be_taken_home_is_refused_in_words() {
    let server = Server::start();
    let (_, created) = server.request(Method::POST, CONVERSATIONS).await;
    let id = created["id"].as_i64().unwrap();
    assert_eq!(export(&server, id, "?format=json").await.0, 200);
    let (status, kind, _, text) = export(&server, id, "?format=pdf").await;
    assert_eq!((status, kind.as_str()), (422, "application/problem+json"));
    assert!(text.contains("`md` or `json`"), "{text}");
    assert_eq!(export(&server, 77, "").await.0, 404);
    let path = "/api/assistant/conversations/nobody/1/export";
    assert_eq!(server.get(path).await.0, 404);
}

#[actix::test]
async fn the_interface_describes_itself() {
    let server = Server::start();
    let (status, description) = server.get("/api/openapi.json").await;
    assert_eq!((status, &description["openapi"]), (200, &json!("3.1.0")));
    let rename = &description["paths"]["/api/assistant/conversations/{project}/{id}"]["patch"];
    assert!(rename["requestBody"].is_object(), "{rename}");
    assert!(rename["responses"]["default"].is_object(), "{rename}");
    // Every reference leads to something.
    let text = description.to_string();
    let references = regex::Regex::new(r##""\$ref":"#([^"]+)""##).unwrap();
    let mut count = 0;
    for reference in references.captures_iter(&text) {
        assert!(description.pointer(&reference[1]).is_some(), "nothing at {}", &reference[1]);
        count += 1;
    }
    assert!(count > 10, "{count}");
}
