//! Parts of a line of code: its comments and strings, and where a name stands. Pure.

use std::ops::Range;

use crate::source::language::Language;

/// What opens a comment or a string in a highlighted line.
const QUIET: [&str; 2] = ["<span class=\"comment\">", "<span class=\"string\">"];

/// The comments and strings of a line, in bytes of its text. `html` is the line as the highlighter
/// writes it: escaped text, and spans of which none is in another.
pub(super) fn quiet(html: &str) -> Vec<Range<usize>> {
    let mut quiet = Vec::new();
    let (mut rest, mut at, mut opened) = (html, 0, None);
    while let Some(next) = rest.find(['<', '&']) {
        at += next;
        let found = rest.get(next..).unwrap_or_default();
        let (closing, is_tag) = if found.starts_with('<') { ('>', true) } else { (';', false) };
        if QUIET.iter().any(|opening| found.starts_with(opening)) {
            opened = Some(at);
        } else if is_tag && let Some(start) = opened.take() {
            quiet.push(start..at);
        }
        // Whatever is escaped is one byte.
        at += usize::from(!is_tag);
        rest = found.find(closing).and_then(|end| found.get(end + 1..)).unwrap_or_default();
    }
    if let Some(start) = opened {
        quiet.push(start..at + rest.len());
    }
    quiet
}

/// Where a name stands in a line and is not a part of another one.
pub(super) fn occurrences(line: &str, name: &str, language: Language) -> Vec<Range<usize>> {
    let belongs = |c: char| {
        let is_dollar = c == '$' && matches!(language, Language::JavaScript | Language::Java);
        c.is_alphanumeric() || c == '_' || is_dollar
    };
    let is_whole = |range: &Range<usize>| {
        let before = line.get(..range.start).and_then(|text| text.chars().next_back());
        let after = line.get(range.end..).and_then(|text| text.chars().next());
        ![before, after].into_iter().flatten().any(belongs)
    };
    let found = line.match_indices(name).map(|(at, name)| at..at + name.len());
    found.filter(is_whole).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_strings_are_found_in_the_bytes_of_the_text() {
        let none: &[(usize, usize)] = &[];
        for (html, expected) in [
            ("a &lt; b", none),
            ("<span class=\"keyword\">let</span> a", none),
            ("a&amp;b <span class=\"comment\">// &quot;c&quot;</span>", &[(4, 10)]),
            (
                "<span class=\"string\">&#39;ü&#39;</span>+<span class=\"string\">x</span>",
                &[(0, 4), (5, 6)],
            ),
            ("<span class=\"comment\">", &[(0, 0)]),
        ] {
            let found: Vec<_> = quiet(html).iter().map(|it| (it.start, it.end)).collect();
            assert_eq!(found, expected, "{html}");
        }
    }

    #[test]
    fn a_name_is_no_part_of_another() {
        for (line, language, expected) in [
            ("hop(hop_high, hops, chop, hop)", Language::Rust, vec![0, 26]),
            ("$hop = hop();", Language::Php, vec![1, 7]),
            ("$hop + hop$ + hop", Language::JavaScript, vec![14]),
            ("hopé hop", Language::Python, vec![6]),
            ("", Language::Python, vec![]),
        ] {
            let starts: Vec<_> =
                occurrences(line, "hop", language).into_iter().map(|it| it.start).collect();
            assert_eq!(starts, expected, "{line}");
        }
    }
}
