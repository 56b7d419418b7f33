//! HTML writer: Markdown events as safe HTML.
//!
//! Only elements and attributes that are written here come out. All text of an answer is escaped,
//! but for a few tags of its own (`own_elements.rs`).

mod links;
mod own_elements;

use std::{borrow::Cow, sync::Arc};

use pulldown_cmark::{Alignment, BlockQuoteKind, CodeBlockKind, Event, LinkType, Tag, TagEnd};

use crate::citation::{References, suffix::CONTEXT_BYTES};

use super::{
    code::CodeBlock,
    invisible::{Marking, push_marked},
    part::{AnswerPart, CodeRange},
};

use links::{Link, LinkTarget};
use own_elements::OwnElement;
pub(super) use own_elements::open_details;

/// Nesting of elements; what is deeper loses its elements and keeps its text.
pub(super) const MAX_DEPTH: usize = 40;

/// Longest name of a language, bytes.
const MAX_LANGUAGE: usize = 32;

/// Columns of a table; a wider one is written as plain text.
const MAX_COLUMNS: usize = 128;

/// Levels above an answer's headings: the page's title is an `h1`, a question an `h2`.
const PAGE_LEVELS: usize = 2;

/// The written levels of the headings that enclose the next one. Headings are shown without gaps,
/// whatever level an answer begins with.
#[derive(Debug, Clone, Default)]
pub(super) struct HeadingLevels(Vec<usize>);

impl HeadingLevels {
    /// Enters a heading written with this level, and returns the level to show.
    fn enter(&mut self, written: usize) -> usize {
        self.0.retain(|above| *above < written);
        self.0.push(written);
        (PAGE_LEVELS + self.0.len()).min(6)
    }
}

/// Writes events as one part, code without highlighting. `headings` come from the parts before and
/// are updated. Once the HTML has `budget` bytes, only text is written.
pub(super) fn write<'a>(
    events: impl Iterator<Item = Event<'a>>,
    headings: &mut HeadingLevels,
    budget: usize,
) -> AnswerPart {
    let mut writer = Writer { headings: std::mem::take(headings), budget, ..Writer::default() };
    let mut events = events.peekable();
    while let Some(event) = events.next() {
        let next = match events.peek() {
            Some(Event::Text(text)) => text.as_ref(),
            _ => "",
        };
        writer.event(event, next);
    }
    writer.close_own_elements();
    *headings = writer.headings;
    AnswerPart {
        html: writer.out,
        code: writer.blocks,
        open_block: None,
        references: writer.references,
    }
}

#[derive(Default)]
struct Writer {
    out: String,
    /// Bytes of `out` up to which elements are written.
    budget: usize,
    /// The closing tags of the open elements.
    closing: Vec<Cow<'static, str>>,
    /// The open elements that the answer wrote itself.
    own: Vec<OwnElement>,
    /// The block of HTML that is being read.
    html: Option<String>,
    /// The open links and images.
    links: Vec<Link>,
    /// The language of the open code block, empty if it names none.
    language: Option<String>,
    blocks: Vec<CodeRange>,
    is_head: bool,
    /// Whether the open table is written as text.
    is_flat: bool,
    alignments: Vec<Alignment>,
    column: usize,
    references: References,
    /// The end of the text before, in the same block.
    before: String,
    headings: HeadingLevels,
}

impl Writer {
    /// Writes an event that the text `next` follows.
    fn event(&mut self, event: Event<'_>, next: &str) {
        let is_in_line = match &event {
            Event::Start(tag) => is_inline(&tag.to_end()),
            Event::End(end) => is_inline(end),
            _ => true,
        };
        if !is_in_line {
            self.before.clear();
        }
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(end) => self.end(end),
            Event::Text(text) if self.language.is_some() => self.block_code(&text),
            Event::Text(text) if !self.links.is_empty() => self.text(&text),
            Event::Text(text) => self.text_with_links(&text),
            Event::Code(code) => self.inline_code(&code, next),
            Event::InlineMath(source) if self.is_price(&source, next) => {
                self.text(&format!("${source}$"));
            }
            Event::InlineMath(source) => {
                let mark = if is_whole_formula(&source) { "" } else { "$" };
                self.wrapped(&format!(r#"<code class="math">{mark}"#), &source, mark);
                self.out.push_str("</code>");
            }
            Event::DisplayMath(source) => {
                self.wrapped(r#"<code class="math">$$"#, &source, "$$</code>");
            }
            Event::InlineHtml(tag) if is_line_break(&tag) => self.out.push_str("<br>"),
            Event::InlineHtml(tag) if self.inline_tag(&tag) => (),
            Event::Html(source) | Event::InlineHtml(source) => match &mut self.html {
                Some(html) => html.push_str(&source),
                None => self.text(&source),
            },
            Event::FootnoteReference(label) => self.wrapped("<sup>[", &label, "]</sup>"),
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
            Tag::Paragraph => self.open("<p>", "</p>"),
            Tag::HtmlBlock => self.html = Some(String::new()),
            Tag::Heading { level, .. } => {
                let level = self.headings.enter(level as usize);
                self.open(&format!("<h{level}>"), format!("</h{level}>"));
            }
            Tag::BlockQuote(None) => self.open("<blockquote>", "</blockquote>"),
            Tag::BlockQuote(Some(kind)) => {
                let (class, title) = alert(kind);
                let heading = format!(r#"<p class="alert-title">{title}</p>"#);
                let opening = format!(r#"<blockquote class="{class}">{heading}"#);
                if !self.may_open() || self.is_flat {
                    self.out.push_str(&format!("{title}: "));
                }
                self.open(&opening, "</blockquote>");
            }
            Tag::CodeBlock(kind) => self.start_code_block(&kind),
            Tag::List(None) => self.open("<ul>", "</ul>"),
            Tag::List(Some(1)) => self.open("<ol>", "</ol>"),
            Tag::List(Some(first)) => self.open(&format!(r#"<ol start="{first}">"#), "</ol>"),
            Tag::Item => self.open("<li>", "</li>"),
            Tag::FootnoteDefinition(label) => {
                self.open(r#"<div class="footnote">"#, "</div>");
                self.wrapped("<sup>[", &label, "]</sup> ");
            }
            Tag::Table(alignments) => self.start_table(alignments),
            Tag::TableHead => self.start_table_head(),
            Tag::TableRow => {
                self.column = 0;
                self.open("<tr>", "</tr>");
            }
            Tag::TableCell => self.start_cell(),
            Tag::Emphasis => self.open("<em>", "</em>"),
            Tag::Strong => self.open("<strong>", "</strong>"),
            Tag::Strikethrough => self.open("<del>", "</del>"),
            Tag::Link { link_type, dest_url, .. } => {
                let is_email = link_type == LinkType::Email;
                let to =
                    if is_email { format!("mailto:{dest_url}") } else { dest_url.into_string() };
                self.start_link(LinkTarget::new(to, link_type));
            }
            Tag::Image { link_type, dest_url, .. } => {
                let mut target = LinkTarget::new(dest_url.into_string(), link_type);
                target.is_image = true;
                self.start_link(target);
            }
            // The parser's options enable none of these.
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
            TagEnd::HtmlBlock => {
                let html = self.html.take().unwrap_or_default();
                return self.html_block(&html);
            }
            TagEnd::CodeBlock => self.language = None,
            TagEnd::TableHead | TagEnd::TableRow if self.is_flat => self.out.push('\n'),
            TagEnd::TableHead => self.is_head = false,
            TagEnd::Table => self.is_flat = false,
            TagEnd::Link | TagEnd::Image => return self.end_link(),
            _ => (),
        }
        self.close();
    }

    fn start_code_block(&mut self, kind: &CodeBlockKind<'_>) {
        let language = match kind {
            CodeBlockKind::Fenced(info) => language(info),
            CodeBlockKind::Indented => None,
        };
        self.language = Some(language.unwrap_or_default().to_owned());
        let class = language.map(|language| format!(r#" class="language-{language}""#));
        let opening = format!("<pre><code{}>", class.unwrap_or_default());
        self.open(&opening, "</code></pre>");
    }

    fn start_table(&mut self, alignments: Vec<Alignment>) {
        // A table without room for its rows and cells would be an empty element.
        let has_room = self.has_budget() && self.closing.len() + 3 <= MAX_DEPTH;
        if !has_room || alignments.len() > MAX_COLUMNS {
            self.open("<p>", "</p>");
            self.is_flat = true;
            return;
        }
        self.alignments = alignments;
        self.open(r#"<div class="table"><table>"#, "</tbody></table></div>");
    }

    fn start_table_head(&mut self) {
        (self.is_head, self.column) = (true, 0);
        if self.is_flat {
            return self.open("", "");
        }
        // The closing tags of the table end the body, which begins after the head.
        self.out.push_str("<thead><tr>");
        self.closing.push("</tr></thead><tbody>".into());
    }

    fn start_cell(&mut self) {
        let name = if self.is_head { "th" } else { "td" };
        let class = match self.alignments.get(self.column) {
            Some(Alignment::Center) => r#" class="center""#,
            Some(Alignment::Right) => r#" class="right""#,
            _ => "",
        };
        self.column += 1;
        self.open(&format!("<{name}{class}>"), format!("</{name}>"));
    }

    /// Opens an element, or only its text where no element may be written.
    fn open(&mut self, opening: &str, closing: impl Into<Cow<'static, str>>) {
        if self.may_open() && !self.is_flat {
            self.out.push_str(opening);
            self.closing.push(closing.into());
        } else {
            self.closing.push(" ".into());
        }
    }

    fn close(&mut self) {
        self.close_own_elements();
        match self.closing.pop() {
            // One space between two elements that were not written is enough.
            Some(closing) if closing == " " && self.out.ends_with(' ') => (),
            Some(closing) => self.out.push_str(&closing),
            None => (),
        }
    }

    fn may_open(&self) -> bool {
        self.closing.len() < MAX_DEPTH && self.has_budget()
    }

    fn has_budget(&self) -> bool {
        self.out.len() < self.budget
    }

    fn text(&mut self, text: &str) {
        self.marked(text, Marking::Directions);
    }

    fn marked(&mut self, text: &str, marking: Marking) {
        push_marked(text, marking, self.budget, &mut self.out);
        self.before.push_str(text);
        let excess = self.before.len().saturating_sub(CONTEXT_BYTES);
        self.before.drain(..self.before.ceil_char_boundary(excess));
    }

    fn wrapped(&mut self, before: &str, text: &str, after: &str) {
        self.out.push_str(before);
        self.text(text);
        self.out.push_str(after);
    }

    /// Whether a formula between two `$` is none, but two amounts: `$5-$6`, `US$5/US$6`.
    fn is_price(&self, source: &str, next: &str) -> bool {
        let is_attached = self.before.ends_with(char::is_alphanumeric);
        !is_whole_formula(source) && (is_attached || next.starts_with(|c: char| c.is_ascii_digit()))
    }

    fn block_code(&mut self, text: &str) {
        let start = self.out.len();
        let named = self.language.clone().filter(|language| !language.is_empty());
        // Code without a language is often a listing: of files, or of search results.
        let Some(language) = named else {
            return self.text_with_references(text, Marking::All);
        };
        self.marked(text, Marking::All);
        let block = Arc::new(CodeBlock { language, code: text.to_owned() });
        self.blocks.push(CodeRange { block, at: start..self.out.len() });
    }
}

/// The language in the info string of a fence.
fn language(info: &str) -> Option<&str> {
    let name = info.split([' ', '\t', ',', '{']).next().unwrap_or_default();
    let is_name = |c: char| c.is_ascii_alphanumeric() || "+-#._".contains(c);
    (!name.is_empty() && name.len() <= MAX_LANGUAGE && name.chars().all(is_name)).then_some(name)
}

/// The class and the title of a quote that begins with `[!NOTE]` or the like.
fn alert(kind: BlockQuoteKind) -> (&'static str, &'static str) {
    match kind {
        BlockQuoteKind::Note => ("alert-note", "Note"),
        BlockQuoteKind::Tip => ("alert-tip", "Tip"),
        BlockQuoteKind::Important => ("alert-important", "Important"),
        BlockQuoteKind::Warning => ("alert-warning", "Warning"),
        BlockQuoteKind::Caution => ("alert-caution", "Caution"),
    }
}

/// Whether a formula has its own marks: `\(…\)` or `\[…\]`.
fn is_whole_formula(source: &str) -> bool {
    [("\\(", "\\)"), ("\\[", "\\]")]
        .into_iter()
        .any(|(open, close)| source.starts_with(open) && source.ends_with(close))
}

/// Whether an element stands within a line of text.
fn is_inline(tag: &TagEnd) -> bool {
    matches!(
        tag,
        TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough | TagEnd::Link | TagEnd::Image
    )
}

/// Whether this is `<br>`, the one HTML element that tables cannot do without.
fn is_line_break(tag: &str) -> bool {
    matches!(tag.to_ascii_lowercase().as_str(), "<br>" | "<br/>" | "<br />")
}
