//! Definitions by their names, and who wrote lines of a file. All of it blocks.

use std::cmp::Reverse;

use nucleo_matcher::{
    Config, Matcher, Utf32Str,
    pattern::{AtomKind, CaseMatching, Normalization, Pattern},
};

use crate::{
    history::{Blame, Commit},
    reader::{
        protocol::{FileRefusal, ReaderAnswer},
        symbols::{
            BlamedCommit, BlamedLines, BlamedPart, FoundSymbols, MAX_BLAMED, Symbol, SymbolQuery,
        },
    },
    source::{document::Definition, index::Index},
};

use super::files::ReadableFiles;

/// A longer name is not one that people look for, in bytes.
const MAX_NAME_BYTES: usize = 200;

/// Longest author or subject that is told, in bytes.
const MAX_TEXT_BYTES: usize = 300;

/// The definitions that match best.
pub(super) fn find(files: &ReadableFiles, query: &SymbolQuery) -> ReaderAnswer {
    let found = files.with_index(|index| match query.is_exact {
        true => named(index, query),
        false => matching(index, query),
    });
    match found {
        Ok(found) => ReaderAnswer::Symbols(found),
        Err(error) => ReaderAnswer::Failed(error.to_string()),
    }
}

/// The definitions of a name as it is written; in other spellings where there are none.
pub(super) fn named(index: &Index, query: &SymbolQuery) -> FoundSymbols {
    let mut found: Vec<Symbol> = index
        .defined(&query.name)
        .into_iter()
        .filter_map(|(file, definition)| symbol(path_of(index, file as usize)?, definition))
        .collect();
    if found.iter().any(|symbol| symbol.name == query.name) {
        found.retain(|symbol| symbol.name == query.name);
    }
    found.sort_by(|a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
    let total = found.len();
    found.truncate(query.limit);
    FoundSymbols { symbols: found, total }
}

/// The definitions whose names have these letters in order.
fn matching(index: &Index, query: &SymbolQuery) -> FoundSymbols {
    let mut matcher = Matcher::new(Config::DEFAULT);
    let pattern =
        Pattern::new(&query.name, CaseMatching::Smart, Normalization::Smart, AtomKind::Fuzzy);
    let mut characters = Vec::new();
    let mut scored = Vec::new();
    for (number, file) in index.files().iter().enumerate().filter(|(_, file)| file.is_alive) {
        for definition in file.definitions() {
            let is_code = definition.kind != "heading";
            let name = Utf32Str::new(&definition.name, &mut characters);
            if let Some(score) = pattern.score(name, &mut matcher) {
                scored.push((
                    (Reverse(score), !is_code, definition.name.len()),
                    number,
                    definition,
                ));
            }
        }
    }
    let total = scored.len();
    scored.sort_by_key(|(rank, ..)| *rank);
    let best = scored.into_iter().filter_map(|(_, file, it)| symbol(path_of(index, file)?, it));
    FoundSymbols { symbols: best.take(query.limit).collect(), total }
}

fn path_of(index: &Index, file: usize) -> Option<&str> {
    index.files().get(file)?.found.path.to_str()
}

/// A definition as it is told, if people may look for it.
pub(super) fn symbol(path: &str, definition: Definition) -> Option<Symbol> {
    let path = path.to_owned();
    let Definition { kind, name, line, .. } = definition;
    let is_name = !name.is_empty() && name.len() <= MAX_NAME_BYTES;
    is_name.then(|| Symbol { name: name.into_string(), kind: kind.to_owned(), path, line })
}

/// Who wrote these lines of a file last.
pub(super) fn blame(files: &ReadableFiles, path: &str, first: usize, last: usize) -> ReaderAnswer {
    let first = first.max(1);
    let last = last.min(first.saturating_add(MAX_BLAMED - 1));
    let now = match files.text(path) {
        Ok(now) => now,
        Err(refusal) => return ReaderAnswer::Refused(refusal.into()),
    };
    match files.history().blame(path, &now, first, last) {
        Ok(blame) => ReaderAnswer::Blamed(parts(&blame, first)),
        Err(error) => ReaderAnswer::Refused(FileRefusal::from(error)),
    }
}

fn parts(blame: &Blame, first: usize) -> BlamedLines {
    let mut parts: Vec<BlamedPart> = Vec::new();
    let mut last_commit = None;
    for (line, commit) in blame.lines.iter().enumerate().map(|(at, it)| (first + at, *it)) {
        match parts.last_mut().filter(|_| last_commit == Some(commit)) {
            Some(part) => part.last = line,
            None => {
                let told = commit.and_then(|at| blame.commits.get(at)).map(told);
                parts.push(BlamedPart { first: line, last: line, commit: told });
            }
        }
        last_commit = Some(commit);
    }
    BlamedLines { parts }
}

fn told(commit: &Commit) -> BlamedCommit {
    let cut = |text: &str| {
        let end = text.floor_char_boundary(MAX_TEXT_BYTES);
        text.get(..end).unwrap_or_default().to_owned()
    };
    BlamedCommit {
        id: commit.id.clone(),
        author: cut(&commit.author),
        date: cut(&commit.date),
        subject: cut(&commit.subject),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_one_commit_are_one_part() {
        let commit = |id: &str| Commit {
            id: id.to_owned(),
            short: id.to_owned(),
            parents: Vec::new(),
            author: "A".to_owned(),
            date: "2026-01-31".to_owned(),
            subject: "S".to_owned(),
            body: String::new(),
        };
        let lines = vec![Some(0), Some(0), None, None, Some(1), Some(0)];
        let blame = Blame { lines, commits: vec![commit("a"), commit("b")] };
        let parts = parts(&blame, 10).parts;
        let shown: Vec<_> = parts
            .iter()
            .map(|it| (it.first, it.last, it.commit.as_ref().map(|it| it.id.as_str())))
            .collect();
        assert_eq!(
            shown,
            [(10, 11, Some("a")), (12, 13, None), (14, 14, Some("b")), (15, 15, Some("a"))]
        );
    }
}
