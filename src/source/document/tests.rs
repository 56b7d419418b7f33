//! How files are read into passages.

use super::*;

const RUST: &str = "//! Keeps connections.\n\nuse std::fmt;\n\n/// Gives a connection back. It is kept.\n#[inline]\npub fn release(pool: &Pool) {\n    pool.push();\n}\n";

#[test]
fn a_definition_carries_the_first_sentence_of_its_comment() {
    let document = read(RUST, Language::Rust);
    assert_eq!(
        document.definitions,
        [Definition {
            kind: "fn",
            name: "release".into(),
            line: 7,
            summary: "Gives a connection back.".into(),
        }]
    );
}

#[test]
fn the_comment_at_the_head_speaks_for_the_file_and_a_licence_does_not() {
    assert_eq!(read(RUST, Language::Rust).head, ["Keeps", "connections"]);
    let licensed = format!("// Copyright (c) Somebody\n\n{RUST}");
    assert_eq!(read(&licensed, Language::Rust).head, ["Keeps", "connections"]);
}

#[test]
fn passages_cover_every_line_once_and_are_bounded() {
    let text = "let a = 1;\n".repeat(101);
    let document = read(&text, Language::Rust);
    let mut next = 1;
    for passage in &document.passages {
        assert_eq!(passage.start, next);
        assert!(passage.end - passage.start < MAX_PASSAGE_LINES as u32);
        next = passage.end + 1;
    }
    assert_eq!(next, 102);
}

#[test]
fn a_definition_takes_the_comment_above_it_into_its_passage() {
    let filler = "let a = 1;\n".repeat(10);
    let text = format!("{filler}/// Doc.\nfn b() {{}}\n");
    let document = read(&text, Language::Rust);
    assert_eq!(document.passages[1].start, 11);
}

#[test]
fn a_doc_string_is_a_comment_and_sums_up_its_function() {
    let text = "def go():\n    \"\"\"Start the engine.\n\n    More.\n    \"\"\"\n    run()\n";
    let document = read(text, Language::Python);
    assert_eq!(&*document.definitions[0].summary, "Start the engine.");
    assert_eq!(document.passages[0].words["engine"], [0, 1, 0]);
    assert_eq!(document.passages[0].words["run"], [1, 0, 0]);
}

#[test]
fn underlined_titles_are_headings() {
    let document = read("Running it\n==========\n\nPress go.\n", Language::Prose);
    assert_eq!(&*document.definitions[0].name, "Running it");
}

#[test]
fn a_method_knows_its_class() {
    let text = "class Pool:\n".to_owned()
        + &"    x = 1\n".repeat(9)
        + "    def take(self):\n        pass\n";
    let document = read(&text, Language::Python);
    let last = &document.passages[document.passages.len() - 1];
    assert!(last.context.contains("Pool"));
}
