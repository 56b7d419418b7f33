//! The page in a browser, before a cluster that loses the node it talks to.

use super::{
    fronts::{Front, haproxy},
    nats::Nats,
};
use crate::{
    page::browser::{Browser, ENTER},
    proxies::HOST,
    screen::Screen,
    server::PROJECT,
};

/// The text of an answer on the page.
fn answer(turn: u32) -> String {
    format!("document.querySelector(\"turn-view[data-turn='{turn}'] answer-text\")?.textContent")
}

#[actix::test]
async fn the_page_survives_the_loss_of_its_node_and_nothing_is_lost_doubled_or_retyped() {
    let nats = Nats::start().await;
    let mut front = Front::start(&nats, haproxy).await;
    let port = front.proxy.port();
    let browser = Browser::start_with(&[
        format!("--host-resolver-rules=MAP {HOST} 127.0.0.1"),
        "--ignore-certificate-errors".to_owned(),
    ])
    .await;
    let url = |path: &str| format!("https://{HOST}:{port}{path}");
    browser.goto(&url(&format!("/login?next=/p/{PROJECT}"))).await;
    browser.wait_for("document.activeElement?.id === 'token'").await;
    browser.press_on("#token", &format!("viewer-0123456789{ENTER}")).await;
    browser.wait_for("document.activeElement?.id === 'question'").await;
    browser.keys(&format!("say before{ENTER}")).await;
    browser.wait_for(&format!("{}?.includes('before')", answer(1))).await;
    browser.keys(&format!("stream 100000 20{ENTER}")).await;
    browser.wait_for(&format!("{}?.length > 100", answer(2))).await;
    // What is being written when the node goes stays in the field.
    browser.keys("say af").await;
    front.owner().0.kill();
    browser.keys("ter").await;
    browser.wait_for("document.querySelector('#question').value === 'say after'").await;
    browser
        .wait_for("document.querySelector(\"turn-view[data-turn='2']\").textContent.includes('was cut off')")
        .await;
    browser.screenshot("cluster-node-lost").await;
    browser.keys(ENTER).await;
    browser.wait_for(&format!("{}?.includes('after')", answer(3))).await;
    let shown = "[...document.querySelectorAll('turn-view')].map((it) => it.dataset.turn).join()";
    browser.wait_for(&format!("{shown} === '0,1,2,3'")).await;
    let address = browser.address().await;
    let conversation: i64 = address.rsplit('/').next().unwrap().parse().unwrap();
    let stored = Screen::stored(front.owner().0, conversation);
    assert_eq!(stored.ends(), 4, "{stored:?}");
    let on_page = browser.content("turn-view[data-turn='2'] answer-text").await;
    assert_eq!(on_page.trim(), stored.answer(2).trim());
    browser.reload().await;
    browser.wait_for(&format!("{shown} === '0,1,2,3'")).await;
    browser.close().await;
}
