//! Answers on the page: rendered, harmless, and stable once shown.

use std::fs;

use serde_json::json;

use crate::server::Setup;

use super::{
    OVERFLOWS,
    browser::{Browser, ENTER, NEW_LINE},
    ended, says,
};

/// What an answer may hold, in the words of the agent's script.
const RICH: &str = r#"say ## Where sockets are closed\n\nThe **viewer** closes them in `close`, see [the actor](https://docs.rs/actix) and\nhttps://example.com/a_b.\n\n1. It tells the session,\n2. then it waits:\n   - for *the* answer\n   - or ~~for ever~~ 10 s\n\n- [x] done\n- [ ] to do\n\n> Closed by default.\n\n| code | meaning | times |\n|---|---|--:|\n| 4000 | no such name | 12 |\n| 4004 | no such project | 3 |\n\n```rust\nfn close(code: u16) -> Result<(), Error> {\n    send(code)\n}\n```\n\n### Beside that\n\nThe sum is $a_1 + b$.[^1] ![logo](https://example.com/x.png)\n\n[^1]: As measured.\n"#;

const HOSTILE: &str = r#"say <img src=x onerror="window.hurt = 1"> <script>window.hurt = 1</script> [x](javascript:window.hurt=1)\n\n<iframe src="https://example.com"></iframe>"#;

#[tokio::test]
async fn an_answer_is_rendered_and_what_is_hostile_in_it_is_text() {
    let server = Setup::scripted().start();
    let browser = Browser::start().await;
    browser.goto(&server.url("/")).await;
    browser.wait_for("document.activeElement.id === 'question'").await;
    let signal = server.project_dir().join("go on");
    let wait = format!("await {}", signal.display());
    browser.keys(&[RICH, &wait, r"say \n\nThe end."].join(NEW_LINE)).await;
    browser.keys(ENTER).await;
    browser.wait_for(&says(1, "Where sockets are closed")).await;
    browser.wait_for("document.querySelectorAll('.part').length > 5").await;
    browser
        .run("window.read = [...document.querySelectorAll('.part > *, pre')].slice(0, -2)")
        .await;
    fs::write(signal, "").unwrap();
    browser.wait_for(&ended(1)).await;
    let kept = browser.run("return window.read.every((node) => node.isConnected)").await;
    assert_eq!(kept, json!(true), "what was read is put there anew");
    browser.wait_for("document.querySelector('.code .keyword')?.closest('pre').isConnected").await;

    for (what, selector) in [
        ("a heading below the question's", ".question-row:has(h2) ~ .parts :is(h3, h4)"),
        ("a list in a list", "answer-text ol li ul li"),
        ("a box that is ticked", "answer-text input[type=checkbox][disabled]:checked"),
        ("a table", "answer-text .table td.right"),
        ("a quote", "answer-text blockquote"),
        ("code of its language", "answer-text [data-language=rust] code.language-rust"),
        ("code with colours", "answer-text code.language-rust .keyword"),
        ("a button that copies", "answer-text .code .copy"),
        ("a link", "answer-text a[href='https://docs.rs/actix'][target=_blank][rel~=noopener]"),
        ("a bare link", "answer-text a[href='https://example.com/a_b']"),
        ("a link in place of an image", "answer-text a[href='https://example.com/x.png']"),
        ("a note", "answer-text .footnote sup"),
    ] {
        let look = format!("return document.querySelector(\"{selector}\") !== null");
        assert_eq!(browser.run(&look).await, json!(true), "{what}");
    }

    browser.keys(&format!("{HOSTILE}{ENTER}")).await;
    browser.wait_for(&ended(2)).await;
    let alien = "return document.querySelectorAll('answer-text :is(img, script, iframe, a[href^=java])').length";
    assert_eq!(browser.run(alien).await, json!(0));
    assert_eq!(browser.run("return window.hurt ?? null").await, json!(null));
    assert!(browser.content("turn-view[data-turn='2'] answer-text").await.contains("<script>"));

    for (width, height) in [(1440, 1400), (500, 1400)] {
        browser.resize(width, height).await;
        for theme in ["light", "dark"] {
            browser.run(&format!("document.documentElement.dataset.theme = '{theme}'")).await;
            assert_eq!(browser.run(OVERFLOWS).await, json!([]), "at {width} pixels");
            browser.screenshot(&format!("rendered-{width}-{theme}")).await;
        }
    }
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}

#[tokio::test]
async fn a_conversation_that_is_too_long_is_left_for_a_new_one_with_its_question() {
    let server = Setup::scripted().start();
    let browser = Browser::start().await;
    browser.goto(&server.url("/")).await;
    browser.wait_for("document.activeElement.id === 'question'").await;
    browser.keys(&format!("say the quokka{ENTER}")).await;
    browser.wait_for(&ended(1)).await;
    let too_long = "error API Error: 400 prompt is too long: 2 tokens > 1 maximum";
    browser.keys(&format!("{too_long}{ENTER}")).await;
    browser.wait_for(&ended(2)).await;
    let told = browser.content("turn-view[data-turn='2']").await;
    assert!(told.contains("start a new conversation"), "{told}");
    assert!(!told.contains("Ask again"), "{told}");
    browser.screenshot("too-long").await;
    let old = browser.run("return location.pathname").await;

    let button = "[...document.querySelectorAll(\"turn-view[data-turn='2'] button\")]\
                  .find((it) => it.textContent === 'Ask in a new conversation')";
    browser.run(&format!("{button}.click()")).await;
    browser.wait_for(&format!("location.pathname !== {old} && ({})", ended(1))).await;
    let asked = browser.content("turn-view[data-turn='1']").await;
    assert!(asked.contains(too_long), "{asked}");
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}
