//! What is checked out in a project: told of it and with its answers; and directories that are replaced
//! while they are served.

use std::fs;

use serde_json::{Value, json};

use crate::{
    client::text_of,
    server::{Server, Setup, eventually, git, write},
};

/// A repository with one commit; returns its hash.
fn commit(dir: &std::path::Path, text: &str) -> String {
    write(dir, "src/pool.rs", text);
    git(dir, "Ann", &["init", "-q", "-b", "main"]);
    git(dir, "Ann", &["add", "."]);
    git(dir, "Ann", &["commit", "-q", "-m", "Add a pool"]);
    git(dir, "Ann", &["rev-parse", "HEAD"])
}

fn end(frames: &[Value]) -> &Value {
    frames.iter().find(|frame| frame["type"] == "response_done").unwrap()
}

#[actix::test]
async fn branch_commit_and_changes_are_told_of_a_project_and_the_commit_is_kept_with_each_answer() {
    let setup = Setup::scripted();
    let id = commit(&setup.project_dir(), "fn evict() {}\n");
    let server = setup.start();
    let told = async |path: &str| server.get(path).await.1;
    let clean = json!([{"branch": "main", "commit": id, "is_changed": false}]);
    assert_eq!(told("/api/projects/demo/questions").await["checkouts"], clean);
    assert_eq!(told("/api/projects").await[0]["checkouts"], clean);
    let mut client = server.connect().await;
    let conversation = client.start().await;
    for script in ["say See `src/pool.rs:1`.", "say It names no file."] {
        client.ask(script).await;
        let frames = client.turn().await;
        let expected = json!([{"branch": "main", "commit": id}]);
        assert_eq!(end(&frames)["commits"], expected, "{script}");
    }
    let (_, frames) = server.enter(conversation, json!(null)).await;
    let is_first = |frame: &&Value| frame["type"] == "response_done" && frame["turn"] == 1;
    let kept = frames.iter().find(is_first).unwrap();
    assert_eq!(kept["commits"][0]["commit"], json!(id));
    assert_eq!(kept["citations"][0]["anchor"]["commit"], json!(id));
    fs::write(server.project_dir().join("src/pool.rs"), "fn drain() {}\n").unwrap();
    eventually("the change is told", async || {
        let checkouts = &told("/api/projects/demo/questions").await["checkouts"];
        (checkouts[0]["is_changed"] == true).then_some(())
    })
    .await;
}

#[actix::test]
async fn a_project_without_git_tells_no_commit() {
    let server = Setup::scripted().start();
    let (_, told) = server.get("/api/projects/demo/questions").await;
    assert!(told["questions"].is_array() && told["checkouts"].is_null(), "{told}");
    let mut client = server.connect().await;
    client.start().await;
    client.ask("say See README.md.").await;
    assert!(end(&client.turn().await)["commits"].is_null());
}

/// Puts a clone in the place of the project, made anew.
fn clone_anew(server: &Server, text: &str) -> String {
    let project = server.project_dir();
    fs::remove_dir_all(&project).unwrap();
    fs::create_dir(&project).unwrap();
    commit(&project, text)
}

#[actix::test]
async fn a_clone_that_is_made_anew_is_noticed_by_its_reader_its_index_and_its_history() {
    let setup = Setup::guide();
    let first = commit(&setup.project_dir(), "/// Evicts.\npub fn evict_idle() {}\n");
    let server = setup.start();
    let mut client = server.connect().await;
    client.start().await;
    client.ask("What does evict_idle do?").await;
    let frames = client.turn().await;
    assert!(text_of(&frames).contains("src/pool.rs:"), "{frames:?}");
    assert_eq!(end(&frames)["commits"][0]["commit"], json!(first));
    let second = clone_anew(&server, "/// Drains.\npub fn drain_all() {}\n");
    client.ask("What does drain_all do?").await;
    let frames = client.turn().await;
    assert!(text_of(&frames).contains("Drains"), "{frames:?}");
    assert_eq!(end(&frames)["commits"][0]["commit"], json!(second));
    let (status, found) = server.get("/api/projects/demo/symbols?q=evict_idle").await;
    assert!(status == 200 && !found.to_string().contains("pool.rs"), "{found}");
    let (_, blamed) =
        server.get("/api/projects/demo/blame?path=src/pool.rs&line=1&end_line=1").await;
    assert!(blamed.to_string().contains(&second[..10]), "{blamed}");
    assert_eq!(
        server.get("/api/projects/demo/questions").await.1["checkouts"][0]["commit"],
        second
    );
}

#[actix::test]
async fn an_agent_that_reads_files_itself_is_replaced_with_its_directory() {
    let setup = Setup::scripted();
    let files = setup.files_dir().to_owned();
    let server = setup.start();
    let mut client = server.connect().await;
    client.start().await;
    client.ask("say one").await;
    client.turn().await;
    let first = server.agent_pid().await;
    client.ask("history").await;
    client.turn().await;
    assert_eq!(server.agent_pid().await, first, "an agent was replaced without a reason");
    fs::rename(server.project_dir(), files.join("before")).unwrap();
    fs::create_dir(server.project_dir()).unwrap();
    client.ask("cwd").await;
    let text = text_of(&client.turn().await);
    assert!(text.ends_with("/project"), "{text}");
    assert_ne!(server.agent_pid().await, first);
    assert!(server.log().contains("why=\"another directory\""));
}
