//! References in answers: checked against the project's files while an answer streams, and told
//! with its end.

use std::fs;

use serde_json::{Value, json};

use crate::{
    client::Client,
    server::{Server, Setup, git},
};

/// A project with a file of three lines, and an agent that reads and refers.
const ASKED: &str = r#"tool Read {"file_path":"src/parser.rs"} => 1 one
say See `src/parser.rs:2` and src/other.rs:1, not src/gone.rs:7 or `parser.rs:9`. Node.js is none, .env may not be shown."#;

fn setup() -> Setup {
    let setup = Setup::scripted();
    fs::create_dir(setup.project_dir().join("src")).unwrap();
    fs::write(setup.project_dir().join("src/parser.rs"), "one\ntwo\nthree\n").unwrap();
    fs::write(setup.project_dir().join("src/other.rs"), "one\n").unwrap();
    setup
}

fn end(frames: &[Value]) -> &Value {
    frames.iter().find(|frame| frame["type"] == "response_done").unwrap()
}

/// One that is shown answers as HTML.
async fn start_html(server: &Server) -> Client {
    let mut client = server.connect().await;
    client.send(json!({"type": "start", "protocol": 1, "format": "html"})).await;
    client.until("caught_up").await;
    client
}

#[tokio::test]
async fn the_end_of_an_answer_tells_which_references_exist_and_what_was_read() {
    let server = setup().start();
    let mut client = server.connect().await;
    let conversation = client.start().await;
    client.ask(ASKED).await;
    let frames = client.turn().await;
    let expected = json!([
        {"path": "src/parser.rs", "line": 2, "found": true, "read": true},
        {"path": "src/other.rs", "line": 1, "found": true, "read": false},
        {"path": "src/gone.rs", "line": 7, "found": false, "why": "there is no such file", "read": false},
        {"path": "parser.rs", "line": 9, "file": "src/parser.rs", "found": false,
         "why": "it has only 3 lines", "read": true},
    ]);
    assert_eq!(unanchored(&end(&frames)["citations"]), expected);
    assert_eq!(end(&frames)["files_read"], json!(["src/parser.rs"]));

    // It is kept with the answer, whatever becomes of the files.
    fs::remove_file(server.project_dir().join("src/parser.rs")).unwrap();
    let (_, frames) = server.enter(conversation, json!(null)).await;
    let kept = frames.iter().rfind(|frame| frame["type"] == "response_done").unwrap();
    assert_eq!(unanchored(&kept["citations"]), expected);
}

/// Citations without what is kept to compare them later.
fn unanchored(citations: &Value) -> Value {
    let mut citations = citations.clone();
    for citation in citations.as_array_mut().into_iter().flatten() {
        citation.as_object_mut().unwrap().remove("anchor");
    }
    citations
}

#[tokio::test]
async fn a_reference_tells_later_whether_its_lines_are_fresh_moved_changed_or_gone() {
    let server = setup().start();
    let root = server.project_dir();
    let commit = "0123456789abcdef0123456789abcdef01234567";
    fs::create_dir_all(root.join(".git")).unwrap();
    fs::write(root.join(".git/HEAD"), format!("{commit}\n")).unwrap();
    fs::write(root.join("src/other.rs"), "a line that is like no other\n").unwrap();
    fs::write(root.join("src/moving.rs"), "fn stay() {\n}\nfn go() {\n    there();\n}\n").unwrap();
    let mut client = server.connect().await;
    let conversation = client.start().await;
    client
        .ask(
            "say `src/moving.rs:1-2`, `src/moving.rs:3-5`, `src/moving.rs`, `src/parser.rs:2`, \
             `src/gone.rs:7`, `src/other.rs:1`",
        )
        .await;
    let end = end(&client.turn().await).clone();
    assert_eq!(end["citations"][0]["anchor"]["commit"], commit, "{end}");
    let states = async || {
        let (status, answer) = server.get(&path_of(conversation, "1")).await;
        assert_eq!(status, 200, "{answer}");
        let references = answer["references"].as_array().unwrap().clone();
        references.iter().map(|it| it["standing"].clone()).collect::<Vec<_>>()
    };
    let state = |state: &str| json!({"state": state});
    let missing = state("unknown");
    let fresh = state("fresh");
    assert_eq!(
        states().await,
        [&fresh, &fresh, &fresh, &fresh, &missing, &fresh].map(Clone::clone)
    );

    fs::write(root.join("src/moving.rs"), "fn stay() {\n}\n\n\nfn go() {\n    there();\n}\n")
        .unwrap();
    fs::write(root.join("src/parser.rs"), "another\nfile\n").unwrap();
    fs::create_dir(root.join("lib")).unwrap();
    fs::rename(root.join("src/other.rs"), root.join("lib/other.rs")).unwrap();
    let moved = json!({"state": "moved", "line": 5});
    let elsewhere = json!({"state": "moved", "file": "lib/other.rs", "line": 1});
    let changed = state("changed");
    assert_eq!(
        states().await,
        [&fresh, &moved, &changed, &changed, &missing, &elsewhere].map(Clone::clone)
    );
    fs::remove_file(root.join("src/parser.rs")).unwrap();
    assert_eq!(states().await[3], state("gone"));

    let export = format!("/api/assistant/conversations/demo/{conversation}/export");
    let text = reqwest::get(server.url(&export)).await.unwrap().text().await.unwrap();
    let cited = "Cited at commit `0123456789ab`:\n\n- `src/moving.rs:1-2`\n\
                 - `src/moving.rs:3-5`, since moved to `src/moving.rs:5-7`\n\
                 - `src/moving.rs`, since changed\n- `src/parser.rs:2`, since gone\n\
                 - `src/other.rs:1`, since moved to `lib/other.rs:1`\n";
    assert!(text.contains(cited), "{text}");
    let (_, exported) = server.get(&format!("{export}?format=json")).await;
    let entries = exported["entries"].as_array().unwrap();
    let end = entries.iter().rfind(|entry| entry["kind"] == "response_done").unwrap();
    assert_eq!(end["references"][1]["standing"], moved, "{end}");
    assert_eq!(end["payload"]["citations"][1]["anchor"], end["references"][1]["anchor"]);

    for (turn, expected) in [("7", 404), ("x", 422)] {
        assert_eq!(server.get(&path_of(conversation, turn)).await.0, expected, "{turn}");
    }
}

#[tokio::test]
async fn a_commit_is_a_reference_that_opens_its_message_and_what_it_changed() {
    let server = setup().start();
    let root = server.project_dir();
    fs::write(root.join(".env"), "TOKEN=hunter2\n").unwrap();
    git(&root, "Ann", &["init", "-q"]);
    git(&root, "Ann", &["add", "-A", "-f"]);
    git(&root, "Ann", &["commit", "-q", "-m", "Add a parser"]);
    let id = git(&root, "Ann", &["rev-parse", "HEAD"]);
    let short = &id[..8];
    let mut client = server.connect().await;
    client.start().await;
    client.ask(&format!("say Since `{short}`, not `0123abcd`, `{id}`, `src/parser.rs:2`.")).await;
    let citations = end(&client.turn().await)["citations"].clone();
    let found: Vec<_> = citations.as_array().unwrap().iter().map(|it| &it["commit"]).collect();
    assert_eq!(found, [&json!(id), &json!(id), &json!(null)], "{citations}");
    assert_eq!(citations[2]["anchor"]["commit"], id, "{citations}");

    let page = |path: String| {
        let server = &server;
        async move { server.get(&format!("/api/projects/demo/{path}")).await }
    };
    let (status, shown) = page(format!("commit?id={short}&format=html")).await;
    let text = shown["text"].as_str().unwrap();
    assert!(status == 200 && text.contains("Add a parser") && text.contains("+two"), "{shown}");
    assert!(!text.contains("hunter2") && shown["language"] == "diff", "{shown}");
    assert!(shown["lines"].to_string().contains("class=\\\"added\\\""), "{shown}");

    fs::write(root.join("src/parser.rs"), "another\n").unwrap();
    let (status, then) = page(format!("file?path=src/parser.rs&commit={id}")).await;
    assert_eq!((status, &then["text"]), (200, &json!("one\ntwo\nthree")), "{then}");
    for (path, expected) in [
        ("commit?id=0123abcd".to_owned(), 404),
        ("commit?id=--help".to_owned(), 404),
        (format!("file?path=src/gone.rs&commit={id}"), 404),
        (format!("file?path=.env&commit={id}"), 403),
        (format!("file?path=../x&commit={id}"), 422),
        ("file?path=src/parser.rs&commit=HEAD".to_owned(), 404),
    ] {
        let (status, problem) = page(path.clone()).await;
        assert_eq!(status, expected, "{path}: {problem}");
        assert!(!problem.to_string().contains("hunter2"), "{problem}");
    }
}

fn path_of(conversation: i64, turn: &str) -> String {
    format!("/api/assistant/conversations/demo/{conversation}/references?turn={turn}")
}

#[tokio::test]
async fn references_are_told_while_the_answer_streams_and_to_who_comes_in() {
    let server = setup().start();
    let signal = server.project_dir().join("go on");
    let mut client = start_html(&server).await;
    client
        .ask(&format!(
            "say In `src/parser.rs:2`, not in `src/gone.rs`.\nawait {}",
            signal.display()
        ))
        .await;
    let citations = json!([
        {"path": "src/parser.rs", "line": 2, "found": true, "read": false},
        {"path": "src/gone.rs", "found": false, "why": "there is no such file", "read": false},
    ]);
    let frames = client.until("citations").await;
    assert_eq!(unanchored(&frames.last().unwrap()["citations"]), citations);
    let html = frames.iter().rfind(|frame| frame["type"] == "html").unwrap();
    let marked = r#"<a class="reference" data-path="src/parser.rs" data-line="2"><code>src/parser.rs:2</code></a>"#;
    assert!(html["html"].as_str().unwrap().contains(marked), "{html}");

    let conversation = frames.iter().find_map(|frame| frame["conversation_id"].as_i64());
    let mut other = server.connect().await;
    let entered = json!({"type": "start", "protocol": 1, "format": "html",
        "conversation_id": conversation.unwrap_or(1)});
    other.send(entered).await;
    assert_eq!(unanchored(&other.until("citations").await.last().unwrap()["citations"]), citations);
    fs::write(signal, "").unwrap();
    assert_eq!(unanchored(&end(&client.turn().await)["citations"]), citations);
    assert_eq!(unanchored(&end(&other.turn().await)["citations"]), citations);
}

#[tokio::test]
async fn p7_a_second_result_that_comes_while_references_are_checked_is_no_second_end() {
    let server = setup().start();
    let mut client = server.connect().await;
    client.start().await;
    client.ask("say See src/parser.rs:1.\ntwice").await;
    assert_eq!(end(&client.turn().await)["citations"][0]["found"], true);
    client.ask("say See src/gone.rs:1.").await;
    let frames = client.turn().await;
    assert_eq!(end(&frames)["turn"], 2);
    assert_eq!(end(&frames)["citations"][0]["found"], false);
}

#[tokio::test]
async fn p7_an_agent_that_ends_with_its_answer_still_has_its_references_checked() {
    let server = setup().start();
    let mut client = server.connect().await;
    client.start().await;
    for turn in 1..=5 {
        client.ask("say See src/parser.rs:1.\nleave").await;
        let frames = client.turn().await;
        assert_eq!(end(&frames)["turn"], turn);
        assert_eq!(end(&frames)["citations"][0]["found"], true);
    }
}

#[tokio::test]
async fn p9_no_more_references_are_checked_than_the_limit_allows() {
    let server = setup().config("[advanced.reading]\nreferences = 3\n").start();
    let mut client = server.connect().await;
    client.start().await;
    let many: Vec<String> = (1..50).map(|line| format!("src/parser.rs:{line}")).collect();
    client.ask(&format!("say {}", many.join(" "))).await;
    assert_eq!(end(&client.turn().await)["citations"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn p1_the_original_dialect_is_told_nothing_of_references() {
    let server = setup().start();
    let mut client = server.connect().await;
    client.start_seed().await;
    client.send(json!({"type": "message", "content": "say See src/parser.rs:1."})).await;
    let frames = client.until("response_done").await;
    assert_eq!(frames.last().unwrap(), &json!({"type": "response_done"}));
}

#[tokio::test]
async fn every_end_of_an_answer_keeps_its_references() {
    let server = setup().start();
    let mut client = server.connect().await;
    let conversation = client.start().await;
    let answer = "tool Read {\"file_path\":\"src/parser.rs\"} => 1 one\nsay See src/parser.rs:2, not src/gone.rs:7.";
    let expected = json!([
        {"path": "src/parser.rs", "line": 2, "found": true, "read": true},
        {"path": "src/gone.rs", "line": 7, "found": false, "why": "there is no such file", "read": false},
    ]);
    for last in [
        "error no luck",
        "error prompt is too long",
        "crash",
        "exit 3",
        "silent-exit",
        "await /never",
    ] {
        client.ask(&format!("{answer}\n{last}")).await;
        if last.starts_with("await") {
            client.until("text").await;
            client.send(json!({"type": "stop"})).await;
        }
        let end = client.turn().await.pop().unwrap();
        assert_eq!(unanchored(&end["citations"]), expected, "{last}: {end}");
        assert_eq!(end["files_read"], json!(["src/parser.rs"]), "{last}");
        let (_, frames) = server.enter(conversation, json!(null)).await;
        let kept = frames.iter().rfind(|frame| frame["turn"] == end["turn"]).unwrap();
        assert_eq!(kept, &end, "{last}");
    }
}

#[tokio::test]
async fn p9_an_answer_that_is_cut_at_its_limit_keeps_its_references() {
    let tools = "\ntool Grep {} => x".repeat(20);
    for (limit, script) in [
        ("[limits]\nanswer_bytes = \"16KiB\"\n", "\nblocks 99 4000"),
        ("[advanced.limits]\nanswer_entries = 9\n", tools.as_str()),
    ] {
        let server = setup().config(limit).start();
        let mut client = server.connect().await;
        client.start().await;
        client.ask(&format!("say See src/parser.rs:2, not src/gone.rs:7. {script}")).await;
        let end = client.turn().await.pop().unwrap();
        assert_eq!(end["type"], "error", "{end}");
        let found = |index: usize| end["citations"][index]["found"].as_bool();
        assert_eq!((found(0), found(1)), (Some(true), Some(false)), "{end}");
        // The next question has an agent, and the next answer its own references.
        client.ask("say See src/other.rs:1.").await;
        assert_eq!(end_of(&client.turn().await), ["src/other.rs"]);
    }
}

fn end_of(frames: &[Value]) -> Vec<&str> {
    let citations = end(frames)["citations"].as_array().unwrap();
    citations.iter().map(|citation| citation["path"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn p3_references_of_an_answer_that_the_server_did_not_live_to_end_are_checked_later() {
    for is_kill in [true, false] {
        let mut server = setup().start();
        let mut client = server.connect().await;
        let conversation = client.start().await;
        client.ask("tool Read {\"file_path\":\"src/parser.rs\"} => 1 one\nsay See src/parser.rs:2 and src/gone.rs:7.\nawait /never").await;
        client.until("text").await;
        server.has_begun(conversation, 1).await;
        crate::server::eventually("the answer is stored", async || {
            let stored = crate::screen::Screen::stored(&server, conversation);
            stored.answer(1).contains("gone.rs").then_some(())
        })
        .await;
        if is_kill {
            server.crash();
        } else {
            assert!(server.terminate().success());
            server.launch_again();
        }
        for _ in 0..2 {
            let (_, frames) = server.enter(conversation, json!(null)).await;
            let end = frames.iter().rfind(|frame| frame["type"] == "response_done").unwrap();
            assert_eq!(end["outcome"], "interrupted");
            assert_eq!(end["citations"].as_array().map(Vec::len), Some(2), "{end}");
            assert_eq!(
                (&end["citations"][0]["found"], &end["citations"][1]["found"]),
                (&json!(true), &json!(false))
            );
            assert_eq!(end["files_read"], json!(["src/parser.rs"]));
        }
    }
}
