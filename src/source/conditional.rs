//! Lines that an ordinary build leaves out: items of Rust whose `cfg` is false on Linux, in a build that
//! is no test. Pure.

use std::ops::Range;

use crate::source::language::Language;

/// Nested conditions that are read.
const MAX_DEPTH: usize = 16;

/// Lines between an attribute and the end of its item that are looked at.
const MAX_LINES: usize = 5000;

/// The lines left out, counted from 1, in order: items with what stands above them, and blank lines.
pub(crate) fn left_out_lines(lines: &[&str], language: Language) -> Vec<Range<u32>> {
    if language != Language::Rust {
        return Vec::new();
    }
    let mut found: Vec<Range<u32>> = Vec::new();
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        let trimmed = line.trim();
        let whole = trimmed.strip_prefix("#![cfg(").and_then(condition);
        let item = trimmed.strip_prefix("#[cfg(").and_then(condition);
        let end = if whole == Some(false) {
            lines.len()
        } else if item == Some(false) {
            end_of_item(lines, at)
        } else {
            at += 1;
            continue;
        };
        let is_lead = |line: &&&str| {
            let trimmed = line.trim_start();
            trimmed.starts_with("#[") || (trimmed.starts_with("//") && !trimmed.starts_with("//!"))
        };
        let lead = lines.get(..at).unwrap_or_default().iter().rev().take_while(is_lead).count();
        let rest = lines.get(end..).unwrap_or_default();
        let blank = rest.iter().take_while(|line| line.trim().is_empty()).count();
        found.push((at - lead) as u32 + 1..(end + blank) as u32 + 1);
        at = (end + blank).max(at + 1);
    }
    found
}

/// The line after the item that the attribute at `at` belongs to, by how rustfmt indents.
fn end_of_item(lines: &[&str], at: usize) -> usize {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let own = lines.get(at).map_or(0, |line| indent(line));
    let mut is_open = false;
    for (number, line) in lines.iter().enumerate().skip(at + 1).take(MAX_LINES) {
        let trimmed = line.trim();
        let is_lead = trimmed.starts_with("#[") || trimmed.starts_with("//");
        if trimmed.is_empty() || (is_lead && !is_open) {
            continue;
        }
        if indent(line) < own {
            return number;
        }
        is_open = true;
        let is_last = trimmed.ends_with([';', ',', '}']);
        if indent(line) == own && is_last {
            return number + 1;
        }
    }
    lines.len().min(at + 1 + MAX_LINES)
}

/// Whether the condition at the beginning of a text holds; `None` where that is not known.
fn condition(text: &str) -> Option<bool> {
    let end = closing(text)?;
    holds(text.get(..end)?, 0)
}

/// Where the bracket is that closes one before the text.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 1;
    text.char_indices().find_map(|(at, character)| {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => (),
        }
        (depth == 0).then_some(at)
    })
}

fn holds(text: &str, depth: usize) -> Option<bool> {
    let text = text.trim();
    if depth > MAX_DEPTH {
        return None;
    }
    if let Some((name, rest)) = text.split_once('(')
        && let Some(inside) = rest.strip_suffix(')')
    {
        let mut parts = parts(inside).map(|part| holds(part, depth + 1));
        return match name.trim() {
            "not" => parts.next().flatten().map(|it| !it),
            "all" => parts
                .try_fold(Some(true), |known, part| match part {
                    Some(false) => Err(()),
                    Some(true) => Ok(known),
                    None => Ok(None),
                })
                .unwrap_or(Some(false)),
            "any" => parts
                .try_fold(Some(false), |known, part| match part {
                    Some(true) => Err(()),
                    Some(false) => Ok(known),
                    None => Ok(None),
                })
                .unwrap_or(Some(true)),
            _ => None,
        };
    }
    match text.split_once('=') {
        Some((key, value)) => {
            let value = value.trim().trim_matches('"');
            match key.trim() {
                "target_os" => Some(value == "linux"),
                "target_family" => Some(value == "unix"),
                "target_arch" if value.starts_with("wasm") => Some(false),
                // Which features are on stands in a manifest.
                _ => None,
            }
        }
        None => match text {
            "unix" => Some(true),
            "test" | "doctest" | "doc" | "windows" | "miri" => Some(false),
            _ => None,
        },
    }
}

/// The parts of a list, at commas outside of brackets.
fn parts(list: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0;
    let parts = list.split(move |character| {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => (),
        }
        character == ',' && depth == 0
    });
    parts.filter(|part| !part.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_holds_or_not_or_is_not_known() {
        for (condition, expected) in [
            ("test", Some(false)),
            ("not(test)", Some(true)),
            ("windows", Some(false)),
            ("any(unix, windows)", Some(true)),
            ("all(unix, feature = \"a\")", None),
            ("all(windows, feature = \"a\")", Some(false)),
            ("any(test, feature = \"a\")", None),
            ("any(test, target_os = \"macos\",)", Some(false)),
            ("not(any(target_os = \"linux\", windows))", Some(false)),
            ("feature = \"test\"", None),
            ("not(feature = \"x\")", None),
            ("target_arch = \"wasm32\"", Some(false)),
            ("loom", None),
            ("", None),
        ] {
            assert_eq!(holds(condition, 0), expected, "{condition}");
        }
        assert_eq!(condition("test)]"), Some(false));
        assert_eq!(condition("all(test, unix))] mod a;"), Some(false));
        assert_eq!(condition("test"), None);
        assert_eq!(holds(&"not(".repeat(10_000), 0), None);
    }

    fn left_out(text: &str, language: Language) -> Vec<(u32, u32)> {
        let found = left_out_lines(&text.lines().collect::<Vec<_>>(), language);
        found.into_iter().map(|lines| (lines.start, lines.end)).collect()
    }

    #[test]
    fn the_lines_of_an_item_are_left_out_with_its_attribute() {
        let text = "use a;\n#[cfg(windows)]\nuse b;\n\n#[cfg(test)]\n#[derive(Debug)]\nstruct C {\n    \
                    a: u8,\n}\n\nimpl D {\n    #[cfg(windows)]\n    fn e() {\n        f();\n    }\n\n    \
                    fn g() {}\n}\n#[cfg(unix)]\nfn h() {}\n#[cfg(test)]\nmod tests {\n    x\n}\n";
        assert_eq!(left_out(text, Language::Rust), [(2, 5), (5, 11), (12, 17), (21, 25)]);
        assert_eq!(left_out(text, Language::Go), []);
        assert_eq!(left_out("//! A\n#![cfg(windows)]\nfn a() {}\n", Language::Rust), [(2, 4)]);
        assert_eq!(left_out("#[cfg(test)]", Language::Rust), [(1, 2)]);
        let lead = "//! A\n\n/// B\n#[inline]\n#[cfg(test)]\nfn b() {}\n\nfn c() {}\n";
        assert_eq!(left_out(lead, Language::Rust), [(3, 8)]);
    }
}
