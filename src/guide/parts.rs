//! Parts of a directory: its files and folders with what they say of themselves, and which of them
//! name which others.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use crate::{
    citation::written,
    project::roots,
    source::{
        document,
        file_role::FileRole,
        index::{Index, IndexedFile},
        language::Language,
        terms,
    },
};

use super::calls::is_import;

/// Parts listed at most.
const MAX_PARTS: usize = 24;
/// Names listed of what is in a part.
const MAX_NAMED: usize = 5;
/// Parts in the diagram at most; more of them show nothing.
const MAX_NODES: usize = 12;
/// Files whose imports are read at most.
const MAX_FILES_READ: usize = 300;
/// Files that speak for their folder, by the beginning of their names.
const SPEAKERS: [&str; 6] = ["README", "mod.", "index.", "__init__.", "lib.", "main."];

/// A file or folder directly in a directory.
#[derive(Debug, Default)]
struct Part {
    /// The file, or those below the folder.
    files: Vec<u32>,
    is_folder: bool,
    /// The file that says what the part is.
    speaker: Option<u32>,
}

/// The directory that a question names; `None` without one.
pub(super) fn named_directory(index: &Index, question: &str) -> Option<String> {
    let words: Vec<&str> = question
        .split(|c: char| c.is_whitespace() || "`'\"()[]{},;?!".contains(c))
        .map(|word| word.trim_start_matches("./").trim_end_matches(['.', ':']))
        .filter(|word| !word.is_empty())
        .collect();
    if words.len() > 14 {
        return None;
    }
    let is_called_one = |at: usize| {
        let near = [at.checked_sub(1), Some(at + 1)].into_iter().flatten();
        near.filter_map(|at| words.get(at)).any(|word| {
            ["folder", "directory", "dir", "folders", "directories"]
                .contains(&word.to_lowercase().as_str())
        })
    };
    words.iter().enumerate().find_map(|(at, word)| {
        let dir = index.roots().path_of(word.trim_end_matches('/'));
        let may_be = word.contains(['/', ':']) || is_called_one(at);
        (may_be && !dir.is_empty() && is_directory(index, &dir)).then(|| dir.into_owned())
    })
}

fn is_directory(index: &Index, dir: &str) -> bool {
    alive(index).any(|(_, path)| roots::below(path, dir).is_some())
}

/// The folder with most of the source; empty where the root has it.
pub(super) fn main_directory(index: &Index) -> String {
    let mut sizes: BTreeMap<&str, usize> = BTreeMap::new();
    for (file, path) in alive(index) {
        let entry = &index.files()[file as usize];
        if entry.role == FileRole::Source && entry.language.is_code() {
            let folder = path.split_once('/').map_or("", |(folder, _)| folder);
            *sizes.entry(folder).or_default() += 1;
        }
    }
    let largest = sizes.into_iter().max_by_key(|(_, n_files)| *n_files);
    largest.map(|(folder, _)| folder.to_owned()).unwrap_or_default()
}

/// Describes the parts of `dir`, in Markdown; empty where there is none.
pub(super) fn describe(index: &Index, dir: &str) -> String {
    let parts = parts(index, dir);
    let mut text = String::new();
    for (name, part) in parts.iter().take(MAX_PARTS) {
        text.push_str(&line(index, dir, name, part));
    }
    if parts.len() > MAX_PARTS {
        text.push_str(&format!("- and {} more\n", parts.len() - MAX_PARTS));
    }
    text.push_str(&diagram(index, dir, &parts));
    text
}

/// The parts by name; a file and a folder of one name are one.
fn parts(index: &Index, dir: &str) -> Vec<(String, Part)> {
    let mut parts: BTreeMap<String, Part> = BTreeMap::new();
    for (file, path) in alive(index) {
        let Some(inside) = roots::below(path, dir) else { continue };
        let (name, rest) = match inside.split_once('/') {
            Some((folder, rest)) => (folder, Some(rest)),
            None => (stem(inside), None),
        };
        let IndexedFile { role, length, .. } = &index.files()[file as usize];
        let is_source = *role == FileRole::Source;
        if rest.is_none() && !is_source {
            continue;
        }
        let part = parts.entry(name.to_owned()).or_default();
        part.files.push(file);
        part.is_folder |= rest.is_some();
        let speaks = match rest {
            Some(rest) => SPEAKERS.iter().any(|start| rest.starts_with(start)),
            None => true,
        };
        // An empty file says nothing, and has no line to cite.
        if speaks && *length > 0 && (rest.is_none() || part.speaker.is_none()) {
            part.speaker = Some(file);
        }
    }
    let mut parts: Vec<(String, Part)> = parts.into_iter().collect();
    parts.sort_by(|a, b| b.1.files.len().cmp(&a.1.files.len()).then_with(|| a.0.cmp(&b.0)));
    parts
}

fn line(index: &Index, dir: &str, name: &str, part: &Part) -> String {
    let path_of = |file: u32| index.files()[file as usize].found.path.to_string_lossy();
    let head = part.speaker.and_then(|file| {
        let text = index.text(file)?;
        Some(document::head_sentence(&text, index.files()[file as usize].language))
    });
    let said = head.filter(|head| !head.is_empty());
    let said = said.map_or_else(|| contents(index, dir, name, part), |head| format!(": “{head}”"));
    let prefix = roots::dir_prefix(dir);
    match (part.is_folder, part.speaker) {
        (true, speaker) => {
            let files = match part.files.len() {
                1 => "1 file".to_owned(),
                n_files => format!("{n_files} files"),
            };
            let at = speaker
                .map_or_else(String::new, |file| format!(", {}", written::line(&path_of(file), 1)));
            format!("- `{prefix}{name}/`, {files}{at}{said}\n")
        }
        (false, Some(file)) => format!("- {}{said}\n", written::line(&path_of(file), 1)),
        (false, None) => String::new(),
    }
}

/// What a part without a sentence of its own has: the largest parts of a folder, the first definitions of a
/// file.
fn contents(index: &Index, dir: &str, name: &str, part: &Part) -> String {
    let names: Vec<String> = match part.speaker.filter(|_| !part.is_folder) {
        Some(file) => {
            let definitions = index.files()[file as usize].definitions();
            definitions.iter().take(MAX_NAMED).map(|it| format!("`{}`", it.name)).collect()
        }
        None => {
            let folder = roots::dir_prefix(dir) + name;
            let inner = parts(index, &folder);
            let inner = inner.iter().filter(|(name, _)| !name.starts_with('_') && name != "index");
            inner.take(MAX_NAMED).map(|(name, _)| format!("`{name}`")).collect()
        }
    };
    if names.is_empty() { String::new() } else { format!(": {}", names.join(", ")) }
}

/// Which parts name which others where they import, as a Mermaid diagram; empty if none does.
fn diagram(index: &Index, dir: &str, parts: &[(String, Part)]) -> String {
    let nodes: Vec<&(String, Part)> = parts.iter().take(MAX_NODES).collect();
    let names: BTreeMap<&str, usize> =
        nodes.iter().enumerate().map(|(at, (name, _))| (name.as_str(), at)).collect();
    let mut edges: BTreeSet<(usize, usize)> = BTreeSet::new();
    let files = nodes
        .iter()
        .enumerate()
        .flat_map(|(at, (_, part))| part.files.iter().map(move |file| (at, *file)));
    for (at, file) in files.take(MAX_FILES_READ) {
        let Some(text) = index.text(file) else { continue };
        let language = index.files()[file as usize].language;
        let mut is_within = false;
        for line in text.lines() {
            // An import of several lines names what it takes in those that follow.
            let goes_on = line.is_empty() || line.starts_with([' ', '\t', '}', ')']);
            is_within = is_import(line) || (is_within && goes_on);
            if is_within {
                let named =
                    imported(line, dir, language).filter_map(|word| names.get(word).copied());
                edges.extend(named.filter(|to| *to != at).map(|to| (at, to)));
            }
        }
    }
    if edges.is_empty() {
        return String::new();
    }
    let node = |at: usize| format!("n{at}[\"{}\"]", label(&nodes[at].0));
    let lines: Vec<String> =
        edges.iter().map(|(from, to)| format!("  {} --> {}", node(*from), node(*to))).collect();
    format!("\nWhich part imports which:\n\n```mermaid\ngraph TD\n{}\n```\n", lines.join("\n"))
}

/// A name as the text of a node: nothing in it ends the text, the diagram or its fence.
fn label(name: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || " _-.+@/".contains(c);
    name.chars().map(|c| if is_plain(c) { c } else { '?' }).collect()
}

/// The words of an import that may name a part of `dir`: of a path, those that follow its start or the name
/// of `dir`, so that nothing of a library is taken for a part that is called the same.
fn imported<'a>(line: &'a str, dir: &'a str, language: Language) -> impl Iterator<Item = &'a str> {
    let own = roots::inner_str(dir).rsplit('/').next().unwrap_or_default();
    let is_foreign = ["std::", "core::", "alloc::"].iter().any(|it| line.contains(it));
    let start = line.as_ptr() as usize;
    terms::raw_words(line).filter(move |word| {
        if language == Language::Rust {
            return !is_foreign;
        }
        let before = &line[..word.as_ptr() as usize - start];
        let path = before.trim_end_matches(['/', '.', '\\', ':']);
        let parent = path.rsplit(|c: char| !(c.is_alphanumeric() || "_-@~".contains(c))).next();
        let is_within = before.len() > path.len()
            && matches!(parent, Some(it) if ["", "@", "~", "src", "app", "lib"].contains(&it)
                || it.eq_ignore_ascii_case(own));
        is_within
            || (before.trim_start().starts_with("#include \"") && path.ends_with('"'))
            || before.trim_start().starts_with("from . import")
    })
}

fn alive(index: &Index) -> impl Iterator<Item = (u32, &str)> {
    let files = index.files().iter().enumerate().filter(|(_, entry)| entry.is_alive);
    files.filter_map(|(file, entry)| Some((file as u32, entry.found.path.to_str()?)))
}

fn stem(name: &str) -> &str {
    Path::new(name).file_stem().and_then(|stem| stem.to_str()).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_directory_say_what_they_are_and_what_they_import() {
        let (_dir, index) = Index::of_files(&[
            ("src/web.rs", "//! Routes of the shop.\n\nuse crate::{\n    cart::Cart,\n};\n"),
            ("src/web/page.rs", "fn a() {}\n"),
            ("src/cart.rs", "//! What a customer wants.\n\npub struct Cart;\n"),
            ("docs/a.md", "# Notes\n"),
        ]);
        assert_eq!(main_directory(&index), "src");
        let text = describe(&index, "src");
        assert!(
            text.contains("- `src/web/`, 2 files, `src/web.rs:1`: “Routes of the shop.”"),
            "{text}"
        );
        assert!(text.contains("- `src/cart.rs:1`: “What a customer wants.”"), "{text}");
        assert!(text.contains("n0[\"web\"] --> n1[\"cart\"]"), "{text}");
    }

    #[test]
    fn an_empty_file_speaks_for_no_folder() {
        let (_dir, index) = Index::of_files(&[
            ("app/api/__init__.py", ""),
            ("app/api/views.py", "def show():\n    pass\n"),
            ("app/jobs/__init__.py", "\"\"\"Work that is done later.\"\"\"\n"),
        ]);
        let text = describe(&index, "app");
        assert!(text.contains("`app/jobs/__init__.py:1`"), "{text}");
        assert!(!text.contains("`app/api/__init__.py"), "{text}");
    }

    #[test]
    fn an_import_of_a_library_names_no_part() {
        let check = |line: &str, language, expected: &[&str]| {
            let found: Vec<&str> = imported(line, "app/reader", language).collect();
            let found: Vec<&str> =
                found.into_iter().filter(|it| ["xml", "json"].contains(it)).collect();
            assert_eq!(found, expected, "{line}");
        };
        check("\t\"encoding/json\"", Language::Go, &[]);
        check("\t\"miniflux.app/v2/internal/reader/json\"", Language::Go, &["json"]);
        check("import json", Language::Python, &[]);
        check("from .json import a", Language::Python, &["json"]);
        check("from . import xml, json", Language::Python, &["xml", "json"]);
        check("from app.reader.xml import a", Language::Python, &["xml"]);
        check("import a from './json'", Language::JavaScript, &["json"]);
        check("import a from '../../xml/json'", Language::JavaScript, &["xml"]);
        check("import a from 'json'", Language::JavaScript, &[]);
        check("#include \"xml.h\"", Language::C, &["xml"]);
        check("#include <xml.h>", Language::C, &[]);
        check("use App\\Reader\\xml;", Language::Php, &["xml"]);
        check("use crate::{json, xml};", Language::Rust, &["json", "xml"]);
        check("use std::{json, xml};", Language::Rust, &[]);
    }

    #[test]
    fn no_name_breaks_out_of_the_diagram() {
        for name in ["a\"] --> b", "a```", "a\n```", "a]", "#quot;", "<b>"] {
            let label = label(name);
            assert!(!label.contains(['"', '`', '\n', ']', '#', '<', ';']), "{label}");
        }
        assert_eq!(label("my-part_2.x"), "my-part_2.x");
    }

    #[test]
    fn a_directory_is_named_by_its_path_or_called_one() {
        let (_dir, index) =
            Index::of_files(&[("src/web/page.rs", "fn a() {}\n"), ("lib/b.rs", "fn b() {}\n")]);
        let named = |question: &str| named_directory(&index, question);
        assert_eq!(
            named("How do the parts of `src/web/` work together?").as_deref(),
            Some("src/web")
        );
        assert_eq!(named("what is in the lib folder?").as_deref(), Some("lib"));
        assert_eq!(named("what is in src/nothing/?"), None);
        assert_eq!(named("where is the lib made?"), None);
        assert_eq!(named("what is src/web/page.rs?"), None);
    }
}
