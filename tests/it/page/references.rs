//! References that are not plainly right or wrong, and characters that cannot be seen.

use std::fs;

use serde_json::json;

use crate::server::{Server, Setup, git};

use super::{
    browser::{Browser, ENTER, NEW_LINE},
    ended,
};

/// A project with two files of one name, and one that hides code.
fn server() -> Server {
    let setup = Setup::scripted();
    let dir = setup.project_dir();
    for file in ["one/mod.rs", "two/mod.rs", "src/web/excerpt.rs"] {
        fs::create_dir_all(dir.join(file).parent().unwrap()).unwrap();
        fs::write(dir.join(file), "fn a() {}\n// b\n").unwrap();
    }
    fs::write(dir.join("src/trojan.rs"), "fn a() { /*\u{202e} } if admin { \u{2066}*/ }\n")
        .unwrap();
    setup.start()
}

async fn ask(browser: &Browser, server: &Server, answer: &str) {
    browser.goto(&server.url("/")).await;
    browser.wait_for("document.activeElement.id === 'question'").await;
    browser.keys(&answer.replace('\n', NEW_LINE)).await;
    browser.keys(ENTER).await;
    browser.wait_for(&ended(1)).await;
}

#[tokio::test]
async fn files_that_may_be_meant_are_offered_and_a_name_that_is_absent_is_plain() {
    let server = server();
    let browser = Browser::start().await;
    ask(
        &browser,
        &server,
        "say `mod.rs:2`, `excerpt.rs:1`, `src/excerpt.rs:1`; there is no `config.yaml`.",
    )
    .await;
    browser.wait_for("document.querySelectorAll('answer-text .candidates a').length === 3").await;
    let states = "return [...document.querySelectorAll('a.reference')].map((it) => \
                  [it.dataset.state, it.hasAttribute('href'), getComputedStyle(it).textDecorationLine])";
    assert_eq!(
        browser.run(states).await,
        json!([
            ["ambiguous", false, "underline"],
            ["found", true, "underline"],
            ["wrong", false, "line-through"],
            ["absent", false, "none"],
        ])
    );
    assert_eq!(
        browser.content(".sources summary").await,
        "0 files read · 1 only named · 1 not checked · 1 not found"
    );
    browser.screenshot("references").await;
    browser.run("document.querySelectorAll('.candidates a')[1].click()").await;
    browser
        .wait_for("document.querySelector('file-reader h2').textContent.startsWith('two/mod.rs')")
        .await;
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}

#[tokio::test]
async fn characters_that_reorder_code_are_named_in_answers_and_files_and_reorder_nothing() {
    let server = server();
    let browser = Browser::start().await;
    ask(&browser, &server, "say `a\u{202e}bc` in `src/trojan.rs:1`").await;
    let mark = "(at) => [...document.querySelectorAll(`${at} bdi.invisible`)].map((it) => [it.dataset.mark, it.getAttribute('aria-label'), getComputedStyle(it, '::before').content, getComputedStyle(it).unicodeBidi])";
    assert_eq!(
        browser.run(&format!("return ({mark})('answer-text')")).await,
        json!([["U+202E", "U+202E right-to-left override", "\"U+202E\"", "isolate"]])
    );
    // The letters after the mark stand to its right, in their order.
    let order = "const text = document.querySelector('answer-text bdi.invisible').nextSibling; const range = document.createRange(); \
                 const left = (at) => { range.setStart(text, at); range.setEnd(text, at + 1); return range.getBoundingClientRect().left }; \
                 return [left(0) < left(1), document.querySelector('answer-text code').textContent]";
    assert_eq!(browser.run(order).await, json!([true, "a\u{202e}bc"]));

    browser.wait_for("document.querySelector('a.reference[href]') !== null").await;
    browser.click("a.reference[href]").await;
    browser.wait_for("document.querySelector('file-reader .line .keyword') !== null").await;
    assert_eq!(
        browser.run(&format!("return ({mark})('file-reader .lines').map((it) => it[0])")).await,
        json!(["U+202E", "U+2066"])
    );
    let line = "return document.querySelector('file-reader .line code').textContent";
    assert_eq!(browser.run(line).await, json!("fn a() { /*\u{202e} } if admin { \u{2066}*/ }"));
    browser.screenshot("invisible").await;
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}

#[tokio::test]
async fn what_has_become_of_a_cited_place_is_told_under_the_answer_and_in_the_file() {
    let server = server();
    let file = server.project_dir().join("one/mod.rs");
    let browser = Browser::start().await;
    ask(&browser, &server, "say See `one/mod.rs:1` and `two/mod.rs:2`.").await;
    let since = ".sources .since";
    browser.click(".sources summary").await;
    browser.wait_for(&format!("document.querySelector('{since}').textContent !== ''")).await;
    assert_eq!(browser.content(since).await, "What was cited is as it was.");

    fs::write(file, "// new\n\nfn a() {}\n// b\n").unwrap();
    fs::remove_file(server.project_dir().join("two/mod.rs")).unwrap();
    browser.click(".sources summary").await;
    browser.click(".sources summary").await;
    browser.wait_for(&format!("document.querySelectorAll('{since} li').length === 2")).await;
    assert_eq!(
        browser
            .run(&format!(
                "return [...document.querySelectorAll('{since} li')].map((it) => it.textContent)"
            ))
            .await,
        json!(["one/mod.rs:1 moved to one/mod.rs:3", "two/mod.rs:2 gone since"])
    );
    browser.run("document.querySelector('.sources').scrollIntoView()").await;
    browser.screenshot("references-since").await;

    browser.click("answer-text a.reference[data-path='one/mod.rs']").await;
    browser.wait_for("!document.querySelector('file-reader .standing').hidden").await;
    assert_eq!(
        browser.content("file-reader .standing").await,
        "What the answer cites here has moved to one/mod.rs:3. Go there"
    );
    browser.screenshot("reader-moved").await;
    browser.click("file-reader .standing button").await;
    browser
        .wait_for("document.querySelector('.cited .gutter')?.textContent === '3' && document.querySelector('file-reader .standing').hidden")
        .await;
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}

#[tokio::test]
async fn a_commit_opens_beside_the_conversation_and_a_changed_file_as_it_was_committed() {
    let server = server();
    let root = server.project_dir();
    git(&root, "Ann", &["init", "-q"]);
    git(&root, "Ann", &["add", "-A"]);
    git(&root, "Ann", &["commit", "-q", "-m", "Add two modules"]);
    let id = git(&root, "Ann", &["rev-parse", "HEAD"]);
    let browser = Browser::start().await;
    // Digits alone are a number.
    let is_hash = |it: &&str| it.contains(|c: char| c.is_ascii_alphabetic());
    let short = (7..).map(|end| &id[..end]).find(is_hash).unwrap();
    ask(&browser, &server, &format!("say `{short}` added `one/mod.rs:1`.")).await;
    browser.wait_for("document.querySelector('.sources summary').textContent === '0 files read · 1 only named · 1 commit'").await;
    browser.click("answer-text a.reference[data-commit]").await;
    browser
        .wait_for(
            "document.querySelector('file-reader .lines').textContent.includes('Add two modules')",
        )
        .await;
    browser.wait_for("document.querySelector('file-reader .line .added') !== null").await;
    let heading = browser.content("file-reader h2").await;
    assert_eq!(heading, format!("commit {}", &id[..10]));
    browser.screenshot("reader-commit").await;
    let address = browser.address().await;
    assert!(address.ends_with(&format!("?commit={id}")), "{address}");

    fs::write(root.join("one/mod.rs"), "fn changed_since() {}\n").unwrap();
    browser.click("answer-text a.reference[data-path='one/mod.rs']").await;
    browser.wait_for("!document.querySelector('file-reader .standing').hidden").await;
    browser.click("file-reader .standing button").await;
    browser
        .wait_for("document.querySelector('file-reader .lines').textContent.includes('fn a() {}')")
        .await;
    let heading = browser.content("file-reader h2").await;
    assert_eq!(heading, format!("one/mod.rs 1 in commit {}", &id[..10]));
    browser.screenshot("reader-as-committed").await;
    browser.goto(&address).await;
    browser
        .wait_for("document.querySelector('file-reader h2').textContent.startsWith('commit ')")
        .await;
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}
