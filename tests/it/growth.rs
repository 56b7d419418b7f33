//! What an answer that grows costs those who look at it, over a real socket: in proportion to what is new,
//! and nothing of it is missing.

use serde_json::{Value, json};

use crate::{
    client::Client,
    html::HtmlScreen,
    server::{Gate, Server},
};

/// A viewer of HTML, with all that it was sent.
struct Viewer {
    client: Client,
    screen: HtmlScreen,
    bytes: usize,
}

impl Viewer {
    /// Comes in, and asks for what is new of a part alone or not.
    async fn enter(server: &Server, conversation: i64, changes: bool, screen: HtmlScreen) -> Self {
        let mut client = server.connect().await;
        let mut start = json!({
            "type": "start", "protocol": 1, "format": "html", "conversation_id": conversation,
            "after": screen.seq(),
        });
        if changes {
            start["changes"] = Value::from(true);
        }
        client.send(start).await;
        let frames = client.until("caught_up").await;
        let mut viewer = Self { client, screen, bytes: 0 };
        viewer.screen.show(&frames);
        viewer
    }

    async fn read(&mut self) {
        let text = self.client.text().await;
        self.bytes += text.len();
        self.screen.show(&[serde_json::from_str(&text).unwrap()]);
    }

    async fn read_until_shown(&mut self, words: &str) {
        while !self.shown().contains(words) {
            self.read().await;
        }
    }

    fn shown(&self) -> String {
        self.screen.parts().into_iter().flat_map(|(_, parts)| parts).collect()
    }
}

#[actix::test]
async fn p6_a_table_that_grows_costs_each_viewer_a_small_multiple_of_it() {
    let server = Server::start();
    let mut asking = server.connect().await;
    let id = asking.start().await;
    let mut viewers = [
        Viewer::enter(&server, id, false, HtmlScreen::default()).await,
        Viewer::enter(&server, id, true, HtmlScreen::default()).await,
    ];
    let gate = Gate::new(&server);
    asking.ask(&format!("rows 2000 2 {}", gate.path().display())).await;
    for viewer in &mut viewers {
        viewer.read_until_shown("row 1999").await;
    }
    gate.open();
    for viewer in &mut viewers {
        while !viewer.screen.has_ended(1) {
            viewer.read().await;
        }
        viewer.screen.assert_shows_what_is_stored(&server, id, "live");
        let html = viewer.shown().len();
        println!("{} bytes were sent for {html} of HTML", viewer.bytes);
        assert!(viewer.bytes <= 6 * html, "{} bytes for {html}", viewer.bytes);
    }
    let [whole, changes] = viewers.map(|viewer| viewer.bytes);
    assert!(changes < whole, "{changes} of {whole}");
}

#[actix::test]
async fn what_a_viewer_was_not_sent_for_its_cost_comes_when_nothing_else_does() {
    let server = Server::start();
    let mut asking = server.connect().await;
    let id = asking.start().await;
    let mut viewer = Viewer::enter(&server, id, false, HtmlScreen::default()).await;
    let gate = Gate::new(&server);
    asking.ask(&format!("rows 800 1 {}", gate.path().display())).await;
    viewer.read_until_shown("row 799").await;
    assert!(!viewer.screen.has_ended(1));
    gate.open();
    while !viewer.screen.has_ended(1) {
        viewer.read().await;
    }
    viewer.screen.assert_shows_what_is_stored(&server, id, "live");
}

#[actix::test]
async fn p4_a_viewer_of_changes_that_reconnects_in_mid_part_ends_with_what_is_stored() {
    let server = Server::start();
    let mut steady = server.connect().await;
    let id = steady.start().await;
    let gate = Gate::new(&server);
    gate.open();
    let script = "stream 20 8\nsay \\n\\n```rust\\nfn a() {}\\n\nstream 20 8\nsay ```\\n\\n";
    steady.ask(&format!("{script}\nrows 60 8 {}", gate.path().display())).await;
    let mut screen = HtmlScreen::default();
    let mut reconnections = 0;
    while !screen.has_ended(1) {
        let mut viewer = Viewer::enter(&server, id, true, screen).await;
        for _ in 0..4 {
            if !viewer.screen.has_ended(1) {
                viewer.read().await;
            }
        }
        screen = viewer.screen;
        reconnections += 1;
    }
    assert!(reconnections >= 3, "only {reconnections} reconnections");
    screen.assert_shows_what_is_stored(&server, id, "after reconnections");
}
