//! Soak trial: many busy sessions with many viewers, some slow, some reconnecting. In the end every
//! viewer has seen everything once, and the server's memory and descriptors are as before. Beside
//! it an agent tries to escape its sandbox.
//!
//! `CICERONE_TRIAL_SOAK` is the length in seconds; below 60 the trial is also smaller.

mod person;

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::{Duration, Instant},
};

use fastrand::Rng;
use futures_util::future::join_all;
use reqwest::Method;

use crate::{
    client::Client,
    escaping::{Escapee, project_of},
    processes::{agents_of, all_gone, below, resident},
    screen::Screen,
    server::{Server, Setup, eventually},
};
use person::{Habit, Person, Session};

const SECONDS: u64 = 15;

/// Seconds from which the trial has its full size.
const FULL_FROM: u64 = 60;

/// Viewers for each session, on average: eight that read, one that comes and goes, one that is
/// slow. The slow ones are all in every tenth session, where answers are long: elsewhere their
/// buffers would never be full.
const READERS: usize = 8;

/// Kilobytes by which the server may grow from the warm-up to the end, and how much for each
/// kilobyte that was said meanwhile, which it keeps: the text, its escapes, and the room that a
/// growing string takes ahead. In the full trial several 100,000 frames are delivered meanwhile
/// and viewers come back thousands of times: 50 bytes kept of each frame, or a page kept for each
/// return, would show.
const MOST_KILOBYTES: u64 = 12 * 1024;
const KILOBYTES_EACH: u64 = 2;

/// No reader gets what was said later than this, nearly always: for a debug build and clients that
/// share one thread, on a machine that does other things. A reader that waited for a slow one
/// would wait for many seconds.
const DELAY: Duration = Duration::from_secs(4);

#[actix::test]
async fn p4_p5_p6_p9_many_viewers_for_long_see_everything_once_and_the_server_stays_as_it_was() {
    let seconds = std::env::var("CICERONE_TRIAL_SOAK").ok().and_then(|it| it.parse().ok());
    let seconds: u64 = seconds.unwrap_or(SECONDS);
    let n_sessions = if seconds < FULL_FROM { 10 } else { 50 };
    let projects: Vec<String> = (0..n_sessions).map(|number| format!("p{number}")).collect();
    let config = format!("[limits]\nagents = {n_sessions}\n");
    let setup = projects.iter().fold(Setup::scripted(), |setup, project| setup.project(project));
    let mut server = setup.env("CICERONE_LOG", "warn").config(&config).start();

    let sockets = sockets_of(&server);
    // What the server opens once it is used is no leak: it is used before that is counted.
    let opened = join_all(projects.iter().map(|project| used(&server, project))).await;
    close_all(&server, &projects, sockets).await;
    let descriptors = descriptors_of(&server);
    let dirs: Vec<_> = projects.iter().map(|name| project_of(&server, name)).collect();
    let escapee = Escapee::begin(&server, dirs.get(..3).unwrap());

    let mut random = Rng::with_seed(7);
    let asking = Rc::new(Cell::new(true));
    let sessions: Vec<Rc<Session>> = projects
        .iter()
        .zip(opened)
        .enumerate()
        .map(|(number, (project, conversation))| {
            Rc::new(Session {
                project: project.clone(),
                conversation,
                is_loud: number % 10 == 0,
                server: server.address().to_owned(),
                asking: Rc::clone(&asking),
                delays: RefCell::default(),
                frames: Cell::default(),
                returns: Cell::default(),
                cuts: Cell::default(),
                questions: Cell::default(),
            })
        })
        .collect();
    let mut people = Vec::new();
    for session in &sessions {
        let slow = if session.is_loud { 10 } else { 0 };
        let habits = [Habit::Asks, Habit::ComesAndGoes].into_iter();
        let habits = habits.chain([Habit::Reads; READERS - 1]).chain(vec![Habit::IsSlow; slow]);
        people.extend(habits.map(|habit| Person::enter(session, habit, random.fork())));
    }

    let begun = Instant::now();
    let warm = Duration::from_secs(seconds) / 4;
    let (mut before, mut most_agents) = (None, 0);
    while begun.elapsed() < Duration::from_secs(seconds) {
        tokio::time::sleep(Duration::from_millis(500)).await;
        people.iter().for_each(Person::assert_well);
        most_agents = most_agents.max(agents_of(server.pid()).len());
        if begun.elapsed() > warm {
            before
                .get_or_insert_with(|| (resident(server.pid()) / 1024, kilobytes_stored(&server)));
        }
    }
    let (resident_before, stored_before) = before.unwrap();
    assert_eq!(most_agents, n_sessions, "one agent serves a session");

    asking.set(false);
    for session in &sessions {
        let stored = eventually("everybody has seen the last end", async || {
            people.iter().for_each(Person::assert_well);
            let mut seqs = people.iter().filter(|it| it.is_in(session)).map(|it| it.seq());
            let first = seqs.next()?;
            if !seqs.all(|seq| seq == first) {
                return None;
            }
            let stored = Screen::stored(&server, session.conversation);
            let is_over = stored.entries.last().is_some_and(|shown| shown.is_end());
            (is_over && stored.seq == first).then_some(stored)
        })
        .await;
        for person in people.iter().filter(|it| it.is_in(session)) {
            person.screen.borrow().assert_same(&stored, &session.project);
        }
        let asked = stored.entries.iter().filter(|shown| shown.kind == "user_message");
        // The one that opened it was asked before.
        assert_eq!(asked.count(), session.questions.get() + 1, "in {}", session.project);
        for turn in 1..=session.questions.get() + 1 {
            assert_eq!(stored.end(turn as i64).fields["outcome"], "completed");
        }
    }
    let (resident_after, stored) = (resident(server.pid()) / 1024, kilobytes_stored(&server));
    let grown = resident_after.saturating_sub(resident_before);
    let said = stored - stored_before;

    let viewers = people.len();
    people.into_iter().for_each(Person::leave);
    close_all(&server, &projects, sockets).await;
    eventually("every descriptor is closed", async || {
        (descriptors_of(&server) <= descriptors).then_some(())
    })
    .await;
    let escapes = escapee.end().await;
    let family = below(server.pid());
    assert!(server.terminate().success());
    all_gone(server.files(), &family, None, "after the soak").await;

    let sum = |count: fn(&Session) -> usize| sessions.iter().map(|it| count(it)).sum::<usize>();
    let beside_slow = delays(&sessions, true);
    let elsewhere = delays(&sessions, false);
    println!(
        "seconds={seconds} sessions={n_sessions} viewers={viewers} questions={} frames={} \
         returns={} cuts={} delay_ms_p50={} delay_ms_p99={} beside_slow_ms_p50={} beside_slow_ms_p99={} \
         resident_kb={resident_before}..{resident_after} said_kb={said} descriptors={descriptors} \
         agents={most_agents} rounds_of_escapes={escapes}",
        sum(|session| session.questions.get()),
        sum(|session| session.frames.get()),
        sum(|session| session.returns.get()),
        sum(|session| session.cuts.get()),
        percentile(&elsewhere, 50).as_millis(),
        percentile(&elsewhere, 99).as_millis(),
        percentile(&beside_slow, 50).as_millis(),
        percentile(&beside_slow, 99).as_millis(),
    );
    assert!(grown < MOST_KILOBYTES + KILOBYTES_EACH * said, "grown by {grown} KB for {said} KB");
    assert!(percentile(&elsewhere, 99) < DELAY, "{:?}", percentile(&elsewhere, 99));
    assert!(percentile(&beside_slow, 99) < DELAY, "{:?}", percentile(&beside_slow, 99));
}

/// Uses a project once; gives the conversation that was made for it.
async fn used(server: &Server, project: &str) -> i64 {
    let mut client: Client = server.connect_to(project).await;
    let conversation = client.start().await;
    client.ask("say used").await;
    client.until("response_done").await;
    conversation
}

/// Ends all sessions, and waits until their agents are gone and no more sockets are there than at
/// first.
async fn close_all(server: &Server, projects: &[String], sockets: usize) {
    join_all(projects.iter().map(async |project| {
        let path = format!("/api/admin/sessions/{project}");
        assert_eq!(server.request(Method::DELETE, &path).await.0, 200, "{project}");
    }))
    .await;
    eventually("no agent is left", async || (agents_of(server.pid()).is_empty()).then_some(()))
        .await;
    eventually("no socket is left", async || (sockets_of(server) <= sockets).then_some(())).await;
}

/// Open descriptors but those of the database, of which there are as many as it has connections.
fn descriptors_of(server: &Server) -> usize {
    let data = server.data_dir().to_string_lossy().into_owned();
    targets_of(server).into_iter().filter(|target| !target.starts_with(&data)).count()
}

fn sockets_of(server: &Server) -> usize {
    targets_of(server).into_iter().filter(|target| target.starts_with("socket:")).count()
}

fn targets_of(server: &Server) -> Vec<String> {
    let links = std::fs::read_dir(format!("/proc/{}/fd", server.pid())).unwrap();
    let targets = links.filter_map(|link| std::fs::read_link(link.ok()?.path()).ok());
    targets.map(|target| target.to_string_lossy().into_owned()).collect()
}

fn kilobytes_stored(server: &Server) -> u64 {
    let sql = "SELECT sum(length(payload)) / 1024 FROM entries";
    let kilobytes: i64 = server.database().query_row(sql, (), |row| row.get(0)).unwrap();
    kilobytes.unsigned_abs()
}

fn delays(sessions: &[Rc<Session>], are_loud: bool) -> Vec<Duration> {
    let chosen = sessions.iter().filter(|session| session.is_loud == are_loud);
    let mut all: Vec<Duration> = chosen.flat_map(|it| it.delays.borrow().clone()).collect();
    all.sort_unstable();
    all
}

fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() - 1) * percent / 100]
}
