//! The real `claude-agent-acp` in front of a stand-in for its model. It is large and needs Node 22, so that
//! it is not among what `.ci/setup` fetches: `npm install @agentclientprotocol/claude-agent-acp@0.101.0`.

use cicerone::agent::event::AgentEnd;

use crate::{
    acp::{bench_of, resumed},
    agent_probe::Bench,
    fake_api::FakeApi,
};

/// A bench whose agent is the program that `CICERONE_TEST_CLAUDE_ACP` names, run by the `node` that
/// `CICERONE_TEST_NODE` names.
fn bench(api: &FakeApi) -> Bench {
    let variable = |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"));
    let command = ["CICERONE_TEST_NODE", "CICERONE_TEST_CLAUDE_ACP"].map(variable);
    let mut bench = bench_of(&command);
    let url = api.url();
    for (name, value) in [("ANTHROPIC_BASE_URL", url.as_str()), ("ANTHROPIC_API_KEY", "dummy")] {
        bench.environment.push((name.into(), value.into()));
    }
    bench
}

#[actix_web::test]
#[ignore = "needs a program of 400 MB"]
async fn the_program_reads_the_project_and_writes_nothing() {
    let api = FakeApi::start();
    let bench = bench(&api);
    let before = bench.project_tree();
    let path = |file: &str| bench.project().join(file).to_str().unwrap().to_owned();
    let mut agent = bench.start();
    agent.ready().await;
    let turn = agent.ask("WORDS 5 10").await;
    assert_eq!((turn.text.trim(), &turn.result().end), ("w0 w1 w2 w3 w4", &AgentEnd::Completed));
    // Others are for a title.
    let systems = api.requests().into_iter().map(|request| request["system"].to_string());
    assert!(systems.into_iter().any(|system| system.contains("You are Cicerone")));

    let turn =
        agent.ask(&format!("TOOL Read {{\"file_path\":{:?}}}\nRESULTS", path("README.md"))).await;
    let results = turn.tool_results();
    assert!(
        matches!(results[..], [(true, text)] if text.contains("We sell tea")),
        "{:?}",
        turn.events
    );
    let outside = bench.base.path().join("outside/secret.txt");
    for command in [
        format!("TOOL Read {{\"file_path\":{outside:?}}}"),
        format!("TOOL Write {{\"file_path\":{:?},\"content\":\"x\"}}", path("new.txt")),
        format!("TOOL Bash {{\"command\":\"touch {}\"}}", path("new.txt")),
    ] {
        let turn = agent.ask(&format!("{command}\nRESULTS")).await;
        assert!(turn.tool_results().iter().all(|(ok, _)| !ok), "{command}: {:?}", turn.events);
        assert!(!turn.text.contains("hidden-needle"), "{command}");
    }
    assert_eq!(bench.project_tree(), before);
}

#[actix_web::test]
#[ignore = "needs a program of 400 MB"]
async fn a_session_is_resumed() {
    let api = FakeApi::start();
    let bench = bench(&api);
    let mut agent = resumed(&bench, "SAY the first answer").await;
    let turn = agent.ask("HISTORY").await;
    assert!(turn.text.contains("the first answer"), "{}", turn.text);
}
