//! Files of a question on the page: chosen, pasted, dropped, removed, refused, and shown in the history.

use serde_json::json;

use crate::server::Setup;

use super::{
    browser::{Browser, ENTER},
    ended,
};

/// A script that makes a picture of this size and runs `use_it` with the file in `data`.
fn with_picture(width: u32, height: u32, use_it: &str) -> String {
    format!(
        "const canvas = document.createElement('canvas');
         [canvas.width, canvas.height] = [{width}, {height}];
         const brush = canvas.getContext('2d');
         brush.fillStyle = 'teal';
         brush.fillRect(0, 0, {width}, {height});
         const blob = await new Promise((done) => {{ canvas.toBlob(done); }});
         const data = new DataTransfer();
         data.items.add(new File([blob], 'screen shot.png', {{ type: 'image/png' }}));
         {use_it}"
    )
}

const PASTE: &str = "document.querySelector('#question').dispatchEvent(
    new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));";

const DROP: &str = "for (const name of ['dragover', 'drop']) document.body.dispatchEvent(
    new DragEvent(name, { dataTransfer: data, bubbles: true, cancelable: true }));";

/// Chooses a text file with the button's dialog.
fn choose(name: &str, text: &str) -> String {
    format!(
        "const data = new DataTransfer();
         data.items.add(new File([{}], {}, {{ type: 'text/plain' }}));
         const input = document.querySelector('question-composer input[type=file]');
         input.files = data.files;
         input.dispatchEvent(new Event('change'));",
        json!(text),
        json!(name)
    )
}

const N_READY: &str = "[...document.querySelectorAll('.tray li')].filter((it) => !it.querySelector('progress')).length";

const IS_LOADED: &str = "const picture = document.querySelector('turn-view .attached img'); \
                         return picture?.complete && picture.naturalWidth";

async fn open(browser: &Browser, setup: Setup) -> crate::server::Server {
    let server = setup.start();
    browser.goto(&server.url("/p/demo")).await;
    browser.wait_for("document.activeElement.id === 'question'").await;
    browser.wait_for("document.querySelector('turn-view') !== null").await;
    browser.wait_for("!document.querySelector('.attach').hidden").await;
    server
}

#[tokio::test]
async fn files_are_pasted_dropped_and_chosen_and_stand_with_their_question() {
    let browser = Browser::start().await;
    let _server = open(&browser, Setup::scripted()).await;
    browser.run_async(&with_picture(640, 400, PASTE)).await;
    browser.run_async(&with_picture(90, 300, DROP)).await;
    browser.run(&choose("server.log", "it broke\n")).await;
    browser.wait_for(&format!("{N_READY} === 3")).await;
    browser.portraits("attachments-tray").await;

    // The second is removed with the keyboard, and the focus stays among the files.
    browser.run("document.querySelectorAll('.tray .remove')[1].focus()").await;
    browser.press(ENTER).await;
    browser.wait_for(&format!("{N_READY} === 2")).await;
    let focused = browser.run("return document.activeElement.getAttribute('aria-label')").await;
    assert_eq!(focused, json!("Remove server.log"));
    browser.run("document.querySelector('#question').focus()").await;
    browser.keys(&format!("say It is teal.{ENTER}")).await;
    browser.wait_for(&ended(1)).await;
    assert_eq!(browser.run("return document.querySelectorAll('.tray li').length").await, json!(0));
    browser.wait_for(&format!("(() => {{ {IS_LOADED} }})() === 640")).await;
    let shown = "return [...document.querySelectorAll('turn-view .attached a')].map((it) => \
                 [it.getAttribute('aria-label'), it.target, new URL(it.href).pathname.split('/').at(-2)])";
    assert_eq!(
        browser.run(shown).await,
        json!([
            [
                "Image screen shot.png, 640 by 400 pixels, opens in a new tab",
                "_blank",
                "attachments"
            ],
            ["File server.log, 9 bytes, opens in a new tab", "_blank", "attachments"],
        ])
    );
    browser.portraits("attachments-history").await;
    // They are there again after a reload, and when the question is changed.
    browser.reload().await;
    browser.wait_for(&format!("(() => {{ {IS_LOADED} }})() === 640")).await;
    browser.run("document.querySelector('turn-view .edit:not([hidden])').click()").await;
    browser.wait_for(&format!("{N_READY} === 2")).await;
    browser.keys(&format!(" Again.{ENTER}")).await;
    browser.wait_for(&ended(2)).await;
    let n_shown = "return document.querySelectorAll('turn-view .attached a').length";
    assert_eq!(browser.run(n_shown).await, json!(4));
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}

#[tokio::test]
async fn what_cannot_be_sent_is_told_in_words_and_the_question_waits() {
    let browser = Browser::start().await;
    let limits = "[attachments]\ncount = 2\nfile_bytes = 2000\nquestion_bytes = 3000\n";
    let _server = open(&browser, Setup::guide().config(limits)).await;
    let note = "document.querySelector('.tray-note').textContent";
    browser.run(&choose("large.log", &"x".repeat(2001))).await;
    browser.wait_for(&format!("{note}.includes('large.log has 3 kB; the limit is 2 kB')")).await;
    // The server finds out what the page cannot know.
    browser.run(&choose("program.log", "\u{0}\u{1}\u{2}\u{3}\u{0}\u{0}\u{7}\u{0}")).await;
    browser.wait_for("document.querySelector('.tray .failed') !== null").await;
    let failed = browser.text(".tray .failed").await;
    assert!(failed.contains("neither text nor"), "{failed}");
    browser.keys("what is this project?").await;
    let is_disabled = "return document.querySelector('.send').disabled";
    assert_eq!(browser.run(is_disabled).await, json!(true));
    browser.screenshot("attachments-failed").await;
    browser.click(".tray .failed .remove").await;
    browser.run(&choose("a.log", "it broke")).await;
    browser.wait_for(&format!("{note}.includes('guide does not read files')")).await;
    browser.wait_for(&format!("{N_READY} === 1")).await;
    browser.wait_for("!document.querySelector('.send').disabled").await;
    browser.run("document.querySelector('#question').focus()").await;
    browser.press(ENTER).await;
    browser.wait_for(&ended(1)).await;
    let said = browser.text("conversation-view").await;
    assert!(said.contains("I do not read attached files"), "{said}");
    browser.assert_no_complaints(&["415"]).await;
    browser.close().await;
}
