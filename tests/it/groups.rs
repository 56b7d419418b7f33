//! Groups of projects: one conversation about several, with every kind of agent and on the page.

use std::fs;

use serde_json::{Value, json};

use crate::{
    client::{Client, text_of},
    model::service::{Service, call, calls, says},
    server::{Server, Setup, eventually, git},
};

const GROUPS: &str = "[groups]\nplatform = [\"demo\", \"web\"]\n";

/// The projects `demo`, `web` and `third`, and a group of the first two; `keys` are further ones.
fn with_group(setup: Setup, keys: &str) -> Setup {
    let setup = setup.config(&format!("{GROUPS}{keys}")).project("web").project("third");
    let base = setup.files_dir().to_owned();
    for (path, text) in [
        ("project/src/pool.rs", "/// Evicts idle connections.\npub fn evict_idle() {}\n"),
        ("project/.env", "SECRET=hidden-needle\n"),
        ("web/src/page.ts", "/** Draws the checkout basket. */\nexport function drawBasket() {}\n"),
        ("web/.env", "SECRET=hidden-needle\n"),
        ("third/src/other.rs", "/// hidden-needle\npub fn hidden_needle() {}\n"),
    ] {
        let path = base.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    setup
}

async fn conversation(server: &Server) -> Client {
    let mut client = server.connect_to("platform").await;
    client.send(json!({"type": "start", "protocol": 1})).await;
    client.until("caught_up").await;
    client
}

async fn turn(client: &mut Client, question: &str) -> Vec<Value> {
    client.ask(question).await;
    client.turn().await
}

fn citations(frames: &[Value]) -> Vec<Value> {
    let end = frames.iter().find(|frame| frame["type"] == "response_done").unwrap();
    end["citations"].as_array().unwrap().clone()
}

#[actix::test]
async fn the_guide_finds_code_of_each_project_and_cites_it_by_the_projects_name() {
    let server = with_group(Setup::guide(), "").start();
    let mut client = conversation(&server).await;
    for (question, place) in [
        ("Where are idle connections evicted?", "`demo:src/pool.rs:2`"),
        ("How is the checkout basket drawn?", "`web:src/page.ts:2`"),
        ("What is in web:src/page.ts?", "`web:src/page.ts"),
    ] {
        let frames = turn(&mut client, question).await;
        let text = text_of(&frames);
        assert!(text.contains(place), "{question}: {text}");
        assert!(!text.contains("hidden"), "{question}: {text}");
        let cited = citations(&frames);
        assert!(!cited.is_empty() && cited.iter().all(|it| it["found"] == true), "{cited:?}");
    }
    for question in ["What is this project, and how is it laid out?", "How is it built and tested?"]
    {
        let text = text_of(&turn(&mut client, question).await);
        assert!(!text.is_empty() && !text.contains("hidden"), "{text}");
    }
}

#[actix::test]
async fn files_of_each_project_are_offered_and_opened_and_no_others() {
    let server = with_group(Setup::guide(), "").start();
    let (_, projects) = server.get("/api/projects").await;
    let group = projects.as_array().unwrap().iter().find(|it| it["name"] == "platform").unwrap();
    assert_eq!(group["members"], json!(["demo", "web"]));
    let (_, found) = server.get("/api/projects/platform/files?q=").await;
    let paths: Vec<_> = found["files"].as_array().unwrap().iter().map(|it| &it["path"]).collect();
    assert_eq!(paths, ["demo:README.md", "demo:src/pool.rs", "web:src/page.ts"]);
    let (_, found) = server.get("/api/projects/platform/files?q=webpage").await;
    assert_eq!(found["files"][0]["path"], "web:src/page.ts");
    let (status, page) =
        server.get("/api/projects/platform/file?path=web:src/page.ts&line=2").await;
    assert_eq!((status, &page["language"]), (200, &json!("typescript")), "{page}");
    for path in [
        "third:src/other.rs",
        "web:../third/src/other.rs",
        "web:../project/src/pool.rs",
        "../third/src/other.rs",
        "web:.env",
        "src/page.ts",
        "web:",
    ] {
        let (status, page) = server.get(&format!("/api/projects/platform/file?path={path}")).await;
        assert!((400..500).contains(&status), "{path}: {page}");
        assert!(!page.to_string().contains("hidden"), "{path}: {page}");
    }
    let (_, suggested) = server.get("/api/projects/platform/questions").await;
    assert!(suggested.to_string().contains('?'), "{suggested}");
    // Each project is still served by itself.
    let (status, _) = server.get("/api/projects/web/file?path=src/page.ts").await;
    assert_eq!(status, 200);
}

#[actix::test]
async fn references_are_checked_in_every_spelling_and_found_again() {
    let server = with_group(Setup::scripted(), "").start();
    let base = server.files().canonicalize().unwrap();
    let mut client = server.connect_to("platform").await;
    let conversation = client.start().await;
    let web = base.join("web/src/page.ts");
    let said = format!(
        "say See `web:src/page.ts:2`, web/src/page.ts:1, {}:2, demo:src/pool.rs:1 and page.ts:1. Not \
         `web:src/gone.ts:3`, `demo:src/page.ts:1`, web:src/page.ts:99 or third:src/other.rs:1.",
        web.display()
    );
    let frames = turn(&mut client, &said).await;
    let seen: Vec<_> = citations(&frames)
        .iter()
        .map(|it| {
            let file = it["file"].as_str().unwrap_or(it["path"].as_str().unwrap()).to_owned();
            (file, it["line"].clone(), it["found"] == true)
        })
        .collect();
    let place = |file: &str, line: u32, found| (file.to_owned(), json!(line), found);
    assert_eq!(
        seen,
        [
            place("web:src/page.ts", 2, true),
            place("web:src/page.ts", 1, true),
            place("web:src/page.ts", 2, true),
            place("demo:src/pool.rs", 1, true),
            place("web:src/page.ts", 1, true),
            place("web:src/gone.ts", 3, false),
            place("demo:src/page.ts", 1, false),
            place("web:src/page.ts", 99, false),
            place("third:src/other.rs", 1, false),
        ]
    );
    fs::write(&web, "\n\n/** Draws the checkout basket. */\nexport function drawBasket() {}\n")
        .unwrap();
    let path = format!("/api/assistant/conversations/platform/{conversation}/references?turn=1");
    let (status, answer) = server.get(&path).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(
        answer["references"][0]["standing"],
        json!({"state": "moved", "line": 4}),
        "{answer}"
    );
    assert_eq!(answer["references"][3]["standing"], json!({"state": "fresh"}), "{answer}");
}

#[actix::test]
async fn p2_an_agent_reads_the_projects_of_its_group_and_no_third_one() {
    let server = with_group(Setup::scripted(), "").start();
    let mut client = conversation(&server).await;
    let base = server.files().canonicalize().unwrap();
    let read = |path: &str| format!("sh cat {} 2>&1", base.join(path).display());
    for (path, words) in [
        ("project/src/pool.rs", "evict_idle"),
        ("web/src/page.ts", "drawBasket"),
        ("third/src/other.rs", "Permission denied"),
    ] {
        let text = text_of(&turn(&mut client, &read(path)).await);
        assert!(text.contains(words) && !text.contains("hidden"), "{path}: {text}");
    }
    let write = format!("sh echo x > {}/new 2>&1; echo ended", base.join("web").display());
    turn(&mut client, &write).await;
    assert!(!base.join("web/new").exists());
    let judge = |path: &str| {
        let input = json!({"file_path": base.join(path)});
        format!("hook Read {input}")
    };
    for (path, word) in
        [("web/src/page.ts", "{}"), ("web/.env", "deny"), ("third/src/other.rs", "deny")]
    {
        let text = text_of(&turn(&mut client, &judge(path)).await);
        assert!(text.contains(word), "{path}: {text}");
    }
    let (_, ready) = server.get("/readyz").await;
    assert_eq!(ready["sandbox"], "proved", "{ready}");
}

#[actix::test]
async fn the_programs_options_name_the_other_projects_and_their_secrets() {
    let server = with_group(Setup::scripted(), "").start();
    let mut client = conversation(&server).await;
    let text = text_of(&turn(&mut client, "args").await);
    let web = server.files().canonicalize().unwrap().join("web");
    assert!(text.contains(&format!("--add-dir={}", web.display())), "{text}");
    assert!(text.contains(&format!("Read(/{}/**/.env)", web.display())), "{text}");
    assert!(!text.contains("third"), "{text}");
    let text = text_of(&turn(&mut client, "cwd").await);
    assert!(text.contains("/project"), "{text}");
}

#[actix::test]
async fn a_model_is_told_the_projects_and_reads_each_by_its_name() {
    let service = Service::start(vec![
        calls(&[
            call("a", "read", &json!({"path": "web:src/page.ts"})),
            call("b", "read", &json!({"path": "demo/src/pool.rs"})),
            call("c", "read", &json!({"path": "third:src/other.rs"})),
        ]),
        says("The basket is drawn in `web:src/page.ts:2`."),
    ]);
    let keys = format!(
        "[agents.local]\nkind = \"model\"\nbase_url = \"{}\"\nmodel = \"tea-1\"\n",
        service.url
    );
    let server = with_group(Setup::new().args(["--agent", "local"]), &keys).start();
    let mut client = conversation(&server).await;
    let frames = turn(&mut client, "Who draws the basket?").await;
    let cited = citations(&frames);
    assert_eq!((&cited[0]["path"], &cited[0]["read"]), (&json!("web:src/page.ts"), &json!(true)));
    let questions = service.questions();
    let system = questions[0].body["messages"][0]["content"].as_str().unwrap();
    assert!(system.contains("spans these projects: \"demo\", \"web\""), "{system}");
    let told = questions[1].body["messages"].to_string();
    assert!(told.contains("drawBasket") && told.contains("evict_idle"), "{told}");
    assert!(!told.contains("hidden"), "{told}");
}

#[actix::test]
async fn the_history_of_a_group_is_that_of_its_projects() {
    let setup = with_group(Setup::guide(), "");
    let base = setup.files_dir().to_owned();
    for (dir, name, message) in [("project", "Ann", "Add a pool"), ("web", "Bob", "Add a basket")] {
        let dir = base.join(dir);
        git(&dir, name, &["init", "-q"]);
        git(&dir, name, &["add", "-A"]);
        git(&dir, name, &["commit", "-q", "-m", message]);
    }
    let server = setup.start();
    let mut client = conversation(&server).await;
    for (question, expected) in [
        ("Who wrote evict_idle?", &["by **Ann**"][..]),
        ("Who wrote drawBasket?", &["by **Bob**"]),
        ("What changed lately?", &["Add a pool", "Add a basket"]),
    ] {
        let text = text_of(&turn(&mut client, question).await);
        for expected in expected {
            assert!(text.contains(expected), "{question}: {text}");
        }
    }
}

#[actix::test]
async fn a_project_that_is_gone_or_replaced_while_it_is_served_is_told_and_followed() {
    let server = with_group(Setup::guide(), "").start();
    let base = server.files().to_owned();
    let mut client = conversation(&server).await;
    let question = "How is the checkout basket drawn?";
    assert!(text_of(&turn(&mut client, question).await).contains("`web:src/page.ts:2`"));
    fs::rename(base.join("web"), base.join("old")).unwrap();
    let frames = turn(&mut client, question).await;
    let end = frames[frames.len() - 1].to_string();
    assert!(end.contains("is gone or cannot be read") && end.contains("/web"), "{frames:?}");
    let (status, _) = server.get("/api/projects/platform/files?q=").await;
    assert_eq!(status, 404);
    fs::create_dir_all(base.join("web/lib")).unwrap();
    fs::write(base.join("web/lib/basket.ts"), "export function drawCheckoutBasket() {}\n").unwrap();
    let text = text_of(&turn(&mut client, question).await);
    assert!(text.contains("`web:lib/basket.ts:1`") && !text.contains("page.ts"), "{text}");
    // A link that leads to the project that is no part of it stays closed.
    std::os::unix::fs::symlink(base.join("third/src/other.rs"), base.join("web/link.rs")).unwrap();
    let (status, page) = server.get("/api/projects/platform/file?path=web:link.rs").await;
    assert!(status >= 400 && !page.to_string().contains("hidden"), "{page}");
}

#[actix::test]
async fn conversations_of_a_group_without_a_project_or_that_is_gone_are_kept() {
    let mut server = with_group(Setup::guide(), "").start();
    let mut client = server.connect_to("platform").await;
    let conversation = client.start().await;
    turn(&mut client, "How is the checkout basket drawn?").await;
    let file = server.files().join("cicerone.toml");
    let list = async |server: &Server| {
        let answer = server.get("/api/assistant/conversations/platform").await;
        (answer.0, answer.1.to_string())
    };
    fs::write(&file, "[groups]\nplatform = [\"demo\"]\n").unwrap();
    server.crash();
    let (status, listed) = list(&server).await;
    assert!(status == 200 && listed.contains("basket"), "{listed}");
    let mut client = server.connect_to("platform").await;
    let frames = client.enter(conversation, json!(null)).await;
    assert!(text_of(&frames).contains("web:src/page.ts"), "{frames:?}");
    let text = text_of(&turn(&mut client, "Where are idle connections evicted?").await);
    assert!(text.contains("`demo:src/pool.rs:2`"), "{text}");
    let (status, _) = server.get("/api/projects/platform/file?path=web:src/page.ts").await;
    assert_eq!(status, 404);
    fs::write(&file, "").unwrap();
    server.crash();
    assert_eq!(list(&server).await.0, 404);
    fs::write(&file, GROUPS).unwrap();
    server.crash();
    let (status, listed) = list(&server).await;
    assert!(status == 200 && listed.contains("basket"), "{listed}");
}

#[actix::test]
async fn doctor_and_the_self_test_look_at_every_directory() {
    let server = with_group(Setup::scripted(), "").start();
    let tested = eventually("the sandbox is tested", async || {
        (server.get("/readyz").await.1["sandbox"] == "proved").then_some(())
    });
    tested.await;
    let log = server.log();
    assert!(!log.contains("verdict=failed"), "{log}");
}
