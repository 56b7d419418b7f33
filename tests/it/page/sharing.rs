//! Mine and ours: two people whom a proxy names, private conversations, links, forks.

use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use crate::server::{Server, Setup};

use super::{
    OVERFLOWS,
    browser::{Browser, DOWN, ENTER, ESCAPE, RIGHT, UP},
};

/// A proxy that names its user.
pub(super) struct Proxy {
    pub(super) url: String,
    accepting: JoinHandle<()>,
}

impl Proxy {
    pub(super) async fn of(server: &Server, user: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = listener.local_addr().unwrap().to_string();
        let (url, server) = (format!("http://{own}"), server.address().to_owned());
        let accepting = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(forward(near, own.clone(), server.clone(), user));
            }
        });
        Self { url, accepting }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Forwards one request, in a connection of its own.
async fn forward(mut near: TcpStream, own: String, server: String, user: &str) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match near.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8(head).unwrap().replace(&own, &server);
    let head = head.replace("Connection: keep-alive", "Connection: close");
    let head = head.replacen("\r\n", &format!("\r\nX-Forwarded-User: {user}\r\n"), 1);
    let Ok(mut far) = TcpStream::connect(server).await else { return };
    if far.write_all(head.as_bytes()).await.is_ok() {
        // Either side may end it in whatever way.
        copy_bidirectional(&mut near, &mut far).await.ok();
    }
}

pub(super) fn team() -> Server {
    let config =
        "[access]\ntrusted_proxies = [\"127.0.0.1\"]\nuser_header = \"X-Forwarded-User\"\n";
    Setup::scripted().config(config).start()
}

pub(super) async fn opened(url: &str) -> Browser {
    let browser = Browser::start().await;
    browser.goto(url).await;
    browser.wait_for("document.activeElement.id === 'question'").await;
    browser
}

/// Asks for an answer that says this, and waits for its end.
async fn answered(browser: &Browser, words: &str) {
    browser.keys(&format!("say {words}{ENTER}")).await;
    browser.wait_for("document.querySelector('turn-view .tools') !== null").await;
}

/// Opens who may read a conversation from the button of its menu, which has the focus, by keyboard alone.
async fn open_readers(browser: &Browser) {
    browser.press(ENTER).await;
    browser
        .wait_for("document.querySelector('.actions-menu')?.innerText.includes('Who may read it…')")
        .await;
    browser.press("w").await;
    browser.press(ENTER).await;
    browser.wait_for("document.querySelector('dialog.share')?.open").await;
    browser.wait_for("document.querySelector('dialog.share input:checked') !== null").await;
}

/// Chooses the readers that `key` leads to from those that are chosen, and is told so.
async fn choose_readers(browser: &Browser, key: &str, told: &str) {
    browser.run("document.querySelector('dialog.share input:checked').focus()").await;
    browser.press(key).await;
    browser.wait_for(&format!("{TOLD} === '{told}'")).await;
}

/// Whoever is not the owner is not offered to choose readers in the menu behind `more`.
async fn is_offered_no_readers(browser: &Browser, more: &str) {
    browser.click(more).await;
    browser.wait_for("document.querySelector('.actions-menu') !== null").await;
    let items = browser.text(".actions-menu").await;
    assert!(items.contains("Rename") && !items.contains("read it"), "{items}");
}

const FACTS: &str = "document.querySelector('conversation-view .facts').textContent";
const TOLD: &str = "document.querySelector('dialog.share output').textContent";

#[tokio::test]
async fn what_one_person_makes_private_goes_from_the_screen_of_the_other() {
    let server = team();
    let (for_ana, for_ben) = (Proxy::of(&server, "ana").await, Proxy::of(&server, "ben").await);
    let ana = opened(&format!("{}/p/demo", for_ana.url)).await;
    answered(&ana, "the quokka is here").await;
    let address = ana.address().await;
    let path = address.strip_prefix(&for_ana.url).unwrap().to_owned();
    let ben = opened(&format!("{}{path}", for_ben.url)).await;
    ben.wait_for("document.body.innerText.includes('the quokka is here')").await;
    ben.become_phone().await;

    // By keyboard alone.
    ana.run("document.querySelector('conversation-view header .more').focus()").await;
    open_readers(&ana).await;
    choose_readers(&ana, DOWN, "Only you may read it now.").await;
    for theme in ["light", "dark"] {
        ana.run(&format!("document.documentElement.dataset.theme = '{theme}'")).await;
        ana.audit_part(&format!("sharing, {theme}"), "dialog.share").await;
        ana.screenshot(&format!("sharing-{theme}")).await;
    }
    ben.wait_for("document.body.innerText.includes('is private now')").await;
    ben.wait_for("document.querySelector('conversation-list li') === null").await;
    ana.press(ESCAPE).await;
    ana.wait_for("document.querySelector('dialog.share') === null").await;
    ana.wait_for(&format!("{FACTS}.includes('Private')")).await;
    let row = "document.querySelector('conversation-list .time')?.textContent";
    ana.wait_for(&format!("{row}?.startsWith('private ·')")).await;

    // By its link the other reads it, and goes on in a conversation of their own.
    let link = reqwest::Client::new()
        .put(server.url(&format!("/api/assistant/conversations/{}/link", &path["/p/".len()..])))
        .header("X-Forwarded-User", "ana");
    let link: serde_json::Value = link.send().await.unwrap().json().await.unwrap();
    let link = link["link"].as_str().unwrap();
    ben.goto(&format!("{}/login", for_ben.url)).await;
    ben.goto(&format!("{}{path}#link={link}", for_ben.url)).await;
    ben.wait_for("document.body.innerText.includes('the quokka is here')").await;
    ben.wait_for("document.querySelector('#question').disabled").await;
    assert_eq!(ben.address().await, format!("{}{path}", for_ben.url), "the link is not kept");
    assert_eq!(ben.run(OVERFLOWS).await, json!([]));
    ben.audit("reading by a link").await;
    ben.screenshot("sharing-guest-phone").await;
    let fork = "[...document.querySelectorAll('turn-view .tools button')].find((it) => it.textContent === 'Fork')";
    ben.run(&format!("{fork}.click()")).await;
    ben.wait_for(&format!("location.pathname !== '{path}'")).await;
    ben.wait_for("document.querySelector('.origin')?.hidden === false").await;
    ben.wait_for("!document.querySelector('#question').disabled").await;
    ben.audit("a fork").await;
    ben.screenshot("sharing-fork-phone").await;
    let origin = "document.querySelector('.origin a').getAttribute('href')";
    let origin = ben.run(&format!("return {origin}")).await;
    assert_eq!(origin, json!(format!("{path}#turn-1")));
    ana.close().await;
    ben.close().await;
}

#[tokio::test]
async fn the_list_leads_to_who_may_read_a_conversation_of_ones_own() {
    let server = team();
    let (for_ana, for_ben) = (Proxy::of(&server, "ana").await, Proxy::of(&server, "ben").await);
    let ana = opened(&format!("{}/p/demo", for_ana.url)).await;
    answered(&ana, "the quokka is here").await;
    let ben = opened(&format!("{}/p/demo", for_ben.url)).await;
    ben.wait_for("document.querySelectorAll('conversation-list li').length === 1").await;
    is_offered_no_readers(&ben, "conversation-list .more").await;
    ben.press(ESCAPE).await;

    // From another conversation, by keyboard alone.
    ana.click(".new").await;
    ana.wait_for("location.pathname === '/p/demo'").await;
    ana.run("document.querySelector('.skip[href=\"#sidebar\"]').click()").await;
    ana.wait_for("document.activeElement.matches('conversation-list a')").await;
    ana.press(RIGHT).await;
    open_readers(&ana).await;
    choose_readers(&ana, DOWN, "Only you may read it now.").await;
    ben.wait_for("document.querySelector('conversation-list li') === null").await;
    ana.wait_for(
        "document.querySelector('conversation-list .time').textContent.startsWith('private ·')",
    )
    .await;
    ana.press(ESCAPE).await;
    ana.wait_for("document.activeElement.matches('conversation-list .more')").await;
    assert!(!ana.content("conversation-view .facts").await.contains("Private"));

    // The dialog knows what was chosen, and takes it back.
    open_readers(&ana).await;
    ana.wait_for("document.querySelector('dialog.share input:checked').value === 'private'").await;
    choose_readers(&ana, UP, "Everybody may read it now.").await;
    ben.wait_for("document.querySelectorAll('conversation-list li').length === 1").await;
    ana.assert_no_complaints(&[]).await;
    ana.close().await;
    ben.close().await;
}

#[tokio::test]
async fn where_users_are_not_known_nothing_of_sharing_is_shown() {
    let server = Setup::scripted().start();
    let browser = opened(&server.url("/p/demo")).await;
    answered(&browser, "hello").await;
    is_offered_no_readers(&browser, "conversation-view header .more").await;
    browser.close().await;
}
