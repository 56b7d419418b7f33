//! Calls: where a definition is used, tested and documented, and what it uses itself, by names in
//! files of its own language.

use std::collections::HashSet;

use crate::{
    guide::extent,
    source::{
        definitions,
        document::{self, Definition},
        file_role::FileRole,
        index::Index,
        language::Language,
        terms,
        text::clip,
    },
};

/// Uses listed.
const MAX_CALLERS: usize = 5;
/// Definitions of a file whose uses are looked for.
const MAX_DEFINITIONS: usize = 12;
/// Tests and documents listed, each.
const MAX_OTHERS: usize = 2;
/// Definitions listed that it uses.
const MAX_CALLEES: usize = 6;
/// Files that are searched for uses.
const MAX_USING_FILES: usize = 40;
/// Longest line shown, bytes.
const MAX_SHOWN_BYTES: usize = 200;

/// A line that names a definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Use {
    pub path: String,
    /// Counted from 1.
    pub line: u32,
    pub text: String,
    /// The definition that it stands in.
    pub within: Option<Definition>,
}

/// A definition elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Callee {
    pub path: String,
    pub definition: Definition,
}

/// What a definition is connected to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Calls {
    /// In sources of other files first.
    pub callers: Vec<Use>,
    pub callees: Vec<Callee>,
    pub tests: Vec<Use>,
    pub documents: Vec<Use>,
}

/// The calls of and by the definition in `file` whose body is `body`.
pub(crate) fn of(index: &Index, file: u32, definition: &Definition, body: &[&str]) -> Calls {
    let callees = callees(index, file, Some(definition), body);
    let mut calls = Calls { callees, ..Calls::default() };
    let parts = terms::parts(&definition.name);
    let term = match parts.as_slice() {
        [part] => terms::stem(part),
        parts => terms::whole(parts),
    };
    let Some(term) = index.term(&term) else {
        return calls;
    };
    let language = index.files()[file as usize].language;
    let mut files: Vec<u32> = index
        .postings(term)
        .iter()
        .map(|posting| index.passages()[posting.passage as usize].file)
        .filter(|other| index.files()[*other as usize].is_alive)
        .collect();
    files.dedup();
    files.sort_by_key(|other| {
        (*other == file, index.files()[*other as usize].role != FileRole::Source)
    });
    let is_related = |other: &u32| is_family(index.files()[*other as usize].language, language);
    let owners = owners(index, file, definition);
    let mut seen = HashSet::new();
    for other in files.iter().copied().filter(is_related).take(MAX_USING_FILES) {
        if seen.insert(other) {
            add_uses(index, other, file, definition, &owners, &mut calls);
        }
    }
    // A single word of a document is no name.
    let is_document = |other: &u32| index.files()[*other as usize].language.is_prose();
    let documents = files.into_iter().filter(is_document).take(MAX_USING_FILES);
    if parts.len() > 1 {
        for other in documents {
            if calls.documents.len() < MAX_OTHERS && seen.insert(other) {
                calls.documents.extend(first_naming(index, other, &definition.name));
            }
        }
    }
    calls
}

/// Where the first definitions of a file are used in other files.
pub(crate) fn of_file(index: &Index, file: u32) -> Vec<Use> {
    let path = index.files()[file as usize].found.path.to_string_lossy().into_owned();
    let mut uses: Vec<Use> = Vec::new();
    for definition in index.files()[file as usize].definitions().iter().take(MAX_DEFINITIONS) {
        let is_telling = definition.name.len() > 3 && &*definition.name != "main";
        let calls = if is_telling { of(index, file, definition, &[]) } else { Calls::default() };
        for found in calls.callers {
            let is_new = found.path != path && uses.iter().all(|it| it.path != found.path);
            if is_new && uses.len() < MAX_CALLERS {
                uses.push(found);
            }
        }
    }
    uses
}

/// Whether two languages call each other's functions by name.
fn is_family(a: Language, b: Language) -> bool {
    let is_on_jvm = |it| matches!(it, Language::Java | Language::Kotlin | Language::Scala);
    a == b || (is_on_jvm(a) && is_on_jvm(b))
}

/// The names of which a file must say one for its use of the name to be one of this definition: the file
/// and the types of it. Empty where no other definition has the name.
fn owners(index: &Index, file: u32, definition: &Definition) -> Vec<String> {
    let entry = &index.files()[file as usize];
    let is_other = |(other, found): &(u32, Definition)| {
        *found.name == *definition.name
            && *other != file
            && is_family(index.files()[*other as usize].language, entry.language)
    };
    if !index.defined(&definition.name).iter().any(is_other) {
        return Vec::new();
    }
    let definitions = entry.definitions();
    let types =
        definitions.iter().filter(|it| definitions::is_container(it.kind) || it.kind == "type");
    let stem = entry.found.path.file_stem().map(|it| it.to_string_lossy().into_owned());
    types.map(|it| it.name.to_string()).chain(stem).filter(|it| it.len() > 2).collect()
}

fn add_uses(
    index: &Index,
    other: u32,
    file: u32,
    definition: &Definition,
    owners: &[String],
    calls: &mut Calls,
) {
    let entry = &index.files()[other as usize];
    let Some(text) = index.text(other) else { return };
    let is_comment = document::comment_lines(&text, entry.language);
    let is_meant = |owner: &String| whole_words(&text, owner).next().is_some();
    if other != file && !owners.is_empty() && !owners.iter().any(is_meant) {
        return;
    }
    let marks = entry.language.line_comments();
    let definitions = entry.definitions();
    let defined: HashSet<u32> =
        definitions.iter().filter(|it| it.name == definition.name).map(|it| it.line).collect();
    let naming: Vec<(usize, &str)> = text
        .lines()
        .enumerate()
        .filter(|(at, _)| !is_comment.get(*at).copied().unwrap_or(false))
        .filter(|(at, line)| {
            !defined.contains(&(*at as u32 + 1)) && is_used(line, definition, marks)
        })
        .collect();
    let is_test = |at: usize| entry.role == FileRole::Test || at as u32 + 1 >= entry.tests_start;
    // A line that uses it says more than its import.
    let best = |tests: bool| {
        let lines = naming.iter().filter(|(at, _)| is_test(*at) == tests);
        lines.min_by_key(|(at, line)| (is_import(line), *at)).copied()
    };
    let path = entry.found.path.to_string_lossy();
    let used = |(at, line): (usize, &str)| Use {
        path: path.clone().into_owned(),
        line: at as u32 + 1,
        text: clip(line.trim(), MAX_SHOWN_BYTES),
        within: enclosing(&definitions, at as u32 + 1, definition),
    };
    if calls.callers.len() < MAX_CALLERS {
        calls.callers.extend(best(false).map(used));
    }
    if calls.tests.len() < MAX_OTHERS {
        calls.tests.extend(best(true).map(used));
    }
}

/// The function that a line stands in, as far as the order of definitions tells.
fn enclosing(definitions: &[Definition], line: u32, used: &Definition) -> Option<Definition> {
    let before = definitions.iter().rev().find(|it| it.line <= line)?;
    (is_function(before.kind) && before != used).then(|| before.clone())
}

/// The first line of a document that names a definition, under its heading.
fn first_naming(index: &Index, file: u32, name: &str) -> Option<Use> {
    let text = index.text(file)?;
    let (at, line) =
        text.lines().enumerate().find(|(_, line)| whole_words(line, name).next().is_some())?;
    let entry = &index.files()[file as usize];
    let headings = entry.definitions();
    Some(Use {
        path: entry.found.path.to_string_lossy().into_owned(),
        line: at as u32 + 1,
        text: clip(line.trim(), MAX_SHOWN_BYTES),
        within: headings.into_iter().rev().find(|it| it.line <= at as u32 + 1),
    })
}

/// The functions of the project that `body` calls, in its order. It is the body of `definition`, or stands
/// in none.
pub(crate) fn callees(
    index: &Index,
    file: u32,
    definition: Option<&Definition>,
    body: &[&str],
) -> Vec<Callee> {
    let language = index.files()[file as usize].language;
    if definition.is_some_and(|it| !is_function(it.kind)) {
        return Vec::new();
    }
    let marks = language.line_comments();
    let mut seen: HashSet<&str> = definition.iter().map(|it| &*it.name).collect();
    let mut found = Vec::new();
    for (name, is_member) in body.iter().flat_map(|line| called(code(line, marks))) {
        if found.len() == MAX_CALLEES {
            break;
        }
        if name.len() < 3 || !seen.insert(name) {
            continue;
        }
        found.extend(callee(index, file, name, is_member));
    }
    found
}

/// The one definition that a call of `name` in `file` can mean; `None` where several could be meant.
fn callee(index: &Index, file: u32, name: &str, is_member: bool) -> Option<Callee> {
    let language = index.files()[file as usize].language;
    let mut candidates = index.defined(name);
    candidates.retain(|(other, definition)| {
        let entry = &index.files()[*other as usize];
        *definition.name == *name
            && is_function(definition.kind)
            && is_family(entry.language, language)
            && entry.role == FileRole::Source
            && definition.line < entry.tests_start
    });
    let own = candidates.iter().position(|(other, _)| *other == file);
    let (other, definition) = match (own, candidates.len()) {
        (Some(at), _) => candidates.swap_remove(at),
        // A method of a short name may be one of any type.
        (None, 1) if !is_member || terms::parts(name).len() > 1 => candidates.swap_remove(0),
        _ => return None,
    };
    if is_trivial(index, other, &definition) {
        return None;
    }
    let path = index.files()[other as usize].found.path.to_string_lossy().into_owned();
    Some(Callee { path, definition })
}

/// Whether a function is no step of its own: short and without a comment, such as what hands out a field.
fn is_trivial(index: &Index, file: u32, definition: &Definition) -> bool {
    definition.summary.is_empty()
        && index.text(file).is_some_and(|text| {
            let lines: Vec<&str> = text.lines().collect();
            extent::last_line(&lines, definition.line as usize) < definition.line as usize + 3
        })
}

/// The names that a line calls, and whether as a member of something.
fn called(line: &str) -> impl Iterator<Item = (&str, bool)> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    line.match_indices('(').filter_map(move |(at, _)| {
        let before = line[..at].trim_end_matches('!');
        let start = before.rfind(|c| !is_part(c)).map_or(0, |at| at + 1);
        let start = (start..=before.len()).find(|at| before.is_char_boundary(*at))?;
        let name = &before[start..];
        let is_name = !name.is_empty() && !in_text(line, at);
        let ahead = &before[..start];
        let is_own = ["self.", "this.", "$this->", "Self::"].iter().any(|it| ahead.ends_with(it));
        is_name.then_some((name, (ahead.ends_with('.') || ahead.ends_with("->")) && !is_own))
    })
}

/// Whether definitions of this kind are called.
pub(crate) fn is_function(kind: &str) -> bool {
    const KINDS: &[&str] = &[
        "fn",
        "def",
        "defp",
        "func",
        "function",
        "fun",
        "method",
        "defun",
        "defn",
        "sub",
        "proc",
        "procedure",
        "macro",
        "macro_rules!",
        "constructor",
        "subroutine",
        "defmacro",
    ];
    KINDS.contains(&kind)
}

/// Whether a line of code uses a definition. A function whose name is one word must be called or qualified,
/// as must all whose names are words of speech.
fn is_used(line: &str, definition: &Definition, marks: &[&str]) -> bool {
    let (line, name) = (code(line, marks), &*definition.name);
    let is_word = name.chars().all(char::is_lowercase);
    let is_plain = is_function(definition.kind) && terms::parts(name).len() == 1;
    whole_words(line, name).any(|at| {
        let (before, after) = (&line[..at], &line[at + name.len()..]);
        let is_called = after.starts_with(['(', '!', '<']) || before.ends_with("::");
        let is_member = before.ends_with('.') || before.ends_with("->");
        !in_text(line, at)
            && match (is_plain, is_word) {
                (true, _) => is_called && !is_import(line),
                (false, true) => is_called || is_member,
                (false, false) => true,
            }
    })
}

/// A line without the comment at its end.
fn code<'a>(line: &'a str, marks: &[&str]) -> &'a str {
    let starts = marks.iter().flat_map(|mark| line.match_indices(mark));
    let first = starts.map(|(at, _)| at).filter(|at| !in_text(line, *at)).min();
    first.map_or(line, |at| &line[..at])
}

/// Whether a place lies within double quotation marks.
fn in_text(line: &str, at: usize) -> bool {
    line[..at].replace("\\\"", "").matches('"').count() % 2 == 1
}

fn whole_words<'a>(line: &'a str, name: &'a str) -> impl Iterator<Item = usize> + 'a {
    let is_part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    line.match_indices(name).map(|(at, _)| at).filter(move |at| {
        let after = line[at + name.len()..].chars().next();
        !is_part(line[..*at].chars().next_back()) && !is_part(after)
    })
}

/// Whether a line takes in names from elsewhere.
pub(crate) fn is_import(line: &str) -> bool {
    let line = line.trim_start();
    ["use ", "pub use ", "import ", "from ", "#include", "export {", "export *"]
        .iter()
        .any(|opening| line.starts_with(opening))
        || line.contains("require(")
}

#[cfg(test)]
mod tests;
