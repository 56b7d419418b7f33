//! Code spans and formulas of a paragraph: which of them wins where they overlap.

use std::ops::Range;

use super::Change;

/// Bytes of a formula between `\(` and `\)` or `\[` and `\]`.
const LONGEST_FORMULA: usize = 4096;

/// The code spans of a paragraph.
pub(super) fn code_spans(text: &str) -> Vec<Range<usize>> {
    // Where runs of each length stand, so that those without a partner cost nothing.
    let runs = runs(text);
    let mut last_of = std::collections::HashMap::new();
    for run in &runs {
        last_of.insert(run.len(), run.start);
    }
    let mut spans: Vec<Range<usize>> = Vec::new();
    let mut end = 0;
    for (at, run) in runs.iter().enumerate() {
        let is_escaped = text.get(..run.start).is_some_and(|before| {
            let n_marks = before.len() - before.trim_end_matches('\\').len();
            n_marks % 2 == 1
        });
        let has_partner = last_of.get(&run.len()).is_some_and(|last| *last > run.start);
        if run.start < end || is_escaped || !has_partner {
            continue;
        }
        let later = runs.get(at + 1..).unwrap_or_default();
        if let Some(close) = later.iter().find(|it| it.len() == run.len()) {
            spans.push(run.start..close.end);
            end = close.end;
        }
    }
    spans
}

/// Whether one of the ordered spans has the place `at`.
pub(super) fn is_within(spans: &[Range<usize>], at: usize) -> bool {
    let after = spans.partition_point(|span| span.end <= at);
    spans.get(after).is_some_and(|span| span.contains(&at))
}

/// The runs of backticks.
fn runs(text: &str) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for at in memchr::memchr_iter(b'`', text.as_bytes()) {
        match runs.last_mut() {
            Some(last) if last.end == at => last.end = at + 1,
            _ => runs.push(at..at + 1),
        }
    }
    runs
}

/// Hides every `$` within code, and those beside it that would make a formula with one beyond it.
pub(super) fn hide_dollars(
    text: &str,
    spans: &[Range<usize>],
    offset: usize,
    changes: &mut Vec<(usize, Change)>,
) {
    if spans.is_empty() {
        return;
    }
    let bytes = text.as_bytes();
    let mut hide = |at: usize| changes.push((offset + at, Change::Hide));
    let mut from = 0;
    for span in spans.iter().cloned().chain(std::iter::once(bytes.len()..bytes.len())) {
        let between = bytes.get(from..span.start).unwrap_or_default();
        let dollars: Vec<usize> = memchr::memchr_iter(b'$', between).map(|at| from + at).collect();
        // The last one has no partner on this side of the code.
        if dollars.len() % 2 == 1
            && let Some(last) = dollars.last()
        {
            hide(*last);
        }
        let code = bytes.get(span.clone()).unwrap_or_default();
        memchr::memchr_iter(b'$', code).for_each(|at| hide(span.start + at));
        from = span.end;
    }
}

/// Hides all of Markdown in formulas between `\(` and `\)` or `\[` and `\]`, and returns them.
pub(super) fn hide_formulas(
    text: &str,
    spans: &[Range<usize>],
    offset: usize,
    changes: &mut Vec<(usize, Change)>,
) -> Vec<Range<usize>> {
    let mut formulas: Vec<Range<usize>> = Vec::new();
    let mut from = 0;
    while let Some(at) = text.get(from..).and_then(|rest| rest.find('\\')) {
        let start = from + at;
        let rest = text.get(start + 1..).unwrap_or_default();
        from = start + 1 + rest.chars().next().map_or(0, char::len_utf8);
        let close = match rest.chars().next() {
            Some('(') => ')',
            Some('[') => ']',
            _ => continue,
        };
        let is_code = is_within(spans, start);
        let near = rest.get(..rest.floor_char_boundary(LONGEST_FORMULA)).unwrap_or_default();
        let length = find_close(near, '\\', close).filter(|_| !is_code);
        let Some(length) = length else { continue };
        let end = start + 1 + length + 2;
        let formula = text.get(start..end).unwrap_or_default();
        let next = spans.get(spans.partition_point(|span| span.end <= start));
        let overlaps = next.is_some_and(|span| span.start < end);
        if overlaps || !is_of_one_paragraph(formula) {
            continue;
        }
        for (at, c) in formula.char_indices() {
            if c.is_ascii_punctuation() || c == '\n' {
                changes.push((offset + start + at, Change::Hide));
            }
        }
        formulas.push(start..end);
        from = end;
    }
    formulas
}

/// Where the backslash and the mark stand that close a formula. A backslash that is escaped by the one
/// before it closes nothing.
pub(super) fn find_close(text: &str, backslash: char, mark: char) -> Option<usize> {
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        if c == backslash && characters.next()?.1 == mark {
            return Some(at);
        }
    }
    None
}

/// Whether no line of a formula begins another block, so that its lines belong together.
fn is_of_one_paragraph(formula: &str) -> bool {
    formula.lines().skip(1).all(|line| {
        let line = line.trim_start_matches(' ');
        let is_text = line.starts_with(|c: char| c.is_alphabetic() || "\\({&".contains(c))
            || line.starts_with("= ")
            || line.starts_with("+\\");
        is_text && !line.contains('|') && !line.contains('\r')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_escaped_backslash_closes_no_formula() {
        for (text, expected) in [
            (r"(a\)", Some(2)),
            (r"(a \\) b\)", Some(8)),
            (r"(a \\\)", Some(5)),
            (r"(a\\)", None),
            (r"(a\", None),
            (r"(é\)", Some(3)),
        ] {
            assert_eq!(find_close(text, '\\', ')'), expected, "{text}");
        }
    }

    #[test]
    fn code_spans_are_those_of_the_parser() {
        for (text, expected) in [
            ("a `b` c ``d ` e`` f `g", vec!["`b`", "``d ` e``"]),
            ("\\`a` `b`", vec!["` `"]),
            ("`a``b`", vec!["`a``b`"]),
        ] {
            let found: Vec<&str> = code_spans(text).into_iter().map(|span| &text[span]).collect();
            assert_eq!(found, expected, "{text}");
        }
    }
}
