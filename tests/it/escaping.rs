//! A server beside another one, whose agent tries as long as a trial runs to get out of its cage:
//! to harm the other server, its agents and its projects, and to leave processes behind.

use std::{cell::Cell, collections::BTreeMap, path::PathBuf, rc::Rc, time::Duration};

use tokio::task::JoinHandle;

use crate::{
    client::{Client, text_of},
    processes::{all_gone, below},
    server::{PROJECT, Server, Setup, is_alive},
    tree::{self, Entry},
};

/// Between two rounds of attempts: the trial is to be seen at its own pace.
const PAUSE: Duration = Duration::from_millis(500);

/// The agent that tries, and what it must leave alone.
pub struct Escapee {
    server: Server,
    victim: Rc<Cell<u32>>,
    projects: Vec<PathBuf>,
    before: Vec<BTreeMap<PathBuf, Entry>>,
    rounds: Rc<Cell<u32>>,
    task: JoinHandle<()>,
}

impl Escapee {
    /// Begins to try, against a server with these projects.
    pub fn begin(victim: &Server, projects: &[PathBuf]) -> Self {
        let limits = "[limits]\nmessages_per_minute = 1000000\n";
        let server = Setup::scripted().config(limits).start();
        let mut projects = projects.to_vec();
        projects.push(server.project_dir());
        let before = projects.iter().map(|dir| tree::tree(dir)).collect();
        let (victim, rounds) = (Rc::new(Cell::new(victim.pid())), Rc::default());
        let task = actix::spawn(escape(
            server.address().to_owned(),
            server.pid(),
            Rc::clone(&victim),
            projects.clone(),
            Rc::clone(&rounds),
        ));
        Self { server, victim, projects, before, rounds, task }
    }

    /// Turns to the server that has taken the other one's place.
    pub fn turn_to(&self, victim: &Server) {
        self.victim.set(victim.pid());
    }

    /// Ends the agent's server without warning; nothing may be left, nothing may have changed. Gives
    /// the number of rounds.
    pub async fn end(mut self) -> u32 {
        assert!(!self.task.is_finished(), "an attempt succeeded, see above");
        self.task.abort();
        assert!(self.rounds.get() > 0, "nothing was tried");
        let known = below(self.server.pid());
        self.server.kill();
        all_gone(self.server.files(), &known, None, "after the escapee's server was killed").await;
        for (dir, before) in self.projects.iter().zip(&self.before) {
            assert_eq!(&tree::tree(dir), before, "{dir:?} was changed");
        }
        self.rounds.get()
    }
}

/// Tries one round after another. Every other one ends with the agent, which leaves its processes to
/// whoever cares for them.
async fn escape(
    address: String,
    own_server: u32,
    victim: Rc<Cell<u32>>,
    projects: Vec<PathBuf>,
    rounds: Rc<Cell<u32>>,
) {
    let mut client = Client::connect(&address, PROJECT, None).await;
    client.start().await;
    loop {
        let ends = rounds.get() % 2 == 1;
        let script = round(own_server, victim.get(), &projects);
        client.ask(&format!("sh {script}{}", if ends { "\nleave" } else { "" })).await;
        let answer = client.turn().await;
        assert_eq!(text_of(&answer), "tried\n", "{answer:?}");
        assert!(is_alive(own_server), "the agent's own server is gone");
        rounds.set(rounds.get() + 1);
        tokio::time::sleep(PAUSE).await;
    }
}

/// What a shell can try, in one line: it prints what succeeded.
fn round(own_server: u32, victim: u32, projects: &[PathBuf]) -> String {
    let mut line = String::new();
    // A session of its own would be a group of its own.
    tries(&mut line, "setsid -w sh -c 'kill -0 -$$'", "detached");
    tries(&mut line, "unshare -r true", "unshared");
    let foreign = below(victim).into_iter().chain([victim, own_server]);
    for pid in foreign.take(8) {
        for (attempt, word) in [
            ("kill -9 PID", "killed"),
            ("kill -STOP PID", "stopped"),
            ("renice -n 19 -p PID", "reniced"),
            ("chrt -i -p 0 PID", "scheduled"),
            ("taskset -p 1 PID", "bound"),
            ("ionice -c 3 -p PID", "slowed"),
            ("prlimit --pid PID --nofile=1:1", "limited"),
            ("cat /proc/PID/environ", "read"),
            ("sh -c 'echo 1000 > /proc/PID/oom_score_adj'", "offered"),
        ] {
            tries(&mut line, &attempt.replace("PID", &pid.to_string()), &format!("{word} {pid}"));
        }
    }
    for dir in projects {
        let at = |name: &str| dir.join(name).display().to_string();
        let readme = at("README.md");
        tries(&mut line, &format!("sh -c 'echo x > {}'", at("planted")), "planted");
        tries(&mut line, &format!("sh -c 'echo x >> {readme}'"), "written");
        tries(&mut line, &format!("ln -s / {}", at("link")), "linked");
        tries(&mut line, &format!("mv {readme} {}", at("moved")), "moved");
        tries(&mut line, &format!("rm {readme} </dev/null"), "removed");
        tries(&mut line, &format!("chown 0 {readme}"), "given");
        // These are answered as if they were done.
        line.push_str(&format!(
            "chmod 777 {readme} 2>/dev/null; touch -d @0 {readme} 2>/dev/null; \
             flock -n {readme} true 2>/dev/null; "
        ));
    }
    line.push_str("(sleep 1000 >/dev/null 2>&1 &); nohup sleep 1000 >/dev/null 2>&1 & ");
    line.push_str("(trap '' TERM HUP INT; sleep 1000 >/dev/null 2>&1 &); echo tried");
    line
}

/// Adds an attempt that prints the word when it succeeds.
fn tries(line: &mut String, what: &str, word: &str) {
    line.push_str(&format!("{what} >/dev/null 2>&1 && echo {word}; "));
}

/// The directory of a project of a test's server.
pub fn project_of(server: &Server, name: &str) -> PathBuf {
    if name == PROJECT { server.project_dir() } else { server.files().join(name) }
}
