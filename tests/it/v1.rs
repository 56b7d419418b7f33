//! Our own dialect: whole frame sequences, questions that queue, refusals.

use serde_json::{Value, json};

use crate::{
    client::{text_of, types_of},
    screen::Screen,
    server::{Gate, PROJECT, Server, Setup},
};

#[actix::test]
async fn a_new_conversation_is_created_attached_greeted_and_caught_up() {
    let server = Server::start();
    let mut client = server.connect().await;
    client.send(json!({ "type": "start", "protocol": 1, "conversation_id": null })).await;
    let frames = client.until("caught_up").await;
    assert_eq!(
        types_of(&frames),
        ["conversation_created", "attached", "text", "response_done", "caught_up"]
    );
    assert_eq!(frames[0], json!({ "type": "conversation_created", "conversation_id": 1 }));
    let mut attached = frames[1].clone();
    attached.as_object_mut().unwrap().remove("read_only").expect("it says how that is proved");
    assert_eq!(
        attached,
        json!({
            "type": "attached", "conversation_id": 1, "title": null, "seq": 2, "after": 0,
            "resumed": false, "state": "idle", "agent": { "kind": "claude", "name": "claude", "attachments": "all", "effort": true }, "viewers": 1,
            "message_bytes": 256 * 1024,
            "attachments": {"count": 8, "file_bytes": 4 << 20, "question_bytes": 8 << 20},
        })
    );
    assert_eq!((&frames[2]["turn"], &frames[2]["block"]), (&json!(0), &json!(0)));
    assert!(text_of(&frames).contains("I'm your project assistant for **demo**."));
    assert_eq!(
        frames[3],
        json!({ "type": "response_done", "seq": 2, "turn": 0, "outcome": "completed" })
    );
    assert_eq!(frames[4], json!({ "type": "caught_up", "seq": 2 }));
    // The agent is started ahead of the first question, when somebody is about to ask it.
    client.send(json!({ "type": "typing" })).await;
    loop {
        let status = client.frame().await;
        if status["type"] == "read_only" {
            continue;
        }
        assert_eq!(status["type"], "status", "{status}");
        assert!(status["detail"].is_string(), "{status}");
        match status["state"].as_str().unwrap() {
            "starting" => (),
            state => break assert_eq!(state, "idle"),
        }
    }
}

#[actix::test]
async fn a_message_is_accepted_shown_and_answered_with_everything_the_agent_did() {
    let server = Server::start();
    let mut client = server.connect().await;
    let id = client.start().await;
    let script = "think hm\nsay First, größer\ntool Read {\"file_path\":\"README.md\"} => # Demo\n\
                  toolerror Grep {} => no\nsay Second";
    client.post("m-1", script).await;
    let frames = client.until_any(&["response_done", "error"]).await;
    let accepted = frames.iter().find(|frame| frame["type"] == "accepted").unwrap();
    assert_eq!(
        accepted,
        &json!({ "type": "accepted", "message_id": "m-1", "seq": 3, "turn": 1, "position": 0 })
    );
    let mut screen = Screen::default();
    screen.show(&frames);
    assert_eq!(
        screen.kinds(1),
        [
            "user_message",
            "thinking",
            "text",
            "tool_call",
            "tool_result",
            "tool_call",
            "tool_result",
            "text",
            "response_done",
        ]
    );
    let fields = |index: usize| Value::Object(screen.entries[index].fields.clone());
    assert_eq!(fields(0), json!({ "message_id": "m-1", "content": script }));
    assert_eq!(fields(1), json!({ "block": 0, "content": "hm" }));
    assert_eq!(fields(2), json!({ "block": 1, "content": "First, größer" }));
    let call = fields(3)["call_id"].clone();
    assert_eq!(
        fields(3),
        json!({ "call_id": call, "tool": "Read", "input": { "file_path": "README.md" } })
    );
    assert_eq!(
        fields(4),
        json!({ "call_id": call, "ok": true, "content": "# Demo", "truncated": false })
    );
    assert_eq!((&fields(6)["ok"], &fields(6)["content"]), (&json!(false), &json!("no")));
    assert_eq!(fields(7), json!({ "block": 2, "content": "Second" }));
    let end = fields(8);
    assert_eq!(end["outcome"], "completed");
    assert_eq!(end["usage"]["input_tokens"], 10);
    assert_eq!(end["usage"]["output_tokens"], 3);
    assert!((end["cost_usd"].as_f64().unwrap() - 0.01).abs() < 1e-9, "{end}");
    assert_eq!(end["duration_ms"], 7);
    assert_eq!(Screen::stored(&server, id).entries[2..], screen.entries);
}

#[actix::test]
async fn an_answer_arrives_token_by_token() {
    let server = Server::start();
    let mut client = server.connect().await;
    client.start().await;
    client.ask("stream 20 50").await;
    let frames = client.turn().await;
    let whole: String = (0..20).map(|n| format!("w{n} ")).collect();
    assert_eq!(text_of(&frames), whole);
    let pieces = frames.iter().filter(|frame| frame["type"] == "text").count();
    assert!(pieces >= 15, "20 words came in {pieces} pieces");
}

#[actix::test]
async fn a_stop_ends_the_running_turn_once_and_the_next_message_is_answered() {
    let server = Server::start();
    let mut client = server.connect().await;
    client.start().await;
    client.ask("stream 100000 5").await;
    client.until("text").await;
    client.send(json!({ "type": "stop" })).await;
    client.send(json!({ "type": "stop" })).await;
    let frames = client.turn().await;
    let end = frames.last().unwrap();
    assert_eq!((&end["type"], &end["outcome"]), (&json!("response_done"), &json!("stopped")));
    client.send(json!({ "type": "stop" })).await;
    client.ask("say and on").await;
    let frames = client.turn().await;
    assert_eq!(text_of(&frames), "and on");
    assert_eq!(frames.last().unwrap()["outcome"], "completed");
}

#[actix::test]
async fn an_agent_that_does_not_hear_the_stop_is_ended_and_the_turn_is_stopped() {
    let server = Setup::scripted().config("[advanced.agent]\nstop_timeout = \"100ms\"\n").start();
    let mut client = server.connect().await;
    client.start().await;
    client.ask("say so far\nhang").await;
    client.until("text").await;
    client.send(json!({ "type": "stop" })).await;
    let end = client.turn().await.pop().unwrap();
    assert_eq!((&end["type"], &end["outcome"]), (&json!("response_done"), &json!("stopped")));
    client.ask("say on").await;
    assert_eq!(text_of(&client.turn().await), "on");
}

#[actix::test]
async fn questions_queue_and_each_is_told_its_place() {
    let server = Setup::scripted().config("[limits]\nqueued_messages = 2\n").start();
    let gate = Gate::new(&server);
    let mut client = server.connect().await;
    client.start().await;
    client.post("a", &gate.script()).await;
    client.until("accepted").await;
    for (id, position) in [("b", 1), ("c", 2)] {
        client.post(id, &format!("say {id}")).await;
        let accepted = client.until("accepted").await.pop().unwrap();
        assert_eq!(
            (&accepted["message_id"], &accepted["position"]),
            (&json!(id), &json!(position))
        );
        let status = client.until("status").await.pop().unwrap();
        assert_eq!(
            (&status["state"], &status["queue_position"]),
            (&json!("queued"), &json!(position))
        );
    }
    client.post("d", "say too many").await;
    let refused = client.until("error").await.pop().unwrap();
    assert_eq!((&refused["message_id"], &refused["retryable"]), (&json!("d"), &json!(true)));
    assert!(refused.get("turn").is_none(), "{refused}");
    gate.open();
    client.until("response_done").await;
    for id in ["b", "c"] {
        assert_eq!(text_of(&client.turn().await), id);
    }
    client.post("d", "say now").await;
    assert_eq!(text_of(&client.turn().await), "now");
}

#[actix::test]
async fn a_stop_ends_one_question_and_those_behind_it_are_answered() {
    let server = Server::start();
    let gate = Gate::new(&server);
    let mut client = server.connect().await;
    client.start().await;
    client.post("a", &gate.script()).await;
    client.post("b", "say next").await;
    client.until("accepted").await;
    client.until("accepted").await;
    client.send(json!({ "type": "stop" })).await;
    assert_eq!(client.turn().await.last().unwrap()["outcome"], "stopped");
    let frames = client.turn().await;
    assert_eq!(text_of(&frames), "next");
    assert_eq!(frames.last().unwrap()["turn"], 2);
}

#[actix::test]
async fn unknown_fields_are_ignored_and_unknown_types_refused_in_words() {
    let server = Server::start();
    let mut client = server.connect().await;
    client
        .send(json!({
            "type": "start", "protocol": 1, "format": "markdown", "color": ["red"], "x": null,
        }))
        .await;
    client.until("caught_up").await;
    client.send(json!({ "type": "dance" })).await;
    let refused = client.until("error").await.pop().unwrap();
    assert_eq!(refused, json!({ "type": "error", "content": "Unknown message type: dance" }));
    client.send(json!({ "type": "message", "content": "say hi", "mood": 7 })).await;
    assert_eq!(text_of(&client.turn().await), "hi");
    client.send(json!({ "type": "ping", "at": 5 })).await;
    assert_eq!(client.until("pong").await.last(), Some(&json!({ "type": "pong" })));
}

#[actix::test]
async fn a_protocol_that_is_not_spoken_is_refused_in_words() {
    let server = Server::start();
    let mut client = server.connect().await;
    client.send(json!({ "type": "start", "protocol": 2 })).await;
    let refused = client.frame().await;
    assert!(refused["content"].as_str().unwrap().contains("protocol 2"), "{refused}");
    client.start().await;
}

#[actix::test]
async fn an_unknown_conversation_is_refused_in_words_and_with_4404() {
    let mut setup = Setup::scripted();
    let other = setup.project_dir().parent().unwrap().join("other");
    std::fs::create_dir(&other).unwrap();
    setup = setup.args(["--project", &format!("other={}", other.display())]);
    let server = setup.start();
    let elsewhere = server.connect_to("other").await.start().await;
    for id in [json!(99), json!(0), json!(-1), json!("1"), json!([1]), json!(elsewhere)] {
        let mut client = server.connect_to(PROJECT).await;
        client.send(json!({ "type": "start", "protocol": 1, "conversation_id": id })).await;
        let (frames, code, _) = client.until_closed().await;
        assert_eq!(code, 4404, "for {id}");
        let frame: Value = serde_json::from_str(&frames[0]).unwrap();
        assert_eq!((frames.len(), &frame["type"]), (1, &json!("error")), "for {id}");
        let words = frame["content"].as_str().unwrap();
        assert!(words.starts_with(&format!("Conversation {id} not found")), "{words}");
    }
}

#[actix::test]
async fn two_viewers_see_the_same_and_only_the_sender_is_told_accepted() {
    let server = Server::start();
    let mut first = server.connect().await;
    let id = first.start().await;
    let (mut second, entered) = server.enter(id, json!(null)).await;
    assert_eq!(entered[0]["viewers"], 2);
    first.post("m", "think a\nstream 20 5\ntool Read {} => x\nsay end").await;
    let (one, two) = (first.turn().await, second.turn().await);
    Screen::of(&one).assert_same(&Screen::of(&two), "the second viewer");
    assert!(types_of(&one).contains(&"accepted"));
    assert!(!types_of(&two).contains(&"accepted"), "{two:?}");
    // And the other way round.
    second.post("n", "say back").await;
    assert_eq!(text_of(&first.turn().await), "back");
    assert_eq!(text_of(&second.turn().await), "back");
}

#[actix::test]
async fn a_question_is_shown_with_its_choices_and_its_answer_is_the_next_message() {
    let server = Server::start();
    let mut client = server.connect().await;
    client.start().await;
    let questions = json!([{
        "question": "Which?", "header": "Choice",
        "options": [{ "label": "Red", "description": "warm" }], "multiSelect": true,
    }]);
    client.ask(&format!("ask {}", json!({ "questions": questions }))).await;
    let screen = Screen::of(&client.turn().await);
    assert_eq!(screen.kinds(1), ["user_message", "question", "response_done"]);
    assert_eq!(screen.entries[1].fields["questions"], questions);
    client.send(json!({ "type": "answer", "answers": { "0": ["Red", "Blue"] } })).await;
    let screen = Screen::of(&client.turn().await);
    assert_eq!(screen.entries[0].fields["content"], "Red, Blue");
    assert_eq!(screen.answer(2), "Red, Blue");
}

#[actix::test]
async fn a_retry_of_the_agents_service_is_told_as_a_status() {
    let server = Server::start();
    let mut client = server.connect().await;
    client.start().await;
    let gate = Gate::new(&server);
    client.ask(&format!("retry\n{}\nsay ok", gate.script())).await;
    loop {
        let status = client.until("status").await.pop().unwrap();
        if status["state"] == "retrying" {
            assert!(status["detail"].as_str().unwrap().contains("1 of 3"), "{status}");
            break;
        }
    }
    gate.open();
    assert_eq!(text_of(&client.turn().await), "ok");
}

#[actix::test]
async fn a_socket_that_starts_another_conversation_leaves_the_first() {
    let server = Server::start();
    let mut client = server.connect().await;
    let first = client.start().await;
    client.ask("stream 100000 5").await;
    client.until("text").await;
    client.send(json!({ "type": "start", "protocol": 1 })).await;
    let frames = client.until("caught_up").await;
    let created = frames.iter().find(|frame| frame["type"] == "conversation_created").unwrap();
    assert_ne!(created["conversation_id"], first);
    client.ask("say here").await;
    let frames = client.turn().await;
    assert_eq!(text_of(&frames), "here");
}
