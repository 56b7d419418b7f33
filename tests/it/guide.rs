//! The built-in guide as the server drives it: a process, spoken to over its pipes.

use std::{
    collections::HashSet,
    fs,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

/// Longest wait for one line.
const PATIENCE: Duration = Duration::from_secs(30);

const POOL: &str = "//! Keeps connections open for the next one who needs them.\n\n\
use std::time::Duration;\n\n\
/// How long an unused connection is kept.\n\
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(60);\n\n\
/// Evicts connections that nobody has used for longer than the timeout.\n\
pub fn evict_idle(pool: &mut Vec<u32>) {\n    pool.clear();\n}\n";

/// A project of a few files, secret and ignored ones among them.
fn project() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (path, text) in [
        ("src/pool.rs", POOL),
        ("src/main.rs", "mod pool;\n\nfn main() {\n    pool::evict_idle(&mut Vec::new());\n}\n"),
        ("tests/pool.rs", "#[test]\nfn idle_connections_are_evicted() {\n    evict_idle();\n}\n"),
        (
            "README.md",
            "# Pond\n\nPond keeps connections to databases open and hands them out.\n\n## Running\n\nRun `cargo run`.\n",
        ),
        ("Cargo.toml", "[package]\nname = \"pond\"\nversion = \"0.1.0\"\n"),
        (".gitignore", "ignored/\n"),
        ("ignored/pool.rs", POOL),
        (".env", "EVICT_IDLE=hunter2 connection timeout\n"),
        ("server.key", "evict idle connection hunter2\n"),
        ("notes/plan.secret", "evict idle connection hunter2\n"),
    ] {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    dir
}

/// A running guide.
pub struct Guide {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<Value>,
}

/// What was told in one turn.
pub struct Told {
    lines: Vec<Value>,
    result: Value,
}

impl Guide {
    /// Starts one for the project in `dir`.
    pub fn start(dir: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_cicerone"))
            .args(["guide", "--name", "pond", "--secret", "*.secret", "--dir"])
            .arg(dir)
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
        let stdin = child.stdin.take();
        Self { child, stdin, lines }
    }

    fn write(&mut self, text: &str) {
        self.stdin.as_mut().unwrap().write_all(text.as_bytes()).unwrap();
    }

    fn line(&self) -> Value {
        self.lines.recv_timeout(PATIENCE).expect("the guide says nothing")
    }

    fn until(&self, is_last: impl Fn(&Value) -> bool) -> Vec<Value> {
        let mut lines = vec![self.line()];
        while !is_last(&lines[lines.len() - 1]) {
            lines.push(self.line());
        }
        lines
    }

    /// The guide's process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks and waits for the whole answer.
    pub fn ask(&mut self, question: &str) -> Told {
        self.write(&user_line(question));
        self.told()
    }

    fn told(&self) -> Told {
        let mut lines = self.until(|line| line["type"] == "result");
        let result = lines.pop().unwrap();
        Told { lines, result }
    }

    fn close(mut self) -> i32 {
        drop(self.stdin.take());
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code().unwrap();
            }
            assert!(Instant::now() < deadline, "the guide does not end");
            thread::yield_now();
        }
    }
}

impl Drop for Guide {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Told {
    pub fn streamed(&self) -> String {
        let deltas = self.lines.iter().filter_map(|line| line.pointer("/event/delta/text"));
        deltas.filter_map(Value::as_str).collect()
    }

    fn tools(&self) -> Vec<&str> {
        let blocks = self.lines.iter().filter_map(|line| line.pointer("/message/content/0"));
        blocks
            .filter(|block| block["type"] == "tool_use")
            .filter_map(|block| block["name"].as_str())
            .collect()
    }

    /// Everything that was told, tools' results among it.
    pub fn everything(&self) -> String {
        self.lines.iter().map(Value::to_string).collect()
    }
}

fn user_line(question: &str) -> String {
    let line = json!({
        "type": "user",
        "message": {"role": "user", "content": question},
        "parent_tool_use_id": null,
        "session_id": "default",
    });
    format!("{line}\n")
}

fn control_line(id: &str, subtype: &str) -> String {
    let line = json!({
        "type": "control_request",
        "request_id": id,
        "request": {"subtype": subtype},
    });
    format!("{line}\n")
}

/// The `path:line` citations of a text.
fn citations(text: &str) -> Vec<(String, usize)> {
    text.split('`')
        .filter_map(|code| {
            let (path, lines) = code.rsplit_once(':')?;
            let line = lines.split('-').next()?.parse().ok()?;
            Some((path.to_owned(), line))
        })
        .collect()
}

#[test]
fn the_guide_shows_its_tools_and_cites_lines_that_exist() {
    let project = project();
    let mut guide = Guide::start(project.path());
    let told = guide.ask("when are connections that nobody uses thrown away?");
    let text = told.streamed();
    assert!(text.contains("`src/pool.rs:9`"), "{text}");
    assert!(text.contains("```rust\n"), "{text}");
    assert_eq!(told.result["subtype"], "success");
    assert_eq!(told.result["is_error"], false);
    assert_eq!(told.result["result"], text.as_str());
    assert!(told.tools().starts_with(&["Grep", "Read"]), "{:?}", told.tools());
    let cited = citations(&text);
    assert!(!cited.is_empty());
    for (path, line) in cited {
        let file = fs::read_to_string(project.path().join(&path)).unwrap();
        assert!(line >= 1 && line <= file.lines().count(), "{path}:{line} does not exist");
    }
}

#[test]
fn every_turn_of_the_guide_has_the_shape_of_the_protocol() {
    let project = project();
    let mut guide = Guide::start(project.path());
    let told = guide.ask("how does evict_idle work?");
    let init = &told.lines[0];
    assert_eq!(init["subtype"], "init");
    assert_eq!(init["model"], "guide");
    assert_eq!(init["permissionMode"], "dontAsk");
    assert_eq!(init["tools"], json!(["Glob", "Grep", "Read"]));
    let events: Vec<&str> =
        told.lines.iter().filter_map(|line| line.pointer("/event/type")?.as_str()).collect();
    let count = |name: &str| events.iter().filter(|event| **event == name).count();
    assert_eq!(events[0], "message_start");
    assert_eq!(events[events.len() - 1], "message_stop");
    assert_eq!(count("message_start"), count("message_stop"));
    assert_eq!(count("content_block_start"), count("content_block_stop"));
    assert!(count("content_block_delta") > 10, "the text does not stream");
    let ids = |kind: &str, id: &str| -> HashSet<String> {
        let blocks = told.lines.iter().filter_map(|line| line.pointer("/message/content/0"));
        let ids = blocks.filter(|block| block["type"] == kind).map(|block| block[id].to_string());
        ids.collect()
    };
    assert!(!ids("tool_use", "id").is_empty());
    assert_eq!(ids("tool_use", "id"), ids("tool_result", "tool_use_id"));
}

#[test]
fn the_guide_reads_neither_secret_nor_ignored_files() {
    let project = project();
    let mut guide = Guide::start(project.path());
    for question in [
        "evict idle connection timeout hunter2",
        "what is in .env?",
        "what is notes/plan.secret for?",
        "what is ignored/pool.rs for?",
        "what is the project structure?",
        "what is this project?",
    ] {
        let told = guide.ask(question);
        let everything = told.everything();
        for hidden in [
            "hunter2 connection",
            "idle connection hunter2",
            "server.key",
            "plan.secret:",
            "ignored/pool.rs:",
        ] {
            assert!(!everything.contains(hidden), "{question}: {hidden} in {everything}");
        }
    }
}

#[test]
fn the_handshake_is_answered_before_the_index_is_built() {
    let project = project();
    let mut guide = Guide::start(project.path());
    guide.write(&control_line("a", "initialize"));
    let answer = guide.line();
    assert_eq!(answer["type"], "control_response");
    assert_eq!(answer["response"]["subtype"], "success");
    assert_eq!(answer["response"]["request_id"], "a");
    guide.write(&control_line("b", "set_model"));
    assert_eq!(guide.line()["response"]["subtype"], "error");
    guide.write(&control_line("c", "interrupt"));
    assert_eq!(guide.line()["response"], json!({"subtype": "success", "request_id": "c"}));
}

#[test]
fn an_interrupt_ends_the_running_turn_and_the_next_one_is_answered() {
    let project = project();
    // Many files keep the index from being built before the interrupt is read.
    for at in 0..400 {
        let text = POOL.repeat(20);
        fs::write(project.path().join(format!("src/more{at}.rs")), text).unwrap();
    }
    let mut guide = Guide::start(project.path());
    guide.write(&(user_line("how does evict_idle work?") + &control_line("stop", "interrupt")));
    let told = guide.told();
    assert_eq!(told.result["subtype"], "error_during_execution");
    assert_eq!(told.result["is_error"], true);
    assert_eq!(told.result["terminal_reason"], "aborted_streaming");
    assert!(told.everything().contains(r#""request_id":"stop""#));
    assert_eq!(guide.ask("how does evict_idle work?").result["subtype"], "success");
}

#[test]
fn garbage_does_not_stop_the_guide() {
    let project = project();
    let mut guide = Guide::start(project.path());
    guide.write("{\n\nnull\n[1]\n{\"type\":\"user\"}\n{\"type\":\"no_such_type\"}\n\u{0}\u{1}\n");
    assert_eq!(guide.ask("where is IDLE_TIMEOUT?").result["subtype"], "success");
}

#[test]
fn the_end_of_input_lets_the_running_turn_finish() {
    let project = project();
    let mut guide = Guide::start(project.path());
    guide.write(&user_line("where is the idle timeout?"));
    drop(guide.stdin.take());
    assert_eq!(guide.told().result["subtype"], "success");
    assert_eq!(guide.close(), 0);
}

#[test]
fn a_follow_up_is_about_the_question_before() {
    let project = project();
    let mut guide = Guide::start(project.path());
    guide.ask("how does evict_idle work?");
    let text = guide.ask("and where is it tested?").streamed();
    assert!(text.contains("`tests/pool.rs:2`"), "{text}");
}

#[test]
fn a_file_that_changed_between_questions_is_read_again() {
    let project = project();
    let mut guide = Guide::start(project.path());
    let before = guide.ask("where is the flux capacitor?").streamed();
    assert!(!before.contains("src/flux.rs"), "{before}");
    let text = "/// Makes time travel possible.\npub fn flux_capacitor() {}\n";
    fs::write(project.path().join("src/flux.rs"), text).unwrap();
    let after = guide.ask("where is the flux capacitor?").streamed();
    assert!(after.contains("`src/flux.rs:2`"), "{after}");
    fs::remove_file(project.path().join("src/flux.rs")).unwrap();
    let gone = guide.ask("where is the flux capacitor?").streamed();
    assert!(!gone.contains("src/flux.rs"), "{gone}");
}

#[test]
fn the_guide_tells_what_the_project_is_and_what_it_is_itself() {
    let project = project();
    let mut guide = Guide::start(project.path());
    let overview = guide.ask("What is this project?").streamed();
    assert!(overview.contains("Pond keeps connections to databases open"), "{overview}");
    assert!(overview.contains("`README.md:3`"), "{overview}");
    let running = guide.ask("How do I run it?").streamed();
    assert!(running.contains("cargo run"), "{running}");
    let itself = guide.ask("what can you do?").streamed();
    assert!(itself.contains("no language model") && itself.contains("ANTHROPIC_API_KEY"));
    let change = guide.ask("please add a test for evict_idle").streamed();
    assert!(change.contains("read-only"), "{change}");
    let nothing = guide.ask("xylophone zeppelin").streamed();
    assert!(nothing.contains("found nothing"), "{nothing}");
}

#[test]
fn the_guide_tells_the_progress_from_the_feature_list() {
    let project = project();
    let mut guide = Guide::start(project.path());
    let without = guide.ask("how many features are done?").streamed();
    assert!(without.contains("no feature list"), "{without}");
    let connection = rusqlite::Connection::open(project.path().join("features.db")).unwrap();
    connection
        .execute_batch(
            "CREATE TABLE features (id INTEGER, priority INTEGER, category TEXT, name TEXT,
                 description TEXT, steps JSON, passes BOOLEAN, in_progress BOOLEAN);
             INSERT INTO features VALUES
                 (1, 1, 'core', 'Open', 'Opens.', '[]', 1, 0),
                 (2, 2, 'core', 'Evict', 'Evicts.', '[]', 0, 0);",
        )
        .unwrap();
    drop(connection);
    let with = guide.ask("how many features are done?").streamed();
    assert!(with.contains("**1 of 2 features pass** (50 %)"), "{with}");
    assert!(with.contains("#2 **Evict**"), "{with}");
}
