//! P7: every turn comes to one end, which says what is known.

use super::*;

fn end_of(lines: &[Value]) -> AgentEnd {
    let output = read_lines(lines);
    let [end] = ends(&output)[..] else { panic!("{}", shown(&output)) };
    end.clone()
}

#[test]
fn an_answer_that_was_cut_says_so() {
    let streamed = vec![start("m1"), text("half an answ")];
    let block = assistant("m1", text_block("half an answ"));
    let cut = |more: Vec<Value>, fields: Value| {
        let lines = [streamed.clone(), more, vec![result(fields)]].concat();
        match end_of(&lines) {
            AgentEnd::Failed(failure) => failure.content,
            end => panic!("{end:?}"),
        }
    };
    for (more, fields, why) in [
        (vec![], json!({}), "connection"),
        (vec![], json!({"stop_reason": null}), "connection"),
        (vec![block.clone()], json!({"stop_reason": null}), "connection"),
        (vec![block.clone()], json!({"stop_reason": 7}), "connection"),
        (stop("max_tokens").to_vec(), json!({}), "the most that it may say"),
        (vec![], json!({"stop_reason": "max_tokens"}), "the most that it may say"),
        (
            vec![],
            json!({"stop_reason": "model_context_window_exceeded"}),
            "as long as the model can read",
        ),
    ] {
        let words = cut(more, fields.clone());
        assert!(words.contains("may be cut off") && words.contains(why), "{fields}: {words}");
    }
}

#[test]
fn a_whole_answer_is_completed() {
    let block = assistant("m1", text_block("all"));
    for lines in [
        vec![start("m1"), text("all"), stop("end_turn")[0].clone()],
        vec![start("m1"), text("all"), stop("end_turn")[1].clone()],
        vec![block.clone()],
        vec![text("all"), block],
        [
            vec![start("m1"), text("al"), stop("max_tokens")[0].clone()],
            vec![start("m2"), text("l")],
            stop("end_turn").to_vec(),
        ]
        .concat(),
    ] {
        let lines = [lines, vec![result(json!({}))]].concat();
        assert_eq!(end_of(&lines), AgentEnd::Completed, "{lines:?}");
    }
    let cut_but_told = [start("m1"), text("all"), result(json!({"stop_reason": "end_turn"}))];
    assert_eq!(end_of(&cut_but_told), AgentEnd::Completed);
}

#[test]
fn p7_an_agent_that_says_that_it_is_idle_has_ended_its_turn() {
    let state =
        |state: &str| json!({"type": "system", "subtype": "session_state_changed", "state": state});
    let answer = assistant("m1", text_block("all"));
    let lines = [begin(), state("running"), answer.clone(), state("idle")];
    assert_eq!(end_of(&lines), AgentEnd::Completed);
    let lines = [begin(), state("running"), answer.clone(), result(json!({})), state("idle")];
    assert_eq!(end_of(&lines), AgentEnd::Completed);
    let lines = [state("idle"), begin(), state("requires_action"), answer, result(json!({}))];
    assert_eq!(end_of(&lines), AgentEnd::Completed);
}

#[test]
fn p7_a_turn_that_nobody_announces_keeps_its_text_and_its_end() {
    let ready = [
        json!({"type": "user", "message": {"content": "q"}, "isReplay": true}),
        json!({"type": "system", "subtype": "status", "status": "requesting"}),
        json!({"type": "system", "subtype": "session_state_changed", "state": "running"}),
    ];
    let turn = |codec: &mut Codec, lines: &[Value]| {
        codec.open_turn();
        let mut output = CodecOutput::default();
        lines.iter().for_each(|line| codec.line(line.to_string().as_bytes(), &mut output));
        (screen(&output).join(" "), ends(&output).len())
    };
    // An agent that never says that it begins.
    let mut silent = codec();
    for _ in 0..3 {
        let lines = [start("m1"), text("all"), result(json!({}))];
        assert_eq!(turn(&mut silent, &lines), ("all".to_owned(), 1));
    }
    // One that does, but not this time.
    for ready in ready {
        let mut codec = codec();
        turn(&mut codec, &[begin(), assistant("m1", text_block("one")), result(json!({}))]);
        let lines = [ready, assistant("m2", text_block("two")), result(json!({}))];
        assert_eq!(turn(&mut codec, &lines), ("two".to_owned(), 1));
    }
}
