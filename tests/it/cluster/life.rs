//! The life of a cluster: nodes that come late or were away, a log that was cut, lost or begun with a store.

use reqwest::Method;
use serde_json::json;

use super::{
    nats::{Nats, NatsSetup},
    nodes::{LONG, SHORT, begin, check, config, node, titles},
};
use crate::{
    client::text_of,
    keeping::{ask, cicerone},
    server::{PROJECT, Server, Setup, eventually},
};

/// The configuration of a node whose log keeps records for a moment alone.
fn forgetful(nats: &Nats, name: &str) -> String {
    format!("{}log_age = \"1s\"\n", config(nats, name, SHORT))
}

async fn one_server() -> Nats {
    Nats::with(NatsSetup { servers: 1, ..NatsSetup::default() }).await
}

/// Says something in a new conversation of a node. Answers its id.
async fn say(node: &Server, message: &str, text: &str) -> i64 {
    let (mut client, id) = begin(node).await;
    client.post(message, &format!("say {text}")).await;
    assert_eq!(text_of(&client.turn().await), text);
    id
}

/// Waits until the log has nothing but the newest record of each scope.
async fn log_is_cut(nats: &Nats) {
    eventually("old records are out of the log", async || {
        let state = nats.state().await?;
        (state["messages"].as_i64()? <= state["num_subjects"].as_i64()?).then_some(())
    })
    .await;
}

#[actix::test]
async fn a_node_that_misses_what_the_log_has_no_more_takes_a_snapshot() {
    let nats = one_server().await;
    let start = |name: &str| Setup::scripted().config(&forgetful(&nats, name)).start();
    let (a, mut b) = (start("a"), start("b"));
    let first = say(&a, "m1", "before").await;
    check(&[&a, &b], &[(first, "m1")]).await;
    // One is away, and one comes for the first time.
    assert!(b.terminate().success());
    let c = start("c");
    let second = say(&a, "m2", "meanwhile").await;
    log_is_cut(&nats).await;
    let d = start("d");
    assert!(d.log().contains("this node has a snapshot now"), "{}", d.log());
    b.launch_again();
    let kept = std::fs::read_dir(b.data_dir()).unwrap();
    let names: Vec<_> = kept.map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
    assert!(names.iter().any(|it| it.starts_with("cicerone.db.before-")), "{names:?}");
    assert!(!names.iter().any(|it| it.contains("snapshot") || it.ends_with("copy")), "{names:?}");
    let third = say(&b, "m3", "afterwards").await;
    let acknowledged = [(first, "m1"), (second, "m2"), (third, "m3")];
    check(&[&a, &b, &c, &d], &acknowledged).await;
}

#[actix::test]
async fn what_is_deleted_leaves_the_log_once_all_nodes_know_it() {
    let nats = one_server().await;
    let (a, b) = (node(&nats, "a", SHORT), node(&nats, "b", SHORT));
    let kept = say(&a, "m1", "kept").await;
    let deleted = say(&a, "m2", "a word that is to be forgotten").await;
    assert!(nats.holds("a word that is to be forgotten").await);
    let path = format!("/api/assistant/conversations/{PROJECT}/{deleted}");
    assert_eq!(b.request(Method::DELETE, &path).await.0, 200);
    eventually("it is out of the log", async || {
        a.log().contains("what was deleted is out of the log").then_some(())
    })
    .await;
    assert!(!nats.holds("a word that is to be forgotten").await);
    let third = say(&b, "m3", "later").await;
    check(&[&a, &b], &[(kept, "m1"), (third, "m3")]).await;
    // A node that comes now has the rest.
    let c = node(&nats, "c", SHORT);
    check(&[&a, &b, &c], &[(kept, "m1"), (third, "m3")]).await;
}

#[actix::test]
async fn strangers_get_no_copy_of_the_store() {
    let nats = one_server().await;
    let a = node(&nats, "a", LONG);
    let alone = Setup::scripted().start();
    for server in [&a, &alone] {
        let (status, told) = server.get("/api/cluster/store").await;
        assert!(status == 404 && told["detail"].as_str().unwrap().contains("nodes"), "{told}");
    }
}

/// Runs `cicerone cluster` with the configuration of a server that does not run.
fn cluster(server: &Server, command: &str) -> (Option<i32>, String) {
    let file = server.files().join("cicerone.toml");
    cicerone(&server.data_dir(), &["--config", file.to_str().unwrap(), "cluster", command])
}

#[actix::test]
async fn a_server_that_was_alone_becomes_the_first_node_of_a_cluster() {
    let nats = one_server().await;
    let mut alone = Setup::scripted().config("").start();
    ask(&alone, "say hello").await;
    let (_, list) = alone.get(&format!("/api/assistant/conversations/{PROJECT}")).await;
    let id = list[0]["id"].as_i64().unwrap();
    assert!(alone.terminate().success());
    let (code, words) = cluster(&alone, "import");
    assert!(code == Some(1) && words.contains("cluster.nats"), "{words}");
    std::fs::write(alone.files().join("cicerone.toml"), config(&nats, "a", LONG)).unwrap();
    let words = alone.launch_in_vain();
    assert!(words.contains("cicerone cluster import"), "{words}");
    let (code, words) = cluster(&alone, "import");
    assert!(code == Some(0) && words.contains("start this node first"), "{words}");
    alone.launch_again();
    let b = node(&nats, "b", LONG);
    assert!(b.log().contains("this node has a snapshot now"), "{}", b.log());
    assert_eq!(titles(&b).await, ["say hello"]);
    let (mut client, _) = b.enter(id, json!(0)).await;
    client.post("m2", "say again").await;
    assert!(text_of(&client.turn().await).ends_with("again"));
    check(&[&alone, &b], &[(id, "m2")]).await;
    // Neither this one nor another may begin it a second time.
    let (code, words) = cluster(&alone, "import");
    assert!(code == Some(1) && words.contains("store of a node already"), "{words}");
    let mut other = Setup::scripted().config("").start();
    ask(&other, "say other").await;
    assert!(other.terminate().success());
    std::fs::write(other.files().join("cicerone.toml"), config(&nats, "c", LONG)).unwrap();
    let (code, words) = cluster(&other, "import");
    assert!(code == Some(1) && words.contains("these nodes run: a, b"), "{words}");
}

#[actix::test]
async fn a_log_that_was_lost_is_begun_anew_with_the_store_that_has_most() {
    for lost in ["$JS.API.STREAM.DELETE.CICERONE x", "$JS.API.STREAM.PURGE.CICERONE x"] {
        let nats = one_server().await;
        let (mut a, mut b) = (node(&nats, "a", LONG), node(&nats, "b", LONG));
        let id = say(&a, "m1", "before").await;
        check(&[&a, &b], &[(id, "m1")]).await;
        let (code, words) = cluster(&a, "reset");
        assert!(code == Some(1) && words.contains("these nodes run"), "{words}");
        assert!(b.terminate().success());
        let later = say(&a, "m2", "later").await;
        assert!(a.terminate().success());
        // The one that has less may not begin a log that is there.
        let (code, words) = cluster(&b, "reset");
        assert!(code == Some(1) && words.contains("would be lost"), "{words}");
        nats.publish(lost, "");
        eventually("the log is lost", async || {
            nats.state().await.is_none_or(|it| it["messages"] == 0).then_some(())
        })
        .await;
        let words = a.launch_in_vain();
        assert!(words.contains("cicerone cluster reset"), "{lost}: {words}");
        let (code, words) = cluster(&a, "reset");
        assert_eq!(code, Some(0), "{lost}: {words}");
        a.launch_again();
        b.launch_again();
        assert!(b.log().contains("this node has a snapshot now"), "{}", b.log());
        let third = say(&b, "m3", "anew").await;
        check(&[&a, &b], &[(id, "m1"), (later, "m2"), (third, "m3")]).await;
    }
}

#[actix::test]
async fn a_log_that_is_emptied_under_a_node_is_told_and_nothing_more_is_taken() {
    let nats = one_server().await;
    let quick = format!("{}append_timeout = \"2s\"\n", config(&nats, "a", LONG));
    let mut a = Setup::scripted().config(&quick).start();
    let id = say(&a, "m1", "before").await;
    nats.publish("$JS.API.STREAM.PURGE.CICERONE x", "");
    eventually("the log is empty", async || (nats.state().await?["messages"] == 0).then_some(()))
        .await;
    let (mut client, _) = a.enter(id, json!(0)).await;
    client.post("m2", "say more").await;
    // Nobody is told that it was taken.
    while let Some(frame) = client.try_frame().await {
        assert_ne!(frame["type"], "accepted", "{frame}");
    }
    eventually("the way back is in the log", async || {
        a.log().contains("cicerone cluster reset").then_some(())
    })
    .await;
    a.terminate();
    let (code, words) = cluster(&a, "reset");
    assert_eq!(code, Some(0), "{words}");
    a.launch_again();
    let later = say(&a, "m3", "anew").await;
    check(&[&a], &[(id, "m1"), (later, "m3")]).await;
}
