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
//!
//! # Limits
//!
//! An answer may hold anything. Time and output are linear in its length, whatever it is (`limits.rs`): the
//! parser is never given more than one window of text, and a block that is longer is cut; what opens too
//! many blocks within one another is text; elements have a budget of output, beyond which there is text
//! alone; and one call renders a bounded amount of text, the next one goes on. No text is ever lost.

mod address;
pub mod code;
mod html;
mod limits;
mod link_definitions;
mod nesting;
mod split;
#[cfg(test)]
mod tests;

use std::{borrow::Cow, ops::Range, sync::Arc};

use pulldown_cmark::Options;

use crate::citation::References;

use code::CodeBlock;
use limits::RenderLimits;
use link_definitions::LinkDefinitions;

/// An answer that is being rendered.
#[derive(Debug, Default)]
pub struct Renderer {
    limits: RenderLimits,
    /// The answer's text, of which some that is in final parts may have gone.
    text: String,
    /// Where the final parts end in it.
    start: usize,
    /// What stands before the rest where the last part was cut within a block.
    head: String,
    /// Whether there is more to render than one call may.
    is_behind: bool,
    /// How many parts are final.
    parts: usize,
    /// Blocks of code in final parts that may get their colours.
    code: usize,
    /// Bytes of text in final parts.
    taken: usize,
    /// Bytes of HTML that they have become.
    given: usize,
    definitions: LinkDefinitions,
    headings: html::HeadingLevels,
}

/// What rendering has given.
#[derive(Debug, PartialEq, Eq)]
pub struct RenderStep {
    /// Parts that are final now, in order.
    pub finished: Vec<AnswerPart>,
    /// The part after them, as far as it goes; nothing where it has not got so far.
    pub open: AnswerPart,
}

/// A part of an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AnswerPart {
    /// What is shown, code without its colours.
    pub html: String,
    /// The code in it that names its language and is closed, in order.
    pub code: Vec<CodeRange>,
    /// The code in it that names its language and is not closed yet, as far as its lines are whole.
    pub open_code: Option<Arc<CodeBlock>>,
    /// The references to files in it.
    pub mentioned: References,
}

/// Code within a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeRange {
    /// The code.
    pub fence: Arc<CodeBlock>,
    /// Where it stands in the part's HTML.
    at: Range<usize>,
}

impl AnswerPart {
    /// What is shown with the colours that are known: HTML that a [`code::IncrementalHighlight`] gave.
    pub fn coloured<S: AsRef<str>>(&self, colours: impl Fn(&CodeBlock) -> Option<S>) -> String {
        let mut html = String::with_capacity(self.html.len());
        let mut from = 0;
        for CodeRange { fence, at } in &self.code {
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

impl CodeRange {
    /// The code up to the end of its last line that has one.
    fn whole_lines(self) -> Arc<CodeBlock> {
        let mut fence = Arc::unwrap_or_clone(self.fence);
        let end = fence.code.rfind('\n').map_or(0, |newline| newline + 1);
        fence.code.truncate(end);
        Arc::new(fence)
    }
}

impl Renderer {
    /// Adds text to the answer's end. Nothing is rendered yet.
    pub fn append(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Bytes of the text that are rendered again each time.
    pub fn open_bytes(&self) -> usize {
        self.text.len() - self.start
    }

    /// Whether the last call of [`render`](Self::render) did not get to the end: the next one goes on, and
    /// there is no open part before.
    pub fn is_behind(&self) -> bool {
        self.is_behind
    }

    /// Renders what is not final yet, or as much of it as one call may.
    pub fn render(&mut self) -> RenderStep {
        let text = std::mem::take(&mut self.text);
        let mut finished = Vec::new();
        let mut open = None;
        let mut work = 0;
        while open.is_none() && work < self.limits.work {
            let rest = text.get(self.start..).unwrap_or_default();
            // Nothing goes on where nothing follows.
            let head = if rest.is_empty() { "" } else { self.head.as_str() };
            let window = window(head, rest, self.limits.window);
            let is_all = window.len() == head.len() + rest.len();
            let window = nesting::bounded(&window);
            work += window.len() + 1;
            let mut from = 0;
            for cut in split::between_blocks(&window) {
                if !self.is_too_short(cut - from) {
                    finished.push(self.finish(window.get(from..cut).unwrap_or_default()));
                    from = cut;
                }
            }
            let mut head = None;
            if from == 0 && !is_all {
                let (cut, begin) = split::within_block(&window);
                finished.push(self.finish(window.get(..cut).unwrap_or_default()));
                (from, head) = (cut, Some(begin));
            }
            if is_all {
                open = Some(self.draw(window.get(from..).unwrap_or_default()));
            }
            if from > 0 {
                self.start += from.saturating_sub(self.head.len());
                self.head = head.unwrap_or_default();
            }
        }
        self.text = text;
        // Now and then, so that each byte is moved a few times at most.
        if self.start > self.text.len() / 2 {
            self.text.drain(..std::mem::take(&mut self.start));
            self.text.shrink_to(2 * self.limits.window);
        }
        self.is_behind = open.is_none();
        RenderStep { finished, open: open.unwrap_or_default() }
    }

    /// Whether a part of this length is none of its own: where there are very many, they are long.
    fn is_too_short(&self, length: usize) -> bool {
        self.parts >= self.limits.short_parts && length < self.limits.short
    }

    /// Renders a part that is final.
    fn finish(&mut self, source: &str) -> AnswerPart {
        let budget = self.budget_with(source);
        let mut headings = std::mem::take(&mut self.headings);
        let part = self.definitions.render(source, &mut headings, budget);
        self.headings = headings;
        self.definitions.learn(source);
        let part = self.within_limits(part);
        self.taken += source.len();
        self.given += part.html.len();
        self.parts += 1;
        self.code += part.code.len();
        part
    }

    /// Renders the part that is open.
    fn draw(&self, source: &str) -> AnswerPart {
        let budget = self.budget_with(source);
        self.within_limits(self.definitions.render(source, &mut self.headings.clone(), budget))
    }

    /// Bytes of HTML that a part may have with elements in it.
    fn budget_with(&self, source: &str) -> usize {
        let RenderLimits { output, output_per_byte, .. } = self.limits;
        let allowed = output + (self.taken + source.len()) * output_per_byte;
        allowed.saturating_sub(self.given)
    }

    /// The part with no more code that may get its colours than an answer may have.
    fn within_limits(&self, mut part: AnswerPart) -> AnswerPart {
        let most = self.limits.code - self.code;
        part.open_code = part.open_code.filter(|_| part.code.len() < most);
        part.code.truncate(most);
        part
    }
}

/// The next text to be rendered, `most` bytes of it at most.
fn window<'a>(head: &str, rest: &'a str, most: usize) -> Cow<'a, str> {
    let rest =
        rest.get(..rest.floor_char_boundary(most.saturating_sub(head.len()))).unwrap_or_default();
    if head.is_empty() { Cow::Borrowed(rest) } else { Cow::Owned(format!("{head}{rest}")) }
}

/// References to files in a whole answer.
pub fn mentioned(text: &str) -> References {
    let mut mentioned = References::default();
    whole(text).for_each(|part| mentioned.extend(part.mentioned));
    mentioned
}

/// The parts of a whole answer, code without its colours.
pub fn parts(text: &str) -> Vec<String> {
    whole(text).map(|part| part.html).collect()
}

/// A whole answer, part by part.
fn whole(text: &str) -> impl Iterator<Item = AnswerPart> {
    let mut rendering = Renderer::default();
    rendering.append(text);
    let mut is_over = false;
    let steps = std::iter::from_fn(move || {
        let step = (!is_over).then(|| rendering.render())?;
        is_over = !rendering.is_behind();
        Some(step.finished.into_iter().chain(is_over.then_some(step.open)))
    });
    steps.flatten()
}

fn options() -> Options {
    Options::ENABLE_TABLES
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_MATH
        // Those that need no definition, which may not have come yet.
        | Options::ENABLE_OLD_FOOTNOTES
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
