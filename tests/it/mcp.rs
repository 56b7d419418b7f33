//! `cicerone mcp-features`, spoken to as an agent speaks to it.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use expect_test::expect;
use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;

/// No answer takes longer, on the slowest machine.
const DEADLINE: Duration = Duration::from_secs(20);

const TABLE: &str = "CREATE TABLE features (id INTEGER NOT NULL, priority INTEGER NOT NULL,
    category VARCHAR(100) NOT NULL, name VARCHAR(255) NOT NULL, description TEXT NOT NULL,
    steps JSON NOT NULL, passes BOOLEAN, in_progress BOOLEAN, PRIMARY KEY (id));";

/// A running server and its client.
struct Server {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    next_id: u64,
}

impl Server {
    fn start(dir: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_cicerone"))
            .args(["mcp-features", "--dir"])
            .arg(dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self { stdin: child.stdin.take(), child, lines, next_id: 1 }
    }

    /// A server that a client has greeted, and its answer to the greeting.
    fn greeted(dir: &Path) -> (Self, Value) {
        let mut server = Self::start(dir);
        let answer = server.request(
            "initialize",
            json!({
                "protocolVersion": "2025-06-18",
                "capabilities": {},
                "clientInfo": { "name": "test", "version": "1" },
            }),
        );
        server.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
        (server, answer)
    }

    fn send(&mut self, message: &Value) {
        let stdin = self.stdin.as_mut().unwrap();
        writeln!(stdin, "{message}").unwrap();
    }

    /// Sends a request and gives the whole answer.
    fn request(&mut self, method: &str, params: Value) -> Value {
        let id = self.next_id;
        self.next_id += 1;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        let line = self.lines.recv_timeout(DEADLINE).unwrap();
        let answer: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(answer["id"], id, "{answer}");
        answer
    }

    fn call(&mut self, tool: &str, arguments: Value) -> Value {
        let params = json!({ "name": tool, "arguments": arguments });
        self.request("tools/call", params)["result"].clone()
    }

    /// The text of a call that succeeds.
    fn text(&mut self, tool: &str, arguments: Value) -> String {
        let result = self.call(tool, arguments);
        let text = result["content"][0]["text"].as_str().unwrap().to_owned();
        let whole = json!({
            "content": [{ "type": "text", "text": text }],
            "structuredContent": { "result": text },
            "isError": false,
        });
        assert_eq!(result, whole);
        text
    }

    /// The text of a call that is refused.
    fn refusal(&mut self, tool: &str, arguments: Value) -> String {
        let result = self.call(tool, arguments);
        let text = result["content"][0]["text"].as_str().unwrap().to_owned();
        let whole = json!({ "content": [{ "type": "text", "text": text }], "isError": true });
        assert_eq!(result, whole);
        text
    }

    /// Closes the server's input and waits until its output ends and it is gone.
    fn finish(mut self) -> Option<i32> {
        self.stdin = None;
        let end = self.lines.recv_timeout(DEADLINE);
        assert_eq!(end, Err(RecvTimeoutError::Disconnected));
        self.child.wait().unwrap().code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Without effect where it has ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn project(sql: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    Connection::open(dir.path().join("features.db")).unwrap().execute_batch(sql).unwrap();
    dir
}

#[test]
fn the_three_tools_of_the_original_answer_to_the_letter() {
    let rows = r#"INSERT INTO features VALUES
        (7, 2, 'style', 'Größe 😀', 'two', '["a", "b"]', 0, 1), (8, 1, 'functional', 'n', 'd', '[]', 1, 0),
        (9, 3, 'functional', 'n', 'd', '[]', NULL, 0);"#;
    let dir = project(&format!("{TABLE}{rows}"));
    let (mut server, _) = Server::greeted(dir.path());
    expect![[r#"
        {
          "passing": 1,
          "in_progress": 1,
          "total": 3,
          "percentage": 33.3
        }"#]]
    .assert_eq(&server.text("feature_get_stats", json!({})));
    expect![[r#"
        {
          "id": 7,
          "priority": 2,
          "category": "style",
          "name": "Gr\u00f6\u00dfe \ud83d\ude00",
          "description": "two",
          "steps": [
            "a",
            "b"
          ],
          "passes": false,
          "in_progress": true
        }"#]]
    .assert_eq(&server.text("feature_get_next", json!({})));
    expect![[r#"
        {
          "features": [
            {
              "id": 8,
              "priority": 1,
              "category": "functional",
              "name": "n",
              "description": "d",
              "steps": [],
              "passes": true,
              "in_progress": false
            }
          ],
          "count": 1
        }"#]]
    .assert_eq(&server.text("feature_get_for_regression", json!({ "limit": "2" })));
    let by_id = server.text("feature_get_by_id", json!({ "feature_id": 7 }));
    assert_eq!(by_id, server.text("feature_get_next", json!({})));
    assert_eq!(
        server.text("feature_get_by_id", json!({ "feature_id": 70 })),
        r#"{"error": "Feature with ID 70 not found"}"#
    );
    assert_eq!(server.finish(), Some(0));
}

#[test]
fn a_project_without_features_gets_empty_answers_and_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let (mut server, _) = Server::greeted(dir.path());
    expect![[r#"
        {
          "passing": 0,
          "in_progress": 0,
          "total": 0,
          "percentage": 0.0
        }"#]]
    .assert_eq(&server.text("feature_get_stats", json!({})));
    expect![[r#"
        {
          "features": [],
          "count": 0
        }"#]]
    .assert_eq(&server.text("feature_get_for_regression", json!({})));
    assert_eq!(
        server.text("feature_get_next", json!({})),
        r#"{"error": "All features are passing! No more work to do."}"#
    );
    assert_eq!(server.finish(), Some(0));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn wrong_calls_are_refused_and_the_server_goes_on() {
    let dir = project(TABLE);
    let (mut server, _) = Server::greeted(dir.path());
    let text = server.refusal("feature_get_for_regression", json!({ "limit": 11 }));
    let start = "Error executing tool feature_get_for_regression: 1 validation error";
    assert!(text.starts_with(start), "{text}");
    assert_eq!(
        server.refusal("feature_mark_passing", json!({})),
        "Unknown tool: feature_mark_passing"
    );
    let text = server.refusal("feature_get_ready", json!({}));
    assert!(text.contains("has no dependencies"), "{text}");

    fs::write(dir.path().join("features.db"), "this has long been no database at all").unwrap();
    let text = server.refusal("feature_get_stats", json!({}));
    assert!(text.starts_with("Error executing tool feature_get_stats: cannot read"), "{text}");
    fs::remove_file(dir.path().join("features.db")).unwrap();
    server.text("feature_get_stats", json!({}));
}

#[test]
fn every_call_is_answered_however_odd_its_values_are() {
    let dir = project(TABLE);
    let (mut server, _) = Server::greeted(dir.path());
    let arguments = [
        r#"{"x":"\ud83d"}"#,
        r#"{"\udc00":1}"#,
        r#"{"x":1e999}"#,
        r#"{"x":NaN}"#,
        &format!(r#"{{"x":{}{}}}"#, "[".repeat(500), "]".repeat(500)),
    ]
    .map(str::to_owned);
    for (id, arguments) in (100..).zip(arguments) {
        let stdin = server.stdin.as_mut().unwrap();
        writeln!(
            stdin,
            r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"feature_get_stats","arguments":{arguments}}}}}"#
        )
        .unwrap();
        let line = server.lines.recv_timeout(DEADLINE).unwrap();
        let answer: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(
            (&answer["id"], answer["result"]["isError"].as_bool()),
            (&json!(id), Some(false))
        );
    }
    let stdin = server.stdin.as_mut().unwrap();
    writeln!(stdin, r#"{{"jsonrpc":"2.0","id":"\ud83d","method":"ping"}}"#).unwrap();
    let line = server.lines.recv_timeout(DEADLINE).unwrap();
    assert!(line.contains("\u{fffd}"), "{line}");
    assert_eq!(server.finish(), Some(0));
}

#[test]
fn the_tools_are_listed_and_none_of_them_writes() {
    let dir = project(TABLE);
    let names = |server: &mut Server| -> Vec<String> {
        let answer = server.request("tools/list", json!({}));
        let tools = answer["result"]["tools"].as_array().unwrap();
        for tool in tools {
            assert_eq!(tool["annotations"]["readOnlyHint"], true);
            assert_eq!(tool["inputSchema"]["type"], "object");
        }
        let name = |tool: &Value| tool["name"].as_str().unwrap().to_owned();
        tools.iter().map(name).collect()
    };
    let (mut server, greeting) = Server::greeted(dir.path());
    assert_eq!(greeting["result"]["serverInfo"]["name"], "features");
    assert_eq!(greeting["result"]["protocolVersion"], "2025-06-18");
    assert_eq!(
        names(&mut server),
        [
            "feature_get_stats",
            "feature_get_next",
            "feature_get_for_regression",
            "feature_get_by_id",
            "ask_user"
        ]
    );
    let newer = "ALTER TABLE features ADD dependencies JSON";
    let connection = Connection::open(dir.path().join("features.db")).unwrap();
    connection.execute_batch(newer).unwrap();
    assert_eq!(names(&mut server)[4..], ["feature_get_ready", "feature_get_blocked", "ask_user"]);
}

#[test]
fn what_is_ready_and_what_is_blocked_comes_with_its_numbers() {
    let rows = "ALTER TABLE features ADD dependencies JSON; INSERT INTO features VALUES
        (1, 1, 'c', 'n', 'd', '[]', 0, 0, NULL), (2, 2, 'c', 'n', 'd', '[]', 0, 0, '[]'),
        (3, 3, 'c', 'n', 'd', '[]', 0, 0, '[1]'), (4, 4, 'c', 'n', 'd', '[]', 0, 0, '[1, 2]');";
    let dir = project(&format!("{TABLE}{rows}"));
    let (mut server, _) = Server::greeted(dir.path());
    let mut json =
        |tool, arguments| -> Value { serde_json::from_str(&server.text(tool, arguments)).unwrap() };
    let ready = json("feature_get_ready", json!({ "limit": 1 }));
    assert_eq!(ready["features"][0]["id"], 1);
    assert_eq!((&ready["count"], &ready["total_ready"]), (&json!(1), &json!(2)));
    let blocked = json("feature_get_blocked", json!({}));
    assert_eq!(blocked["features"][1]["blocked_by"], json!([1, 2]));
    assert_eq!((&blocked["count"], &blocked["total_blocked"]), (&json!(2), &json!(2)));
}

#[test]
fn what_another_program_writes_meanwhile_is_seen() {
    let dir = project(&format!("PRAGMA journal_mode=WAL; {TABLE}"));
    let (mut server, _) = Server::greeted(dir.path());
    let mut total = || {
        let stats = server.text("feature_get_stats", json!({}));
        serde_json::from_str::<Value>(&stats).unwrap()["total"].clone()
    };
    assert_eq!(total(), 0);
    let writer = Connection::open(dir.path().join("features.db")).unwrap();
    let insert = "INSERT INTO features VALUES (1, 1, 'c', 'n', 'd', '[]', 0, 0)";
    writer.execute_batch(insert).unwrap();
    assert_eq!(total(), 1);
}

#[test]
fn a_question_ends_the_turn_of_the_model() {
    let dir = tempfile::tempdir().unwrap();
    let (mut server, _) = Server::greeted(dir.path());
    let options =
        json!([{ "label": "A", "description": "a" }, { "label": "B", "description": "b" }]);
    let question = json!({
        "question": "Which?", "header": "Kind", "options": options, "multiSelect": false,
    });
    let text = server.text("ask_user", json!({ "questions": [question] }));
    assert!(text.contains("End your turn now"), "{text}");
    let text = server.refusal("ask_user", json!({ "questions": [] }));
    assert_eq!(text, "Error executing tool ask_user: `questions` must have 1 to 10 items");
}

#[test]
fn the_end_of_its_input_ends_the_server_even_before_it_is_greeted() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(Server::start(dir.path()).finish(), Some(0));
}

#[test]
fn a_line_that_is_no_message_does_not_end_the_server() {
    let dir = tempfile::tempdir().unwrap();
    let (mut server, _) = Server::greeted(dir.path());
    writeln!(server.stdin.as_mut().unwrap(), "no JSON").unwrap();
    let params = json!({ "name": "feature_get_stats" });
    server.send(&json!({ "jsonrpc": "2.0", "id": 50, "method": "tools/call", "params": params }));
    let answered = |line: String| line.contains("\"id\":50");
    let start = Instant::now();
    while start.elapsed() < DEADLINE {
        if answered(server.lines.recv_timeout(DEADLINE).unwrap()) {
            return;
        }
    }
    panic!("no answer");
}

#[cfg(target_os = "linux")]
#[test]
fn the_server_dies_with_the_agent_that_started_it() {
    let dir = tempfile::tempdir().unwrap();
    // The shell is the agent. The server's input is a pipe that it holds open itself, so that its
    // end cannot come from the end of its input.
    let fifo = dir.path().join("in");
    let made = Command::new("mkfifo").arg(&fifo).status().unwrap();
    assert!(made.success());
    let mut shell = Command::new("sh")
        .arg("-c")
        .arg("\"$1\" mcp-features --dir . <>in >out & echo $!; read line; exit 0")
        .args(["sh", env!("CARGO_BIN_EXE_cicerone")])
        .current_dir(dir.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pid = String::new();
    let mut stdout = BufReader::new(shell.stdout.take().unwrap());
    stdout.read_line(&mut pid).unwrap();
    let params = json!({
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": { "name": "test", "version": "1" },
    });
    let greeting = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params });
    fs::write(&fifo, format!("{greeting}\n")).unwrap();
    let out = dir.path().join("out");
    wait_until(|| fs::read(&out).is_ok_and(|answer| !answer.is_empty()));
    shell.kill().unwrap();
    shell.wait().unwrap();
    let status = format!("/proc/{}/stat", pid.trim());
    wait_until(|| fs::read_to_string(&status).map_or(true, |text| text.contains(") Z ")));
}

#[cfg(target_os = "linux")]
fn wait_until(condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < DEADLINE, "it never came true");
        thread::yield_now();
    }
}
