//! What goes for good: a user's data (`cicerone forget`) and old rows of the audit log.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::server::{Server, Setup, eventually, signal};

const CONFIG: &str = "[access]\ntrusted_proxies = [\"127.0.0.1\"]\nuser_header = \"X-User\"\n\
                      [team]\npublic_snapshots = true\n";

async fn send(server: &Server, user: &str, method: Method, path: &str, body: Value) -> Value {
    let request = Client::new().request(method, server.url(path)).header("x-user", user);
    let request = request.header("x-forwarded-for", "192.0.2.7").json(&body);
    let answer = request.send().await.unwrap();
    let (status, text) = (answer.status(), answer.text().await.unwrap());
    assert!(status.is_success(), "{path} {status} {text}");
    serde_json::from_str(&text).unwrap_or_default()
}

/// Asks, and answers the conversation's id.
async fn ask(server: &Server, user: &str, question: &str, conversation: Option<i64>) -> i64 {
    let mut wish = json!({ "project": "demo", "question": question });
    if let Some(id) = conversation {
        wish["conversation_id"] = json!(id);
    }
    let answer = send(server, user, Method::POST, "/api/v1/ask", wish).await;
    answer["conversation_id"].as_i64().unwrap_or_else(|| panic!("{answer}"))
}

fn forget(server: &Server, user: &str) -> Output {
    let data = server.data_dir();
    let mut command = Command::new(env!("CARGO_BIN_EXE_cicerone"));
    command.args(["--data-dir", data.to_str().unwrap(), "--config"]);
    command.arg(server.files().join("cicerone.toml")).args(["forget", user]).output().unwrap()
}

/// The files below a directory that hold one of these words.
fn files_with(dir: &Path, words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            found.extend(files_with(&entry.path(), words));
        } else if let Ok(bytes) = fs::read(entry.path()) {
            let has = |word: &&&str| bytes.windows(word.len()).any(|part| part == word.as_bytes());
            found.extend(words.iter().find(has).map(|word| format!("{word} in {entry:?}")));
        }
    }
    found
}

fn number(server: &Server, query: &str) -> i64 {
    server.database().query_row(query, [], |row| row.get(0)).unwrap()
}

#[actix::test]
async fn nothing_of_a_forgotten_user_is_left_and_others_keep_what_is_theirs() {
    let mut server = Setup::scripted().config(CONFIG).start();
    let gone = "zoraida";
    let own = ask(&server, gone, "say quizzical", None).await;
    let shared = ask(&server, gone, "say jabberwock", None).await;
    ask(&server, "ben", "say pelican", Some(shared)).await;
    ask(&server, gone, "say vorpal", Some(shared)).await;
    let bens = ask(&server, "ben", "say heron", None).await;
    let of = |id: i64, rest: &str| format!("/api/assistant/conversations/demo/{id}{rest}");
    let says = json!({ "verdict": "useful" });
    send(&server, gone, Method::PUT, &of(bens, "/reactions/1"), says).await;
    send(&server, gone, Method::PUT, &of(bens, "/notes/1"), json!({})).await;
    send(&server, gone, Method::PUT, &of(own, "/snapshot"), json!({})).await;
    let wish = json!({ "name": "laptop", "scope": "read" });
    let made = send(&server, gone, Method::POST, "/api/me/tokens", wish.clone()).await;
    send(&server, gone, Method::POST, "/api/me/tokens", wish).await;
    // Who revoked it has the name of its owner beside it.
    let revoke = format!("/api/admin/tokens/{}", made["id"].as_str().unwrap());
    send(&server, "ben", Method::DELETE, &revoke, Value::Null).await;
    let refused = forget(&server, gone);
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && told.contains("in use"), "{told}");
    assert!(server.terminate().success());
    let words = [gone, "quizzical", "jabberwock", "vorpal"];
    assert!(!files_with(&server.data_dir(), &words).is_empty());
    let answers = number(&server, "SELECT count(*) FROM answers");
    let asked = number(&server, "SELECT count(*) FROM audit WHERE kind = 'asked'");

    let forgotten = forget(&server, gone);
    let told = String::from_utf8_lossy(&forgotten.stdout).into_owned();
    assert!(told.starts_with("deleted 1 conversations, 2 questions"), "{told} {forgotten:?}");
    assert_eq!(files_with(&server.data_dir(), &words), Vec::<String>::new());
    assert_eq!(number(&server, "SELECT count(*) FROM answers"), answers);
    assert_eq!(number(&server, "SELECT count(*) FROM audit WHERE kind = 'asked'"), asked);
    assert_eq!(number(&server, "SELECT count(*) FROM notes"), 1);

    server.launch_again();
    assert_eq!(server.get(&of(own, "")).await.0, 404);
    let (_, left) = server.get(&of(shared, "")).await;
    assert_eq!((&left["title"], &left["owner"]), (&json!("say pelican"), &json!("ben")), "{left}");
    // The greeting, a question and its answer.
    assert_eq!(left["messages"].as_array().unwrap().len(), 3, "{left}");
    ask(&server, "ben", "say stork", Some(shared)).await;
    let (_, left) = server.get(&of(shared, "")).await;
    assert_eq!(left["messages"].as_array().unwrap().len(), 5, "{left}");
    assert!(server.terminate().success());
    let again = forget(&server, gone);
    let told = String::from_utf8_lossy(&again.stdout).into_owned();
    assert!(told.contains("deleted 0 conversations, 0 questions") && told.contains(" 0 other"));
}

#[actix::test]
async fn the_audit_log_has_what_was_asked_only_where_that_is_wished() {
    let asked = async |server: &Server| {
        let (_, rows) = server.get("/api/admin/actions?q=asked").await;
        let detail = |it: &Value| it["detail"].as_str().map(str::to_owned);
        rows.as_array().unwrap().iter().map(detail).collect::<Vec<_>>()
    };
    let mut server = Setup::scripted().config(CONFIG).start();
    ask(&server, "ben", "say <b>heron</b>", None).await;
    assert_eq!(asked(&server).await, [None]);
    assert!(server.terminate().success());
    let file = server.files().join("cicerone.toml");
    let before = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{before}\n[audit]\ncontent = true\n")).unwrap();
    server.launch_again();
    let long = format!("say {}", "x".repeat(5000));
    ask(&server, "ben", &long, None).await;
    ask(&server, "ann", "say <b>stork</b>", None).await;
    let (stork, start) = (Some("say <b>stork</b>".to_owned()), Some(long[..4000].to_owned()));
    assert_eq!(asked(&server).await, [stork.clone(), start, None]);
    // The text is sought too, and goes with its user.
    let (_, found) = server.get("/api/admin/actions?q=STORK").await;
    assert_eq!(found.as_array().map(Vec::len), Some(1), "{found}");
    // A reload ends it.
    fs::write(&file, before).unwrap();
    signal(server.pid(), "HUP");
    eventually("it is reloaded", async || {
        server.log().contains("configuration reloaded").then_some(())
    })
    .await;
    ask(&server, "ben", "say gull", None).await;
    assert_eq!(asked(&server).await[..2], [None, stork]);
    assert!(server.terminate().success());
    assert!(forget(&server, "ann").status.success());
    assert_eq!(files_with(&server.data_dir(), &["stork"]), Vec::<String>::new());
    assert_eq!(number(&server, "SELECT count(*) FROM audit WHERE kind = 'asked'"), 4);
}

#[actix::test]
async fn rows_of_the_audit_log_that_are_too_old_or_too_many_go() {
    let config = format!("{CONFIG}[audit]\nkeep = \"30d\"\nrows = 7000\n");
    let mut server = Setup::scripted().config(&config).start();
    ask(&server, "ben", "say yes", None).await;
    assert!(server.terminate().success());
    let rows = "WITH RECURSIVE row (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM row WHERE n < 8000)
        INSERT INTO audit SELECT printf('2020-01-07T10:00:00.%06dZ', n), 'asked', 'demo', 1, 'x', '', 0
            FROM row;
        WITH RECURSIVE row (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM row WHERE n < 8000)
        INSERT INTO audit SELECT printf('2999-01-07T10:00:00.%06dZ', n), 'asked', 'demo', 1, 'y', '', 0
            FROM row;";
    server.writable_database().execute_batch(rows).unwrap();
    server.launch_again();
    eventually("the newest rows are left", async || {
        (number(&server, "SELECT count(*) FROM audit") == 7000).then_some(())
    })
    .await;
    assert_eq!(number(&server, "SELECT count(*) FROM audit WHERE user = 'y'"), 7000);
}
