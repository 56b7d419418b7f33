//! `cicerone ask` and `cicerone chat`: against a server, and by themselves.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{
    server::{Gate, PROJECT, Server, Setup, eventually, signal, write},
    tree::tree,
};

const QUESTION: &str = "How does evict_idle work?";

/// The command with a home of its own, in the directory of a project.
fn cicerone(home: &Path, dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cicerone"));
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home)
        .current_dir(dir)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Asks a server about its only project.
fn ask(server: &Server, arguments: &[&str]) -> Command {
    let url = server.url("");
    let mut command = cicerone(server.files(), server.files(), &["ask", "--server", &url]);
    command.args(arguments);
    command
}

fn run(mut command: Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

/// A project in a directory of its own.
fn project() -> (TempDir, std::path::PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("shop");
    let code = "/// Evicts idle connections.\npub fn evict_idle(pool: &mut Vec<u32>) {}\n";
    write(&dir, "src/pool.rs", code);
    write(&dir, "README.md", "# Shop\n\nSells things.\n");
    (home, dir)
}

/// Reads the output of a running command until a text has come.
fn read_until(child: &mut Child, wanted: &str) -> String {
    let stdout = child.stdout.as_mut().unwrap();
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains(wanted) {
        let mut byte = [0];
        assert_eq!(stdout.read(&mut byte).unwrap(), 1, "ended after {seen:?}");
        seen.push(byte[0]);
    }
    String::from_utf8(seen).unwrap()
}

#[test]
fn without_a_server_the_current_directory_is_asked_about() {
    let (home, dir) = project();
    let before = tree(&dir);
    let (code, answer, words) =
        run(cicerone(home.path(), &dir, &["ask", "--agent", "guide", QUESTION]));
    assert_eq!((code, words.as_str()), (Some(0), ""), "{answer}");
    assert!(answer.contains("src/pool.rs:2"), "{answer}");
    assert!(answer.contains("\nSources:\n  src/pool.rs:2\n"), "{answer}");
    assert_eq!(tree(&dir), before);
}

#[test]
fn a_conversation_goes_on_with_continue() {
    let (home, dir) = project();
    let ask = |arguments: &[&str]| {
        let all = [&["ask", "--agent", "guide", "--json"], arguments].concat();
        let (code, result, words) = run(cicerone(home.path(), &dir, &all));
        assert_eq!(code, Some(0), "{words}");
        serde_json::from_str::<Value>(&result).unwrap()
    };
    let nothing = run(cicerone(home.path(), &dir, &["ask", "--continue", QUESTION]));
    assert_eq!(nothing.0, Some(1));
    assert!(nothing.2.contains("no conversation here to continue"), "{}", nothing.2);
    let first = ask(&[QUESTION]);
    let second = ask(&["-c", "And", "who", "calls", "it?"]);
    assert_eq!(first["conversation_id"], second["conversation_id"]);
    assert_eq!(first["outcome"], "completed");
    assert!(second["turn"].as_u64() > first["turn"].as_u64(), "{second}");
    let third = ask(&[QUESTION]);
    assert_ne!(third["conversation_id"], second["conversation_id"]);
}

#[test]
fn two_can_ask_about_one_directory_at_the_same_time() {
    let (home, dir) = project();
    let children: Vec<Child> = (0..3)
        .map(|_| {
            cicerone(home.path(), &dir, &["ask", "--agent", "guide", QUESTION]).spawn().unwrap()
        })
        .collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("src/pool.rs:2"));
    }
}

#[test]
fn a_question_is_read_from_stdin() {
    let (home, dir) = project();
    let mut command = cicerone(home.path(), &dir, &["ask", "--agent", "guide", "-"]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(QUESTION.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("src/pool.rs:2"), "{output:?}");
    let (code, _, words) = run(cicerone(home.path(), &dir, &["ask", "-"]));
    assert_eq!(code, Some(1));
    assert!(words.contains("there is no question"), "{words}");
}

#[test]
fn a_server_is_asked_by_its_address_and_its_token() {
    let token = "0123456789abcdef";
    let server = Setup::scripted().env("CICERONE_VIEWER_TOKEN", token).start();
    let (code, _, words) = run(ask(&server, &["say hello"]));
    assert_eq!(code, Some(1));
    assert!(words.contains("401"), "{words}");
    let mut command = ask(&server, &["say hello"]);
    command.env("CICERONE_TOKEN", token);
    assert_eq!(run(command), (Some(0), "hello\n".to_owned(), String::new()));
    let file = server.files().join("token");
    fs::write(&file, format!("{token}\n")).unwrap();
    let (code, answer, _) = run(ask(&server, &["--token-file", file.to_str().unwrap(), "say hi"]));
    assert_eq!((code, answer.as_str()), (Some(0), "hi\n"));
}

#[test]
fn what_cannot_be_asked_is_told_in_words() {
    let server = Setup::scripted().project("other").start();
    let (home, dir) = project();
    let cases: &[(&[&str], &str)] = &[
        (&["--server", "nowhere", "x"], "`nowhere` is no address of a server"),
        (&["--server", "http://127.0.0.1:9", "x"], "cannot reach the server at http://127.0.0.1:9"),
        (&["--server", &server.url(""), "x"], "name one with --project: demo, other"),
        (&["--server", &server.url(""), "--project", "absent", "x"], "(404)"),
        (&["--project", "absent", "x"], "there is no project `absent`"),
        (&["--dir", "absent", "x"], "absent"),
    ];
    for (arguments, expected) in cases {
        let (code, answer, words) =
            run(cicerone(home.path(), &dir, &[&["ask"], *arguments].concat()));
        assert!(words.contains(expected), "{arguments:?}: {words}");
        assert!(matches!(code, Some(1 | 2)), "{arguments:?}: {code:?}");
        assert_eq!(answer, "");
    }
}

#[test]
fn a_failed_answer_ends_with_its_reason_and_an_exit_code() {
    let server = Server::start();
    let (code, answer, words) = run(ask(&server, &["say begun\nerror no luck"]));
    assert_eq!((code, answer.as_str()), (Some(1), "begun\n"), "{words}");
    assert!(words.contains("no luck"), "{words}");
}

#[actix::test]
async fn ctrl_c_stops_the_answer() {
    let server = Server::start();
    let gate = Gate::new(&server);
    let question = format!("say begun\n{}\nsay ended", gate.script());
    let mut child = ask(&server, &[&question]).spawn().unwrap();
    read_until(&mut child, "begun");
    signal(child.id(), "INT");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    let (_, conversation) = server.get(&format!("/api/assistant/conversations/{PROJECT}/1")).await;
    let said = conversation["messages"].as_array().unwrap().last().unwrap();
    assert_eq!(said["content"], "begun", "{conversation}");
    eventually("the session is idle", async || {
        let (_, sessions) = server.get("/api/admin/sessions").await;
        (!sessions.to_string().contains("\"running\"")).then_some(())
    })
    .await;
}

#[actix::test]
async fn an_answer_goes_on_after_the_connection_broke() {
    let address = free_address();
    let mut server = Setup::scripted().args(["--listen", &address]).start();
    let gate = Gate::new(&server);
    let question = format!("say begun\n{}\nsay ended", gate.script());
    let mut child = ask(&server, &[&question]).spawn().unwrap();
    read_until(&mut child, "begun");
    // A crash before that has the question asked again, and the gate of that one opens for nobody.
    server.has_begun(1, 1).await;
    server.crash();
    let output = child.wait_with_output().unwrap();
    // The crash ended the turn, which the command learns from the new server.
    assert_eq!(output.status.code(), Some(130), "{output:?}");
}

/// An address that nobody listens on.
fn free_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

#[test]
fn a_terminal_gets_the_answer_set_and_without_commands_of_the_answer() {
    let server = Server::start();
    let url = server.url("");
    let question = "say **bold** \u{1b}]0;title\u{7}`code`";
    let line = format!(
        "stty cols 60; exec '{}' ask --server {url} '{question}'",
        env!("CARGO_BIN_EXE_cicerone")
    );
    let mut script = Command::new("script");
    script
        .args(["-qec", &line, "/dev/null"])
        .env("HOME", server.files())
        .env("TERM", "xterm")
        .env_remove("NO_COLOR")
        .stdin(Stdio::null());
    let output = script.output().unwrap();
    let screen = String::from_utf8_lossy(&output.stdout);
    assert!(screen.contains("\u{1b}[1mbold\u{1b}[0m"), "{screen:?}");
    assert!(screen.contains("\u{1b}[36mcode\u{1b}[0m"), "{screen:?}");
    assert!(!screen.contains("\u{1b}]0;title"), "{screen:?}");
}

#[test]
fn a_chat_is_one_conversation() {
    let server = Server::start();
    let mut command =
        cicerone(server.files(), server.files(), &["chat", "--server", &server.url("")]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut questions = child.stdin.take().unwrap();
    questions.write_all(b"say one\n\nerror no luck\nsay two\n").unwrap();
    drop(questions);
    let output = child.wait_with_output().unwrap();
    let (answers, words) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{words}");
    assert!(answers.contains("one\n") && answers.contains("two\n"), "{answers}");
    assert!(words.contains("no luck"), "{words}");
    let count: i64 = server
        .database()
        .query_row("SELECT count(*) FROM conversations", [], |row| row.get(0))
        .unwrap();
    assert_eq!(count, 1);
}

#[test]
fn what_one_person_asks_alone_is_told_to_no_webhook() {
    let (home, dir) = project();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let secret = home.path().join("secret");
    fs::write(&secret, "0123456789abcdef").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let config = home.path().join("c.toml");
    fs::write(&config, format!("[webhooks]\nurls = [{url:?}]\nsecret_file = {secret:?}\n"))
        .unwrap();
    let arguments = ["ask", "--agent", "guide", "--config", config.to_str().unwrap(), QUESTION];
    let (code, _, words) = run(cicerone(home.path(), &dir, &arguments));
    assert_eq!(code, Some(0), "{words}");
    assert!(listener.accept().is_err(), "a webhook was told");
}

#[test]
fn a_closed_pipe_is_no_error() {
    let server = Server::start();
    let mut child = ask(&server, &["say one\nsay two"]).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
}

#[test]
fn completions_and_manual_pages_are_made_of_the_commands() {
    let home = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let (code, script, _) = run(cicerone(home.path(), home.path(), &["completions", shell]));
        assert_eq!(code, Some(0));
        assert!(script.contains("chat") && script.contains("doctor"), "{shell}");
        assert!(!script.contains("sandbox-probe"), "{shell}");
    }
    let (_, script, _) = run(cicerone(home.path(), home.path(), &["completions", "bash"]));
    let checked = Command::new("bash").args(["-n", "-c", &script]).status().unwrap();
    assert!(checked.success());
    let dir = home.path().join("man1");
    let (code, _, words) = run(cicerone(home.path(), home.path(), &["man", dir.to_str().unwrap()]));
    assert_eq!(code, Some(0), "{words}");
    let page = fs::read_to_string(dir.join("cicerone-ask.1")).unwrap();
    assert!(page.contains(".TH cicerone-ask 1") && page.contains("\\-\\-server"), "{page}");
    assert!(!dir.join("cicerone-sandbox-probe.1").exists());
}
