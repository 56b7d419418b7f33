//! Answers to the agent's questions: exactly one is taken, and whoever was slower loses nothing.

use serde_json::{Value, json};

use crate::{
    client::{Client, text_of},
    server::{Server, Setup, eventually},
};

/// A script that asks something.
const ASKS: &str = r#"ask {"questions":[{"question":"Which tea?","header":"Tea","options":[]}]}"#;

/// A conversation in which the agent has asked, and the call with which it did.
async fn asked(server: &Server) -> (Client, i64, String) {
    let mut client = server.connect().await;
    let conversation = client.start().await;
    let call_id = ask(&mut client).await;
    (client, conversation, call_id)
}

async fn ask(client: &mut Client) -> String {
    client.ask(ASKS).await;
    let frames = client.turn().await;
    let question = frames.iter().find(|frame| frame["type"] == "question").unwrap();
    question["call_id"].as_str().unwrap().to_owned()
}

async fn answer(client: &mut Client, id: &str, text: &str, call_id: Option<&str>) {
    let mut frame = json!({"type": "answer", "message_id": id, "answers": {"0": text}});
    if let Some(call_id) = call_id {
        frame["call_id"] = call_id.into();
    }
    client.send(frame).await;
}

/// What became of a message: how it was accepted or refused.
async fn outcome(client: &mut Client, id: &str) -> Value {
    loop {
        let frame = client.until_any(&["accepted", "error"]).await.pop().unwrap();
        if frame["message_id"] == id {
            return frame;
        }
    }
}

#[track_caller]
fn assert_too_late(frame: &Value, taken: &str) {
    assert_eq!((&frame["type"], &frame["retryable"]), (&json!("error"), &json!(false)), "{frame}");
    let words = frame["content"].as_str().unwrap();
    assert!(words.contains("was not sent") && words.contains(taken), "{words}");
}

#[tokio::test]
async fn p7_of_two_viewers_who_answer_at_once_exactly_one_is_taken() {
    let server = Server::start();
    let (mut ada, conversation, call_id) = asked(&server).await;
    let (mut bob, _) = server.enter(conversation, json!(null)).await;
    for round in 0..5 {
        let call_id = if round == 0 {
            call_id.clone()
        } else {
            let call_id = ask(&mut ada).await;
            bob.turn().await;
            call_id
        };
        let named = (round % 2 == 0).then_some(call_id.as_str());
        let (one, other) = (format!("a{round}"), format!("b{round}"));
        answer(&mut ada, &one, "say green", named).await;
        answer(&mut bob, &other, "say black", named).await;
        let ends = [outcome(&mut ada, &one).await, outcome(&mut bob, &other).await];
        let taken = ends.iter().filter(|frame| frame["type"] == "accepted").count();
        assert_eq!(taken, 1, "{ends:?}");
        let refused = ends.iter().find(|frame| frame["type"] == "error").unwrap();
        let winner = if ends[0]["type"] == "accepted" { "say green" } else { "say black" };
        assert_too_late(refused, winner);
        let said = text_of(&ada.turn().await);
        assert_eq!(format!("say {said}"), winner);
        bob.turn().await;
    }
    // Nothing of the other one was asked.
    ada.ask("history").await;
    let history = text_of(&ada.turn().await);
    let answers = history.matches("say green").count() + history.matches("say black").count();
    assert_eq!(answers, 5, "{history}");
}

#[tokio::test]
async fn an_answer_that_is_sent_again_is_accepted_once_and_a_second_one_refused() {
    let server = Server::start();
    let (mut client, conversation, call_id) = asked(&server).await;
    answer(&mut client, "m1", "say green", Some(&call_id)).await;
    let first = outcome(&mut client, "m1").await;
    answer(&mut client, "m1", "say green", Some(&call_id)).await;
    let again = outcome(&mut client, "m1").await;
    assert_eq!((&first["type"], &first["turn"]), (&again["type"], &again["turn"]));
    answer(&mut client, "m2", "say black", Some(&call_id)).await;
    assert_too_late(&outcome(&mut client, "m2").await, "say green");
    // So it is for who comes back, with and without the call's name, and after a restart.
    let (mut back, frames) = server.enter(conversation, json!(null)).await;
    let taken = frames.iter().find(|frame| frame["answers"] == json!(call_id));
    assert_eq!(taken.unwrap()["content"], "say green");
    answer(&mut back, "m3", "say black", None).await;
    assert_too_late(&outcome(&mut back, "m3").await, "say green");
    let mut server = server;
    server.crash();
    let (mut back, _) = server.enter(conversation, json!(null)).await;
    for (id, named) in [("m4", Some(call_id.as_str())), ("m5", None)] {
        answer(&mut back, id, "say black", named).await;
        assert_too_late(&outcome(&mut back, id).await, "say green");
    }
}

#[tokio::test]
async fn a_question_that_nobody_answered_can_be_answered_after_a_restart() {
    let mut server = Server::start();
    let (_, conversation, call_id) = asked(&server).await;
    server.crash();
    let (mut client, _) = server.enter(conversation, json!(null)).await;
    answer(&mut client, "m1", "say green", Some(&call_id)).await;
    assert_eq!(outcome(&mut client, "m1").await["type"], "accepted");
}

#[tokio::test]
async fn an_answer_to_an_older_question_comes_too_late() {
    let server = Server::start();
    let (mut client, _, older) = asked(&server).await;
    let newer = ask(&mut client).await;
    answer(&mut client, "m1", "say old", Some(&older)).await;
    assert_too_late(&outcome(&mut client, "m1").await, "another message");
    answer(&mut client, "m2", "say new", Some(&newer)).await;
    assert_eq!(outcome(&mut client, "m2").await["type"], "accepted");
}

#[tokio::test]
async fn an_answer_that_races_with_a_stop_is_taken_once_and_has_one_end() {
    let server = Server::start();
    let mut client = server.connect().await;
    let conversation = client.start().await;
    client.ask(&format!("{ASKS}\nawait /never")).await;
    client.until("question").await;
    client.send(json!({"type": "stop"})).await;
    answer(&mut client, "m1", "say green", None).await;
    answer(&mut client, "m2", "say black", None).await;
    // A refusal may overtake an acceptance, which waits for the disk.
    let mut ends = Vec::new();
    while ends.len() < 2 {
        let frame = client.until_any(&["accepted", "error"]).await.pop().unwrap();
        ends.extend(
            ["m1", "m2"]
                .contains(&frame["message_id"].as_str().unwrap_or_default())
                .then_some(frame),
        );
    }
    ends.sort_by_key(|frame| frame["message_id"].to_string());
    assert_eq!(ends[0]["type"], "accepted", "{ends:?}");
    assert_too_late(&ends[1], "say green");
    let frames = eventually("the answer is answered", async || {
        let (_, frames) = server.enter(conversation, json!(null)).await;
        let is_green = |frame: &Value| frame["type"] == "text" && frame["content"] == "green";
        frames.iter().any(is_green).then_some(frames)
    })
    .await;
    let ends = frames.iter().filter(|frame| frame["turn"] == 1 && frame["type"] == "response_done");
    assert_eq!(ends.map(|end| end["outcome"].clone()).collect::<Vec<_>>(), ["stopped"]);
}

#[tokio::test]
async fn p1_a_client_of_the_original_is_told_in_an_error_with_its_text() {
    let server = Server::start();
    let mut client = server.connect().await;
    client.start_seed().await;
    client.send(json!({"type": "message", "content": ASKS})).await;
    client.until("response_done").await;
    client.send(json!({"type": "answer", "answers": {"0": "say green"}})).await;
    assert_eq!(text_of(&client.until("response_done").await), "green");
    client.send(json!({"type": "answer", "answers": {"0": "say black"}})).await;
    let refused = client.until("error").await.pop().unwrap();
    let words = refused["content"].as_str().unwrap();
    assert!(words.contains("say green") && words.ends_with("say black"), "{words}");
    assert_eq!(refused.as_object().unwrap().len(), 2, "{refused}");
}

#[tokio::test]
async fn an_answer_where_nothing_was_asked_is_a_message_and_who_was_faster_is_named() {
    let server = Setup::scripted()
        .config("[access]\ntrusted_proxies = [\"127.0.0.1\"]\nuser_header = \"X-Forwarded-User\"\n")
        .start();
    let headers = [("x-forwarded-for", "203.0.113.7"), ("x-forwarded-user", "ada")];
    let mut ada = Client::connect_with(server.address(), "demo", &headers).await.unwrap();
    ada.start().await;
    answer(&mut ada, "m0", "say hello", None).await;
    assert_eq!(outcome(&mut ada, "m0").await["type"], "accepted");
    ada.turn().await;
    ask(&mut ada).await;
    answer(&mut ada, "m1", "say green", None).await;
    answer(&mut ada, "m2", "say black", None).await;
    assert_too_late(&outcome(&mut ada, "m2").await, "ada has answered it already");
}
