//! Lines of a terminal: words are wrapped, blocks are indented, styles switch on and off.

use unicode_width::UnicodeWidthStr as _;

use super::TerminalLook;
use crate::markdown::invisible;

/// Narrowest column in which words are wrapped.
const LEAST_WIDTH: usize = 20;

/// How text looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Heading,
    Underlined,
    Strong,
    Emphasis,
    Code,
    Faint,
}

/// Writes lines.
#[derive(Debug)]
pub(super) struct LineWriter {
    look: TerminalLook,
    out: String,
    indents: Vec<Indent>,
    /// Those of the next word, and those that are switched on.
    styles: Vec<Style>,
    applied: Vec<Style>,
    /// Columns of the line so far; `None` before it has begun.
    column: Option<usize>,
    has_blank: bool,
    keeps_lines: bool,
    /// An empty line comes before the next one.
    is_apart: bool,
    /// Something stands before the next block.
    is_begun: bool,
}

/// What stands before the lines of a block.
#[derive(Debug)]
struct Indent {
    /// Before its first line, until that was written.
    first: Option<String>,
    rest: String,
}

impl LineWriter {
    /// `is_begun` tells that lines were written before.
    pub(super) fn new(look: TerminalLook, is_begun: bool) -> Self {
        Self {
            look,
            out: String::new(),
            indents: Vec::new(),
            styles: Vec::new(),
            applied: Vec::new(),
            column: None,
            has_blank: false,
            keeps_lines: false,
            is_apart: false,
            is_begun,
        }
    }

    pub(super) fn finish(mut self) -> String {
        self.end_line();
        self.out
    }

    /// Sets the next lines apart from those before, unless they are the first of an item.
    pub(super) fn begin_block(&mut self) {
        self.end_line();
        let is_first = self.indents.last().is_some_and(|indent| indent.first.is_some());
        self.is_apart = self.is_begun && !is_first;
    }

    /// Begins an item of a list, next to the one before.
    pub(super) fn begin_item(&mut self) {
        self.end_line();
    }

    /// Indents the lines that follow, the first of them by `first`.
    pub(super) fn indent(&mut self, first: &str, rest: &str) {
        self.indents.push(Indent { first: Some(first.to_owned()), rest: rest.to_owned() });
    }

    pub(super) fn outdent(&mut self) {
        if self.indents.last().is_some_and(|indent| indent.first.is_some()) {
            // An item without text shows its mark all the same.
            self.begin_line();
            self.end_line();
        }
        self.indents.pop();
    }

    /// Whether lines are kept as they are, as those of code.
    pub(super) fn keep_lines(&mut self, keeps: bool) {
        self.keeps_lines = keeps;
    }

    /// Columns that are left for text.
    pub(super) fn room(&self) -> usize {
        let taken: usize = self.indents.iter().map(|indent| indent.rest.width()).sum();
        self.look.width.saturating_sub(taken).max(LEAST_WIDTH)
    }

    /// Switches a style on or off for the words that follow.
    pub(super) fn set(&mut self, style: Style, is_on: bool) {
        if is_on {
            self.styles.push(style);
        } else if let Some(at) = self.styles.iter().rposition(|it| *it == style) {
            self.styles.remove(at);
        }
    }

    /// Writes text, which has words or, as code, lines.
    pub(super) fn text(&mut self, text: &str) {
        if !self.keeps_lines {
            return self.words(text);
        }
        for line in text.split_inclusive('\n') {
            let (line, is_whole) = match line.strip_suffix('\n') {
                Some(line) => (line, true),
                None => (line, false),
            };
            if !line.is_empty() {
                self.word(&visible(line));
            }
            if is_whole {
                match self.column.is_some() || !line.is_empty() {
                    true => self.end_line(),
                    false => self.empty_line(),
                }
            }
        }
    }

    fn words(&mut self, text: &str) {
        for piece in text.split_inclusive(char::is_whitespace) {
            let word = piece.trim_end();
            if !word.is_empty() {
                self.word(&visible(word));
            }
            self.has_blank |= word.len() < piece.len();
        }
    }

    /// Writes a word, on the next line if it does not fit.
    fn word(&mut self, word: &str) {
        let width = word.width();
        let blank = usize::from(self.has_blank);
        let most = self.look.width.max(LEAST_WIDTH);
        let fits = |column: usize| column + blank + width <= most;
        if !self.styles.starts_with(&self.applied) {
            self.reset_styles();
        }
        match self.column {
            None => self.begin_line(),
            Some(column) if !self.keeps_lines && blank > 0 && !fits(column) => {
                self.end_line();
                self.begin_line();
            }
            Some(column) if blank > 0 => {
                self.out.push(' ');
                self.column = Some(column + 1);
            }
            Some(_) => (),
        }
        self.has_blank = false;
        self.apply_styles();
        self.out.push_str(word);
        self.column = self.column.map(|column| column + width);
    }

    fn begin_line(&mut self) {
        if self.is_apart {
            self.empty_line();
        }
        self.is_apart = false;
        let mut column = 0;
        for indent in &mut self.indents {
            let before = indent.first.take().unwrap_or_else(|| indent.rest.clone());
            column += before.width();
            self.out.push_str(&before);
        }
        self.column = Some(column);
        self.is_begun = true;
    }

    /// Ends the line, if it has begun.
    pub(super) fn end_line(&mut self) {
        if self.column.take().is_some() {
            self.reset_styles();
            self.out.push('\n');
        }
        self.has_blank = false;
    }

    fn empty_line(&mut self) {
        let quoted: String = self.indents.iter().map(|indent| indent.rest.as_str()).collect();
        self.out.push_str(quoted.trim_end());
        self.out.push('\n');
    }

    fn apply_styles(&mut self) {
        if !self.look.is_styled {
            return;
        }
        for style in self.styles.iter().skip(self.applied.len()) {
            self.out.push_str(&format!("\u{1b}[{}m", code(*style)));
        }
        self.applied.clone_from(&self.styles);
    }

    fn reset_styles(&mut self) {
        if !self.applied.is_empty() {
            self.out.push_str("\u{1b}[0m");
            self.applied.clear();
        }
    }
}

fn code(style: Style) -> &'static str {
    match style {
        Style::Heading | Style::Strong => "1",
        Style::Underlined => "4",
        Style::Emphasis => "3",
        Style::Code => "36",
        Style::Faint => "2",
    }
}

/// A text in one line, with what a terminal would obey, or not show, as its number.
pub(crate) fn visible(text: &str) -> String {
    harmless(text).replace('\t', "    ").replace('\n', " ")
}

/// A text without what a terminal would obey: its number stands there. Lines and tabs are kept.
pub(crate) fn harmless(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars().filter(|c| *c != '\r') {
        match invisible::is_unsafe_in_terminal(c) && !matches!(c, '\n' | '\t') {
            true => shown.push_str(&format!("[U+{:04X}]", u32::from(c))),
            false => shown.push(c),
        }
    }
    shown
}
