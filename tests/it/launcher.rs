//! The launcher and the guard: what becomes of agents when the server is gone.

use std::{
    io::{BufRead, BufReader, Write},
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
};

use crate::{
    agent_probe::wait_until,
    client::text_of,
    processes::below,
    server::{Server, is_alive},
};

const CICERONE: &str = env!("CARGO_BIN_EXE_cicerone");

/// Starts a shell script in a group of its own and gives it with the number that it prints.
fn shell(script: &str) -> (Child, u32) {
    let mut shell = Command::new("sh")
        .args(["-c", script])
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(shell.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (shell, line.trim().parse().unwrap())
}

fn kill(child: &mut Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

#[actix_web::test]
async fn an_agent_dies_with_a_server_that_is_killed() {
    let script = format!("{CICERONE} sandbox-exec --parent $$ -- sleep 1000 & echo $!; wait");
    let (mut server, supervisor) = shell(&script);
    let is_agent = |pid: &u32| {
        std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm == "sleep\n")
    };
    let agents = || below(supervisor).into_iter().filter(is_agent).collect::<Vec<_>>();
    wait_until("the launcher has become the agent", || !agents().is_empty()).await;
    let agent = agents()[0];
    kill(&mut server);
    wait_until("the agent is gone", || !is_alive(agent) && !is_alive(supervisor)).await;
}

#[test]
fn an_agent_whose_server_is_gone_already_is_not_started() {
    let output = Command::new(CICERONE)
        .args(["sandbox-exec", "--parent", "4194303", "--", "echo", "started"])
        .output()
        .unwrap();
    assert!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(words.contains("server that asked for the agent is gone"), "{words}");
}

#[test]
fn a_program_that_cannot_be_run_is_named() {
    let parent = std::process::id().to_string();
    let output = Command::new(CICERONE)
        .args(["sandbox-exec", "--parent", &parent, "--", "/nonexistent/agent"])
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && words.contains("/nonexistent/agent"), "{words}");
}

#[actix_web::test]
async fn the_guard_kills_what_it_was_told_of_and_nothing_else() {
    let mut guard = Command::new(CICERONE)
        .args(["sandbox-exec", "--guard"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut kept, kept_child) = shell("sleep 1000 & echo $!; wait");
    let (mut ended, ended_child) = shell("sleep 1000 & echo $!; wait");
    let mut pipe = guard.stdin.take().unwrap();
    write!(pipe, "+{}\n+{}\nnonsense\n+0\n+1\n-{}\n", kept.id(), ended.id(), kept.id()).unwrap();
    drop(pipe);

    assert!(guard.wait().unwrap().success());
    wait_until("the group is gone", || !is_alive(ended_child)).await;
    ended.wait().unwrap();
    assert!(is_alive(kept_child), "a group that was forgotten was killed");
    let group = format!("-{}", kept.id());
    assert!(Command::new("kill").args(["-9", "--", &group]).status().unwrap().success());
    kill(&mut kept);
}

#[actix_web::test]
async fn no_child_of_an_agent_outlives_a_server_that_is_killed() {
    let mut server = Server::start();
    let mut client = server.connect().await;
    client.start().await;
    client.ask("child").await;
    let child: u32 = text_of(&client.turn().await).parse().unwrap();
    assert!(is_alive(child));
    server.crash();
    wait_until("the agent's child is gone", || !is_alive(child)).await;
}
