//! Overview of a project: its folders, entry points and named files, from the index.

use std::{collections::BTreeMap, path::Path};

use crate::{
    citation::{suffix, written},
    guide::{
        answer::{
            code,
            project::{Fact, list},
        },
        calls, retrieval,
    },
    project::{Root, roots},
    source::{document, file_role::FileRole, index::Index, language::fence_name, readme::TextFile},
};

/// Manifests that say what a project is.
pub(crate) const MANIFESTS: &[&str] = &["Cargo.toml", "package.json", "pyproject.toml", "go.mod"];
/// Files that say how a project is run.
pub(crate) const RUNNABLE: &[&str] = &[
    "Cargo.toml",
    "package.json",
    "pyproject.toml",
    "setup.py",
    "requirements.txt",
    "go.mod",
    "Makefile",
    "makefile",
    "justfile",
];
/// Where a specification may be besides [`SPECIFICATIONS`](crate::project::SPECIFICATIONS).
pub(crate) const LOOSE_SPECIFICATION: &str = "app_spec.txt";
/// Words in the headings of sections that say how a project is run.
pub(crate) const RUNNING_HEADINGS: &[&str] = &[
    "install",
    "getting started",
    "quick start",
    "quickstart",
    "usage",
    "running",
    "run ",
    "how to run",
    "setup",
    "set up",
    "build",
    "test",
    "development",
    "developing",
    "start",
    "deploy",
];
const ENTRY_POINTS: &[&str] = &[
    "main.rs",
    "lib.rs",
    "main.py",
    "__main__.py",
    "app.py",
    "manage.py",
    "server.py",
    "index.js",
    "index.ts",
    "main.ts",
    "main.js",
    "server.js",
    "server.ts",
    "app.js",
    "app.ts",
    "main.go",
    "Main.java",
    "App.tsx",
    "App.jsx",
    "main.tsx",
    "main.c",
    "main.cpp",
    "Program.cs",
];

/// Folders listed at most.
const MAX_FOLDERS: usize = 16;
/// Definitions listed of a file at most.
const MAX_OUTLINE: usize = 20;
/// Entry points listed at most.
const MAX_ENTRY_POINTS: usize = 6;

/// The `paths` that exist in the project.
pub(crate) fn present(index: &Index, paths: &[&str]) -> Vec<String> {
    let of_root = |root: &Root| {
        let prefix = root.prefix();
        paths.iter().map(|path| prefix.clone() + path).collect::<Vec<_>>()
    };
    let all = index.roots().iter().flat_map(of_root);
    all.filter(|path| index.file_at(Path::new(path)).is_some()).collect()
}

/// The file that a question names, by its path or by a unique file name.
pub(crate) fn named_file(index: &Index, question: &str) -> Option<u32> {
    let n_words = question.split_whitespace().count();
    question
        .split(|c: char| c.is_whitespace() || "`'\"()[]{},;?!".contains(c))
        .map(|word| word.trim_matches(['.', ':']).trim_start_matches("./"))
        .map(|word| suffix::splits(word).next().map_or(word, |(path, _)| path))
        .map(|word| index.roots().path_of(word))
        .filter(|word| word.contains('.') && word.len() > 3)
        .find_map(|word| {
            let ends = [format!("/{word}"), format!(":{word}")];
            let mut matching = index.files().iter().enumerate().filter(|(_, entry)| {
                let path = entry.found.path.to_string_lossy();
                entry.is_alive && (path == *word || ends.iter().any(|end| path.ends_with(end)))
            });
            let (file, _) = matching.next()?;
            // A long question is about more than the file that it names.
            (matching.next().is_none() && n_words <= 9).then_some(file as u32)
        })
}

/// The description of a file, from its head comment and definitions.
pub(crate) fn describe(index: &Index, file: u32, source: Option<&TextFile>) -> String {
    let entry = &index.files()[file as usize];
    let path = entry.found.path.to_string_lossy();
    let Some(source) = source else {
        return format!("{} is gone.", written::file(&path));
    };
    let n_lines = source.text.lines().count();
    let mut text = format!("{} has {n_lines} lines", written::line(&path, 1));
    let head = document::head_sentence(&source.text, entry.language);
    if head.is_empty() {
        text.push_str(".\n");
    } else {
        text.push_str(&format!(". It says of itself: “{head}”\n"));
    }
    let outline = retrieval::outline(index, file, MAX_OUTLINE);
    if outline.is_empty() {
        let shown: Vec<&str> = source.text.lines().take(20).collect();
        let fence = fence_name(&entry.found.path);
        text.push_str(&format!("\nIt begins:\n\n````{fence}\n{}\n````\n", shown.join("\n")));
    } else {
        text.push_str("\nIt defines:\n\n");
        text.push_str(&list(&outline));
        let more = entry.n_definitions().saturating_sub(MAX_OUTLINE);
        if more > 0 {
            text.push_str(&format!("\nand {more} more.\n"));
        }
    }
    text.push_str(&code::uses(&calls::of_file(index, file)));
    text
}

/// The top-level folders with their files and languages, as a Markdown list.
pub(crate) fn layout(index: &Index) -> String {
    let mut folders: BTreeMap<String, (usize, BTreeMap<&'static str, usize>)> = BTreeMap::new();
    for entry in index.files().iter().filter(|entry| entry.is_alive) {
        let path = entry.found.path.to_string_lossy();
        let folder = match path.split_once('/') {
            Some((folder, _)) => format!("{folder}/"),
            None if index.roots().is_group() => {
                path.split_inclusive(':').next().unwrap_or_default().to_owned()
            }
            None => "the root".to_owned(),
        };
        let (n_files, languages) = folders.entry(folder).or_default();
        *n_files += 1;
        let language = fence_name(&entry.found.path);
        if !language.is_empty() {
            *languages.entry(language).or_default() += 1;
        }
    }
    let mut folders: Vec<_> = folders.into_iter().collect();
    folders.sort_by(|a, b| b.1.0.cmp(&a.1.0).then_with(|| a.0.cmp(&b.0)));
    let mut text = String::new();
    let n_folders = folders.len();
    for (folder, (n_files, languages)) in folders.into_iter().take(MAX_FOLDERS) {
        let mut languages: Vec<_> = languages.into_iter().collect();
        languages.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
        let languages: Vec<&str> = languages.into_iter().take(3).map(|(name, _)| name).collect();
        let plural = if n_files == 1 { "file" } else { "files" };
        text.push_str(&format!("- `{folder}`: {n_files} {plural}"));
        if !languages.is_empty() {
            text.push_str(&format!(" ({})", languages.join(", ")));
        }
        text.push('\n');
    }
    if n_folders > MAX_FOLDERS {
        text.push_str(&format!("- and {} more folders\n", n_folders - MAX_FOLDERS));
    }
    text
}

/// Files with the usual names of entry points, nearest the root first.
pub(crate) fn entry_points(index: &Index) -> Vec<Fact> {
    let mut paths: Vec<(usize, String, u32)> = index
        .files()
        .iter()
        .enumerate()
        .filter(|(_, entry)| entry.is_alive && entry.role == FileRole::Source)
        .filter_map(|(file, entry)| {
            let name = roots::inner(&entry.found.path).file_name()?.to_string_lossy();
            let path = entry.found.path.to_string_lossy().into_owned();
            let depth = path.matches('/').count();
            // Deeper down, an index only gathers what its folder has.
            let is_gathering = name.starts_with("index.") && depth > 1;
            let is_entry = ENTRY_POINTS.contains(&name.as_ref()) && !is_gathering;
            is_entry.then_some((depth, path, file as u32))
        })
        .collect();
    paths.sort();
    paths
        .into_iter()
        .take(MAX_ENTRY_POINTS)
        .map(|(_, path, file)| {
            let language = index.files()[file as usize].language;
            let head = index
                .text(file)
                .map(|text| document::head_sentence(&text, language))
                .unwrap_or_default();
            let text = if head.is_empty() {
                written::file(&path)
            } else {
                format!("{}, “{head}”", written::file(&path))
            };
            Fact { text, citation: format!("{path}:1") }
        })
        .collect()
}
