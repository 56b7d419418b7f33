//! Lenient reading of JSON from other programs.
//!
//! Programs in JavaScript and Python write lone surrogates, bytes that are not UTF-8 and values of
//! unexpected types. An unreadable value costs that value, never the rest of the text. Pure.

mod lenient;
mod object;

use std::borrow::Cow;

use memchr::{memchr, memchr_iter};
use serde::de::DeserializeOwned;
use serde_json::Value;

pub(crate) use lenient::{
    lenient, lenient_bool, lenient_f64, lenient_option, lenient_strings, lenient_u64, read,
};
pub(crate) use object::{Object, Text, list};

/// What replaces a lone surrogate, which is no character.
const REPLACEMENT: &str = "\\ufffd";

/// Length of an escape such as `\ud83d`, in bytes.
const ESCAPE: usize = 6;

/// Decodes a line: bytes that are not UTF-8 and lone surrogates become U+FFFD, a byte order mark and
/// NUL bytes around it are dropped. Borrowed where nothing had to change.
pub(crate) fn decode_text(line: &[u8]) -> Cow<'_, str> {
    let line = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line);
    let start = line.iter().position(|byte| *byte != 0).unwrap_or(line.len());
    let end = line.iter().rposition(|byte| *byte != 0).map_or(start, |last| last + 1);
    let line = line.get(start..end).unwrap_or_default();
    match String::from_utf8_lossy(line) {
        Cow::Borrowed(text) => replace_lone_surrogates(text),
        Cow::Owned(text) => match replace_lone_surrogates(&text) {
            Cow::Owned(replaced) => Cow::Owned(replaced),
            Cow::Borrowed(_) => Cow::Owned(text),
        },
    }
}

/// Replaces escapes of lone surrogates by U+FFFD. Borrowed where there is none.
pub(crate) fn replace_lone_surrogates(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let is_surrogate = |at: usize| matches!(unit(bytes, at), Some(0xD800..=0xDFFF));
    let Some(first) = memchr_iter(b'\\', bytes).find(|at| is_surrogate(*at)) else {
        return Cow::Borrowed(text);
    };
    // The backslash may itself be escaped, so the scan starts with those before it.
    let before = bytes.get(..first).unwrap_or_default();
    let mut at = before.iter().rposition(|byte| *byte != b'\\').map_or(0, |last| last + 1);
    let mut replaced = String::new();
    let mut copied = 0;
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr(b'\\', rest)) {
        let start = at + found;
        at = match unit(bytes, start) {
            None => start + 2,
            Some(0xD800..=0xDBFF)
                if matches!(unit(bytes, start + ESCAPE), Some(0xDC00..=0xDFFF)) =>
            {
                start + 2 * ESCAPE
            }
            Some(0xD800..=0xDFFF) => {
                replaced.push_str(text.get(copied..start).unwrap_or_default());
                replaced.push_str(REPLACEMENT);
                copied = start + ESCAPE;
                copied
            }
            Some(_) => start + ESCAPE,
        };
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    replaced.push_str(text.get(copied..).unwrap_or_default());
    Cow::Owned(replaced)
}

/// The UTF-16 unit of the escape `\uXXXX` at `at`, where there is one.
fn unit(bytes: &[u8], at: usize) -> Option<u16> {
    let digits = bytes.get(at..at + ESCAPE)?.strip_prefix(b"\\u")?;
    digits.iter().try_fold(0, |unit, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(unit << 4 | u16::try_from(digit).ok()?)
    })
}

/// Repairs text that only lax parsers accept: escapes raw control characters and unknown escapes
/// within strings; outside of them `NaN`, `Infinity` and `undefined` become `null`. `None` where
/// there is nothing to repair.
pub(crate) fn repair(text: &str) -> Option<String> {
    let mut repaired = String::with_capacity(text.len() + 16);
    let mut in_string = false;
    let mut rest = text;
    let mut has_changed = false;
    while let Some(character) = rest.chars().next() {
        let (taken, put): (usize, Option<Cow<'_, str>>) = match character {
            '"' => {
                in_string = !in_string;
                (1, None)
            }
            '\\' if in_string => match rest.chars().nth(1) {
                Some('"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't') => (2, None),
                Some('u') if unit(rest.as_bytes(), 0).is_some() => (ESCAPE, None),
                _ => (1, Some("\\\\".into())),
            },
            '\0'..='\u{1f}' if in_string => {
                (1, Some(format!("\\u{:04x}", u32::from(character)).into()))
            }
            '\0' => (1, Some(" ".into())),
            'N' | 'I' | 'u' | '-' if !in_string => {
                let names = ["NaN", "-NaN", "Infinity", "-Infinity", "undefined"];
                match names.iter().find(|name| rest.starts_with(**name)) {
                    Some(name) => (name.len(), Some("null".into())),
                    None => (1, None),
                }
            }
            other => (other.len_utf8(), None),
        };
        let (piece, after) = rest.split_at_checked(taken)?;
        has_changed |= put.is_some();
        repaired.push_str(put.as_deref().unwrap_or(piece));
        rest = after;
    }
    has_changed.then_some(repaired)
}

/// Reads a value of JSON that may contain lone surrogates.
pub(crate) fn from_str<T: DeserializeOwned>(text: &str) -> serde_json::Result<T> {
    serde_json::from_str(&replace_lone_surrogates(text))
}

/// Reads any JSON. In an object, values that cannot be read become `null`, such as those nested too
/// deep and numbers that are too large.
pub(crate) fn value(text: &str) -> serde_json::Result<Value> {
    let text = replace_lone_surrogates(text);
    serde_json::from_str(&text).or_else(|error| match Object::read(&text) {
        Ok(object) => Ok(Value::Object(object.values())),
        Err(_) => Err(error),
    })
}

#[cfg(test)]
mod tests;
