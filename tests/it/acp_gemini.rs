//! The real Gemini CLI in front of a stand-in for its model, which does what the newest question says, one
//! command a line: `SAY text` answers; `TOOL name {json}` calls a tool, and its result is the answer.

use std::path::PathBuf;

use cicerone::agent::event::{AgentEnd, AgentEvent};
use serde_json::{Value, json};

use crate::{acp::bench_of, agent_probe::Bench, fake_model::FakeModel, peers};

/// The version that these tests were written for; `.ci/setup` reads it from here.
const GEMINI: &str = "0.61.0";

/// The program, or a word on how to get it.
fn program() -> PathBuf {
    let named = std::env::var_os("CICERONE_TEST_GEMINI").map(PathBuf::from);
    named.or_else(|| peers::find("gemini")).unwrap_or_else(|| {
        panic!(
            "@google/gemini-cli@{GEMINI} is missing: run `.ci/setup`, or name the program in \
             CICERONE_TEST_GEMINI"
        )
    })
}

/// A bench whose agent asks this.
fn bench(api: &FakeModel) -> Bench {
    let mut bench = bench_of(&[program().to_str().unwrap().to_owned()]);
    let url = format!("http://127.0.0.1:{}", api.port);
    for (name, value) in [("GOOGLE_GEMINI_BASE_URL", url.as_str()), ("GEMINI_API_KEY", "dummy")] {
        bench.environment.push((name.into(), value.into()));
    }
    bench
}

fn respond(request: &Value) -> String {
    let part = answer(request);
    let chunk = json!({
        "candidates": [{"index": 0, "finishReason": "STOP", "content": {"role": "model", "parts": [part]}}],
        "usageMetadata": {"promptTokenCount": 100, "candidatesTokenCount": 10, "totalTokenCount": 110},
    });
    format!("data: {chunk}\n\n")
}

/// What the newest message of the person, or the result of its tool, is answered with.
fn answer(request: &Value) -> Value {
    let parts =
        request["contents"].as_array().and_then(|all| all.last()).map(|last| &last["parts"]);
    let parts: Vec<Value> = parts.and_then(Value::as_array).cloned().unwrap_or_default();
    if let Some(result) = parts.iter().find_map(|part| part.get("functionResponse")) {
        return json!({"text": result["response"].to_string()});
    }
    let texts = parts.iter().filter_map(|part| part["text"].as_str());
    let lines: Vec<&str> = texts.flat_map(str::lines).collect();
    let command =
        lines.iter().rev().find(|line| line.starts_with("SAY ") || line.starts_with("TOOL "));
    match command.and_then(|line| line.split_once(' ')) {
        Some(("TOOL", call)) => {
            let (name, arguments) = call.split_once(' ').unwrap();
            let arguments: Value = serde_json::from_str(arguments).unwrap();
            json!({"functionCall": {"name": name, "args": arguments}})
        }
        Some((_, text)) => json!({"text": text}),
        None => json!({"text": "nothing was asked"}),
    }
}

#[actix_web::test]
async fn the_program_answers_reads_and_writes_nothing() {
    let api = FakeModel::start(respond);
    let bench = bench(&api);
    let before = bench.project_tree();
    let mut agent = bench.start();
    agent.ready().await;
    let turn = agent.ask("SAY It is green.").await;
    assert_eq!((turn.text.as_str(), &turn.result().end), ("It is green.", &AgentEnd::Completed));
    assert_eq!((turn.result().usage.input_tokens, turn.result().usage.output_tokens), (100, 10));
    let told = api.requests()[0].to_string();
    assert!(told.contains("You are Cicerone"), "{told}");

    let path = |file: &str| bench.project().join(file).to_str().unwrap().to_owned();
    let turn =
        agent.ask(&format!(r#"TOOL read_file {{"file_path":{:?}}}"#, path("README.md"))).await;
    assert!(turn.text.contains("We sell tea"), "{:?}", turn.events);
    let is_read = turn.events.iter().any(|event| {
        matches!(event, AgentEvent::ToolCalled { tool, input, .. }
            if tool == "Read" && input.get().contains("README.md"))
    });
    assert!(is_read, "{:?}", turn.events);

    let outside = bench.base.path().join("outside/secret.txt");
    for command in [
        format!(r#"TOOL read_file {{"file_path":{outside:?}}}"#),
        r#"TOOL read_file {"file_path":"/etc/passwd"}"#.to_owned(),
        format!(r#"TOOL write_file {{"file_path":{:?},"content":"x"}}"#, path("new.txt")),
        r#"TOOL run_shell_command {"command":"touch new.txt"}"#.to_owned(),
    ] {
        let turn = agent.ask(&command).await;
        let is_denied = !turn.text.contains("hidden-needle") && !turn.text.contains("root:");
        assert!(is_denied && turn.text.contains("error"), "{command}: {:?}", turn.events);
    }
    assert_eq!(bench.project_tree(), before);
    agent.stop().await;
    assert!(bench.homes().is_empty());
}

#[actix_web::test]
async fn without_an_account_it_says_how_to_log_in() {
    let api = FakeModel::start(respond);
    let mut bench = bench(&api);
    bench.environment.retain(|(name, _)| name != "GEMINI_API_KEY");
    let (_, exit) = bench.start().exit().await;
    assert!(exit.words().contains("Set GEMINI_API_KEY"), "{}", exit.words());
}
