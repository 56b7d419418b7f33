//! The tools of an agent that has none of its own, run by a confined reader.

use std::{fs, os::unix::fs::symlink, sync::Arc, time::Instant};

use cicerone::{
    agent::Server,
    project::{Project, ProjectName},
    tools::{Caller, ProjectTools},
};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{agent_probe::Bench, server::DEADLINE};

/// An agent for any model, in the project of a bench.
struct ModelAgent {
    bench: Bench,
    tools: Arc<dyn ProjectTools>,
}

impl ModelAgent {
    fn start() -> Self {
        let bench = Bench::scripted();
        let program = Ok(env!("CARGO_BIN_EXE_cicerone").into());
        let server = Server { program, environment: bench.environment.clone() };
        let agents = bench.agents_of(server);
        Self { tools: bench.tools(&agents), bench }
    }

    /// The result of a call, and whether it is one.
    async fn call(&self, caller: Caller, name: &str, arguments: Value) -> (bool, String) {
        let project = Project::new(ProjectName::mend("tea-shop"), self.bench.project());
        let call = json!({"name": name, "arguments": arguments});
        let call = self.tools.call(project, caller, serde_json::from_value(call).unwrap());
        let outcome = timeout(DEADLINE, call).await.unwrap_or_else(|_| panic!("{name}: no result"));
        let outcome = json!(outcome);
        (outcome["is_error"] == false, outcome["text"].as_str().unwrap().to_owned())
    }
}

#[actix_web::test]
async fn an_agent_without_tools_of_its_own_reads_the_project_through_its_reader() {
    let agent = ModelAgent::start();
    for (tool, arguments, expected) in [
        ("read", json!({"path": "src/main.rs:2"}), "2\t    brew();"),
        ("read", json!({"path": agent.bench.project().join("README.md")}), "1\t# Tea shop"),
        ("grep", json!({"pattern": "brew"}), "src/main.rs\n2:     brew();"),
        ("glob", json!({"pattern": "*.rs"}), "src/main.rs\n(Complete: 1 file.)"),
        ("list", json!({}), "README.md\t24 bytes"),
        ("search", json!({"query": "tea"}), "README.md:1"),
        ("outline", json!({"path": "./src/main.rs"}), "1\tfn main"),
        ("feature_get_stats", json!({}), "\"total\": 0"),
        (
            "ask_user",
            json!({"questions": [{"question": "Which?", "header": "h", "options": []}]}),
            "End your turn now",
        ),
    ] {
        let (is_fine, text) = agent.call(Caller::Model, tool, arguments).await;
        assert!(is_fine && text.contains(expected), "{tool}: {text}");
    }
}

#[actix_web::test]
async fn p10_a_model_that_is_told_to_look_elsewhere_gets_a_sentence_only() {
    let agent = ModelAgent::start();
    let project = agent.bench.project();
    symlink("../outside/secret.txt", project.join("out")).unwrap();
    for path in [".env", ".env:1", "out", "../outside/secret.txt", "/etc/passwd", "src/../.env"] {
        for (tool, arguments) in [
            ("read", json!({"path": path})),
            ("grep", json!({"pattern": "hidden|root", "path": path})),
            ("glob", json!({"pattern": path})),
            ("list", json!({"path": path})),
        ] {
            let (_, text) = agent.call(Caller::Model, tool, arguments).await;
            assert!(!text.contains("hidden-needle") && !text.contains("root:"), "{tool}: {text}");
        }
        let (is_fine, text) = agent.call(Caller::Model, "read", json!({"path": path})).await;
        assert!(!is_fine, "{path}: {text}");
    }
    let (_, text) = agent.call(Caller::Model, "grep", json!({"pattern": "hidden-needle"})).await;
    assert!(text.contains("no line matches in 2 files"), "{text}");
}

#[actix_web::test]
async fn p9_hostile_calls_end_in_time_and_the_reader_goes_on() {
    let agent = ModelAgent::start();
    let project = agent.bench.project();
    fs::File::create(project.join("huge.log")).unwrap().set_len(100 << 20).unwrap();
    fs::write(project.join("binary"), [0; 1000]).unwrap();
    fs::write(project.join("a\nb.txt"), "named\n").unwrap();
    fs::write(project.join("lines.txt"), "aaaa aaaa aaaa!\n".repeat(200_000)).unwrap();
    let since = Instant::now();
    for (tool, arguments, expected) in [
        ("read", json!({"path": "huge.log"}), "104857600 bytes; files of at most"),
        ("read", json!({"path": "binary"}), "is not text"),
        ("read", json!({"path": "a\nb.txt"}), "1\tnamed"),
        ("read", json!({"path": "lines.txt"}), "of 200000. Go on with `first_line` 1001"),
        ("grep", json!({"pattern": "(a+)+b"}), "too large"),
        ("grep", json!({"pattern": "(a*)*$", "limit": "9e9"}), "(Cut at "),
        ("grep", json!({"pattern": r"((\w{99}){99}){99}"}), "too much memory"),
        ("grep", json!({"pattern": "x".repeat(100_000)}), "at most 2000 bytes"),
        ("glob", json!({"pattern": "{a,b}".repeat(50_000)}), "at most 1000 bytes"),
        ("read", json!({"path": "x".repeat(100_000)}), "is the path of a file"),
        ("read", json!({}), "`path` is missing"),
        ("Bash", json!({"command": "id"}), "There is no tool \"Bash\". The tools are: read, grep"),
        ("read", json!({"path": "README.md"}), "We sell tea."),
    ] {
        let (_, text) = agent.call(Caller::Model, tool, arguments).await;
        assert!(text.contains(expected) && text.len() < 40_000, "{tool}: {text}");
    }
    assert!(since.elapsed() < DEADLINE, "{:?}", since.elapsed());
}

#[actix_web::test]
async fn claude_code_keeps_its_own_file_tools() {
    let agent = ModelAgent::start();
    for tool in ["read", "grep", "glob", "list", "ask_user", "feature_get_stats"] {
        let (is_fine, text) = agent.call(Caller::Claude, tool, json!({"path": "README.md"})).await;
        assert!(!is_fine && text.contains("There is no tool"), "{tool}: {text}");
    }
    let (is_fine, text) = agent.call(Caller::Claude, "search", json!({"query": "tea"})).await;
    assert!(is_fine && text.contains("README.md:1"), "{text}");
}
