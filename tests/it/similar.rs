//! Earlier questions that are similar to one that is typed.

use serde_json::{Value, json};

use crate::{
    search::encoded,
    server::{Server, eventually},
};

/// The path, and the one by which earlier clients ask.
const PATHS: [&str; 2] = ["/api/projects/demo/questions/similar", "/api/assistant/asked/demo"];

async fn similar(server: &Server, typed: &str) -> Vec<Value> {
    let [path, former] = PATHS.map(|path| format!("{path}?q={}", encoded(typed)));
    let (status, found) = server.get(&path).await;
    assert_eq!(status, 200, "{found}");
    assert_eq!(server.get(&former).await, (200, found.clone()), "{former}");
    found.as_array().unwrap().clone()
}

#[actix::test]
async fn a_similar_question_is_told_with_its_place() {
    let server = Server::start();
    let mut client = server.connect().await;
    let id = client.start().await;
    client.ask("say The quokka hops over fences.").await;
    client.turn().await;
    let found = eventually("it is found", async || {
        let found = similar(&server, "how does the quokka say it hops over a fence").await;
        (!found.is_empty()).then_some(found)
    })
    .await;
    assert_eq!(found.len(), 1);
    assert_eq!((&found[0]["conversation_id"], &found[0]["turn"]), (&json!(id), &json!(1)));
    assert_eq!(found[0]["question"], "say The quokka hops over fences.");
    assert!(found[0]["asked_at"].is_string());
    for other in ["", "quokka", "how does the wombat sleep", "\" OR ("] {
        assert_eq!(similar(&server, other).await, Vec::<Value>::new(), "{other}");
    }
    for path in PATHS {
        let nobody = path.replace("demo", "nobody");
        assert_eq!(server.get(&format!("{nobody}?q=a")).await.0, 404);
        assert_eq!(server.get(path).await.0, 422);
    }
}
