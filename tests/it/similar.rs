//! Whether a question was asked before.

use serde_json::{Value, json};

use crate::{
    search::encoded,
    server::{Server, eventually},
};

async fn asked(server: &Server, typed: &str) -> Vec<Value> {
    let path = format!("/api/assistant/asked/demo?q={}", encoded(typed));
    let (status, found) = server.get(&path).await;
    assert_eq!(status, 200, "{found}");
    found.as_array().unwrap().clone()
}

#[actix::test]
async fn a_question_that_was_asked_before_is_told_with_its_place() {
    let server = Server::start();
    let mut client = server.connect().await;
    let id = client.start().await;
    client.ask("say The quokka hops over fences.").await;
    client.turn().await;
    let found = eventually("it is found", async || {
        let found = asked(&server, "how does the quokka say it hops over a fence").await;
        (!found.is_empty()).then_some(found)
    })
    .await;
    assert_eq!(found.len(), 1);
    assert_eq!((&found[0]["conversation_id"], &found[0]["turn"]), (&json!(id), &json!(1)));
    assert_eq!(found[0]["question"], "say The quokka hops over fences.");
    assert!(found[0]["asked_at"].is_string());
    for other in ["", "quokka", "how does the wombat sleep", "\" OR ("] {
        assert_eq!(asked(&server, other).await, Vec::<Value>::new(), "{other}");
    }
    assert_eq!(server.get("/api/assistant/asked/nobody?q=a").await.0, 404);
    assert_eq!(server.get("/api/assistant/asked/demo").await.0, 422);
}
