//! Answers as HTML: what it costs to render one that streams, and how late it is shown.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    Scale,
    agent::{LAST_CALL, answer},
    contestants::Cicerone,
    figures::{Rounds, Row, micros},
    stamps::Stamps,
    viewer::{Viewer, is_end},
};

/// Pace of a fast model, in microseconds between tokens.
const PERIOD_US: u64 = 10_000;

/// The parts of answers as a page keeps them, by turn, block and place.
#[derive(Default)]
struct Page(BTreeMap<(i64, i64, i64), String>);

impl Page {
    fn take(&mut self, frame: &[u8]) {
        let frame: Value = serde_json::from_slice(frame).unwrap();
        let number = |name: &str| frame[name].as_i64().unwrap();
        let (turn, block) = (number("turn"), number("block"));
        let is_gone =
            |at: &(i64, i64, i64)| (at.0, at.1) == (turn, block) && at.2 >= number("parts");
        self.0.retain(|at, _| !is_gone(at));
        self.0.insert((turn, block, number("part")), frame["html"].as_str().unwrap().to_owned());
    }

    fn html(&self) -> String {
        self.0.values().map(String::as_str).collect()
    }
}

/// One answer of prose, lists, a table and code, and what it takes of the processor to be shown.
pub async fn rendering(scale: Scale) -> Vec<Row> {
    let dir = crate::data_dir();
    let server = Cicerone::start(dir.path());
    let mut html = server.begin_html().await;
    let mut markdown = server.begin().await;
    // What comes with the first one is not its own.
    show(&mut html, 1, 100).await;
    let (mut rendered, mut plain) = (Rounds::default(), Rounds::default());
    let sections = scale.of(5, 1);
    let period_us = scale.of(PERIOD_US, 100);
    for _ in 0..scale.few_rounds() {
        let cpu = server.process.cpu();
        let since = std::time::Instant::now();
        show(&mut html, sections, period_us).await;
        let share = |cpu: std::time::Duration| {
            (server.process.cpu() - cpu).as_secs_f64() / since.elapsed().as_secs_f64() * 100.0
        };
        rendered.push(share(cpu));
        let cpu = server.process.cpu();
        let since = std::time::Instant::now();
        let mut text = 0;
        markdown.ask(&format!("answer {sections} {period_us}")).await;
        markdown.until_end(|frame, _| text += frame.len()).await;
        assert!(text > answer(sections).len(), "an answer is missing");
        plain.push(
            (server.process.cpu() - cpu).as_secs_f64() / since.elapsed().as_secs_f64() * 100.0,
        );
    }
    let bytes = answer(sections).len() / 1000;
    let what = format!("an answer of {bytes} KB at 100 tokens/s as HTML, % of one core");
    let mut row = Row::at_most(&what, &rendered, 2, 2.0);
    row.cicerone.push_str(&format!(", as Markdown {}", plain.show(2)));
    vec![row, shown(scale, &server).await, coloured(scale).await]
}

/// Has an answer given and reads all of it.
async fn show(viewer: &mut Viewer, sections: u64, period_us: u64) {
    viewer.ask(&format!("answer {sections} {period_us}")).await;
    let mut page = Page::default();
    viewer.until_end(|frame, _| page.take(frame)).await;
    let html = page.html();
    let headings = html.matches(">Section ").count() as u64;
    assert_eq!(headings, sections, "a part of the answer is missing: {html}");
    assert_eq!(html.matches("</table>").count() as u64, sections, "{html}");
}

/// How late what the agent says is shown, which is rendered now and then and not at once.
async fn shown(scale: Scale, server: &Cicerone) -> Row {
    let mut viewer = server.begin_html().await;
    let (mut medians, mut lasts) = (Rounds::default(), Rounds::default());
    for _ in 0..scale.few_rounds() {
        let count = scale.of(250, 20);
        viewer.ask(&format!("prose {count} 20000")).await;
        let mut stamps = Stamps::default();
        viewer.until_end(|frame, now| stamps.take_new(frame, now)).await;
        assert_eq!(stamps.count(), count);
        medians.push(micros(&stamps.delays, 50.0) / 1000.0);
        lasts.push(micros(&stamps.delays, 99.0) / 1000.0);
    }
    let mut row =
        Row::at_most("latency of HTML at 50 deltas/s, median, ms", &medians, 0, f64::INFINITY);
    row.cicerone.push_str(&format!(", 99th of 100 {}", lasts.show(0)));
    row.target.clear();
    row
}

/// How long it takes until a block of code has its colours that the agent has just closed; the first
/// one of a server that has just started, and later ones.
async fn coloured(scale: Scale) -> Row {
    let dir = crate::data_dir();
    let server = Cicerone::start(dir.path());
    let mut viewer = server.begin_html().await;
    let lines = scale.of(300, 10);
    let mut late = Rounds::default();
    let mut first = None;
    for _ in 0..=scale.rounds() {
        viewer.ask(&format!("code {lines} {}", scale.of(PERIOD_US, 100))).await;
        let (mut closed, mut coloured, mut is_over) = (Stamps::default(), 0, false);
        let call = format!(r#"\">{LAST_CALL}<"#);
        viewer
            .until(|frame, now| {
                closed.take_new(frame, now);
                if coloured == 0 && memchr::memmem::find(frame, call.as_bytes()).is_some() {
                    coloured = now;
                }
                is_over |= is_end(frame);
                // Either may come first.
                is_over && coloured > 0
            })
            .await;
        let said = closed.last - closed.delays[0];
        let took = coloured.saturating_sub(said) as f64 / 1e6;
        match first {
            None => first = Some(took),
            Some(_) => late.push(took),
        }
    }
    let what = format!("a block of {lines} lines closes, until it has its colours, ms");
    let mut row = Row::at_most(&what, &late, 0, 50.0);
    let first = first.unwrap_or_default();
    row.cicerone.push_str(&format!(", the very first {first:.0}"));
    row
}
