//! Finds references to files in text: `src/main.rs`, `src/main.rs:42`, `src/main.rs:42-50` and
//! `src/main.rs#L42`. Pure code.
//!
//! Whether something is a file's name only the project can tell. What hardly can be anything else
//! is *certain*, and is told to be missing where there is no such file; the rest (`Node.js`,
//! `example.com/a.html`) is a reference only where the file is there.

use std::path::Path;

use crate::source::language;

use super::Reference;

/// Longest path, bytes.
const LONGEST_PATH: usize = 300;

/// Files that have no ending.
const NAMES: [&str; 12] = [
    "Makefile",
    "Dockerfile",
    "Containerfile",
    "Justfile",
    "justfile",
    "Gemfile",
    "Rakefile",
    "Procfile",
    "CODEOWNERS",
    "LICENSE",
    "README",
    "CHANGELOG",
];

/// Endings of files that the search does not name the language of.
const ENDINGS: [&str; 28] = [
    "md", "mdx", "txt", "rst", "adoc", "lock", "cfg", "ini", "conf", "env", "html", "htm", "css",
    "scss", "less", "svg", "xml", "csv", "sql", "proto", "graphql", "tf", "nix", "sh", "bash",
    "zsh", "db", "jsonl",
];

/// A reference in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mention<'a> {
    /// All of it, as written.
    pub text: &'a str,
    /// What it refers to.
    pub reference: Reference,
    /// Whether it can hardly be anything but a file's name.
    pub is_certain: bool,
}

/// The first reference in running text, with what stands before and after it.
pub(crate) fn find(text: &str) -> Option<(&str, Mention<'_>, &str)> {
    let mut from = 0;
    while let Some(dot) = memchr::memchr(b'.', text.as_bytes().get(from..)?) {
        let dot = from + dot;
        let start = text.get(..dot)?.rfind(|c| !is_path(c)).map_or(0, |at| at + width(text, at));
        let start = start.max(from);
        let rest = text.get(start..)?;
        let end = start + rest.find(|c| !is_path(c)).unwrap_or(rest.len());
        let path = text.get(start..end)?.trim_end_matches(['.', '-', '@']);
        let (lines, length) = lines(text.get(start + path.len()..)?);
        let after = text.get(start + path.len() + length..)?;
        let is_apart = text.get(..start)?.chars().next_back().is_none_or(may_stand_before)
            && after.chars().next().is_none_or(may_stand_after);
        if is_apart && let Some(is_certain) = judge(path, lines.is_some(), false) {
            let text_of_it = text.get(start..start + path.len() + length)?;
            let mention =
                Mention { text: text_of_it, reference: reference(path, lines), is_certain };
            return Some((text.get(..start)?, mention, after));
        }
        from = end.max(dot + 1);
    }
    None
}

/// The reference that a piece of code as a whole is.
pub(crate) fn whole(code: &str) -> Option<Mention<'_>> {
    let text = code.trim();
    let end = text.find([':', '#']).unwrap_or(text.len());
    let (path, rest) = text.split_at_checked(end)?;
    let is_name = |c: char| is_path(c) || "[]()".contains(c);
    if path.is_empty() || !path.chars().all(is_name) {
        return None;
    }
    let (lines, length) = lines(rest);
    if length != rest.len() {
        return None;
    }
    let is_certain = judge(path, lines.is_some(), true)?;
    Some(Mention { text, reference: reference(path, lines), is_certain })
}

/// Where a link of an answer leads, if it leads to a file.
pub(crate) fn target(to: &str) -> Option<Mention<'_>> {
    if to.contains("://") { None } else { whole(to) }
}

fn reference(path: &str, lines: Option<(u32, Option<u32>)>) -> Reference {
    let (line, end_line) = lines.map_or((None, None), |(first, last)| (Some(first), last));
    Reference { path: path.to_owned(), line, end_line: end_line.filter(|last| Some(*last) > line) }
}

/// Whether a path may name a file, and then whether it can hardly be anything else.
fn judge(path: &str, has_line: bool, is_code: bool) -> Option<bool> {
    let is_odd =
        path.len() > LONGEST_PATH || path.contains("//") || path.starts_with(['~', '-', '@', '+']);
    let (dirs, name) = path.rsplit_once('/').map_or(("", path), |(dirs, name)| (dirs, name));
    if is_odd || name.is_empty() || !name.contains(char::is_alphabetic) {
        return None;
    }
    let in_dir = path.contains('/');
    let Some((stem, ending)) = name.rsplit_once('.') else {
        // Many things are written like this; it must be there.
        return (is_code && (in_dir || NAMES.contains(&name))).then_some(has_line);
    };
    let is_ending = (1..=10).contains(&ending.len())
        && ending.chars().all(|c| c.is_ascii_alphanumeric())
        && ending.contains(|c: char| c.is_ascii_alphabetic());
    if stem.is_empty() {
        return (is_code && is_ending).then_some(false);
    }
    let is_known = ENDINGS.contains(&ending) || !language::fence_name(Path::new(name)).is_empty();
    if !is_ending || !(is_known || in_dir || is_code) {
        return None;
    }
    // `github.com/a/b.go` is an address, and `Node.js` a name.
    let is_address =
        dirs.split('/').next().is_some_and(|first| first.trim_matches('.').contains('.'));
    let is_product = ending == "js" && stem.starts_with(char::is_uppercase) && !in_dir;
    let is_certain = is_known && !is_address && !is_product && (in_dir || has_line || is_code);
    Some(is_certain || (has_line && in_dir && !is_address))
}

/// Lines behind a path: `:42`, `:42-50`, `:42:7`, `#L42` or `#L42-L50`, and how long that is.
fn lines(text: &str) -> (Option<(u32, Option<u32>)>, usize) {
    let none = (None, 0);
    let Some(rest) = text
        .strip_prefix("#L")
        .or_else(|| text.strip_prefix(":L"))
        .or_else(|| text.strip_prefix(':'))
    else {
        return none;
    };
    let Some((first, rest)) = number(rest) else { return none };
    let after_dash = ["-L", "–L", "-", "–"].into_iter().find_map(|dash| rest.strip_prefix(dash));
    let (last, rest) = match (after_dash.and_then(number), rest.strip_prefix(':').and_then(number))
    {
        (Some((last, rest)), _) => (Some(last), rest),
        // A column.
        (None, Some((_, rest))) => (None, rest),
        (None, None) => (None, rest),
    };
    (Some((first, last)), text.len() - rest.len())
}

fn number(text: &str) -> Option<(u32, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end)?;
    Some((digits.parse().ok()?, rest))
}

fn is_path(c: char) -> bool {
    c.is_alphanumeric() || "_-./@+~".contains(c)
}

fn may_stand_before(c: char) -> bool {
    c.is_whitespace() || "(\"'[{<>—–,;:=|“‘«„".contains(c)
}

fn may_stand_after(c: char) -> bool {
    c.is_whitespace() || ")\"']}<>—–,;:.!?|”’»…".contains(c)
}

/// Bytes of the character at `at`.
fn width(text: &str, at: usize) -> usize {
    text.get(at..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(text: &str) -> Vec<String> {
        let mut rest = text;
        let mut found = Vec::new();
        while let Some((_, mention, after)) = find(rest) {
            found.push(shown(&mention));
            rest = after;
        }
        found
    }

    fn shown(
        Mention { reference: Reference { path, line, end_line }, is_certain, .. }: &Mention<'_>,
    ) -> String {
        let line = line.map(|line| format!(" {line}")).unwrap_or_default();
        let end = end_line.map(|line| format!("-{line}")).unwrap_or_default();
        format!("{path}{line}{end}{}", if *is_certain { "" } else { "?" })
    }

    #[test]
    fn references_in_running_text_are_found_with_their_lines() {
        for (text, expected) in [
            ("See src/main.rs.", vec!["src/main.rs"]),
            ("In src/main.rs:42, it starts", vec!["src/main.rs 42"]),
            ("(src/a.rs:2-14) and src/b.py#L3-L9!", vec!["src/a.rs 2-14", "src/b.py 3-9"]),
            ("src/a.rs:7:13: error", vec!["src/a.rs 7"]),
            ("src/a.rs:9–12", vec!["src/a.rs 9-12"]),
            ("src/a.rs:9-3", vec!["src/a.rs 9"]),
            ("./docs/über.md", vec!["./docs/über.md"]),
            ("parser.rs:2 or README.md", vec!["parser.rs 2", "README.md?"]),
            ("web/app.config.ts, a/b/c.test.js.", vec!["web/app.config.ts", "a/b/c.test.js"]),
            ("file=conf/x.toml;", vec!["conf/x.toml"]),
            ("Node.js and Vue.js", vec!["Node.js?", "Vue.js?"]),
            ("github.com/foo/bar.go", vec!["github.com/foo/bar.go?"]),
        ] {
            assert_eq!(all(text), expected, "{text:?}");
        }
    }

    #[test]
    fn what_only_looks_like_a_file_is_none() {
        for text in [
            "and/or, e.g. i.e. etc.",
            "version 1.2.3 of v2.0",
            "self.name = other.field",
            "127.0.0.1:8080",
            "example.com:443",
            "src/*.rs and {a,b}/c.rs*",
            "call foo.rs() now",
            "$HOME/a.rs",
            "a//b.rs",
            "...",
            "it ends.Then it goes on",
            "~/notes.md",
            "src/session/",
            "s.t.",
            "3.5/4.5",
        ] {
            assert_eq!(all(text), Vec::<String>::new(), "{text:?}");
        }
    }

    #[test]
    fn code_is_a_reference_as_a_whole_or_not_at_all() {
        for (code, expected) in [
            ("src/main.rs:42", Some("src/main.rs 42")),
            ("main.rs", Some("main.rs")),
            ("Makefile", Some("Makefile?")),
            (".gitignore", Some(".gitignore?")),
            ("app/[id]/(group)/page.tsx", Some("app/[id]/(group)/page.tsx")),
            ("src/web#L3", Some("src/web 3")),
            ("cargo test", None),
            ("src/main.rs 42", None),
            ("std::fs", None),
            ("self.len()", None),
            ("x.y", Some("x.y?")),
            ("src/main.rs:fn", None),
            ("", None),
        ] {
            assert_eq!(whole(code).as_ref().map(shown).as_deref(), expected, "{code:?}");
        }
    }

    proptest! {
        #[test]
        fn text_comes_apart_into_the_same_text(text in r"[a-z./:#L0-9 –é()*-]{0,60}") {
            let mut rest = text.as_str();
            let mut together = String::new();
            while let Some((before, mention, after)) = find(rest) {
                prop_assert!(!mention.text.is_empty());
                together.push_str(before);
                together.push_str(mention.text);
                rest = after;
            }
            together.push_str(rest);
            prop_assert_eq!(together, text);
        }
    }
}
