//! Nesting limit: what a line opens beyond [`MAX_OPENED`] quotes and lists becomes text.
//!
//! The parser's time grows with the depth of nesting times the lines that follow.

use std::borrow::Cow;

use pulldown_cmark::{CowStr, Event};

/// Quotes and list items that one line may open; the rest of the line is text.
const MAX_OPENED: usize = 64;

/// Bytes that open a quote, a list item or a footnote, each with a stand-in: a control character, which
/// opens nothing, has the same length, and does not occur in text that people write.
const STAND_INS: [(u8, u8); 15] = [
    (b'>', 0x01),
    (b'-', 0x02),
    (b'+', 0x03),
    (b'*', 0x04),
    (b'[', 0x05),
    (b'0', 0x10),
    (b'1', 0x11),
    (b'2', 0x12),
    (b'3', 0x13),
    (b'4', 0x14),
    (b'5', 0x15),
    (b'6', 0x16),
    (b'7', 0x17),
    (b'8', 0x18),
    (b'9', 0x19),
];

/// The text with stand-ins where a line opens too many quotes and lists. Offsets stay the same;
/// [`restored`] puts the original bytes back.
pub(super) fn bounded(text: &str) -> Cow<'_, str> {
    let mut bounded: Option<Vec<u8>> = None;
    let mut start = 0;
    for line in text.split_inclusive(['\n', '\r']) {
        if let Some(at) = too_deep(line.as_bytes()) {
            let bytes = bounded.get_or_insert_with(|| text.as_bytes().to_vec());
            if let Some(byte) = bytes.get_mut(start + at) {
                *byte = stand_in(*byte).unwrap_or(*byte);
            }
        }
        start += line.len();
    }
    // ASCII bytes replaced ASCII bytes, so this does not fail.
    let bounded = bounded.and_then(|bytes| String::from_utf8(bytes).ok());
    bounded.map_or(Cow::Borrowed(text), Cow::Owned)
}

/// The event with the original bytes instead of the stand-ins.
pub(super) fn restored(event: Event<'_>) -> Event<'_> {
    match event {
        Event::Text(text) => Event::Text(original(text)),
        Event::Code(text) => Event::Code(original(text)),
        Event::InlineMath(text) => Event::InlineMath(original(text)),
        Event::DisplayMath(text) => Event::DisplayMath(original(text)),
        Event::Html(text) => Event::Html(original(text)),
        Event::InlineHtml(text) => Event::InlineHtml(original(text)),
        other => other,
    }
}

fn original(text: CowStr<'_>) -> CowStr<'_> {
    let of = |c: char| STAND_INS.into_iter().find(|(_, it)| char::from(*it) == c);
    if !text.contains(|c| of(c).is_some()) {
        return text;
    }
    let original: String =
        text.chars().map(|c| of(c).map_or(c, |(mark, _)| char::from(mark))).collect();
    original.into()
}

fn stand_in(mark: u8) -> Option<u8> {
    STAND_INS.into_iter().find(|(it, _)| *it == mark).map(|(_, stand_in)| stand_in)
}

/// The offset of the first opening beyond the limit.
fn too_deep(line: &[u8]) -> Option<usize> {
    let mut at = 0;
    for opened in 0.. {
        at += blanks(line.get(at..)?);
        let length = opening(line.get(at..)?)?;
        if opened == MAX_OPENED {
            return (!is_rule(line.get(at..)?)).then_some(at);
        }
        at += length;
    }
    None
}

/// The length of the opening that `rest` begins with.
fn opening(rest: &[u8]) -> Option<usize> {
    let is_apart = |length: usize| {
        rest.get(length).is_none_or(|next| matches!(next, b' ' | b'\t' | b'\n' | b'\r'))
    };
    match rest.first()? {
        b'>' => Some(1),
        b'-' | b'+' | b'*' => is_apart(1).then_some(1),
        b'0'..=b'9' => {
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).take(10).count();
            let is_mark = matches!(rest.get(digits), Some(b'.' | b')'));
            (is_mark && is_apart(digits + 1)).then_some(digits + 1)
        }
        b'[' if rest.get(1) == Some(&b'^') => {
            let label = rest.iter().take_while(|byte| **byte != b']').count();
            (rest.get(label + 1) == Some(&b':')).then_some(label + 2)
        }
        _ => None,
    }
}

fn blanks(rest: &[u8]) -> usize {
    rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count()
}

/// Whether `rest` is a thematic break, which opens nothing.
fn is_rule(rest: &[u8]) -> bool {
    let Some(mark) = rest.first().filter(|mark| matches!(mark, b'-' | b'*')) else { return false };
    rest.iter().all(|byte| byte == mark || byte.is_ascii_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_opens_too_much_gets_stand_ins() {
        let many = |mark: &str, rest: &str| format!("{}{rest}", mark.repeat(MAX_OPENED));
        for text in [
            many("- ", "x"),
            many("> ", "> ").replacen("> ", "", 1),
            many(">", "text > - 1. "),
            "- ".repeat(200),
            format!("a {}", "- ".repeat(200)),
            "1.".repeat(200),
        ] {
            assert_eq!(bounded(&text), text);
        }
        for text in [
            many("- ", "- x"),
            many("> ", ">"),
            many("1. ", "1) x"),
            many("+ ", "[^a]: x"),
            format!("ü\n{}", many("- > * ", "x\n\ny")),
        ] {
            let bounded = bounded(&text);
            let shown = original(CowStr::from(bounded.clone()));
            assert_eq!((bounded.len(), &*shown), (text.len(), text.as_str()));
            assert_ne!(bounded, text);
        }
    }
}
