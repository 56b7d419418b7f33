//! Reads what `git` prints. Pure.

use std::collections::HashMap;

use super::{ChangedFile, Commit};

/// Digits of a short hash.
const SHORT: usize = 10;

/// Longest name of a revision, in bytes.
const MAX_REVISION: usize = 200;

/// Fields of a commit.
const FIELDS: usize = 5;

/// Whether `name` is a hash or a plain name of a commit, possibly with `~2` or `^` after it: nothing
/// that could be an option, a range, a path or a search.
pub(crate) fn is_revision(name: &str) -> bool {
    let base = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '~' || c == '^');
    let base = if base.is_empty() { name } else { base };
    let is_plain = |c: char| c.is_alphanumeric() || "._/-".contains(c);
    name.len() <= MAX_REVISION
        && base.starts_with(|c: char| c.is_alphanumeric())
        && base.chars().all(is_plain)
        && !base.contains("..")
        && !name.ends_with('/')
}

/// Whether `id` is a whole hash.
pub(crate) fn is_full_id(id: &str) -> bool {
    matches!(id.len(), 40 | 64) && id.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The commits of `git log -z` in the format of [`super::FORMAT`].
pub(super) fn commits(printed: &str, max_message: usize) -> Vec<Commit> {
    let fields: Vec<&str> = printed.split('\0').collect();
    let of = |fields: &[&str]| {
        let [id, parents, author, date, message] = fields else { return None };
        // Where a difference was not asked for, a line may still precede the hash.
        let id = id.trim();
        if !is_full_id(id) {
            return None;
        }
        let message = message.trim();
        let (subject, body) = message.split_once("\n\n").unwrap_or((message, ""));
        let mut body = body.trim().to_owned();
        body.truncate(body.floor_char_boundary(max_message));
        Some(Commit {
            id: id.to_owned(),
            short: id.get(..SHORT).unwrap_or(id).to_owned(),
            parents: parents.split_whitespace().map(str::to_owned).collect(),
            author: one_line(author),
            date: one_line(date),
            subject: one_line(subject),
            body,
        })
    };
    fields.chunks(FIELDS).filter_map(of).collect()
}

/// Longest line of a message or a name, in bytes.
const MAX_LINE: usize = 400;

fn one_line(text: &str) -> String {
    let mut line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.truncate(line.floor_char_boundary(MAX_LINE));
    line
}

/// The commit of each line, counted from 1, of `git blame --porcelain`.
pub(super) fn blame(printed: &str) -> HashMap<usize, String> {
    let mut lines = HashMap::new();
    for line in printed.lines().filter(|line| !line.starts_with('\t')) {
        let mut words = line.split(' ');
        let (Some(id), Some(_), Some(at)) = (words.next(), words.next(), words.next()) else {
            continue;
        };
        if let Some(at) = at.parse().ok().filter(|_| is_full_id(id)) {
            lines.insert(at, id.to_owned());
        }
    }
    lines
}

/// The commits of `git log -z --format=%x01%H --name-only`, with the files of each.
pub(super) fn touched(printed: &[u8]) -> Vec<(String, Vec<String>)> {
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    for token in printed.split(|byte| *byte == 0) {
        let token = String::from_utf8_lossy(token);
        let token = token.trim_start_matches('\n');
        let id = token.strip_prefix('\x01').map(str::trim).filter(|id| is_full_id(id));
        match (id, found.last_mut()) {
            (Some(id), _) => found.push((id.to_owned(), Vec::new())),
            (None, Some((_, files))) if !token.is_empty() => files.push(token.to_owned()),
            (None, _) => (),
        }
    }
    found
}

/// The files of `git diff-tree -z --name-status`.
pub(super) fn changed_files(printed: &[u8]) -> Vec<ChangedFile> {
    let text = String::from_utf8_lossy(printed);
    let mut tokens = text.split('\0').filter(|token| !token.is_empty());
    let mut files = Vec::new();
    while let Some(status) = tokens.next() {
        let Some(status) = status.chars().next() else { break };
        let from = match status {
            'R' | 'C' => tokens.next().map(str::to_owned),
            _ => None,
        };
        let Some(path) = tokens.next() else { break };
        files.push(ChangedFile { status, path: path.to_owned(), from });
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_is_a_hash_or_a_plain_name() {
        for good in ["0123abc", "main", "v1.2.3", "feature/x-y", "HEAD~3", "HEAD^", "HEAD^2~1"] {
            assert!(is_revision(good), "{good}");
        }
        for bad in [
            "", "-n1", "--all", "a..b", "HEAD:x", "@{1}", "main@{1}", ":/fix", "^main", "a b", "a/",
        ] {
            assert!(!is_revision(bad), "{bad}");
        }
    }

    #[test]
    fn files_with_two_names_are_told_from_others() {
        let files = changed_files(b"M\0a b.rs\0R090\0old.rs\0new.rs\0D\0x\0");
        let file = |status, path: &str, from: Option<&str>| ChangedFile {
            status,
            path: path.to_owned(),
            from: from.map(str::to_owned),
        };
        let new = file('R', "new.rs", Some("old.rs"));
        assert_eq!(files, [file('M', "a b.rs", None), new, file('D', "x", None)]);
        assert!(changed_files(b"").is_empty());
    }

    #[test]
    fn the_files_of_a_commit_are_those_after_it() {
        let (one, two) = ("1".repeat(40), "2".repeat(40));
        let printed = format!("\x01{one}\0\na.rs\0b.rs\0\0\x01{two}\0\nc\nd\0");
        let found = touched(printed.as_bytes());
        let of = |id: &str, files: &[&str]| {
            (id.to_owned(), files.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(found, [of(&one, &["a.rs", "b.rs"]), of(&two, &["c\nd"])]);
    }
}
