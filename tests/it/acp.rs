//! Agents of the Agent Client Protocol, with the scripted one in the agent's place.

use std::path::PathBuf;

use cicerone::{
    agent::{
        AgentSession,
        event::{AgentEnd, AgentEvent},
    },
    config::settings::{
        AgentChoice,
        agents::{AcpConfig, AgentConfig, AgentName, NamedAgent},
    },
};
use uuid::Uuid;

use crate::{
    agent_probe::{Bench, Running, wait_until},
    server::{is_alive, scripted_agent},
};

/// A bench whose agent is this command.
pub fn bench_of(command: &[String]) -> Bench {
    let mut bench = Bench::scripted();
    let name: AgentName = "other".parse().unwrap();
    let config = AcpConfig { command: command.to_vec(), ..AcpConfig::default() };
    bench.settings.default = AgentChoice::Named(name.clone());
    bench.settings.named.push(NamedAgent { name, config: AgentConfig::Acp(config) });
    bench
}

/// The agent of a session that was begun with this question and is gone on with in a new process.
pub async fn resumed(bench: &Bench, question: &str) -> Running {
    let agents = bench.agents();
    let mut agent = bench.start_session(&agents, AgentSession::New(Uuid::new_v4()));
    let session = agent.session;
    agent.ready().await;
    agent.ask(question).await;
    agent.stop().await;
    let mut agent = bench.start_session(&agents, AgentSession::Resume(session));
    agent.ready().await;
    agent
}

fn agent_program() -> String {
    scripted_agent().to_str().unwrap().to_owned()
}

/// A bench whose agent is unknown.
fn bench() -> Bench {
    bench_of(&[agent_program(), "--acp".to_owned()])
}

/// A bench whose agent is taken for one with a recipe.
fn bench_named(name: &str) -> Bench {
    let mut bench = bench();
    let link: PathBuf = bench.base.path().join(name);
    std::os::unix::fs::symlink(scripted_agent(), &link).unwrap();
    for agent in &mut bench.settings.named {
        if let AgentConfig::Acp(config) = &mut agent.config {
            config.command[0] = link.to_str().unwrap().to_owned();
        }
    }
    bench
}

#[actix_web::test]
async fn a_question_is_answered() {
    let bench = bench();
    let mut agent = bench.start();
    agent.ready().await;
    let turn = agent.ask("think hm\nsay It is green.").await;
    assert_eq!(turn.text, "It is green.");
    let result = turn.result();
    assert_eq!((&result.end, result.usage.input_tokens), (&AgentEnd::Completed, 10));
    let thought =
        turn.events.iter().any(|it| matches!(it, AgentEvent::ThinkingDelta(text) if text == "hm"));
    assert!(thought);
    let model = turn.events.iter().any(
        |it| matches!(it, AgentEvent::Initialized(init) if init.model == "scripted-model" && init.session_id == agent.session.to_string()),
    );
    assert!(model, "{:?}", turn.events);
    let exit = agent.stop().await;
    assert_eq!(exit.status.and_then(|status| status.code()), Some(0), "{exit:?}");
}

#[actix_web::test]
async fn the_first_question_comes_after_the_instructions() {
    let bench = bench();
    std::fs::create_dir(bench.project().join("prompts")).unwrap();
    std::fs::write(bench.project().join("prompts/app_spec.txt"), "A shop for tea.").unwrap();
    let mut agent = bench.start();
    agent.ready().await;
    agent.ask("one").await;
    let told = agent.ask("history").await.text;
    assert_eq!(told.matches("You are Cicerone").count(), 1, "{told}");
    assert!(told.contains("A shop for tea.") && told.contains("one\nhistory"), "{told}");
}

#[actix_web::test]
async fn the_agent_reads_the_project_and_writes_nothing() {
    let bench = bench();
    let before = bench.project_tree();
    let path = |file: &str| bench.project().join(file).to_str().unwrap().to_owned();
    let mut agent = bench.start();
    agent.ready().await;
    let turn = agent.ask(&format!("read {}", path("README.md"))).await;
    assert!(matches!(turn.tool_results()[..], [(true, text)] if text.contains("We sell tea")));
    let input = format!(r#"{{"file_path":{:?}}}"#, path("README.md"));
    let is_card = turn.events.iter().any(
        |it| matches!(it, AgentEvent::ToolCalled { tool, input: it, .. } if tool == "Read" && it.get() == input),
    );
    assert!(is_card, "{:?}", turn.events);

    let outside = bench.base.path().join("outside/secret.txt");
    for command in [
        format!("read {}", path(".env")),
        format!("read {}", outside.display()),
        "read /etc/passwd".to_owned(),
        format!("write {}", path("new.txt")),
    ] {
        let turn = agent.ask(&command).await;
        let results = turn.tool_results();
        assert!(matches!(results[..], [(false, "answered reject_once")]), "{command}: {results:?}");
    }
    let forced = agent.ask(&format!("force {}", path("new.txt"))).await;
    assert_eq!(forced.text, "Err(PermissionDenied)");
    assert_eq!(bench.project_tree(), before);
}

#[actix_web::test]
async fn an_interrupt_ends_the_turn_and_leaves_the_agent_usable() {
    let bench = bench();
    let mut agent = bench.start();
    agent.ready().await;
    agent.say("stream 1000 20");
    while !matches!(agent.next_event().await, AgentEvent::TextDelta(_)) {}
    agent.handle.interrupt().unwrap();
    assert_eq!(agent.finish().await.result().end, AgentEnd::Interrupted);
    assert_eq!(agent.ask("say still here").await.text, "still here");
}

#[actix_web::test]
async fn an_error_is_told_in_words() {
    let bench = bench_named("codex-acp");
    let mut agent = bench.start();
    agent.ready().await;
    let turn = agent.ask("error -32000 Authentication required").await;
    assert!(turn.failure().contains("OPENAI_API_KEY"), "{}", turn.failure());
    assert_eq!(agent.ask("say still here").await.text, "still here");
}

#[actix_web::test]
async fn an_agent_of_another_version_is_ended() {
    let mut bench = bench();
    bench.settings.env.push("SCRIPTED_ACP_VERSION".to_owned());
    bench.environment.push(("SCRIPTED_ACP_VERSION".into(), "2".into()));
    let mut agent = bench.start();
    let (_, exit) = agent.exit().await;
    assert!(exit.words().contains("version 1"), "{}", exit.words());
}

#[actix_web::test]
async fn a_program_that_is_missing_is_told() {
    let bench = bench_of(&["no-such-agent".to_owned()]);
    let (_, exit) = bench.start().exit().await;
    assert!(exit.words().contains("no-such-agent"), "{}", exit.words());
}

#[actix_web::test]
async fn a_session_is_resumed_by_an_agent_whose_recipe_keeps_it() {
    let bench = bench_named("claude-agent-acp");
    let agents = bench.agents();
    let mut agent = bench.start_session(&agents, AgentSession::New(Uuid::new_v4()));
    let session = agent.session;
    agent.ready().await;
    agent.ask("say the first answer").await;
    agent.stop().await;
    assert!(bench.homes().is_empty(), "the home was left behind");

    for _ in 0..2 {
        let mut agent = bench.start_session(&agents, AgentSession::Resume(session));
        agent.ready().await;
        let told = agent.ask("history").await.text;
        assert_eq!(told.matches("say the first answer").count(), 1, "{told}");
        agent.stop().await;
    }
}

#[actix_web::test]
async fn a_session_that_is_gone_is_told_as_lost() {
    for bench in [bench(), bench_named("claude-agent-acp")] {
        let session = AgentSession::Resume(Uuid::new_v4());
        let mut agent = bench.start_session(&bench.agents(), session);
        let (events, exit) = agent.exit().await;
        assert!(exit.session_lost && events.is_empty(), "{exit:?} {events:?}");
    }
}

#[actix_web::test]
async fn a_stopped_agent_leaves_no_process_behind() {
    let bench = bench();
    let mut agent = bench.start();
    agent.ready().await;
    let child: u32 = agent.ask("child").await.text.parse().unwrap();
    assert!(is_alive(child));
    agent.stop().await;
    wait_until("the agent's child is gone", || !is_alive(child)).await;
}

#[actix_web::test]
async fn an_agent_gets_the_variables_that_its_recipe_or_the_operator_names() {
    let mut bench = bench_named("codex-acp");
    for name in ["OPENAI_API_KEY", "GEMINI_API_KEY", "MINE", "SECRET"] {
        bench.environment.push((name.into(), "x".into()));
    }
    bench.settings.env.push("MINE".to_owned());
    let mut agent = bench.start();
    agent.ready().await;
    let names = agent.ask("env").await.text;
    let names: Vec<&str> = names.split(' ').collect();
    for name in ["PATH", "HOME", "TMPDIR", "OPENAI_API_KEY", "CODEX_HOME", "MINE"] {
        assert!(names.contains(&name), "{name} is missing of {names:?}");
    }
    assert!(!names.contains(&"GEMINI_API_KEY") && !names.contains(&"SECRET"), "{names:?}");
}

#[actix_web::test]
async fn a_command_that_opens_a_lock_starts_no_agent() {
    let bench = bench_named("gemini");
    let mut bench = bench;
    for agent in &mut bench.settings.named {
        if let AgentConfig::Acp(config) = &mut agent.config {
            config.command.push("--yolo".to_owned());
        }
    }
    let (_, exit) = bench.start().exit().await;
    assert!(exit.words().contains("Remove it from `command`"), "{}", exit.words());
}
