//! The documents: README and `src/docs/`. Their commands, sample outputs, configuration and frames are
//! tried out; what they name exists.
//!
//! A comment before a fenced block says how it is checked where its language does not:
//! `not run: WHY`, `drawing`, `frames`, `file: PATH`, `question`, `answer`, `answer: QUESTION`,
//! `program: NAME`.

mod blocks;
mod frames;
mod names;
mod run;

use std::{fs, path::Path};

use blocks::{Block, Check, blocks};

/// Lines of the README at most.
const README_LINES: usize = 150;

/// The documents, by their paths from the root.
fn documents() -> Vec<String> {
    let dir = fs::read_dir(root().join("src/docs")).unwrap();
    let names = dir.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut topics: Vec<String> =
        names.filter(|it| it.ends_with(".md")).map(|it| format!("src/docs/{it}")).collect();
    topics.sort();
    topics.insert(0, "README.md".to_owned());
    topics
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// The blocks of all documents.
fn all_blocks() -> Vec<Block> {
    documents().iter().flat_map(|path| blocks(path, &read(path))).collect()
}

/// The program of that name in the documents.
pub fn program(name: &str) -> String {
    let is_it = |block: &Block| block.check() == Ok(Check::Program(name.to_owned()));
    all_blocks().into_iter().find(is_it).expect("no such program").text
}

#[test]
fn the_readme_is_short() {
    let lines = read("README.md").lines().count();
    assert!(lines <= README_LINES, "README.md has {lines} lines");
}

#[test]
fn every_block_of_the_docs_is_checked() {
    let mut kinds: Vec<&str> = Vec::new();
    for block in all_blocks() {
        let kind = match block.check() {
            Ok(check) => check.name(),
            Err(problem) => panic!("{}: {problem}", block.place),
        };
        kinds.push(kind);
    }
    for kind in Check::NAMES {
        assert!(kinds.contains(&kind), "no block is checked as {kind}");
    }
}

#[test]
fn the_guide_answers_as_the_docs_say() {
    let blocks = all_blocks();
    let project = tempfile::tempdir().unwrap();
    for block in &blocks {
        let Ok(Check::File(path)) = block.check() else { continue };
        let path = project.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, &block.text).unwrap();
    }
    let mut asked = None;
    let mut answered = Vec::new();
    for block in &blocks {
        let question = match block.check().unwrap() {
            Check::Question => {
                asked = Some(block.text.trim().to_owned());
                continue;
            }
            Check::Answer(question) => question.or_else(|| asked.take()),
            _ => continue,
        };
        let question = question.unwrap_or_else(|| panic!("{}: no question", block.place));
        let mut guide = crate::guide::Guide::start(project.path());
        run::assert_output(&block.place, &block.text, &guide.ask(&question).streamed());
        answered.push(block.path.as_str());
    }
    for path in ["README.md", "src/docs/agents.md"] {
        assert!(answered.contains(&path), "{path} shows no answer of the guide");
    }
}
