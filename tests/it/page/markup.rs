//! Tables, print, directions, and the elements that GitHub shows as well.

use serde_json::json;

use crate::server::Setup;

use super::{
    ask,
    browser::{Browser, ENTER},
    open,
};

/// A table of so many columns.
fn table(columns: usize) -> String {
    let row = |cell: &str| format!("|{}", format!("{cell}|").repeat(columns));
    format!(r"{}\n{}\n{}", row("A heading"), row("---"), row("some words in it"))
}

#[tokio::test]
async fn a_wide_table_uses_the_room_beside_the_text_and_scrolls_in_its_box() {
    let server = Setup::scripted().start();
    let browser = Browser::start().await;
    open(&browser, &server).await;
    let says = format!(r"say Seven:\n\n{}\n\nThirty:\n\n{}\n\nEnd.", table(7), table(30));
    ask(&browser, &[&says], 1).await;
    let sizes = "const text = document.querySelector('answer-text').getBoundingClientRect();
        const view = document.querySelector('.scroller');
        return [...document.querySelectorAll('answer-text .table')].map((it) => {
            const box = it.getBoundingClientRect();
            return { wider: box.width > text.width + 1, inside: box.right <= view.getBoundingClientRect().left + view.clientWidth,
                     scrolls: it.scrollWidth > it.clientWidth, aligned: Math.abs(box.left - text.left) < 1,
                     least: Math.min(...[...it.querySelectorAll('td')].map((cell) => cell.offsetWidth)) };
        })";
    browser.resize(1600, 900).await;
    let wide = browser.run(sizes).await;
    for (place, scrolls) in [(0, false), (1, true)] {
        let it = &wide[place];
        assert_eq!(
            (&it["wider"], &it["inside"], &it["scrolls"]),
            (&json!(true), &json!(true), &json!(scrolls)),
            "{wide}"
        );
        assert!(it["aligned"] == true && it["least"].as_f64().unwrap() >= 60.0, "{wide}");
    }
    browser.become_phone().await;
    let narrow = browser.run(sizes).await;
    assert_eq!(
        (&narrow[0]["scrolls"], &narrow[0]["wider"]),
        (&json!(true), &json!(false)),
        "{narrow}"
    );
    browser.portraits("tables").await;
    browser.audit("tables").await;
    browser.run("document.querySelectorAll('.table')[1].focus()").await;
    browser.press("\u{e014}\u{e014}\u{e014}").await;
    browser.wait_for("document.querySelectorAll('.table')[1].scrollLeft > 0").await;
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}

#[tokio::test]
async fn folded_blocks_keys_and_alerts_are_shown() {
    let server = Setup::scripted().start();
    let browser = Browser::start().await;
    open(&browser, &server).await;
    let says = r"say Press <kbd>Ctrl</kbd>+<kbd>C</kbd>; H<sub>2</sub>O, x<sup>2</sup>.\n\n<details>\n<summary>How it works</summary>\n\nIt *hops*.\n\n- far\n- high\n\n</details>\n\n> [!NOTE]\n> Mind the gap.\n\n> [!CAUTION]\n> It bites.\n\n<details onclick=x>\n<script>window.hurt = 1</script>\n</details>";
    ask(&browser, &[says], 1).await;
    for selector in [
        "p kbd",
        "p sub",
        "p sup",
        "details > summary",
        ".alert-note > .alert-title",
        ".alert-caution",
    ] {
        let look = format!("return document.querySelector('answer-text {selector}') !== null");
        assert_eq!(browser.run(&look).await, json!(true), "{selector}");
    }
    assert_eq!(browser.run("return [window.hurt ?? null, document.querySelectorAll('answer-text script, [onclick]').length]").await, json!([null, 0]));
    browser.portraits("markup").await;
    browser.press_on("answer-text summary", ENTER).await;
    browser.wait_for("document.querySelector('answer-text details li')?.checkVisibility()").await;
    browser.audit("markup").await;
    browser.portraits("markup-unfolded").await;
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}

#[tokio::test]
async fn each_block_has_the_direction_of_its_words_and_code_its_own() {
    let server = Setup::scripted().start();
    let browser = Browser::start().await;
    open(&browser, &server).await;
    ask(
        &browser,
        &[r"say `main.rs` الملف هو البداية.\n\nThis is English.\n\n- שלום `a.b()`\n\n> مرحبا"],
        1,
    )
    .await;
    let directions = "return [...document.querySelectorAll(\"turn-view[data-turn='1'] .part > *\")].map((it) => getComputedStyle(it).direction)";
    assert_eq!(browser.run(directions).await, json!(["rtl", "ltr", "rtl", "rtl"]));
    let code = "return [...document.querySelectorAll(\"turn-view[data-turn='1'] code\")].map((it) => [getComputedStyle(it).direction, getComputedStyle(it).unicodeBidi])";
    assert_eq!(browser.run(code).await, json!([["ltr", "isolate"], ["ltr", "isolate"]]));
    browser.screenshot("directions").await;
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}

#[tokio::test]
async fn on_paper_is_all_that_was_said_and_nothing_else() {
    let server = Setup::scripted().start();
    let browser = Browser::start().await;
    open(&browser, &server).await;
    let long = "x".repeat(300);
    let says = format!(r"say In `README.md:1`.\n\n```\n{long}\n```\n\n{}\n\n", table(12));
    ask(&browser, &[&says, "stream 1500 0"], 1).await;
    for turn in 2..=4 {
        ask(&browser, &["stream 1500 0"], turn).await;
    }
    browser.wait_for("document.querySelector('turn-view[data-placeholder]') !== null").await;
    browser.run("document.documentElement.dataset.theme = 'dark'").await;
    browser.devtools("Emulation.setEmulatedMedia", json!({ "media": "print" })).await;
    browser.run("dispatchEvent(new Event('beforeprint'))").await;
    let rendered = "return [document.querySelectorAll('turn-view[data-placeholder]').length, document.querySelectorAll('answer-text').length]";
    assert_eq!(browser.run(rendered).await, json!([0, 5]));
    let shown = "return ['page-sidebar', 'question-composer', '.tools', '.copy', '.more', '.badge'].filter((it) => document.querySelector(it)?.checkVisibility())";
    assert_eq!(browser.run(shown).await, json!([]));
    browser.set_viewport(794, 1123).await;
    let cut = "return ['body', 'main', 'conversation-view', '.scroller', '.content', 'pre', '.table'].filter((it) =>
        [...document.querySelectorAll(it)].some((one) => one.scrollWidth > one.clientWidth + 1 || (getComputedStyle(one).overflowY !== 'visible' && one.scrollHeight > one.clientHeight + 1)))";
    assert_eq!(browser.run(cut).await, json!([]));
    let place = "return getComputedStyle(document.querySelector('a.reference[data-reference]'), '::after').content";
    assert_eq!(browser.run(place).await, json!("\" [README.md:1]\""));
    let paper = "return getComputedStyle(document.documentElement).colorScheme";
    assert_eq!(browser.run(paper).await, json!("light"));
    assert_eq!(browser.run("return document.querySelector('.sources li a').checkVisibility({ contentVisibilityAuto: true })").await, json!(true));
    browser.screenshot("paper").await;
    browser.run("dispatchEvent(new Event('afterprint'))").await;
    browser.devtools("Emulation.setEmulatedMedia", json!({ "media": "" })).await;
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}
