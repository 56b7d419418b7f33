//! Asking: the question goes to the top, its answer grows below it, and nothing that is read moves.

use serde_json::json;

use crate::server::{Server, Setup};

use super::{
    WHILE_AWAY,
    browser::{Browser, ENTER, NEW_LINE},
    ended,
    gate::Gate,
    says,
};

/// Pixels between the top of what scrolls and a question that was just asked.
const ABOVE: f64 = 16.0;

async fn open(browser: &Browser, url: &str) {
    browser.goto(&format!("{url}/p/demo")).await;
    browser.wait_for("document.activeElement.id === 'question'").await;
    browser.wait_for("document.querySelector('turn-view') !== null").await;
}

async fn ask(browser: &Browser, script: &[&str]) {
    browser.keys(&format!("{}{ENTER}", script.join(NEW_LINE))).await;
}

/// Where the turn begins, in pixels from the top of what scrolls.
fn offset(turn: u32) -> String {
    format!(
        "(document.querySelector(\"turn-view[data-turn='{turn}']\").getBoundingClientRect().top
          - document.querySelector('.scroller').getBoundingClientRect().top)"
    )
}

fn is_at_top(turn: u32) -> String {
    format!("Math.abs({} - {ABOVE}) < 1.5", offset(turn))
}

async fn to_end_is_shown(browser: &Browser) -> bool {
    browser.run("return document.querySelector('.to-end').checkVisibility()").await == json!(true)
}

/// A line of an agent's script that goes on when the file is there, and the file.
fn wait(server: &Server, name: &str) -> (String, std::path::PathBuf) {
    let signal = server.project_dir().join(name);
    (format!("await {}", signal.display()), signal)
}

/// The answer of a turn grows to its end and, all the while, the turn does not move.
async fn grows_in_place(browser: &Browser, turn: u32, signal: std::path::PathBuf) {
    let watch = format!(
        "window.places = [];
         const look = () => {{
             window.places.push({});
             if ({}) window.watched = true; else requestAnimationFrame(look);
         }};
         window.watched = false;
         look();",
        offset(turn),
        ended(turn)
    );
    browser.run(&watch).await;
    std::fs::write(signal, "").unwrap();
    browser.wait_for("window.watched").await;
    let moved = browser.run("return Math.max(...window.places) - Math.min(...window.places)").await;
    assert!(moved.as_f64().unwrap() < 1.0, "turn {turn} moved by {moved} pixels");
}

/// The same on a desk and on a phone: short and long answers, to the end and back.
async fn ask_and_read(browser: &Browser, server: &Server) {
    ask(browser, &["say one"]).await;
    browser.wait_for(&ended(1)).await;
    let (until, signal) = wait(server, "two");
    ask(browser, &[&until, "stream 20 5"]).await;
    browser.wait_for("document.querySelectorAll('turn-view').length === 3").await;
    browser.wait_for(&is_at_top(2)).await;
    browser
        .wait_for(
            "document.querySelector(\"turn-view[data-turn='2'] .beginning\").checkVisibility()",
        )
        .await;
    browser.screenshot("asked").await;
    grows_in_place(browser, 2, signal).await;
    assert!(!to_end_is_shown(browser).await, "the end is on the screen");

    let (until, signal) = wait(server, "three");
    ask(browser, &["stream 30 5", &until, "stream 1200 1"]).await;
    browser.wait_for(&says(3, "w29")).await;
    browser.wait_for(&is_at_top(3)).await;
    assert!(!to_end_is_shown(browser).await, "all of it is on the screen");
    grows_in_place(browser, 3, signal).await;
    browser.wait_for("document.querySelector('.to-end').checkVisibility()").await;
    browser.screenshot("end-off-screen").await;
    let outside = "const text = document.querySelector('.scroller').getBoundingClientRect();
                   const it = document.querySelector('.to-end').getBoundingClientRect();
                   return it.top >= text.bottom || it.left >= text.right";
    assert_eq!(browser.run(outside).await, json!(true), "it covers the text");
    browser.click(".to-end").await;
    browser.wait_for("document.querySelector('.to-end').hidden").await;
    let at_end = "const it = document.querySelector('.scroller'); return it.scrollHeight - it.scrollTop - it.clientHeight";
    assert!(browser.run(at_end).await.as_f64().unwrap() < 2.0);
}

#[tokio::test]
async fn a_question_goes_to_the_top_and_its_answer_grows_below_it() {
    let server = Setup::scripted().start();
    let browser = Browser::start().await;
    open(&browser, &server.url("")).await;
    ask_and_read(&browser, &server).await;
    // Who went to the end follows it, until they ask.
    ask(&browser, &["say four"]).await;
    browser.wait_for(&ended(4)).await;
    browser.wait_for(&is_at_top(4)).await;
    // An answer to the agent's own question is a turn as well.
    let question = json!({ "questions": [{ "question": "Which?", "header": "One", "multiSelect": false,
        "options": [{ "label": "This" }, { "label": "That" }] }] });
    ask(&browser, &[&format!("ask {question}")]).await;
    browser.wait_for("document.querySelector('question-card form') !== null").await;
    browser.click("question-card .choice input").await;
    browser.click("question-card button").await;
    browser.wait_for(&ended(6)).await;
    browser.wait_for(&is_at_top(6)).await;
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}

#[tokio::test]
async fn on_a_phone_a_question_goes_to_the_top_as_well() {
    let server = Setup::scripted().start();
    let browser = Browser::start().await;
    browser.become_phone().await;
    browser.goto(&server.url("/p/demo")).await;
    browser.wait_for("document.querySelector('turn-view') !== null").await;
    ask_and_read(&browser, &server).await;
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}

#[tokio::test]
async fn questions_of_others_move_nobody() {
    let server = Setup::scripted().start();
    let ana = Browser::start().await;
    open(&ana, &server.url("")).await;
    ask(&ana, &["stream 1200 1"]).await;
    ana.wait_for(&ended(1)).await;
    let ben = Browser::start().await;
    ben.goto(&ana.address().await).await;
    ben.wait_for(&ended(1)).await;
    ana.click(".to-end").await;
    ana.wait_for("document.querySelector('.to-end').hidden").await;
    let before = ana.run(&format!("return {}", offset(1))).await;
    ben.keys(&format!("stream 300 1{ENTER}")).await;
    ben.wait_for(&is_at_top(2)).await;
    ana.wait_for(&ended(2)).await;
    ben.wait_for(&ended(2)).await;
    ben.wait_for(&is_at_top(2)).await;
    assert_eq!(ana.run(&format!("return {}", offset(1))).await, before);
    ana.wait_for("document.querySelector('.to-end').checkVisibility()").await;
    ana.assert_no_complaints(&[]).await;
    ana.close().await;
    ben.close().await;
}

#[tokio::test]
async fn a_connection_that_is_lost_leaves_the_question_where_it_is() {
    let server = Setup::scripted().env("CICERONE_ACCESS_HOSTS", "127.0.0.1").start();
    let gate = Gate::open(server.address()).await;
    let browser = Browser::start().await;
    open(&browser, &gate.url).await;
    ask(&browser, &["stream 1200 1"]).await;
    browser.wait_for(&ended(1)).await;
    gate.cut();
    browser.wait_for("document.querySelector('.line[data-urgent]') !== null").await;
    ask(&browser, &["say two"]).await;
    let pending = "document.querySelector('.pending article').getBoundingClientRect().top
                   - document.querySelector('.scroller').getBoundingClientRect().top";
    browser.wait_for(&format!("Math.abs({pending} - {ABOVE}) < 1.5")).await;
    gate.lead_to(server.address());
    browser.wait_for(&ended(2)).await;
    browser.wait_for(&is_at_top(2)).await;
    browser.assert_no_complaints(&WHILE_AWAY).await;
    browser.close().await;
}
