//! The page, as a person uses it: in a real browser, in front of the real server.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};

use crate::server::{PROJECT, Server, Setup, eventually};
use browser::{Browser, ENTER, ESCAPE, NEW_LINE};
use gate::Gate;

use crate::peers;

mod admin;
mod admin_git_projects;
mod agent_choice;
mod answer;
mod answer_tools;
mod asking;
mod attachments;
mod audit;
mod base_path;
pub mod browser;
mod code_search;
mod composer;
mod conversation;
mod conversations;
mod drawings;
mod file_reader;
mod follow_ups;
mod gate;
mod go_to;
mod groups;
mod lists;
mod live_list;
mod load;
mod long_conversation;
mod many_drawings;
mod markup;
mod own_tokens;
mod picture;
#[cfg(feature = "oidc")]
mod provider_login;
mod rail;
mod reactions;
mod reader_tools;
mod references;
mod search;
mod sharing;
mod snapshots;
mod usage;
mod words;

/// What the browser reports as errors while the test has cut the line.
const WHILE_AWAY: [&str; 2] = ["WebSocket connection to", "net::ERR_"];

/// What a notice says.
const NOTICE: &str = "document.querySelector('page-notice').innerText";

#[test]
fn the_pages_modules_pass_their_own_tests() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/page");
    let mut tests: Vec<PathBuf> =
        fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    tests.retain(|path| path.to_string_lossy().ends_with(".test.js"));
    assert!(!tests.is_empty(), "no tests in {}", dir.display());
    // The modules have no package around them that says what they are: Node finds out by itself.
    let node = peers::find("node").unwrap_or_else(|| "node".into());
    let output = Command::new(node)
        .args(["--experimental-detect-module", "--no-warnings", "--test"])
        .args(&tests)
        .output()
        .unwrap_or_else(|error| panic!("cannot run node ({error}): run `.ci/setup`"));
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{report}\n{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn a_person_asks_and_comes_back_and_nothing_is_lost() {
    // The line that the test cuts has a port of its own.
    let mut server = Setup::scripted().env("CICERONE_ACCESS_HOSTS", "127.0.0.1").start();
    let gate = Gate::open(server.address()).await;
    let browser = Browser::start().await;
    eventually("the sandbox is tested", async || {
        (server.get("/readyz").await.1["sandbox"] == "proved").then_some(())
    })
    .await;
    browser.goto(&gate.url).await;

    an_empty_conversation_teaches(&browser).await;
    an_answer_streams_in(&browser).await;
    a_reload_shows_the_same(&browser, &gate).await;
    escape_stops_an_answer(&browser).await;
    a_second_question_waits(&browser, &server).await;
    a_question_of_the_agent_is_answered(&browser).await;
    a_failed_turn_can_be_asked_again(&browser).await;
    the_list_leads_back_from_a_new_conversation(&browser, &gate).await;
    it_fits_the_screens(&browser).await;
    browser.assert_no_complaints(&[]).await;

    a_reload_in_the_middle_of_an_answer_shows_each_word_once(&browser).await;
    a_crash_of_the_server_loses_nothing(&browser, &gate, &mut server).await;
    browser.assert_no_complaints(&WHILE_AWAY).await;
    browser.close().await;
}

#[tokio::test]
async fn p10_a_person_logs_in_goes_where_they_wanted_and_logs_out() {
    let server = Setup::scripted().env("CICERONE_VIEWER_TOKEN", "viewer-0123456789").start();
    let browser = Browser::start().await;
    browser.goto(&server.url("/p/demo")).await;
    browser.wait_for("document.activeElement.id === 'token'").await;
    assert!(browser.address().await.ends_with("/login?next=%2Fp%2Fdemo"));
    browser.screenshot("login").await;
    browser.run(&show_token("not-the-token-9")).await;
    browser
        .wait_for(
            "document.querySelector('#problem').textContent.includes('does not know this token')",
        )
        .await;
    browser.run(&show_token("viewer-0123456789")).await;
    browser.wait_for("document.activeElement.id === 'question'").await;
    browser.wait_for("location.pathname === '/p/demo'").await;
    browser.keys(&format!("say let in{ENTER}")).await;
    browser.wait_for("document.body.textContent.includes('let in')").await;
    browser.wait_for("[...document.querySelectorAll('.foot button')].some((it) => it.textContent === 'Log out' && !it.hidden)").await;
    browser.click(".foot button:last-of-type").await;
    browser.wait_for("location.pathname === '/login'").await;
    browser.goto(&server.url("/p/demo")).await;
    browser.wait_for("location.pathname === '/login'").await;
    browser.assert_no_complaints(&["401", "WebSocket connection to"]).await;
    browser.close().await;
}

/// What a person does who shows a token.
fn show_token(token: &str) -> String {
    format!(
        "document.querySelector('#token').value = '{token}';
         document.querySelector('#login').requestSubmit();"
    )
}

async fn an_empty_conversation_teaches(browser: &Browser) {
    browser
        .wait_for("document.querySelectorAll('.welcome:not([hidden]) li button').length > 0")
        .await;
    browser
        .wait_for("document.querySelector('.lead:not([hidden]) h2')?.textContent === 'demo'")
        .await;
    browser.wait_for("document.activeElement.id === 'question'").await;
    assert!(browser.text("turn-view").await.contains(PROJECT));
    browser.portraits("empty").await;
    the_badge_says_what_was_tried(browser).await;
}

async fn the_badge_says_what_was_tried(browser: &Browser) {
    browser.wait_for("document.querySelector('.badge:not([hidden])') !== null").await;
    assert_eq!(browser.content(".badge summary").await, "read-only");
    browser.click(".badge summary").await;
    browser.wait_for("document.querySelector('.badge li')?.checkVisibility()").await;
    assert!(browser.content(".badge ul").await.contains("Delete a file"));
    browser.click("#question").await;
    browser.wait_for("!document.querySelector('.badge').open").await;
    browser.run("document.querySelector('#question').focus()").await;
}

async fn an_answer_streams_in(browser: &Browser) {
    browser.run(WATCH_GROWTH).await;
    let script = [
        "think Let me look.",
        r##"tool Read {"file_path":"README.md"} => # Demo"##,
        "stream 30 20",
        r"say \n\n```rust\nfn main() {}\n```\n\nSee `README.md`.",
    ];
    browser.keys(&script.join(NEW_LINE)).await;
    let lines =
        browser.run("return document.querySelector('#question').value.split('\\n').length").await;
    assert_eq!(lines, json!(script.len()), "Shift and Enter make a new line");
    browser.keys(ENTER).await;
    browser.wait_for("document.querySelector('#question').value === ''").await;
    browser.wait_for(&ended(1)).await;

    let lengths = browser.run("return window.lengths").await;
    let n_lengths = lengths.as_array().map_or(0, Vec::len);
    assert!(n_lengths > 3, "the answer did not stream: {lengths}");
    assert_eq!(browser.content("turn-view:last-child tool-call .tool").await, "Read");
    assert_eq!(browser.content("turn-view:last-child tool-call .input").await, "README.md");
    assert_eq!(browser.content("turn-view:last-child pre code").await, "fn main() {}\n");
    assert_eq!(browser.content("turn-view:last-child .part p code").await, "README.md");
    let thought = "document.querySelector('turn-view:last-child .thinking')";
    assert_eq!(browser.run(&format!("return {thought}.open")).await, json!(false));
    browser
        .wait_for("document.querySelector('#announcements').textContent.includes('See README.md')")
        .await;
    browser.wait_for("document.querySelector('.status').textContent === ''").await;
    browser.click("turn-view:last-child tool-call summary").await;
    browser
        .wait_for("document.querySelector('tool-call .body').textContent.includes('# Demo')")
        .await;
    browser.screenshot("answered").await;
}

async fn a_reload_shows_the_same(browser: &Browser, gate: &Gate) {
    let address = browser.address().await;
    assert!(address.starts_with(&format!("{}/p/{PROJECT}/", gate.url)), "{address}");
    browser.wait_for("document.querySelector('nav a[aria-current=page]') !== null").await;
    let before = browser.content("turn-view[data-turn='1'] answer-text").await;
    browser.keys("not sent yet").await;
    browser.reload().await;
    browser.wait_for(&ended(1)).await;
    assert_eq!(browser.content("turn-view[data-turn='1'] answer-text").await, before);
    browser.wait_for("document.querySelector('#question').value === 'not sent yet'").await;
    browser.wait_for("document.activeElement.id === 'question'").await;
    browser.run("document.querySelector('#question').select()").await;
}

async fn escape_stops_an_answer(browser: &Browser) {
    browser.keys(&format!("stream 2000 20{ENTER}")).await;
    browser.wait_for(&says(2, "w3")).await;
    browser.wait_for("document.querySelector('.status').textContent === 'Answering…'").await;
    browser.screenshot("streaming").await;
    browser.keys(ESCAPE).await;
    browser.wait_for(&ended(2)).await;
    assert!(browser.content("turn-view[data-turn='2'] .end").await.contains("Stopped"));
    browser.wait_for("document.querySelector('question-composer form [type=button]').hidden").await;
}

async fn a_second_question_waits(browser: &Browser, server: &Server) {
    let signal = server.project_dir().join("go on");
    browser.keys(&format!("await {}{NEW_LINE}say first{ENTER}", signal.display())).await;
    browser.keys(&format!("say second{ENTER}")).await;
    browser
        .wait_for(
            "document.querySelector(\"turn-view[data-turn='4'] .queue-note:not([hidden])\") !== null",
        )
        .await;
    browser.wait_for("document.querySelector('.status').textContent.startsWith('Waiting')").await;
    browser.portraits("waiting").await;
    fs::write(signal, "").unwrap();
    browser.wait_for(&ended(4)).await;
    assert_eq!(browser.content("turn-view[data-turn='3'] answer-text").await, "first");
    assert_eq!(browser.content("turn-view[data-turn='4'] answer-text").await, "second");
}

async fn a_question_of_the_agent_is_answered(browser: &Browser) {
    let questions = json!({ "questions": [{
        "question": "Which parser?", "header": "Parser", "multiSelect": false,
        "options": [{ "label": "The old one", "description": "src/old.rs" }, { "label": "The new one" }],
    }]});
    browser.keys(&format!("ask {questions}{ENTER}")).await;
    browser.wait_for("document.querySelector('question-card form') !== null").await;
    browser.screenshot("question").await;
    browser.click("question-card .choice:nth-of-type(2) input").await;
    browser.click("question-card button").await;
    browser.wait_for(&says(6, "The new one")).await;
    browser.wait_for(&ended(6)).await;
    assert_eq!(browser.content("turn-view[data-turn='6'] .question").await, "The new one");
    browser.wait_for("document.querySelector('question-card fieldset').disabled").await;
}

async fn a_failed_turn_can_be_asked_again(browser: &Browser) {
    browser.keys(&format!("error it broke{ENTER}")).await;
    browser.wait_for(&ended(7)).await;
    assert!(browser.content("turn-view[data-turn='7'] .error").await.contains("it broke"));
    browser.screenshot("failed-turn").await;
    browser.click("turn-view[data-turn='7'] .end button").await;
    browser.wait_for(&ended(8)).await;
    assert_eq!(browser.content("turn-view[data-turn='8'] .question").await, "error it broke");
}

async fn the_list_leads_back_from_a_new_conversation(browser: &Browser, gate: &Gate) {
    let address = browser.address().await;
    browser.click(".new").await;
    browser.wait_for("document.querySelector('.welcome:not([hidden])') !== null").await;
    assert_eq!(browser.address().await, format!("{}/p/{PROJECT}", gate.url));
    browser.click("page-sidebar nav a").await;
    browser.wait_for(&ended(8)).await;
    assert_eq!(browser.address().await, address);
}

async fn it_fits_the_screens(browser: &Browser) {
    for (width, height) in [(1440, 900), (1024, 768), (500, 844)] {
        browser.resize(width, height).await;
        for theme in ["light", "dark"] {
            browser.run(&format!("document.documentElement.dataset.theme = '{theme}'")).await;
            let overflows = browser.run(OVERFLOWS).await;
            assert_eq!(overflows, json!([]), "at {width} pixels");
            browser.screenshot(&format!("{width}-{theme}")).await;
        }
    }
    browser.resize(1440, 900).await;
}

async fn a_reload_in_the_middle_of_an_answer_shows_each_word_once(browser: &Browser) {
    browser.keys(&format!("stream 80 20{ENTER}")).await;
    browser.wait_for(&says(9, "w5 ")).await;
    browser.reload().await;
    browser.wait_for(&ended(9)).await;
    let answer = browser.content("turn-view[data-turn='9'] answer-text").await;
    assert_eq!(answer, words(80).trim_end());
}

async fn a_crash_of_the_server_loses_nothing(browser: &Browser, gate: &Gate, server: &mut Server) {
    browser.wait_for("document.activeElement.id === 'question'").await;
    // Longer than a slow browser takes to get to the crash.
    browser.keys(&format!("stream 3000 20{ENTER}")).await;
    browser.wait_for(&says(10, "w5 ")).await;
    gate.cut();
    browser
        .wait_for("document.querySelector('.status').textContent.includes('connection is lost')")
        .await;
    browser.keys(&format!("say still here{ENTER}")).await;
    browser.wait_for("document.querySelector('.pending article') !== null").await;
    browser.keys("a draft").await;
    browser.screenshot("reconnecting").await;
    server.crash();
    gate.lead_to(server.address());
    browser.wait_for(&ended(11)).await;
    assert_eq!(browser.content("turn-view[data-turn='11'] answer-text").await, "still here");
    let cut_off = browser.content("turn-view[data-turn='10'] answer-text").await;
    assert!(words(3000).starts_with(&cut_off) && !cut_off.is_empty(), "{cut_off:?}");
    assert!(browser.content("turn-view[data-turn='10'] .end").await.contains("cut off"));
    browser.wait_for("document.querySelector('#question').value === 'a draft'").await;
    // What screen readers were told of the connection does not stay where it is no longer true.
    let told = "document.querySelector('#announcements').textContent";
    browser.wait_for(&format!("{told}.includes('Connected again.')")).await;
    assert!(!browser.content("#announcements").await.contains("connection is lost"));
    // The status line changes only so often.
    let status = "document.querySelector('.status').textContent";
    browser.wait_for(&format!("!{status}.includes('connection')")).await;
    let turns = browser.run("return document.querySelectorAll('turn-view').length").await;
    assert_eq!(turns, json!(12), "the greeting and each question once");
}

/// Notes every length that the answer of the first turn has had on the screen.
const WATCH_GROWTH: &str = "
    window.lengths = [];
    new MutationObserver(() => {
        const text = document.querySelector(\"turn-view[data-turn='1'] answer-text\");
        const length = text?.textContent.length ?? 0;
        if (length > 0 && length !== window.lengths.at(-1)) window.lengths.push(length);
    }).observe(document.querySelector('.turns'), { subtree: true, childList: true, characterData: true });
";

/// What is wider than the place it has.
const OVERFLOWS: &str = "
    return ['html', 'body', 'main', '.scroller', 'question-composer']
        .filter((name) => {
            const element = document.querySelector(name);
            return element.scrollWidth > element.clientWidth;
        });
";

/// Whether a turn has come to its end on the screen.
fn ended(turn: u32) -> String {
    format!("document.querySelector(\"turn-view[data-turn='{turn}'] .end:not([hidden])\") !== null")
}

/// Opens the project's page with a conversation in it.
async fn open(browser: &Browser, server: &Server) {
    browser.goto(&server.url("/p/demo")).await;
    browser.wait_for("document.querySelector('turn-view') !== null").await;
}

/// Asks the lines of an agent's script, and waits for the end of the turn.
async fn ask(browser: &Browser, script: &[&str], turn: u32) {
    browser.keys(&format!("{}{ENTER}", script.join(NEW_LINE))).await;
    browser.wait_for(&ended(turn)).await;
}

/// Whether a turn's answer has come as far as these words.
fn says(turn: u32, words: &str) -> String {
    let text = format!("document.querySelector(\"turn-view[data-turn='{turn}'] answer-text\")");
    format!("{text}?.textContent.includes({})", Value::from(words))
}

/// What the agent says when it streams so many words, as far as a page shows it.
fn words(count: u32) -> String {
    (0..count).map(|word| format!("w{word} ")).collect()
}
