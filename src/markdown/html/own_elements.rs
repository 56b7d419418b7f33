//! Elements that an answer writes itself: the few that GitHub shows as well, without attributes but
//! `open`. Each is closed where the element around it ends; every other tag is text.

use super::Writer;

/// Elements within a line.
const INLINE: [&str; 3] = ["kbd", "sub", "sup"];

/// Elements around blocks; a summary stands only in details.
const BLOCKS: [&str; 2] = ["details", "summary"];

/// Longest tag that is looked at, in bytes.
const LONGEST_TAG: usize = 32;

/// An open element of the answer's own.
pub(super) struct OwnElement {
    name: &'static str,
    /// The number of open elements, this one included.
    depth: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OwnTag {
    Open { name: &'static str, is_unfolded: bool },
    Close { name: &'static str },
}

#[derive(Debug, PartialEq, Eq)]
enum Piece<'a> {
    Tag(OwnTag, &'a str),
    Text(&'a str),
}

/// How many details are open behind this HTML, where `before` are open already.
pub(in crate::markdown) fn open_details(html: &str, before: usize) -> usize {
    pieces(html).fold(before, |open, piece| match piece {
        Piece::Tag(OwnTag::Open { name: "details", .. }, _) => open + 1,
        Piece::Tag(OwnTag::Close { name: "details" }, _) => open.saturating_sub(1),
        _ => open,
    })
}

impl Writer {
    /// Writes a tag within a line. Returns whether it is one that may be written.
    pub(super) fn inline_tag(&mut self, source: &str) -> bool {
        match own_tag(source) {
            Some(OwnTag::Open { name, .. }) if INLINE.contains(&name) => self.open_own(name, ""),
            Some(OwnTag::Close { name }) if INLINE.contains(&name) => self.close_own(name),
            _ => false,
        }
    }

    /// Writes a block of HTML: its own elements, and all else as text in paragraphs.
    pub(super) fn html_block(&mut self, source: &str) {
        if !pieces(source).any(|piece| matches!(piece, Piece::Tag(..))) {
            self.open("<p>", "</p>");
            self.text(source);
            return self.close();
        }
        let mut is_paragraph = false;
        for piece in pieces(source) {
            let (text, is_written) = match piece {
                Piece::Text(text) => (text, text.trim().is_empty()),
                Piece::Tag(tag, text) => {
                    let is_block = matches!(tag, OwnTag::Open { name, .. } | OwnTag::Close { name }
                        if BLOCKS.contains(&name));
                    if is_block && std::mem::take(&mut is_paragraph) {
                        self.close();
                    }
                    (text, is_block && self.block_tag(tag))
                }
            };
            if is_written {
                continue;
            }
            if !is_paragraph && !self.own.iter().any(|own| own.name == "summary") {
                self.open("<p>", "</p>");
                is_paragraph = true;
            }
            if !self.inline_tag(text) {
                self.text(text.trim_matches('\n'));
            }
        }
        if is_paragraph {
            self.close();
        }
    }

    /// Closes the answer's own elements in the innermost other one.
    pub(super) fn close_own_elements(&mut self) {
        while self.own.pop_if(|own| own.depth == self.closing.len()).is_some() {
            self.out.extend(self.closing.pop().as_deref());
        }
    }

    fn block_tag(&mut self, tag: OwnTag) -> bool {
        match tag {
            OwnTag::Open { name: "summary", .. } if !self.is_in("details") => false,
            OwnTag::Open { name, is_unfolded } => {
                self.open_own(name, if is_unfolded { " open" } else { "" })
            }
            OwnTag::Close { name } => self.close_own(name),
        }
    }

    /// Whether the innermost element is this one of the answer's own.
    fn is_in(&self, name: &str) -> bool {
        self.own.last().is_some_and(|own| own.name == name && own.depth == self.closing.len())
    }

    fn open_own(&mut self, name: &'static str, attribute: &str) -> bool {
        if !self.may_open() || self.is_flat {
            return false;
        }
        self.out.push_str(&format!("<{name}{attribute}>"));
        self.closing.push(format!("</{name}>").into());
        self.own.push(OwnElement { name, depth: self.closing.len() });
        true
    }

    /// Closes an element of the answer's own and those within it; not beyond an element of another kind.
    fn close_own(&mut self, name: &str) -> bool {
        let depth = self.closing.len();
        let nearest = self.own.iter().rev().zip(0..).take_while(|(own, n)| own.depth + n == depth);
        let Some(n_within) = nearest.into_iter().position(|(own, _)| own.name == name) else {
            return false;
        };
        for _ in 0..=n_within {
            self.own.pop();
            self.out.extend(self.closing.pop().as_deref());
        }
        true
    }
}

fn own_tag(source: &str) -> Option<OwnTag> {
    let inner = source.strip_prefix('<')?.strip_suffix('>')?;
    let named = |name: &str| {
        let mut all = INLINE.iter().chain(&BLOCKS);
        all.find(|known| known.eq_ignore_ascii_case(name)).copied()
    };
    if let Some(name) = inner.strip_prefix('/') {
        return Some(OwnTag::Close { name: named(name.trim_end())? });
    }
    let (name, attribute) = inner.split_once([' ', '\n']).unwrap_or((inner, ""));
    let name = named(name)?;
    match attribute.trim() {
        "" => Some(OwnTag::Open { name, is_unfolded: false }),
        "open" | "open=\"\"" if name == "details" => Some(OwnTag::Open { name, is_unfolded: true }),
        _ => None,
    }
}

/// The own tags of HTML and the text between them, in order.
fn pieces(html: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = html;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let found = memchr::memchr_iter(b'<', rest.as_bytes()).find_map(|at| {
            let tag = rest.get(at..)?;
            let end = tag.bytes().take(LONGEST_TAG).position(|byte| byte == b'>')?;
            let tag = tag.get(..=end)?;
            Some((at, own_tag(tag)?, tag))
        });
        let piece = match found {
            Some((0, tag, source)) => Piece::Tag(tag, source),
            Some((at, ..)) => Piece::Text(rest.get(..at)?),
            None => Piece::Text(rest),
        };
        let (Piece::Tag(_, taken) | Piece::Text(taken)) = piece;
        rest = rest.get(taken.len()..)?;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::markdown::parts;

    #[test]
    fn only_known_tags_without_attributes_are_tags() {
        let open = |name, is_unfolded| Some(OwnTag::Open { name, is_unfolded });
        for (source, tag) in [
            ("<kbd>", open("kbd", false)),
            ("<KBD>", open("kbd", false)),
            ("</sub>", Some(OwnTag::Close { name: "sub" })),
            ("<details open>", open("details", true)),
            ("<details open=\"\">", open("details", true)),
            ("<details\nopen>", open("details", true)),
            ("<details onclick=x>", None),
            ("<details open onclick=x>", None),
            ("<kbd open>", None),
            ("<kbd/>", None),
            ("< kbd>", None),
            ("<script>", None),
            ("<kbdx>", None),
        ] {
            assert_eq!(own_tag(source), tag, "{source}");
        }
        assert_eq!(open_details("<details>\n<summary>a</summary> <details> x </details>", 0), 1);
        assert_eq!(open_details("</details></details>", 1), 0);
    }

    #[test]
    fn elements_within_a_line_are_shown_and_end_with_what_is_around_them() {
        for (text, shown) in [
            (
                "<kbd>Ctrl</kbd>+<KBD>C</KBD>, H<sub>2</sub>O, x<sup>2</sup>",
                "<kbd>Ctrl</kbd>+<kbd>C</kbd>, H<sub>2</sub>O, x<sup>2</sup>",
            ),
            ("**<kbd>a** b</kbd>", "<strong><kbd>a</kbd></strong> b&lt;/kbd&gt;"),
            ("<sub>a", "<sub>a</sub>"),
            ("<kbd><sub>a</kbd></sub>", "<kbd><sub>a</sub></kbd>&lt;/sub&gt;"),
            ("a <kbd class=x>b", "a &lt;kbd class=x&gt;b"),
            ("a <details> b", "a &lt;details&gt; b"),
            ("`<kbd>`", "<code>&lt;kbd&gt;</code>"),
        ] {
            assert_eq!(parts(text).concat(), format!("<p>{shown}</p>"), "{text}");
        }
    }
}
