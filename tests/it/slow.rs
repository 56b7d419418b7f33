//! P6: a viewer that does not read costs little, delays nobody, and catches up when it reads again.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

use crate::{
    client::{Client, text_of},
    processes::resident,
    server::{PROJECT, Server, Setup, eventually},
};

/// Viewers that do not read.
const N_JAMMED: usize = 30;

/// Words of the answer: 700 KB, many times what the buffers of a socket hold.
const N_WORDS: usize = 100_000;

/// What the jammed viewers may cost together, in bytes: one batch and a socket's write buffer
/// each. If each got its own copy of the answer, it would be 20 MB and more.
const MOST_BYTES: u64 = 16 * 1024 * 1024;

#[actix::test]
async fn p6_viewers_that_do_not_read_delay_nobody_and_catch_up_when_they_read_again() {
    let server = Server::start();
    let mut healthy = server.connect().await;
    let conversation = healthy.start().await;
    let mut jammed = Vec::new();
    for _ in 0..N_JAMMED {
        let mut viewer = Client::connect_narrow(server.address(), PROJECT).await;
        viewer.enter(conversation, Value::Null).await;
        jammed.push(viewer);
    }
    let before = resident(server.pid());
    healthy.ask(&format!("stream {N_WORDS} 0")).await;
    let frames = healthy.until("response_done").await;
    let whole: String = (0..N_WORDS).map(|n| format!("w{n} ")).collect();
    assert!(text_of(&frames[1..]) == whole, "the healthy viewer lost or doubled something");
    let grown = resident(server.pid()).saturating_sub(before);
    assert!(grown < MOST_BYTES, "the server grew by {grown} bytes");

    let mut late = jammed.pop().unwrap();
    let frames = late.until("response_done").await;
    let caught_up = text_of(&frames);
    assert!(caught_up == whole, "it got {} of {} bytes", caught_up.len(), whole.len());
    drop(jammed);
    eventually("the viewers that left are gone", async || {
        let (_, list) = server.get("/api/admin/sessions").await;
        (list[0]["conversations"][0]["viewers"] == 2).then_some(())
    })
    .await;
}

#[actix::test]
async fn p6_a_viewer_that_does_not_read_is_seen_as_lagging_and_then_cut_off() {
    let server = Setup::scripted().config("[advanced.socket]\nstall_timeout = \"5s\"\n").start();
    let mut healthy = server.connect().await;
    let conversation = healthy.start().await;
    let mut jammed = Client::connect_narrow(server.address(), PROJECT).await;
    jammed.enter(conversation, Value::Null).await;
    // Several times what the buffers of a socket hold, at once.
    for _ in 0..4 {
        healthy.ask(&format!("say {}", "x".repeat(200_000))).await;
    }
    let reading = actix::spawn(async move {
        for _ in 0..4 {
            healthy.until("response_done").await;
        }
        healthy
    });
    let told = async |what: &str| {
        let (_, list) = server.get("/api/admin/sessions").await;
        list[0]["conversations"][0][what].as_u64().unwrap()
    };
    eventually("it is seen as lagging", async || (told("laggards").await > 0).then_some(())).await;
    let mut healthy = reading.await.unwrap();
    eventually("it is cut off", async || (told("viewers").await == 1).then_some(())).await;
    healthy.ask("say on").await;
    assert_eq!(text_of(&healthy.turn().await), "on");
}

#[actix::test]
async fn a_large_frame_over_a_slow_line_is_a_sign_of_life_from_its_first_byte_on() {
    let config = "[advanced.socket]\nping_interval = \"100ms\"\nping_timeout = \"500ms\"\n";
    let server = Setup::scripted().config(config).start();
    let mut client = server.connect().await;
    client.start().await;
    let message = json!({ "type": "message", "content": format!("say {}", "x".repeat(60_000)) });
    let payload = message.to_string();
    // One masked text frame, its mask nothing, so that the payload goes as it is.
    let mut frame = vec![0x81, 0x80 | 127];
    frame.extend((payload.len() as u64).to_be_bytes());
    frame.extend([0; 4]);
    frame.extend(payload.as_bytes());
    let mut pace = tokio::time::interval(Duration::from_millis(100));
    for piece in frame.chunks(frame.len() / 20) {
        pace.tick().await;
        client.raw().write_all(piece).await.unwrap();
    }
    assert_eq!(text_of(&client.turn().await).len(), 60_000);
}
