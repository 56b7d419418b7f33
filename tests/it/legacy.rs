//! P1: a client of the original works unchanged. Whole frame sequences, character by character
//! where the original's are fixed.

use std::time::Duration;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::{
    client::{Client, text_of, types_of},
    server::{Gate, PROJECT, Server, Setup, eventually},
};

const PHRASE: &str = "I'm your project assistant for **demo**.";

/// A time in which something that must not come would have come.
const QUIET: Duration = Duration::from_millis(300);

fn error(content: &str) -> Value {
    json!({ "type": "error", "content": content })
}

#[actix::test]
async fn p1_a_new_conversation_is_created_greeted_and_done() {
    let server = Server::start();
    let mut client = server.connect().await;
    client.send(json!({ "type": "start" })).await;
    assert_eq!(client.text().await, r#"{"type":"conversation_created","conversation_id":1}"#);
    let greeting = client.frame().await;
    assert_eq!(greeting["type"], "text");
    assert!(greeting["content"].as_str().unwrap().starts_with("Hello! "), "{greeting}");
    assert!(greeting["content"].as_str().unwrap().contains(PHRASE), "{greeting}");
    assert_eq!(client.text().await, r#"{"type":"response_done"}"#);
}

#[actix::test]
async fn p1_a_message_is_answered_by_texts_and_tool_calls_and_one_end() {
    let server = Server::start();
    let mut client = server.connect().await;
    client.start_seed().await;
    client.ask(r#"tool Read {"file_path":"README.md"} => # Démo"#).await;
    let frames = client.turn().await;
    assert_eq!(
        frames[0],
        json!({ "type": "tool_call", "tool": "Read", "input": { "file_path": "README.md" } })
    );
    assert_eq!(frames.last(), Some(&json!({ "type": "response_done" })));
    client.ask("say größer").await;
    let frames = client.turn().await;
    assert_eq!(text_of(&frames), "größer");
    assert!(frames.iter().all(|frame| frame.as_object().unwrap().len() <= 2), "{frames:?}");
}

#[actix::test]
async fn p1_a_resumed_conversation_is_greeted_again_by_a_socket_that_knows_nothing() {
    let server = Server::start();
    let id = server.connect().await.start_seed().await;
    let mut client = server.connect().await;
    client.send(json!({ "type": "start", "conversation_id": id })).await;
    let frames = client.turn().await;
    assert_eq!(types_of(&frames), ["text", "response_done"]);
    assert!(text_of(&frames).contains(PHRASE));
    client.ask("say still here").await;
    assert_eq!(text_of(&client.turn().await), "still here");
}

#[actix::test]
async fn p1_a_second_start_right_after_the_first_is_just_done() {
    let server = Server::start();
    let mut client = server.connect().await;
    client.send(json!({ "type": "start" })).await;
    let created = client.frame().await;
    let id = created["conversation_id"].clone();
    client.send(json!({ "type": "start", "conversation_id": id })).await;
    // The greeting's end and the second start's.
    let frames = [client.turn().await, client.turn().await].concat();
    assert_eq!(types_of(&frames), ["text", "response_done", "response_done"]);
    client.ask("say once").await;
    assert_eq!(types_of(&client.turn().await), ["text", "response_done"]);
}

#[actix::test]
async fn p1_a_browser_that_has_read_the_history_is_not_greeted_again() {
    let server = Server::start();
    let mut first = server.connect().await;
    let id = first.start_seed().await;
    let path = format!("/api/assistant/conversations/{PROJECT}/{id}");
    let request = reqwest::Client::new().get(server.url(&path));
    let cookie = first.cookie.clone().unwrap();
    let history = request.header("cookie", &cookie).send().await.unwrap();
    let history: Value = history.json().await.unwrap();
    assert!(history["messages"][0]["content"].as_str().unwrap().contains(PHRASE));
    let mut again = Client::connect(server.address(), PROJECT, Some(&cookie)).await;
    again.send(json!({ "type": "start", "conversation_id": id })).await;
    assert_eq!(again.text().await, r#"{"type":"response_done"}"#);
}

#[actix::test]
async fn p1_bad_requests_are_answered_in_the_originals_words() {
    let server = Server::start();
    let mut client = server.connect().await;
    client.ask("too early").await;
    assert_eq!(client.frame().await, error("No active session. Send 'start' first."));
    client.start_seed().await;
    let cases = [
        (r#"{"type":"message","content":"   "}"#, "Empty message"),
        (r#"{"type":"message"}"#, "Empty message"),
        (r#"{"type":"dance"}"#, "Unknown message type: dance"),
        (r#"{"content":"x"}"#, "Unknown message type: None"),
        ("{", "Invalid JSON"),
        ("", "Invalid JSON"),
    ];
    for (frame, words) in cases {
        client.send_text(frame).await;
        assert_eq!(client.frame().await, error(words), "for {frame:?}");
    }
    client.ask("say well").await;
    assert_eq!(text_of(&client.turn().await), "well");
}

#[actix::test]
async fn frames_that_drop_the_originals_socket_are_refused_in_words() {
    let server = Server::start();
    let mut client = server.connect().await;
    client.start_seed().await;
    let frames = [
        Message::text("[1]"),
        Message::text(r#"{"type":"message","content":7}"#),
        Message::binary(vec![1, 2, 3]),
    ];
    for frame in frames {
        client.send_raw(frame.clone()).await;
        let answer = client.frame().await;
        let words = answer["content"].as_str().unwrap();
        assert!(words.starts_with("Server error: "), "{answer} for {frame:?}");
    }
    client.ask("say alive").await;
    assert_eq!(text_of(&client.turn().await), "alive");
}

#[actix::test]
async fn p1_a_ping_is_answered_at_once_in_the_middle_of_an_answer() {
    let server = Server::start();
    let mut client = server.connect().await;
    client.start_seed().await;
    client.ask("stream 5 10\nhang").await;
    client.until("text").await;
    client.send(json!({ "type": "ping" })).await;
    let frames = client.until("pong").await;
    assert!(!types_of(&frames).contains(&"response_done"));
    assert_eq!(frames.last(), Some(&json!({ "type": "pong" })));
}

#[actix::test]
async fn p1_an_agent_that_fails_ends_the_turn_with_an_error_and_nothing_else() {
    let server = Server::start();
    let mut client = server.connect().await;
    client.start_seed().await;
    client.ask("say part\ncrash").await;
    let frames = client.turn().await;
    assert_eq!(types_of(&frames), ["text", "error"]);
    assert!(frames[1]["content"].as_str().unwrap().starts_with("Error: "), "{frames:?}");
    client.ask("say recovered").await;
    assert_eq!(text_of(&client.turn().await), "recovered");
}

#[actix::test]
async fn p1_a_missing_agent_is_told_after_the_conversation_is_made() {
    let server = Setup::new().args(["--agent", "claude", "--claude", "/no/such/claude"]).start();
    let mut client = server.connect().await;
    client.send(json!({ "type": "start" })).await;
    let frames = client.turn().await;
    assert_eq!(types_of(&frames), ["conversation_created", "error"]);
    let words = frames[1]["content"].as_str().unwrap();
    assert!(words.starts_with("Failed to initialize assistant: "), "{words}");
    assert!(words.contains("/no/such/claude"), "{words}");
    client.ask("hello?").await;
    let refused = error("Session not initialized. Call start() first.");
    assert_eq!(client.frame().await, refused);
}

#[actix::test]
async fn p1_unknown_projects_are_refused_with_an_error_and_4004() {
    let server = Server::start();
    let closed = server.connect_to("nobody").await.until_closed().await;
    let frame = r#"{"type":"error","content":"Project not found in registry"}"#;
    assert_eq!(closed, (vec![frame.to_owned()], 4004, "Project not found in registry".to_owned()));

    std::fs::remove_dir_all(server.project_dir()).unwrap();
    let closed = server.connect().await.until_closed().await;
    let frame = r#"{"type":"error","content":"Project directory not found"}"#;
    assert_eq!(closed, (vec![frame.to_owned()], 4004, "Project directory not found".to_owned()));
}

#[actix::test]
async fn p1_bad_project_names_are_refused_with_an_error_and_4000() {
    let server = Server::start();
    let closed = server.connect_to("b%20d").await.until_closed().await;
    let frame = r#"{"type":"error","content":"Invalid project name"}"#;
    assert_eq!(closed, (vec![frame.to_owned()], 4000, "Invalid project name".to_owned()));
}

#[actix::test]
async fn a_conversation_that_is_none_is_refused_in_words() {
    let server = Server::start();
    for id in [json!(99), json!(0), json!("1"), json!("abc")] {
        let mut client = server.connect().await;
        client.send(json!({ "type": "start", "conversation_id": id })).await;
        let answer = client.frame().await;
        let words = answer["content"].as_str().unwrap();
        assert!(words.starts_with(&format!("Conversation {id} not found")), "{answer}");
        client.start_seed().await;
    }
}

#[actix::test]
async fn p1_questions_come_in_place_of_their_tool_call_and_are_answered() {
    let server = Server::start();
    let mut client = server.connect().await;
    client.start_seed().await;
    let questions = json!([{
        "question": "Which one?",
        "header": "Choice",
        "options": [{ "label": "Red", "description": "warm" }, { "label": "Blue", "description": "cold" }],
        "multiSelect": false,
    }]);
    client.ask(&format!("ask {}", json!({ "questions": questions }))).await;
    let frames = client.turn().await;
    assert_eq!(types_of(&frames).last(), Some(&"response_done"));
    let asked: Vec<_> = frames.iter().filter(|frame| frame["type"] == "question").collect();
    assert_eq!(asked, [&json!({ "type": "question", "questions": questions })]);
    assert!(!types_of(&frames).contains(&"tool_call"), "{frames:?}");
    client.send(json!({ "type": "answer", "answers": { "0": ["Red", "Blue"] } })).await;
    assert!(text_of(&client.turn().await).contains("Red, Blue"));
}

#[actix::test]
async fn p5_a_page_that_reconnects_without_start_gets_the_rest_of_its_turn_and_one_end() {
    let server = Setup::scripted().config("[advanced.socket]\nattach_after = \"50ms\"\n").start();
    let mut client = server.connect().await;
    client.start_seed().await;
    // What is on the way to a page that leaves is lost to it, as it ever was: nothing is.
    let gate = Gate::new(&server);
    client.ask(&format!("stream 6 5\n{}\nstream 40 25", gate.script())).await;
    let mut seen = String::new();
    while !seen.contains("w5 ") {
        seen.push_str(&text_of(&[client.frame().await]));
    }
    let cookie = client.cookie.clone();
    drop(client);
    eventually("the page has left", async || {
        let list = server.get("/api/admin/sessions").await.1;
        (list[0]["conversations"][0]["viewers"] == 0).then_some(())
    })
    .await;
    gate.open();
    let mut back = Client::connect(server.address(), PROJECT, cookie.as_deref()).await;
    let rest = back.turn().await;
    seen.push_str(&text_of(&rest));
    let whole: String = (0..6).chain(0..40).map(|n| format!("w{n} ")).collect();
    assert_eq!(seen, whole, "lost or doubled");
    assert_eq!(rest.last(), Some(&json!({ "type": "response_done" })));
    // And it can go on without ever sending a start.
    back.ask("say more").await;
    assert_eq!(text_of(&back.turn().await), "more");
}

#[actix::test]
async fn a_client_that_tells_its_protocol_in_the_address_is_never_taken_for_a_legacy_one() {
    let server = Setup::scripted().config("[advanced.socket]\nattach_after = \"50ms\"\n").start();
    let mut client = server.connect().await;
    let conversation = client.start_seed().await;
    client.ask("say one\nhang").await;
    client.until("text").await;
    let named = format!("{PROJECT}?protocol=1");
    let mut slow = Client::connect(server.address(), &named, None).await;
    // One that came later and tells nothing is attached by now.
    let mut silent = Client::connect(server.address(), PROJECT, None).await;
    silent.until("text").await;
    slow.send(json!({ "type": "start", "protocol": 1, "conversation_id": conversation })).await;
    let frames = slow.until("caught_up").await;
    assert_eq!(frames[0]["type"], "attached", "{frames:?}");
    assert!(frames.iter().all(|it| it["type"] != "text" || it["seq"].is_i64()), "{frames:?}");
}

#[actix::test]
async fn a_socket_that_only_pings_makes_no_conversation() {
    let server = Setup::scripted().config("[advanced.socket]\nattach_after = \"10ms\"\n").start();
    let mut ghost = server.connect().await;
    ghost.send(json!({ "type": "ping" })).await;
    assert_eq!(ghost.text().await, r#"{"type":"pong"}"#);
    let nothing = tokio::time::timeout(QUIET, ghost.text()).await;
    assert!(nothing.is_err(), "{nothing:?}");
    let (_, sessions) = server.get("/api/assistant/sessions").await;
    assert_eq!(sessions, json!([]));
    let count: i64 = server
        .database()
        .query_row("SELECT count(*) FROM conversations", (), |row| row.get(0))
        .unwrap();
    assert_eq!(count, 0);
}

#[actix::test]
async fn p5_a_second_browser_does_not_end_the_first_ones_turn() {
    let server = Server::start();
    let (mut first, mut second) = (server.connect().await, server.connect().await);
    first.start_seed().await;
    first.ask("stream 20 20").await;
    first.until("text").await;
    second.start_seed().await;
    second.ask("say mine").await;
    assert_eq!(text_of(&second.turn().await), "mine");
    assert_eq!(types_of(&first.turn().await).last(), Some(&"response_done"));
}

#[actix::test]
async fn p5_a_page_that_comes_back_after_a_crash_of_the_server_gets_the_end_of_its_turn() {
    let mut server =
        Setup::scripted().config("[advanced.socket]\nattach_after = \"50ms\"\n").start();
    let mut client = server.connect().await;
    let id = client.start_seed().await;
    client.ask("say part\nhang").await;
    client.until("text").await;
    server.has_begun(id, 1).await;
    let cookie = client.cookie.clone();
    server.crash();
    let mut back = Client::connect(server.address(), PROJECT, cookie.as_deref()).await;
    assert_eq!(back.turn().await, [json!({ "type": "response_done" })]);
    back.ask("and now?").await;
    let answer = text_of(&back.turn().await);
    // A note on what it said before the crash follows the question, where that was stored.
    let question = answer.split("\n\n[Your last answer was cut off.").next().unwrap();
    assert!(question.ends_with("and now?"), "{answer}");
    // Whoever comes once more has seen it.
    let mut again = Client::connect(server.address(), PROJECT, cookie.as_deref()).await;
    let nothing = tokio::time::timeout(QUIET, again.text()).await;
    assert!(nothing.is_err(), "{nothing:?}");
}

#[actix::test]
async fn p5_a_page_that_comes_back_after_a_crash_sees_no_text_twice_and_what_waited_is_answered() {
    let mut server =
        Setup::scripted().config("[advanced.socket]\nattach_after = \"50ms\"\n").start();
    let mut client = server.connect().await;
    let id = client.start_seed().await;
    client.ask("stream 400 10").await;
    let mut seen = String::new();
    while !seen.contains("w5 ") {
        seen.push_str(&text_of(&[client.frame().await]));
    }
    client.ask("say next").await;
    // The question stands in the middle of the answer, and more of that is stored by now.
    while !seen.contains("w99 ") {
        seen.push_str(&text_of(&[client.frame().await]));
    }
    server.has_begun(id, 1).await;
    let cookie = client.cookie.clone();
    server.crash();
    let mut back = Client::connect(server.address(), PROJECT, cookie.as_deref()).await;
    assert_eq!(back.turn().await, [json!({ "type": "response_done" })]);
    assert_eq!(text_of(&back.turn().await), "next");
}

#[actix::test]
async fn a_page_that_starts_late_or_twice_in_mid_answer_sees_it_once() {
    let server = Setup::scripted().config("[advanced.socket]\nattach_after = \"50ms\"\n").start();
    let mut client = server.connect().await;
    let id = client.start_seed().await;
    client.ask("stream 60 20").await;
    client.until("text").await;
    // Silent at first, so it is attached, and then it starts after all.
    let mut late = server.connect().await;
    let mut seen = text_of(&late.until("text").await);
    late.send(json!({ "type": "start", "conversation_id": id })).await;
    let mut ends = 0;
    while ends < 2 {
        let frame = late.frame().await;
        ends += usize::from(frame["type"] == "response_done");
        seen.push_str(&text_of(&[frame]));
    }
    assert_eq!(seen, (0..60).map(|n| format!("w{n} ")).collect::<String>());
}

#[actix::test]
async fn p9_no_more_agents_run_than_may_and_a_question_waits_for_one_to_be_free() {
    let server = Setup::scripted().config("[limits]\nagents = 1\n").start();
    let (mut first, mut second) = (server.connect().await, server.connect().await);
    first.start_seed().await;
    first.ask("say busy\nhang").await;
    first.until("text").await;
    second.start_seed().await;
    second.ask("say now").await;
    let nothing = tokio::time::timeout(QUIET, second.text()).await;
    assert!(nothing.is_err(), "{nothing:?}");
    drop(first);
    let (status, _) = server.request(reqwest::Method::DELETE, "/api/admin/sessions/demo/1").await;
    assert_eq!(status, 200);
    assert_eq!(text_of(&second.turn().await), "now");
}

#[actix::test]
async fn p1_a_message_as_the_first_frame_after_a_restart_goes_to_the_browsers_last_conversation() {
    // Silence is taken for a page that came back only after the test.
    let mut server = Setup::scripted().config("[advanced.socket]\nattach_after = \"1h\"\n").start();
    let (mut ada, mut bea) = (server.connect().await, server.connect().await);
    let hers = ada.start_seed().await;
    ada.ask("say one").await;
    assert_eq!(text_of(&ada.turn().await), "one");
    bea.start_seed().await;
    bea.ask("say part\nhang").await;
    bea.until("text").await;
    server.has_begun(hers + 1, 1).await;
    let (ada_cookie, bea_cookie) = (ada.cookie.clone(), bea.cookie.clone());
    server.crash();

    // Bea gets the end of the turn that she lost, then her answer; her conversation is the newest
    // that is live when Ada comes back to her own.
    let mut bea = Client::connect(server.address(), PROJECT, bea_cookie.as_deref()).await;
    bea.ask("say two").await;
    assert_eq!(bea.turn().await, [json!({ "type": "response_done" })]);
    assert!(text_of(&bea.turn().await).ends_with("two"));
    for word in ["three", "four"] {
        let mut ada = Client::connect(server.address(), PROJECT, ada_cookie.as_deref()).await;
        let asked = if word == "three" {
            json!({ "type": "message", "content": "say three" })
        } else {
            json!({ "type": "answer", "answers": { "0": "say four" } })
        };
        ada.send(asked).await;
        let frames = ada.turn().await;
        assert_eq!(frames.last(), Some(&json!({ "type": "response_done" })), "{frames:?}");
        assert!(text_of(&frames).ends_with(word), "{frames:?}");
        assert!(!text_of(&frames).contains(PHRASE), "{frames:?}");
    }
    let (_, detail) = server.get(&format!("/api/assistant/conversations/{PROJECT}/{hers}")).await;
    let asked = detail["messages"].as_array().unwrap().iter();
    let asked: Vec<_> = asked.filter(|it| it["role"] == "user").map(|it| &it["content"]).collect();
    assert_eq!(asked, ["say one", "say three", "say four"]);

    // Who was never here still has to start, where nothing is live.
    server.crash();
    let mut stranger = server.connect().await;
    stranger.ask("say hello").await;
    assert_eq!(stranger.frame().await, error("No active session. Send 'start' first."));
}

#[actix::test]
async fn p1_a_client_whose_conversation_is_deleted_is_told_by_an_error_before_the_close() {
    let server = Server::start();
    let (mut first, mut second) = (server.connect().await, server.connect().await);
    let id = first.start_seed().await;
    second.send(json!({ "type": "start", "conversation_id": id })).await;
    second.turn().await;
    first.ask("say kept").await;
    first.turn().await;
    second.turn().await;
    let path = format!("/api/assistant/conversations/{PROJECT}/{id}");
    assert_eq!(server.request(reqwest::Method::DELETE, &path).await.0, 200);
    for mut client in [first, second] {
        let (frames, code, _) = client.until_closed().await;
        assert_eq!(code, 4404);
        assert_eq!(frames, [r#"{"type":"error","content":"The conversation was deleted."}"#]);
    }
}
