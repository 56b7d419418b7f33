//! The structure that a reader relies on: names that mean one thing, and modules without circles.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;

use super::{
    no_complaints, root,
    source::{Source, sources},
};

/// Words in the glossary at most.
const MAX_GLOSSARY: usize = 30;

/// The types that the library declares for more than one file, with the files.
fn types() -> BTreeMap<String, Vec<String>> {
    let declared =
        Regex::new(r"(?m)^\s*pub(?:\([a-z: ]+\))? (?:struct|enum|trait|type|union) (\w+)").unwrap();
    let numbers = Regex::new(r"(?s)\nnumber! \{[^}]*?(\w+)\s*\}").unwrap();
    // An associated type is declared by its trait.
    let mut types: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for source in sources("src").iter().filter(|source| !source.is_test()) {
        let all = declared.captures_iter(&source.code).chain(numbers.captures_iter(&source.code));
        for found in all {
            types.entry(found[1].to_owned()).or_default().push(source.path.clone());
        }
    }
    types
}

#[test]
fn no_type_that_others_see_has_the_name_of_another() {
    let twice = types().into_iter().filter(|(_, files)| files.len() > 1);
    no_complaints(twice.map(|(name, files)| format!("{name}: {}", files.join(", "))).collect());
}

#[test]
fn the_glossary_is_short_and_its_words_are_types_or_modules() {
    let lib = std::fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let (_, glossary) = lib.split_once("//! # Glossary\n").expect("a glossary in src/lib.rs");
    let glossary = glossary.split("\n//! # ").next().unwrap();
    let word = Regex::new(r"(?m)^//! \* \*\*[^*]+\*\* \(\[`(?:[\w:]+::)?(\w+)`\]").unwrap();
    let words: Vec<String> =
        word.captures_iter(glossary).map(|found| found[1].to_owned()).collect();
    let rows = glossary.lines().filter(|line| line.starts_with("//! * ")).count();
    assert_eq!(words.len(), rows, "each row begins with its word and a link to what it names");
    assert!((10..=MAX_GLOSSARY).contains(&rows), "{rows} words");
    let (types, modules) = (types(), modules());
    no_complaints(
        words
            .iter()
            .filter(|word| !types.contains_key(*word) && !modules.contains(*word))
            .map(|word| format!("{word}: the glossary has it, the code has not"))
            .collect(),
    );
}

/// The last parts of all modules' paths.
fn modules() -> BTreeSet<String> {
    let library = sources("src");
    library.iter().filter_map(|source| path_of(source).pop()).collect()
}

/// The path of a file's module: `src/a/b.rs` is `a::b`.
fn path_of(source: &Source) -> Vec<String> {
    let path = source.path.trim_start_matches("src/").trim_end_matches(".rs");
    path.split('/').map(str::to_owned).collect()
}

#[test]
fn modules_of_one_directory_use_each_other_in_one_direction() {
    let library: Vec<Source> = sources("src").into_iter().filter(|it| !it.is_test()).collect();
    let modules: BTreeSet<Vec<String>> = library.iter().map(path_of).collect();
    let mut uses: BTreeMap<Vec<String>, BTreeSet<Vec<String>>> = BTreeMap::new();
    for source in &library {
        let own = path_of(source);
        for used in used_paths(&source.code, &own) {
            // Of two paths, the first parts that differ are siblings.
            let common = own.iter().zip(&used).take_while(|(one, other)| one == other).count();
            let (Some(one), Some(other)) = (own.get(..=common), used.get(..=common)) else {
                continue;
            };
            if modules.contains(other) {
                uses.entry(one.to_vec()).or_default().insert(other.to_vec());
            }
        }
    }
    let mut complaints = BTreeSet::new();
    for module in uses.keys() {
        if let Some(circle) = circle_from(module, &uses) {
            complaints.insert(circle);
        }
    }
    no_complaints(complaints.into_iter().collect());
}

/// The shortest way from a module back to itself; beginning with its first name, so that each
/// circle is told once.
fn circle_from(
    module: &[String],
    uses: &BTreeMap<Vec<String>, BTreeSet<Vec<String>>>,
) -> Option<String> {
    let mut ways = std::collections::VecDeque::from([vec![module]]);
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop_front() {
        for next in uses.get(*way.last()?).into_iter().flatten() {
            if next == module {
                let is_first = way.iter().all(|it| *it >= module);
                let names: Vec<String> = way.iter().map(|it| it.join("::")).collect();
                return is_first.then(|| format!("{} -> {}", names.join(" -> "), names[0]));
            }
            if seen.insert(next.as_slice()) {
                ways.push_back([way.as_slice(), &[next.as_slice()]].concat());
            }
        }
    }
    None
}

/// The paths below `crate` that code names, in `use` trees and inline, as modules see them.
fn used_paths(code: &str, own: &[String]) -> Vec<Vec<String>> {
    let start = Regex::new(r"\b(crate|super|self)((?:::super)*)::").unwrap();
    let mut paths = Vec::new();
    for found in start.captures_iter(code) {
        let ups = found[2].matches("super").count();
        // `super` of a file is the module above it; what follows is a name there.
        let base = match &found[1] {
            "crate" => Some(&own[..0]),
            "self" => Some(own),
            _ => own.len().checked_sub(1 + ups).map(|depth| &own[..depth]),
        };
        let rest = &code[found.get(0).unwrap().end()..];
        if let Some(base) = base {
            expand(rest, base.to_vec(), &mut paths);
        }
    }
    paths
}

/// Reads a path, or a tree of paths, at the start of `text` and appends the paths. Gives the bytes
/// that it read.
fn expand(text: &str, mut path: Vec<String>, paths: &mut Vec<Vec<String>>) -> usize {
    let mut at = 0;
    loop {
        if text[at..].starts_with('{') {
            return at + 1 + group(&text[at + 1..], &path, paths);
        }
        let is_name = |c: &char| c.is_alphanumeric() || *c == '_';
        let name: String = text[at..].chars().take_while(is_name).collect();
        at += name.len();
        if name != "self" {
            path.push(name);
        }
        if !text[at..].starts_with("::") {
            paths.push(path);
            return at;
        }
        at += 2;
    }
}

/// Reads a group of trees behind its opening brace, as [`expand`] does.
fn group(text: &str, path: &[String], paths: &mut Vec<Vec<String>>) -> usize {
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        match c {
            '}' => return at + 1,
            _ if text[at..].starts_with("as ") => at += text[at..].find([',', '}']).unwrap_or(3),
            c if c.is_alphanumeric() || c == '_' => {
                at += expand(&text[at..], path.to_vec(), paths);
            }
            c => at += c.len_utf8(),
        }
    }
    at
}

#[test]
fn paths_are_found_in_trees_and_in_code() {
    let own = ["a", "b", "c"].map(str::to_owned);
    for (code, expected) in [
        ("use super::d::E;", vec!["a::b::d::E"]),
        ("use super::{d::E, f::{self, G}};", vec!["a::b::d::E", "a::b::f", "a::b::f::G"]),
        ("use super::super::x::Y;", vec!["a::x::Y"]),
        ("use crate::{p, q::{R, s as t}};", vec!["p", "q::R", "q::s"]),
        ("let x = super::d::make(crate::z::Z);", vec!["a::b::d::make", "z::Z"]),
        ("pub(super) fn f() {} self::n::g();", vec!["a::b::c::n::g"]),
    ] {
        let found = used_paths(code, &own);
        let found: Vec<String> = found.iter().map(|path| path.join("::")).collect();
        assert_eq!(found, expected, "{code}");
    }
}

#[test]
fn a_circle_is_told_once_and_from_its_first_module() {
    let path = |name: &str| vec![name.to_owned()];
    let uses: BTreeMap<_, BTreeSet<_>> = [("a", "b"), ("b", "c"), ("c", "a"), ("d", "a")]
        .map(|(one, other)| (path(one), BTreeSet::from([path(other)])))
        .into();
    let circles: Vec<_> = ["a", "b", "c", "d"]
        .into_iter()
        .filter_map(|name| circle_from(&path(name), &uses))
        .collect();
    assert_eq!(circles, ["a -> b -> c -> a"]);
}
