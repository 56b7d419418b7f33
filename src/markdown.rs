//! Markdown renderer: answers as safe HTML, incrementally while they grow. Pure code.
//!
//! An answer is a list of *parts*: its top-level blocks. All parts but the last are final: no later
//! line changes them, so they are rendered once. Only the last part, which is open, is rendered
//! again. An incomplete line may become anything and therefore ends no block.
//!
//! A reference link finds its definition in the same part or an earlier one. Later definitions do
//! not count, so that the parts do not depend on the pieces that the text came in.
//!
//! Code is plain at first, because highlighting ([`code`]) takes time. A part lists its closed code
//! blocks, whose highlighted HTML can be put in later.
//!
//! # Limits
//!
//! An answer may hold anything. Time and output stay linear in its length (`limits.rs`): the parser
//! gets one window of text at a time and longer blocks are cut, blocks nested too deeply become
//! text, elements have a budget of output beyond which only text is written, and one call renders a
//! bounded amount of text. No text is ever lost.

mod address;
pub mod code;
pub(crate) mod escape;
mod html;
mod invisible;
mod limits;
mod link_definitions;
mod nesting;
mod parser;
mod part;
mod shield;
mod split;
pub(crate) mod terminal;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use crate::citation::References;

use limits::RenderLimits;
use link_definitions::LinkDefinitions;
pub use part::{AnswerPart, CodeRange};

/// Renders one answer as it grows.
#[derive(Debug, Default)]
pub struct Renderer {
    limits: RenderLimits,
    /// The answer's text. Some of the text of final parts may have been dropped.
    text: String,
    /// Where the final parts end in `text`.
    start: usize,
    /// What is repeated before the rest, where the last part was cut within a block: the opening
    /// fence of code or the head of a table.
    head: String,
    is_behind: bool,
    n_parts: usize,
    /// Code blocks in final parts.
    n_blocks: usize,
    /// Bytes of text in final parts.
    text_bytes: usize,
    /// Bytes of HTML in final parts.
    html_bytes: usize,
    definitions: LinkDefinitions,
    headings: html::HeadingLevels,
}

/// The parts that one call has rendered.
#[derive(Debug, PartialEq, Eq)]
pub struct RenderStep {
    /// Parts that are final now, in order.
    pub finished: Vec<AnswerPart>,
    /// The part after them as far as it goes; empty while the renderer is behind.
    pub open: AnswerPart,
}

impl Renderer {
    /// Adds text to the end of the answer, without rendering it.
    pub fn append(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Bytes of text that each call renders again.
    pub(crate) fn open_bytes(&self) -> usize {
        self.text.len() - self.start
    }

    /// Whether the last call of [`render`](Self::render) stopped before the end of the text; the next
    /// one goes on.
    pub(crate) fn is_behind(&self) -> bool {
        self.is_behind
    }

    /// Renders what is not final yet, or as much of it as one call may.
    pub fn render(&mut self) -> RenderStep {
        let text = std::mem::take(&mut self.text);
        let mut finished = Vec::new();
        let mut open = None;
        let mut n_rendered = 0;
        while open.is_none() && n_rendered < self.limits.call_bytes {
            let rest = text.get(self.start..).unwrap_or_default();
            // A block that ended with the text has no continuation to head.
            let head = if rest.is_empty() { "" } else { self.head.as_str() };
            let window = window(head, rest, self.limits.window_bytes);
            let is_all = window.len() == head.len() + rest.len();
            let window = nesting::bounded(&window);
            n_rendered += window.len() + 1;
            let mut from = 0;
            for cut in split::between_blocks(&window) {
                if !self.is_too_short(cut - from) {
                    finished.push(self.finish(window.get(from..cut).unwrap_or_default()));
                    from = cut;
                }
            }
            let mut head = None;
            if from == 0 && !is_all {
                let (cut, next_head) = split::within_block(&window);
                finished.push(self.finish(window.get(..cut).unwrap_or_default()));
                (from, head) = (cut, Some(next_head));
            }
            if is_all {
                open = Some(self.render_open(window.get(from..).unwrap_or_default()));
            }
            if from > 0 {
                self.start += from.saturating_sub(self.head.len());
                self.head = head.unwrap_or_default();
            }
        }
        self.text = text;
        // Dropping half at a time moves each byte only a few times.
        if self.start > self.text.len() / 2 {
            self.text.drain(..std::mem::take(&mut self.start));
            self.text.shrink_to(2 * self.limits.window_bytes);
        }
        self.is_behind = open.is_none();
        RenderStep { finished, open: open.unwrap_or_default() }
    }

    /// Whether a block of this length joins the next one: late parts have a minimum length.
    fn is_too_short(&self, length: usize) -> bool {
        self.n_parts >= self.limits.n_short_parts && length < self.limits.late_part_bytes
    }

    /// Renders a final part.
    fn finish(&mut self, source: &str) -> AnswerPart {
        let budget = self.html_budget(source);
        let part = self.definitions.render(source, &mut self.headings, budget);
        self.definitions.learn(source);
        let part = self.with_code_limit(part);
        self.text_bytes += source.len();
        self.html_bytes += part.html.len();
        self.n_parts += 1;
        self.n_blocks += part.code.len();
        part
    }

    /// Renders the open part, which changes no state.
    fn render_open(&self, source: &str) -> AnswerPart {
        let budget = self.html_budget(source);
        self.with_code_limit(self.definitions.render(source, &mut self.headings.clone(), budget))
    }

    /// Bytes of HTML up to which a part may contain elements.
    fn html_budget(&self, source: &str) -> usize {
        let RenderLimits { html_bytes, html_bytes_per_byte, .. } = self.limits;
        let allowed = html_bytes + (self.text_bytes + source.len()) * html_bytes_per_byte;
        allowed.saturating_sub(self.html_bytes)
    }

    /// The part without the code blocks that exceed the limit of an answer.
    fn with_code_limit(&self, mut part: AnswerPart) -> AnswerPart {
        let most = self.limits.n_blocks - self.n_blocks;
        part.open_block = part.open_block.filter(|_| part.code.len() < most);
        part.code.truncate(most);
        part
    }
}

/// The next text to render: `head` and then `rest`, at most `most` bytes.
fn window<'a>(head: &str, rest: &'a str, most: usize) -> Cow<'a, str> {
    let rest =
        rest.get(..rest.floor_char_boundary(most.saturating_sub(head.len()))).unwrap_or_default();
    if head.is_empty() { Cow::Borrowed(rest) } else { Cow::Owned(format!("{head}{rest}")) }
}

/// The references to files in a whole answer.
pub(crate) fn references(text: &str) -> References {
    let mut references = References::default();
    whole(text).for_each(|part| references.extend(part.references));
    references
}

/// The HTML of the parts of a whole answer, without highlighting.
pub fn parts(text: &str) -> Vec<String> {
    whole(text).map(|part| part.html).collect()
}

/// The parts of a whole answer.
pub(crate) fn answer_parts(text: &str) -> Vec<AnswerPart> {
    whole(text).collect()
}

/// A whole answer, part by part.
fn whole(text: &str) -> impl Iterator<Item = AnswerPart> {
    let mut renderer = Renderer::default();
    renderer.append(text);
    let mut is_done = false;
    let steps = std::iter::from_fn(move || {
        let step = (!is_done).then(|| renderer.render())?;
        is_done = !renderer.is_behind();
        Some(step.finished.into_iter().chain(is_done.then_some(step.open)))
    });
    steps.flatten()
}
