//! A person makes a token for a program, sees it once, and revokes it.

use serde_json::json;

use crate::server::Server;

use super::{
    browser::{Browser, ENTER, TAB},
    sharing::{Proxy, opened, team},
};

const STATUS: &str = "document.querySelector('dialog.tokens-dialog [role=status]').textContent";
const LISTED: &str =
    "[...document.querySelectorAll('.tokens li strong')].map((it) => it.textContent).join()";
const TOKEN: &str = "document.querySelector('.tokens-dialog .made input')";

async fn open(browser: &Browser) {
    browser.run("document.querySelector('.open-tokens').focus()").await;
    browser.press(ENTER).await;
    browser
        .wait_for("document.activeElement.matches('dialog.tokens-dialog[open] input[required]')")
        .await;
}

/// The status with which the server answers a program that sends the token.
async fn status_with(server: &Server, token: &str) -> u16 {
    let request = reqwest::Client::new().get(server.url("/api/me")).bearer_auth(token);
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_token_is_made_shown_once_and_revoked_by_keyboard_alone() {
    let server = team();
    let proxy = Proxy::of(&server, "ana").await;
    let ana = opened(&format!("{}/p/demo", proxy.url)).await;
    open(&ana).await;
    ana.wait_for("document.querySelector('.tokens').hidden").await;
    ana.press(&format!("my <b>editor</b>{TAB}r{TAB}")).await;
    ana.press(ENTER).await;
    ana.wait_for(&format!("{LISTED} === 'my <b>editor</b>'")).await;
    ana.wait_for(&format!("document.activeElement === {TOKEN}")).await;
    let token = ana.run(&format!("return {TOKEN}.value")).await;
    let token = token.as_str().unwrap().to_owned();
    assert!(token.starts_with("cicerone_"), "{token}");
    assert_eq!(status_with(&server, &token).await, 200);
    let told = ana.text("dialog.tokens-dialog").await;
    assert!(told.contains("reads and searches") && told.contains("never used"), "{told}");
    for theme in ["light", "dark"] {
        ana.run(&format!("document.documentElement.dataset.theme = '{theme}'")).await;
        ana.audit_part(&format!("tokens, {theme}"), "dialog.tokens-dialog").await;
    }
    ana.portraits("tokens").await;

    // It is not shown again, and what is revoked lets nobody in.
    ana.run("document.querySelector('dialog.tokens-dialog').close()").await;
    open(&ana).await;
    ana.wait_for(&format!("{LISTED} === 'my <b>editor</b>'")).await;
    assert!(!ana.text("dialog.tokens-dialog").await.contains("cicerone_"));
    ana.run("document.querySelector('.tokens button').focus()").await;
    ana.press(ENTER).await;
    ana.wait_for("document.querySelector('dialog:not(.tokens-dialog)')?.open").await;
    ana.press(&format!("{TAB}{ENTER}")).await;
    ana.wait_for(&format!("{STATUS} === 'The token “my <b>editor</b>” is revoked.'")).await;
    ana.wait_for("document.querySelector('.tokens').hidden").await;
    assert_eq!(status_with(&server, &token).await, 401);

    // What the server refuses is told in words, and nothing typed is lost.
    ana.press(&format!("ops{TAB}a{TAB}{ENTER}")).await;
    ana.wait_for(&format!(
        "{STATUS}.startsWith('The token was not made: Only a member of a group')"
    ))
    .await;
    let name = ana.run("return document.querySelector('.tokens-dialog input').value").await;
    assert_eq!(name, json!("ops"));
    ana.assert_no_complaints(&["403"]).await;
    ana.close().await;
}
