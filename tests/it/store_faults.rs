//! A disk that fails: the turn goes on where it can, people are told where it cannot, and nothing
//! that was acknowledged is lost.

use std::process::Command;

use serde_json::{Value, json};

use crate::{
    client::Client,
    screen::Screen,
    server::{Server, Setup, eventually},
};

/// Limits how large the files may become that a process writes, until it is told otherwise.
pub fn limit_files(pid: u32, limit: &str) {
    let arguments = [format!("--pid={pid}"), format!("--fsize={limit}:")];
    let done = Command::new("prlimit").args(arguments).status().unwrap();
    assert!(done.success(), "prlimit failed");
}

/// Reads on until a turn has ended on the screen.
async fn until_end(client: &mut Client, screen: &mut Screen, turn: i64) {
    while !screen.kinds(turn).iter().any(|kind| ["response_done", "error"].contains(kind)) {
        screen.show(&[client.frame().await]);
    }
}

/// Reads on until the answer of a turn holds a text.
async fn until_says(client: &mut Client, screen: &mut Screen, turn: i64, text: &str) {
    while !screen.answer(turn).contains(text) {
        screen.show(&[client.frame().await]);
    }
}

async fn begin(server: &Server, project: &str) -> (Client, i64, Screen) {
    let mut client = server.connect_to(project).await;
    let id = client.start().await;
    let screen = Screen::of(&client.enter(id, json!(null)).await);
    (client, id, screen)
}

#[actix::test]
async fn p3_while_another_program_locks_the_database_streams_go_on_and_ends_wait_to_be_stored() {
    let server = Setup::scripted().project("other").start();
    let (mut one, first, mut screen) = begin(&server, "demo").await;
    let (mut two, second, mut others) = begin(&server, "other").await;
    one.ask("stream 60 20").await;
    two.ask("stream 400 10").await;
    until_says(&mut one, &mut screen, 1, "w2 ").await;
    until_says(&mut two, &mut others, 1, "w2 ").await;
    let database = server.writable_database();
    // The server's own writes are short: the lock is to be had between two of them.
    database.busy_timeout(crate::server::DEADLINE).unwrap();
    database.execute_batch("BEGIN IMMEDIATE").unwrap();

    until_says(&mut one, &mut screen, 1, "w59 ").await;
    one.post("waits", "say later").await;
    let mut told = Vec::new();
    // The other project streams on for as long as it has something to say.
    until_says(&mut two, &mut others, 1, "w399 ").await;
    loop {
        let frame = one.frame().await;
        screen.show(std::slice::from_ref(&frame));
        assert!(frame["type"] != "accepted", "acknowledged and not stored: {frame}");
        if frame["type"] == "status" && frame["detail"].as_str().unwrap().contains("disk is slow") {
            told.push(frame);
            break;
        }
    }
    assert!(!screen.kinds(1).contains(&"response_done"), "an end was shown that is not stored");
    database.execute_batch("COMMIT").unwrap();

    until_end(&mut one, &mut screen, 1).await;
    until_end(&mut one, &mut screen, 2).await;
    until_end(&mut two, &mut others, 1).await;
    assert_eq!(screen.answer(2), "later");
    screen.assert_same(&Screen::stored(&server, first), "after the lock");
    others.assert_same(&Screen::stored(&server, second), "in the other project");
}

#[actix::test]
async fn p3_when_the_disk_takes_no_more_the_answer_goes_on_and_is_stored_once_there_is_room() {
    let mut server = Server::start();
    let (mut client, id, mut screen) = begin(&server, "demo").await;
    let journal = server.data_dir().join("cicerone.db-wal");
    client.ask("say before").await;
    until_end(&mut client, &mut screen, 1).await;
    client.ask("stream 3000 1").await;
    until_says(&mut client, &mut screen, 2, "w5 ").await;
    limit_files(server.pid(), &journal.metadata().unwrap().len().to_string());

    // The answer streams to its end, and its asker is told what is wrong.
    let mut words = Vec::new();
    while words.is_empty() || !screen.kinds(2).contains(&"response_done") {
        let frame = client.frame().await;
        if frame["type"] == "error" {
            words.push(frame["content"].as_str().unwrap().to_owned());
        }
        screen.show(&[frame]);
    }
    assert!(words[0].contains("cannot be stored") && words[0].contains("disk"), "{words:?}");
    assert!(screen.answer(2).ends_with("w2999 "));
    // A question that cannot be stored is not acknowledged.
    client.post("refused", "say no").await;
    let refused = client.until_any(&["accepted", "error"]).await.pop().unwrap();
    assert_eq!((&refused["type"], &refused["message_id"]), (&json!("error"), &json!("refused")));
    assert!(refused["content"].as_str().unwrap().contains("was not sent"), "{refused}");

    limit_files(server.pid(), "unlimited");
    eventually("what was said meanwhile is stored", async || {
        (Screen::stored(&server, id).entries == screen.entries).then_some(())
    })
    .await;
    client.post("refused", "say yes").await;
    let turn = client.until("accepted").await.pop().unwrap()["turn"].as_i64().unwrap();
    until_end(&mut client, &mut screen, turn).await;
    assert_eq!(screen.answer(turn), "yes");
    server.crash();
    screen.assert_same(&Screen::stored(&server, id), "after a kill");
}

#[actix::test]
async fn a_conversation_of_a_project_is_unknown_in_a_twin_of_its_directory() {
    let setup = Setup::scripted();
    let twin = format!("twin={}", setup.project_dir().display());
    let server = setup.args(["--project", &twin]).start();
    let (mut client, id, mut screen) = begin(&server, "demo").await;
    client.ask("say mine").await;
    until_end(&mut client, &mut screen, 1).await;
    let mut stranger = server.connect_to("twin").await;
    stranger.send(json!({ "type": "start", "protocol": 1, "conversation_id": id })).await;
    assert_eq!(stranger.until_closed().await.1, 4404);
    let list = server.get("/api/assistant/conversations/twin").await;
    assert_eq!(list, (200, json!([])));
    let (status, _) = server.get(&format!("/api/assistant/conversations/twin/{id}")).await;
    assert_eq!(status, 404);
    let delete = reqwest::Method::DELETE;
    let path = format!("/api/assistant/conversations/twin/{id}");
    assert_eq!(server.request(delete, &path).await.0, 404);
    screen.assert_same(&Screen::stored(&server, id), "after a stranger asked to delete it");
}

#[actix::test]
async fn a_damaged_database_is_refused_at_the_start_in_words_and_left_as_it_is() {
    let mut server = Server::start();
    let (mut client, id, mut screen) = begin(&server, "demo").await;
    client.ask("say something").await;
    until_end(&mut client, &mut screen, 1).await;
    assert!(server.terminate().success());
    // Everything goes from the journal into the file that is to be damaged.
    let database = server.writable_database();
    database.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(())).unwrap();
    drop(database);
    let path = server.data_dir().join("cicerone.db");
    let whole = std::fs::read(&path).unwrap();
    let mut damaged = whole.clone();
    damaged[..4096].fill(0x5a);
    std::fs::write(&path, &damaged).unwrap();
    let words = server.launch_in_vain();
    assert!(words.contains("damaged") && words.contains("backup"), "{words}");
    assert!(std::fs::read(&path).unwrap() == damaged, "the file was changed");
    std::fs::write(&path, &whole).unwrap();
    server.launch_again();
    screen.assert_same(&Screen::stored(&server, id), "after the file was restored");
}

#[actix::test]
async fn a_database_that_is_damaged_under_the_server_is_told_and_the_answer_goes_on() {
    let server = Server::start();
    let (mut client, _, mut screen) = begin(&server, "demo").await;
    client.ask("stream 2000 2").await;
    until_says(&mut client, &mut screen, 1, "w5 ").await;
    let database = server.writable_database();
    database.busy_timeout(crate::server::DEADLINE).unwrap();
    // The worst that another program can do to it.
    database.execute_batch("DROP TABLE search; DROP TABLE entries;").unwrap();
    let mut words: Option<Value> = None;
    while words.is_none() || !screen.kinds(1).contains(&"response_done") {
        let frame = client.frame().await;
        if frame["type"] == "error" {
            words = Some(frame.clone());
        }
        screen.show(&[frame]);
    }
    let words = words.unwrap();
    assert!(words["content"].as_str().unwrap().contains("cannot be stored"), "{words}");
    assert!(screen.answer(1).ends_with("w1999 "));
    let (status, _) = server.get("/healthz").await;
    assert_eq!(status, 200);
}
