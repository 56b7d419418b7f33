//! What the page says: sources, messages, titles, what is opened below the heading, and choices that are kept.

use std::fs;

use serde_json::json;

use crate::server::{Setup, eventually};

use super::{
    ask,
    browser::{Browser, ENTER, ESCAPE},
    ended, open,
};

#[tokio::test]
async fn the_sources_of_an_answer_are_grouped_by_file_and_only_what_is_missing_is_red() {
    let setup = Setup::scripted();
    fs::create_dir(setup.project_dir().join("src")).unwrap();
    fs::write(setup.project_dir().join("src/a.rs"), "one\ntwo\nthree\n").unwrap();
    fs::write(setup.project_dir().join("src/b.rs"), "one\ntwo\nthree\n").unwrap();
    let server = setup.start();
    let browser = Browser::start().await;
    open(&browser, &server).await;
    let read = r#"tool Read {"file_path":"src/a.rs"} => one"#;
    let says = "say See `src/b.rs:1`, `src/a.rs:3`, `src/a.rs:1-2` and `src/a.rs:1-2`, not `src/gone.rs:7` or `src/gone.rs:9`.";
    ask(&browser, &[read, says], 1).await;
    assert_eq!(
        browser.content(".sources summary").await,
        "1 file read · 1 only named · 2 not found"
    );
    browser.click(".sources summary").await;
    let items =
        "return [...document.querySelectorAll('.sources > ul > li')].map((it) => it.textContent)";
    assert_eq!(
        browser.run(items).await,
        json!([
            "src/a.rs 1-2, 3",
            "src/b.rs 1 only named",
            "src/gone.rs:7, 9 there is no such file"
        ])
    );
    let red = "const danger = getComputedStyle(document.querySelector('.sources .why')).color;
               return [...document.querySelectorAll('.sources *')].filter((it) => getComputedStyle(it).color === danger).map((it) => it.textContent)";
    assert_eq!(browser.run(red).await, json!(["2 not found", "there is no such file"]));
    browser.audit("sources").await;
    browser.portraits("sources").await;
    browser.click(".sources > ul > li:first-child a:nth-of-type(2)").await;
    browser.wait_for("location.search === '?file=src%2Fa.rs%3A1-2'").await;
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}

#[tokio::test]
async fn messages_are_sentences_and_a_title_goes_as_far_as_there_is_room() {
    let server = Setup::scripted().start();
    let browser = Browser::start().await;
    open(&browser, &server).await;
    ask(&browser, &["error the `quokka` ran away and the wombat followed it at some distance"], 1)
        .await;
    assert!(browser.content("turn-view .end .error").await.contains("quokka ran away"));
    assert_eq!(browser.content("turn-view .end .error code").await, "quokka");
    let title = browser.content("conversation-view h1").await;
    assert_eq!(title, "error the `quokka` ran away and the wombat followed it at some distance");
    let lines = "const it = document.querySelector('conversation-view h1'); return [it.offsetHeight < 40, it.scrollWidth <= it.clientWidth]";
    assert_eq!(browser.run(lines).await, json!([true, true]));
    assert!(!browser.content(".hint").await.contains("guide"));
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}

#[tokio::test]
async fn what_is_opened_below_the_heading_closes_the_other_and_goes_with_escape() {
    let server = Setup::scripted().start();
    eventually("the sandbox is tested", async || {
        (server.get("/readyz").await.1["sandbox"] == "proved").then_some(())
    })
    .await;
    let browser = Browser::start().await;
    open(&browser, &server).await;
    ask(&browser, &["say one"], 1).await;
    browser.wait_for("document.querySelector('.badge:not([hidden])') !== null").await;
    let open = "[...document.querySelectorAll('conversation-view header details')].filter((it) => it.open).map((it) => it.className.split(' ')[0]).join()";
    browser.click(".badge summary").await;
    browser.wait_for(&format!("{open} === 'badge'")).await;
    assert_eq!(
        browser.run("return document.querySelectorAll('.badge li').length > 5").await,
        json!(true)
    );
    browser.audit("the badge").await;
    browser.screenshot("badge").await;
    browser.click(".usage summary").await;
    browser.wait_for(&format!("{open} === 'usage'")).await;
    browser.click("conversation-view header .more").await;
    browser
        .wait_for(&format!("document.querySelector('.actions-menu') !== null && {open} === ''"))
        .await;
    browser.press(ESCAPE).await;
    browser.wait_for("document.querySelector('.actions-menu') === null").await;
    browser.press_on(".badge summary", ENTER).await;
    browser.wait_for(&format!("{open} === 'badge'")).await;
    browser.press(ESCAPE).await;
    browser.wait_for(&format!("{open} === ''")).await;
    assert_eq!(
        browser.run("return document.activeElement.parentElement.className").await,
        json!("badge")
    );
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}

#[tokio::test]
async fn a_choice_of_an_agent_that_was_not_sent_survives_a_reload() {
    let server = Setup::guide().config("[agents.second]\nkind = \"guide\"\n").start();
    let browser = Browser::start().await;
    browser.goto(&server.url("/p/demo")).await;
    browser.wait_for("document.querySelector('#agent').checkVisibility()").await;
    let chosen = |name: &str| format!("document.querySelector('#agent').value === '{name}'");
    browser.press_on("#agent", "sec").await;
    browser.wait_for(&chosen("second")).await;
    browser.keys("What is").await;
    browser.wait_for("Object.values(localStorage).some((it) => it.includes('second'))").await;
    browser.reload().await;
    browser.wait_for(&chosen("second")).await;
    browser.wait_for("document.querySelector('#question').value === 'What is'").await;
    browser.keys(&format!(" this project?{ENTER}")).await;
    browser.wait_for(&ended(1)).await;
    browser.wait_for("document.querySelector(\"turn-view[data-turn='1'] .asked-of\").textContent === 'Asked of second'").await;
    // What was sent is no longer kept as a choice.
    browser.wait_for("!Object.values(localStorage).some((it) => it.includes('\"agent\"'))").await;
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}
