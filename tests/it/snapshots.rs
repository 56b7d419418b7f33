//! Public snapshots: what a stranger sees, and that nothing else opens.

use std::fs;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::{
    access::rights::{ADMINISTRATOR, ANA, BEN, PUBLIC, Person, connect, make_private, team},
    client::Client,
    server::{Gate, Server, Setup, write},
};

const ADDRESS_LENGTH: usize = "/s/".len() + 32;

async fn ask(server: &Server, who: Person, question: &str) -> (Client, i64) {
    let mut client = connect(server, who).await;
    let id = client.start().await;
    client.post("m", question).await;
    client.turn().await;
    (client, id)
}

fn path_of(id: i64) -> String {
    format!("/api/assistant/conversations/demo/{id}/snapshot")
}

async fn publish(server: &Server, who: Person, id: i64) -> String {
    let (status, published) = who.send(server, "PUT", &path_of(id), "").await;
    assert_eq!(status, 200, "{published}");
    published["path"].as_str().unwrap().to_owned()
}

/// A request of somebody without a token, a name and cookies.
async fn stranger(server: &Server, method: Method, path: &str) -> Response {
    reqwest::Client::new().request(method, server.url(path)).send().await.unwrap()
}

async fn read(server: &Server, path: &str) -> (u16, String) {
    let answer = stranger(server, Method::GET, path).await;
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[actix::test]
async fn p14_a_stranger_reads_a_snapshot_and_nothing_else() {
    let setup = team(PUBLIC);
    write(&setup.project_dir(), "src/quokka.rs", "fn hop() {}\n");
    let server = setup.start();
    let dir = server.project_dir().display().to_string();
    let question = format!("say The **quokka** hops, see `{dir}/src/quokka.rs:1` in {dir}.");
    let (_client, id) = ask(&server, ANA, &question).await;
    make_private(&server, ANA, id).await;
    assert_eq!(ANA.send(&server, "GET", &path_of(id), "").await.1, Value::Null);
    let path = publish(&server, ANA, id).await;
    assert_eq!(path.len(), ADDRESS_LENGTH, "{path}");
    let (_, told) = ANA.send(&server, "GET", &path_of(id), "").await;
    assert_eq!((&told["path"], &told["published_by"]), (&json!(path), &json!("ana")), "{told}");

    let answer = stranger(&server, Method::GET, &path).await;
    assert_eq!(answer.status(), 200);
    let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("x-robots-tag"), "noindex, nofollow, noarchive");
    assert_eq!(header("referrer-policy"), "no-referrer");
    assert_eq!(header("cache-control"), "no-store");
    let policy = header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; style-src 'self';"), "{policy}");
    assert!(!policy.contains("script") && !answer.headers().contains_key("set-cookie"));
    let page = answer.text().await.unwrap();
    assert!(page.contains("The <strong>quokka</strong> hops"), "{page}");
    assert!(page.contains("<code>src/quokka.rs:1</code>"), "{page}");
    assert!(page.contains("A frozen snapshot of a conversation about demo, made 20"), "{page}");
    // Not even in the title, which is the beginning of the question.
    let beginning = &dir[..8];
    for hidden in [beginning, "ana", "<script", "href=\"/p/", "/api/"] {
        assert!(!page.contains(hidden), "{hidden:?} is in {page}");
    }
    for (method, other) in [
        (Method::POST, path.clone()),
        (Method::DELETE, path_of(id)),
        (Method::GET, path_of(id)),
        (Method::GET, format!("/api/assistant/conversations/demo/{id}")),
        (Method::GET, format!("{path}/export")),
        (Method::GET, "/api/projects".to_owned()),
        (Method::GET, "/api/admin/snapshots".to_owned()),
    ] {
        assert_eq!(stranger(&server, method, &other).await.status(), 401, "{other}");
    }
}

#[actix::test]
async fn p14_only_those_who_may_publish_do_and_an_admin_withdraws_any() {
    let server = team(PUBLIC).start();
    let (_client, id) = ask(&server, ANA, "say yes").await;
    let (status, refused) = BEN.send(&server, "PUT", &path_of(id), "").await;
    let only = "Only the owner of a conversation decides who may read it.";
    assert_eq!((status.as_u16(), &refused["detail"]), (403, &json!(only)));
    make_private(&server, ANA, id).await;
    assert_eq!(BEN.send(&server, "PUT", &path_of(id), "").await.0, 404);
    let path = publish(&server, ANA, id).await;
    assert_eq!(BEN.send(&server, "DELETE", &path_of(id), "").await.0, 404);
    assert_eq!(read(&server, &path).await.0, 200);

    let all = "/api/admin/snapshots";
    assert_eq!(BEN.send(&server, "GET", all, "").await.0, 403);
    let (_, listed) = ADMINISTRATOR.send(&server, "GET", all, "").await;
    assert_eq!(listed["allowed"], true, "{listed}");
    assert_eq!(listed["snapshots"][0]["path"], json!(path), "{listed}");
    let one = format!("{all}/demo/{id}");
    assert_eq!(BEN.send(&server, "DELETE", &one, "").await.0, 403);
    assert_eq!(ADMINISTRATOR.send(&server, "DELETE", &one, "").await.0, 204);
    assert_eq!(read(&server, &path).await.0, 404);
    let (_, listed) = ADMINISTRATOR.send(&server, "GET", all, "").await;
    assert_eq!(listed["snapshots"], json!([]));
}

#[actix::test]
async fn a_withdrawn_snapshot_is_like_one_that_never_was() {
    let server = team(PUBLIC).start();
    let (_client, id) = ask(&server, ANA, "say yes").await;
    let path = publish(&server, ANA, id).await;
    assert_eq!(ANA.send(&server, "DELETE", &path_of(id), "").await.0, 204);
    let withdrawn = read(&server, &path).await;
    assert_eq!(withdrawn.0, 404);
    assert!(withdrawn.1.contains("There is no snapshot here"), "{}", withdrawn.1);
    for unknown in ["/s/0123456789abcdef0123456789abcdef", "/s/x", "/s/%27%20OR%201"] {
        assert_eq!(read(&server, unknown).await, withdrawn, "{unknown}");
    }
    let next = publish(&server, ANA, id).await;
    assert_ne!(next, path);
    // So is one whose conversation was deleted.
    let conversation = format!("/api/assistant/conversations/demo/{id}");
    assert_eq!(ANA.send(&server, "DELETE", &conversation, "").await.0, 200);
    assert_eq!(read(&server, &next).await, withdrawn);
}

#[actix::test]
async fn a_snapshot_stays_as_it_was_until_it_is_published_again() {
    let server = team(PUBLIC).start();
    let (mut client, id) = ask(&server, ANA, "say the first answer").await;
    let gate = Gate::new(&server);
    client.post("n", &format!("say begun\n{}\nsay the second answer", gate.script())).await;
    client.until("text").await;
    let path = publish(&server, ANA, id).await;
    let frozen = read(&server, &path).await;
    assert!(frozen.1.contains("the first answer") && !frozen.1.contains("begun"), "{}", frozen.1);
    gate.open();
    client.turn().await;
    let rename = r#"{"title":"Another name"}"#;
    let conversation = format!("/api/assistant/conversations/demo/{id}");
    assert_eq!(ANA.send(&server, "PATCH", &conversation, rename).await.0, 200);
    assert_eq!(read(&server, &path).await, frozen);

    assert_eq!(publish(&server, ANA, id).await, path);
    let page = read(&server, &path).await.1;
    assert!(page.contains("the second answer") && page.contains("Another name"), "{page}");
}

#[actix::test]
async fn a_snapshot_survives_a_crash_and_is_closed_while_the_operator_allows_none() {
    let config = format!("[team]\n{PUBLIC}");
    let mut server = Setup::scripted().config(&config).start();
    let mut client = server.connect().await;
    let id = client.start().await;
    // Where users are not known, a conversation is everybody's.
    let (status, refused) = server.request(Method::PUT, &path_of(id)).await;
    assert_eq!(
        (status, &refused["detail"]),
        (409, &json!("There is nothing to publish yet: no answer has ended."))
    );
    client.ask("say yes").await;
    client.turn().await;
    let (_, published) = server.request(Method::PUT, &path_of(id)).await;
    let path = published["path"].as_str().unwrap();
    server.crash();
    let page = read(&server, path).await;
    assert_eq!(page.0, 200);

    server.kill();
    let file = server.files().join("cicerone.toml");
    fs::write(&file, "").unwrap();
    server.launch_again();
    assert_eq!(read(&server, path).await.0, 404);
    let (status, refused) = server.request(Method::PUT, &path_of(id)).await;
    assert_eq!(status, 403, "{refused}");
    let (_, listed) = server.get("/api/admin/snapshots").await;
    assert_eq!(
        (&listed["allowed"], listed["snapshots"].as_array().unwrap().len()),
        (&json!(false), 1)
    );

    server.kill();
    fs::write(&file, &config).unwrap();
    server.launch_again();
    assert_eq!(read(&server, path).await, page);
}

#[actix::test]
async fn hostile_answers_and_titles_stay_inert_and_long_conversations_are_refused() {
    let server = team(PUBLIC).start();
    let hostile = "say <script>alert(1)</script> <img src=x onerror=alert(1)> \
        <a href=\"/login\">c</a> {content} {title} \
        ![d](https://example.org/d.png)\\n\\n\
        See [a](javascript:alert(1)) [b](https://example.org) <script>alert(4)</script> <b onclick=x>e</b>\\n\\n```rust\\nfn a() {}\\n</code></pre><script>alert(2)</script>\\n";
    let (mut client, id) = ask(&server, ANA, hostile).await;
    let title = json!({ "title": "</title><script>alert(3)</script>{content}" }).to_string();
    let conversation = format!("/api/assistant/conversations/demo/{id}");
    assert_eq!(ANA.send(&server, "PATCH", &conversation, &title).await.0, 200);
    let page = read(&server, &publish(&server, ANA, id).await).await.1;
    let lower = page.to_ascii_lowercase();
    for tag in ["<script", "<img", "<b ", "href=\"javascript", "href=\"/login", "</title><"] {
        assert!(!lower.contains(tag), "{tag:?} is in {page}");
    }
    assert!(
        page.contains(
            "<title>&lt;/title&gt;&lt;script&gt;alert(3)&lt;/script&gt;{content}</title>"
        )
    );
    assert_eq!(page.matches("<article>").count(), 1, "{page}");
    let link = "href=\"https://example.org\" rel=\"noopener noreferrer\"";
    assert!(page.contains(link), "{page}");

    client.post("n", "blocks 22 100000").await;
    client.turn().await;
    let (status, refused) = ANA.send(&server, "PUT", &path_of(id), "").await;
    assert_eq!(status, 422, "{refused}");
    assert!(refused["detail"].as_str().unwrap().contains("2 MB at most"), "{refused}");
}

/// What the images of a page show, from their addresses.
fn pictures(page: &str) -> Vec<String> {
    let addresses = page.split("data:image/svg+xml;base64,").skip(1);
    let decode = |rest: &str| {
        let (text, _) = rest.split_once('"').unwrap();
        String::from_utf8(STANDARD.decode(text).unwrap()).unwrap()
    };
    addresses.map(decode).collect()
}

#[actix::test]
async fn p14_drawings_are_in_a_snapshot_and_a_hostile_source_runs_and_loads_nothing() {
    let server = team(PUBLIC).start();
    let usual = r"say Usual $a < b$ and $$\frac{1}{2}$$ of $5.\n\n```mermaid\nflowchart LR\n  A[Quokka] --> B[Fence]\n```\n";
    let (mut client, id) = ask(&server, ANA, usual).await;
    let page = read(&server, &publish(&server, ANA, id).await).await.1;
    assert!(page.contains("<span class=\"formula\" title=\"$a &lt; b$\"><math"), "{page}");
    assert!(page.contains("title=\"$$\\frac{1}{2}$$\"><math"), "{page}");
    assert!(page.contains("<mfrac>") && page.contains("of $5."), "{page}");
    assert!(page.contains("alt=\"Flowchart with Quokka, Fence\""), "{page}");
    assert!(page.contains("<details><summary>Source</summary><pre"), "{page}");
    assert!(page.contains("A[Quokka] --&gt; B[Fence]"), "{page}");
    let shown = pictures(&page);
    assert_eq!(shown.len(), 2, "{page}");
    assert_ne!(shown[0], shown[1], "one for each theme");

    let hostile = r#"say $\operatorname{<script>alert(1)</script>}$ $\text{<img src=https://example.org/x>}$ $\href{javascript:alert(2)}{x}$ $\faultExit$\n\n```mermaid\n%%{init: {"themeCSS": "@import url(https://example.org/x.css);"}}%%\nflowchart LR\n  A["</svg><script>alert(3)</script>"] --> B["<img src=https://example.org/y onerror=alert(4)>"]\n  click A "javascript:alert(5)"\n  click B "https://example.org/z"\n  style A fill:url(https://example.org/a.svg)\n```\n\n```mermaid\n</code></pre><script>alert(6)</script>\n```\n"#;
    client.post("n", hostile).await;
    client.turn().await;
    let page = read(&server, &publish(&server, ANA, id).await).await.1;
    let lower = page.to_ascii_lowercase();
    for tag in
        ["<script", "<img src=https", "<svg", "<foreignobject", "<style", " style=", "href=\"j"]
    {
        assert!(!lower.contains(tag), "{tag:?} is in {page}");
    }
    let addresses = page.matches("src=\"").count() + page.matches("srcset=\"").count();
    let inline = page.matches("src=\"data:image/svg+xml;base64,").count()
        + page.matches("srcset=\"data:image/svg+xml;base64,").count();
    assert_eq!(addresses, inline, "{page}");
    for picture in pictures(&page) {
        let lower = picture.to_ascii_lowercase();
        let foreign = lower.replace("http://www.w3.org/", "");
        for harm in
            ["<script", "javascript:", "onerror=", "http:", "https:", "@import", "href=\"//"]
        {
            let text = format!("&lt;{}", harm.trim_start_matches('<'));
            assert!(!foreign.replace(&text, "").contains(harm), "{harm:?} is in {picture}");
        }
    }
}

#[actix::test]
async fn drawings_that_do_not_fit_into_a_snapshot_are_their_sources() {
    let server = team(PUBLIC).start();
    let diagram = r"```mermaid\nflowchart LR\n  A[Quokka] --> B[Fence]\n```\n\n";
    let (mut client, id) = ask(&server, ANA, &format!("say {diagram}")).await;
    let page = read(&server, &publish(&server, ANA, id).await).await.1;
    let size = pictures(&page).iter().map(|it| it.len() * 4 / 3).sum::<usize>();
    let fitting = 2 * 1024 * 1024 / size;
    for turn in 0..5 {
        let many = diagram.repeat(fitting / 4);
        client.post(&format!("n{turn}"), &format!("say {many}")).await;
        client.turn().await;
    }
    let page = read(&server, &publish(&server, ANA, id).await).await.1;
    assert!(page.len() < 2 * 1024 * 1024 + 4096, "{}", page.len());
    let (drawn, all) = (page.matches("<figure").count(), page.matches("language-mermaid").count());
    assert!(drawn >= fitting / 2 && drawn < all, "{drawn} of {all}, {fitting} would fit");
}
