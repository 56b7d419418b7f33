//! Link definitions: reference links across the parts of one answer.

use std::collections::HashMap;

use pulldown_cmark::{
    BrokenLink, CodeBlockKind, CowStr, Event, Parser, Tag, TagEnd, TextMergeStream,
};

use super::{
    address::LONGEST_ADDRESS,
    html, nesting,
    parser::{is_open_block, options},
    part::{AnswerPart, CodeRange},
    shield::{self, StandIns},
};

/// Definitions kept of one answer.
const MAX_DEFINITIONS: usize = 1000;

/// Bytes of labels looked up for each byte of a part. A label has at most 999 bytes, but is looked
/// up once for each bracket around it.
const LOOKED_UP_PER_BYTE: usize = 16;

/// Link addresses by their normalised labels.
#[derive(Debug, Default)]
pub(super) struct LinkDefinitions(HashMap<String, String>);

impl LinkDefinitions {
    /// Renders one part. Elements are written while its HTML has at most `budget` bytes.
    pub(super) fn render(
        &self,
        source: &str,
        headings: &mut html::HeadingLevels,
        budget: usize,
    ) -> AnswerPart {
        let shielded = shield::shielded(source);
        let (source, stand_ins) = (&*shielded.text, shielded.stand_ins());
        let mut bytes_left = source.len() * LOOKED_UP_PER_BYTE;
        let find = |link: BrokenLink<'_>| -> Option<(CowStr<'_>, CowStr<'_>)> {
            if self.0.is_empty() {
                return None;
            }
            bytes_left = bytes_left.checked_sub(link.reference.len())?;
            let address = self.0.get(&normalised(&stand_ins.restored(&link.reference)))?;
            Some((address.clone().into(), "".into()))
        };
        let parser = Parser::new_with_broken_link_callback(source, options(), Some(find));
        let mut last_fence = 0..0;
        let events = parser.into_offset_iter().map(|(event, range)| {
            if let Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(_))) = event {
                last_fence = range;
            }
            nesting::restored(event)
        });
        let merged = TextMergeStream::new(events);
        let mut is_code = false;
        let events = merged.flat_map(|event| {
            match event {
                Event::Start(Tag::CodeBlock(_)) => is_code = true,
                Event::End(TagEnd::CodeBlock) => is_code = false,
                _ => (),
            }
            if is_code {
                vec![stand_ins.restored_event(event)]
            } else {
                with_formulas(event, stand_ins)
            }
        });
        let mut part = html::write(events, headings, budget);
        if is_open_block(source, last_fence) {
            // The open block is not listed if it has no language or no code yet.
            let is_last = |code: &mut CodeRange| {
                part.html.get(code.at.end..).is_none_or(|after| !after.contains("<pre"))
            };
            part.open_block = part.code.pop_if(is_last).map(CodeRange::whole_lines);
        }
        part
    }

    /// Adds the definitions of a part; the first definition of a label counts.
    pub(super) fn learn(&mut self, source: &str) {
        // Most parts define nothing: do not parse them again.
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

/// The event with what stand-ins stand for. A formula in a text becomes an event of its own.
fn with_formulas(event: Event<'_>, stand_ins: StandIns) -> Vec<Event<'_>> {
    let Event::Text(text) = &event else { return vec![stand_ins.restored_event(event)] };
    let (formulas, rest) = stand_ins.formulas(text);
    if formulas.is_empty() {
        return vec![stand_ins.restored_event(event)];
    }
    let owned = |text: &str| CowStr::from(stand_ins.restored(text).into_owned());
    let pairs = formulas.into_iter().flat_map(|(before, formula)| {
        [Event::Text(owned(before)), Event::InlineMath(owned(formula))]
    });
    let events = pairs.chain([Event::Text(owned(rest))]);
    events.filter(|event| !matches!(event, Event::Text(text) if text.is_empty())).collect()
}

fn normalised(label: &str) -> String {
    label.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}
