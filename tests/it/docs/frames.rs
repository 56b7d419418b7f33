//! The session in the description of the protocol, played against a server.

use cicerone::wire::client_frame;
use regex::Regex;
use serde_json::{Value, json};

use crate::server::Setup;

use super::{all_blocks, blocks::Check};

/// What the agent does for the question.
const SCRIPT: &str =
    "tool Grep {\"pattern\":\"close\"} => README.md\nsay They are closed in `close`.";

/// Frames that the session leaves out: they come in between at any time.
const LEFT_OUT: [&str; 4] = ["status", "title", "presence", "read_only"];

/// Stands for anything in a template: as a value, or as further fields or elements.
const ANYTHING: &str = "…";

/// A frame of the document as JSON, its `…` as strings.
fn template(text: &str) -> Value {
    let further = Regex::new(r"([,{\[])…([}\]])").unwrap();
    let value = Regex::new(r":…").unwrap();
    let text = value.replace_all(text, ":\"…\"");
    let text = further.replace_all(&text, |found: &regex::Captures| {
        let further = if &found[2] == "}" { "\"…\":0" } else { "\"…\"" };
        format!("{}{further}{}", &found[1], &found[2])
    });
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Whether a frame is what a template says; fields that it leaves out must be announced by `…`.
fn is_like(template: &Value, frame: &Value) -> bool {
    match (template, frame) {
        (Value::String(any), _) if any == ANYTHING => true,
        (Value::Object(fields), Value::Object(given)) => {
            let is_open = fields.contains_key(ANYTHING);
            let named = fields.iter().filter(|(name, _)| *name != ANYTHING);
            (is_open || given.keys().all(|name| fields.contains_key(name)))
                && named
                    .into_iter()
                    .all(|(name, value)| given.get(name).is_some_and(|given| is_like(value, given)))
        }
        (Value::Array(items), Value::Array(given)) => {
            let is_open = items.last().is_some_and(|last| last == ANYTHING);
            let named = items.len() - usize::from(is_open);
            (if is_open { given.len() >= named } else { given.len() == named })
                && items[..named].iter().zip(given).all(|(item, given)| is_like(item, given))
        }
        _ => template == frame,
    }
}

#[tokio::test]
async fn the_session_in_the_protocol_takes_place() {
    let blocks = all_blocks();
    let mut frames = blocks.iter().filter(|block| block.check() == Ok(Check::Frames));
    let block = frames.next().expect("the protocol shows no frames");
    assert!(frames.next().is_none(), "only one session is played");
    let setup = Setup::scripted();
    let answers = setup.project_dir().join(".answers.json");
    std::fs::write(&answers, json!({ "Where are sockets closed?": SCRIPT }).to_string()).unwrap();
    let server = setup
        .env("SCRIPTED_AGENT_ANSWERS", answers.to_str().unwrap())
        .args(["--agent-env", "SCRIPTED_AGENT_ANSWERS"])
        .start();
    let mut client = server.connect().await;
    for line in block.text.lines() {
        if let Some(frame) = line.strip_prefix("→ ") {
            assert!(client_frame::parse(frame).is_ok(), "{}: {frame}", block.place);
            client.send_text(frame).await;
            continue;
        }
        let written = line.strip_prefix("← ").unwrap_or_else(|| panic!("no frame: {line}"));
        let written = template(written);
        let frame = loop {
            let frame = client.frame().await;
            if !LEFT_OUT.iter().any(|kind| frame["type"] == *kind) {
                break frame;
            }
        };
        assert!(is_like(&written, &frame), "{}: {line}\nbut the frame is\n{frame}", block.place);
    }
}
