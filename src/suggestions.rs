//! What a new conversation shows of a project: one sentence on it, and suggested questions, each of a kind that the guide answers from the files: what it is,
//! what its specification says, its largest module, its start, how it is built. Pure.

pub(crate) mod about;
pub(crate) mod follow_ups;

use std::{collections::BTreeMap, path::Path};

use serde::{Deserialize, Serialize};

use crate::project::roots;
use crate::source::{
    file_role::{self, FileRole},
    language::Language,
    readme::{self, TextFile},
};

pub(crate) const QUESTIONS: usize = 3;

/// Longest name quoted in a question, characters.
const LONGEST_NAME: usize = 60;

/// Manifests that say how a project is built.
const MANIFESTS: [&str; 6] =
    ["Cargo.toml", "Makefile", "go.mod", "package.json", "pyproject.toml", "setup.py"];

/// Directories that hold modules but name none.
const HOLDERS: [&str; 7] = ["", "app", "cmd", "lib", "pkg", "source", "src"];

/// A file of the project.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ProjectFile<'a> {
    /// Relative to the project's root.
    pub(crate) path: &'a str,
    /// In bytes.
    pub(crate) size: u64,
}

/// What is said of a project before anything was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Suggestions {
    /// What the project is, in one sentence of its README.
    pub(crate) about: Option<String>,
    /// Up to three different questions.
    pub(crate) questions: Vec<String>,
}

/// Up to three different questions that the guide can answer, none for a project without text.
///
/// `spec` is the path of the specification.
pub(crate) fn of(
    files: &[ProjectFile<'_>],
    readme: Option<&TextFile>,
    spec: Option<&str>,
) -> Vec<String> {
    let overview = (!files.is_empty()).then(|| overview(readme));
    let spec = spec.map(|path| format!("What is in `{path}`?"));
    let starts = files.iter().any(|it| file_role::start_rank(Path::new(it.path)).is_some());
    let start = starts.then(|| "Where does the program start, and what happens then?".to_owned());
    let runs = files.iter().any(|it| MANIFESTS.contains(&roots::inner_str(it.path)));
    let running = runs.then(|| "How is it built and tested?".to_owned());
    let all = [overview, spec, module(files), start, running];
    all.into_iter().flatten().take(QUESTIONS).collect()
}

fn overview(readme: Option<&TextFile>) -> String {
    let headings = readme.map(readme::headings).unwrap_or_default();
    let name = headings.first().filter(|(level, _)| *level == 1).map(|(_, name)| name.as_str());
    match name {
        Some(name) if is_short(name) && !is_usual(name) => {
            format!("What is {name} for, and how is it laid out?")
        }
        _ => "What is this project, and how is it laid out?".to_owned(),
    }
}

/// A question about the directory with most source code in it, or about the one file that has most.
fn module(files: &[ProjectFile<'_>]) -> Option<String> {
    let mut modules: BTreeMap<&str, (u64, Vec<ProjectFile<'_>>)> = BTreeMap::new();
    for file in files.iter().filter(|file| is_source(file.path)) {
        let directory = match file.path.rsplit_once('/') {
            Some((directory, _)) => directory,
            // A file of a root itself; that of a member of a group has a name.
            None => file.path.strip_suffix(roots::inner_str(file.path)).unwrap_or_default(),
        };
        let (size, inside) = modules.entry(directory).or_default();
        *size += file.size;
        inside.push(*file);
    }
    // A directory that holds modules is not one itself, unless there is nothing else.
    let is_holder = |directory: &str| {
        HOLDERS.contains(&roots::inner_str(directory).rsplit('/').next().unwrap_or(""))
    };
    let has_modules = modules.keys().any(|directory| !is_holder(directory));
    modules.retain(|directory, _| !has_modules || !is_holder(directory));
    // Of equally large modules the first by name.
    let (directory, (_, inside)) = modules.into_iter().rev().max_by_key(|(_, (size, _))| *size)?;
    if !directory.is_empty() && inside.len() > 1 {
        let directory = roots::dir_prefix(directory);
        return Some(format!("How do the parts of `{directory}` work together?"));
    }
    let file = inside.into_iter().rev().max_by_key(|file| file.size)?;
    Some(format!("What does `{}` do, and what uses it?", file.path))
}

fn is_source(path: &str) -> bool {
    let path = Path::new(path);
    let language = Language::of(path);
    language.is_code() && file_role::of(path, language) == FileRole::Source
}

/// Whether a title stands above many READMEs, and so is the name of none.
fn is_usual(title: &str) -> bool {
    const USUAL: [&str; 8] = [
        "about",
        "contents",
        "getting started",
        "installation",
        "introduction",
        "overview",
        "readme",
        "table of contents",
    ];
    let lower = title.to_lowercase();
    USUAL.iter().any(|usual| lower == *usual || lower.starts_with(&format!("{usual} ")))
}

/// Whether a name can be quoted in a question: plain and short.
fn is_short(name: &str) -> bool {
    let is_plain = name.chars().all(|c| c.is_alphanumeric() || " -_./'’&+,".contains(c));
    is_plain && name.chars().any(char::is_alphabetic) && name.chars().count() <= LONGEST_NAME
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(paths: &[(&'static str, u64)], readme: &str, spec: Option<&str>) -> Vec<String> {
        let files: Vec<_> = paths.iter().map(|&(path, size)| ProjectFile { path, size }).collect();
        let source = TextFile { path: "README.md".to_owned(), text: readme.to_owned() };
        of(&files, Some(&source).filter(|_| !readme.is_empty()), spec)
    }

    #[test]
    fn questions_come_from_the_readme_the_specification_and_the_largest_module() {
        let files = [
            ("README.md", 90_000),
            ("src/main.rs", 50),
            ("src/store/reads.rs", 400),
            ("src/store/writes.rs", 300),
            ("tests/all.rs", 9000),
        ];
        assert_eq!(
            ask(&files, "# Quokka\n\nKeeps keys.\n", Some("prompts/app_spec.txt")),
            [
                "What is Quokka for, and how is it laid out?",
                "What is in `prompts/app_spec.txt`?",
                "How do the parts of `src/store/` work together?",
            ]
        );
        assert_eq!(
            ask(&files, "# Quokka\n\n## Leases\n\nText.\n", None),
            [
                "What is Quokka for, and how is it laid out?",
                "How do the parts of `src/store/` work together?",
                "Where does the program start, and what happens then?",
            ]
        );
        assert_eq!(
            ask(&[("old.py", 9), ("pyproject.toml", 3)], "", None),
            [
                "What is this project, and how is it laid out?",
                "What does `old.py` do, and what uses it?",
                "How is it built and tested?",
            ]
        );
    }

    #[test]
    fn nothing_is_asked_that_the_files_do_not_answer() {
        assert_eq!(ask(&[], "", None), Vec::<String>::new());
        assert_eq!(ask(&[("data.json", 9)], "", None).len(), 1);
        let questions = ask(&[("README.md", 60)], "# About The Project\n\nIt cooks.\n", None);
        assert_eq!(questions, ["What is this project, and how is it laid out?"]);
        let translated = [("share/translations/fr.ts", 90_000), ("src/app.ts", 9)];
        assert!(ask(&translated, "", None)[1].contains("src/app.ts"));
        let badge = "# [![Build](https://x.test/b.svg)](https://x.test) Quokka\n";
        let questions = ask(&[("README.md", 60)], badge, None);
        assert_eq!(questions, ["What is this project, and how is it laid out?"]);
    }
}
