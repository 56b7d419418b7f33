//! What a cut stream had said is taken back, in whatever way the agent goes on.

use super::*;

/// Checks what is on the screen in the end.
fn check_screen(lines: &[Value], expected: &[&str]) {
    let output = read_lines(lines);
    assert_eq!(screen(&output), expected, "{}", shown(&output));
}

#[test]
fn every_way_in_which_a_cut_message_is_repeated_leaves_the_repetition_alone() {
    let cut = [
        // What the first message had said when its stream was cut.
        vec![start("m1"), text("alpha beta")],
        vec![start("m1"), thinking("hm"), text("alpha beta")],
        vec![start("m1"), thinking("hm")],
        vec![start("m1"), assistant("m1", thinking_block("hm")), text("alpha")],
        vec![start("m1"), text("one"), assistant("m1", text_block("one")), text("two")],
        vec![start("m1"), thinking("hm"), assistant("m1", thinking_block("hm"))],
        vec![start("m1"), text("alpha"), start("m1b"), text("alp"), start("m1c"), text("al")],
        vec![start("m1"), text("alpha beta and much more than is said at last")],
        vec![text("alpha")],
        vec![start("m1")],
    ];
    let repeated: [(Vec<Value>, &[&str]); 7] = [
        (vec![start("m2"), text("alp"), text("ha beta gamma")], &["alpha beta gamma"]),
        (
            vec![
                start("m2"),
                text("alpha beta gamma"),
                assistant("m2", text_block("alpha beta gamma")),
            ],
            &["alpha beta gamma"],
        ),
        (vec![assistant("m2", text_block("alpha beta gamma"))], &["alpha beta gamma"]),
        (vec![start("m2"), thinking("well"), text("other")], &["(well)", "other"]),
        (
            vec![assistant("m2", thinking_block("well")), assistant("m2", text_block("other"))],
            &["(well)", "other"],
        ),
        (
            vec![assistant("m2", tool_block()), tool_result(json!("ok")), start("m3"), text("end")],
            &["call t1", "result t1 true", "end"],
        ),
        (vec![start("m2"), text("al"), assistant("m2", text_block("al"))], &["al"]),
    ];
    for cut in &cut {
        for (repeated, expected) in &repeated {
            let end = [stop("end_turn").to_vec(), vec![result(json!({}))]].concat();
            let lines = [cut.clone(), repeated.clone(), end].concat();
            check_screen(&lines, expected);
            let output = read_lines(&lines);
            assert_eq!(ends(&output), [&AgentEnd::Completed], "{}", shown(&output));
        }
    }
}

#[test]
fn a_repetition_shorter_than_what_was_cut_replaces_it_when_it_ends() {
    for end in [stop("end_turn").to_vec(), vec![]] {
        let begin = vec![start("m1"), text("alpha beta"), start("m2"), text("alpha")];
        check_screen(&[begin, end, vec![result(json!({}))]].concat(), &["alpha"]);
    }
}

#[test]
fn a_repetition_says_only_what_is_new() {
    check(
        &[
            start("m1"),
            text("alpha beta"),
            start("m2"),
            text("alpha"),
            text(" beta gamma"),
            text("!"),
        ],
        expect![[r#"
            TextStarted
            TextDelta("alpha beta gamma!")
        "#]],
    );
}

#[test]
fn a_call_whose_message_was_cut_comes_to_an_end_and_one_that_returned_stays() {
    let call = assistant("m1", tool_block());
    check_screen(
        &[start("m1"), text("Let me see"), call.clone(), start("m2"), text("Now")],
        &["call t1", "result t1 false", "Now"],
    );
    check_screen(
        &[start("m1"), text("Let me see"), call, tool_result(json!("x")), start("m2"), text("Now")],
        &["Let me see", "call t1", "result t1 true", "Now"],
    );
}

#[test]
fn a_message_that_came_to_its_end_is_never_taken_back() {
    for (reason, without) in [("end_turn", 0), ("tool_use", 1), ("max_tokens", 2)] {
        // One of the two lines that tell of the end may be missing.
        let end: Vec<_> = stop(reason).into_iter().enumerate().collect();
        let end = end.into_iter().filter(|(at, _)| at + 1 != without).map(|(_, line)| line);
        let first = [start("m1"), thinking("hm"), text("first")].into_iter().chain(end);
        let lines: Vec<_> = first.chain([start("m2"), text("second")]).collect();
        check_screen(&lines, &["(hm)", "first", "second"]);
    }
    check_screen(
        &[assistant("m1", text_block("first")), assistant("m2", text_block("second"))],
        &["first", "second"],
    );
}

#[test]
fn a_tombstone_takes_back_what_it_names() {
    let mut named = assistant("m1", text_block("gone"));
    named["uuid"] = json!("u1");
    let kept = assistant("m2", text_block("kept"));
    for tombstone in [
        json!({"type": "tombstone", "message_uuid": "u1"}),
        json!({"type": "tombstone", "message": {"id": "m1", "uuid": "u1"}}),
        json!({"type": "tombstone", "uuids": ["u0", "u1"], "uuid": "own"}),
    ] {
        check_screen(&[named.clone(), kept.clone(), tombstone.clone()], &["kept"]);
        check_screen(&[kept.clone(), named.clone(), tombstone], &["kept"]);
    }
    let unknown = json!({"type": "tombstone", "message_uuid": "u9", "message": {"id": ""}});
    check_screen(&[named.clone(), kept.clone(), unknown], &["gone", "kept"]);
    let call = assistant("m3", tool_block());
    check_screen(
        &[call, json!({"type": "tombstone", "message": {"id": "m3"}}), kept],
        &["call t1", "result t1 false", "kept"],
    );
}

/// The end of a message whose stream broke: the program says from which block on it is given up.
fn abandoned(from: Value) -> [Value; 2] {
    let mut stop = stream(json!({"type": "message_stop"}));
    stop["abandoned_blocks"] = from;
    [stream(json!({"type": "content_block_stop", "index": 0})), stop]
}

#[test]
fn what_the_program_gives_up_with_the_end_of_a_message_is_taken_back() {
    for from in [json!({"api_message_id": "m1", "from_block_index": 0}), json!({}), json!([1])] {
        let cut =
            [vec![start("m1"), text("alpha "), text("beta")], abandoned(from).to_vec()].concat();
        for repeated in [
            vec![start("m2"), text("alpha "), text("beta gamma")],
            vec![assistant("m2", text_block("alpha beta gamma"))],
            [vec![start("m2"), text("alpha ")], abandoned(json!({"from_block_index": 0})).to_vec()]
                .concat(),
        ] {
            let last = assistant("m3", text_block("alpha beta gamma"));
            let is_cut_again = repeated.len() > 3;
            let lines = [cut.clone(), repeated, if is_cut_again { vec![last] } else { vec![] }];
            let output = read_lines(&lines.concat());
            assert_eq!(screen(&output), ["alpha beta gamma"], "{}", shown(&output));
            let starts = output.events.iter().filter(|it| matches!(it, AgentEvent::TextStarted));
            assert_eq!(starts.count(), 1, "{}", shown(&output));
        }
    }
    // What was finished before is kept where only later blocks are given up.
    let kept = [
        vec![start("m1"), text("one"), assistant("m1", text_block("one")), text("tw")],
        abandoned(json!({"api_message_id": "m1", "from_block_index": 1})).to_vec(),
        vec![start("m2"), text("two, at last")],
    ];
    check_screen(&kept.concat(), &["one", "two, at last"]);
    // An end that gives nothing up is an end.
    let whole = [
        vec![start("m1"), text("one")],
        abandoned(Value::Null).to_vec(),
        vec![start("m2"), text("two")],
    ];
    check_screen(&whole.concat(), &["one", "two"]);
}

#[test]
fn a_reset_takes_back_what_streams() {
    let reset = json!({"type": "conversation_reset", "new_conversation_id": "c"});
    check_screen(
        &[assistant("m1", text_block("kept")), start("m2"), thinking("hm"), text("half"), reset],
        &["kept"],
    );
}

#[test]
fn thoughts_are_what_their_finished_block_says() {
    for (streamed, finished, expected) in [
        ("let me", "let me see", "(let me see)"),
        ("let me", "other", "(other)"),
        ("kept secret later", "", "(kept secret later)"),
    ] {
        let block = assistant("m1", thinking_block(finished));
        check_screen(&[start("m1"), thinking(streamed), block], &[expected]);
    }
    check_screen(
        &[
            assistant("m1", thinking_block("one")),
            assistant("m1", thinking_block("two")),
            assistant("m1", text_block("three")),
        ],
        &["(one)", "(two)", "three"],
    );
}
