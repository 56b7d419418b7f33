//! P6: what a viewer is sent of an answer that grows is in proportion to the answer, however it grows, and
//! what it shows in the end is what one sees that comes later.

use std::iter::repeat_with;

use super::*;
use crate::markdown;

/// A viewer of HTML, and how many bytes it was sent.
struct Viewer {
    dialect: Dialect,
    cursor: Cursor,
    client: Client,
    bytes: usize,
}

impl Viewer {
    fn new(transcript: &Transcript, dialect: Dialect) -> Self {
        let cursor = transcript.resume_point(None, dialect).cursor;
        Self { dialect, cursor, client: Client::default(), bytes: 0 }
    }

    fn read(&mut self, transcript: &mut Transcript) {
        loop {
            let page = transcript.page(self.cursor, self.dialect, 16 * 1024);
            self.bytes += page.frames.iter().map(|frame| frame.len()).sum::<usize>();
            frames(&page).iter().for_each(|frame| self.client.apply(frame));
            self.cursor = page.next;
            if !page.more {
                break;
            }
        }
    }

    fn shown(&self) -> String {
        self.client.screen().iter().map(|shown| shown.text.replace(PART, "")).collect()
    }
}

/// What viewers of both kinds are sent of a text that comes in pieces of so many bytes, and what they show.
fn grow(text: &str, delta: usize) -> [Viewer; 2] {
    let mut transcript = Transcript::new(Seq(i64::MAX));
    transcript.append(TurnNumber(1), TextKind::Answer, "Look:\n\n");
    let mut viewers =
        [Dialect::Html, Dialect::HtmlChanges].map(|dialect| Viewer::new(&transcript, dialect));
    let mut from = 0;
    while from < text.len() {
        let to = text.ceil_char_boundary(from + delta);
        transcript.append(TurnNumber(1), TextKind::Answer, &text[from..to]);
        from = to;
        transcript.refresh_within_pace();
        viewers.iter_mut().for_each(|viewer| viewer.read(&mut transcript));
    }
    transcript.push(TurnNumber(1), done());
    viewers.iter_mut().for_each(|viewer| viewer.read(&mut transcript));
    viewers
}

fn fresh(text: &str) -> String {
    markdown::parts(&format!("Look:\n\n{text}")).concat()
}

/// So many bytes of lines that are made of their numbers.
fn lines(bytes: usize, line: impl Fn(usize) -> String) -> String {
    let mut at = 0;
    let mut text = String::new();
    let next = repeat_with(|| {
        at += 1;
        line(at)
    });
    next.take_while(|line| {
        let has_room = text.len() < bytes;
        text.push_str(line);
        has_room
    })
    .for_each(drop);
    text
}

/// Blocks of each kind that grow for long: what they are, and their text.
fn long_blocks(bytes: usize) -> Vec<(&'static str, String)> {
    let head = "| Name | Where | Note |\n|---|---|---:|\n";
    vec![
        (
            "table",
            head.to_owned()
                + &lines(bytes, |at| format!("| row {at} | src/a{at}.rs:{at} | *ok* |\n")),
        ),
        ("list", lines(bytes, |at| format!("- item {at} is in `src/a{at}.rs`\n"))),
        ("deep list", lines(bytes, |at| format!("{}- item {at}\n", "  ".repeat(at % 7)))),
        (
            "code",
            "```rust\n".to_owned()
                + &lines(bytes, |at| format!("let a{at} = \"{at}\";\n"))
                + "```\n",
        ),
        ("listing", "```\n".to_owned() + &lines(bytes, |at| format!("src/a{at}.rs:{at}: x\n"))),
        ("paragraph", lines(bytes, |at| format!("word {at}, **strong** and ünïcödé 😀; "))),
        ("lines", lines(bytes, |at| format!("line {at} of a paragraph\n"))),
        ("quote", lines(bytes, |at| format!("> said {at} & done\n"))),
        (
            "paragraphs in a list",
            "- a\n".to_owned() + &lines(bytes, |at| format!("\n  more {at} of it\n")),
        ),
        ("loose list", lines(bytes, |at| format!("{at}. item\n\n"))),
        ("short paragraphs", lines(bytes, |at| format!("{at}\n\n"))),
    ]
}

#[test]
fn p6_what_a_growing_block_costs_a_viewer_is_a_small_multiple_of_its_html() {
    let of_each_kind = long_blocks(12 * 1024).into_iter().map(|(kind, text)| (kind, text, 40));
    let (kind, table) = long_blocks(56 * 1024).swap_remove(0);
    let short = long_blocks(2 * 1024).into_iter().map(|(kind, text)| (kind, text, 7));
    let long = [(kind, table, 60)];
    for (kind, text, delta) in of_each_kind.chain(short).chain(long) {
        let html = fresh(&text);
        for viewer in grow(&text, delta) {
            assert_eq!(viewer.shown(), html, "{kind} in pieces of {delta}");
            let (sent, dialect) = (viewer.bytes, viewer.dialect);
            let (always, of_it) = (64 * 1024, 6 * html.len().max(text.len()));
            let most = if text.len() < 50_000 { always + of_it } else { of_it };
            assert!(
                sent <= most,
                "{sent} bytes of {} for {kind} by {delta}, {dialect:?}",
                html.len()
            );
        }
    }
}

/// The beginning changes with every piece that comes.
#[test]
fn p6_what_changes_from_its_beginning_again_and_again_is_sent_less_often() {
    for text in [
        format!("{}a{}", "*".repeat(5000), "*".repeat(5000)),
        format!("{}{}", "[a](b ".repeat(1000), ")".repeat(1000)),
        format!("`a ``{}", " ``` b `` ` c".repeat(800)),
        format!("|a|\n|-|\n|{}", "``|".repeat(3000)),
    ] {
        for viewer in grow(&text, 10) {
            assert_eq!(viewer.shown(), fresh(&text));
            let most = 6 * fresh(&text).len().max(text.len()) + 100_000;
            assert!(
                viewer.bytes <= most,
                "{} bytes of {}, {:?}",
                viewer.bytes,
                text.len(),
                viewer.dialect
            );
        }
    }
}

#[test]
fn what_is_new_of_a_part_is_sent_alone_to_who_asks_for_it() {
    let mut transcript = Transcript::new(Seq(100));
    transcript.append(TurnNumber(1), TextKind::Answer, "One 😀 *two");
    let start = transcript.resume_point(None, Dialect::HtmlChanges).cursor;
    let first = transcript.page(start, Dialect::HtmlChanges, 1000);
    transcript.append(TurnNumber(1), TextKind::Answer, "* three");
    transcript.refresh();
    let second = transcript.page(first.next, Dialect::HtmlChanges, 1000);
    transcript.append(TurnNumber(1), TextKind::Answer, ".\n\n# Four\n");
    transcript.refresh();
    let third = transcript.page(second.next, Dialect::HtmlChanges, 1000);
    // Who missed something in between gets it all at once.
    let both = transcript.page(first.next, Dialect::HtmlChanges, 1000);
    let expected = [
        r#"{"type":"html","seq":1,"turn":1,"block":0,"part":0,"parts":1,"html":"<p>One 😀 *two</p>"}"#,
        r#"{"type":"html","seq":2,"turn":1,"block":0,"part":0,"parts":1,"keep":10,"html":"<em>two</em> three</p>"}"#,
        r#"{"type":"html","seq":3,"turn":1,"block":0,"part":0,"parts":2,"keep":28,"html":".</p>","more":true}"#,
        r#"{"type":"html","seq":3,"turn":1,"block":0,"part":1,"parts":2,"html":"<h3>Four</h3>"}"#,
    ];
    assert_eq!([frames(&first), frames(&second), frames(&third)].concat(), expected);
    let whole = r#""keep":10,"html":"<em>two</em> three.</p>","more":true}"#;
    assert!(both.frames[0].ends_with(whole), "{both:?}");
}

#[test]
fn what_is_held_back_for_its_cost_comes_when_it_is_asked_for() {
    let mut transcript = Transcript::new(Seq(i64::MAX));
    let mut viewers =
        [Dialect::Html, Dialect::HtmlChanges].map(|dialect| Viewer::new(&transcript, dialect));
    let text = format!("{}a", "*".repeat(10_000));
    transcript.append(TurnNumber(1), TextKind::Answer, &text);
    viewers.iter_mut().for_each(|viewer| viewer.read(&mut transcript));
    let mut held = 0;
    for _ in 0..100 {
        transcript.append(TurnNumber(1), TextKind::Answer, "*");
        held += usize::from(!transcript.refresh_within_pace());
        viewers.iter_mut().for_each(|viewer| viewer.read(&mut transcript));
    }
    assert!(held > 50, "{held}");
    transcript.refresh();
    for viewer in &mut viewers {
        viewer.read(&mut transcript);
        assert_eq!(viewer.shown(), markdown::parts(&format!("{text}{}", "*".repeat(100))).concat());
        assert_eq!(viewer.client.seq, transcript.last_seq());
        assert!(!transcript.has_news(&viewer.cursor, viewer.dialect));
    }
}

/// A long answer is rendered step by step, and each step gives viewers something.
#[test]
fn p6_a_long_answer_that_is_read_again_comes_in_steps() {
    let text = lines(800 << 10, |at| format!("word{at} *a* `b`\n\n"));
    let mut transcript = Transcript::new(Seq(i64::MAX));
    transcript.append(TurnNumber(1), TextKind::Answer, &text);
    transcript.push(TurnNumber(1), done());
    let rows = transcript.take_dirty();
    for dialect in [Dialect::Html, Dialect::HtmlChanges] {
        let mut transcript = Transcript::restore(&rows, &[], Seq(1 << 40)).unwrap();
        let mut viewer = Viewer::new(&transcript, dialect);
        let first = transcript.page(viewer.cursor, dialect, 16 * 1024);
        assert!(!first.frames.is_empty() && first.more);
        let rendered = transcript.rendered_bytes(0);
        assert!(rendered < 2 << 20, "{rendered} bytes were rendered for one page");
        viewer.read(&mut transcript);
        assert_eq!(viewer.shown(), markdown::parts(&text).concat());
    }
}
