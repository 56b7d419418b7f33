//! Keeping the store: `cicerone backup`, `restore` and `check`.

use std::{
    fs::{self, OpenOptions},
    io::{Seek as _, SeekFrom, Write as _},
    path::Path,
    process::Command,
};

use serde_json::Value;

use crate::server::{Server, Setup};

/// Runs a command on the data of a server; gives the exit code and all that it prints.
pub fn cicerone(data: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_cicerone"))
        .env_clear()
        .env("HOME", data)
        .args(arguments)
        .arg("--data-dir")
        .arg(data)
        .output()
        .unwrap();
    let words = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(words).unwrap())
}

pub async fn ask(server: &Server, question: &str) {
    let mut client = server.connect().await;
    client.start().await;
    client.ask(question).await;
    client.turn().await;
}

pub async fn titles(server: &Server) -> Vec<String> {
    let (_, list) = server.get("/api/assistant/conversations/demo").await;
    let list: &Vec<Value> = list.as_array().unwrap();
    list.iter().map(|it| it["title"].as_str().unwrap().to_owned()).collect()
}

#[actix::test]
async fn a_backup_is_restored_and_what_was_there_is_kept_beside_it() {
    let mut server = Setup::scripted().start();
    ask(&server, "say first").await;
    let data = server.data_dir();
    let backup = server.files().join("backup.db");
    let backup = backup.to_str().unwrap();
    assert_eq!(cicerone(&data, &["backup", backup]).0, Some(0));
    ask(&server, "say second").await;
    let (code, words) = cicerone(&data, &["restore", backup]);
    assert_eq!(code, Some(1));
    assert!(words.contains("in use by another cicerone server"), "{words}");
    server.terminate();
    let (code, words) = cicerone(&data, &["restore", backup]);
    assert_eq!(code, Some(0), "{words}");
    let before = words.trim().rsplit(" is ").next().unwrap();
    let kept = rusqlite::Connection::open(before).unwrap();
    let count = "SELECT count(*) FROM conversations";
    assert_eq!(kept.query_row(count, [], |row| row.get::<_, i64>(0)).unwrap(), 2);
    server.launch_again();
    assert_eq!(titles(&server).await, ["say first"]);
}

#[actix::test]
async fn what_is_no_sound_backup_is_not_restored_and_nothing_changes() {
    let mut server = Setup::scripted().start();
    ask(&server, "say first").await;
    let data = server.data_dir();
    let files = server.files().to_owned();
    let file = |name: &str| files.join(name).to_str().unwrap().to_owned();
    assert_eq!(cicerone(&data, &["backup", &file("newer.db")]).0, Some(0));
    server.terminate();
    let newer = rusqlite::Connection::open(file("newer.db")).unwrap();
    newer.pragma_update(None, "user_version", 999).unwrap();
    drop(newer);
    let foreign = rusqlite::Connection::open(file("foreign.db")).unwrap();
    foreign.execute_batch("CREATE TABLE x (y)").unwrap();
    drop(foreign);
    fs::write(file("text.db"), "not a database").unwrap();
    for (name, expected) in [
        ("newer.db", "newer version of cicerone"),
        ("foreign.db", "not one of cicerone"),
        ("text.db", "not a database"),
        ("absent.db", "there is no backup"),
    ] {
        let (code, words) = cicerone(&data, &["restore", &file(name)]);
        assert_eq!(code, Some(1), "{words}");
        assert!(words.contains(expected), "{words}");
    }
    server.launch_again();
    assert_eq!(titles(&server).await, ["say first"]);
}

#[actix::test]
async fn a_check_finds_what_is_damaged() {
    let mut server = Setup::scripted().start();
    ask(&server, "say first").await;
    let data = server.data_dir();
    let (code, words) = cicerone(&data, &["check"]);
    assert_eq!(code, Some(0), "{words}");
    assert!(words.contains("index of the search was left out"), "{words}");
    server.terminate();
    let (code, words) = cicerone(&data, &["check"]);
    assert_eq!((code, words.trim()), (Some(0), words.trim()));
    assert!(words.starts_with("ok    1 conversations with "), "{words}");

    let store = server.writable_database();
    store.execute_batch("PRAGMA foreign_keys = off; DELETE FROM conversations").unwrap();
    drop(store);
    let (code, words) = cicerone(&data, &["check"]);
    assert_eq!(code, Some(1), "{words}");
    assert!(words.contains("refers to one of conversations that is not there"), "{words}");

    let path = data.join("cicerone.db");
    let mut file = OpenOptions::new().write(true).open(&path).unwrap();
    file.seek(SeekFrom::Start(3 * 4096)).unwrap();
    file.write_all(&[0xa5; 4096]).unwrap();
    let (code, words) = cicerone(&data, &["check"]);
    assert_eq!(code, Some(1), "{words}");
    assert!(words.contains("damaged"), "{words}");
}

#[test]
fn a_check_without_a_database_says_so() {
    let home = tempfile::tempdir().unwrap();
    let (code, words) = cicerone(home.path(), &["check"]);
    assert_eq!(code, Some(1));
    assert!(words.contains("cicerone.db"), "{words}");
}
