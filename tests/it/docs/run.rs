//! Commands, outputs and configuration of the documents, tried out in a home directory of a test.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use regex::Regex;
use tempfile::TempDir;

use super::{
    all_blocks,
    blocks::{Block, Check},
    documents,
};

/// Stands for `cicerone` in the commands: a server gets a free port and ends once it is ready.
const WRAPPER: &str = r#"#!/usr/bin/env bash
set -euo pipefail
case "${1-}" in
    ask | chat | check | restore | completions | man | config | doctor | import | export | mcp | backup | guide | mcp-features | help \
        | --help | --version)
        exec "$CICERONE" "$@" ;;
esac
coproc "$CICERONE" "$@" 2>>"$HOME/log"
server=$COPROC_PID
read -r line <&"${COPROC[0]}" || { cat "$HOME/log" >&2; exit 1; }
echo "$line"
kill "$server"
wait "$server"
"#;

/// What documents name, and what a test has in its place.
const REPLACED: [(&str, &str); 2] =
    [("127.0.0.1:9000", "127.0.0.1:0"), ("/etc/cicerone/", "~/certificates/")];

/// The store of the legacy system.
const LEGACY: &str = "
    CREATE TABLE conversations (id INTEGER PRIMARY KEY, project_name TEXT, title TEXT, created_at TEXT, updated_at TEXT);
    CREATE TABLE conversation_messages (id INTEGER PRIMARY KEY, conversation_id INTEGER, role TEXT, content TEXT, timestamp TEXT);
    INSERT INTO conversations VALUES (1, 'my-app', 'Sockets', '2026-01-07 10:00:00', '2026-01-07 10:00:00');
    INSERT INTO conversation_messages VALUES (1, 1, 'user', 'Where?', '2026-01-07 10:00:00');
";

/// A home directory with what the documents take for granted.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let path = |name: &str| home.path().join(name);
        for dir in ["bin", "here", "src/my-app", "src/website", "src/shop", ".config/cicerone"] {
            fs::create_dir_all(path(dir)).unwrap();
        }
        for dir in ["autoforge", "certificates"] {
            fs::create_dir(path(dir)).unwrap();
        }
        fs::write(path("bin/cicerone"), WRAPPER).unwrap();
        let code = "def close_idle(sockets): # Closes idle sockets.\n    pass\n";
        fs::write(path("src/my-app/pool.py"), code).unwrap();
        for name in ["webhook", "oidc", "nats", "cluster"] {
            let secret = path(&format!("certificates/{name}.secret"));
            fs::write(&secret, "0123456789abcdef").unwrap();
            fs::set_permissions(secret, fs::Permissions::from_mode(0o600)).unwrap();
        }
        fs::write(path(".config/cicerone/shop.md"), "Call a basket a basket.").unwrap();
        fs::set_permissions(path("bin/cicerone"), fs::Permissions::from_mode(0o755)).unwrap();
        let names = vec!["guide.example.org".to_owned()];
        let certificate = rcgen::generate_simple_self_signed(names).unwrap();
        fs::write(path("certificates/guide.pem"), certificate.cert.pem()).unwrap();
        let key = path("certificates/guide.key");
        fs::write(&key, certificate.signing_key.serialize_pem()).unwrap();
        fs::set_permissions(key, fs::Permissions::from_mode(0o600)).unwrap();
        let legacy = rusqlite::Connection::open(path("autoforge/assistant.db")).unwrap();
        legacy.execute_batch(LEGACY).unwrap();
        Self(home)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// The program in this home, with nothing of this machine's settings.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.path().join("here"))
            .env_clear()
            .env("HOME", self.path())
            .env(
                "PATH",
                format!("{}:/usr/local/bin:/usr/bin:/bin", self.path().join("bin").display()),
            )
            .env("CICERONE", env!("CARGO_BIN_EXE_cicerone"))
            .env("CICERONE_AGENT", "guide");
        command
    }

    /// Runs a block; gives what it prints to stdout.
    fn run(&self, block: &Block) -> String {
        let output = self
            .command("bash")
            .env("CICERONE_LISTEN", "127.0.0.1:0")
            .args(["-euo", "pipefail", "-c", &replaced(&block.text)])
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{}: {stdout}{stderr}", block.place);
        stdout
    }

    fn config_file(&self) -> PathBuf {
        self.path().join(".config/cicerone/cicerone.toml")
    }

    /// Loads a block as the configuration.
    fn load(&self, block: &Block) {
        fs::write(self.config_file(), replaced(&block.text)).unwrap();
        let command =
            self.command(env!("CARGO_BIN_EXE_cicerone")).args(["config", "check"]).output();
        let output = command.unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {stderr}", block.place);
        assert!(!stderr.contains("WARN"), "{}: {stderr}", block.place);
        let report = String::from_utf8_lossy(&output.stdout);
        assert!(report.contains("cicerone.toml:"), "{}: not read:\n{report}", block.place);
        fs::remove_file(self.config_file()).unwrap();
    }
}

fn replaced(text: &str) -> String {
    REPLACED.iter().fold(text.to_owned(), |text, (name, stand_in)| text.replace(name, stand_in))
}

/// Fails unless the output is the one in the document, in which `…` stands for anything.
pub fn assert_output(place: &str, written: &str, given: &str) {
    let pattern = regex::escape(written.trim()).replace('…', ".*");
    let pattern = Regex::new(&format!("(?s)^{pattern}$")).unwrap();
    assert!(pattern.is_match(given.trim()), "{place} says\n{written}\nbut the output is\n{given}");
}

#[test]
fn the_commands_and_the_configuration_of_the_docs_work() {
    for path in documents() {
        let home = Home::new();
        let mut printed = String::new();
        for block in all_blocks().iter().filter(|block| block.path == path) {
            match block.check() {
                Ok(Check::Run) => printed = home.run(block),
                Ok(Check::Output) => {
                    let written = block.text.replace(REPLACED[0].0, "127.0.0.1:…");
                    assert_output(&block.place, &written, &printed);
                }
                Ok(Check::Configuration) => home.load(block),
                _ => (),
            }
        }
    }
}
