//! Who has shown what, and what they may do with it.

use std::{
    fs,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    client::Client,
    server::{Server, Setup},
};

use super::raw::{Answer, ask, ask_with};

const VIEWER: &str = "viewer-0123456789";
const ADMIN: &str = "admin-0123456789";
const LIST: &str = "GET /api/projects";

fn guarded() -> Setup {
    Setup::guide().env("CICERONE_VIEWER_TOKEN", VIEWER).env("CICERONE_ADMIN_TOKEN", ADMIN)
}

async fn with_token(server: &Server, line: &str, token: &str) -> Answer {
    ask(server, line, &[("Authorization", &format!("Bearer {token}"))]).await
}

async fn log_in(server: &Server, token: &str) -> Answer {
    log_in_with(server, token, "").await
}

/// The same from a browser that has these cookies.
async fn log_in_with(server: &Server, token: &str, cookies: &str) -> Answer {
    let body = format!("token={token}");
    let length = body.len().to_string();
    let headers = [
        ("Host", server.address()),
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Content-Length", &length),
        ("Cookie", cookies),
    ];
    ask_with(server, "POST /login", &headers, &body).await
}

#[actix::test]
async fn p10_nothing_of_a_project_is_shown_without_a_token() {
    let server = guarded().start();
    for line in [
        LIST,
        "GET /api/assistant/conversations/demo",
        "GET /api/assistant/sessions",
        "GET /api/admin/sessions",
        "GET /api/me",
        "GET /api",
        "GET /metrics",
        "DELETE /api/assistant/conversations/demo/1",
        "GET /%61pi/projects",
    ] {
        let refused = ask(&server, line, &[]).await;
        assert_eq!(refused.status, 401, "{line}");
        assert!(refused.header("www-authenticate").starts_with("Bearer"), "{refused:?}");
        assert!(refused.detail().contains("/login"), "{refused:?}");
    }
    let upgrade = Client::connect_with(server.address(), "demo", &[]).await;
    assert_eq!(upgrade.err(), Some(401));
    let script = format!("GET {}", server.asset("app.js").await);
    for open in ["GET /", &script, "GET /login", "GET /healthz"] {
        assert_eq!(ask(&server, open, &[]).await.status, 200, "{open}");
    }
}

#[actix::test]
async fn p10_a_token_in_a_header_opens_the_door_and_a_wrong_one_does_not() {
    let server = guarded().start();
    for token in [VIEWER, ADMIN] {
        assert_eq!(with_token(&server, LIST, token).await.status, 200);
    }
    let wrong = with_token(&server, LIST, "viewer-0123456780").await;
    assert_eq!(wrong.status, 401);
    assert!(wrong.header("www-authenticate").contains("invalid_token"));
    assert_eq!(ask(&server, LIST, &[("Authorization", "Basic eDp5")]).await.status, 401);
    let bearer = format!("Bearer {VIEWER}");
    let headers = [("authorization", bearer.as_str())];
    let mut client = Client::connect_with(server.address(), "demo", &headers).await.unwrap();
    client.start().await;
}

#[actix::test]
async fn p10_a_login_gives_a_cookie_that_holds_no_token_and_can_be_ended() {
    let server = guarded().start();
    assert_eq!(log_in(&server, "viewer-0123456780").await.status, 401);
    let login = log_in(&server, VIEWER).await;
    assert_eq!((login.status, login.body.as_str()), (200, r#"{"role":"viewer"}"#));
    let set = login.header("set-cookie");
    for property in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"] {
        assert!(set.contains(property), "{set}");
    }
    assert!(!set.contains(VIEWER) && !set.contains("Secure"), "{set}");
    let cookie = login.cookie();
    let headers = [("Cookie", cookie.as_str())];
    assert_eq!(ask(&server, LIST, &headers).await.status, 200);
    let me: Value =
        serde_json::from_str(&ask(&server, "GET /api/me", &headers).await.body).unwrap();
    assert_eq!(
        me,
        json!({ "role": "viewer", "user": null, "can_log_out": true, "can_make_tokens": false })
    );
    let mut client = Client::connect_with(server.address(), "demo", &headers).await.unwrap();
    client.start().await;
    let other = cookie.replace(|c: char| c.is_ascii_digit(), "0");
    assert_eq!(ask(&server, LIST, &[("Cookie", &other)]).await.status, 401);

    assert_eq!(ask(&server, "POST /logout", &headers).await.status, 204);
    assert_eq!(ask(&server, LIST, &headers).await.status, 401);
}

#[actix::test]
async fn p10_a_token_in_an_address_is_refused_in_words() {
    let server = guarded().start();
    for line in ["GET /?token=", "GET /api/projects?access_token=", "GET /login?x=1&token="] {
        let refused = ask(&server, &format!("{line}{VIEWER}"), &[]).await;
        assert_eq!(refused.status, 400, "{line}");
        assert!(refused.detail().contains("Authorization: Bearer"), "{refused:?}");
        assert!(!refused.body.contains(VIEWER));
    }
}

#[actix::test]
async fn p10_a_viewer_closes_no_session_and_an_admin_does() {
    let server = guarded().start();
    let bearer = format!("Bearer {VIEWER}");
    let headers = [("authorization", bearer.as_str())];
    let mut client = Client::connect_with(server.address(), "demo", &headers).await.unwrap();
    client.start().await;
    for line in [
        "GET /api/admin/sessions",
        "GET /api/%61dmin/sessions",
        "DELETE /api/admin/sessions/demo",
        "DELETE /api/admin/sessions/demo/1",
        "DELETE /api/assistant/sessions/demo",
        "DELETE /api/assistant/%73essions/demo",
    ] {
        let refused = with_token(&server, line, VIEWER).await;
        assert_eq!(refused.status, 403, "{line}");
        assert!(refused.detail().contains("admin"), "{refused:?}");
    }
    assert_eq!(
        with_token(&server, "GET /api/assistant/sessions", VIEWER).await.body,
        r#"["demo"]"#
    );
    let closed = with_token(&server, "DELETE /api/assistant/sessions/demo", ADMIN).await;
    assert_eq!(closed.status, 200);
}

#[actix::test]
async fn p10_without_a_token_everybody_on_this_machine_is_an_admin() {
    let server = Setup::guide().start();
    assert_eq!(ask(&server, "GET /api/admin/sessions", &[]).await.status, 200);
    let me = ask(&server, "GET /api/me", &[]).await;
    let expected = r#"{"role":"admin","user":null,"can_log_out":false,"can_make_tokens":false}"#;
    assert_eq!(me.body, expected);
    assert_eq!(log_in(&server, VIEWER).await.status, 409);
}

#[actix::test]
async fn p10_wrong_tokens_hold_up_wrong_ones_and_never_the_right_one() {
    let server = guarded().config("[limits]\nfailed_logins_per_minute = 3\n").start();
    let cookie = log_in(&server, VIEWER).await.cookie();
    for _ in 0..3 {
        assert_eq!(with_token(&server, LIST, "viewer-0123456780").await.status, 401);
    }
    for round in 0..2 {
        let wrong = "viewer-0123456780";
        for refused in [log_in(&server, wrong).await, with_token(&server, LIST, wrong).await] {
            assert_eq!(refused.status, 429, "in round {round}");
            let wait: u64 = refused.header("retry-after").parse().unwrap();
            assert!((1..=20).contains(&wait), "{refused:?}");
            assert!(refused.detail().contains("Too many wrong tokens"), "{refused:?}");
        }
        // Guesses are slow from now on, right ones too, and nothing else is.
        for token in [VIEWER, ADMIN] {
            let begun = Instant::now();
            assert_eq!(with_token(&server, LIST, token).await.status, 200);
            assert!(begun.elapsed() >= Duration::from_millis(500));
            assert_eq!(log_in(&server, token).await.status, 200);
        }
        let bearer = format!("Bearer {VIEWER}");
        let headers = [("authorization", bearer.as_str())];
        Client::connect_with(server.address(), "demo", &headers).await.unwrap().start().await;
        let begun = Instant::now();
        assert_eq!(ask(&server, LIST, &[("Cookie", &cookie)]).await.status, 200);
        assert!(begun.elapsed() < Duration::from_millis(500));
    }
    let logged = server.log().matches("wrong token address=").count();
    assert_eq!(logged, 3, "guesses beyond those that count fill no log");
}

#[actix::test]
async fn p10_a_new_login_of_a_browser_ends_the_old_one() {
    let server = guarded().start();
    let status = async |cookie: &str| ask(&server, LIST, &[("Cookie", cookie)]).await.status;
    let (first, elsewhere) = (log_in(&server, VIEWER).await, log_in(&server, VIEWER).await);
    let (first, elsewhere) = (first.cookie(), elsewhere.cookie());
    assert_eq!(log_in_with(&server, "viewer-0123456780", &first).await.status, 401);
    assert_eq!(status(&first).await, 200, "a login that fails ends nothing");
    let second = log_in_with(&server, ADMIN, &format!("theme; {first}; =x")).await.cookie();
    assert_eq!((status(&first).await, status(&second).await), (401, 200));
    assert_eq!(status(&elsewhere).await, 200, "another browser's is its own");
    // Cookies of other servers of this machine come along, whatever they look like.
    assert_eq!(status(&format!("odd; \"; a=%zz; {second}")).await, 200);
    let both = format!("{second}; {elsewhere}");
    assert_eq!(ask(&server, "POST /logout", &[("Cookie", &both)]).await.status, 204);
    assert_eq!((status(&second).await, status(&elsewhere).await), (401, 401));
}

#[actix::test]
async fn p10_a_token_is_in_no_log_no_environment_and_no_argument() {
    let setup = guarded().env("RUST_LOG", "trace");
    let server = setup.start();
    with_token(&server, LIST, VIEWER).await;
    with_token(&server, LIST, "wrong-0123456789").await;
    ask(&server, &format!("GET /?token={VIEWER}"), &[]).await;
    let cookie = log_in(&server, ADMIN).await.cookie();
    ask(&server, "GET /api/admin/sessions", &[("Cookie", &cookie)]).await;
    let bearer = format!("Bearer {VIEWER}");
    let headers = [("authorization", bearer.as_str())];
    let mut client = Client::connect_with(server.address(), "demo", &headers).await.unwrap();
    client.start().await;
    client.ask("where is the readme?").await;
    client.turn().await;
    let admin = format!("Bearer {ADMIN}");
    let request = reqwest::Client::new().get(server.url("/api/admin/sessions"));
    let list: Value =
        request.header("authorization", admin).send().await.unwrap().json().await.unwrap();
    let agent = list[0]["conversations"][0]["agent"]["pid"].as_u64().unwrap();

    let log = server.log();
    assert!(log.contains("wrong token address=127.0.0.1"), "{log}");
    let login = cookie.split('=').nth(1).unwrap();
    for secret in [VIEWER, ADMIN, "wrong-0123456789", login] {
        assert!(!log.contains(secret), "the log has {secret}");
        for pid in [u64::from(server.pid()), agent] {
            for file in ["environ", "cmdline"] {
                let bytes = fs::read(format!("/proc/{pid}/{file}")).unwrap();
                let text = String::from_utf8_lossy(&bytes);
                assert!(!text.contains(secret), "{file} of {pid} has {secret}");
            }
        }
    }
}

#[actix::test]
async fn p10_a_token_may_stand_in_a_file_that_no_agent_reads() {
    let setup = Setup::guide();
    let file = setup.files_dir().join("token");
    fs::write(&file, format!("{VIEWER}\n")).unwrap();
    let config = format!("[access]\nviewer_token_file = \"{}\"\n", file.display());
    let server = setup.config(&config).start();
    assert_eq!(with_token(&server, LIST, VIEWER).await.status, 200);
    assert_eq!(ask(&server, LIST, &[]).await.status, 401);

    for (name, text, words) in [
        ("project/token", VIEWER, "inside project `demo`"),
        ("short", "secret", "has 6 characters and needs 16 or more"),
        ("empty", "", "has 0 characters"),
    ] {
        let setup = Setup::guide();
        let file = setup.files_dir().join(name);
        fs::write(&file, text).unwrap();
        let config = format!("[access]\nviewer_token_file = \"{}\"\n", file.display());
        let (status, stderr) = setup.config(&config).fail();
        assert_eq!(status.code(), Some(2));
        assert!(stderr.contains(words), "{stderr}");
        assert!(!stderr.contains("secret"), "{stderr}");
    }
    let same =
        Setup::guide().env("CICERONE_VIEWER_TOKEN", VIEWER).env("CICERONE_ADMIN_TOKEN", VIEWER);
    assert!(same.fail().1.contains("have the same token"));
}
