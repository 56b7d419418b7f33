//! Search over what was said: what is found, what becomes of strange queries, and how long it
//! takes in a store of some size.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::server::{Server, Setup, eventually};

/// Searches the project.
async fn search(server: &Server, query: &[(&str, &str)]) -> (u16, Value) {
    let query: Vec<_> =
        query.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    server.get(&format!("/api/assistant/search/demo?{}", query.join("&"))).await
}

/// A text as it stands in an address, every byte of it escaped.
pub fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// Fills the store: conversations with messages of words as people and models write them.
fn fill(server: &Server, conversations: i64, messages: i64) {
    let mut database = server.writable_database();
    let transaction = database.transaction().unwrap();
    let mut random = fastrand::Rng::with_seed(7);
    let vocabulary: Vec<String> =
        (0..5000).map(|_| (0..random.usize(3..10)).map(|_| random.lowercase()).collect()).collect();
    for conversation in 1..=conversations {
        let time = format!("2027-01-{:02}T08:00:00.{conversation:06}Z", 1 + conversation % 28);
        transaction
            .execute(
                "INSERT INTO conversations
                     (id, project, title, reserved_seq, explicit, written, created_at, updated_at)
                 VALUES (?1, 'demo', 'A title', 99, 0, 1, ?2, ?2)",
                (conversation, &time),
            )
            .unwrap();
        for seq in 1..=messages / conversations {
            let (kind, n) = if seq % 2 == 1 { ("user_message", 12) } else { ("text", 250) };
            let turn = (seq + 1) / 2;
            let mut words: Vec<&str> = (0..n)
                .map(|_| {
                    // A few words are common, most are rare.
                    let rank = random.f64().powi(3) * 5000.0;
                    vocabulary[rank as usize].as_str()
                })
                .collect();
            words.push("everywhere");
            if conversation == conversations / 2 && seq == 2 {
                words.push("quokka");
            }
            transaction
                .execute(
                    "INSERT OR IGNORE INTO turns (conversation_id, turn, state) VALUES (?1, ?2, 'done')",
                    (conversation, turn),
                )
                .unwrap();
            transaction
                .execute(
                    "INSERT INTO entries (conversation_id, turn, first_seq, last_seq, kind, payload,
                         created_at, updated_at)
                     VALUES (?1, ?2, ?3, ?3, ?4, json_object('content', ?5), ?6, ?6)",
                    (conversation, turn, seq, kind, words.join(" "), &time),
                )
                .unwrap();
        }
    }
    transaction.commit().unwrap();
}

#[actix::test]
async fn what_was_said_is_found_with_its_place() {
    let server = Server::start();
    let mut client = server.connect().await;
    let id = client.start().await;
    client.ask("say The quokka hops over the fence.").await;
    client.turn().await;
    let hits = eventually("both are found", async || {
        let (status, found) = search(&server, &[("q", "quok")]).await;
        assert_eq!((status, &found["more"]), (200, &json!(false)));
        (found["hits"].as_array().unwrap().len() == 2).then(|| found["hits"].clone())
    })
    .await;
    assert_eq!((&hits[0]["role"], &hits[1]["role"]), (&json!("assistant"), &json!("user")));
    for hit in hits.as_array().unwrap() {
        assert_eq!((&hit["conversation_id"], &hit["turn"]), (&json!(id), &json!(1)));
        assert_eq!(hit["title"], "say The quokka hops over the fence.");
        assert!(hit["timestamp"].is_string() && hit["seq"].is_i64(), "{hit}");
    }
    assert_eq!(
        hits[0]["snippet"],
        json!([
            { "text": "The ", "hit": false },
            { "text": "quokka", "hit": true },
            { "text": " hops over the fence.", "hit": false },
        ])
    );
    let (_, first) = search(&server, &[("q", "quokka"), ("limit", "1")]).await;
    assert_eq!((first["hits"].as_array().unwrap().len(), &first["more"]), (1, &json!(true)));

    // What is deleted is not found any more.
    let path = format!("/api/assistant/conversations/demo/{id}");
    assert_eq!(server.request(Method::DELETE, &path).await.0, 200);
    assert_eq!(search(&server, &[("q", "quokka")]).await.1["hits"], json!([]));
}

#[actix::test]
async fn whatever_somebody_types_is_searched_and_never_an_error() {
    let server = Server::start();
    for typed in
        ["", "\"", "a AND", "NEAR(", "content:x", "'; DROP TABLE search; --", "*", "^", "\0", "-a"]
    {
        let (status, found) = search(&server, &[("q", typed)]).await;
        assert_eq!((status, &found["hits"]), (200, &json!([])), "{typed:?}");
    }
    for bad in [&[][..], &[("q", "a"), ("limit", "x")], &[("q", "a"), ("limit", "-1")]] {
        let (status, problem) = search(&server, bad).await;
        assert_eq!((status, problem["detail"].is_string()), (422, true), "{bad:?}");
    }
    let (status, problem) = search(&server, &[("q", &"a ".repeat(33))]).await;
    assert_eq!(status, 422);
    assert!(problem["detail"].as_str().unwrap().contains("32 words"), "{problem}");
    assert_eq!(server.get("/api/assistant/search/nobody?q=a").await.0, 404);
    assert_eq!(server.get("/api/assistant/search/b%20d?q=a").await.0, 400);
}

#[actix::test]
async fn a_search_takes_little_time_in_a_store_of_some_size() {
    let server = Setup::scripted().start();
    let messages = std::env::var("CICERONE_TRIAL_SEARCH").map_or(1000, |it| it.parse().unwrap());
    fill(&server, messages / 10, messages);
    for (typed, least) in [("quokka", 1), ("quokka everywhere", 1), ("everywhere", 20), ("e", 20)] {
        let start = Instant::now();
        let (status, found) = search(&server, &[("q", typed)]).await;
        let took = start.elapsed();
        println!("searched {messages} messages query={typed:?} took={took:?}");
        assert_eq!(status, 200, "{found}");
        assert_eq!(found["hits"].as_array().unwrap().len(), least, "{typed}");
        assert!(took < Duration::from_secs(5), "{typed} took {took:?}");
    }
}

#[actix::test]
async fn a_search_that_takes_too_long_is_ended_and_says_so() {
    let server = Setup::scripted().config("[advanced.reading]\nsearch_timeout = \"1ms\"\n").start();
    fill(&server, 100, 1000);
    let (status, problem) = search(&server, &[("q", "everywhere")]).await;
    assert_eq!(status, 503, "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("took longer than 1ms"), "{problem}");
}
