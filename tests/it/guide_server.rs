//! The guide of a server: the project's reader answers, for all conversations from one index.

use std::{fs, os::unix::fs::symlink};

use serde_json::{Value, json};

use crate::{
    client::{Client, text_of},
    processes::{agents_of, readers_of, resident},
    server::{Server, Setup, eventually, git, signal},
};

const QUESTION: &str = "How does evict_idle work?";

fn setup() -> Setup {
    let setup = Setup::guide();
    let dir = setup.project_dir();
    for (path, text) in [
        (
            "src/pool.rs",
            "/// Evicts idle connections.\npub fn evict_idle(pool: &mut Vec<u32>) {}\n",
        ),
        ("tests/pool.rs", "#[test]\nfn idle_ones_are_evicted() {\n    evict_idle();\n}\n"),
        (".env", "EVICT_IDLE=hunter2 connections\n"),
    ] {
        let path = dir.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    setup
}

async fn conversation(server: &Server) -> Client {
    let mut client = server.connect().await;
    client.start().await;
    client
}

async fn answer(client: &mut Client, question: &str) -> String {
    client.ask(question).await;
    let frames = client.turn().await;
    assert_eq!(frames[frames.len() - 1]["type"], "response_done", "{frames:?}");
    text_of(&frames)
}

/// The only reader.
async fn reader(server: &Server) -> u32 {
    eventually("a reader runs", async || match readers_of(server.pid())[..] {
        [reader] => Some(reader),
        _ => None,
    })
    .await
}

#[actix::test]
async fn all_conversations_are_answered_from_one_index_and_each_remembers_its_own_question() {
    let server = setup().start();
    let mut first = conversation(&server).await;
    let text = answer(&mut first, QUESTION).await;
    assert!(text.contains("`src/pool.rs:2`") && !text.contains("hunter2"), "{text}");
    let one = reader(&server).await;
    let mut second = conversation(&server).await;
    let alone = answer(&mut second, "and where is it tested?").await;
    let text = answer(&mut first, "and where is it tested?").await;
    assert!(text.contains("`tests/pool.rs:2`"), "{text}");
    assert_ne!(text, alone);
    assert_eq!(reader(&server).await, one);
    // A guide has no index.
    let guides = agents_of(server.pid());
    assert_eq!(guides.len(), 2);
    fs::write(server.project_dir().join("src/new.rs"), "pub fn flux_capacitor() {}\n").unwrap();
    let text = answer(&mut second, "where is flux_capacitor?").await;
    assert!(text.contains("`src/new.rs:1`"), "{text}");
    assert!(guides.iter().all(|pid| resident(*pid) < 64 << 20));
}

#[actix::test]
async fn the_index_is_kept_for_the_next_start_and_what_stands_in_its_place_is_not_trusted() {
    let mut server = setup().start();
    let kept = server.data_dir().join("agents/indexes/demo/index");
    answer(&mut conversation(&server).await, QUESTION).await;
    eventually("the index is kept", async || kept.exists().then_some(())).await;
    for foreign in [None, Some(&b"CICRINDX\x03\0\0\0"[..]), Some(b"")] {
        server.crash();
        if let Some(foreign) = foreign {
            fs::write(&kept, foreign).unwrap();
        }
        let text = answer(&mut conversation(&server).await, QUESTION).await;
        assert!(text.contains("`src/pool.rs:2`"), "{text}");
    }
}

#[actix::test]
async fn indexes_of_projects_that_are_gone_are_removed_at_the_start() {
    let mut server = setup().start();
    let indexes = server.data_dir().join("agents/indexes");
    answer(&mut conversation(&server).await, QUESTION).await;
    let kept = indexes.join("demo/index");
    eventually("the index is kept", async || kept.exists().then_some(())).await;
    let (gone, outside) = (indexes.join("gone"), server.data_dir().join("outside"));
    fs::create_dir_all(gone.join("deep/deeper")).unwrap();
    fs::write(gone.join("index"), "old").unwrap();
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("file"), "kept").unwrap();
    symlink(&outside, indexes.join("link")).unwrap();
    server.crash();
    assert!(!gone.exists());
    assert!(kept.exists() && outside.join("file").exists());
}

#[actix::test]
async fn a_reader_that_dies_over_a_question_costs_a_sentence_and_the_next_one_remembers_all() {
    let server = setup().start();
    let mut client = conversation(&server).await;
    answer(&mut client, QUESTION).await;
    let first = reader(&server).await;
    // A reader that dies before it has the question is replaced unseen.
    let mut said = String::new();
    while !said.contains("The reader of the project's files") {
        let stopped = reader(&server).await;
        signal(stopped, "STOP");
        client.ask(QUESTION).await;
        client.until("status").await;
        signal(stopped, "KILL");
        let frames = client.turn().await;
        let end: &Value = &frames[frames.len() - 1];
        said = end["content"].as_str().unwrap_or_default().to_owned();
    }
    // After several deaths in a row, the next start has to wait.
    let text = eventually("the question is answered", async || {
        client.ask("and where is it tested?").await;
        let text = text_of(&client.turn().await);
        (!text.is_empty()).then_some(text)
    })
    .await;
    assert!(text.contains("`tests/pool.rs:2`"), "{text}");
    assert_ne!(reader(&server).await, first);
}

#[actix::test]
async fn a_question_that_waits_for_the_reader_is_interrupted_at_once() {
    let server = setup().start();
    let mut client = conversation(&server).await;
    answer(&mut client, QUESTION).await;
    let stalled = reader(&server).await;
    signal(stalled, "STOP");
    client.ask(QUESTION).await;
    // The status before may still come, and a stop before the question is accepted stops nothing.
    while client.until("status").await.last().unwrap()["state"] != "running" {}
    client.send(json!({ "type": "stop" })).await;
    let frames = client.turn().await;
    assert!(!text_of(&frames).contains("src/pool.rs"), "{frames:?}");
    signal(stalled, "CONT");
    let text = answer(&mut client, QUESTION).await;
    assert!(text.contains("`src/pool.rs:2`"), "{text}");
}

#[actix::test]
async fn a_link_that_moves_on_is_followed_by_pages_and_answers() {
    let setup = setup();
    let files = setup.files_dir().to_owned();
    for release in ["42", "43"] {
        let dir = files.join("releases").join(release);
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("README.md"), format!("# Release {release}\n")).unwrap();
        let text = format!("/// Of {release}.\npub fn evict_idle() {{}}\n");
        fs::write(dir.join(format!("pool{release}.rs")), text).unwrap();
    }
    let project = setup.project_dir();
    fs::remove_dir_all(&project).unwrap();
    let lead_to = |release: &str| {
        let next = files.join("next");
        symlink(files.join("releases").join(release), &next).unwrap();
        fs::rename(&next, &project).unwrap();
    };
    lead_to("42");
    let server = setup.start();
    let mut client = conversation(&server).await;
    for release in ["42", "43", "42"] {
        lead_to(release);
        let (_, page) = server.get("/api/projects/demo/file?path=README.md").await;
        assert_eq!(page["text"], format!("# Release {release}"), "{page}");
        let text = answer(&mut client, QUESTION).await;
        assert!(text.contains(&format!("`pool{release}.rs:2`")), "{text}");
        eventually("its reader alone is left", async || {
            (readers_of(server.pid()).len() == 1).then_some(())
        })
        .await;
    }
    // A link that leads nowhere is told, and mended without a restart.
    fs::rename(files.join("releases"), files.join("moved")).unwrap();
    client.ask(QUESTION).await;
    let frames = client.turn().await;
    let end = frames[frames.len() - 1]["content"].as_str().unwrap_or_default().to_owned();
    assert!(end.contains("is gone or cannot be read"), "{frames:?}");
    fs::rename(files.join("moved"), files.join("releases")).unwrap();
    assert!(answer(&mut client, QUESTION).await.contains("`pool42.rs:2`"));
}

#[actix::test]
async fn who_when_why_and_what_changed_are_answered_from_the_history_within_the_cage() {
    let setup = setup();
    let dir = setup.project_dir();
    git(&dir, "Ann", &["init", "-q"]);
    git(&dir, "Ann", &["add", "-A"]);
    git(&dir, "Ann", &["commit", "-q", "-m", "Add a pool"]);
    let pool = "/// Evicts idle connections.\npub fn evict_idle(pool: &mut Vec<u32>) {\n    pool.clear();\n}\n";
    fs::write(dir.join("src/pool.rs"), pool).unwrap();
    let message = "Clear the pool\n\nThe server kept half-open connections for an hour.";
    git(&dir, "Bob", &["commit", "-q", "-a", "-m", message]);
    let server = setup.start();
    let mut client = conversation(&server).await;
    for (question, expected) in [
        ("Who wrote evict_idle?", &["by **Ann**", "by Bob", "“Clear the pool”"][..]),
        ("who last changed the eviction of idle connections?", &["Ann", "Bob"]),
        ("When was evict_idle added?", &["was added on **20", "Add a pool"]),
        ("Why was evict_idle changed?", &["> The server kept half-open connections"]),
        ("What changed lately?", &["The 2 commits", "Clear the pool", "Add a pool"]),
        ("what changed in src/pool.rs last week?", &["`src/pool.rs`", "Clear the pool"]),
        ("Who calls evict_idle?", &["`tests/pool.rs"]),
    ] {
        let text = answer(&mut client, question).await;
        for expected in expected {
            assert!(text.contains(expected), "{question}: {text}");
        }
    }
}

#[actix::test]
async fn a_work_tree_has_the_history_of_its_repository_within_the_cage() {
    let setup = setup();
    let (dir, repository) = (setup.project_dir(), setup.files_dir().join("repository"));
    fs::rename(&dir, &repository).unwrap();
    git(&repository, "Ann", &["init", "-q"]);
    git(&repository, "Ann", &["add", "-A"]);
    git(&repository, "Ann", &["commit", "-q", "-m", "Add a pool"]);
    git(&repository, "Ann", &["worktree", "add", "-q", "--detach", dir.to_str().unwrap()]);
    let server = setup.start();
    let mut client = conversation(&server).await;
    let text = answer(&mut client, "Who wrote evict_idle?").await;
    assert!(text.contains("by **Ann**") && text.contains("“Add a pool”"), "{text}");
    // What names another directory as its own stays closed.
    let named = repository.join(".git/worktrees/project/gitdir");
    fs::write(named, format!("{}/.git\n", repository.display())).unwrap();
    let text = answer(&mut client, "Who wrote evict_idle?").await;
    assert!(text.contains("does not name it as a work tree"), "{text}");
}

#[actix::test]
async fn where_the_history_is_out_of_reach_it_is_said_and_the_code_is_shown() {
    let server = setup().start();
    let mut client = conversation(&server).await;
    let text = answer(&mut client, "Who wrote evict_idle?").await;
    assert!(text.contains("I cannot tell who that was: this project is not a git repo"), "{text}");
    let text = answer(&mut client, "Why was evict_idle added?").await;
    assert!(text.contains("I cannot tell") && text.contains("`src/pool.rs:2`"), "{text}");
}
