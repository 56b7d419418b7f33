//! The search in files on the page: without an agent, by keyboard, and its hits in the reader.

use std::fs;

use serde_json::json;

use crate::server::{Server, Setup};

use super::{
    browser::{Browser, DOWN, ENTER, ESCAPE, UP},
    ended,
};

/// Ctrl, Shift and F.
const SEARCH: &str = "\u{e009}\u{e008}f\u{e008}\u{e009}";

/// What is said of the search.
const STATUS: &str = "document.querySelector('code-search [role=status]').textContent";

/// Whether the search is open.
const IS_OPEN: &str = "document.querySelector('code-search')?.isOpen === true";

fn project() -> Setup {
    let setup = Setup::scripted();
    let dir = setup.project_dir();
    let deep = "src/a/directory/whose/name/is/rather/long/and/goes/on/for/some/time";
    fs::create_dir_all(dir.join(deep)).unwrap();
    fs::create_dir_all(dir.join("docs")).unwrap();
    let filler: String = (0..200).map(|n| format!("// Line {n}.\n")).collect();
    let parser =
        format!("{filler}pub fn parse_quokka(input: &str) -> Quokka {{ todo!() }}\n{filler}");
    for (path, text) in [
        ("src/parser.rs", parser.as_str()),
        ("src/main.rs", "fn main() {\n    let quokka = parse_quokka(\"<b>hop</b>\");\n}\n"),
        ("docs/format.md", "# The format\n\nA Quokka hops. A quokka does.\n"),
        (".env", "QUOKKA=quokka\n"),
        (&format!("{deep}/the_file_whose_name_is_to_be_seen.rs"), "// quokka\n"),
    ] {
        fs::write(dir.join(path), text).unwrap();
    }
    setup
}

async fn opened(server: &Server) -> Browser {
    let browser = Browser::start().await;
    browser.goto(&server.url("/p/demo")).await;
    browser.wait_for("document.activeElement.id === 'question'").await;
    browser.press(SEARCH).await;
    browser.wait_for(IS_OPEN).await;
    browser
        .wait_for("document.activeElement.getAttribute('aria-label') === 'Text to search for'")
        .await;
    browser
}

#[tokio::test]
async fn lines_of_the_code_are_found_without_an_agent_and_open_where_they_match() {
    let server = project().start();
    let browser = opened(&server).await;
    browser.press("quokka").await;
    browser.wait_for(&format!("{STATUS}.startsWith('4 lines in 4 files. Complete: ')")).await;
    let marks =
        "return [...document.querySelectorAll('code-search mark')].map((it) => it.textContent)";
    assert_eq!(browser.run(marks).await.as_array().unwrap().len(), 7);
    browser.portraits("code-search").await;
    for theme in ["light", "dark"] {
        browser.run(&format!("document.documentElement.dataset.theme = '{theme}'")).await;
        browser.audit(&format!("the search in files, {theme}")).await;
    }
    // The name of a file is seen whole, however long its directory is.
    browser.wait_for("[...document.querySelectorAll('code-search .name')].every((it) => it.scrollWidth <= it.clientWidth && it.getBoundingClientRect().right <= innerWidth)").await;

    // Down and up lead through the lines and back to the field; a line opens beside them.
    browser.press(DOWN).await;
    browser.wait_for("document.activeElement.textContent.includes('A Quokka hops')").await;
    browser.press(UP).await;
    browser.wait_for("document.activeElement.matches('input')").await;
    browser.press(DOWN).await;
    browser.press(&DOWN.repeat(3)).await;
    browser.wait_for("document.activeElement.textContent.includes('parse_quokka(input')").await;
    browser.press(ENTER).await;
    browser
        .wait_for("document.querySelector('file-reader .cited .gutter')?.textContent === '201'")
        .await;
    browser.wait_for("document.querySelector('file-reader .line .keyword') !== null").await;
    let shown = "[...CSS.highlights.get('found') ?? []].map((it) => it.toString()).join()";
    browser.wait_for(&format!("{shown} === 'quokka,Quokka'")).await;
    browser.portraits("code-search-reader").await;
    assert!(browser.address().await.ends_with("?file=src%2Fparser.rs%3A201"));

    // Escape leaves the file, then the search; then the question has the focus.
    browser.press(ESCAPE).await;
    browser.wait_for("document.querySelector('file-reader').hidden").await;
    browser.wait_for("document.activeElement.matches('code-search li a')").await;
    assert_eq!(browser.run(&format!("return {IS_OPEN}")).await, json!(true));
    browser.press(ESCAPE).await;
    browser.wait_for(&format!("!({IS_OPEN})")).await;
    browser.wait_for("document.activeElement.id === 'question'").await;
    browser.keys(&format!("say still here{ENTER}")).await;
    browser.wait_for(&ended(1)).await;

    // What was searched for is there again, and a conversation takes its place.
    browser.press(SEARCH).await;
    browser.wait_for(&format!("{IS_OPEN} && document.activeElement.value === 'quokka'")).await;
    browser.click(".new").await;
    browser.wait_for(&format!("!({IS_OPEN})")).await;
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}

#[tokio::test]
async fn a_search_is_narrowed_and_what_is_wrong_with_it_is_said() {
    let server = project().start();
    let browser = opened(&server).await;
    browser.press("Quokka").await;
    browser.wait_for(&format!("{STATUS}.startsWith('4 lines')")).await;
    browser.click("code-search [aria-label='Match capital letters']").await;
    browser.wait_for(&format!("{STATUS}.startsWith('2 lines in 2 files.')")).await;
    browser.run("const paths = document.querySelector('code-search input[aria-label^=Paths]'); paths.value = 'docs'; paths.dispatchEvent(new Event('input'))").await;
    browser.wait_for(&format!("{STATUS}.startsWith('1 line in 1 file.')")).await;
    browser.run("const paths = document.querySelector('code-search input[aria-label^=Paths]'); paths.value = ''; paths.dispatchEvent(new Event('input'))").await;
    browser.wait_for(&format!("{STATUS}.startsWith('2 lines')")).await;
    browser.run("const language = document.querySelector('code-search select'); language.value = 'rust'; language.dispatchEvent(new Event('change'))").await;
    browser.wait_for(&format!("{STATUS}.startsWith('1 line in 1 file.')")).await;
    browser.click("code-search [aria-label='Regular expression']").await;
    browser.run("const field = document.querySelector('code-search input'); field.value = '('; field.dispatchEvent(new Event('input'))").await;
    browser
        .wait_for(&format!("{STATUS} === 'This is no regular expression: unclosed group.'"))
        .await;
    browser.audit("a search that is refused").await;
    browser.screenshot("code-search-refused").await;
    browser.run("const field = document.querySelector('code-search input'); field.value = 'Q[u]ok+a'; field.dispatchEvent(new Event('input'))").await;
    browser.wait_for(&format!("{STATUS}.startsWith('1 line in 1 file.')")).await;
    browser.assert_no_complaints(&["422"]).await;
    browser.close().await;
}
