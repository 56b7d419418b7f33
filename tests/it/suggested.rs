//! Suggested questions: the guide answers each of them on its topic, in projects of many kinds.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::{guide::Guide, server::Setup};

/// Crates that this program is built with, whose sources cargo has on disk: a web framework, a parser of
/// command lines, a binding to a library in C.
const FOREIGN: [&str; 3] = ["actix-web", "clap_builder", "rusqlite"];

/// Files that say what a project is or how it is built.
const FACTS: [&str; 5] =
    ["README.md", "README.rst", "Cargo.toml", "go.mod", "prompts/app_spec.txt"];

#[actix::test]
async fn the_guide_answers_every_suggested_question_on_its_topic() {
    let foreign = sources_of(&FOREIGN);
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let made: Vec<tempfile::TempDir> = applications();
    let made_dirs = made.iter().map(|dir| dir.path().to_owned());
    for dir in foreign.into_iter().chain([own]).chain(made_dirs) {
        let questions = suggested(&dir).await;
        assert!(!questions.is_empty(), "{} has no questions", dir.display());
        let mut guide = Guide::start(&dir);
        for question in questions {
            let answer = guide.ask(&question).streamed();
            assert_on_topic(&question, &answer);
        }
    }
}

#[actix::test]
async fn nothing_is_suggested_where_there_is_nothing_to_ask_about() {
    let empty = tempfile::tempdir().unwrap();
    assert_eq!(suggested(empty.path()).await, Vec::<String>::new());
}

/// Fails unless the answer first cites what the question names, without doubt.
fn assert_on_topic(question: &str, answer: &str) {
    let told = || format!("{question}\n{answer}");
    for doubt in ["I am not sure", "I found no", "Nothing in the project", "cannot tell"] {
        assert!(!answer.contains(doubt), "{}", told());
    }
    let cited = first_citation(answer).unwrap_or_else(|| panic!("cites nothing: {}", told()));
    if let Some(named) = question.split('`').nth(1) {
        assert!(cited.starts_with(named), "{cited} is not {named}: {}", told());
    } else if question.starts_with("Where does the program start") {
        let name = cited.rsplit('/').next().unwrap_or_default();
        assert!(name.contains("main") || name.contains("app"), "{}", told());
        assert!(answer.starts_with("The program starts"), "{}", told());
    } else {
        assert!(FACTS.contains(&cited.as_str()), "{cited} says nothing of {}", told());
    }
}

/// The first place that an answer cites, or the directory that it names, without the line.
fn first_citation(answer: &str) -> Option<String> {
    let codes = answer.split('`').skip(1).step_by(2);
    codes.filter(|code| !code.contains([' ', '\n'])).find_map(|code| match code.split_once(':') {
        Some((path, line)) => {
            line.starts_with(|c: char| c.is_ascii_digit()).then(|| path.to_owned())
        }
        None => code.ends_with('/').then(|| code.to_owned()),
    })
}

/// The questions that a server suggests for a project.
async fn suggested(dir: &Path) -> Vec<String> {
    let project = format!("asked={}", dir.display());
    let server = Setup::guide().args(["--project", &project]).start();
    let (status, told) = server.get("/api/projects/asked/questions").await;
    assert_eq!(status, 200, "{told}");
    let questions = told["questions"].as_array().unwrap();
    questions.iter().map(|it| it.as_str().unwrap().to_owned()).collect()
}

/// The directories of the sources of packages that this one depends on.
fn sources_of(names: &[&str]) -> Vec<PathBuf> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let dir_of = |name: &&str| {
        let package = packages.iter().find(|package| package["name"] == **name).unwrap();
        Path::new(package["manifest_path"].as_str().unwrap()).parent().unwrap().to_owned()
    };
    names.iter().map(dir_of).collect()
}

/// Small applications in other languages, each with what another lacks.
fn applications() -> Vec<tempfile::TempDir> {
    let python = [
        (
            "README.rst",
            "Quokka\n======\n\nQuokka watches the fences of a zoo and tells the keepers.\n",
        ),
        ("pyproject.toml", "[project]\nname = \"quokka\"\n"),
        ("quokka/__init__.py", ""),
        (
            "quokka/main.py",
            "\"\"\"Starts the watch.\"\"\"\n\nfrom quokka.fence import watch_fences\n\n\ndef main():\n    watch_fences()\n",
        ),
        (
            "quokka/fence.py",
            "\"\"\"Fences.\"\"\"\n\n\ndef watch_fences():\n    \"\"\"Looks at each fence in turn.\"\"\"\n    return []\n",
        ),
    ];
    let go = [
        ("go.mod", "module zoo.test/keeper\n"),
        (
            "cmd/keeper/main.go",
            "package main\n\nimport \"zoo.test/keeper/internal/feed\"\n\nfunc main() {\n\tfeed.FeedAll()\n}\n",
        ),
        (
            "internal/feed/feed.go",
            "// Package feed feeds animals.\npackage feed\n\n// FeedAll feeds them.\nfunc FeedAll() {\n}\n",
        ),
        ("internal/feed/food.go", "package feed\n\ntype Food struct{}\n"),
    ];
    let specified = [
        ("package.json", "{\"name\": \"shop\", \"scripts\": {\"build\": \"tsc\"}}\n"),
        ("prompts/app_spec.txt", "<overview>\nA shop for hats.\n</overview>\n"),
        ("src/app.ts", "import { sell } from './sell';\n\nsell();\n"),
        ("src/sell.ts", "/** Sells a hat. */\nexport function sell() {\n  return 1;\n}\n"),
    ];
    [&python[..], &go[..], &specified[..]].into_iter().map(project).collect()
}

fn project(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    dir
}
