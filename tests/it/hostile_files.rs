//! Projects whose files are made to hang, fill or mislead whoever reads them: the server and the
//! guide answer as if those files were not there.

use std::{
    fs,
    os::unix::fs::symlink,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    guide::Guide,
    processes::resident,
    search::encoded,
    server::{DEADLINE, Server, Setup, write},
};

/// How much larger a server may be after it has looked at all of them, bytes.
const GROWTH: u64 = 96 << 20;

/// One hostile thing in a project.
struct Trap {
    name: &'static str,
    lay: fn(&Path),
}

const TRAPS: &[Trap] = &[
    Trap { name: "linked-to-zero", lay: |dir| link(dir, ".gitignore", "/dev/zero") },
    Trap { name: "linked-to-random", lay: |dir| link(dir, ".ignore", "/dev/random") },
    Trap { name: "linked-outside", lay: |dir| link(dir, ".gitignore", "/etc/passwd") },
    Trap { name: "linked-to-memory", lay: |dir| link(dir, ".ignore", "/proc/self/mem") },
    Trap { name: "linked-to-itself", lay: |dir| link(dir, ".gitignore", ".gitignore") },
    Trap { name: "deep-link", lay: |dir| link(dir, "src/deep/.gitignore", "/dev/zero") },
    Trap { name: "exclude-link", lay: |dir| link(dir, ".git/info/exclude", "/dev/zero") },
    Trap { name: "git-link", lay: |dir| link(dir, ".git", "/dev/zero") },
    Trap { name: "readme-link", lay: |dir| link(dir, "README.md", "/dev/zero") },
    Trap { name: "specification-link", lay: |dir| link(dir, "prompts/app_spec.txt", "/dev/zero") },
    Trap { name: "features-link", lay: |dir| link(dir, "features.db", "/dev/zero") },
    Trap { name: "pipe", lay: |dir| pipe(dir, ".gitignore") },
    Trap { name: "other-pipe", lay: |dir| pipe(dir, ".ignore") },
    Trap { name: "exclude-pipe", lay: |dir| pipe(dir, ".git/info/exclude") },
    Trap { name: "git-pipe", lay: |dir| pipe(dir, ".git") },
    Trap { name: "readme-pipe", lay: |dir| pipe(dir, "README.md") },
    Trap { name: "specification-pipe", lay: |dir| pipe(dir, "prompts/app_spec.txt") },
    Trap { name: "features-pipe", lay: |dir| pipe(dir, "features.db") },
    Trap { name: "journal-pipe", lay: journal_pipe },
    Trap { name: "sparse", lay: |dir| sparse(dir, ".gitignore") },
    Trap { name: "other-sparse", lay: |dir| sparse(dir, "src/.ignore") },
    Trap { name: "readme-sparse", lay: |dir| sparse(dir, "README.md") },
    Trap { name: "code-sparse", lay: |dir| sparse(dir, "src/large.rs") },
    Trap { name: "costly", lay: |dir| rules(dir, ".gitignore", "*s*h*o*w*n*r*[a-z]*o*{}*x") },
    Trap { name: "costly-other", lay: |dir| rules(dir, ".ignore", "**/{}*/**/[!a-m]*{a,b}?*") },
    Trap { name: "git-file-out", lay: |dir| write(dir, ".git", "gitdir: /dev\n") },
    Trap { name: "git-file-up", lay: |dir| write(dir, ".git", "gitdir: ../../../..\n") },
    Trap { name: "git-file-common", lay: git_file_common },
    Trap { name: "loop", lay: |dir| link(dir, "src/loop", "..") },
    Trap { name: "deep", lay: deep },
];

fn link(dir: &Path, path: &str, target: &str) {
    fs::create_dir_all(dir.join(path).parent().unwrap()).unwrap();
    symlink(target, dir.join(path)).unwrap();
}

fn pipe(dir: &Path, path: &str) {
    fs::create_dir_all(dir.join(path).parent().unwrap()).unwrap();
    assert!(Command::new("mkfifo").arg(dir.join(path)).status().unwrap().success());
}

fn sparse(dir: &Path, path: &str) {
    write(dir, path, "x");
    fs::File::options().write(true).open(dir.join(path)).unwrap().set_len(1 << 30).unwrap();
}

fn rules(dir: &Path, path: &str, pattern: &str) {
    let rules = (0..40_000).map(|n| pattern.replace("{}", &n.to_string()) + "\n");
    write(dir, path, &rules.collect::<String>());
}

fn git_file_common(dir: &Path) {
    write(dir, ".git", "gitdir: meta\n");
    pipe(dir, "meta/commondir");
    link(dir, "meta/info/exclude", "/dev/zero");
}

fn journal_pipe(dir: &Path) {
    let database = rusqlite::Connection::open(dir.join("features.db")).unwrap();
    database.execute_batch("CREATE TABLE features (id INTEGER);").unwrap();
    drop(database);
    pipe(dir, "features.db-journal");
}

fn deep(dir: &Path) {
    let mut path = dir.join("deep");
    for _ in 0..300 {
        path.push("d");
    }
    fs::create_dir_all(path).unwrap();
}

/// Lays a trap beside a file that is there to be found.
fn lay(trap: &Trap, dir: &Path) {
    (trap.lay)(dir);
    write(dir, "src/shown.rs", "/// Finds the quokka.\npub fn find_quokka() {}\n");
}

async fn ask(server: &Server, path: &str) -> (u16, Value) {
    let answer = tokio::time::timeout(DEADLINE, server.get(path)).await;
    answer.unwrap_or_else(|_| panic!("{path} is not answered"))
}

#[actix::test]
async fn p9_p10_no_file_of_a_project_hangs_or_fills_the_server() {
    let mut setup = Setup::scripted();
    for trap in TRAPS {
        setup = setup.project(trap.name);
        lay(trap, &setup.files_dir().join(trap.name));
    }
    let server = setup.start();
    assert_eq!(ask(&server, "/api/projects/demo/questions").await.0, 200);
    let before = resident(server.pid());
    let (status, projects) = ask(&server, "/api/projects").await;
    assert_eq!((status, projects.as_array().unwrap().len()), (200, TRAPS.len() + 1));
    for trap in TRAPS {
        let project = format!("/api/projects/{}", trap.name);
        let (status, found) = ask(&server, &format!("{project}/files?q=shown")).await;
        let first = &found["files"][0]["path"];
        assert_eq!((status, first), (200, &json!("src/shown.rs")), "{}: {found}", trap.name);
        let (status, questions) = ask(&server, &format!("{project}/questions")).await;
        assert_eq!(status, 200, "{}: {questions}", trap.name);
        for path in [".gitignore", ".ignore", "README.md", "prompts/app_spec.txt", "src/loop"] {
            let (status, _) = ask(&server, &format!("{project}/file?path={path}")).await;
            assert_ne!(status, 500, "{} {path}", trap.name);
        }
        let (status, _) = ask(&server, &format!("{project}/file?path=src/shown.rs")).await;
        assert_eq!(status, 200, "{}", trap.name);
        let grown = resident(server.pid()).saturating_sub(before);
        assert!(grown < GROWTH, "{}: {} MiB more", trap.name, grown >> 20);
    }
}

#[test]
fn p9_p10_no_file_of_a_project_hangs_or_fills_the_guide() {
    for trap in TRAPS {
        let dir = tempfile::tempdir().unwrap();
        lay(trap, dir.path());
        let started = Instant::now();
        let mut guide = Guide::start(dir.path());
        let text = guide.ask("where is find_quokka?").streamed();
        assert!(text.contains("src/shown.rs:2"), "{}: {text}", trap.name);
        let resident = resident(guide.pid());
        assert!(resident < GROWTH, "{}: {} MiB", trap.name, resident >> 20);
        assert!(started.elapsed() < Duration::from_secs(30), "{}", trap.name);
    }
}

/// A project in which every secret holds `hidden-value`, some of them under innocent names.
fn secrets(project: &Path) -> [Vec<&'static str>; 3] {
    let by_name = [
        "terraform.tfstate",
        "deep/terraform.tfstate.backup",
        "prod.tfvars",
        "kubeconfig",
        ".kube/config",
        ".docker/config.json",
        "credentials.json",
        "Credentials.JSON.old",
        "prod.env",
        "PROD.ENV~",
        "certs/server.pem",
        "server.pem~",
        "putty.ppk",
        ".vault-token",
        ".netrc",
        "_netrc",
        ".pgpass",
        ".my.cnf",
        "id_rsa",
        "id_rsa_work",
        "service-account-1.json",
        "vault.kdbx",
        "client.p12",
        "secrets.yml",
        "wp-config.php",
        "home.ovpn",
        ".s3cfg",
        ".git-credentials",
        "group_vars/all/vault.yml",
        "credentials (1).json",
    ];
    for path in by_name {
        write(project, path, "quokka hidden-value\n");
    }
    let by_content = ["notes.txt", "docs/deploy", "sa.json", "src/constants.txt", "login.asc"];
    let key = "-----BEGIN PRIVATE KEY-----\nhidden-value\n";
    write(project, "notes.txt", key);
    write(
        project,
        "docs/deploy",
        &format!("# of the build\n{}", key.replace("PRIVATE", "RSA PRIVATE")),
    );
    write(
        project,
        "sa.json",
        "{\"private_key\": \"-----BEGIN PRIVATE KEY-----\\nMIIEvQIBADANBgkqhkiG\", \"x\": \"hidden-value\"}",
    );
    write(project, "src/constants.txt", "PuTTY-User-Key-File-2: ssh-rsa\nhidden-value quokka\n");
    write(project, "login.asc", "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nhidden-value quokka\n");
    let readable = [
        ".env.example",
        "id_rsa_parser.py",
        "public.key",
        "credentials.rs",
        "secrets.md",
        "kubeconfig_test.go",
        "server.pem.md",
        "server.crt",
        "id_rsa.pub",
        "terraform.tfvars.example",
    ];
    let text = "MARK = \"-----BEGIN RSA PRIVATE KEY-----\"\n\nquokka shown-value\n";
    for path in readable {
        write(project, path, text);
    }
    [by_name.into(), by_content.into(), readable.into()]
}

#[actix::test]
async fn p10_secrets_are_shown_on_no_way_whatever_they_are_called() {
    let setup = Setup::scripted();
    let [by_name, by_content, readable] = secrets(&setup.project_dir());
    let server = setup.start();
    for path in by_name.iter().chain(&by_content) {
        let (status, answer) =
            ask(&server, &format!("/api/projects/demo/file?path={}", encoded(path))).await;
        assert_eq!(status, 403, "{path}: {answer}");
        assert!(!answer.to_string().contains("hidden-value"), "{path}: {answer}");
    }
    for path in &readable {
        let (status, answer) =
            ask(&server, &format!("/api/projects/demo/file?path={}", encoded(path))).await;
        assert_eq!(status, 200, "{path}: {answer}");
    }
    let (_, found) = ask(&server, "/api/projects/demo/files?limit=1000").await;
    let found: Vec<&str> = found["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| file["path"].as_str().unwrap())
        .collect();
    for path in by_name {
        assert!(!found.contains(&path), "{path} is found");
    }
    for path in readable.iter().filter(|path| !path.starts_with('.')) {
        assert!(found.contains(path), "{path} is not found");
    }
    // What an answer cites of them is told to be no page to open.
    let mut client = server.connect().await;
    client.start().await;
    client.ask("say `prod.tfvars:1`, `notes.txt:1`, `kubeconfig_test.go:1`").await;
    let frames = client.turn().await;
    let citations = &frames.last().unwrap()["citations"];
    let cited: Vec<(&str, bool)> = citations
        .as_array()
        .unwrap_or_else(|| panic!("{frames:?}"))
        .iter()
        .map(|it| (it["path"].as_str().unwrap(), it["found"].as_bool().unwrap()))
        .filter(|(_, found)| *found)
        .collect();
    assert_eq!(cited, [("kubeconfig_test.go", true)], "{citations}");
}

#[test]
fn p10_the_guide_finds_no_secret_whatever_it_is_called() {
    let dir = tempfile::tempdir().unwrap();
    secrets(dir.path());
    let mut guide = Guide::start(dir.path());
    for question in [
        "where is the quokka?",
        "hidden-value",
        "what is in notes.txt?",
        "show me prod.tfvars",
        "what does docs/deploy say?",
    ] {
        let told = guide.ask(question).everything();
        assert!(!told.contains("hidden-value quokka") && !told.contains("quokka hidden"), "{told}");
    }
    assert!(guide.ask("where is the quokka?").everything().contains("shown-value"));
}
