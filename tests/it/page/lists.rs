//! Lists with many controls are one stop of the Tab key each, and every control in them is reached by arrows.

use std::fs;

use serde_json::json;

use crate::server::{Server, Setup, eventually};

use super::{
    ask,
    browser::{BACK, Browser, DOWN, END, ENTER, HOME, LEFT, RIGHT, TAB, UP},
    open,
};

/// What has the focus, in its words.
const FOCUSED: &str = "document.activeElement.textContent";

/// Whether so many controls of a list are reached by the Tab key.
fn stops(list: &str, count: usize) -> String {
    format!(
        "[...document.querySelectorAll('{list} :is(a, button, summary, [role=treeitem])')].filter((it) => it.tabIndex === 0 && it.checkVisibility()).length === {count}"
    )
}

/// Presses each key and looks at what has the focus then.
async fn walk<const N: usize>(browser: &Browser, steps: [(&str, &str); N]) {
    for (key, words) in steps {
        browser.press(key).await;
        browser.wait_for(&format!("{FOCUSED}.startsWith('{words}')")).await;
    }
}

/// Goes to the one control of a list that the Tab key reaches.
async fn enter(browser: &Browser, list: &str) {
    browser.wait_for(&stops(list, 1)).await;
    browser.run(&format!("[...document.querySelectorAll('{list} :is(a, button, summary)')].find((it) => it.tabIndex === 0).focus()")).await;
}

#[tokio::test]
async fn steps_and_sources_of_an_answer_are_one_stop_each() {
    let setup = Setup::scripted();
    let names = ["a.rs", "b.rs", "c.rs", "d.rs", "e.rs"];
    for name in names {
        fs::write(setup.project_dir().join(name), "one\ntwo\nthree\n").unwrap();
    }
    let server = setup.start();
    let browser = Browser::start().await;
    open(&browser, &server).await;
    let mut script: Vec<String> =
        names.iter().map(|name| format!(r#"tool Read {{"file_path":"{name}"}} => one"#)).collect();
    script.push("say See `a.rs:1`, `a.rs:3`, `b.rs:2` and `c.rs`.".to_owned());
    let lines: Vec<&str> = script.iter().map(String::as_str).collect();
    ask(&browser, &lines, 1).await;

    // Folded, the steps are one line; unfolded, the line and one stop for all of them.
    browser.wait_for(&stops("step-group", 1)).await;
    browser.run("document.querySelector('step-group summary').focus()").await;
    browser.press(ENTER).await;
    browser.wait_for("document.querySelector('step-group > details').open").await;
    browser.wait_for(&stops("step-group", 2)).await;
    browser.press(TAB).await;
    browser.wait_for("document.activeElement.matches('tool-call summary')").await;
    walk(
        &browser,
        [(DOWN, "Read b.rs"), (END, "Read e.rs"), (DOWN, "Read e.rs"), (HOME, "Read a.rs")],
    )
    .await;
    browser.wait_for(&stops("step-group", 2)).await;
    // What a step has shown is reached by the Tab key, as before.
    browser.press(ENTER).await;
    browser.wait_for("document.querySelector('tool-call details').open").await;
    browser.press(TAB).await;
    browser.wait_for("document.activeElement.matches('tool-call pre')").await;

    enter(&browser, ".chips").await;
    walk(&browser, [(RIGHT, "b.rs"), (LEFT, "a.rs"), (END, "e.rs"), (UP, "d.rs")]).await;
    browser.wait_for(&stops(".chips", 1)).await;
    browser.press(TAB).await;
    browser.wait_for("document.activeElement.matches('.sources > summary')").await;
    browser.press(ENTER).await;
    browser.wait_for("document.querySelector('.sources').open").await;
    browser.press(TAB).await;
    walk(&browser, [(RIGHT, "1"), (RIGHT, "3"), (LEFT, "1"), (DOWN, "b.rs"), (UP, "a.rs")]).await;
    browser.wait_for(&stops(".sources > ul", 1)).await;
    for theme in ["light", "dark"] {
        browser.run(&format!("document.documentElement.dataset.theme = '{theme}'")).await;
        browser.audit(&format!("steps and sources unfolded, {theme}")).await;
    }
    browser.press(RIGHT).await;
    browser.press(RIGHT).await;
    browser.press(ENTER).await;
    browser.wait_for("location.search === '?file=a.rs%3A3'").await;
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}

#[tokio::test]
async fn the_tools_of_an_answer_are_one_stop_and_its_reasons_keep_their_keys() {
    let server = Setup::scripted().start();
    let browser = Browser::start().await;
    browser.become_phone().await;
    open(&browser, &server).await;
    ask(&browser, &["say one"], 1).await;
    let tools = "turn-view[data-turn=\"1\"] .tools";
    let keep = format!("document.querySelector('{tools}').innerText.includes('Keep as note')");
    browser.wait_for(&keep).await;
    browser
        .wait_for(&format!(
            "document.querySelector('{tools}').matches('[role=toolbar][aria-label]')"
        ))
        .await;
    enter(&browser, tools).await;
    walk(
        &browser,
        [
            (RIGHT, "Ask again"),
            (LEFT, "Copy"),
            (END, "Keep as note"),
            (LEFT, "Wrong"),
            (HOME, "Copy"),
        ],
    )
    .await;
    browser.wait_for(&stops(tools, 1)).await;
    // The Tab key leaves them, and comes back to where it left.
    browser.press(RIGHT).await;
    browser.press(TAB).await;
    browser.wait_for(&format!("!document.activeElement.closest('{tools}')")).await;
    browser.press(BACK).await;
    browser.wait_for(&format!("{FOCUSED} === 'Ask again'")).await;

    // A field among them has its own keys; the button that saves it is the next stop.
    walk(&browser, [(END, "Keep as note"), (LEFT, "Wrong")]).await;
    browser.press(ENTER).await;
    browser.wait_for("document.activeElement.matches('answer-reactions input')").await;
    browser.press(&format!("it hops{LEFT}{LEFT}{HOME}")).await;
    browser.wait_for("document.activeElement.selectionStart === 0").await;
    browser.press(TAB).await;
    browser.wait_for(&format!("{FOCUSED} === 'Save'")).await;
    browser.press(ENTER).await;
    browser.wait_for(&format!("{FOCUSED}.startsWith('Wrong')")).await;
    for theme in ["light", "dark"] {
        browser.run(&format!("document.documentElement.dataset.theme = '{theme}'")).await;
        browser.audit(&format!("tools of an answer, {theme}")).await;
    }
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}

#[tokio::test]
async fn notes_are_walked_by_arrows_and_each_can_be_removed_by_keyboard() {
    let server = Setup::scripted().start();
    let browser = Browser::start().await;
    open(&browser, &server).await;
    let keep = "[...document.querySelectorAll('turn-view:last-child answer-reactions button')].find((it) => it.textContent === 'Keep as note')";
    for (number, question) in ["say one", "say two", "say three"].into_iter().enumerate() {
        ask(&browser, &[question], u32::try_from(number).unwrap() + 1).await;
        browser.wait_for(&format!("{keep}?.checkVisibility()")).await;
        browser.run(&format!("{keep}.click()")).await;
        browser.wait_for(&format!("{keep}.ariaPressed === 'true'")).await;
    }
    browser.click(".open-notes").await;
    browser.wait_for("document.querySelectorAll('.notes li').length === 3").await;
    browser.wait_for(&stops(".notes", 1)).await;
    for theme in ["light", "dark"] {
        browser.run(&format!("document.documentElement.dataset.theme = '{theme}'")).await;
        browser.audit_part(&format!("notes, {theme}"), "dialog.search").await;
    }
    walk(&browser, [(DOWN, "say three"), (DOWN, "say two"), (UP, "say three")]).await;
    browser.press(UP).await;
    browser.wait_for("document.activeElement.matches('dialog input')").await;
    walk(&browser, [(DOWN, "say three"), (END, "say one"), (RIGHT, "Remove"), (LEFT, "say one")])
        .await;
    browser.press(RIGHT).await;
    browser.press(ENTER).await;
    browser.wait_for("document.querySelectorAll('.notes li').length === 2").await;
    browser.wait_for("document.activeElement.matches('dialog input')").await;
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}

#[tokio::test]
async fn the_outline_and_the_definitions_of_a_name_are_one_stop_each() {
    let setup = Setup::scripted();
    let code = "pub fn first() {}\n\npub fn second() {\n    first();\n}\n\npub fn third() {}\n";
    for name in ["a.rs", "b.rs"] {
        fs::write(setup.project_dir().join(name), code).unwrap();
    }
    let server = setup.start();
    eventually("the index is built", async || {
        (server.get("/api/projects/demo/symbols").await.0 == 200).then_some(())
    })
    .await;
    let browser = Browser::start().await;
    browser.goto(&server.url("/p/demo?file=a.rs:4")).await;
    browser.wait_for("document.querySelector('file-reader .line .keyword') !== null").await;
    browser.run("document.querySelector('.outline').open = true").await;
    enter(&browser, ".outline ul").await;
    walk(&browser, [(DOWN, "fn second"), (END, "fn third"), (HOME, "fn first"), (UP, "fn first")])
        .await;

    let definition = "[...document.querySelectorAll('file-reader .selection button')].find((it) => it.textContent === 'Definition')";
    browser.wait_for(&format!("{definition}?.checkVisibility()")).await;
    browser.run(&format!("{definition}.click()")).await;
    browser.wait_for("document.querySelectorAll('file-reader .result li').length === 2").await;
    for theme in ["light", "dark"] {
        browser.run(&format!("document.documentElement.dataset.theme = '{theme}'")).await;
        browser.audit(&format!("definitions and outline, {theme}")).await;
    }
    enter(&browser, "file-reader .result ul").await;
    walk(&browser, [(DOWN, "b.rs:1"), (UP, "a.rs:1"), (DOWN, "b.rs:1")]).await;
    browser.press(ENTER).await;
    browser.wait_for("location.search === '?file=b.rs%3A1'").await;
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}

#[tokio::test]
async fn the_table_of_sessions_is_one_stop_and_stays_where_it_was() {
    let server = Server::start();
    // They stay in the table while somebody looks at them.
    let mut clients = Vec::new();
    for question in ["say one", "say two"] {
        let mut client = server.connect().await;
        client.start().await;
        client.ask(question).await;
        client.turn().await;
        clients.push(client);
    }
    let browser = Browser::start().await;
    browser.goto(&server.url("/admin")).await;
    browser.wait_for("document.querySelectorAll('sessions-table tbody tr').length === 3").await;
    enter(&browser, "sessions-table").await;
    browser.wait_for(&format!("{FOCUSED} === 'Close all'")).await;
    let title =
        browser.run("return document.querySelector('sessions-table th a').textContent").await;
    assert!([json!("say one"), json!("say two")].contains(&title), "{title}");
    walk(
        &browser,
        [(DOWN, "say "), (RIGHT, "Close"), (LEFT, "say "), (HOME, "Close all"), (END, "say ")],
    )
    .await;
    browser.wait_for(&stops("sessions-table", 1)).await;
    // The table is shown anew meanwhile.
    let as_of = browser.content("#asof").await;
    browser.wait_for(&format!("document.querySelector('#asof').textContent !== '{as_of}'")).await;
    browser.wait_for(&format!("{FOCUSED}.startsWith('say ')")).await;
    browser.wait_for(&stops("sessions-table", 1)).await;
    browser.press(ENTER).await;
    browser.wait_for("location.pathname.startsWith('/p/demo/')").await;
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}
