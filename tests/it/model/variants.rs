//! Streams as services really send them: each is read to the same answer, nothing lost or doubled.

use serde_json::{Value, json};

use super::{
    Model,
    service::{Act, Service, call, calls, delta, finish, response, says, stream, stream_head},
};

/// The same two calls in the ways of many services.
fn ways_to_call() -> Vec<(&'static str, Vec<Value>)> {
    let function = |name: &str, arguments: &str| json!({"name": name, "arguments": arguments});
    let piece = |call: Value| delta(json!({"tool_calls": [call]}));
    let whole = |path: &str| format!("{{\"path\":\"{path}\"}}");
    vec![
        (
            "in pieces",
            vec![
                piece(json!({"index": 0, "id": "x", "function": function("read", "{")})),
                piece(json!({"index": 0, "function": {"arguments": "\"path\":\"a\"}"}})),
                piece(json!({"index": 1, "id": "y", "function": function("read", "")})),
                piece(json!({"index": 1, "function": {"arguments": whole("b")}})),
                finish("tool_calls"),
            ],
        ),
        (
            "whole, without an index",
            vec![
                piece(json!({"id": "x", "function": function("read", &whole("a"))})),
                piece(json!({"id": "y", "function": function("read", &whole("b"))})),
                finish("tool_calls"),
            ],
        ),
        (
            "all with index 0",
            vec![
                piece(json!({"index": 0, "id": "x", "function": function("read", &whole("a"))})),
                piece(json!({"index": 0, "id": "y", "function": function("read", &whole("b"))})),
                finish("stop"),
            ],
        ),
        (
            "without an id",
            vec![
                piece(json!({"index": 0, "function": function("read", &whole("a"))})),
                piece(json!({"index": 1, "function": function("read", &whole("b"))})),
                finish(""),
            ],
        ),
        (
            "without an id and an index",
            vec![
                piece(json!({"function": function("read", &whole("a"))})),
                piece(json!({"function": function("read", &whole("b"))})),
                finish("end_turn"),
            ],
        ),
        (
            "arguments that are an object",
            vec![
                piece(
                    json!({"index": 0, "id": "x", "function": {"name": "read", "arguments": {"path": "a"}}}),
                ),
                piece(
                    json!({"index": 1, "id": "y", "function": {"name": "read", "arguments": {"path": "b"}}}),
                ),
                finish("tool_calls"),
            ],
        ),
        (
            "no finish at all",
            vec![
                piece(json!({"index": 0, "id": "x", "function": function("read", &whole("a"))})),
                piece(json!({"index": 1, "id": "y", "function": function("read", &whole("b"))})),
            ],
        ),
        (
            "odd fields",
            vec![
                json!({"choices": [], "usage": {}}),
                json!({"choices": null, "prompt_progress": {"total": 9, "processed": 1}}),
                json!({"object": "x", "choices": [{"delta": {"content": 7, "tool_calls": null}}]}),
                delta(json!({"role": "assistant", "content": ""})),
                delta(json!({"role": "assistant", "tool_calls": [
                    call("x", "read", &json!({"path": "a"})), call("y", "read", &json!({"path": "b"})),
                ]})),
                json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls", "stop_reason": null}], "usage": {}}),
            ],
        ),
    ]
}

#[test]
fn calls_are_the_same_whatever_way_they_come() {
    for (way, events) in ways_to_call() {
        let service = Service::start(vec![Act::Bytes(stream(&events)), says("Done.")]);
        let mut model = Model::start(&service.url, json!({}));
        let turn = model.ask("Look.");
        turn.check();
        let paths: Vec<&Value> =
            turn.calls.iter().map(|(_, arguments)| &arguments["path"]).collect();
        assert_eq!(paths, ["a", "b"], "{way}");
        assert_eq!((turn.text().as_str(), turn.is_success()), ("Done.", true), "{way}");
        assert!(!model.says_more(), "{way}");
    }
}

/// One text in the ways that lines are written.
fn ways_to_write() -> Vec<(&'static str, Vec<u8>)> {
    let [one, two] = ["Where ", "it is."].map(|text| delta(json!({"content": text})).to_string());
    let end = finish("stop").to_string();
    let with = |text: String| [stream_head(), text.into_bytes()].concat();
    let body = format!("data: {one}\n\ndata: {two}\n\ndata: {end}\n\ndata: [DONE]\n\n");
    let chunked: String = body
        .as_bytes()
        .chunks(7)
        .map(|chunk| format!("{:x}\r\n{}\r\n", chunk.len(), std::str::from_utf8(chunk).unwrap()))
        .collect();
    let whole =
        json!({"choices": [{"message": {"content": "Where it is."}, "finish_reason": "stop"}]});
    vec![
        ("plain", with(body.clone())),
        ("CRLF", with(body.replace('\n', "\r\n"))),
        ("no blank after the colon", with(body.replace("data: ", "data:"))),
        ("comments", with(body.replace("data:", ": OPENROUTER PROCESSING\n\n:\n\ndata:"))),
        ("other fields", with(body.replace("data:", "event: message\nid: 1\nretry: 5\ndata:"))),
        ("no empty lines", with(body.replace("\n\n", "\n"))),
        ("no DONE", with(body.replace("data: [DONE]\n\n", ""))),
        ("no last newline", with(body.trim_end().to_owned())),
        ("nothing after the finish", with(format!("data: {one}\n\ndata: {two}\n\ndata: {end}"))),
        ("only DONE", with(body.replace(&format!("data: {end}\n\n"), ""))),
        ("a byte order mark", with(format!("\u{feff}{body}"))),
        ("more after DONE", with(format!("{body}data: {one}\n\n"))),
        ("in chunks", [
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n".to_vec(),
            chunked.into_bytes(), b"0\r\n\r\n".to_vec(),
        ].concat()),
        ("of no type", with(body.clone()).replace_type("text/plain")),
        ("no stream at all", response(200, "application/json", whole.to_string().as_bytes())),
    ]
}

trait ReplaceType {
    fn replace_type(self, kind: &str) -> Vec<u8>;
}

impl ReplaceType for Vec<u8> {
    fn replace_type(self, kind: &str) -> Vec<u8> {
        String::from_utf8(self).unwrap().replace("text/event-stream", kind).into_bytes()
    }
}

#[test]
fn text_is_the_same_whatever_way_it_is_written() {
    for (way, bytes) in ways_to_write() {
        for act in [Act::Bytes(bytes.clone()), Act::ByteByByte(bytes.clone())] {
            let service = Service::start(vec![act]);
            let mut model = Model::start(&service.url, json!({}));
            let turn = model.ask("Where?");
            turn.check();
            assert_eq!(turn.text(), "Where it is.", "{way}: {}", turn.result);
            assert!(turn.is_success(), "{way}: {}", turn.result);
        }
    }
}

#[test]
fn a_stream_that_is_cut_at_any_byte_ends_the_turn_once_with_what_came() {
    let whole = stream(&[
        delta(json!({"content": "Où "})),
        delta(json!({"content": "est-il?"})),
        finish("stop"),
    ]);
    let service = Service::start(
        (stream_head().len()..whole.len())
            .step_by(3)
            .map(|end| Act::Bytes(whole[..end].to_vec()))
            .collect(),
    );
    let mut model = Model::start(&service.url, json!({"retries": 0}));
    let mut n_whole = 0;
    for end in (stream_head().len()..whole.len()).step_by(3) {
        let turn = model.ask("Where?");
        turn.check();
        assert!("Où est-il?".starts_with(&turn.text()), "{end}: {}", turn.text());
        assert_eq!(turn.is_success(), turn.text() == "Où est-il?" && turn.words().is_empty());
        n_whole += usize::from(turn.is_success());
    }
    assert!(n_whole > 3, "{n_whole}");
    assert!(!model.says_more());
}

#[test]
fn an_endless_stream_is_stopped() {
    let text = format!("data: {}\n\n", delta(json!({"content": "word ".repeat(20_000)})));
    let nothing = "data: {}\n\n".repeat(10_000);
    let line = "x".repeat(1 << 20);
    for (first, again, words) in [
        (String::new(), text, ""),
        (String::new(), nothing, "more than an answer can hold"),
        ("data: ".to_owned(), line, "more than an answer can hold"),
    ] {
        let first = [stream_head(), first.into_bytes()].concat();
        let service = Service::start(vec![Act::Endless(first, again.into_bytes()), says("There.")]);
        let mut model = Model::start(&service.url, json!({"retries": 0}));
        let turn = model.ask("Go.");
        assert!(turn.words().contains(words), "{}", turn.result["errors"]);
        assert_eq!(service.held.recv_timeout(super::PATIENCE), Ok("gone"));
        assert_eq!(model.ask("Again?").text(), "There.");
    }
}

#[test]
fn answers_of_a_real_server_are_read_in_both_dialects() {
    let recordings = [
        (include_str!("../../recordings/model-chat-two-calls.jsonl"), 2),
        (include_str!("../../recordings/model-messages-two-calls.jsonl"), 2),
        (include_str!("../../recordings/model-chat-text.jsonl"), 0),
    ];
    for (recording, calls) in recordings {
        let mut lines = recording.lines().map(|it| serde_json::from_str::<Value>(it).unwrap());
        let dialect = lines.next().unwrap()["protocol"].take();
        let body: String =
            lines.map(|line| format!("{}\n", line["text"].as_str().unwrap())).collect();
        let act = Act::Bytes([stream_head(), body.into_bytes()].concat());
        let then = match dialect.as_str() {
            Some("messages") => Act::Bytes([stream_head(), concat!(
                "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Done.\"}}\n\n",
                "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"}}\n\n",
                "data: {\"type\":\"message_stop\"}\n\n").as_bytes().to_vec()].concat()),
            _ => says("Done."),
        };
        let service = Service::start(vec![act, then]);
        let mut model = Model::start(&service.url, json!({"dialect": dialect}));
        let turn = model.ask("Read src/main.rs");
        turn.check();
        assert!(turn.is_success(), "{dialect}: {}", turn.result);
        let made: Vec<Value> =
            turn.blocks("tool_use").iter().map(|it| it["name"].clone()).collect();
        assert_eq!(made, vec!["Read"; calls], "{dialect}");
        if calls == 0 {
            assert!(!turn.text().is_empty());
        } else {
            assert!(turn.text().ends_with("Done."), "{}", turn.text());
        }
        assert!(turn.result["usage"]["output_tokens"].as_u64().unwrap() > 0);
    }
}

#[test]
fn reasoning_goes_back_only_where_that_is_configured() {
    let thought = || {
        Act::Bytes(stream(&[
            delta(json!({"reasoning_content": "I look."})),
            delta(json!({"tool_calls": [call("a", "read", &json!({"path": "a"}))]})),
            finish("tool_calls"),
        ]))
    };
    for sends in [false, true] {
        let service = Service::start(vec![thought(), says("Done."), calls(&[])]);
        let mut model = Model::start(&service.url, json!({"sends_reasoning": sends}));
        let turn = model.ask("Look.");
        assert_eq!((turn.thinking().as_str(), turn.text().as_str()), ("I look.", "Done."));
        let sent = &service.questions()[1].body["messages"][2];
        assert_eq!(sent.get("reasoning_content").is_some(), sends, "{sent}");
    }
}
