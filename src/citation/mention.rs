//! Mentions of files in text: `src/main.rs`, `src/main.rs:42`, `src/main.rs:42-50`,
//! `src/main.rs#L42`. Pure code.
//!
//! Only the project's files tell whether a name is that of a file. A mention that can hardly be
//! anything else is *certain*: without such a file it is reported as missing. Any other mention
//! (`Node.js`, `example.com/a.html`) counts only if the file exists.

use crate::source::language::is_known_extension;

use super::Reference;

/// Longest path that is recognised, bytes.
const LONGEST_PATH: usize = 300;

/// Names of files without an extension.
const BARE_NAMES: [&str; 12] = [
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

/// A reference to a file, found in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mention<'a> {
    /// The reference with its lines, as written.
    pub text: &'a str,
    pub reference: Reference,
    /// Whether it can hardly be anything but the name of a file.
    pub is_certain: bool,
}

/// The first mention in running text, with the text before and after it.
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
        let is_delimited = text.get(..start)?.chars().next_back().is_none_or(may_stand_before)
            && after.chars().next().is_none_or(may_stand_after);
        if is_delimited
            && let Some(is_certain) =
                judge(path, MentionContext { has_line: lines.is_some(), is_code: false })
        {
            let text_of_it = text.get(start..start + path.len() + length)?;
            let mention =
                Mention { text: text_of_it, reference: reference(path, lines), is_certain };
            return Some((text.get(..start)?, mention, after));
        }
        from = end.max(dot + 1);
    }
    None
}

/// The mention that a piece of inline code is as a whole.
pub(crate) fn parse_code(code: &str) -> Option<Mention<'_>> {
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
    let is_certain = judge(path, MentionContext { has_line: lines.is_some(), is_code: true })?;
    Some(Mention { text, reference: reference(path, lines), is_certain })
}

/// The file that the address of a link is, if it is one.
pub(crate) fn parse_link(address: &str) -> Option<Mention<'_>> {
    if address.contains("://") { None } else { parse_code(address) }
}

fn reference(path: &str, lines: Option<(u32, Option<u32>)>) -> Reference {
    let (line, end_line) = lines.map_or((None, None), |(first, last)| (Some(first), last));
    Reference { path: path.to_owned(), line, end_line: end_line.filter(|last| Some(*last) > line) }
}

/// How a path is written.
struct MentionContext {
    /// With the number of a line.
    has_line: bool,
    /// As inline code.
    is_code: bool,
}

/// Whether a path is certain to name a file; `None` if it cannot name one.
fn judge(path: &str, MentionContext { has_line, is_code }: MentionContext) -> Option<bool> {
    let is_odd =
        path.len() > LONGEST_PATH || path.contains("//") || path.starts_with(['~', '-', '@', '+']);
    let (dirs, name) = path.rsplit_once('/').map_or(("", path), |(dirs, name)| (dirs, name));
    if is_odd || name.is_empty() || !name.contains(char::is_alphabetic) {
        return None;
    }
    let in_dir = path.contains('/');
    let Some((stem, extension)) = name.rsplit_once('.') else {
        // Many other things are written like this, so the file must exist.
        return (is_code && (in_dir || BARE_NAMES.contains(&name))).then_some(has_line);
    };
    let is_extension = (1..=10).contains(&extension.len())
        && extension.chars().all(|c| c.is_ascii_alphanumeric())
        && extension.contains(|c: char| c.is_ascii_alphabetic());
    if stem.is_empty() {
        return (is_code && is_extension).then_some(false);
    }
    let is_known = is_known_extension(name);
    if !is_extension || !(is_known || in_dir || is_code) {
        return None;
    }
    // `github.com/a/b.go` is an address, and `Node.js` a product.
    let is_address =
        dirs.split('/').next().is_some_and(|first| first.trim_matches('.').contains('.'));
    let is_product = extension == "js" && stem.starts_with(char::is_uppercase) && !in_dir;
    let is_certain = is_known && !is_address && !is_product && (in_dir || has_line || is_code);
    Some(is_certain || (has_line && in_dir && !is_address))
}

/// The first and last line in a suffix such as `:42`, `:42-50`, `:42:7`, `#L42` or `#L42-L50`, with
/// the length of the suffix.
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
        // After a second colon comes a column.
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

/// Bytes of the character at the offset `at`.
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
            assert_eq!(parse_code(code).as_ref().map(shown).as_deref(), expected, "{code:?}");
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
