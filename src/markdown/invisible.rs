//! Invisible characters: shown as marks with their names, so that none reorders or hides code.
//!
//! A mark is an element of its own direction that holds the character: copied text is the original.
//! Sequences of emoji and of scripts that join their letters stay as they are. `static/invisible.js`
//! does the same for files.

use super::escape::push_escaped;

/// Which characters get marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marking {
    /// All: in code and names.
    All,
    /// Those that turn the direction of what follows: in text for people.
    Directions,
}

/// Appends `text` as HTML with marks. Once `out` has `budget` bytes, a mark is only the number.
pub(super) fn push_marked(text: &str, marking: Marking, budget: usize, out: &mut String) {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\n' | b'\t')) {
        return push_escaped(text, out);
    }
    let mut from = 0;
    let mut before = None;
    let mut is_flag = false;
    let mut characters = text.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        let next = characters.peek().map(|(_, next)| *next);
        is_flag = u32::from(c) == 0x1F3F4 || (is_flag && is_tag(c));
        let is_shown = match marking {
            Marking::All => !(is_flag || is_joined(before, c, next)),
            Marking::Directions => is_direction(c),
        };
        before = Some(c);
        let Some(name) = name(c).filter(|_| is_shown) else { continue };
        push_escaped(text.get(from..at).unwrap_or_default(), out);
        from = at + c.len_utf8();
        let number = format!("U+{:04X}", u32::from(c));
        if out.len() < budget {
            out.push_str(&format!(
                r#"<bdi class="invisible" role="img" aria-label="{number} {name}" title="{name}" data-mark="{number}">{c}</bdi>"#
            ));
        } else {
            out.push_str(&format!("[{number}]"));
        }
    }
    push_escaped(text.get(from..).unwrap_or_default(), out);
}

/// Highlighted code, which is HTML, with marks.
pub(super) fn marked_html(html: &str) -> String {
    // Tags have no such characters, and text has no others that HTML would need escaped.
    let mut marked = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find(|c| name(c).is_some()) {
        // The neighbours of a character tell whether it joins them.
        let end =
            rest.get(at..).and_then(|it| it.find(['<', '\n'])).map_or(rest.len(), |it| at + it);
        let start = rest.get(..at).and_then(|it| it.rfind(['>', '\n'])).map_or(0, |it| it + 1);
        marked.push_str(rest.get(..start).unwrap_or_default());
        let mut line = String::new();
        push_marked(rest.get(start..end).unwrap_or_default(), Marking::All, usize::MAX, &mut line);
        // The text was escaped before.
        marked.push_str(&unescaped_twice(&line));
        rest = rest.get(end..).unwrap_or_default();
    }
    marked.push_str(rest);
    marked
}

/// HTML whose text was escaped twice, escaped once.
fn unescaped_twice(html: &str) -> String {
    html.replace("&amp;", "&")
}

/// Whether a terminal would obey a character, or show lines in another order or place for it.
pub(super) fn is_unsafe_in_terminal(c: char) -> bool {
    c.is_control() || is_direction(c) || matches!(c, '\u{2028}' | '\u{2029}')
}

fn is_direction(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn is_tag(c: char) -> bool {
    matches!(c, '\u{e0020}'..='\u{e007f}')
}

/// Whether an invisible character does its work between its neighbours.
fn is_joined(before: Option<char>, c: char, next: Option<char>) -> bool {
    let (Some(before), next) = (before, next.unwrap_or(' ')) else { return false };
    match c {
        '\u{200d}' => {
            (is_pictogram(before) && is_pictogram(next)) || (is_joining(before) && is_joining(next))
        }
        '\u{200c}' => is_joining(before) && is_joining(next),
        '\u{fe0e}' | '\u{fe0f}' => is_pictogram(before) || "#*0123456789".contains(before),
        '\u{e0100}'..='\u{e01ef}' => {
            matches!(before, '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{3ffff}')
        }
        _ => false,
    }
}

fn is_pictogram(c: char) -> bool {
    matches!(c, '\u{1f000}'..='\u{1faff}' | '\u{2190}'..='\u{2bff}' | '\u{3030}' | '\u{303d}'
        | '\u{3297}' | '\u{3299}' | '\u{a9}' | '\u{ae}' | '\u{203c}' | '\u{2049}' | '\u{2122}'
        | '\u{2139}' | '\u{fe0f}')
}

/// Whether the script of a letter joins letters: Arabic, Syriac, those of India and their neighbours.
fn is_joining(c: char) -> bool {
    matches!(c, '\u{600}'..='\u{8ff}' | '\u{900}'..='\u{dff}' | '\u{1000}'..='\u{109f}'
        | '\u{1780}'..='\u{17ff}' | '\u{1800}'..='\u{18af}' | '\u{fb50}'..='\u{fdff}'
        | '\u{fe70}'..='\u{fefc}')
}

/// The name of a character that cannot be seen.
pub(super) fn name(c: char) -> Option<&'static str> {
    Some(match u32::from(c) {
        0x09 | 0x0A | 0x0D | 0x20..=0x7E => return None,
        0x00..=0x1F | 0x7F..=0x9F => "control character",
        0x00AD => "soft hyphen",
        0x034F => "combining grapheme joiner",
        0x061C => "Arabic letter mark",
        0x115F | 0x1160 | 0x3164 | 0xFFA0 => "Hangul filler",
        0x17B4 | 0x17B5 => "Khmer inherent vowel",
        0x180B..=0x180F => "Mongolian selector",
        0x200B => "zero-width space",
        0x200C => "zero-width non-joiner",
        0x200D => "zero-width joiner",
        0x200E => "left-to-right mark",
        0x200F => "right-to-left mark",
        0x2028 => "line separator",
        0x2029 => "paragraph separator",
        0x202A => "left-to-right embedding",
        0x202B => "right-to-left embedding",
        0x202C => "pop directional formatting",
        0x202D => "left-to-right override",
        0x202E => "right-to-left override",
        0x2060 => "word joiner",
        0x2061..=0x2064 => "invisible operator",
        0x2066 => "left-to-right isolate",
        0x2067 => "right-to-left isolate",
        0x2068 => "first strong isolate",
        0x2069 => "pop directional isolate",
        0x206A..=0x206F => "deprecated format character",
        0xFE00..=0xFE0F | 0xE0100..=0xE01EF => "variation selector",
        0xFEFF => "zero-width no-break space",
        0xFFF9..=0xFFFB => "interlinear annotation",
        0x1D173..=0x1D17A => "musical format character",
        0xE0000..=0xE007F => "tag character",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(text: &str, marking: Marking) -> Vec<String> {
        let mut out = String::new();
        push_marked(text, marking, usize::MAX, &mut out);
        out.match_indices("data-mark=\"U+")
            .map(|(at, it)| out[at + it.len()..].split('"').next().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn what_hides_or_reorders_code_is_named_and_what_scripts_need_is_not() {
        for (text, expected) in [
            ("if (a\u{202e} // x\u{2066})", vec!["202E", "2066"]),
            ("user\u{200b}name", vec!["200B"]),
            ("a\u{200d}b\u{feff}\u{ad}", vec!["200D", "FEFF", "00AD"]),
            ("\u{1b}[31m\u{7f}", vec!["001B", "007F"]),
            ("\u{e0041}", vec!["E0041"]),
            ("👩\u{200d}💻 ❤\u{fe0f} 1\u{fe0f}\u{20e3}", vec![]),
            ("🏴\u{e0067}\u{e0062}\u{e0065}\u{e007f}", vec![]),
            ("می\u{200c}خواهم", vec![]),
            ("שלום عربي 中文\ttab\n", vec![]),
        ] {
            assert_eq!(marks(text, Marking::All), expected, "{text:?}");
        }
        let prose = "שלום\u{200f} می\u{200c}خواهم \u{202e}abc";
        assert_eq!(marks(prose, Marking::Directions), ["202E"]);
    }

    #[test]
    fn marks_in_highlighted_code_change_nothing_else() {
        let html =
            "<span class=\"string\">&quot;\u{202e}a &amp;amp; b\u{2066}</span>\nx\u{200b}y &lt;";
        let marked = marked_html(html);
        let bare = regex::Regex::new("</?bdi[^>]*>").unwrap().replace_all(&marked, "").into_owned();
        assert_eq!((bare.as_str(), marked.matches("<bdi").count()), (html, 3));
    }
}
