//! References on the page: links to files that exist, and the file beside the conversation.

use std::fs;

use serde_json::json;

use crate::server::{Server, Setup};

use super::{
    NOTICE, WHILE_AWAY,
    browser::{Browser, ENTER, ESCAPE, FIND, NEW_LINE},
    ended,
    gate::Gate,
};

/// What the agent says, with what it has read.
const ANSWER: &str = r#"say The format is parsed in `parse_quokka` at `src/parser.rs:40-44`, which `src/main.rs:2` calls.\n\n- src/parser.rs:3 names the format,\n- `docs/format.md` tells about it,\n- `src/parser.rs:9`, `src/parser.rs:14`, `src/parser.rs:19`,\n  `src/parser.rs:24` and `src/parser.rs#L29-L31` are its steps,\n- `src/gone.rs:7` does not exist,\n- `src/main.rs:900` neither."#;

fn project() -> Setup {
    let setup = Setup::scripted();
    let dir = setup.project_dir();
    fs::create_dir(dir.join("src")).unwrap();
    fs::create_dir(dir.join("docs")).unwrap();
    let mut parser =
        "//! Parses the format of quokkas.\n\n/// Its name.\npub const NAME: &str = \"quokka\";\n"
            .to_owned();
    for n in 0..400 {
        parser.push_str(&format!(
            "\n/// Step {n}.\npub fn step_{n}(input: &str) -> usize {{\n    input.len() + {n}\n}}\n"
        ));
    }
    fs::write(dir.join("src/parser.rs"), parser).unwrap();
    fs::write(dir.join("src/main.rs"), "fn main() {\n    parser::step_1(\"x\");\n}\n").unwrap();
    fs::write(dir.join("docs/format.md"), "# The format\n\nIt is simple.\n").unwrap();
    setup
}

async fn ask(browser: &Browser, server: &Server) {
    browser.goto(&server.url("/")).await;
    browser.wait_for("document.activeElement.id === 'question'").await;
    let read = r#"tool Read {"file_path":"src/parser.rs"} => 1 //! Parses"#;
    browser.keys(&[read, ANSWER].join(NEW_LINE)).await;
    browser.keys(ENTER).await;
    browser.wait_for(&ended(1)).await;
    browser
        .wait_for("document.querySelectorAll('answer-text a.reference[href]').length === 9")
        .await;
}

/// Whether the file is open with these lines marked.
fn shows(path: &str, cited: &[u32]) -> String {
    format!(
        "(() => {{ const reader = document.querySelector('file-reader');
          return !reader.hidden && reader.querySelector('h2').textContent.startsWith('{path}')
            && JSON.stringify([...reader.querySelectorAll('.cited .gutter')].map((it) => Number(it.textContent))) === '{}' }})()",
        json!(cited)
    )
}

#[tokio::test]
async fn a_reference_opens_its_file_at_the_line_and_what_does_not_exist_is_struck() {
    let server = project().start();
    let browser = Browser::start().await;
    ask(&browser, &server).await;

    let struck = "return [...document.querySelectorAll('a.reference[data-checked=false]')].map((it) => [it.title, it.hasAttribute('href')])";
    assert_eq!(
        browser.run(struck).await,
        json!([
            ["src/gone.rs:7: there is no such file", false],
            ["src/main.rs:900: it has only 3 lines", false]
        ])
    );
    assert!(
        browser
            .content("turn-view[data-turn='1'] .parts")
            .await
            .contains("(not found: there is no such file)")
    );
    assert_eq!(
        browser.content(".sources summary").await,
        "1 file read · 2 only named · 2 not found"
    );

    browser.click("a.reference[data-path='src/parser.rs'][data-line='40']").await;
    browser.wait_for(&shows("src/parser.rs", &[40, 41, 42, 43, 44])).await;
    browser.wait_for("(() => { const line = document.querySelector('.cited').getBoundingClientRect(), pane = document.querySelector('file-reader .scroller').getBoundingClientRect(); return line.top > pane.top && line.bottom < pane.bottom })()").await;
    browser.wait_for("document.querySelector('file-reader .line .keyword') !== null").await;
    let differs = "const color = (at) => getComputedStyle(document.querySelector(at)).color; \
                   return color('.line .keyword') !== color('.line code')";
    assert_eq!(browser.run(differs).await, json!(true), "a keyword has a colour of its own");
    browser.screenshot("reader").await;
    let address = browser.address().await;
    assert!(address.ends_with("?file=src%2Fparser.rs%3A40-44"), "{address}");

    // The outline leads to a definition.
    browser.click(".outline summary").await;
    browser.wait_for("document.querySelectorAll('.outline li').length > 100").await;
    browser.screenshot("reader-outline").await;
    browser.run("[...document.querySelectorAll('.outline button')].find((it) => it.textContent.endsWith('step_300')).click()").await;
    browser
        .wait_for("document.querySelector('.cited code')?.textContent.includes('step_300')")
        .await;

    // An address with a file opens it again, and Escape leaves the conversation.
    browser.goto(&address).await;
    browser.wait_for(&shows("src/parser.rs", &[40, 41, 42, 43, 44])).await;
    browser.wait_for(&ended(1)).await;
    browser.keys(ESCAPE).await;
    browser.wait_for("document.querySelector('file-reader').hidden").await;
    browser.wait_for("location.search === ''").await;
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}

#[tokio::test]
async fn a_part_of_the_page_that_cannot_be_fetched_is_said_and_is_there_after_a_reload() {
    let server = project().env("CICERONE_ACCESS_HOSTS", "127.0.0.1").start();
    let gate = Gate::open(server.address()).await;
    let browser = Browser::start().await;
    ask(&browser, &server).await;
    browser.goto(&browser.address().await.replace(&server.url(""), &gate.url)).await;
    browser.wait_for("document.querySelector('a.reference[href]') !== null").await;
    // Nobody has moved: what comes with the first move is not there.
    gate.cut();
    browser.run("document.querySelector('a.reference[data-line=\"40\"]').click()").await;
    browser.wait_for(&told("The file viewer could not be loaded from the server.")).await;
    browser.keys("kept").await;
    browser.keys(FIND).await;
    browser.wait_for(&told("The search could not be loaded from the server.")).await;
    browser.screenshot("not-fetched").await;

    gate.lead_to(server.address());
    browser.reload().await;
    browser.wait_for(&shows("src/parser.rs", &[40, 41, 42, 43, 44])).await;
    assert_eq!(browser.run("return document.querySelector('#question').value").await, "kept");
    browser.keys(FIND).await;
    browser.wait_for("document.querySelector('search-dialog dialog').open").await;
    browser.assert_no_complaints(&WHILE_AWAY).await;
    browser.close().await;
}

/// Whether a notice begins so.
fn told(words: &str) -> String {
    format!("{NOTICE}.startsWith({})", json!(words))
}

#[tokio::test]
async fn citations_are_walked_by_keyboard_and_back_closes_the_file() {
    let server = project().start();
    let browser = Browser::start().await;
    ask(&browser, &server).await;
    browser.run("document.activeElement.blur()").await;
    let press = async |key: &str| browser.press_on("body", key).await;
    press("]").await;
    browser.wait_for(&shows("src/parser.rs", &[40, 41, 42, 43, 44])).await;
    press("]").await;
    browser.wait_for(&shows("src/main.rs", &[2])).await;
    assert_eq!(browser.content(".citation-position").await, "2 of 9 cited");
    press("]").await;
    browser.wait_for(&shows("src/parser.rs", &[3])).await;
    press("[").await;
    browser.wait_for(&shows("src/main.rs", &[2])).await;
    // However many files were looked at, one step back leaves them.
    browser.run("history.back()").await;
    browser.wait_for("document.querySelector('file-reader').hidden").await;
    assert!(
        browser.run("return document.querySelectorAll('turn-view').length > 1").await
            == json!(true)
    );

    // Another conversation of the project leaves the file where it is.
    press("]").await;
    browser.wait_for("!document.querySelector('file-reader').hidden").await;
    browser.click(".new").await;
    browser.wait_for("document.querySelector('.welcome:not([hidden])') !== null").await;
    browser.wait_for("location.search.includes('parser.rs')").await;
    assert_eq!(
        browser.run("return document.querySelector('file-reader').hidden").await,
        json!(false)
    );
    browser.click("file-reader .close").await;
    browser.wait_for("document.querySelector('file-reader').hidden").await;
    browser.click("conversation-list a").await;
    browser.wait_for(&ended(1)).await;
    browser.run("document.activeElement.blur()").await;

    // The edge is moved with the arrow keys and stays where it was put.
    press("]").await;
    browser.wait_for("!document.querySelector('file-reader').hidden").await;
    let width = "return document.querySelector('file-reader').offsetWidth";
    let before = browser.run(width).await.as_i64().unwrap();
    browser.press_on("file-reader pane-splitter", "\u{e012}").await;
    browser
        .wait_for(&format!("document.querySelector('file-reader').offsetWidth > {before}"))
        .await;
    let wider = browser.run(width).await;
    browser.reload().await;
    browser.wait_for(&ended(1)).await;
    browser.wait_for("!document.querySelector('file-reader').hidden").await;
    assert_eq!(browser.run(width).await, wider);
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}

#[tokio::test]
async fn the_file_fits_every_screen_in_both_themes() {
    let server = project().start();
    let browser = Browser::start().await;
    ask(&browser, &server).await;
    browser.click("a.reference[data-path='src/parser.rs'][data-line='40']").await;
    browser.wait_for(&shows("src/parser.rs", &[40, 41, 42, 43, 44])).await;
    browser.wait_for("document.querySelector('file-reader .line .keyword') !== null").await;
    browser.portraits("reader").await;
    browser.click("file-reader .close").await;
    browser.wait_for("document.querySelector('file-reader').hidden").await;
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}
