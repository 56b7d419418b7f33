//! The projects from git on the admin page: what is served, and a fetch that is asked for there.

use std::{fs, path::Path};

use serde_json::json;

use crate::server::{Server, Setup, git, write};

use super::{
    WHILE_AWAY,
    browser::{Browser, DOWN, ENTER, RIGHT},
    gate::Gate,
};

/// The row of the project `shop`.
const ROW: &str = "document.querySelector('git-projects a[href$=\"/p/shop\"]').closest('li')";

/// Whether something is wider than the window or its place.
const OVERFLOWS: &str = "
    return [document.documentElement, ...document.querySelectorAll('git-projects, git-projects *')]
        .some((it) => it.scrollWidth > it.clientWidth && it.clientWidth > 0)";

/// What screen readers were told last.
const TOLD: &str = "document.querySelector('#announcements').textContent";

/// Commits a file; returns the hash.
fn commit(dir: &Path, path: &str) -> String {
    write(dir, path, "pub fn drain() {}\n");
    git(dir, "Ann", &["add", "-A"]);
    git(dir, "Ann", &["commit", "-q", "-m", "Change a file"]);
    git(dir, "Ann", &["rev-parse", "HEAD"])
}

/// A server whose project `shop` comes from a repository beside its files, and `later` from none.
fn serving(setup: Setup, origin: &Path) -> Server {
    let later = origin.with_file_name("later");
    let (shop, later) = (origin.display(), later.display());
    setup
        .config_with_projects(&format!(
            "[projects]\nshop = {{ git = \"file://{shop}\", branch = \"main\", refresh = \"1h\" }}\n\
             later = {{ git = \"file://{later}\", refresh = \"1h\" }}\n"
        ))
        .env("CICERONE_ACCESS_HOSTS", "127.0.0.1")
        .start()
}

/// Whether the row shows a commit.
fn shows(commit: &str) -> String {
    format!("{ROW}.querySelector('dd[title=\"{commit}\"]')?.textContent === '{}'", &commit[..10])
}

#[tokio::test]
async fn an_admin_sees_the_projects_from_git_and_fetches_one_by_keyboard() {
    let setup = Setup::guide();
    let origin = setup.files_dir().join("origin");
    fs::create_dir(&origin).unwrap();
    git(&origin, "Ann", &["init", "-q", "-b", "main"]);
    let first = commit(&origin, "pool.rs");
    let server = serving(setup, &origin);
    let gate = Gate::open(server.address()).await;
    let browser = Browser::start().await;
    browser.goto(&format!("{}/admin", gate.url)).await;
    browser.wait_for(&shows(&first)).await;
    browser.wait_for(&format!("/Fetched\\s*\\d+ s ago/.test({ROW}.innerText)")).await;
    let told = browser.run(&format!("return {ROW}.innerText")).await;
    let told = told.as_str().unwrap();
    assert!(told.contains(&format!("file://{}", origin.display())) && told.contains("main"));
    // The project whose remote was never there says so.
    let problem = "document.querySelector('git-projects li .error:not([hidden])')?.innerText";
    browser.wait_for(&format!("{problem}.startsWith('It could not be cloned: ')")).await;

    // `later` comes first; the button stands beside the name.
    browser.run("document.querySelector('git-projects a').focus()").await;
    browser.press(&format!("{DOWN}{RIGHT}{ENTER}")).await;
    browser.wait_for(&format!("{TOLD} === 'shop: Nothing new.'")).await;
    let second = commit(&origin, "drain.rs");
    browser.run(&format!("window.row = {ROW}")).await;
    browser.press(ENTER).await;
    browser.wait_for(&shows(&second)).await;
    browser.wait_for(&format!("{TOLD} === 'shop: Commit {} is served now.'", &second[..10])).await;
    let kept = "return row.isConnected && row.querySelector('button') === document.activeElement
        && document.activeElement.getAttribute('aria-disabled') === null";
    assert_eq!(browser.run(kept).await, json!(true), "the row or the focus is lost");

    // A remote that is gone is told, and so is that it still is.
    fs::rename(&origin, origin.with_file_name("away")).unwrap();
    for _ in 0..2 {
        browser.press(ENTER).await;
        browser.wait_for(&format!("{TOLD}.startsWith('shop: The last fetch failed: ')")).await;
        browser
            .wait_for(&format!("{ROW}.innerText.includes('What was there before is served.')"))
            .await;
    }
    browser.wait_for(&shows(&second)).await;
    it_fits_the_screens(&browser).await;

    // Also a server that cannot be asked is told.
    gate.cut();
    browser.run(&format!("{ROW}.querySelector('button').click()")).await;
    browser
        .wait_for(&format!("{ROW}.innerText.includes('It could not be asked for: The server')"))
        .await;
    browser.assert_no_complaints(&WHILE_AWAY).await;
    browser.close().await;
}

async fn it_fits_the_screens(browser: &Browser) {
    for width in [1440, 1024, 390] {
        match width {
            390 => browser.become_phone().await,
            width => browser.resize(width, 900).await,
        }
        for theme in ["light", "dark"] {
            browser.run(&format!("document.documentElement.dataset.theme = '{theme}'")).await;
            browser.run("document.querySelector('git-projects').scrollIntoView()").await;
            assert_eq!(browser.run(OVERFLOWS).await, json!(false), "at {width} pixels");
            browser.screenshot(&format!("admin-git-projects-{width}-{theme}")).await;
            browser.audit(&format!("admin, projects from git, {width}, {theme}")).await;
        }
    }
}
