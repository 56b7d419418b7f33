//! The lines of one text that match, and how they are shown. Pure but for the clock.

use std::{fmt::Write as _, ops::Range, time::Instant};

use regex::Regex;

/// Longest part of a line that is searched, in bytes: a bad pattern may take seconds for it.
pub(in crate::reader::serve) const MAX_SEARCHED: usize = 16 << 10; // 16 KiB

/// Longest part of a line that is shown, in bytes.
pub(in crate::reader::serve) const MAX_SHOWN: usize = 400;

/// Bytes shown before the match in a long line.
const BEFORE: usize = 100;

/// Lines between two looks at the clock.
const LINES_BETWEEN_LOOKS: usize = 64;

/// A line that matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::reader::serve) struct Hit {
    /// From 0.
    pub(in crate::reader::serve) line: usize,
    /// The first match in it, in bytes.
    pub(in crate::reader::serve) at: Range<usize>,
}

/// Why there are no more hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::reader::serve) enum End {
    /// The text has no more.
    Whole,
    /// It has more than were asked for.
    More,
    /// The time is over.
    Late,
}

#[derive(Debug)]
pub(in crate::reader::serve) struct FoundLines {
    pub(in crate::reader::serve) hits: Vec<Hit>,
    pub(in crate::reader::serve) end: End,
    /// Lines of which only the beginning was searched.
    pub(in crate::reader::serve) long_lines: usize,
}

/// The first `most` lines of the text that match.
pub(in crate::reader::serve) fn find(
    pattern: &Regex,
    text: &str,
    most: usize,
    deadline: Instant,
) -> FoundLines {
    let mut found = FoundLines { hits: Vec::new(), end: End::Whole, long_lines: 0 };
    let mut bytes = 0;
    for (number, line) in text.lines().enumerate() {
        bytes += line.len().min(MAX_SEARCHED);
        let is_time = number.is_multiple_of(LINES_BETWEEN_LOOKS) || bytes > MAX_SEARCHED;
        if is_time {
            bytes = 0;
            if Instant::now() > deadline {
                found.end = End::Late;
                break;
            }
        }
        let searched = line.get(..line.floor_char_boundary(MAX_SEARCHED)).unwrap_or_default();
        found.long_lines += usize::from(searched.len() < line.len());
        if let Some(hit) = pattern.find(searched) {
            if found.hits.len() == most {
                found.end = End::More;
                break;
            }
            found.hits.push(Hit { line: number, at: hit.range() });
        }
    }
    found
}

#[derive(Debug)]
pub(super) struct ShownLines {
    pub(super) text: String,
    /// Hits among them.
    pub(super) n_hits: usize,
}

/// The hits with their numbers, after a colon, and lines around them, after a dash. At least one hit,
/// and no more than `max_bytes` and one more.
pub(super) fn shown(text: &str, hits: &[Hit], context: usize, max_bytes: usize) -> ShownLines {
    let lines: Vec<&str> = text.lines().collect();
    let mut shown = ShownLines { text: String::new(), n_hits: 0 };
    let mut next = 0;
    let mut rest = hits.iter().peekable();
    while let Some(hit) = rest.next() {
        if shown.n_hits > 0 && shown.text.len() >= max_bytes {
            break;
        }
        let first = hit.line.saturating_sub(context).max(next);
        if context > 0 && next > 0 && first > next {
            shown.text.push_str("--\n");
        }
        // The lines behind belong to the next hit where that is near.
        let end = hit.line.saturating_add(context + 1).min(lines.len());
        let end = rest.peek().map_or(end, |next| end.min(next.line));
        for (number, line) in lines.iter().enumerate().take(end).skip(first) {
            let (mark, part) = match number == hit.line {
                true => (':', part(line, &hit.at)),
                false => ('-', part(line, &(0..0))),
            };
            _ = writeln!(shown.text, "{}{mark} {part}", number + 1);
        }
        next = end;
        shown.n_hits += 1;
    }
    shown
}

/// The part of a long line around a match.
fn part(line: &str, at: &Range<usize>) -> String {
    if line.len() <= MAX_SHOWN {
        return line.to_owned();
    }
    let Range { start, end } = shown_range(line, at);
    let part = line.get(start..end).unwrap_or_default();
    let before = if start > 0 { "… " } else { "" };
    let after = if end < line.len() { " …" } else { "" };
    format!("{before}{part}{after}")
}

/// What is shown of a line around a match, in bytes.
pub(in crate::reader::serve) fn shown_range(line: &str, at: &Range<usize>) -> Range<usize> {
    let start = match at.end <= MAX_SHOWN {
        true => 0,
        false => line.floor_char_boundary(at.start.saturating_sub(BEFORE)),
    };
    start..line.floor_char_boundary(start + MAX_SHOWN)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    fn found(pattern: &str, text: &str, context: usize) -> String {
        let found = find(&Regex::new(pattern).unwrap(), text, 100, soon());
        shown(text, &found.hits, context, 10_000).text
    }

    #[test]
    fn matching_lines_are_shown_with_those_around_them() {
        let text = "a1\nb\nc\na2\r\nd\ne\nf\ng\na3\na4\n";
        for (context, expected) in [
            (0, "1: a1\n4: a2\n9: a3\n10: a4\n"),
            (1, "1: a1\n2- b\n3- c\n4: a2\n5- d\n--\n8- g\n9: a3\n10: a4\n"),
            (9, "1: a1\n2- b\n3- c\n4: a2\n5- d\n6- e\n7- f\n8- g\n9: a3\n10: a4\n"),
        ] {
            assert_eq!(found("a[0-9]$", text, context), expected, "{context}");
        }
        assert_eq!(found("^$", "a\n\nb", 0), "2: \n");
        assert_eq!(found("x", "", 3), "");
    }

    #[test]
    fn a_long_line_is_shown_around_its_match() {
        let line = "ü".repeat(1000) + "needle" + &"ö".repeat(1000);
        let shown = found("needle", &line, 0);
        assert!(shown.contains("needle") && shown.len() < 500, "{shown}");
        assert!(shown.starts_with("1: … ü") && shown.ends_with("ö …\n"), "{shown}");
        let far = "x".repeat(MAX_SEARCHED) + "needle";
        let found = find(&Regex::new("needle").unwrap(), &far, 9, soon());
        assert_eq!((found.hits.len(), found.long_lines), (0, 1));
    }

    #[test]
    fn hits_bytes_and_time_are_bounded() {
        let pattern = Regex::new("x").unwrap();
        let text = "x\n".repeat(1000);
        let some = find(&pattern, &text, 10, soon());
        assert_eq!((some.hits.len(), some.end), (10, End::More));
        let all = find(&pattern, &text, 1000, soon());
        assert_eq!((all.hits.len(), all.end), (1000, End::Whole));
        assert_eq!(shown(&text, &all.hits, 0, 0).n_hits, 1);
        assert_eq!(shown(&text, &all.hits, 0, 50).n_hits, 10);
        assert_eq!(
            find(&pattern, &text, 9, Instant::now() - Duration::from_secs(1)).end,
            End::Late
        );
    }

    proptest! {
        #[test]
        fn each_line_is_shown_once_in_order_and_every_hit_is_marked(
            text in "([abü]{0,3}\n){0,30}[ab]{0,3}",
            context in 0_usize..5,
        ) {
            let pattern = Regex::new("a").unwrap();
            let hits = find(&pattern, &text, 100, soon()).hits;
            let shown = shown(&text, &hits, context, 100_000);
            prop_assert_eq!(shown.n_hits, hits.len());
            let lines: Vec<&str> = text.lines().collect();
            let mut last = 0;
            for line in shown.text.lines().filter(|line| *line != "--") {
                let (number, rest) = line.split_once([':', '-']).unwrap();
                let number: usize = number.parse().unwrap();
                prop_assert!(number > last);
                last = number;
                prop_assert_eq!(rest.strip_prefix(' ').unwrap(), lines[number - 1]);
                prop_assert_eq!(line.contains(": "), pattern.is_match(lines[number - 1]));
                let is_near = |hit: &Hit| hit.line.abs_diff(number - 1) <= context;
                prop_assert!(hits.iter().any(is_near));
            }
        }
    }
}
