//! Text and thinking, streamed and whole.

use super::*;

#[test]
fn a_streamed_text_is_told_once_and_in_one_piece_for_one_read() {
    check(
        &[
            start("m1"),
            stream(
                json!({"type": "content_block_start", "index": 0, "content_block": text_block("")}),
            ),
            text("Hello "),
            text("\"you\"\n"),
            assistant("m1", text_block("Hello \"you\"\n")),
            stream(json!({"type": "content_block_stop", "index": 0})),
            stream(json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}})),
            stream(json!({"type": "message_stop"})),
        ],
        expect![[r#"
            TextStarted
            TextDelta("Hello \"you\"\n")
        "#]],
    );
}

#[test]
fn each_block_of_text_begins_anew() {
    check(
        &[
            start("m1"),
            text("one"),
            assistant("m1", text_block("one")),
            text("two"),
            assistant("m1", text_block("two")),
        ],
        expect![[r#"
            TextStarted
            TextDelta("one")
            TextStarted
            TextDelta("two")
        "#]],
    );
}

#[test]
fn an_agent_that_does_not_stream_is_understood() {
    check(
        &[
            assistant("m1", json!({"type": "thinking", "thinking": "hm"})),
            assistant("m1", text_block("whole")),
            assistant("m1", text_block("")),
            json!({"type": "assistant", "message": {"id": "m2", "content": "plain"}}),
        ],
        expect![[r#"
            ThinkingDelta("hm")
            TextStarted
            TextDelta("whole")
            TextStarted
            TextDelta("plain")
        "#]],
    );
}

#[test]
fn a_block_that_says_more_than_was_streamed_adds_the_rest() {
    check(
        &[start("m1"), text("ab"), assistant("m1", text_block("abc"))],
        expect![[r#"
            TextStarted
            TextDelta("abc")
        "#]],
    );
}

#[test]
fn a_cut_stream_is_replaced_by_the_repeated_answer() {
    check(
        &[start("m1"), text("half an"), assistant("m2", text_block("Half of it."))],
        expect![[r#"
            TextStarted
            TextDelta("half an")
            TextReplaced("Half of it.")
        "#]],
    );
    check(
        &[
            start("m1"),
            text("half"),
            start("m2"),
            text("an"),
            text("ew"),
            assistant("m2", text_block("anew")),
        ],
        expect![[r#"
            TextStarted
            TextDelta("half")
            TextReplaced("an")
            TextDelta("ew")
        "#]],
    );
}

#[test]
fn a_cut_stream_whose_repetition_uses_a_tool_leaves_no_text() {
    check(
        &[start("m1"), text("half"), assistant("m2", tool_block())],
        expect![[r#"
            TextStarted
            TextDelta("half")
            TextReplaced("")
            ToolCalled { call_id: "t1", tool: "Read", input: RawValue({"file_path":"a"}) }
        "#]],
    );
    check(
        &[
            start("m1"),
            text("half"),
            assistant("m2", json!({"type": "thinking", "thinking": "hm"})),
            assistant("m2", text_block("whole")),
        ],
        expect![[r#"
            TextStarted
            TextDelta("half")
            TextReplaced("")
            ThinkingDelta("hm")
            TextStarted
            TextDelta("whole")
        "#]],
    );
}

#[test]
fn thinking_is_told_once() {
    let delta = |text: &str| {
        let delta = json!({"type": "thinking_delta", "thinking": text});
        stream(json!({"type": "content_block_delta", "index": 0, "delta": delta}))
    };
    let signature = json!({"type": "signature_delta", "signature": "x"});
    check(
        &[
            start("m1"),
            delta("let me "),
            delta("see"),
            stream(json!({"type": "content_block_delta", "index": 0, "delta": signature})),
            assistant(
                "m1",
                json!({"type": "thinking", "thinking": "let me see", "signature": "x"}),
            ),
        ],
        expect![[r#"
            ThinkingDelta("let me see")
        "#]],
    );
}
