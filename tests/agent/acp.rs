//! The scripted agent over the Agent Client Protocol. A question is played line by line:
//!
//! - `say TEXT` answers; `think TEXT` thinks; `stream N DELAY_MS` answers word by word, until cancelled
//! - `read PATH` and `write PATH` ask for permission, and try where they get it; `force PATH` writes unasked
//! - `history` answers with all questions of the session; `env` with the names of all variables
//! - `child` starts a process that sleeps and answers with its id
//! - `error CODE TEXT` fails; `exit CODE` ends the agent
//!
//! Started with `--images`, it takes images, which `history` gives back. Any other line is given back. `SCRIPTED_ACP_VERSION` is the version that it speaks. Sessions are kept
//! below `CLAUDE_CONFIG_DIR`, if that is set.

use std::{
    env, fs,
    io::{BufRead as _, Write as _},
    path::PathBuf,
    process::{Command, exit},
    sync::mpsc::{self, Receiver, TryRecvError},
    thread,
    time::Duration,
};

use serde_json::{Value, json};

pub fn run() {
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            sender.send(serde_json::from_str(&line).unwrap()).unwrap();
        }
    });
    let mut agent = Agent { lines, session: String::new(), calls: 0 };
    while let Ok(message) = agent.lines.recv() {
        agent.serve(&message);
    }
}

struct Agent {
    lines: Receiver<Value>,
    session: String,
    calls: u64,
}

/// How a question ends.
enum End {
    Turn(&'static str),
    Error(i64, String),
}

impl Agent {
    fn serve(&mut self, message: &Value) {
        let (id, params) = (&message["id"], &message["params"]);
        let result = match message["method"].as_str().unwrap_or_default() {
            "initialize" => {
                let images = env::args().any(|argument| argument == "--images");
                let version = env::var("SCRIPTED_ACP_VERSION").map_or(1, |it| it.parse().unwrap());
                json!({
                    "protocolVersion": version,
                    "agentCapabilities": {"loadSession": true, "promptCapabilities": {"image": images}, "sessionCapabilities": {"resume": {}}},
                    "agentInfo": {"name": "scripted", "version": "1"},
                })
            }
            "session/new" => {
                self.session = format!("ses_{}", std::process::id());
                self.remember("");
                json!({"sessionId": self.session, "models": {"currentModelId": "scripted-model"}})
            }
            "session/resume" => {
                self.session = params["sessionId"].as_str().unwrap().to_owned();
                if !self.file().exists() {
                    let error = json!({"code": -32002, "message": "Resource not found"});
                    return print(&json!({"jsonrpc": "2.0", "id": id, "error": error}));
                }
                json!({})
            }
            "session/prompt" => match self.play(&params["prompt"]) {
                End::Turn(reason) => json!({"stopReason": reason, "usage":
                    {"inputTokens": 10, "outputTokens": 5, "totalTokens": 15}}),
                End::Error(code, words) => {
                    let error = json!({"code": code, "message": words});
                    return print(&json!({"jsonrpc": "2.0", "id": id, "error": error}));
                }
            },
            "session/set_mode" | "authenticate" => json!({}),
            "session/load" => {
                let error = json!({"code": -32002, "message": "Resource not found"});
                return print(&json!({"jsonrpc": "2.0", "id": id, "error": error}));
            }
            _ => return,
        };
        print(&json!({"jsonrpc": "2.0", "id": id, "result": result}));
    }

    fn play(&mut self, prompt: &Value) -> End {
        let texts: Vec<String> = prompt
            .as_array()
            .unwrap()
            .iter()
            .map(|block| match block["type"].as_str().unwrap() {
                "image" => format!("<{} {}>", block["mimeType"], block["data"]),
                _ => block["text"].as_str().unwrap().to_owned(),
            })
            .collect();
        let question = texts.last().unwrap().clone();
        self.remember(&texts.join("\n"));
        for line in question.lines() {
            let (command, rest) = line.split_once(' ').unwrap_or((line, ""));
            match command {
                "say" => self.say(rest),
                "think" => self.chunk("agent_thought_chunk", rest),
                "stream" => {
                    let (words, delay) = rest.split_once(' ').unwrap();
                    for number in 0..words.parse::<u32>().unwrap() {
                        if self.is_cancelled(Duration::from_millis(delay.parse().unwrap())) {
                            return End::Turn("cancelled");
                        }
                        self.say(&format!("w{number} "));
                    }
                }
                "read" => self.call("read", rest, |path| fs::read_to_string(path)),
                "write" => {
                    self.call("edit", rest, |path| fs::write(path, "x").map(|()| String::new()))
                }
                "force" => {
                    let outcome = fs::write(rest, "x").map_err(|error| error.kind());
                    self.say(&format!("{outcome:?}"));
                }
                "history" => {
                    let said = fs::read_to_string(self.file()).unwrap_or_default();
                    self.say(&said);
                }
                "env" => {
                    let mut names: Vec<String> = env::vars().map(|(name, _)| name).collect();
                    names.sort();
                    self.say(&names.join(" "));
                }
                "sh" => {
                    let printed = Command::new("sh").args(["-c", rest]).output().unwrap();
                    self.say(&String::from_utf8_lossy(&printed.stdout));
                }
                #[allow(clippy::zombie_processes, reason = "it is to be left behind")]
                "child" => {
                    let child = Command::new("sleep").arg("600").spawn().unwrap();
                    self.say(&child.id().to_string());
                }
                "error" => {
                    let (code, words) = rest.split_once(' ').unwrap();
                    return End::Error(code.parse().unwrap(), words.to_owned());
                }
                "exit" => exit(rest.parse().unwrap()),
                _ => self.say(line),
            }
        }
        End::Turn("end_turn")
    }

    /// Asks whether a tool may touch a file, and lets it if so.
    fn call(&mut self, kind: &str, path: &str, run: impl Fn(&str) -> std::io::Result<String>) {
        self.calls += 1;
        let id = format!("call-{}", self.calls);
        let call = json!({"sessionUpdate": "tool_call", "toolCallId": id, "title": kind, "kind": kind,
            "status": "pending", "locations": [{"path": path}], "rawInput": {"path": path}});
        self.update(call);
        let options = ["allow_always", "allow_once", "reject_once"];
        let options: Vec<Value> = options
            .iter()
            .map(|kind| json!({"optionId": kind, "name": kind, "kind": kind}))
            .collect();
        let call = json!({"toolCallId": id, "kind": kind, "locations": [{"path": path}]});
        print(&json!({"jsonrpc": "2.0", "id": self.calls, "method": "session/request_permission",
            "params": {"sessionId": self.session, "toolCall": call, "options": options}}));
        let answer = self.lines.recv().unwrap();
        let option =
            answer["result"]["outcome"]["optionId"].as_str().unwrap_or_default().to_owned();
        let result = match option.as_str() {
            "allow_once" => run(path).map_err(|error| error.to_string()),
            refused => Err(format!("answered {refused}")),
        };
        let status = if result.is_ok() { "completed" } else { "failed" };
        let text = result.unwrap_or_else(|error| error);
        let content = json!([{"type": "content", "content": {"type": "text", "text": text}}]);
        self.update(
            json!({"sessionUpdate": "tool_call_update", "toolCallId": id, "status": status,
            "content": content}),
        );
    }

    /// Waits, and tells whether the turn was cancelled meanwhile.
    fn is_cancelled(&self, delay: Duration) -> bool {
        match self.lines.recv_timeout(delay) {
            Ok(message) => message["method"] == "session/cancel",
            Err(_) => matches!(self.lines.try_recv(), Err(TryRecvError::Disconnected)),
        }
    }

    fn say(&self, text: &str) {
        self.chunk("agent_message_chunk", text);
    }

    fn chunk(&self, kind: &str, text: &str) {
        self.update(json!({"sessionUpdate": kind, "content": {"type": "text", "text": text}}));
    }

    fn update(&self, update: Value) {
        print(&json!({"jsonrpc": "2.0", "method": "session/update",
            "params": {"sessionId": self.session, "update": update}}));
    }

    fn file(&self) -> PathBuf {
        let dir = env::var_os("CLAUDE_CONFIG_DIR").map_or_else(env::temp_dir, PathBuf::from);
        dir.join("projects").join(&self.session)
    }

    fn remember(&self, text: &str) {
        let file = self.file();
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        let mut file = fs::OpenOptions::new().create(true).append(true).open(file).unwrap();
        writeln!(file, "{text}").unwrap();
    }
}

fn print(message: &Value) {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{message}").unwrap();
    stdout.flush().unwrap();
}
