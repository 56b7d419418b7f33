//! The numbers that Prometheus reads.

use serde_json::Value;

use crate::server::{Gate, Server, Setup, eventually};

/// The value of a line.
async fn value(server: &Server, name: &str) -> f64 {
    let (status, text) = server.get("/metrics").await;
    assert_eq!(status, 200);
    let Value::String(text) = text else { panic!("{text}") };
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in\n{text}")).parse().unwrap()
}

#[actix::test]
async fn what_goes_on_is_told_in_numbers() {
    let server = Server::start();
    assert_eq!(value(&server, "cicerone_sessions{state=\"live\"}").await, 0.0);
    let gate = Gate::new(&server);
    let mut client = server.connect().await;
    client.start().await;
    client.ask(&gate.script()).await;
    client.until("user_message").await;
    eventually("the turn is counted as running", async || {
        let running = value(&server, "cicerone_conversations{state=\"running\"}").await;
        (running == 1.0).then_some(())
    })
    .await;
    for (name, expected) in [
        ("cicerone_sessions{state=\"live\"}", 1.0),
        ("cicerone_viewers", 1.0),
        ("cicerone_laggards", 0.0),
        ("cicerone_agents_running", 1.0),
        ("cicerone_agents_waiting", 0.0),
    ] {
        assert_eq!(value(&server, name).await, expected, "{name}");
    }
    gate.open();
    client.turn().await;
    let completed = value(&server, "cicerone_turns_total{outcome=\"completed\"}").await;
    client.ask("exit 3").await;
    client.turn().await;
    assert_eq!(value(&server, "cicerone_turns_total{outcome=\"failed\"}").await, 1.0);
    assert_eq!(
        value(&server, "cicerone_turns_total{outcome=\"completed\"}").await,
        completed,
        "one that fails is not one that was completed"
    );
    assert!(completed >= 1.0);
    assert!(value(&server, "cicerone_entry_writes_total").await >= 4.0);
    assert!(value(&server, "cicerone_commit_seconds_count").await >= 4.0);
    assert!(value(&server, "cicerone_commit_seconds_sum").await > 0.0);
    for name in ["commit_seconds", "answer_seconds", "first_text_seconds", "delivery_seconds"] {
        let all = value(&server, &format!("cicerone_{name}_count")).await;
        assert!(all >= 1.0, "{name}");
        assert_eq!(value(&server, &format!("cicerone_{name}_bucket{{le=\"+Inf\"}}")).await, all);
    }
}

#[actix::test]
async fn p10_numbers_are_for_admins() {
    let server = Setup::guide()
        .env("CICERONE_VIEWER_TOKEN", "viewer-0123456789")
        .env("CICERONE_ADMIN_TOKEN", "admin-0123456789")
        .start();
    for (token, expected) in [("viewer-0123456789", 403), ("admin-0123456789", 200), ("x", 401)] {
        let answer = reqwest::Client::new().get(server.url("/metrics")).bearer_auth(token).send();
        assert_eq!(answer.await.unwrap().status(), expected, "{token}");
    }
}
