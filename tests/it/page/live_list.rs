//! The list of conversations while others ask, answers come and time passes: rows, marks, keys.

use serde_json::json;

use crate::server::{Gate, Server, Setup};

use super::{
    OVERFLOWS,
    browser::{Browser, DOWN, END, ENTER, ESCAPE, HOME, LEFT, RIGHT, TAB, UP},
    ended,
};

async fn opened(url: &str) -> Browser {
    let browser = Browser::start().await;
    browser.goto(url).await;
    browser.wait_for("document.activeElement.id === 'question'").await;
    browser
}

/// Something about the row of a conversation.
fn row(id: i64, what: &str) -> String {
    format!("document.querySelector('conversation-list a[data-id=\"{id}\"]')?.{what}")
}

fn is_unread(id: i64) -> String {
    row(id, "closest('li').hasAttribute('data-unread')")
}

/// Asks in a conversation of its own; gives its id once the answer has ended.
async fn said(server: &Server, question: &str) -> i64 {
    let mut client = server.connect().await;
    let id = client.start().await;
    client.ask(question).await;
    client.turn().await;
    id
}

#[tokio::test]
async fn what_one_person_does_is_in_the_list_of_the_other_at_desk_and_phone() {
    let server = Setup::scripted().start();
    let gate = Gate::new(&server);
    let ana = opened(&server.url("/p/demo")).await;
    let ben = opened(&server.url("/p/demo")).await;
    ben.become_phone().await;
    ben.run("document.querySelector('page-sidebar').open(true)").await;
    ana.keys(&format!("{}\u{e008}{ENTER}\u{e008}say done{ENTER}", gate.script())).await;
    ana.wait_for("location.pathname !== '/p/demo'").await;
    let address = ana.address().await;
    let id: i64 = address.rsplit('/').next().unwrap().parse().unwrap();
    for person in [&ana, &ben] {
        person.wait_for(&row(id, "querySelector('.time').textContent === 'answering…'")).await;
    }
    for (person, name) in [(&ana, "desk"), (&ben, "phone")] {
        person.screenshot(&format!("live-answering-{name}")).await;
        person.audit_part("answering in the list", "page-sidebar").await;
        assert_eq!(person.run(OVERFLOWS).await, json!([]), "{name}");
    }
    gate.open();
    for person in [&ana, &ben] {
        person
            .wait_for(&row(id, "querySelector('.time').textContent.endsWith('3 messages')"))
            .await;
        let unread = person.run(&format!("return {}", is_unread(id))).await;
        assert_eq!(unread, json!(false), "who asked sees it, and who never looked is not told");
    }
    // The other one gives it a name, and deletes it.
    let other = said(&server, "say other").await;
    let url = server.url(&format!("/api/assistant/conversations/demo/{other}"));
    let http = reqwest::Client::new();
    http.patch(&url).json(&json!({ "title": "Its name" })).send().await.unwrap();
    for person in [&ana, &ben] {
        person.wait_for(&row(other, "querySelector('.title').textContent === 'Its name'")).await;
    }
    http.delete(&url).send().await.unwrap();
    for person in [&ana, &ben] {
        person.wait_for(&format!("{} === undefined", row(other, "href"))).await;
        person.assert_no_complaints(&[]).await;
    }
    ana.close().await;
    ben.close().await;
}

#[tokio::test]
async fn an_answer_that_comes_in_the_background_is_marked_until_it_is_seen() {
    let server = Setup::scripted().start();
    let gate = Gate::new(&server);
    let browser = opened(&server.url("/p/demo")).await;
    browser.keys(&format!("{}\u{e008}{ENTER}\u{e008}say ready{ENTER}", gate.script())).await;
    browser.wait_for("location.pathname !== '/p/demo'").await;
    let id: i64 = browser.address().await.rsplit('/').next().unwrap().parse().unwrap();
    browser.wait_for(&row(id, "querySelector('.time').textContent === 'answering…'")).await;
    browser.click(".new").await;
    browser.wait_for("location.pathname === '/p/demo'").await;
    browser.wait_for("document.title === 'demo · Cicerone'").await;
    gate.open();
    browser.wait_for(&is_unread(id)).await;
    browser.wait_for("document.title === '(1) demo · Cicerone'").await;
    let weight = browser
        .run(&format!("return getComputedStyle({}).fontWeight", row(id, "querySelector('.title')")))
        .await;
    assert_eq!(weight, json!("700"));
    assert!(browser.content("conversation-list a").await.starts_with("New answer: "));
    browser.screenshot("live-unread").await;
    browser.audit("unread").await;
    // It is still unread after a reload, and read in all tabs once it is seen in one.
    browser.reload().await;
    browser.wait_for("document.title === '(1) demo · Cicerone'").await;
    browser.wait_for(&is_unread(id)).await;
    let first = browser.tab().await;
    browser.open_tab(&server.url("/p/demo")).await;
    browser.wait_for(&is_unread(id)).await;
    browser.click("conversation-list a").await;
    browser.wait_for(&ended(1)).await;
    browser.wait_for(&format!("!{}", is_unread(id))).await;
    browser.wait_for("!document.title.startsWith('(')").await;
    browser.show_tab(&first).await;
    browser.wait_for("document.title === 'demo · Cicerone'").await;
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}

#[tokio::test]
async fn who_has_asked_for_it_is_notified_and_led_to_the_answer() {
    let server = Setup::scripted().start();
    let gate = Gate::new(&server);
    let browser = opened(&server.url("/p/demo")).await;
    // Stands for the browser's own, which shows nothing without a screen.
    browser
        .run(
            "window.told = [];
             window.Notification = class extends EventTarget {
                 static permission = 'default';
                 static requestPermission() { this.permission = window.answer; return Promise.resolve(window.answer); }
                 constructor(title, { body, tag }) { super(); window.told.push({ title, body, tag, shown: this }); }
                 close() {}
             };
             window.answer = 'denied';
             window.toggle = () => [...document.querySelectorAll('.foot button')]
                 .find((it) => it.textContent.startsWith('Notify')).click();
             window.toggle();",
        )
        .await;
    browser.wait_for("document.querySelector('page-notice').innerText.includes('does not allow notifications')").await;
    assert!(browser.text(".foot").await.contains("Notify: off"));
    browser.run("window.answer = 'granted'; window.toggle()").await;
    browser.wait_for("document.querySelector('.foot').textContent.includes('Notify: on')").await;

    browser
        .keys(&format!("{}\u{e008}{ENTER}\u{e008}say **It** is ready{ENTER}", gate.script()))
        .await;
    browser.wait_for("location.pathname !== '/p/demo'").await;
    let path = browser.run("return location.pathname").await;
    browser.wait_for("document.querySelector('conversation-list [data-answering]') !== null").await;
    browser.click(".new").await;
    browser.wait_for("location.pathname === '/p/demo'").await;
    // The page goes to the background.
    browser
        .run("Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => 'hidden' })")
        .await;
    gate.open();
    browser.wait_for("window.told.length === 1").await;
    let told = browser.run("return [window.told[0].title, window.told[0].body]").await;
    assert!(told[0].as_str().unwrap().starts_with("await "), "{told}");
    assert_eq!(told[1], json!("It is ready"));
    browser.wait_for("document.title.startsWith('(1) ')").await;
    browser.run("delete document.visibilityState; window.told[0].shown.dispatchEvent(new Event('click'))").await;
    browser.wait_for(&format!("location.pathname === {path}")).await;
    browser.wait_for("!document.title.startsWith('(')").await;
    browser.run("window.toggle()").await;
    browser.wait_for("document.querySelector('.foot').textContent.includes('Notify: off')").await;
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}

#[tokio::test]
async fn the_list_is_one_stop_of_the_tab_key_and_links_lead_past_it() {
    let server = Setup::scripted().start();
    let mut ids = Vec::new();
    for number in 0..4 {
        ids.insert(0, said(&server, &format!("say {number}")).await);
    }
    let browser = opened(&server.url("/p/demo")).await;
    browser.wait_for("document.querySelectorAll('conversation-list li').length === 4").await;
    let at = |id: i64| format!("document.activeElement.dataset.id === '{id}'");
    let stops = "return [...document.querySelectorAll('conversation-list :is(a, button)')].filter((it) => it.tabIndex === 0).length";
    assert_eq!(browser.run(stops).await, json!(1));
    browser.run("document.querySelector('.skip[href=\"#sidebar\"]').focus()").await;
    browser.screenshot("live-skip").await;
    browser.press(ENTER).await;
    browser.wait_for(&at(ids[0])).await;
    for (keys, index) in [(DOWN, 1), (END, 3), (DOWN, 3), (UP, 2), (HOME, 0), (UP, 0), (DOWN, 1)] {
        browser.press(keys).await;
        browser.wait_for(&at(ids[index])).await;
        assert_eq!(browser.run(stops).await, json!(1));
    }
    browser.press(RIGHT).await;
    browser.wait_for("document.activeElement.matches('conversation-list .more')").await;
    browser.press(ENTER).await;
    browser.wait_for("document.querySelector('.actions-menu:popover-open') !== null").await;
    browser.press(ESCAPE).await;
    browser.wait_for("document.activeElement.matches('conversation-list .more')").await;
    browser.press(LEFT).await;
    browser.wait_for(&at(ids[1])).await;
    // Out of the list with one key, and back to the same row.
    browser.press(TAB).await;
    browser
        .wait_for("!document.querySelector('conversation-list').contains(document.activeElement)")
        .await;
    browser.run("document.querySelector('.skip[href=\"#sidebar\"]').click()").await;
    browser.wait_for(&at(ids[1])).await;
    // Somebody deletes the row with the focus: it goes to the next one.
    let gone = server.url(&format!("/api/assistant/conversations/demo/{}", ids[1]));
    reqwest::Client::new().delete(gone).send().await.unwrap();
    browser.wait_for(&at(ids[2])).await;
    browser.audit("the focus in the list").await;
    browser.press(ENTER).await;
    browser.wait_for(&format!("location.pathname === '/p/demo/{}'", ids[2])).await;
    for (part, place) in [
        ("question", "document.activeElement.id === 'question'"),
        ("conversation", "document.activeElement.matches('.scroller')"),
    ] {
        browser.run(&format!("document.querySelector('.skip[href=\"#{part}\"]').click()")).await;
        browser.wait_for(place).await;
    }
    assert_eq!(browser.run("return location.hash").await, json!(""));
    browser.become_phone().await;
    browser.run("document.querySelector('.skip[href=\"#sidebar\"]').click()").await;
    browser.wait_for(&at(ids[2])).await;
    browser.wait_for("document.querySelector('page-sidebar').isDrawerOpen").await;
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}
