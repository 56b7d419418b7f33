//! P9: what visitors may begin, and what agents may keep. Each limit is told in words, and who stays
//! within it notices nothing.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use crate::{
    client::{Client, text_of},
    processes::agents_of,
    server::{PROJECT, Server, Setup, eventually, is_alive},
};

const CONVERSATIONS: &str = "/api/assistant/conversations/demo";

fn agents_started(server: &Server) -> usize {
    server.log().matches("agent started").count()
}

#[actix::test]
async fn p9_a_visitor_begins_so_many_conversations_a_minute_whichever_way() {
    let server =
        Setup::scripted().config("[advanced.limits]\nconversations_per_minute = 6\n").start();
    for _ in 0..3 {
        assert_eq!(server.request(Method::POST, CONVERSATIONS).await.0, 200);
    }
    let mut client = server.connect().await;
    let id = client.begin().await;
    server.connect().await.begin().await;
    server.connect().await.start_seed().await;

    let answer = reqwest::Client::new().post(server.url(CONVERSATIONS)).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 429);
    let wait: u64 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=10).contains(&wait), "{wait}");
    let words = answer.text().await.unwrap();
    assert!(words.contains("6 conversations a minute"), "{words}");

    let mut refused = server.connect().await;
    refused.send(json!({ "type": "start", "protocol": 1 })).await;
    let (frames, code, _) = refused.until_closed().await;
    assert_eq!(code, 4429, "{frames:?}");
    assert!(frames[0].contains("6 conversations a minute"), "{frames:?}");
    // A client of the original knows no such close.
    let mut seed = server.connect().await;
    seed.send(json!({ "type": "start" })).await;
    let told = seed.until("error").await.pop().unwrap();
    assert!(told["content"].as_str().unwrap().contains("6 conversations"), "{told}");

    // What is there goes on.
    client.ask("say on").await;
    assert_eq!(text_of(&client.turn().await), "on");
    server.enter(id, json!(null)).await;
}

#[actix::test]
async fn p9_a_project_has_so_many_conversations_in_which_nobody_wrote() {
    let server = Setup::scripted().config("[advanced.limits]\nempty_conversations = 2\n").start();
    let first = server.request(Method::POST, CONVERSATIONS).await.1;
    assert_eq!(server.request(Method::POST, CONVERSATIONS).await.0, 200);
    let (status, words) = server.request(Method::POST, CONVERSATIONS).await;
    assert_eq!(status, 429, "{words}");
    assert!(
        words["detail"].as_str().unwrap().contains("advanced.limits.empty_conversations"),
        "{words}"
    );
    // One in which somebody writes is none of them.
    let (mut client, _) = server.enter(first["id"].as_i64().unwrap(), json!(null)).await;
    client.ask("say yes").await;
    client.turn().await;
    assert_eq!(server.request(Method::POST, CONVERSATIONS).await.0, 200);
    assert_eq!(server.request(Method::POST, CONVERSATIONS).await.0, 429);
}

#[actix::test]
async fn p9_sockets_that_come_and_go_start_no_agent_and_who_types_has_one() {
    let server = Server::start();
    for _ in 0..20 {
        server.connect().await.begin().await;
        server.connect().await.start_seed().await;
    }
    let mut client = server.connect().await;
    client.begin().await;
    client.send(json!({ "type": "ping" })).await;
    client.until("pong").await;
    assert_eq!(agents_started(&server), 0, "{}", server.log());
    client.send(json!({ "type": "typing" })).await;
    eventually("the agent is there before the question", async || {
        (agents_of(server.pid()).len() == 1).then_some(())
    })
    .await;
    client.ask("say at once").await;
    assert_eq!(text_of(&client.turn().await), "at once");
    assert_eq!(agents_started(&server), 1);
}

#[actix::test]
async fn p1_a_client_of_the_original_that_stays_has_its_agent_started() {
    let server = Server::start();
    let mut client = server.connect().await;
    client.start_seed().await;
    eventually("the agent is there", async || (agents_started(&server) == 1).then_some(())).await;
    client.ask("say hi").await;
    assert_eq!(text_of(&client.until("response_done").await), "hi");
    assert_eq!(agents_started(&server), 1);
}

#[actix::test]
async fn p9_typing_starts_so_many_agents_a_minute_and_a_question_is_answered_nevertheless() {
    let server = Setup::scripted().config("[advanced.limits]\nstarts_per_minute = 2\n").start();
    let mut clients: Vec<Client> = Vec::new();
    for _ in 0..5 {
        let mut client = server.connect().await;
        client.begin().await;
        for _ in 0..3 {
            client.send(json!({ "type": "typing" })).await;
        }
        client.send(json!({ "type": "ping" })).await;
        client.until("pong").await;
        clients.push(client);
    }
    eventually("two are started", async || (agents_started(&server) == 2).then_some(())).await;
    let mut last = clients.pop().unwrap();
    last.ask("say yes").await;
    assert_eq!(text_of(&last.turn().await), "yes");
    assert_eq!(agents_started(&server), 3);
}

#[actix::test]
async fn p9_an_agent_that_fills_its_directories_is_ended_in_words() {
    for (limit, script) in [
        ("[advanced.limits]\nagent_files = 100", "litter 200 10\nawait /nowhere"),
        ("[limits]\nagent_disk = \"1MiB\"", "litter 4 400000\nawait /nowhere"),
    ] {
        let server = Setup::scripted().config(&format!("{limit}\n")).start();
        let mut client = server.connect().await;
        client.start().await;
        client.ask(&format!("say before\n{script}")).await;
        let frames = client.turn().await;
        let end = frames.last().unwrap();
        let key = limit.replace("[", "(").replace("]\n", ".");
        let key = format!("{})", key.split(' ').next().unwrap());
        assert!(end["content"].as_str().unwrap().contains(&key), "{end}");
        assert_eq!(text_of(&frames), "before", "what came is kept");
        client.ask("say on").await;
        assert_eq!(text_of(&client.turn().await), "on");
        let kept = std::fs::read_dir(server.data_dir().join("agents/tmp"));
        let kept = kept.map_or(0, Iterator::count);
        assert!(kept <= 1, "{kept} temporary directories are left");
    }
}

#[actix::test]
async fn p9_an_agent_that_prints_on_when_nobody_asks_is_ended() {
    let server = Server::start();
    let mut client = server.connect().await;
    client.start().await;
    client.ask("say done\nbabble 1000").await;
    assert_eq!(text_of(&client.turn().await), "done");
    let log = || server.log();
    eventually("it is ended", async || log().contains("kept on printing").then_some(())).await;
    eventually("it is gone", async || agents_of(server.pid()).is_empty().then_some(())).await;
    client.ask("say again").await;
    assert_eq!(text_of(&client.turn().await), "again");
}

#[actix::test]
async fn p9_lines_that_are_none_do_not_fill_the_log() {
    let server = Server::start();
    let mut client = server.connect().await;
    client.start().await;
    client.ask(&format!("{}say done", "garbage what is this\n".repeat(300))).await;
    assert_eq!(text_of(&client.turn().await), "done");
    let told = server.log().matches("the agent printed garbage").count();
    assert!((1..=20).contains(&told), "{told} lines");
}

#[actix::test]
async fn p5_what_an_orphan_pours_into_the_pipe_does_not_keep_its_agent() {
    let server = Server::start();
    let mut client = Client::connect(server.address(), PROJECT, None).await;
    client.start().await;
    let agent = server.agent_pid().await;
    client.ask("say one\nheir").await;
    let since = std::time::Instant::now();
    let end = client.turn().await.pop().unwrap();
    assert_eq!(end["type"], "error", "{end}");
    assert!(since.elapsed() < Duration::from_secs(15), "{:?}", since.elapsed());
    assert!(!is_alive(agent));
    client.ask("say on").await;
    assert_eq!(text_of(&client.turn().await), "on");
}
