//! Line notations: what tools and people write after or before a path to tell lines of it. Pure code.

use std::sync::LazyLock;

use regex::{Captures, Regex};

/// Text before a path that may tell its lines, bytes.
pub(crate) const CONTEXT_BYTES: usize = 64;

/// Lines of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lines {
    /// Counted from 1; 0 as it was written.
    pub first: u32,
    /// The last line, where it lies after the first.
    pub last: Option<u32>,
}

/// What stands between a path and the text that follows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Suffix {
    /// The lines that it names; none for the name of a function or a test.
    pub lines: Option<Lines>,
    /// Its length in bytes.
    pub length: usize,
}

/// A notation: groups 1 and 2 are the first and the last line.
static NOTATIONS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    [
        // Web addresses: `#L2`, `#L2-L4`, `#L2C5-L4`, `?plain=1#L2`, `#lines-2:4`.
        r"^(?:\?[\w=&.%-]*)?#L(\d+)(?:C\d+)?(?:[-–]L?(\d+)(?:C\d+)?)?",
        r"^(?:\?[\w=&.%-]*)?#lines-(\d+)(?:[-:](\d+))?",
        // Compilers and search: `:2`, `:2-5`, `:10:5`, `:10-20,30`, `:L2-L4`.
        r"^:L?(\d+)(?:[-–—]L?(\d+)|:\d+(?:[-–—](\d+):\d+|[-–—]\d+)?)?(?:,L?\d+(?:[-–—]L?\d+)?)*",
        // `(2,5)` and `(2)` of other compilers, `(line 2)` and `(lines 2-5)` of people.
        r"^\((\d+)(?:,\d+)?\)",
        r"^ \((\d+), ?\d+\)",
        r"(?i)^ ?\((?:lines? |l)(\d+)(?: ?(?:-|–|—|to|through) ?l?(\d+))?\)",
        // `line 2`, `, lines 2–5`, and `", line 2` of stack traces.
        r#"(?i)^"?,? (?:on |at |in )?lines? (\d+)(?: ?(?:-|–|—|to|through) ?(\d+))?"#,
    ]
    .iter()
    .filter_map(|notation| Regex::new(notation).ok())
    .collect()
});

/// Names within a file: `::TestClass::test_it[case]`, `:function`, `:Type.method()`.
static NAME: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"^(?:::\w[\w:.<>-]*(?:\[[^\]\s]*\])?|:[A-Za-z_][\w.]*)(?:\(\))?").ok()
});

/// Lines that are told before a path: `lines 10–20 of`.
static BEFORE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r#"(?i)\blines? (\d+)(?: ?(?:-|–|—|to|through) ?(\d+))? (?:of|in)(?: the)?(?: file)? ["'“(]?$"#,
    )
    .ok()
});

/// The notation that `text` begins with.
pub(crate) fn parse(text: &str) -> Option<Suffix> {
    if !text.starts_with(['?', '#', ':', '(', ' ', '"', ',']) {
        return None;
    }
    let numbered = NOTATIONS.iter().find_map(|notation| notation.captures(text));
    if let Some(found) = numbered {
        return Some(Suffix { lines: lines(&found), length: found.get(0)?.len() });
    }
    let name = NAME.as_ref()?.find(text)?;
    // A stop ends the sentence, not the name.
    let name = name.as_str().trim_end_matches(['.', ':', '-']);
    Some(Suffix { lines: None, length: name.len() })
}

/// The lines that the end of `text` tells of the path that follows it.
pub(crate) fn lines_before(text: &str) -> Option<Lines> {
    let near = text.get(text.ceil_char_boundary(text.len().saturating_sub(CONTEXT_BYTES))..)?;
    if !near.ends_with([' ', '"', '\'', '“', '(']) {
        return None;
    }
    lines(&BEFORE.as_ref()?.captures(near)?)
}

fn lines(found: &Captures<'_>) -> Option<Lines> {
    let number = |at: usize| found.get(at)?.as_str().parse().ok();
    let first = number(1)?;
    let last = number(2).or_else(|| number(3)).filter(|last| *last > first);
    Some(Lines { first, last })
}

/// The ways to take a text apart into a path and a notation, the longest path first.
pub(crate) fn splits(text: &str) -> impl Iterator<Item = (&str, Option<Lines>)> {
    let starts = text.rmatch_indices(['?', '#', ':', '(', ' ', ',']).map(|(at, _)| at);
    starts.filter_map(move |at| {
        let (path, rest) = text.split_at_checked(at)?;
        let suffix = parse(rest).filter(|it| it.length == rest.len())?;
        (!path.is_empty()).then_some((path, suffix.lines))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_notation_tells_its_lines_and_ends_where_it_ends() {
        for (text, first, last, length) in [
            (":42 x", 42, None, 3),
            (":42-50", 42, Some(50), 6),
            (":9–12", 9, Some(12), 7),
            (":10:5", 10, None, 5),
            (":10:5-12:3", 10, Some(12), 10),
            (":10-20,30", 10, Some(20), 9),
            (":9-3", 9, None, 4),
            (":L2-L4", 2, Some(4), 6),
            ("#L2", 2, None, 3),
            ("#L2C5-L4", 2, Some(4), 8),
            ("?plain=1#L2", 2, None, 11),
            ("#lines-2:4", 2, Some(4), 10),
            (" (line 2)", 2, None, 9),
            (" (lines 2–5).", 2, Some(5), 14),
            ("(2,5): error", 2, None, 5),
            (" (2,5)", 2, None, 6),
            (" (L2)", 2, None, 5),
            (", line 7", 7, None, 8),
            ("\", line 7, in f", 7, None, 9),
            (" lines 3 to 5", 3, Some(5), 13),
        ] {
            let expected = Suffix { lines: Some(Lines { first, last }), length };
            assert_eq!(parse(text), Some(expected), "{text}");
        }
        for (text, length) in [("::TestX::test_y[a-b] x", 20), (":Type.method()", 14), (":fn.", 3)]
        {
            assert_eq!(parse(text), Some(Suffix { lines: None, length }), "{text}");
        }
        for text in [": 42", " (2)", "", " of line 2", "(x)", ":", ":99999999999"] {
            assert_eq!(parse(text).and_then(|it| it.lines), None, "{text}");
        }
    }

    #[test]
    fn lines_may_stand_before_their_path() {
        for (text, expected) in [
            ("See lines 10–20 of ", Some((10, Some(20)))),
            ("line 3 in the file \"", Some((3, None))),
            ("deadlines 3 of ", None),
            ("line 3 of it and ", None),
        ] {
            let found = lines_before(text).map(|lines| (lines.first, lines.last));
            assert_eq!(found, expected, "{text}");
        }
    }
}
