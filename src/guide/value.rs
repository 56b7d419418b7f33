//! Value of a constant, as its line of code states it. Pure.

/// Longest value that is told, characters.
const MAX_CHARS: usize = 80;

/// The value that `line` gives to the constant `name`, with the remark behind it; `None` where it is no
/// constant, or goes on in the next lines.
pub(super) fn of(kind: &str, name: &str, line: &str) -> Option<String> {
    const KINDS: [&str; 9] =
        ["const", "constant", "static", "define", "val", "let", "var", "variable", "option"];
    if !KINDS.contains(&kind) {
        return None;
    }
    let after = &line[line.find(name)? + name.len()..];
    let (_, value) = match line.trim_start().starts_with('#') && line.contains("define") {
        true => (name, after),
        false => assigned(after)?,
    };
    let (value, remark) = split_remark(value.trim());
    let value = value.trim().trim_end_matches([';', ',']).trim();
    let is_whole = !value.ends_with(['{', '[', '(', '=', '\\', '+', '|']) && is_balanced(value);
    let is_told = !value.is_empty() && is_whole && value.chars().count() <= MAX_CHARS;
    let is_function = value.contains("=>") || value.starts_with("function");
    (is_told && !is_function).then(|| {
        let remark = if remark.is_empty() { String::new() } else { format!(" ({remark})") };
        format!("`{}`{remark}", value.replace('`', "'"))
    })
}

/// The part behind the first `=` that assigns.
fn assigned(after: &str) -> Option<(&str, &str)> {
    let at = after.match_indices('=').map(|(at, _)| at).find(|at| {
        let (before, next) = (after[..*at].chars().next_back(), after[at + 1..].chars().next());
        !matches!(before, Some('=' | '!' | '<' | '>')) && !matches!(next, Some('=' | '>'))
    })?;
    Some((&after[..at], &after[at + 1..]))
}

/// A value and the words of the comment behind it.
fn split_remark(value: &str) -> (&str, &str) {
    let marks = ["//", " #", "/*"];
    let at = marks
        .iter()
        .filter_map(|mark| {
            value.match_indices(mark).map(|(at, _)| at).find(|at| !in_text(value, *at))
        })
        .min();
    let Some(at) = at else { return (value, "") };
    let is_mark = |c: char| c.is_whitespace() || "/*#".contains(c);
    let remark = value[at..].trim_matches(is_mark);
    (&value[..at], if remark.chars().count() <= MAX_CHARS { remark } else { "" })
}

/// Whether a place lies within quotation marks.
fn in_text(value: &str, at: usize) -> bool {
    ['"', '\''].iter().any(|mark| value[..at].matches(*mark).count() % 2 == 1)
}

fn is_balanced(value: &str) -> bool {
    [('(', ')'), ('[', ']'), ('{', '}')]
        .iter()
        .all(|(open, close)| value.matches(*open).count() == value.matches(*close).count())
        && value.matches('"').count().is_multiple_of(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_of_a_constant_is_told_as_it_is_written() {
        for (kind, name, line, value) in [
            ("const", "A", "pub const A: usize = 16 << 20; // 16 MiB", "`16 << 20` (16 MiB)"),
            ("constant", "MAX_AGE", "MAX_AGE: int = 60  # seconds", "`60` (seconds)"),
            ("constant", "limit", "export const limit = 'a//b';", "`'a//b'`"),
            ("constant", "SIZE", "#define SIZE 4096", "`4096`"),
            (
                "const",
                "D",
                "const D: Duration = Duration::from_secs(60);",
                "`Duration::from_secs(60)`",
            ),
            ("var", "x", "var x int = 5", "`5`"),
            ("const", "Max", "const Max = 5 // most", "`5` (most)"),
        ] {
            assert_eq!(of(kind, name, line).as_deref(), Some(value), "{line}");
        }
        for (kind, name, line) in [
            ("const", "A", "const A: [u8; 2] = ["),
            ("constant", "f", "export const f = (a) => a;"),
            ("fn", "a", "fn a() { let b = 1; }"),
            ("const", "A", "const A: u8;"),
            ("constant", "A", "A = \"\"\"text"),
        ] {
            assert_eq!(of(kind, name, line), None, "{line}");
        }
    }
}
