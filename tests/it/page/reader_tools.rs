//! The tools of the file beside the conversation: tree, find, wrap, names, authors, questions about lines, and
//! what has become of a cited place.

use std::fs;

use serde_json::json;

use crate::server::{Server, Setup, eventually, git};

use super::{
    OVERFLOWS,
    browser::{Browser, DOWN, ENTER, ESCAPE, NEW_LINE, TAB},
    ended,
};

const PARSER: &str = "//! Parses.\n\npub fn parse_quokka(input: &str) -> usize {\n    count_hops(input)\n}\n\nfn count_hops(input: &str) -> usize {\n    input.len()\n}\n";

async fn started() -> (Server, Browser) {
    let setup =
        Setup::scripted().config("[reader]\neditor_url = \"vscode://file/{dir}/{path}:{line}\"\n");
    let dir = setup.project_dir();
    fs::create_dir_all(dir.join("src/deep")).unwrap();
    fs::write(dir.join("src/parser.rs"), PARSER).unwrap();
    fs::write(dir.join("src/deep/main.rs"), "fn main() {\n    parse_quokka(\"hop\");\n}\n")
        .unwrap();
    git(&dir, "Ann", &["init", "--quiet"]);
    git(&dir, "Ann", &["add", "."]);
    git(&dir, "Ann", &["commit", "--quiet", "--message", "Parse the quokka"]);
    let server = setup.start();
    eventually("the index is built", async || {
        (server.get("/api/projects/demo/symbols").await.0 == 200).then_some(())
    })
    .await;
    let browser = Browser::start().await;
    (server, browser)
}

/// Opens a file from its address.
async fn open(server: &Server, browser: &Browser, file: &str) {
    browser.goto(&server.url(&format!("/p/demo?file={file}"))).await;
    browser.wait_for("document.querySelector('file-reader .line .keyword') !== null").await;
}

/// Presses the button with this text.
async fn push(browser: &Browser, text: &str) {
    let button = format!(
        "[...document.querySelectorAll('file-reader button')].find((it) => it.textContent === '{text}' && it.checkVisibility())"
    );
    browser.wait_for(&format!("{button} !== undefined")).await;
    browser.run(&format!("{button}.click()")).await;
}

/// The numbers of the lines that are marked.
const MARKED: &str = "[...document.querySelectorAll('file-reader .cited .gutter')].map((it) => it.textContent).join()";

#[tokio::test]
async fn lines_are_marked_asked_about_and_lead_to_definitions_uses_and_authors() {
    let (server, browser) = started().await;
    open(&server, &browser, "src/parser.rs:4").await;
    browser.wait_for(&format!("{MARKED} === '4'")).await;
    let names = "[...document.querySelectorAll('file-reader .selection option')].map((it) => it.value).join()";
    browser.wait_for(&format!("{names} === 'count_hops,input'")).await;
    let editor = "document.querySelector('file-reader .tools a').href";
    browser
        .wait_for(&format!(
            "{editor}.startsWith('vscode://file/') && {editor}.endsWith('/src/parser.rs:4')"
        ))
        .await;

    // The definition of a name, and where it is used.
    push(&browser, "Definition").await;
    browser.wait_for(&format!("{MARKED} === '7'")).await;
    push(&browser, "Used from").await;
    let result = "document.querySelector('file-reader .result')";
    browser
        .wait_for(&format!(
            "{result}?.innerText.includes('count_hops is used in 1 line of 1 file')"
        ))
        .await;
    browser
        .wait_for(&format!(
            "{result}.querySelector('h4').textContent === 'fn parse_quokka in src/parser.rs'"
        ))
        .await;
    browser
        .wait_for(&format!(
            "{result}.querySelector('li').textContent === 'Line 4 count_hops(input)'"
        ))
        .await;
    browser.portraits("reader-uses").await;
    for theme in ["light", "dark"] {
        browser.run(&format!("document.documentElement.dataset.theme = '{theme}'")).await;
        browser.audit(&format!("uses of a name, {theme}")).await;
    }
    // By keys alone, and the text of all files a step away.
    browser.wait_for("document.activeElement.matches('.result h3')").await;
    browser.press(TAB).await;
    browser.wait_for("document.activeElement.textContent === 'Line 4'").await;
    browser.press(ENTER).await;
    browser.wait_for(&format!("{MARKED} === '4'")).await;
    push(&browser, "Used from").await;
    push(&browser, "Search the text of all files").await;
    browser.wait_for("document.querySelector('code-search [role=status]')?.textContent.startsWith('2 lines in 1 file.')").await;
    browser.press(ESCAPE).await;
    browser.wait_for("document.querySelector('file-reader').hidden").await;
    browser.press(ESCAPE).await;

    // Lines are marked by their numbers, and by keys alone.
    open(&server, &browser, "src/parser.rs:4").await;
    browser.run("document.querySelectorAll('file-reader .gutter')[6].dispatchEvent(new MouseEvent('click', { bubbles: true, shiftKey: true }))").await;
    browser.wait_for(&format!("{MARKED} === '4,5,6,7'")).await;
    assert!(browser.address().await.ends_with("?file=src%2Fparser.rs%3A4-7"));
    browser.press_on("file-reader .scroller", "\u{e00a}\u{e015}\u{e00a}").await;
    browser.wait_for(&format!("{MARKED} === '8'")).await;
    browser
        .press_on("file-reader .scroller", "\u{e00a}\u{e008}\u{e013}\u{e013}\u{e008}\u{e00a}")
        .await;
    browser.wait_for(&format!("{MARKED} === '6,7,8'")).await;

    push(&browser, "Who wrote them").await;
    browser.wait_for("document.querySelector('file-reader .result')?.textContent.includes('Lines 6–8: Ann, ')").await;
    browser.portraits("reader-authors").await;
    browser.audit("who wrote lines").await;
    push(&browser, "Ask about these lines").await;
    browser
        .wait_for(r"document.querySelector('#question').value === 'About `src/parser.rs:6-8`: \n\n```\n\nfn count_hops(input: &str) -> usize {\n    input.len()\n```'")
        .await;
    browser.wait_for("document.activeElement.id === 'question'").await;
    browser.press("why?").await;
    browser
        .wait_for("document.querySelector('#question').value.startsWith('About `src/parser.rs:6-8`: why?\\n\\n```')")
        .await;
    browser.run("document.querySelector('file-reader .result a').click()").await;
    browser
        .wait_for("document.querySelector('file-reader h2').textContent.startsWith('commit ')")
        .await;
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}

#[tokio::test]
async fn the_tree_leads_to_files_by_keyboard_and_a_text_is_found_in_the_file() {
    let (server, browser) = started().await;
    open(&server, &browser, "src/parser.rs:4").await;
    let row = "document.activeElement.getAttribute('role') === 'treeitem' && document.activeElement.textContent";
    browser.run("document.querySelector('file-reader .crumb').click()").await;
    browser.wait_for(&format!("{row} === 'src'")).await;
    browser.press("\u{e014}").await;
    browser.wait_for("document.activeElement.getAttribute('aria-expanded') === 'true'").await;
    browser.wait_for("document.querySelectorAll('.tree [role=treeitem]').length >= 3").await;
    browser.press(DOWN).await;
    browser.wait_for(&format!("{row} === 'deep'")).await;
    browser.portraits("reader-tree").await;
    browser.audit("the tree of files").await;
    browser.press(ENTER).await;
    browser.wait_for("document.activeElement.getAttribute('aria-expanded') === 'true'").await;
    browser.wait_for("document.activeElement.nextElementSibling?.textContent === 'main.rs'").await;
    browser.press(DOWN).await;
    browser.press(ENTER).await;
    browser
        .wait_for("document.querySelector('file-reader h2').textContent === 'src/deep/main.rs'")
        .await;
    browser.wait_for("document.querySelector('file-reader .line .keyword') !== null").await;
    push(&browser, "Files").await;

    browser.press_on("file-reader .scroller", "/").await;
    browser
        .wait_for("document.activeElement.getAttribute('aria-label') === 'Find in this file'")
        .await;
    browser.press("main").await;
    browser
        .wait_for("document.querySelector('file-reader .find .note').textContent === '1 of 1'")
        .await;
    let found = "[...CSS.highlights.get('found') ?? []].map((it) => it.toString()).join()";
    browser.wait_for(&format!("{found} === 'main'")).await;
    browser.audit("finding in a file").await;
    browser.screenshot("reader-find").await;
    browser.press("zzz").await;
    browser.wait_for("document.querySelector('file-reader .find .note').textContent === 'Nothing in this file.'").await;
    browser.press(ESCAPE).await;
    browser.wait_for("document.querySelector('file-reader .panel').hidden && !document.querySelector('file-reader').hidden").await;
    push(&browser, "Wrap").await;
    browser.wait_for("getComputedStyle(document.querySelector('file-reader .line code')).whiteSpace === 'pre-wrap'").await;
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}

#[tokio::test]
async fn a_text_is_found_in_lines_that_are_not_shown_and_on_a_phone() {
    let setup = Setup::scripted().config("[advanced.reading]\npage_lines = 40\n");
    let mut text: Vec<String> = (1..=200).map(|line| format!("// Line {line}.")).collect();
    for line in [10, 60, 180] {
        text[line - 1] = format!("let quokka{line} = \"Quokka\";");
    }
    fs::write(setup.project_dir().join("long.rs"), text.join("\n")).unwrap();
    let server = setup.start();
    let browser = Browser::start().await;
    browser.become_phone().await;
    open(&server, &browser, "long.rs:60").await;
    let shows = |line: usize, found: &str, text: &str| {
        format!(
            "document.querySelector('file-reader .find .note').textContent === '{text}'
             && [...CSS.highlights.get('found') ?? []].map((it) => it.toString() + ':' + it.startContainer.parentElement.closest('.line').firstChild.textContent).join() === '{found}:{line}'"
        )
    };
    browser.press_on("file-reader .scroller", "/").await;
    browser.press("quokka").await;
    // From the lines that are shown on, not from the beginning.
    browser.wait_for(&shows(60, "quokka", "3 of 6")).await;
    browser.press(ENTER).await;
    browser.wait_for(&shows(60, "Quokka", "4 of 6")).await;
    browser.press(ENTER).await;
    browser.wait_for(&shows(180, "quokka", "5 of 6")).await;
    let in_sight = "(() => { const pane = document.querySelector('file-reader .scroller').getBoundingClientRect();
        const place = [...CSS.highlights.get('found')][0].getBoundingClientRect();
        return place.top >= pane.top && place.bottom <= pane.bottom; })()";
    browser.wait_for(in_sight).await;
    browser.wait_for("document.activeElement.matches('file-reader .find input')").await;
    browser.press(ENTER).await;
    browser.wait_for(&shows(180, "Quokka", "6 of 6")).await;
    // After the last comes the first, and before it the last.
    browser.press(ENTER).await;
    browser.wait_for(&shows(10, "quokka", "1 of 6")).await;
    browser.wait_for(in_sight).await;
    browser.click("file-reader .find [aria-label='Previous place']").await;
    browser.wait_for(&shows(180, "Quokka", "6 of 6")).await;
    assert_eq!(browser.run(OVERFLOWS).await, json!([]));
    for theme in ["light", "dark"] {
        browser.run(&format!("document.documentElement.dataset.theme = '{theme}'")).await;
        browser.audit(&format!("finding on another page, {theme}")).await;
        browser.screenshot(&format!("reader-find-{theme}")).await;
    }
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}

#[tokio::test]
async fn what_a_reference_meant_is_told_beside_the_file_and_how_it_has_changed() {
    let (server, browser) = started().await;
    let project = server.project_dir();
    browser.goto(&server.url("/p/demo")).await;
    browser.wait_for("document.activeElement.id === 'question'").await;
    let read = r#"tool Read {"file_path":"src/parser.rs"} => 1"#;
    let say = "say See `src/parser.rs:7-9` and src/deep/main.rs:2.";
    browser.keys(&[read, say].join(NEW_LINE)).await;
    browser.keys(ENTER).await;
    browser.wait_for(&ended(1)).await;
    let state = "document.querySelector('file-reader .state:not([hidden])')?.textContent";
    let open =
        "document.querySelector('answer-text a.reference[data-path=\"src/parser.rs\"]').click()";
    browser
        .wait_for("document.querySelectorAll('answer-text a.reference[href]').length === 2")
        .await;
    browser.run(open).await;
    browser.wait_for(&format!("{state} === 'fresh'")).await;

    fs::write(project.join("src/parser.rs"), PARSER.replace("input.len()", "input.len() / 2"))
        .unwrap();
    browser.run(open).await;
    browser.wait_for(&format!("{state} === 'changed since'")).await;
    push(&browser, "Difference").await;
    let rows = "[...document.querySelectorAll('file-reader .result :is(.removed, .added)')].map((it) => it.textContent)";
    browser.wait_for(&format!("{rows}.length === 2")).await;
    assert_eq!(
        browser.run(&format!("return {rows}")).await,
        json!(["−8    input.len()", "+8    input.len() / 2"])
    );
    browser.portraits("reader-difference").await;
    for theme in ["light", "dark"] {
        browser.run(&format!("document.documentElement.dataset.theme = '{theme}'")).await;
        browser.audit(&format!("how a place has changed, {theme}")).await;
    }

    fs::write(project.join("src/parser.rs"), format!("// New.\n{PARSER}")).unwrap();
    browser.run(open).await;
    browser.wait_for(&format!("{state} === 'moved'")).await;
    fs::remove_file(project.join("src/deep/main.rs")).unwrap();
    browser.run("document.querySelector('answer-text a.reference[data-path=\"src/deep/main.rs\"]').click()").await;
    browser.wait_for(&format!("{state} === 'gone'")).await;
    browser.screenshot("reader-gone").await;
    browser.assert_no_complaints(&["404"]).await;
    browser.close().await;
}
