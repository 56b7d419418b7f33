//! References as the guide writes them: in Markdown, so that [`mention`] reads the same
//! place whatever the file's name. Pure code.

use super::{address::percent_encoded, mention};

/// A reference to a whole file.
pub(crate) fn file(path: &str) -> String {
    written(path, "", "")
}

/// A reference to one line.
pub(crate) fn line(path: &str, line: u32) -> String {
    written(path, &format!(":{line}"), &format!("#L{line}"))
}

/// A reference to a place that is told as `path:line`.
pub(crate) fn place(place: &str) -> String {
    let parts = place.rsplit_once(':').and_then(|(path, at)| Some((path, at.parse().ok()?)));
    parts.map_or_else(|| file(place), |(path, at)| line(path, at))
}

/// A reference to lines, the last one included.
pub(crate) fn lines(path: &str, first: u32, last: u32) -> String {
    if last <= first {
        return line(path, first);
    }
    written(path, &format!(":{first}-{last}"), &format!("#L{first}-L{last}"))
}

/// Inline code where that is read as the same path, else a link.
fn written(path: &str, suffix: &str, fragment: &str) -> String {
    let code = format!("{path}{suffix}");
    let is_read = mention::parse_code(&code)
        .is_some_and(|it| it.written.reference.path == path && it.text == code);
    // Code keeps neither a backtick nor a line break, and `$` may begin a formula.
    if is_read && !code.contains(['`', '\n', '\r', '$', '|', '\\']) && path.is_ascii() {
        return format!("`{code}`");
    }
    // Unlike letters of other scripts, marks of Markdown and invisible characters are encoded.
    let shown: String = code.chars().map(|c| if is_shown(c) { c } else { '�' }).collect();
    let shown = shown.chars().fold(String::new(), |mut shown, c| {
        if c.is_ascii_punctuation() {
            shown.push('\\');
        }
        shown.push(c);
        shown
    });
    format!("[{shown}]({}{fragment})", percent_encoded(path))
}

fn is_shown(c: char) -> bool {
    !c.is_control()
}
