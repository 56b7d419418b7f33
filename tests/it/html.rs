//! Viewers that ask for HTML: a client that shows the parts of answers as the page does, and is to
//! show what rendering the stored text gives.

use std::collections::BTreeMap;

use cicerone::markdown;
use serde_json::{Value, json};

use crate::{
    client::Client,
    screen::Screen,
    server::{Gate, Server, Setup, eventually},
};

/// Answers as a client shows them that asks for HTML: by turn and block, part by part.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HtmlScreen {
    answers: BTreeMap<(i64, i64), Answer>,
    /// The entries that are no answers: turn, number and kind.
    others: Vec<(i64, i64, String)>,
    /// Parts that are shown with those that belong to them.
    waiting: Vec<Value>,
    seq: i64,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answer {
    first_seen: i64,
    parts: Vec<String>,
}

impl HtmlScreen {
    pub fn show(&mut self, frames: &[Value]) {
        frames.iter().for_each(|frame| self.show_one(frame));
    }

    fn show_one(&mut self, frame: &Value) {
        let number = |name: &str| frame[name].as_i64().unwrap();
        match frame["type"].as_str().unwrap() {
            "attached" => {
                let after = number("after");
                self.answers.retain(|_, answer| answer.first_seen <= after);
                self.others.retain(|(_, seq, _)| *seq <= after);
                self.waiting.clear();
                self.seq = self.seq.min(after);
            }
            "text" => panic!("Markdown came: {frame}"),
            "html" => {
                assert!(number("seq") >= self.seq, "{frame} came after {}", self.seq);
                self.waiting.push(frame.clone());
                if frame["more"] != true {
                    std::mem::take(&mut self.waiting).iter().for_each(|part| self.show_part(part));
                }
            }
            "accepted" => (),
            kind if frame["seq"].is_i64() && frame["turn"].is_i64() => {
                assert!(number("seq") > self.seq, "{frame} came after {}", self.seq);
                assert!(self.waiting.is_empty(), "{frame} came before the rest of an answer");
                self.seq = number("seq");
                self.others.push((number("turn"), self.seq, kind.to_owned()));
            }
            _ => (),
        }
    }

    fn show_part(&mut self, frame: &Value) {
        let number = |name: &str| frame[name].as_i64().unwrap();
        self.seq = number("seq");
        let new = Answer { first_seen: self.seq, parts: Vec::new() };
        let answer = self.answers.entry((number("turn"), number("block"))).or_insert(new);
        answer.parts.truncate(usize::try_from(number("parts")).unwrap());
        let part = usize::try_from(number("part")).unwrap();
        assert!(part <= answer.parts.len(), "a part is missing before {frame}");
        answer.parts.truncate(answer.parts.len().max(part));
        let kept = frame["keep"].as_u64().map_or(String::new(), |units| {
            let known: Vec<u16> = answer.parts[part].encode_utf16().collect();
            String::from_utf16(&known[..usize::try_from(units).unwrap()]).unwrap()
        });
        let html = kept + frame["html"].as_str().unwrap();
        match answer.parts.get_mut(part) {
            Some(known) => *known = html,
            None => answer.parts.push(html),
        }
    }

    /// The number that it saw last.
    pub fn seq(&self) -> i64 {
        self.seq
    }

    /// The parts of answers, in their order.
    pub fn parts(&self) -> Vec<(i64, Vec<String>)> {
        self.answers.iter().map(|((turn, _), answer)| (*turn, answer.parts.clone())).collect()
    }

    pub fn has_ended(&self, turn: i64) -> bool {
        self.others.iter().any(|(of, _, kind)| *of == turn && kind == "response_done")
    }

    pub fn assert_shows_what_is_stored(&self, server: &Server, conversation: i64, when: &str) {
        let stored = Screen::stored(server, conversation);
        let parts = self.parts().into_iter().map(|(turn, parts)| {
            (turn, parts.iter().map(|part| without_colours(part)).collect::<Vec<_>>())
        });
        assert_eq!(parts.collect::<Vec<_>>(), rendered(&stored), "{when}");
        let others = stored.entries.iter().filter(|shown| shown.kind != "text");
        let others: Vec<_> =
            others.map(|shown| (shown.turn, shown.seq, shown.kind.clone())).collect();
        assert_eq!(self.others, others, "{when}");
        assert_eq!(self.seq, stored.seq, "{when}");
    }
}

/// Colours of code come some time after it.
fn without_colours(html: &str) -> String {
    let mut plain = String::new();
    for (at, piece) in html.split("<span class=\"").enumerate() {
        let text = if at == 0 { piece } else { piece.split_once("\">").unwrap().1 };
        plain.push_str(&text.replace("</span>", ""));
    }
    plain
}

/// What rendering the stored answers gives: neighbouring texts of a turn as one.
fn rendered(stored: &Screen) -> Vec<(i64, Vec<String>)> {
    let mut texts: Vec<(i64, String)> = Vec::new();
    let mut is_open = false;
    let mut entries: Vec<_> = stored.entries.iter().collect();
    entries.sort_by_key(|shown| shown.turn);
    for shown in entries {
        let is_text = shown.kind == "text";
        if is_text {
            let text = shown.fields["content"].as_str().unwrap();
            match texts.last_mut() {
                Some((turn, known)) if is_open && *turn == shown.turn => known.push_str(text),
                _ => texts.push((shown.turn, text.to_owned())),
            }
        }
        is_open = is_text;
    }
    texts.into_iter().map(|(turn, text)| (turn, markdown::parts(&text))).collect()
}

async fn enter(server: &Server, conversation: i64, after: i64) -> (Client, Vec<Value>) {
    let mut client = server.connect().await;
    client
        .send(json!({
            "type": "start", "protocol": 1, "format": "html", "conversation_id": conversation,
            "after": after,
        }))
        .await;
    let frames = client.until("caught_up").await;
    (client, frames)
}

/// An answer with blocks of every kind, some of which grow word by word.
const SCRIPT: &str = "think a\nsay # Title\\n\\n- one\\n- \nstream 20 8\nsay \\n\\n```rust\\nfn a() {}\\n\
                      \ntool Read {} => x\nstream 20 8\nsay \\n\\n|a|b|\\n|-|-|\\n|1|2|\\n\\nEnd <b>.";

#[actix::test]
async fn p4_a_viewer_of_html_that_reconnects_in_mid_part_ends_with_what_is_stored() {
    let server = Server::start();
    let mut steady = server.connect().await;
    let id = steady.start().await;
    let mut screen = HtmlScreen::default();
    steady.ask(SCRIPT).await;
    let mut reconnections = 0;
    while !screen.has_ended(1) {
        let (mut client, frames) = enter(&server, id, screen.seq).await;
        screen.show(&frames);
        for _ in 0..2 {
            if !screen.has_ended(1) {
                let frame = client.frame().await;
                screen.show(&[frame]);
            }
        }
        reconnections += 1;
    }
    assert!(reconnections >= 3, "only {reconnections} reconnections");
    screen.assert_shows_what_is_stored(&server, id, "in the database");
}

#[actix::test]
async fn p4_whatever_a_viewer_of_html_saw_last_it_ends_with_the_same_after_restarts() {
    let mut server = Server::start();
    let (id, mut moments) = (1, vec![HtmlScreen::default()]);
    let mut client = server.connect().await;
    client.send(json!({ "type": "start", "protocol": 1, "format": "html" })).await;
    let mut screen = HtmlScreen::default();
    screen.show(&client.until("caught_up").await);
    client.ask(SCRIPT).await;
    while !screen.has_ended(1) {
        screen.show(&[client.frame().await]);
        moments.push(screen.clone());
    }
    moments.dedup();
    drop(client);
    screen.assert_shows_what_is_stored(&server, id, "live");
    for round in ["while the server lives", "after a kill", "after a shutdown"] {
        for moment in &moments {
            let mut back = moment.clone();
            let (_, frames) = enter(&server, id, moment.seq).await;
            back.show(&frames);
            back.assert_shows_what_is_stored(&server, id, &format!("{round} from {}", moment.seq));
        }
        match round {
            "while the server lives" => server.crash(),
            _ => {
                assert!(server.terminate().success());
                server.launch_again();
            }
        }
    }
}

#[actix::test]
async fn p4_a_crash_in_mid_answer_leaves_a_viewer_of_html_with_what_is_stored() {
    let mut server = Server::start();
    let mut client = server.connect().await;
    client.send(json!({ "type": "start", "protocol": 1, "format": "html" })).await;
    let mut screen = HtmlScreen::default();
    screen.show(&client.until("caught_up").await);
    client.ask("say one\\n\\ntwo \nstream 400 5").await;
    while !screen
        .parts()
        .iter()
        .any(|(turn, parts)| *turn == 1 && parts[..].concat().contains("w9 "))
    {
        screen.show(&[client.frame().await]);
    }
    server.has_begun(1, 1).await;
    server.crash();
    let (_, frames) = enter(&server, 1, screen.seq).await;
    screen.show(&frames);
    screen.assert_shows_what_is_stored(&server, 1, "after the crash");
}

#[actix::test]
async fn a_question_in_mid_answer_does_not_break_what_it_renders_to() {
    let server = Server::start();
    let mut client = server.connect().await;
    client.send(json!({ "type": "start", "protocol": 1, "format": "html" })).await;
    let mut screen = HtmlScreen::default();
    screen.show(&client.until("caught_up").await);
    let signal = server.project_dir().join("go on");
    client.ask(&format!("say ```\\nfirst \nawait {}\nsay second\\n```", signal.display())).await;
    screen.show(&client.until("html").await);
    client.ask("say next").await;
    screen.show(&client.until("accepted").await);
    std::fs::write(signal, "").unwrap();
    while !screen.has_ended(2) {
        screen.show(&[client.frame().await]);
    }
    let answers = screen.parts();
    assert_eq!(answers[1], (1, vec!["<pre><code>first second\n</code></pre>".to_owned()]));
    assert_eq!(answers[2], (2, vec!["<p>next</p>".to_owned()]));
    let (_, frames) = enter(&server, 1, 0).await;
    let mut late = HtmlScreen::default();
    late.show(&frames);
    assert_eq!(late.parts(), answers);
}

const CODE: &str = "say Look:\\n\\n```rust\\nfn a() {}\\n```\\n\\nEnd.";
const PLAIN: &str = "<pre><code class=\"language-rust\">fn a() {}\n</code></pre>";
const COLOURED: &str = "<pre><code class=\"language-rust\"><span class=\"keyword\">fn</span> \
                        <span class=\"function\">a</span>() {}\n</code></pre>";

/// Reads on until the code of the first answer has its colours.
async fn coloured(client: &mut Client, screen: &mut HtmlScreen) {
    while !screen.parts().iter().any(|(_, parts)| parts.iter().any(|part| part == COLOURED)) {
        screen.show(&[client.frame().await]);
    }
}

#[actix::test]
async fn code_is_shown_at_once_and_with_its_colours_when_they_are_there() {
    let mut server = Server::start();
    let (mut client, mut screen) = (server.connect().await, HtmlScreen::default());
    client.send(json!({ "type": "start", "protocol": 1, "format": "html" })).await;
    screen.show(&client.until("caught_up").await);
    client.ask(CODE).await;
    let mut seen = Vec::new();
    while seen.last().is_none_or(|part| part != COLOURED) {
        let frame = client.frame().await;
        let code = frame["html"].as_str().filter(|html| html.starts_with("<pre>"));
        seen.extend(code.map(str::to_owned));
        screen.show(&[frame]);
    }
    assert_eq!(seen.first().unwrap(), PLAIN);
    let colours = seen.iter().filter(|part| *part == COLOURED).count();
    assert_eq!(colours, 1, "once for all viewers: {seen:?}");
    while !screen.has_ended(1) {
        screen.show(&[client.frame().await]);
    }
    screen.assert_shows_what_is_stored(&server, 1, "live");

    // Whoever comes later gets it so at once, and who was there has no need of it.
    let (_late, frames) = enter(&server, 1, 0).await;
    let mut late = HtmlScreen::default();
    late.show(&frames);
    assert!(late.parts()[1].1.contains(&COLOURED.to_owned()), "{:?}", late.parts());
    client.ask("say more").await;
    screen.show(&client.turn().await);
    let (_, frames) = enter(&server, 1, screen.seq).await;
    assert!(frames.iter().all(|frame| frame["type"] != "html"), "{frames:?}");

    server.crash();
    let (mut client, frames) = enter(&server, 1, 0).await;
    let mut back = HtmlScreen::default();
    back.show(&frames);
    coloured(&mut client, &mut back).await;
    back.assert_shows_what_is_stored(&server, 1, "after a crash");
}

#[actix::test]
async fn a_viewer_that_left_before_the_colours_came_gets_them_when_it_returns() {
    let server = Server::start();
    let mut markdown = server.connect().await;
    let id = markdown.start().await;
    markdown.ask(CODE).await;
    markdown.turn().await;
    let (first, frames) = enter(&server, id, 0).await;
    drop(first);
    let mut screen = HtmlScreen::default();
    screen.show(&frames);
    let (mut again, frames) = enter(&server, id, screen.seq).await;
    screen.show(&frames);
    coloured(&mut again, &mut screen).await;
    screen.assert_shows_what_is_stored(&server, id, "when it has returned");
}

#[actix::test]
async fn code_that_is_too_long_stays_plain() {
    let server = Setup::scripted().config("[advanced.highlighting]\nblock_bytes = 100\n").start();
    let (mut client, mut screen) = (server.connect().await, HtmlScreen::default());
    client.send(json!({ "type": "start", "protocol": 1, "format": "html" })).await;
    screen.show(&client.until("caught_up").await);
    let long = "fn a() {}\\n".repeat(20);
    client.ask(&format!("say ```rust\\n{long}```\\n\\n```rust\\nfn a() {{}}\\n```\\n")).await;
    coloured(&mut client, &mut screen).await;
    let answers = screen.parts();
    let (_, parts) = answers.last().unwrap();
    assert!(!parts[0].contains("<span"), "{parts:?}");
}

#[actix::test]
async fn code_is_read_ahead_while_it_grows() {
    let server = Server::start();
    let (mut client, mut screen) = (server.connect().await, HtmlScreen::default());
    client.send(json!({ "type": "start", "protocol": 1, "format": "html" })).await;
    screen.show(&client.until("caught_up").await);
    let gate = Gate::new(&server);
    client.ask(&format!("say ```rust\\nfn a() {{}}\\n\n{}\nsay ```\\n", gate.script())).await;
    let is_read =
        async || server.log().contains("highlighted ahead language=rust bytes=10").then_some(());
    eventually("the code is read", is_read).await;
    gate.open();
    coloured(&mut client, &mut screen).await;
    let log = server.log();
    assert!(log.contains("highlighted language=rust bytes=10 ahead=10"), "{log}");
}

#[actix::test]
async fn code_is_coloured_when_all_that_was_kept_for_it_has_gone() {
    let server = Setup::scripted()
        .config("[advanced.highlighting]\nidle_timeout = \"1ms\"\ncache_bytes = 1\n")
        .start();
    let (mut client, mut screen) = (server.connect().await, HtmlScreen::default());
    client.send(json!({ "type": "start", "protocol": 1, "format": "html" })).await;
    screen.show(&client.until("caught_up").await);
    for _ in 0..2 {
        client.ask(CODE).await;
        coloured(&mut client, &mut screen).await;
        screen = HtmlScreen::default();
        let has_gone = async || server.log().contains("released the grammars").then_some(());
        eventually("the grammars are gone", has_gone).await;
    }
}

#[actix::test]
async fn each_viewer_gets_the_format_that_it_asked_for() {
    let server = Server::start();
    let mut markdown = server.connect().await;
    let id = markdown.start().await;
    let (mut html, _) = enter(&server, id, 0).await;
    markdown.ask("say *a* <script>alert(1)</script>").await;
    let shown = Screen::of(&markdown.turn().await);
    assert_eq!(shown.answer(1), "*a* <script>alert(1)</script>");
    let frames = html.turn().await;
    let part = frames.iter().rfind(|frame| frame["type"] == "html").unwrap();
    assert_eq!(part["html"], "<p><em>a</em> &lt;script&gt;alert(1)&lt;/script&gt;</p>");
    html.send(json!({ "type": "start", "protocol": 1, "format": "rtf" })).await;
    let refusal = html.until("error").await.pop().unwrap();
    assert!(refusal["content"].as_str().unwrap().contains("\"markdown\" or \"html\""), "{refusal}");
}
