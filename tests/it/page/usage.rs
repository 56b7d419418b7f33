//! What answers take, on the page: budgets for who asks, history for admins.

use serde_json::json;

use crate::server::Setup;

use super::{
    ask,
    browser::{Browser, ENTER},
    open,
};

/// Whether something is wider than the window.
const OVERFLOWS: &str =
    "return document.documentElement.scrollWidth > document.documentElement.clientWidth";

const NOTICE: &str = "document.querySelector('page-notice').innerText";

#[tokio::test]
async fn a_person_sees_the_budget_is_warned_and_keeps_a_question_that_is_refused() {
    let server = Setup::scripted().config("[budgets]\nproject_tokens = 34\n").start();
    let browser = Browser::start().await;
    open(&browser, &server).await;
    ask(&browser, &["stream 5 0"], 1).await;
    browser.click(".usage summary").await;
    let shown = "document.querySelector('.usage .budget')?.innerText";
    browser.wait_for(&format!("{shown}?.includes('this project has used 15 of 34 tokens')")).await;
    browser.audit("the budget").await;
    browser.screenshot("budget").await;

    // The warning comes with the question that finds the budget nearly used up.
    ask(&browser, &["stream 6 0"], 2).await;
    browser.keys(&format!("stream 1 0{ENTER}")).await;
    browser.wait_for(&format!("{NOTICE}.includes('of 34 tokens')")).await;
    browser.wait_for("document.querySelector(\"turn-view[data-turn='3'] .end\") !== null").await;
    browser.keys(&format!("say kept{ENTER}")).await;
    browser.wait_for("document.body.innerText.includes('is used up: 42 of 34 tokens')").await;
    browser.wait_for("document.querySelector('#question').value === 'say kept'").await;
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}

#[tokio::test]
async fn an_admin_sees_charts_usage_and_who_did_what() {
    let server = Setup::scripted().start();
    let browser = Browser::start().await;
    open(&browser, &server).await;
    ask(&browser, &["say one"], 1).await;
    let deleted = server.request(reqwest::Method::DELETE, "/api/admin/sessions/demo/1").await;
    assert_eq!(deleted.0, 200, "{deleted:?}");
    browser.goto(&server.url("/admin")).await;
    browser.wait_for("document.querySelectorAll('admin-charts svg .point').length === 300").await;
    let charts = "document.querySelector('admin-charts').innerText";
    browser.wait_for(&format!("{charts}.includes('1 answer in the last hour.')")).await;
    browser
        .run(
            "const span = document.querySelector('#chart-span'); span.value = 'month';
              span.dispatchEvent(new Event('change'))",
        )
        .await;
    browser.wait_for(&format!("{charts}.includes('1 answer in the last 30 days.')")).await;

    let row = "document.querySelector('usage-table tbody tr')?.innerText.replace(/\\s+/g, ' ')";
    browser.wait_for(&format!("{row}?.startsWith('demo 1 0 10 0 ')")).await;
    browser.click("#usage-by-agent").await;
    browser.wait_for(&format!("{row}?.startsWith('demo claude 1 0 10 0 ')")).await;
    let address = browser.run("return document.querySelector('usage-table a').href").await;
    let address = address.as_str().unwrap();
    assert!(
        address.contains("by=project%2Cagent") && address.ends_with("&format=csv"),
        "{address}"
    );

    let log = "document.querySelector('action-log ol').innerText";
    browser.wait_for(&format!("{log}.includes('Somebody ended conversation 1 of demo')")).await;
    for theme in ["light", "dark"] {
        browser.run(&format!("document.documentElement.dataset.theme = '{theme}'")).await;
        browser.audit(&format!("admin, what was, {theme}")).await;
        browser.screenshot(&format!("admin-history-{theme}")).await;
    }
    browser.click("#action-words").await;
    browser.press("deleted").await;
    browser.wait_for(&format!("{log} === 'Nothing fits.'")).await;
    browser.become_phone().await;
    assert_eq!(browser.run(OVERFLOWS).await, json!(false));
    browser.audit("admin, what was, on a phone").await;
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}
