//! What viewers at a cursor get.

use std::collections::BTreeMap;

use serde_json::Value;

use super::*;
use crate::{
    entry::{Outcome, ToolCall, UserMessage},
    markdown::{RenderStep, Renderer, code::CodeBlock},
    wire::Dialect,
};

mod disk;
mod growth;
mod seed;
mod viewers;
mod withdrawal;

/// A client of our dialect: applies frames as the page does.
#[derive(Default, Debug)]
struct Client {
    seq: Seq,
    /// How far a text that is replayed in pieces has come.
    replayed: Option<Seq>,
    entries: BTreeMap<Seq, Shown>,
    /// Parts of HTML that are shown with the one that completes them.
    incomplete: Vec<Value>,
}

#[derive(Debug, Clone, PartialEq)]
struct Shown {
    turn: TurnNumber,
    kind: String,
    block: Option<(i64, i64)>,
    text: String,
}

impl Shown {
    /// Whether it is a text that was taken back.
    fn is_nothing(&self) -> bool {
        self.block.is_some() && self.text.chars().all(|character| character == PART)
    }
}

impl Client {
    fn resume_point(&mut self, entrance: &ResumePoint) {
        self.seq = entrance.after;
        self.replayed = None;
        self.incomplete.clear();
        self.entries.retain(|first, _| *first <= entrance.after);
    }

    fn apply(&mut self, frame: &str) {
        let frame: Value = serde_json::from_str(frame).unwrap();
        let seq = Seq(frame["seq"].as_i64().unwrap());
        let turn = TurnNumber(frame["turn"].as_i64().unwrap());
        if frame["type"] == "html" {
            assert!(seq >= self.seq, "{frame} after {}", self.seq);
            return self.apply_html(frame);
        }
        let is_replay = frame["replace"] == true;
        let before = self.replayed.unwrap_or(self.seq);
        assert!(seq > before || is_replay, "{frame} after {before}");
        // A replay in pieces begins with less than what was seen.
        let is_behind = (is_replay || self.replayed.is_some()) && seq < self.seq;
        self.replayed = is_behind.then_some(seq);
        self.seq = self.seq.max(seq);
        let kind = frame["type"].as_str().unwrap().to_owned();
        let text = frame["content"].as_str().unwrap_or_default().to_owned();
        let block = frame["block"].as_i64().map(|block| (frame["turn"].as_i64().unwrap(), block));
        let known =
            block.and_then(|_| self.entries.values_mut().find(|shown| shown.block == block));
        match known {
            Some(shown) if frame["replace"] == true => shown.text = text,
            Some(shown) => shown.text.push_str(&text),
            None => {
                self.entries.insert(seq, Shown { turn, kind, block, text });
            }
        }
    }

    fn apply_html(&mut self, frame: Value) {
        let is_complete = frame["more"] != true;
        self.incomplete.push(frame);
        if !is_complete {
            return;
        }
        for frame in std::mem::take(&mut self.incomplete) {
            let number = |name: &str| frame[name].as_i64().unwrap();
            let (turn, seq) = (number("turn"), number("seq"));
            let block = Some((turn, number("block")));
            self.seq = Seq(seq);
            if !self.entries.values().any(|shown| shown.block == block) {
                let kind = "text".to_owned();
                self.entries.insert(
                    Seq(seq),
                    Shown { turn: TurnNumber(turn), kind, block, text: String::new() },
                );
            }
            let shown = self.entries.values_mut().find(|shown| shown.block == block).unwrap();
            let mut parts: Vec<String> =
                shown.text.split_terminator(PART).map(str::to_owned).collect();
            let part = usize::try_from(number("part")).unwrap();
            parts.truncate(usize::try_from(number("parts")).unwrap());
            let rest = frame["html"].as_str().unwrap();
            let kept = frame["keep"].as_u64().map_or(String::new(), |units| {
                let known = parts.get(part).expect("something is kept of a part that is there");
                let units = usize::try_from(units).unwrap();
                let known: Vec<_> = known.encode_utf16().collect();
                String::from_utf16(&known[..units]).unwrap()
            });
            let html = format!("{kept}{rest}");
            match parts.get_mut(part) {
                Some(known) => *known = html,
                None => {
                    assert_eq!(parts.len(), part, "a part is missing before {frame}");
                    parts.push(html);
                }
            }
            shown.text = joined(&parts);
        }
    }

    fn screen(&self) -> Vec<Shown> {
        self.entries.values().filter(|shown| !shown.is_nothing()).cloned().collect()
    }
}

/// What stands behind each part of HTML.
const PART: char = '\u{1}';

fn joined(parts: &[String]) -> String {
    parts.iter().flat_map(|part| [part.as_str(), "\u{1}"]).collect()
}

/// Turn by turn, as a person sees it: where another's question came in matters to nobody.
fn by_turn(mut screen: Vec<Shown>) -> Vec<Shown> {
    screen.sort_by_key(|shown| shown.turn);
    screen
}

/// Code in its colours, as far as it matters here. Some has none.
fn in_colours(fence: &CodeBlock) -> Option<String> {
    let is_known = fence.language == "rs";
    is_known.then(|| {
        let code = fence.code.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        format!("<i>{}</i>", code.replace('"', "&quot;").replace('\'', "&#39;"))
    })
}

fn without_colours(html: &str) -> String {
    html.replace("<i>", "").replace("</i>", "")
}

/// The parts of a text, each code in its colours.
fn coloured_parts(text: &str) -> Vec<String> {
    let mut rendering = Renderer::default();
    rendering.append(text);
    let RenderStep { finished, open } = rendering.render();
    finished.iter().chain([&open]).map(|part| part.with_highlights(in_colours)).collect()
}

/// What a viewer of HTML sees when it has read what is stored.
fn stored_as_html(rows: &[EntryRow], parts: impl Fn(&str) -> Vec<String>) -> Vec<Shown> {
    let mut screen: Vec<Shown> = Vec::new();
    for shown in by_turn(every(rows)) {
        match screen.last_mut() {
            Some(last)
                if shown.kind == "text" && last.kind == "text" && last.turn == shown.turn =>
            {
                last.text.push_str(&shown.text);
            }
            _ => screen.push(shown),
        }
    }
    for shown in screen.iter_mut().filter(|shown| shown.kind == "text") {
        shown.text = joined(&parts(&shown.text));
    }
    screen.retain(|shown| shown.kind != "withdrawn" && !shown.is_nothing());
    screen
}

fn stored(rows: &[EntryRow]) -> Vec<Shown> {
    let mut screen = every(rows);
    screen.retain(|shown| shown.kind != "withdrawn" && !shown.is_nothing());
    screen
}

/// All entries, also those that show nothing.
fn every(rows: &[EntryRow]) -> Vec<Shown> {
    rows.iter()
        .map(|row| {
            let payload: Value = serde_json::from_str(&row.payload).unwrap();
            Shown {
                turn: row.turn,
                kind: row.kind.clone(),
                block: payload["block"].as_i64().map(|block| (row.turn.0, block)),
                text: payload["content"].as_str().unwrap_or_default().to_owned(),
            }
        })
        .collect()
}

fn done() -> Content {
    Content::plain_end(Outcome::Completed)
}

fn asked(text: &str) -> Content {
    Content::UserMessage(UserMessage { content: text.to_owned(), ..UserMessage::default() })
}

fn frames(page: &HistoryPage) -> Vec<String> {
    page.frames.iter().map(ToString::to_string).collect()
}

#[test]
fn a_waiting_viewer_gets_each_delta_and_a_late_one_gets_them_as_one() {
    let mut transcript = Transcript::new(Seq(100));
    transcript.append(TurnNumber(1), TextKind::Answer, "Hel");
    let first =
        transcript.page(transcript.resume_point(None, Dialect::V1).cursor, Dialect::V1, 1000);
    transcript.append(TurnNumber(1), TextKind::Answer, "lo\n");
    let second = transcript.page(first.next, Dialect::V1, 1000);
    assert_eq!(
        [frames(&first), frames(&second)].concat(),
        [
            r#"{"type":"text","seq":1,"turn":1,"block":0,"content":"Hel"}"#,
            r#"{"type":"text","seq":2,"turn":1,"block":0,"content":"lo\n"}"#,
        ]
    );
    let late =
        transcript.page(transcript.resume_point(None, Dialect::V1).cursor, Dialect::Legacy, 1000);
    assert_eq!(frames(&late), [r#"{"type":"text","content":"Hello\n"}"#]);
}

#[test]
fn a_viewer_of_html_gets_the_parts_and_of_a_growing_text_only_the_last_again() {
    let mut transcript = Transcript::new(Seq(100));
    transcript.append(TurnNumber(1), TextKind::Answer, "# Hi\n\nOne ");
    let start = transcript.resume_point(None, Dialect::Html).cursor;
    let first = transcript.page(start, Dialect::Html, 1000);
    transcript.append(TurnNumber(1), TextKind::Answer, "*two*");
    assert!(!transcript.has_news(&first.next, Dialect::Html), "rendered per piece");
    transcript.refresh();
    let second = transcript.page(first.next, Dialect::Html, 1000);
    transcript.push(TurnNumber(2), asked("next?"));
    transcript.append(TurnNumber(1), TextKind::Answer, " three\n");
    let third = transcript.page(second.next, Dialect::Html, 1000);
    assert_eq!(
        [frames(&first), frames(&second), frames(&third)].concat(),
        [
            r#"{"type":"html","seq":1,"turn":1,"block":0,"part":0,"parts":2,"html":"<h3>Hi</h3>","more":true}"#,
            r#"{"type":"html","seq":1,"turn":1,"block":0,"part":1,"parts":2,"html":"<p>One</p>"}"#,
            r#"{"type":"html","seq":2,"turn":1,"block":0,"part":1,"parts":2,"html":"<p>One <em>two</em></p>"}"#,
            r#"{"type":"user_message","seq":3,"turn":2,"content":"next?"}"#,
            r#"{"type":"html","seq":4,"turn":1,"block":0,"part":1,"parts":2,"html":"<p>One <em>two</em> three</p>"}"#,
        ]
    );
    assert!(!transcript.has_news(&third.next, Dialect::Html));
}

/// The text and the number of each part that a page holds.
fn html_of(page: &HistoryPage) -> Vec<(i64, i64, String, bool)> {
    let parts = page.frames.iter().map(|frame| {
        let frame: Value = serde_json::from_str(frame).unwrap();
        let number = |name: &str| frame[name].as_i64().unwrap();
        let html = frame["html"].as_str().unwrap().to_owned();
        (number("seq"), number("part"), html, frame["more"] == true)
    });
    parts.collect()
}

fn colour_all(transcript: &mut Transcript) -> usize {
    let uncoloured = transcript.take_uncoloured();
    let count = uncoloured.len();
    for code in uncoloured {
        let html = in_colours(&code.fence).map(Into::into);
        transcript.colour(code, html);
    }
    count
}

const PLAIN: &str = "<pre><code class=\"language-rs\">a\n</code></pre>";
const COLOURED: &str = "<pre><code class=\"language-rs\"><i>a\n</i></code></pre>";

#[test]
fn a_part_is_sent_again_with_its_colours_to_viewers_that_have_it_and_to_them_alone() {
    let mut transcript = Transcript::new(Seq(100));
    transcript.append(TurnNumber(1), TextKind::Answer, "```rs\na\n```\n\nTwo");
    let start = transcript.resume_point(None, Dialect::Html).cursor;
    let one = transcript.page(start, Dialect::Html, 1000);
    let expected = [(1, 0, PLAIN.to_owned(), true), (1, 1, "<p>Two</p>".to_owned(), false)];
    assert_eq!(html_of(&one), expected);
    transcript.push(TurnNumber(1), done());
    let two = transcript.page(one.next, Dialect::Html, 1000);
    assert_eq!(two.seq, Some(Seq(2)));

    assert_eq!(colour_all(&mut transcript), 1);
    assert!(transcript.has_news(&two.next, Dialect::Html));
    let again = transcript.page(two.next, Dialect::Html, 1000);
    assert_eq!(html_of(&again), [(2, 0, COLOURED.to_owned(), false)], "under the newest number");
    assert!(!again.more && !transcript.has_news(&again.next, Dialect::Html));
    // Who has half of the answer gets the other half after it.
    let half = transcript.page(one.next, Dialect::Html, 1000);
    assert!(half.frames[0].contains("<i>") && half.frames[1].contains("response_done"));
    let late = transcript.resume_point(None, Dialect::Html).cursor;
    let late = transcript.page(late, Dialect::Html, 1000);
    assert_eq!(late.frames.len(), 3, "once, with its colours");
    assert!(late.frames[0].contains("<i>"));
    assert_eq!(colour_all(&mut transcript), 0);
}

#[test]
fn a_viewer_that_returns_gets_the_colours_that_came_while_it_was_away() {
    let mut transcript = Transcript::new(Seq(100));
    transcript.append(TurnNumber(1), TextKind::Answer, "```rs\na\n```\n");
    let start = transcript.resume_point(None, Dialect::Html).cursor;
    transcript.page(start, Dialect::Html, 1000);
    transcript.push(TurnNumber(1), done());
    colour_all(&mut transcript);
    for (after, parts) in [(2, 1), (1, 1), (0, 1)] {
        let entrance = transcript.resume_point(Some(Seq(after)), Dialect::Html);
        let page = transcript.page(entrance.cursor, Dialect::Html, 1000);
        let count = page.frames.iter().filter(|frame| frame.contains("<i>")).count();
        assert_eq!(count, parts, "after {after}: {page:?}");
    }
    // What was said since was sent after the colours.
    transcript.push(TurnNumber(2), asked("next?"));
    let entrance = transcript.resume_point(Some(Seq(3)), Dialect::Html);
    assert!(!transcript.has_news(&entrance.cursor, Dialect::Html));
}

#[test]
fn a_text_that_waited_for_one_that_was_lost_is_sent_to_who_saw_what_came_between() {
    let mut transcript = Transcript::new(Seq(100));
    transcript.append(TurnNumber(1), TextKind::Answer, "One");
    transcript.push(TurnNumber(2), asked("next?"));
    let stored = transcript.take_dirty();
    transcript.append(TurnNumber(1), TextKind::Answer, " two");
    let start = transcript.resume_point(None, Dialect::Html).cursor;
    let page = transcript.page(start, Dialect::Html, 50);
    assert_eq!(page.seq, Some(Seq(2)), "the question is there and the text is not: {page:?}");
    let mut restored = Transcript::restore(&stored, &[], Seq(200)).unwrap();
    let entrance = restored.resume_point(page.seq, Dialect::Html);
    assert_eq!((entrance.after, entrance.resumed), (Seq::ZERO, true));
    let page = restored.page(entrance.cursor, Dialect::Html, 1000);
    assert!(page.frames[0].contains("<p>One</p>"), "{page:?}");
}

#[test]
fn code_that_grows_is_plain_and_has_its_colours_from_then_on_when_it_is_closed() {
    let mut transcript = Transcript::new(Seq(100));
    transcript.append(TurnNumber(1), TextKind::Answer, "- x\n  ```rs\n  a\n");
    let start = transcript.resume_point(None, Dialect::Html).cursor;
    let page = transcript.page(start, Dialect::Html, 1000);
    assert_eq!(colour_all(&mut transcript), 0);
    assert!(page.frames[0].contains("a\\n</code>"), "{page:?}");
    assert_eq!(transcript.open_code().unwrap().code, "a\n");
    transcript.append(TurnNumber(1), TextKind::Answer, "  ```\n");
    transcript.refresh();
    assert_eq!(transcript.open_code(), None);
    assert_eq!(colour_all(&mut transcript), 1);
    let page = transcript.page(page.next, Dialect::Html, 1000);
    assert_eq!(page.frames.len(), 1, "{page:?}");
    assert!(page.frames[0].contains("<i>a\\n</i>"), "{page:?}");
    for more in ["- y\n", "\n\nTwo"] {
        transcript.append(TurnNumber(1), TextKind::Answer, more);
        transcript.refresh();
        let late = transcript.resume_point(None, Dialect::Html).cursor;
        let late = transcript.page(late, Dialect::Html, 1000);
        assert!(late.frames[0].contains("<i>a\\n</i>"), "{late:?}");
        assert_eq!(colour_all(&mut transcript), 0, "asked for once");
    }
}

#[test]
fn colours_of_a_text_that_was_replaced_come_to_nothing() {
    let mut transcript = Transcript::new(Seq(100));
    transcript.append(TurnNumber(1), TextKind::Answer, "```rs\na\n```\n\nwrong");
    let start = transcript.resume_point(None, Dialect::Html).cursor;
    let page = transcript.page(start, Dialect::Html, 1000);
    let late = transcript.take_uncoloured();
    transcript.replace(TurnNumber(1), "right");
    transcript.refresh();
    let page = transcript.page(page.next, Dialect::Html, 1000);
    assert_eq!(html_of(&page), [(2, 0, "<p>right</p>".to_owned(), false)]);
    for code in late {
        transcript.colour(code, Some("<i>a</i>".into()));
    }
    assert!(!transcript.has_news(&page.next, Dialect::Html));
    // Nor is there anything where no such answer is.
    let fence = CodeBlock { language: "rs".to_owned(), code: "a\n".to_owned() };
    transcript.colour(PendingHighlight { first: 7, fence: fence.into() }, Some("<i>a</i>".into()));
    assert!(!transcript.has_news(&page.next, Dialect::Html));
}

#[test]
fn what_follows_a_text_is_shown_after_all_of_it() {
    let mut transcript = Transcript::new(Seq(100));
    transcript.append(TurnNumber(1), TextKind::Answer, "One");
    let start = transcript.resume_point(None, Dialect::Html).cursor;
    let first = transcript.page(start, Dialect::Html, 1000);
    transcript.append(TurnNumber(1), TextKind::Answer, " two");
    transcript.push_held(TurnNumber(1), done());
    let second = transcript.page(first.next, Dialect::Html, 1000);
    assert_eq!(
        frames(&second),
        [
            r#"{"type":"html","seq":2,"turn":1,"block":0,"part":0,"parts":1,"html":"<p>One two</p>"}"#
        ]
    );
    assert!(!second.more, "the end is held back");
}

#[test]
fn a_viewer_that_returns_inside_a_text_gets_it_whole_to_replace_its_own() {
    let mut transcript = Transcript::new(Seq(100));
    transcript.append(TurnNumber(1), TextKind::Answer, "one ");
    transcript.append(TurnNumber(1), TextKind::Answer, "two");
    let entrance = transcript.resume_point(Some(Seq(1)), Dialect::V1);
    assert!(entrance.resumed);
    let page = transcript.page(entrance.cursor, Dialect::V1, 1000);
    assert_eq!(
        frames(&page),
        [r#"{"type":"text","seq":2,"turn":1,"block":0,"content":"one two","replace":true}"#]
    );
}

#[test]
fn what_is_held_is_shown_with_all_that_follows_only_when_released() {
    let mut transcript = Transcript::new(Seq(100));
    transcript.append(TurnNumber(1), TextKind::Answer, "text");
    let end = transcript.push_held(TurnNumber(1), done());
    transcript.append(TurnNumber(2), TextKind::Answer, "next");
    let start = transcript.resume_point(None, Dialect::V1).cursor;
    let before = transcript.page(start, Dialect::Legacy, 1000);
    assert_eq!(frames(&before), [r#"{"type":"text","content":"text"}"#]);
    assert!(!before.more);
    transcript.release(end);
    let after = transcript.page(before.next, Dialect::Legacy, 1000);
    assert_eq!(
        frames(&after),
        [r#"{"type":"response_done"}"#, r#"{"type":"text","content":"next"}"#]
    );
}

#[test]
fn who_comes_in_now_sees_the_end_that_is_held_back_and_the_running_answer_alone() {
    let mut transcript = Transcript::new(Seq(100));
    transcript.append(TurnNumber(1), TextKind::Answer, "one");
    transcript.push(TurnNumber(2), asked("next?"));
    transcript.append(TurnNumber(1), TextKind::Answer, "more of one");
    let end = transcript.push_held(TurnNumber(1), done());
    let now = transcript.end();
    transcript.append(TurnNumber(2), TextKind::Answer, "two");
    assert!(!transcript.has_news(&now, Dialect::Legacy), "the end is held back");
    transcript.release(end);
    let page = transcript.page(now, Dialect::Legacy, 1000);
    assert_eq!(
        frames(&page),
        [r#"{"type":"response_done"}"#, r#"{"type":"text","content":"two"}"#]
    );
    let page = transcript.page(transcript.start_of(TurnNumber(2)), Dialect::Legacy, 1000);
    assert_eq!(frames(&page), [r#"{"type":"text","content":"two"}"#]);
}

#[test]
fn a_text_that_was_streamed_wrongly_is_replaced() {
    let mut transcript = Transcript::new(Seq(100));
    transcript.append(TurnNumber(1), TextKind::Answer, "wrong");
    let page =
        transcript.page(transcript.resume_point(None, Dialect::V1).cursor, Dialect::V1, 1000);
    transcript.replace(TurnNumber(1), "right");
    let page = transcript.page(page.next, Dialect::V1, 1000);
    assert_eq!(
        frames(&page),
        [r#"{"type":"text","seq":2,"turn":1,"block":0,"content":"right","replace":true}"#]
    );
    assert_eq!(stored(&transcript.take_dirty())[0].text, "right");
}

#[test]
fn a_long_text_goes_out_in_pages_that_a_viewer_can_return_to() {
    let mut transcript = Transcript::new(Seq(10_000));
    for _ in 0..60 {
        transcript.append(TurnNumber(1), TextKind::Answer, &"x".repeat(1000));
    }
    let mut client = Client::default();
    let mut cursor = transcript.resume_point(None, Dialect::V1).cursor;
    let mut pages = 0;
    loop {
        let page = transcript.page(cursor, Dialect::V1, 16 * 1024);
        assert!(page.frames.iter().all(|frame| frame.len() < 17 * 1024));
        frames(&page).iter().for_each(|frame| client.apply(frame));
        cursor = page.next;
        pages += 1;
        if !page.more {
            break;
        }
    }
    assert!(pages >= 4, "{pages} pages");
    assert_eq!(client.screen()[0].text.len(), 60_000);
}

#[test]
fn a_number_that_was_never_given_out_starts_from_the_beginning() {
    let mut transcript = Transcript::new(Seq(100));
    transcript.push(TurnNumber(0), done());
    for nonsense in [-5, 2, 99_999] {
        let entrance = transcript.resume_point(Some(Seq(nonsense)), Dialect::V1);
        assert!(!entrance.resumed && entrance.after == Seq(0), "{nonsense}: {entrance:?}");
    }
    assert!(transcript.resume_point(Some(Seq(1)), Dialect::V1).resumed);
}

#[test]
fn a_question_that_comes_in_between_leaves_each_block_its_own_number() {
    let mut transcript = Transcript::new(Seq(100));
    transcript.append(TurnNumber(1), TextKind::Answer, "be");
    transcript.push(TurnNumber(2), asked("next?"));
    transcript.append(TurnNumber(1), TextKind::Answer, "fore");
    let rows = stored(&transcript.take_dirty());
    let blocks: Vec<_> = rows.iter().map(|row| row.block).collect();
    assert_eq!(blocks, [Some((1, 0)), None, Some((1, 1))]);
}

#[test]
fn a_question_that_comes_in_mid_answer_begins_a_block_of_its_own_number() {
    let mut transcript = Transcript::new(Seq(100));
    let asked = UserMessage { content: "and why?".to_owned(), ..UserMessage::default() };
    transcript.append(TurnNumber(1), TextKind::Answer, "one ");
    transcript.push(TurnNumber(2), Content::UserMessage(asked));
    transcript.append(TurnNumber(1), TextKind::Answer, "two");
    let blocks: Vec<_> = transcript.take_dirty().into_iter().map(|row| row.payload).collect();
    assert_eq!(
        [&blocks[0], &blocks[2]],
        [r#"{"block":0,"content":"one "}"#, r#"{"block":1,"content":"two"}"#]
    );
}
