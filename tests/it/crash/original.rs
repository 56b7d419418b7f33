//! A client of the original: it knows no numbers and no ids. It comes back with a `start`, or says
//! nothing and waits. What it saw on each of its sockets must be how the conversation went on.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use fastrand::Rng;
use serde_json::{Value, json};

use super::{journal::Journal, viewer::Signals};
use crate::{client::Client, questions::Question, screen::Screen};

/// It asks nothing while this many questions are open.
const MOST_OPEN: usize = 4;

/// See the module.
pub struct Original {
    pub name: String,
    pub project: String,
    pub journal: Rc<RefCell<Journal>>,
    pub visits: Rc<RefCell<Vec<Visit>>>,
    pub signals: Signals,
    pub random: Rng,
    pub cookie: Option<String>,
    pub asked: usize,
}

/// What came over one socket.
#[derive(Debug, Default)]
pub struct Visit {
    /// Whether it said which conversation it wants.
    started: bool,
    /// The turns that ended before its eyes: text and type of the end.
    turns: Vec<(String, String)>,
    /// The text since the last end.
    tail: String,
}

impl Original {
    /// Follows the conversation until the test ends.
    pub async fn live(mut self) {
        let mut address = self.signals.address.clone();
        loop {
            let server = address.wait_for(Option::is_some).await.unwrap().clone();
            while *self.signals.address.borrow() == server {
                self.visit(server.as_deref().unwrap()).await;
                tokio::task::yield_now().await;
            }
        }
    }

    /// One connection, until it is cut or the viewer has seen enough.
    async fn visit(&mut self, server: &str) {
        let client = Client::try_connect(server, &self.project, self.cookie.as_deref()).await;
        let Some(mut client) = client else { return };
        self.cookie.clone_from(&client.cookie);
        let started = self.visits.borrow().is_empty() || self.random.bool();
        self.visits.borrow_mut().push(Visit { started, ..Visit::default() });
        if started {
            let conversation = self.journal.borrow().conversation;
            client.try_send(json!({ "type": "start", "conversation_id": conversation })).await;
        }
        let is_answered = Cell::new(started);
        let stays = self.random.u32(..3) > 0;
        let mut left = if stays { usize::MAX } else { self.random.usize(1..200) };
        while left > 0 {
            if is_answered.take() && self.signals.asking.get() {
                self.ask(&mut client).await;
            }
            let Some(frame) = client.try_frame().await else { return };
            let mut visits = self.visits.borrow_mut();
            is_answered.set(visits.last_mut().unwrap().take(&frame) && started);
            left -= 1;
        }
    }

    async fn ask(&mut self, client: &mut Client) {
        if self.journal.borrow().open_turns() >= MOST_OPEN {
            return;
        }
        self.asked += 1;
        // Every text is another one, so that it is known by it.
        let mark = format!("{}#{}", self.name, self.asked);
        let mut question = Question::any(&mut self.random, &mark, self.signals.pace.get());
        if !question.script.contains(&mark) {
            question = Question::given_back(&mark);
        }
        let script = question.script.clone();
        self.journal.borrow_mut().asks(&script, question, false);
        client.try_send(json!({ "type": "message", "content": script })).await;
    }
}

impl Visit {
    /// Takes a frame; tells whether it ended a turn.
    fn take(&mut self, frame: &Value) -> bool {
        match frame["type"].as_str().unwrap() {
            "text" => self.tail.push_str(frame["content"].as_str().unwrap()),
            end @ ("response_done" | "error") => {
                self.turns.push((std::mem::take(&mut self.tail), end.to_owned()));
                return true;
            }
            "tool_call" => (),
            _ => panic!("the original knows no such frame: {frame}"),
        }
        false
    }

    /// Fails the test where this is no part of how one of the conversations went: turn after turn
    /// with one end each, the first from wherever it came in, the last as far as it came.
    pub fn assert_part_of(&self, conversations: &[&Screen]) {
        // A `start` is answered by a greeting, or nothing, and an end.
        let first = usize::from(self.started).min(self.turns.len());
        let (turns, tail) = (&self.turns[first..], &self.tail);
        if turns.is_empty() && (tail.is_empty() || self.turns.is_empty()) {
            return;
        }
        let fits = conversations.iter().any(|stored| {
            let all = turns_of(stored);
            (0..all.len()).any(|from| fit(turns, tail, &all[from..]))
        });
        let told: Vec<_> = conversations.iter().map(|stored| shorten(&turns_of(stored))).collect();
        assert!(fits, "seen and never so: {:#?} {told:#?}", Short(self));
    }
}

/// Texts and ends of a conversation's turns, in the order in which they ended.
fn turns_of(stored: &Screen) -> Vec<(String, String)> {
    let ends = stored.entries.iter().filter(|shown| shown.is_end());
    ends.map(|end| (stored.answer(end.turn), end.kind.clone())).collect()
}

fn fit(seen: &[(String, String)], tail: &str, all: &[(String, String)]) -> bool {
    let ended = seen.iter().enumerate().all(|(at, (text, end))| {
        all.get(at).is_some_and(|(whole, its)| {
            its == end && if at == 0 { whole.ends_with(text) } else { whole == text }
        })
    });
    let after = all.get(seen.len()).map(|(whole, _)| whole.as_str()).unwrap_or_default();
    // Of a turn that was cut off, more may have been seen than was kept.
    let is_longer = tail.starts_with(after);
    let goes_on = match seen.is_empty() {
        true => after.contains(tail) || is_longer || after.contains(head_of(tail)),
        false => after.starts_with(tail) || is_longer,
    };
    ended && goes_on
}

/// The first words.
fn head_of(text: &str) -> &str {
    let end = text.char_indices().nth(12).map_or(text.len(), |(end, _)| end);
    &text[..end]
}

/// A visit with its texts cut.
struct Short<'a>(&'a Visit);

impl std::fmt::Debug for Short<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Visit")
            .field("started", &self.0.started)
            .field("turns", &shorten(&self.0.turns))
            .field("tail", &ends_of(&self.0.tail))
            .finish()
    }
}

fn shorten(turns: &[(String, String)]) -> Vec<String> {
    turns.iter().map(|(text, end)| format!("{} {end}", ends_of(text))).collect()
}

/// The first and the last words.
fn ends_of(text: &str) -> String {
    let cut = text.chars().count().saturating_sub(30);
    format!("{} … {}", head_of(text), text.chars().skip(cut).collect::<String>())
}
