//! A client of our dialect, as a page is one: it asks, follows, comes back with what it saw last
//! whenever its connection is gone, and asks again what it does not know to be stored.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use fastrand::Rng;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::journal::Journal;
use crate::{
    client::Client,
    questions::{Pace, Question},
    screen::Screen,
};

/// Where the server is, while it lives.
pub type Address = watch::Receiver<Option<String>>;

/// What the viewers and the test tell each other.
#[derive(Clone)]
pub struct Signals {
    pub address: Address,
    /// Counts who has caught up with the server that lives.
    pub ready: Rc<Cell<usize>>,
    /// Whether anybody asks anything new.
    pub asking: Rc<Cell<bool>>,
    pub pace: Rc<Cell<Pace>>,
}

/// See the module.
pub struct Viewer {
    pub name: String,
    pub project: String,
    pub journal: Rc<RefCell<Journal>>,
    pub screen: Rc<RefCell<Screen>>,
    pub signals: Signals,
    /// How many of its questions are open at once.
    pub appetite: usize,
    pub random: Rng,
    /// Ids and texts of what may not have come through, the oldest first.
    unacknowledged: Vec<(String, String)>,
    acknowledged: Option<(String, String)>,
    open_turns: Vec<i64>,
    asked: usize,
}

impl Viewer {
    pub fn new(
        name: String,
        project: &str,
        journal: &Rc<RefCell<Journal>>,
        signals: &Signals,
    ) -> Self {
        Self {
            project: project.to_owned(),
            journal: Rc::clone(journal),
            screen: Rc::default(),
            signals: signals.clone(),
            appetite: 0,
            random: Rng::with_seed(0),
            unacknowledged: Vec::new(),
            acknowledged: None,
            open_turns: Vec::new(),
            asked: 0,
            name,
        }
    }

    /// Follows the conversation until the test ends.
    pub async fn live(mut self) {
        let mut address = self.signals.address.clone();
        loop {
            let server = address.wait_for(Option::is_some).await.unwrap().clone();
            let life = self.journal.borrow().life();
            let mut is_ready = false;
            while *self.signals.address.borrow() == server {
                self.visit(server.as_deref().unwrap(), life, &mut is_ready).await;
                tokio::task::yield_now().await;
            }
        }
    }

    /// One connection, until it is cut or the viewer has seen enough.
    async fn visit(&mut self, server: &str, life: u32, is_ready: &mut bool) {
        let client =
            Client::try_connect(server, &format!("{}?protocol=1", self.project), None).await;
        let Some(mut client) = client else { return };
        if self.random.u32(..10) == 0 {
            // A page that is loaded anew.
            self.screen.take();
        }
        let seq = self.screen.borrow().seq;
        let start = json!({
            "type": "start", "protocol": 1, "conversation_id": self.journal.borrow().conversation,
            "after": if seq == 0 { Value::Null } else { json!(seq) },
        });
        client.try_send(start).await;
        for (id, script) in self.unacknowledged.clone() {
            client.try_send(message(&id, &script)).await;
        }
        if let Some((id, script)) = self.acknowledged.take() {
            // It came through, and is sent again all the same.
            client.try_send(message(&id, &script)).await;
        }
        let stays = self.random.u32(..3) > 0;
        let mut left = if stays { usize::MAX } else { self.random.usize(1..200) };
        while left > 0 && self.ask(&mut client).await {
            let Some(frame) = client.try_frame().await else { return };
            self.take(&frame, life, is_ready);
            left -= 1;
        }
    }

    /// Asks as long as it may. Tells whether the connection still stands.
    async fn ask(&mut self, client: &mut Client) -> bool {
        while self.signals.asking.get()
            && self.unacknowledged.len() + self.open_turns.len() < self.appetite
        {
            self.asked += 1;
            let id = format!("{}#{}", self.name, self.asked);
            let question = Question::any(&mut self.random, &id, self.signals.pace.get());
            let script = question.script.clone();
            self.journal.borrow_mut().asks(&id, question, true);
            self.unacknowledged.push((id.clone(), script.clone()));
            if !client.try_send(message(&id, &script)).await {
                return false;
            }
        }
        true
    }

    fn take(&mut self, frame: &Value, life: u32, is_ready: &mut bool) {
        let mut screen = self.screen.borrow_mut();
        let mut journal = self.journal.borrow_mut();
        screen.show(std::slice::from_ref(frame));
        match frame["type"].as_str().unwrap() {
            "accepted" => {
                let turn = frame["turn"].as_i64().unwrap();
                let id = frame["message_id"].as_str().unwrap();
                journal.accepted(id, turn);
                if let Some(at) = self.unacknowledged.iter().position(|(known, _)| known == id) {
                    let sent = self.unacknowledged.remove(at);
                    if screen.ends_of(turn) == 0 {
                        self.open_turns.push(turn);
                    }
                    self.acknowledged = Some(sent).filter(|_| self.random.u32(..4) == 0);
                }
            }
            "caught_up" if life == journal.life() => {
                journal.assert_caught_up(&screen, &self.name);
                if !std::mem::replace(is_ready, true) {
                    self.signals.ready.set(self.signals.ready.get() + 1);
                }
            }
            "error" if frame["turn"].is_null() => panic!("{} was refused: {frame}", self.name),
            _ => (),
        }
        if let Some(shown) = screen.changed_by(frame).filter(|_| frame["type"] != "accepted") {
            journal.saw(shown, life);
            if shown.is_end() {
                self.open_turns.retain(|turn| *turn != shown.turn);
            }
        }
    }
}

fn message(id: &str, content: &str) -> Value {
    json!({ "type": "message", "message_id": id, "content": content })
}
