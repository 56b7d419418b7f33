//! Answers as text for a terminal, block by block while they grow.
//!
//! What an answer holds may come from files that nobody trusts, so no control character reaches the
//! terminal: each is shown as its number.

mod lines;
mod table;

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Parser, Tag, TagEnd};

use super::{nesting, parser::options, split};
use lines::{LineWriter, Style};
pub(crate) use lines::{harmless, visible};
use table::Table;

/// A longer block is shown in parts.
const MAX_PART_BYTES: usize = 64 << 10; // 64 KiB

/// A block of fewer bytes is looked at with every line.
const SHORT_BYTES: usize = 4 << 10; // 4 KiB

/// Renders one answer as it grows. Only whole blocks are shown, since a terminal takes nothing back.
#[derive(Debug)]
pub(crate) struct TerminalText {
    look: TerminalLook,
    /// Text of the block that is not complete.
    pending: String,
    /// A long block is looked at again when it has this many bytes.
    look_at: usize,
    is_begun: bool,
}

/// What the terminal shows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TerminalLook {
    /// Columns.
    pub(crate) width: usize,
    /// Whether it shows bold, colours and the like.
    pub(crate) is_styled: bool,
}

impl TerminalText {
    /// An empty answer, or block of an answer of which something `is_shown` already.
    pub(crate) fn new(look: TerminalLook, is_shown: bool) -> Self {
        Self { look, pending: String::new(), look_at: 0, is_begun: is_shown }
    }

    /// Adds text, and gives the lines of the blocks that it completes.
    pub(crate) fn append(&mut self, text: &str) -> String {
        self.pending.push_str(text);
        let is_long = self.pending.len() >= MAX_PART_BYTES;
        if !is_long && (!text.contains('\n') || self.pending.len() < self.look_at) {
            return String::new();
        }
        let mut out = String::new();
        let cuts = split::between_blocks(&self.pending);
        if let Some(end) = cuts.last() {
            let complete = self.pending.get(..*end).unwrap_or_default().to_owned();
            self.pending.drain(..*end);
            out = self.render(&complete);
        }
        while self.pending.len() >= MAX_PART_BYTES {
            let (end, head) = split::within_block(&self.pending);
            let part = self.pending.get(..end).unwrap_or_default().to_owned();
            self.pending.replace_range(..end, &head);
            out.push_str(&self.render(&part));
        }
        let length = self.pending.len();
        self.look_at = if length < SHORT_BYTES { 0 } else { length + length / 8 };
        out
    }

    /// The lines of what is left, when nothing more comes.
    pub(crate) fn end(&mut self) -> String {
        let rest = std::mem::take(&mut self.pending);
        self.render(&rest)
    }

    fn render(&mut self, text: &str) -> String {
        let mut lines = LineWriter::new(self.look, self.is_begun);
        let mut blocks = Blocks { lines: &mut lines, lists: Vec::new(), link: None, table: None };
        let bounded = nesting::bounded(text);
        for event in Parser::new_ext(&bounded, options()) {
            blocks.take(nesting::restored(event));
        }
        let shown = lines.finish();
        self.is_begun |= !shown.is_empty();
        shown
    }
}

/// Turns the events of a parser into lines.
struct Blocks<'a> {
    lines: &'a mut LineWriter,
    /// The number of the next item of each open list; `None` has bullets.
    lists: Vec<Option<u64>>,
    /// Where the open link leads to, and its text.
    link: Option<(String, String)>,
    table: Option<Table>,
}

impl Blocks<'_> {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) | Event::Html(text) => self.text(&text),
            Event::InlineHtml(html) => self.html(&html),
            Event::Code(code) => self.styled(Style::Code, &code),
            Event::InlineMath(formula) => self.text(&format!("${formula}$")),
            Event::DisplayMath(formula) => self.text(&format!("$${formula}$$")),
            Event::FootnoteReference(label) => self.text(&format!("[^{label}]")),
            Event::TaskListMarker(is_done) => self.text(if is_done { "[x] " } else { "[ ] " }),
            Event::SoftBreak => self.text(" "),
            Event::HardBreak => self.lines.end_line(),
            Event::Rule => {
                self.lines.begin_block();
                self.text("────────");
                self.lines.end_line();
            }
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Paragraph | Tag::FootnoteDefinition(_) | Tag::HtmlBlock => {
                self.lines.begin_block();
            }
            Tag::Heading { level, .. } => {
                self.lines.begin_block();
                self.lines.set(Style::Heading, true);
                if level == HeadingLevel::H1 {
                    self.lines.set(Style::Underlined, true);
                }
            }
            Tag::BlockQuote(_) => {
                self.lines.begin_block();
                self.lines.indent("│ ", "│ ");
            }
            Tag::CodeBlock(kind) => {
                self.lines.begin_block();
                self.lines.indent("    ", "    ");
                self.lines.keep_lines(true);
                if let CodeBlockKind::Fenced(info) = kind
                    && !info.is_empty()
                {
                    self.lines.set(Style::Faint, true);
                    self.text(&info);
                    self.lines.end_line();
                    self.lines.set(Style::Faint, false);
                }
            }
            Tag::List(first) => {
                if self.lists.is_empty() {
                    self.lines.begin_block();
                }
                self.lists.push(first);
            }
            Tag::Item => self.start_item(),
            Tag::Table(_) => self.table = Some(Table::default()),
            Tag::Emphasis => self.lines.set(Style::Emphasis, true),
            Tag::Strong => self.lines.set(Style::Strong, true),
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => {
                self.link = Some((dest_url.into_string(), String::new()));
            }
            _ => (),
        }
    }

    fn start_item(&mut self) {
        let mark = match self.lists.last_mut() {
            Some(Some(number)) => {
                let mark = format!("{number}. ");
                *number += 1;
                mark
            }
            _ => "• ".to_owned(),
        };
        self.lines.begin_item();
        let blank = " ".repeat(mark.chars().count());
        self.lines.indent(&mark, &blank);
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(_) => {
                self.lines.set(Style::Underlined, false);
                self.lines.set(Style::Heading, false);
                self.lines.end_line();
            }
            TagEnd::CodeBlock => {
                self.lines.end_line();
                self.lines.keep_lines(false);
                self.lines.outdent();
            }
            TagEnd::BlockQuote(_) | TagEnd::Item => {
                self.lines.end_line();
                self.lines.outdent();
            }
            TagEnd::List(_) => {
                self.lists.pop();
            }
            TagEnd::Paragraph | TagEnd::HtmlBlock => self.lines.end_line(),
            TagEnd::Emphasis => self.lines.set(Style::Emphasis, false),
            TagEnd::Strong => self.lines.set(Style::Strong, false),
            TagEnd::Link | TagEnd::Image => self.end_link(),
            TagEnd::TableCell => self.with_table(Table::end_cell),
            TagEnd::TableHead | TagEnd::TableRow => self.with_table(Table::end_row),
            TagEnd::Table => {
                if let Some(table) = self.table.take() {
                    self.lines.begin_block();
                    table.write(self.lines);
                }
            }
            _ => (),
        }
    }

    /// Tells where a link leads to, unless its text does.
    fn end_link(&mut self) {
        let Some((to, text)) = self.link.take() else { return };
        let place = place(&to);
        let is_told = text == place || text == to || to.ends_with(&text) || to.starts_with('#');
        if !is_told && !place.is_empty() {
            self.text(&format!(" ({place})"));
        }
    }

    fn with_table(&mut self, act: impl FnOnce(&mut Table)) {
        if let Some(table) = &mut self.table {
            act(table);
        }
    }

    fn text(&mut self, text: &str) {
        if let Some((_, said)) = &mut self.link {
            said.push_str(text);
        }
        match &mut self.table {
            Some(table) => table.text(text),
            None => self.lines.text(text),
        }
    }

    fn styled(&mut self, style: Style, text: &str) {
        self.lines.set(style, true);
        self.text(text);
        self.lines.set(style, false);
    }

    fn html(&mut self, html: &str) {
        let name = html.trim_matches(|c: char| matches!(c, '<' | '>' | '/') || c.is_whitespace());
        match name.eq_ignore_ascii_case("br") {
            true => self.lines.end_line(),
            false => self.text(html),
        }
    }
}

/// Where a link leads to, as terminals and editors open it: `src/a.rs#L2-L9` is `src/a.rs:2`.
fn place(to: &str) -> String {
    let Some((path, lines)) = to.rsplit_once("#L") else { return to.to_owned() };
    let digits = lines.bytes().take_while(u8::is_ascii_digit).count();
    match lines.get(..digits).filter(|it| !it.is_empty() && !path.contains("://")) {
        Some(line) => format!("{path}:{line}"),
        None => to.to_owned(),
    }
}

#[cfg(test)]
mod tests;
