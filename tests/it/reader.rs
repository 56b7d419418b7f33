//! The readers of projects: whatever happens to one, or whatever it says, costs a sentence and never
//! the server.

use std::{fs, time::Instant};

use serde_json::Value;

use crate::{
    processes::readers_of,
    server::{DEADLINE, Server, Setup, eventually, signal},
};

const FILE: &str = "/api/projects/demo/file?path=README.md&format=html";

/// The one reader of the server.
async fn reader(server: &Server) -> u32 {
    eventually("a reader runs", async || readers_of(server.pid()).first().copied()).await
}

/// Waits until the project's file is shown again; returns what was said before.
async fn shown_again(server: &Server) -> Vec<String> {
    let mut said = Vec::new();
    let since = Instant::now();
    loop {
        let (status, body) = server.get(FILE).await;
        if status == 200 {
            return said;
        }
        assert_eq!(status, 503, "{body}");
        said.push(body["detail"].as_str().unwrap().to_owned());
        assert!(since.elapsed() < DEADLINE, "{said:?}");
    }
}

#[actix::test]
async fn a_reader_that_was_killed_is_started_again_by_the_next_request() {
    let server = Server::start();
    assert_eq!(server.get(FILE).await.0, 200);
    let first = reader(&server).await;
    signal(first, "KILL");
    shown_again(&server).await;
    eventually("another reader runs", async || {
        readers_of(server.pid()).iter().any(|pid| *pid != first).then_some(())
    })
    .await;
    let (_, metrics) = server.get("/metrics").await;
    let Value::String(metrics) = metrics else { panic!("{metrics}") };
    for line in ["cicerone_readers_running 1\n", "cicerone_reader_restarts_total 1\n"] {
        assert!(metrics.contains(line), "no {line} in {metrics}");
    }
}

#[actix::test]
async fn a_reader_that_stalls_costs_its_askers_a_sentence_and_is_replaced() {
    let server = Setup::scripted().config("[advanced.reader]\ntimeout = \"1s\"\n").start();
    assert_eq!(server.get(FILE).await.0, 200);
    let stalled = reader(&server).await;
    signal(stalled, "STOP");
    let (status, body) = server.get("/api/projects/demo/files?q=x").await;
    let detail = body["detail"].as_str().unwrap();
    assert!(status == 503 && detail.contains("did not answer within 1s"), "{status} {body}");
    eventually("the stalled reader is gone", async || {
        (!readers_of(server.pid()).contains(&stalled)).then_some(())
    })
    .await;
    shown_again(&server).await;
}

#[actix::test]
async fn a_reader_without_memory_is_stopped_and_says_which_setting_gives_it_more() {
    let server = Setup::scripted().config("[advanced.reader]\nmemory = \"1MiB\"\n").start();
    let since = Instant::now();
    let detail = loop {
        let (status, body) = server.get("/api/projects/demo/files?q=x").await;
        if status == 503 {
            break body["detail"].as_str().unwrap().to_owned();
        }
        assert!(since.elapsed() < DEADLINE);
    };
    assert!(detail.contains("advanced.reader.memory"), "{detail}");
    assert_eq!(server.get("/healthz").await.0, 200);
}

#[actix::test]
async fn a_reader_that_nobody_needs_ends_and_comes_back() {
    let server = Setup::scripted().config("[advanced.reader]\nidle_timeout = \"1s\"\n").start();
    assert_eq!(server.get(FILE).await.0, 200);
    reader(&server).await;
    eventually("the reader has ended", async || readers_of(server.pid()).is_empty().then_some(()))
        .await;
    assert_eq!(server.get(FILE).await.0, 200);
    let (_, metrics) = server.get("/metrics").await;
    assert!(metrics.as_str().unwrap().contains("cicerone_reader_restarts_total 0\n"));
}

#[actix::test]
async fn a_directory_that_is_replaced_or_gone_is_noticed() {
    let setup = Setup::scripted();
    let files = setup.files_dir().to_owned();
    let project = setup.project_dir();
    for release in ["42", "43"] {
        fs::create_dir(files.join(release)).unwrap();
        fs::write(files.join(release).join("README.md"), format!("# Release {release}\n")).unwrap();
    }
    let server = setup.start();
    let shown = async || {
        let (status, page) = server.get("/api/projects/demo/file?path=README.md").await;
        (status, page["text"].as_str().unwrap_or_default().to_owned())
    };
    assert!(shown().await.1.starts_with("# Demo"));
    for release in ["42", "43"] {
        fs::rename(&project, files.join(format!("before-{release}"))).unwrap();
        assert_eq!(shown().await.0, 404);
        fs::rename(files.join(release), &project).unwrap();
        assert_eq!(shown().await.1, format!("# Release {release}"));
    }
}
