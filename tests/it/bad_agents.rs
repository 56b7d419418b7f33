//! Agents that come up in an odd way: with a tool that they must not have, or late.

use std::time::Duration;

use serde_json::json;

use crate::{
    client::Client,
    screen::Screen,
    server::{Server, Setup},
};

/// Asks, and gives the turn as it is on the screen once it has ended and nothing more comes.
async fn turn(client: &mut Client, screen: &mut Screen, script: &str) -> i64 {
    client.post(&format!("m{}", screen.entries.len()), script).await;
    let accepted = client.until("accepted").await.pop().unwrap();
    let turn = accepted["turn"].as_i64().unwrap();
    let is_end = |kind: &str| matches!(kind, "response_done" | "error");
    while !screen.kinds(turn).into_iter().any(is_end) {
        screen.show(&[client.frame().await]);
    }
    turn
}

/// A server whose agent starts as told.
fn that_starts(how: &str, config: &str) -> Setup {
    Setup::scripted()
        .env("SCRIPTED_AGENT_START", how)
        .args(["--agent-env", "SCRIPTED_AGENT_START"])
        .config(config)
}

async fn begin(server: &Server) -> (Client, i64, Screen) {
    let mut client = server.connect().await;
    let id = client.start().await;
    let screen = Screen::of(&client.enter(id, json!(null)).await);
    (client, id, screen)
}

#[actix::test]
async fn p2_an_agent_that_comes_with_a_tool_that_writes_is_ended_before_it_answers() {
    let server = that_starts("armed", "[advanced.agent]\nstop_timeout = \"100ms\"\n").start();
    let (mut client, _, mut screen) = begin(&server).await;
    let ended = turn(&mut client, &mut screen, "say armed").await;
    let end = screen.end(ended);
    let told = end.fields["content"].as_str().unwrap();
    assert_eq!((end.kind.as_str(), told.contains("Write")), ("error", true), "{told}");
    assert_eq!(screen.answer(ended), "");
}

#[actix::test]
async fn an_agent_that_is_slow_to_start_answers_what_was_asked_meanwhile_in_order() {
    let server = that_starts("slow", "").start();
    let mut client = server.connect().await;
    let id = client.start().await;
    client.ask("say one").await;
    client.ask("say two").await;
    let first = tokio::time::timeout(Duration::from_millis(200), client.until("text")).await;
    assert!(first.is_err(), "{first:?}");
    client.until("response_done").await;
    client.until("response_done").await;
    let stored = Screen::stored(&server, id);
    assert_eq!((stored.answer(1), stored.answer(2)), ("one".to_owned(), "two".to_owned()));
}
