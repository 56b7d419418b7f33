//! P14: nobody sees what is not theirs. Every path, for everybody, of every owner.

use std::collections::BTreeSet;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::server::{Server, Setup};

const VIEWER: &str = "viewer-0123456789";
const ADMIN: &str = "admin-0123456789";
const OWN: &str = "/api/assistant/conversations/demo/{id}";

/// What a path requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    Nothing,
    /// A token; what it tells is chosen by who asks.
    Token,
    Admin,
    /// The right to read, write, delete, share or publish the conversation.
    Right(char),
}
use Needs::{Admin, Nothing, Right, Token};

/// Every path, with what makes a complete request.
pub const PATHS: &[(&str, &str, &str, Needs)] = &[
    ("GET", "/api/projects", "", Token),
    ("GET", "/api/projects/{project}/files", "?q=a", Token),
    ("GET", "/api/projects/{project}/file", "?path=README.md", Token),
    ("GET", "/api/projects/{project}/file/places", "?path=README.md&q=a", Token),
    ("GET", "/api/projects/{project}/commit", "?hash=abcdef0", Token),
    ("GET", "/api/projects/{project}/text", "?q=a", Token),
    ("GET", "/api/projects/{project}/tree", "", Token),
    ("GET", "/api/projects/{project}/symbols", "?q=a", Token),
    ("GET", "/api/projects/{project}/uses", "?name=a", Token),
    ("GET", "/api/projects/{project}/blame", "?path=README.md&line=1", Token),
    ("POST", "/api/projects/{project}/drawings", r#"{"drawings":[]}"#, Token),
    ("GET", "/api/projects/{project}/drawings/{name}", "", Token),
    ("GET", "/api/projects/{project}/notes", "", Token),
    ("GET", "/api/projects/{project}/budget", "", Token),
    ("GET", "/api/projects/{project}/questions", "", Token),
    ("GET", "/api/projects/{project}/questions/similar", "?q=a", Token),
    ("GET", "/api/assistant/asked/{project}", "?q=a", Token),
    ("GET", "/api/assistant/search/{project}", "?q=a", Token),
    ("POST", "/api/v1/ask", r#"{"project":"demo","question":"say yes"}"#, Token),
    ("GET", "/api/v1/ask/{project}/{id}", "", Right('r')),
    ("DELETE", "/api/v1/ask/{project}/{id}", "", Right('w')),
    (
        "POST",
        "/mcp",
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"ask","arguments":{"project":"demo","question":"say yes"}}}"#,
        Token,
    ),
    ("DELETE", "/mcp", "", Token),
    ("GET", "/v1/models", "", Token),
    ("GET", "/v1/models/{model}", "", Token),
    (
        "POST",
        "/v1/chat/completions",
        r#"{"model":"demo","messages":[{"role":"user","content":"say yes"}]}"#,
        Token,
    ),
    ("GET", "/api/assistant/ws/{project}", "", Token),
    ("GET", "/api/assistant/events/{project}", "", Token),
    ("POST", "/api/assistant/events/{project}/{stream}", "{}", Token),
    ("DELETE", "/api/assistant/events/{project}/{stream}", "", Token),
    ("GET", "/api/assistant/conversations/{project}", "", Token),
    ("POST", "/api/assistant/conversations/{project}", "", Token),
    ("GET", "/api/assistant/conversations/{project}/{id}", "", Right('r')),
    ("PATCH", "/api/assistant/conversations/{project}/{id}", r#"{"title":"t"}"#, Right('w')),
    ("GET", "/api/assistant/conversations/{project}/{id}/export", "", Right('r')),
    ("POST", "/api/assistant/conversations/{project}/{id}/attachments", "?name=a.txt", Right('w')),
    ("GET", "/api/assistant/conversations/{project}/{id}/attachments/{attachment}", "", Right('r')),
    ("PUT", "/api/assistant/conversations/{project}/{id}/notes/{turn}", "", Right('w')),
    ("DELETE", "/api/assistant/conversations/{project}/{id}/notes/{turn}", "", Right('w')),
    ("GET", "/api/assistant/conversations/{project}/{id}/reactions", "", Right('r')),
    (
        "PUT",
        "/api/assistant/conversations/{project}/{id}/reactions/{turn}",
        r#"{"verdict":"useful"}"#,
        Right('r'),
    ),
    ("DELETE", "/api/assistant/conversations/{project}/{id}/reactions/{turn}", "", Right('r')),
    ("GET", "/api/assistant/conversations/{project}/{id}/references", "?turn=1", Right('r')),
    ("POST", "/api/assistant/conversations/{project}/{id}/guests", r#"{"link":"x"}"#, Right('r')),
    ("GET", "/api/assistant/conversations/{project}/{id}/follow-ups", "?turn=1", Right('r')),
    ("POST", "/api/assistant/conversations/{project}/{id}/fork", r#"{"turn":1}"#, Right('r')),
    (
        "PUT",
        "/api/assistant/conversations/{project}/{id}/visibility",
        r#"{"visibility":"same"}"#,
        Right('s'),
    ),
    ("PUT", "/api/assistant/conversations/{project}/{id}/link", "", Right('s')),
    ("DELETE", "/api/assistant/conversations/{project}/{id}/link", "", Right('s')),
    ("GET", "/api/assistant/conversations/{project}/{id}/snapshot", "", Right('p')),
    ("PUT", "/api/assistant/conversations/{project}/{id}/snapshot", "", Right('p')),
    ("DELETE", "/api/assistant/conversations/{project}/{id}/snapshot", "", Right('p')),
    ("GET", "/s/{token}", "", Nothing),
    ("DELETE", "/api/assistant/conversations/{project}/{id}", "", Right('d')),
    ("GET", "/api/assistant/sessions", "", Token),
    ("GET", "/api/assistant/sessions/{project}", "", Token),
    ("DELETE", "/api/assistant/sessions/{project}", "", Admin),
    ("GET", "/api/admin/repositories", "", Admin),
    ("POST", "/api/admin/repositories/{project}", "{}", Admin),
    ("GET", "/api/admin/status", "", Admin),
    ("GET", "/api/admin/reactions", "", Admin),
    ("GET", "/api/admin/snapshots", "", Admin),
    ("DELETE", "/api/admin/snapshots/{project}/{conversation}", "", Admin),
    ("GET", "/api/admin/usage", "", Admin),
    ("GET", "/api/admin/charts", "", Admin),
    ("GET", "/api/admin/actions", "", Admin),
    ("GET", "/api/admin/sessions", "", Admin),
    ("DELETE", "/api/admin/sessions/{project}/{conversation}", "", Admin),
    ("DELETE", "/api/admin/sessions/{project}", "", Admin),
    ("GET", "/api/me", "", Token),
    ("GET", "/api/me/tokens", "", Token),
    ("POST", "/api/me/tokens", r#"{"name":"a","scope":"read"}"#, Token),
    ("DELETE", "/api/me/tokens/{id}", "", Token),
    ("GET", "/api/admin/tokens", "", Admin),
    ("DELETE", "/api/admin/tokens/{id}", "", Admin),
    ("GET", "/login", "", Nothing),
    ("POST", "/login", "", Nothing),
    ("GET", "/login/options", "", Nothing),
    ("GET", "/.well-known/oauth-protected-resource", "", Nothing),
    ("GET", "/login/begin", "", Nothing),
    ("GET", "/login/callback", "", Nothing),
    ("POST", "/logout", "", Nothing),
    ("GET", "/api/asyncapi.json", "", Token),
    ("GET", "/api/openapi.json", "", Token),
    ("GET", "/api/health", "", Token),
    ("GET", "/healthz", "", Nothing),
    ("GET", "/api/cluster/store", "", Nothing),
    ("GET", "/metrics", "", Admin),
    ("GET", "/readyz", "", Nothing),
];

/// Whoever may publish can.
pub const PUBLIC: &str = "public_snapshots = true\n";

/// Somebody who sends requests: a token and a name.
#[derive(Debug, Clone, Copy)]
pub struct Person {
    pub token: Option<&'static str>,
    pub user: Option<&'static str>,
}

const fn person(token: Option<&'static str>, user: Option<&'static str>) -> Person {
    Person { token, user }
}

const STRANGER: Person = person(None, Some("ana"));
const BAD_TOKEN: Person = person(Some("viewer-9876543210"), Some("ana"));
pub const NAMELESS: Person = person(Some(VIEWER), None);
pub const ANA: Person = person(Some(VIEWER), Some("ana"));
pub const BEN: Person = person(Some(VIEWER), Some("ben"));
pub const CEM: Person = person(Some(VIEWER), Some("cem"));
pub const ADMINISTRATOR: Person = person(Some(ADMIN), Some("eve"));

impl Person {
    pub fn headers(self) -> Vec<(&'static str, String)> {
        let token = self.token.map(|token| ("authorization", format!("Bearer {token}")));
        let user = self.user.map(|user| ("x-forwarded-user", user.to_owned()));
        token.into_iter().chain(user).collect()
    }

    pub async fn send(
        self,
        server: &Server,
        method: &str,
        path: &str,
        body: &str,
    ) -> (StatusCode, Value) {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = reqwest::Client::new().request(method, server.url(path));
        for (name, value) in self.headers() {
            request = request.header(name, value);
        }
        if !body.is_empty() {
            request = request.header("content-type", "application/json").body(body.to_owned());
        }
        let answer = request.send().await.unwrap();
        let status = answer.status();
        // A stream of events has no end.
        if answer.headers().get("content-type").is_some_and(|it| it == "text/event-stream") {
            return (status, Value::Null);
        }
        (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default())
    }
}

/// A server whose users a proxy names, with tokens.
pub fn team(settings: &str) -> Setup {
    Setup::scripted()
        .config(&format!(
            "[access]\ntrusted_proxies = [\"127.0.0.1\"]\nuser_header = \"X-Forwarded-User\"\n\
             [limits]\nfailed_logins_per_minute = 100000\n[advanced.limits]\n\
             conversations_per_minute = 100000\nempty_conversations = 100000\n[team]\n{settings}"
        ))
        .env("CICERONE_VIEWER_TOKEN", VIEWER)
        .env("CICERONE_ADMIN_TOKEN", ADMIN)
}

/// Makes a conversation of somebody's private.
pub async fn make_private(server: &Server, owner: Person, id: i64) {
    let path = format!("/api/assistant/conversations/demo/{id}/visibility");
    let (status, made) = owner.send(server, "PUT", &path, r#"{"visibility":"private"}"#).await;
    assert_eq!((status.as_u16(), &made["visibility"]), (200, &json!("private")), "{made}");
}

pub fn filled(path: &str, project: &str, id: i64) -> String {
    let id = id.to_string();
    let numbers = [("{id}", id.as_str()), ("{conversation}", &id), ("{turn}", "1")];
    let names = ["{attachment}", "{name}", "{stream}", "{token}"].map(|name| (name, "none"));
    let all =
        [("{project}", project), ("{model}", project)].into_iter().chain(numbers).chain(names);
    all.fold(path.to_owned(), |path, (name, value)| path.replace(name, value))
}

#[derive(Debug, Clone, Copy)]
enum Whose {
    Nobodys,
    AnasOpen,
    AnasPrivate,
    /// Private, and Cem has opened its link.
    AnasShared,
}

async fn conversation(server: &Server, whose: Whose) -> i64 {
    let owner = if matches!(whose, Whose::Nobodys) { NAMELESS } else { ANA };
    let list = "/api/assistant/conversations/demo";
    let (_, made) = owner.send(server, "POST", list, "").await;
    let id = made["id"].as_i64().unwrap();
    if matches!(whose, Whose::AnasPrivate | Whose::AnasShared) {
        make_private(server, owner, id).await;
    }
    if matches!(whose, Whose::AnasShared) {
        let (_, link) = ANA.send(server, "PUT", &format!("{list}/{id}/link"), "").await;
        let (guests, link) = (format!("{list}/{id}/guests"), link.to_string());
        assert_eq!(CEM.send(server, "POST", &guests, &link).await.0, 200);
    }
    id
}

/// Sends a request, complete but for its token.
async fn request(
    server: &Server,
    who: Person,
    (method, path, with, _): (&str, &str, &str, Needs),
    (id, visibility): (i64, &str),
) -> (StatusCode, Value) {
    let (query, body) = if with.starts_with('?') { (with, "") } else { ("", with) };
    let body = body.replace("same", visibility);
    who.send(server, method, &(filled(path, "demo", id) + query), &body).await
}

/// Which rights somebody has in whose conversation.
const RIGHTS: [(Person, [(Whose, &str); 4]); 5] = {
    use Whose::{AnasOpen, AnasPrivate, AnasShared, Nobodys};
    [
        (NAMELESS, [(Nobodys, "rwdp"), (AnasOpen, "rwd"), (AnasPrivate, ""), (AnasShared, "")]),
        (
            ANA,
            [(Nobodys, "rwdp"), (AnasOpen, "rwdsp"), (AnasPrivate, "rwdsp"), (AnasShared, "rwdsp")],
        ),
        (BEN, [(Nobodys, "rwdp"), (AnasOpen, "rwd"), (AnasPrivate, ""), (AnasShared, "")]),
        (CEM, [(Nobodys, "rwdp"), (AnasOpen, "rwd"), (AnasPrivate, ""), (AnasShared, "r")]),
        (
            ADMINISTRATOR,
            [(Nobodys, "rwdp"), (AnasOpen, "rwdsp"), (AnasPrivate, "d"), (AnasShared, "d")],
        ),
    ]
};

#[actix::test]
async fn p14_every_path_of_the_description_has_its_row_in_the_matrix() {
    let server = team("").start();
    let (_, description) = NAMELESS.send(&server, "GET", "/api/openapi.json", "").await;
    let paths = description["paths"].as_object().unwrap();
    let described: BTreeSet<_> = paths
        .iter()
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap().keys();
            methods.map(|method| (method.to_uppercase(), path.clone()))
        })
        .collect();
    let rows = PATHS.iter().map(|(method, path, ..)| ((*method).to_owned(), (*path).to_owned()));
    assert_eq!(rows.collect::<BTreeSet<_>>(), described);
}

#[actix::test]
async fn p14_a_path_opens_to_those_who_have_shown_what_it_requires() {
    let server = team(PUBLIC).start();
    for who in [STRANGER, BAD_TOKEN, NAMELESS, BEN, ADMINISTRATOR] {
        for row in PATHS {
            let id = conversation(&server, Whose::Nobodys).await;
            let (status, told) = request(&server, who, *row, (id, "team")).await;
            let is_known = who.token.is_some() && who.token != BAD_TOKEN.token;
            let expected = match row.3 {
                Token | Admin | Right(_) if !is_known => Some(401),
                Admin if who.token != Some(ADMIN) => Some(403),
                _ => None,
            };
            let told = format!("{who:?} {row:?}: {status} {told}");
            match expected {
                Some(expected) => assert_eq!(status, expected, "{told}"),
                // One of nobody is shared by nobody.
                None if row.3 == Right('s') => assert_eq!(status, 403, "{told}"),
                None if row.1 == "/login" => (),
                None => assert!(status != 401 && status != 403, "{told}"),
            }
        }
    }
}

async fn check_rights(server: &Server, who: Person, whose: Whose, rights: &str) {
    for row in PATHS {
        let Right(right) = row.3 else { continue };
        let id = conversation(server, whose).await;
        let visibility = if matches!(whose, Whose::AnasOpen) { "team" } else { "private" };
        let (status, told) = request(server, who, *row, (id, visibility)).await;
        let is_unknown = status == 404 && told["detail"] == "Conversation not found";
        let told = format!("{who:?} {whose:?} {row:?}: {status} {told}");
        if rights.contains(right) {
            assert!(!is_unknown && status != 401 && status != 403, "{told}");
        } else if rights.contains('r') {
            assert_eq!(status, 403, "{told}");
        } else {
            assert!(is_unknown, "{told}");
        }
        // What was refused is still there.
        if !rights.contains(right) {
            let path = OWN.replace("{id}", &id.to_string());
            let owner = if matches!(whose, Whose::Nobodys) { NAMELESS } else { ANA };
            assert_eq!(owner.send(server, "GET", &path, "").await.0, 200, "{told}");
        }
    }
}

#[actix::test]
async fn p14_everybody_may_with_each_conversation_what_its_owner_allows_on_every_path() {
    let server = team(PUBLIC).start();
    for (who, of_each) in RIGHTS {
        for (whose, rights) in of_each {
            check_rights(&server, who, whose, rights).await;
        }
    }
    let reading = team("admins_read = true\npublic_snapshots = true\n").start();
    check_rights(&reading, ADMINISTRATOR, Whose::AnasPrivate, "rdsp").await;
    check_rights(&reading, BEN, Whose::AnasPrivate, "").await;
}

#[actix::test]
async fn p14_everybody_may_with_each_conversation_the_same_over_a_socket() {
    let server = team(PUBLIC).start();
    for (who, of_each) in RIGHTS {
        for (whose, rights) in of_each {
            let id = conversation(&server, whose).await;
            let told = format!("{who:?} {whose:?}");
            let mut client = connect(&server, who).await;
            client.send(json!({ "type": "start", "protocol": 1, "conversation_id": id })).await;
            if !rights.contains('r') {
                let (frames, code, _) = client.until_closed().await;
                assert_eq!(code, 4404, "{told}");
                let unknown = format!("Conversation {id} not found in this project.");
                assert!(frames[0].contains(&unknown), "{told}: {frames:?}");
                onward_is_unknown(&server, who, id).await;
                continue;
            }
            let attached = client.until("caught_up").await.remove(0);
            let may = &attached["sharing"];
            assert_eq!(may.is_null(), who.user.is_none(), "{told}: {attached}");
            assert_eq!(attached["may_publish"] == true, rights.contains('p'), "{told}: {attached}");
            if who.user.is_some() {
                assert_eq!(may["may_write"], rights.contains('w'), "{told}: {attached}");
                assert_eq!(may["may_share"], rights.contains('s'), "{told}: {attached}");
            }
            client.post("m", "say yes").await;
            let answer = client.until_any(&["accepted", "error"]).await.pop().unwrap();
            let expected = if rights.contains('w') { "accepted" } else { "error" };
            assert_eq!(answer["type"], expected, "{told}: {answer}");
            if !rights.contains('w') {
                client.send(json!({ "type": "withdraw", "turn": 1 })).await;
                assert_eq!(client.until("error").await.pop().unwrap()["retryable"], false);
            }
        }
    }
}

pub async fn connect(server: &Server, who: Person) -> crate::client::Client {
    let headers = who.headers();
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    crate::client::Client::connect_with(server.address(), "demo", &headers).await.unwrap()
}

/// Nobody takes a question out of a conversation that they may not read.
async fn onward_is_unknown(server: &Server, who: Person, id: i64) {
    let mut client = connect(server, who).await;
    client.begin().await;
    client.send(json!({ "type": "retry", "turn": 1, "conversation_id": id })).await;
    let refused = client.until("error").await.pop().unwrap();
    let content = refused["content"].as_str().unwrap();
    assert!(content.contains("not found in this project"), "{who:?}: {refused}");
}
