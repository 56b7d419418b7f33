//! The agent in front of a real llama.cpp server with a tiny model, whose answers are noise: what is
//! tested is how the two speak. Only where `CICERONE_TEST_LLAMA` is 1, after `.ci/llama`.

use std::{
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};

use super::Model;
use crate::{peers, server::free_port};

/// The context that the server is given, in tokens.
const CONTEXT: u64 = 4096;

/// A running llama.cpp server.
struct Llama {
    process: Child,
    root: String,
}

impl Llama {
    /// Starts one, with a template that knows tools or with the model's own, which does not; `None` where
    /// these tests are not asked for.
    fn start(has_tools: bool) -> Option<Self> {
        if std::env::var_os("CICERONE_TEST_LLAMA").is_none_or(|it| it != "1") {
            return None;
        }
        let place = |file: &str| -> PathBuf { peers::module("../llama").join(file) };
        let program = place("llama-server");
        assert!(program.exists(), "llama-server is missing: run `.ci/llama`");
        let port = free_port();
        let mut command = Command::new(program);
        command.arg("-m").arg(place("model.gguf"));
        command.args(["--host", "127.0.0.1", "--port", &port.to_string()]);
        command.args(["-c", &CONTEXT.to_string(), "-np", "1", "--temp", "0", "--jinja"]);
        if has_tools {
            command.arg("--chat-template-file").arg(place("template.jinja"));
        }
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        Some(Self { process, root: format!("http://127.0.0.1:{port}/v1") })
    }

    /// An agent that asks it, told of three rounds in which the model has read a file each.
    fn agent(&self, dialect: &str) -> Model {
        let settings = json!({"preset": "llamacpp", "dialect": dialect, "max_output": 60});
        let mut model = Model::start(&self.root, settings);
        model.results.insert("read", "ok".to_owned());
        let round = |path: &str| {
            let tool = json!({"name": "Read", "input": {"file_path": path}, "result": "ok", "is_error": false});
            json!({"question": format!("Read {path}"), "answer": [{"tool": tool}, {"text": "Done."}]})
        };
        let turns: Vec<Value> = ["src/a.rs", "src/b.rs", "lib/c.rs"].map(round).into();
        model.send(&json!({"type": "history", "turns": turns}));
        model
    }
}

impl Drop for Llama {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

#[test]
fn a_real_llama_server_calls_tools_in_both_dialects_from_the_moment_it_starts() {
    let Some(llama) = Llama::start(true) else { return };
    for dialect in ["chat", "messages"] {
        // The first one asks while the server loads the model.
        let mut model = llama.agent(dialect);
        model.post("Read src/main.rs");
        let called = model.until(|line| line["message"]["content"][0]["type"] == "tool_use");
        let call = &called["message"]["content"][0];
        assert_eq!(call["name"], "Read", "{dialect}: {called}");
        assert!(call["input"]["file_path"].as_str().unwrap().contains("main"), "{call}");
        // It might go on for long.
        model.until(|line| line["type"] == "user");
        model.interrupt();
        model.turn();
    }
}

#[test]
fn a_real_llama_server_says_how_much_it_reads() {
    let Some(llama) = Llama::start(true) else { return };
    for dialect in ["chat", "messages"] {
        let mut model = llama.agent(dialect);
        let turn = model.ask(&"some words of a question ".repeat(2000));
        assert!(!turn.is_success(), "{dialect}: {}", turn.result);
        assert!(turn.words().contains(&format!("{CONTEXT} tokens")), "{dialect}: {}", turn.words());
    }
}

#[test]
fn a_real_llama_server_whose_template_knows_no_tools_is_given_the_passages() {
    let Some(llama) = Llama::start(false) else { return };
    let mut model = Model::start(&llama.root, json!({"preset": "llamacpp", "max_output": 40}));
    model.results.insert("search", "src/a.rs:3-9\nfn evict() {}".to_owned());
    let turn = model.ask("Where is evict?");
    turn.check();
    assert_eq!(turn.calls.len(), 1, "{:?}", turn.calls);
    assert_eq!(turn.calls[0].0, "search");
}
