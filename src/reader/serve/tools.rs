//! The tools that agents call, run on the project's files. All of it blocks.

mod glob;
pub(super) mod grep;
mod list;
mod named_path;
pub(super) mod path_pattern;
mod read;
mod scope;

use std::{collections::BTreeMap, fmt::Write as _};

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::{
    citation::written,
    features,
    guide::passage::{self, CitedPassage},
    mcp,
    policy::opening::FileReadError,
    project::roots,
    source::{
        self,
        document::{self, Definition},
        language::Language,
        query,
    },
    tools::{
        self, CallOutcome, ProjectCall,
        arguments::{self, CheckedArguments},
    },
};

use super::{files::ReadableFiles, history_tools};

/// Longest result, in bytes; agents cut longer ones.
const MAX_RESULT_BYTES: usize = 32 << 10; // 32 KiB

/// Places that a search shows, unless told otherwise, and at most.
const PLACES: usize = 5;
const MAX_PLACES: usize = 20;

/// Definitions of a file, or files of a directory, that an outline shows.
const MAX_OUTLINE: usize = 200;

/// Files of a directory whose head is read.
const MAX_HEADS: usize = 60;

/// Runs a call. Feature tools read their arguments themselves.
pub(super) fn call(files: &ReadableFiles, call: ProjectCall) -> CallOutcome {
    let ProjectCall { name, arguments } = call;
    let result = match tools::named(&name) {
        Some(tool) => arguments::check(tool, arguments).and_then(|checked| {
            let CheckedArguments { arguments, ignored } = checked;
            let told = ignored.map(|words| format!("\n({words})")).unwrap_or_default();
            match run(files, tool.name, arguments) {
                Ok(text) => Ok(bounded(text) + &told),
                Err(words) => Err(words + &told),
            }
        }),
        None => mcp::call(&name, &arguments, features::root_of(files.roots())).map(bounded),
    };
    match result {
        Ok(text) => CallOutcome { text, is_error: false },
        Err(words) => CallOutcome::error(words),
    }
}

fn run(files: &ReadableFiles, tool: &str, given: Map<String, Value>) -> Result<String, String> {
    match tool {
        tools::READ => read::read(files, &typed(given)?),
        tools::GREP => grep::grep(files, &typed(given)?),
        tools::GLOB => glob::glob(files, &typed(given)?),
        tools::LIST => list::list(files, &typed(given)?),
        tools::SEARCH => search(files, &typed(given)?),
        tools::OUTLINE => outline(files, &typed(given)?),
        tools::HISTORY_LOG => history_tools::log(files, typed(given)?),
        tools::HISTORY_SHOW => history_tools::show(files, &typed(given)?),
        tools::HISTORY_BLAME => history_tools::blame(files, &typed(given)?),
        tools::HISTORY_DIFF => history_tools::diff(files, &typed(given)?),
        tools::HISTORY_SEARCH => history_tools::search(files, &typed(given)?),
        unknown => Err(format!("There is no tool {unknown:?}.")),
    }
}

fn typed<T: DeserializeOwned>(arguments: Map<String, Value>) -> Result<T, String> {
    serde_json::from_value(Value::Object(arguments))
        .map_err(|error| format!("The arguments are not valid: {error}."))
}

#[derive(Debug, Deserialize)]
struct SearchArguments {
    query: String,
    limit: Option<usize>,
}

fn search(files: &ReadableFiles, asked: &SearchArguments) -> Result<String, String> {
    let query = query::parse(&asked.query);
    if query.is_empty() {
        return Err("The query has no word to search for.".to_owned());
    }
    let limit = asked.limit.unwrap_or(PLACES).clamp(1, MAX_PLACES);
    let found = files.with_index(|index| {
        let mut text = String::new();
        for hit in source::find(index, &query).iter().take(limit) {
            if let Some(place) = passage::locate(index, &query, hit) {
                text.push_str(&shown(&place));
            }
        }
        if text.is_empty() {
            text.push_str("No place of the project fits.\n");
        }
        text.extend(index.left_out().sentence());
        text
    });
    found.map_err(|error| format!("There is no result: {error}."))
}

/// A place with its lines, numbered.
fn shown(place: &CitedPassage) -> String {
    let mut text = place.citation();
    if let Some(definition) = &place.definition {
        text.push_str(&format!(": {}", said(definition)));
    }
    text.push('\n');
    for (line, number) in place.quote.lines().zip(place.quoted.start..) {
        _ = writeln!(text, "{number}\t{line}");
    }
    text.push('\n');
    text
}

fn said(definition: &Definition) -> String {
    let Definition { kind, name, summary, .. } = definition;
    match summary.is_empty() {
        true => format!("{kind} {name}"),
        false => format!("{kind} {name}: {summary}"),
    }
}

#[derive(Debug, Deserialize)]
struct OutlineArguments {
    #[serde(default)]
    path: String,
}

fn outline(files: &ReadableFiles, asked: &OutlineArguments) -> Result<String, String> {
    let path = named_path::normal(&asked.path, files.roots());
    if path.is_empty() {
        return Ok(of_directory(files, ""));
    }
    match files.text(&path) {
        Ok(text) => Ok(of_file(&path, &text)),
        Err(FileReadError::Directory(_)) => Ok(of_directory(files, &path)),
        Err(error) => Err(error.to_string()),
    }
}

fn of_file(path: &str, text: &str) -> String {
    let language = Language::of(path.as_ref());
    let definitions = document::read(text, language).definitions;
    let mut outline = format!(
        "{}, {} lines. {}\n",
        written::file(path),
        text.lines().count(),
        document::head_sentence(text, language)
    );
    for definition in definitions.iter().take(MAX_OUTLINE) {
        _ = writeln!(outline, "{}\t{}", definition.line, said(definition));
    }
    more(&mut outline, definitions.len(), "definitions");
    outline
}

/// What is directly in a directory.
fn of_directory(files: &ReadableFiles, dir: &str) -> String {
    let list = files.list();
    // At the top of a group are its members, which keep their colon.
    let end = if dir.is_empty() && files.roots().is_group() { ':' } else { '/' };
    let mut entries: BTreeMap<&str, usize> = BTreeMap::new();
    for file in list.files() {
        let Some(inside) = roots::below(&file.path, dir) else { continue };
        // A directory keeps its slash.
        let name = inside.split_inclusive(end).next().unwrap_or(inside);
        *entries.entry(name).or_default() += 1;
    }
    let mut outline = String::new();
    let mut heads = MAX_HEADS;
    for (name, n_files) in entries.iter().take(MAX_OUTLINE) {
        if name.ends_with(end) {
            _ = writeln!(outline, "{name}\t{n_files} files");
            continue;
        }
        let path = roots::dir_prefix(dir) + name;
        let head = heads.checked_sub(1).and_then(|left| {
            heads = left;
            let text = files.text(&path).ok()?;
            Some(document::head_sentence(&text, Language::of(path.as_ref())))
        });
        _ = writeln!(outline, "{name}\t{}", head.unwrap_or_default());
    }
    more(&mut outline, entries.len(), "entries");
    if entries.is_empty() {
        outline.push_str("No file in it may be read.\n");
    }
    outline
}

fn more(outline: &mut String, n: usize, what: &str) {
    if let Some(left) = n.checked_sub(MAX_OUTLINE).filter(|left| *left > 0) {
        _ = writeln!(outline, "… and {left} more {what}.");
    }
}

fn bounded(mut text: String) -> String {
    if text.len() > MAX_RESULT_BYTES {
        text.truncate(text.floor_char_boundary(MAX_RESULT_BYTES));
        text.push_str("\n… (cut)");
    }
    text
}

#[cfg(test)]
mod tests;
