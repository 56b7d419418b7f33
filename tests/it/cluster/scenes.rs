//! What happens to nodes and to NATS, and what must hold afterwards.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{
    nats::Nats,
    nodes::{LONG, SHORT, begin, check, come_back, config, is_ready, nodes, titles},
};
use crate::{
    access::{
        personal::{make, send, shown},
        rights::{ANA, team},
    },
    client::text_of,
    screen::Screen,
    server::{Gate, PROJECT, Server, Setup, eventually, signal},
    store_faults::limit_files,
};

/// Asks, and waits for the answer.
async fn ask(client: &mut crate::client::Client, id: &str, question: &str) -> String {
    client.post(id, question).await;
    let frames = client.turn().await;
    text_of(&frames)
}

/// Waits until a node's store has this question.
async fn has_heard(node: &Server, conversation: i64, message: &str) {
    eventually("the other node has the question", async || {
        let asked = node.database().query_row(
            "SELECT 1 FROM turns WHERE conversation_id = ?1 AND message_id = ?2",
            (conversation, message),
            |_| Ok(()),
        );
        asked.ok()
    })
    .await;
}

#[actix::test]
async fn what_is_said_at_one_node_is_read_at_all() {
    let nats = Nats::start().await;
    let [a, b, c] = nodes(&nats, LONG);
    let (mut client, id) = begin(&a).await;
    assert_eq!(ask(&mut client, "m1", "say hello").await, "hello");
    for node in [&b, &c] {
        eventually("the list has the conversation", async || {
            (titles(node).await == ["say hello"]).then_some(())
        })
        .await;
        let path = format!("/api/assistant/conversations/{PROJECT}/{id}");
        eventually("the answer is there", async || {
            let (_, detail) = node.get(&path).await;
            (detail["messages"].as_array()?.last()?["content"] == "hello").then_some(())
        })
        .await;
    }
    check(&[&a, &b, &c], &[(id, "m1")]).await;
}

#[actix::test]
async fn the_projects_of_a_node_that_is_killed_are_taken_and_nothing_is_lost() {
    let nats = Nats::start().await;
    let [mut a, b, c] = nodes(&nats, SHORT);
    let gate = Gate::new(&a);
    let (mut client, id) = begin(&a).await;
    let mut screen = Screen::of(&client.enter(id, json!(null)).await);
    client.post("m1", "say done").await;
    screen.show(&client.turn().await);
    client.post("m2", &format!("say begun\n{}", gate.script())).await;
    screen.show(&client.until("text").await);
    client.post("m3", "say waited").await;
    screen.show(&client.until("accepted").await);
    has_heard(&b, id, "m3").await;
    has_heard(&c, id, "m3").await;
    let killed = Instant::now();
    a.kill();
    let (mut client, frames) = come_back(&[&b, &c], id, screen.seq).await;
    println!("taken {:?} after the kill", killed.elapsed());
    screen.show(&frames);
    while screen.ends() < 4 {
        screen.show(&[client.frame().await]);
    }
    assert!(screen.answer(3).ends_with("waited"), "{}", screen.answer(3));
    // The one that was killed comes back, and knows what it missed.
    a.launch_again();
    check(&[&a, &b, &c], &[(id, "m1"), (id, "m2"), (id, "m3")]).await;
    screen.assert_same(&Screen::stored(&a, id), "after the take-over");
}

#[actix::test]
async fn a_node_that_was_paused_writes_nothing_more_to_what_others_have_taken() {
    let nats = Nats::start().await;
    let [a, b, c] = nodes(&nats, SHORT);
    let (mut client, id) = begin(&a).await;
    client.post("m1", "stream 100000 20").await;
    client.until("text").await;
    has_heard(&b, id, "m1").await;
    signal(a.pid(), "STOP");
    let (mut heirs, _) = come_back(&[&b, &c], id, 0).await;
    signal(a.pid(), "CONT");
    // Its viewer is sent away, and its agent ends.
    let (_, code, _) = client.until_closed().await;
    assert_eq!(code, 1012);
    assert!(ask(&mut heirs, "m2", "say here").await.ends_with("here"));
    eventually("it can serve again", async || is_ready(&a).await.then_some(())).await;
    check(&[&a, &b, &c], &[(id, "m1"), (id, "m2")]).await;
}

#[actix::test]
async fn a_node_that_is_told_to_end_hands_its_projects_over_at_once() {
    let nats = Nats::start().await;
    let [mut a, b, c] = nodes(&nats, LONG);
    let (mut client, id) = begin(&a).await;
    ask(&mut client, "m1", "say hello").await;
    assert!(a.terminate().success());
    // Long before its lease would be over.
    let (mut client, _) = come_back(&[&b], id, 0).await;
    // Its own agent has not heard of what was said before, and is told.
    let answer = ask(&mut client, "m2", "say again").await;
    assert!(answer.contains("Person: say hello") && answer.ends_with("again"), "{answer}");
    a.launch_again();
    check(&[&a, &b, &c], &[(id, "m1"), (id, "m2")]).await;
}

#[actix::test]
async fn a_node_whose_disk_is_full_gives_its_projects_up_and_catches_up_with_room() {
    let nats = Nats::start().await;
    let [a, b, c] = nodes(&nats, SHORT);
    let (mut client, id) = begin(&a).await;
    assert_eq!(ask(&mut client, "m1", "say before").await, "before");
    has_heard(&b, id, "m1").await;
    // What is in the log by then cannot be stored here.
    let journal = a.data_dir().join("cicerone.db-wal");
    limit_files(a.pid(), &journal.metadata().unwrap().len().to_string());
    client.post("m2", "stream 3000 1").await;
    let (_, code, _) = client.until_closed().await;
    assert_eq!(code, 1012);
    let (_, ready) = a.get("/readyz").await;
    assert!(ready["detail"].as_str().unwrap().contains("cannot"), "{ready}");
    let (mut heirs, frames) = come_back(&[&b, &c], id, 0).await;
    let mut screen = Screen::of(&frames);
    // It may be known already, and is asked once.
    heirs.post("m2", "stream 3000 1").await;
    heirs.post("m3", "say here").await;
    while screen.ends() < 4 {
        screen.show(&[heirs.frame().await]);
    }
    assert!(screen.answer(3).ends_with("here"), "{}", screen.answer(3));
    limit_files(a.pid(), "unlimited");
    eventually("it can serve again", async || is_ready(&a).await.then_some(())).await;
    check(&[&a, &b, &c], &[(id, "m1"), (id, "m2"), (id, "m3")]).await;
}

#[actix::test]
async fn an_answer_comes_to_its_end_before_its_node_hands_the_project_over() {
    let nats = Nats::start().await;
    let patient = |name: &str| {
        let config = format!("[server]\nshutdown_timeout = \"1m\"\n{}", config(&nats, name, LONG));
        Setup::scripted().config(&config).start()
    };
    let (mut a, b) = (patient("a"), patient("b"));
    let gate = Gate::new(&a);
    let (mut client, id) = begin(&a).await;
    let mut screen = Screen::of(&client.enter(id, json!(null)).await);
    client.post("m1", &format!("say begun\n{}\nsay ended", gate.script())).await;
    screen.show(&client.until("text").await);
    client.post("m2", "say waited").await;
    screen.show(&client.until("accepted").await);
    signal(a.pid(), "TERM");
    eventually("the node is not ready any more", async || (!is_ready(&a).await).then_some(()))
        .await;
    gate.open();
    while let Some(frame) = client.try_frame().await {
        screen.show(&[frame]);
    }
    assert!(a.terminated().success());
    let (mut client, frames) = come_back(&[&b], id, screen.seq).await;
    screen.show(&frames);
    while screen.ends_of(2) == 0 {
        screen.show(&[client.frame().await]);
    }
    assert!(screen.answer(1).ends_with("ended"), "{}", screen.answer(1));
    assert!(screen.answer(2).ends_with("waited"), "{}", screen.answer(2));
    screen.assert_same(&Screen::stored(&b, id), "after the hand-over");
    a.launch_again();
    check(&[&a, &b], &[(id, "m1"), (id, "m2")]).await;
}

#[actix::test]
async fn questions_wait_while_nats_elects_a_leader() {
    let mut nats = Nats::start().await;
    let [a, b, c] = nodes(&nats, SHORT);
    let (mut client, id) = begin(&a).await;
    ask(&mut client, "m0", "say first").await;
    let leader = nats.leader().await;
    nats.kill(leader);
    let killed = Instant::now();
    let mut acknowledged = vec![(id, "m0".to_owned())];
    let mut longest = Duration::ZERO;
    let mut number = 0;
    while number < 3 || killed.elapsed() < Duration::from_secs(6) {
        number += 1;
        let (message, since) = (format!("m{number}"), Instant::now());
        let Some(came) = asked(&mut client, &message).await else {
            // The node lost its lease meanwhile, and the client comes back.
            (client, _) = come_back(&[&a, &b, &c], id, 0).await;
            continue;
        };
        longest = longest.max(since.elapsed());
        assert!(came.ends_with("there"), "{came}");
        acknowledged.push((id, message));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    println!("the longest question took {longest:?}");
    nats.start_again(leader);
    nats.is_ready().await;
    let acknowledged: Vec<_> = acknowledged.iter().map(|(id, it)| (*id, it.as_str())).collect();
    check(&[&a, &b, &c], &acknowledged).await;
}

/// Asks, and gives the answer; `None` where the connection ended.
async fn asked(client: &mut crate::client::Client, message: &str) -> Option<String> {
    let post = json!({ "type": "message", "message_id": message, "content": "say there" });
    if !client.try_send(post).await {
        return None;
    }
    let mut frames: Vec<Value> = Vec::new();
    loop {
        let frame = client.try_frame().await?;
        let is_end = frame["type"] == "response_done";
        frames.push(frame);
        if is_end {
            return Some(text_of(&frames));
        }
    }
}

#[actix::test]
async fn a_personal_token_lets_in_at_every_node_and_is_revoked_at_every_node() {
    let nats = Nats::start().await;
    let [a, b] = ["a", "b"].map(|name| team(&config(&nats, name, LONG)).start());
    let (token, id) = make(&a, &ANA.headers(), "ask").await;
    let me = async |node: &Server| {
        send(node, &shown(&token), reqwest::Method::GET, "/api/me", None).await
    };
    eventually("the other node knows the token", async || {
        let (status, me) = me(&b).await;
        (status == 200 && me["user"] == "ana").then_some(())
    })
    .await;
    let path = format!("/api/me/tokens/{id}");
    let revoked = send(&b, &ANA.headers(), reqwest::Method::DELETE, &path, None).await;
    assert!(revoked.0.is_success(), "{}", revoked.1);
    assert_eq!(me(&b).await.0, 401);
    eventually("the first node has heard of it", async || (me(&a).await.0 == 401).then_some(()))
        .await;
    check(&[&a, &b], &[]).await;
}
