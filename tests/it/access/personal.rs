//! Personal tokens: a program with one acts as its owner, within its scope, until it ends.

use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

use crate::server::{Server, Setup, eventually};

use super::rights::{ANA, BEN, Person, team};

type Headers = Vec<(&'static str, String)>;

async fn send(
    server: &Server,
    headers: &Headers,
    method: Method,
    path: &str,
    body: Option<Value>,
) -> (StatusCode, Value) {
    let mut request = Client::new().request(method, server.url(path));
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    if let Some(body) = body {
        request = request.json(&body);
    }
    let answer = request.send().await.unwrap();
    let status = answer.status();
    (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default())
}

fn in_groups(person: Person, groups: &str) -> Headers {
    let mut headers = person.headers();
    headers.push(("x-forwarded-groups", groups.to_owned()));
    headers
}

async fn make(server: &Server, owner: &Headers, scope: &str) -> (String, String) {
    let wish = json!({ "name": "my laptop", "scope": scope });
    let (status, made) = send(server, owner, Method::POST, "/api/me/tokens", Some(wish)).await;
    assert_eq!(status, 200, "{made}");
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    (text("token"), text("id"))
}

fn shown(token: &str) -> Headers {
    vec![("authorization", format!("Bearer {token}"))]
}

/// A server whose proxy names people and groups, with a project for `team-a`.
fn people() -> Setup {
    let table = "[projects.hidden]\ndir = \"x\"\naccess = [\"team-a\"]\n";
    let setup = team(table).project("hidden");
    let file = setup.files_dir().join("cicerone.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let access = "[access]\ngroups_header = \"X-Forwarded-Groups\"\nadmin_groups = [\"ops\"]";
    std::fs::write(&file, text.replacen("[access]", access, 1)).unwrap();
    setup
}

async fn projects(server: &Server, headers: &Headers) -> usize {
    let (status, list) = send(server, headers, Method::GET, "/api/projects", None).await;
    assert_eq!(status, 200, "{list}");
    list.as_array().unwrap().len()
}

#[actix::test]
async fn a_personal_token_acts_as_its_owner_and_survives_a_restart() {
    let mut server = people().start();
    let (token, _) = make(&server, &in_groups(ANA, "team-a"), "ask").await;
    assert!(token.starts_with("cicerone_") && token.len() > 60, "{token}");
    for is_again in [false, true] {
        if is_again {
            server.crash();
        }
        let (_, me) = send(&server, &shown(&token), Method::GET, "/api/me", None).await;
        assert_eq!((&me["user"], &me["role"]), (&json!("ana"), &json!("viewer")), "{me}");
        assert_eq!(projects(&server, &shown(&token)).await, 2);
        // Whoever else a proxy names.
        let mut as_ben = shown(&token);
        as_ben.push(("x-forwarded-user", "ben".to_owned()));
        let (_, me) = send(&server, &as_ben, Method::GET, "/api/me", None).await;
        assert_eq!(me["user"], "ana");
        let question = json!({ "project": "hidden", "question": "say yes" });
        let asked =
            send(&server, &shown(&token), Method::POST, "/api/v1/ask", Some(question)).await;
        assert_eq!(asked.0, 200, "{}", asked.1);
    }
    let stored = std::fs::read(server.data_dir().join("cicerone.db")).unwrap();
    let wal = std::fs::read(server.data_dir().join("cicerone.db-wal")).unwrap_or_default();
    for bytes in [stored, wal] {
        assert!(!bytes.windows(token.len()).any(|part| part == token.as_bytes()), "it is stored");
    }
    assert!(!server.log().contains(&token));
    let mine = send(&server, &ANA.headers(), Method::GET, "/api/me/tokens", None).await.1;
    assert_eq!((&mine[0]["name"], &mine[0]["scope"]), (&json!("my laptop"), &json!("ask")));
    assert!(mine[0]["used_at"].is_i64() && !mine.to_string().contains(&token), "{mine}");
}

#[actix::test]
async fn p14_a_token_may_no_more_than_its_scope_and_its_owner() {
    let server = people().start();
    let (reading, _) = make(&server, &in_groups(ANA, "team-a"), "read").await;
    let (asking, _) = make(&server, &in_groups(ANA, "team-a"), "ask").await;
    let question = || Some(json!({ "project": "demo", "question": "say yes" }));
    for path in ["/api/v1/ask", "/v1/chat/completions", "/api/assistant/conversations/demo"] {
        let (status, told) = send(&server, &shown(&reading), Method::POST, path, question()).await;
        assert_eq!(status, 403, "{path} {told}");
    }
    let conversation = "/api/assistant/conversations/demo/1";
    for method in [Method::DELETE, Method::PATCH] {
        assert_eq!(send(&server, &shown(&reading), method, conversation, None).await.0, 403);
    }
    for path in ["/api/assistant/ws/demo", "/api/assistant/events/demo"] {
        assert_eq!(send(&server, &shown(&reading), Method::GET, path, None).await.0, 403, "{path}");
    }
    // A token makes no other, and lists and revokes none.
    let wish = || Some(json!({ "name": "x", "scope": "read" }));
    for token in [&reading, &asking] {
        let made = send(&server, &shown(token), Method::POST, "/api/me/tokens", wish()).await;
        assert_eq!(made.0, 403, "{}", made.1);
        assert_eq!(send(&server, &shown(token), Method::GET, "/api/me/tokens", None).await.0, 403);
    }
    // Administration takes a wish for it and an owner who may.
    let admin = || Some(json!({ "name": "x", "scope": "admin" }));
    let refused = send(&server, &ANA.headers(), Method::POST, "/api/me/tokens", admin()).await;
    assert_eq!(refused.0, 403, "{}", refused.1);
    let (plain, _) = make(&server, &in_groups(BEN, "ops"), "ask").await;
    let (admins, _) = make(&server, &in_groups(BEN, "ops"), "admin").await;
    let status = async |token: &str| {
        send(&server, &shown(token), Method::GET, "/api/admin/sessions", None).await.0
    };
    assert_eq!(
        (status(&plain).await, status(&admins).await),
        (StatusCode::FORBIDDEN, StatusCode::OK)
    );
    // Ben leaves the group, and Ana hers: their tokens may no more than they may.
    projects(&server, &in_groups(BEN, "dev")).await;
    projects(&server, &in_groups(ANA, "dev")).await;
    assert_eq!(status(&admins).await, 403);
    assert_eq!(projects(&server, &shown(&asking)).await, 1);
}

#[actix::test]
async fn p14_a_revoked_token_lets_nobody_in_and_closes_what_it_has_opened() {
    let mut server = people().start();
    let (token, id) = make(&server, &ANA.headers(), "ask").await;
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str())];
    let client = crate::client::Client::connect_with(server.address(), "demo", &headers);
    let mut client = client.await.unwrap();
    client.begin().await;
    // Others cannot, and are not told that it is there.
    let path = format!("/api/me/tokens/{id}");
    assert_eq!(send(&server, &BEN.headers(), Method::DELETE, &path, None).await.0, 404);
    assert_eq!(send(&server, &ANA.headers(), Method::DELETE, &path, None).await.0, 204);
    assert_eq!(send(&server, &shown(&token), Method::GET, "/api/projects", None).await.0, 401);
    let (_, code, _) = client.until_closed().await;
    assert_eq!(code, 1008);
    server.crash();
    assert_eq!(send(&server, &shown(&token), Method::GET, "/api/projects", None).await.0, 401);
    let log =
        send(&server, &in_groups(BEN, "ops"), Method::GET, "/api/admin/actions", None).await.1;
    let kinds: Vec<_> = log.as_array().unwrap().iter().map(|it| it["kind"].as_str()).collect();
    assert_eq!(&kinds[..2], [Some("revoked_token"), Some("made_token")], "{log}");
    assert_eq!(log[0]["detail"], "my laptop");
}

#[actix::test]
async fn p14_what_is_no_token_is_refused_also_where_nobody_needs_one() {
    let setup = people().env("CICERONE_VIEWER_TOKEN", "").env("CICERONE_ADMIN_TOKEN", "");
    let server = setup.start();
    let ana: Headers = vec![("x-forwarded-user", "ana".to_owned())];
    let (token, _) = make(&server, &ana, "ask").await;
    for wrong in [format!("{token}0"), token[..token.len() - 1].to_owned(), "cicerone_".to_owned()]
    {
        assert_eq!(send(&server, &shown(&wrong), Method::GET, "/api/me", None).await.0, 401);
    }
    // The secret of a token is no login, and a cookie is no token.
    let cookie = format!("cicerone-login-{}={token}", server.address().rsplit(':').next().unwrap());
    let (_, me) = send(&server, &vec![("cookie", cookie)], Method::GET, "/api/me", None).await;
    assert!(me["user"].is_null(), "{me}");
    for (wish, status) in [
        (json!({ "name": "", "scope": "read" }), 422),
        (json!({ "name": "x".repeat(101), "scope": "read" }), 422),
        (json!({ "name": "a\nb", "scope": "read" }), 422),
        (json!({ "name": "x", "scope": "read", "days": 0 }), 422),
        (json!({ "name": "x", "scope": "read", "days": 367 }), 422),
        (json!({ "name": "x", "scope": "everything" }), 422),
    ] {
        let made = send(&server, &ana, Method::POST, "/api/me/tokens", Some(wish.clone())).await;
        assert_eq!(made.0.as_u16(), status, "{wish} {}", made.1);
    }
    // Nobody has tokens without a name.
    assert_eq!(send(&server, &Vec::new(), Method::GET, "/api/me/tokens", None).await.0, 409);
    for _ in 1..50 {
        make(&server, &ana, "read").await;
    }
    let wish = Some(json!({ "name": "x", "scope": "read" }));
    assert_eq!(send(&server, &ana, Method::POST, "/api/me/tokens", wish).await.0, 409);
}

#[actix::test]
async fn a_token_ends_on_its_day() {
    let mut server = people().start();
    let (token, _) = make(&server, &ANA.headers(), "ask").await;
    server.kill();
    let database = server.writable_database();
    database.execute("UPDATE credentials SET ends_at = unixepoch() + 3", ()).unwrap();
    drop(database);
    server.launch_again();
    assert_eq!(send(&server, &shown(&token), Method::GET, "/api/me", None).await.0, 200);
    eventually("the token ends", async || {
        let (status, _) = send(&server, &shown(&token), Method::GET, "/api/me", None).await;
        (status == 401).then_some(())
    })
    .await;
}
