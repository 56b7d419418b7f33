//! Stores of every schema so far, with the rows that programs of that time wrote, are served by this one.

use std::{fs, path::Path};

use serde_json::{Value, json};

use crate::server::{Server, Setup, eventually};

/// The schemas of earlier versions whose rows `tests/stores` has.
const OLD: std::ops::RangeInclusive<u32> = 1..=8;

/// `PRAGMA application_id` of our files.
const APPLICATION_ID: i64 = 0x4349_4352;

/// Makes a store of a schema: each step with the rows that were written before the next.
fn make(path: &Path, schema: u32) {
    let read = |dir: &str, step: u32| {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(dir).join(format!("{step}.sql"));
        fs::read_to_string(file).unwrap()
    };
    for end in ["", "-wal", "-shm"] {
        fs::remove_file(format!("{}{end}", path.display())).ok();
    }
    let store = rusqlite::Connection::open(path).unwrap();
    store.pragma_update(None, "application_id", APPLICATION_ID).unwrap();
    store.pragma_update(None, "foreign_keys", true).unwrap();
    for step in 1..=schema {
        store.execute_batch(&read("src/database/schema", step)).unwrap();
        store.execute_batch(&read("tests/stores", step)).unwrap();
        store.pragma_update(None, "user_version", step).unwrap();
    }
}

fn text(server: &Server, query: &str) -> String {
    server.database().query_row(query, [], |row| row.get(0)).unwrap()
}

async fn answered(server: &Server, conversation: i64, answer: &str) {
    let (_client, _) = server.enter(conversation, Value::Null).await;
    eventually(answer, async || {
        let path = format!("/api/assistant/conversations/demo/{conversation}");
        let (_, told) = server.get(&path).await;
        told["messages"].as_array()?.iter().any(|it| it["content"] == answer).then_some(())
    })
    .await;
}

/// What a store of this schema has, read through the server.
async fn check(server: &Server, schema: u32) {
    let of = |rest: &str| format!("/api/assistant/conversations/demo/1{rest}");
    let (status, first) = server.get(&of("")).await;
    assert_eq!(status, 200, "schema {schema}: {first}");
    let said: Vec<_> =
        first["messages"].as_array().unwrap().iter().map(|it| it["content"].clone()).collect();
    assert_eq!(said, [json!("Where is the pelican?"), json!("In the Käse.")], "schema {schema}");
    if schema < 4 {
        assert_eq!(first["owner"], "ana", "schema {schema}: {first}");
    }
    let (_, found) = server.get("/api/assistant/search/demo?q=pelican").await;
    assert!(found.to_string().contains("pelican"), "schema {schema}: {found}");
    answered(server, 2, "otter").await;
    if schema >= 2 {
        answered(server, 3, "heron").await;
    }
    let count = |table: &str| text(server, &format!("SELECT '' || count(*) FROM {table}"));
    for (from, table, rows) in [(3, "attachments", "1"), (4, "guests", "1"), (5, "reactions", "1")]
    {
        assert_eq!(count(table), if schema >= from { rows } else { "0" }, "schema {schema}");
    }
    if schema >= 3 {
        let (status, _) = server.get(&of("/attachments/0123456789abcdef0123456789abcdef")).await;
        assert_eq!(status, 200, "schema {schema}");
    }
    if schema >= 5 {
        let (_, said) = server.get(&of("/reactions")).await;
        assert!(said.to_string().contains("It is elsewhere."), "schema {schema}: {said}");
    }
    if schema >= 6 {
        let (_, notes) = server.get("/api/projects/demo/notes").await;
        assert!(notes.to_string().contains("pelican"), "schema {schema}: {notes}");
    }
    if schema >= 7 {
        let (status, _) = server.get("/s/0123456789abcdef0123456789abcdef").await;
        assert_eq!(status, 200, "schema {schema}");
    }
    if schema >= 8 {
        let (_, actions) = server.get("/api/admin/actions").await;
        for word in ["published", "ended"] {
            assert!(actions.to_string().contains(word), "schema {schema}: {actions}");
        }
        let query = "SELECT user || cost_usd FROM answers WHERE conversation_id = 1";
        assert_eq!(text(server, query), "ana0.5");
    }
}

#[actix::test]
async fn a_store_of_every_schema_so_far_is_upgraded_and_served() {
    let mut server = Setup::scripted().config("[team]\npublic_snapshots = true\n").start();
    assert!(server.terminate().success());
    for schema in OLD {
        make(&server.data_dir().join("cicerone.db"), schema);
        server.launch_again();
        check(&server, schema).await;
        assert!(server.terminate().success());
        assert_eq!(text(&server, "PRAGMA integrity_check"), "ok", "schema {schema}");
    }
    let newest = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/database/schema"));
    assert_eq!(
        newest.unwrap().count() as u32,
        OLD.end() + 1,
        "rows of the last schema are missing"
    );
}

#[test]
fn a_store_of_a_newer_version_is_refused_in_words() {
    let mut server = Setup::guide().start();
    assert!(server.terminate().success());
    server.writable_database().pragma_update(None, "user_version", 1000).unwrap();
    let told = server.launch_in_vain();
    assert!(told.contains("newer version of cicerone") && told.contains("schema 1000"), "{told}");
}
