//! The page below a path of its host.

use serde_json::json;

use crate::server::Setup;

use super::browser::{Browser, ENTER};

#[actix::test]
async fn the_page_works_below_a_path_of_its_host() {
    let server = Setup::scripted().config("[server]\nbase_path = \"/team/guide\"\n").start();
    let browser = Browser::start().await;
    browser.goto(&server.url("/team/guide")).await;
    browser.wait_for("document.activeElement.id === 'question'").await;
    assert_eq!(browser.address().await, server.url("/team/guide/p/demo"));
    browser.keys(&format!("say It is here.{ENTER}")).await;
    browser.wait_for("document.querySelector(\"turn-view[data-turn='1'] answer-text\")?.textContent.includes('It is here.')").await;
    browser.wait_for("location.pathname === '/team/guide/p/demo/1'").await;
    browser.reload().await;
    browser.wait_for("document.querySelector(\"turn-view[data-turn='1'] answer-text\")?.textContent.includes('It is here.')").await;
    let links = browser
        .run("return [...document.querySelectorAll('a[href^=\"/\"]')].map((it) => it.getAttribute('href')).filter((it) => !it.startsWith('/team/guide/'))")
        .await;
    assert_eq!(links, json!([]), "links that lead out of the path");
    browser.goto(&server.url("/team/guide/admin")).await;
    browser.wait_for("document.querySelector('table')?.textContent.includes('demo')").await;
    browser.goto(&server.url("/team/guide/p/demo/1?file=README.md")).await;
    browser
        .wait_for(
            "document.querySelector('file-reader')?.textContent.includes('A project of a test')",
        )
        .await;
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}
