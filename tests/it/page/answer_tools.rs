//! What can be done with an answer: copy it, ask again, link it; and a question that waits is withdrawn.

use serde_json::json;

use crate::server::Setup;

use super::{
    ask,
    browser::{Browser, ENTER, NEW_LINE},
    ended, open,
};

/// The texts of the tools of a turn.
fn tools(turn: u32) -> String {
    format!(
        "[...document.querySelectorAll(\"turn-view[data-turn='{turn}'] .tools button\")].filter((it) => it.checkVisibility()).map((it) => it.textContent).join(', ')"
    )
}

fn tool(turn: u32, place: u32) -> String {
    format!("turn-view[data-turn='{turn}'] .tools button:nth-of-type({place})")
}

/// Keeps what is copied, with or without the clipboard of pages with TLS.
async fn watch_copies(browser: &Browser, has_clipboard: bool) {
    let clipboard = "{ writeText: async (text) => { window.copied = text; } }";
    let clipboard = if has_clipboard { clipboard } else { "undefined" };
    browser
        .run(&format!(
            "window.copied = null;
             Object.defineProperty(navigator, 'clipboard', {{ value: {clipboard}, configurable: true }});
             document.addEventListener('copy', () => {{
                 const field = document.activeElement;
                 window.copied = field.value?.slice(field.selectionStart, field.selectionEnd) ?? String(getSelection());
             }});"
        ))
        .await;
}

#[tokio::test]
async fn an_answer_says_who_gave_it_and_when_also_after_a_reload() {
    let server = Setup::guide().config("[agents.second]\nkind = \"guide\"\n").start();
    let browser = Browser::start().await;
    open(&browser, &server).await;
    ask(&browser, &["What is this project?"], 1).await;
    browser.press_on("#agent", "sec").await;
    browser.wait_for("document.querySelector('#agent').value === 'second'").await;
    ask(&browser, &["What is in README.md?"], 2).await;
    let told = |turn: u32, name: &str| {
        format!(
            r#"/^Answered by {name} · \d\d:\d\d · [\d.]+ m?s/.test(document.querySelector('turn-view[data-turn="{turn}"] .end small')?.textContent)"#
        )
    };
    for _ in 0..2 {
        browser.wait_for(&told(1, "built-in guide")).await;
        browser.wait_for(&told(2, "second")).await;
        // It is now, in the words of machines as well.
        let age = "Date.now() - Date.parse(document.querySelector('.end small time').dateTime)";
        browser.wait_for(&format!("{age} >= 0 && {age} < 600000")).await;
        browser.reload().await;
        browser.wait_for(&ended(2)).await;
    }
    browser.portraits("answered-by").await;
    for theme in ["light", "dark"] {
        browser.run(&format!("document.documentElement.dataset.theme = '{theme}'")).await;
        browser.audit(&format!("who answered, {theme}")).await;
    }
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}

#[tokio::test]
async fn an_answer_is_copied_as_markdown_linked_and_asked_again() {
    let server = Setup::scripted().start();
    let browser = Browser::start().await;
    open(&browser, &server).await;
    let read = r##"tool Read {"file_path":"README.md"} => # Demo"##;
    let words = r"say It is *here*, see `README.md:1`.\n\n```rust\nfn main() {}\n```";
    ask(&browser, &["say I look.", read, words], 1).await;
    browser
        .wait_for(&format!(
            "{} === 'Copy, Ask again, Link, Fork, Useful, Wrong, Keep as note'",
            tools(1)
        ))
        .await;
    browser.portraits("tools").await;
    browser.audit("the tools of an answer").await;
    for has_clipboard in [true, false] {
        watch_copies(&browser, has_clipboard).await;
        browser.click(&tool(1, 1)).await;
        browser.wait_for("window.copied !== null").await;
        let copied = browser.run("return window.copied").await;
        let copied = copied.as_str().unwrap();
        assert!(
            copied.starts_with("I look.\n\nIt is *here*, see `README.md:1`.\n\n```rust\n"),
            "{copied}"
        );
        assert!(copied.contains("Cited") && copied.ends_with("- `README.md:1`\n"), "{copied}");
        browser
            .wait_for(&format!(
                "document.querySelector(\"{}\").textContent === 'Copied'",
                tool(1, 1)
            ))
            .await;
        browser
            .wait_for(&format!("document.querySelector(\"{}\").textContent === 'Copy'", tool(1, 1)))
            .await;
        browser.run("window.copied = null").await;
        browser.click(&tool(1, 3)).await;
        browser.wait_for("window.copied?.endsWith('#turn-1')").await;
        browser.run("window.copied = null").await;
        browser.run("document.querySelector('.code .copy').click()").await;
        browser.wait_for("window.copied === 'fn main() {}\\n'").await;
        assert_eq!(
            browser.run("return document.querySelectorAll('body > textarea').length").await,
            json!(0)
        );
    }
    // By keys alone.
    browser.run(&format!("document.querySelector(\"{}\").focus()", tool(1, 2))).await;
    browser.press(ENTER).await;
    browser.wait_for(&ended(2)).await;
    browser
        .wait_for(&format!(
            "{} === 'Copy, Ask again, Link, Fork, Useful, Wrong, Keep as note'",
            tools(2)
        ))
        .await;
    // Without words there is nothing to copy.
    ask(&browser, &["error it broke"], 3).await;
    assert_eq!(browser.run(&format!("return {}", tools(3))).await, json!("Link, Fork"));
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}

#[tokio::test]
async fn where_there_is_a_choice_the_question_is_asked_again_of_another_agent() {
    let server = Setup::guide().config("[agents.second]\nkind = \"guide\"\n").start();
    let browser = Browser::start().await;
    open(&browser, &server).await;
    browser.wait_for("document.querySelector('#agent').checkVisibility()").await;
    ask(&browser, &["What is this project?"], 1).await;
    browser.run(&format!("document.querySelector(\"{}\").focus()", tool(1, 2))).await;
    browser.press(ENTER).await;
    browser.wait_for("document.activeElement.role === 'menuitem'").await;
    browser.press("s").await;
    browser.wait_for("document.activeElement.textContent === 'second'").await;
    browser.screenshot("ask-again").await;
    browser.press(ENTER).await;
    browser.wait_for(&ended(2)).await;
    browser.wait_for("document.querySelector(\"turn-view[data-turn='2'] .asked-of\").textContent === 'Asked of second'").await;
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}

#[tokio::test]
async fn a_question_that_waits_is_withdrawn_and_its_text_comes_back() {
    let server = Setup::scripted().start();
    let browser = Browser::start().await;
    open(&browser, &server).await;
    let signal = server.project_dir().join("go on");
    browser.keys(&format!("await {}{NEW_LINE}say first{ENTER}", signal.display())).await;
    browser.keys(&format!("say regretted{ENTER}")).await;
    browser.keys(&format!("say third{ENTER}")).await;
    let queued = "turn-view[data-turn='2'] .queued button";
    browser
        .wait_for(&format!(
            "document.querySelector(\"{queued}\")?.checkVisibility({{ visibilityProperty: true }})"
        ))
        .await;
    browser.wait_for("document.querySelector(\"turn-view[data-turn='3'] .queue-note:not([hidden])\") !== null").await;
    browser.screenshot("withdraw").await;
    browser.click(queued).await;
    browser.wait_for(&ended(2)).await;
    browser.wait_for("document.querySelector('#question').value === 'say regretted'").await;
    assert!(browser.content("turn-view[data-turn='2'] .end").await.starts_with("Withdrawn."));
    let first = "document.querySelector(\"turn-view[data-turn='1'] .end:not([hidden])\")";
    assert_eq!(browser.run(&format!("return {first} === null")).await, json!(true));
    std::fs::write(signal, "").unwrap();
    browser.wait_for(&ended(3)).await;
    assert_eq!(browser.content("turn-view[data-turn='3'] answer-text").await, "third");
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}

#[tokio::test]
async fn on_a_phone_the_button_that_copies_code_covers_none_of_it() {
    let server = Setup::scripted().start();
    let browser = Browser::start().await;
    browser.become_phone().await;
    open(&browser, &server).await;
    let line = "x".repeat(200);
    ask(&browser, &[&format!(r"say ```\n{line}\n```\n\n```rust\nfn {line}() {{}}\n```")], 1).await;
    let covered = "return [...document.querySelectorAll('.code')].filter((frame) => {
        const range = document.createRange();
        range.selectNodeContents(frame.querySelector('code'));
        return frame.querySelector('.copy').getBoundingClientRect().bottom > range.getBoundingClientRect().top + 0.5;
    }).length";
    assert_eq!(browser.run("return matchMedia('(hover: none)').matches").await, json!(true));
    assert_eq!(browser.run(covered).await, json!(0));
    let hidden = "return [...document.querySelectorAll('.copy, .end .tools button')].filter((it) => it.checkVisibility()).filter((it) => getComputedStyle(it).opacity !== '1' || it.offsetHeight < 44).length";
    assert_eq!(browser.run(hidden).await, json!(0));
    browser.screenshot("phone-code").await;
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}
