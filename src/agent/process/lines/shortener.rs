//! Shortens a line of JSON while it arrives: cuts long strings, then long lists and objects. The result is
//! JSON of the same structure. Each byte is read once, and only the result is held.

use memchr::memchr2;

/// Marks the end of a cut string.
const MARK: &str = "…";

/// Continuation bytes of a UTF-8 character at most.
const CHARACTER_REST: usize = 3;

/// The state of one line.
#[derive(Debug)]
pub(super) struct LineShortener {
    /// The result so far.
    kept: Vec<u8>,
    /// Longest string, in bytes.
    string_bytes: usize,
    /// Size of the result from which nested lists and objects are cut, in bytes.
    list_bytes: usize,
    string: Option<InString>,
    /// Number of open lists and objects.
    depth: usize,
    /// Depth of the list or object whose rest is dropped.
    dropping: Option<usize>,
}

/// The state of an open string.
#[derive(Debug, Default)]
struct InString {
    kept: usize,
    /// Whether the rest is dropped.
    is_cut: bool,
    escape: Escape,
    /// Whether the first half of an escaped surrogate pair was kept, so the second must be.
    is_half: bool,
}

#[derive(Debug, Default, Clone, Copy)]
enum Escape {
    #[default]
    None,
    /// A backslash was read.
    Begun,
    /// Number of hexadecimal digits to come, and the value of those before.
    Digits(u8, u16),
}

impl LineShortener {
    /// For a result of at most `max` bytes.
    pub(super) fn new(max: usize) -> Self {
        Self {
            kept: Vec::new(),
            string_bytes: max / 8,
            list_bytes: max / 2,
            string: None,
            depth: 0,
            dropping: None,
        }
    }

    /// The result so far.
    pub(super) fn kept(&self) -> &[u8] {
        &self.kept
    }

    /// Whether the result is a whole object.
    pub(super) fn is_whole(&self) -> bool {
        self.kept.first() == Some(&b'{') && self.depth == 0 && self.string.is_none()
    }

    /// Reads more of the line.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) {
        while let Some(byte) = bytes.first() {
            let taken = match &mut self.string {
                Some(string) => {
                    let sink = self.dropping.is_none().then_some(&mut self.kept);
                    let (taken, is_over) = string.take(bytes, self.string_bytes, sink);
                    if is_over {
                        self.string = None;
                    }
                    taken
                }
                None => {
                    self.take(*byte);
                    1
                }
            };
            bytes = bytes.get(taken..).unwrap_or_default();
        }
    }

    /// Reads a byte outside of strings.
    fn take(&mut self, byte: u8) {
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => return,
            b'"' => self.string = Some(InString::default()),
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => {
                if self.dropping == Some(self.depth) {
                    self.dropping = None;
                }
                self.depth = self.depth.saturating_sub(1);
            }
            b',' if self.depth > 1 && self.kept.len() >= self.list_bytes => {
                self.dropping.get_or_insert(self.depth);
            }
            _ => (),
        }
        if self.dropping.is_none() {
            self.kept.push(byte);
        }
    }
}

impl InString {
    /// Reads a run of bytes and appends what is kept to `sink`. Returns the number of bytes read, and
    /// whether the string has ended.
    fn take(&mut self, bytes: &[u8], max: usize, sink: Option<&mut Vec<u8>>) -> (usize, bool) {
        let mut nowhere = Vec::new();
        let is_dropped = sink.is_none();
        let sink = sink.unwrap_or(&mut nowhere);
        if !matches!(self.escape, Escape::None) {
            let byte = bytes.first().copied().unwrap_or_default();
            self.escape = self.escape_after(byte);
            if !self.is_cut && !is_dropped {
                sink.push(byte);
                self.kept += 1;
            }
            return (1, false);
        }
        match bytes.first() {
            Some(b'"') => {
                if !is_dropped {
                    sink.push(b'"');
                }
                return (1, true);
            }
            Some(b'\\') => {
                if self.kept >= max && !self.is_half {
                    self.cut(is_dropped, sink);
                }
                self.escape = Escape::Begun;
                if !self.is_cut && !is_dropped {
                    sink.push(b'\\');
                    self.kept += 1;
                }
                return (1, false);
            }
            _ => (),
        }
        self.is_half = false;
        let run = memchr2(b'"', b'\\', bytes).unwrap_or(bytes.len());
        if !self.is_cut && !is_dropped {
            let run = bytes.get(..run).unwrap_or_default();
            let mut end = run.len().min(max.saturating_sub(self.kept));
            // Keep characters whole.
            let longest = (max + CHARACTER_REST).saturating_sub(self.kept);
            while end < longest && run.get(end).is_some_and(|byte| (0x80..0xC0).contains(byte)) {
                end += 1;
            }
            sink.extend_from_slice(run.get(..end).unwrap_or_default());
            self.kept += end;
            if end < run.len() {
                self.cut(is_dropped, sink);
            }
        }
        (run, false)
    }

    fn cut(&mut self, is_dropped: bool, sink: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.is_cut, true) && !is_dropped {
            sink.extend_from_slice(MARK.as_bytes());
        }
    }

    fn escape_after(&mut self, byte: u8) -> Escape {
        match self.escape {
            Escape::Begun if byte == b'u' => Escape::Digits(4, 0),
            Escape::Digits(left, before) => {
                let digit = char::from(byte).to_digit(16).unwrap_or_default();
                let unit = before << 4 | u16::try_from(digit).unwrap_or_default();
                if left > 1 {
                    return Escape::Digits(left - 1, unit);
                }
                self.is_half = (0xD800..0xDC00).contains(&unit);
                Escape::None
            }
            _ => {
                self.is_half = false;
                Escape::None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn shortened(line: &[u8], max: usize, chunk: usize) -> LineShortener {
        let mut shortener = LineShortener::new(max);
        line.chunks(chunk).for_each(|bytes| shortener.feed(bytes));
        shortener
    }

    /// Shortens a value and reads what is left.
    fn left(value: &Value, max: usize) -> Value {
        let line = value.to_string();
        let whole = shortened(line.as_bytes(), max, usize::MAX);
        assert!(whole.is_whole(), "{value}");
        for chunk in [1, 2, 3, 7] {
            let pieces = shortened(line.as_bytes(), max, chunk);
            assert_eq!(pieces.kept(), whole.kept(), "in pieces of {chunk} bytes");
        }
        serde_json::from_slice(whole.kept()).unwrap()
    }

    #[test]
    fn a_long_string_loses_its_end_and_its_neighbours_nothing() {
        for (text, kept) in [
            ("x".repeat(100), "xxxxxxxx…"),
            ("é".repeat(100), "éééé…"),
            (format!("xxxxxxx{}", "😀".repeat(9)), "xxxxxxx😀…"),
            ("\n".repeat(100), "\n\n\n\n…"),
            ("12345678".to_owned(), "12345678"),
        ] {
            let line = json!({"a": [text], text.clone(): 1, "b": {"c": "d"}});
            assert_eq!(left(&line, 64), json!({"a": [kept], kept: 1, "b": {"c": "d"}}));
        }
        let pair = r#"{"a":"1234567\ud83d\ude00\ud83d\ude00","b":1}"#;
        let kept = shortened(pair.as_bytes(), 64, 1);
        let kept: Value = serde_json::from_slice(kept.kept()).unwrap();
        assert_eq!(kept, json!({"a": "1234567😀…", "b": 1}));
    }

    #[test]
    fn a_list_of_too_many_values_loses_its_end() {
        let numbers: Vec<usize> = (0..100_000).collect();
        let line = json!({"type": "user", "many": numbers, "deep": {"er": numbers}, "last": true});
        let left = left(&line, 2000);
        assert_eq!(left["last"], true);
        assert!(left["many"].as_array().unwrap().len() < 1000);
        assert!(left["deep"]["er"].as_array().unwrap().len() < 1000);
    }

    #[test]
    fn what_is_no_object_is_not_whole() {
        for line in [&b"xxxx"[..], b"[1]", b"{", b"{\"a", b"{\"a\":\"\\", b"", b"\"{}\""] {
            assert!(!shortened(line, 64, 1).is_whole(), "{line:?}");
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<String>().prop_map(Value::from),
            "[\\\\\"\n😀é]{0,60}".prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            Just(Value::Null),
        ];
        leaf.prop_recursive(4, 60, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map("[a-c\"\\\\]{0,30}", inner, 0..6)
                    .prop_map(Value::from_iter),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_left_is_json_with_the_same_fields(value in value(), max in 64usize..3000) {
            let line = json!({"first": 1, "value": value, "last": 2});
            let left = left(&line, max);
            prop_assert_eq!(&left["first"], &json!(1));
            prop_assert_eq!(&left["last"], &json!(2));
            if line.to_string().len() < max / 8 {
                prop_assert_eq!(left, line);
            }
        }

        #[test]
        fn no_bytes_crash_it(bytes in any::<Vec<u8>>(), max in 0usize..100) {
            shortened(&bytes, max, 3);
        }
    }
}
