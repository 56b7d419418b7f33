//! Tests.

use super::*;

const DONE: &str = r#"{"type":"response_done","seq":9,"turn":1,"outcome":"completed"}"#;

const TERMINAL: AnswerStyle = AnswerStyle::Terminal { width: 40, is_styled: false };

/// What these frames show.
fn shown(style: AnswerStyle, frames: &[&str]) -> String {
    let mut answer = AnswerText::new(style);
    frames.iter().map(|frame| answer.take(frame).text).collect()
}

fn text(block: u64, content: &str) -> String {
    serde_json::json!({"type": "text", "seq": 1, "turn": 1, "block": block, "content": content})
        .to_string()
}

fn replaced(block: u64, content: &str) -> String {
    text(block, content).replace("\"block\"", "\"replace\":true,\"block\"")
}

#[test]
fn text_is_shown_as_it_comes() {
    let mut answer = AnswerText::new(AnswerStyle::Markdown);
    assert_eq!(answer.take(&text(0, "One")).text, "One");
    assert_eq!(answer.take(&text(0, " two.")).text, " two.");
    let done = answer.take(DONE);
    assert_eq!((done.text.as_str(), done.end), ("\n", Some(AnswerEnd::Completed)));
}

#[test]
fn blocks_are_apart() {
    for style in [AnswerStyle::Markdown, TERMINAL] {
        let lines = shown(style, &[&text(0, "One."), &text(2, "Two."), DONE]);
        assert_eq!(lines, "One.\n\nTwo.\n", "{style:?}");
    }
}

#[test]
fn a_block_that_is_replaced_shows_what_is_new() {
    for (first, second, lines) in [
        ("One", "One two", "One two\n"),
        ("One", "One", "One\n"),
        ("", "One", "One\n"),
        ("One", "", "One\n\n(The answer begins again.)\n"),
        ("One", "Two", "One\n\n(The answer begins again.)\n\nTwo\n"),
    ] {
        let frames = [&text(0, first), &replaced(0, second), DONE];
        assert_eq!(shown(AnswerStyle::Markdown, &frames), lines, "{first} {second}");
    }
}

#[test]
fn the_end_tells_each_place_that_is_there_once() {
    let done = r#"{"type":"response_done","outcome":"completed","notes":["Two files."],"citations":[
        {"path":"a.rs","file":"src/a.rs","line":2,"found":true},
        {"path":"src/a.rs","line":2,"found":true},
        {"path":"b.rs","found":false,"why":"no such file"},
        {"path":"c053a1f","commit":"c053a1f0","found":true},
        {"path":"x:7","line":7,"lines_in_name":true,"found":true},
        {"path":"README.md","found":true}]}"#;
    let lines = shown(AnswerStyle::Markdown, &[&text(0, "See."), done]);
    assert_eq!(lines, "See.\n\nSources:\n  src/a.rs:2\n  x:7\n  README.md\n\nTwo files.\n");
}

#[test]
fn a_turn_ends_in_one_of_three_ways() {
    for (frame, end) in [
        (DONE, AnswerEnd::Completed),
        (r#"{"type":"response_done","outcome":"stopped"}"#, AnswerEnd::Stopped),
        (r#"{"type":"response_done","outcome":"interrupted"}"#, AnswerEnd::Stopped),
        (
            r#"{"type":"error","turn":1,"content":"No \u001b[2Jluck."}"#,
            AnswerEnd::Failed("No [U+001B][2Jluck.".to_owned()),
        ),
    ] {
        let mut answer = AnswerText::new(AnswerStyle::Markdown);
        assert_eq!(answer.take(frame).end, Some(end), "{frame}");
    }
}

#[test]
fn who_waits_is_told_what_happens() {
    for (frame, line) in [
        (r#"{"type":"tool_call","tool":"Grep","input":{"pattern":"close"}}"#, Some("Grep close")),
        (r#"{"type":"tool_call","tool":"List","input":{}}"#, Some("List")),
        (r#"{"type":"status","state":"queued","detail":"2 before you"}"#, Some("2 before you")),
        (r#"{"type":"status","state":"starting"}"#, Some("starting")),
        (r#"{"type":"status","state":"running","detail":""}"#, None),
        (
            r#"{"type":"question","questions":[{"question":"Which?"}]}"#,
            Some("The agent asks: Which? (answer it on the page)"),
        ),
    ] {
        let mut answer = AnswerText::new(AnswerStyle::Markdown);
        assert_eq!(answer.take(frame).progress.as_deref(), line, "{frame}");
    }
}

#[test]
fn what_is_no_frame_shows_nothing() {
    let mut answer = AnswerText::new(AnswerStyle::Markdown);
    for foreign in ["", "null", "[]", "{}", r#"{"type":"text"}"#, r#"{"type":"new"}"#, "{\"type\":"]
    {
        assert_eq!(answer.take(foreign), Shown::default(), "{foreign}");
    }
}

#[test]
fn nothing_that_a_terminal_obeys_is_written() {
    let done = r#"{"type":"response_done","outcome":"completed","notes":["\u001b[2J"],
        "citations":[{"path":"\u001b]0;x\u0007","found":true}]}"#;
    for style in [AnswerStyle::Markdown, TERMINAL] {
        let lines = shown(style, &[&text(0, "a\u{1b}[2J\tb\u{9b}1m\n"), done]);
        assert!(!lines.contains(['\u{1b}', '\u{9b}', '\u{7}']), "{lines:?}");
    }
}
