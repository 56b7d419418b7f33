//! The search, links to a turn, and the hint about similar questions.

use serde_json::json;

use crate::server::{Server, Setup};

use super::{
    WHILE_AWAY,
    browser::{Browser, DOWN, ENTER, ESCAPE, FIND, NEW_LINE},
    ended,
    gate::Gate,
};

/// What the field of the search says of what is found.
const STATUS: &str = "document.querySelector('.search [role=status]').textContent";

/// Whether the search is open.
const IS_OPEN: &str = "Boolean(document.querySelector('dialog.search')?.open)";

/// Asks questions whose answers fill a screen each, in a conversation of their own; the first line
/// of each stands for itself.
async fn ask_at_length(browser: &Browser, lines: &[&str]) {
    for (line, turn) in lines.iter().zip(1..) {
        let filling = format!(r"say {}", r"A line of the answer.\n\n".repeat(14));
        browser.keys(&[*line, &filling].join(NEW_LINE)).await;
        browser.keys(ENTER).await;
        browser.wait_for(&ended(turn)).await;
    }
}

/// Whether a turn begins at the top of what is seen, and is marked.
fn is_shown(turn: u32) -> String {
    format!(
        "(() => {{
            const turn = document.querySelector('turn-view[data-marked]');
            const top = document.querySelector('.scroller').getBoundingClientRect().top;
            return turn?.dataset.turn === '{turn}' && Math.abs(turn.getBoundingClientRect().top - top) < 40;
        }})()"
    )
}

async fn opened(server: &Server) -> Browser {
    let browser = Browser::start().await;
    browser.goto(&server.url("/p/demo")).await;
    browser.wait_for("document.activeElement.id === 'question'").await;
    browser
}

#[tokio::test]
async fn what_was_said_is_found_by_keyboard_and_shown_where_it_stands() {
    let server = Setup::scripted().env("CICERONE_ACCESS_HOSTS", "127.0.0.1").start();
    let gate = Gate::open(server.address()).await;
    let browser = Browser::start().await;
    browser.goto(&format!("{}/p/demo", gate.url)).await;
    browser.wait_for("document.activeElement.id === 'question'").await;
    let hostile = r#"say <img src=x onerror="window.hurt = 1"> is hostile."#;
    ask_at_length(&browser, &["say One.", "say The quokka hops.", hostile, "say Four."]).await;
    browser.press("\u{e009}\u{e008}o\u{e008}\u{e009}").await;
    browser.wait_for("location.pathname === '/p/demo'").await;
    browser.wait_for("document.querySelectorAll('conversation-list li').length === 1").await;

    browser.press(FIND).await;
    browser.wait_for(IS_OPEN).await;
    browser.wait_for("document.activeElement.role === 'combobox'").await;
    browser.wait_for("document.querySelector('.search h2').textContent === 'Recent'").await;
    browser.press("quok").await;
    browser.wait_for("document.querySelectorAll('.search mark').length === 2").await;
    assert_eq!(browser.content(".search mark").await, "quokka");
    browser.portraits("search").await;
    browser.audit("the search").await;
    let active = "document.querySelector('[aria-selected=true]').id
        === document.activeElement.getAttribute('aria-activedescendant')";
    browser.wait_for(active).await;
    browser.press(DOWN).await;
    browser.wait_for("document.querySelector('#found-1').ariaSelected === 'true'").await;
    browser.press(DOWN).await;
    browser.wait_for("document.querySelector('#found-0').ariaSelected === 'true'").await;
    browser.press(ENTER).await;
    browser.wait_for(&is_shown(2)).await;
    browser.wait_for(&format!("!{IS_OPEN} && location.hash === '#turn-2'")).await;

    // A hit in the conversation that is open leads there as well.
    browser.press(FIND).await;
    browser.press("hostile").await;
    browser.wait_for("document.querySelector('.search .snippet') !== null").await;
    assert!(browser.content(".search .snippet").await.contains("<img src=x"));
    assert_eq!(
        browser.run("return document.querySelectorAll('.search img').length").await,
        json!(0)
    );
    browser.press(ENTER).await;
    browser.wait_for(&is_shown(3)).await;
    browser.run("history.back()").await;
    browser.wait_for(&is_shown(2)).await;

    browser.press(FIND).await;
    browser.press("wombat").await;
    browser.wait_for(&format!("{STATUS}.includes('Nothing matches “wombat”')")).await;
    browser.press(ESCAPE).await;
    browser.wait_for(&format!("!{IS_OPEN}")).await;
    browser.assert_no_complaints(&[]).await;

    browser.press(FIND).await;
    gate.cut();
    browser.press("quokka").await;
    browser.wait_for(&format!("{STATUS}.includes('could not be searched')")).await;
    browser.screenshot("search-failed").await;
    browser.assert_no_complaints(&WHILE_AWAY).await;
    browser.close().await;
}

#[tokio::test]
async fn on_a_phone_the_search_opens_from_the_drawer_and_a_tap_leads_to_the_turn() {
    let server = Server::start();
    let browser = opened(&server).await;
    ask_at_length(&browser, &["say The quokka hops.", "say Two.", "say Three."]).await;
    browser.resize(500, 844).await;
    browser.wait_for("document.querySelector('page-sidebar').inert").await;
    browser.click(".menu").await;
    browser.wait_for("!document.querySelector('page-sidebar').inert").await;
    browser.click(".find").await;
    browser.wait_for(IS_OPEN).await;
    browser.press("quokka hops").await;
    browser.wait_for("document.querySelector('.search .snippet') !== null").await;
    browser.wait_for("document.querySelector('dialog.search').offsetWidth === innerWidth").await;
    browser.screenshot("search-phone").await;
    browser.click(".search .snippet").await;
    browser.wait_for(&is_shown(1)).await;
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}

#[tokio::test]
async fn a_link_to_a_turn_opens_there_and_stays_there_until_the_person_moves() {
    let server = Server::start();
    let browser = opened(&server).await;
    ask_at_length(&browser, &["say One.", "say Two.", "say Three.", "say Four."]).await;
    let address = browser.address().await;
    browser.goto("about:blank").await;
    browser.goto(&format!("{address}#turn-2")).await;
    browser.wait_for(&ended(4)).await;
    browser.wait_for(&is_shown(2)).await;
    // The window changes, and what was asked for is still what is seen.
    browser.resize(700, 700).await;
    browser.wait_for(&is_shown(2)).await;

    browser.run("navigator.clipboard.writeText = async (text) => { window.copied = text; }").await;
    browser.run("document.querySelector(\"turn-view[data-turn='3'] .tools [title^='Copy a link']\").click()").await;
    browser.wait_for("document.querySelector('.message').checkVisibility()").await;
    assert_eq!(browser.run("return window.copied").await, json!(format!("{address}#turn-3")));

    browser.goto(&format!("{address}#turn-9")).await;
    browser
        .wait_for("document.querySelector('.message').textContent.includes('no such turn')")
        .await;
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}

/// What the line above the composer says.
const HINT: &str = r"document.querySelector('similar-hint').innerText.replace(/\s+/g, ' ').trim()";

#[tokio::test]
async fn who_asks_a_similar_question_is_led_to_the_answer() {
    let server = Server::start();
    let browser = opened(&server).await;
    let question = "say Sockets are closed by the viewer";
    browser.keys(&format!("{question}{ENTER}")).await;
    browser.wait_for(&ended(1)).await;
    for turn in 2..4 {
        let long = r"A line of another answer.\n\n".repeat(14);
        browser.keys(&format!("say {long}{ENTER}")).await;
        browser.wait_for(&ended(turn)).await;
    }
    let address = browser.address().await;
    browser.press("\u{e009}\u{e008}o\u{e008}\u{e009}").await;
    browser.wait_for("location.pathname === '/p/demo'").await;
    browser.keys("Are sockets of a viewer clos").await;
    browser.wait_for(&format!("{HINT}.includes('say Sockets are closed')")).await;
    browser.wait_for("document.activeElement.id === 'question'").await;
    for (width, theme) in [(1440, "light"), (1440, "dark"), (500, "light")] {
        browser.resize(width, 844).await;
        browser.run(&format!("document.documentElement.dataset.theme = '{theme}'")).await;
        browser.screenshot(&format!("similar-hint-{width}-{theme}")).await;
    }
    browser.audit("similar question").await;
    browser.resize(1440, 900).await;
    // By keyboard: the line stands before the field.
    browser.press("\u{e008}\u{e004}\u{e008}").await;
    browser.wait_for("document.activeElement.matches('similar-hint a')").await;
    browser.press(ENTER).await;
    browser.wait_for(&is_shown(1)).await;
    assert_eq!(browser.address().await, format!("{address}#turn-1"));
    // What was typed waits where it was typed.
    browser.run("history.back()").await;
    browser.wait_for("document.querySelector('#question').value.startsWith('Are sockets')").await;
    browser.run("document.querySelector('#question').select()").await;
    browser.keys("How do wombats sleep at night").await;
    browser.wait_for(&format!("{HINT} === ''")).await;
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}
