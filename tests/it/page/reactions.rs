//! What people say of an answer, on the page: by keyboard, on a phone, and seen by the others.

use serde_json::json;

use crate::server::Setup;

use super::{
    OVERFLOWS, ask,
    browser::{Browser, ENTER, ESCAPE, RIGHT, TAB},
    open,
    sharing::{Proxy, team},
};

/// A button of the first answer.
fn button(word: &str) -> String {
    format!(
        "[...document.querySelectorAll(\"turn-view[data-turn='1'] answer-reactions button\")].find((it) => it.textContent.startsWith('{word}'))"
    )
}

fn says(word: &str, text: &str, is_pressed: bool) -> String {
    let button = button(word);
    format!("{button}?.textContent === '{text}' && {button}.ariaPressed === '{is_pressed}'")
}

const REASONS: &str = "document.querySelector('answer-reactions .reasons')?.innerText";

#[tokio::test]
async fn an_answer_is_called_useful_or_wrong_by_keyboard_and_others_see_it() {
    let server = team();
    let (for_ana, for_ben) = (Proxy::of(&server, "ana").await, Proxy::of(&server, "ben").await);
    let ana = Browser::start().await;
    ana.goto(&format!("{}/p/demo", for_ana.url)).await;
    ana.wait_for("document.activeElement.id === 'question'").await;
    ana.keys(&format!("say the quokka hops{ENTER}")).await;
    ana.wait_for(&says("Useful", "Useful", false)).await;
    let ben = Browser::start().await;
    ben.goto(&ana.address().await.replace(&for_ana.url, &for_ben.url)).await;
    ben.become_phone().await;
    ben.wait_for(&says("Wrong", "Wrong", false)).await;

    ana.run(&format!("{}.focus()", button("Useful"))).await;
    ana.press(ENTER).await;
    ana.wait_for(&says("Useful", "Useful · 1", true)).await;
    ben.wait_for(&says("Useful", "Useful · 1", false)).await;

    // Beside it is the other button; with it comes a field for the reason.
    ana.press(RIGHT).await;
    ana.press(ENTER).await;
    ana.wait_for("document.activeElement.matches('answer-reactions input')").await;
    ana.wait_for(&says("Wrong", "Wrong · 1", true)).await;
    ana.wait_for(&says("Useful", "Useful", false)).await;
    for theme in ["light", "dark"] {
        ana.run(&format!("document.documentElement.dataset.theme = '{theme}'")).await;
        ana.audit(&format!("a reason is asked for, {theme}")).await;
        ana.screenshot(&format!("reaction-{theme}")).await;
    }
    ana.press(&format!("it <b>sleeps</b>{ENTER}")).await;
    ana.wait_for(&format!("{REASONS} === 'ana finds it wrong: it <b>sleeps</b>'")).await;
    ana.wait_for(&format!("document.activeElement === {}", button("Wrong"))).await;
    ben.wait_for(&format!("{REASONS}?.includes('it <b>sleeps</b>')")).await;
    assert_eq!(ben.run(OVERFLOWS).await, json!([]));
    let small = "return [...document.querySelectorAll('answer-reactions button')].filter((it) => it.checkVisibility() && it.offsetHeight < 44).length";
    assert_eq!(ben.run(small).await, json!(0));
    ben.audit("a reason of another person on a phone").await;
    ben.screenshot("reaction-phone").await;

    // It is there after a reload, and goes when it is taken back.
    ana.reload().await;
    ana.wait_for(&says("Wrong", "Wrong · 1", true)).await;
    ana.run(&format!("{}.focus()", button("Wrong"))).await;
    ana.press(ENTER).await;
    ana.wait_for(&says("Wrong", "Wrong", false)).await;
    ben.wait_for(&says("Wrong", "Wrong", false)).await;
    ben.wait_for("document.querySelector('answer-reactions .reasons').hidden").await;
    ana.assert_no_complaints(&[]).await;
    ana.close().await;
    ben.close().await;
}

const NOTES: &str = "document.querySelector('dialog[open] .notes')?.innerText";

#[tokio::test]
async fn an_answer_is_kept_as_a_note_found_again_and_opened_at_its_turn() {
    let setup = Setup::scripted();
    std::fs::write(setup.project_dir().join("quokka.rs"), "fn hop() {}\n").unwrap();
    let server = setup.start();
    let browser = Browser::start().await;
    open(&browser, &server).await;
    browser.click(".open-notes").await;
    browser
        .wait_for(
            "document.querySelector('dialog[open]')?.innerText.includes('There are no notes yet.')",
        )
        .await;
    browser.audit("no notes").await;
    browser.press(ESCAPE).await;
    browser.wait_for("document.querySelector('dialog') === null").await;
    ask(&browser, &["say the quokka **hops**, see `quokka.rs:1`"], 1).await;
    browser.wait_for(&says("Keep", "Keep as note", false)).await;
    browser.run(&format!("{}.focus()", button("Keep"))).await;
    browser.press(ENTER).await;
    browser.wait_for(&says("Keep", "Keep as note", true)).await;
    browser.wait_for(&format!("{REASONS} === 'Kept as a note'")).await;
    browser.portraits("kept").await;

    let address = browser.address().await;
    browser.goto(&server.url("/p/demo")).await;
    browser.wait_for("document.activeElement.id === 'question'").await;
    let newest = "document.querySelector('.newest:not([hidden])')?.innerText";
    browser.wait_for(&format!("{newest}?.includes('the quokka **hops**')")).await;
    browser.audit("the newest notes").await;
    browser.portraits("first-notes").await;
    browser.click(".open-notes").await;
    browser.wait_for(&format!("{NOTES}?.includes('the quokka hops, see quokka.rs:1')")).await;
    browser.wait_for(&format!("{NOTES}.includes('what it cites is unchanged')")).await;
    for theme in ["light", "dark"] {
        browser.run(&format!("document.documentElement.dataset.theme = '{theme}'")).await;
        browser.audit(&format!("notes, {theme}")).await;
        browser.screenshot(&format!("notes-{theme}")).await;
    }
    browser.press("wombat").await;
    browser.wait_for("document.querySelector('dialog[open]').innerText.includes('No note matches “wombat”.')").await;
    browser.run("const field = document.querySelector('dialog[open] input'); field.select()").await;
    std::fs::write(server.project_dir().join("quokka.rs"), "fn sleep() {}\n").unwrap();
    browser.press("quokka").await;
    browser.wait_for(&format!("{NOTES}?.includes('all that it cites has changed since')")).await;
    browser.press(TAB).await;
    browser.press(TAB).await;
    browser.wait_for("document.activeElement.matches('.notes a')").await;
    browser.press(ENTER).await;
    browser
        .wait_for("document.querySelector(\"turn-view[data-turn='1'][data-marked]\") !== null")
        .await;
    assert_eq!(browser.address().await.split('#').next(), address.split('#').next());

    // On a phone it is removed again.
    browser.become_phone().await;
    browser.click(".menu").await;
    // The drawer takes a moment to come.
    let is_there =
        "document.querySelector('.open-notes').checkVisibility({ visibilityProperty: true })";
    browser.wait_for(is_there).await;
    browser.click(".open-notes").await;
    browser.wait_for(&format!("{NOTES}?.includes('quokka')")).await;
    assert_eq!(browser.run(OVERFLOWS).await, json!([]));
    browser.audit("notes on a phone").await;
    browser.screenshot("notes-phone").await;
    browser.click(".notes .about button").await;
    browser
        .wait_for(
            "document.querySelector('dialog[open]').innerText.includes('There are no notes yet.')",
        )
        .await;
    browser.wait_for(&says("Keep", "Keep as note", false)).await;
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}

#[tokio::test]
async fn the_reason_may_be_left_out_and_what_is_wrong_is_told_on_the_admin_page() {
    let server = Setup::scripted().start();
    let browser = Browser::start().await;
    open(&browser, &server).await;
    ask(&browser, &["say the quokka hops"], 1).await;
    browser.wait_for(&says("Wrong", "Wrong", false)).await;
    browser.run(&format!("{}.click()", button("Wrong"))).await;
    browser.wait_for("document.activeElement.matches('answer-reactions input')").await;
    browser.press(ESCAPE).await;
    browser.wait_for("document.querySelector('answer-reactions form').hidden").await;
    browser.wait_for(&says("Wrong", "Wrong · 1", true)).await;
    browser.goto(&server.url("/admin")).await;
    let told = "document.querySelector('wrong-answers')?.innerText";
    browser.wait_for(&format!("{told}?.includes('0 useful, 1 wrong')")).await;
    browser.wait_for(&format!("{told}.includes('No reason was given.')")).await;
    browser.audit("admin, a wrong answer").await;
    browser.screenshot("admin-wrong").await;
    browser.click("wrong-answers a").await;
    browser
        .wait_for("document.querySelector(\"turn-view[data-turn='1'][data-marked]\") !== null")
        .await;
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}
