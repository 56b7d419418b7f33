//! The command line and `cicerone config check`.

mod secrets;

use std::{fs, path::Path, process::Command};

/// Exit code, stdout and stderr.
type Outcome = (Option<i32>, String, String);

/// Runs `cicerone` in `dir`, with nothing of this machine's settings.
fn cicerone(dir: &Path, arguments: &[&str], file: &str) -> Outcome {
    cicerone_with(dir, arguments, file, &[])
}

/// The same with variables in its environment.
fn cicerone_with(
    dir: &Path,
    arguments: &[&str],
    file: &str,
    variables: &[(&str, &str)],
) -> Outcome {
    fs::create_dir_all(dir.join("config/cicerone")).unwrap();
    fs::create_dir_all(dir.join("here")).unwrap();
    fs::write(dir.join("config/cicerone/cicerone.toml"), file).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_cicerone"))
        .args(arguments)
        .current_dir(dir.join("here"))
        .env_clear()
        .env("HOME", dir)
        .env("XDG_CONFIG_HOME", dir.join("config"))
        .env("XDG_DATA_HOME", dir.join("data"))
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn config_check_prints_the_configuration_and_warns_of_what_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    let file = "[projects]\ngone = \"gone\"\n[limits]\nagents = 3\n";
    let (code, stdout, stderr) = cicerone(dir.path(), &["config", "check"], file);
    assert_eq!(code, Some(0), "{stderr}");
    let line = |start: &str| stdout.lines().find(|line| line.starts_with(start)).unwrap();
    assert!(line("agents = 3").ends_with("config/cicerone/cicerone.toml:4"));
    assert!(line("gone = ").ends_with("config/cicerone/cicerone.toml:2"));
    assert!(line("listen = \"127.0.0.1:8080\"").ends_with("# default"));
    assert!(stderr.contains("WARN  cicerone] project directory cannot be read"), "{stderr}");
}

#[test]
fn a_project_may_be_named_before_the_command() {
    let dir = tempfile::tempdir().unwrap();
    let arguments = ["--project", "me=.", "config", "check"];
    let (code, stdout, stderr) = cicerone(dir.path(), &arguments, "");
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stdout.contains("\nme = "), "{stdout}");
}

#[test]
fn an_error_tells_each_cause_once() {
    let dir = tempfile::tempdir().unwrap();
    let arguments = ["import", "gone.db", "--project", "me"];
    let (code, _, stderr) = cicerone(dir.path(), &arguments, "");
    assert_eq!(code, Some(1));
    assert_eq!(stderr.matches("No such file").count(), 1, "{stderr}");
}

#[test]
fn config_check_takes_the_flags_of_serve() {
    let dir = tempfile::tempdir().unwrap();
    let arguments = ["config", "check", "--listen", "[::1]:0", ".", "--project", "me=."];
    let (code, stdout, stderr) = cicerone(dir.path(), &arguments, "");
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stdout.contains("listen = \"[::1]:0\""), "{stdout}");
    assert!(stdout.contains("\nme = "), "{stdout}");
}

#[test]
fn a_mistake_in_the_configuration_ends_every_command_with_code_2() {
    let dir = tempfile::tempdir().unwrap();
    for command in [vec!["config", "check"], vec![], vec!["serve"]] {
        let (code, stdout, stderr) = cicerone(dir.path(), &command, "[limits]\n\nagent = 3\n");
        assert_eq!((code, stdout.as_str()), (Some(2), ""));
        let expected = "config/cicerone/cicerone.toml:3); did you mean `limits.agents`?\n";
        assert!(stderr.starts_with("error: unknown key `limits.agent` ("), "{stderr}");
        assert!(stderr.ends_with(expected), "{stderr}");
    }
    let (code, _, stderr) = cicerone(dir.path(), &["none"], "");
    assert_eq!(code, Some(2));
    assert!(stderr.contains("\n  because: No such file or directory"), "{stderr}");
    assert_eq!(cicerone(dir.path(), &["--no-such-flag"], "").0, Some(2));
}

#[test]
fn p10_an_address_that_others_can_reach_is_refused_without_a_token() {
    let dir = tempfile::tempdir().unwrap();
    let (code, _, stderr) = cicerone(dir.path(), &["--listen", "0.0.0.0:80"], "");
    assert_eq!(code, Some(2));
    assert!(stderr.starts_with("error: listening on 0.0.0.0:80 needs a token"), "{stderr}");
    for way in ["access.viewer_token_file", "CICERONE_ADMIN_TOKEN", "openssl rand", "127.0.0.1"] {
        assert!(stderr.contains(way), "{stderr}");
    }
    let variables = [("CICERONE_VIEWER_TOKEN", "0123456789abcdef")];
    let arguments = ["config", "check", "--listen", "0.0.0.0:80"];
    let (code, stdout, stderr) = cicerone_with(dir.path(), &arguments, "", &variables);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stderr.contains("only loopback names are let in"), "{stderr}");
    assert!(stderr.contains("without TLS"), "{stderr}");
    assert!(!stdout.contains("0123456789abcdef") && !stderr.contains("0123456789abcdef"));
}

#[test]
fn rust_log_wins_over_the_level_of_the_configuration() {
    let dir = tempfile::tempdir().unwrap();
    let check = |rust_log, level| {
        let variables = [("CICERONE_LISTN", "x"), ("RUST_LOG", rust_log), ("CICERONE_LOG", level)];
        cicerone_with(dir.path(), &["config", "check"], "", &variables).2
    };
    assert!(check("", "info").contains("unknown environment variable CICERONE_LISTN"));
    assert_eq!(check("", "error"), "");
    assert_eq!(check("error", "info"), "");
    assert!(
        check("cicerone=warn", "error").contains("unknown environment variable CICERONE_LISTN")
    );
}
