//! Crash trial: servers are killed at random moments while clients ask, watch and reconnect, and
//! everything the clients saw is compared with what is stored. Beside each server an agent tries to
//! escape its sandbox.
//!
//! Four servers share the kills, each in a test of its own, so that they run at the same time.
//! `CICERONE_TRIAL_CRASHES` is the number of all kills, `CICERONE_TRIAL_SEED` repeats what was drawn.

mod journal;
mod original;
mod viewer;

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::{Duration, Instant},
};

use fastrand::Rng;
use futures_util::future::join_all;
use serde_json::json;
use tokio::{sync::watch, task::JoinHandle};

use crate::{
    escaping::{Escapee, project_of},
    processes,
    questions::{Pace, Question},
    screen::Screen,
    server::{PROJECT, Server, Setup, eventually},
};
use journal::Journal;
use original::{Original, Visit};
use viewer::{Signals, Viewer};

/// Kills of all servers.
const KILLS: u32 = 20;
const SERVERS: u32 = 4;

/// Kills after which the conversations finish and new ones begin.
const KILLS_OF_ONE: u32 = 5;

const PROJECTS: [&str; 3] = [PROJECT, "two", "three"];

/// Clients of our dialect in each conversation, of which the first two ask; one more watches and
/// asks in the original's.
const VIEWERS: usize = 3;

/// The longest time from the last client's arrival to the kill.
const MOMENT: Duration = Duration::from_millis(300);

/// One in this many kills comes later, when text is on the screens that must have been written.
const LATE_ONES: u32 = 6;
const LATE: Duration = Duration::from_millis(2300);

/// A conversation with its clients.
struct Live {
    project: &'static str,
    journal: Rc<RefCell<Journal>>,
    screens: Vec<Rc<RefCell<Screen>>>,
    visits: Rc<RefCell<Vec<Visit>>>,
    tasks: Vec<JoinHandle<()>>,
}

/// Figures that are printed at the end.
#[derive(Default)]
struct Figures {
    turns: usize,
    interrupted: usize,
    oldest_loss: Duration,
    longest_survival: Duration,
}

struct Trial {
    server: Server,
    random: Rng,
    signals: Signals,
    address: watch::Sender<Option<String>>,
    figures: Figures,
    /// Conversations so far.
    count: usize,
}

/// A number that the environment gives.
fn from_environment<T: std::str::FromStr>(name: &str, otherwise: T) -> T {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(otherwise)
}

macro_rules! servers {
    ($($server:ident),*) => {
        const _: () = assert!([$(stringify!($server)),*].len() == SERVERS as usize);
        mod p3_p4_p8_whenever_the_server_is_killed_what_was_known_stays_and_nothing_runs_on {
            $(
                #[actix::test]
                async fn $server() {
                    super::try_kills().await;
                }
            )*
        }
    };
}
servers!(first, second, third, fourth);

/// Kills one server as often as its share is.
async fn try_kills() {
    let kills = from_environment("CICERONE_TRIAL_CRASHES", KILLS).div_ceil(SERVERS);
    let seed = from_environment("CICERONE_TRIAL_SEED", fastrand::u64(..));
    println!("CICERONE_TRIAL_CRASHES={} CICERONE_TRIAL_SEED={seed}", kills * SERVERS);
    let begun = Instant::now();
    let mut trial = Trial::new(seed);
    let projects = PROJECTS.map(|name| project_of(&trial.server, name));
    let escapee = Escapee::begin(&trial.server, &projects);
    let mut left = kills;
    while left > 0 {
        let live = trial.begin().await;
        let now = left.min(KILLS_OF_ONE);
        for number in 1..=now {
            trial.kill(&live, number < now).await;
            escapee.turn_to(&trial.server);
        }
        trial.come_to_rest(live).await;
        left -= now;
    }
    let escapes = escapee.end().await;
    let Figures { turns, interrupted, oldest_loss, longest_survival } = trial.figures;
    println!(
        "kills={kills} seconds={} conversations={} turns={turns} interrupted={interrupted} \
         oldest_loss_ms={} longest_survival_ms={} rounds_of_escapes={escapes}",
        begun.elapsed().as_secs(),
        trial.count,
        oldest_loss.as_millis(),
        longest_survival.as_millis()
    );
}

impl Trial {
    fn new(seed: u64) -> Self {
        let setup = PROJECTS[1..].iter().fold(Setup::scripted(), |setup, name| setup.project(name));
        let server = setup.config("[advanced.socket]\nattach_after = \"200ms\"\n").start();
        let (address, known) = watch::channel(Some(server.address().to_owned()));
        let signals = Signals {
            address: known,
            ready: Rc::default(),
            asking: Rc::default(),
            pace: Rc::new(Cell::new(Pace { words: 60, delay: 5 })),
        };
        let random = Rng::with_seed(seed);
        Self { server, random, signals, address, figures: Figures::default(), count: 0 }
    }

    /// Begins new conversations and lets everybody in.
    async fn begin(&mut self) -> Vec<Live> {
        self.signals.asking.set(true);
        let mut projects = Vec::new();
        for project in PROJECTS {
            projects.extend(vec![project; self.random.usize(1..=2)]);
        }
        let opened = join_all(projects.iter().map(|project| open(&self.server, project))).await;
        let begun = projects.into_iter().zip(opened);
        begun.map(|(project, journal)| self.converse(project, journal)).collect()
    }

    /// Lets everybody into a conversation.
    fn converse(&mut self, project: &'static str, journal: Rc<RefCell<Journal>>) -> Live {
        self.count += 1;
        let count = self.count;
        let mut screens = Vec::new();
        let mut tasks = Vec::new();
        for number in 0..VIEWERS {
            let name = format!("c{count}v{number}");
            let mut viewer = Viewer::new(name, project, &journal, &self.signals);
            viewer.random = self.random.fork();
            viewer.appetite = if number < 2 { self.random.usize(1..=3) } else { 0 };
            screens.push(Rc::clone(&viewer.screen));
            tasks.push(actix::spawn(viewer.live()));
        }
        let visits = Rc::default();
        let original = Original {
            name: format!("c{count}o"),
            project: project.to_owned(),
            journal: Rc::clone(&journal),
            visits: Rc::clone(&visits),
            signals: self.signals.clone(),
            random: self.random.fork(),
            cookie: None,
            asked: 0,
        };
        tasks.push(actix::spawn(original.live()));
        Live { project, journal, screens, visits, tasks }
    }

    /// Kills the server at a random moment, and starts it again.
    async fn kill(&mut self, live: &[Live], may_be_late: bool) {
        let viewers: usize = live.iter().map(|it| it.screens.len()).sum();
        let is_late = may_be_late && self.random.u32(..LATE_ONES) == 0;
        let pace =
            if is_late { Pace { words: 600, delay: 4 } } else { Pace { words: 60, delay: 5 } };
        self.signals.pace.set(pace);
        // Some kills come while everybody is still coming in.
        if is_late || self.random.u32(..5) > 0 {
            eventually("everybody is there", async || {
                assert_all_live(live);
                (self.signals.ready.get() >= viewers).then_some(())
            })
            .await;
        }
        let moment = MOMENT.mul_f64(self.random.f64());
        tokio::time::sleep(if is_late { LATE + moment } else { moment }).await;

        let known = processes::below(self.server.pid());
        let killed = Instant::now();
        self.server.kill();
        self.address.send_replace(None);
        let survived =
            processes::all_gone(self.server.files(), &known, None, "after the kill").await;
        self.figures.longest_survival = self.figures.longest_survival.max(survived);
        self.server.launch_again();
        for it in live {
            let loss = it.journal.borrow_mut().check_after_kill(&self.server, killed);
            self.figures.oldest_loss = self.figures.oldest_loss.max(loss);
        }
        self.signals.ready.set(0);
        self.address.send_replace(Some(self.server.address().to_owned()));
        assert_all_live(live);
    }

    /// Nobody asks any more. Once everything is answered, everybody sees what is stored.
    async fn come_to_rest(&mut self, live: Vec<Live>) {
        self.signals.asking.set(false);
        let stored: Vec<Screen> = eventually("everybody has seen the last end", async || {
            assert_all_live(&live);
            live.iter().map(|it| self.at_rest(it)).collect()
        })
        .await;
        for (it, stored) in live.iter().zip(&stored) {
            for screen in &it.screens {
                screen.borrow().assert_same(stored, "at rest");
            }
            self.figures.turns += it.journal.borrow().check_at_rest(stored);
            let outcomes = stored.entries.iter().filter_map(|shown| shown.fields.get("outcome"));
            self.figures.interrupted += outcomes.filter(|it| **it == "interrupted").count();
        }
        for it in &live {
            let of_project =
                live.iter().zip(&stored).filter(|(other, _)| other.project == it.project);
            let of_project: Vec<&Screen> = of_project.map(|(_, stored)| stored).collect();
            for visit in it.visits.borrow().iter() {
                visit.assert_part_of(&of_project);
            }
        }
        live.iter().flat_map(|it| &it.tasks).for_each(JoinHandle::abort);
    }

    /// What is stored of a conversation, once that is all there will be and everybody has seen it.
    fn at_rest(&self, live: &Live) -> Option<Screen> {
        let journal = live.journal.borrow();
        if !journal.is_acknowledged() || self.open_turns(journal.conversation) > 0 {
            return None;
        }
        let stored = Screen::stored(&self.server, journal.conversation);
        let have_seen_it = live.screens.iter().all(|one| one.borrow().seq == stored.seq);
        // A client of the original may have asked one more thing in between.
        let asked = stored.entries.iter().filter(|shown| shown.kind == "user_message").count();
        // The greeting has an end and no question.
        let is_over = stored.ends() == asked + 1;
        (is_over && have_seen_it).then_some(stored)
    }

    /// Turns that the database knows to be open.
    fn open_turns(&self, conversation: i64) -> i64 {
        let sql = "SELECT count(*) FROM turns WHERE conversation_id = ?1 AND state <> 'done'";
        self.server.database().query_row(sql, [conversation], |row| row.get(0)).unwrap()
    }
}

/// Begins a conversation and asks one thing: what nobody has written in goes with a crash.
async fn open(server: &Server, project: &str) -> Rc<RefCell<Journal>> {
    let mut client = server.connect_to(project).await;
    client.send(json!({ "type": "start", "protocol": 1 })).await;
    let frames = client.until("caught_up").await;
    let mut journal = Journal::new(frames[0]["conversation_id"].as_i64().unwrap());
    let first = Question::given_back("first");
    client.ask(&first.script).await;
    client.until("response_done").await;
    journal.asks(&first.script.clone(), first, false);
    Rc::new(RefCell::new(journal))
}

/// A client that found something wrong has ended.
fn assert_all_live(live: &[Live]) {
    let ended = live.iter().flat_map(|it| &it.tasks).any(JoinHandle::is_finished);
    assert!(!ended, "a client found something wrong, see above");
}
