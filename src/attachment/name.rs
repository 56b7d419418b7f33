//! Names of files, as their senders give them.

use super::AttachedType;

/// Longest name, in bytes.
const MAX_BYTES: usize = 120;

/// Longest ending that a cut name keeps, in bytes.
const MAX_ENDING: usize = 12;

/// Characters of a name besides letters and digits.
const PLAIN: &str = " ._-()[]+,=@";

/// The name of a file that is safe to show, to save and to tell an agent: no directory, nothing that
/// cannot be seen, a bounded length.
pub(crate) fn cleaned(given: &str, content_type: AttachedType) -> String {
    let name = given.rsplit(['/', '\\']).next().unwrap_or_default();
    let name: String = name
        .chars()
        .filter(|c| !c.is_control())
        .map(|c| if c.is_alphanumeric() || PLAIN.contains(c) { c } else { '_' })
        .collect();
    let name = name.trim_matches([' ', '.']);
    if name.is_empty() {
        return unnamed(content_type).to_owned();
    }
    shortened(name)
}

fn shortened(name: &str) -> String {
    if name.len() <= MAX_BYTES {
        return name.to_owned();
    }
    let ending = name.rfind('.').map_or("", |at| &name[at..]);
    let ending = if ending.len() <= MAX_ENDING { ending } else { "" };
    let end = name.floor_char_boundary(MAX_BYTES - ending.len());
    format!("{}{ending}", &name[..end])
}

fn unnamed(content_type: AttachedType) -> &'static str {
    match content_type {
        AttachedType::Png => "image.png",
        AttachedType::Jpeg => "image.jpg",
        AttachedType::Gif => "image.gif",
        AttachedType::Webp => "image.webp",
        AttachedType::Text => "text.txt",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_has_no_directory_and_nothing_that_hides() {
        for (given, name) in [
            ("log.txt", "log.txt"),
            ("../../etc/passwd", "passwd"),
            (r"C:\Users\a\Bild (1).png", "Bild (1).png"),
            ("a\r\nX-Evil: 1.txt", "aX-Evil_ 1.txt"),
            ("fdp.\u{202e}txt.exe", "fdp._txt.exe"),
            ("<img src=x>\"`.log", "_img src=x___.log"),
            ("..", "text.txt"),
            ("", "text.txt"),
            ("/", "text.txt"),
            ("日志.txt", "日志.txt"),
        ] {
            assert_eq!(cleaned(given, AttachedType::Text), name, "{given:?}");
        }
        assert_eq!(cleaned("", AttachedType::Jpeg), "image.jpg");
    }

    #[test]
    fn a_long_name_is_cut_and_keeps_its_ending() {
        let long = cleaned(&format!("{}.log", "ü".repeat(200)), AttachedType::Text);
        assert!(long.len() <= MAX_BYTES && long.ends_with("ü.log"), "{long}");
        let odd = cleaned(&format!("a.{}", "b".repeat(300)), AttachedType::Text);
        assert_eq!(odd.len(), MAX_BYTES);
    }

    proptest! {
        #[test]
        fn every_name_is_plain_and_bounded(given in any::<String>()) {
            let name = cleaned(&given, AttachedType::Text);
            prop_assert!(!name.is_empty() && name.len() <= MAX_BYTES);
            prop_assert!(name.chars().all(|c| c.is_alphanumeric() || PLAIN.contains(c) || c == '_'));
        }
    }
}
