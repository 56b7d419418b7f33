//! Diagrams and formulas on the page: drawn in both themes, with their sources, and never a danger.

use std::fs;

use serde_json::json;

use crate::server::{Server, Setup};

use super::{
    OVERFLOWS,
    browser::{Browser, ENTER},
    ended,
};

const ANSWER: &str = r#"say ## How it goes\n\n```mermaid\nflowchart LR\n  A[Browser] -->|asks| B(Server)\n  B --> C[(Database)]\n```\n\nIt costs $5 or $6, and the mean is $\frac{a_1 + b}{2}$:\n\n$$\sum_{i=0}^{n} x_i^2$$\n\nThat is all, but for \(\badcommand{x}\).\n\n```mermaid\nflowchart LR\n  A --> \n  ]\n```\n"#;

/// Texts of an answer that would hurt if they were taken for more.
const HOSTILE: &str = r#"say $\operatorname{<script>window.hurt = 1</script>}$ and $\text{<img src=x onerror=window.hurt=1>}$\n\n```mermaid\n%%{init: {"themeCSS": "@import url(/x.css);"}}%%\nflowchart LR\n  A["</svg><script>window.hurt = 1</script>"] --> B\n  click B "javascript:window.hurt=1"\n```\n"#;

/// The number of diagrams whose pictures are there.
const PICTURES: &str = "[...document.querySelectorAll('.drawing .screen')].filter((it) => it.complete && it.naturalWidth > 0).length";

async fn answered(server: &Server, answer: &str) -> Browser {
    let browser = Browser::start().await;
    browser.goto(&server.url("/")).await;
    browser.wait_for("document.activeElement.id === 'question'").await;
    browser.keys(&format!("{answer}{ENTER}")).await;
    browser.wait_for(&ended(1)).await;
    browser
}

#[tokio::test]
async fn diagrams_and_formulas_are_drawn_in_both_themes_and_say_why_where_they_are_not() {
    let server = Setup::scripted().start();
    let browser = answered(&server, ANSWER).await;
    browser.wait_for("document.querySelectorAll('.formula math').length === 2").await;
    browser
        .wait_for("document.querySelectorAll('.formula.display math[display=block]').length === 1")
        .await;
    browser
        .wait_for("document.querySelector('code.math')?.title.startsWith('This formula cannot')")
        .await;
    let text = browser.content("turn-view[data-turn='1'] answer-text").await;
    assert!(text.contains("It costs $5 or $6"), "{text}");
    browser.wait_for(&format!("{PICTURES} === 1")).await;
    browser.wait_for("document.querySelector('.drawing-failure')?.textContent.startsWith('This diagram cannot')").await;
    let alt = browser.run("return document.querySelector('.drawing img').alt").await;
    assert_eq!(alt, json!("Flowchart with asks, Browser, Server, Database"));
    let source =
        browser.run("return document.querySelector('.drawing details code').textContent").await;
    assert!(source.as_str().unwrap().contains("A[Browser] -->|asks| B(Server)"), "{source}");

    for theme in ["light", "dark"] {
        browser.run(&format!("document.documentElement.dataset.theme = '{theme}'")).await;
        browser
            .wait_for(&format!(
                "document.querySelector('.drawing img').src.endsWith('.{theme}.svg')"
            ))
            .await;
        browser.wait_for(&format!("{PICTURES} === 1")).await;
        browser.audit(&format!("drawings, {theme}")).await;
        for (width, height) in [(1440, 1400), (500, 1400)] {
            browser.resize(width, height).await;
            assert_eq!(browser.run(OVERFLOWS).await, json!([]), "at {width} pixels");
            browser.screenshot(&format!("drawings-{width}-{theme}")).await;
        }
    }
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}

#[tokio::test]
async fn a_diagram_is_enlarged_and_saved_and_a_formula_is_copied_as_its_source() {
    let server = Setup::scripted().start();
    let browser = answered(&server, ANSWER).await;
    browser.wait_for(&format!("{PICTURES} === 1")).await;
    browser.wait_for("document.querySelectorAll('.formula math').length === 2").await;
    let before = browser.run("return document.querySelector('.drawing img').clientWidth").await;
    browser.click(".drawing [aria-label='Full screen']").await;
    browser.wait_for("document.fullscreenElement?.matches('.drawing')").await;
    for theme in ["light", "dark"] {
        browser.run(&format!("document.documentElement.dataset.theme = '{theme}'")).await;
        browser.wait_for(&format!("{PICTURES} === 1")).await;
        browser.audit_part(&format!("a diagram that fills the screen, {theme}"), ".drawing").await;
        browser.screenshot(&format!("drawing-full-screen-{theme}")).await;
    }
    browser.run("document.documentElement.dataset.theme = ''").await;
    browser.click(".drawing [aria-label='Full screen']").await;
    browser.wait_for("document.fullscreenElement === null").await;
    browser.click(".drawing [aria-label=Larger]").await;
    browser
        .wait_for(&format!("document.querySelector('.drawing img').clientWidth > {before}"))
        .await;
    browser
        .run(
            "window.saved = [];
             addEventListener('click', (event) => {
               const link = event.target.closest('a[download]');
               if (link) { event.preventDefault(); window.saved.push(`${link.download} ${new URL(link.href).protocol}`); }
             }, true);",
        )
        .await;
    browser.click(".drawing [aria-label='Download as PNG']").await;
    browser.wait_for("window.saved.includes('diagram.png blob:')").await;
    browser.click(".drawing [aria-label='Download as SVG']").await;
    browser.wait_for("window.saved.includes('diagram.svg http:')").await;
    let paragraph = copied_of(&browser, "document.querySelector('.formula').closest('p')").await;
    assert_eq!(paragraph.trim(), "It costs $5 or $6, and the mean is $\\frac{a_1 + b}{2}$:");
    let answer =
        copied_of(&browser, "document.querySelector('.drawing').closest('answer-text')").await;
    for part in [
        "```mermaid\nflowchart LR\n  A[Browser] -->|asks| B(Server)\n  B --> C[(Database)]\n```\n",
        "$$\\sum_{i=0}^{n} x_i^2$$",
    ] {
        assert!(answer.contains(part), "{part}: {answer}");
    }
    assert!(!answer.contains("Full screen"), "{answer}");
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}

/// What is in the clipboard when all of an element is selected and copied.
async fn copied_of(browser: &Browser, element: &str) -> String {
    let script = format!(
        "const range = document.createRange();
         range.selectNodeContents({element});
         getSelection().removeAllRanges();
         getSelection().addRange(range);
         const data = new DataTransfer();
         document.dispatchEvent(new ClipboardEvent('copy', {{ clipboardData: data, cancelable: true }}));
         getSelection().removeAllRanges();
         return data.getData('text/plain');"
    );
    browser.run(&script).await.as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_formula_shows_its_source_by_click_and_by_keyboard_which_can_be_copied() {
    let server = Setup::scripted().start();
    let browser = answered(&server, ANSWER).await;
    browser.wait_for("document.querySelectorAll('.formula math').length === 2").await;
    browser
        .run(
            "Object.defineProperty(navigator, 'clipboard', { value: { writeText: async (text) => { window.copied = text; } } });",
        )
        .await;
    browser.click(".formula").await;
    let shown = browser.content(".formula .written code").await;
    assert_eq!(shown, "$\\frac{a_1 + b}{2}$");
    browser.click(".formula .written button").await;
    browser.wait_for("window.copied === String.raw`$\\frac{a_1 + b}{2}$`").await;
    browser.audit("the source of a formula").await;
    browser.portraits("formula-source").await;
    browser.click(".formula math").await;
    browser.wait_for("document.querySelector('.formula .written') === null").await;

    browser.run("document.querySelector('.formula.display .opener').focus()").await;
    browser.press(ENTER).await;
    browser.wait_for("document.querySelector('.formula.display .written code') !== null").await;
    let state = "return document.activeElement.getAttribute('aria-expanded')";
    assert_eq!(browser.run(state).await, json!("true"));
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}

#[tokio::test]
async fn a_printed_answer_has_its_diagrams_in_the_colours_of_paper() {
    let server = Setup::scripted().start();
    let browser = answered(&server, ANSWER).await;
    browser.run("document.documentElement.dataset.theme = 'dark'").await;
    browser.wait_for("document.querySelector('.drawing .paper')?.naturalWidth > 0").await;
    let paper = browser.run("return document.querySelector('.drawing .paper').src").await;
    assert!(paper.as_str().unwrap().ends_with(".light.svg"), "{paper}");
    let shown = "['.screen', '.paper', '.tools', 'details'].map((it) => document.querySelector(`.drawing ${it}`).checkVisibility()).join()";
    browser.wait_for(&format!("{shown} === 'true,false,true,true'")).await;
    browser.devtools("Emulation.setEmulatedMedia", json!({ "media": "print" })).await;
    browser.wait_for(&format!("{shown} === 'false,true,false,false'")).await;
    browser.screenshot("drawings-print").await;
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}

#[tokio::test]
async fn the_guide_draws_how_the_parts_of_a_project_import_each_other() {
    let setup = Setup::guide();
    for (path, text) in [
        ("src/web.rs", "//! Routes of the shop.\n\nuse crate::cart::Cart;\n"),
        (
            "src/cart.rs",
            "//! What a customer wants.\n\nuse crate::store::Store;\npub struct Cart;\n",
        ),
        ("src/store.rs", "//! Keeps orders.\n\npub struct Store;\n"),
    ] {
        let path = setup.project_dir().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let server = setup.start();
    let browser = answered(&server, "What is the project structure?").await;
    browser.wait_for(&format!("{PICTURES} === 1")).await;
    let alt = browser.run("return document.querySelector('.drawing .screen').alt").await;
    for part in ["Flowchart with ", "web", "cart", "store"] {
        assert!(alt.as_str().unwrap().contains(part), "{part}: {alt}");
    }
    browser.run("document.querySelector('.drawing').scrollIntoView({ block: 'center' })").await;
    browser.portraits("guide-overview").await;
    browser.audit("a diagram of the guide").await;
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}

#[tokio::test]
async fn nothing_in_a_drawing_runs_or_loads() {
    let server = Setup::scripted().start();
    let browser = answered(&server, HOSTILE).await;
    browser.wait_for("document.querySelector('code.math')?.title.includes('not shown')").await;
    browser
        .wait_for("document.querySelector('.formula mtext')?.textContent.includes('<img')")
        .await;
    browser.wait_for("document.querySelector('.drawing img, .drawing-failure') !== null").await;
    assert_eq!(browser.run("return window.hurt ?? null").await, json!(null));
    let alien = "return document.querySelectorAll('answer-text :is(script, iframe, svg, a[href^=java]), answer-text img[onerror]').length";
    assert_eq!(browser.run(alien).await, json!(0));
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}
