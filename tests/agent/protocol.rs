//! The agent's side of the line protocol: what comes in, what goes out, and the session's file.

use std::{
    collections::VecDeque,
    env, fs,
    io::{self, Write},
    path::PathBuf,
    process::exit,
    sync::mpsc::{Receiver, RecvTimeoutError},
    time::Duration,
};

use serde_json::{Value, json};

use crate::script::COMMANDS;

/// Cost of each turn, US dollars.
const TURN_COST: f64 = 0.01;

/// A line that came in.
pub enum Input {
    Handshake(String),
    Interrupt(String),
    Message(String),
    Answer(Value),
}

/// The conversation, remembered in a file like the real agent's.
pub struct Session {
    pub id: String,
    file: PathBuf,
    pub messages: Vec<String>,
}

/// The turn was interrupted.
pub struct Interrupted;

pub struct Protocol {
    pub session: Session,
    lines: Receiver<Input>,
    queued: VecDeque<String>,
    is_armed: bool,
    /// Text of the block that streams.
    partial: String,
    message_id: u32,
    pub words: u64,
    turns: u32,
    /// What it still says of this turn when the next one should have begun.
    leftover: Option<String>,
}

impl Input {
    pub fn parse(line: &str) -> Option<Self> {
        let line: Value = serde_json::from_str(line).ok()?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        match line["type"].as_str()? {
            "user" => Some(Self::Message(said(&line["message"]["content"]))),
            "control_response" => Some(Self::Answer(line["response"].clone())),
            "control_request" if line["request"]["subtype"] == "initialize" => {
                Some(Self::Handshake(text(&line["request_id"])))
            }
            "control_request" if line["request"]["subtype"] != "interrupt" => None,
            "control_request" => Some(Self::Interrupt(text(&line["request_id"]))),
            _ => None,
        }
    }
}

/// The text of a message; images in it are told with their type and content. A script that comes with
/// files is played without them.
fn said(content: &Value) -> String {
    let of_block = |block: &Value| match block["type"].as_str() {
        Some("image") => {
            let source = &block["source"];
            format!("<{} {}>", source["media_type"], source["data"])
        }
        _ => block["text"].as_str().unwrap_or("<unknown block>").to_owned(),
    };
    let is_script =
        |text: &str| text.split_whitespace().next().is_some_and(|verb| COMMANDS.contains(&verb));
    match content {
        Value::Array(blocks) if blocks.last().is_some_and(|last| is_script(&of_block(last))) => {
            blocks.last().map(of_block).unwrap_or_default()
        }
        Value::Array(blocks) => blocks.iter().map(of_block).collect::<Vec<_>>().join("\n"),
        text => text.as_str().unwrap_or_default().to_owned(),
    }
}

impl Session {
    /// Begins or resumes the session that the arguments name.
    pub fn open() -> Self {
        let state = env::var_os("CLAUDE_CONFIG_DIR").map_or_else(env::temp_dir, PathBuf::from);
        // Where the real one keeps sessions too, by its working directory.
        let dir = env::current_dir().unwrap();
        let name: String = dir.to_str().unwrap().chars().map(plain).collect();
        let state = state.join("projects").join(name);
        fs::create_dir_all(&state).unwrap();
        let argument =
            |name: &str| env::args().find_map(|arg| arg.strip_prefix(name).map(str::to_owned));
        if let Some(id) = argument("--resume=") {
            let file = state.join(format!("{id}.jsonl"));
            let Ok(text) = fs::read_to_string(&file) else {
                let error = format!("No conversation found with session ID: {id}");
                print(&json!({
                    "type": "result", "subtype": "error_during_execution", "is_error": true,
                    "num_turns": 0, "total_cost_usd": 0, "errors": [error],
                }));
                eprintln!("{error}");
                exit(1);
            };
            let rows = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
            let messages = rows.map(|row| row["message"]["content"].as_str().unwrap().to_owned());
            return Self { id, file, messages: messages.collect() };
        }
        let id = argument("--session-id=").unwrap_or_else(|| "none".to_owned());
        let file = state.join(format!("{id}.jsonl"));
        if file.exists() {
            eprintln!("Error: Session ID {id} is already in use.");
            exit(1);
        }
        Self { id, file, messages: Vec::new() }
    }

    /// One row a message, as the real one has them.
    fn save(&self) {
        let mut rows = String::new();
        for (at, text) in self.messages.iter().enumerate() {
            let parent = at.checked_sub(1).map(|parent| parent.to_string());
            let message = json!({"role": "user", "content": text});
            let row = json!({
                "type": "user", "uuid": at.to_string(), "parentUuid": parent, "message": message,
            });
            rows.push_str(&format!("{row}\n"));
        }
        // A kill in between must not leave half a file.
        let new = self.file.with_extension("new");
        fs::write(&new, rows).unwrap();
        fs::rename(new, &self.file).unwrap();
    }
}

fn plain(letter: char) -> char {
    if letter.is_ascii_alphanumeric() { letter } else { '-' }
}

impl Protocol {
    pub fn new(session: Session, lines: Receiver<Input>, is_armed: bool) -> Self {
        Self {
            session,
            lines,
            queued: VecDeque::new(),
            is_armed,
            partial: String::new(),
            message_id: 0,
            words: 0,
            turns: 0,
            leftover: None,
        }
    }

    /// Waits for the next message of a person and begins its turn. `None` at the end of stdin.
    pub fn next_message(&mut self) -> Option<String> {
        loop {
            if let Some(message) = self.queued.pop_front() {
                self.begin_turn();
                return Some(message);
            }
            let input = self.lines.recv().ok()?;
            self.take(input);
        }
    }

    /// Waits, and answers what comes in meanwhile.
    pub fn wait(&mut self, time: Duration) -> Result<(), Interrupted> {
        match self.lines.recv_timeout(time) {
            Ok(input) => match self.take(input) {
                true => Err(Interrupted),
                false => Ok(()),
            },
            Err(RecvTimeoutError::Timeout) => Ok(()),
            // The turn is played to its end even when stdin has ended.
            Err(RecvTimeoutError::Disconnected) => {
                std::thread::sleep(time);
                Ok(())
            }
        }
    }

    /// Asks whether a tool may run, and gives the answer.
    pub fn ask_hook(&mut self, tool: &str, input: &Value) -> Value {
        let request = json!({
            "subtype": "hook_callback", "callback_id": "tools",
            "input": {"hook_event_name": "PreToolUse", "tool_name": tool, "tool_input": input},
        });
        print(&json!({"type": "control_request", "request_id": "hook", "request": request}));
        loop {
            match self.lines.recv() {
                Ok(Input::Answer(answer)) => return answer,
                Ok(input) => drop(self.take(input)),
                Err(_) => return Value::Null,
            }
        }
    }

    /// Acts on a line; tells whether it was an interrupt.
    fn take(&mut self, input: Input) -> bool {
        let confirm = |id: &str| {
            let response = json!({"subtype": "success", "request_id": id, "response": {}});
            print(&json!({"type": "control_response", "response": response}));
        };
        match input {
            Input::Handshake(id) => confirm(&id),
            Input::Interrupt(id) => {
                confirm(&id);
                return true;
            }
            Input::Message(text) => {
                self.session.messages.push(text.clone());
                self.session.save();
                self.queued.push_back(text);
            }
            Input::Answer(_) => (),
        }
        false
    }

    /// Says this, and ends the turn again, when the next message is there.
    pub fn linger(&mut self, text: &str) {
        self.leftover = Some(text.to_owned());
    }

    fn begin_turn(&mut self) {
        if let Some(text) = self.leftover.take() {
            self.begin_block("text");
            self.delta("text", &text);
            self.end_block("text");
            self.end_turn(json!({}));
        }
        let mut tools = vec!["Read", "Glob", "Grep", "mcp__features__ask_user"];
        if self.is_armed {
            tools.push("Write");
        }
        self.words = 0;
        print(&json!({
            "type": "system", "subtype": "init", "session_id": self.session.id, "tools": tools,
            "model": "scripted", "permissionMode": "dontAsk", "claude_code_version": "0",
        }));
    }

    fn event(&self, event: Value) {
        print(&json!({"type": "stream_event", "event": event, "parent_tool_use_id": null}));
    }

    pub fn begin_block(&mut self, kind: &str) {
        self.message_id += 1;
        self.partial.clear();
        let id = format!("msg_{}", self.message_id);
        self.event(json!({"type": "message_start", "message": {"id": id}}));
        let block = json!({"type": kind, kind: ""});
        self.event(json!({"type": "content_block_start", "index": 0, "content_block": block}));
    }

    pub fn delta(&mut self, kind: &str, text: &str) {
        self.partial.push_str(text);
        self.words += 1;
        let delta = json!({"type": format!("{kind}_delta"), kind: text});
        self.event(json!({"type": "content_block_delta", "index": 0, "delta": delta}));
    }

    /// Says the same for ever.
    pub fn pour(&mut self, text: &str) -> ! {
        self.begin_block("text");
        loop {
            self.delta("text", text);
            self.partial.clear();
        }
    }

    pub fn end_block(&mut self, kind: &str) {
        let block = json!({"type": kind, kind: self.partial});
        self.partial.clear();
        self.assistant(block);
        self.event(json!({"type": "content_block_stop", "index": 0}));
        self.event(json!({"type": "message_stop"}));
    }

    /// A finished block.
    pub fn assistant(&self, block: Value) {
        let id = format!("msg_{}", self.message_id);
        let message =
            json!({"id": id, "role": "assistant", "model": "scripted", "content": [block]});
        print(&json!({"type": "assistant", "message": message, "parent_tool_use_id": null}));
    }

    /// A call of a tool and its result.
    pub fn tool(&mut self, name: &str, input: &Value, result: &Value, is_error: bool) {
        self.message_id += 1;
        let id = format!("toolu_{}_{}", std::process::id(), self.message_id);
        self.assistant(json!({"type": "tool_use", "id": id, "name": name, "input": input}));
        let result = json!({
            "type": "tool_result", "tool_use_id": id, "content": result, "is_error": is_error,
        });
        let message = json!({"role": "user", "content": [result]});
        print(&json!({"type": "user", "message": message, "parent_tool_use_id": null}));
    }

    /// The end of a turn that was interrupted.
    pub fn interrupted(&mut self) {
        if !self.partial.is_empty() {
            let text = std::mem::take(&mut self.partial);
            self.assistant(json!({"type": "text", "text": text}));
        }
        let note = json!([{"type": "text", "text": "[Request interrupted by user]"}]);
        print(&json!({"type": "user", "message": {"role": "user", "content": note}}));
        self.end_turn(json!({
            "subtype": "error_during_execution", "is_error": true,
            "terminal_reason": "aborted_streaming", "errors": ["[ede_diagnostic] scripted"],
        }));
    }

    /// The result line of a turn, with `fields` of its own.
    pub fn end_turn(&mut self, fields: Value) {
        self.turns += 1;
        let mut result = json!({
            "type": "result", "subtype": "success", "is_error": false, "num_turns": 1,
            "duration_ms": 7, "session_id": self.session.id,
            "total_cost_usd": f64::from(self.turns) * TURN_COST,
            "usage": {"input_tokens": 10, "output_tokens": self.words},
        });
        for (name, value) in fields.as_object().unwrap() {
            result[name] = value.clone();
        }
        print(&result);
    }
}

/// Prints one line.
pub fn print(line: &Value) {
    print_bytes(line.to_string().as_bytes());
}

/// Prints one line of whatever it is. An end of stdout ends the agent.
pub fn print_bytes(line: &[u8]) {
    let mut bytes = line.to_vec();
    bytes.push(b'\n');
    print_half(&bytes);
}

/// Prints as it is.
pub fn print_half(bytes: &[u8]) {
    let mut stdout = io::stdout().lock();
    if stdout.write_all(bytes).and_then(|()| stdout.flush()).is_err() {
        exit(0);
    }
}
