//! P6: a viewer that does not read costs little, delays nobody, and catches up when it reads again.

use serde_json::Value;

use crate::{
    client::{Client, text_of},
    processes::resident,
    server::{PROJECT, Server, eventually},
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
