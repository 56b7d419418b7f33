//! P9: agents that say more than there is room for. What the database has not taken waits in the
//! agent's pipe, so that the server stays small however much is said and whoever looks on, nothing of
//! it is lost, and the memory comes back.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    client::{Client, text_of},
    processes::resident,
    server::{PROJECT, Server, Setup, eventually},
};

/// An answer that comes as fast as an agent can print it.
#[derive(Debug, Clone, Copy)]
struct Answer {
    blocks: usize,
    block_bytes: usize,
    /// What the server may take more while it streams.
    peak: u64,
}

/// 100 MB. On their way are what may be unsaved, what is in parser, pages and database, and the pages
/// that SQLite keeps.
const LONG: Answer = Answer { blocks: 200, block_bytes: 500_000, peak: 64 << 20 };

/// As much in lines that are nearly as long as one may be: each is there whole, and a few times.
const IN_LONG_LINES: Answer = Answer { blocks: 7, block_bytes: 15_000_000, peak: 128 << 20 };

/// What is rendered as HTML is in memory until it ends.
const RENDERED: Answer = Answer { blocks: 12, block_bytes: 500_000, peak: 128 << 20 };

/// A debug build stores the answer in some seconds, on a machine that does nothing else.
const PATIENCE: Duration = Duration::from_secs(150);

/// What it may keep of that.
const KEPT: u64 = 32 << 20;

/// Looks at the memory of a process all the time.
struct Watch {
    is_over: Arc<AtomicBool>,
    peak: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    fn of(pid: u32) -> Self {
        let (is_over, peak) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (over, most) = (Arc::clone(&is_over), Arc::clone(&peak));
        let thread = std::thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                most.fetch_max(resident(pid), Ordering::Relaxed);
                std::thread::park_timeout(Duration::from_millis(5));
            }
        });
        Self { is_over, peak, thread: Some(thread) }
    }

    fn end(mut self) -> u64 {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap();
        self.peak.load(Ordering::Relaxed)
    }
}

/// Who looks on while the answer streams.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Viewers {
    Nobody,
    OneThatReads,
    OneThatDoesNot,
    OneThatWantsHtml,
}

/// Checks that a text is the blocks one after the other.
struct Blocks {
    of: Answer,
    bytes: usize,
}

impl Blocks {
    fn take(&mut self, text: &str) {
        for byte in text.bytes() {
            let size = self.of.block_bytes;
            let (number, at) = (self.bytes / size, self.bytes % size);
            let expected = match at {
                0..7 => format!("{number:07}").as_bytes()[at],
                7 => b' ',
                _ => b'b',
            };
            assert!(byte == expected, "byte {} is {:?}", self.bytes, byte as char);
            self.bytes += 1;
        }
    }

    fn is_whole(&self) -> bool {
        self.bytes == self.of.blocks * self.of.block_bytes
    }
}

/// What is stored of an answer.
fn stored(server: &Server, conversation: i64, of: Answer) -> Blocks {
    let database = server.database();
    let query = "SELECT payload ->> '$.content' FROM entries
                 WHERE conversation_id = ?1 AND turn = 1 AND kind = 'text' ORDER BY first_seq";
    let mut statement = database.prepare(query).unwrap();
    let texts = statement.query_map([conversation], |row| row.get::<_, String>(0)).unwrap();
    let mut blocks = Blocks { of, bytes: 0 };
    texts.for_each(|text| blocks.take(&text.unwrap()));
    blocks
}

async fn streams(answer: Answer, viewers: Viewers) {
    let server = Setup::scripted().config("[limits]\nanswer_bytes = \"1GiB\"\n").start();
    let mut asker = server.connect().await;
    asker.start().await;
    // What everything needs once is there.
    asker.ask("blocks 4 100000").await;
    asker.turn().await;
    let mut asker = server.connect().await;
    let conversation = asker.start().await;
    let before = resident(server.pid());
    let watch = Watch::of(server.pid());
    let since = Instant::now();
    asker.ask(&format!("blocks {} {}", answer.blocks, answer.block_bytes)).await;
    asker.until("accepted").await;
    let mut jammed = None;
    match viewers {
        Viewers::Nobody => drop(asker),
        Viewers::OneThatReads => {
            let mut blocks = Blocks { of: answer, bytes: 0 };
            while let Some(frame) = asker.try_frame().await {
                match frame["type"].as_str() {
                    Some("text") => blocks.take(&text_of(&[frame])),
                    Some("response_done" | "error") => break,
                    _ => (),
                }
            }
            assert!(blocks.is_whole(), "the viewer got {} bytes", blocks.bytes);
        }
        Viewers::OneThatDoesNot => {
            drop(asker);
            let mut viewer = Client::connect_narrow(server.address(), PROJECT).await;
            viewer.enter(conversation, Value::Null).await;
            jammed = Some(viewer);
        }
        Viewers::OneThatWantsHtml => {
            let mut viewer = server.connect().await;
            let start = json!({
                "type": "start", "protocol": 1, "conversation_id": conversation, "format": "html",
            });
            viewer.send(start).await;
            let is_end = |frame: &Value| frame["type"] == "response_done" && frame["turn"] == 1;
            while !viewer.try_frame().await.is_some_and(|frame| is_end(&frame)) {}
            jammed = Some(viewer);
        }
    }
    let ended = || -> i64 {
        let ends = "SELECT count(*) FROM entries
                    WHERE conversation_id = ?1 AND turn = 1 AND kind = 'response_done'";
        server.database().query_row(ends, [conversation], |row| row.get(0)).unwrap()
    };
    while ended() == 0 {
        assert!(since.elapsed() < PATIENCE, "the turn does not end");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let peak = watch.end().saturating_sub(before);
    let took = since.elapsed();
    let kept = eventually("the memory is given back", async || {
        let kept = resident(server.pid()).saturating_sub(before);
        (kept < KEPT).then_some(kept)
    })
    .await;
    println!(
        "{answer:?} {viewers:?}: {} KiB before, {} KiB more at the peak, {} KiB kept, {took:?}",
        before >> 10,
        peak >> 10,
        kept >> 10
    );
    assert!(peak < answer.peak, "with {viewers:?} the server grew by {peak} bytes");
    let stored = stored(&server, conversation, answer);
    assert!(stored.is_whole(), "{} bytes are stored", stored.bytes);
    drop(jammed);
}

#[actix::test]
async fn p9_an_answer_of_a_hundred_megabytes_leaves_the_server_small_when_nobody_looks() {
    streams(LONG, Viewers::Nobody).await;
}

#[actix::test]
async fn p9_an_answer_of_a_hundred_megabytes_leaves_the_server_small_when_somebody_reads_it() {
    streams(LONG, Viewers::OneThatReads).await;
}

#[actix::test]
async fn p6_an_answer_of_a_hundred_megabytes_leaves_the_server_small_when_a_viewer_is_jammed() {
    streams(LONG, Viewers::OneThatDoesNot).await;
}

#[actix::test]
async fn p9_an_answer_in_lines_of_many_megabytes_leaves_the_server_small() {
    streams(IN_LONG_LINES, Viewers::OneThatReads).await;
}

#[actix::test]
async fn p9_an_answer_that_was_rendered_gives_its_memory_back_while_its_viewer_is_still_there() {
    streams(RENDERED, Viewers::OneThatWantsHtml).await;
}

#[actix::test]
async fn p9_an_answer_that_grows_beyond_its_limit_ends_once_in_words_and_what_came_is_kept() {
    let tools = "tool Read {} => x\n".repeat(99);
    for (limit, script, words) in [
        ("[limits]\nanswer_bytes = \"1MiB\"", "pour 100000", "1.0 MiB (limits.answer_bytes)"),
        ("[limits]\nanswer_bytes = \"1MiB\"", "blocks 99 100000", "1.0 MiB (limits.answer_bytes)"),
        (
            "[advanced.limits]\nanswer_entries = 50",
            tools.as_str(),
            "50 parts (advanced.limits.answer_entries)",
        ),
    ] {
        let server = Setup::scripted().config(&format!("{limit}\n")).start();
        let mut client = server.connect().await;
        let id = client.start().await;
        client.ask(script).await;
        let frames = client.turn().await;
        let end = frames.last().unwrap();
        assert_eq!(end["type"], "error", "{end}");
        assert!(end["content"].as_str().unwrap().contains(words), "{end}");
        let said = text_of(&frames);
        if limit.contains("bytes") {
            assert_eq!(said.len(), 1 << 20, "what fits is kept");
        }
        // There is no second end, and the next question is answered.
        client.ask("say on").await;
        let frames = client.turn().await;
        assert_eq!(text_of(&frames), "on");
        let ends = "SELECT count(*) FROM entries
                    WHERE conversation_id = ?1 AND kind IN ('response_done', 'error') AND turn > 0";
        let ends: i64 = server.database().query_row(ends, [id], |row| row.get(0)).unwrap();
        assert_eq!(ends, 2);
        let (_, all) = server.enter(id, json!(null)).await;
        assert!(text_of(&all).contains(&said), "it is there after a reload");
    }
}

#[actix::test]
async fn p5_a_deaf_agent_that_pours_text_does_not_keep_the_server_from_ending_well() {
    for config in
        ["", "[advanced.agent]\nstop_timeout = \"60s\"\n[server]\nshutdown_timeout = \"8s\"\n"]
    {
        let mut server = Setup::scripted()
            .env("SCRIPTED_AGENT_START", "stubborn")
            .args(["--agent-env", "SCRIPTED_AGENT_START,SCRIPTED_AGENT_DEAF"])
            .config(&format!("{config}\n[limits]\nanswer_bytes = \"1TiB\"\n"))
            .start();
        let mut client = server.connect().await;
        let conversation = client.start().await;
        client.ask("pour 100000").await;
        let mut received = client.until("text").await;
        let agent = server.agent_pid().await;
        let since = Instant::now();
        let reading = actix::spawn(async move {
            while let Some(frame) = client.try_frame().await {
                received.push(frame);
            }
            received
        });
        let status = server.terminate();
        let took = since.elapsed();
        assert_eq!(status.code(), Some(0), "after {took:?}: {}", server.log());
        assert!(took < Duration::from_secs(9), "it took {took:?}");
        assert!(!crate::server::is_alive(agent), "the agent outlived the server");
        let shown = text_of(&reading.await.unwrap()).len();
        let value = |query: &str| -> String {
            server.database().query_row(query, [conversation], |row| row.get(0)).unwrap()
        };
        let outcome = value(
            "SELECT group_concat(payload ->> '$.outcome') FROM entries
             WHERE conversation_id = ?1 AND turn = 1 AND kind IN ('response_done', 'error')",
        );
        assert_eq!(outcome, "interrupted", "exactly one end");
        let stored = value(
            "SELECT CAST(sum(length(payload ->> '$.content')) AS TEXT) FROM entries
             WHERE conversation_id = ?1 AND turn = 1 AND kind = 'text'",
        );
        let stored: usize = stored.parse().unwrap();
        assert!(shown > 0 && shown <= stored, "{shown} bytes were shown, {stored} are stored");
    }
}
