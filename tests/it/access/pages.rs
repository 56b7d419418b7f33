//! Which host a request may name, which pages may do something, and what every answer tells a
//! browser not to do.

use serde_json::json;

use crate::{
    client::Client,
    server::{Server, Setup},
};

use super::raw::{ask, ask_with};

const LIST: &str = "GET /api/projects";

/// How long a browser keeps scripts and styles, which change with their address.
const FOR_GOOD: &str = "public, max-age=31536000, immutable";

#[actix::test]
async fn p10_a_name_that_was_turned_to_this_machine_is_not_served() {
    let server = Setup::guide().start();
    let port = server.address().rsplit(':').next().unwrap();
    for own in ["127.0.0.1", "localhost", "[::1]"] {
        let host = format!("{own}:{port}");
        assert_eq!(ask_with(&server, LIST, &[("Host", &host)], "").await.status, 200, "{host}");
    }
    let evil = format!("evil.example:{port}");
    for path in ["GET /api/projects", "GET /", "GET /healthz", "DELETE /api/admin/sessions/demo"] {
        let refused = ask_with(&server, path, &[("Host", &evil)], "").await;
        assert_eq!(refused.status, 421, "{path}");
        assert!(refused.detail().contains("access.hosts"), "{refused:?}");
        assert!(!refused.body.contains("demo"));
    }
    let upgrade = Client::connect_with(server.address(), "demo", &[("host", &evil)]).await;
    assert_eq!(upgrade.err(), Some(421));
    // The first line counts as well, wherever the header points.
    let absolute = format!("GET http://{evil}/api/projects");
    assert_eq!(ask(&server, &absolute, &[]).await.status, 400);
    assert_eq!(ask_with(&server, &absolute, &[("Host", &evil)], "").await.status, 421);
}

#[actix::test]
async fn p10_a_request_names_exactly_one_host() {
    let server = Setup::guide().start();
    let own = server.address();
    for headers in [vec![], vec![("Host", own), ("Host", "evil.example")], vec![("Host", "a b")]] {
        assert_eq!(ask_with(&server, LIST, &headers, "").await.status, 400, "{headers:?}");
    }
    let old = ask_with(&server, "GET /api/projects HTTP/1.0\r\nX:", &[], "").await;
    assert_eq!(old.status, 400, "{old:?}");
}

#[actix::test]
async fn p10_a_host_that_is_added_is_served() {
    let server = Setup::guide().config("[access]\nhosts = [\"guide.example.org\"]\n").start();
    let headers = [("Host", "guide.example.org")];
    assert_eq!(ask_with(&server, LIST, &headers, "").await.status, 200);
    // A proxy with TLS stands before it.
    let page = [("Host", "guide.example.org"), ("Origin", "https://guide.example.org")];
    let line = "POST /api/assistant/conversations/demo";
    assert_eq!(ask_with(&server, line, &page, "").await.status, 200);
}

#[actix::test]
async fn p10_a_foreign_page_opens_no_socket_and_changes_nothing() {
    let server = Server::start();
    server.connect().await.start().await;
    let own = format!("http://{}", server.address());
    let connect = async |headers: &[(&str, &str)]| {
        Client::connect_with(server.address(), "demo", headers).await.err()
    };
    for origin in ["http://evil.example", "null", "http://localhost:5173", "https://evil.example"] {
        assert_eq!(connect(&[("origin", origin)]).await, Some(403), "{origin}");
        for line in [
            "DELETE /api/assistant/conversations/demo/1",
            "DELETE /api/assistant/sessions/demo",
            "DELETE /api/admin/sessions/demo",
            "POST /api/assistant/conversations/demo",
            "POST /login",
            "PATCH /api/assistant/conversations/demo/1",
            "PUT /x",
        ] {
            let refused = ask(&server, line, &[("Origin", origin)]).await;
            assert_eq!(refused.status, 403, "{line}");
            assert!(refused.detail().contains("access.origins"), "{refused:?}");
        }
        let read = ask(&server, LIST, &[("Origin", origin)]).await;
        assert_eq!((read.status, read.header("access-control-allow-origin")), (403, ""));
    }
    assert_eq!(connect(&[("sec-fetch-site", "cross-site")]).await, Some(403));
    assert_eq!(connect(&[("origin", &own), ("sec-fetch-site", "same-origin")]).await, None);
    assert_eq!(connect(&[]).await, None, "a program that is no browser sends no origin");
    let (status, list) = server.get("/api/assistant/conversations/demo").await;
    assert_eq!((status, list), (200, json!([])), "one that nobody wrote in is not listed");
    let (_, sessions) = server.get("/api/assistant/sessions").await;
    assert_eq!(sessions, json!(["demo"]), "the session was not closed");
    let deleted = ask(&server, "DELETE /api/assistant/sessions/demo", &[("Origin", &own)]).await;
    assert_eq!(deleted.status, 200);
}

#[actix::test]
async fn p10_what_a_page_of_another_site_loads_is_refused_and_a_link_is_not() {
    let server = Setup::guide().start();
    let script = format!("GET {}", server.asset("app.js").await);
    let status = async |line: &str, site: &str, mode: &str, dest: &str| {
        let headers =
            [("Sec-Fetch-Site", site), ("Sec-Fetch-Mode", mode), ("Sec-Fetch-Dest", dest)];
        ask(&server, line, &headers).await.status
    };
    let loaded = [
        ("cors", "empty"),
        ("no-cors", "image"),
        ("no-cors", "script"),
        ("no-cors", "document"),
        ("navigate", "iframe"),
        ("navigate", "embed"),
        ("navigate", "object"),
        ("navigate", ""),
        ("", "document"),
        ("websocket", "empty"),
    ];
    let of_the_interface = [
        LIST,
        "GET /api/assistant/conversations/demo",
        "GET /api/assistant/search/demo?q=x",
        "GET /api/projects/demo/files?q=x",
        "HEAD /api/projects",
        "OPTIONS /api/projects",
        "GET /api/me",
        "GET /api/openapi.json",
        "GET /api/admin/sessions",
        "GET /api/nothing",
        "GET /%61pi/projects",
        "GET /metrics",
        "GET /healthz",
        "GET /nothing",
    ];
    for site in ["cross-site", "same-site", "strange"] {
        for line in of_the_interface {
            for (mode, dest) in loaded {
                assert_eq!(
                    status(line, site, mode, dest).await,
                    403,
                    "{line} {site} {mode} {dest}"
                );
            }
        }
        for line in [LIST, "GET /", "GET /p/demo/1", "GET /api/openapi.json"] {
            assert_eq!(status(line, site, "navigate", "document").await, 200, "{line} {site}");
        }
        for line in ["POST /login", "POST /logout", "POST /api/assistant/conversations/demo"] {
            assert_eq!(status(line, site, "navigate", "document").await, 403, "{line} {site}");
        }
        // What is the page anybody may load; that it shows nothing is told by other headers.
        assert_eq!(status(&script, site, "no-cors", "script").await, 200);
    }
    for site in ["same-origin", "none"] {
        for (mode, dest) in loaded {
            assert_eq!(status(LIST, site, mode, dest).await, 200, "{site} {mode} {dest}");
        }
    }
    let several = [("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Site", "cross-site")];
    assert_eq!(ask(&server, LIST, &several).await.status, 403);
    assert_eq!(ask(&server, LIST, &[]).await.status, 200, "a program that is no browser");
}

#[actix::test]
async fn p10_a_page_that_is_named_may_use_the_interface_and_read_the_answers() {
    let origin = "http://localhost:5173";
    let setup = Setup::guide().config(&format!("[access]\norigins = [\"{origin}\"]\n"));
    let server = setup.start();
    let asked = [("Origin", origin), ("Access-Control-Request-Method", "DELETE")];
    let preflight = ask(&server, "OPTIONS /api/assistant/sessions/demo", &asked).await;
    assert_eq!(preflight.status, 204);
    assert!(preflight.header("access-control-allow-methods").contains("DELETE"));
    let read = ask(&server, LIST, &[("Origin", origin)]).await;
    for answer in [&preflight, &read] {
        assert_eq!(answer.header("access-control-allow-origin"), origin);
        assert_eq!(answer.header("access-control-allow-credentials"), "true");
        assert_eq!(answer.header("vary"), "Origin");
    }
    let headers = [("origin", origin)];
    assert!(Client::connect_with(server.address(), "demo", &headers).await.is_ok());
    let other = [("origin", "http://localhost:8888")];
    assert_eq!(Client::connect_with(server.address(), "demo", &other).await.err(), Some(403));
}

#[actix::test]
async fn p10_every_answer_tells_the_browser_what_not_to_do() {
    let setup = Setup::guide().env("CICERONE_VIEWER_TOKEN", "viewer-0123456789");
    let server = setup.start();
    let evil = [("Host", "evil.example")];
    let token = [("Authorization", "Bearer viewer-0123456789")];
    let script = format!("GET {}", server.asset("app.js").await);
    for (answer, status, cache) in [
        (ask(&server, "GET /", &[]).await, 200, "no-cache"),
        (ask(&server, "GET /p/demo/1", &[]).await, 200, "no-cache"),
        (ask(&server, "GET /login", &[]).await, 200, "no-cache"),
        (ask(&server, &script, &[]).await, 200, FOR_GOOD),
        (ask(&server, &script, &[("If-None-Match", "*")]).await, 304, FOR_GOOD),
        (ask(&server, "GET /assets/old/app.js", &[]).await, 404, "no-store"),
        (ask(&server, "GET /healthz", &[]).await, 200, "no-store"),
        (ask(&server, "GET /api/projects", &token).await, 200, "no-store"),
        (ask(&server, "GET /api/nothing", &token).await, 404, "no-store"),
        (ask(&server, "GET /api/projects", &[]).await, 401, "no-store"),
        (ask(&server, "POST /api/projects", &token).await, 405, "no-store"),
        (ask(&server, "GET /api/admin/sessions", &token).await, 403, "no-store"),
        (ask_with(&server, "GET /", &evil, "").await, 421, "no-store"),
    ] {
        assert_eq!(answer.status, status, "{answer:?}");
        assert_eq!(answer.header("cache-control"), cache, "{answer:?}");
        let policy = answer.header("content-security-policy");
        for rule in ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"] {
            assert!(policy.contains(rule), "{answer:?}");
        }
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("strict-transport-security", ""),
        ] {
            assert_eq!(answer.header(name), value, "{name} of {answer:?}");
        }
        assert!(answer.header("permissions-policy").contains("microphone=()"));
    }
}
