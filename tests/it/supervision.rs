//! A session that panics is built anew under its viewers, with a growing wait, until it has failed
//! too often; nobody reconnects, nothing runs on, every turn ends once.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    client::{Client, text_of, types_of},
    screen::Screen,
    server::{Gate, Server, Setup, eventually, is_alive},
};

/// A time in which something that must not come would have come.
const QUIET: Duration = Duration::from_millis(300);

fn setup() -> Setup {
    Setup::scripted().config("[advanced.restart]\nbackoff = \"20ms\"\nattempts = 50\n")
}

/// Makes the session of a project panic, as soon as there is one.
async fn panic(server: &Server, project: &str) {
    let path = format!("/api/faults/{project}/panic");
    eventually("there is a session to fail", async || {
        let (status, _) = server.request(Method::POST, &path).await;
        (status == 204).then_some(())
    })
    .await;
}

async fn admin(server: &Server) -> Value {
    server.get("/api/admin/sessions").await.1
}

/// Nothing comes for a while.
async fn is_quiet(client: &mut Client) {
    let came = tokio::time::timeout(QUIET, client.text()).await;
    assert!(came.is_err(), "{came:?}");
}

/// Goes on until the screen shows the end of a turn.
async fn until_end(client: &mut Client, screen: &mut Screen, turn: i64) {
    let is_end = |kind: &str| matches!(kind, "response_done" | "error");
    while !screen.kinds(turn).into_iter().any(is_end) {
        let frame = client.frame().await;
        screen.show(&[frame]);
    }
}

#[cfg_attr(not(feature = "faults"), ignore = "needs --all-features: the `faults` of the server")]
#[actix::test]
async fn p7_p8_a_panic_in_mid_turn_ends_it_once_and_everybody_goes_on_on_the_same_socket() {
    let server = setup().start();
    let mut client = server.connect().await;
    let id = client.start().await;
    let mut seed = server.connect().await;
    seed.send(json!({ "type": "start", "conversation_id": id })).await;
    seed.turn().await;
    let mut screen = Screen::of(&client.enter(id, json!(null)).await);
    client.ask("child\nstream 100000 5").await;
    while !screen.answer(1).contains("w9 ") {
        screen.show(&[client.frame().await]);
    }
    let answer = screen.answer(1);
    let child: u32 = answer.split('w').next().unwrap().parse().unwrap();
    let agent = server.agent_pid().await;
    assert!(is_alive(agent) && is_alive(child));

    panic(&server, "demo").await;
    let frames = client.until("caught_up").await;
    let told = frames.iter().find(|frame| frame["type"] == "status").unwrap();
    assert_eq!(told["state"], "starting", "{told}");
    screen.show(&frames);
    assert_eq!(screen.end(1).fields["outcome"], "interrupted");
    screen.assert_same(&Screen::stored(&server, id), "after the panic");
    let frames = seed.turn().await;
    assert_eq!(frames.last(), Some(&json!({ "type": "response_done" })));
    is_quiet(&mut seed).await;
    eventually("no process is left", async || (!is_alive(agent) && !is_alive(child)).then_some(()))
        .await;

    client.ask("say on").await;
    until_end(&mut client, &mut screen, 2).await;
    assert_eq!(screen.answer(2), "on");
    assert_eq!(text_of(&seed.turn().await), "on");
    seed.ask("say and on").await;
    assert_eq!(text_of(&seed.turn().await), "and on");
    until_end(&mut client, &mut screen, 3).await;
    screen.assert_same(&Screen::stored(&server, id), "at the end");
    let list = admin(&server).await;
    assert_eq!((&list[0]["state"], &list[0]["restarts"]), (&json!("live"), &json!(1)));
}

#[cfg_attr(not(feature = "faults"), ignore = "needs --all-features: the `faults` of the server")]
#[actix::test]
async fn a_panic_between_turns_is_not_seen_by_a_client_of_the_original() {
    let server = setup().start();
    let mut seed = server.connect().await;
    seed.start_seed().await;
    seed.ask("say one").await;
    seed.turn().await;
    panic(&server, "demo").await;
    is_quiet(&mut seed).await;
    seed.ask("history").await;
    let frames = seed.turn().await;
    assert_eq!(types_of(&frames), ["text", "response_done"]);
    assert_eq!(text_of(&frames), "say one | history");
}

#[cfg_attr(not(feature = "faults"), ignore = "needs --all-features: the `faults` of the server")]
#[actix::test]
async fn a_message_sent_while_the_session_is_away_is_answered() {
    let server = Setup::scripted().config("[advanced.restart]\nbackoff = \"400ms\"\n").start();
    let mut clients = [server.connect().await, server.connect().await];
    clients[0].start().await;
    clients[1].start_seed().await;
    panic(&server, "demo").await;
    assert_eq!(admin(&server).await[0]["state"], "restarting");
    for client in &mut clients {
        client.ask("say later").await;
    }
    for client in &mut clients {
        assert_eq!(text_of(&client.until("response_done").await), "later");
    }
}

#[cfg_attr(not(feature = "faults"), ignore = "needs --all-features: the `faults` of the server")]
#[actix::test]
async fn p7_the_turn_that_runs_when_the_session_panics_ends_and_those_that_wait_are_answered() {
    let server = setup().start();
    let gate = Gate::new(&server);
    let mut client = server.connect().await;
    let id = client.start().await;
    let mut screen = Screen::of(&client.enter(id, json!(null)).await);
    for script in [format!("say so far\n{}", gate.script()), "say b".into(), "say c".into()] {
        client.ask(&script).await;
        screen.show(&client.until("accepted").await);
    }
    while screen.answer(1).is_empty() {
        screen.show(&[client.frame().await]);
    }
    panic(&server, "demo").await;
    until_end(&mut client, &mut screen, 3).await;
    assert_eq!(screen.end(1).fields["outcome"], "interrupted");
    assert_eq!((screen.answer(2), screen.answer(3)), ("b".to_owned(), "c".to_owned()));
    screen.assert_same(&Screen::stored(&server, id), "after the panic");
    client.ask("say d").await;
    until_end(&mut client, &mut screen, 4).await;
    assert_eq!(screen.answer(4), "d");
}

#[cfg_attr(not(feature = "faults"), ignore = "needs --all-features: the `faults` of the server")]
#[actix::test]
async fn p4_a_viewer_sees_what_is_stored_however_often_its_session_panics_in_mid_stream() {
    let server = setup().start();
    let mut client = server.connect().await;
    let id = client.start().await;
    let mut screen = Screen::of(&client.enter(id, json!(null)).await);
    for turn in 1..=4 {
        client.ask("think a\ntool Read {} => x\nstream 100000 3").await;
        while !screen.answer(turn).contains("w20 ") {
            screen.show(&[client.frame().await]);
        }
        panic(&server, "demo").await;
        screen.show(&client.until("caught_up").await);
        screen.assert_same(&Screen::stored(&server, id), "after a panic");
        screen.end(turn);
    }
}

#[cfg_attr(not(feature = "faults"), ignore = "needs --all-features: the `faults` of the server")]
#[actix::test]
async fn p8_a_panic_that_nobody_sees_leaves_no_process_and_no_open_turn() {
    let server = setup().start();
    let mut client = server.connect().await;
    let id = client.start().await;
    client.ask("stream 100000 5").await;
    client.until("text").await;
    let agent = server.agent_pid().await;
    drop(client);
    panic(&server, "demo").await;
    eventually("the agent is gone", async || (!is_alive(agent)).then_some(())).await;
    let (_, frames) = server.enter(id, json!(null)).await;
    assert_eq!(Screen::of(&frames).end(1).fields["outcome"], "interrupted");
}

#[cfg_attr(not(feature = "faults"), ignore = "needs --all-features: the `faults` of the server")]
#[actix::test]
async fn a_session_that_fails_too_often_is_given_up_in_words_until_somebody_closes_it() {
    let server =
        Setup::scripted().config("[advanced.restart]\nbackoff = \"20ms\"\nattempts = 2\n").start();
    let mut client = server.connect().await;
    let id = client.start().await;
    let mut seed = server.connect().await;
    seed.start_seed().await;
    for _ in 0..3 {
        panic(&server, "demo").await;
    }
    let told = client.until("error").await.pop().unwrap();
    let words = told["content"].as_str().unwrap();
    assert!(words.contains("given up") && words.contains("DELETE"), "{words}");
    assert_eq!(seed.until("error").await.pop().unwrap()["content"], words);
    let list = admin(&server).await;
    assert_eq!((&list[0]["project"], &list[0]["state"]), (&json!("demo"), &json!("given_up")));
    // Whoever comes or asks is told the same, and the socket lives.
    let mut late = server.connect().await;
    late.send(json!({ "type": "start", "protocol": 1 })).await;
    assert_eq!(late.until("error").await.pop().unwrap()["content"], words);
    client.ask("anybody?").await;
    assert_eq!(client.until("error").await.pop().unwrap()["content"], words);

    let closed = server.request(Method::DELETE, "/api/assistant/sessions/demo").await;
    assert_eq!(closed.0, 200, "{}", closed.1);
    client.ask("say back").await;
    let frames = client.until("response_done").await;
    assert_eq!(text_of(&frames), "back", "{frames:?}");
    assert_eq!(Screen::stored(&server, id).answer(1), "back");
    late.start().await;
    assert_eq!(admin(&server).await[0]["state"], "live");
}

#[cfg_attr(not(feature = "faults"), ignore = "needs --all-features: the `faults` of the server")]
#[actix::test]
async fn a_panic_in_one_project_does_not_disturb_another() {
    let setup = setup();
    let other = setup.project_dir().with_file_name("other");
    std::fs::create_dir(&other).unwrap();
    let server = setup.args(["--project", &format!("other={}", other.display())]).start();
    let (mut one, mut two) = (server.connect().await, server.connect_to("other").await);
    one.start().await;
    two.start().await;
    one.ask("stream 100000 5").await;
    two.ask("stream 60 5").await;
    one.until("text").await;
    two.until("text").await;
    panic(&server, "demo").await;
    let frames = two.turn().await;
    assert_eq!(frames.last().unwrap()["outcome"], "completed");
    assert!(frames.iter().all(|frame| frame["type"] != "attached"), "{frames:?}");
    let list = admin(&server).await;
    assert_eq!((&list[1]["project"], &list[1]["restarts"]), (&json!("other"), &json!(0)));
}
