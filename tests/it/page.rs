//! The page, as a person uses it: in a real browser, in front of the real server.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};
use tempfile::TempDir;

use browser::Browser;
use server::Server;

use crate::peers;

mod browser;
mod server;

const QUESTION: &str = "Where is parse_quokka defined?";

/// What the test itself brings about by killing the server, and Chromium reports as an error.
const EXPECTED_WHILE_AWAY: [&str; 3] =
    ["WebSocket connection to", "ERR_CONNECTION_REFUSED", "net::ERR_"];

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
async fn a_person_asks_reloads_and_comes_back() {
    let project = project();
    let data = tempfile::tempdir().unwrap();
    let mut server = Server::start(project.path(), data.path(), 0);
    let browser = Browser::start().await;

    // An empty conversation teaches.
    browser.goto(&server.url).await;
    browser
        .wait_for("document.querySelectorAll('.welcome:not([hidden]) li button').length === 3")
        .await;
    browser.wait_for("document.activeElement.id === 'question'").await;
    browser.screenshot("empty").await;

    // The answer streams in, with what the agent did, and ends.
    browser.run(WATCH_GROWTH).await;
    browser.keys(QUESTION).await;
    browser.keys("\u{e007}").await;
    browser.wait_for("document.querySelector('#question').value === ''").await;
    browser.wait_for(&ended(1)).await;
    let answer = browser.text("turn-view[data-turn='1']").await;
    assert!(answer.contains(QUESTION), "{answer}");
    assert!(answer.contains("src/parser.rs"), "{answer}");
    let lengths = browser.run("return window.lengths").await;
    let seen = lengths.as_array().map_or(0, Vec::len);
    assert!(seen > 1, "the answer came at once and did not stream: {lengths}");
    let calls = browser.run("return document.querySelectorAll('tool-call').length").await;
    assert!(calls.as_i64() > Some(0), "no tool call is shown");
    browser.wait_for("document.querySelector('.status').textContent === ''").await;
    browser.screenshot("answered").await;

    // It has an address, and a reload shows the same again.
    let address = browser.address().await;
    assert!(address.starts_with(&format!("{}/p/quokka/", server.url)), "{address}");
    browser.wait_for("document.querySelector('nav a[aria-current=page]') !== null").await;
    browser.keys("not sent yet").await;
    browser.reload().await;
    browser.wait_for(&ended(1)).await;
    assert_eq!(browser.text("turn-view[data-turn='1']").await, answer);
    browser.wait_for("document.querySelector('#question').value === 'not sent yet'").await;

    // A new conversation is another one; the list leads back.
    browser.click(".new").await;
    browser.wait_for("document.querySelector('.welcome:not([hidden])') !== null").await;
    assert_eq!(browser.address().await, format!("{}/p/quokka", server.url));
    browser.wait_for("document.querySelector('#question').value === ''").await;
    browser.click("project-rail nav a").await;
    browser.wait_for(&ended(1)).await;
    assert_eq!(browser.address().await, address);

    browser.assert_no_complaints(&[]).await;

    // A question that is asked while the server is away is answered when it is back.
    server.kill();
    browser
        .wait_for("document.querySelector('.status').textContent.includes('connection is gone')")
        .await;
    browser.run("document.querySelector('#question').select()").await;
    browser.keys("What does the README say?\u{e007}").await;
    browser.wait_for("document.querySelector('.pending article') !== null").await;
    browser.screenshot("reconnecting").await;
    let server = Server::start(project.path(), data.path(), server.port);
    browser.wait_for(&ended(2)).await;
    browser.wait_for("document.querySelector('.pending article') === null").await;
    assert_eq!(browser.text("turn-view[data-turn='1']").await, answer);
    let asked = browser.run("return document.querySelectorAll('turn-view').length").await;
    assert_eq!(asked, json!(3), "the greeting and each question once");
    browser.assert_no_complaints(&EXPECTED_WHILE_AWAY).await;

    // It fits the screens that people have, in both themes.
    for (width, height) in [(1440, 900), (1024, 768), (640, 800)] {
        browser.resize(width, height).await;
        for theme in ["light", "dark"] {
            browser.run(&format!("document.documentElement.dataset.theme = '{theme}'")).await;
            let overflow = "document.documentElement.scrollWidth > innerWidth \
                || document.querySelector('main').scrollWidth > document.querySelector('main').clientWidth";
            let overflows = browser.run(&format!("return {overflow}")).await;
            assert_eq!(overflows, Value::Bool(false), "at {width} pixels");
            browser.screenshot(&format!("{width}-{theme}")).await;
        }
    }
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
    drop(server);
}

/// Notes every length that the newest answer has had on the screen.
const WATCH_GROWTH: &str = "
    window.lengths = [];
    new MutationObserver(() => {
        const length = document.querySelector(\"turn-view[data-turn='1'] answer-text\")?.textContent.length ?? 0;
        if (length > 0 && length !== window.lengths.at(-1)) window.lengths.push(length);
    }).observe(document.querySelector('.turns'), { subtree: true, childList: true, characterData: true });
";

/// Whether a turn has come to its end on the screen.
fn ended(turn: u32) -> String {
    format!(
        "document.querySelector(\"turn-view[data-turn='{turn}'] .end:not([hidden])\")?.textContent > ''"
    )
}

/// A small project with something to find.
fn project() -> TempDir {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("quokka");
    fs::create_dir_all(dir.join("src")).unwrap();
    fs::write(dir.join("README.md"), "# Quokka\n\nReads quokka files and counts their lines.\n")
        .unwrap();
    fs::write(
        dir.join("src/main.rs"),
        "mod parser;\n\nfn main() {\n    parser::parse_quokka(\"\");\n}\n",
    )
    .unwrap();
    fs::write(
        dir.join("src/parser.rs"),
        "//! Parses quokka files.\n\n/// Counts the lines.\npub fn parse_quokka(input: &str) -> usize {\n    input.lines().count()\n}\n",
    )
    .unwrap();
    root
}
