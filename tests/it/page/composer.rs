//! Writing a question: files by name, earlier questions, edits, and drafts that survive.

use serde_json::json;

use crate::server::{Setup, eventually};

use super::{
    browser::{Browser, DOWN, ENTER, ESCAPE, NEW_LINE, TAB, UP},
    ended,
    gate::Gate,
    says,
};

const FIELD: &str = "document.querySelector('#question')";

/// A project with a few files, and a page of it that is ready.
async fn open(browser: &Browser, setup: Setup) -> crate::server::Server {
    for name in ["parser.rs", "parser_tests.rs", "printer.rs"] {
        let dir = setup.project_dir().join("src");
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(dir.join(name), "fn one() {}\n").unwrap();
    }
    let server = setup.start();
    browser.goto(&server.url("/p/demo")).await;
    ready(browser).await;
    server
}

async fn ready(browser: &Browser) {
    browser.wait_for("document.activeElement.id === 'question'").await;
    browser.wait_for("document.querySelector('turn-view') !== null").await;
}

async fn typed(browser: &Browser) -> String {
    browser.run(&format!("return {FIELD}.value")).await.as_str().unwrap().to_owned()
}

async fn wait_typed(browser: &Browser, text: &str) {
    browser.wait_for(&format!("{FIELD}.value === {}", json!(text))).await;
}

async fn empty(browser: &Browser) {
    browser.run(&format!("{FIELD}.value = ''; {FIELD}.dispatchEvent(new Event('input'))")).await;
}

async fn ask(browser: &Browser, question: &str, turn: u32) {
    browser.keys(&format!("{question}{ENTER}")).await;
    browser.wait_for(&ended(turn)).await;
}

fn is_found(path: &str) -> String {
    format!(
        "[...document.querySelectorAll('file-finder:not([hidden]) li')].some((it) => it.title === {})",
        json!(path)
    )
}

#[tokio::test]
async fn an_at_sign_finds_files_and_the_keys_choose_one() {
    let browser = Browser::start().await;
    let _server = open(&browser, Setup::scripted()).await;
    browser.keys("see @pars").await;
    browser.wait_for(&is_found("src/parser.rs")).await;
    let marked = "return [document.querySelector('#question').getAttribute('aria-haspopup'), \
                  document.querySelector('#found-files [aria-selected=true]').id === \
                  document.querySelector('#question').getAttribute('aria-activedescendant')]";
    assert_eq!(browser.run(marked).await, json!(["listbox", true]));
    browser.screenshot("finder").await;
    browser.keys(&format!("{DOWN}{ENTER}")).await;
    wait_typed(&browser, "see src/parser_tests.rs ").await;
    assert_eq!(browser.run(&format!("return {FIELD}.hasAttribute('role')")).await, json!(false));

    browser.keys("and @prin").await;
    browser.wait_for(&is_found("src/printer.rs")).await;
    browser.keys(TAB).await;
    wait_typed(&browser, "see src/parser_tests.rs and src/printer.rs ").await;

    // Escape closes the list and nothing else, and the list stays closed for this word.
    browser.keys("@pa").await;
    browser.wait_for(&is_found("src/parser.rs")).await;
    browser.keys(&format!("{ESCAPE}r")).await;
    browser.wait_for("document.querySelector('file-finder').hidden").await;
    assert!(typed(&browser).await.ends_with("@par"));

    // With a pointer, and the focus stays where it is.
    browser.keys(" @printer").await;
    browser.wait_for(&is_found("src/printer.rs")).await;
    browser.click("#found-files li").await;
    browser.wait_for(&format!("{FIELD}.value.endsWith('@par src/printer.rs ')")).await;
    assert_eq!(browser.run("return document.activeElement.id").await, json!("question"));
    browser.keys("@no-such-file").await;
    browser.wait_for("document.querySelector('file-finder .note')?.checkVisibility()").await;
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}

#[tokio::test]
async fn earlier_questions_come_back_and_are_asked_anew_with_changes() {
    let browser = Browser::start().await;
    let server = open(&browser, Setup::scripted()).await;
    ask(&browser, "say one", 1).await;
    ask(&browser, &format!("say two{NEW_LINE}say more"), 2).await;

    browser.keys(UP).await;
    wait_typed(&browser, "say two\nsay more").await;
    browser.wait_for("document.querySelector('.editing').checkVisibility()").await;
    browser.screenshot("editing").await;
    browser.keys(UP).await;
    wait_typed(&browser, "say one").await;
    browser.keys(DOWN).await;
    wait_typed(&browser, "say two\nsay more").await;
    browser.keys(DOWN).await;
    wait_typed(&browser, "").await;

    // What was begun comes back, after looking through what was asked and after an edit.
    browser.keys("a draft").await;
    browser.keys(&format!("{UP}{UP}")).await;
    wait_typed(&browser, "say two\nsay more").await;
    browser.keys(DOWN).await;
    wait_typed(&browser, "a draft").await;
    browser.click("turn-view[data-turn='1'] .edit").await;
    wait_typed(&browser, "say one").await;
    assert_eq!(browser.run("return document.activeElement.id").await, json!("question"));
    assert!(browser.text(".editing").await.contains("The old answer stays"));
    browser.keys(ESCAPE).await;
    wait_typed(&browser, "a draft").await;
    browser.wait_for("document.querySelector('.editing').hidden").await;

    browser.click("turn-view[data-turn='1'] .edit").await;
    browser.keys(" and a half").await;
    // A reload in the middle of it.
    browser
        .wait_for(
            "Object.keys(localStorage).some((key) => localStorage[key].includes('and a half'))",
        )
        .await;
    browser.reload().await;
    wait_typed(&browser, "say one and a half").await;
    browser.wait_for("document.querySelector('.editing').checkVisibility()").await;
    browser.wait_for(&ended(2)).await;
    browser.keys(ENTER).await;
    browser.wait_for(&says(3, "one and a half")).await;
    assert_eq!(browser.content("turn-view[data-turn='1'] answer-text").await, "one");
    wait_typed(&browser, "a draft").await;

    // In another conversation the browser still knows them, and they are no edits.
    browser.goto(&server.url("/p/demo")).await;
    ready(&browser).await;
    browser.keys(UP).await;
    wait_typed(&browser, "say one and a half").await;
    assert_eq!(browser.run("return document.querySelector('.editing').hidden").await, json!(true));
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}

#[tokio::test]
async fn long_text_is_taken_at_once_and_too_long_text_is_told_before_it_is_sent() {
    let browser = Browser::start().await;
    let _server = open(&browser, Setup::scripted()).await;
    let paste = |bytes: usize| {
        format!(
            "const field = {FIELD}; field.focus(); field.select();
             const begun = performance.now();
             document.execCommand('insertText', false, 'say ' + 'word '.repeat({bytes} / 5).trim());
             field.offsetHeight;
             const pasted = performance.now() - begun;
             const again = performance.now();
             document.execCommand('insertText', false, 's');
             field.offsetHeight;
             return [pasted, performance.now() - again];"
        )
    };
    let took = browser.run(&paste(200_000)).await;
    println!("200 KB: pasted in {} ms, one more letter in {} ms", took[0], took[1]);
    // However slow the machine is: the browser lays all of it out for a letter too, but not many times.
    let [pasted, letter] = [0, 1].map(|at| took[at].as_f64().unwrap());
    assert!(letter < 4.0 * pasted, "{took}");
    assert_eq!(browser.run("return document.querySelector('.send').disabled").await, json!(false));

    browser.run(&paste(300_000)).await;
    let told = browser.text("#too-long").await;
    assert_eq!(
        told,
        "The question is too long: 293 KiB, and the limit is 256 KiB. Shorten it by 37 KiB."
    );
    assert_eq!(browser.run("return document.querySelector('.send').disabled").await, json!(true));
    browser.keys(ENTER).await;
    browser.screenshot("too-long").await;
    assert!(typed(&browser).await.len() > 299_000, "it is still there");

    browser.run(&paste(200_000)).await;
    browser.keys(ENTER).await;
    browser.wait_for(&ended(1)).await;
    // It is not all in the way of the answer.
    browser.wait_for("document.querySelector('turn-view[data-turn=\"1\"] .question').textContent.length < 3000").await;
    browser.click("turn-view[data-turn='1'] .all").await;
    browser.wait_for("document.querySelector('turn-view[data-turn=\"1\"] .question').textContent.length > 199000").await;
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}

#[tokio::test]
async fn each_tab_keeps_its_text_and_what_a_closed_tab_left_is_taken_over() {
    let browser = Browser::start().await;
    let server = open(&browser, Setup::scripted()).await;
    ask(&browser, "say hello", 1).await;
    let address = browser.address().await;
    let first = browser.tab().await;
    browser.keys("first words").await;
    browser.wait_for("Object.values(localStorage).some((it) => it.includes('first words'))").await;
    // One more tab shows them too; what is then written there does not take their place.
    let second = browser.open_tab(&address).await;
    wait_typed(&browser, "first words").await;
    empty(&browser).await;
    browser.keys("second words").await;
    wait_typed(&browser, "second words").await;
    browser.wait_for("Object.values(localStorage).some((it) => it.includes('second words'))").await;
    browser.show_tab(&first).await;
    assert_eq!(typed(&browser).await, "first words");
    browser.reload().await;
    wait_typed(&browser, "first words").await;
    browser.show_tab(&second).await;
    browser.close_tab().await;
    browser.show_tab(&first).await;
    empty(&browser).await;
    browser.keys(&format!("say sent{ENTER}")).await;
    browser.wait_for(&ended(2)).await;
    // Nothing is left in this tab: what the other one left is here now.
    browser.open_tab(&server.url("/p/demo")).await;
    browser.goto(&address).await;
    wait_typed(&browser, "second words").await;
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}

#[tokio::test]
async fn a_question_that_could_not_be_sent_is_withdrawn_or_sent_by_the_next_tab() {
    let server = Setup::scripted().env("CICERONE_ACCESS_HOSTS", "127.0.0.1").start();
    let gate = Gate::open(server.address()).await;
    let browser = Browser::start().await;
    browser.goto(&format!("{}/p/demo", gate.url)).await;
    ready(&browser).await;
    ask(&browser, "say hello", 1).await;
    let address = browser.address().await;
    gate.cut();
    browser.wait_for("document.querySelector('.line[data-urgent]') !== null").await;
    browser.keys(&format!("say regretted{ENTER}")).await;
    browser.keys(&format!("say wanted{ENTER}")).await;
    browser.wait_for("document.querySelectorAll('.pending article').length === 2").await;
    browser.screenshot("unsent").await;
    browser.click(".pending article:first-child .note button").await;
    browser.wait_for("document.querySelectorAll('.pending article').length === 1").await;
    wait_typed(&browser, "say regretted").await;
    assert_eq!(browser.run("return document.activeElement.id").await, json!("question"));

    // The tab goes for good, and with the next one the question is sent.
    let first = browser.tab().await;
    let second = browser.open_tab("about:blank").await;
    browser.show_tab(&first).await;
    browser.close_tab().await;
    browser.show_tab(&second).await;
    gate.lead_to(server.address());
    browser.goto(&address).await;
    browser.wait_for(&says(2, "wanted")).await;
    wait_typed(&browser, "say regretted").await;
    browser.assert_no_complaints(&super::WHILE_AWAY).await;
    browser.close().await;
}

#[tokio::test]
async fn text_that_the_server_refuses_comes_back_and_input_methods_are_left_alone() {
    let browser = Browser::start().await;
    let setup = Setup::scripted().config("[limits]\nqueued_messages = 1\n");
    let server = open(&browser, setup).await;
    let signal = server.project_dir().join("go on");
    browser.keys(&format!("await {}{ENTER}", signal.display())).await;
    browser.keys(&format!("say second{ENTER}")).await;
    browser.wait_for("document.querySelector('.queue-note:not([hidden])') !== null").await;
    browser.keys(&format!("say third{ENTER}")).await;
    browser.wait_for("document.querySelector('.error[role=alert]:not([hidden])') !== null").await;
    wait_typed(&browser, "say third").await;
    std::fs::write(signal, "").unwrap();
    browser.wait_for(&ended(2)).await;

    // Enter that ends a composition asks nothing, nor does a name that is still composed find files.
    let composing = format!(
        "const key = new KeyboardEvent('keydown', {{ key: 'Enter', isComposing: true, bubbles: true, cancelable: true }});
         return {FIELD}.dispatchEvent(key);"
    );
    assert_eq!(browser.run(&composing).await, json!(true), "the key is the input method's");
    assert_eq!(typed(&browser).await, "say third");
    eventually("the question is still not asked", async || {
        let pending =
            browser.run("return document.querySelectorAll('.pending article').length").await;
        (pending == json!(0)).then_some(())
    })
    .await;
    browser.keys(ENTER).await;
    browser.wait_for(&says(3, "third")).await;
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}
