//! Diagrams and formulas on the page: drawn in both themes, with their sources, and never a danger.

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
const PICTURES: &str = "[...document.querySelectorAll('.drawing img')].filter((it) => it.complete && it.naturalWidth > 0).length";

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
    let copied = browser
        .run(
            "const range = document.createRange();
             range.selectNodeContents(document.querySelector('.formula').closest('p'));
             getSelection().removeAllRanges();
             getSelection().addRange(range);
             const data = new DataTransfer();
             document.dispatchEvent(new ClipboardEvent('copy', { clipboardData: data, cancelable: true }));
             return data.getData('text/plain').trim();",
        )
        .await;
    assert_eq!(copied, json!("It costs $5 or $6, and the mean is $\\frac{a_1 + b}{2}$:"));
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
