//! One odd value costs itself: the turn still ends once, and what other lines say is kept.

use proptest::prelude::*;

use super::*;

const ODD: [&str; 18] = [
    "null",
    "true",
    "0",
    "-1",
    "-0",
    "7.5",
    "1e999",
    "18446744073709551616",
    "\"\"",
    "\"odd\"",
    "\"\\ud83d\"",
    "[]",
    "[null]",
    "{}",
    "{\"a\":[1,{\"b\":null}]}",
    "[[[[[[]]]]]]",
    "\"12\"",
    "NaN",
];

/// A turn with lines of every kind.
fn turn() -> Vec<Value> {
    let state =
        |state: &str| json!({"type": "system", "subtype": "session_state_changed", "state": state});
    let status = json!({"type": "system", "subtype": "status", "status": "requesting"});
    let block =
        stream(json!({"type": "content_block_start", "index": 0, "content_block": text_block("")}));
    let call = json!({"type": "tool_use", "id": "t1", "name": "Read", "input": {}});
    let call = stream(json!({"type": "content_block_start", "index": 1, "content_block": call}));
    let block_stop = stream(json!({"type": "content_block_stop", "index": 0}));
    let retry = json!({"type": "system", "subtype": "api_retry", "attempt": 1, "max_retries": 3,
        "retry_delay_ms": 5.5, "error_status": 529, "error": "overloaded"});
    let tokens = json!({"type": "system", "subtype": "thinking_tokens", "estimated_tokens": 3});
    let [delta1, stop1] = stop("tool_use");
    let [delta2, stop2] = stop("end_turn");
    let end = result(json!({
        "subtype": "success", "duration_ms": 12, "num_turns": 2, "result": "Bye", "stop_reason": "end_turn",
        "total_cost_usd": 0.5, "api_error_status": null, "errors": [], "permission_denials": [],
        "usage": {"input_tokens": 1, "output_tokens": 2, "cache_read_input_tokens": 3},
    }));
    vec![
        begin(),
        state("running"),
        status.clone(),
        retry,
        start("m1"),
        tokens,
        thinking("hm"),
        assistant("m1", thinking_block("hm")),
        block.clone(),
        text("Hello "),
        text("there"),
        assistant("m1", text_block("Hello there")),
        block_stop.clone(),
        call,
        assistant("m1", tool_block()),
        delta1,
        stop1,
        tool_result(json!([text_block("found")])),
        status,
        start("m2"),
        block,
        text("By"),
        text("e"),
        assistant("m2", text_block("Bye")),
        block_stop,
        delta2,
        stop2,
        end,
        state("idle"),
    ]
}

/// The places of all fields within a value, as JSON pointers.
fn places(value: &Value, at: &str, places: &mut Vec<String>) {
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields.iter().map(|(key, value)| (key.clone(), value)).collect(),
        Value::Array(elements) => {
            elements.iter().enumerate().map(|(at, value)| (at.to_string(), value)).collect()
        }
        _ => return,
    };
    for (key, value) in inner {
        let at = format!("{at}/{key}");
        self::places(value, &at, places);
        places.push(at);
    }
}

/// Puts `odd` in place of the value at `place`, or a second time beside it.
fn with(line: &Value, place: &str, odd: &str, is_doubled: bool) -> String {
    const MARK: &str = "MARK of the odd value";
    let mut line = line.clone();
    let before = line.pointer(place).unwrap().to_string();
    *line.pointer_mut(place).unwrap() = json!(MARK);
    let key = place.rsplit('/').next().unwrap();
    let second = match is_doubled && key.parse::<usize>().is_err() {
        true => format!("{before},{}:{odd}", json!(key)),
        false => odd.to_owned(),
    };
    line.to_string().replace(&json!(MARK).to_string(), &second)
}

fn codec_of_any_mode() -> Codec {
    let mut codec = Codec::new(CodecSettings {
        caller: Caller::Claude,
        tool_result_bytes: 10,
        allowed_tools: None,
    });
    codec.open_turn();
    codec
}

/// Whether the line brings, or takes, this text by itself.
fn is_about(line: &Value, text: &str) -> bool {
    line["type"] == "assistant" && line.to_string().contains(text)
}

fn check_odd(at: usize, odd_line: &str) {
    let lines = turn();
    let mut codec = codec_of_any_mode();
    let mut output = CodecOutput::default();
    for (index, line) in lines.iter().enumerate() {
        let line = if index == at { odd_line.to_owned() } else { line.to_string() };
        codec.line(line.as_bytes(), &mut output);
    }
    let screen = screen(&output);
    let told = || format!("{odd_line}\n{}", shown(&output));
    assert_eq!(ends(&output).len(), 1, "{}", told());
    for text in ["Hello there", "Bye"] {
        let count = screen.iter().filter(|line| *line == text).count();
        if !is_about(&lines[at], text) {
            assert_eq!(count, 1, "{text}: {}", told());
        }
    }
    if lines[at]["type"] != "assistant" {
        assert!(screen.contains(&"call t1".to_owned()), "{}", told());
    }
    if lines[at]["type"] == "result" {
        let is_failed = matches!(ends(&output)[..], [AgentEnd::Failed(_)]);
        let may_fail = odd_line.contains("is_error") || odd_line.contains("subtype");
        assert!(!is_failed || may_fail, "{}", told());
    }
}

#[test]
fn p7_one_odd_value_anywhere_leaves_one_end_and_all_other_text() {
    for (at, line) in turn().iter().enumerate() {
        let mut all = Vec::new();
        places(line, "", &mut all);
        for place in all {
            for odd in ODD {
                for is_doubled in [false, true] {
                    check_odd(at, &with(line, &place, odd, is_doubled));
                }
            }
        }
    }
}

#[test]
fn p7_a_missing_field_leaves_one_end_and_all_other_text() {
    for (at, line) in turn().iter().enumerate() {
        for key in line.as_object().unwrap().keys() {
            let mut line = line.clone();
            line.as_object_mut().unwrap().remove(key);
            check_odd(at, &line.to_string());
        }
    }
}

#[test]
fn what_can_be_read_of_a_result_is_read() {
    let line = r#"{"type":"result","is_error":false,"usage":{"input_tokens":null,"output_tokens":"7",
        "output_tokens":8,"cache_read_input_tokens":-1,"cache_creation_input_tokens":1e999},
        "duration_ms":12.9,"total_cost_usd":"0.25","errors":"none","duration_ms":13.9,"odd":[[]]}"#;
    let output = read(&[line.replace('\n', " ").as_bytes()]);
    let [AgentEvent::Finished(result)] = &output.events[..] else { panic!("{output:?}") };
    assert_eq!((result.duration_ms, result.cost_usd), (Some(13), Some(0.25)));
    assert_eq!((result.usage.input_tokens, result.usage.output_tokens), (0, 8));
    assert_eq!((result.usage.cache_read_tokens, result.usage.cache_write_tokens), (0, 0));
}

#[test]
fn a_half_of_a_pair_anywhere_costs_one_character() {
    let half = r"\ud83d";
    let line = |line: Value| line.to_string().replace("HALF", half);
    let lines = [
        line(start("mHALF")),
        line(text("aHALFb")),
        line(assistant("mHALF", text_block("aHALFb"))),
        line(assistant(
            "mHALF",
            json!({"type": "tool_use", "id": "tHALF", "name": "Read", "input": {"kHALF": "HALF"}}),
        )),
        line(
            json!({"type": "user", "message": {"content": [{"type": "tool_result", "tool_use_id": "tHALF", "content": "xHALF"}]}}),
        ),
        line(
            json!({"type": "control_request", "request_id": "rHALF", "request": {"subtype": "can_use_tool", "input": "HALF"}}),
        ),
        line(result(json!({"result": "HALF", "HALF": "HALF"}))),
    ];
    let output = read(&[lines.join("\n").as_bytes()]);
    assert_eq!(screen(&output), ["a\u{fffd}b", "call t\u{fffd}", "result t\u{fffd} true"]);
    assert_eq!(ends(&output).len(), 1);
    let input = output.events.iter().find_map(|event| match event {
        AgentEvent::ToolCalled { input, .. } => Some(input.get()),
        _ => None,
    });
    assert!(serde_json::from_str::<Value>(input.unwrap()).is_ok(), "{input:?}");
    assert!(
        matches!(&output.actions[..], [HostAction::Reply(reply)] if reply.contains("r\u{fffd}")),
        "{:?}",
        output.actions
    );
}

#[test]
fn a_shortened_result_of_a_tool_says_so() {
    let document = json!([{"type": "document", "source": {"data": "x".repeat(20_000)}}]);
    let output = read_lines(&[assistant("m1", tool_block()), tool_result(document)]);
    let told = output.events.iter().any(|event| {
        matches!(event, AgentEvent::ToolReturned { call_id, ok: true, content, truncated: true }
            if call_id == "t1" && content == "[document]")
    });
    assert!(told, "{}", shown(&output));
}

#[test]
fn a_value_that_nobody_could_read_later_is_left_out() {
    let deep = format!("{}1{}", r#"{"a":"#.repeat(200), "}".repeat(200));
    let line =
        assistant("m1", json!({"type": "tool_use", "id": "t", "name": "X", "input": "DEEP"}));
    let output = read(&[line.to_string().replace("\"DEEP\"", &deep).as_bytes()]);
    let [AgentEvent::ToolCalled { input, .. }] = &output.events[..] else { panic!("{output:?}") };
    assert_eq!(input.get(), "{}");
}

#[test]
fn p9_a_line_of_very_many_values_is_read_in_bounded_memory() {
    let blocks = vec![text_block("x"); 100_000];
    let line = json!({"type": "user", "message": {"content": blocks}});
    let mut codec = codec_of_any_mode();
    let mut output = CodecOutput::default();
    codec.line(line.to_string().as_bytes(), &mut output);
    assert!(output.events.is_empty(), "{}", output.events.len());
}

proptest! {
    #[test]
    fn p7_several_odd_values_leave_one_end(
        odd in prop::collection::vec((any::<usize>(), any::<usize>(), 0..ODD.len()), 1..6),
    ) {
        let mut lines: Vec<String> = turn().iter().map(Value::to_string).collect();
        let count = lines.len();
        for (at, place, odd) in odd {
            // The last two lines tell of the end: one of them stays as it is.
            let at = at % (count - 1);
            let Ok(line) = serde_json::from_str::<Value>(&lines[at]) else { continue };
            let mut all = Vec::new();
            places(&line, "", &mut all);
            if !all.is_empty() {
                lines[at] = with(&line, &all[place % all.len()], ODD[odd], false);
            }
        }
        let mut codec = codec_of_any_mode();
        let mut output = CodecOutput::default();
        lines.iter().for_each(|line| codec.line(line.as_bytes(), &mut output));
        prop_assert_eq!(ends(&output).len(), 1, "{}", lines.join("\n"));
    }
}
