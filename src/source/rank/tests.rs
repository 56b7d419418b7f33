//! Which file comes first.

use std::fs;

use super::*;
use crate::{policy::Secrets, source::query};

/// The best file for a question among the files given.
fn best(files: &[(&str, &str)], question: &str) -> String {
    let (_project, index) = Index::of_files(files);
    let hits = rank(&index, &query::parse(question), &Weights::default());
    let best = &index.files()[hits[0].file as usize];
    best.found.path.to_string_lossy().into_owned()
}

#[test]
fn the_name_of_the_project_tells_no_file_from_another() {
    let parent = tempfile::tempdir().unwrap();
    let project = parent.path().join("lantern");
    fs::create_dir(&project).unwrap();
    for (path, text) in [
        ("lantern.rs", "/// Lantern, the lantern of lanterns.\npub fn lantern() { lantern() }\n"),
        ("store.rs", "/// Evicts what is old.\npub fn evict() {}\n"),
        ("draw.rs", "/// Draws a line.\npub fn draw() {}\n"),
    ] {
        fs::write(project.join(path), text).unwrap();
    }
    let mut index = Index::new(project.clone(), Secrets::new(&[]).unwrap());
    index.refresh();
    let first = |question: &str| {
        let hits = rank(&index, &query::parse(question), &Weights::default());
        index.files()[hits[0].file as usize].found.path.to_string_lossy().into_owned()
    };
    assert_eq!(first("how does lantern evict?"), "store.rs");
    assert_eq!(first("what is lantern?"), "lantern.rs");
}

#[test]
fn a_definition_beats_a_mention() {
    let files = [
        ("src/a.rs", "fn start() {\n    retry();\n}\n"),
        ("src/b.rs", "fn retry() {\n    start();\n}\n"),
    ];
    assert_eq!(best(&files, "where is retry?"), "src/b.rs");
}

#[test]
fn a_source_beats_its_test_unless_tests_are_asked_for() {
    let files = [
        ("src/retry.rs", "/// Tries again.\npub fn retry() {}\n"),
        ("tests/retry.rs", "/// Tries again.\npub fn retry() {}\n"),
    ];
    assert_eq!(best(&files, "how does retry work?"), "src/retry.rs");
    assert_eq!(best(&files, "where is retry tested?"), "tests/retry.rs");
}

#[test]
fn a_paraphrase_finds_what_it_means() {
    let files = [
        ("src/pool.rs", "/// Evicts idle entries after their ttl.\nfn evict() {}\n"),
        ("src/draw.rs", "/// Paints a line on the canvas.\nfn paint() {}\n"),
        ("src/parse.rs", "/// Reads a number.\nfn number() {}\n"),
    ];
    assert_eq!(best(&files, "when are old ones thrown away?"), "src/pool.rs");
}

#[test]
fn words_together_beat_words_apart() {
    let apart = format!("// alpha\n{}// omega\n", "\n".repeat(90));
    let files = [
        ("src/a.rs", apart.as_str()),
        ("src/b.rs", "// alpha\n// omega\n"),
        ("src/c.rs", "fn nothing() {}\n"),
    ];
    let index_of = |question: &str| best(&files, question);
    assert_eq!(index_of("alpha omega"), "src/b.rs");
}

#[test]
fn a_repeated_word_does_not_beat_two_words() {
    let repeated = "alpha();\n".repeat(30);
    let files = [
        ("src/a.rs", repeated.as_str()),
        ("src/b.rs", "alpha();\nomega();\n"),
        ("src/c.rs", "nothing();\n"),
    ];
    assert_eq!(best(&files, "alpha omega"), "src/b.rs");
}

#[test]
fn the_folder_of_a_file_tells_what_it_is_about() {
    let text = "fn start() {\n    open_session();\n}\n";
    let files = [("src/alpha/store.rs", text), ("src/session/store.rs", text)];
    assert_eq!(best(&files, "where does a session start?"), "src/session/store.rs");
}

#[test]
fn what_an_ordinary_build_leaves_out_is_cited_only_where_it_is_asked_for() {
    let text = "#[cfg(windows)]\npub fn set_timer(seconds: u32) {\n    timer(seconds)\n}\n\n\
                #[cfg(unix)]\npub fn set_timer(seconds: u32) {\n    timer(seconds)\n}\n";
    let (_project, index) = Index::of_files(&[("timer.rs", text)]);
    let line = |question: &str| {
        let query = query::parse(question);
        let hits = rank(&index, &query, &Weights::default());
        crate::source::lines(&index, &query, &hits[0])[0]
    };
    assert_eq!(line("where is the timer set?"), 7);
    assert_eq!(line("where is the timer set on windows?"), 2);
}
