//! Links that are named elsewhere, and the rendering of one part with those that came before it.

use std::collections::HashMap;

use pulldown_cmark::{BrokenLink, CodeBlockKind, CowStr, Event, Parser, Tag, TextMergeStream};

use super::{AnswerPart, CodeRange, address::LONGEST_ADDRESS, html, is_open, nesting, options};

/// Definitions of links that are kept at most.
const MAX_DEFINITIONS: usize = 1000;

/// Bytes of labels that are looked up at most, for each byte of a part. A label has 999 at most, and may
/// be looked up as often as it has brackets around it.
const LOOKED_UP_PER_BYTE: usize = 16;

/// Where links lead that are named elsewhere, by their normalised labels.
#[derive(Debug, Default)]
pub(super) struct LinkDefinitions(HashMap<String, String>);

impl LinkDefinitions {
    /// Renders one part. Elements are written while its HTML has no more than `budget` bytes.
    pub(super) fn render(
        &self,
        source: &str,
        headings: &mut html::HeadingLevels,
        budget: usize,
    ) -> AnswerPart {
        let mut left = source.len() * LOOKED_UP_PER_BYTE;
        let find = |link: BrokenLink<'_>| -> Option<(CowStr<'_>, CowStr<'_>)> {
            if self.0.is_empty() {
                return None;
            }
            left = left.checked_sub(link.reference.len())?;
            let to = self.0.get(&normalised(&link.reference))?;
            Some((to.clone().into(), "".into()))
        };
        let parser = Parser::new_with_broken_link_callback(source, options(), Some(find));
        let mut last_code = 0..0;
        let events = parser.into_offset_iter().map(|(event, range)| {
            if let Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(_))) = event {
                last_code = range;
            }
            nesting::shown(event)
        });
        let mut part = html::write(TextMergeStream::new(events), headings, budget);
        if is_open(source, last_code) {
            // One without a language, or without code, is not among them.
            let is_last = |code: &mut CodeRange| {
                part.html.get(code.at.end..).is_none_or(|after| !after.contains("<pre"))
            };
            part.open_code = part.code.pop_if(is_last).map(CodeRange::whole_lines);
        }
        part
    }

    /// Notes what a part defines; what was defined first counts.
    pub(super) fn learn(&mut self, source: &str) {
        // Most parts define nothing.
        if !source.contains("]:") {
            return;
        }
        let parser = Parser::new_ext(source, options());
        let mut definitions: Vec<_> = parser.reference_definitions().iter().collect();
        definitions.sort_by_key(|(_, definition)| definition.span.start);
        for (label, definition) in definitions {
            let is_kept =
                self.0.len() < MAX_DEFINITIONS && definition.dest.len() <= LONGEST_ADDRESS;
            if is_kept {
                self.0.entry(normalised(label)).or_insert_with(|| definition.dest.to_string());
            }
        }
    }
}

fn normalised(label: &str) -> String {
    label.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}
