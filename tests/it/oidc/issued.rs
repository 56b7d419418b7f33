//! Tokens that the provider gives out to programs for `/mcp`.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{mcp_http, server::Server};

use super::{
    fake::{self, Fake},
    with_provider,
};

const METADATA: &str = "/.well-known/oauth-protected-resource";

/// Claims of a token of Ana's for this server.
fn claims(fake: &Fake, server: &Server) -> Value {
    let now = fake::now();
    json!({
        "iss": fake.issuer, "aud": [server.url("/mcp")], "sub": "1", "exp": now + 300, "iat": now,
        "client_id": "some-editor", "azp": "some-editor", "email": "ana@example.org",
        "email_verified": true, "groups": ["team-a"],
    })
}

/// Asks with a token for the list of projects.
async fn list(server: &Server, token: &str) -> (StatusCode, Value) {
    let call = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": { "name": "list_projects", "arguments": {} },
    });
    let answer = mcp_http::send(server, &call).bearer_auth(token).send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

#[actix::test]
async fn a_program_is_told_where_to_get_a_token_and_is_let_in_with_it() {
    let fake = Fake::start();
    let server = with_provider(&fake.issuer, "").start();
    let refused = reqwest::Client::new().post(server.url("/mcp")).json(&json!({})).send().await;
    let challenge = refused.unwrap().headers()["www-authenticate"].to_str().unwrap().to_owned();
    let address = server.url(METADATA);
    assert!(challenge.contains(&format!("resource_metadata=\"{address}\"")), "{challenge}");
    let (status, metadata) = server.get(METADATA).await;
    assert_eq!(status, 200, "{metadata}");
    assert_eq!(metadata["resource"], server.url("/mcp"));
    assert_eq!(metadata["authorization_servers"], json!([fake.issuer]));

    let token = fake.signed(&claims(&fake, &server));
    let (status, answer) = list(&server, &token).await;
    assert_eq!(status, 200, "{answer}");
    assert!(answer["result"].to_string().contains("hidden"), "{answer}");
    let mut of_others = claims(&fake, &server);
    of_others["groups"] = json!(["team-b", "ops"]);
    let (status, answer) = list(&server, &fake.signed(&of_others)).await;
    assert_eq!(status, 200, "{answer}");
    assert!(!answer["result"].to_string().contains("hidden"), "{answer}");
    // It is for nothing else, and administers nothing.
    for path in ["/api/me", "/api/projects", "/api/admin/status"] {
        let request = reqwest::Client::new().get(server.url(path)).bearer_auth(&token);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 401, "{path}");
        let challenge = answer.headers()["www-authenticate"].to_str().unwrap();
        assert!(!challenge.contains("resource_metadata"), "{path}: {challenge}");
    }
}

#[actix::test]
async fn a_token_that_is_not_for_this_server_lets_nobody_in() {
    let fake = Fake::start();
    let server = with_provider(&fake.issuer, "allow = [\"team-a\"]\n").start();
    let good = claims(&fake, &server);
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        fake.signed(&claims)
    };
    let now = fake::now();
    let good_token = fake.signed(&good);
    assert_eq!(list(&server, &good_token).await.0, 200);
    let mut tampered = good.clone();
    tampered["groups"] = json!(["ops"]);
    let parts: Vec<_> = good_token.split('.').collect();
    let tampered = format!("{}.{}.{}", parts[0], fake::encoded(&tampered), parts[2]);
    for (what, token) in [
        ("another resource", with("aud", json!("https://other.example.org/mcp"))),
        ("no resource", with("aud", Value::Null)),
        ("a login", with("aud", json!("cicerone"))),
        ("a login with this audience too", with("nonce", json!("n"))),
        ("this server without the path", with("aud", json!(server.url("")))),
        ("another issuer", with("iss", json!("https://other.example.org"))),
        ("an end that has been", with("exp", json!(now - 120))),
        ("no end", with("exp", Value::Null)),
        ("a begin that is to come", with("nbf", json!(now + 600))),
        ("an issue that is to come", with("iat", json!(now + 600))),
        ("no signature", fake::unsigned("none", &good)),
        ("a signature by a secret", fake::with_secret(&good)),
        ("other claims", tampered),
        ("another key", Fake::start().signed(&good)),
        ("no name", with("email", Value::Null)),
        ("a name that is not confirmed", with("email_verified", json!(false))),
        ("no token", "a.b.c".to_owned()),
        ("an empty token", "..".to_owned()),
        ("a long token", format!("a.{}.c", "b".repeat(20_000))),
    ] {
        let (status, answer) = list(&server, &token).await;
        assert!(status.is_client_error(), "{what}: {status} {answer}");
        assert_ne!(status, 403, "{what}: {answer}");
    }
    let (status, answer) = list(&server, &with("groups", json!(["team-b"]))).await;
    assert_eq!(status, 403, "{answer}");
    assert!(answer.to_string().contains("ana@example.org may not use this server"), "{answer}");
}

#[actix::test]
async fn keys_that_change_are_believed_after_a_while_and_an_outage_is_told() {
    let mut fake = Fake::start();
    let server = with_provider(&fake.issuer, "").start();
    assert_eq!(list(&server, &fake.signed(&claims(&fake, &server))).await.0, 200);
    fake.change_key();
    let token = fake.signed(&claims(&fake, &server));
    tokio::time::timeout(Duration::from_secs(40), async {
        while list(&server, &token).await.0 != 200 {}
    })
    .await
    .unwrap();
    let server = with_provider(&fake.issuer, "").start();
    let token = fake.signed(&claims(&fake, &server));
    fake.stop();
    let (status, answer) = list(&server, &token).await;
    assert_eq!(status, 502, "{answer}");
    assert!(answer["detail"].as_str().unwrap().contains("cannot be reached"), "{answer}");
}
