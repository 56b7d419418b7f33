//! Markdown events as HTML: only elements and attributes that are written here ever come out, and
//! everything that an answer brings is escaped.

use std::{borrow::Cow, sync::Arc};

use pulldown_cmark::{Alignment, CodeBlockKind, Event, LinkType, Tag, TagEnd};

use crate::citation::{
    References,
    mention::{self, Mention},
};

use super::{
    AnswerPart, CodeRange,
    address::{self, LONGEST_ADDRESS},
    code::CodeBlock,
};

/// Elements within one another at most; what is deeper loses its elements and keeps its text.
pub(super) const MAX_DEPTH: usize = 40;

/// Longest name of a language, in bytes.
const MAX_LANGUAGE: usize = 32;

/// Columns of a table at most; the text of a wider one is shown without it.
const MAX_COLUMNS: usize = 128;

/// The page's title is a first heading and a question a second one.
const HEADINGS_BELOW: usize = 2;

/// The headings that an answer's next one stands below, by the levels that they were written with.
/// They are shown without gaps, whatever level an answer begins with.
#[derive(Debug, Clone, Default)]
pub(super) struct HeadingLevels(Vec<usize>);

impl HeadingLevels {
    /// The level at which a heading is shown that was written with this one.
    fn place(&mut self, written: usize) -> usize {
        self.0.retain(|above| *above < written);
        self.0.push(written);
        (HEADINGS_BELOW + self.0.len()).min(6)
    }
}

/// Writes events as HTML, code without its colours. References to files are marked.
/// `headings` are those that came before, and go on with the new ones. Once there are `budget` bytes,
/// no elements are written any more, but text is.
pub(super) fn write<'a>(
    events: impl Iterator<Item = Event<'a>>,
    headings: &mut HeadingLevels,
    budget: usize,
) -> AnswerPart {
    let mut writer = Writer { headings: std::mem::take(headings), budget, ..Writer::default() };
    events.for_each(|event| writer.event(event));
    *headings = writer.headings;
    AnswerPart {
        html: writer.out,
        code: writer.blocks,
        open_code: None,
        mentioned: writer.mentioned,
    }
}

#[derive(Default)]
struct Writer {
    out: String,
    /// Bytes of output up to which elements are written.
    budget: usize,
    /// What ends the open elements.
    closing: Vec<Cow<'static, str>>,
    /// Links and images that are open: no link stands within another.
    links: Vec<Link>,
    /// The language of the open code, which may have no name.
    code: Option<String>,
    /// Code whose language has a name.
    blocks: Vec<CodeRange>,
    is_head: bool,
    /// Within a table that is shown as text.
    is_flat: bool,
    alignments: Vec<Alignment>,
    column: usize,
    mentioned: References,
    headings: HeadingLevels,
}

/// An open link or image.
struct Link {
    /// Where its text begins in the output.
    start: usize,
    /// Where it leads, when it is not written as a link.
    shown: Option<String>,
    is_image: bool,
}

impl Writer {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(end) => self.end(end),
            Event::Text(text) if self.code.is_some() => self.code(&text),
            Event::Text(text) if !self.links.is_empty() => self.text(&text),
            Event::Text(text) => self.text_with_links(&text),
            Event::Code(code) => self.inline_code(&code),
            Event::InlineMath(source) => {
                self.within(r#"<code class="math">$"#, &source, "$</code>");
            }
            Event::DisplayMath(source) => {
                self.within(r#"<code class="math">$$"#, &source, "$$</code>");
            }
            Event::InlineHtml(tag) if is_break(&tag) => self.out.push_str("<br>"),
            Event::Html(source) | Event::InlineHtml(source) => self.text(&source),
            Event::FootnoteReference(label) => self.within("<sup>[", &label, "]</sup>"),
            Event::SoftBreak => self.out.push('\n'),
            Event::HardBreak => self.out.push_str("<br>"),
            Event::Rule => self.out.push_str("<hr>"),
            Event::TaskListMarker(is_done) => {
                let state =
                    if is_done { r#"aria-label="done" checked"# } else { r#"aria-label="open""# };
                self.out.push_str(&format!(r#"<input type="checkbox" disabled {state}> "#));
            }
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Paragraph | Tag::HtmlBlock => self.open("<p>", "</p>"),
            Tag::Heading { level, .. } => {
                let level = self.headings.place(level as usize);
                self.open(&format!("<h{level}>"), format!("</h{level}>"));
            }
            Tag::BlockQuote(_) => self.open("<blockquote>", "</blockquote>"),
            Tag::CodeBlock(kind) => {
                let name = match &kind {
                    CodeBlockKind::Fenced(info) => language(info),
                    CodeBlockKind::Indented => None,
                };
                self.code = Some(name.unwrap_or_default().to_owned());
                let class = name.map(|name| format!(r#" class="language-{name}""#));
                let begin = format!("<pre><code{}>", class.unwrap_or_default());
                self.open(&begin, "</code></pre>");
            }
            Tag::List(None) => self.open("<ul>", "</ul>"),
            Tag::List(Some(1)) => self.open("<ol>", "</ol>"),
            Tag::List(Some(first)) => self.open(&format!(r#"<ol start="{first}">"#), "</ol>"),
            Tag::Item => self.open("<li>", "</li>"),
            Tag::FootnoteDefinition(label) => {
                self.open(r#"<div class="footnote">"#, "</div>");
                self.within("<sup>[", &label, "]</sup> ");
            }
            Tag::Table(alignments) => {
                // Its rows and cells have room in it, or it is none.
                let has_room = self.has_budget() && self.closing.len() + 3 <= MAX_DEPTH;
                if !has_room || alignments.len() > MAX_COLUMNS {
                    self.open("<p>", "</p>");
                    self.is_flat = true;
                    return;
                }
                self.alignments = alignments;
                self.open(r#"<div class="table"><table>"#, "</tbody></table></div>");
            }
            Tag::TableHead => {
                (self.is_head, self.column) = (true, 0);
                if self.is_flat {
                    return self.open("", "");
                }
                // The body, which the table ends, begins behind it.
                self.out.push_str("<thead><tr>");
                self.closing.push("</tr></thead><tbody>".into());
            }
            Tag::TableRow => {
                self.column = 0;
                self.open("<tr>", "</tr>");
            }
            Tag::TableCell => self.cell(),
            Tag::Emphasis => self.open("<em>", "</em>"),
            Tag::Strong => self.open("<strong>", "</strong>"),
            Tag::Strikethrough => self.open("<del>", "</del>"),
            Tag::Link { link_type, dest_url, .. } => {
                let to = match link_type {
                    LinkType::Email => format!("mailto:{dest_url}"),
                    _ => dest_url.to_string(),
                };
                self.link(to, false, is_written_out(link_type));
            }
            Tag::Image { link_type, dest_url, .. } => {
                self.link(dest_url.to_string(), true, is_written_out(link_type));
            }
            // None of these is asked for.
            Tag::Superscript
            | Tag::Subscript
            | Tag::DefinitionList
            | Tag::DefinitionListTitle
            | Tag::DefinitionListDefinition
            | Tag::MetadataBlock(_) => self.open("", ""),
        }
    }

    fn end(&mut self, end: TagEnd) {
        match end {
            TagEnd::CodeBlock => self.code = None,
            TagEnd::TableHead | TagEnd::TableRow if self.is_flat => self.out.push('\n'),
            TagEnd::TableHead => self.is_head = false,
            TagEnd::Table => self.is_flat = false,
            TagEnd::Link | TagEnd::Image => self.end_link(),
            _ => (),
        }
        match self.closing.pop() {
            // Of an element that was not written, one blank is enough.
            Some(closing) if closing == " " && self.out.ends_with(' ') => (),
            Some(closing) => self.out.push_str(&closing),
            None => (),
        }
    }

    fn open(&mut self, begin: &str, closing: impl Into<Cow<'static, str>>) {
        if self.may_open() && !self.is_flat {
            self.out.push_str(begin);
            self.closing.push(closing.into());
        } else {
            self.closing.push(" ".into());
        }
    }

    /// Whether an element may begin here.
    fn may_open(&self) -> bool {
        self.closing.len() < MAX_DEPTH && self.has_budget()
    }

    fn has_budget(&self) -> bool {
        self.out.len() < self.budget
    }

    fn cell(&mut self) {
        let name = if self.is_head { "th" } else { "td" };
        let class = match self.alignments.get(self.column) {
            Some(Alignment::Center) => r#" class="center""#,
            Some(Alignment::Right) => r#" class="right""#,
            _ => "",
        };
        self.column += 1;
        self.open(&format!("<{name}{class}>"), format!("</{name}>"));
    }

    /// Nothing of another server is shown: an image is a link to it. An address that is written out here
    /// is text of the answer, and is seen in any case.
    fn link(&mut self, to: String, is_image: bool, is_written_out: bool) {
        let may_be_link = self.links.is_empty() && self.may_open();
        let is_link = may_be_link && is_safe(&to);
        let file = mention::target(&to).filter(|_| may_be_link);
        if let Some(mention) = &file {
            self.open_reference(mention);
            self.closing.push("</a>".into());
            self.links.push(Link { start: self.out.len(), shown: Some(to), is_image });
            return;
        }
        if is_link {
            self.out.push_str(r#"<a href=""#);
            escape(&to, &mut self.out);
            self.out.push_str(r#"" rel="noopener noreferrer" target="_blank">"#);
            self.closing.push("</a>".into());
        } else {
            self.closing.push("".into());
        }
        let may_show = self.links.is_empty() && (is_written_out || self.has_budget());
        let is_shown = !is_link && may_show && !to.is_empty() && !to.starts_with('#');
        let link = Link { start: self.out.len(), shown: is_shown.then_some(to), is_image };
        self.links.push(link);
    }

    fn end_link(&mut self) {
        let Some(Link { start, shown, is_image }) = self.links.pop() else { return };
        if is_image && self.out.len() == start {
            self.out.push_str("image");
        }
        let Some(shown) = shown else { return };
        let mut escaped = String::new();
        escape(&shown, &mut escaped);
        let is_said = self.out.get(start..).is_some_and(|text| text.contains(&escaped));
        if !is_said {
            self.out.push_str(" <code>");
            self.out.push_str(&escaped);
            self.out.push_str("</code>");
        }
    }

    fn text(&mut self, text: &str) {
        escape(text, &mut self.out);
    }

    fn inline_code(&mut self, code: &str) {
        let may_refer = self.links.is_empty() && self.has_budget();
        let mention = mention::whole(code).filter(|_| may_refer);
        if let Some(mention) = &mention {
            self.open_reference(mention);
        }
        self.within("<code>", code, "</code>");
        if mention.is_some() {
            self.out.push_str("</a>");
        }
    }

    /// A reference leads nowhere by itself: who shows it makes it a link once its file was found.
    fn open_reference(&mut self, mention: &Mention<'_>) {
        self.mentioned.add(mention);
        let reference = &mention.reference;
        self.within(r#"<a class="reference" data-path=""#, &reference.path, "\"");
        for (name, line) in [("line", reference.line), ("end-line", reference.end_line)] {
            if let Some(line) = line {
                self.out.push_str(&format!(r#" data-{name}="{line}""#));
            }
        }
        self.out.push('>');
    }

    fn text_with_references(&mut self, text: &str) {
        let mut rest = text;
        while self.has_budget()
            && let Some((before, mention, after)) = mention::find(rest)
        {
            self.text(before);
            self.open_reference(&mention);
            self.text(mention.text);
            self.out.push_str("</a>");
            rest = after;
        }
        self.text(rest);
    }

    fn code(&mut self, text: &str) {
        let start = self.out.len();
        let named = self.code.clone().filter(|language| !language.is_empty());
        // What is no program is a listing: of files, of what a search found.
        let Some(language) = named else { return self.text_with_references(text) };
        self.text(text);
        let fence = CodeBlock { language, code: text.to_owned() };
        let at = start..self.out.len();
        self.blocks.push(CodeRange { fence: Arc::new(fence), at });
    }

    fn within(&mut self, begin: &str, text: &str, end: &str) {
        self.out.push_str(begin);
        self.text(text);
        self.out.push_str(end);
    }

    /// Text in which addresses that stand for themselves are links, and references to files marked.
    fn text_with_links(&mut self, text: &str) {
        let mut rest = text;
        while self.has_budget()
            && let Some((before, address, after)) = address::find(rest)
        {
            self.text_with_references(before);
            self.link(address.to_owned(), false, true);
            self.text(address);
            self.end(TagEnd::Link);
            rest = after;
        }
        self.text_with_references(rest);
    }
}

/// Whether a link's address stands where the link does, and not in a definition.
fn is_written_out(link: LinkType) -> bool {
    matches!(link, LinkType::Inline | LinkType::Autolink | LinkType::Email)
}

/// Whether a link may lead there.
fn is_safe(to: &str) -> bool {
    let is_scheme = |scheme: &str| {
        to.get(..scheme.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(scheme))
    };
    to.len() <= LONGEST_ADDRESS
        && ["http://", "https://", "mailto:"].into_iter().any(is_scheme)
        && !to.contains(char::is_control)
}

/// The language that a fence names.
fn language(info: &str) -> Option<&str> {
    let name = info.split([' ', '\t', ',', '{']).next().unwrap_or_default();
    let is_name = |c: char| c.is_ascii_alphanumeric() || "+-#._".contains(c);
    (!name.is_empty() && name.len() <= MAX_LANGUAGE && name.chars().all(is_name)).then_some(name)
}

/// Whether this is the one element that tables cannot do without.
fn is_break(tag: &str) -> bool {
    matches!(tag.to_ascii_lowercase().as_str(), "<br>" | "<br/>" | "<br />")
}

/// Appends text so that it is text in HTML and in its attributes.
pub(super) fn escape(text: &str, out: &mut String) {
    let mut from = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escaped = match byte {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'"' => "&quot;",
            b'\'' => "&#39;",
            _ => continue,
        };
        out.push_str(text.get(from..at).unwrap_or_default());
        out.push_str(escaped);
        from = at + 1;
    }
    out.push_str(text.get(from..).unwrap_or_default());
}
