//! The admin page: live figures, and closing sessions.

use serde_json::{Value, json};

use crate::{
    client::Client,
    server::{Server, Setup, eventually},
};

use super::{
    WHILE_AWAY,
    browser::{Browser, DOWN, ENTER, ESCAPE, UP},
    gate::Gate,
};

/// Rows of conversations.
const ROWS: &str = "document.querySelectorAll('sessions-table tbody tr:not(.project)')";

/// What is wider than the window.
const OVERFLOWS: &str =
    "return document.documentElement.scrollWidth > document.documentElement.clientWidth";

async fn said(server: &Server, question: &str) -> Client {
    let mut client = server.connect().await;
    client.start().await;
    client.ask(question).await;
    client
}

/// Whether a row's cell says so.
fn cell(row: usize, name: &str, text: &str) -> String {
    format!(
        "{ROWS}[{row}]?.querySelector('[data-name={}]')?.textContent === {}",
        Value::from(name),
        Value::from(text)
    )
}

async fn opened(server: &Server) -> Browser {
    let browser = Browser::start().await;
    browser.goto(&server.url("/admin")).await;
    browser
}

#[tokio::test]
async fn an_admin_sees_what_goes_on_and_closes_it_by_keyboard() {
    let server = Server::start();
    let browser = opened(&server).await;
    browser.wait_for("document.querySelector('#empty').checkVisibility()").await;
    browser.wait_for("document.querySelector('#server').innerText.includes('proved')").await;
    assert!(browser.run("return document.querySelector('git-projects').hidden").await == true);
    browser.audit("admin, empty").await;

    let mut first = said(&server, "say short").await;
    first.turn().await;
    browser.wait_for(&format!("{ROWS}.length === 1 && {}", cell(0, "State", "idle"))).await;
    browser.wait_for(&cell(0, "Viewers", "1")).await;

    // What is looked at stays while the page looks again.
    browser.run(&format!("window.row = {ROWS}[0]; row.querySelector('button').focus();")).await;
    browser.run("getSelection().selectAllChildren(row.querySelector('a'))").await;
    let mut second = said(&server, "stream 100000 20").await;
    second.until("text").await;
    browser.wait_for(&format!("{ROWS}.length === 2")).await;
    browser.wait_for(&cell(1, "State", "running, turn 1")).await;
    let kept = "return row.isConnected && row.contains(document.activeElement)
        && getSelection().toString() === 'say short'";
    assert_eq!(browser.run(kept).await, json!(true), "the focus or the selection is lost");

    // Escape thinks again; the button that has the focus closes.
    browser.run(&format!("{ROWS}[1].querySelector('button').focus()")).await;
    browser.press(ENTER).await;
    browser.wait_for("document.querySelector('dialog[open]') !== null").await;
    browser.screenshot("admin-close").await;
    browser.press(ESCAPE).await;
    browser.wait_for("document.querySelector('dialog[open]') === null").await;
    browser.press(ENTER).await;
    browser.wait_for("document.querySelector('dialog[open]') !== null").await;
    browser.run("document.querySelector('dialog .danger').focus()").await;
    browser.press(ENTER).await;
    browser.wait_for(&format!("{ROWS}.length === 1 || {}", cell(1, "Agent", "none"))).await;
    let (_, sessions) = server.get("/api/admin/sessions").await;
    let agents = sessions[0]["conversations"].as_array().unwrap();
    assert_eq!(agents.iter().filter(|it| !it["agent"].is_null()).count(), 1, "{sessions}");

    browser.click(".project button").await;
    browser.wait_for("document.querySelector('dialog[open]') !== null").await;
    browser.click("dialog .danger").await;
    browser.wait_for("document.querySelector('#empty').checkVisibility()").await;
    browser.wait_for("document.activeElement === document.querySelector('h1')").await;
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}

#[tokio::test]
async fn the_table_is_filtered_by_keyboard_and_says_how_much_is_left() {
    let server = Server::start();
    let mut clients = Vec::new();
    for question in ["say quokka", "say wombat", "say quokka and wombat"] {
        let mut client = said(&server, question).await;
        client.turn().await;
        clients.push(client);
    }
    let browser = opened(&server).await;
    browser.wait_for(&format!("{ROWS}.length === 3")).await;
    let says = |text: &str| {
        format!("document.querySelector('sessions-table output').textContent === '{text}'")
    };
    browser.wait_for(&says("")).await;
    browser.click("#session-words").await;
    browser.press("WOMB demo").await;
    browser.wait_for(&format!("{ROWS}.length === 2 && {}", says("2 of 3 conversations"))).await;
    // What is not shown is not closed with the rest.
    assert_eq!(browser.run("return document.querySelector('.project button')").await, json!(null));
    browser.press(DOWN).await;
    browser.wait_for("document.activeElement.matches('sessions-table tbody a')").await;
    for theme in ["light", "dark"] {
        browser.run(&format!("document.documentElement.dataset.theme = '{theme}'")).await;
        browser.audit(&format!("a filtered table, {theme}")).await;
    }
    browser.press(UP).await;
    browser.wait_for("document.activeElement.id === 'session-words'").await;
    // The page looks again meanwhile.
    let as_of = browser.content("#asof").await;
    browser.wait_for(&format!("document.querySelector('#asof').textContent !== '{as_of}'")).await;
    assert_eq!(browser.run(&format!("return {ROWS}.length")).await, json!(2));
    browser.press(" nothing").await;
    browser.wait_for(&format!("{ROWS}.length === 0 && {}", says("No conversation fits."))).await;
    browser.become_phone().await;
    assert_eq!(browser.run(OVERFLOWS).await, json!(false));
    let height = browser.run("return document.querySelector('#session-words').offsetHeight").await;
    assert!(height.as_u64().is_some_and(|height| height >= 44), "{height}");
    browser.screenshot("admin-filter-phone").await;
    browser.press(ESCAPE).await;
    browser.wait_for(&format!("{ROWS}.length === 3 && {}", says(""))).await;
    browser.wait_for("document.querySelector('.project button')?.checkVisibility()").await;
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}

#[tokio::test]
async fn thirty_conversations_fit_every_screen_in_both_themes() {
    let limits = "[limits]\nagents = 30\nagents_per_project = 30\n";
    let server = Setup::scripted().config(limits).start();
    let mut clients = Vec::new();
    for n in 0..30 {
        let question = match n % 3 {
            0 => "say What does the sandbox forbid to an agent, and how is that proved in the end?",
            1 => "stream 100000 50",
            _ => "error it broke",
        };
        clients.push(said(&server, question).await);
    }
    let browser = opened(&server).await;
    browser.wait_for(&format!("{ROWS}.length === 30")).await;
    eventually("all have an agent", async || {
        let (_, list) = server.get("/api/admin/sessions").await;
        let conversations = list[0]["conversations"].as_array()?;
        conversations.iter().all(|it| it["agent"]["pid"].is_u64()).then_some(())
    })
    .await;
    browser
        .wait_for("document.querySelector('#server').innerText.includes('30 of 30 running')")
        .await;
    for (width, height) in [(1440, 1000), (1024, 768), (500, 844)] {
        browser.resize(width, height).await;
        for theme in ["light", "dark"] {
            browser.run(&format!("document.documentElement.dataset.theme = '{theme}'")).await;
            assert_eq!(browser.run(OVERFLOWS).await, json!(false), "at {width} pixels");
            browser.screenshot(&format!("admin-{width}-{theme}")).await;
            browser.audit(&format!("admin, {width}, {theme}")).await;
        }
    }
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}

#[tokio::test]
async fn the_page_keeps_what_it_knows_while_the_server_is_away() {
    let server = Setup::scripted().env("CICERONE_ACCESS_HOSTS", "127.0.0.1").start();
    let gate = Gate::open(server.address()).await;
    let _client = said(&server, "say short").await;
    let browser = Browser::start().await;
    browser.goto(&format!("{}/admin", gate.url)).await;
    browser.wait_for(&format!("{ROWS}.length === 1")).await;
    gate.cut();
    browser
        .wait_for("document.querySelector('#problem').textContent.includes('cannot be reached')")
        .await;
    assert_eq!(browser.run(&format!("return {ROWS}.length")).await, json!(1));
    gate.lead_to(server.address());
    browser.wait_for("document.querySelector('#problem').hidden").await;
    browser.assert_no_complaints(&WHILE_AWAY).await;
    browser.close().await;
}

#[tokio::test]
async fn only_an_admin_is_shown_the_way_and_the_page() {
    let server = Setup::scripted()
        .env("CICERONE_VIEWER_TOKEN", "viewer-0123456789")
        .env("CICERONE_ADMIN_TOKEN", "admin-0123456789")
        .start();
    let browser = opened(&server).await;
    browser.wait_for("document.activeElement?.id === 'token'").await;
    assert!(browser.address().await.ends_with("/login?next=%2Fadmin"));
    let log_in = async |token: &str| {
        browser.run(&format!("document.querySelector('#token').value = '{token}'")).await;
        browser.run("document.querySelector('#login').requestSubmit()").await;
    };
    log_in("viewer-0123456789").await;
    browser
        .wait_for("document.querySelector('#problem')?.textContent.includes('for admins')")
        .await;
    browser.goto(&server.url("/p/demo")).await;
    let admin =
        "[...document.querySelectorAll('.foot a')].find((it) => it.textContent === 'Admin')";
    let can_leave = "[...document.querySelectorAll('.foot button')].some((it) => it.textContent === 'Log out' && !it.hidden)";
    browser.wait_for(can_leave).await;
    assert_eq!(browser.run(&format!("return {admin}.hidden")).await, json!(true));

    browser.goto(&server.url("/login?next=/p/demo")).await;
    browser.wait_for("document.activeElement?.id === 'token'").await;
    log_in("admin-0123456789").await;
    browser
        .wait_for(&format!("location.pathname === '/p/demo' && {admin}?.hidden === false"))
        .await;
    browser.run(&format!("{admin}.click()")).await;
    browser.wait_for("location.pathname === '/admin'").await;
    browser.wait_for("document.querySelector('#server')?.checkVisibility()").await;
    browser.click("header a").await;
    browser.wait_for("location.pathname.startsWith('/p/demo')").await;
    browser.assert_no_complaints(&["401", "403", "WebSocket connection to"]).await;
    browser.close().await;
}
