//! Files that are meant to harm: too large, not what they claim, in places that are not theirs.

use std::time::Duration;

use futures_util::stream;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::{ask, get, path, png, send, sent};
use crate::{
    access::raw,
    server::{DEADLINE, Server, Setup, eventually},
};
use serde_json::json;

fn stored(server: &Server) -> i64 {
    let query = "SELECT count(*) FROM attachments";
    server.database().query_row(query, (), |row| row.get(0)).unwrap()
}

#[actix::test]
async fn what_bytes_are_is_decided_by_the_bytes() {
    let server = Server::start();
    let id = server.connect().await.begin().await;
    let page = b"<html><script>alert(1)</script></html>".to_vec();
    let svg = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>".to_vec();
    let gif = [&b"GIF89a\x05\0\x05\0\0\0\0"[..], b"/*<script>alert(1)</script>*/"].concat();
    for (name, bytes, content_type) in [
        ("a.png", page, "text/plain; charset=UTF-8"),
        ("a.svg", svg, "text/plain; charset=UTF-8"),
        ("a.html", gif, "image/gif"),
        ("a.html", png(5, 5), "image/png"),
    ] {
        let file = sent(&server, id, name, &bytes).await;
        let shown = get(&server, id, &file).await;
        assert_eq!(shown.headers()["content-type"], content_type);
        assert_eq!(shown.headers()["x-content-type-options"], "nosniff");
        let policy = shown.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("sandbox") && !policy.contains("script-src"), "{policy}");
    }
    for (bytes, status) in [
        (png(10_000, 10_000), 413),
        (png(0, 0), 422),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0".to_vec(), 422),
        (b"\x7fELF\x02\x01\x01\0\0\0".to_vec(), 415),
        (Vec::new(), 422),
    ] {
        let (answered, refused) = send(&server, id, "a.png", bytes).await;
        assert_eq!(answered, status, "{refused}");
        assert!(refused["detail"].is_string(), "{refused}");
    }
    assert_eq!(stored(&server), 4);
}

#[actix::test]
async fn names_are_names_and_no_paths_or_headers() {
    let server = Server::start();
    let id = server.connect().await.begin().await;
    for (name, kept) in [
        ("../../../etc/passwd", "passwd"),
        ("a\r\nSet-Cookie: x=1", "aSet-Cookie_ x=1"),
        ("\u{202e}gnp.exe", "_gnp.exe"),
        ("", "text.txt"),
    ] {
        let (status, file) = send(&server, id, name, "x").await;
        assert_eq!((status, file["name"].as_str()), (201, Some(kept)));
        let shown = get(&server, id, file["id"].as_str().unwrap()).await;
        assert!(shown.headers().get("set-cookie").is_none());
    }
    let (status, file) = send(&server, id, &"n".repeat(3000), "x").await;
    assert_eq!((status, file["name"].as_str().unwrap().len()), (201, 120));
}

#[actix::test]
async fn a_body_that_never_ends_is_stopped_at_the_bound() {
    let server = Setup::scripted().config("[attachments]\nfile_bytes = \"256KiB\"\n").start();
    let id = server.connect().await.begin().await;
    // Two gigabytes, of which the length is told or not.
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: {}\r\nContent-Length: 2147483648\r\n\r\n",
        path(id),
        server.address()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 12];
    timeout(DEADLINE, stream.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(answer, b"HTTP/1.1 413");

    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: {}\r\nTransfer-Encoding: chunked\r\n\r\n",
        path(id),
        server.address()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let chunk = [b"10000\r\n".to_vec(), vec![b'x'; 0x10000], b"\r\n".to_vec()].concat();
    let (mut reading, mut writing) = stream.into_split();
    let written = async {
        let mut written = 0_u64;
        // The server reads no further, so that at some time nothing more is taken.
        while written < 2 << 30 && writing.write_all(&chunk).await.is_ok() {
            written += 0x10000;
        }
        written
    };
    let answered = async {
        let mut answer = vec![0; 12];
        reading.read_exact(&mut answer).await.unwrap();
        answer
    };
    tokio::select! {
        answer = timeout(DEADLINE, answered) => assert_eq!(answer.unwrap(), b"HTTP/1.1 413"),
        written = written => panic!("{written} bytes were taken without an answer"),
    }
    assert_eq!(stored(&server), 0);
}

#[actix::test]
async fn cut_compressed_and_lying_bodies_store_nothing() {
    let server = Server::start();
    let id = server.connect().await.begin().await;
    // Cut off in the middle.
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: {}\r\nContent-Length: 1000\r\n\r\nhalf",
        path(id),
        server.address()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    drop(stream);
    let host = server.address();
    let line = format!("POST {}", path(id));
    for (headers, status) in [
        (vec![("Host", host), ("Content-Encoding", "gzip"), ("Content-Length", "4")], 415),
        (vec![("Host", host), ("Content-Length", "-4")], 400),
        (vec![("Host", host), ("Content-Length", "4"), ("Content-Length", "9")], 400),
    ] {
        let answer = raw::ask_with(&server, &line, &headers, "abcd").await;
        assert_eq!(answer.status, status, "{answer:?}");
    }
    // A stream that ends in an error.
    let pieces = stream::iter([Ok(&b"half"[..]), Err(std::io::Error::other("cut"))]);
    let request = reqwest::Client::new()
        .post(server.url(&path(id)))
        .body(reqwest::Body::wrap_stream(pieces))
        .timeout(Duration::from_secs(10));
    assert!(request.send().await.is_err());
    // What came after shows that the server has dealt with all that was before.
    sent(&server, id, "whole.txt", b"whole").await;
    assert_eq!(stored(&server), 1);
}

#[actix::test]
async fn nobody_reaches_files_by_another_conversation_project_or_a_guess() {
    let setup = Setup::scripted();
    let other = setup.project_dir().with_file_name("other");
    std::fs::create_dir(&other).unwrap();
    let server = setup.args(["--project", &format!("other={}", other.display())]).start();
    let mut one = server.connect().await;
    let id = one.begin().await;
    let mut two = server.connect().await;
    let elsewhere = two.begin().await;
    let file = sent(&server, id, "log.txt", b"secret").await;
    for path in [
        format!("/api/assistant/conversations/demo/{elsewhere}/attachments/{file}"),
        format!("/api/assistant/conversations/other/{id}/attachments/{file}"),
        format!("/api/assistant/conversations/demo/{id}/attachments/{}", "0".repeat(32)),
        format!("/api/assistant/conversations/demo/{id}/attachments/..%2f{file}"),
        format!("/api/assistant/conversations/demo/999/attachments/{file}"),
    ] {
        assert_eq!(server.get(&path).await.0, 404, "{path}");
    }
    for (project, conversation) in [("other", id), ("demo", 999), ("nobody", id)] {
        let path = format!("/api/assistant/conversations/{project}/{conversation}/attachments");
        let request = reqwest::Client::new().post(server.url(&path)).body("x").timeout(DEADLINE);
        assert_eq!(request.send().await.unwrap().status().as_u16(), 404, "{path}");
    }
    // Nor does a question of another conversation.
    for ids in [vec![file.as_str()], vec!["x"], vec![""]] {
        ask(&mut two, "m", "say stolen", &ids).await;
        let refused = two.until("error").await.pop().unwrap();
        assert!(refused["content"].as_str().unwrap().contains("Attach it again"), "{refused}");
    }
    two.send(json!({"type": "message", "content": "x", "attachments": "all"})).await;
    assert!(two.until("error").await.pop().unwrap()["content"].is_string());
    assert_eq!(stored(&server), 1);
}

#[actix::test]
async fn files_have_the_access_rules_of_their_conversation() {
    let token = "viewers-0123456789";
    let server = Setup::scripted().env("CICERONE_VIEWER_TOKEN", token).start();
    let http = reqwest::Client::new();
    let authorized =
        |request: reqwest::RequestBuilder| request.bearer_auth(token).timeout(DEADLINE);
    let made = authorized(http.post(server.url("/api/assistant/conversations/demo")));
    let made: serde_json::Value = made.send().await.unwrap().json().await.unwrap();
    let url = server.url(&path(made["id"].as_i64().unwrap()));
    let status = async |request: reqwest::RequestBuilder| {
        request.timeout(DEADLINE).send().await.unwrap().status().as_u16()
    };
    assert_eq!(status(http.post(&url).body("x")).await, 401);
    let foreign = authorized(http.post(&url)).header("origin", "http://evil.example").body("x");
    assert_eq!(status(foreign).await, 403);
    let file = authorized(http.post(&url).body("x")).send().await.unwrap();
    let file: serde_json::Value = file.json().await.unwrap();
    let url = format!("{url}/{}", file["id"].as_str().unwrap());
    assert_eq!(status(http.get(&url)).await, 401);
    assert_eq!(status(authorized(http.get(&url))).await, 200);
    assert_eq!(status(authorized(http.delete(&url))).await, 405);
    assert_eq!(stored(&server), 1);
}

#[actix::test]
async fn files_without_a_question_are_bounded_and_go_with_an_empty_conversation() {
    let limits = "[attachments]\nfile_bytes = 1000\nquestion_bytes = 1000\n";
    let server = Setup::scripted().config(limits).start();
    let client = server.connect().await;
    let mut client = client;
    let id = client.begin().await;
    for _ in 0..8 {
        sent(&server, id, "a", &[b'x'; 1000]).await;
    }
    let (status, refused) = send(&server, id, "a", "x").await;
    assert_eq!(status, 429);
    assert!(refused["detail"].as_str().unwrap().contains("without a question"), "{refused}");
    assert_eq!(stored(&server), 8);
    drop(client);
    let close = format!("/api/admin/sessions/demo/{id}");
    server.request(reqwest::Method::DELETE, &close).await;
    eventually("the empty conversation is gone with its files", async || {
        (stored(&server) == 0).then_some(())
    })
    .await;
}
