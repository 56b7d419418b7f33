//! Mentions of files: what text, inline code and links of an answer name as a file. Pure code.
//!
//! Only the project's files tell whether a name is that of a file. A mention that can hardly be
//! anything else is *certain*. Any other mention (`Node.js`, `example.com/a.html`) counts only if the
//! file exists.

use crate::{
    project::{MAX_NAME_LENGTH, roots},
    source::language::is_known_extension,
};

use super::{
    Form, Reference, WrittenReference, address,
    script::{is_combining, is_unspaced, path_in},
    suffix::{self, Lines},
};

/// Longest path that is recognised, bytes.
const LONGEST_PATH: usize = 300;

/// Longest notation of lines or of a name within a file, bytes.
const LONGEST_SUFFIX: usize = 256;

/// Shortest hash of a commit, in digits.
const SHORTEST_HASH: usize = 7;

/// Longest directory in brackets: `[id]`, `(group)`.
const LONGEST_BRACKET: usize = 60;

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
pub(crate) struct Mention<'a> {
    /// The reference with its lines, as written.
    pub text: &'a str,
    pub written: WrittenReference,
}

impl Mention<'_> {
    /// Adds lines that are told beside the mention, if it names none itself.
    pub(crate) fn with_lines(mut self, lines: Option<Lines>) -> Self {
        if let (None, Some(lines)) = (self.written.reference.line, lines) {
            self.written.reference.set_lines(lines);
            // A path with a line is certain where the path is that of a known kind of file.
            self.written.is_certain |= is_known_path(&self.written.reference.path);
        }
        self
    }
}

/// The first mention in running text, with the text before and after it.
pub(crate) fn find(text: &str) -> Option<(&str, Mention<'_>, &str)> {
    let mut from = 0;
    while let Some(dot) = memchr::memchr(b'.', text.as_bytes().get(from..)?) {
        let dot = from + dot;
        let (word_start, word_end) = word_around(text, dot, from);
        let word = text.get(word_start..word_end)?;
        let inner = path_in(word);
        let start = word_start + inner.start;
        let path = text.get(start..word_start + inner.end)?.trim_end_matches(['.', '-', '@', '\\']);
        let path = path.strip_suffix("[]").unwrap_or(path);
        let path_end = start + path.len();
        let behind = text.get(path_end..)?;
        let behind = behind.get(..behind.floor_char_boundary(LONGEST_SUFFIX))?;
        let suffix = suffix::parse(behind).filter(|it| may_end(text, path_end + it.length));
        let (lines, length) = suffix.map_or((None, 0), |it| (it.lines, it.length));
        let end = path_end + length;
        let is_delimited = (inner.start > 0 || may_begin(text.get(..start)?)) && may_end(text, end);
        let judged = judge(path, MentionContext { has_line: lines.is_some(), is_code: false });
        if is_delimited && let Some(is_certain) = judged {
            let member = member_before(text.get(from..start)?).filter(|_| inner.start == 0);
            let length = member.filter(|_| !path.starts_with(['/', '\\'])).unwrap_or(0);
            let (start, word_start) = (start - length, word_start - length);
            let path = text.get(start..path_end)?;
            let (shown, wide) = (text.get(start..end)?, text.get(word_start..end)?);
            let lines = lines.or_else(|| suffix::lines_before(text.get(..start)?));
            let reference = reference(path, lines);
            let written =
                WrittenReference { reference, text: wide.to_owned(), form: Form::Text, is_certain };
            return Some((text.get(..start)?, Mention { text: shown, written }, text.get(end..)?));
        }
        from = path_end.max(dot + 1);
    }
    None
}

/// Bytes of the name of a project with its colon at the end of `text`: `web:` of `in web:`.
fn member_before(text: &str) -> Option<usize> {
    let name = text.strip_suffix(':')?;
    let start = name.trim_end_matches(|c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    let name = name.get(start.len()..)?;
    let is_name = name.len() <= MAX_NAME_LENGTH && name.contains(|c: char| c.is_ascii_alphabetic());
    (is_name && may_begin(start)).then_some(name.len() + 1)
}

/// The word of path characters around `dot`, not before `from`.
fn word_around(text: &str, dot: usize, from: usize) -> (usize, usize) {
    let mut start = dot;
    while dot - start <= LONGEST_PATH
        && let Some(c) = text.get(from..start).and_then(|before| before.chars().next_back())
    {
        let step = if is_path(c) {
            c.len_utf8()
        } else if let Some(length) = bracket_before(text.get(from..start).unwrap_or_default()) {
            length
        } else {
            break;
        };
        start -= step;
    }
    let mut end = dot;
    while end - dot <= LONGEST_PATH
        && let Some(rest) = text.get(end..)
        && let Some(c) = rest.chars().next()
    {
        end += if is_path(c) {
            c.len_utf8()
        } else if let Some(length) = bracket_after(text.get(..end).unwrap_or_default(), rest) {
            length
        } else {
            break;
        };
    }
    (start, end)
}

/// Bytes of a directory or stem in brackets at the end of `text`: `[id]` of `app/[id]`.
fn bracket_before(text: &str) -> Option<usize> {
    let open = match text.chars().next_back()? {
        ']' => '[',
        ')' => '(',
        _ => return None,
    };
    let near = text.ceil_char_boundary(text.len().saturating_sub(LONGEST_BRACKET + 2));
    let at = near + text.get(near..)?.rfind(open)?;
    let inside = text.get(at + 1..text.len() - 1)?;
    let is_dir = text.get(..at)?.ends_with('/') && is_bracketed(inside);
    is_dir.then_some(text.len() - at)
}

/// The same at the start of `text`, after `before`.
fn bracket_after(before: &str, text: &str) -> Option<usize> {
    let close = match text.chars().next()? {
        '[' => ']',
        '(' => ')',
        _ => return None,
    };
    let at = text.get(..text.floor_char_boundary(LONGEST_BRACKET + 2))?.find(close)?;
    let inside = text.get(1..at)?;
    let is_dir = before.ends_with('/')
        && text.get(at + 1..)?.starts_with(['/', '.'])
        && is_bracketed(inside);
    is_dir.then_some(at + 1)
}

fn is_bracketed(inside: &str) -> bool {
    (1..=LONGEST_BRACKET).contains(&inside.len()) && inside.chars().all(|c| is_path(c) && c != '/')
}

/// The mention that a piece of inline code is as a whole.
pub(crate) fn parse_code(code: &str) -> Option<Mention<'_>> {
    let text = code.trim();
    if text.len() > LONGEST_PATH + LONGEST_SUFFIX {
        return None;
    }
    if is_hash(text) {
        return Some(mention(text, reference(text, None), Form::Code, false));
    }
    let (path, lines) = split(unquoted(text))?;
    let is_certain = judge(path, MentionContext { has_line: lines.is_some(), is_code: true })?;
    Some(mention(text, reference(path, lines), Form::Code, is_certain))
}

/// Whether a text may be the hash of a commit, or the beginning of one. A number is none.
pub(super) fn is_hash(text: &str) -> bool {
    let is_whole = matches!(text.len(), 40 | 64);
    (is_whole || (SHORTEST_HASH..40).contains(&text.len()))
        && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        && (is_whole || text.bytes().any(|byte| byte.is_ascii_alphabetic()))
        && text.bytes().any(|byte| byte.is_ascii_digit())
}

/// The file that the address of a link is, if it is one. A file's page at a code host may be one of
/// the project's own.
pub(crate) fn parse_link(target: &str) -> Option<Mention<'_>> {
    // Each byte of a name may be written as three.
    if target.len() > 3 * LONGEST_PATH + LONGEST_SUFFIX {
        return None;
    }
    if let Some(page) = address::parse_page(target) {
        let reference = reference(page.address, page.lines);
        return Some(mention(target, reference, Form::Link, false));
    }
    let (path, lines) = address::parse_target(target)?;
    if path.ends_with('/') || path.len() > LONGEST_PATH {
        return None;
    }
    // A target is a path whatever it looks like.
    let judged = judge(&path, MentionContext { has_line: lines.is_some(), is_code: true });
    let is_certain = judged.unwrap_or(false);
    Some(mention(target, reference(&path, lines), Form::Link, is_certain))
}

fn mention(text: &str, reference: Reference, form: Form, is_certain: bool) -> Mention<'_> {
    Mention {
        text,
        written: WrittenReference { reference, text: text.to_owned(), form, is_certain },
    }
}

/// A path within quotes without them.
pub(super) fn unquoted(text: &str) -> &str {
    let inside = |mark: char| text.strip_prefix(mark)?.strip_suffix(mark);
    inside('"').or_else(|| inside('\'')).filter(|it| !it.is_empty()).unwrap_or(text)
}

/// The path and the lines of a text that is a path with perhaps a notation after it. A name may hold
/// what begins a notation, so the longest path that can be one counts.
pub(super) fn split(text: &str) -> Option<(&str, Option<Lines>)> {
    let whole = is_plausible(text).then_some((text, None));
    suffix::splits(text).find(|(path, _)| is_plausible(path)).or(whole)
}

fn is_plausible(path: &str) -> bool {
    judge(path, MentionContext { has_line: false, is_code: true }).is_some()
}

fn reference(path: &str, lines: Option<Lines>) -> Reference {
    let mut reference = Reference { path: path.to_owned(), line: None, end_line: None };
    if let Some(lines) = lines {
        reference.set_lines(lines);
    }
    reference
}

/// How a path is written.
struct MentionContext {
    /// With the number of a line.
    has_line: bool,
    /// As inline code.
    is_code: bool,
}

/// Whether a path is certain to name a file; `None` if it cannot name one.
fn judge(path: &str, context: MentionContext) -> Option<bool> {
    let MentionContext { has_line, is_code } = context;
    let inside = roots::inner_str(path);
    if inside.len() < path.len() {
        // Only the projects tell whether it is the name of one that stands before the colon.
        return judge(inside, context).map(|_| false);
    }
    let is_odd = path.len() > LONGEST_PATH
        || path.is_empty()
        || path.contains("//")
        || path.starts_with(['~', '-', '+', '$', ' '])
        || path.ends_with(' ')
        || path.contains(char::is_control);
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    if is_odd || name.is_empty() || !name.contains(char::is_alphabetic) {
        return None;
    }
    let in_dir = path.contains(['/', '\\']);
    // Characters that names rarely have: the file must exist, or its directory.
    let is_rare = !path.chars().all(|c| is_path(c) || "[]()".contains(c));
    let Some((stem, extension)) = name.rsplit_once('.') else {
        // Many other things are written like this, so the file must exist.
        let may_be = is_code && !is_rare && (in_dir || BARE_NAMES.contains(&name));
        return may_be.then_some(has_line);
    };
    let is_extension = (1..=10).contains(&extension.len())
        && extension.chars().all(|c| c.is_ascii_alphanumeric())
        && extension.contains(|c: char| c.is_ascii_alphabetic());
    if stem.is_empty() {
        return (is_code && is_extension && !is_rare).then_some(false);
    }
    // `s.t.` and `e.g.` in a sentence.
    let is_abbreviation =
        !in_dir && !is_code && !has_line && stem.chars().count() == 1 && extension.len() == 1;
    let is_known = is_known_extension(name) && !is_abbreviation;
    if !is_extension || !(is_known || ((in_dir || is_code) && !is_rare)) {
        return None;
    }
    let is_product = extension == "js" && stem.starts_with(char::is_uppercase) && !in_dir;
    let is_certain = is_known
        && !is_rare
        && !is_host(path)
        && !is_product
        && (in_dir || has_line || is_code)
        && (in_dir || !path.starts_with('@'));
    Some(is_certain || (has_line && in_dir && !is_rare && !is_host(path)))
}

/// Whether a path begins with what may be the name of a host: `github.com/a/b.go`.
fn is_host(path: &str) -> bool {
    let (dirs, _) = path.rsplit_once('/').unwrap_or_default();
    dirs.split('/').next().is_some_and(|first| first.trim_matches('.').contains('.'))
}

/// Whether the name of a path is like that of a file: with an extension, or a usual one without.
pub(super) fn is_like_a_file(path: &str) -> bool {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    name.contains('.') || BARE_NAMES.contains(&name)
}

/// Whether a path has the extension of a known kind of file.
pub(super) fn is_known_path(path: &str) -> bool {
    is_known_extension(path.rsplit(['/', '\\']).next().unwrap_or(path)) && !is_host(path)
}

/// Whether a path may be told without the directories above it.
pub(super) fn may_lack_its_directory(path: &str) -> bool {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    !path.starts_with('/')
        && (path.contains(['/', '\\']) || is_known_extension(name) || BARE_NAMES.contains(&name))
}

fn is_path(c: char) -> bool {
    c.is_alphanumeric() || is_combining(c) || "_-./@+~\\$".contains(c)
}

/// Whether a mention may begin after `before`.
fn may_begin(before: &str) -> bool {
    let mut characters = before.chars().rev();
    let Some(last) = characters.next() else { return true };
    // A quote within a word is none: `it's.md`.
    let is_within = "'\"’".contains(last) && characters.next().is_some_and(char::is_alphanumeric);
    may_stand_before(last) && !is_within
}

fn may_stand_before(c: char) -> bool {
    c.is_whitespace() || "(\"'[{<>,;:=|".contains(c) || (!c.is_ascii() && !is_path(c))
}

/// Whether a mention may end at `at`.
fn may_end(text: &str, at: usize) -> bool {
    text.get(at..).and_then(|rest| rest.chars().next()).is_none_or(may_stand_after)
}

fn may_stand_after(c: char) -> bool {
    c.is_whitespace()
        || ")\"']}<>,;:.!?|".contains(c)
        || (!c.is_ascii() && (!is_path(c) || is_unspaced(c)))
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
        Mention { written: WrittenReference { reference, is_certain, .. }, .. }: &Mention<'_>,
    ) -> String {
        let Reference { path, line, end_line } = reference;
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
            ("In web:src/x.ts:3, it", vec!["web:src/x.ts 3"]),
            (
                "(web:src/a.ts:2-14) and my_api-2:b.rs#L3",
                vec!["web:src/a.ts 2-14", "my_api-2:b.rs 3"],
            ),
            ("12:src/a.rs:3", vec!["src/a.rs 3"]),
            ("C:/src/a.rs", vec!["/src/a.rs"]),
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
            ("src/main.rs:fn", Some("src/main.rs")),
            ("c053a1f", Some("c053a1f?")),
            (
                "0123456789abcdef0123456789abcdef01234567",
                Some("0123456789abcdef0123456789abcdef01234567?"),
            ),
            ("c053a1", None),
            ("1234567", None),
            ("deadbeef", None),
            ("C053A1F0", None),
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
