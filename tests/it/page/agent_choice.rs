//! The choice of an agent on the page.

use serde_json::json;

use crate::server::Setup;

use super::{
    browser::{Browser, ENTER},
    ended,
};

const SECOND: &str = "[agents.second]\nkind = \"guide\"\n";

/// Whether the chosen agent, as it is shown, is this one.
fn chosen_is(name: &str) -> String {
    format!("document.querySelector('#agent').value === {}", json!(name))
}

fn facts_say(words: &str) -> String {
    format!("document.querySelector('.facts').textContent === {}", json!(words))
}

/// Whether a question is marked with this; empty for no mark.
fn asked_of(turn: u32, words: &str) -> String {
    let mark = format!("document.querySelector(\"turn-view[data-turn='{turn}'] .asked-of\")");
    format!("({mark}.hidden ? '' : {mark}.textContent) === {}", json!(words))
}

#[tokio::test]
async fn a_person_chooses_an_agent_asks_it_and_finds_it_chosen_after_a_reload() {
    let server = Setup::guide().config(SECOND).start();
    let browser = Browser::start().await;
    browser.goto(&server.url("/p/demo")).await;
    browser.wait_for("document.activeElement.id === 'question'").await;
    browser.wait_for("document.querySelector('#agent').checkVisibility()").await;
    browser.wait_for(&facts_say("built-in guide")).await;
    browser.wait_for(&chosen_is("auto")).await;
    browser.keys(&format!("What is this project?{ENTER}")).await;
    browser.wait_for(&ended(1)).await;
    browser.wait_for(&asked_of(1, "")).await;

    // By its first letters, as a keyboard chooses it.
    browser.press_on("#agent", "sec").await;
    browser.wait_for(&chosen_is("second")).await;
    browser.wait_for(&facts_say("second")).await;
    browser.keys(&format!("What is in README.md?{ENTER}")).await;
    browser.wait_for(&ended(2)).await;
    browser.wait_for(&asked_of(2, "Asked of second")).await;
    browser.wait_for(&chosen_is("second")).await;
    browser.audit("the choice of an agent").await;
    browser.portraits("agent-choice").await;

    browser.reload().await;
    browser.wait_for(&ended(2)).await;
    browser.wait_for(&chosen_is("second")).await;
    browser.wait_for(&facts_say("second")).await;
    browser.wait_for(&asked_of(2, "Asked of second")).await;
    browser.keys(&format!("And what else?{ENTER}")).await;
    browser.wait_for(&ended(3)).await;
    browser.wait_for(&asked_of(3, "")).await;

    // Somebody else goes back to the default.
    let other = Browser::start().await;
    other.goto(&browser.address().await).await;
    other.wait_for(&chosen_is("second")).await;
    other.press_on("#agent", "def").await;
    other.wait_for(&chosen_is("auto")).await;
    other.keys(&format!("Who wrote it?{ENTER}")).await;
    browser.wait_for(&ended(4)).await;
    browser.wait_for(&asked_of(4, "Asked of the default agent")).await;
    browser.wait_for(&chosen_is("auto")).await;
    other.close().await;
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}

#[tokio::test]
async fn where_no_other_agent_is_configured_none_is_offered() {
    let server = Setup::guide().start();
    let browser = Browser::start().await;
    browser.goto(&server.url("/p/demo")).await;
    browser.wait_for(&facts_say("built-in guide")).await;
    let is_offered = browser.run("return document.querySelector('#agent').checkVisibility()").await;
    assert_eq!(is_offered, json!(false));
    browser.close().await;
}
