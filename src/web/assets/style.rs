//! Style sheets without their comments.

use super::script::{CodeLines, Kind, SyntaxError};

/// What depends on where a sheet lies, or on its being the first.
const UNKNOWN: [&str; 3] = ["@charset", "@import", "url("];

/// The sheet without comments and empty lines. Fails at what would not work in another place.
pub(super) fn strip(source: &str) -> Result<String, SyntaxError> {
    let mut lines = CodeLines::default();
    let (mut rest, mut line) = (source, 1);
    while let Some(first) = rest.chars().next() {
        let error = |what: String| SyntaxError { line, what };
        let (kind, length) = match first {
            '\n' => (Kind::LineEnd, 1),
            '/' if rest.starts_with("/*") => {
                let end = rest.find("*/");
                let end = end.ok_or_else(|| error("the comment is never closed".to_owned()))? + 2;
                (Kind::Space, end)
            }
            '"' | '\'' => (
                Kind::Literal,
                string_length(rest)
                    .ok_or_else(|| error("the string is never closed".to_owned()))?,
            ),
            _ => (Kind::Word, first.len_utf8()),
        };
        let text = &rest[..length];
        if let Some(unknown) =
            UNKNOWN.iter().find(|unknown| kind == Kind::Word && rest.starts_with(**unknown))
        {
            return Err(error(format!(
                "`{unknown}` does not work in a sheet that is put together"
            )));
        }
        lines.push(kind, if kind == Kind::Space { " " } else { text });
        line += text.matches('\n').count();
        rest = &rest[length..];
    }
    Ok(lines.finish())
}

fn string_length(rest: &str) -> Option<usize> {
    let quote = rest.chars().next();
    let mut letters = rest.char_indices().skip(1);
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\n' => return None,
            '\\' => drop(letters.next()),
            _ if Some(letter) == quote => return Some(at + 1),
            _ => (),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_go_and_strings_stay() {
        let sheet = "/* The\n paper */\na::before { content: \"/* kept */\" } /* b */\n\n  b { c: 'it\\'s'; }\n";
        assert_eq!(
            strip(sheet).unwrap(),
            "a::before { content: \"/* kept */\" }\n  b { c: 'it\\'s'; }\n"
        );
    }

    #[test]
    fn what_would_not_work_in_another_place_is_refused() {
        for (sheet, line, what) in [
            ("a {}\n@import 'b.css';", 2, "@import"),
            ("a { background: url(b.svg) }", 1, "url("),
            ("a {}\n/* b", 2, "comment"),
            ("a { content: 'b\n' }", 1, "string"),
        ] {
            let error = strip(sheet).unwrap_err();
            assert!(error.what.contains(what), "{error}");
            assert_eq!(error.line, line, "{error}");
        }
    }
}
