//! Languages by the names that answers and files give them.

use std::{path::Path, sync::LazyLock};

use syntect::parsing::{SyntaxReference, SyntaxSet};

use super::Fence;

/// Names that the grammars do not have, and those of theirs that they stand for.
const OTHER_NAMES: &[(&str, &str)] = &[
    ("cjs", "js"),
    ("csharp", "cs"),
    ("docker", "dockerfile"),
    ("fsharp", "f#"),
    ("golang", "go"),
    ("json5", "json"),
    ("jsonc", "json"),
    ("jsonl", "json"),
    ("jsx", "tsx"),
    ("ksh", "sh"),
    ("mjs", "js"),
    ("mysql", "sql"),
    ("ndjson", "json"),
    ("node", "js"),
    ("objc", "m"),
    ("plpgsql", "sql"),
    ("postgres", "sql"),
    ("postgresql", "sql"),
    ("python3", "py"),
    ("shell", "sh"),
    ("sqlite", "sql"),
    ("sqlite3", "sql"),
];

/// Names of what stands in a terminal: commands, and what they print.
const CONSOLES: &[&str] = &["console", "shell-session", "sh-session", "shellsession", "terminal"];

/// Names of shells, in which a first line may begin with a prompt all the same.
const SHELLS: &[&str] = &["sh", "bash", "shell", "zsh"];

static ALL: LazyLock<SyntaxSet> = LazyLock::new(two_face::syntax::extra_newlines);

/// All grammars. They are unpacked when they are first needed.
pub(super) fn all() -> &'static SyntaxSet {
    &ALL
}

/// The grammar of a language; `None` where there is none, and for plain text.
pub(super) fn named(name: &str) -> Option<&'static SyntaxReference> {
    let name = name.to_lowercase();
    let other = OTHER_NAMES.iter().find(|(other, _)| *other == name);
    let found = ALL.find_syntax_by_token(other.map_or(&name, |(_, known)| known));
    found.filter(|syntax| syntax.name != ALL.find_syntax_plain_text().name)
}

/// Whether code stands in a terminal.
pub(super) fn is_console(fence: &Fence) -> bool {
    let is_one_of =
        |names: &[&str]| names.iter().any(|it| it.eq_ignore_ascii_case(&fence.language));
    is_one_of(CONSOLES) || (is_one_of(SHELLS) && fence.code.starts_with("$ "))
}

/// The name of the language of a file at `path`, whose first line may tell it too.
pub fn of_path(path: &Path, first_line: &str) -> Option<&'static str> {
    let file = path.file_name()?.to_str()?;
    let extension = path.extension().and_then(|extension| extension.to_str());
    let found = ALL
        .find_syntax_by_extension(file)
        .or_else(|| ALL.find_syntax_by_extension(extension?))
        .or_else(|| named(extension?))
        .or_else(|| named(interpreter(first_line)?));
    found.map(|syntax| syntax.name.as_str())
}

/// The program that a script names in its first line.
fn interpreter(first_line: &str) -> Option<&str> {
    let mut words = first_line.strip_prefix("#!")?.split_whitespace();
    let program = |path: &'_ str| path.rsplit('/').next().map(str::len);
    let first = words.next()?;
    let first = first.get(first.len() - program(first)?..)?;
    if first == "env" { words.find(|word| !word.starts_with('-')) } else { Some(first) }
}
