//! Answers as HTML that is safe to show: Markdown, GitHub's flavour, piece by piece while it grows.
//! Pure code.
//!
//! An answer is a list of *parts*: its blocks at the top level. All but the last are final, since no
//! later line changes them, and are rendered once; only the last, open one is rendered again. Half a
//! line may become anything, and so ends no block.
//!
//! A link is found where its definition stands before it or in the same part: what comes later
//! changes nothing, and the parts are the same whatever pieces the text came in.
//!
//! Code is plain at first: its colours ([`code`]) take their time, and a part tells which of its code is
//! closed and may get them. They change nothing but how the code looks.

pub mod code;
mod html;
#[cfg(test)]
mod tests;

use std::{collections::HashMap, ops::Range, sync::Arc};

use pulldown_cmark::{
    BrokenLink, CodeBlockKind, CowStr, Event, Options, Parser, Tag, TextMergeStream,
};

use crate::citation::Mentioned;

use code::Fence;

/// Definitions of links that are kept at most.
const MAX_DEFINITIONS: usize = 1000;

/// An answer that is being rendered.
#[derive(Debug, Default)]
pub struct Rendering {
    /// What follows the final parts.
    open: String,
    definitions: Definitions,
    headings: html::Headings,
}

/// What rendering has given.
#[derive(Debug, PartialEq, Eq)]
pub struct Rendered {
    /// Parts that are final now, in order.
    pub finished: Vec<Part>,
    /// The part after them, as far as it goes.
    pub open: Part,
}

/// A part of an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Part {
    /// What is shown, code without its colours.
    pub html: String,
    /// The code in it that names its language and is closed, in order.
    pub code: Vec<Code>,
    /// The code in it that names its language and is not closed yet, as far as its lines are whole.
    pub open_code: Option<Arc<Fence>>,
    /// The references to files in it.
    pub mentioned: Mentioned,
}

/// Code within a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    /// The code.
    pub fence: Arc<Fence>,
    /// Where it stands in the part's HTML.
    at: Range<usize>,
}

impl Part {
    /// What is shown with the colours that are known: HTML that a [`code::Reading`] gave.
    pub fn coloured<S: AsRef<str>>(&self, colours: impl Fn(&Fence) -> Option<S>) -> String {
        let mut html = String::with_capacity(self.html.len());
        let mut from = 0;
        for Code { fence, at } in &self.code {
            if let Some(coloured) = colours(fence) {
                html.push_str(self.html.get(from..at.start).unwrap_or_default());
                html.push_str(coloured.as_ref());
                from = at.end;
            }
        }
        html.push_str(self.html.get(from..).unwrap_or_default());
        html
    }
}

impl Code {
    /// The code up to the end of its last line that has one.
    fn whole_lines(self) -> Arc<Fence> {
        let mut fence = Arc::unwrap_or_clone(self.fence);
        let end = fence.code.rfind('\n').map_or(0, |newline| newline + 1);
        fence.code.truncate(end);
        Arc::new(fence)
    }
}

/// Where links lead that are named elsewhere, by their normalised labels.
#[derive(Debug, Default)]
struct Definitions(HashMap<String, (String, String)>);

impl Rendering {
    /// Adds text to the answer's end. Nothing is rendered yet.
    pub fn append(&mut self, text: &str) {
        self.open.push_str(text);
    }

    /// Bytes of the text that are rendered again each time.
    pub fn open_bytes(&self) -> usize {
        self.open.len()
    }

    /// Renders what is not final yet.
    pub fn render(&mut self) -> Rendered {
        let mut finished = Vec::new();
        let mut from = 0;
        for cut in cuts(settled(&self.open)) {
            let source = self.open.get(from..cut).unwrap_or_default();
            finished.push(self.definitions.render(source, &mut self.headings));
            self.definitions.learn(source);
            from = cut;
        }
        self.open.drain(..from);
        let open = self.definitions.render(&self.open, &mut self.headings.clone());
        Rendered { finished, open }
    }
}

/// References to files in a whole answer.
pub fn mentioned(text: &str) -> Mentioned {
    let mut mentioned = Mentioned::default();
    whole(text).for_each(|part| mentioned.extend(part.mentioned));
    mentioned
}

/// The parts of a whole answer, code without its colours.
pub fn parts(text: &str) -> Vec<String> {
    whole(text).map(|part| part.html).collect()
}

/// A whole answer, part by part.
fn whole(text: &str) -> impl Iterator<Item = Part> {
    let mut rendering = Rendering::default();
    rendering.append(text);
    let Rendered { finished, open } = rendering.render();
    finished.into_iter().chain([open])
}

fn options() -> Options {
    Options::ENABLE_TABLES
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_MATH
        // Those that need no definition, which may not have come yet.
        | Options::ENABLE_OLD_FOOTNOTES
}

/// The text as far as it tells where blocks begin. Half a line does only where it begins with a
/// letter: then it is a paragraph's whatever follows, and not half of a list's or a table's mark.
fn settled(text: &str) -> &str {
    let begin = text.rfind('\n').map_or(0, |newline| newline + 1);
    let (lines, half) = text.split_at(begin);
    let is_settled = half.trim_start_matches(' ').starts_with(char::is_alphabetic);
    if is_settled { text } else { lines }
}

/// Where the text is cut into parts: before blocks at the top level, each at the start of a line.
fn cuts(text: &str) -> Vec<usize> {
    let mut cuts = Vec::new();
    let mut depth = 0usize;
    let mut end = 0;
    for (event, range) in Parser::new_ext(text, options()).into_offset_iter() {
        if depth == 0 {
            let before = text.get(..range.start).unwrap_or_default();
            let line = before.rfind('\n').map_or(0, |newline| newline + 1);
            // Definitions show nothing, and may yet take in lines that follow them.
            let is_next = text.get(end..line).is_some_and(|between| between.trim().is_empty());
            let block = text.get(line..range.end).unwrap_or_default();
            let is_footnote = matches!(event, Event::Start(Tag::FootnoteDefinition(_)));
            let is_settled = is_footnote || !may_define(block);
            if end > 0 && is_next && is_settled && cuts.last().is_none_or(|last| *last < line) {
                cuts.push(line);
            }
            end = range.end;
        }
        match event {
            Event::Start(_) => depth += 1,
            Event::End(_) => depth = depth.saturating_sub(1),
            _ => (),
        }
    }
    cuts
}

/// Whether more may come of a block of code in a text.
fn is_open(text: &str, block: Range<usize>) -> bool {
    let is_last = text.get(block.end..).is_none_or(|after| after.trim().is_empty());
    let block = text.get(block).unwrap_or_default().trim();
    let mark = if block.starts_with('~') { '~' } else { '`' };
    let marks = block.len() - block.trim_start_matches(mark).len();
    let last = block.rsplit_once('\n').map_or("", |(_, last)| last);
    let last = last.trim_start_matches([' ', '\t', '>']);
    let is_closed = last.len() >= marks && last.chars().all(|c| c == mark);
    is_last && !is_closed && !block.is_empty()
}

/// Whether a block may yet turn out to be a link's definition.
fn may_define(block: &str) -> bool {
    let Some(label) = block.trim_start().strip_prefix('[') else { return false };
    match label.split_once(']') {
        Some((label, rest)) => label.ends_with('\\') || rest.is_empty() || rest.starts_with(':'),
        None => true,
    }
}

impl Definitions {
    /// Renders one part.
    fn render(&self, source: &str, headings: &mut html::Headings) -> Part {
        let find = |link: BrokenLink<'_>| -> Option<(CowStr<'_>, CowStr<'_>)> {
            let (to, title) = self.0.get(&normalised(&link.reference))?;
            Some((to.clone().into(), title.clone().into()))
        };
        let parser = Parser::new_with_broken_link_callback(source, options(), Some(find));
        let mut last_code = 0..0;
        let events = parser.into_offset_iter().map(|(event, range)| {
            if let Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(_))) = event {
                last_code = range;
            }
            event
        });
        let mut part = html::write(TextMergeStream::new(events), headings);
        if is_open(source, last_code) {
            // One without a language, or without code, is not among them.
            let is_last = |code: &mut Code| {
                part.html.get(code.at.end..).is_none_or(|after| !after.contains("<pre"))
            };
            part.open_code = part.code.pop_if(is_last).map(Code::whole_lines);
        }
        part
    }

    /// Notes what a part defines; what was defined first counts.
    fn learn(&mut self, source: &str) {
        // Most parts define nothing.
        if !source.contains("]:") {
            return;
        }
        let parser = Parser::new_ext(source, options());
        for (label, definition) in parser.reference_definitions().iter() {
            if self.0.len() < MAX_DEFINITIONS {
                let title = definition.title.as_deref().unwrap_or_default().to_owned();
                let to = definition.dest.to_string();
                self.0.entry(normalised(label)).or_insert((to, title));
            }
        }
    }
}

fn normalised(label: &str) -> String {
    label.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}
