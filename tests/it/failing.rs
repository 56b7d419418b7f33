//! Failures of the agent's service, as people meet them: what is told, what helps, and what goes on.

use std::{fs, os::unix::fs::symlink};

use serde_json::{Value, json};

use crate::{
    client::{Client, text_of},
    server::{Server, Setup, scripted_agent},
};

/// Asks and gives the end of the turn.
async fn end(client: &mut Client, content: &str) -> Value {
    client.ask(content).await;
    client.turn().await.pop().unwrap()
}

#[tokio::test]
async fn a_conversation_that_is_too_long_goes_on_in_a_new_one_that_knows_of_it() {
    let mut server = Server::start();
    let mut client = server.connect().await;
    let old = client.start().await;
    end(&mut client, "say the quokka").await;
    let failed =
        end(&mut client, "error API Error: 400 prompt is too long: 2 tokens > 1 maximum").await;
    assert_eq!((&failed["retryable"], &failed["start_over"]), (&json!(false), &json!(true)));
    assert!(failed["content"].as_str().unwrap().contains("start a new conversation"), "{failed}");

    for is_live in [true, false] {
        if !is_live {
            server.crash();
        }
        let mut client = server.connect().await;
        let new = client.start().await;
        assert_ne!(new, old);
        let carried =
            json!({"type": "retry", "turn": 1, "conversation_id": old, "message_id": "m1"});
        client.send(carried.clone()).await;
        client.send(carried).await;
        let frames = client.turn().await;
        let asked = frames.iter().find(|frame| frame["type"] == "user_message").unwrap();
        assert_eq!(
            (&asked["content"], &asked["continues"]),
            (&json!("say the quokka"), &json!(old))
        );
        assert_eq!(asked["carried"], Value::Null);
        let onward =
            json!({"type": "retry", "turn": 2, "conversation_id": old, "message_id": "m2"});
        client.send(onward).await;
        client.turn().await;
        client.ask("history").await;
        let history = text_of(&client.turn().await);
        assert!(history.starts_with("say the quokka"), "{history}");
    }
    // What is carried over is told to an agent that knows nothing.
    let mut client = server.connect().await;
    client.start().await;
    client.send(json!({"type": "retry", "turn": 2, "conversation_id": old})).await;
    let said = text_of(&client.turn().await);
    assert!(said.starts_with("This conversation began earlier."), "{said}");
    assert!(said.contains("Person: say the quokka") && said.contains("You: the quokka"), "{said}");

    for (turn, conversation) in [(9, old), (1, 999)] {
        let retry = json!({"type": "retry", "turn": turn, "conversation_id": conversation, "message_id": "x"});
        client.send(retry).await;
        let refused = client.until("error").await.pop().unwrap();
        assert_eq!((&refused["message_id"], &refused["retryable"]), (&json!("x"), &json!(false)));
    }
}

#[tokio::test]
async fn a_record_that_is_refused_is_given_up_once_and_the_answer_comes_all_the_same() {
    let server = Server::start();
    let mut client = server.connect().await;
    let conversation = client.start().await;
    end(&mut client, "say the quokka").await;
    client
        .ask("error API Error: 400 messages.1.content.0: Invalid `signature` in `thinking` block")
        .await;
    let frames = client.turn().await;
    let done = frames.last().unwrap();
    assert_eq!(done["outcome"], "completed", "{done}");
    let note = done["notes"][0].as_str().unwrap();
    assert!(note.contains("began again with a summary"), "{note}");
    assert!(text_of(&frames).contains("You: the quokka"), "{frames:?}");
    let (_, again) = server.enter(conversation, json!(null)).await;
    assert_eq!(again.iter().rfind(|frame| frame["type"] == "response_done").unwrap(), done);
}

#[tokio::test]
async fn what_the_agent_tells_of_its_service_is_shown_and_kept() {
    let server = Server::start();
    let mut client = server.connect().await;
    client.start().await;
    let lines = [
        json!({"type": "system", "subtype": "status", "status": "compacting"}),
        json!({"type": "system", "subtype": "model_fallback", "trigger": "overloaded",
            "original_model": "large", "fallback_model": "small", "content": "Switched"}),
        json!({"type": "rate_limit_event", "rate_limit_info": {"status": "rejected",
            "resetsAt": 1_795_342_009, "rateLimitType": "five_hour"}}),
    ];
    let signals = [0, 1].map(|n| server.project_dir().join(format!("go on {n}")));
    let [compacting, fallback, limit] = lines;
    let [first, second] = [0, 1].map(|n| signals[n].display().to_string());
    client
        .ask(&format!(
            "say one\nrawline {compacting}\nawait {first}\nrawline {fallback}\nawait {second}\n\
             rawline {limit}\nsay two"
        ))
        .await;
    for (state, words, signal) in [
        ("compacting", "summarizing", &signals[0]),
        ("retrying", "small answers instead of large", &signals[1]),
    ] {
        let told = loop {
            let status = client.until("status").await.pop().unwrap();
            if status["state"] == state {
                break status;
            }
        };
        assert!(told["detail"].as_str().unwrap().contains(words), "{told}");
        std::fs::write(signal, "").unwrap();
    }
    let frames = client.turn().await;
    assert!(frames.iter().any(|frame| frame["state"] == "running"), "{frames:?}");
    let done = frames.last().unwrap();
    assert_eq!(done["fallback_model"], "small");
    assert_eq!(done["notes"], json!(["small answers instead of large, which is overloaded."]));

    let limited = end(&mut client, "error You've hit your session limit · resets 3pm (UTC)").await;
    assert!(
        limited["content"].as_str().unwrap().contains("until 2026-11-22 10:06 UTC"),
        "{limited}"
    );
    assert_eq!(limited["retry_at"], "2026-11-22T10:06:49.000000Z");
    assert_eq!(limited["retryable"], true);
}

#[tokio::test]
async fn p1_an_error_is_the_originals_whatever_is_known_of_it() {
    let server = Server::start();
    let mut client = server.connect().await;
    client.start_seed().await;
    let content = "say See src/a.rs.\nerror Claude AI usage limit reached|1795342009";
    client.send(json!({"type": "message", "content": content})).await;
    let error = client.until("error").await.pop().unwrap();
    let words =
        "Error: The account's usage limit is reached until 2026-11-22 10:06 UTC. Ask again then.";
    assert_eq!(error, json!({"type": "error", "content": words}));
}

#[tokio::test]
async fn p3_an_agent_that_comes_back_is_told_the_answer_that_was_cut_off() {
    let mut server = Server::start();
    let mut client = server.connect().await;
    let conversation = client.start().await;
    end(&mut client, "say hello").await;
    // The agent goes, and then the server does.
    let gone = end(&mut client, "say the half\ncrash").await;
    assert_eq!(gone["type"], "error");
    client.ask("echo").await;
    let told = text_of(&client.turn().await);
    assert!(told.starts_with("echo") && told.contains("the half]"), "{told}");
    client.ask("echo").await;
    assert_eq!(text_of(&client.turn().await), "echo");

    client.ask("say another half\nawait /never").await;
    client.until("text").await;
    server.has_begun(conversation, 5).await;
    server.crash();
    let (mut client, _) = server.enter(conversation, json!(null)).await;
    client.ask("echo").await;
    let told = text_of(&client.turn().await);
    assert!(told.starts_with("echo"), "{told}");
}

/// Asks and gives the text of the answer.
async fn text(client: &mut Client, content: &str) -> String {
    client.ask(content).await;
    text_of(&client.turn().await)
}

/// Begins a conversation with the guide, and gives the reason that it and its greeting have.
async fn why_the_guide_answers(client: &mut Client) -> String {
    client.send(json!({ "type": "start", "protocol": 1, "conversation_id": null })).await;
    let frames = client.until("caught_up").await;
    let attached = frames.iter().find(|frame| frame["type"] == "attached").unwrap();
    assert_eq!(attached["agent"]["kind"], "guide");
    let reason = attached["agent"]["no_model"].as_str().unwrap();
    assert!(text_of(&frames).contains(reason), "the greeting does not say it");
    reason.to_owned()
}

#[tokio::test]
async fn a_server_for_others_says_that_a_personal_login_is_one_persons() {
    let setup = Setup::new();
    let home = setup.files_dir().join("home");
    fs::create_dir_all(home.join(".claude")).unwrap();
    let login = r#"{"claudeAiOauth":{"accessToken":"t"}}"#;
    fs::write(home.join(".claude/.credentials.json"), login).unwrap();
    let home = home.to_str().unwrap().to_owned();
    let setup = setup.args(["--agent", "auto", "--claude", scripted_agent().to_str().unwrap()]);
    let server = setup.env("HOME", &home).env("CICERONE_ACCESS_HOSTS", "guide.example.com").start();
    let mut client = server.connect().await;
    let reason = why_the_guide_answers(&mut client).await;
    assert!(reason.contains("one person's login"), "{reason}");
}

#[tokio::test]
async fn without_a_login_the_guide_answers_until_there_is_one() {
    let setup = Setup::new();
    let (bin, home) = (setup.files_dir().join("bin"), setup.files_dir().join("home"));
    let login = home.join(".claude");
    fs::create_dir_all(&bin).unwrap();
    fs::create_dir_all(&login).unwrap();
    symlink(scripted_agent(), bin.join("claude")).unwrap();
    fs::write(setup.project_dir().join("tea.rs"), "/// Makes tea.\nfn brew_tea() {}\n").unwrap();
    let (bin, home) = (bin.to_str().unwrap().to_owned(), home.to_str().unwrap().to_owned());
    let server = setup.args(["--agent", "auto"]).env("PATH", &bin).env("HOME", &home).start();

    let mut client = server.connect().await;
    let reason = why_the_guide_answers(&mut client).await;
    assert!(reason.contains("not logged in") && reason.contains("run `claude`"), "{reason}");
    let answer = text(&mut client, "Where is brew_tea?").await;
    assert!(answer.contains("tea.rs:2"), "{answer}");

    // No restart: the next question of the same conversation goes to the model, which is told of it.
    fs::write(login.join(".credentials.json"), r#"{"claudeAiOauth":{"accessToken":"t"}}"#).unwrap();
    let answer = text(&mut client, "say it is me").await;
    assert!(answer.starts_with("This conversation began earlier."), "{answer}");
    assert!(answer.contains("Person: Where is brew_tea?"), "{answer}");
    assert_eq!(text(&mut client, "say it is still me").await, "it is still me");

    // A person can have the guide answer one question.
    client.send(json!({ "type": "retry", "turn": 1, "agent": "guide", "message_id": "g" })).await;
    let answer = text_of(&client.turn().await);
    assert!(answer.contains("tea.rs:2"), "{answer}");
    let answer = text(&mut client, "say back again").await;
    assert!(answer.contains("Person: Where is brew_tea?"), "{answer}");

    client.send(json!({ "type": "retry", "turn": 1, "agent": "gpt", "message_id": "x" })).await;
    let refused = client.until("error").await.pop().unwrap();
    assert!(refused["content"].as_str().unwrap().contains("no agent \"gpt\""), "{refused}");
    assert_eq!(refused["retryable"], false);
}
