//! Which calls of tools are allowed.

use std::{fs, os::unix::fs::symlink};

use proptest::prelude::*;

use super::*;

/// A project with a file, a directory, a secret, and links that lead in and out.
struct Fixture {
    base: tempfile::TempDir,
    policy: Policy,
}

impl Fixture {
    fn new() -> Self {
        let base = tempfile::tempdir().unwrap();
        let project = base.path().join("project");
        fs::create_dir_all(project.join("src/deep")).unwrap();
        fs::create_dir_all(base.path().join("outside")).unwrap();
        fs::write(project.join("README.md"), "hello").unwrap();
        fs::write(project.join("src/main.rs"), "fn main() {}").unwrap();
        fs::write(project.join(".env"), "KEY=1").unwrap();
        fs::write(base.path().join("outside/secret.txt"), "secret").unwrap();
        symlink("../outside", project.join("out")).unwrap();
        symlink("../outside/secret.txt", project.join("out.txt")).unwrap();
        symlink("../outside/missing.txt", project.join("later.txt")).unwrap();
        symlink("src/main.rs", project.join("in.rs")).unwrap();
        symlink(".env", project.join("settings.txt")).unwrap();
        let policy = Policy::new(project, Secrets::new(&[]).unwrap());
        Self { base, policy }
    }

    /// Judges a call whose input may name the fixture's directory as `$BASE`.
    fn judge(&self, tool: &str, input: &str) -> Result<(), Refusal> {
        let base = self.base.path().to_str().unwrap();
        match self.policy.judge(tool, &input.replace("$BASE", base))? {
            Some(path) => self.policy.check_content(&path),
            None => Ok(()),
        }
    }

    fn allows(&self, tool: &str, inputs: &[&str]) {
        for input in inputs {
            assert_eq!(self.judge(tool, input), Ok(()), "{tool} {input}");
        }
    }

    fn refuses(&self, tool: &str, inputs: &[&str]) {
        for input in inputs {
            assert!(self.judge(tool, input).is_err(), "{tool} {input} was allowed");
        }
    }
}

#[test]
fn files_of_the_project_may_be_read() {
    Fixture::new().allows(
        "Read",
        &[
            r#"{"file_path":"$BASE/project/README.md"}"#,
            r#"{"file_path":"README.md","limit":10}"#,
            r#"{"file_path":"src/../README.md"}"#,
            r#"{"file_path":"in.rs"}"#,
            r#"{"file_path":"src/none.rs"}"#,
            r#"{"file_path":"none/none.rs"}"#,
        ],
    );
}

#[test]
fn nothing_outside_the_project_may_be_read() {
    Fixture::new().refuses(
        "Read",
        &[
            r#"{"file_path":"/etc/passwd"}"#,
            r#"{"file_path":"$BASE/outside/secret.txt"}"#,
            r#"{"file_path":"../outside/secret.txt"}"#,
            r#"{"file_path":"src/../../outside/secret.txt"}"#,
            r#"{"file_path":"out/secret.txt"}"#,
            r#"{"file_path":"out.txt"}"#,
            r#"{"file_path":"later.txt"}"#,
            r#"{"file_path":"none/../../outside/secret.txt"}"#,
            r#"{"file_path":"$BASE/project/../outside/x"}"#,
            r#"{"file_path":"$BASE/project-2/x"}"#,
            r#"{"file_path":"~/.ssh/id_rsa"}"#,
            r#"{"file_path":"/proc/self/environ"}"#,
            r#"{"file_path":"/dev/zero"}"#,
            r#"{"file_path":7}"#,
            r#"{}"#,
        ],
    );
}

#[test]
fn secrets_may_not_be_read_under_any_name() {
    let fixture = Fixture::new();
    for path in [".env", "settings.txt", "src/../.env", "src/deep/.env.local", ".git/config"] {
        let input = format!(r#"{{"file_path":"{path}"}}"#);
        let refusal = fixture.judge("Read", &input);
        assert!(matches!(refusal, Err(Refusal::Secret(_))), "{path}: {refusal:?}");
    }
}

#[test]
fn patterns_stay_in_the_project() {
    let fixture = Fixture::new();
    fixture.allows(
        "Glob",
        &[
            r#"{"pattern":"**/*.rs"}"#,
            r#"{"pattern":"src/*.rs","path":"$BASE/project"}"#,
            r#"{"pattern":"*.rs","path":"src"}"#,
            r#"{"pattern":"$BASE/project/src/*.rs"}"#,
            r#"{"pattern":"{src,tests}/**"}"#,
            r#"{"pattern":"a..b*"}"#,
        ],
    );
    fixture.refuses(
        "Glob",
        &[
            r#"{"pattern":"/etc/pass*"}"#,
            r#"{"pattern":"/*"}"#,
            r#"{"pattern":"../**"}"#,
            r#"{"pattern":"src/../../**"}"#,
            r#"{"pattern":"*/../../outside/*"}"#,
            r#"{"pattern":"{/etc/passwd,x}"}"#,
            r#"{"pattern":"{x,/etc/*}"}"#,
            r#"{"pattern":"{..,x}/*"}"#,
            r#"{"pattern":"out/*"}"#,
            r#"{"pattern":"~/*"}"#,
            r#"{"pattern":"*","path":"/etc"}"#,
            r#"{"pattern":"*","path":"out"}"#,
            r#"{"pattern":"*","path":".."}"#,
            r#"{"path":"src"}"#,
        ],
    );
}

#[test]
fn searches_stay_in_the_project() {
    let fixture = Fixture::new();
    fixture.allows(
        "Grep",
        &[
            r#"{"pattern":"../.."}"#,
            r#"{"pattern":"x","path":"src","glob":"*.{rs,ts}"}"#,
            r#"{"pattern":"x","path":""}"#,
        ],
    );
    fixture.refuses(
        "Grep",
        &[
            r#"{"pattern":"x","path":"/etc"}"#,
            r#"{"pattern":"x","path":"out"}"#,
            r#"{"pattern":"x","path":".env"}"#,
            r#"{"pattern":"x","path":".git"}"#,
            r#"{"pattern":"x","glob":"../outside/*"}"#,
            r#"{"pattern":"x","glob":"/etc/*"}"#,
        ],
    );
}

#[test]
fn only_tools_that_read_may_run() {
    let fixture = Fixture::new();
    fixture.allows("WebSearch", &[r#"{"query":"actix"}"#]);
    fixture.allows("mcp__features__feature_get_stats", &["{}"]);
    for tool in ["Write", "Edit", "Bash", "Task", "mcp__other__x", "", "read"] {
        fixture.refuses(tool, &["{}"]);
    }
}

#[test]
fn a_pipe_in_the_project_is_not_read() {
    let fixture = Fixture::new();
    let pipe = fixture.base.path().join("project/pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    fixture.refuses("Read", &[r#"{"file_path":"pipe"}"#]);
}

#[test]
fn the_agent_reads_back_its_own_long_results_and_nothing_beside_them() {
    let mut fixture = Fixture::new();
    let results = fixture.base.path().join("state/session/tool-results");
    fs::create_dir_all(&results).unwrap();
    fs::write(results.join("1.txt"), "long").unwrap();
    fs::write(results.join("../../other.jsonl"), "history").unwrap();
    fixture.refuses("Read", &[r#"{"file_path":"$BASE/state/session/tool-results/1.txt"}"#]);
    fixture.policy = fixture.policy.with_results(results);
    fixture.allows("Read", &[r#"{"file_path":"$BASE/state/session/tool-results/1.txt"}"#]);
    fixture.refuses(
        "Read",
        &[
            r#"{"file_path":"$BASE/state/other.jsonl"}"#,
            r#"{"file_path":"$BASE/state/session/tool-results/../../other.jsonl"}"#,
        ],
    );
}

#[test]
fn a_project_that_is_gone_gives_a_refusal() {
    let policy = Policy::new("/nonexistent/project", Secrets::new(&[]).unwrap());
    let refusal = policy.judge("Read", r#"{"file_path":"a"}"#);
    assert!(matches!(refusal, Err(Refusal::Project(_))));
}

proptest! {
    #[test]
    fn what_may_be_read_lies_in_the_project_however_the_path_is_put(
        parts in proptest::collection::vec(
            prop_oneof![
                Just(".."), Just("."), Just(""), Just("src"), Just("deep"), Just("out"),
                Just("out.txt"), Just("in.rs"), Just("README.md"), Just("later.txt"),
                Just("outside"), Just("secret.txt"), Just("project"), Just("none"), Just("$BASE"),
            ],
            0..7,
        ),
    ) {
        let fixture = Fixture::new();
        let base = fixture.base.path().canonicalize().unwrap();
        let path = parts.join("/").replace("$BASE", base.to_str().unwrap());
        if let Ok(real) = fixture.policy.resolve(&path) {
            let root = base.join("project");
            prop_assert!(real.starts_with(&root), "{path} was resolved to {real:?}");
            // What the system makes of the same path is where the tool will read.
            if let Ok(read) = root.join(&path).canonicalize() {
                prop_assert_eq!(read, real);
            }
        }
    }
}

#[test]
fn p2_an_agent_that_is_kept_off_the_web_gets_no_page_and_still_reads_files() {
    let mut fixture = Fixture::new();
    fixture.policy = fixture.policy.without_web();
    for (tool, input) in
        [("WebFetch", r#"{"url":"https://docs.rs"}"#), ("WebSearch", r#"{"query":"x"}"#)]
    {
        assert_eq!(fixture.judge(tool, input), Err(Refusal::Tool(tool.to_owned())));
    }
    fixture.allows("Read", &[r#"{"file_path":"README.md"}"#]);
}
