//! Source files as the rules look at them.

use std::{collections::BTreeSet, fs, path::Path, sync::LazyLock};

use regex::Regex;

use super::root;

/// One file of Rust.
pub struct Source {
    /// The path from the repository's root.
    pub path: String,
    /// All of it.
    pub text: String,
    /// Its lines up to its unit tests, those of comments empty.
    pub code: String,
}

/// All Rust files below a directory of the repository.
pub fn sources(dir: &str) -> Vec<Source> {
    let mut paths = Vec::new();
    collect(&root().join(dir), &mut paths);
    paths.sort();
    assert!(!paths.is_empty(), "no sources in {dir}");
    paths.into_iter().map(Source::read).collect()
}

fn collect(dir: &Path, paths: &mut Vec<String>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let path = path.strip_prefix(root()).unwrap();
            paths.push(path.to_str().unwrap().to_owned());
        }
    }
}

impl Source {
    fn read(path: String) -> Self {
        let text = fs::read_to_string(root().join(&path)).unwrap();
        let before_tests = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap();
        let without_comment =
            |line: &str| if line.trim_start().starts_with("//") { "" } else { line }.to_owned();
        let code = before_tests.lines().map(without_comment).collect::<Vec<_>>().join("\n");
        Self { path, text, code }
    }

    /// Whether it holds nothing but tests.
    pub fn is_test(&self) -> bool {
        !self.path.starts_with("src/")
            || self.path.ends_with("/tests.rs")
            || self.path.contains("/tests/")
    }

    /// Whether it is one of the library's modules `names`, a part of one, or the very file.
    pub fn is_within(&self, names: &[&str]) -> bool {
        let path = self.path.strip_prefix("src/").unwrap_or(&self.path);
        let is = |name: &&str| {
            let rest = path.strip_prefix(*name);
            rest.is_some_and(|rest| rest.is_empty() || rest == ".rs" || rest.starts_with('/'))
        };
        names.iter().any(is)
    }

    /// The module of the library that it belongs to.
    pub fn module(&self) -> &str {
        let path = self.path.strip_prefix("src/").unwrap();
        path.split('/').next().unwrap().trim_end_matches(".rs")
    }

    /// The lines of code that `pattern` matches, with their places; none in files of tests.
    pub fn lines_with(&self, pattern: &Regex) -> Vec<String> {
        let lines = self
            .code
            .lines()
            .zip(1..)
            .filter(|(line, _)| !self.is_test() && pattern.is_match(line));
        lines.map(|(line, number)| format!("{}:{number}: {}", self.path, line.trim())).collect()
    }

    /// The library's modules that its code names, its own included.
    pub fn modules_used(&self) -> BTreeSet<String> {
        static NAMED: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\bcrate::(\w+)").unwrap());
        let mut modules: BTreeSet<String> =
            NAMED.captures_iter(&self.code).map(|found| found[1].to_owned()).collect();
        for tree in self.code.split("crate::{").skip(1) {
            modules.extend(first_names(tree));
        }
        modules
    }
}

/// The names at the first level of a use tree whose opening brace was just read.
fn first_names(tree: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::from([String::new()]);
    let (mut depth, mut name, mut is_path) = (0, String::new(), false);
    for c in tree.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                names.insert(std::mem::take(&mut name));
                is_path = false;
            }
            ':' => is_path = true,
            c if depth == 0 && !is_path && !c.is_whitespace() => name.push(c),
            _ => (),
        }
    }
    names.insert(name);
    names.remove("");
    names
}

#[test]
fn a_use_tree_is_read_at_its_first_level() {
    let text =
        "use crate::{\n    agent::{AgentKind, event::X},\n    entry,\n    wire::Dialect,\n};";
    let source = Source { path: String::new(), text: String::new(), code: text.to_owned() };
    let modules: Vec<String> = source.modules_used().into_iter().collect();
    assert_eq!(modules, ["agent", "entry", "wire"]);
}
