//! A person makes a token for a program, sees it once, and revokes it; an admin revokes anybody's.

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

/// A token of a person's.
async fn made(server: &Server, user: &str, name: &str) -> String {
    let wish = json!({ "name": name, "scope": "ask" });
    let request = reqwest::Client::new().post(server.url("/api/me/tokens"));
    let answer = request.header("x-forwarded-user", user).json(&wish).send().await.unwrap();
    let made: serde_json::Value = answer.json().await.unwrap();
    made["token"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned()
}

#[tokio::test]
async fn an_admin_sees_the_tokens_of_everybody_and_revokes_one() {
    let server = team();
    let [of_ana, of_ben] =
        [made(&server, "ana", "an <b>editor</b>"), made(&server, "ben", "a bot")];
    let (of_ana, of_ben) = (of_ana.await, of_ben.await);
    assert_eq!(status_with(&server, &of_ana).await, 200);
    let proxy = Proxy::of(&server, "root").await;
    let admin = Browser::start().await;
    admin.goto(&format!("{}/admin", proxy.url)).await;
    admin.wait_for("document.querySelectorAll('personal-tokens li').length === 2").await;
    admin
        .wait_for("document.querySelector('personal-tokens').innerText.includes('ago, used ')")
        .await;
    let told = admin.text("personal-tokens").await;
    for words in ["an <b>editor</b> of ana, ask", "a bot of ben, ask", "never used, ends in 90 d"] {
        assert!(told.contains(words), "{words}: {told}");
    }
    assert!(!told.contains("cicerone_"), "{told}");
    for theme in ["light", "dark"] {
        admin.run(&format!("document.documentElement.dataset.theme = '{theme}'")).await;
        admin.audit(&format!("admin, tokens, {theme}")).await;
    }
    admin.screenshot("admin-tokens").await;
    admin.click("personal-tokens button[aria-label*='of ana']").await;
    admin.wait_for("document.querySelector('dialog[open]') !== null").await;
    admin.click("dialog .danger").await;
    admin.wait_for("document.querySelectorAll('personal-tokens li').length === 1").await;
    admin
        .wait_for(
            "document.querySelector('#announcements').textContent === 'Revoked an <b>editor</b>.'",
        )
        .await;
    assert_eq!(status_with(&server, &of_ana).await, 401);
    assert_eq!(status_with(&server, &of_ben).await, 200);
    // Who did it is in the audit log.
    admin
        .wait_for("document.querySelector('action-log').textContent.includes('revoked the token')")
        .await;
    let (_, actions) = server.get("/api/admin/actions?q=revoked_token").await;
    assert_eq!(
        (&actions[0]["user"], &actions[0]["detail"]),
        (&json!("root"), &json!("an <b>editor</b> of ana"))
    );
    admin.assert_no_complaints(&[]).await;
    admin.close().await;
}
