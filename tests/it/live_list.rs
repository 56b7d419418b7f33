//! The live list: who asks for it is told what changes in the project's conversations.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    client::{Client, types_of},
    server::{DEADLINE, Gate, PROJECT, Server, Setup, eventually},
};

const LIST: &str = "/api/assistant/conversations/demo";

/// Begins a conversation and asks for the list from a position on; gives what it is told first.
async fn follow(client: &mut Client, position: Value) -> Value {
    client.send(json!({ "type": "start", "protocol": 1, "list": position })).await;
    client.until("list").await.pop().unwrap()
}

async fn follower(server: &Server) -> (Client, Value) {
    let mut client = server.connect().await;
    let first = follow(&mut client, json!(true)).await;
    (client, first)
}

/// The next change of a conversation that is as it should be, and the position behind it.
async fn change(client: &mut Client, id: i64, is_right: impl Fn(&Value) -> bool) -> (Value, Value) {
    loop {
        let update = client.until("list").await.pop().unwrap();
        assert!(update["reset"].is_null(), "{update}");
        let changes = update["changes"].as_array().cloned().unwrap_or_default();
        if let Some(found) = changes.into_iter().find(|it| it["id"] == id && is_right(it)) {
            return (found, update["at"].clone());
        }
    }
}

async fn patch(server: &Server, id: i64, title: &str) {
    let url = server.url(&format!("{LIST}/{id}"));
    let renamed = reqwest::Client::new().patch(url).json(&json!({ "title": title })).send().await;
    assert_eq!(renamed.unwrap().status(), 200);
}

#[actix::test]
async fn a_follower_is_told_of_questions_answers_titles_and_deletions_of_others() {
    let server = Server::start();
    let gate = Gate::new(&server);
    let (mut ana, first) = follower(&server).await;
    assert_eq!(first["reset"], true, "{first}");
    assert!(first.get("answering").is_none() && first.get("changes").is_none(), "{first}");

    let mut ben = server.connect().await;
    let id = ben.start().await;
    ben.ask(&format!("say first words\n{}\nsay the end", gate.script())).await;
    let (begun, _) = change(&mut ana, id, |it| it["answering"] == true).await;
    // The greeting counts.
    assert_eq!(begun["conversation"]["message_count"], 2, "{begun}");
    assert!(begun["conversation"]["title"].as_str().unwrap().starts_with("say first words"));
    assert!(begun.get("ended").is_none(), "{begun}");
    gate.open();
    let (ended, _) = change(&mut ana, id, |it| it["answering"] == false).await;
    assert_eq!(ended["ended"]["turn"], 1);
    assert_eq!(ended["ended"]["outcome"], "completed");
    assert!(ended["ended"]["excerpt"].as_str().unwrap().starts_with("first words"), "{ended}");
    // The row is the one of the list.
    let (_, mut list) = server.get(LIST).await;
    list[0].as_object_mut().unwrap().remove("project_name");
    assert_eq!(list[0], ended["conversation"]);
    assert_eq!(list[0]["message_count"], 3);

    patch(&server, id, "By another name").await;
    change(&mut ana, id, |it| it["conversation"]["title"] == "By another name").await;
    let (_, made) = server.request(Method::POST, LIST).await;
    let made = made["id"].as_i64().unwrap();
    let (empty, _) = change(&mut ana, made, |_| true).await;
    assert_eq!(empty["conversation"]["message_count"], 0);
    for gone in [made, id] {
        assert_eq!(server.request(Method::DELETE, &format!("{LIST}/{gone}")).await.0, 200);
        change(&mut ana, gone, |it| it["conversation"].is_null()).await;
    }
}

#[actix::test]
async fn each_kind_of_end_is_told() {
    let server = Server::start();
    let (mut ana, _) = follower(&server).await;
    let mut ben = server.connect().await;
    let id = ben.start().await;
    for (turn, script, outcome) in [
        (1, "say well", "completed"),
        (2, "error it broke", "error"),
        (3, "stream 9999 20", "stopped"),
    ] {
        ben.ask(script).await;
        if outcome == "stopped" {
            ben.until("text").await;
            ben.send(json!({ "type": "stop" })).await;
        }
        let (told, _) = change(&mut ana, id, |it| it["ended"]["turn"] == turn).await;
        assert_eq!(told["ended"]["outcome"], outcome, "{told}");
        assert!(told["ended"]["excerpt"].as_str().unwrap().chars().count() <= 160);
        ben.turn().await;
    }
}

#[actix::test]
async fn who_comes_back_is_told_what_changed_meanwhile_and_nothing_else() {
    let server = Server::start();
    let (mut ana, _) = follower(&server).await;
    let mut ben = server.connect().await;
    let before = ben.start().await;
    ben.ask("say before").await;
    ben.turn().await;
    let (_, at) = change(&mut ana, before, |it| it["ended"]["turn"] == 1).await;
    drop(ana);

    let mut cleo = server.connect().await;
    let asked = cleo.start().await;
    cleo.ask("say meanwhile").await;
    cleo.turn().await;
    let (_, made) = server.request(Method::POST, LIST).await;
    let deleted = made["id"].as_i64().unwrap();
    assert_eq!(server.request(Method::DELETE, &format!("{LIST}/{deleted}")).await.0, 200);

    let mut ana = server.connect().await;
    let first = follow(&mut ana, at.clone()).await;
    assert!(first["reset"].is_null(), "{first}");
    let mut told = first["changes"].as_array().cloned().unwrap_or_default();
    while told.len() < 2 {
        let update = ana.until("list").await.pop().unwrap();
        told.extend(update["changes"].as_array().cloned().unwrap_or_default());
    }
    let mut ids: Vec<_> = told.iter().map(|it| it["id"].as_i64().unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids, [asked, deleted], "{told:#?}");
    let last = |id: i64| told.iter().rfind(|it| it["id"] == id).unwrap();
    assert_eq!(last(asked)["ended"]["excerpt"], "meanwhile");
    assert!(last(deleted)["conversation"].is_null());

    // A position that nobody knows, and a session that began anew.
    for unknown in [json!("elsewhere.7"), json!(""), json!("99")] {
        let mut client = server.connect().await;
        assert_eq!(follow(&mut client, unknown).await["reset"], true);
    }
}

#[actix::test]
async fn who_reads_the_list_anew_is_told_where_answers_are_being_written() {
    let server = Server::start();
    let gate = Gate::new(&server);
    let mut ben = server.connect().await;
    let id = ben.start().await;
    ben.ask(&format!("{}\nsay done", gate.script())).await;
    ben.until("accepted").await;
    let (mut ana, first) = follower(&server).await;
    assert_eq!(first["answering"], json!([id]));
    gate.open();
    change(&mut ana, id, |it| it["answering"] == false).await;
}

#[actix::test]
async fn who_does_not_ask_is_told_nothing_and_neither_are_other_projects() {
    let setup = Setup::scripted();
    let other = setup.project_dir().with_file_name("other");
    std::fs::create_dir(&other).unwrap();
    let server = setup.args(["--project", &format!("other={}", other.display())]).start();
    let mut elsewhere = server.connect_to("other").await;
    follow(&mut elsewhere, json!(true)).await;
    let mut plain = server.connect().await;
    plain.begin().await;
    let mut legacy = server.connect().await;
    legacy.send(json!({ "type": "start", "list": true })).await;
    legacy.until("response_done").await;

    let (mut ana, _) = follower(&server).await;
    let (_, made) = server.request(Method::POST, LIST).await;
    change(&mut ana, made["id"].as_i64().unwrap(), |_| true).await;
    for client in [&mut elsewhere, &mut plain, &mut legacy] {
        client.send(json!({ "type": "ping" })).await;
        let frames = client.until("pong").await;
        assert!(!types_of(&frames).contains(&"list"), "{frames:?}");
    }
}

#[actix::test]
async fn a_follower_that_does_not_read_is_cut_off_and_comes_back_to_what_it_missed() {
    let server = Setup::scripted().config("[advanced.socket]\nstall_timeout = \"5s\"\n").start();
    let mut ben = server.connect().await;
    let asked = ben.start().await;
    let mut slow = Client::connect_narrow(server.address(), PROJECT).await;
    let start = json!({ "type": "start", "protocol": 1, "conversation_id": asked, "list": true });
    slow.send(start).await;
    let at = slow.until("list").await.pop().unwrap()["at"].clone();
    // Several times what the buffers of a socket hold.
    for _ in 0..4 {
        ben.ask(&format!("say {}", "x".repeat(200_000))).await;
    }
    for _ in 0..4 {
        ben.until("response_done").await;
    }
    let viewers = async || {
        let (_, sessions) = server.get("/api/admin/sessions").await;
        sessions[0]["conversations"][0]["viewers"].as_u64()
    };
    eventually("it is cut off", async || (viewers().await == Some(1)).then_some(())).await;
    patch(&server, asked, "Meanwhile").await;

    let mut back = server.connect().await;
    assert!(follow(&mut back, at).await["reset"].is_null());
    change(&mut back, asked, |it| {
        it["conversation"]["title"] == "Meanwhile" && it["ended"]["turn"] == 4
    })
    .await;
}

#[actix::test]
async fn a_shutdown_ends_it_and_the_next_server_has_the_list_read_anew() {
    let mut server = Server::start();
    let (mut ana, first) = follower(&server).await;
    assert!(server.terminate().success());
    let (_, code, _) = ana.until_closed().await;
    assert_eq!(code, 1001);
    server.launch_again();
    let mut ana = server.connect().await;
    assert_eq!(follow(&mut ana, first["at"].clone()).await["reset"], true);
}

#[actix::test]
async fn the_list_is_told_to_those_alone_who_may_read_it() {
    let server = Setup::scripted().env("CICERONE_VIEWER_TOKEN", "viewer-0123456789").start();
    for headers in [&[][..], &[("authorization", "Bearer wrong-0123456789")]] {
        let refused = Client::connect_with(server.address(), PROJECT, headers).await;
        assert_eq!(refused.err(), Some(401));
    }
    let headers = [("authorization", "Bearer viewer-0123456789")];
    let mut viewer = Client::connect_with(server.address(), PROJECT, &headers).await.unwrap();
    let first = tokio::time::timeout(DEADLINE, follow(&mut viewer, json!(true))).await.unwrap();
    assert_eq!(first["reset"], true);
}

#[actix::test]
async fn people_count_once_however_many_tabs_they_have_and_are_named_where_a_proxy_does() {
    let server = Setup::scripted()
        .config("[access]\ntrusted_proxies = [\"127.0.0.1\"]\nuser_header = \"X-Forwarded-User\"\n")
        .start();
    let person = async |name: Option<&str>, cookie: Option<&str>| {
        let mut headers = vec![("x-forwarded-for", "203.0.113.7")];
        headers.extend(name.map(|name| ("x-forwarded-user", name)));
        headers.extend(cookie.map(|cookie| ("cookie", cookie)));
        Client::connect_with(server.address(), PROJECT, &headers).await.unwrap()
    };
    let mut ana = person(Some("Ana"), None).await;
    let id = ana.begin().await;
    let mut ana_again = person(Some("Ana"), None).await;
    assert_eq!(ana_again.enter(id, json!(null)).await[0]["viewers"], 1);
    let mut unnamed = person(None, None).await;
    let entered = unnamed.enter(id, json!(null)).await;
    assert_eq!((&entered[0]["viewers"], &entered[0]["people"]), (&json!(2), &json!(["Ana"])));
    let mut tab = person(None, unnamed.cookie.as_deref()).await;
    assert_eq!(tab.enter(id, json!(null)).await[0]["viewers"], 2);
    let mut ben = person(Some("Ben"), None).await;
    let entered = ben.enter(id, json!(null)).await;
    assert_eq!(
        (&entered[0]["viewers"], &entered[0]["people"]),
        (&json!(3), &json!(["Ana", "Ben"]))
    );
    let told = async |ana: &mut Client, viewers: u64, people: Value| {
        let presence = ana.until("presence").await.pop().unwrap();
        let expected = json!({ "type": "presence", "viewers": viewers, "people": people });
        assert!(presence == expected || presence["viewers"] != viewers, "{presence}");
        presence == expected
    };
    while !told(&mut ana, 3, json!(["Ana", "Ben"])).await {}
    drop((tab, ana_again));
    drop(ben);
    while !told(&mut ana, 2, json!(["Ana"])).await {}
}
