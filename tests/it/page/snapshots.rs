//! A conversation is published from the dialog about its readers, read by a stranger, and withdrawn.

use serde_json::json;

use crate::server::{Setup, write};

use super::browser::{Browser, ENTER, ESCAPE};

const SECTION: &str = "document.querySelector('dialog.share .snapshot')";

/// The button of the dialog with this label.
fn button(label: &str) -> String {
    format!("[...{SECTION}.querySelectorAll('button')].find((it) => it.textContent === '{label}')")
}

async fn opened(browser: &Browser) {
    browser.click("conversation-view header .more").await;
    let item = "[...document.querySelectorAll('.actions-menu > *')].find((it) => it.textContent === 'Who may read it…')";
    browser.wait_for(&format!("{item} !== undefined")).await;
    browser.run(&format!("{item}.click()")).await;
    browser.wait_for(&format!("{SECTION} !== null")).await;
}

#[tokio::test]
async fn a_conversation_is_published_read_by_a_stranger_without_scripts_and_withdrawn() {
    let setup = Setup::scripted().config("[team]\npublic_snapshots = true\n");
    write(&setup.project_dir(), "src/quokka.rs", "fn hop() {}\n");
    let server = setup.start();
    let browser = Browser::start().await;
    browser.goto(&server.url("/p/demo")).await;
    browser.wait_for("document.activeElement.id === 'question'").await;
    let answer = "The quokka hops over fences, see `src/quokka.rs:1` and https://example.org.\\n\\n\
        ## How\\n\\n- Its legs bend\\n- They **stretch**\\n\\n```rust\\nfn hop(height: u32) -> bool {\\n    \
        // A long line of code that does not fit on a phone, so that it is scrolled by keys as well\\n    \
        height > 2\\n}\\n```\\n\\n| fence | height |\\n| --- | --- |\\n| wood | 2 |\\n\\n\
        > [!NOTE]\\n> Only over *low* ones, $x < 2$.\\n\\n$$\\sum_{i=0}^3 x_i$$\\n\\n\
        ```mermaid\\nflowchart LR\\n  A[Quokka] -->|over| B[Fence]\\n```\\n";
    browser.keys(&format!("say {answer}{ENTER}")).await;
    browser.wait_for("document.querySelector('turn-view .tools') !== null").await;

    opened(&browser).await;
    browser.run(&format!("{}.click()", button("Publish"))).await;
    browser
        .wait_for(&format!(
            "{SECTION}.querySelector('output').textContent.startsWith('Published ')"
        ))
        .await;
    for theme in ["light", "dark"] {
        browser.run(&format!("document.documentElement.dataset.theme = '{theme}'")).await;
        browser.audit_part(&format!("publishing, {theme}"), "dialog.share").await;
        browser.screenshot(&format!("publishing-{theme}")).await;
    }
    let address = browser.run(&format!("return {SECTION}.querySelector('a').href")).await;
    let address = address.as_str().unwrap();

    // In a profile of its own, which has never been here.
    let stranger = Browser::start().await;
    stranger.goto(address).await;
    assert_eq!(stranger.run("return document.scripts.length").await, json!(0));
    let text = stranger.text("main").await;
    assert!(text.contains("The quokka hops over fences, see src/quokka.rs:1"), "{text}");
    assert!(text.contains("A frozen snapshot of a conversation about demo"), "{text}");
    let links = "return [...document.links].map((it) => it.href)";
    assert_eq!(stranger.run(links).await, json!(["https://example.org/"]));
    assert!(stranger.run("return document.querySelector('pre .keyword') !== null").await == true);
    let is_drawn = "document.querySelectorAll('.formula math').length === 2
        && document.querySelector('.formula').title === '$x < 2$'
        && document.querySelector('.drawing img').alt === 'Flowchart with over, Quokka, Fence'
        && document.querySelector('.drawing img').naturalWidth > 0";
    stranger.wait_for(is_drawn).await;
    let foreign = "return performance.getEntriesByType('resource').filter((it) => !it.name.startsWith(location.origin + '/assets/') && !it.name.startsWith('data:')).map((it) => it.name)";
    assert_eq!(stranger.run(foreign).await, json!([]));
    // The source is a key away.
    stranger.run("document.querySelector('.drawing summary').focus()").await;
    stranger.press(ENTER).await;
    stranger.wait_for("document.querySelector('.drawing code').checkVisibility()").await;
    stranger.assert_no_complaints(&[]).await;
    for dark in [false, true] {
        let scheme = if dark { "dark" } else { "light" };
        let feature = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        stranger.devtools("Emulation.setEmulatedMedia", feature).await;
        let shown = "document.querySelector('.drawing img').currentSrc === document.querySelector('.drawing source').srcset";
        stranger.wait_for(&format!("({shown}) === {dark}")).await;
        stranger.audit(&format!("a snapshot, {scheme}")).await;
        stranger.screenshot(&format!("snapshot-{scheme}")).await;
    }
    stranger.devtools("Emulation.setEmulatedMedia", json!({ "media": "print" })).await;
    stranger.screenshot("snapshot-print").await;
    stranger.devtools("Emulation.setEmulatedMedia", json!({ "media": "" })).await;
    stranger.become_phone().await;
    stranger.reload().await;
    let fits =
        "return document.documentElement.scrollWidth <= document.documentElement.clientWidth";
    assert_eq!(stranger.run(fits).await, json!(true));
    stranger.audit("a snapshot on a phone").await;
    stranger.screenshot("snapshot-phone").await;

    // The dialog knows what is published when it is opened again.
    browser.press(ESCAPE).await;
    browser.wait_for("document.querySelector('dialog.share') === null").await;
    opened(&browser).await;
    browser.run(&format!("{}.click()", button("Withdraw"))).await;
    browser
        .wait_for(&format!(
            "{SECTION}.querySelector('output').textContent.startsWith('It is withdrawn')"
        ))
        .await;
    browser.assert_no_complaints(&[]).await;
    stranger.reload().await;
    assert_eq!(stranger.text("h1").await, "There is no snapshot here");
    stranger.audit("no snapshot").await;
    stranger.close().await;
    browser.close().await;
}

#[tokio::test]
async fn an_admin_withdraws_a_snapshot_on_the_page_of_admins() {
    let server = Setup::scripted().config("[team]\npublic_snapshots = true\n").start();
    let mut client = server.connect().await;
    let id = client.start().await;
    client.ask("say yes").await;
    client.turn().await;
    let path = format!("/api/assistant/conversations/demo/{id}/snapshot");
    let (_, published) = server.request(reqwest::Method::PUT, &path).await;
    let browser = Browser::start().await;
    browser.goto(&server.url("/admin")).await;
    browser.wait_for("document.querySelector('public-snapshots li') !== null").await;
    browser.audit("admin, a snapshot").await;
    browser.screenshot("admin-snapshots").await;
    browser.click("public-snapshots button").await;
    browser.wait_for("document.querySelector('dialog[open]') !== null").await;
    browser.click("dialog .danger").await;
    browser.wait_for("document.querySelector('public-snapshots').hidden").await;
    assert_eq!(server.get(published["path"].as_str().unwrap()).await.0, 404);
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}
