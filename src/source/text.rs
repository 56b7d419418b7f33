//! Text of bytes: UTF-8, UTF-16 and older encodings, guessed as browsers guess them. Pure.
//!
//! The one place where the bytes of a project's file become text, so that the index, quotes and
//! pages agree on its lines.

use std::{borrow::Cow, path::Path};

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

use crate::source::notebook;

/// A file with a zero byte in its first bytes, this many, is binary or UTF-16.
const PROBE_BYTES: usize = 8 << 10;
/// Bytes from which an encoding is guessed.
const GUESS_BYTES: usize = 256 << 10;
/// Least bytes from which an encoding is guessed.
const MIN_GUESS_BYTES: usize = 8;
/// Least bytes of a text that is taken for UTF-16 without a mark.
const MIN_UNMARKED_BYTES: usize = 8;
/// One character in this many may be invalid or a control character before bytes count as binary.
const MAX_ODD_SHARE: usize = 10;

/// The text of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DecodedText<'a> {
    /// Without a byte order mark.
    pub text: Cow<'a, str>,
    /// The name of its encoding, such as `UTF-8` or `Shift_JIS`.
    pub encoding: &'static str,
}

/// The text of the file at `path`: a notebook is read as the source of its cells. `None` if its bytes
/// are no text.
pub(crate) fn of_file<'a>(path: &Path, bytes: &'a [u8]) -> Option<DecodedText<'a>> {
    let found = decode(bytes)?;
    let is_notebook = path.extension().is_some_and(|extension| extension == "ipynb");
    match is_notebook.then(|| notebook::program(&found.text)).flatten() {
        Some(program) => Some(DecodedText { text: Cow::Owned(program), ..found }),
        None => Some(found),
    }
}

/// Decodes the bytes of a file; `None` if they are no text.
pub(crate) fn decode(bytes: &[u8]) -> Option<DecodedText<'_>> {
    // A mark that stands before zero bytes may begin UTF-32, which is too rare to be read.
    let marked = Encoding::for_bom(bytes).filter(|_| !bytes.starts_with(b"\xff\xfe\0\0"));
    if let Some((encoding, mark)) = marked {
        let rest = &bytes[mark..];
        return match encoding == UTF_8 {
            true if has_zero(rest) => None,
            _ => decoded(encoding, rest).filter(|text| !is_odd(&text.text)),
        };
    }
    if has_zero(bytes) {
        let found = decoded(unmarked_utf_16(bytes)?, bytes)?;
        return (!is_odd(&found.text)).then_some(found);
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Some(DecodedText { text: Cow::Borrowed(text), encoding: UTF_8.name() });
    }
    if bytes.len() < MIN_GUESS_BYTES || is_nearly_utf_8(bytes) {
        let text = String::from_utf8_lossy(bytes);
        return Some(DecodedText { text, encoding: UTF_8.name() });
    }
    // ISO-2022-JP has no bytes above 127, so it is not told from ASCII here.
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(&bytes[..bytes.len().min(GUESS_BYTES)], true);
    let found = decoded(detector.guess(None, Utf8Detection::Allow), bytes)?;
    (!is_odd(&found.text)).then_some(found)
}

fn decoded<'a>(encoding: &'static Encoding, bytes: &'a [u8]) -> Option<DecodedText<'a>> {
    let (text, _) = encoding.decode_without_bom_handling(bytes);
    Some(DecodedText { text, encoding: encoding.name() })
}

fn has_zero(bytes: &[u8]) -> bool {
    memchr::memchr(0, &bytes[..bytes.len().min(PROBE_BYTES)]).is_some()
}

/// UTF-16 without a mark has its zero bytes at either even or odd places, and many of them.
fn unmarked_utf_16(bytes: &[u8]) -> Option<&'static Encoding> {
    let probe = &bytes[..bytes.len().min(PROBE_BYTES)];
    if bytes.len() < MIN_UNMARKED_BYTES || !bytes.len().is_multiple_of(2) {
        return None;
    }
    let zeros = |first: usize| probe.iter().skip(first).step_by(2).filter(|it| **it == 0).count();
    let (even, odd) = (zeros(0), zeros(1));
    // Every text has spaces and ends of lines, also one in letters of other scripts.
    let least = probe.len() / 64 + 1;
    match (even, odd) {
        (0, odd) if odd >= least => Some(UTF_16LE),
        (even, 0) if even >= least => Some(UTF_16BE),
        _ => None,
    }
}

/// Whether bytes are UTF-8 but for a few: a damaged text rather than one of another encoding.
fn is_nearly_utf_8(bytes: &[u8]) -> bool {
    let (mut valid, mut invalid) = (0, 0);
    for chunk in bytes.utf8_chunks() {
        valid += chunk.valid().chars().filter(|it| !it.is_ascii()).count();
        invalid += usize::from(!chunk.invalid().is_empty());
    }
    valid > 4 * invalid
}

/// Whether a text has too many control and replacement characters to be one.
fn is_odd(text: &str) -> bool {
    let is_odd = |it: &char| {
        *it == char::REPLACEMENT_CHARACTER || (it.is_control() && !"\t\n\r\x0c\x1b".contains(*it))
    };
    let (mut n_odd, mut n_all) = (0, 0);
    for character in text.chars().take(PROBE_BYTES) {
        n_all += 1;
        n_odd += usize::from(is_odd(&character));
    }
    n_odd * MAX_ODD_SHARE > n_all
}

/// Cuts `text` to at most `max` bytes, at a character.
pub(crate) fn clip(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    let mut end = max;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf_16(text: &str, is_big: bool) -> Vec<u8> {
        let bytes = |unit: u16| if is_big { unit.to_be_bytes() } else { unit.to_le_bytes() };
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn every_form_of_unicode_is_read_without_its_mark() {
        for text in ["# Read me\r\nGrüße, 世界 🌍\n", "fn main() {}\n\n// end\n"] {
            for bytes in [
                text.as_bytes().to_vec(),
                ["\u{feff}".as_bytes(), text.as_bytes()].concat(),
                utf_16(&format!("\u{feff}{text}"), false),
                utf_16(&format!("\u{feff}{text}"), true),
                utf_16(text, false),
                utf_16(text, true),
            ] {
                assert_eq!(decode(&bytes).unwrap().text, text, "{bytes:?}");
            }
        }
    }

    #[test]
    fn older_encodings_are_guessed() {
        let german = "/* Größe des Puffers in Bytes, für schnellere Läufe überprüft. */\n\
                      int groesse;\n// Zurücksetzen, falls die Schlange überläuft\n";
        let french = "# Récupère les données déjà chargées, puis les vérifie à nouveau.\n\
                      def charger(): pass  # où tout a été préparé\n";
        let japanese = "// 設定ファイルを読み込んで、接続を初期化します。\n\
                        // エラーが発生した場合は再試行する。\nint main() { return 0; }\n";
        let chinese =
            "// 读取配置文件，然后初始化数据库连接。\n// 如果失败则返回错误信息，并且重试三次。\n";
        let russian = "// Читает файл настроек и открывает соединение с базой данных.\nint x;\n";
        for (text, label) in [
            (german, "windows-1252"),
            (french, "iso-8859-1"),
            (japanese, "shift_jis"),
            (japanese, "euc-jp"),
            (chinese, "gbk"),
            (russian, "windows-1251"),
            (russian, "koi8-r"),
        ] {
            let encoding = Encoding::for_label(label.as_bytes()).unwrap();
            let (bytes, _, is_lossy) = encoding.encode(text);
            assert!(!is_lossy);
            let found = decode(&bytes).unwrap();
            assert_eq!(found.text, text, "{label} taken for {}", found.encoding);
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_told() {
        let mut random = fastrand::Rng::with_seed(3);
        let noise: Vec<u8> = (0..4000).map(|_| random.u8(..)).collect();
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x01\0\0\0\x01\0\x08\x06\0\0\0";
        let machine = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0>\0\x01\0\0\0";
        for bytes in
            [&noise[..], png, machine, b"a\0b", b"\0\0\0\0\0\0\0\0", b"\xff\xfe\0\0a\0\0\0"]
        {
            assert_eq!(decode(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn a_damaged_text_keeps_what_is_whole() {
        assert_eq!(decode(b"").unwrap().text, "");
        let text = "äöü ßäö üöä – viele Zeichen\n".repeat(3);
        assert_eq!(decode(b"\xff\n").unwrap().text, "\u{fffd}\n");
        let bytes = [text.as_bytes(), b"\xff\n"].concat();
        assert_eq!(decode(&bytes).unwrap().text, format!("{text}\u{fffd}\n"));
    }
}
