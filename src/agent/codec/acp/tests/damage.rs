//! AcpLines that no agent should write.

use proptest::prelude::*;

use super::*;
use crate::agent::process::lines::{LineSplitter, OutputLine};

#[test]
fn requests_that_are_not_served_are_refused_and_notifications_ignored() {
    let mut agent = Agent::ready();
    for (id, method) in [
        (json!(0), "fs/read_text_file"),
        (json!("a"), "terminal/create"),
        (json!(7), "elicitation/create"),
        (json!(-1), "craft/drainMidTurnQueue"),
    ] {
        agent.says(&json!({"id": id, "method": method, "params": {"path": "/etc/passwd"}}));
        let sent = agent.was_sent();
        assert_eq!((&sent[0]["id"], &sent[0]["error"]["code"]), (&id, &json!(-32601)));
    }
    for method in ["_auth/status_update", "session/other", "session/update"] {
        agent.says(&json!({"method": method, "params": [1]}));
    }
    agent.says(&json!({"id": null, "error": {"code": -32700}}));
    assert!(agent.was_sent().is_empty() && agent.output.events.is_empty());
}

#[test]
fn a_line_that_is_no_message_is_garbage() {
    for line in
        ["banana", "{", "[]", "7", "null", "{}", r#"{"id":{}}"#, r#"{"id":[1]}"#, "\u{fffd}"]
    {
        let mut agent = Agent::ready();
        agent.says_line(line.as_bytes());
        assert!(matches!(agent.output.events[..], [AgentEvent::Garbage(_)]), "{line}");
        assert!(agent.output.actions.is_empty(), "{line}");
    }
    let mut agent = Agent::ready();
    agent.says_line(b" \r");
    assert!(agent.output.events.is_empty());
}

#[test]
fn a_long_line_is_read_as_far_as_it_was_kept() {
    let mut agent = Agent::ready();
    agent.asks("q");
    let update = json!({"sessionUpdate": "tool_call", "toolCallId": "c", "status": "completed",
        "rawOutput": "x".repeat(20_000)});
    let line = json!({"method": "session/update", "params": {"sessionId": "s", "update": update}});
    let mut lines = LineSplitter::new(2000);
    let Agent { codec, output, .. } = &mut agent;
    lines.feed(format!("{line}\n").as_bytes(), |line| match line {
        OutputLine::Shortened(line, _) => codec.shortened_line(line, output),
        other => panic!("{other:?}"),
    });
    let is_cut =
        |event: &AgentEvent| matches!(event, AgentEvent::ToolReturned { truncated: true, .. });
    assert!(agent.output.events.iter().any(is_cut), "{:?}", agent.output.events);
}

#[test]
fn calls_without_end_are_bounded() {
    let mut agent = Agent::ready();
    agent.asks("q");
    for number in 0..2000 {
        agent.updates(&json!({"sessionUpdate": "tool_call", "toolCallId": format!("{number}"),
            "status": "in_progress"}));
    }
    assert_eq!(agent.screen().len(), 512);
}

/// Any JSON, with the words of the protocol in it.
fn any_json() -> impl Strategy<Value = Value> {
    let word = prop::sample::select(vec![
        "agent_message_chunk",
        "agent_thought_chunk",
        "tool_call",
        "tool_call_update",
        "usage_update",
        "session/update",
        "session/request_permission",
        "text",
        "read",
        "completed",
        "failed",
        "s",
        "end_turn",
        "{\"error\":{\"message\":\"x\",\"code\":1}}",
        "",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        prop::sample::select(vec![-1, 0, 1, 3, 4, 5, 100, 101, 102, 103]).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word.prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    let key = prop::sample::select(vec![
        "id",
        "method",
        "params",
        "result",
        "error",
        "update",
        "sessionUpdate",
        "content",
        "text",
        "type",
        "toolCallId",
        "kind",
        "status",
        "locations",
        "path",
        "rawInput",
        "rawOutput",
        "_meta",
        "options",
        "toolCall",
        "usage",
        "stopReason",
        "code",
        "message",
        "data",
        "cost",
        "protocolVersion",
        "sessionId",
    ]);
    leaf.prop_recursive(5, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..8).prop_map(|fields| fields
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect()),
        ]
    })
}

proptest! {
    #[test]
    fn no_lines_make_the_codec_panic_or_end_a_turn_twice(
        lines in prop::collection::vec(any_json(), 0..30),
        questions in prop::collection::vec(0_usize..30, 0..4),
        is_ready in any::<bool>(),
    ) {
        let mut agent = if is_ready { Agent::ready() } else { Agent::new(settings()) };
        for (number, line) in lines.iter().enumerate() {
            for _ in questions.iter().filter(|at| **at == number) {
                agent.lines.prompt("q");
            }
            agent.says(line);
        }
        let asked = usize::try_from(agent.lines.sent()).unwrap();
        prop_assert!(agent.finished().len() <= asked);
    }

    #[test]
    fn no_bytes_make_the_codec_panic(lines in prop::collection::vec(any::<Vec<u8>>(), 0..10)) {
        let mut agent = Agent::ready();
        agent.asks("q");
        for line in &lines {
            agent.says_line(line);
        }
        prop_assert!(agent.finished().is_empty());
    }
}
