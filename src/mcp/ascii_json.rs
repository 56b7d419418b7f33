//! JSON text in AutoForge's form: indented by two spaces, with non-ASCII characters as `\uXXXX`.

use std::io;

use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};

/// Serializes `value`.
pub(super) fn pretty(value: &impl Serialize) -> serde_json::Result<String> {
    let mut bytes = Vec::new();
    let formatter = AsciiFormatter(PrettyFormatter::with_indent(b"  "));
    value.serialize(&mut Serializer::with_formatter(&mut bytes, formatter))?;
    String::from_utf8(bytes).map_err(serde::ser::Error::custom)
}

/// [`PrettyFormatter`] with escaped strings.
struct AsciiFormatter(PrettyFormatter<'static>);

type Written = io::Result<()>;

impl Formatter for AsciiFormatter {
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, w: &mut W, text: &str) -> Written {
        let mut plain = 0;
        for (start, character) in text.char_indices() {
            if matches!(character, ' '..='~') {
                continue;
            }
            w.write_all(&text.as_bytes()[plain..start])?;
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(w, "\\u{unit:04x}")?;
            }
            plain = start + character.len_utf8();
        }
        w.write_all(&text.as_bytes()[plain..])
    }

    fn begin_array<W: ?Sized + io::Write>(&mut self, w: &mut W) -> Written {
        self.0.begin_array(w)
    }

    fn end_array<W: ?Sized + io::Write>(&mut self, w: &mut W) -> Written {
        self.0.end_array(w)
    }

    fn begin_array_value<W: ?Sized + io::Write>(&mut self, w: &mut W, first: bool) -> Written {
        self.0.begin_array_value(w, first)
    }

    fn end_array_value<W: ?Sized + io::Write>(&mut self, w: &mut W) -> Written {
        self.0.end_array_value(w)
    }

    fn begin_object<W: ?Sized + io::Write>(&mut self, w: &mut W) -> Written {
        self.0.begin_object(w)
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, w: &mut W) -> Written {
        self.0.end_object(w)
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, w: &mut W, first: bool) -> Written {
        self.0.begin_object_key(w, first)
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, w: &mut W) -> Written {
        self.0.begin_object_value(w)
    }

    fn end_object_value<W: ?Sized + io::Write>(&mut self, w: &mut W) -> Written {
        self.0.end_object_value(w)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_layout_is_that_of_the_original() {
        let value = json!({
            "percentage": 100.0, "text": "é😀\u{7f}\"\n", "none": null, "empty": [], "list": ["a", {}],
        });
        let expected = r#"{
  "percentage": 100.0,
  "text": "\u00e9\ud83d\ude00\u007f\"\n",
  "none": null,
  "empty": [],
  "list": [
    "a",
    {}
  ]
}"#;
        assert_eq!(pretty(&value).unwrap(), expected);
    }

    #[test]
    fn the_text_means_the_same() {
        let value = json!({ "ключ": "a\u{0}\t\\ü \u{ffff}\u{10ffff}z" });
        let text = pretty(&value).unwrap();
        assert!(text.is_ascii());
        let back: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(back, value);
    }
}
