//! One sentence on what a project is, from the introduction of its README. Pure.

use pulldown_cmark::{Event, Parser, Tag, TagEnd};

/// Longest sentence, characters.
const LONGEST: usize = 200;

/// Abbreviations whose full stop ends no sentence.
const ABBREVIATIONS: [&str; 6] = ["e.g", "i.e", "etc", "vs", "cf", "approx"];

/// The first sentence of an introduction in Markdown, as plain text; `None` if it has no words.
pub(crate) fn first_sentence(introduction: &str) -> Option<String> {
    let text = plain(introduction);
    let sentence = &text[..end_of_sentence(&text)];
    if !sentence.chars().any(char::is_alphabetic) {
        return None;
    }
    Some(match sentence.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", sentence[..end].trim_end()),
        None => sentence.to_owned(),
    })
}

/// The words of a text in Markdown on one line, without pictures and HTML.
fn plain(markdown: &str) -> String {
    let mut words = String::new();
    let mut pictures = 0;
    for event in Parser::new(markdown) {
        match event {
            Event::Start(Tag::Image { .. }) => pictures += 1,
            Event::End(TagEnd::Image) => pictures -= 1,
            Event::Text(text) | Event::Code(text) if pictures == 0 => words.push_str(&text),
            Event::SoftBreak | Event::HardBreak | Event::End(TagEnd::Paragraph | TagEnd::Item) => {
                words.push(' ');
            }
            _ => (),
        }
    }
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Where the first sentence ends, in bytes.
fn end_of_sentence(text: &str) -> usize {
    let is_end = |(at, mark): &(usize, char)| match mark {
        '。' | '！' | '？' => true,
        '.' | '!' | '?' => {
            let (before, after) = (&text[..*at], &text[at + 1..]);
            after.starts_with(' ') && !ABBREVIATIONS.iter().any(|it| before.ends_with(it))
        }
        _ => false,
    };
    text.char_indices().find(is_end).map_or(text.len(), |(at, mark)| at + mark.len_utf8())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_sentence_stands_alone_and_without_markup() {
        for (introduction, expected) in [
            ("Parses quokkas. And more.", "Parses quokkas."),
            (
                "A **fast** [parser](https://x.example) for `.qk`\nfiles, e.g. old ones! Yes.",
                "A fast parser for .qk files, e.g. old ones!",
            ),
            ("![logo](a.png) Does it 2.0 times faster", "Does it 2.0 times faster"),
            ("これは道具です。次の文。", "これは道具です。"),
            ("<b>Bold</b> & plain", "Bold & plain"),
        ] {
            assert_eq!(first_sentence(introduction).as_deref(), Some(expected));
        }
        assert_eq!(first_sentence("![a](b.png) *** 12"), None);
    }

    #[test]
    fn a_long_sentence_is_cut_between_characters() {
        let told = first_sentence(&"ä".repeat(10_000)).unwrap_or_default();
        assert_eq!(told.chars().count(), LONGEST + 1);
    }
}
