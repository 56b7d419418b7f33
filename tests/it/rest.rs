//! The HTTP paths: shapes, key orders and status codes of the original's, our own, and what
//! closing and deleting do to a turn that runs.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    client::{Client, text_of, types_of},
    screen::Screen,
    server::{PROJECT, Server, Setup, eventually, is_alive},
};

const CONVERSATIONS: &str = "/api/assistant/conversations/demo";

const SUMMARY: [&str; 6] =
    ["id", "project_name", "title", "created_at", "updated_at", "message_count"];

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

/// `2026-01-07T10:00:00.000000Z`: the original's, with a mark of the zone.
fn is_time(value: &Value) -> bool {
    let Some(text) = value.as_str() else { return false };
    let shape = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c });
    shape.collect::<String>() == "0000-00-00T00:00:00.000000Z"
}

/// Makes a conversation with one question and its answer.
async fn asked(server: &Server, question: &str) -> (Client, i64) {
    let mut client = server.connect().await;
    let id = client.start().await;
    client.ask(question).await;
    client.turn().await;
    (client, id)
}

#[actix::test]
async fn p1_a_created_conversation_is_listed_although_it_is_empty() {
    let server = Server::start();
    let (status, created) = server.request(Method::POST, CONVERSATIONS).await;
    assert_eq!((status, keys(&created)), (200, SUMMARY.to_vec()));
    assert_eq!(
        (&created["id"], &created["project_name"], &created["title"], &created["message_count"]),
        (&json!(1), &json!("demo"), &json!(null), &json!(0))
    );
    assert!(is_time(&created["created_at"]) && is_time(&created["updated_at"]), "{created}");
    assert_eq!(server.get(CONVERSATIONS).await, (200, json!([created])));
    // And it can be spoken in.
    let mut client = server.connect().await;
    client.send(json!({ "type": "start", "conversation_id": 1 })).await;
    client.turn().await;
    client.ask("say here").await;
    assert_eq!(text_of(&client.turn().await), "here");
}

#[actix::test]
async fn p1_conversations_are_listed_newest_change_first_with_titles_and_counts() {
    let server = Server::start();
    let (_, created) = server.request(Method::POST, CONVERSATIONS).await;
    let (mut first, one) = asked(&server, "say one").await;
    let long = format!("say {}", "ü".repeat(60));
    let (_second, two) = asked(&server, &long).await;
    let order = async || {
        let (_, list) = server.get(CONVERSATIONS).await;
        let ids = list.as_array().unwrap().iter().map(|it| it["id"].as_i64().unwrap());
        (ids.collect::<Vec<_>>(), list)
    };
    let (ids, list) = order().await;
    assert_eq!(ids, [two, one, created["id"].as_i64().unwrap()]);
    assert_eq!(list[0]["title"], format!("say {}...", "ü".repeat(46)));
    assert_eq!(list[1]["title"], "say one");
    // The greeting, the question and the answer.
    assert_eq!(list[1]["message_count"], 3);
    assert_eq!(keys(&list[1]), SUMMARY);
    first.ask("say again").await;
    first.turn().await;
    assert_eq!(order().await.0[0], one);
    assert_eq!(order().await.1[0]["title"], "say one");
    // Nobody wrote in this one.
    server.connect().await.start().await;
    assert_eq!(order().await.0.len(), 3);
}

#[actix::test]
async fn p1_a_conversation_is_told_with_its_messages_in_order() {
    let server = Server::start();
    let (_client, id) = asked(&server, "say one, \ntool Read {} => x\nsay two").await;
    let (status, detail) = server.get(&format!("{CONVERSATIONS}/{id}")).await;
    assert_eq!(status, 200);
    assert_eq!(
        keys(&detail),
        ["id", "project_name", "title", "created_at", "updated_at", "messages"]
    );
    let messages = detail["messages"].as_array().unwrap();
    for message in messages {
        assert_eq!(keys(message), ["id", "role", "content", "timestamp"]);
        assert!(message["id"].is_i64() && is_time(&message["timestamp"]), "{message}");
    }
    let said: Vec<_> = messages.iter().map(|it| (&it["role"], &it["content"])).collect();
    assert_eq!(said[0].0, "assistant");
    assert_eq!(
        said[1..],
        [
            (&json!("user"), &json!("say one, \ntool Read {} => x\nsay two")),
            (&json!("assistant"), &json!("one, two")),
        ]
    );
}

#[actix::test]
async fn p1_wrong_paths_names_and_methods_get_the_originals_status_and_words() {
    let server = Server::start();
    let gone = server.project_dir();
    let name = "Invalid project name";
    let project = "Project not found";
    let conversation = "Conversation not found";
    let session = "No active session for this project";
    let method = "Method Not Allowed";
    let long = format!("/api/assistant/conversations/{}", "x".repeat(51));
    let cases = [
        (Method::GET, "/api/assistant/conversations/b%20d", 400, name),
        (Method::GET, &long, 400, name),
        (Method::POST, "/api/assistant/conversations/b.d", 400, name),
        (Method::GET, "/api/assistant/conversations/b.d/1", 400, name),
        (Method::GET, "/api/assistant/sessions/b.d", 400, name),
        (Method::DELETE, "/api/assistant/sessions/b.d", 400, name),
        (Method::GET, "/api/assistant/conversations/nobody", 404, project),
        (Method::POST, "/api/assistant/conversations/nobody", 404, project),
        (Method::GET, "/api/assistant/conversations/nobody/1", 404, project),
        (Method::DELETE, "/api/assistant/conversations/nobody/1", 404, project),
        (Method::GET, "/api/assistant/conversations/demo/77", 404, conversation),
        (Method::DELETE, "/api/assistant/conversations/demo/77", 404, conversation),
        (Method::GET, "/api/assistant/conversations/demo/-1", 404, conversation),
        (Method::GET, "/api/assistant/sessions/demo", 404, session),
        (Method::DELETE, "/api/assistant/sessions/demo", 404, session),
        (Method::DELETE, "/api/admin/sessions/demo", 404, session),
        (Method::DELETE, "/api/admin/sessions/demo/1", 404, "No such live conversation"),
        (Method::PUT, "/api/assistant/conversations/demo", 405, method),
        (Method::POST, "/api/assistant/conversations/demo/1", 405, method),
        (Method::POST, "/api/assistant/sessions", 405, method),
        (Method::PUT, "/api/assistant/sessions/demo", 405, method),
        (Method::POST, "/api/projects", 405, method),
        (Method::GET, "/api/nothing/here", 404, "Not Found"),
        (Method::POST, "/api/nothing", 404, "Not Found"),
        (Method::GET, "/api", 404, "Not Found"),
        (Method::GET, "/ws/nothing", 404, "Not Found"),
    ];
    for (method, path, status, detail) in cases {
        let answer = server.request(method.clone(), path).await;
        assert_eq!((answer.0, &answer.1["detail"]), (status, &json!(detail)), "{method} {path}");
    }
    std::fs::remove_dir_all(gone).unwrap();
    let (status, answer) = server.get(CONVERSATIONS).await;
    assert_eq!((status, &answer["detail"]), (404, &json!(project)));
}

#[actix::test]
async fn p1_an_id_that_is_no_integer_is_422_with_the_originals_list() {
    let server = Server::start();
    for method in [Method::GET, Method::DELETE] {
        for id in ["abc", "1.5", "99999999999999999999"] {
            let (status, answer) =
                server.request(method.clone(), &format!("{CONVERSATIONS}/{id}")).await;
            assert_eq!(status, 422, "{method} {id}");
            let first = &answer["detail"][0];
            assert_eq!(keys(first), ["type", "loc", "msg", "input"], "{answer}");
            assert_eq!(first["loc"], json!(["path", "conversation_id"]));
            assert_eq!(first["input"], id);
        }
    }
}

#[actix::test]
async fn errors_are_problem_documents() {
    let server = Server::start();
    for path in ["/api/assistant/sessions/demo", "/api/nothing", "/api/assistant/sessions/b.d"] {
        let answer = reqwest::get(server.url(path)).await.unwrap();
        assert_eq!(answer.headers()["content-type"], "application/problem+json", "{path}");
        let status = answer.status().as_u16();
        let body: Value = answer.json().await.unwrap();
        assert!(body["detail"].is_string(), "{body}");
        assert_eq!(body["status"], status, "{body}");
    }
}

#[actix::test]
async fn p1_sessions_are_listed_told_and_closed() {
    let server = Server::start();
    assert_eq!(server.get("/api/assistant/sessions").await, (200, json!([])));
    let mut client = server.connect().await;
    let id = client.start_seed().await;
    assert_eq!(server.get("/api/assistant/sessions").await, (200, json!(["demo"])));
    let (status, told) = server.get("/api/assistant/sessions/demo").await;
    assert_eq!((status, keys(&told)), (200, vec!["project_name", "conversation_id", "is_active"]));
    assert_eq!(told, json!({ "project_name": "demo", "conversation_id": id, "is_active": true }));
    let closed = server.request(Method::DELETE, "/api/assistant/sessions/demo").await;
    assert_eq!(closed, (200, json!({ "success": true, "message": "Session closed" })));
    assert_eq!(server.get("/api/assistant/sessions").await, (200, json!([])));
    assert_eq!(server.get("/api/assistant/sessions/demo").await.0, 404);
    // A client of the original has to start again.
    client.ask("still there?").await;
    let words = "No active session. Send 'start' first.";
    assert_eq!(client.frame().await, json!({ "type": "error", "content": words }));
    client.start_seed().await;
    client.ask("say now").await;
    assert_eq!(text_of(&client.turn().await), "now");
}

#[actix::test]
async fn p8_closing_a_session_ends_its_agents_and_the_next_message_of_our_client_opens_it_again() {
    let server = Server::start();
    let mut client = server.connect().await;
    let id = client.start().await;
    let mut screen = Screen::of(&[]);
    client.ask("say so far \nchild\nstream 100000 5").await;
    let child = loop {
        screen.show(&client.until("text").await);
        let answer = screen.answer(1);
        if let Some((child, _)) = answer.trim_start_matches("so far ").split_once('w') {
            break child.parse::<u32>().unwrap();
        }
    };
    let agent = server.agent_pid().await;
    assert!(is_alive(agent) && is_alive(child));
    let closed = server.request(Method::DELETE, "/api/admin/sessions/demo").await;
    assert_eq!(closed, (200, json!({ "success": true, "message": "Session closed" })));
    assert!(!is_alive(agent), "the agent outlived its session");
    eventually("the agent's child is gone", async || (!is_alive(child)).then_some(())).await;
    // The viewer is told: one end, and why.
    let frames = client.until_any(&["error", "response_done"]).await;
    screen.show(&frames);
    let end = frames.last().unwrap();
    assert_eq!((&end["type"], &end["turn"]), (&json!("error"), &json!(1)));
    assert!(end["content"].as_str().unwrap().contains("closed by an administrator"), "{end}");
    loop {
        let status = client.until("status").await.pop().unwrap();
        if status["state"] == "closed" {
            break;
        }
    }
    screen.assert_same(&Screen::stored_from(&server, id, 1), "after the close");
    assert_eq!(server.get("/api/admin/sessions").await, (200, json!([])));
    client.ask("history").await;
    let frames = client.turn().await;
    screen.show(&frames);
    let said = text_of(&frames);
    assert!(
        said.contains(" | history\n\n[Your last answer was cut off"),
        "its context is lost: {said}"
    );
    screen.assert_same(&Screen::stored_from(&server, id, 1), "after it was opened again");
}

#[actix::test]
async fn an_administrator_sees_every_session_and_what_it_does() {
    let server = Server::start();
    assert_eq!(server.get("/api/admin/sessions").await, (200, json!([])));
    let (mut client, id) = asked(&server, "say one").await;
    let _second = {
        let mut second = server.connect().await;
        second.send(json!({ "type": "start", "protocol": 1, "conversation_id": id })).await;
        second.until("caught_up").await;
        second
    };
    client.ask("stream 100000 5").await;
    client.until("text").await;
    client.ask("say later").await;
    client.until("accepted").await;
    let (_, list) = server.get("/api/admin/sessions").await;
    assert_eq!(keys(&list[0]), ["project", "state", "restarts", "conversations"]);
    assert_eq!(
        (&list[0]["project"], &list[0]["state"], &list[0]["restarts"]),
        (&json!(PROJECT), &json!("live"), &json!(0))
    );
    let live = &list[0]["conversations"][0];
    assert_eq!(
        (&live["conversation_id"], &live["title"], &live["state"]),
        (&json!(id), &json!("say one"), &json!("running"))
    );
    assert_eq!(
        (&live["turn"], &live["queued"], &live["viewers"]),
        (&json!(2), &json!(1), &json!(2))
    );
    assert!(is_alive(u32::try_from(live["agent"]["pid"].as_u64().unwrap()).unwrap()));
}

#[actix::test]
async fn one_conversation_is_closed_and_the_others_go_on() {
    let server = Server::start();
    let (mut one, first) = asked(&server, "say one").await;
    let (mut two, second) = asked(&server, "say two").await;
    one.ask("stream 100000 5").await;
    two.ask("stream 60 5").await;
    one.until("text").await;
    let path = format!("/api/admin/sessions/demo/{first}");
    let closed = server.request(Method::DELETE, &path).await;
    assert_eq!(closed, (200, json!({ "success": true, "message": "Conversation closed" })));
    assert_eq!(types_of(&one.turn().await).last(), Some(&"error"));
    let frames = two.turn().await;
    assert_eq!(frames.last().unwrap()["outcome"], "completed");
    let (_, list) = server.get("/api/admin/sessions").await;
    let live = list[0]["conversations"].as_array().unwrap();
    assert_eq!(live.len(), 1);
    assert_eq!(live[0]["conversation_id"], second);
    one.ask("say back").await;
    assert_eq!(text_of(&one.turn().await), "back");
}

#[actix::test]
async fn who_comes_to_a_conversation_that_is_being_closed_finds_it_when_that_is_done() {
    let server = Server::start();
    let (mut client, id) = asked(&server, "say one").await;
    // Somebody who does not read is given a moment to part.
    let mut jammed = Client::connect_narrow(server.address(), PROJECT).await;
    jammed.enter(id, Value::Null).await;
    for _ in 0..4 {
        client.ask(&format!("say {}", "x".repeat(200_000))).await;
        client.turn().await;
    }
    let path = format!("/api/admin/sessions/demo/{id}");
    let ((status, _), ()) = tokio::join!(server.request(Method::DELETE, &path), async {
        while client.until("status").await.last().unwrap()["state"] != "closed" {}
        let (mut viewer, _) = server.enter(id, Value::Null).await;
        viewer.ask("say back").await;
        assert_eq!(text_of(&viewer.turn().await), "back");
    });
    assert_eq!(status, 200);
}

#[actix::test]
async fn a_conversation_that_is_deleted_in_mid_turn_ends_once_and_is_gone_for_good() {
    let server = Server::start();
    let (mut client, id) = asked(&server, "say one").await;
    let mut seed = server.connect().await;
    seed.send(json!({ "type": "start", "conversation_id": id })).await;
    seed.turn().await;
    client.ask("stream 100000 5").await;
    client.until("text").await;
    seed.until("text").await;
    let agent = server.agent_pid().await;
    let path = format!("{CONVERSATIONS}/{id}");
    let deleted = server.request(Method::DELETE, &path).await;
    assert_eq!(deleted, (200, json!({ "success": true, "message": "Conversation deleted" })));
    assert!(!is_alive(agent), "the agent outlived its conversation");
    for viewer in [client, seed] {
        let mut viewer = viewer;
        let (frames, code, _) = viewer.until_closed().await;
        assert_eq!(code, 4404);
        let frames: Vec<Value> =
            frames.iter().map(|frame| serde_json::from_str(frame).unwrap()).collect();
        let ends = types_of(&frames);
        let ends = ends.iter().filter(|kind| ["error", "response_done"].contains(kind)).count();
        assert_eq!(ends, 1, "{frames:?}");
    }
    assert_eq!(server.get(&path).await.0, 404);
    assert_eq!(server.request(Method::DELETE, &path).await.0, 404);
    assert_eq!(Screen::stored(&server, id), Screen::default());
    let mut back = server.connect().await;
    back.send(json!({ "type": "start", "protocol": 1, "conversation_id": id })).await;
    assert_eq!(back.until_closed().await.1, 4404);
    // Its id is never given again.
    assert_ne!(server.connect().await.start().await, id);
}

#[actix::test]
async fn p1_a_conversation_that_holds_only_its_greeting_is_deleted_like_any_other() {
    let server = Server::start();
    let deleted = (200, json!({ "success": true, "message": "Conversation deleted" }));
    for is_seed in [true, false] {
        let mut client = server.connect().await;
        let id = if is_seed { client.start_seed().await } else { client.start().await };
        let path = format!("{CONVERSATIONS}/{id}");
        assert_eq!(server.request(Method::DELETE, &path).await, deleted);
        assert_eq!(client.until_closed().await.1, 4404);
        assert_eq!(server.request(Method::DELETE, &path).await.0, 404);
    }
    // One that was made by a request and never opened.
    let (_, made) = server.request(Method::POST, CONVERSATIONS).await;
    let path = format!("{CONVERSATIONS}/{}", made["id"]);
    assert_eq!(server.request(Method::DELETE, &path).await, deleted);
    assert_eq!(server.request(Method::DELETE, &path).await.0, 404);
}

#[actix::test]
async fn a_stored_conversation_is_deleted_without_a_session() {
    let mut server = Server::start();
    let (client, id) = asked(&server, "say one").await;
    drop(client);
    server.crash();
    let path = format!("{CONVERSATIONS}/{id}");
    assert_eq!(server.request(Method::DELETE, &path).await.0, 200);
    assert_eq!(server.get(&path).await.0, 404);
    assert_eq!(server.get(CONVERSATIONS).await, (200, json!([])));
}

#[actix::test]
async fn a_conversation_is_unknown_in_every_other_project() {
    let setup = Setup::scripted();
    let other = setup.project_dir().with_file_name("other");
    std::fs::create_dir(&other).unwrap();
    let server = setup.args(["--project", &format!("other={}", other.display())]).start();
    let (_client, id) = asked(&server, "say one").await;
    let path = format!("/api/assistant/conversations/other/{id}");
    for method in [Method::GET, Method::DELETE] {
        let (status, answer) = server.request(method, &path).await;
        assert_eq!((status, &answer["detail"]), (404, &json!("Conversation not found")));
    }
    assert_eq!(server.get("/api/assistant/conversations/other").await, (200, json!([])));
    assert_eq!(server.get(&format!("{CONVERSATIONS}/{id}")).await.0, 200);
}

#[actix::test]
async fn p1_projects_are_listed_with_their_specification_and_progress() {
    let setup = Setup::scripted();
    let dir = setup.project_dir();
    let other = dir.with_file_name("other");
    std::fs::create_dir_all(dir.join("prompts")).unwrap();
    std::fs::write(dir.join("prompts/app_spec.txt"), "A shop for tea.").unwrap();
    std::fs::create_dir(&other).unwrap();
    let features = rusqlite::Connection::open(dir.join("features.db")).unwrap();
    features
        .execute_batch(
            "CREATE TABLE features (id INTEGER NOT NULL, priority INTEGER NOT NULL,
                 category VARCHAR(100) NOT NULL, name VARCHAR(255) NOT NULL,
                 description TEXT NOT NULL, steps JSON NOT NULL, passes BOOLEAN,
                 in_progress BOOLEAN, PRIMARY KEY (id));
             INSERT INTO features VALUES
                 (1, 1, 'a', 'one', '', '[]', 1, 0), (2, 2, 'a', 'two', '', '[]', 0, 1),
                 (3, 3, 'a', 'three', '', '[]', 0, 0);",
        )
        .unwrap();
    let server = setup.args(["--project", &format!("other={}", other.display())]).start();
    let (status, list) = server.get("/api/projects").await;
    assert_eq!(status, 200);
    let told = json!({
        "name": "demo", "path": dir, "has_spec": true,
        "stats": { "passing": 1, "in_progress": 1, "total": 3, "percentage": 33.3 },
        "default_concurrency": 3, "agent": "claude",
    });
    assert_eq!(list[0], told);
    assert_eq!(
        keys(&list[0]),
        ["name", "path", "has_spec", "stats", "default_concurrency", "agent"]
    );
    assert_eq!(keys(&list[0]["stats"]), ["passing", "in_progress", "total", "percentage"]);
    let nothing = json!({ "passing": 0, "in_progress": 0, "total": 0, "percentage": 0.0 });
    assert_eq!((&list[1]["name"], &list[1]["has_spec"]), (&json!("other"), &json!(false)));
    assert_eq!(list[1]["stats"], nothing);
    assert_eq!(list.as_array().unwrap().len(), 2);
}

#[actix::test]
async fn p1_health_is_told() {
    let server = Setup::guide().start();
    for path in ["/api/health", "/healthz"] {
        assert_eq!(server.get(path).await, (200, json!({ "status": "healthy" })), "{path}");
    }
}

#[actix::test]
async fn the_page_is_served_with_security_headers_and_is_not_sent_twice() {
    let server = Setup::guide().start();
    let http = reqwest::Client::new();
    let page = http.get(server.url("/")).send().await.unwrap();
    assert_eq!(page.status(), 200);
    let headers = page.headers().clone();
    assert!(headers["content-type"].to_str().unwrap().starts_with("text/html"));
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert_eq!(headers["referrer-policy"], "no-referrer");
    let body = page.text().await.unwrap();
    assert!(body.contains("<html"), "{body}");
    let again = http.get(server.url("/")).header("if-none-match", &headers["etag"]);
    let again = again.send().await.unwrap();
    assert_eq!(again.status(), 304);
    assert_eq!(again.headers()["etag"], headers["etag"]);
    assert_eq!(again.text().await.unwrap(), "");
    // An address within the page is the page; what is no file of it is not.
    let inside = reqwest::get(server.url("/demo/5")).await.unwrap();
    assert_eq!((inside.status().as_u16(), inside.text().await.unwrap()), (200, body));
    for path in ["/nothing.js", "/../Cargo.toml", "/%2e%2e/Cargo.toml", "/.git/config"] {
        let (status, _) = server.get(path).await;
        assert!(status == 404 || path.starts_with("/.."), "{path} gave {status}");
    }
}
