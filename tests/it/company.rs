//! Company: several viewers of a conversation, several conversations that share few agents, and
//! what a viewer is told of all that.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    client::{Client, text_of},
    screen::Screen,
    server::{Gate, PROJECT, Server, Setup, eventually, is_alive},
};

/// The next status with this state.
async fn status(client: &mut Client, state: &str) -> Value {
    loop {
        let status = client.until("status").await.pop().unwrap();
        if status["state"] == state {
            return status;
        }
    }
}

/// A server with few agents and a second project, `other`.
fn with_agents(limits: &str) -> Server {
    let setup = Setup::scripted().config(&format!("[limits]\n{limits}\n"));
    let other = setup.project_dir().with_file_name("other");
    std::fs::create_dir(&other).unwrap();
    setup.args(["--project", &format!("other={}", other.display())]).start()
}

#[actix::test]
async fn every_viewer_is_told_who_comes_and_goes_and_what_the_title_is() {
    let server = Server::start();
    let mut first = server.connect().await;
    let id = first.start().await;
    let (mut second, entered) = server.enter(id, json!(null)).await;
    assert_eq!(entered[0]["viewers"], 2);
    assert_eq!(first.until("presence").await.pop().unwrap()["viewers"], 2);
    second.ask("say hello").await;
    for viewer in [&mut first, &mut second] {
        let title = viewer.until("title").await.pop().unwrap();
        assert_eq!(title, json!({ "type": "title", "title": "say hello" }));
        viewer.turn().await;
    }
    first.ask("say a second question leaves the title").await;
    let frames = first.turn().await;
    assert!(frames.iter().all(|frame| frame["type"] != "title"), "{frames:?}");
    drop(second);
    assert_eq!(first.until("presence").await.pop().unwrap()["viewers"], 1);
}

#[actix::test]
async fn a_viewer_that_comes_in_mid_turn_is_told_what_goes_on() {
    let server = Server::start();
    let gate = Gate::new(&server);
    let mut first = server.connect().await;
    let id = first.start().await;
    first.ask(&format!("retry\n{}\nsay done", gate.script())).await;
    status(&mut first, "retrying").await;
    let (mut late, entered) = server.enter(id, json!(null)).await;
    assert_eq!(entered[0]["state"], "running");
    assert!(status(&mut late, "retrying").await["detail"].as_str().unwrap().contains("1 of 3"));
    gate.open();
    assert_eq!(text_of(&late.turn().await), "done");
}

#[actix::test]
async fn a_turn_is_asked_again_under_its_number_and_only_once_for_each_id() {
    let server = Server::start();
    let gate = Gate::new(&server);
    let mut client = server.connect().await;
    let id = client.start().await;
    let mut screen = Screen::of(&client.enter(id, json!(null)).await);
    client.ask("say part\nerror it broke").await;
    screen.show(&client.turn().await);
    for _ in 0..2 {
        client.send(json!({ "type": "retry", "turn": 1, "message_id": "again" })).await;
        let accepted = client.until("accepted").await;
        assert_eq!(accepted.last().unwrap()["turn"], 2);
        screen.show(&accepted);
    }
    while screen.ends() < 3 {
        screen.show(&[client.frame().await]);
    }
    let asked = &screen.entries.iter().find(|it| it.turn == 2).unwrap().fields;
    assert_eq!(
        (&asked["content"], &asked["retry_of"]),
        (&json!("say part\nerror it broke"), &json!(1))
    );
    screen.assert_same(&Screen::stored(&server, id), "after a retry");

    client.ask(&gate.script()).await;
    client.until("accepted").await;
    for (turn, words) in [(3, "not answered yet"), (0, "no question"), (99, "no question")] {
        client.send(json!({ "type": "retry", "turn": turn, "message_id": "no" })).await;
        let refused = client.until("error").await.pop().unwrap();
        assert_eq!((&refused["message_id"], &refused["retryable"]), (&json!("no"), &json!(false)));
        assert!(refused["content"].as_str().unwrap().contains(words), "{refused}");
    }
    gate.open();
}

#[actix::test]
async fn a_question_that_waits_is_withdrawn_and_ends_nobody_elses_answer() {
    let server = Server::start();
    let gate = Gate::new(&server);
    let mut client = server.connect().await;
    let id = client.start().await;
    client.ask(&format!("{}\nsay first", gate.script())).await;
    status(&mut client, "running").await;
    let mut original = server.connect().await;
    original.send(json!({ "type": "start", "conversation_id": id })).await;
    original.until("response_done").await;
    for question in ["say second", "say third"] {
        client.ask(question).await;
        client.until("accepted").await;
    }
    client.send(json!({ "type": "withdraw", "turn": 2 })).await;
    let end = client.until("response_done").await.pop().unwrap();
    let told = (&end["turn"], &end["outcome"], &end["withdrawn"]);
    assert_eq!(told, (&json!(2), &json!("stopped"), &json!(true)), "{end}");
    for turn in [1, 2, 9] {
        client.send(json!({ "type": "withdraw", "turn": turn })).await;
        let refused = client.until("error").await.pop().unwrap();
        assert!(refused["content"].as_str().unwrap().contains("does not wait"), "{refused}");
    }
    gate.open();
    assert_eq!(text_of(&client.turn().await), "first");
    let third = client.turn().await;
    assert_eq!((text_of(&third).as_str(), &third.last().unwrap()["turn"]), ("third", &json!(3)));
    // An original client sees two answers and two ends.
    assert_eq!(text_of(&original.turn().await), "first");
    assert_eq!(text_of(&original.turn().await), "third");
    let (_, again) = server.enter(id, json!(null)).await;
    let ends: Vec<_> = again.iter().filter(|it| it["type"] == "response_done").collect();
    assert_eq!(ends.iter().filter(|it| it["withdrawn"] == true).count(), 1, "{ends:?}");
}

#[actix::test]
async fn p9_when_all_agents_are_busy_questions_of_all_projects_wait_and_see_their_place() {
    let server = with_agents("agents = 1");
    let gate = Gate::new(&server);
    let mut busy = server.connect().await;
    busy.start().await;
    busy.ask(&gate.script()).await;
    status(&mut busy, "running").await;
    let mut waiting = Vec::new();
    for (place, project) in ["other", "demo", "other"].iter().enumerate() {
        let mut client = server.connect_to(project).await;
        client.start().await;
        client.ask(&format!("say {place}")).await;
        let told = status(&mut client, "waiting").await;
        assert_eq!(told["queue_position"], place, "{told}");
        waiting.push(client);
    }
    // Who leaves the line lets the others move up.
    waiting[1].send(json!({ "type": "stop" })).await;
    assert_eq!(waiting[1].turn().await.last().unwrap()["outcome"], "stopped");
    assert_eq!(status(&mut waiting[2], "waiting").await["queue_position"], 1);
    gate.open();
    assert_eq!(text_of(&waiting[0].turn().await), "0");
    assert_eq!(text_of(&waiting[2].turn().await), "2");
}

#[actix::test]
async fn the_agent_that_is_idle_for_longest_makes_room_and_wakes_with_its_memory() {
    let server = with_agents("agents = 2");
    let (mut first, mut second) = (server.connect().await, server.connect().await);
    first.start().await;
    first.ask("say one").await;
    first.turn().await;
    let oldest = server.agent_pid().await;
    second.start().await;
    second.ask("say two").await;
    second.turn().await;
    let mut third = server.connect_to("other").await;
    third.start().await;
    third.ask("say three").await;
    assert_eq!(text_of(&third.turn().await), "three");
    eventually("the oldest makes room", async || (!is_alive(oldest)).then_some(())).await;
    first.ask("history").await;
    assert_eq!(text_of(&first.turn().await), "say one | history");
}

#[actix::test]
async fn a_project_that_uses_up_its_share_of_agents_keeps_no_other_waiting() {
    let server = with_agents("agents = 8\nagents_per_project = 1");
    let gate = Gate::new(&server);
    let mut busy = server.connect().await;
    busy.start().await;
    busy.ask(&gate.script()).await;
    status(&mut busy, "running").await;
    let mut waits = server.connect().await;
    waits.start().await;
    waits.ask("say later").await;
    status(&mut waits, "waiting").await;
    let mut other = server.connect_to("other").await;
    other.start().await;
    other.ask("say at once").await;
    assert_eq!(text_of(&other.turn().await), "at once");
    gate.open();
    assert_eq!(text_of(&waits.turn().await), "later");
}

#[actix::test]
async fn a_ping_is_answered_at_once_while_a_slow_request_is_seen_to() {
    let server = Setup::scripted().config("[advanced.restart]\nbackoff = \"30s\"\n").start();
    let mut client = server.connect().await;
    client.start().await;
    let panic = server.request(reqwest::Method::POST, "/api/faults/demo/panic").await;
    assert_eq!(panic.0, 204, "{}", panic.1);
    // The session is away for half a minute, and the question waits for it.
    client.ask("say later").await;
    let pinged = std::time::Instant::now();
    client.send(json!({ "type": "ping" })).await;
    client.until("pong").await;
    assert!(pinged.elapsed() < Duration::from_secs(10), "a pong after {:?}", pinged.elapsed());
}

#[actix::test]
async fn p5_opening_the_page_again_and_again_leaves_one_agent_and_no_empty_conversation() {
    for keeps_cookies in [true, false] {
        let server = Server::start();
        let live = async || {
            let (_, list) = server.get("/api/admin/sessions").await;
            list[0]["conversations"].as_array().unwrap().clone()
        };
        let agents = async || live().await.iter().filter(|it| it["agent"].is_object()).count();
        let mut cookie = None;
        for _ in 0..20 {
            let mut page = Client::connect(server.address(), PROJECT, cookie.as_deref()).await;
            page.start().await;
            cookie = page.cookie.clone().filter(|_| keeps_cookies);
            drop(page);
            // A page that is loaded again has left before it comes.
            eventually("nobody is there", async || {
                live().await.iter().all(|it| it["viewers"] == 0).then_some(())
            })
            .await;
        }
        // Until then there may be no place for one more.
        eventually("the others make room", async || (agents().await <= 1).then_some(())).await;
        let mut last = Client::connect(server.address(), PROJECT, cookie.as_deref()).await;
        let id = last.start().await;
        if keeps_cookies {
            assert_eq!(id, 1, "the conversation that nobody wrote in is taken again");
        }
        eventually("one agent is left", async || (agents().await == 1).then_some(())).await;
        let (_, listed) = server.get("/api/assistant/conversations/demo").await;
        assert_eq!(listed, json!([]));
        last.ask("say hi").await;
        assert_eq!(text_of(&last.turn().await), "hi");
        eventually("nothing empty is left", async || {
            let count = "SELECT count(*) FROM conversations";
            let left: i64 = server.database().query_row(count, (), |row| row.get(0)).unwrap();
            (left == 1).then_some(())
        })
        .await;
    }
}
