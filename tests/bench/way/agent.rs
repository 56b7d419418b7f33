//! The agent of the benchmark: it speaks the line protocol of the real one, and says when it said
//! what. A message is an order:
//!
//! - `stream COUNT PERIOD_US` answers in so many deltas, at that pace, or with 0 as fast as they
//!   are taken
//! - `prose COUNT PERIOD_US` likewise, in paragraphs
//! - `answer SECTIONS PERIOD_US` answers in Markdown, token by token
//! - `code LINES PERIOD_US` answers in a block of Rust, line by line, and says when it closed it
//! - `entries COUNT` uses a tool so often that there are so many entries
//!
//! The text of a delta is its number and the time at which it was said, which
//! [`stamps`](crate::stamps) reads.

use std::{
    io::{self, BufRead, Write},
    process::exit,
    thread,
    time::Duration,
};

use serde_json::{Value, json};

use crate::stamps;

/// Deltas of one block of text, about 24 KB.
const BLOCK: u64 = 1000;

/// Deltas of one paragraph of prose.
const PARAGRAPH: u64 = 25;

/// Bytes of a token, about.
const TOKEN_BYTES: usize = 4;

/// A section of an answer, as people ask for it. Of ASCII, so that it may be cut anywhere.
const SECTION: &str = include_str!("section.md");

/// An answer in Markdown.
pub fn answer(sections: u64) -> String {
    (0..sections).map(|number| SECTION.replace("NUMBER", &number.to_string())).collect()
}

/// Code, as answers have it.
const CODE: &str = include_str!("store.rs");

/// What the last line of a block of code calls.
pub const LAST_CALL: &str = "end_of_the_block";

/// Bytes of a tool's result: with its call, an entry is half of this on average.
const RESULT_BYTES: usize = 900;

/// What the real agent's lines end with.
const TAIL: &str = concat!(
    r#""}},"session_id":"89e47ccc-70d0-4e1f-82e6-63c1f01d3c46","parent_tool_use_id":null,"#,
    r#""uuid":"251848c2-3a9a-4216-bd84-6baaa1deaa38"}"#,
    "\n"
);

const HEAD: &str = concat!(
    r#"{"type":"stream_event","event":{"type":"content_block_delta","index":0,"#,
    r#""delta":{"type":"text_delta","text":""#
);

/// Answers what comes in until stdin ends.
pub fn play() {
    let mut out = Out { pipe: io::stdout(), waiting: Vec::new(), blocks: 0 };
    for line in io::stdin().lock().lines().map_while(Result::ok) {
        let Ok(line) = serde_json::from_str::<Value>(&line) else { continue };
        match line["type"].as_str() {
            Some("control_request") => out.confirm(&line),
            Some("user") => out.obey(line["message"]["content"].as_str().unwrap_or_default()),
            _ => (),
        }
    }
}

/// Stdout, and what is still to be written to it.
struct Out {
    pipe: io::Stdout,
    waiting: Vec<u8>,
    blocks: u64,
}

impl Out {
    fn confirm(&mut self, request: &Value) {
        let id = &request["request_id"];
        let response = json!({"subtype": "success", "request_id": id, "response": {}});
        self.line(&json!({"type": "control_response", "response": response}));
        self.write();
    }

    fn obey(&mut self, order: &str) {
        self.line(&json!({
            "type": "system", "subtype": "init", "session_id": own_session(),
            "tools": ["Read", "Glob", "Grep"], "model": "bench", "permissionMode": "dontAsk",
            "claude_code_version": "0",
        }));
        let words: Vec<&str> = order.split(' ').collect();
        let number = |at: usize| words.get(at).and_then(|it| it.parse().ok()).unwrap_or(0);
        match words.first() {
            Some(&"stream") => self.stream(number(1), number(2), BLOCK),
            Some(&"prose") => self.stream(number(1), number(2), PARAGRAPH),
            Some(&"answer") => self.answer(number(1), number(2)),
            Some(&"code") => self.code(number(1), number(2)),
            Some(&"entries") => self.entries(number(1)),
            _ => (),
        }
        self.line(&json!({
            "type": "result", "subtype": "success", "is_error": false, "num_turns": 1,
            "duration_ms": 1, "usage": {"input_tokens": 1, "output_tokens": 1},
        }));
        self.write();
    }

    fn stream(&mut self, count: u64, period_us: u64, paragraph: u64) {
        let start = stamps::now_ns();
        let mut text = String::new();
        for number in 0..count {
            if number % BLOCK == 0 {
                self.end_block(&mut text);
                self.begin_block();
            }
            if period_us > 0 {
                self.wait(start + number * period_us * 1000);
            }
            let begin = text.len();
            stamps::put(&mut text, number, stamps::now_ns());
            if number % paragraph == paragraph - 1 {
                text.push_str("\n\n");
            }
            self.delta(&text[begin..]);
            if self.waiting.len() >= 1 << 16 {
                self.write();
            }
        }
        self.end_block(&mut text);
    }

    fn answer(&mut self, sections: u64, period_us: u64) {
        let start = stamps::now_ns();
        let mut text = answer(sections);
        self.begin_block();
        for (number, token) in (0..).zip(text.as_bytes().chunks(TOKEN_BYTES)) {
            self.wait(start + number * period_us * 1000);
            self.delta(str::from_utf8(token).unwrap());
        }
        self.end_block(&mut text);
    }

    fn code(&mut self, lines: u64, period_us: u64) {
        let start = stamps::now_ns();
        // No two blocks are the same.
        let mut text = format!("```rust\n// {start}\n");
        let code = CODE.lines().cycle().take(usize::try_from(lines).unwrap());
        let code = code.map(|line| format!("{line}\n")).chain([format!("{LAST_CALL}();\n")]);
        self.begin_block();
        self.delta(&text);
        for (number, line) in (0..).zip(code) {
            self.wait(start + number * period_us * 1000);
            self.delta(&line);
            text.push_str(&line);
        }
        self.wait(start + (lines + 1) * period_us * 1000);
        let mut end = "```\n\n".to_owned();
        stamps::put(&mut end, 0, stamps::now_ns());
        self.delta(&end);
        text.push_str(&end);
        self.end_block(&mut text);
    }

    /// Writes what there is, and waits until the clock says `due`.
    fn wait(&mut self, due: u64) {
        self.write();
        thread::sleep(Duration::from_nanos(due.saturating_sub(stamps::now_ns())));
    }

    fn delta(&mut self, text: &str) {
        self.waiting.extend_from_slice(HEAD.as_bytes());
        if text.contains(['"', '\\', '\n']) {
            let escaped = json!(text).to_string();
            self.waiting.extend_from_slice(&escaped.as_bytes()[1..escaped.len() - 1]);
        } else {
            self.waiting.extend_from_slice(text.as_bytes());
        }
        self.waiting.extend_from_slice(TAIL.as_bytes());
    }

    fn begin_block(&mut self) {
        self.blocks += 1;
        let id = format!("msg_{}", self.blocks);
        self.event(&json!({"type": "message_start", "message": {"id": id}}));
        let block = json!({"type": "text", "text": ""});
        self.event(&json!({"type": "content_block_start", "index": 0, "content_block": block}));
    }

    /// The finished block, whole, as the real agent gives it once more.
    fn end_block(&mut self, text: &mut String) {
        if text.is_empty() {
            return;
        }
        let block = json!({"type": "text", "text": std::mem::take(text)});
        self.assistant(&block);
        self.event(&json!({"type": "content_block_stop", "index": 0}));
        self.event(&json!({"type": "message_stop"}));
    }

    fn entries(&mut self, count: u64) {
        for number in 0..count.div_ceil(2) {
            let id = format!("toolu_{}_{number}", std::process::id());
            let input = json!({"file_path": format!("src/module/file_{number}.rs")});
            self.assistant(&json!({"type": "tool_use", "id": id, "name": "Read", "input": input}));
            let content = "fn read(&self) -> u8 { 1 }\n".repeat(RESULT_BYTES / 27);
            let result = json!({"type": "tool_result", "tool_use_id": id, "content": content});
            let message = json!({"role": "user", "content": [result]});
            self.line(&json!({"type": "user", "message": message, "parent_tool_use_id": null}));
        }
    }

    fn assistant(&mut self, block: &Value) {
        let id = format!("msg_{}", self.blocks);
        let message = json!({"id": id, "role": "assistant", "model": "bench", "content": [block]});
        self.line(&json!({"type": "assistant", "message": message, "parent_tool_use_id": null}));
    }

    fn event(&mut self, event: &Value) {
        self.line(&json!({"type": "stream_event", "event": event, "parent_tool_use_id": null}));
    }

    fn line(&mut self, line: &Value) {
        self.waiting.extend_from_slice(line.to_string().as_bytes());
        self.waiting.push(b'\n');
    }

    fn write(&mut self) {
        if self.pipe.write_all(&self.waiting).and_then(|()| self.pipe.flush()).is_err() {
            exit(0);
        }
        self.waiting.clear();
    }
}

/// The session's id, as it was given.
fn own_session() -> String {
    let given =
        |name: &str| std::env::args().find_map(|it| it.strip_prefix(name).map(String::from));
    given("--session-id=").or_else(|| given("--resume=")).unwrap_or_default()
}
