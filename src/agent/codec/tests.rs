//! What the codec makes of an agent's lines.

mod answers;
mod damage;
mod ends;
mod liveness;
mod odd;
pub(super) mod recordings;
mod withdrawn;

use expect_test::{Expect, expect};
use serde_json::{Value, json};

use crate::agent::{
    event::{AgentEnd, AgentResult},
    process::lines::{LineSplitter, OutputLine},
};

use super::*;

fn codec() -> Codec {
    let allowed = ["Read", "Grep"].map(str::to_owned);
    let settings = CodecSettings {
        caller: Caller::Claude,
        tool_result_bytes: 10,
        allowed_tools: Some(allowed.into()),
    };
    Codec::new(settings)
}

/// Reads a stream that comes in these chunks, within one turn.
fn read(chunks: &[&[u8]]) -> CodecOutput {
    let mut codec = codec();
    codec.open_turn();
    let mut output = CodecOutput::default();
    let mut lines = LineSplitter::new(5000);
    for chunk in chunks {
        lines.feed(chunk, |line| take(&mut codec, line, &mut output));
    }
    lines.finish(|line| take(&mut codec, line, &mut output));
    output
}

fn take(codec: &mut Codec, line: OutputLine<'_>, output: &mut CodecOutput) {
    match line {
        OutputLine::Whole(line) => codec.line(line, output),
        OutputLine::Shortened(line, _) => codec.shortened_line(line, output),
        OutputLine::TooLong(length) => output.note_dropped_line(length),
    }
}

/// One line for each event and demand.
fn shown(output: &CodecOutput) -> String {
    let events = output.events.iter().map(|event| format!("{event:?}\n"));
    let actions = output.actions.iter().map(|demand| format!("-> {demand:?}\n"));
    events.chain(actions).collect()
}

fn check(lines: &[Value], expected: Expect) {
    let stream: String = lines.iter().map(|line| format!("{line}\n")).collect();
    expected.assert_eq(&shown(&read(&[stream.as_bytes()])));
}

/// What a reader has on the screen: texts, thoughts in parentheses, and further lines.
#[derive(Default)]
struct Shown {
    lines: Vec<String>,
    /// Where each text and thought of the turn stands, and whether it is a thought.
    pieces: Vec<(usize, bool)>,
    /// Where all thoughts stand.
    thoughts: Vec<usize>,
    is_begun: bool,
}

impl Shown {
    /// Shows what concerns texts and thoughts.
    fn take(&mut self, event: &AgentEvent) {
        let Self { lines, pieces, thoughts, is_begun } = self;
        match event {
            AgentEvent::TextStarted => *is_begun = true,
            AgentEvent::TextDelta(text) | AgentEvent::ThinkingDelta(text) => {
                let thinking = matches!(event, AgentEvent::ThinkingDelta(_));
                let begins = std::mem::take(is_begun);
                if begins || pieces.last().is_none_or(|(_, kind)| *kind != thinking) {
                    pieces.push((lines.len(), thinking));
                    thoughts.extend(thinking.then_some(lines.len()));
                    lines.push(String::new());
                }
                lines[pieces.last().unwrap().0].push_str(text);
            }
            AgentEvent::TextReplaced(text) => {
                assert!(!pieces.last().unwrap().1, "a thought was replaced by a text");
                lines[pieces.last().unwrap().0].clone_from(text);
            }
            AgentEvent::Withdrawn(gone) => gone.iter().for_each(|at| lines[pieces[*at].0].clear()),
            _ => (),
        }
    }

    /// The lines that are not empty.
    fn lines(mut self) -> Vec<String> {
        for at in self.thoughts {
            if !self.lines[at].is_empty() {
                self.lines[at] = format!("({})", self.lines[at]);
            }
        }
        self.lines.retain(|line| !line.is_empty());
        self.lines
    }
}

/// What a reader has on the screen, with the ids of calls.
fn screen(output: &CodecOutput) -> Vec<String> {
    let mut shown = Shown::default();
    for event in &output.events {
        match event {
            AgentEvent::ToolCalled { call_id, .. } => shown.lines.push(format!("call {call_id}")),
            AgentEvent::ToolReturned { call_id, ok, .. } => {
                shown.lines.push(format!("result {call_id} {ok}"));
            }
            event => shown.take(event),
        }
    }
    shown.lines()
}

fn read_lines(lines: &[Value]) -> CodecOutput {
    let stream: String = lines.iter().map(|line| format!("{line}\n")).collect();
    read(&[stream.as_bytes()])
}

fn ends(output: &CodecOutput) -> Vec<&AgentEnd> {
    let ends = output.events.iter().filter_map(|event| match event {
        AgentEvent::Finished(result) => Some(&result.end),
        _ => None,
    });
    ends.collect()
}

fn thinking(delta: &str) -> Value {
    let delta = json!({"type": "thinking_delta", "thinking": delta});
    stream(json!({"type": "content_block_delta", "index": 0, "delta": delta}))
}

fn thinking_block(text: &str) -> Value {
    json!({"type": "thinking", "thinking": text, "signature": "x"})
}

/// The end of a message that streams.
fn stop(reason: &str) -> [Value; 2] {
    let delta = json!({"stop_reason": reason, "stop_sequence": null});
    [
        stream(json!({"type": "message_delta", "delta": delta})),
        stream(json!({"type": "message_stop"})),
    ]
}

fn stream(event: Value) -> Value {
    json!({"type": "stream_event", "event": event, "session_id": "s", "parent_tool_use_id": null})
}

/// What comes first in each turn.
fn begin() -> Value {
    json!({"type": "system", "subtype": "init", "session_id": "s", "tools": [], "model": "m",
        "permissionMode": "dontAsk", "claude_code_version": "0"})
}

fn start(id: &str) -> Value {
    stream(json!({"type": "message_start", "message": {"id": id, "content": []}}))
}

fn text(delta: &str) -> Value {
    let delta = json!({"type": "text_delta", "text": delta});
    stream(json!({"type": "content_block_delta", "index": 0, "delta": delta}))
}

fn assistant(id: &str, block: Value) -> Value {
    let message = json!({"id": id, "role": "assistant", "model": "m", "content": [block]});
    json!({"type": "assistant", "message": message, "parent_tool_use_id": null})
}

fn text_block(text: &str) -> Value {
    json!({"type": "text", "text": text})
}

fn tool_block() -> Value {
    json!({"type": "tool_use", "id": "t1", "name": "Read", "input": {"file_path": "a"}})
}

fn tool_result(content: Value) -> Value {
    let block = json!({"type": "tool_result", "tool_use_id": "t1", "content": content});
    json!({"type": "user", "message": {"role": "user", "content": [block]}})
}

fn result(fields: Value) -> Value {
    let mut line = json!({"type": "result", "is_error": false, "terminal_reason": "completed"});
    for (name, value) in fields.as_object().unwrap() {
        line[name] = value.clone();
    }
    line
}

#[test]
fn a_tool_and_its_result_are_told() {
    check(
        &[
            assistant("m1", tool_block()),
            tool_result(json!("short")),
            tool_result(json!([text_block("a"), {"type": "image", "source": {}}])),
            tool_result(json!("äöüäöü")),
            tool_result(Value::Null),
            assistant("m1", json!({"type": "tool_use", "id": "t2", "name": "X", "input": 7})),
        ],
        expect![[r#"
            ToolCalled { call_id: "t1", tool: "Read", input: RawValue({"file_path":"a"}) }
            ToolReturned { call_id: "t1", ok: true, content: "short", truncated: false }
            ToolReturned { call_id: "t1", ok: true, content: "a\n[image]", truncated: false }
            ToolReturned { call_id: "t1", ok: true, content: "äöüäö", truncated: true }
            ToolReturned { call_id: "t1", ok: true, content: "", truncated: false }
            ToolCalled { call_id: "t2", tool: "X", input: RawValue({}) }
        "#]],
    );
}

#[test]
fn subagents_echoes_and_unknown_lines_say_nothing() {
    let mut of_subagent = assistant("m1", text_block("inner"));
    of_subagent["parent_tool_use_id"] = json!("t1");
    check(
        &[
            of_subagent,
            json!({"type": "user", "message": {"role": "user", "content": "echo"}, "isReplay": true}),
            json!({"type": "user", "message": {"content": [text_block("[Request interrupted by user]")]}}),
            json!({"type": "system", "subtype": "status", "status": "requesting"}),
            json!({"type": "rate_limit_event", "rate_limit_info": {"status": "allowed"}}),
            json!({"type": "of_tomorrow", "event": null}),
            json!({"type": "control_cancel_request", "request_id": "r"}),
            stream(json!({"type": "of_tomorrow"})),
        ],
        expect![""],
    );
}

#[test]
fn a_result_ends_the_turn_once() {
    let fields = json!({
        "total_cost_usd": 0.5, "duration_ms": 12, "result": "text",
        "usage": {"input_tokens": 1, "output_tokens": 2, "cache_read_input_tokens": 3, "cache_creation_input_tokens": 4},
    });
    check(
        &[result(fields.clone()), result(fields)],
        expect![[r#"
            Finished(AgentResult { end: Completed, usage: Usage { input_tokens: 1, output_tokens: 2, cache_read_tokens: 3, cache_write_tokens: 4 }, cost_usd: Some(0.5), duration_ms: Some(12) })
        "#]],
    );
}

#[test]
fn the_cost_of_a_turn_is_what_it_added() {
    let mut codec = codec();
    let mut costs = Vec::new();
    for total in [0.25, 0.75, 0.5] {
        codec.open_turn();
        let mut output = CodecOutput::default();
        codec.line(begin().to_string().as_bytes(), &mut output);
        codec.line(result(json!({"total_cost_usd": total})).to_string().as_bytes(), &mut output);
        for event in output.events {
            if let AgentEvent::Finished(result) = event {
                costs.push(result.cost_usd);
            }
        }
    }
    // The last total is lower: the agent has begun to count anew.
    assert_eq!(costs, [Some(0.25), Some(0.5), Some(0.5)]);
}

#[test]
fn p7_what_an_agent_says_after_its_end_belongs_to_no_later_turn() {
    let mut codec = codec();
    let mut output = CodecOutput::default();
    let mut read = |codec: &mut Codec, line: Value| {
        codec.line(line.to_string().as_bytes(), &mut output);
        std::mem::take(&mut output.events).len()
    };
    codec.open_turn();
    assert_eq!(read(&mut codec, begin()), 1);
    assert_eq!(read(&mut codec, result(json!({}))), 1);
    codec.open_turn();
    for late in [text("late"), result(json!({}))] {
        assert_eq!(read(&mut codec, late), 0);
    }
    assert_eq!(read(&mut codec, begin()), 1);
    assert_ne!(read(&mut codec, text("in time")), 0);
    assert_eq!(read(&mut codec, result(json!({}))), 1);
}

#[test]
fn a_result_without_a_turn_ends_nothing() {
    let mut output = CodecOutput::default();
    codec().line(br#"{"type":"result","num_turns":0,"is_error":false}"#, &mut output);
    assert!(output.events.is_empty());
}

#[test]
fn an_interrupt_is_no_failure() {
    check(
        &[result(json!({
            "is_error": true, "terminal_reason": "aborted_tools", "errors": ["[ede_diagnostic] x"],
        }))],
        expect![[r#"
            Finished(AgentResult { end: Interrupted, usage: Usage { input_tokens: 0, output_tokens: 0, cache_read_tokens: 0, cache_write_tokens: 0 }, cost_usd: None, duration_ms: None })
        "#]],
    );
}

#[test]
fn the_text_of_an_error_is_no_answer() {
    let own = |error: Value| {
        let message =
            json!({"id": "x", "model": "<synthetic>", "content": [text_block("Not logged in")]});
        json!({"type": "assistant", "message": message, "error": error})
    };
    let failed = result(json!({"is_error": true, "result": "Not logged in"}));
    for error in [json!("authentication_failed"), Value::Null] {
        let stream = format!("{}\n{failed}\n", own(error));
        let events = read(&[stream.as_bytes()]).events;
        let [AgentEvent::Finished(AgentResult { end: AgentEnd::Failed(failure), .. })] =
            &events[..]
        else {
            panic!("{events:?}");
        };
        assert!(failure.content.contains("/login"), "{failure:?}");
    }
}

#[test]
fn a_text_of_the_program_itself_is_the_answer_of_a_turn_that_went_well() {
    let message = json!({"id": "x", "model": "<synthetic>", "content": [text_block("Unknown.")]});
    check(
        &[json!({"type": "assistant", "message": message}), result(json!({}))],
        expect![[r#"
            TextStarted
            TextDelta("Unknown.")
            Finished(AgentResult { end: Completed, usage: Usage { input_tokens: 0, output_tokens: 0, cache_read_tokens: 0, cache_write_tokens: 0 }, cost_usd: None, duration_ms: None })
        "#]],
    );
}

#[test]
fn a_lost_session_is_no_end_of_a_turn() {
    let mut codec = codec();
    codec.open_turn();
    let line = json!({
        "type": "result", "is_error": true,
        "errors": ["No conversation found with session ID: 1"],
    });
    let mut output = CodecOutput::default();
    codec.line(line.to_string().as_bytes(), &mut output);
    assert!(codec.session_lost() && output.events.is_empty());
}

#[test]
fn a_repeated_request_is_told_in_words() {
    check(
        &[json!({
            "type": "system", "subtype": "api_retry", "attempt": 2, "max_retries": 3,
            "retry_delay_ms": 526.8, "error_status": 529, "error": "overloaded",
        })],
        expect![[r#"
            Retrying { attempt: 2, max_attempts: 3, delay_ms: 526, reason: "the model's API is overloaded" }
        "#]],
    );
}

#[test]
fn an_agent_with_other_tools_or_another_mode_is_ended() {
    let init = |tools: &[&str], mode: &str| {
        json!({
            "type": "system", "subtype": "init", "session_id": "s", "model": "m", "tools": tools,
            "permissionMode": mode, "claude_code_version": "2",
        })
    };
    check(
        &[init(&["Read"], "dontAsk")],
        expect![[r#"
            Initialized(AgentInit { session_id: "s", tools: ["Read"], model: "m", version: "2" })
        "#]],
    );
    for bad in [init(&["Read", "Bash"], "dontAsk"), init(&["Read"], "default")] {
        let output = read(&[bad.to_string().as_bytes()]);
        assert!(matches!(output.actions[..], [HostAction::Abort(_)]), "{output:?}");
    }
}

#[test]
fn the_handshake_makes_ready_or_ends_the_agent() {
    let response = |id: &str, subtype: &str| json!({"type": "control_response", "response": {"subtype": subtype, "request_id": id, "error": "no"}});
    check(
        &[response("interrupt", "success"), response(command::HANDSHAKE_ID, "success")],
        expect![[r#"
            Ready
        "#]],
    );
    let refused = response(command::HANDSHAKE_ID, "error");
    assert!(matches!(read(&[refused.to_string().as_bytes()]).actions[..], [HostAction::Abort(_)]));
}

#[test]
fn requests_of_the_agent_are_answered() {
    let request =
        |request: Value| json!({"type": "control_request", "request_id": "r", "request": request});
    let input = json!({"tool_name": "Glob", "tool_input": {"pattern": "*"}});
    check(
        &[
            request(json!({"subtype": "hook_callback", "callback_id": "tools", "input": input})),
            request(json!({"subtype": "hook_callback", "input": {"tool_name": 7}})),
            request(
                json!({"subtype": "can_use_tool", "tool_name": "Bash", "input": {"tool_name": 7}}),
            ),
            request(json!({"subtype": "mcp_message", "message": {}})),
        ],
        expect![[r#"
            -> JudgeTool { question: Hook("r"), tool: "Glob", input: RawValue({"pattern":"*"}) }
            -> Reply("{\"type\":\"control_response\",\"response\":{\"subtype\":\"success\",\"request_id\":\"r\",\"response\":{\"hookSpecificOutput\":{\"hookEventName\":\"PreToolUse\",\"permissionDecision\":\"deny\",\"permissionDecisionReason\":\"The call could not be read.\"}}}}\n")
            -> Reply("{\"type\":\"control_response\",\"response\":{\"subtype\":\"success\",\"request_id\":\"r\",\"response\":{\"behavior\":\"deny\",\"message\":\"This is a read-only guide: that tool is not available.\"}}}\n")
            -> Reply("{\"type\":\"control_response\",\"response\":{\"subtype\":\"error\",\"request_id\":\"r\",\"error\":\"unsupported request \\\"mcp_message\\\"\"}}\n")
        "#]],
    );
}

#[test]
fn what_is_no_line_of_the_protocol_is_garbage() {
    let bad: [&[u8]; 6] = [b"{", b"[]", b"\"x\"", b"\xff\xfe", b"{}", br#"{"type":"assistant"}"#];
    for line in bad {
        let events = read(&[line]).events;
        assert!(matches!(events[..], [AgentEvent::Garbage(_)]), "{line:?}: {events:?}");
    }
    assert!(read(&[b"\n  \n\r\n"]).events.is_empty());
}
