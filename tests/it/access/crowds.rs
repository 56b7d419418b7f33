//! P9, before anybody has shown a token: connections that do nothing, or do it slowly, are ended in
//! their time, and however many they are, others are served.

use std::{
    fs,
    io::Write as _,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    time::timeout,
};

use crate::{
    client::{Client, text_of},
    processes::resident,
    server::{DEADLINE, Server, Setup, eventually},
};

use super::raw::{ask, exchange};

const TOKEN: &str = "viewer-0123456789";

/// Requests that do not end, with what is trickled after them byte by byte, if anything.
const ENDLESS: [(&str, &str); 12] = [
    ("", ""),
    ("", "GET / HTTP/1.1\r\nHost: localhost\r\nX-Endless: "),
    ("GET / HTTP/1.1\r\nHost: localhost\r\n", ""),
    ("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", ""),
    ("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", "GET / HTTP/1.1\r\nX-Endless: "),
    (
        "POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n\
      Content-Length: 10000\r\n\r\n",
        "token=",
    ),
    (
        "POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n\
      Transfer-Encoding: chunked\r\n\r\n2000\r\ntoken=",
        "",
    ),
    (
        "PATCH /api/assistant/conversations/demo/1 HTTP/1.1\r\nHost: localhost\r\n\
      Authorization: Bearer viewer-0123456789\r\nContent-Type: application/json\r\n\
      Content-Length: 10000\r\n\r\n",
        "{\"title\":\"",
    ),
    (
        "POST /api/assistant/conversations/demo HTTP/1.1\r\nHost: localhost\r\n\
      Transfer-Encoding: chunked\r\n\r\n",
        "2000\r\n",
    ),
    (
        "POST /login HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: x\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 10000\r\n\r\n",
        "token=",
    ),
    ("GET /nothing HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000\r\n\r\n", "x"),
    (
        "GET /api/assistant/ws/demo HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n\
      Upgrade: websocket\r\n",
        "X-Endless: ",
    ),
];

/// A WebSocket that says nothing.
const SILENT: &str = "GET /api/assistant/ws/demo HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n\
                      Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                      Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";

/// Connects from another address of this machine.
async fn connect_from(last: u8, server: &Server) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(([127, 0, 0, last], 0).into())?;
    socket.connect(server.address().parse().unwrap()).await
}

/// Sends a request that does not end until the server cuts it off; gives what it answered.
async fn endure(server: &Server, (head, trickle): (&str, &str)) -> String {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let (mut reading, mut writing) = stream.split();
    let mut answer = Vec::new();
    let trickled = async {
        let mut pace = tokio::time::interval(Duration::from_millis(50));
        for byte in trickle.bytes().chain(std::iter::repeat(b'x')) {
            pace.tick().await;
            if trickle.is_empty() || writing.write_all(&[byte]).await.is_err() {
                break;
            }
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        // A reset is an end too.
        _ = reading.read_to_end(&mut answer) => (),
        () = trickled => (),
    }
    String::from_utf8_lossy(&answer).into_owned()
}

#[actix::test]
async fn p9_a_request_that_does_not_end_is_cut_off_in_its_time_whatever_it_is() {
    let setup = Setup::guide().env("CICERONE_VIEWER_TOKEN", TOKEN);
    let server = setup.config("[advanced.socket]\nrequest_timeout = \"1s\"\n").start();
    let endless = ENDLESS.map(|request| timeout(DEADLINE, endure(&server, request)));
    let answers = join_all(endless).await;
    for (request, answer) in ENDLESS.iter().zip(answers) {
        let answer = answer.unwrap_or_else(|_| panic!("this is never cut off: {request:?}"));
        if request.0.contains("/login") || request.0.starts_with("PATCH") {
            assert!(answer.starts_with("HTTP/1.1 408 "), "{request:?}: {answer}");
            assert!(answer.contains("The body did not arrive in time"), "{answer}");
        }
    }
    // A body that is only slow is taken.
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let body = format!("token={TOKEN}");
    let head = format!(
        "POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut pace = tokio::time::interval(Duration::from_millis(20));
    for byte in body.bytes() {
        pace.tick().await;
        stream.write_all(&[byte]).await.unwrap();
    }
    let mut answer = String::new();
    timeout(DEADLINE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[actix::test]
async fn p9_hanging_connections_from_many_addresses_shut_nobody_out() {
    for open_files in [100, 300] {
        let server = Setup::scripted().open_files(64, open_files).start();
        let mut steady = server.connect().await;
        steady.start().await;
        let mut hanging = Vec::new();
        let mut longest = Duration::ZERO;
        for round in 0..20 {
            for number in 0..60_u8 {
                // Some that were cut off by now make place for new ones.
                let connected = connect_from(1 + number % 5, &server);
                let Ok(Ok(mut stream)) = timeout(Duration::from_secs(5), connected).await else {
                    panic!("the server takes no connections in round {round}");
                };
                let endless = ENDLESS.get(usize::from(number) % (ENDLESS.len() + 1));
                let (head, trickle) = *endless.unwrap_or(&(SILENT, ""));
                stream.write_all(head.as_bytes()).await.ok();
                stream.write_all(trickle.as_bytes()).await.ok();
                hanging.push(stream);
            }
            let begun = Instant::now();
            for path in ["GET /healthz", "GET /api/projects", "GET /api/admin/sessions"] {
                assert_eq!(ask(&server, path, &[]).await.status, 200, "{path} in round {round}");
            }
            let mut client = server.connect().await;
            client.start().await;
            steady.send(json!({ "type": "ping" })).await;
            steady.until("pong").await;
            longest = longest.max(begun.elapsed());
        }
        assert!(longest < Duration::from_secs(5), "served after {longest:?} with {open_files}");
        steady.ask("say still here").await;
        assert_eq!(text_of(&steady.turn().await), "still here");
        drop(hanging);
        eventually("what they had is given back", async || {
            let open = fs::read_dir(format!("/proc/{}/fd", server.pid())).unwrap().count();
            (open < 60).then_some(())
        })
        .await;
    }
}

#[actix::test]
async fn p9_sockets_leave_room_for_requests_and_one_too_many_is_told_so() {
    let server = Setup::guide().config("[limits]\nconnections = 24\n").start();
    let mut sockets = Vec::new();
    let refused = loop {
        let mut client = server.connect().await;
        client.send(json!({ "type": "stop" })).await;
        client.send(json!({ "type": "ping" })).await;
        match client.try_frame().await {
            Some(frame) if frame["type"] == "pong" => sockets.push(client),
            refused => break refused.unwrap(),
        }
        assert!(sockets.len() < 24, "sockets take all connections");
    };
    assert!(refused["content"].as_str().unwrap().contains("limit of connections"), "{refused}");
    let mut client = server.connect().await;
    client.send(json!({ "type": "stop" })).await;
    assert_eq!(client.until_closed().await.1, 4429);
    for _ in 0..50 {
        assert_eq!(ask(&server, "GET /api/admin/sessions", &[]).await.status, 200);
    }
    sockets.pop();
    eventually("a socket that is closed makes room", async || {
        let mut client = server.connect().await;
        client.send(json!({ "type": "stop" })).await;
        client.send(json!({ "type": "ping" })).await;
        (client.try_frame().await? == json!({ "type": "pong" })).then_some(())
    })
    .await;
}

#[actix::test]
async fn p9_the_limit_of_open_files_is_raised_and_what_is_missing_is_told() {
    let limits = |pid: u32| {
        let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
        let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
        let numbers: Vec<u64> = line.split_whitespace().filter_map(|it| it.parse().ok()).collect();
        (numbers[0], numbers[1])
    };
    let config = "[advanced.limits]\nagent_open_files = 200\n";
    let server = Setup::scripted().config(config).open_files(64, 900).start();
    assert_eq!(limits(server.pid()), (900, 900));
    let log = server.log();
    assert!(log.contains("900, leaves room for 644 of 20000 connections"), "{log}");
    let mut client = server.connect().await;
    client.start().await;
    client.ask("say here").await;
    client.turn().await;
    assert_eq!(limits(server.agent_pid().await), (200, 200), "an agent has its own limit");

    let enough = Setup::guide().config("[limits]\nconnections = 500\n").open_files(64, 900);
    let log = enough.start().log();
    assert!(!log.contains("leaves room"), "{log}");
}

#[actix::test]
async fn p10_a_request_whose_length_is_not_clear_is_refused_and_no_other_is_read_from_it() {
    let server = Server::start();
    let inner = "GET /api/projects HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for headers in [
        vec![("Content-Length", "4"), ("Content-Length", "0")],
        vec![("Content-Length", "4"), ("Transfer-Encoding", "chunked")],
        vec![("Content-Length", "4, 4")],
        vec![("Content-Length", "+4")],
        vec![("Content-Length", "-1")],
        vec![("Content-Length", "0x4")],
        vec![("Content-Length", "99999999999999999999")],
        vec![("Transfer-Encoding", "chunked, identity")],
        vec![("Transfer-Encoding", "xchunked")],
    ] {
        let mut all = vec![("Host", "localhost")];
        all.extend(&headers);
        let stream = TcpStream::connect(server.address()).await.unwrap();
        let answer = exchange(stream, "POST /login", &all, inner).await;
        assert_eq!(answer.status, 400, "{headers:?}: {answer:?}");
        assert!(!answer.body.contains("HTTP/1.1"), "{headers:?}: {answer:?}");
    }
    Client::connect(server.address(), "demo", None).await.start().await;
}

#[actix::test]
async fn p9_a_compressed_body_is_refused_before_it_is_unpacked() {
    let server = Setup::guide().env("CICERONE_VIEWER_TOKEN", TOKEN).start();
    ask(&server, "GET /healthz", &[]).await;
    let before = resident(server.pid());
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(&vec![b'x'; 60 << 20]).unwrap();
    let packed = packed.finish().unwrap();
    assert!(packed.len() < 64 << 10, "small enough to be taken as a body");
    for coding in ["gzip", "deflate", "br", "identity, gzip", "X-Gzip"] {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        let head = format!(
            "POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\nConnection: close\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Encoding: {coding}\r\n\r\n",
            packed.len()
        );
        stream.write_all(&[head.as_bytes(), &packed].concat()).await.unwrap();
        let mut answer = String::new();
        timeout(DEADLINE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
        assert!(answer.starts_with("HTTP/1.1 415 "), "{coding}: {answer}");
    }
    let grown = resident(server.pid()).saturating_sub(before);
    assert!(grown < 16 << 20, "the server grew by {grown} bytes");
}
