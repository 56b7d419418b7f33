//! An agent that plays a script, for the tests. It speaks the line protocol of the real one and
//! does what the message tells it to, one command a line (see [`script`]); any other message is
//! given back as the answer, in three deltas.
//!
//! `SCRIPTED_AGENT_START` lets its start go wrong: `slow` answers the handshake after a second,
//! `hang` never does, `fail` ends with exit code 3 and a word on stderr, `silent` ends with 0 and
//! none, `stubborn` ignores SIGTERM and the end of its stdin, `armed` comes with a tool that writes.

#![allow(unreachable_pub)] // A program has no interface to keep small.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a script that cannot be played should end loudly"
)]

mod acp;
mod protocol;
mod script;

use std::{
    env,
    io::BufRead,
    os::unix::process::CommandExt,
    process::{Command, exit},
    sync::mpsc,
    thread,
    time::Duration,
};

use protocol::{Input, Protocol, Session};

fn main() {
    if env::args().any(|argument| argument == "--help") {
        // It has no options to tell of.
        exit(0);
    }
    if env::args().any(|argument| argument == "--acp") {
        return acp::run();
    }
    let start = env::var("SCRIPTED_AGENT_START").unwrap_or_default();
    match start.as_str() {
        "fail" => {
            eprintln!("the scripted agent was told to fail");
            exit(3);
        }
        "silent" => exit(0),
        "stubborn" if env::var_os("SCRIPTED_AGENT_DEAF").is_none() => become_deaf(),
        "slow" => thread::sleep(Duration::from_secs(1)),
        _ => (),
    }
    let session = Session::open();
    let (sender, lines) = mpsc::channel();
    let answers = start != "hang";
    let is_stubborn = start == "stubborn";
    thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            match Input::parse(&line) {
                Some(Input::Handshake(_)) if !answers => (),
                Some(input) => drop(sender.send(input)),
                None => (),
            }
        }
        if is_stubborn {
            sleep_for_ever();
        }
    });
    let mut protocol = Protocol::new(session, lines, start == "armed");
    while let Some(message) = protocol.next_message() {
        script::play(&mut protocol, &message);
    }
}

/// Waits for what never comes.
fn sleep_for_ever() -> ! {
    loop {
        thread::park();
    }
}

/// Starts itself anew with SIGTERM ignored, which a program keeps across an exec.
fn become_deaf() {
    let error = Command::new("sh")
        .args(["-c", r#"trap "" TERM; exec "$0" "$@""#])
        .arg(env::current_exe().unwrap())
        .args(env::args_os().skip(1))
        .env("SCRIPTED_AGENT_DEAF", "1")
        .exec();
    panic!("{error}");
}
