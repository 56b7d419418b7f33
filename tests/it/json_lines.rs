//! `cicerone export` and `cicerone import`: everything that is stored, as JSON lines.

use std::{fs, path::Path};

use rusqlite::types::Value;

use crate::{
    keeping::{ask, cicerone},
    server::{Server, Setup},
};

/// All rows of all tables of a store, but for the index of the search.
fn rows(store: &Path) -> Vec<(String, Vec<Vec<Value>>)> {
    let database = rusqlite::Connection::open(store).unwrap();
    let mut tables = database
        .prepare(
            "SELECT name FROM sqlite_schema
             WHERE type = 'table' AND name NOT LIKE 'search%' AND name <> 'sqlite_stat1' ORDER BY name",
        )
        .unwrap();
    let tables: Vec<String> =
        tables.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let all = |table: String| {
        let mut statement = database.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let columns = statement.column_count();
        let rows = statement
            .query_map([], |row| (0..columns).map(|at| row.get(at)).collect())
            .unwrap()
            .map(Result::unwrap)
            .collect();
        (table, rows)
    };
    tables.into_iter().map(all).collect()
}

/// A server with two conversations, an attachment, a note and a number that was given to a conversation that
/// is gone; ended.
async fn used() -> Server {
    let mut server = Setup::scripted().start();
    ask(&server, "say Käse and 🧀").await;
    ask(&server, "say second").await;
    ask(&server, "say third").await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let at = |path: &str| server.url(&format!("/api/assistant/conversations/demo/{path}"));
    let sent = http.post(at("1/attachments?name=a.txt")).body("Käse\r\n\"\u{1}");
    let sent = sent.header("content-type", "application/octet-stream").send().await.unwrap();
    assert_eq!(sent.status(), 201);
    let noted = http.put(at("2/notes/1")).json(&serde_json::json!({})).send().await.unwrap();
    assert!(noted.status().is_success());
    assert!(http.delete(at("3")).send().await.unwrap().status().is_success());
    assert!(server.terminate().success());
    server
}

#[actix::test]
async fn an_export_is_imported_row_for_row_and_a_server_goes_on_with_it() {
    let mut server = used().await;
    let (data, file) = (server.data_dir(), server.files().join("all.jsonl"));
    let before = rows(&data.join("cicerone.db"));
    let file = file.to_str().unwrap();
    let (code, words) = cicerone(&data, &["export", file]);
    assert_eq!(code, Some(0), "{words}");
    let (code, words) = cicerone(&data, &["export", file]);
    assert!(code == Some(1) && words.contains("exists already"), "{words}");
    let (code, words) = cicerone(&data, &["import", file]);
    assert!(code == Some(1) && words.contains("there is a database at"), "{words}");
    let away = server.files().join("away.db");
    fs::rename(data.join("cicerone.db"), &away).unwrap();
    let (code, words) = cicerone(&data, &["import", file]);
    assert_eq!(code, Some(0), "{words}");
    assert_eq!(rows(&data.join("cicerone.db")), before);
    let (code, words) = cicerone(&data, &["check"]);
    assert_eq!(code, Some(0), "{words}");
    server.launch_again();
    let (_, found) = server.get("/api/assistant/search/demo?q=k%C3%A4se").await;
    assert_eq!(found["hits"][0]["conversation_id"], 1, "{found}");
    ask(&server, "say fourth").await;
    let (_, list) = server.get("/api/assistant/conversations/demo").await;
    assert_eq!(list[0]["id"], 4, "the number of a deleted conversation is not given again");
}

#[actix::test]
async fn what_no_export_has_written_makes_no_store_and_is_told_with_its_line() {
    let server = used().await;
    let (data, file) = (server.data_dir(), server.files().join("all.jsonl"));
    assert_eq!(cicerone(&data, &["export", file.to_str().unwrap()]).0, Some(0));
    let good = fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = good.lines().collect();
    let with = |line: &str| format!("{}\n{line}\n", lines[0]);
    let new = server.files().join("new");
    for (text, told) in [
        (String::new(), "line 1: the file is empty"),
        ("not JSON".to_owned(), "line 1: this is no line of an export"),
        (r#"{"format":"x","schema":1,"exported_at":""}"#.to_owned(), "this is no export"),
        (lines[0].replace("\"schema\":", "\"schema\":99"), "a newer version of this program"),
        (lines[..lines.len() - 1].join("\n"), "its end is missing"),
        (with(r#"{"end":true,"rows":7}"#), "line 2: 0 rows came of 7"),
        (with(r#"{"table":"x\"; DROP TABLE entries; --","row":{}}"#), "there is no table"),
        (with(r#"{"table":"search","row":{"content":"x"}}"#), "there is no table `search`"),
        (with(r#"{"table":"conversations","row":{"id":1}}"#), "line 2: `conversations` lacks"),
        (good.replacen("{\"id\":1,", "{\"id\":1,\"x\\\" = 1 --\":1,", 1), "has no `x"),
        (good.replacen("\"turn\":1", "\"turn\":[1]", 1), "is no value of a store"),
        (good.replacen("\"id\":1,", "\"id\":\"one\",", 1), "line 2"),
        (good.replace(lines[1], "").replacen("\n\n", "\n", 1), "rows came of"),
    ] {
        fs::write(&file, &text).unwrap();
        let (code, words) = cicerone(&new, &["import", file.to_str().unwrap()]);
        assert!(code == Some(1) && words.contains(told), "{told}: {words}");
        assert!(!new.join("cicerone.db").exists() && !new.join("cicerone.importing").exists());
    }
    // Without the row of a conversation, the rows that refer to it do not fit.
    let orphaned: String = lines
        .iter()
        .filter(|line| !line.starts_with("{\"table\":\"conversations\",\"row\":{\"id\":1,"))
        .map(|line| {
            line.replace(
                &format!("\"rows\":{}", lines.len() - 2),
                &format!("\"rows\":{}", lines.len() - 3),
            ) + "\n"
        })
        .collect();
    fs::write(&file, orphaned).unwrap();
    let (code, words) = cicerone(&new, &["import", file.to_str().unwrap()]);
    assert!(code == Some(1) && words.contains("does not fit together"), "{words}");
}
