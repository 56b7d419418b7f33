//! Search in the text of a project's files: what is found as it goes on, its bounds, and that it shows
//! nothing that the reader of files refuses.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{
    search::encoded,
    server::{Server, Setup, write},
};

fn setup() -> Setup {
    let setup = Setup::scripted();
    let project = setup.project_dir();
    for (path, text) in [
        ("src/parser.rs", "//! Parses.\n\npub fn parse_quokka() {}\n\n// Quokka, quokka!\n"),
        ("src/main.py", "def quokka():\n    pass\n"),
        ("docs/quokka.md", "# The quokka\n"),
        ("build/out.rs", "fn quokka() {}\n"),
        (".gitignore", "build/\n"),
        (".env", "QUOKKA=hidden-value\n"),
        ("certs/server.pem", "quokka hidden-value\n"),
        ("src/key.rs", "quokka\n-----BEGIN RSA PRIVATE KEY-----\nhidden-value\n"),
        (".git/config", "quokka hidden-value\n"),
    ] {
        write(&project, path, text);
    }
    setup
}

/// What comes for a search, line by line.
async fn frames(server: &Server, project: &str, query: &[(&str, &str)]) -> Vec<Value> {
    let query: Vec<_> =
        query.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    let url = server.url(&format!("/api/projects/{project}/text?{}", query.join("&")));
    let response = reqwest::Client::new().get(url).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/x-ndjson");
    let text = response.text().await.unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The places that are found, and how the search ended.
async fn found(server: &Server, query: &[(&str, &str)]) -> (Vec<String>, Value) {
    places(&frames(server, "demo", query).await)
}

fn places(frames: &[Value]) -> (Vec<String>, Value) {
    let files = frames.iter().filter(|frame| frame["type"] == "file");
    let places = files.flat_map(|file| {
        let path = file["path"].as_str().unwrap();
        let hits = file["hits"].as_array().unwrap().iter();
        hits.map(move |hit| format!("{path}:{}", hit["line"]))
    });
    let end = frames.last().unwrap();
    assert_eq!(end["type"], "end", "{frames:?}");
    (places.collect(), end.clone())
}

#[actix::test]
async fn lines_are_found_by_text_and_by_expression_on_paths_and_in_languages() {
    let server = setup().start();
    for (query, expected) in [
        (
            &[("q", "quokka")][..],
            &["docs/quokka.md:1", "src/main.py:1", "src/parser.rs:3", "src/parser.rs:5"][..],
        ),
        (&[("q", "Quokka"), ("case", "true")], &["src/parser.rs:5"]),
        (&[("q", r"^def \w+"), ("regex", "true")], &["src/main.py:1"]),
        (&[("q", r"^def \w+")], &[]),
        (&[("q", "()"), ("paths", "src/*.rs")], &["src/parser.rs:3"]),
        (&[("q", "quokka"), ("paths", "!src docs !nothing")], &["docs/quokka.md:1"]),
        (&[("q", "quokka"), ("language", "python")], &["src/main.py:1"]),
        (&[("q", "wombat")], &[]),
    ] {
        let (places, end) = found(&server, query).await;
        assert_eq!(places, expected, "{query:?}");
        assert_eq!((&end["cut"], &end["hits"]), (&Value::Null, &json!(expected.len())), "{end}");
    }
    let all = frames(&server, "demo", &[("q", "quokka"), ("paths", "src/parser.rs")]).await;
    assert_eq!(all[0]["languages"], json!([{ "name": "rust", "files": 1 }]));
    assert_eq!(
        all[1]["hits"][1],
        json!({ "line": 5, "from": 0, "cut": false, "pieces": [
            { "text": "// ", "hit": false }, { "text": "Quokka", "hit": true }, { "text": ", ", "hit": false },
            { "text": "quokka", "hit": true }, { "text": "!", "hit": false },
        ] })
    );
}

#[actix::test]
async fn p10_no_line_of_a_file_that_the_reader_refuses_is_found() {
    let server = setup().start();
    for query in [
        &[("q", "hidden")][..],
        &[("q", "."), ("regex", "true")],
        &[("q", "hidden"), ("paths", ".env certs .git src/key.rs")],
    ] {
        let all = frames(&server, "demo", query).await;
        let (places, end) = places(&all);
        assert!(!json!(all).to_string().contains("hidden-value"), "{all:?}");
        assert!(end["tally"]["unread"].as_u64() <= Some(1), "{end}");
        for place in places {
            let (path, _) = place.split_once(':').unwrap();
            let (status, page) = server.get(&format!("/api/projects/demo/file?path={path}")).await;
            assert_eq!(status, 200, "{place}: {page}");
        }
    }
}

#[actix::test]
async fn a_group_is_searched_in_each_member_and_nowhere_else() {
    let setup = Setup::scripted().config("[groups]\nplatform = [\"demo\", \"web\"]\n");
    let setup = setup.project("web").project("third");
    for (path, text) in [
        ("project/src/pool.rs", "fn evict_quokka() {}\n"),
        ("web/src/page.ts", "function quokka() {}\n"),
        ("web/.env", "QUOKKA=quokka\n"),
        ("third/src/other.rs", "fn quokka() {}\n"),
    ] {
        write(setup.files_dir(), path, text);
    }
    let server = setup.start();
    let (all, _) = places(&frames(&server, "platform", &[("q", "quokka")]).await);
    assert_eq!(all, ["demo:src/pool.rs:1", "web:src/page.ts:1"]);
    let query = [("q", "quokka"), ("paths", "web:src/**")];
    let (of_one, _) = places(&frames(&server, "platform", &query).await);
    assert_eq!(of_one, ["web:src/page.ts:1"]);
}

#[actix::test]
async fn what_cannot_be_searched_for_is_refused_in_words() {
    let server = setup().start();
    let long = encoded(&"x".repeat(1001));
    for (query, words) in [
        ("q=", "is empty"),
        ("", "missing field `q`"),
        (&format!("q={long}"), "at most 1000 characters"),
        ("q=%28&regex=true", "This is no regular expression: unclosed group."),
        ("q=%28a%7B1000%7D%29%7B1000%7D&regex=true", "too much memory"),
        ("q=a&paths=..%2Fx", "leaves the directory"),
    ] {
        let (status, problem) = server.get(&format!("/api/projects/demo/text?{query}")).await;
        let detail = problem["detail"].to_string();
        assert!(status == 422 && detail.contains(words), "{query}: {status} {detail}");
    }
    assert_eq!(server.get("/api/projects/nobody/text?q=x").await.0, 404);
}

#[actix::test]
async fn p9_hits_are_cut_long_lines_are_shortened_and_results_come_before_the_end() {
    let setup = Setup::scripted().config("[advanced.reading]\nfile_bytes = \"256KiB\"\n");
    let project = setup.project_dir();
    for n in 0..60 {
        write(&project, &format!("many/{n:03}.txt"), &"quokka\n".repeat(30));
    }
    write(&project, "long.txt", &format!("{}wombat{}\n", "x".repeat(9000), "y".repeat(9000)));
    write(&project, "full.txt", &"numbat\n".repeat(5000));
    write(&project, "huge.txt", &"numbat\n".repeat(50_000));
    let server = setup.start();
    let all = frames(&server, "demo", &[("q", "quokka")]).await;
    let (places, end) = places(&all);
    assert_eq!(end["cut"], "hits");
    assert!((1000..1030).contains(&places.len()), "{end}");
    assert!(all.iter().filter(|frame| frame["type"] == "progress").count() >= 4);

    let all = frames(&server, "demo", &[("q", "wombat")]).await;
    let hit = &all.iter().find(|frame| frame["type"] == "file").unwrap()["hits"][0];
    assert_eq!((&hit["from"], &hit["cut"]), (&json!(8900), &json!(true)));
    assert!(hit.to_string().len() < 1000, "{hit}");

    let (lines, end) = found(&server, &[("q", "numbat")]).await;
    assert_eq!((lines.len(), &end["cut"]), (100, &json!("hits")), "a file shows so many lines");
    assert_eq!(end["tally"]["too_large"], 1);
}

#[actix::test]
async fn p9_a_search_that_nobody_follows_keeps_no_other_waiting() {
    let setup = Setup::scripted();
    let project = setup.project_dir();
    let line = "a".repeat(120) + "\n";
    for n in 0..300 {
        write(&project, &format!("many/{n:03}.txt"), &line.repeat(2000));
    }
    let server = setup.start();
    let costly = encoded(r"(a{1,60}){2,9}(a|b|aa)*c$");
    let url = server.url(&format!("/api/projects/demo/text?regex=true&q={costly}"));
    for _ in 0..12 {
        // Gone as soon as it began, as when somebody types on.
        let mut response = reqwest::Client::new().get(&url).send().await.unwrap();
        assert!(response.chunk().await.unwrap().is_some());
        drop(response);
    }
    let since = Instant::now();
    let (status, _) = server.get("/api/projects/demo/files?q=000").await;
    assert_eq!(status, 200);
    let (places, _) = found(&server, &[("q", "aaa"), ("paths", "many/007.txt")]).await;
    assert_eq!(places.len(), 100);
    assert!(since.elapsed() < Duration::from_secs(15), "{:?}", since.elapsed());
}
