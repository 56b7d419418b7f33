//! The list beside the conversation, folded to icons.

use serde_json::json;

use crate::server::Setup;

use super::{
    ask,
    browser::{Browser, ENTER},
    ended, open,
};

/// Control, B.
const FOLD: &str = "\u{e009}b\u{e009}";

/// Whether the rail is folded, to eyes and to screen readers.
const IS_FOLDED: &str = "document.querySelector('.fold').ariaExpanded === 'false'
    && !document.querySelector('page-sidebar nav').checkVisibility()
    && document.querySelector('page-sidebar').offsetWidth < 64";

#[tokio::test]
async fn the_rail_folds_to_icons_is_remembered_and_unfolds_by_keyboard() {
    let server = Setup::scripted().start();
    let browser = Browser::start().await;
    open(&browser, &server).await;
    ask(&browser, &["say hello"], 1).await;
    browser.wait_for("document.querySelector('conversation-list li') !== null").await;
    browser.wait_for("document.querySelector('.fold').ariaExpanded === 'true'").await;
    browser.click(".fold").await;
    browser.wait_for(IS_FOLDED).await;
    browser.portraits("rail-folded").await;
    for theme in ["light", "dark"] {
        browser.run(&format!("document.documentElement.dataset.theme = '{theme}'")).await;
        browser.audit(&format!("the folded rail, {theme}")).await;
    }
    // Each icon still says what it is.
    let nameless = "return [...document.querySelectorAll('page-sidebar :is(button, a)')].filter((it) => it.checkVisibility() && !(it.ariaLabel ?? it.textContent).trim()).length";
    assert_eq!(browser.run(nameless).await, json!(0));

    browser.reload().await;
    browser.wait_for(&ended(1)).await;
    browser.wait_for(IS_FOLDED).await;
    browser.wait_for("document.activeElement.id === 'question'").await;
    browser.press(FOLD).await;
    browser.wait_for(&format!("!({IS_FOLDED})")).await;
    browser.wait_for("document.activeElement.id === 'question'").await;

    // The focus does not go with what is folded away; the link to the list unfolds it.
    browser.run("document.querySelector('conversation-list a').focus()").await;
    browser.press(FOLD).await;
    browser.wait_for(IS_FOLDED).await;
    browser.wait_for("document.activeElement.matches('.fold')").await;
    browser.run("document.querySelector('.skip[href=\"#sidebar\"]').focus()").await;
    browser.press(ENTER).await;
    browser.wait_for("document.activeElement.matches('conversation-list a')").await;
    browser.wait_for(&format!("!({IS_FOLDED})")).await;
    browser.run("document.activeElement.blur()").await;
    browser.press("?").await;
    browser
        .wait_for(
            "document.querySelector('dialog[open] .keys')?.innerText.includes('fold or unfold')",
        )
        .await;
    browser.click("dialog[open] form button").await;

    // A drawer is whole.
    browser.press(FOLD).await;
    browser.wait_for(IS_FOLDED).await;
    browser.become_phone().await;
    browser.click(".menu").await;
    browser.wait_for("document.querySelector('conversation-list a').checkVisibility({ visibilityProperty: true })").await;
    browser.wait_for("!document.querySelector('.fold').checkVisibility()").await;
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}
