//! A group of projects on the page: chosen like a project, its references open files of each member.

use std::fs;

use serde_json::json;

use crate::server::Setup;

use super::{
    browser::{Browser, ENTER},
    ended,
};

const ANSWER: &str = "say The basket is drawn in `web:src/page.ts:2` from what demo:src/pool.rs:1 gives, not in `web:src/gone.ts:3`.";

/// Whether the file is open with this line marked.
fn shows(path: &str, line: u32) -> String {
    format!(
        "(() => {{ const reader = document.querySelector('file-reader');
          return !reader.hidden && reader.querySelector('h2').textContent.startsWith('{path}')
            && reader.querySelector('.cited .gutter')?.textContent === '{line}' }})()"
    )
}

#[tokio::test]
async fn a_group_is_offered_and_its_references_open_the_files_of_each_project() {
    let groups = "[groups]\nplatform = [\"demo\", \"web\"]\n";
    let setup = Setup::scripted().config(groups).project("web");
    for (path, text) in [
        ("project/src/pool.rs", "pub fn evict_idle() {}\n"),
        ("web/src/page.ts", "/** Draws. */\nexport function drawBasket() {}\n"),
    ] {
        let path = setup.files_dir().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let server = setup.start();
    let browser = Browser::start().await;
    browser.goto(&server.url("/")).await;
    let offered = "[...document.querySelectorAll('.project option')].map((it) => it.value)";
    browser.wait_for(&format!("{offered}.includes('platform')")).await;
    let said = "[...document.querySelectorAll('.project option')].map((it) => it.textContent)";
    browser.wait_for(&format!("{said}.includes('platform (demo, web)')")).await;
    browser.goto(&server.url("/p/platform")).await;
    browser.wait_for("document.activeElement.id === 'question'").await;
    browser.keys(ANSWER).await;
    browser.keys(ENTER).await;
    browser.wait_for(&ended(1)).await;
    browser
        .wait_for("document.querySelectorAll('answer-text a.reference[href]').length === 2")
        .await;
    let struck = "return [...document.querySelectorAll('a.reference[data-checked=false]')].map((it) => it.title)";
    assert_eq!(browser.run(struck).await, json!(["web:src/gone.ts:3: there is no such file"]));
    browser.click("a.reference[data-path='web:src/page.ts']").await;
    browser.wait_for(&shows("web:src/page.ts", 2)).await;
    let address = browser.address().await;
    assert!(address.ends_with("?file=web%3Asrc%2Fpage.ts%3A2"), "{address}");
    browser.click("a.reference[data-path='demo:src/pool.rs']").await;
    browser.wait_for(&shows("demo:src/pool.rs", 1)).await;
    browser.goto(&address).await;
    browser.wait_for(&shows("web:src/page.ts", 2)).await;
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}
