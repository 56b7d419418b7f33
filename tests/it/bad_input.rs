//! What clients get wrong, and what is wrong with files: each is told in words, the socket and the
//! server live on, and nothing that is stored is lost.

use std::{
    path::Path,
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use rusqlite::Connection;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_tungstenite::tungstenite::{
    Message,
    protocol::frame::{
        Frame,
        coding::{Data, OpCode},
    },
};

use crate::{
    client::{Client, text_of},
    processes::resident,
    screen::Screen,
    server::{DEADLINE, PROJECT, Server, Setup},
};

/// One WebSocket frame as it is told.
async fn send_frame(client: &mut Client, payload: &[u8], kind: Data, is_last: bool) {
    let frame = Frame::message(payload.to_vec(), OpCode::Data(kind), is_last);
    client.send_raw(Message::Frame(frame)).await;
}

/// The words of the next error.
async fn refusal(client: &mut Client) -> String {
    let error = client.until("error").await.pop().unwrap();
    assert!(error.get("turn").is_none(), "{error}");
    error["content"].as_str().unwrap().to_owned()
}

async fn is_answered(client: &mut Client) {
    client.ask("say alive").await;
    let frames = client.turn().await;
    assert_eq!(text_of(&frames), "alive", "{frames:?}");
}

#[actix::test]
async fn p9_an_over_long_message_is_refused_in_words_in_both_dialects() {
    let server = Setup::scripted().config("[limits]\nmessage_bytes = \"1KiB\"\n").start();
    let long = "ü".repeat(513);
    let mut client = server.connect().await;
    let id = client.start().await;
    client.post("long", &long).await;
    let refused = client.until("error").await.pop().unwrap();
    let words = "Your message has 1026 bytes; the limit is 1024.";
    assert!(refused["content"].as_str().unwrap().starts_with(words), "{refused}");
    assert_eq!((&refused["message_id"], &refused["retryable"]), (&json!("long"), &json!(false)));
    is_answered(&mut client).await;
    let mut seed = server.connect().await;
    seed.start_seed().await;
    seed.ask(&long).await;
    assert!(refusal(&mut seed).await.starts_with(words));
    is_answered(&mut seed).await;
    // What just fits is taken.
    client.ask(&"ü".repeat(512)).await;
    assert_eq!(text_of(&client.turn().await), "ü".repeat(512));
    assert_eq!(Screen::stored(&server, id).answer(2), "ü".repeat(512));
}

#[actix::test]
async fn p9_an_over_long_frame_is_refused_in_words_and_with_1009_and_others_do_not_notice() {
    let config = "[limits]\nmessage_bytes = \"1KiB\"\n[advanced.limits]\nframe_bytes = \"4KiB\"\n";
    let server = Setup::scripted().config(config).start();
    let mut steady = server.connect().await;
    steady.start().await;
    let large = vec![b'x'; 5000];
    for frames in [1, 5] {
        let mut client = server.connect().await;
        client.start().await;
        for (index, part) in large.chunks(large.len() / frames).enumerate() {
            let kind = if index == 0 { Data::Text } else { Data::Continue };
            send_frame(&mut client, part, kind, index + 1 == frames).await;
        }
        let (told, code, _) = client.until_closed().await;
        let told = told.iter().map(|frame| serde_json::from_str::<Value>(frame).unwrap());
        let errors: Vec<_> = told.filter(|frame| frame["type"] == "error").collect();
        assert_eq!(errors.len(), 1, "in {frames} frames: {errors:?}");
        let words = errors[0]["content"].as_str().unwrap();
        assert!(words.contains("too large") && words.contains("4096"), "{words}");
        assert_eq!(code, 1009, "in {frames} frames");
        is_answered(&mut steady).await;
    }
}

#[actix::test]
async fn p9_a_frame_that_claims_too_much_is_refused_by_its_header_and_costs_no_memory() {
    let server = Server::start();
    let mut steady = server.connect().await;
    steady.start().await;
    let before = resident(server.pid());
    // Final text frames and first fragments, with a length of 8 bytes, a mask and no end.
    for (first, claim) in
        [(0x81, 1_u64 << 30), (0x82, 1 << 40), (0x01, (1 << 20) + 1), (0x81, u64::MAX)]
    {
        let mut client = server.connect().await;
        client.start().await;
        let mut header = vec![first, 0x80 | 127];
        header.extend(claim.to_be_bytes());
        for byte in header {
            client.raw().write_all(&[byte]).await.unwrap();
        }
        let (told, code, _) = client.until_closed().await;
        assert_eq!(code, 1009, "{claim}");
        assert!(told.iter().any(|frame| frame.contains("too large")), "{told:?}");
    }
    // One that pours on does not stop at the refusal.
    let mut client = server.connect().await;
    client.start().await;
    let stream = client.raw();
    stream.write_all(&[0x81, 0xff, 0, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0]).await.unwrap();
    let block = vec![b'x'; 1 << 20];
    for _ in 0..100 {
        // The connection may be cut by now.
        if stream.write_all(&block).await.is_err() {
            break;
        }
        let grown = resident(server.pid()).saturating_sub(before);
        assert!(grown < 16 << 20, "the server grew by {grown} bytes");
    }
    is_answered(&mut steady).await;
}

#[actix::test]
async fn p9_what_breaks_the_protocol_of_frames_is_closed_with_1002() {
    let server = Server::start();
    let mut steady = server.connect().await;
    steady.start().await;
    let broken: [&[u8]; 8] = [
        b"\xc1\x82\0\0\0\0{}",
        b"\x83\x80\0\0\0\0",
        b"\x8b\x80\0\0\0\0",
        b"\x81\x02{}",
        b"\x09\x80\0\0\0\0",
        b"\x89\xfe\x00\x7e\0\0\0\0",
        b"\x80\x80\0\0\0\0",
        b"\x01\x81\0\0\0\0x\x81\x80\0\0\0\0",
    ];
    for bytes in broken {
        let mut client = server.connect().await;
        client.start().await;
        // What came before it is answered.
        client.raw().write_all(b"\x81\x8f\0\0\0\0{\"type\":\"ping\"}").await.unwrap();
        client.raw().write_all(bytes).await.unwrap();
        let (told, code, _) = client.until_closed().await;
        assert_eq!(code, 1002, "{bytes:x?}: {told:?}");
        assert!(told.iter().any(|frame| frame.contains("pong")), "{bytes:x?}: {told:?}");
    }
    is_answered(&mut steady).await;
}

#[actix::test]
async fn p9_fragments_without_an_end_are_refused_and_cost_no_memory() {
    let config = "[limits]\nmessage_bytes = \"1KiB\"\n[advanced.limits]\nframe_bytes = \"64KiB\"\n";
    let server = Setup::scripted().config(config).start();
    let before = resident(server.pid());
    let mut client = server.connect().await;
    client.start().await;
    client.raw().write_all(b"\x01\x80\0\0\0\0").await.unwrap();
    let empty = b"\x00\x80\0\0\0\0".repeat(100_000);
    client.raw().write_all(&empty).await.unwrap();
    let tiny = b"\x00\x81\0\0\0\0x".repeat((64 << 10) + 1);
    client.raw().write_all(&tiny).await.unwrap();
    let (_, code, _) = client.until_closed().await;
    assert_eq!(code, 1009);
    let grown = resident(server.pid()).saturating_sub(before);
    assert!(grown < 16 << 20, "the server grew by {grown} bytes");
}

#[actix::test]
async fn a_message_in_fragments_is_put_together_even_around_a_ping() {
    let server = Server::start();
    let mut client = server.connect().await;
    client.start().await;
    let frame = json!({ "type": "message", "content": "say grüße" }).to_string();
    // Cut inside of a character.
    let cut = frame.find('ü').unwrap() + 1;
    let (one, two) = frame.as_bytes().split_at(cut);
    send_frame(&mut client, one, Data::Text, false).await;
    client.send_raw(Message::Ping(vec![1].into())).await;
    send_frame(&mut client, two, Data::Continue, true).await;
    assert_eq!(text_of(&client.turn().await), "grüße");
    send_frame(&mut client, b"\x01\x02", Data::Binary, false).await;
    send_frame(&mut client, b"\x03", Data::Continue, true).await;
    assert!(refusal(&mut client).await.contains("binary"));
    is_answered(&mut client).await;
}

#[actix::test]
async fn text_that_is_no_text_is_refused_in_words() {
    let server = Server::start();
    for in_fragments in [false, true] {
        let mut client = server.connect().await;
        client.start().await;
        let bad = b"{\"type\":\"message\",\"content\":\"\xff\xfe\"}";
        let (one, two) = bad.split_at(if in_fragments { 31 } else { 0 });
        if in_fragments {
            send_frame(&mut client, one, Data::Text, false).await;
        }
        let kind = if in_fragments { Data::Continue } else { Data::Text };
        send_frame(&mut client, two, kind, true).await;
        assert_eq!(refusal(&mut client).await, "Invalid JSON");
        is_answered(&mut client).await;
    }
}

#[actix::test]
async fn json_that_cannot_be_is_refused_in_words() {
    let server = Server::start();
    let mut client = server.connect().await;
    client.start().await;
    let nested = format!(r#"{{"type":"message","content":{}"#, "[".repeat(100_000));
    let closed = format!("{}{}", "[".repeat(50_000), "]".repeat(50_000));
    let frames = [
        r#"{"type":"message","content":"x"} trailing"#,
        "{\"type\":\"message\",\"content\":\"\u{0}\"}",
        "nul",
        &nested,
        &closed,
    ];
    for frame in frames {
        client.send_text(frame).await;
        let shown: String = frame.chars().take(60).collect();
        assert_eq!(refusal(&mut client).await, "Invalid JSON", "for {shown}");
    }
    for (frame, words) in [
        ("null", "Server error: "),
        (r#""text""#, "Server error: "),
        (r#"{"type":7}"#, "Unknown message type: 7"),
        (r#"{"type":"message","content":null}"#, "Server error: "),
        (r#"{"type":"message","content":"x","message_id":7}"#, "Server error: "),
        (r#"{"type":"message","content":"x","message_id":""}"#, "Server error: "),
    ] {
        client.send_text(frame).await;
        let told = refusal(&mut client).await;
        assert!(told.starts_with(words), "{told} for {frame}");
    }
    is_answered(&mut client).await;
}

#[actix::test]
async fn a_message_with_half_a_character_is_answered() {
    let server = Server::start();
    let mut client = server.connect().await;
    client.start().await;
    for (content, text) in [(r"\ud83d", "\u{fffd}"), (r"a\udc00\ud800b", "a\u{fffd}\u{fffd}b")] {
        let frame = format!(r#"{{"type":"message","content":"{content}","message_id":"{text}"}}"#);
        client.send_text(&frame).await;
        let accepted = client.until("accepted").await.pop().unwrap();
        assert_eq!(accepted["message_id"], text);
        assert_eq!(crate::client::text_of(&client.turn().await), text);
    }
}

#[actix::test]
async fn what_is_no_http_does_not_harm_the_server() {
    let server = Server::start();
    for garbage in [&b"\x16\x03\x01\x02\x00\x01\x00"[..], b"GET / HTTP/9.9\r\n\r\n", &[0; 5000]] {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        stream.write_all(garbage).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        // A connection that is reset is an answer too.
        stream.read_to_end(&mut answer).await.unwrap_or_default();
    }
    let plain = server.get("/api/assistant/ws/demo").await;
    assert_eq!(plain.0, 400, "{}", plain.1);
    let mut client = server.connect().await;
    client.start().await;
    is_answered(&mut client).await;
}

#[actix::test]
async fn a_project_that_vanishes_is_told_in_words_and_works_again_when_it_is_back() {
    let server = Server::start();
    let mut client = server.connect().await;
    let mut running = server.connect().await;
    running.start().await;
    std::fs::remove_dir_all(server.project_dir()).unwrap();
    client.send(json!({ "type": "start", "protocol": 1 })).await;
    client.until("caught_up").await;
    client.ask("say where").await;
    let end = client.turn().await.pop().unwrap();
    assert_eq!((&end["type"], &end["turn"]), (&json!("error"), &json!(1)), "{end}");
    let words = end["content"].as_str().unwrap();
    assert!(words.contains(server.project_dir().to_str().unwrap()), "{words}");
    std::fs::create_dir(server.project_dir()).unwrap();
    // The new agent is told what was asked before.
    for client in [&mut client, &mut running] {
        client.ask("back?").await;
        assert!(text_of(&client.turn().await).ends_with("back?"));
    }
}

#[actix::test]
async fn a_missing_agent_is_told_in_words_and_the_history_is_still_shown() {
    let mut server = Server::start();
    let mut client = server.connect().await;
    let id = client.start().await;
    client.ask("say kept").await;
    client.turn().await;
    server.crash();
    let setup = Setup::new().args(["--agent", "claude", "--claude", "/no/such/claude"]);
    let data = setup.project_dir().with_file_name("data");
    std::fs::create_dir(&data).unwrap();
    server.database().execute("VACUUM INTO ?1", [data.join("cicerone.db").to_str()]).unwrap();
    let without = setup.start();
    let (mut client, frames) = without.enter(id, json!(null)).await;
    assert_eq!(Screen::of(&frames).answer(1), "kept");
    let told = frames.iter().find(|frame| frame["type"] == "error" && frame.get("turn").is_none());
    let words = told.unwrap()["content"].as_str().unwrap();
    assert!(words.starts_with("Failed to initialize assistant: "), "{words}");
    assert!(words.contains("/no/such/claude"), "{words}");
    client.post("m", "hello?").await;
    let refused = client.until("error").await.pop().unwrap();
    assert_eq!((&refused["message_id"], &refused["retryable"]), (&json!("m"), &json!(true)));
}

#[actix::test]
async fn p3_a_message_that_meets_a_locked_database_is_accepted_once_it_is_free() {
    let server = Server::start();
    let mut client = server.connect().await;
    let id = client.start().await;
    let other = Connection::open(server.data_dir().join("cicerone.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    client.post("m", "say patience").await;
    let early = tokio::time::timeout(Duration::from_secs(1), client.until("accepted")).await;
    assert!(early.is_err(), "accepted what cannot be stored: {early:?}");
    // Reading goes on meanwhile, and so does the server.
    assert_eq!(server.get("/api/assistant/conversations/demo").await.0, 200);
    client.send(json!({ "type": "ping" })).await;
    client.until("pong").await;
    other.execute_batch("ROLLBACK").unwrap();
    let frames = client.turn().await;
    assert!(frames.iter().any(|frame| frame["message_id"] == "m"), "{frames:?}");
    assert_eq!(text_of(&frames), "patience");
    let stored = Screen::stored(&server, id);
    assert_eq!(stored.kinds(1), ["user_message", "text", "response_done"]);
}

/// Runs another server on these places, which must end by itself.
fn run(address: &str, data: &Path, project: &Path) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_cicerone"))
        .env("HOME", data)
        .args(["--listen", address, "--agent", "guide", "--data-dir"])
        .arg(data)
        .arg("--project")
        .arg(format!("{PROJECT}={}", project.display()))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + DEADLINE;
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > deadline {
            child.kill().unwrap();
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.wait_with_output().unwrap()
}

/// A server must have ended with an error that names all this.
fn check(what: &str, output: &Output, named: &[&str]) {
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code().is_some_and(|code| code != 0), "{what}: {told}");
    assert_eq!(output.stdout, b"", "{what}");
    for words in named {
        assert!(told.contains(words), "{what}: {words:?} is not in {told}");
    }
}

#[actix::test]
async fn a_server_whose_places_are_taken_says_so_and_harms_nobody() {
    let server = Server::start();
    let (held, project) = (server.data_dir(), server.project_dir());
    let free = tempfile::TempDir::new().unwrap();
    let pid = server.pid().to_string();
    let named = [held.to_str().unwrap(), "in use", &pid, "--data-dir"];
    check("the directory", &run("127.0.0.1:0", &held, &project), &named);
    check(
        "the port",
        &run(server.address(), free.path(), &project),
        &[server.address(), "--listen"],
    );
    let mut client = server.connect().await;
    client.start().await;
    is_answered(&mut client).await;
}

#[actix::test]
async fn a_server_that_cannot_use_its_database_says_why_and_how_to_mend_it() {
    let server = Server::start();
    let garbage = b"this is no database, but long enough to look like one to a careless reader";
    let make_newer = |path: &Path| {
        server.database().execute("VACUUM INTO ?1", [path.to_str()]).unwrap();
        Connection::open(path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    };
    let make_foreign = |path: &Path| {
        Connection::open(path).unwrap().execute_batch("CREATE TABLE of_another (x)").unwrap();
    };
    type Case<'a> = (&'a dyn Fn(&Path), &'a [&'a str]);
    let cases: [Case<'_>; 4] = [
        (&|path| std::fs::write(path, garbage).unwrap(), &["damaged or not a database", "backup"]),
        (&|path| std::fs::create_dir(path).unwrap(), &["cannot use", "--data-dir"]),
        (&make_foreign, &["not one of cicerone", "--data-dir"]),
        (&make_newer, &["schema 99", "upgrade"]),
    ];
    for (make, named) in cases {
        let fresh = tempfile::TempDir::new().unwrap();
        let path = fresh.path().join("cicerone.db");
        make(&path);
        let output = run("127.0.0.1:0", fresh.path(), &server.project_dir());
        check("the database", &output, named);
        check("the database", &output, &[path.to_str().unwrap()]);
    }
}
