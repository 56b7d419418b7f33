//! The real `codex-acp` in front of a stand-in for its model, which does what the newest question says: `SAY
//! text` answers, and `SHELL command` runs a command, whose output is the answer. It is large, so that it
//! is not among what `.ci/setup` fetches: `npm install @agentclientprotocol/codex-acp@2.6.0`.

use cicerone::agent::event::AgentEnd;
use serde_json::{Value, json};

use crate::{
    acp::{bench_of, resumed},
    agent_probe::Bench,
    fake_model::FakeModel,
    sandbox::{READING_COMMANDS, WRITING_COMMANDS, shows_a_secret},
    tree::tree,
};

/// A bench whose agent is the program that `CICERONE_TEST_CODEX_ACP` names, and asks this.
fn bench(api: &FakeModel) -> Bench {
    let program = std::env::var("CICERONE_TEST_CODEX_ACP")
        .expect("CICERONE_TEST_CODEX_ACP names the program `codex-acp`");
    let mut bench = bench_of(&[program]);
    let provider = json!({"name": "fake", "base_url": format!("http://127.0.0.1:{}/v1", api.port),
        "wire_api": "responses", "env_key": "OPENAI_API_KEY"});
    let config =
        json!({"model": "m", "model_provider": "fake", "model_providers": {"fake": provider}});
    for (name, value) in
        [("CODEX_CONFIG", config.to_string()), ("OPENAI_API_KEY", "dummy".to_owned())]
    {
        bench.environment.push((name.into(), value.into()));
    }
    bench.settings.ports.push(api.port);
    bench
}

fn respond(request: &Value) -> String {
    let usage = json!({"input_tokens": 100, "output_tokens": 10, "total_tokens": 110});
    let events = [
        json!({"type": "response.created", "response": {"id": "r"}}),
        json!({"type": "response.output_item.done", "output_index": 0, "item": answer(request)}),
        json!({"type": "response.completed", "response": {"id": "r", "usage": usage}}),
    ];
    let line =
        |event: &Value| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap());
    events.iter().map(line).collect()
}

/// What the newest message of the person, or the output of its command, is answered with.
fn answer(request: &Value) -> Value {
    let says = |text: &str| {
        let content = json!([{"type": "output_text", "text": text}]);
        json!({"type": "message", "id": "m", "role": "assistant", "content": content})
    };
    let Some(newest) = request["input"].as_array().and_then(|all| all.last()) else {
        return says("nothing was asked");
    };
    if newest["type"] == "function_call_output" {
        return says(&newest["output"].to_string());
    }
    let texts = newest["content"].as_array().into_iter().flatten();
    let lines: Vec<&str> =
        texts.filter_map(|part| part["text"].as_str()).flat_map(str::lines).collect();
    let is_command = |line: &&&str| line.starts_with("SAY ") || line.starts_with("SHELL ");
    match lines.iter().rev().find(is_command).and_then(|line| line.split_once(' ')) {
        Some(("SHELL", command)) => {
            let arguments = json!({ "cmd": command }).to_string();
            json!({"type": "function_call", "id": "f", "call_id": "c", "name": "exec_command", "arguments": arguments})
        }
        Some((_, text)) => says(text),
        None => says("nothing was asked"),
    }
}

#[actix_web::test]
#[ignore = "needs a program of 450 MB"]
async fn p2_the_program_reads_the_project_and_its_shell_changes_nothing() {
    let api = FakeModel::start(respond);
    let bench = bench(&api);
    let outside = bench.base.path().join("outside");
    std::os::unix::fs::symlink(&outside, bench.project().join("out")).unwrap();
    let roots = [bench.project(), outside.clone()];
    let before = roots.each_ref().map(|root| tree(root));
    let mut agent = bench.start();
    agent.ready().await;
    let turn = agent.ask("SAY It is green.").await;
    assert_eq!(turn.result().end, AgentEnd::Completed, "{:?}", turn.events);
    assert!(turn.text.ends_with("It is green."), "{}", turn.text);
    assert!(api.requests()[0].to_string().contains("You are Cicerone"));
    let turn = agent.ask("SHELL cat README.md").await;
    assert!(turn.text.contains("We sell tea"), "{:?}", turn.events);
    for (commands, writes) in [(&WRITING_COMMANDS[..], true), (&READING_COMMANDS[..], false)] {
        for command in commands {
            let command = command
                .replace("$P", bench.project().to_str().unwrap())
                .replace("$O", outside.to_str().unwrap());
            let turn = agent.ask(&format!("SHELL {command}")).await;
            let told = turn.text.replace("secret.txt: Permission denied", "");
            assert!(writes || !shows_a_secret(&told), "{command}: {told}");
            let after = roots.each_ref().map(|root| tree(root));
            assert!(after == before, "{command} changed something: {}", turn.text);
        }
    }
    agent.stop().await;
}

#[actix_web::test]
#[ignore = "needs a program of 450 MB"]
async fn a_session_is_resumed() {
    let api = FakeModel::start(respond);
    let bench = bench(&api);
    let mut agent = resumed(&bench, "SAY the first answer").await;
    agent.ask("SAY the second").await;
    let asked = api.requests().pop().unwrap();
    assert!(asked["input"].to_string().contains("SAY the first answer"), "{asked}");
}
