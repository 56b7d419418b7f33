//! Checks of the page as a whole: accessibility by axe-core, types.

use std::{fs, process::Command};

use serde_json::json;

use crate::{peers, server::Setup};

use super::{
    browser::{Browser, ENTER, ESCAPE, NEW_LINE},
    ended,
};

/// The version of axe-core that `.ci/setup` fetches.
const AXE: &str = "4.14.1";

/// The version of TypeScript that `.ci/setup` fetches.
const TYPESCRIPT: &str = "5.9.3";

/// The modules that a document loads, or another one when it is needed.
const ENTRIES: [&str; 8] = [
    "app.js",
    "admin.js",
    "login.js",
    "early.js",
    "lazy_features.js",
    "drawings.js",
    "code_features.js",
    "views/file_reader.js",
];

impl Browser {
    /// Fails when axe-core finds anything wrong with what is shown now.
    pub async fn audit(&self, what: &str) {
        self.audit_part(what, "html").await;
    }

    /// The same for a part of the page, where the rest is out of reach for now.
    pub async fn audit_part(&self, what: &str, selector: &str) {
        let path = peers::module("axe-core/axe.min.js");
        let source = fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("no axe-core {AXE} ({error}): run `.ci/setup`"));
        self.run(&format!("if (!window.axe) {{ {source} }}")).await;
        self.run(&format!(
            "window.audited = null;
             window.axe.run('{selector}', {{ resultTypes: ['violations'] }})
                 .then((found) => {{ window.audited = found.violations; }},
                       (error) => {{ window.audited = [{{ id: String(error), nodes: [] }}]; }});"
        ))
        .await;
        self.wait_for("window.audited !== null").await;
        let violations = self
            .run(
                "return window.audited.map(({ id, help, nodes }) => ({
                     id, help, nodes: nodes.slice(0, 5).map((node) => node.html.slice(0, 200) + ' ' + (node.failureSummary ?? '')) }))",
            )
            .await;
        if violations != json!([]) {
            self.screenshot(&format!("audit-{what}")).await;
            panic!("{what}: {violations:#}");
        }
    }
}

#[tokio::test]
async fn axe_finds_nothing_wrong_with_any_state_of_the_page_in_either_theme() {
    let setup = Setup::scripted();
    fs::write(setup.project_dir().join("main.rs"), "fn main() {}\n").unwrap();
    let server = setup.start();
    let browser = Browser::start().await;
    browser.goto(&server.url("/")).await;
    browser.wait_for("document.activeElement.id === 'question'").await;
    browser.wait_for("document.querySelector('welcome-text button') !== null").await;
    for theme in ["light", "dark"] {
        browser.run(&format!("document.documentElement.dataset.theme = '{theme}'")).await;
        browser.audit(&format!("the first screen, {theme}")).await;
    }

    let script = [
        "think Let me look.",
        r#"tool Read {"file_path":"main.rs"} => fn main() {}"#,
        r#"toolerror Grep {"pattern":"x"} => no"#,
        r"say ## Found\n\n- [x] See `main.rs:1` and `gone.rs:7`.\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```rust\nfn main() {}\n```\n\n> quoted",
    ];
    browser.keys(&script.join(NEW_LINE)).await;
    browser.keys(ENTER).await;
    browser.wait_for(&ended(1)).await;
    browser.keys(&format!("error it broke{ENTER}")).await;
    browser.wait_for(&ended(2)).await;
    let question = json!({ "questions": [{ "question": "Which?", "header": "One", "multiSelect": false,
        "options": [{ "label": "This", "description": "the first" }, { "label": "That" }] }] });
    browser.keys(&format!("ask {question}{ENTER}")).await;
    browser.wait_for("document.querySelector('question-card form') !== null").await;
    browser
        .run("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        .await;
    browser.run("document.querySelector('a.reference[href]').click()").await;
    browser.wait_for("!document.querySelector('file-reader').hidden").await;
    browser.wait_for("document.querySelector('.line') !== null").await;
    for theme in ["light", "dark"] {
        browser.run(&format!("document.documentElement.dataset.theme = '{theme}'")).await;
        browser.audit(&format!("answered, {theme}")).await;
    }
    browser.resize(500, 844).await;
    browser.audit("the file on a phone").await;
    browser.click("file-reader .close").await;
    browser.wait_for("document.querySelector('file-reader').hidden").await;
    browser.audit("on a phone").await;
    browser.click(".menu").await;
    browser.wait_for("document.querySelector('page-sidebar').checkVisibility()").await;
    browser.audit_part("the drawer", "page-sidebar").await;
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}

#[tokio::test]
async fn axe_finds_nothing_wrong_with_the_login() {
    let server = Setup::scripted().env("CICERONE_VIEWER_TOKEN", "viewer-0123456789").start();
    let browser = Browser::start().await;
    browser.goto(&server.url("/login")).await;
    browser.wait_for("document.activeElement.id === 'token'").await;
    for theme in ["light", "dark"] {
        browser.run(&format!("document.documentElement.dataset.theme = '{theme}'")).await;
        browser.audit(&format!("login, {theme}")).await;
    }
    browser.become_phone().await;
    browser.run("document.querySelector('#token').value = 'not-the-token-9'; document.querySelector('#login').requestSubmit()").await;
    browser.wait_for("document.querySelector('#problem').textContent !== ''").await;
    browser.audit("a token that is not known, on a phone").await;
    browser.close().await;
}

#[test]
fn the_modules_keep_to_the_types_that_they_are_documented_with() {
    let compiler =
        peers::find("tsc").unwrap_or_else(|| panic!("no TypeScript {TYPESCRIPT}: run `.ci/setup`"));
    let output = Command::new(compiler)
        .args(["--allowJs", "--checkJs", "--noEmit", "--strict", "--target", "es2023"])
        .args(["--module", "esnext", "--moduleResolution", "bundler"])
        .args(["--lib", "es2023,dom,dom.iterable"])
        .args(ENTRIES)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/static"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[tokio::test]
async fn axe_finds_nothing_wrong_with_what_is_opened_over_the_conversation() {
    let server = Setup::scripted().start();
    let browser = Browser::start().await;
    browser.goto(&server.url("/")).await;
    browser.wait_for("document.activeElement.id === 'question'").await;
    browser.keys(&format!("say The quokka hops.{ENTER}")).await;
    browser.wait_for(&ended(1)).await;
    browser.keys("see @").await;
    browser.wait_for("document.querySelector('[role=listbox] [role=option]') !== null").await;
    browser.audit("the file finder").await;
    browser.press(ESCAPE).await;
    browser.run("document.querySelector('#question').select()").await;
    browser.press("\u{e009}k\u{e000}").await;
    browser.wait_for("document.querySelector('dialog.search')?.open").await;
    browser.press("quokka").await;
    browser.wait_for("document.querySelector('dialog.search mark') !== null").await;
    browser.audit_part("the search", "dialog.search").await;
    browser.press(ESCAPE).await;
    browser.wait_for("!document.querySelector('dialog.search')?.open").await;
    browser.run("document.activeElement.blur()").await;
    browser.press("?").await;
    browser.wait_for("document.querySelector('dialog[open] .keys') !== null").await;
    browser.audit_part("the keys", "dialog[open]").await;
    browser.press(ESCAPE).await;
    browser.click("conversation-view header .more").await;
    browser.wait_for("document.querySelector('.actions-menu') !== null").await;
    browser.audit("the actions").await;
    browser.goto(&server.url("/admin")).await;
    browser.wait_for("document.querySelector('sessions-table tbody tr') !== null").await;
    for theme in ["light", "dark"] {
        browser.run(&format!("document.documentElement.dataset.theme = '{theme}'")).await;
        browser.audit(&format!("admin, {theme}")).await;
    }
    browser.resize(500, 844).await;
    browser.audit("admin on a phone").await;
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}
