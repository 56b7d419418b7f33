//! Viewers that come back: nothing is missed, nothing comes twice, whatever was lost on the way.

use std::collections::HashSet;

use serde_json::json;

use crate::{screen::Screen, server::Server};

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
        let (mut client, frames) = server.enter(id, json!(screen.seq)).await;
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
            let (_, frames) = server.enter(id, json!(moment.seq)).await;
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
        let (_, frames) = server.enter(id, after.clone()).await;
        Screen::of(&frames).assert_same(&stored, &format!("after {after}"));
        assert_eq!(frames[0]["after"], 0, "after {after}");
    }
    // A viewer that holds things of another history drops them.
    let mut other = stored.clone();
    other.seq = 1_000_000;
    other.entries[0].fields["content"] = json!("of another server");
    let (_, frames) = server.enter(id, json!(other.seq)).await;
    other.show(&frames);
    other.assert_same(&stored, "of another history");
}

#[actix::test]
async fn a_message_that_is_sent_again_is_accepted_once() {
    let mut server = Server::start();
    let mut client = server.connect().await;
    let id = client.start().await;
    client.post("same", "say once").await;
    let first = client.until("accepted").await.pop().unwrap();
    client.turn().await;
    client.post("same", "say once").await;
    assert_eq!(client.until("accepted").await.pop().unwrap(), first);
    drop(client);
    for _ in 0..2 {
        let (mut client, _) = server.enter(id, json!(null)).await;
        client.post("same", "say once").await;
        assert_eq!(client.until("accepted").await.pop().unwrap(), first);
        server.crash();
    }
    let (mut client, frames) = server.enter(id, json!(null)).await;
    let screen = Screen::of(&frames);
    assert_eq!(screen.kinds(1), ["user_message", "text", "response_done"]);
    // The next one is turn 2: nothing else was asked.
    client.post("other", "say twice").await;
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
            client.post(id, &format!("say {id}")).await;
            client.post(id, &format!("say {id}")).await;
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
    let (_, frames) = server.enter(id, json!(null)).await;
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
async fn p5_an_answer_goes_on_without_any_viewer_and_is_there_afterwards() {
    let server = Server::start();
    let mut client = server.connect().await;
    let id = client.start().await;
    client.ask("stream 30 5").await;
    client.until("text").await;
    drop(client);
    let (mut client, frames) = server.enter(id, json!(null)).await;
    let mut screen = Screen::of(&frames);
    while !screen.kinds(1).contains(&"response_done") {
        screen.show(&[client.frame().await]);
    }
    assert_eq!(screen.end(1).fields["outcome"], "completed");
    assert_eq!(screen.answer(1), (0..30).map(|n| format!("w{n} ")).collect::<String>());
}
