//! Nodes of a test, and the checks that end every scene.

use std::collections::BTreeMap;

use rusqlite::types::Value as Cell;
use serde_json::{Value, json};

use crate::{
    client::Client,
    cluster::nats::Nats,
    server::{PROJECT, Server, Setup, eventually},
};

/// The lease where a node is to be missed soon. A busy machine must not end it.
pub(super) const SHORT: &str = "4s";

/// The lease where no node is to be missed in the whole test.
pub(super) const LONG: &str = "2m";

/// The configuration of a node.
pub(super) fn config(nats: &Nats, name: &str, lease: &str) -> String {
    format!(
        "[cluster]\nnats = {:?}\nmonitoring = {:?}\nnode = {name:?}\nlease = {lease:?}\n\
         address = \"http://127.0.0.1:0\"\nsecret_file = {:?}\nreplicas = {}\n\
         log_bytes = \"64MiB\"\n",
        nats.addresses(),
        nats.monitoring(),
        nats.secret_file(),
        nats.addresses().len()
    )
}

/// Starts a node.
pub(super) fn node(nats: &Nats, name: &str, lease: &str) -> Server {
    Setup::scripted().config(&config(nats, name, lease)).start()
}

/// Starts three nodes.
pub(super) fn nodes(nats: &Nats, lease: &str) -> [Server; 3] {
    ["a", "b", "c"].map(|name| node(nats, name, lease))
}

/// A client of the project at a node, in a new conversation; waits until the node owns the project.
pub(super) async fn begin(node: &Server) -> (Client, i64) {
    let mut client = node.connect().await;
    let id = client.start().await;
    (client, id)
}

/// Comes back to a conversation at whichever of the nodes owns the project, or takes it.
pub(super) async fn come_back(
    nodes: &[&Server],
    conversation: i64,
    after: i64,
) -> (Client, Vec<Value>) {
    let mut tries = nodes.iter().cycle();
    eventually("a node serves the project", async || {
        let node = tries.next().unwrap();
        let mut client = node.connect().await;
        let start = json!({
            "type": "start", "protocol": 1, "conversation_id": conversation, "after": after,
        });
        client.send(start).await;
        let mut frames = Vec::new();
        loop {
            let frame = client.try_frame().await?;
            let is_last = frame["type"] == "caught_up";
            frames.push(frame);
            if is_last {
                return Some((client, std::mem::take(&mut frames)));
            }
        }
    })
    .await
}

/// Whether a node says that it can serve.
pub(super) async fn is_ready(node: &Server) -> bool {
    node.get("/readyz").await.0 == 200
}

/// The rows of all tables of a node's store but those that the search keeps for itself.
fn rows(node: &Server) -> BTreeMap<String, Vec<Vec<Cell>>> {
    let store = node.database();
    let mut tables = store
        .prepare(
            "SELECT name FROM sqlite_schema WHERE type = 'table'
                 AND name NOT IN ('search', 'search_data', 'search_idx', 'search_config')
             UNION SELECT 'sqlite_sequence'",
        )
        .unwrap();
    let tables: Vec<String> =
        tables.query_map((), |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    tables
        .into_iter()
        .map(|table| {
            let mut statement = store.prepare(&format!("SELECT * FROM {table}")).unwrap();
            let columns = statement.column_count();
            let rows = statement.query_map((), |row| (0..columns).map(|at| row.get(at)).collect());
            let mut rows: Vec<Vec<Cell>> = rows.unwrap().map(Result::unwrap).collect();
            rows.sort_by_key(|row| format!("{row:?}"));
            (table, rows)
        })
        .collect()
}

/// The checks that end every scene: all stores are equal, every acknowledged question is in them once, and
/// every turn has one end.
pub(super) async fn check(nodes: &[&Server], acknowledged: &[(i64, &str)]) {
    let mut last = Vec::new();
    let equal = tokio::time::timeout(crate::server::DEADLINE, async {
        loop {
            last = nodes.iter().map(|node| rows(node)).collect::<Vec<_>>();
            if last.windows(2).all(|pair| pair[0] == pair[1]) {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    })
    .await;
    if equal.is_err() {
        for node in nodes {
            let log = node.log();
            let lines: Vec<_> = log.lines().filter(|line| !line.contains("DEBUG")).collect();
            println!("{}\n", lines[lines.len().saturating_sub(40)..].join("\n"));
        }
        for table in last[0].keys() {
            for other in &last[1..] {
                assert_eq!(last[0][table], other[table], "{table} differs");
            }
        }
    }
    for node in nodes {
        let store = node.database();
        for (conversation, message) in acknowledged {
            let count: i64 = store
                .query_row(
                    "SELECT count(*) FROM turns WHERE conversation_id = ?1 AND message_id = ?2",
                    (conversation, message),
                    |row| row.get(0),
                )
                .unwrap();
            assert_eq!(count, 1, "{message} of {conversation}");
        }
        let wrong: Option<String> = store
            .query_row(
                "SELECT group_concat(conversation_id || ':' || turn || ' ' || state || ' ' || ifnull((
                     SELECT group_concat(kind) FROM entries
                     WHERE entries.conversation_id = turns.conversation_id
                         AND entries.turn = turns.turn), '')) FROM turns WHERE state <> 'done' OR 1 <> (
                     SELECT count(*) FROM entries
                     WHERE entries.conversation_id = turns.conversation_id
                         AND entries.turn = turns.turn AND kind IN ('response_done', 'error'))",
                (),
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(wrong, None, "turns without one end\n{}", node.log());
        store.execute_batch("PRAGMA integrity_check").unwrap();
    }
}

/// What a node answers to the list of conversations.
pub(super) async fn titles(node: &Server) -> Vec<String> {
    let (_, list) = node.get(&format!("/api/assistant/conversations/{PROJECT}")).await;
    let titles = list.as_array().unwrap().iter();
    titles.map(|it| it["title"].as_str().unwrap_or_default().to_owned()).collect()
}
