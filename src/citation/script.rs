//! Scripts that are written without spaces: where a path begins and ends among their letters. Pure.

use std::ops::Range;

/// Whether words of this character's script stand next to others without a space, or the character
/// is a pictogram.
pub(crate) fn is_unspaced(c: char) -> bool {
    matches!(u32::from(c),
        0x0590..=0x08FF          // Hebrew, Arabic and their neighbours: particles stand before names
        | 0x0E00..=0x0EFF        // Thai, Lao
        | 0x1000..=0x109F        // Burmese
        | 0x1100..=0x11FF        // Hangul
        | 0x1780..=0x17FF        // Khmer
        | 0x200C..=0x200D
        | 0x2600..=0x27BF
        | 0x3005..=0x3007
        | 0x3040..=0x33FF        // kana, Bopomofo, Hangul
        | 0x3400..=0x4DBF | 0x4E00..=0x9FFF
        | 0xA960..=0xA97F | 0xAC00..=0xD7FF
        | 0xF900..=0xFAFF | 0xFB1D..=0xFDFF | 0xFE0F | 0xFE70..=0xFEFE | 0xFF66..=0xFFDC
        | 0x1F000..=0x1FAFF | 0x20000..=0x3FFFF)
}

/// Whether a character combines with the one before it.
pub(crate) fn is_combining(c: char) -> bool {
    matches!(u32::from(c),
        0x0300..=0x036F | 0x0483..=0x0487 | 0x0591..=0x05C7 | 0x0610..=0x061A | 0x064B..=0x065F
        | 0x0900..=0x0903 | 0x093A..=0x094F | 0x1AB0..=0x1AFF | 0x1DC0..=0x1DFF | 0x20D0..=0x20FF
        | 0x3099..=0x309A)
}

/// The part of a word that is likeliest a path: `src/a.rs` in `请看src/a.rs里的`. Letters of an
/// unspaced script are part of a path where a separator joins them: `文档/读我.md`.
pub(crate) fn path_in(word: &str) -> Range<usize> {
    let start = leading(word);
    let rest = word.get(start..).unwrap_or_default();
    start..start + kept(rest)
}

/// Bytes of unspaced letters that stand before an ASCII path.
fn leading(word: &str) -> usize {
    let run = word.find(|c| !is_unspaced(c) && !is_combining(c)).unwrap_or(0);
    let rest = word.get(run..).unwrap_or_default();
    let begins_path = rest.starts_with(|c: char| c.is_ascii_alphanumeric() || "_@".contains(c))
        || ["./", "../"].into_iter().any(|start| rest.starts_with(start));
    if begins_path { run } else { 0 }
}

/// Bytes up to the first letter of an unspaced script that stands right after an ASCII extension.
fn kept(word: &str) -> usize {
    for (dot, _) in word.match_indices('.') {
        let after = word.get(dot + 1..).unwrap_or_default();
        let length = after.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(after.len());
        let (extension, next) = after.split_at(length);
        let is_extension = extension.contains(|c: char| c.is_ascii_alphabetic());
        if is_extension && next.starts_with(is_unspaced) {
            return dot + 1 + length;
        }
    }
    word.len()
}

/// Where a path may begin within unspaced letters before it, besides its start: `文档/读我.md` in
/// `看文档/读我.md`.
pub(crate) fn starts_in(word: &str) -> impl Iterator<Item = usize> {
    const MOST: usize = 8;
    let letters = word.char_indices().take(MOST + 1).take_while(|(_, c)| is_unspaced(*c));
    letters.map(|(at, _)| at).skip(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_among_letters_without_spaces_is_found_by_its_ascii_ends() {
        for (word, expected) in [
            ("src/a.rs", "src/a.rs"),
            ("请看src/a.rs里的", "src/a.rs"),
            ("src/a.rs를", "src/a.rs"),
            ("وsrc/a.rs", "src/a.rs"),
            ("文档/读我.md", "文档/读我.md"),
            ("src/测试.rs", "src/测试.rs"),
            ("在./src/a.rs", "./src/a.rs"),
            ("src/a.rs和src/b.rs", "src/a.rs"),
            ("über/straße.md", "über/straße.md"),
        ] {
            assert_eq!(&word[path_in(word)], expected, "{word}");
        }
        let starts: Vec<_> =
            starts_in("看文档/读我.md").map(|at| &"看文档/读我.md"[at..]).collect();
        assert_eq!(starts, ["文档/读我.md", "档/读我.md"]);
    }
}
