//! Logins with OpenID Connect: what a provider, a browser and those between them could try; and a login
//! with a real provider in a real browser.

mod fake;
mod issued;

use std::time::Duration;

use reqwest::{Client, Response, StatusCode, redirect::Policy};
use serde_json::{Value, json};

use crate::server::{Server, Setup, eventually};
use fake::Fake;

/// A server whose people log in with a provider; `project` hidden is for `team-a`.
pub fn with_provider(issuer: &str, keys: &str) -> Setup {
    let setup = Setup::scripted().project("hidden");
    let secret = setup.files_dir().join("client.secret");
    std::fs::write(&secret, "secret-of-the-client\n").unwrap();
    let secret = secret.display();
    setup.config(&format!(
        "[access]\nadmin_groups = [\"ops\"]\n[limits]\nfailed_logins_per_minute = 1000\n\
         [projects.hidden]\ndir = \"x\"\naccess = [\"team-a\"]\n\
         [oidc]\nissuer = \"{issuer}\"\nclient_id = \"cicerone\"\nsecret_file = \"{secret}\"\n{keys}"
    ))
}

/// A browser, as far as cookies go.
struct Browser<'a> {
    server: &'a Server,
    client: Client,
    cookies: Vec<(String, String)>,
}

/// What the provider was asked for.
struct Begun {
    state: String,
    nonce: String,
    challenge: String,
    redirect: String,
}

impl<'a> Browser<'a> {
    fn new(server: &'a Server) -> Self {
        let client = Client::builder().redirect(Policy::none()).build().unwrap();
        Self { server, client, cookies: Vec::new() }
    }

    async fn get(&mut self, path: &str) -> Response {
        let cookies = self.cookies.iter().map(|(name, value)| format!("{name}={value}"));
        let cookies = cookies.collect::<Vec<_>>().join("; ");
        let request = self.client.get(self.server.url(path)).header("cookie", cookies);
        let answer = request.send().await.unwrap();
        for cookie in answer.headers().get_all("set-cookie") {
            let (name, rest) = cookie.to_str().unwrap().split_once('=').unwrap();
            self.cookies.retain(|(known, _)| known != name);
            let value = rest.split(';').next().unwrap();
            if !value.is_empty() {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        answer
    }

    async fn me(&mut self) -> (StatusCode, Value) {
        let answer = self.get("/api/me").await;
        (answer.status(), answer.json().await.unwrap())
    }

    /// Begins a login, and returns what the provider is asked for.
    async fn begin(&mut self, next: &str) -> Begun {
        let answer = self.get(&format!("/login/begin?next={next}")).await;
        assert_eq!(answer.status(), 303, "{:?}", answer.text().await);
        let address = answer.headers()["location"].to_str().unwrap();
        let address = reqwest::Url::parse(address).unwrap();
        let value = |name: &str| {
            let mut pairs = address.query_pairs();
            pairs.find(|(key, _)| key == name).unwrap().1.into_owned()
        };
        assert_eq!((&*value("response_type"), &*value("client_id")), ("code", "cicerone"));
        assert_eq!(value("code_challenge_method"), "S256");
        assert!(value("scope").split(' ').any(|scope| scope == "openid"), "{address}");
        Begun {
            state: value("state"),
            nonce: value("nonce"),
            challenge: value("code_challenge"),
            redirect: value("redirect_uri"),
        }
    }

    async fn come_back(&mut self, begun: &Begun) -> Response {
        self.get(&format!("/login/callback?code=c-1&state={}", begun.state)).await
    }
}

/// Claims of Ana's that the provider may make.
fn claims(fake: &Fake, begun: &Begun) -> Value {
    let now = fake::now();
    json!({
        "iss": fake.issuer, "aud": "cicerone", "sub": "1", "exp": now + 300, "iat": now,
        "nonce": begun.nonce, "email": "ana@example.org", "email_verified": true,
        "groups": ["team-a"],
    })
}

#[actix::test]
async fn somebody_logs_in_stays_so_over_a_restart_and_logs_out() {
    let fake = Fake::start();
    let mut server = with_provider(&fake.issuer, "").start();
    let cookies = {
        let mut browser = Browser::new(&server);
        assert_eq!(browser.me().await.0, 401);
        let begun = browser.begin("/p/hidden/1").await;
        assert!(begun.redirect.ends_with(&format!("{}/login/callback", server.address())));
        fake.tells(fake.signed(&claims(&fake, &begun)));
        let answer = browser.come_back(&begun).await;
        assert_eq!(answer.status(), 303);
        assert_eq!(answer.headers()["location"], "/p/hidden/1");
        let set: Vec<_> = answer.headers().get_all("set-cookie").iter().collect();
        let session = set.iter().find(|it| !it.to_str().unwrap().contains("attempt")).unwrap();
        let session = session.to_str().unwrap();
        assert!(session.contains("HttpOnly") && session.contains("SameSite=Lax"), "{session}");
        assert!(!session.contains("Secure") && session.contains("Max-Age=43200"), "{session}");
        // The code was exchanged with the proof that belongs to the challenge, and the secret.
        let exchange = fake.last_exchange();
        assert!(exchange.contains("code=c-1") && exchange.contains("code_verifier="), "{exchange}");
        assert!(fake::challenge_of(&exchange) == begun.challenge, "{exchange}");
        browser.cookies
    };
    server.crash();
    let mut browser = Browser::new(&server);
    let port = server.address().rsplit(':').next().unwrap().to_owned();
    // The test's server has another port now, and a cookie's name has the port.
    browser.cookies =
        cookies.into_iter().map(|(_, it)| (format!("cicerone-login-{port}"), it)).collect();
    let (status, me) = browser.me().await;
    assert_eq!((status.as_u16(), &me["user"]), (200, &json!("ana@example.org")), "{me}");
    assert_eq!((&me["role"], &me["can_log_out"]), (&json!("viewer"), &json!(true)), "{me}");
    let projects: Value = browser.get("/api/projects").await.json().await.unwrap();
    assert_eq!(projects.as_array().unwrap().len(), 2);
    // The same login is that of a socket, until it ends.
    let cookie = format!("{}={}", browser.cookies[0].0, browser.cookies[0].1);
    let headers = [("cookie", cookie.as_str())];
    let client = crate::client::Client::connect_with(server.address(), "hidden", &headers);
    let mut client = client.await.unwrap();
    client.begin().await;
    let kept = browser.cookies.clone();
    let out = browser.client.post(server.url("/logout")).header("cookie", &cookie).send().await;
    assert_eq!(out.unwrap().status(), 204);
    browser.cookies = kept;
    assert_eq!(browser.me().await.0, 401, "the cookie of a login that was ended still counts");
    assert_eq!(client.until_closed().await.1, 1008);
    let secret = cookie.split_once('=').unwrap().1;
    assert!(!server.log().contains(secret));
}

#[actix::test]
async fn p14_an_answer_of_the_provider_that_proves_nothing_lets_nobody_in() {
    let fake = Fake::start();
    let server = with_provider(&fake.issuer, "").start();
    let now = fake::now();
    let changed = |name: &str, value: Value| (name.to_owned(), value);
    for (name, value) in [
        changed("nonce", json!("another")),
        changed("nonce", Value::Null),
        changed("aud", json!("another-client")),
        changed("aud", json!(["cicerone", "another-client"])),
        changed("aud", json!([])),
        changed("iss", json!("https://evil.example")),
        changed("exp", json!(now - 120)),
        changed("iat", json!(now + 3600)),
        changed("email_verified", json!(false)),
        changed("email", json!("")),
        changed("email", json!(" ana@example.org")),
        changed("email", json!("ana@example.org\n")),
        changed("email", json!({ "x": 1 })),
    ] {
        let mut browser = Browser::new(&server);
        let begun = browser.begin("/").await;
        let mut claims = claims(&fake, &begun);
        claims[&name] = value.clone();
        fake.tells(fake.signed(&claims));
        let answer = browser.come_back(&begun).await;
        assert_eq!(answer.status(), 401, "{name} = {value}");
        assert!(answer.text().await.unwrap().contains("not logged in"));
        assert_eq!(browser.me().await.0, 401, "{name} = {value}");
    }
    // A clock that is a little wrong is no attack.
    for (name, value) in [("exp", now - 30), ("iat", now + 30)] {
        let mut browser = Browser::new(&server);
        let begun = browser.begin("/").await;
        let mut claims = claims(&fake, &begun);
        claims[name] = json!(value);
        fake.tells(fake.signed(&claims));
        assert_eq!(browser.come_back(&begun).await.status(), 303, "{name}");
    }
}

#[actix::test]
async fn p14_only_a_signature_of_the_providers_key_counts() {
    let fake = Fake::start();
    let server = with_provider(&fake.issuer, "").start();
    let other = Fake::start();
    type Forge = fn(&Fake, &Fake, &Value) -> String;
    let forgeries: [(&str, Forge); 6] = [
        ("no signature", |_, _, claims| fake::unsigned("none", claims)),
        ("no signature in capitals", |_, _, claims| fake::unsigned("None", claims)),
        ("another key", |_, other, claims| other.signed(claims)),
        ("the secret of the client as the key", |_, _, claims| fake::with_secret(claims)),
        ("a signature cut off", |fake, _, claims| {
            let token = fake.signed(claims);
            token[..=token.rfind('.').unwrap()].to_owned()
        }),
        ("changed after it was signed", |fake, _, claims| {
            let token = fake.signed(claims);
            let mut parts: Vec<_> = token.split('.').map(str::to_owned).collect();
            let mut claims = claims.clone();
            claims["email"] = json!("root@example.org");
            parts[1] = fake::encoded(&claims);
            parts.join(".")
        }),
    ];
    for (what, forge) in forgeries {
        let mut browser = Browser::new(&server);
        let begun = browser.begin("/").await;
        fake.tells(forge(&fake, &other, &claims(&fake, &begun)));
        let answer = browser.come_back(&begun).await;
        assert_eq!(answer.status(), 401, "{what}: {:?}", answer.text().await);
        assert_eq!(browser.me().await.0, 401, "{what}");
    }
}

#[actix::test]
async fn p14_a_login_ends_in_the_browser_that_began_it_once_and_on_a_page_of_ours() {
    let fake = Fake::start();
    let server = with_provider(&fake.issuer, "").start();
    // Login CSRF: the attacker's code in the victim's browser.
    let (mut attacker, mut victim) = (Browser::new(&server), Browser::new(&server));
    let attackers = attacker.begin("/").await;
    fake.tells(fake.signed(&claims(&fake, &attackers)));
    assert_eq!(victim.come_back(&attackers).await.status(), 400);
    let victims = victim.begin("/").await;
    assert_eq!(victim.come_back(&attackers).await.status(), 400);
    assert_eq!(victim.me().await.0, 401);
    for path in ["/login/callback", "/login/callback?code=x", "/login/callback?code=x&state="] {
        assert_eq!(victim.get(path).await.status(), 400, "{path}");
    }
    let denied =
        victim.get("/login/callback?error=access_denied&error_description=<b>no</b>").await;
    assert_eq!(denied.status(), 403);
    let words = denied.text().await.unwrap();
    assert!(words.contains("&lt;b&gt;no") && !words.contains("<b>no"), "{words}");
    // Each try begins anew.
    assert_eq!(victim.come_back(&victims).await.status(), 400);
    // A code of another provider is not sent to this one (RFC 9207).
    let begun = victim.begin("/").await;
    let path = format!("/login/callback?code=c&state={}&iss=https://evil.example", begun.state);
    assert_eq!(victim.get(&path).await.status(), 400);
    // A replay: the browser has nothing any more that belongs to it, and the provider refuses the code.
    let begun = victim.begin("/").await;
    let kept = victim.cookies.clone();
    fake.tells(fake.signed(&claims(&fake, &begun)));
    assert_eq!(victim.come_back(&begun).await.status(), 303);
    assert_eq!(victim.come_back(&begun).await.status(), 400);
    victim.cookies = kept;
    fake.refuses("invalid_grant");
    assert_eq!(victim.come_back(&begun).await.status(), 401);
    for next in ["https://evil.example/", "//evil.example", "/%5Cevil.example", "/api/me"] {
        let mut browser = Browser::new(&server);
        let begun = browser.begin(next).await;
        fake.tells(fake.signed(&claims(&fake, &begun)));
        let answer = browser.come_back(&begun).await;
        assert_eq!(answer.headers()["location"], "/", "{next}");
    }
}

#[actix::test]
async fn roles_and_projects_come_from_claims_and_some_may_not_log_in() {
    let fake = Fake::start();
    let keys = "groups_claim = \"realm_access.roles\"\nallow = [\"team-a\", \"ops\"]\n";
    let server = with_provider(&fake.issuer, keys).start();
    for (groups, status, role, projects) in [
        (json!(["team-a"]), 303, "viewer", 2),
        (json!(["ops"]), 303, "admin", 2),
        (json!("team-a"), 303, "viewer", 2),
        (json!(["dev"]), 403, "", 0),
        (json!(null), 403, "", 0),
        (json!({ "team-a": 1 }), 403, "", 0),
    ] {
        let mut browser = Browser::new(&server);
        let begun = browser.begin("/").await;
        let mut claims = claims(&fake, &begun);
        claims["realm_access"] = json!({ "roles": groups });
        fake.tells(fake.signed(&claims));
        assert_eq!(browser.come_back(&begun).await.status(), status, "{groups}");
        if status == 303 {
            assert_eq!(browser.me().await.1["role"], role, "{groups}");
            let list: Value = browser.get("/api/projects").await.json().await.unwrap();
            assert_eq!(list.as_array().unwrap().len(), projects, "{groups}");
        }
    }
    let mut admin = Browser::new(&server);
    let begun = admin.begin("/").await;
    let mut claims = claims(&fake, &begun);
    claims["realm_access"] = json!({ "roles": ["ops"] });
    fake.tells(fake.signed(&claims));
    admin.come_back(&begun).await;
    let log: Value = admin.get("/api/admin/actions").await.json().await.unwrap();
    let kinds: Vec<_> =
        log.as_array().unwrap().iter().map(|it| it["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == "logged_in").count(), 4, "{log}");
    assert_eq!(kinds.iter().filter(|kind| **kind == "failed_login").count(), 3, "{log}");
    let lines =
        admin.get("/api/admin/actions?format=jsonl&limit=100000").await.text().await.unwrap();
    assert_eq!(lines.lines().count(), kinds.len());
    assert!(lines.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{lines}");
}

#[actix::test]
async fn an_outage_of_the_provider_is_told_in_words_and_ends_no_login() {
    let mut fake = Fake::start();
    let server = with_provider(&fake.issuer, "").start();
    let mut browser = Browser::new(&server);
    let begun = browser.begin("/").await;
    fake.tells(fake.signed(&claims(&fake, &begun)));
    assert_eq!(browser.come_back(&begun).await.status(), 303);
    let mut other = Browser::new(&server);
    let begun = other.begin("/").await;
    fake.stop();
    let answer = eventually("the provider is gone", async || {
        let answer = other.come_back(&begun).await;
        (answer.status() == 502).then_some(answer)
    })
    .await;
    let words = answer.text().await.unwrap();
    assert!(words.contains("cannot be reached") && words.contains(&fake.issuer), "{words}");
    assert_eq!(browser.me().await.0, 200);
    // One that was never reached.
    let server = with_provider("http://127.0.0.1:9", "").start();
    let answer = Browser::new(&server).get("/login/begin").await;
    assert_eq!(answer.status(), 502);
    let options: Value = Browser::new(&server).get("/login/options").await.json().await.unwrap();
    assert_eq!(options, json!({ "token": false, "provider": "127.0.0.1" }));
}

#[actix::test]
async fn a_provider_that_changes_its_keys_is_believed_after_a_while() {
    let mut fake = Fake::start();
    let server = with_provider(&fake.issuer, "").start();
    let mut browser = Browser::new(&server);
    browser.begin("/").await;
    fake.change_key();
    tokio::time::timeout(Duration::from_secs(40), async {
        loop {
            let begun = browser.begin("/").await;
            fake.tells(fake.signed(&claims(&fake, &begun)));
            if browser.come_back(&begun).await.status() == 303 {
                break;
            }
        }
    })
    .await
    .unwrap();
}

#[test]
fn a_provider_that_cannot_be_trusted_is_refused_at_the_start() {
    for (issuer, keys, expected) in [
        ("http://login.example.org", "", "https"),
        ("login.example.org", "", "oidc.issuer"),
        ("https://user:pass@login.example.org", "", "oidc.issuer"),
        ("https://login.example.org", "allow = [\"\"]\n", "oidc.allow"),
    ] {
        let (_, words) = with_provider(issuer, keys).fail();
        assert!(words.contains(expected), "{issuer}: {words}");
    }
    let (_, words) =
        Setup::guide().config("[oidc]\nissuer = \"https://login.example.org\"\n").fail();
    assert!(words.contains("oidc.client_id"), "{words}");
}
