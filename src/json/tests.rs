//! Odd JSON costs what is odd and nothing else.

use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};

use super::*;

/// What a reader in JavaScript that must give well-formed text makes of a JSON string.
fn reference(escapes: &[Piece]) -> String {
    let units: Vec<u16> = escapes.iter().flat_map(Piece::units).collect();
    String::from_utf16_lossy(&units)
}

#[derive(Debug, Clone)]
enum Piece {
    Unit(u16, bool),
    Plain(&'static str),
    Short(char, char),
}

impl Piece {
    fn units(&self) -> Vec<u16> {
        match self {
            Self::Unit(unit, _) => vec![*unit],
            Self::Plain(text) => text.encode_utf16().collect(),
            Self::Short(_, means) => vec![u16::try_from(u32::from(*means)).unwrap()],
        }
    }

    fn written(&self) -> String {
        match self {
            Self::Unit(unit, false) => format!("\\u{unit:04x}"),
            Self::Unit(unit, true) => format!("\\u{unit:04X}"),
            Self::Plain(text) => (*text).to_owned(),
            Self::Short(escape, _) => format!("\\{escape}"),
        }
    }
}

fn piece() -> impl Strategy<Value = Piece> {
    prop_oneof![
        4 => (0xD800u16..=0xDFFF, any::<bool>()).prop_map(|(unit, upper)| Piece::Unit(unit, upper)),
        1 => (any::<u16>(), any::<bool>()).prop_map(|(unit, upper)| Piece::Unit(unit, upper)),
        2 => prop::sample::select(vec!["", "ud83d", "😀", "é", "uD83D", "u"]).prop_map(Piece::Plain),
        2 => prop::sample::select(vec![('\\', '\\'), ('n', '\n'), ('"', '"'), ('/', '/')])
            .prop_map(|(escape, means)| Piece::Short(escape, means)),
    ]
}

proptest! {
    #[test]
    fn every_escape_is_read_as_a_reader_of_utf_16_would(
        key in prop::collection::vec(piece(), 0..6),
        content in prop::collection::vec(piece(), 0..20),
    ) {
        let written = |pieces: &[Piece]| pieces.iter().map(Piece::written).collect::<String>();
        let text = format!("{{\"{}\":[\"{}\",1]}}", written(&key), written(&content));
        let read: Value = from_str(&text).unwrap();
        let mut expected = serde_json::Map::new();
        expected.insert(reference(&key), json!([reference(&content), 1]));
        prop_assert_eq!(read, Value::Object(expected));
    }

    #[test]
    fn text_without_halves_of_pairs_is_not_copied(text in any::<String>()) {
        let line = json!({ "text": text }).to_string();
        prop_assert!(matches!(replace_lone_surrogates(&line), Cow::Borrowed(_)));
        prop_assert!(matches!(decode_text(line.as_bytes()), Cow::Borrowed(_)));
    }

    #[test]
    fn nothing_that_is_read_crashes(bytes in any::<Vec<u8>>(), text in any::<String>()) {
        let line = decode_text(&bytes);
        drop((value(&line), repair(&line), value(&text), repair(&text)));
    }
}

#[test]
fn halves_of_surrogate_pairs_become_the_replacement_character() {
    for (written, read) in [
        (r#""\ud83d""#, "\u{fffd}"),
        (r#""a\udc00b""#, "a\u{fffd}b"),
        (r#""\ude00\ud83d""#, "\u{fffd}\u{fffd}"),
        (r#""\ud83d\ud83d\ude00""#, "\u{fffd}😀"),
        (r#""\uD83D\uDE00\uD83D""#, "😀\u{fffd}"),
        (r#""\ud83d\n""#, "\u{fffd}\n"),
        (r#""\ud83dA""#, "\u{fffd}A"),
        (r#""\\ud83d""#, "\\ud83d"),
        (r#""\\\ud83d""#, "\\\u{fffd}"),
    ] {
        assert_eq!(from_str::<String>(written).unwrap(), read, "{written}");
    }
}

#[test]
fn a_million_halves_are_mended_in_no_time() {
    let line = format!("\"{}\"", r"\\\ud83d".repeat(1_000_000));
    let since = std::time::Instant::now();
    assert_eq!(from_str::<String>(&line).unwrap().chars().count(), 2_000_000);
    assert!(since.elapsed().as_secs() < 10, "{:?}", since.elapsed());
}

#[test]
fn bytes_that_are_no_text_cost_themselves_alone() {
    for (line, read) in [
        (&b"{\"a\":\"x\xffy\"}"[..], json!({"a": "x\u{fffd}y"})),
        (b"\xef\xbb\xbf{\"a\":1}", json!({"a": 1})),
        (b"\0\0{\"a\":1}\0", json!({"a": 1})),
        (b"{\"a\":\"\xed\xa0\xbd\\ud83d\"}", json!({"a": "\u{fffd}\u{fffd}\u{fffd}\u{fffd}"})),
    ] {
        assert_eq!(value(&decode_text(line)).unwrap(), read);
    }
}

#[test]
fn what_only_lax_writers_write_is_repaired() {
    for (written, read) in [
        ("{\"a\":\"x\ty\u{1}\"}", json!({"a": "x\ty\u{1}"})),
        (
            r#"{"a":NaN,"b":[-Infinity,Infinity],"c":undefined}"#,
            json!({"a": null, "b": [null, null], "c": null}),
        ),
        (r#"{"a":"NaN \x \' \u12"}"#, json!({"a": r"NaN \x \' \u12"})),
        ("{\"a\":1,\0\"b\":-2}", json!({"a": 1, "b": -2})),
    ] {
        assert_eq!(value(&repair(written).unwrap()).unwrap(), read, "{written}");
    }
    assert_eq!(repair(r#"{"a":-1,"b":"ü\n\u00e9"}"#), None);
}

#[test]
fn a_value_that_cannot_be_read_is_null_and_the_others_stay() {
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    for odd in [deep.as_str(), "1e999", "-1e999"] {
        let read = value(&format!(r#"{{"a":1,"lenient":{odd},"b":"c"}}"#)).unwrap();
        assert_eq!(read, json!({"a": 1, "lenient": null, "b": "c"}), "{}", &odd[..4]);
    }
    let read = value(r#"{"id":7,"params":{"a":{"lenient":1e999,"b":[1]},"c":"d"}}"#).unwrap();
    assert_eq!(read, json!({"id": 7, "params": {"a": {"lenient": null, "b": [1]}, "c": "d"}}));
    assert!(value("{").is_err() && value(&deep).is_err());
}

#[test]
fn an_odd_field_is_as_if_it_were_not_there() {
    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default)]
    struct Line {
        #[serde(deserialize_with = "lenient")]
        word: Option<String>,
        #[serde(deserialize_with = "lenient_u64")]
        many: Option<u64>,
        #[serde(deserialize_with = "lenient_f64")]
        much: Option<f64>,
        #[serde(deserialize_with = "lenient_bool")]
        is_so: bool,
        #[serde(deserialize_with = "lenient_strings")]
        words: Vec<String>,
    }
    let usual = || Line {
        word: Some("w".to_owned()),
        many: Some(3),
        much: Some(0.5),
        is_so: true,
        words: vec!["a".to_owned()],
    };
    let line = |field: &str, value: &str| -> Line {
        let fields = r#""word":"w","many":3,"much":0.5,"is_so":true,"words":["a"]"#;
        // The field comes twice; the last one counts.
        read(&format!("{{{fields},\"{field}\":{value}}}")).unwrap()
    };
    for odd in ["null", "7.5", "-1", "1e999", "{}", "[[1]]", "false", "\"\\u0000\""] {
        assert_eq!(line("unknown", odd), usual());
        let read = line("many", odd);
        assert_eq!(read.many, (odd == "7.5").then_some(7), "{odd}");
        assert_eq!(read.word, usual().word);
        assert!(line("much", odd).much.is_none_or(|much| much == 7.5), "{odd}");
        assert!(line("word", odd).word.is_none_or(|word| word == "\0"), "{odd}");
        assert_eq!(line("words", odd).many, Some(3), "{odd}");
    }
    assert_eq!(line("many", "\"12\"").many, Some(12));
    assert_eq!(line("many", "1e300").many, None);
    assert_eq!(line("words", r#"["b",1,null,"c"]"#).words, ["b", "c"]);
    assert_eq!(line("words", "\"one\"").words, ["one"]);
    assert!(!line("is_so", "0").is_so && line("is_so", "\"true\"").is_so);
}
