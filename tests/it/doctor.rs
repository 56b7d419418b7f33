//! `cicerone doctor`: one line a check, and an exit code.

use std::{net::TcpListener, path::Path, process::Command};

use crate::{claude, server::Server};

/// Runs it on a project in `base`; gives the exit code and the lines.
pub fn doctor(base: &Path, arguments: &[&str]) -> (Option<i32>, Vec<String>) {
    let project = base.join("project");
    std::fs::create_dir_all(&project).unwrap();
    let free: &[&str] = match arguments.contains(&"--listen") {
        true => &[],
        false => &["--listen", "127.0.0.1:0"],
    };
    let output = Command::new(env!("CARGO_BIN_EXE_cicerone"))
        .env_clear()
        .env("HOME", base)
        .arg("doctor")
        .args(arguments)
        .args(free)
        .arg("--data-dir")
        .arg(base.join("data"))
        .arg(&project)
        .output()
        .unwrap();
    assert!(output.stderr.is_empty(), "{output:?}");
    let lines = String::from_utf8(output.stdout).unwrap();
    (output.status.code(), lines.lines().map(str::to_owned).collect())
}

/// The first line about something.
pub fn line<'a>(lines: &'a [String], about: &str) -> &'a str {
    let found = lines.iter().find(|line| line.get(6..).is_some_and(|it| it.starts_with(about)));
    found.unwrap_or_else(|| panic!("nothing about {about}: {lines:#?}"))
}

#[test]
fn a_good_set_up_is_told_in_a_line_a_check() {
    let base = tempfile::tempdir().unwrap();
    let (code, lines) = doctor(base.path(), &["--agent", "guide"]);
    assert_eq!(code, Some(0), "{lines:#?}");
    for about in [
        "reader:",
        "agent:",
        "start:",
        "sandbox: proved",
        "database:",
        "disk:",
        "port:",
        "project:",
    ] {
        assert!(line(&lines, about).starts_with("ok "), "{lines:#?}");
    }
    assert!(line(&lines, "database:").contains("does not exist yet"));
    assert_eq!(lines.last().unwrap(), "Everything that a server needs is in place.");
}

#[test]
fn programs_get_the_report_as_json() {
    let base = tempfile::tempdir().unwrap();
    let (code, lines) = doctor(base.path(), &["--json", "--agent", "guide"]);
    assert_eq!(code, Some(0), "{lines:#?}");
    let report: serde_json::Value = serde_json::from_str(&lines.concat()).unwrap();
    assert_eq!(report["is_broken"], false);
    let checks = report["checks"].as_array().unwrap();
    assert!(checks.iter().all(|it| it["text"].is_string() && it["status"].is_string()), "{report}");
    assert!(checks.iter().any(|it| it["about"] == "sandbox" && it["status"] == "ok"), "{report}");
}

#[test]
fn a_limit_of_open_files_that_is_too_low_is_told_with_what_would_do() {
    let base = tempfile::tempdir().unwrap();
    let project = base.path().join("project");
    std::fs::create_dir_all(&project).unwrap();
    let report = |connections: &str| {
        let output = Command::new("sh")
            .args(["-c", "ulimit -Sn 64 && ulimit -Hn 900 && exec \"$0\" \"$@\""])
            .arg(env!("CARGO_BIN_EXE_cicerone"))
            .args(["doctor", "--agent", "guide", "--listen", "localhost:0", "--data-dir"])
            .arg(base.path().join("data"))
            .arg(&project)
            .env("HOME", base.path())
            .env("CICERONE_LIMITS_CONNECTIONS", connections)
            .output()
            .unwrap();
        let lines = String::from_utf8(output.stdout).unwrap();
        lines.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let lines = report("1000");
    let words = line(&lines, "open files:");
    assert!(words.starts_with("warn "), "{words}");
    assert!(words.contains("at most 900") && words.contains("644 of 1000 connections"), "{words}");
    assert!(words.contains("raise the limit to 1256"), "{words}");
    assert!(line(&report("644"), "open files:").starts_with("ok "));
}

#[test]
fn what_is_broken_is_told_with_how_to_mend_it() {
    let base = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let listen = taken.local_addr().unwrap().to_string();
    std::fs::create_dir(base.path().join("data")).unwrap();
    std::fs::write(base.path().join("data/cicerone.db"), "no database, by its size and words")
        .unwrap();
    let (code, lines) = doctor(
        base.path(),
        &["--listen", &listen, "--agent", "claude", "--claude", "/nonexistent/claude"],
    );
    assert_eq!(code, Some(1), "{lines:#?}");
    assert!(
        line(&lines, "agent:").starts_with("fail") && line(&lines, "agent:").contains("settings")
    );
    assert!(
        line(&lines, "port:").starts_with("fail") && line(&lines, "port:").contains("--listen")
    );
    assert!(line(&lines, "database:").starts_with("fail"), "{lines:#?}");
    assert!(lines.last().unwrap().ends_with("things are broken."));
}

#[test]
fn a_sandbox_that_is_off_is_a_warning_and_an_impossible_one_is_broken() {
    let base = tempfile::tempdir().unwrap();
    let (code, lines) = doctor(base.path(), &["--agent", "guide", "--sandbox", "off"]);
    assert_eq!(code, Some(0));
    assert!(line(&lines, "sandbox: off").starts_with("warn"), "{lines:#?}");
    let config = base.path().join("cicerone.toml");
    std::fs::write(&config, "[agent]\nuser = \"no-such-user\"\n").unwrap();
    let arguments = ["--agent", "guide", "--config", config.to_str().unwrap()];
    let (code, lines) = doctor(base.path(), &arguments);
    assert_eq!(code, Some(1));
    let sandbox = line(&lines, "sandbox:");
    assert!(sandbox.starts_with("fail") && sandbox.contains("no-such-user"), "{lines:#?}");
    assert!(line(&lines, "start:").starts_with("fail"), "{lines:#?}");
}

#[test]
fn the_real_program_tells_its_version_and_that_nobody_is_logged_in() {
    let base = tempfile::tempdir().unwrap();
    let program = claude::program(claude::Version::InUse);
    let (code, lines) = doctor(base.path(), &["--claude", program.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{lines:#?}");
    assert!(line(&lines, "agent:").contains("(Claude Code)"), "{lines:#?}");
    let account = line(&lines, "account:");
    assert!(account.starts_with("warn") && account.contains("~/.claude"), "{lines:#?}");
}

#[actix::test]
async fn a_server_that_runs_already_is_known() {
    let server = Server::start();
    let base = server.data_dir().parent().unwrap().to_owned();
    let (code, lines) = doctor(&base, &["--listen", server.address(), "--agent", "guide"]);
    assert_eq!(code, Some(0), "{lines:#?}");
    assert!(line(&lines, "port:").contains("Cicerone server answers"), "{lines:#?}");
    assert!(line(&lines, "database:").contains("can be opened"), "{lines:#?}");
}
