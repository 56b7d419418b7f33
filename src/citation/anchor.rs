//! Anchors: what a reference meant when it was checked, to tell later what has become of it. Pure.
//!
//! An anchor holds hashes, not text: what was read stays in the project.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use super::suffix::Lines;
use crate::{hex, history::parse};

/// Places whose first line is the right one and that are looked at whole.
const MAX_ATTEMPTS: usize = 1000;

/// Letters and digits that lines need to be told from others: a brace is everywhere.
const MIN_LETTERS: usize = 3;

/// The same, in another file.
const MIN_LETTERS_ELSEWHERE: usize = 20;

/// Length of a hash, in hexadecimal digits.
const HASH_DIGITS: usize = 32;

/// The content of a file and of the cited lines when a reference was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Anchor {
    /// The project's commit at that time, where git tells one; the file may have differed from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Hash of the file.
    pub file: String,
    /// Hash of the cited lines, where there are some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines: Option<String>,
    /// Hash of the first of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_line: Option<String>,
}

/// What has become of a cited place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "state")]
pub(crate) enum Standing {
    /// The lines, or the whole file where none are cited, are as they were.
    Fresh,
    /// They are found elsewhere.
    Moved {
        /// The file, where it is another one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        file: Option<String>,
        /// Where the lines begin now, from 1.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        line: Option<u32>,
    },
    /// The file is there, the lines are not.
    Changed,
    /// There is no such file any more.
    Gone,
    /// It cannot be told: the file may not be read now.
    Unknown,
}

impl Standing {
    /// Whether the place is not as it was, or not there at all.
    pub(crate) fn has_changed(&self) -> bool {
        matches!(self, Self::Changed | Self::Gone)
    }
}

impl Anchor {
    /// The anchor of `lines` in a file with this content.
    pub(crate) fn of(content: &[u8], lines: Option<Lines>, commit: Option<String>) -> Self {
        let all: Vec<&[u8]> = lines_of(content).collect();
        let cited = lines.and_then(|lines| all.get(range(lines)?));
        Self {
            commit,
            file: hash([content]),
            lines: cited.map(|cited| hash(cited.iter().copied())),
            first_line: cited.and_then(|cited| cited.first()).map(|first| hash([*first])),
        }
    }

    /// What has become of `lines` in the file, which now has this content.
    pub(crate) fn standing(&self, content: &[u8], lines: Option<Lines>) -> Standing {
        if hash([content]) == self.file {
            return Standing::Fresh;
        }
        self.find(content, lines, MIN_LETTERS)
    }

    /// The same for another file of the name, which has to have more in common.
    pub(crate) fn standing_elsewhere(&self, content: &[u8], lines: Option<Lines>) -> Standing {
        if hash([content]) == self.file && has_letters([content], MIN_LETTERS_ELSEWHERE) {
            return Standing::Fresh;
        }
        self.find(content, lines, MIN_LETTERS_ELSEWHERE)
    }

    fn find(&self, content: &[u8], lines: Option<Lines>, min_letters: usize) -> Standing {
        let (Some(expected), Some(first)) = (&self.lines, &self.first_line) else {
            return Standing::Changed;
        };
        let Some(range) = lines.and_then(range) else { return Standing::Changed };
        let all: Vec<&[u8]> = lines_of(content).collect();
        let is_at = |start: usize| {
            let found = all.get(start..start.saturating_add(range.len()));
            found.is_some_and(|found| hash(found.iter().copied()) == *expected)
        };
        let says_enough = |start: usize| {
            let found = all.get(start..start + range.len()).unwrap_or_default();
            has_letters(found.iter().copied(), min_letters)
        };
        if is_at(range.start) && (min_letters == MIN_LETTERS || says_enough(range.start)) {
            return Standing::Fresh;
        }
        let mut starts: Vec<usize> = all
            .iter()
            .enumerate()
            .filter(|(_, line)| hash([**line]) == *first)
            .map(|(start, _)| start)
            .collect();
        // The nearest is the likeliest.
        starts.sort_by_key(|start| start.abs_diff(range.start));
        let moved = starts.into_iter().take(MAX_ATTEMPTS).find(|start| is_at(*start));
        let moved = moved.filter(|start| says_enough(*start));
        match moved.and_then(|start| u32::try_from(start + 1).ok()) {
            line @ Some(_) => Standing::Moved { file: None, line },
            None => Standing::Changed,
        }
    }

    /// Whether it has the form of an anchor, whoever wrote it.
    pub(crate) fn is_valid(&self) -> bool {
        let is_hex = |text: &String| text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_hash = |text: &String| text.len() == HASH_DIGITS && is_hex(text);
        is_hash(&self.file)
            && self.lines.as_ref().is_none_or(is_hash)
            && self.first_line.as_ref().is_none_or(is_hash)
            && self.commit.as_deref().is_none_or(parse::is_full_id)
    }

    /// Memory of its texts, in bytes.
    pub(super) fn bytes(&self) -> usize {
        let others = [&self.commit, &self.lines, &self.first_line];
        self.file.len() + others.into_iter().flatten().map(String::len).sum::<usize>()
    }
}

/// The lines as an index counted from 0; `None` for line 0.
fn range(Lines { first, last }: Lines) -> Option<std::ops::Range<usize>> {
    let start = usize::try_from(first.checked_sub(1)?).ok()?;
    let end = usize::try_from(last.unwrap_or(first)).ok()?;
    Some(start..end.max(start + 1))
}

/// The lines without their ends, which tools change without a person's doing.
fn lines_of(content: &[u8]) -> impl Iterator<Item = &[u8]> {
    content.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}

fn has_letters<'a>(parts: impl IntoIterator<Item = &'a [u8]>, least: usize) -> bool {
    let is_letter = |byte: &&u8| byte.is_ascii_alphanumeric() || !byte.is_ascii();
    parts.into_iter().flatten().filter(is_letter).nth(least - 1).is_some()
}

fn hash<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
        hasher.update(b"\n");
    }
    let digest = hasher.finalize();
    hex::digits(&digest[..HASH_DIGITS / 2])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(first: u32, last: u32) -> Option<Lines> {
        Some(Lines { first, last: (last > first).then_some(last) })
    }

    fn moved(line: u32) -> Standing {
        Standing::Moved { file: None, line: Some(line) }
    }

    #[test]
    fn a_place_is_fresh_moved_or_changed() {
        let before = b"use a;\n\nfn open() {\n    a();\n}\n\nfn close() {\n}\n";
        let open = Anchor::of(before, at(3, 5), None);
        let whole = Anchor::of(before, None, None);
        let cases: [(&[u8], Standing, Standing); 7] = [
            (before, Standing::Fresh, Standing::Fresh),
            (
                b"use a;\n\nfn open() {\n    a();\n}\n\nfn shut() {\n}\n",
                Standing::Fresh,
                Standing::Changed,
            ),
            (b"use a;\r\n\r\nfn open() {\r\n    a();\r\n}\r\n", Standing::Fresh, Standing::Changed),
            (b"fn open() {\n    a();\n}\n", moved(1), Standing::Changed),
            (
                b"fn open() {\n    b();\n}\n\n\nfn open() {\n    a();\n}",
                moved(6),
                Standing::Changed,
            ),
            (b"use a;\n\nfn open() {\n    b();\n}\n", Standing::Changed, Standing::Changed),
            (b"", Standing::Changed, Standing::Changed),
        ];
        for (now, lines, file) in cases {
            let shown = String::from_utf8_lossy(now);
            assert_eq!(open.standing(now, at(3, 5)), lines, "{shown}");
            assert_eq!(whole.standing(now, None), file, "{shown}");
        }
    }

    #[test]
    fn of_several_places_the_nearest_is_meant() {
        let anchor = Anchor::of(b"1\n2\n3\nend\n5\n", at(4, 4), None);
        let now = b"end\n2\n3\n4\nend\n6\n7\n8\nend\n";
        assert_eq!(anchor.standing(now, at(4, 4)), moved(5));
    }

    #[test]
    fn a_line_that_says_nothing_is_found_nowhere_else_and_a_short_one_in_no_other_file() {
        let brace = Anchor::of(b"fn a() {\n}\n", at(2, 2), None);
        assert_eq!(brace.standing(b"fn a() {\n\n}\n", at(2, 2)), Standing::Changed);
        let short = Anchor::of(b"fn a() {}\nx", at(1, 1), None);
        assert_eq!(short.standing(b"\nfn a() {}\n", at(1, 1)), moved(2));
        assert_eq!(short.standing_elsewhere(b"\nfn a() {}\n", at(1, 1)), Standing::Changed);
        assert_eq!(short.standing_elsewhere(b"fn a() {}\n", at(1, 1)), Standing::Changed);
        let long = Anchor::of(b"fn a_function_of_some_length() {}\nx", at(1, 1), None);
        let now = b"\nfn a_function_of_some_length() {}\n";
        assert_eq!(long.standing_elsewhere(now, at(1, 1)), moved(2));
    }

    #[test]
    fn an_anchor_that_is_none_is_told() {
        let valid = Anchor::of(b"a\nb\n", at(1, 2), Some("a".repeat(40)));
        assert!(valid.is_valid());
        assert!(!Anchor { commit: Some("HEAD".to_owned()), ..valid.clone() }.is_valid());
        assert!(!Anchor { commit: Some("--output=x".to_owned()), ..valid.clone() }.is_valid());
        assert!(!Anchor { file: "<b>".to_owned(), ..valid.clone() }.is_valid());
        assert!(!Anchor { lines: Some(String::new()), ..valid }.is_valid());
    }

    proptest! {
        #[test]
        fn lines_that_only_moved_are_found_again(
            above in "[ab\n]{0,40}", cited in "[cd]{3,9}(\n[cd}]{0,9}){0,4}", below in "[ab\n]{0,40}",
            added in 1usize..9,
        ) {
            let n = u32::try_from(cited.split('\n').count()).unwrap();
            let first = u32::try_from(above.split('\n').count() + 1).unwrap();
            let before = format!("{above}\n{cited}\n{below}");
            let lines = at(first, first + n - 1);
            let anchor = Anchor::of(before.as_bytes(), lines, None);
            prop_assert_eq!(anchor.standing(before.as_bytes(), lines), Standing::Fresh);
            let now = format!("{}{before}", "new\n".repeat(added));
            let line = first + u32::try_from(added).unwrap();
            prop_assert_eq!(anchor.standing(now.as_bytes(), lines), moved(line));
        }
    }
}
