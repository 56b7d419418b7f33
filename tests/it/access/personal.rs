//! Personal tokens: a program with one acts as its owner, within its scope, until it ends.

use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

use crate::server::{Gate, Server, Setup, eventually};

use super::rights::{ANA, BEN, Person, team};

pub type Headers = Vec<(&'static str, String)>;

pub async fn send(
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

pub async fn make(server: &Server, owner: &Headers, scope: &str) -> (String, String) {
    let wish = json!({ "name": "my laptop", "scope": scope });
    let (status, made) = send(server, owner, Method::POST, "/api/me/tokens", Some(wish)).await;
    assert_eq!(status, 200, "{made}");
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    (text("token"), text("id"))
}

pub fn shown(token: &str) -> Headers {
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

fn rpc(method: &str, params: Value) -> Option<Value> {
    Some(json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }))
}

fn call(tool: &str, arguments: Value) -> Option<Value> {
    rpc("tools/call", json!({ "name": tool, "arguments": arguments }))
}

async fn names_of_tools(server: &Server, token: &str) -> Vec<String> {
    let message = rpc("tools/list", json!({}));
    let (status, told) = send(server, &shown(token), Method::POST, "/mcp", message).await;
    assert_eq!(status, 200, "{told}");
    let tools = told["result"]["tools"].as_array().unwrap().iter();
    tools.map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
}

#[actix::test]
async fn p14_a_token_that_reads_uses_the_tools_that_read_and_no_other() {
    let server = people().start();
    let (reading, _) = make(&server, &in_groups(ANA, "team-a"), "read").await;
    let (others, _) = make(&server, &in_groups(BEN, "dev"), "read").await;
    let (asking, _) = make(&server, &in_groups(ANA, "team-a"), "ask").await;
    let tools = names_of_tools(&server, &reading).await;
    assert!(tools.iter().any(|it| it == "read_file") && !tools.iter().any(|it| it == "ask"));
    assert!(names_of_tools(&server, &asking).await.iter().any(|it| it == "ask"));
    let used = async |token: &str, message: Option<Value>| {
        let (status, told) = send(&server, &shown(token), Method::POST, "/mcp", message).await;
        assert_eq!(status, 200, "{told}");
        told["result"].clone()
    };
    let listed = used(&reading, call("list_projects", json!({}))).await;
    assert_eq!(listed["structuredContent"]["projects"].as_array().unwrap().len(), 2, "{listed}");
    // It acts as its owner here too.
    for (token, is_error) in [(&reading, false), (&others, true)] {
        let outlined = used(token, call("outline", json!({ "project": "hidden" }))).await;
        assert_eq!(outlined["isError"] == true, is_error, "{outlined}");
    }
    let refused = call("ask", json!({ "project": "demo", "question": "say yes" }));
    let refused = used(&reading, refused).await;
    assert_eq!(refused["isError"], true, "{refused}");
    assert!(refused["content"][0]["text"].as_str().unwrap().contains("may only read"));
    let list = "/api/assistant/conversations/demo";
    assert_eq!(send(&server, &ANA.headers(), Method::GET, list, None).await.1, json!([]));

    // It does not stop what its owner asks with another one, though it names the session.
    let in_session = |token: &str| {
        let mut headers = shown(token);
        headers.push(("mcp-session-id", "mine".to_owned()));
        headers
    };
    let gate = Gate::new(&server);
    let question = json!({ "project": "demo", "question": gate.script() + "\nsay yes" });
    let (question, headers) = (call("ask", question), in_session(&asking));
    let asked = send(&server, &headers, Method::POST, "/mcp", question);
    let cancelling = async {
        eventually("the question is stored", async || {
            let (_, list) = send(&server, &ANA.headers(), Method::GET, list, None).await;
            list.as_array().is_some_and(|list| !list.is_empty()).then_some(())
        })
        .await;
        let headers = in_session(&reading);
        let cancel = json!({
            "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 1 },
        });
        let cancel = send(&server, &headers, Method::POST, "/mcp", Some(cancel)).await;
        let end = send(&server, &headers, Method::DELETE, "/mcp", None).await;
        assert_eq!((cancel.0.as_u16(), end.0.as_u16()), (202, 204));
        gate.open();
    };
    let ((status, answered), ()) = tokio::join!(asked, cancelling);
    assert_eq!(status, 200, "{answered}");
    assert!(answered["result"]["isError"] != true, "{answered}");
    assert!(answered.to_string().contains("yes"), "{answered}");
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
