//! The real Claude Code program in front of a stand-in for its model.

use std::path::{Path, PathBuf};

use crate::{
    agent_probe::{Bench, Running},
    fake_api::FakeApi,
};
use cicerone::agent::event::{AgentEnd, AgentEvent};

/// The program's version that these tests were written for.
const VERSION: &str = "2.1.197";

/// The program, or a word on how to get it.
fn program() -> PathBuf {
    let named = std::env::var_os("CICERONE_TEST_CLAUDE").map(PathBuf::from);
    let peers = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers");
    let program = named.unwrap_or_else(|| peers.join("node_modules/.bin/claude"));
    assert!(
        program.exists(),
        "{program:?} is missing: run `npm install --prefix target/peers \
         @anthropic-ai/claude-code@{VERSION}`, or name the program in CICERONE_TEST_CLAUDE"
    );
    program
}

/// A bench whose agent is the real program and asks `api`.
fn bench(api: &FakeApi) -> Bench {
    let mut bench = Bench::new(&program());
    let url = api.url();
    for (name, value) in [("ANTHROPIC_BASE_URL", url.as_str()), ("ANTHROPIC_API_KEY", "dummy")] {
        bench.environment.push((name.into(), value.into()));
    }
    bench
}

#[actix_web::test]
async fn an_answer_streams_word_by_word() {
    let api = FakeApi::start();
    let bench = bench(&api);
    let mut agent = bench.start();
    agent.ready().await;
    let turn = agent.ask("WORDS 5 30").await;
    assert_eq!(turn.text, "w0 w1 w2 w3 w4 ");
    let deltas = turn.events.iter().filter(|event| matches!(event, AgentEvent::TextDelta(_)));
    assert!(deltas.count() > 1, "the answer came in one piece");

    let result = turn.result();
    assert_eq!(result.end, AgentEnd::Completed);
    assert_eq!(result.usage.input_tokens, 100);
    assert_eq!(result.usage.output_tokens, 5);
    assert_eq!(result.usage.cache_read_tokens, 50);
    let first_cost = result.cost_usd.unwrap();
    let second_cost = agent.ask("WORDS 5 0").await.result().cost_usd.unwrap();
    assert!((first_cost - second_cost).abs() < first_cost / 2.0, "{first_cost} then {second_cost}");
}
