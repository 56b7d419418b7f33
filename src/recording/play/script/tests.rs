//! What is made of a recording.

use super::*;
use crate::recording::{FORMAT_VERSION, Head, Protocol};

/// A recording of these lines, 10 ms apart. Those that start with `>` went to the agent.
fn recording(lines: &[&str]) -> Recording {
    let entries = lines.iter().zip(1..).map(|(line, number)| match line.strip_prefix('>') {
        Some(line) => RecordedLine::of_line(number * 10, Direction::Stdin, line),
        None => RecordedLine::of_line(number * 10, Direction::Stdout, line),
    });
    let head = Head {
        cicerone_recording: FORMAT_VERSION,
        protocol: Protocol::Acp,
        version: String::new(),
        agent: String::new(),
        kind: String::new(),
        project: String::new(),
        started: String::new(),
        counts_session: false,
    };
    Recording { head, entries: entries.collect(), unread: 0 }
}

fn lines_of(turn: &RecordedTurn) -> Vec<&str> {
    turn.steps.iter().map(|step| step.line.as_str()).collect()
}

fn turn(choice: Choice) -> (RecordedTurn, Option<String>) {
    match choice {
        Choice::Turn(turn, remark) => (turn, remark),
        Choice::Over(words) => panic!("nothing was left: {words}"),
    }
}

const ASKED: &str = r#">{"type":"user","message":{"content":"\n/why?"}}"#;

#[test]
fn a_turn_holds_what_came_after_its_question_but_no_request_of_the_agent() {
    let mut script = Script::of_stream_json(&recording(&[
        r#">{"type":"control_request","request_id":"h","request":{"subtype":"initialize"}}"#,
        r#"{"type":"control_response","response":{"response":{"models":[]}}}"#,
        r#"{"type":"system","subtype":"early"}"#,
        ASKED,
        r#"{"type":"control_request","request_id":"1"}"#,
        "not json",
        r#"{"type":"result"}"#,
        r#"{"type":"system"}"#,
    ]));
    assert_eq!(script.answer("initialize"), Some(json!({"models": []})));
    let (turn, remark) = turn(script.choose("/why?"));
    assert_eq!(remark, None);
    assert_eq!(lines_of(&turn), ["not json", r#"{"type":"result"}"#, r#"{"type":"system"}"#]);
    let ends: Vec<bool> = turn.steps.iter().map(|step| step.is_end).collect();
    assert_eq!(ends, [false, true, false]);
    let gaps: Vec<u64> = turn.steps.iter().map(|step| step.gap_ms).collect();
    assert_eq!(gaps, [20, 10, 10]);
}

#[test]
fn answers_are_matched_by_method_and_order_and_ends_by_the_id_of_their_question() {
    let mut script = Script::of_acp(&recording(&[
        r#">{"id":1,"method":"initialize"}"#,
        r#"{"id":1,"result":{"protocolVersion":1}}"#,
        r#">{"id":2,"method":"session/load","params":{"sessionId":"s"}}"#,
        r#"{"method":"session/update","params":{"old":true}}"#,
        r#"{"id":2,"result":null}"#,
        r#">{"id":3,"method":"session/prompt","params":{"prompt":[{"text":"rules"},{"text":"a"}]}}"#,
        r#">{"id":4,"method":"session/prompt","params":{"prompt":[{"text":"b"}]}}"#,
        r#"{"method":"session/update","params":1}"#,
        r#"{"id":7,"method":"session/request_permission"}"#,
        r#"{"id":4,"result":{"stopReason":"end_turn"}}"#,
        r#"{"id":3,"error":{"code":1}}"#,
        r#"{"id":99,"result":{}}"#,
    ]));
    assert_eq!(script.answer("session/new"), Some(json!({"result": {"sessionId": "s"}})));
    assert_eq!(script.answer("authenticate"), None);
    let (a, _) = turn(script.choose("a"));
    let (b, _) = turn(script.choose("b"));
    assert_eq!(lines_of(&a), [r#"{"error":{"code":1}}"#]);
    assert_eq!(
        lines_of(&b),
        [r#"{"method":"session/update","params":1}"#, r#"{"result":{"stopReason":"end_turn"}}"#]
    );
}

#[test]
fn requests_of_one_method_get_their_answers_in_order_and_then_the_last() {
    let pair = |id: u8| {
        [
            format!(r#">{{"id":{id},"method":"session/set_mode"}}"#),
            format!(r#"{{"id":{id},"result":{id}}}"#),
        ]
    };
    let lines = [pair(1), pair(2)].concat();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let mut script = Script::of_acp(&recording(&lines));
    let results: Vec<_> = (0..3).map(|_| script.answer("session/set_mode").unwrap()).collect();
    assert_eq!(results, [json!({"result": 1}), json!({"result": 2}), json!({"result": 2})]);
}

#[test]
fn the_same_words_find_their_turn_and_others_get_the_next_with_a_remark() {
    let asked = |text: &str| {
        let content = json!({"type": "user", "message": {"content": text}});
        format!(">{content}")
    };
    let lines = ["one", "A recap.\n\ntwo", "three"].map(asked);
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let mut script = Script::of_stream_json(&recording(&lines));
    let (chosen, remark) = turn(script.choose(" two\n"));
    assert_eq!((chosen.question.ends_with("two"), remark), (true, None));
    let (chosen, remark) = turn(script.choose("something else"));
    assert_eq!(chosen.question, "one");
    assert!(remark.is_some_and(|remark| remark.contains("recording") && remark.contains("> one")));
    assert_eq!(turn(script.choose("three")).1, None);
    match script.choose("three") {
        Choice::Over(words) => assert!(words.contains("3 questions") && words.contains("played")),
        Choice::Turn(turn, _) => panic!("{turn:?} was played again"),
    }
}

#[test]
fn a_recording_without_a_question_says_so() {
    let mut script = Script::of_acp(&recording(&[r#"{"method":"session/update"}"#]));
    match script.choose("why?") {
        Choice::Over(words) => assert!(words.contains("no question"), "{words}"),
        Choice::Turn(turn, _) => panic!("{turn:?}"),
    }
}
