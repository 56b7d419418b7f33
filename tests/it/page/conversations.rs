//! Actions on conversations: the list, renaming, deleting with undo, exports.

use serde_json::{Value, json};

use crate::server::{PROJECT, Server, Setup, eventually};

use super::{
    NOTICE, OVERFLOWS, WHILE_AWAY,
    browser::{Browser, DOWN, ENTER, ESCAPE, UP},
    ended,
    gate::Gate,
};

/// A menu that is open.
const MENU: &str = "document.querySelector('.actions-menu:popover-open') !== null";

/// The button with the actions on the open conversation.
const ACTIONS: &str = "conversation-view .more";

async fn opened(url: &str) -> Browser {
    let browser = Browser::start().await;
    browser.goto(url).await;
    browser.wait_for("document.activeElement.id === 'question'").await;
    browser
}

/// A conversation in which something was said; gives its id.
async fn said(server: &Server, question: &str) -> i64 {
    let mut client = server.connect().await;
    let id = client.start().await;
    client.ask(question).await;
    client.turn().await;
    id
}

/// Whether so many conversations are listed.
fn lists(count: usize) -> String {
    format!("document.querySelectorAll('conversation-list li').length === {count}")
}

/// Whether a conversation of this title is listed.
fn lists_title(title: &str) -> String {
    format!(
        "[...document.querySelectorAll('conversation-list .title')].some((it) => it.textContent === {})",
        Value::from(title)
    )
}

async fn is_stored(server: &Server, id: i64) -> bool {
    server.get(&format!("/api/assistant/conversations/{PROJECT}/{id}")).await.0 == 200
}

#[tokio::test]
async fn a_new_title_is_given_by_keyboard_and_seen_by_the_others() {
    let server = Server::start();
    let id = said(&server, "say first").await;
    let url = server.url(&format!("/p/demo/{id}"));
    let (browser, other) = (opened(&url).await, opened(&url).await);
    browser.wait_for(&ended(1)).await;
    other.wait_for(&ended(1)).await;

    browser.run(&format!("document.querySelector('{ACTIONS}').focus()")).await;
    browser.press(ENTER).await;
    browser.wait_for(MENU).await;
    browser.wait_for("document.activeElement.textContent === 'Rename'").await;
    browser.screenshot("actions").await;
    browser.audit("actions").await;
    browser.press(ENTER).await;
    browser.wait_for("document.activeElement.className === 'title-field'").await;
    browser.press(&format!("Where it all begins{ENTER}")).await;
    browser.wait_for("document.querySelector('h1').textContent === 'Where it all begins'").await;
    browser.wait_for(&format!("document.activeElement.matches('{ACTIONS}')")).await;
    for page in [&browser, &other] {
        page.wait_for("document.querySelector('h1').textContent === 'Where it all begins'").await;
        page.wait_for(&lists_title("Where it all begins")).await;
    }

    // Escape keeps what was there; so does an empty title.
    for written in [format!("Never mind{ESCAPE}"), format!("\u{e003} {ENTER}")] {
        browser.press(ENTER).await;
        browser.wait_for(MENU).await;
        browser.press(ENTER).await;
        browser.wait_for("document.activeElement.className === 'title-field'").await;
        browser.press(&written).await;
        browser.wait_for(&format!("document.activeElement.matches('{ACTIONS}')")).await;
        assert_eq!(browser.content("h1").await, "Where it all begins");
    }

    // In the list, by mouse.
    browser.click("conversation-list .more").await;
    browser.wait_for(MENU).await;
    browser.click(".actions-menu > *").await;
    browser.wait_for("document.querySelector('conversation-list .title-field') !== null").await;
    browser.screenshot("rename").await;
    browser.press(&format!("In the list{ENTER}")).await;
    other.wait_for("document.querySelector('h1').textContent === 'In the list'").await;
    let (_, stored) = server.get(&format!("/api/assistant/conversations/demo/{id}")).await;
    assert_eq!(stored["title"], "In the list");
    browser.assert_no_complaints(&[]).await;
    other.assert_no_complaints(&[]).await;
    browser.close().await;
    other.close().await;
}

#[tokio::test]
async fn a_deleted_conversation_is_gone_at_once_comes_back_and_goes_for_good() {
    let server = Server::start();
    let (first, second) = (said(&server, "say first").await, said(&server, "say second").await);
    let url = server.url(&format!("/p/demo/{second}"));
    let (browser, other) = (opened(&url).await, opened(&url).await);
    browser.wait_for(&ended(1)).await;
    other.wait_for(&ended(1)).await;

    // By keyboard: the way back has the focus.
    browser.run(&format!("document.querySelector('{ACTIONS}').focus()")).await;
    browser.press(ENTER).await;
    browser.wait_for(MENU).await;
    browser.press(UP).await;
    browser.wait_for("document.activeElement.textContent === 'Delete'").await;
    browser.press(ENTER).await;
    browser.wait_for(&format!("{NOTICE}.startsWith('Deleted “say second”')")).await;
    browser.wait_for(&format!("{} && location.pathname === '/p/demo'", lists(1))).await;
    browser.wait_for("document.activeElement.textContent === 'Undo'").await;
    browser.screenshot("deleted").await;
    browser.audit("deleted").await;
    assert!(is_stored(&server, second).await);
    browser.press(ENTER).await;
    browser.wait_for(&format!("{} && location.pathname === '/p/demo/{second}'", lists(2))).await;
    browser.wait_for(&ended(1)).await;

    // By mouse, and the time runs out: whoever looks at it is told.
    browser.click(ACTIONS).await;
    browser.wait_for(MENU).await;
    browser.click(".actions-menu .danger").await;
    browser.wait_for(&lists(1)).await;
    browser.run("document.querySelector('#question').focus()").await;
    other.wait_for("document.querySelector('.reason .ended')?.textContent.includes('gone')").await;
    assert!(!is_stored(&server, second).await);
    other.wait_for(&lists(1)).await;
    browser.wait_for("document.querySelector('.offer').hidden").await;

    // A page that goes does not wait.
    browser.click("conversation-list .more").await;
    browser.wait_for(MENU).await;
    browser.click(".actions-menu .danger").await;
    browser.wait_for(&lists(0)).await;
    browser.goto("about:blank").await;
    eventually("it is deleted", async || (!is_stored(&server, first).await).then_some(())).await;
    other.assert_no_complaints(&[]).await;
    browser.close().await;
    other.close().await;
}

#[tokio::test]
async fn what_could_not_be_deleted_is_back_with_the_reason() {
    let server = Setup::scripted().env("CICERONE_ACCESS_HOSTS", "127.0.0.1").start();
    let gate = Gate::open(server.address()).await;
    said(&server, "say first").await;
    said(&server, "say second").await;
    let browser = opened(&format!("{}/p/demo", gate.url)).await;
    browser.wait_for(&lists(2)).await;
    let delete = async || {
        browser.click("conversation-list .more").await;
        browser.wait_for(MENU).await;
        browser.click(".actions-menu .danger").await;
    };
    delete().await;
    browser.wait_for(&lists(1)).await;
    gate.cut();
    // Another deletion ends the time to think again about the first.
    delete().await;
    browser.wait_for(&format!("{NOTICE}.includes('“say second” could not be deleted')")).await;
    browser.wait_for(&format!("{} && {}", lists(1), lists_title("say second"))).await;
    assert!(browser.run(&format!("return {NOTICE}.includes('Deleted “say first”')")).await == true);
    gate.lead_to(server.address());
    browser.wait_for("document.querySelector('.status').textContent === ''").await;
    browser.click(".offer button").await;
    browser.wait_for(&lists(2)).await;
    browser.assert_no_complaints(&WHILE_AWAY).await;
    browser.close().await;
}

#[tokio::test]
async fn a_conversation_is_taken_home_as_markdown_and_as_json() {
    let server = Server::start();
    let id = said(&server, "say first").await;
    let browser = opened(&server.url(&format!("/p/demo/{id}"))).await;
    browser.wait_for(&ended(1)).await;
    browser.click(ACTIONS).await;
    browser.wait_for(MENU).await;
    for (letter, format) in [("e", "md"), ("e", "json")] {
        browser.press(letter).await;
        let link = browser
            .run("return document.activeElement.download === '' && document.activeElement.href")
            .await;
        let path =
            link.as_str().unwrap().strip_prefix(&format!("http://{}", server.address())).unwrap();
        assert!(path.ends_with(&format!("/{id}/export?format={format}")), "{path}");
        assert_eq!(server.get(path).await.0, 200);
    }
    browser.press(&format!("{DOWN}{DOWN}")).await;
    browser.wait_for("document.activeElement.textContent === 'Rename'").await;
    browser.press(ESCAPE).await;
    browser.wait_for(&format!("document.activeElement.matches('{ACTIONS}')")).await;
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}

/// Fills the list: conversations that were changed last so many hours ago.
fn fill(server: &Server, hours: impl Iterator<Item = i64>) {
    let mut database = server.writable_database();
    let transaction = database.transaction().unwrap();
    for (hours, n) in hours.zip(1..) {
        transaction
            .execute(
                "INSERT INTO conversations
                     (project, title, reserved_seq, explicit, written, created_at, updated_at)
                 VALUES ('demo', ?1, 99, 1, 0, ?2, ?2)",
                (
                    format!("Where is the part with the number {n}, and what is it for?"),
                    cicerone::database::timestamp(
                        time::OffsetDateTime::now_utc() - time::Duration::hours(hours),
                    ),
                ),
            )
            .unwrap();
    }
    transaction.commit().unwrap();
}

#[tokio::test]
async fn the_list_is_grouped_by_days_and_quick_however_long_it_is() {
    let server = Server::start();
    fill(&server, [0, 26, 74, 98, 2000, 9000].into_iter());
    let browser = opened(&server.url("/p/demo")).await;
    browser.wait_for(&lists(6)).await;
    let headings =
        "return [...document.querySelectorAll('conversation-list h2')].map((it) => it.textContent)";
    let headings = browser.run(headings).await;
    let headings: Vec<&str> =
        headings.as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    assert_eq!((headings[0], headings.last()), ("Today", Some(&"Earlier")), "{headings:?}");
    assert!(headings.len() >= 4, "{headings:?}");
    assert!(browser.content("conversation-list .time").await.ends_with(" · 0 messages"));
    browser.click("conversation-list li a").await;
    browser.wait_for("document.querySelectorAll('nav [aria-current=page]').length === 1").await;
    for (width, height) in [(1440, 900), (500, 844)] {
        browser.resize(width, height).await;
        browser.run("document.querySelector('page-sidebar').open(innerWidth < 640)").await;
        for theme in ["light", "dark"] {
            browser.run(&format!("document.documentElement.dataset.theme = '{theme}'")).await;
            assert_eq!(browser.run(OVERFLOWS).await, json!([]), "at {width} pixels");
            browser.screenshot(&format!("list-{width}-{theme}")).await;
        }
    }
    browser.resize(1440, 900).await;

    fill(&server, 3000..6000);
    browser.goto(&server.url("/p/demo")).await;
    browser.wait_for(&lists(3006)).await;
    let seen = "[...document.querySelectorAll('conversation-list li')]
        .filter((it) => it.firstChild.checkVisibility({ contentVisibilityAuto: true })).length";
    browser.wait_for(&format!("{seen} < 200")).await;
    // A new answer moves its row up and leaves the others as they are.
    browser.run("window.rows = [...document.querySelectorAll('conversation-list li')]").await;
    browser.keys(&format!("say again{ENTER}")).await;
    browser.wait_for(&ended(1)).await;
    browser.wait_for(&lists(3007)).await;
    let kept = browser.run("return window.rows.every((row) => row.isConnected)").await;
    assert_eq!(kept, json!(true), "rows are made anew");
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}
