//! The agent of model services, `cicerone model`: the real process against a service that plays a
//! script. The test stands in for the server and runs the tools.

mod attacks;
mod errors;
mod llama;
mod loops;
pub mod service;
mod serving;
mod variants;

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

/// Longest wait for one line.
const PATIENCE: Duration = Duration::from_secs(30);

const PROMPT: &str = "You answer questions about code.";

/// A running agent.
pub struct Model {
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<Value>,
    _prompt: tempfile::NamedTempFile,
    /// The results of tools, by tool; others give their name and arguments.
    pub results: HashMap<&'static str, String>,
}

/// What was told in one turn.
pub struct Turn {
    pub lines: Vec<Value>,
    pub result: Value,
    /// The calls of tools, each with its arguments.
    pub calls: Vec<(String, Value)>,
}

impl Model {
    /// Starts one for a service at `base_url`; `settings` are further fields of it.
    pub fn start(base_url: &str, settings: Value) -> Self {
        Self::start_with(base_url, settings, &[])
    }

    pub fn start_with(base_url: &str, settings: Value, environment: &[(&str, &str)]) -> Self {
        let mut service = json!({"base_url": base_url, "model": "m"});
        service.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        let prompt = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(prompt.path(), PROMPT).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_cicerone"))
            .args(["model", "--name", "pond", "--prompt"])
            .arg(prompt.path())
            .env_clear()
            .envs(environment.iter().copied())
            .env("CICERONE_MODEL_SERVICE", service.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if sender.send(serde_json::from_str(&line).unwrap()).is_err() {
                    return;
                }
            }
        });
        let stdin = child.stdin.take().unwrap();
        Self { child, stdin, lines, _prompt: prompt, results: HashMap::new() }
    }

    pub fn send(&mut self, line: &Value) {
        self.stdin.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    pub fn post(&mut self, question: &str) {
        self.send(&json!({"type": "user", "message": {"role": "user", "content": question}}));
    }

    pub fn interrupt(&mut self) {
        self.send(&json!({"type": "control_request", "request_id": "stop",
            "request": {"subtype": "interrupt"}}));
    }

    pub fn line(&self) -> Value {
        self.lines.recv_timeout(PATIENCE).expect("the agent says nothing")
    }

    /// Whether a further line comes before the agent has answered a request.
    pub fn says_more(&mut self) -> bool {
        self.send(
            &json!({"type": "control_request", "request_id": "ping", "request": {"subtype": "x"}}),
        );
        self.line()["type"] != "control_response"
    }

    /// The server's answer to a message about tools.
    fn answer_tool(&mut self, request: &Value, calls: &mut Vec<(String, Value)>) {
        let message = &request["request"]["message"];
        let result = match message["method"].as_str().unwrap() {
            "tools/list" => {
                let tool = |name| json!({"name": name, "description": "x", "inputSchema": {"type": "object"}});
                let tools: Vec<Value> = ["read", "grep", "search"].map(tool).into();
                json!({"tools": tools})
            }
            "tools/call" => {
                let name = message["params"]["name"].as_str().unwrap();
                let arguments = message["params"]["arguments"].clone();
                let text = match self.results.get(name) {
                    Some(text) => text.clone(),
                    None => format!("{name} {arguments}"),
                };
                calls.push((name.to_owned(), arguments));
                json!({"content": [{"type": "text", "text": text}], "isError": false})
            }
            method => panic!("{method}"),
        };
        self.send(&json!({"type": "control_response", "response": {
            "subtype": "success", "request_id": request["request_id"],
            "response": {"mcp_response": {"jsonrpc": "2.0", "id": 1, "result": result}},
        }}));
    }

    /// Reads a turn to its end and runs its tools.
    pub fn turn(&mut self) -> Turn {
        let (mut lines, mut calls) = (Vec::new(), Vec::new());
        loop {
            let line = self.line();
            match line["type"].as_str().unwrap() {
                "control_request" => self.answer_tool(&line, &mut calls),
                "result" => return Turn { lines, result: line, calls },
                _ => lines.push(line),
            }
        }
    }

    /// Reads lines, and runs tools, until one fits.
    pub fn until(&mut self, fits: impl Fn(&Value) -> bool) -> Value {
        loop {
            let line = self.line();
            if line["type"] == "control_request" {
                self.answer_tool(&line, &mut Vec::new());
            } else if fits(&line) {
                return line;
            }
        }
    }

    pub fn ask(&mut self, question: &str) -> Turn {
        self.post(question);
        self.turn()
    }

    /// Ends its input and waits for its end.
    pub fn close(mut self) -> i32 {
        let Self { child, stdin, .. } = &mut self;
        // The pipe closes with the file behind it.
        drop(std::mem::replace(stdin, placeholder()));
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return status.code().unwrap();
            }
            assert!(Instant::now() < deadline, "the agent does not end");
            thread::yield_now();
        }
    }
}

/// Some other process's input.
fn placeholder() -> ChildStdin {
    let mut other = Command::new("true").stdin(Stdio::piped()).spawn().unwrap();
    let stdin = other.stdin.take().unwrap();
    other.wait().unwrap();
    stdin
}

impl Drop for Model {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Turn {
    fn deltas(&self, name: &str) -> String {
        let deltas = self.lines.iter().filter_map(|line| line.pointer("/event/delta")?.get(name));
        deltas.filter_map(Value::as_str).collect()
    }

    /// The text as it was streamed.
    pub fn text(&self) -> String {
        self.deltas("text")
    }

    pub fn thinking(&self) -> String {
        self.deltas("thinking")
    }

    /// The finished blocks of this kind.
    pub fn blocks(&self, kind: &str) -> Vec<&Value> {
        let blocks = self.lines.iter().filter(|line| line["type"] == "assistant");
        blocks.map(|line| &line["message"]["content"][0]).filter(|it| it["type"] == kind).collect()
    }

    /// The results of tools, each with whether it is an error.
    pub fn tool_results(&self) -> Vec<(String, bool)> {
        let blocks = self.lines.iter().filter_map(|line| line.pointer("/message/content/0"));
        blocks
            .filter(|block| block["type"] == "tool_result")
            .map(|it| (it["content"].as_str().unwrap().to_owned(), it["is_error"] == json!(true)))
            .collect()
    }

    pub fn retries(&self) -> usize {
        self.lines.iter().filter(|line| line["subtype"] == "api_retry").count()
    }

    pub fn is_success(&self) -> bool {
        self.result["subtype"] == "success"
    }

    /// Why the turn failed.
    pub fn words(&self) -> &str {
        self.result["errors"][0].as_str().unwrap_or_default()
    }

    /// Checks what every turn keeps: messages open and close, and finished text is streamed text.
    pub fn check(&self) {
        let mut is_open = false;
        for line in &self.lines {
            match line["event"]["type"].as_str() {
                Some("message_start") => assert!(!std::mem::replace(&mut is_open, true)),
                Some("message_stop") => assert!(std::mem::replace(&mut is_open, false)),
                Some(_) => assert!(is_open, "{line}"),
                None => (),
            }
        }
        assert_eq!(is_open, is_open && !self.is_success(), "a message is left open");
        let whole: String =
            self.blocks("text").iter().filter_map(|block| block["text"].as_str()).collect();
        assert_eq!(whole, self.text());
        let ids = |kind: &str, name: &str| -> Vec<String> {
            let blocks = self.lines.iter().filter_map(|line| line.pointer("/message/content/0"));
            let found = blocks.filter(|it| it["type"] == kind);
            found.map(|it| it[name].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(ids("tool_use", "id"), ids("tool_result", "tool_use_id"));
    }
}
