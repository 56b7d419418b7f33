//! Old conversations: `history.keep`.

use serde_json::json;

use crate::server::{Server, Setup, eventually};

fn ids(server: &Server) -> Vec<i64> {
    let database = server.database();
    let mut ids = database.prepare("SELECT id FROM conversations ORDER BY id").unwrap();
    ids.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

#[actix::test]
async fn what_is_older_than_it_is_kept_is_deleted_but_for_notes_and_what_is_public() {
    let config = "[history]\nkeep = \"30d\"\n[team]\npublic_snapshots = true\n";
    let mut server = Setup::scripted().config(config).start();
    for _ in 0..5 {
        let mut client = server.connect().await;
        client.start().await;
        client.ask("say an answer").await;
        client.turn().await;
    }
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    for path in ["3/notes/1", "4/snapshot"] {
        let path = server.url(&format!("/api/assistant/conversations/demo/{path}"));
        let put = http.put(path).json(&json!({})).send().await.unwrap();
        assert!(put.status().is_success(), "{}", put.text().await.unwrap());
    }
    assert!(server.terminate().success());
    let long_ago =
        "UPDATE conversations SET updated_at = '2020-01-07T10:00:00.000000Z' WHERE id < 5";
    server.writable_database().execute_batch(long_ago).unwrap();
    server.launch_again();
    eventually("old conversations are gone", async || (ids(&server).len() < 5).then_some(())).await;
    eventually("both are gone", async || (ids(&server) == [3, 4, 5]).then_some(())).await;
    assert_eq!(server.get("/api/assistant/conversations/demo/1").await.0, 404);
    let (status, kept) = server.get("/api/assistant/conversations/demo/3").await;
    assert!(status == 200 && kept.to_string().contains("an answer"), "{kept}");
}

#[test]
fn a_time_that_is_surely_a_mistake_is_refused() {
    for keep in ["30s", "23h", "0d", "soon"] {
        let (_, told) = Setup::guide().config(&format!("[history]\nkeep = \"{keep}\"\n")).fail();
        assert!(told.contains("expected a duration of at least a day"), "{told}");
    }
}
