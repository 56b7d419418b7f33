//! The description of the frames: what real conversations send fits it, field by field.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write as _,
    process::{Command, Stdio},
};

use cicerone::{web::asyncapi, wire::client_frame};
use jsonschema::Validator;
use serde_json::{Value, json};

use crate::{
    access::rights::{ANA, team},
    client::Client,
    peers,
    server::{Gate, PROJECT, Server, write},
};

/// The version of the parser; `.ci/setup` reads it from here.
const PARSER: &str = "3.6.6";

/// What checks each frame. A field that is not described is a fault.
fn validators() -> BTreeMap<String, Validator> {
    let description = asyncapi::description();
    let messages = description["components"]["messages"].as_object().unwrap();
    messages
        .iter()
        .map(|(name, message)| {
            let schema = json!({
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "allOf": [message["payload"]],
                "unevaluatedProperties": false,
                "components": { "schemas": description["components"]["schemas"] },
            });
            (name.clone(), jsonschema::validator_for(&schema).unwrap())
        })
        .collect()
}

fn check(validators: &BTreeMap<String, Validator>, frame: &Value) {
    let kind = frame["type"].as_str().unwrap();
    let validator = validators.get(kind).unwrap_or_else(|| panic!("{kind} is not described"));
    let faults: Vec<_> =
        validator.iter_errors(frame).map(|it| format!("{}: {it}", it.instance_path())).collect();
    assert!(faults.is_empty(), "{frame}\n{}", faults.join("\n"));
}

/// Everything that a script can make an agent do.
fn script(gate: &Gate) -> String {
    format!(
        "think a\nstream 3 1\ntool Read {{\"path\":\"README.md\"}} => x\ntoolerror Read {{}} => y\n\
         say See `README.md:1` and `no/such.rs:3`.\n{}\nask {}\nretry\nsay done",
        gate.script(),
        json!({ "questions": [{
            "question": "Which?", "header": "h", "multiSelect": false,
            "options": [{ "label": "A", "description": "a" }],
        }] }),
    )
}

async fn turn(client: &mut Client, question: Value, seen: &mut Vec<Value>) {
    let mut frame = json!({ "type": "message" });
    frame.as_object_mut().unwrap().extend(question.as_object().unwrap().clone());
    client.send(frame).await;
    seen.extend(client.turn().await);
}

#[actix::test]
async fn every_frame_of_conversations_is_described_field_by_field() {
    let server = Server::start();
    write(&server.project_dir(), "src/a.rs", "fn a() {}\n");
    let mut seen = Vec::new();
    for start in [
        json!({ "type": "start", "protocol": 1, "list": true }),
        json!({ "type": "start", "protocol": 1, "format": "html", "changes": true, "list": true }),
    ] {
        let gate = Gate::new(&server);
        gate.open();
        let mut client = server.connect().await;
        client.send(start).await;
        seen.extend(client.until("caught_up").await);
        let all = json!({ "content": script(&gate), "message_id": "m", "effort": "quick" });
        turn(&mut client, all, &mut seen).await;
        turn(&mut client, json!({ "content": "error it broke" }), &mut seen).await;
        client.send(json!({ "type": "retry", "turn": 1 })).await;
        seen.extend(client.turn().await);
        for refused in [
            json!({ "type": "message", "content": " " }),
            json!({ "type": "withdraw", "turn": 1 }),
            json!({ "type": "message", "content": "x", "effort": "endless" }),
        ] {
            client.send(refused).await;
            seen.extend(client.until("error").await);
        }
        client.send(json!({ "type": "ping" })).await;
        seen.extend(client.until("pong").await);
    }
    let validators = validators();
    seen.iter().for_each(|frame| check(&validators, frame));
    let kinds: BTreeSet<_> = seen.iter().map(|frame| frame["type"].as_str().unwrap()).collect();
    for kind in [
        "conversation_created",
        "attached",
        "accepted",
        "user_message",
        "status",
        "text",
        "thinking",
        "html",
        "tool_call",
        "tool_result",
        "question",
        "list",
        "caught_up",
        "response_done",
        "error",
        "pong",
    ] {
        assert!(kinds.contains(kind), "no {kind} came: {kinds:?}");
    }
}

#[actix::test]
async fn frames_of_a_team_are_described_too() {
    let server = team("").start();
    let headers = ANA.headers();
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let mut client = Client::connect_with(server.address(), PROJECT, &headers).await.unwrap();
    let id = client.begin().await;
    let mut seen = Vec::new();
    turn(&mut client, json!({ "content": "say a" }), &mut seen).await;
    let one = format!("/api/assistant/conversations/demo/{id}");
    let private = r#"{"visibility":"private"}"#;
    ANA.send(&server, "PUT", &format!("{one}/visibility"), private).await;
    seen.extend(client.until("sharing").await);
    ANA.send(&server, "PATCH", &one, r#"{"title":"t"}"#).await;
    seen.extend(client.until("title").await);
    let wrong = r#"{"verdict":"wrong","why":"so"}"#;
    ANA.send(&server, "PUT", &format!("{one}/reactions/1"), wrong).await;
    seen.extend(client.until("reactions").await);
    let mut other = Client::connect_with(server.address(), PROJECT, &headers).await.unwrap();
    seen.extend(other.enter(id, json!(null)).await);
    let validators = validators();
    seen.iter().for_each(|frame| check(&validators, frame));
    assert!(seen.iter().any(|frame| frame["sharing"]["owner"] == "ana"), "{seen:?}");
}

#[test]
fn frames_of_clients_are_described_as_they_are_read() {
    let validators = validators();
    for frame in [
        json!({ "type": "start", "protocol": 1, "conversation_id": 3, "after": 7, "format": "html", "changes": true, "list": "a" }),
        json!({ "type": "message", "content": "x", "message_id": "m", "agent": "a", "effort": "quick", "attachments": ["b"] }),
        json!({ "type": "answer", "call_id": "c", "answers": { "q": "a" }, "message_id": "m" }),
        json!({ "type": "retry", "turn": 1, "conversation_id": 2, "agent": "a", "message_id": "m" }),
        json!({ "type": "withdraw", "turn": 1 }),
        json!({ "type": "stop" }),
        json!({ "type": "typing" }),
        json!({ "type": "ping" }),
    ] {
        client_frame::parse(&frame.to_string()).unwrap();
        check(&validators, &frame);
    }
    let described = &asyncapi::description()["operations"]["receiveFrames"]["messages"];
    assert_eq!(described.as_array().map(Vec::len), Some(8));
    assert!(!validators["message"].is_valid(&json!({ "type": "message", "content": 3 })));
}

/// Reads the description as other programs do, and prints what is wrong with it.
const PARSE: &str = r#"
const { Parser } = require(process.env.MODULES + "/@asyncapi/parser");
const text = require("node:fs").readFileSync(0, "utf8");
new Parser().parse(text).then(({ document, diagnostics }) => {
    const wrong = diagnostics.filter((it) => it.severity === 0).map((it) => `${it.path.join(".")}: ${it.message}`);
    console.log(JSON.stringify({ version: document?.version(), operations: document?.operations().length, wrong }));
});
"#;

#[test]
fn a_parser_of_others_finds_nothing_wrong() {
    let module = peers::module("@asyncapi/parser/package.json");
    let found = std::fs::read_to_string(module).unwrap_or_default();
    let is_it = found.contains(&format!("\"version\": \"{PARSER}\""));
    assert!(is_it, "@asyncapi/parser@{PARSER} is missing: run `.ci/setup`");
    let node = peers::find("node").unwrap_or_else(|| "node".into());
    let mut command = Command::new(node);
    command.args(["-e", PARSE]).env("MODULES", peers::module(""));
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let description = asyncapi::description().to_string();
    child.stdin.take().unwrap().write_all(description.as_bytes()).unwrap();
    let told = child.wait_with_output().unwrap().stdout;
    let told: Value = serde_json::from_slice(&told).unwrap();
    assert_eq!(told, json!({ "version": "3.0.0", "operations": 4, "wrong": [] }));
}
