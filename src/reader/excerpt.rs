//! File excerpts: the lines around a requested one, and an outline of the whole file. Pure.

use std::{borrow::Cow, path::Path};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::source::{
    document::{self, Definition},
    language::{self, Language},
    text,
    walk::MAX_FILE_BYTES,
};

const MAX_OUTLINE_ITEMS: usize = 2000;

/// Longest name in an outline, in bytes.
const MAX_NAME_BYTES: usize = 512;

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct FileExcerpt {
    /// The size of the file in bytes.
    pub size: usize,
    /// The language as a fenced code block names it; empty if it is unknown.
    pub language: Cow<'static, str>,
    /// Whether the file is binary, so that none of it is shown.
    pub binary: bool,
    /// The number of lines of the file.
    pub total_lines: usize,
    /// The first line shown, from 1; 0 if none is.
    pub first_line: usize,
    /// The last line shown.
    pub last_line: usize,
    /// The lines, without the newline of the last.
    pub text: String,
    /// Whether the file has more than is shown.
    pub truncated: bool,
    /// The definitions of the file, in order; empty for files above 1 MiB.
    pub outline: Vec<OutlineItem>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct OutlineItem {
    /// The kind: `fn`, `class`, `heading` and so on.
    pub kind: Cow<'static, str>,
    pub name: Box<str>,
    /// From 1.
    pub line: u32,
}

/// The part of a file around `line`, or its end if it has fewer lines. It has at most `max_lines`
/// lines and `max_bytes` bytes.
pub(crate) fn of(
    path: &str,
    bytes: &[u8],
    line: Option<usize>,
    max_lines: usize,
    max_bytes: usize,
) -> FileExcerpt {
    let path = Path::new(path);
    let decoded = text::of_file(path, bytes);
    let is_binary = decoded.is_none();
    let mut page = FileExcerpt {
        size: bytes.len(),
        language: language::fence_name(path).into(),
        binary: is_binary,
        total_lines: 0,
        first_line: 0,
        last_line: 0,
        text: String::new(),
        truncated: is_binary,
        outline: Vec::new(),
    };
    let Some(text) = decoded.map(|it| it.text).filter(|text| !text.is_empty()) else {
        return page;
    };
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    page.total_lines = lines.len();
    let requested = line.unwrap_or(1).clamp(1, lines.len()) - 1;
    let (first, last) = range_around(&lines, requested, max_lines, max_bytes);
    page.first_line = first + 1;
    page.last_line = last;
    let shown = lines.get(first..last).unwrap_or_default().concat();
    page.text = shown.strip_suffix('\n').unwrap_or(&shown).to_owned();
    if page.text.len() > max_bytes {
        let end = page.text.floor_char_boundary(max_bytes);
        page.text.truncate(end);
        page.truncated = true;
    }
    page.truncated |= first > 0 || last < lines.len();
    let is_small = u64::try_from(bytes.len()).is_ok_and(|size| size <= MAX_FILE_BYTES);
    if is_small {
        page.outline = outline(&text, Language::of(path));
    }
    page
}

/// The text before a line (from 1): the last `max_bytes` of it.
pub(crate) fn text_before(text: &str, line: usize, max_bytes: usize) -> String {
    let bytes = text.as_bytes();
    let mut newlines = memchr::memchr_iter(b'\n', bytes);
    let end = line.checked_sub(2).and_then(|at| newlines.nth(at)).map_or(0, |at| at + 1);
    let start = end.saturating_sub(max_bytes);
    String::from_utf8_lossy(bytes.get(start..end).unwrap_or_default()).into_owned()
}

/// The range of lines to show: the first, and the one after the last. The requested line is in the
/// middle if there are enough on both sides.
fn range_around(
    lines: &[&str],
    requested: usize,
    max_lines: usize,
    max_bytes: usize,
) -> (usize, usize) {
    let size = |at: usize| lines.get(at).map_or(usize::MAX, |line| line.len());
    let (mut first, mut last) = (requested, requested + 1);
    let mut bytes = size(requested);
    loop {
        let before = last;
        let has_room = |bytes: usize, first: usize, last: usize, at: usize| {
            last - first < max_lines && bytes.saturating_add(size(at)) <= max_bytes
        };
        if last < lines.len() && has_room(bytes, first, last, last) {
            bytes += size(last);
            last += 1;
        }
        let grew = last > before;
        if first > 0 && has_room(bytes, first, last, first - 1) {
            first -= 1;
            bytes += size(first);
        } else if !grew {
            return (first, last);
        }
    }
}

fn outline(text: &str, language: Language) -> Vec<OutlineItem> {
    let definitions = document::read(text, language).definitions;
    let defined = definitions.into_iter().take(MAX_OUTLINE_ITEMS);
    let item = |it: Definition| OutlineItem {
        kind: it.kind.into(),
        name: shortened(it.name),
        line: it.line,
    };
    defined.map(item).collect()
}

/// A name that an outline has room for.
fn shortened(name: Box<str>) -> Box<str> {
    match name.len() > MAX_NAME_BYTES {
        true => format!("{}…", &name[..name.floor_char_boundary(MAX_NAME_BYTES)]).into(),
        false => name,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(n: usize) -> String {
        (1..=n).map(|line| format!("line {line}\n")).collect()
    }

    fn page(text: &str, line: Option<usize>, max_lines: usize) -> FileExcerpt {
        of("a.txt", text.as_bytes(), line, max_lines, 1000)
    }

    #[test]
    fn a_small_file_is_one_page_with_its_outline() {
        let text = "//! Doc.\n\npub fn one() {}\n\nstruct Two;\n";
        let page = of("src/a.rs", text.as_bytes(), Some(3), 100, 1000);
        assert_eq!((page.first_line, page.last_line, page.total_lines), (1, 5, 5));
        assert_eq!(page.text, text.trim_end());
        assert_eq!((&*page.language, page.truncated, page.size), ("rust", false, text.len()));
        let outline: Vec<_> =
            page.outline.iter().map(|it| (&*it.kind, it.name.as_ref(), it.line)).collect();
        assert_eq!(outline, [("fn", "one", 3), ("struct", "Two", 5)]);
    }

    #[test]
    fn a_long_file_is_shown_around_the_line() {
        let text = lines(100);
        for (line, first, last) in [
            (None, 1, 10),
            (Some(1), 1, 10),
            (Some(50), 46, 55),
            (Some(100), 91, 100),
            (Some(999), 91, 100),
            (Some(0), 1, 10),
        ] {
            let page = page(&text, line, 10);
            assert_eq!((page.first_line, page.last_line), (first, last), "{line:?}");
            assert!(page.truncated);
        }
    }

    #[test]
    fn the_text_before_a_line_is_cut_at_its_beginning() {
        for (line, most, expected) in
            [(0, 9, ""), (1, 9, ""), (2, 9, "a\n"), (3, 9, "a\nbb\n"), (3, 4, "\nbb\n"), (9, 9, "")]
        {
            assert_eq!(text_before("a\nbb\nc", line, most), expected, "{line} {most}");
        }
    }

    #[test]
    fn files_in_other_encodings_and_notebooks_are_shown_as_text() {
        let wide: Vec<u8> =
            "\u{feff}gr\u{fc}n\nzwei\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let page = of("a.txt", &wide, None, 10, 100);
        assert_eq!(
            (page.binary, page.text.as_str(), page.total_lines),
            (false, "gr\u{fc}n\nzwei", 2)
        );
        let latin =
            of("a.c", b"// Gr\xf6\xdfe der \xdcberschrift f\xfcr \xc4nderungen\n", None, 10, 100);
        assert_eq!(latin.text, "// Gr\u{f6}\u{df}e der \u{dc}berschrift f\u{fc}r \u{c4}nderungen");
        let notebook =
            "{\"cells\": [\n{\"cell_type\": \"code\",\n\"source\": [\n\"def a(): pass\"]}]}\n";
        let page = of("a.ipynb", notebook.as_bytes(), Some(4), 10, 100);
        assert_eq!((page.text.as_str(), &*page.language), ("\n\n\ndef a(): pass", "python"));
        assert_eq!(page.outline[0].line, 4);
    }

    #[test]
    fn a_long_line_is_cut_between_characters() {
        let page = of("a.txt", "ü".repeat(600).as_bytes(), None, 10, 101);
        assert_eq!((page.text.len(), page.truncated, page.total_lines), (100, true, 1));
    }

    #[test]
    fn binary_files_are_not_shown() {
        let page = page("a\0b", None, 10);
        assert!(page.binary && page.truncated && page.text.is_empty());
        assert_eq!(of("a", b"", None, 10, 10).total_lines, 0);
        assert_eq!(of("a", b"\xff\n", None, 10, 10).text, "\u{fffd}");
    }

    proptest! {
        #[test]
        fn a_page_has_the_line_and_keeps_the_limits(
            text in "([a-zü]{0,30}\n){1,40}[a-z]{0,5}",
            line in 1_usize..50,
            max_lines in 1_usize..20,
            max_bytes in 1_usize..200,
        ) {
            let page = of("a.txt", text.as_bytes(), Some(line), max_lines, max_bytes);
            let requested = line.min(page.total_lines);
            prop_assert!((page.first_line..=page.last_line).contains(&requested));
            prop_assert!(page.last_line - page.first_line < max_lines);
            prop_assert!(page.text.len() <= max_bytes);
            let all: Vec<_> = text.split_inclusive('\n').collect();
            let shown = all[page.first_line - 1..page.last_line].concat();
            prop_assert!(shown.starts_with(&page.text));
            if !page.truncated {
                prop_assert_eq!(page.text.trim_end(), text.trim_end());
            }
        }
    }
}
