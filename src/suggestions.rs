//! Suggested questions for a project, from its README, specification and largest module. Pure.

use std::{collections::BTreeMap, path::Path};

use crate::source::{
    file_role::{self, FileRole},
    language::Language,
    readme::{self, TextFile},
};

pub(crate) const QUESTIONS: usize = 3;

/// Longest name quoted in a question, characters.
const LONGEST_NAME: usize = 60;

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

/// Three different questions.
pub(crate) fn of(
    files: &[ProjectFile<'_>],
    readme: Option<&TextFile>,
    has_spec: bool,
) -> Vec<String> {
    let headings = readme.map(readme::headings).unwrap_or_default();
    let name = headings.first().filter(|(level, _)| *level == 1).map(|(_, name)| name.as_str());
    let topic = headings.iter().map(|(_, heading)| heading.as_str()).find(|it| is_topic(it, name));
    let first = match name {
        Some(name) if is_short(name) => format!("What is {name} for, and how is it laid out?"),
        _ => "What is this project, and how is it laid out?".to_owned(),
    };
    let specification =
        has_spec.then(|| "What does the specification ask for that is not built yet?".to_owned());
    let topic = topic.map(|topic| format!("What in the code is behind “{topic}” in the README?"));
    let usual = [
        "Where does the program start, and what happens then?".to_owned(),
        "How is it built and tested?".to_owned(),
    ];
    let rest = specification.into_iter().chain(module(files)).chain(topic).chain(usual);
    [first].into_iter().chain(rest).take(QUESTIONS).collect()
}

/// A question about the directory with most source code in it, or about the one file that has most.
fn module(files: &[ProjectFile<'_>]) -> Option<String> {
    let mut modules: BTreeMap<&str, (u64, Vec<ProjectFile<'_>>)> = BTreeMap::new();
    for file in files.iter().filter(|file| is_source(file.path)) {
        let directory = file.path.rsplit_once('/').map_or("", |(directory, _)| directory);
        let (size, inside) = modules.entry(directory).or_default();
        *size += file.size;
        inside.push(*file);
    }
    // A directory that holds modules is not one itself, unless there is nothing else.
    let is_holder = |directory: &str| HOLDERS.contains(&directory.rsplit('/').next().unwrap_or(""));
    let has_modules = modules.keys().any(|directory| !is_holder(directory));
    modules.retain(|directory, _| !has_modules || !is_holder(directory));
    // Of equally large modules the first by name.
    let (directory, (_, inside)) = modules.into_iter().rev().max_by_key(|(_, (size, _))| *size)?;
    if !directory.is_empty() && inside.len() > 1 {
        return Some(format!("How do the parts of `{directory}/` work together?"));
    }
    let file = inside.into_iter().rev().max_by_key(|file| file.size)?;
    Some(format!("What does `{}` do, and what uses it?", file.path))
}

fn is_source(path: &str) -> bool {
    let path = Path::new(path);
    let language = Language::of(path);
    language.is_code() && file_role::of(path, language) == FileRole::Source
}

/// Whether a heading names a topic of the project, and not one of every README.
fn is_topic(heading: &str, name: Option<&str>) -> bool {
    const USUAL: &str = "about badge build changelog code-of-conduct content contribut credit develop document donat example faq feature get-started getting-started install introduction licen overview prerequisite quick requirement roadmap run setup sponsor status support test thank try usage what why with known limitation not todo";
    let lower = heading.to_lowercase().replace(' ', "-");
    name != Some(heading)
        && is_short(heading)
        && !USUAL.split(' ').any(|usual| lower.starts_with(usual))
}

/// Whether a name can be quoted in a question: plain and short.
fn is_short(name: &str) -> bool {
    let is_plain = name.chars().all(|c| c.is_alphanumeric() || " -_./'’&+,".contains(c));
    is_plain && name.chars().any(char::is_alphabetic) && name.chars().count() <= LONGEST_NAME
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(paths: &[(&'static str, u64)], readme: &str, has_spec: bool) -> Vec<String> {
        let files: Vec<_> = paths.iter().map(|&(path, size)| ProjectFile { path, size }).collect();
        let source = TextFile { path: "README.md".to_owned(), text: readme.to_owned() };
        of(&files, Some(&source).filter(|_| !readme.is_empty()), has_spec)
    }

    #[test]
    fn three_questions_come_from_the_readme_the_specification_and_the_largest_module() {
        let files = [
            ("README.md", 90_000),
            ("src/main.rs", 50),
            ("src/store/reads.rs", 400),
            ("src/store/writes.rs", 300),
            ("tests/all.rs", 9000),
        ];
        assert_eq!(
            ask(&files, "# Quokka\n\nKeeps keys.\n", true),
            [
                "What is Quokka for, and how is it laid out?",
                "What does the specification ask for that is not built yet?",
                "How do the parts of `src/store/` work together?",
            ]
        );
        assert_eq!(
            ask(
                &files,
                "# Quokka\n\n## Install\n\n```sh\n# run\n```\n\n## Leases\n\nText.\n",
                false
            ),
            [
                "What is Quokka for, and how is it laid out?",
                "How do the parts of `src/store/` work together?",
                "What in the code is behind “Leases” in the README?",
            ]
        );
        assert_eq!(
            ask(&[("app.py", 9), ("old.py", 3)], "", false),
            [
                "What is this project, and how is it laid out?",
                "What does `app.py` do, and what uses it?",
                "Where does the program start, and what happens then?",
            ]
        );
    }

    #[test]
    fn an_empty_project_has_three_questions_too_and_markup_stays_out_of_them() {
        assert_eq!(ask(&[], "", false).len(), QUESTIONS);
        let badge = "# [![Build](https://x.test/b.svg)](https://x.test) Quokka\n";
        assert_eq!(ask(&[], badge, false)[0], "What is this project, and how is it laid out?");
    }
}
