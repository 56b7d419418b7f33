//! Our own dialect: whole frame sequences, replay without gap or double, questions that queue.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::{
    client::{Client, text_of, types_of},
    screen::Screen,
    server::{PROJECT, Server, Setup},
};

/// Attaches to a conversation and gives everything up to `caught_up`.
async fn enter(server: &Server, conversation: i64, after: Value) -> (Client, Vec<Value>) {
    let mut client = server.connect().await;
    client
        .send(json!({
            "type": "start", "protocol": 1, "conversation_id": conversation, "after": after,
        }))
        .await;
    let frames = client.until("caught_up").await;
    (client, frames)
}

/// Sends a message under an id.
async fn post(client: &mut Client, id: &str, content: &str) {
    client.send(json!({ "type": "message", "message_id": id, "content": content })).await;
}

/// A file that does not exist yet: a script waits for it.
struct Gate(std::path::PathBuf);

impl Gate {
    fn new(server: &Server) -> Self {
        Self(server.project_dir().join("gate"))
    }

    fn script(&self) -> String {
        format!("await {}", self.0.display())
    }

    fn open(&self) {
        std::fs::write(&self.0, "").unwrap();
    }
}

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
    assert_eq!(
        frames[1],
        json!({
            "type": "attached", "conversation_id": 1, "title": null, "seq": 2, "after": 0,
            "resumed": false, "state": "idle", "agent": { "kind": "claude" }, "viewers": 1,
        })
    );
    assert_eq!((&frames[2]["turn"], &frames[2]["block"]), (&json!(0), &json!(0)));
    assert!(text_of(&frames).contains("I'm your project assistant for **demo**."));
    assert_eq!(
        frames[3],
        json!({ "type": "response_done", "seq": 2, "turn": 0, "outcome": "completed" })
    );
    assert_eq!(frames[4], json!({ "type": "caught_up", "seq": 2 }));
    // The agent is started ahead of the first question.
    loop {
        let status = client.frame().await;
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
    post(&mut client, "m-1", script).await;
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
async fn p4_a_viewer_that_reconnects_again_and_again_in_mid_stream_misses_and_doubles_nothing() {
    let server = Server::start();
    let mut steady = server.connect().await;
    let id = steady.start().await;
    let mut screen = Screen::default();
    steady.ask("think a\nstream 60 10\ntool Read {} => x\nstream 60 10").await;
    let mut reconnections = 0;
    let done = |screen: &Screen| screen.kinds(1).contains(&"response_done");
    while !done(&screen) {
        let (mut client, frames) = enter(&server, id, json!(screen.seq)).await;
        screen.show(&frames);
        for _ in 0..3 {
            if !done(&screen) {
                let frame = client.frame().await;
                screen.show(&[frame]);
            }
        }
        reconnections += 1;
    }
    assert!(reconnections >= 5, "only {reconnections} reconnections");
    let whole: String = (0..60).map(|n| format!("w{n} ")).collect();
    assert_eq!(screen.answer(1), whole.repeat(2));
    screen.assert_same(&Screen::stored(&server, id), "in the database");
}

#[actix::test]
async fn p4_whatever_a_viewer_saw_last_it_gets_the_rest_after_the_end_and_after_restarts() {
    let mut server = Server::start();
    let mut client = server.connect().await;
    client.send(json!({ "type": "start", "protocol": 1 })).await;
    let mut screen = Screen::of(&client.until("caught_up").await);
    let id = 1;
    // What the screen showed at each moment.
    let mut moments = vec![Screen::default(), screen.clone()];
    client.ask("think a\nstream 12 5\ntool Read {} => x\nstream 12 5").await;
    while !screen.kinds(1).contains(&"response_done") {
        screen.show(&[client.frame().await]);
        moments.push(screen.clone());
    }
    moments.dedup();
    drop(client);
    for round in ["while the server lives", "after a kill", "after a shutdown"] {
        for moment in &moments {
            let mut back = moment.clone();
            let (_, frames) = enter(&server, id, json!(moment.seq)).await;
            back.show(&frames);
            back.assert_same(&screen, &format!("{round} from {}", moment.seq));
            // Nothing is sent that it has: at most the text that it holds in part.
            let whole = frames.iter().filter(|frame| frame["turn"].is_i64()).count();
            let held = moment.entries.len();
            assert!(whole <= screen.entries.len() - held + 1, "{round}: {frames:?}");
        }
        match round {
            "while the server lives" => server.crash(),
            _ => {
                assert!(server.terminate().success());
                server.launch_again();
            }
        }
    }
}

#[actix::test]
async fn p4_a_number_that_cannot_be_gives_the_whole_conversation() {
    let server = Server::start();
    let mut client = server.connect().await;
    let id = client.start().await;
    client.ask("say something").await;
    client.turn().await;
    let stored = Screen::stored(&server, id);
    for after in [json!(null), json!(0), json!(1_000_000), json!(-5), json!("7"), json!(1.5)] {
        let (_, frames) = enter(&server, id, after.clone()).await;
        Screen::of(&frames).assert_same(&stored, &format!("after {after}"));
        assert_eq!(frames[0]["after"], 0, "after {after}");
    }
    // A viewer that holds things of another history drops them.
    let mut other = stored.clone();
    other.seq = 1_000_000;
    other.entries[0].fields["content"] = json!("of another server");
    let (_, frames) = enter(&server, id, json!(other.seq)).await;
    other.show(&frames);
    other.assert_same(&stored, "of another history");
}

#[actix::test]
async fn a_message_that_is_sent_again_is_accepted_once() {
    let mut server = Server::start();
    let mut client = server.connect().await;
    let id = client.start().await;
    post(&mut client, "same", "say once").await;
    let first = client.until("accepted").await.pop().unwrap();
    client.turn().await;
    post(&mut client, "same", "say once").await;
    assert_eq!(client.until("accepted").await.pop().unwrap(), first);
    drop(client);
    for _ in 0..2 {
        let (mut client, _) = enter(&server, id, json!(null)).await;
        post(&mut client, "same", "say once").await;
        assert_eq!(client.until("accepted").await.pop().unwrap(), first);
        server.crash();
    }
    let (mut client, frames) = enter(&server, id, json!(null)).await;
    let screen = Screen::of(&frames);
    assert_eq!(screen.kinds(1), ["user_message", "text", "response_done"]);
    // The next one is turn 2: nothing else was asked.
    post(&mut client, "other", "say twice").await;
    assert_eq!(client.until("accepted").await.pop().unwrap()["turn"], 2);
}

#[actix::test]
async fn messages_sent_in_one_burst_are_answered_in_their_order_and_each_once() {
    let server = Server::start();
    let mut client = server.connect().await;
    let id = client.start().await;
    let mut screen = Screen::default();
    for round in 0..5 {
        let ids: Vec<String> = (0..6).map(|n| format!("{round}-{n}")).collect();
        client.ask("stream 10 1").await;
        client.until("text").await;
        for id in &ids {
            // Sent twice, as a client does that does not know whether it came through.
            post(&mut client, id, &format!("say {id}")).await;
            post(&mut client, id, &format!("say {id}")).await;
        }
        let (mut accepted, mut ends) = (Vec::new(), 0);
        while !accepted.contains(&ids[5]) || ends < 7 {
            let frame = client.frame().await;
            assert_ne!(frame["type"], "error", "{frame}");
            ends += usize::from(frame["type"] == "response_done");
            if frame["type"] == "accepted" && frame["message_id"].is_string() {
                accepted.push(frame["message_id"].as_str().unwrap().to_owned());
            }
        }
        let mut seen = HashSet::new();
        accepted.retain(|id| seen.insert(id.clone()));
        assert_eq!(accepted, ids);
    }
    let (_, frames) = enter(&server, id, json!(null)).await;
    screen.show(&frames);
    screen.assert_same(&Screen::stored(&server, id), "in the database");
    let asked: Vec<_> = screen.entries.iter().filter(|it| it.kind == "user_message").collect();
    let turns: Vec<i64> = asked.iter().map(|it| it.turn).collect();
    assert_eq!(turns, (1..=35).collect::<Vec<_>>(), "asked out of order, or twice");
    for shown in asked.iter().filter(|it| it.fields.contains_key("message_id")) {
        let id = shown.fields["message_id"].as_str().unwrap();
        assert_eq!(screen.answer(shown.turn), id);
    }
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
    let server = Setup::scripted().config("[agent]\nstop_timeout = \"100ms\"\n").start();
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
    post(&mut client, "a", &gate.script()).await;
    client.until("accepted").await;
    for (id, position) in [("b", 1), ("c", 2)] {
        post(&mut client, id, &format!("say {id}")).await;
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
    post(&mut client, "d", "say too many").await;
    let refused = client.until("error").await.pop().unwrap();
    assert_eq!((&refused["message_id"], &refused["retryable"]), (&json!("d"), &json!(true)));
    assert!(refused.get("turn").is_none(), "{refused}");
    gate.open();
    client.until("response_done").await;
    for id in ["b", "c"] {
        assert_eq!(text_of(&client.turn().await), id);
    }
    post(&mut client, "d", "say now").await;
    assert_eq!(text_of(&client.turn().await), "now");
}

#[actix::test]
async fn a_stop_ends_one_question_and_those_behind_it_are_answered() {
    let server = Server::start();
    let gate = Gate::new(&server);
    let mut client = server.connect().await;
    client.start().await;
    post(&mut client, "a", &gate.script()).await;
    post(&mut client, "b", "say next").await;
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
    let (mut second, entered) = enter(&server, id, json!(null)).await;
    assert_eq!(entered[0]["viewers"], 2);
    post(&mut first, "m", "think a\nstream 20 5\ntool Read {} => x\nsay end").await;
    let (one, two) = (first.turn().await, second.turn().await);
    Screen::of(&one).assert_same(&Screen::of(&two), "the second viewer");
    assert!(types_of(&one).contains(&"accepted"));
    assert!(!types_of(&two).contains(&"accepted"), "{two:?}");
    // And the other way round.
    post(&mut second, "n", "say back").await;
    assert_eq!(text_of(&first.turn().await), "back");
    assert_eq!(text_of(&second.turn().await), "back");
}

#[actix::test]
async fn p5_an_answer_goes_on_without_any_viewer_and_is_there_afterwards() {
    let server = Server::start();
    let mut client = server.connect().await;
    let id = client.start().await;
    client.ask("stream 30 5").await;
    client.until("text").await;
    drop(client);
    let (mut client, frames) = enter(&server, id, json!(null)).await;
    let mut screen = Screen::of(&frames);
    while !screen.kinds(1).contains(&"response_done") {
        screen.show(&[client.frame().await]);
    }
    assert_eq!(screen.end(1).fields["outcome"], "completed");
    assert_eq!(screen.answer(1), (0..30).map(|n| format!("w{n} ")).collect::<String>());
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
