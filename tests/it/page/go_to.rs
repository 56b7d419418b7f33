//! Going to a file or a definition by letters of its name, and naming one in a question.

use std::fs;

use serde_json::json;

use crate::server::{Server, Setup, eventually};

use super::browser::{Browser, DOWN, ENTER, ESCAPE, FIND};

/// Control down, P, Control up.
const GO_TO: &str = "\u{e009}p\u{e009}";

const DEEP: &str =
    "src/a/directory/whose/name/is/rather/long/and/goes/on/for/some/time/and/then/on";

/// What is offered, group by group.
const OFFERED: &str = "[...document.querySelectorAll('.search [role=option].place')].map((it) => it.textContent).join('|')";

async fn started() -> (Server, Browser) {
    let setup = Setup::scripted();
    let dir = setup.project_dir();
    fs::create_dir_all(dir.join(DEEP)).unwrap();
    let parser = "//! Parses.\n\npub fn parse_quokka() {}\n\npub struct Quokka;\n";
    fs::write(dir.join("src/parser.rs"), parser).unwrap();
    let long = "the_file_whose_name_is_to_be_seen_whole_whatever_comes.rs";
    fs::write(dir.join(DEEP).join(long), "pub fn a_rather_long_name_of_a_function_to_see() {}\n")
        .unwrap();
    let server = setup.start();
    eventually("the index is built", async || {
        (server.get("/api/projects/demo/symbols").await.0 == 200).then_some(())
    })
    .await;
    let browser = Browser::start().await;
    browser.goto(&server.url("/p/demo")).await;
    browser.wait_for("document.activeElement.id === 'question'").await;
    (server, browser)
}

#[tokio::test]
async fn a_file_or_a_definition_is_gone_to_by_letters_of_its_name() {
    let (_server, browser) = started().await;
    browser.press(GO_TO).await;
    browser.wait_for("document.activeElement.placeholder === 'Go to a file or a definition'").await;
    browser.press("pquok").await;
    browser.wait_for(&format!("{OFFERED} === 'parse_quokkafnsrc/parser.rs:3'")).await;
    browser.press(ENTER).await;
    browser
        .wait_for("document.querySelector('file-reader .cited .gutter')?.textContent === '3'")
        .await;
    browser.press(ESCAPE).await;
    browser.wait_for("document.querySelector('file-reader').hidden").await;

    browser.press(GO_TO).await;
    browser.press("e").await;
    browser
        .wait_for(&format!("{OFFERED}.includes('parser.rs') && {OFFERED}.includes('parse_quokka')"))
        .await;
    browser.wait_for("[...document.querySelectorAll('.search .place .name')].every((it) => it.scrollWidth <= it.clientWidth)").await;
    browser.portraits("go-to").await;
    for theme in ["light", "dark"] {
        browser.run(&format!("document.documentElement.dataset.theme = '{theme}'")).await;
        browser.audit_part(&format!("going to a file, {theme}"), "dialog.search").await;
    }
    let active = "document.querySelector('.search [aria-selected=true]').id
        === document.activeElement.getAttribute('aria-activedescendant')";
    browser.press(DOWN).await;
    browser
        .wait_for(&format!(
            "{active} && document.querySelector('#found-1').ariaSelected === 'true'"
        ))
        .await;
    browser.press("zzzz").await;
    let status = "document.querySelector('.search [role=status]').textContent";
    browser
        .wait_for(&format!("{status}.startsWith('No file or definition matches “ezzzz”')"))
        .await;
    browser.press(GO_TO).await;
    browser.wait_for("!document.querySelector('dialog.search')?.open").await;

    // The search for conversations offers them as well.
    browser.press(FIND).await;
    browser.press("parse").await;
    browser
        .wait_for(&format!("{OFFERED}.includes('parser.rs') && {OFFERED}.includes('parse_quokka')"))
        .await;
    let groups = "return [...document.querySelectorAll('.search h2')].map((it) => it.textContent)";
    assert_eq!(browser.run(groups).await, json!(["Files", "Definitions"]));
    browser.press(ENTER).await;
    browser
        .wait_for(
            "document.querySelector('file-reader h2')?.textContent.startsWith('src/parser.rs')",
        )
        .await;
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}

#[tokio::test]
async fn a_definition_is_named_in_a_question_with_its_place() {
    let (_server, browser) = started().await;
    browser.keys("Why is @#pquok").await;
    browser.wait_for("document.querySelector('file-finder [role=option]')?.textContent === 'src/parser.rs:3 parse_quokka'").await;
    browser.screenshot("mention-definition").await;
    browser.audit("the finder of definitions").await;
    browser.press(ENTER).await;
    browser
        .wait_for("document.querySelector('#question').value === 'Why is parse_quokka (src/parser.rs:3) '")
        .await;
    browser.keys("@#zzzz").await;
    browser.wait_for("document.querySelector('file-finder .note:not([hidden])')?.textContent === 'No definition matches these letters.'").await;
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}
