//! How fast the parts are by themselves: `cargo bench --bench parts`.
//!
//! What a delta passes on its way, in its order: a line is cut, becomes an event, an entry, a
//! frame; what a viewer gets that comes late; Markdown that grows; code that gets its colours; and the
//! store's transactions.
//! `--quick` does each thing once, to see that it works.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{hint::black_box, sync::Arc};

use actix::{Actor as _, Addr, System};
use cicerone::{
    agent::{
        codec::{Codec, CodecOutput, CodecSettings},
        event::AgentEvent,
        process::lines::{LineSplitter, OutputLine},
    },
    conversation::transcript::{Cursor, Transcript},
    database::{
        Database, FILE_NAME,
        messages::{CreateConversation, WriteEntries},
    },
    entry::{Content, EntryRow, TextKind, ToolResult},
    ids::{ConversationId, Seq, TurnNumber},
    markdown::{
        self, Renderer,
        code::{Budget, CodeBlock, Grammar, Grammars, IncrementalHighlight},
    },
    project::ProjectName,
    rights::Ownership,
    tools::Caller,
    wire::Dialect,
};
use divan::{
    Bencher,
    counter::{BytesCount, ItemsCount},
};
use futures_util::future::join_all;
use tempfile::TempDir;

/// Does each thing once.
const QUICK: &str = "--quick";

/// A line of the real agent.
const LINE: &str = concat!(
    r#"{"type":"stream_event","event":{"type":"content_block_delta","index":0,"delta":"#,
    r#"{"type":"text_delta","text":"answers come in pieces "}},"session_id":"#,
    r#""89e47ccc-70d0-4e1f-82e6-63c1f01d3c46","parent_tool_use_id":null,"#,
    r#""uuid":"251848c2-3a9a-4216-bd84-6baaa1deaa38"}"#,
    "\n"
);

/// A delta's text.
const DELTA: &str = "answers come in pieces ";

/// A viewer is sent about this much at once.
const PAGE: usize = 16 * 1024;

/// Part of an answer, 1 KB or so without code.
const PROSE: &str = "\
## How a message travels

A *viewer* reads the frame, and `wire::client_frame` understands it; then the **registry** finds the
session that belongs to the project. See [the overview](https://example.org/overview) for more.

1. The database accepts the question, in `src/database/actor.rs:42`.
2. The state machine decides when its turn comes, and says so to those who wait.
3. The agent gets it, once it is ready:
   - started ahead, it is ready at once;
   - ended for its idleness, it is started again.

| step | where | blocks |
| --- | --- | --- |
| accept | `session/asking.rs` | no |
| store | `database/batch.rs` | a thread of its own |

> Nothing that was acknowledged is lost, not even when the server is killed.

";

fn main() {
    if std::env::args().any(|argument| argument == QUICK) {
        divan::Divan::default().test_benches();
    } else {
        divan::main();
    }
}

#[divan::bench]
fn a_read_is_cut_into_lines(bencher: Bencher<'_, '_>) {
    let read = LINE.repeat(65_536 / LINE.len());
    let lines = read.len() / LINE.len();
    bencher.counter(ItemsCount::new(lines)).bench_local(|| {
        let mut splitter = LineSplitter::new(1 << 20);
        let mut whole = 0;
        splitter.feed(black_box(read.as_bytes()), |line| {
            whole += usize::from(matches!(line, OutputLine::Whole(_)));
        });
        assert_eq!(whole, lines);
    });
}

#[divan::bench]
fn a_line_becomes_an_event(bencher: Bencher<'_, '_>) {
    let mut codec = Codec::new(CodecSettings {
        caller: Caller::Claude,
        tool_result_bytes: 65_536,
        allowed_tools: None,
    });
    codec.open_turn();
    bencher.bench_local(|| {
        let mut output = CodecOutput::default();
        codec.line(black_box(LINE.trim_end().as_bytes()), &mut output);
        assert!(matches!(output.events.last(), Some(AgentEvent::TextDelta(_))));
        output
    });
}

/// A conversation with this many entries, and behind them a text that grows.
fn conversation(entries: usize) -> Transcript {
    let mut transcript = Transcript::new(Seq(i64::MAX));
    for number in 0..entries {
        let result = ToolResult {
            call_id: format!("call_{number}"),
            ok: true,
            content: "fn read(&self) -> u8 { 1 }\n".repeat(20),
            truncated: false,
        };
        transcript.push(TurnNumber(1), Content::ToolResult(result));
    }
    transcript.append(TurnNumber(1), TextKind::Answer, DELTA);
    transcript
}

#[divan::bench(args = [10, 10_000])]
fn an_event_becomes_an_entry_and_a_frame(bencher: Bencher<'_, '_>, entries: usize) {
    let mut transcript = conversation(entries);
    let mut cursor = transcript.end();
    bencher.bench_local(|| {
        transcript.append(TurnNumber(1), TextKind::Answer, black_box(DELTA));
        assert!(transcript.has_news(&cursor, Dialect::V1));
        let page = transcript.page(cursor, Dialect::V1, PAGE);
        assert_eq!(page.seq, Some(transcript.last_seq()));
        cursor = page.next;
        page.frames
    });
}

/// Everything from `cursor` on, page by page; how many bytes that is.
fn replay(transcript: &mut Transcript, mut cursor: Cursor) -> usize {
    let mut bytes = 0;
    loop {
        let page = transcript.page(cursor, Dialect::V1, PAGE);
        bytes += page.frames.iter().map(|frame| frame.len()).sum::<usize>();
        cursor = page.next;
        if !page.more {
            return bytes;
        }
    }
}

#[divan::bench(args = [1_000, 10_000])]
fn a_history_is_replayed(bencher: Bencher<'_, '_>, entries: usize) {
    let mut transcript = conversation(entries);
    let start = transcript.resume_point(None, Dialect::V1).cursor;
    let bytes = replay(&mut transcript, start);
    bencher.counter(BytesCount::new(bytes)).bench_local(|| replay(&mut transcript, start));
}

/// A history as it is read from the database.
#[divan::bench(args = [1_000, 10_000])]
fn a_history_is_restored(bencher: Bencher<'_, '_>, entries: usize) {
    let rows = conversation(entries).take_dirty();
    bencher.bench_local(|| Transcript::restore(black_box(&rows), &[], Seq(1 << 32)).unwrap());
}

/// What a session takes in of a long conversation: its newest entries, and outlines of the others.
#[divan::bench]
fn a_long_history_is_loaded(bencher: Bencher<'_, '_>) {
    let (system, dir) = (System::new(), TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap());
    let (database, reader) = Database::open(&dir.path().join(FILE_NAME)).unwrap();
    let id = 1;
    system.block_on(async {
        let entries = conversation(10_000).take_dirty();
        let write = WriteEntries {
            project: ProjectName::parse("bench").unwrap(),
            conversation: ConversationId(id),
            entries,
        };
        create(database, id).await.send(write).await.unwrap().unwrap();
    });
    let project = ProjectName::parse("bench").unwrap();
    bencher.bench_local(|| {
        let stored =
            reader.load(&project, black_box(ConversationId(id)), 1024 * 1024).unwrap().unwrap();
        Transcript::restore(&stored.entries, &stored.outlines, Seq(1 << 32)).unwrap()
    });
}

/// So many bytes of an answer.
fn answer(bytes: usize) -> String {
    PROSE.repeat(bytes.div_ceil(PROSE.len()))
}

#[divan::bench]
fn markdown_of_20_kb_grows_by_a_delta(bencher: Bencher<'_, '_>) {
    let text = answer(20 * 1024);
    bencher
        .with_inputs(|| {
            let mut rendering = Renderer::default();
            rendering.append(&text);
            rendering.render();
            rendering.append("The rest of it stands in a paragraph of its own, which has ");
            rendering.render();
            rendering
        })
        .bench_local_values(|mut rendering| {
            rendering.append(black_box(DELTA));
            let rendered = rendering.render();
            assert!(rendered.open.html.contains("pieces"));
            rendering
        });
}

#[divan::bench]
fn markdown_of_4_kb_is_rendered_at_once(bencher: Bencher<'_, '_>) {
    let text = answer(4 * 1024);
    bencher.counter(BytesCount::new(text.len())).bench_local(|| markdown::parts(black_box(&text)));
}

/// So many KiB of a program, and its grammar with everything compiled that it takes.
fn program(kib: usize) -> (CodeBlock, Arc<Grammar>) {
    let program = include_str!("parts.rs").repeat(1 + kib / 8);
    let end = program[..kib * 1024].rfind('\n').unwrap() + 1;
    let fence = CodeBlock { language: "rust".to_owned(), code: program[..end].to_owned() };
    let grammar = Grammars::default().of_block(&fence).unwrap();
    read_all(IncrementalHighlight::new(&fence, Arc::clone(&grammar)), &fence.code);
    (fence, grammar)
}

fn read_all(reading: IncrementalHighlight, code: &str) -> String {
    reading.finish(code, &mut Budget { line_bytes: 4096, has_time: &mut || true })
}

#[divan::bench]
fn a_first_kib_of_code_is_coloured(bencher: Bencher<'_, '_>) {
    let (fence, _) = program(1);
    bencher.bench_local(|| {
        let grammar = Grammars::default().of_block(&fence).unwrap();
        read_all(IncrementalHighlight::new(&fence, grammar), black_box(&fence.code))
    });
}

#[divan::bench(args = [1, 20])]
fn code_is_coloured_at_once(bencher: Bencher<'_, '_>, kib: usize) {
    let (fence, grammar) = program(kib);
    bencher.bench_local(|| {
        read_all(IncrementalHighlight::new(&fence, Arc::clone(&grammar)), black_box(&fence.code))
    });
}

/// What is left when a block closes: its last lines.
#[divan::bench(args = [1, 20])]
fn code_that_was_read_ahead_is_coloured(bencher: Bencher<'_, '_>, kib: usize) {
    let (fence, grammar) = program(kib);
    let ahead = fence.code.len() - 200;
    bencher
        .with_inputs(|| {
            let mut reading = IncrementalHighlight::new(&fence, Arc::clone(&grammar));
            let mut budget = Budget { line_bytes: 4096, has_time: &mut || true };
            reading.extend(&fence.code[..fence.code.floor_char_boundary(ahead)], &mut budget);
            reading
        })
        .bench_local_values(|reading| read_all(reading, black_box(&fence.code)));
}

/// Writes of different conversations that arrive together share a transaction.
#[divan::bench(args = [1, 8, 64, 256])]
fn writes_are_committed(bencher: Bencher<'_, '_>, together: i64) {
    let system = System::new();
    let dir = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let (database, _) = Database::open(&dir.path().join(FILE_NAME)).unwrap();
    let database = system.block_on(create(database, together));
    let mut seq = 0;
    bencher.counter(ItemsCount::new(together.unsigned_abs())).bench_local(|| {
        seq += 1;
        let sent = (1..=together).map(|conversation| {
            let payload = format!(r#"{{"block":0,"content":"{}"}}"#, DELTA.repeat(12));
            let (turn, kind) = (1, "text".to_owned());
            let row = EntryRow {
                turn: TurnNumber(turn),
                first_seq: Seq(seq),
                last_seq: Seq(seq),
                kind,
                payload,
            };
            database.send(WriteEntries {
                project: ProjectName::parse("bench").unwrap(),
                conversation: ConversationId(conversation),
                entries: vec![row],
            })
        });
        for answer in system.block_on(join_all(sent)) {
            answer.unwrap().unwrap();
        }
    });
}

/// Starts the store's actor, with conversations in it.
async fn create(database: Database, conversations: i64) -> Addr<Database> {
    let database = database.start();
    for _ in 0..conversations {
        let create = CreateConversation {
            project: ProjectName::parse("bench").unwrap(),
            explicit: true,
            reserved_seq: Seq(1 << 40),
            agent_session: None,
            entries: Vec::new(),
            ownership: Ownership::default(),
            forked_from: None,
            copied: Vec::new(),
        };
        database.send(create).await.unwrap().unwrap();
    }
    database
}
