//! A project's files over HTTP: what is found, what is shown, and every way out of the project
//! that leads nowhere.

use std::{fs, os::unix::fs::symlink};

use serde_json::{Value, json};

use crate::{
    search::encoded,
    server::{DEADLINE, Server, Setup, git, write},
};

/// A project with files to find and to read.
fn setup() -> Setup {
    let setup = Setup::scripted();
    let project = setup.project_dir();
    for (path, text) in [
        ("src/parser.rs", "//! Parses.\n\npub fn parse_quokka() {}\n\nstruct Token;\n"),
        ("src/parser/tokens.rs", "fn token() {}\n"),
        ("build/out.rs", "fn out() {}\n"),
        (".gitignore", "build/\n"),
        (".env", "KEY=hidden-value\n"),
        ("deep/.env.local", "KEY=hidden-value\n"),
        ("certs/server.pem", "hidden-value\n"),
        (".git/config", "hidden-value\n"),
        ("with space/ü&x.md", "# Title\n"),
    ] {
        write(&project, path, text);
    }
    write(setup.files_dir(), "outside/secret.txt", "hidden-value\n");
    write(setup.files_dir(), "project-2/secret.txt", "hidden-value\n");
    setup
}

async fn show(server: &Server, path: &str) -> (u16, Value) {
    server.get(&format!("/api/projects/demo/file?path={}", encoded(path))).await
}

async fn found(server: &Server, query: &str) -> Vec<String> {
    let (status, found) =
        server.get(&format!("/api/projects/demo/files?q={}", encoded(query))).await;
    assert_eq!(status, 200, "{found}");
    let files = found["files"].as_array().unwrap().iter();
    files.map(|file| file["path"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_file_is_shown_whatever_its_definitions_are_called() {
    let setup = Setup::scripted();
    let long = format!("{}\n======\n", "wörter ".repeat(3000));
    let files = [
        ("a.rs", "macro_rules! select {\n}\n", "macro_rules!"),
        ("a.tcl", "oo::class create Dog {\n}\n", "oo::class create"),
        ("a.jl", "mutable struct Point\nend\n", "mutable struct"),
        ("a.vhd", "PACKAGE BODY p IS\n", "package body"),
        ("a.clj", "(defn- open! [x])\n", "defn-"),
        ("long.md", &long, "heading"),
    ];
    for (path, text, _) in files {
        write(&setup.project_dir(), path, text);
    }
    let server = setup.start();
    for (path, _, kind) in files {
        let address = format!("/api/projects/demo/file?path={path}&format=html");
        let (status, page) = server.get(&address).await;
        assert_eq!(status, 200, "{path}: {page}");
        let outline = &page["outline"][0];
        assert!(outline["name"].as_str().unwrap().len() < 600, "{path}");
        let is_kind = [kind, "definition"].contains(&outline["kind"].as_str().unwrap());
        assert!(is_kind, "{path}: {outline}");
    }
    let (status, found) = server.get("/api/projects/demo/symbols?q=select").await;
    assert_eq!((status, &found["symbols"][0]["kind"]), (200, &json!("macro_rules!")), "{found}");
}

#[actix::test]
async fn files_are_found_by_letters_of_their_paths() {
    let server = setup().start();
    assert_eq!(found(&server, "parser").await[0], "src/parser.rs");
    assert_eq!(found(&server, "tok").await, ["src/parser/tokens.rs"]);
    assert_eq!(found(&server, "nothing-like-it").await, Vec::<String>::new());
    let (_, one) = server.get("/api/projects/demo/files?limit=1").await;
    assert_eq!((one["files"].as_array().unwrap().len(), &one["total"]), (1, &json!(4)));
    assert_eq!(one["truncated"], false);
    let long = format!("/api/projects/demo/files?q={}", "x".repeat(201));
    assert_eq!(server.get(&long).await.0, 422);
    assert_eq!(server.get("/api/projects/nobody/files").await.0, 404);
    assert_eq!(server.get("/api/projects/b%20d/files").await.0, 400);
}

#[actix::test]
async fn p10_secret_and_ignored_files_and_those_behind_links_are_not_found() {
    let setup = setup();
    symlink("../outside", setup.project_dir().join("out")).unwrap();
    symlink("../outside/secret.txt", setup.project_dir().join("out.txt")).unwrap();
    let server = setup.start();
    let mut all = found(&server, "").await;
    all.sort();
    assert_eq!(all, ["README.md", "src/parser.rs", "src/parser/tokens.rs", "with space/ü&x.md"]);
}

#[actix::test]
async fn a_file_is_shown_with_what_it_defines() {
    let server = setup().start();
    let (status, file) = show(&server, "src/parser.rs").await;
    assert_eq!(
        (status, file),
        (
            200,
            json!({
                "path": "src/parser.rs", "size": 53, "language": "rust", "binary": false,
                "total_lines": 5, "first_line": 1, "last_line": 5,
                "text": "//! Parses.\n\npub fn parse_quokka() {}\n\nstruct Token;",
                "truncated": false,
                "outline": [
                    { "kind": "fn", "name": "parse_quokka", "line": 3 },
                    { "kind": "struct", "name": "Token", "line": 5 },
                ],
            })
        )
    );
    for path in ["with space/ü&x.md", "./src/parser.rs", "src//parser.rs", "build/out.rs"] {
        assert_eq!(show(&server, path).await.0, 200, "{path}");
    }
}

#[actix::test]
async fn a_long_file_comes_in_pages_and_a_huge_or_binary_one_not() {
    let setup = setup().config("[advanced.reading]\npage_lines = 10\nfile_bytes = \"64KiB\"\n");
    let project = setup.project_dir();
    let lines: String = (1..=1000).map(|line| format!("line {line}\n")).collect();
    write(&project, "long.txt", &lines);
    write(&project, "huge.txt", &"x".repeat(65 * 1024));
    fs::write(project.join("image.png"), b"\x89PNG\0\0").unwrap();
    let server = setup.start();
    let (_, page) = server.get("/api/projects/demo/file?path=long.txt&line=500").await;
    assert_eq!(
        (&page["first_line"], &page["last_line"], &page["total_lines"], &page["truncated"]),
        (&json!(496), &json!(505), &json!(1000), &json!(true))
    );
    assert!(page["text"].as_str().unwrap().starts_with("line 496\nline 497\n"), "{page}");
    let (status, problem) = show(&server, "huge.txt").await;
    assert_eq!(status, 413);
    assert!(problem["detail"].as_str().unwrap().contains("66560 bytes"), "{problem}");
    let (status, image) = show(&server, "image.png").await;
    assert_eq!((status, &image["binary"], &image["text"]), (200, &json!(true), &json!("")));
}

async fn lines(server: &Server, path: &str) -> Vec<String> {
    let path = format!("/api/projects/demo/file?format=html&path={path}");
    let (status, file) = server.get(&path).await;
    assert_eq!(status, 200, "{file}");
    let lines = file["lines"].as_array().unwrap_or_else(|| panic!("{file}"));
    let text = file["text"].as_str().unwrap();
    assert_eq!(lines.len(), text.split('\n').count(), "{file}");
    lines.iter().map(|line| line.as_str().unwrap().to_owned()).collect()
}

#[actix::test]
async fn a_file_is_shown_in_its_colours_line_by_line() {
    let server = setup().start();
    assert_eq!(
        lines(&server, "src/parser.rs").await,
        [
            r#"<span class="comment">//! Parses.</span>"#,
            "",
            r#"<span class="keyword">pub fn</span> <span class="function">parse_quokka</span>() {}"#,
            "",
            r#"<span class="keyword">struct</span> <span class="type">Token</span>;"#,
        ]
    );
    for query in ["", "&format=text"] {
        let path = format!("/api/projects/demo/file?path=src/parser.rs{query}");
        assert_eq!(server.get(&path).await.1["lines"], Value::Null, "{query}");
    }
    let wrong = server.get("/api/projects/demo/file?path=src/parser.rs&format=rtf").await;
    assert_eq!(wrong.0, 422, "{wrong:?}");
}

#[actix::test]
async fn colours_know_what_began_before_the_page_and_keep_to_the_limits() {
    let setup = setup()
        .config("[advanced.reading]\npage_lines = 3\n[advanced.highlighting]\nfile_bytes = 100\nline_bytes = 20\n");
    let project = setup.project_dir();
    write(&project, "near.rs", &format!("/*\n{}", "a <b>\n".repeat(12)));
    write(&project, "far.rs", &format!("/*\n{}", "a <b>\n".repeat(100)));
    write(&project, "long.rs", &format!("let a;\nlet {};\n</pre>\n", "b".repeat(20)));
    write(&project, "other", "<script>\n\"&amp;'\n");
    write(&project, "empty.rs", "");
    let server = setup.start();
    let comment = r#"<span class="comment">a &lt;b&gt;</span>"#;
    assert_eq!(lines(&server, "near.rs&line=9").await, [comment; 3]);
    assert_eq!(lines(&server, "far.rs&line=50").await, ["a &lt;b&gt;"; 3]);
    let long = lines(&server, "long.rs").await;
    assert!(long[0].starts_with("<span") && long[1].starts_with("let bb"), "{long:?}");
    assert_eq!(long[2], "&lt;/pre&gt;");
    assert_eq!(lines(&server, "other").await, ["&lt;script&gt;", "&quot;&amp;amp;&#39;"]);
    let (_, empty) = server.get("/api/projects/demo/file?path=empty.rs&format=html").await;
    assert_eq!(empty["lines"], json!([]));
}

#[actix::test]
async fn p10_no_path_leads_out_of_the_project() {
    let setup = setup();
    let (project, files) = (setup.project_dir(), setup.files_dir().to_owned());
    symlink("../outside", project.join("out")).unwrap();
    symlink("../outside/secret.txt", project.join("out.txt")).unwrap();
    symlink(files.join("outside/secret.txt"), project.join("absolute.txt")).unwrap();
    symlink("out.txt", project.join("twice.txt")).unwrap();
    symlink("/proc/self/environ", project.join("environ")).unwrap();
    symlink("/proc/self/root", project.join("root")).unwrap();
    symlink("/dev/zero", project.join("zero")).unwrap();
    symlink("loop", project.join("loop")).unwrap();
    symlink("../outside/none", project.join("dangling")).unwrap();
    let server = setup.start();
    let outside = files.join("outside/secret.txt");
    let inside = project.join("README.md");
    for path in [
        "/etc/passwd",
        "//etc/passwd",
        outside.to_str().unwrap(),
        inside.to_str().unwrap(),
        "..",
        "../outside/secret.txt",
        "src/../../outside/secret.txt",
        "src/../README.md",
        "none/../../outside/secret.txt",
        "../project-2/secret.txt",
        "./../outside/secret.txt",
        "out/secret.txt",
        "out/../outside/secret.txt",
        "out.txt",
        "absolute.txt",
        "twice.txt",
        "environ",
        "root/etc/passwd",
        "zero",
        "loop",
        "dangling",
        "~/.ssh/id_rsa",
        "~root/x",
        "README.md\0",
        "README.md\0.png",
        "/proc/self/environ",
        "/dev/stdin",
    ] {
        let (status, problem) = show(&server, path).await;
        assert_eq!(status, 403, "{path:?} {problem}");
        assert!(problem["detail"].as_str().unwrap().len() > 10, "{problem}");
        assert!(!problem.to_string().contains("hidden-value"), "{problem}");
    }
    // Names that only look like ways out: no such file is there.
    for path in [
        "..%2foutside%2fsecret.txt",
        "..\\outside\\secret.txt",
        "...",
        "src/..%00",
        "‥/outside",
        "file:///etc/passwd",
    ] {
        let (status, problem) = show(&server, path).await;
        assert_eq!(status, 404, "{path:?} {problem}");
    }
    // As they stand in the address: separators escaped once are separators, twice are none.
    for (raw, expected) in [
        ("..%2Foutside%2Fsecret.txt", 403),
        ("%2e%2e/outside/secret.txt", 403),
        ("..%252Foutside", 404),
        ("src%2Fparser.rs", 200),
        ("%c0%ae%c0%ae/outside/secret.txt", 404),
    ] {
        let (status, answer) = server.get(&format!("/api/projects/demo/file?path={raw}")).await;
        assert_eq!(status, expected, "{raw} {answer}");
    }
    for query in ["", "?path=", "?path=README.md&line=x", "?path=README.md&line=-1"] {
        assert_eq!(server.get(&format!("/api/projects/demo/file{query}")).await.0, 422, "{query}");
    }
    let long = "x/".repeat(2100);
    assert_eq!(show(&server, &long).await.0, 422);
}

#[actix::test]
async fn p10_secrets_are_not_shown_under_any_name() {
    let setup = setup().config("[agent]\nsecrets = [\"*.sqlite\"]\n");
    let project = setup.project_dir();
    symlink(".env", project.join("settings.txt")).unwrap();
    symlink("certs", project.join("public")).unwrap();
    write(&project, "data.sqlite", "hidden-value");
    let server = setup.start();
    for path in [
        ".env",
        ".ENV",
        "./.env",
        "settings.txt",
        "deep/.env.local",
        "certs/server.pem",
        "public/server.pem",
        ".git/config",
        ".git",
        "data.sqlite",
        ".env/x",
        "none/.env",
    ] {
        let (status, problem) = show(&server, path).await;
        assert_eq!(status, 403, "{path} {problem}");
        assert!(!problem.to_string().contains("hidden-value"), "{problem}");
    }
}

#[actix::test]
async fn p10_directories_pipes_sockets_and_devices_are_never_opened() {
    let setup = setup();
    let project = setup.project_dir();
    let made = std::process::Command::new("mkfifo").arg(project.join("pipe")).status().unwrap();
    assert!(made.success());
    symlink("pipe", project.join("link-to-pipe")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(project.join("socket")).unwrap();
    let server = setup.start();
    for path in ["src", "src/", "."] {
        let (status, problem) = show(&server, path).await;
        assert_eq!(status, 422, "{path} {problem}");
        assert!(problem["detail"].as_str().unwrap().contains("directory"), "{problem}");
    }
    // A pipe that is opened would keep its reader waiting for ever.
    for path in ["pipe", "link-to-pipe", "socket"] {
        let answer = tokio::time::timeout(DEADLINE, show(&server, path)).await;
        assert_eq!(answer.expect("it was opened").0, 403, "{path}");
    }
    for path in ["none.rs", "none/none.rs"] {
        let (status, problem) = show(&server, path).await;
        assert_eq!(status, 404, "{path} {problem}");
    }
    assert_eq!(show(&server, "README.md").await.0, 200);
}

#[actix::test]
async fn a_new_conversation_has_questions_that_fit_the_project() {
    let setup = setup();
    write(
        &setup.project_dir(),
        "README.md",
        "# Quokka\n\nHands out *leases* to quokkas, one at a time. Text.\n\n## Leases\n\nText.\n",
    );
    let server = setup.start();
    let (status, told) = server.get("/api/projects/demo/questions").await;
    let expected = [
        "What is Quokka for, and how is it laid out?",
        "What does `src/parser/tokens.rs` do, and what uses it?",
    ];
    assert_eq!((status, &told["questions"]), (200, &json!(expected)));
    assert_eq!(told["about"], "Hands out leases to quokkas, one at a time.");
    assert_eq!(server.get("/api/projects/other/questions").await.0, 404);
}

#[actix::test]
async fn a_text_is_found_in_a_whole_file_in_a_commit_and_not_where_nothing_may_be_read() {
    let setup = setup().config("[advanced.reading]\npage_lines = 10\n");
    let project = setup.project_dir();
    write(&project, "long.txt", &"no\n".repeat(500).replacen("no\n", "Ü😀 quokka Quokka\n", 1));
    write(&project, "many.txt", &"x ".repeat(2500));
    write(&project, "data.bin", "quokka\0");
    fs::remove_dir_all(project.join(".git")).unwrap();
    git(&project, "Ann", &["init", "--quiet"]);
    git(&project, "Ann", &["add", "many.txt"]);
    git(&project, "Ann", &["commit", "--quiet", "--message", "Many"]);
    git(&project, "Ann", &["add", "long.txt"]);
    git(&project, "Ann", &["commit", "--quiet", "--message", "Quokka"]);
    write(&project, "long.txt", &("no\n".repeat(499) + "quokka"));
    let server = setup.start();
    let find =
        async |query: &str| server.get(&format!("/api/projects/demo/file/places?{query}")).await;
    let (_, now) = find("path=long.txt&q=QUOKKA").await;
    let last = json!([{ "line": 500, "start": 0, "end": 6 }]);
    assert_eq!(now, json!({ "places": last, "more": false }));
    let id = git(&project, "Ann", &["rev-parse", "HEAD"]);
    let (_, then) = find(&format!("path=long.txt&q=quokka&commit={}", id.trim())).await;
    let both = json!([{ "line": 1, "start": 4, "end": 10 }, { "line": 1, "start": 11, "end": 17 }]);
    assert_eq!(then["places"], both);
    let (_, commit) = find(&format!("commit={}&q=quokka", id.trim())).await;
    assert!(commit["places"].as_array().is_some_and(|it| it.len() >= 2), "{commit}");
    let (_, many) = find("path=many.txt&q=x").await;
    assert_eq!((many["places"].as_array().unwrap().len(), &many["more"]), (2000, &json!(true)));
    assert_eq!(find("path=data.bin&q=quokka").await.1, json!({ "places": [], "more": false }));
    let long = format!("path=long.txt&q={}", "x".repeat(201));
    for (query, refused) in [
        ("path=.env&q=KEY", 403),
        ("path=../outside/secret.txt&q=hidden", 403),
        ("path=gone.txt&q=a", 404),
        ("path=long.txt&q=", 422),
        (long.as_str(), 422),
    ] {
        assert_eq!(find(query).await.0, refused, "{query}");
    }
}
