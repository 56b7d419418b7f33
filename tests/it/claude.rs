//! The real Claude Code program in front of a stand-in for its model.

use std::path::PathBuf;

use cicerone::agent::{
    AgentSession,
    event::{AgentEnd, AgentEvent},
};
use uuid::Uuid;

use crate::{
    agent_probe::{Bench, Turn, wait_until},
    fake_api::FakeApi,
    peers,
    server::is_alive,
};

/// A version of the program that is in use; `.ci/setup` reads it from here.
const VERSION: &str = "2.1.197";

/// The newest version that these tests were run with; `.ci/setup` reads it from here.
const NEWEST: &str = "2.1.332";

/// The versions of the program that these tests are run with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    InUse,
    Newest,
}

/// Makes two tests of each function: one a version of the program.
macro_rules! with_both_versions {
    [$($(#[$attribute:meta])* $test:ident),* $(,)?] => {
        mod in_use {
            $(
                $(#[$attribute])*
                #[actix_web::test]
                async fn $test() {
                    super::$test($crate::claude::Version::InUse).await;
                }
            )*
        }
        mod newest {
            $(
                $(#[$attribute])*
                #[actix_web::test]
                async fn $test() {
                    super::$test($crate::claude::Version::Newest).await;
                }
            )*
        }
    };
}
pub(crate) use with_both_versions;

/// The program, or a word on how to get it.
pub fn program(version: Version) -> PathBuf {
    let (variable, found, number) = match version {
        Version::InUse => ("CICERONE_TEST_CLAUDE", peers::find("claude"), VERSION),
        Version::Newest => ("CICERONE_TEST_CLAUDE_NEWEST", peers::find_newest("claude"), NEWEST),
    };
    let named = std::env::var_os(variable).map(PathBuf::from);
    named.or(found).unwrap_or_else(|| {
        panic!(
            "@anthropic-ai/claude-code@{number} is missing: run `.ci/setup`, or name the program \
             in {variable}"
        )
    })
}

/// A bench whose agent is the real program and asks `api`.
pub fn bench(api: &FakeApi, version: Version) -> Bench {
    let mut bench = Bench::new(&program(version));
    let url = api.url();
    for (name, value) in [("ANTHROPIC_BASE_URL", url.as_str()), ("ANTHROPIC_API_KEY", "dummy")] {
        bench.environment.push((name.into(), value.into()));
    }
    bench
}

with_both_versions![
    an_answer_streams_word_by_word,
    the_model_is_told_its_role_and_the_specification,
    p2_an_agent_that_is_kept_off_the_web_comes_without_a_tool_for_it,
    p2_a_program_that_has_a_tighter_lock_of_its_own_is_started_with_it,
    thinking_comes_before_the_answer,
    an_interrupt_ends_the_turn_and_leaves_the_agent_usable,
    a_killed_agent_resumes_with_its_history,
    an_unknown_session_is_told_as_lost,
    a_failing_api_is_tried_again_and_then_told_in_words,
    an_api_that_cannot_be_reached_is_told_in_words,
    an_agent_without_an_account_says_how_to_log_in,
    a_stream_that_is_cut_is_replaced_by_what_comes_instead,
    a_stopped_agent_leaves_nothing_behind,
    the_feature_tools_answer_and_questions_are_passed_on,
];

fn n_deltas(turn: &Turn) -> usize {
    turn.events.iter().filter(|event| matches!(event, AgentEvent::TextDelta(_))).count()
}

async fn an_answer_streams_word_by_word(version: Version) {
    let api = FakeApi::start();
    let bench = bench(&api, version);
    let mut agent = bench.start();
    agent.ready().await;
    // A program that gets little of the machine joins words that come in quick succession.
    let mut turn = agent.ask("WORDS 5 30").await;
    for pause in [300, 1000] {
        if n_deltas(&turn) == 1 {
            turn = agent.ask(&format!("WORDS 5 {pause}")).await;
        }
    }
    assert_eq!(turn.text, "w0 w1 w2 w3 w4 ");
    assert!(n_deltas(&turn) > 1, "the answer came in one piece");

    let result = turn.result();
    assert_eq!(result.end, AgentEnd::Completed);
    assert_eq!(result.usage.input_tokens, 100);
    assert_eq!(result.usage.output_tokens, 5);
    assert_eq!(result.usage.cache_read_tokens, 50);
    let first_cost = result.cost_usd.unwrap();
    let second_cost = agent.ask("WORDS 5 0").await.result().cost_usd.unwrap();
    assert!((first_cost - second_cost).abs() < first_cost / 2.0, "{first_cost} then {second_cost}");
}

async fn the_model_is_told_its_role_and_the_specification(version: Version) {
    let api = FakeApi::start();
    let mut bench = bench(&api, version);
    bench.settings.model = Some("claude-haiku-4-5".to_owned());
    std::fs::create_dir(bench.project().join("prompts")).unwrap();
    std::fs::write(bench.project().join("prompts/app_spec.txt"), "A shop for tea.").unwrap();
    let mut agent = bench.start();
    agent.ask("SAY hi").await;
    let requests = api.requests();
    let system = requests[0]["system"].to_string();
    assert!(system.contains("You are Cicerone") && system.contains("A shop for tea."), "{system}");
    assert_eq!(requests[0]["model"], "claude-haiku-4-5");

    let prompts = bench.data_dir().join("agents/prompts");
    assert_eq!(std::fs::read_dir(&prompts).unwrap().count(), 1);
    agent.stop().await;
    assert_eq!(std::fs::read_dir(&prompts).unwrap().count(), 0, "the prompt was left behind");
}

async fn p2_an_agent_that_is_kept_off_the_web_comes_without_a_tool_for_it(version: Version) {
    let api = FakeApi::start();
    let mut bench = bench(&api, version);
    bench.live.agents.offline = vec!["*".to_owned()];
    let mut agent = bench.start();
    let turn = agent.ask("SAY hi").await;
    let tools = turn.events.iter().find_map(|event| match event {
        AgentEvent::Initialized(init) => Some(init.tools.clone()),
        _ => None,
    });
    let tools = tools.unwrap();
    assert!(tools.iter().any(|tool| tool == "Read"), "{tools:?}");
    assert!(tools.iter().all(|tool| !tool.starts_with("Web")), "{tools:?}");
    assert!(!api.requests()[0]["system"].to_string().contains("WebFetch"));
    agent.stop().await;
}

async fn p2_a_program_that_has_a_tighter_lock_of_its_own_is_started_with_it(version: Version) {
    let api = FakeApi::start();
    let bench = bench(&api, version);
    let mut agent = bench.start();
    agent.ready().await;
    let pid = agent.handle.pid().unwrap();
    let arguments = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap();
    let is_restricted = arguments.split('\0').any(|argument| argument == "--restricted");
    assert_eq!(is_restricted, version == Version::Newest, "{arguments:?}");
    agent.stop().await;
}

async fn thinking_comes_before_the_answer(version: Version) {
    let api = FakeApi::start();
    let bench = bench(&api, version);
    let mut agent = bench.start();
    let turn = agent.ask("THINK let me see\nSAY green").await;
    let thinking = turn
        .events
        .iter()
        .position(|event| matches!(event, AgentEvent::ThinkingDelta(text) if text == "let me see"));
    let text = turn.events.iter().position(|event| matches!(event, AgentEvent::TextDelta(_)));
    assert!(thinking.unwrap() < text.unwrap(), "{:?}", turn.events);
}

async fn an_interrupt_ends_the_turn_and_leaves_the_agent_usable(version: Version) {
    let api = FakeApi::start();
    let bench = bench(&api, version);
    let mut agent = bench.start();
    agent.say("WORDS 1000 20");
    while !matches!(agent.next_event().await, AgentEvent::TextDelta(_)) {}
    agent.handle.interrupt().unwrap();
    let turn = agent.finish().await;
    assert_eq!(turn.result().end, AgentEnd::Interrupted);
    assert!(!turn.text.contains("interrupted by user"), "{}", turn.text);
    let turn = agent.ask("HISTORY").await;
    assert_eq!(turn.result().end, AgentEnd::Completed);
    assert!(turn.text.contains("WORDS 1000 20") && turn.text.contains("w0 "), "{}", turn.text);
}

async fn a_killed_agent_resumes_with_its_history(version: Version) {
    let api = FakeApi::start();
    let bench = bench(&api, version);
    let agents = bench.agents();
    let mut agent = bench.start_session(&agents, AgentSession::New(Uuid::new_v4()));
    let session = agent.session;
    agent.ask("SAY the first answer").await;
    let stored = || {
        let projects = bench.state_dir().join("projects");
        let dirs = std::fs::read_dir(projects).into_iter().flatten();
        let mut files = dirs.map(|dir| dir.unwrap().path().join(format!("{session}.jsonl")));
        let stored = files.find_map(|file| std::fs::read_to_string(file).ok());
        stored.is_some_and(|text| text.contains("\"the first answer\""))
    };
    wait_until("the program has stored the answer", stored).await;
    drop(agent);

    let mut agent = bench.start_session(&agents, AgentSession::Resume(session));
    let turn = agent.ask("HISTORY").await;
    let answers = turn.text.matches("the first answer").count();
    assert_eq!(answers, 2, "{}", turn.text);
    let resumed = turn.events.iter().any(|event| {
        matches!(event, AgentEvent::Initialized(init) if init.session_id == session.to_string())
    });
    assert!(resumed, "{:?}", turn.events);
}

async fn an_unknown_session_is_told_as_lost(version: Version) {
    let api = FakeApi::start();
    let bench = bench(&api, version);
    let mut agent = bench.start_session(&bench.agents(), AgentSession::Resume(Uuid::new_v4()));
    agent.say("SAY hi");
    let (events, exit) = agent.exit().await;
    assert!(exit.session_lost, "{exit:?}");
    assert!(!events.iter().any(|event| matches!(event, AgentEvent::Finished(_))), "{events:?}");
    agent.silence().await;
}

async fn a_failing_api_is_tried_again_and_then_told_in_words(version: Version) {
    let api = FakeApi::start();
    let mut bench = bench(&api, version);
    bench.settings.api_retries = 1;
    let mut agent = bench.start();
    let turn = agent.ask("STATUS 529 1\nSAY recovered").await;
    assert_eq!(turn.text, "recovered");
    let retry = turn.events.iter().any(|event| {
        matches!(event, AgentEvent::Retrying { reason, .. } if reason.contains("overloaded"))
    });
    assert!(retry, "{:?}", turn.events);

    for (status, words) in [
        (529, "overloaded (529)"),
        (429, "rate limit"),
        (401, "ANTHROPIC_API_KEY"),
        (404, "does not know the model"),
        (500, "(500)"),
    ] {
        let turn = agent.ask(&format!("STATUS {status} 99\nSAY never")).await;
        assert!(turn.failure().contains(words), "{status}: {}", turn.failure());
        assert_eq!(turn.text, "", "an error was shown as an answer");
    }
    assert_eq!(agent.ask("SAY still here").await.text, "still here");
}

async fn an_api_that_cannot_be_reached_is_told_in_words(version: Version) {
    let api = FakeApi::start();
    let mut bench = bench(&api, version);
    bench.environment.retain(|(name, _)| name != "ANTHROPIC_BASE_URL");
    bench.environment.push(("ANTHROPIC_BASE_URL".into(), "http://127.0.0.1:1".into()));
    let mut agent = bench.start();
    let turn = agent.ask("SAY hi").await;
    assert!(turn.failure().contains("could not reach"), "{}", turn.failure());
}

async fn an_agent_without_an_account_says_how_to_log_in(version: Version) {
    let api = FakeApi::start();
    let mut bench = bench(&api, version);
    bench.environment.retain(|(name, _)| name != "ANTHROPIC_API_KEY");
    let mut agent = bench.start();
    let turn = agent.ask("SAY hi").await;
    assert!(turn.failure().contains("/login"), "{}", turn.failure());
    assert_eq!(turn.text, "");
}

async fn a_stream_that_is_cut_is_replaced_by_what_comes_instead(version: Version) {
    let api = FakeApi::start();
    let bench = bench(&api, version);
    let mut agent = bench.start();
    let turn = agent.ask("CUT 3 20").await;
    assert_eq!(turn.text, "w0 w1 w2 after the cut", "{:?}", turn.events);
    assert_eq!(turn.result().end, AgentEnd::Completed);
    let blocks = turn.events.iter().filter(|event| matches!(event, AgentEvent::TextStarted));
    assert_eq!(blocks.count(), 1, "{:?}", turn.events);
}

async fn a_stopped_agent_leaves_nothing_behind(version: Version) {
    let api = FakeApi::start();
    let bench = bench(&api, version);
    let mut agent = bench.start();
    agent.ask("SAY hi").await;
    let pid = agent.handle.pid().unwrap();
    let exit = agent.stop().await;
    assert_eq!(exit.status.and_then(|status| status.code()), Some(0), "{exit:?}");
    assert!(!is_alive(pid));
}

async fn the_feature_tools_answer_and_questions_are_passed_on(version: Version) {
    let api = FakeApi::start();
    let bench = bench(&api, version);
    let features = rusqlite::Connection::open(bench.project().join("features.db")).unwrap();
    features
        .execute_batch(
            "CREATE TABLE features (id INTEGER PRIMARY KEY, priority INTEGER, category TEXT,
                name TEXT, description TEXT, steps JSON, passes BOOLEAN, in_progress BOOLEAN);
             INSERT INTO features VALUES (1, 1, 'ui', 'Pour', 'Pours tea', '[]', 1, 0),
                (2, 2, 'ui', 'Stir', 'Stirs tea', '[]', 0, 0);",
        )
        .unwrap();
    drop(features);
    let before = bench.project_tree();
    let mut agent = bench.start();

    let turn = agent.ask("TOOL mcp__features__feature_get_stats {}\nSAY ok").await;
    let results = turn.tool_results();
    assert!(
        matches!(results[..], [(true, text)] if text.contains("passing") && text.contains("50")),
        "{:?}",
        turn.events
    );
    let init = turn.events.iter().find_map(|event| match event {
        AgentEvent::Initialized(init) => Some(init),
        _ => None,
    });
    let tools = &init.unwrap().tools;
    let own = tools.iter().filter(|tool| tool.starts_with("mcp__features__"));
    assert!(own.count() >= 4, "{tools:?}");

    let questions = r#"{"questions":[{"question":"Which tea?","header":"Tea","options":[{"label":"Green","description":"g"},{"label":"Black","description":"b"}],"multiSelect":false}]}"#;
    let turn = agent.ask(&format!("TOOL mcp__features__ask_user {questions}\nSAY ok")).await;
    let asked = turn.events.iter().any(|event| {
        matches!(event, AgentEvent::ToolCalled { tool, input, .. }
            if tool == "mcp__features__ask_user" && input.get().contains("Which tea?"))
    });
    assert!(asked, "{:?}", turn.events);
    assert!(matches!(turn.tool_results()[..], [(true, _)]), "{:?}", turn.events);
    let pid = agent.handle.pid().unwrap();
    let server = child_of(pid, "mcp-features");
    agent.stop().await;
    wait_until("the feature server is gone", || !is_alive(server)).await;
    assert_eq!(bench.project_tree(), before, "something was written into the project");
}

/// The process that `parent` started with this argument.
pub fn child_of(parent: u32, argument: &str) -> u32 {
    let processes = std::fs::read_dir("/proc").unwrap();
    let pids = processes.filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    let read = |pid: u32, file: &str| {
        std::fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default()
    };
    let mut children = pids.filter(|pid| {
        let stat = read(*pid, "stat");
        let parent_id = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1));
        parent_id == Some(&parent.to_string()) && read(*pid, "cmdline").contains(argument)
    });
    children.next().expect("there is no such child")
}
