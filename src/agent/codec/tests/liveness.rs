//! Which lines show that a turn gets on.

use super::*;

fn activity(codec: &mut Codec, line: &Value) -> Activity {
    let mut output = CodecOutput::default();
    codec.line(line.to_string().as_bytes(), &mut output);
    output.activity
}

#[test]
fn every_kind_of_progress_is_one_and_what_was_said_before_is_only_a_sign() {
    let system = |subtype: &str, fields: Value| {
        let mut line = json!({"type": "system", "subtype": subtype});
        line.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        line
    };
    let delta = |delta: Value| stream(json!({"type": "content_block_delta", "delta": delta}));
    let mut of_subagent = assistant("m1", text_block("inner"));
    of_subagent["parent_tool_use_id"] = json!("t1");
    let progress = [
        text("x"),
        thinking("x"),
        start("m"),
        of_subagent,
        begin(),
        tool_result(json!("x")),
        delta(json!({"type": "input_json_delta", "partial_json": "{\"a"})),
        delta(json!({"type": "signature_delta", "signature": "x"})),
        stream(json!({"type": "content_block_stop"})),
        system("thinking_tokens", json!({"estimated_tokens": 1})),
        system("thinking_tokens", json!({"estimated_tokens": 2})),
        system("status", json!({"status": "compacting"})),
        system("compact_boundary", json!({})),
        system("task_progress", json!({"description": "x"})),
        json!({"type": "tool_progress", "tool_use_id": "t1", "elapsed_time_seconds": 1}),
        json!({"type": "of_tomorrow"}),
    ];
    let mut codec = codec();
    for line in &progress {
        assert_eq!(activity(&mut codec, line).liveness, Liveness::Progress, "{line}");
    }
    let signs = [
        thinking(""),
        text(""),
        stream(json!({"type": "ping"})),
        json!({"type": "keep_alive", "n": 1}),
        system("status", json!({"status": "compacting", "uuid": "another"})),
        json!({"type": "tool_progress", "tool_use_id": "t1", "elapsed_time_seconds": 2}),
        json!({"type": "of_tomorrow", "timestamp": "later"}),
        json!({"type": "control_response", "response": {"request_id": "x"}}),
    ];
    for line in &signs {
        assert_eq!(activity(&mut codec, line).liveness, Liveness::Sign, "{line}");
    }
    for garbage in [json!([]), json!(7), json!({})] {
        assert_eq!(activity(&mut codec, &garbage).liveness, Liveness::None, "{garbage}");
    }
}

#[test]
fn a_pause_is_announced_and_compaction_begins_and_ends() {
    let mut codec = codec();
    let retry = json!({"type": "system", "subtype": "api_retry", "retry_delay_ms": 2500.5});
    assert_eq!(activity(&mut codec, &retry).pause_ms, 2500);
    let odd = json!({"type": "system", "subtype": "api_retry", "retry_delay_ms": "soon"});
    assert_eq!(activity(&mut codec, &odd).pause_ms, 0);
    let status = |status: Value| json!({"type": "system", "subtype": "status", "status": status});
    assert_eq!(activity(&mut codec, &status(json!("compacting"))).is_compacting, Some(true));
    assert_eq!(activity(&mut codec, &json!({"type": "keep_alive"})).is_compacting, None);
    assert_eq!(activity(&mut codec, &status(Value::Null)).is_compacting, Some(false));
    assert_eq!(activity(&mut codec, &text("x")).is_compacting, Some(false));
}
