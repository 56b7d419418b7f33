//! The code without an agent over HTTP: directories, definitions, who wrote lines, and links to editors.

use serde_json::{Value, json};

use crate::{
    search::encoded,
    server::{Server, Setup, eventually, git, write},
};

fn setup() -> Setup {
    let setup = Setup::scripted();
    let project = setup.project_dir();
    for (path, text) in [
        ("src/parser.rs", "pub fn parse_quokka() {}\n\npub struct Quokka;\n"),
        ("src/deep/other.rs", "fn parse_quokka() {}\nfn parseQuokka() {}\n"),
        ("docs/quokka.md", "# Quokka\n"),
        ("build/out.rs", "fn hidden_quokka() {}\n"),
        (".gitignore", "build/\n"),
        (".env.rs", "fn hidden_quokka() {}\n"),
    ] {
        write(&project, path, text);
    }
    setup
}

/// The definitions that are found, once the index is there.
async fn symbols(server: &Server, query: &str) -> Vec<String> {
    let path = format!("/api/projects/demo/symbols?{query}");
    let found = eventually("the index is built", async || {
        let (status, found) = server.get(&path).await;
        (status == 200).then_some(found)
    })
    .await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let shown = found["symbols"].as_array().unwrap().iter().map(|it| {
        format!("{} {} {}:{}", text(&it["kind"]), text(&it["name"]), text(&it["path"]), it["line"])
    });
    shown.collect()
}

#[actix::test]
async fn definitions_are_found_by_letters_and_by_their_whole_name() {
    let server = setup().start();
    let exact = symbols(&server, "q=parse_quokka&exact=true").await;
    assert_eq!(exact, ["fn parse_quokka src/deep/other.rs:1", "fn parse_quokka src/parser.rs:1"]);
    let other_spelling = symbols(&server, "q=ParseQuokka&exact=true").await;
    assert_eq!(other_spelling.len(), 3, "{other_spelling:?}");
    let letters = symbols(&server, "q=pquok").await;
    assert!(letters.len() == 3 && letters.iter().all(|it| it.contains("arse")), "{letters:?}");
    assert_eq!(symbols(&server, "q=Quokka&limit=1").await, ["struct Quokka src/parser.rs:3"]);
    let all = symbols(&server, "q=quokka").await;
    assert!(all.iter().any(|it| it == "heading Quokka docs/quokka.md:1"), "{all:?}");
    assert!(!all.iter().any(|it| it.contains("hidden")), "{all:?}");
    assert_eq!(symbols(&server, "q=wombat&exact=true").await, Vec::<String>::new());
    let long = format!("/api/projects/demo/symbols?q={}", "x".repeat(201));
    assert_eq!(server.get(&long).await.0, 422);
}

#[actix::test]
async fn p10_a_directory_shows_what_may_be_read_in_it() {
    let server = setup().start();
    for (path, dirs, files) in [
        ("", json!(["docs", "src"]), json!(["README.md"])),
        ("src", json!(["deep"]), json!(["parser.rs"])),
        ("src/deep/", json!([]), json!(["other.rs"])),
        ("build", json!([]), json!([])),
        ("..", json!([]), json!([])),
        ("/etc", json!([]), json!([])),
    ] {
        let url = format!("/api/projects/demo/tree?path={}", encoded(path));
        let (status, found) = server.get(&url).await;
        assert_eq!((status, &found["dirs"], &found["files"]), (200, &dirs, &files), "{path}");
    }
}

#[actix::test]
async fn lines_are_told_with_who_wrote_them_last() {
    let setup = setup();
    let project = setup.project_dir();
    let server = setup.start();
    let blame = "/api/projects/demo/blame?path=src/parser.rs&line=1&end_line=9";
    let (status, problem) = server.get(blame).await;
    assert_eq!(status, 404, "{problem}");
    git(&project, "Ann", &["init", "--quiet"]);
    git(&project, "Ann", &["add", "."]);
    git(&project, "Ann", &["commit", "--quiet", "--message", "Parse the quokka"]);
    write(&project, "src/parser.rs", "pub fn parse_quokka() {}\n\npub struct Quokka;\nnew\n");
    let (status, blamed) = server.get(blame).await;
    assert_eq!(status, 200, "{blamed}");
    let parts = blamed["parts"].as_array().unwrap();
    assert_eq!(parts.len(), 2, "{blamed}");
    assert_eq!((&parts[0]["first"], &parts[0]["last"]), (&json!(1), &json!(3)));
    assert_eq!(parts[0]["commit"]["subject"], "Parse the quokka");
    assert_eq!(parts[1], json!({ "first": 4, "last": 4 }));
    for (path, status) in [(".env.rs", 403), ("../x", 422), ("src/gone.rs", 404)] {
        let (given, _) = server.get(&format!("/api/projects/demo/blame?path={path}&line=1")).await;
        assert!(given == status || (400..500).contains(&given), "{path}: {given}");
    }
}

#[actix::test]
async fn a_file_leads_to_the_editor_of_the_settings() {
    let setup =
        setup().config("[reader]\neditor_url = \"https://example.org/{project}/{path}#L{line}\"\n");
    let server = setup.start();
    let (_, page) = server.get("/api/projects/demo/file?path=src/parser.rs").await;
    assert_eq!(page["editor_url"], "https://example.org/demo/src/parser.rs#L{line}");
    let (_, page) = setup_without_editor().await;
    assert!(page.get("editor_url").is_none(), "{page}");
}

async fn setup_without_editor() -> (u16, Value) {
    let server = setup().start();
    server.get("/api/projects/demo/file?path=src/parser.rs").await
}
