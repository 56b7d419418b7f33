//! An agent's process from its start to its end, with the scripted agent in the agent's place.

use std::time::Duration;

use cicerone::agent::{
    AgentError,
    event::{AgentEnd, AgentEvent},
};
use uuid::Uuid;

use crate::{
    agent_probe::{Bench, Heard, wait_until},
    server::is_alive,
};

#[actix_web::test]
async fn everything_said_before_a_crash_is_delivered_before_the_exit() {
    let bench = Bench::scripted();
    let mut agent = bench.start();
    agent.say("stream 5000 0\nstderr 20\ncrash");
    let (events, exit) = agent.exit().await;
    let mut text = String::new();
    for event in &events {
        if let AgentEvent::TextDelta(delta) = event {
            text.push_str(delta);
        }
    }
    assert!(text.ends_with("w4999 "), "{} events", events.len());
    assert!(exit.words().contains("killed"), "{}", exit.words());
    assert_eq!(exit.stderr_tail.trim(), "e".repeat(20));
    assert!(agent.handle.pid().is_none());
    assert!(matches!(agent.handle.send_message("x", Uuid::new_v4()), Err(AgentError::Gone)));
    agent.silence().await;
}

#[actix_web::test]
async fn an_exit_code_and_the_end_of_stderr_are_told() {
    let bench = Bench::scripted();
    let mut agent = bench.start();
    agent.say("stderr 100000\nexit 7");
    let (_, exit) = agent.exit().await;
    assert!(exit.words().contains("exit code 7"), "{}", exit.words());
    assert_eq!(exit.stderr_tail.len(), 8 << 10);
}

#[actix_web::test]
async fn an_agent_that_fails_to_start_says_why() {
    let bench = Bench::that_starts("fail");
    let (events, exit) = bench.start().exit().await;
    assert!(events.is_empty());
    assert!(exit.words().contains("code 3") && exit.words().contains("told to fail"), "{exit:?}");

    let bench = Bench::that_starts("silent");
    let (_, exit) = bench.start().exit().await;
    assert!(exit.words().contains("ended by itself"), "{}", exit.words());
}

#[actix_web::test]
async fn a_project_that_is_gone_is_told_in_words() {
    let bench = Bench::scripted();
    std::fs::remove_dir_all(bench.project()).unwrap();
    let (_, exit) = bench.start().exit().await;
    assert!(exit.status.is_none());
    assert!(exit.words().contains("project's directory"), "{}", exit.words());
}

#[actix_web::test]
async fn an_agent_with_a_tool_that_writes_is_ended() {
    let bench = Bench::that_starts("armed");
    let mut agent = bench.start();
    agent.say("hang");
    let (_, exit) = agent.exit().await;
    assert!(exit.words().contains("must not have: Write"), "{}", exit.words());
}

#[actix_web::test]
async fn an_idle_agent_ends_when_its_stdin_is_closed() {
    let bench = Bench::scripted();
    let mut agent = bench.start();
    agent.ready().await;
    let pid = agent.handle.pid().unwrap();
    let exit = agent.stop().await;
    assert_eq!(exit.status.and_then(|status| status.code()), Some(0), "{exit:?}");
    assert!(!is_alive(pid));
}

#[actix_web::test]
async fn a_busy_agent_is_interrupted_first() {
    let bench = Bench::scripted();
    let mut agent = bench.start();
    agent.say("stream 100000 10");
    while !matches!(agent.next_event().await, AgentEvent::TextDelta(_)) {}
    agent.handle.stop();
    let (events, exit) = agent.exit().await;
    assert_eq!(exit.status.and_then(|status| status.code()), Some(0), "{exit:?}");
    let interrupted = events.iter().any(|event| {
        matches!(event, AgentEvent::Finished(result) if result.end == AgentEnd::Interrupted)
    });
    assert!(interrupted, "{events:?}");
}

#[actix_web::test]
async fn an_agent_that_hears_nothing_is_terminated_and_one_that_ignores_that_is_killed() {
    let mut bench = Bench::scripted();
    bench.settings.stop_timeout = Duration::from_millis(200);
    let mut agent = bench.start();
    agent.ready().await;
    agent.say("hang");
    agent.handle.stop();
    let (_, exit) = agent.exit().await;
    assert!(exit.words().contains("signal 15"), "{}", exit.words());

    let mut bench = Bench::that_starts("stubborn");
    bench.settings.stop_timeout = Duration::from_millis(200);
    let mut agent = bench.start();
    agent.ready().await;
    let exit = agent.stop().await;
    assert!(exit.words().contains("killed"), "{}", exit.words());
}

#[actix_web::test]
async fn no_child_of_an_agent_outlives_it() {
    let bench = Bench::scripted();
    let mut agent = bench.start();
    let child: u32 = agent.ask("child").await.text.parse().unwrap();
    assert!(is_alive(child));
    agent.stop().await;
    wait_until("the agent's child is gone", || !is_alive(child)).await;
}

#[actix_web::test]
async fn dropping_the_handle_kills_the_agent_with_its_children() {
    let bench = Bench::scripted();
    let mut agent = bench.start();
    let child: u32 = agent.ask("child").await.text.parse().unwrap();
    let pid = agent.handle.pid().unwrap();
    drop(agent);
    wait_until("both are gone", || !is_alive(pid) && !is_alive(child)).await;
}

#[actix_web::test]
async fn an_agent_that_is_dropped_before_it_runs_never_runs() {
    let bench = Bench::scripted();
    let agent = bench.start();
    let (mut heard, handle) = agent.into_parts();
    drop(handle);
    let heard = heard.recv().await.unwrap();
    assert!(matches!(heard, Heard::Exited(_)), "it spoke: {heard:?}");
}

#[actix_web::test]
async fn an_agent_gets_the_listed_variables_and_no_others() {
    let mut bench = Bench::scripted();
    bench.settings.env.push("EXTRA".to_owned());
    for name in ["EXTRA", "CICERONE_TOKEN", "SSH_AUTH_SOCK", "LC_ALL", "HTTPS_PROXY", "LD_PRELOAD"]
    {
        bench.environment.push((name.into(), "".into()));
    }
    let mut agent = bench.start();
    let names = agent.ask("env").await.text;
    let names: Vec<&str> = names.lines().collect();
    for expected in ["PATH", "HOME", "EXTRA", "LC_ALL", "HTTPS_PROXY", "CLAUDE_CODE_MAX_RETRIES"] {
        assert!(names.contains(&expected), "{expected} is missing in {names:?}");
    }
    for unwanted in ["CICERONE_TOKEN", "SSH_AUTH_SOCK", "LD_PRELOAD"] {
        assert!(!names.contains(&unwanted), "{unwanted} was passed");
    }
}

#[actix_web::test]
async fn every_agent_has_a_state_directory_of_its_own() {
    let mut bench = Bench::scripted();
    bench.environment.push(("ANTHROPIC_API_KEY".into(), "dummy".into()));
    let mut agent = bench.start();
    agent.ask("say hi").await;
    let state = bench.state_dir().join("projects");
    assert_eq!(std::fs::read_dir(state).unwrap().count(), 1);
    let home = bench.base.path().join("home");
    assert_eq!(std::fs::read_dir(home).unwrap().count(), 0, "the user's home was written to");
}

#[actix_web::test]
async fn the_agent_runs_in_the_project() {
    let bench = Bench::scripted();
    let mut agent = bench.start();
    let project = bench.project().canonicalize().unwrap();
    assert_eq!(agent.ask("cwd").await.text, project.to_string_lossy());
}
