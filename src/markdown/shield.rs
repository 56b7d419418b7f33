//! Shield: characters that the parser must not take for Markdown, replaced while it reads.
//!
//! What a person reads as a name or a formula comes out as it was written: underscores and brackets of
//! paths (`src/__tests__/[id].ts`), `$` in code, and formulas between `\(` and `\)`. Emphasis beside
//! the punctuation of scripts without spaces begins and ends as if a letter stood there.
//!
//! Stand-ins are characters for private use that the text does not have; the parser takes them for
//! letters. No line begins with another character than before, so the blocks stay the same.

mod formulas;

use std::{borrow::Cow, ops::Range};

use pulldown_cmark::{CodeBlockKind, CowStr, Event, Tag};

/// Stand-ins: one for each ASCII character, and one that stands for nothing.
const BLOCK: u32 = 0x80;

/// The first and the end of the characters for private use that may be stand-ins.
const PRIVATE: Range<u32> = 0xE000..0xF900;

/// A text for the parser.
#[derive(Debug)]
pub(super) struct Shielded<'a> {
    pub(super) text: Cow<'a, str>,
    stand_ins: StandIns,
}

/// Beyond all characters.
const NONE: u32 = 0x0011_0000;

/// Which characters are stand-ins.
#[derive(Debug, Clone, Copy)]
pub(super) struct StandIns {
    /// The stand-in for the character 0, which stands for nothing.
    first: u32,
}

/// What becomes of one place of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Change {
    /// A letter is put before it.
    Letter,
    /// The character gets a stand-in.
    Hide,
}

impl StandIns {
    fn of(self, c: char) -> char {
        char::from_u32(self.first + u32::from(c)).filter(|_| c.is_ascii()).unwrap_or(c)
    }

    fn letter(self) -> char {
        self.of('\0')
    }

    /// The text with the characters that stand-ins stand for.
    pub(super) fn restored(self, text: &str) -> Cow<'_, str> {
        if self.first == NONE {
            return Cow::Borrowed(text);
        }
        let of = |c: char| u32::from(c).checked_sub(self.first).filter(|at| *at < BLOCK);
        if !text.contains(|c| of(c).is_some()) {
            return Cow::Borrowed(text);
        }
        let restored = text.chars().filter_map(|c| match of(c) {
            Some(0) => None,
            Some(ascii) => char::from_u32(ascii),
            None => Some(c),
        });
        Cow::Owned(restored.collect())
    }

    fn restored_cow(self, text: CowStr<'_>) -> CowStr<'_> {
        match self.restored(&text) {
            Cow::Borrowed(_) => text,
            Cow::Owned(restored) => restored.into(),
        }
    }

    /// The event as if the parser had read the text itself.
    pub(super) fn restored_event(self, event: Event<'_>) -> Event<'_> {
        let restored = |text| self.restored_cow(text);
        match event {
            Event::Text(text) => Event::Text(restored(text)),
            Event::Code(text) => Event::Code(restored(text)),
            Event::InlineMath(text) => Event::InlineMath(restored(text)),
            Event::DisplayMath(text) => Event::DisplayMath(restored(text)),
            Event::Html(text) => Event::Html(restored(text)),
            Event::InlineHtml(text) => Event::InlineHtml(restored(text)),
            Event::FootnoteReference(label) => Event::FootnoteReference(restored(label)),
            Event::Start(tag) => Event::Start(self.restored_tag(tag)),
            other => other,
        }
    }

    fn restored_tag(self, tag: Tag<'_>) -> Tag<'_> {
        match tag {
            Tag::CodeBlock(CodeBlockKind::Fenced(info)) => {
                Tag::CodeBlock(CodeBlockKind::Fenced(self.restored_cow(info)))
            }
            Tag::Link { link_type, dest_url, title, id } => {
                Tag::Link { link_type, dest_url: self.restored_cow(dest_url), title, id }
            }
            Tag::Image { link_type, dest_url, title, id } => {
                Tag::Image { link_type, dest_url: self.restored_cow(dest_url), title, id }
            }
            Tag::FootnoteDefinition(label) => Tag::FootnoteDefinition(self.restored_cow(label)),
            other => other,
        }
    }

    /// The formulas in a text that is not restored, each with the text before it, and the text after
    /// all of them.
    pub(super) fn formulas(self, text: &str) -> (Vec<(&str, &str)>, &str) {
        if self.first == NONE {
            return (Vec::new(), text);
        }
        let open = [self.of('\\'), self.of('(')].iter().collect::<String>();
        let display = [self.of('\\'), self.of('[')].iter().collect::<String>();
        let mut rest = text;
        let mut found = Vec::new();
        while let Some(start) = [&open, &display].iter().filter_map(|it| rest.find(*it)).min() {
            let after = rest.get(start + open.len()..).unwrap_or_default();
            let mark =
                if rest.get(start..).is_some_and(|it| it.starts_with(&open)) { ')' } else { ']' };
            let (backslash, mark) = (self.of('\\'), self.of(mark));
            let Some(length) = formulas::find_close(after, backslash, mark) else { break };
            let end = start + open.len() + length + backslash.len_utf8() + mark.len_utf8();
            let (Some(before), Some(formula)) = (rest.get(..start), rest.get(start..end)) else {
                break;
            };
            found.push((before, formula));
            rest = rest.get(end..).unwrap_or_default();
        }
        (found, rest)
    }
}

/// The text as the parser is to read it. Linear in its length.
pub(super) fn shielded(text: &str) -> Shielded<'_> {
    let has = |marks: [u8; 3]| {
        let [one, two, three] = marks;
        memchr::memchr3(one, two, three, text.as_bytes()).is_some()
    };
    let has_emphasis = !text.is_ascii() && has(*b"*~~");
    if !has(*b"_[\\") && !has(*b"$$$") && !has_emphasis {
        let stand_ins = StandIns { first: NONE };
        return Shielded { text: Cow::Borrowed(text), stand_ins };
    }
    let free = PRIVATE.step_by(BLOCK as usize).find(|first| {
        let is_taken = |c: char| (*first..*first + BLOCK).contains(&u32::from(c));
        !text.contains(is_taken)
    });
    let stand_ins = StandIns { first: free.unwrap_or(PRIVATE.start) };
    let mut changes = Vec::new();
    if free.is_some() {
        for paragraph in paragraphs(text) {
            let part = text.get(paragraph.clone()).unwrap_or_default();
            let spans = formulas::code_spans(part);
            formulas::hide_dollars(part, &spans, paragraph.start, &mut changes);
            let formulas = formulas::hide_formulas(part, &spans, paragraph.start, &mut changes);
            let taken =
                |at: usize| formulas::is_within(&spans, at) || formulas::is_within(&formulas, at);
            hide_in_paths(part, taken, paragraph.start, &mut changes);
            if has_emphasis {
                part_emphasis(part, taken, paragraph.start, &mut changes);
            }
        }
    }
    Shielded { text: changed(text, changes, stand_ins), stand_ins }
}

impl Shielded<'_> {
    pub(super) fn stand_ins(&self) -> StandIns {
        self.stand_ins
    }
}

fn changed(text: &str, mut changes: Vec<(usize, Change)>, stand_ins: StandIns) -> Cow<'_, str> {
    if changes.is_empty() {
        return Cow::Borrowed(text);
    }
    changes.sort_unstable();
    changes.dedup();
    let mut changed = String::with_capacity(text.len() + 2 * changes.len());
    let mut from = 0;
    for (at, change) in changes {
        changed.push_str(text.get(from..at).unwrap_or_default());
        from = at;
        match change {
            Change::Letter => changed.push(stand_ins.letter()),
            Change::Hide => {
                let hidden = text.get(at..).and_then(|rest| rest.chars().next());
                changed.extend(hidden.map(|c| stand_ins.of(c)));
                from += hidden.map_or(0, char::len_utf8);
            }
        }
    }
    changed.push_str(text.get(from..).unwrap_or_default());
    Cow::Owned(changed)
}

/// The runs of lines that are not blank.
fn paragraphs(text: &str) -> Vec<Range<usize>> {
    let mut paragraphs: Vec<Range<usize>> = Vec::new();
    let mut at = 0;
    let mut is_blank = true;
    for line in text.split_inclusive('\n') {
        let end = at + line.len();
        let was_blank = std::mem::replace(&mut is_blank, line.trim().is_empty());
        match paragraphs.last_mut() {
            _ if is_blank => (),
            Some(last) if !was_blank => last.end = end,
            _ => paragraphs.push(at..end),
        }
        at = end;
    }
    paragraphs
}

/// Hides what paths have of Markdown: `_`, and brackets of directories.
fn hide_in_paths(
    text: &str,
    taken: impl Fn(usize) -> bool,
    offset: usize,
    changes: &mut Vec<(usize, Change)>,
) {
    let is_path = |c: char| c.is_alphanumeric() || "_-./@+[]\\$".contains(c);
    let mut from = 0;
    while let Some(start) = text.get(from..).and_then(|rest| rest.find(is_path)) {
        let start = from + start;
        let rest = text.get(start..).unwrap_or_default();
        let word = rest.get(..rest.find(|c| !is_path(c)).unwrap_or(rest.len())).unwrap_or_default();
        from = start + word.len();
        if memchr::memchr3(b'_', b'[', b'\\', word.as_bytes()).is_none() || taken(start) {
            continue;
        }
        let path = path_of_word(word);
        let begin = start + (path.as_ptr() as usize - word.as_ptr() as usize);
        if !is_like_a_path(path) {
            continue;
        }
        for (at, c) in path.char_indices() {
            let next = path.get(at + 1..).unwrap_or_default();
            let before = path.get(..at).unwrap_or_default();
            let is_hidden = match c {
                '_' => !before.ends_with('\\'),
                '[' => before.ends_with(['/', '\\']) && next.contains(']'),
                ']' => next.starts_with(['/', '.', '\\']) && before.contains("/["),
                // A separator of Windows, and not the escape of a mark.
                '\\' => !path.contains('/') && next.starts_with(['_', '[', '.']),
                _ => false,
            };
            if is_hidden {
                changes.push((offset + begin + at, Change::Hide));
            }
        }
    }
}

/// A word without the punctuation and the emphasis around it.
fn path_of_word(word: &str) -> &str {
    let mut path = word.trim_end_matches(['.', '-', '\\']).trim_start_matches(['[', ']']);
    if !path.contains("/[") {
        path = path.split(['[', ']']).next().unwrap_or_default();
    }
    // `_src/a.rs_` is emphasis; `__init__.py` is a name.
    while let Some(inner) = path.strip_suffix('_') {
        path = inner.strip_prefix('_').unwrap_or(inner);
    }
    path
}

fn is_like_a_path(word: &str) -> bool {
    let name = word.rsplit(['/', '\\']).next().unwrap_or(word);
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    let has_extension =
        (1..=10).contains(&extension.len()) && extension.chars().all(|c| c.is_ascii_alphanumeric());
    has_extension || word.contains('/')
}

/// Lets emphasis begin and end beside punctuation where a script without spaces goes on: a letter is put
/// between them.
fn part_emphasis(
    text: &str,
    taken: impl Fn(usize) -> bool,
    offset: usize,
    changes: &mut Vec<(usize, Change)>,
) {
    let mut from = 0;
    while let Some(start) = text.get(from..).and_then(|rest| rest.find(['*', '~'])) {
        let start = from + start;
        let rest = text.get(start..).unwrap_or_default();
        let length = rest.len() - rest.trim_start_matches(['*', '~']).len();
        from = start + length;
        if taken(start) {
            continue;
        }
        let before = text.get(..start).and_then(|it| it.chars().next_back());
        let after = text.get(from..).and_then(|it| it.chars().next());
        let (Some(before), Some(after)) = (before, after) else { continue };
        if before == '\\' || before.is_whitespace() || after.is_whitespace() {
            continue;
        }
        if is_punctuation(before) && (is_wide(before) || is_wide(after)) {
            changes.push((offset + start, Change::Letter));
        }
        if is_punctuation(after) && (is_wide(before) || is_wide(after)) {
            changes.push((offset + from, Change::Letter));
        }
    }
}

fn is_punctuation(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_punctuation() } else { !c.is_alphanumeric() && !c.is_whitespace() }
}

/// Whether a character is of a script without spaces, its punctuation included.
fn is_wide(c: char) -> bool {
    matches!(u32::from(c),
        0x1100..=0x11FF | 0x2E80..=0x33FF | 0x3400..=0x9FFF | 0xA960..=0xA97F | 0xAC00..=0xD7FF
        | 0xF900..=0xFAFF | 0xFE30..=0xFE4F | 0xFF01..=0xFFEF | 0x20000..=0x3FFFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_hidden_comes_back_whatever_the_text_has() {
        for text in [
            "src/__tests__/a.ts and __init__.py",
            "a `$x` b $5",
            "\\(a_1 * b_2\\) and \\[x\\]",
            "は**「強調」**です",
            "\u{e000}__init__.py\u{e07f}",
            "_src/a_b.rs_ plain",
        ] {
            let shielded = shielded(text);
            assert_eq!(shielded.stand_ins().restored(&shielded.text), text);
        }
        assert_eq!(shielded("plain *text* of snake_case").text, "plain *text* of snake_case");
        assert_eq!(shielded("_src/a.rs_").text, "_src/a.rs_");
    }
}
