//! The lines of a definition, by indentation.

use std::ops::RangeInclusive;

/// The lines of the definition that the first line with `at` opens, with the comment above it,
/// counted from 1.
pub(crate) fn of(text: &str, at: &str) -> Option<RangeInclusive<usize>> {
    let lines: Vec<&str> = text.lines().collect();
    let opening = lines.iter().position(|line| line.contains(at))?;
    let is_lead = |line: &&&str| {
        let line = line.trim_start();
        ["//", "#", "*", "/*", "@", "--"].iter().any(|mark| line.starts_with(mark))
    };
    let n_lead = lines[..opening].iter().rev().take_while(is_lead).count();
    let own = indent(lines[opening]);
    let mut end = opening;
    for (number, line) in lines.iter().enumerate().skip(opening + 1) {
        let line_text = line.trim();
        if line_text.is_empty() {
            continue;
        }
        let closes = line_text.starts_with(['{', '}', ')', ']']);
        if indent(line) <= own && !closes {
            break;
        }
        end = number;
        if indent(line) <= own && line_text.starts_with('}') {
            break;
        }
    }
    Some(opening - n_lead + 1..=end + 1)
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}
