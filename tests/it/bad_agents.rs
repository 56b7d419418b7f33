//! What agents get wrong: whatever one does, its turn ends exactly once and in words, and the next
//! message is answered.

use std::time::Duration;

use serde_json::{Value, json};

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
async fn p7_whatever_an_agent_does_its_turn_ends_once_and_the_next_is_answered() {
    let server = Setup::scripted().config("[limits]\nagent_line_bytes = \"100KiB\"\n").start();
    let (mut client, id, mut screen) = begin(&server).await;
    // The script, the kind of its end, what its words name, and its answer.
    let cases = [
        ("garbage {not json\nsay fine", "response_done", "", "fine"),
        ("rawline {\"no\":\"type\"}\nrawline []\nrawline 7\nsay fine", "response_done", "", "fine"),
        ("rawline {\"type\":\"result\"}\nsay late", "response_done", "", ""),
        ("badutf8\nsay fine", "response_done", "", "fine"),
        ("longline 300000\nsay fine", "response_done", "", "fine"),
        ("stderr 300000\nsay fine", "response_done", "", "fine"),
        ("say fine\ntwice", "response_done", "", "fine"),
        ("error API Error: 529 overloaded", "error", "overloaded", ""),
        ("say part\nexit 3", "error", "3", "part"),
        ("say part\nexit 0", "error", "ended", "part"),
        ("silent-exit", "error", "ended", ""),
        ("say part\ncrash", "error", "signal", "part"),
        ("noresult\nstderr 100000\nexit 1", "error", "", ""),
    ];
    for (script, kind, words, answer) in cases {
        let ended = turn(&mut client, &mut screen, script).await;
        let end = screen.end(ended);
        assert_eq!(end.kind, kind, "{script}: {end:?}");
        let told = end.fields.get("content").and_then(Value::as_str).unwrap_or_default();
        assert!(told.contains(words) && told.len() < 4096, "{script}: {told}");
        assert!(kind != "error" || told.len() > 10, "{script}: {told}");
        if script != "rawline {\"type\":\"result\"}\nsay late" {
            assert_eq!(screen.answer(ended), answer, "{script}");
        }
        let next = turn(&mut client, &mut screen, "say next").await;
        assert_eq!(screen.answer(next), "next", "after {script}");
        screen.end(ended);
    }
    screen.assert_same(&Screen::stored(&server, id), "at the end");
}

#[actix::test]
async fn p7_an_agent_that_falls_silent_is_ended_and_what_it_said_is_kept() {
    let config = "[agent]\nsilence_timeout = \"1s\"\nstop_timeout = \"100ms\"\n";
    let server = Setup::scripted().config(config).start();
    let (mut client, id, mut screen) = begin(&server).await;
    let ended = turn(&mut client, &mut screen, "say part\nhang").await;
    let end = screen.end(ended).clone();
    let words = end.fields["content"].as_str().unwrap();
    assert_eq!(
        (end.kind.as_str(), words.contains("said nothing for 1 second")),
        ("error", true),
        "{words}"
    );
    assert_eq!(screen.answer(ended), "part");
    let next = turn(&mut client, &mut screen, "say next").await;
    assert_eq!(screen.answer(next), "next");
    let ended = turn(&mut client, &mut screen, "noresult").await;
    assert_eq!(screen.end(ended).kind, "error");
    let next = turn(&mut client, &mut screen, "say next").await;
    assert_eq!(screen.answer(next), "next");
    screen.assert_same(&Screen::stored(&server, id), "at the end");
}

#[actix::test]
async fn p7_an_agent_that_never_starts_is_ended_in_words_each_time() {
    let config = "[agent]\nstart_timeout = \"1s\"\nstop_timeout = \"100ms\"\n";
    for (how, words) in [
        ("hang", "did not start"),
        ("fail", "the scripted agent was told to fail"),
        ("silent", "ended"),
    ] {
        let server = that_starts(how, config).start();
        let (mut client, id, mut screen) = begin(&server).await;
        for _ in 0..2 {
            let ended = turn(&mut client, &mut screen, "say never").await;
            let end = screen.end(ended);
            let told = end.fields["content"].as_str().unwrap();
            assert_eq!((end.kind.as_str(), told.contains(words)), ("error", true), "{how}: {told}");
        }
        assert_eq!(Screen::stored(&server, id).entries, screen.entries, "{how}");
        client.send(json!({ "type": "ping" })).await;
        client.until("pong").await;
    }
}

#[actix::test]
async fn p2_an_agent_that_comes_with_a_tool_that_writes_is_ended_before_it_answers() {
    let server = that_starts("armed", "[agent]\nstop_timeout = \"100ms\"\n").start();
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
