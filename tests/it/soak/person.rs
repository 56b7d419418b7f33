//! Somebody who takes part in a session of the soak, by habit: asks, reads, comes and goes, or
//! reads so slowly that the server cannot send.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use fastrand::Rng;
use serde_json::{Value, json};
use tokio::{task::JoinHandle, time};

use crate::{client::Client, screen::Screen};

/// A session and what is counted in it.
pub struct Session {
    pub project: String,
    pub conversation: i64,
    /// Some answers are long, and slow viewers are there.
    pub is_loud: bool,
    pub server: String,
    pub asking: Rc<Cell<bool>>,
    /// From a word's leaving the agent to a reader's having it.
    pub delays: RefCell<Vec<Duration>>,
    pub frames: Cell<usize>,
    pub returns: Cell<usize>,
    pub cuts: Cell<usize>,
    pub questions: Cell<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Habit {
    Asks,
    Reads,
    ComesAndGoes,
    IsSlow,
}

/// See the module.
pub struct Person {
    pub screen: Rc<RefCell<Screen>>,
    session: Rc<Session>,
    task: JoinHandle<()>,
}

/// What a person's task works with.
struct Part {
    session: Rc<Session>,
    habit: Habit,
    screen: Rc<RefCell<Screen>>,
    random: Rng,
}

impl Person {
    pub fn enter(session: &Rc<Session>, habit: Habit, random: Rng) -> Self {
        let screen = Rc::default();
        let part = Part { session: Rc::clone(session), habit, screen: Rc::clone(&screen), random };
        Self { screen, session: Rc::clone(session), task: actix::spawn(part.play()) }
    }

    pub fn is_in(&self, session: &Rc<Session>) -> bool {
        Rc::ptr_eq(&self.session, session)
    }

    /// The last number seen.
    pub fn seq(&self) -> i64 {
        self.screen.borrow().seq
    }

    /// A person who found something wrong has ended.
    pub fn assert_well(&self) {
        assert!(!self.task.is_finished(), "somebody in {} failed, see above", self.session.project);
    }

    pub fn leave(self) {
        self.task.abort();
    }
}

impl Part {
    async fn play(mut self) {
        loop {
            let Session { server, project, .. } = &*self.session;
            let mut client = match self.habit {
                Habit::IsSlow => Client::connect_narrow(server, project).await,
                _ => Client::connect(server, project, None).await,
            };
            let seq = self.screen.borrow().seq;
            client
                .send(json!({
                    "type": "start", "protocol": 1, "conversation_id": self.session.conversation,
                    "after": if seq == 0 { Value::Null } else { json!(seq) },
                }))
                .await;
            match self.habit {
                Habit::Asks => self.ask_on_and_on(client).await,
                Habit::Reads => loop {
                    self.read(&mut client).await;
                },
                Habit::ComesAndGoes => {
                    let stay = Duration::from_millis(self.random.u64(300..4000));
                    time::timeout(stay, async {
                        loop {
                            self.read(&mut client).await;
                        }
                    })
                    .await
                    .ok();
                    self.session.returns.set(self.session.returns.get() + 1);
                }
                Habit::IsSlow => self.dawdle(client).await,
            }
        }
    }

    /// One frame. The connection must not be cut.
    async fn read(&self, client: &mut Client) -> Value {
        self.try_read(client).await.expect("the connection was cut")
    }

    /// One frame; `None` when the connection is cut.
    async fn try_read(&self, client: &mut Client) -> Option<Value> {
        let frame = client.try_frame().await?;
        assert!(frame["type"] != "error", "{frame}");
        self.session.frames.set(self.session.frames.get() + 1);
        self.screen.borrow_mut().show(std::slice::from_ref(&frame));
        if frame["type"] == "text" && self.habit == Habit::Reads && frame["replace"].is_null() {
            self.note_delays(frame["content"].as_str().unwrap());
        }
        Some(frame)
    }

    /// The agent's words are the times at which it said them, in microseconds.
    fn note_delays(&self, words: &str) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let times =
            words.split_whitespace().filter_map(|word| word.strip_prefix('t')?.parse().ok());
        let delays = times.map(|at| now.saturating_sub(Duration::from_micros(at)));
        self.session.delays.borrow_mut().extend(delays);
    }

    async fn ask_on_and_on(&mut self, mut client: Client) {
        while self.read(&mut client).await["type"] != "caught_up" {}
        loop {
            self.pause(&mut client).await;
            while !self.session.asking.get() {
                self.read(&mut client).await;
            }
            let number = self.session.questions.get() + 1;
            self.session.questions.set(number);
            let words = self.random.u32(5..25);
            let mut script = format!("think why?\nclock {words} 60");
            if self.session.is_loud {
                script.push_str(&format!("\nsay {}", "A long line of an answer.\\n".repeat(1500)));
            }
            client.post(&format!("q{number}"), &script).await;
            while self.read(&mut client).await["type"] != "response_done" {}
        }
    }

    /// Reads on for a while before the next question.
    async fn pause(&mut self, client: &mut Client) {
        let most = if self.session.is_loud { 1500 } else { 5000 };
        let pause = Duration::from_millis(self.random.u64(200..most));
        time::timeout(pause, async {
            loop {
                self.read(client).await;
            }
        })
        .await
        .ok();
    }

    /// Reads a few frames now and then, and sometimes none for long. Whoever takes nothing for too
    /// long is cut off, and comes back.
    async fn dawdle(&mut self, mut client: Client) {
        loop {
            if self.session.asking.get() {
                let wait = match self.random.u32(..8) {
                    0 => self.random.u64(4000..12_000),
                    _ => self.random.u64(50..1000),
                };
                time::sleep(Duration::from_millis(wait)).await;
            }
            for _ in 0..self.random.u32(1..20) {
                let next = self.try_read(&mut client);
                match time::timeout(Duration::from_millis(200), next).await {
                    Ok(Some(_)) => (),
                    Ok(None) => return self.session.cuts.set(self.session.cuts.get() + 1),
                    Err(_) => break,
                }
            }
        }
    }
}
