//! Readers that a hostile file has taken over: whatever one says or does not say, who asked gets a
//! sentence in time, and the next reader serves again.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::Instant,
};

use cicerone::{
    agent::{Agents, Server},
    project::{Project, ProjectName},
};
use tokio::time::timeout;

use crate::{agent_probe::Bench, server::DEADLINE};

/// What a shell does in a reader's place.
const READERS: [(&str, &str); 10] = [
    ("ends at once", "exit 3"),
    ("floods with lines", "exec yes"),
    ("floods with one line", "yes x | tr -d '\\n'"),
    ("floods with answers", "exec yes '{\"id\":1,\"answer\":\"done\"}'"),
    ("floods stderr and ends", "yes | head -c 9000000 >&2"),
    ("answers with rubbish", "read line; echo '\u{1b}[2J <script>'; cat"),
    ("answers what nobody asked", "read line; echo '{\"id\":999,\"answer\":\"done\"}'; cat"),
    ("answers another question", "read line; echo '{\"id\":1,\"answer\":\"unknown_code\"}'; cat"),
    ("repeats the question", "exec cat"),
    ("is killed over the question", "read line; kill -9 $$"),
];

/// A program that is `cicerone`, but where it is a reader.
fn program(path: &Path, reader: &str) {
    let cicerone = env!("CARGO_BIN_EXE_cicerone");
    let script = format!(
        "#!/bin/sh\nif [ \"$1\" = reader ]; then\n{reader}\nelse\nexec {cicerone} \"$@\"\nfi\n"
    );
    // Renamed, since a script that runs must not change.
    let next = path.with_extension("next");
    fs::write(&next, script).unwrap();
    fs::set_permissions(&next, fs::Permissions::from_mode(0o755)).unwrap();
    fs::rename(next, path).unwrap();
}

fn agents(bench: &Bench, program: PathBuf) -> Agents {
    let server = Server { program: Ok(program), environment: bench.environment.clone() };
    bench.agents_of(server)
}

#[actix_web::test]
async fn p9_p10_whatever_a_reader_says_costs_a_sentence_and_the_next_one_serves() {
    for (what, reader) in READERS {
        let mut bench = Bench::scripted();
        // What the shell starts is no part of the cage of this program.
        bench.settings.sandbox = cicerone::config::settings::Sandbox::Off;
        let path = bench.base.path().join("cicerone");
        program(&path, reader);
        let tools = bench.tools(&agents(&bench, path.clone()));
        let project = Project::new(ProjectName::mend("tea-shop"), bench.project());
        let check = || tools.check_content(project.clone(), "README.md".to_owned());
        let said = timeout(DEADLINE, check()).await.unwrap_or_else(|_| panic!("{what}: no answer"));
        if what == "floods with answers" {
            // The first of them is right.
            assert_eq!(said, Ok(()), "{what}");
        } else {
            let said = said.expect_err(what);
            assert!(said.contains("The reader of the project's files"), "{what}: {said}");
            assert!(!said.contains("<script>") && said.len() < 1000, "{what}: {said}");
        }
        program(&path, &format!("exec {} \"$@\"", env!("CARGO_BIN_EXE_cicerone")));
        let since = Instant::now();
        while let Err(said) = tools.specification(project.clone()).await {
            assert!(since.elapsed() < DEADLINE, "{what}: {said}");
        }
        assert_eq!(check().await, Ok(()), "{what}");
        let key = "-----BEGIN PRIVATE KEY-----\nx\n";
        fs::write(bench.project().join("notes"), key).unwrap();
        let refused = tools.check_content(project.clone(), "notes".to_owned()).await;
        assert!(refused.is_err_and(|said| said.contains("may hold secrets")), "{what}");
    }
}
