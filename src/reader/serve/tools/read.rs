//! `read`: numbered lines of a file.

use std::{fmt::Write as _, path::Path};

use serde::Deserialize;

use crate::{reader::serve::files::ReadableFiles, source::text};

use super::named_path::{self, NamedFile};

/// Lines that are shown at once.
const MAX_LINES: usize = 1000;

/// Longest text that is shown at once, in bytes.
const MAX_BYTES: usize = 24 << 10; // 24 KiB

/// Longest part of a line that is shown, in bytes.
const MAX_LINE_BYTES: usize = 2000;

#[derive(Debug, Deserialize)]
pub(super) struct ReadArguments {
    path: String,
    first_line: Option<usize>,
    last_line: Option<usize>,
}

pub(super) fn read(files: &ReadableFiles, asked: &ReadArguments) -> Result<String, String> {
    let NamedFile { path, bytes, lines } = named_path::open(files, &asked.path)?;
    let name = named_path::quoted(&path);
    let Some(decoded) = text::of_file(Path::new(&path), &bytes) else {
        let size = bytes.len();
        return Err(format!("{name} is not text: it is binary, of {size} bytes."));
    };
    let as_usize = |line: u32| usize::try_from(line).unwrap_or(usize::MAX);
    let (first, last) = match lines {
        Some(lines) if asked.first_line.is_none() && asked.last_line.is_none() => {
            (as_usize(lines.first), as_usize(lines.last.unwrap_or(lines.first)))
        }
        _ => (asked.first_line.unwrap_or(1), asked.last_line.unwrap_or(usize::MAX)),
    };
    let mut shown = numbered(&name, &decoded.text, first.max(1), last)?;
    if decoded.encoding != "UTF-8" {
        _ = writeln!(shown, "({name} is encoded in {}.)", decoded.encoding);
    }
    Ok(shown)
}

/// The lines from `first` to `last`, counted from 1, as far as the limits allow, and what is left out.
/// `name` is that of the file. The error is for the model.
fn numbered(name: &str, text: &str, first: usize, last: usize) -> Result<String, String> {
    let n_lines = text.lines().count();
    if last < first {
        return Err(format!("The last line, {last}, lies before the first, {first}."));
    }
    if first > n_lines {
        return match n_lines {
            0 => Ok(format!("({name} is empty.)\n")),
            _ => Err(format!("{name} has {n_lines} lines; line {first} is behind them.")),
        };
    }
    let mut shown = String::new();
    let mut next = first;
    let mut is_cut_across = false;
    for line in text.lines().skip(first - 1).take(last - first + 1) {
        let part = line.get(..line.floor_char_boundary(MAX_LINE_BYTES)).unwrap_or_default();
        let is_full = next - first >= MAX_LINES || shown.len() + part.len() > MAX_BYTES;
        if next > first && is_full {
            break;
        }
        _ = write!(shown, "{next}\t{part}");
        if part.len() < line.len() {
            _ = write!(shown, " … ({} bytes more)", line.len() - part.len());
            is_cut_across = true;
        }
        shown.push('\n');
        next += 1;
    }
    if next <= last.min(n_lines) {
        let end = next - 1;
        _ = writeln!(
            shown,
            "(Cut: these are lines {first} to {end} of {n_lines}. Go on with `first_line` {next}.)"
        );
    } else if next <= n_lines || first > 1 {
        _ = writeln!(shown, "(The file has {n_lines} lines.)");
    }
    if is_cut_across {
        shown.push_str("(Lines are cut where they are long; `grep` shows other parts of them.)\n");
    }
    Ok(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(n: usize) -> String {
        (1..=n).map(|line| format!("line {line}\n")).collect()
    }

    #[test]
    fn a_small_file_is_shown_whole_with_the_numbers_of_its_lines() {
        let whole = |text| numbered("`a`", text, 1, usize::MAX).unwrap();
        assert_eq!(whole("one\r\n\ntwo"), "1\tone\n2\t\n3\ttwo\n");
        assert_eq!(whole(""), "(`a` is empty.)\n");
        assert_eq!(whole("\n"), "1\t\n");
    }

    #[test]
    fn lines_are_shown_from_the_first_to_the_last() {
        let text = lines(9);
        for (first, last, expected) in [
            (2, 3, "2\tline 2\n3\tline 3\n(The file has 9 lines.)\n"),
            (9, 9, "9\tline 9\n(The file has 9 lines.)\n"),
            (9, 99, "9\tline 9\n(The file has 9 lines.)\n"),
        ] {
            assert_eq!(numbered("`a`", &text, first, last).unwrap(), expected);
        }
        let words = |first, last| numbered("`a`", &text, first, last).unwrap_err();
        assert_eq!(words(10, 12), "`a` has 9 lines; line 10 is behind them.");
        assert_eq!(words(3, 2), "The last line, 2, lies before the first, 3.");
    }

    #[test]
    fn a_long_file_is_cut_and_says_how_to_go_on() {
        let text = lines(2500);
        let mut first = 1;
        let mut shown = Vec::new();
        for end in [1000, 2000] {
            let page = numbered("`a`", &text, first, usize::MAX).unwrap();
            let next = end + 1;
            let note = format!(
                "(Cut: these are lines {first} to {end} of 2500. Go on with `first_line` {next}.)\n"
            );
            shown.push(page.strip_suffix(&note).unwrap().to_owned());
            first = next;
        }
        let last = numbered("`a`", &text, first, usize::MAX).unwrap();
        shown.push(last.strip_suffix("(The file has 2500 lines.)\n").unwrap().to_owned());
        let expected: String = (1..=2500).map(|line| format!("{line}\tline {line}\n")).collect();
        assert_eq!(shown.concat(), expected);
    }

    #[test]
    fn long_lines_are_cut_and_bytes_are_bounded() {
        let text = format!("{}\nshort\n", "ü".repeat(150_000));
        let shown = numbered("`a`", &text, 1, usize::MAX).unwrap();
        assert!(shown.len() < MAX_LINE_BYTES + 200, "{}", shown.len());
        assert!(shown.contains(" … (298000 bytes more)\n2\tshort\n(Lines are cut"), "{shown}");
        let wide = (0..100).map(|_| "x".repeat(3000) + "\n").collect::<String>();
        let shown = numbered("`a`", &wide, 1, usize::MAX).unwrap();
        assert!(shown.len() < MAX_BYTES + 1000 && shown.contains("of 100. Go on with"), "{shown}");
    }
}
