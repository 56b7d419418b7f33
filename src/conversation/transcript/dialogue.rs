//! Questions and answers as plain text, for recaps.

use crate::{entry::Content, ids::TurnNumber};

use super::{Entry, EntryBody, TextKind, Transcript};

/// Evicted answers whose beginnings are kept.
const KEPT: usize = 32;

/// Characters of a beginning.
const CHARACTERS: usize = 1000;

/// A question or an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Utterance {
    pub(crate) turn: TurnNumber,
    /// A question, not an answer.
    pub(crate) by_person: bool,
    /// Only the beginning where an old answer is evicted.
    pub(crate) text: String,
}

/// A part of a conversation.
#[derive(Debug)]
pub(crate) enum SpokenPart<'a> {
    /// Text of an answer.
    Answer(String),
    /// Anything that is no text of the agent.
    Content(&'a Content),
}

impl Transcript {
    /// Questions and answers, oldest first; of evicted answers only some.
    pub(crate) fn dialogue(&self) -> Vec<Utterance> {
        let in_memory = self.entries.iter().enumerate();
        let in_memory = in_memory.filter_map(|(index, entry)| Some((index, entry.words()?)));
        let is_forgotten = |index: usize| self.entries.get(index).is_some_and(Entry::is_stored);
        let forgotten = self.excerpts.iter().filter(|(index, _)| is_forgotten(*index)).cloned();
        let mut spoken: Vec<_> = in_memory.chain(forgotten).collect();
        spoken.sort_by_key(|(index, _)| *index);
        spoken.into_iter().map(|(_, words)| words).collect()
    }

    /// What was said and done, oldest first; of evicted answers only the beginnings of some.
    pub(crate) fn parts(&self) -> Vec<(TurnNumber, SpokenPart<'_>)> {
        let in_memory = self.entries.iter().enumerate().filter_map(|(index, entry)| {
            let part = match &entry.body {
                EntryBody::Text(growing) if growing.block.kind == TextKind::Answer => {
                    SpokenPart::Answer(growing.plain())
                }
                EntryBody::Fixed(content) => SpokenPart::Content(content),
                EntryBody::Text(_) | EntryBody::Evicted(_) => return None,
            };
            Some((index, entry.turn, part))
        });
        let is_forgotten = |index: usize| self.entries.get(index).is_some_and(Entry::is_stored);
        let forgotten = self.excerpts.iter().filter(|(index, _)| is_forgotten(*index));
        let forgotten = forgotten
            .filter(|(_, words)| !words.by_person)
            .map(|(index, words)| (*index, words.turn, SpokenPart::Answer(words.text.clone())));
        let mut parts: Vec<_> = in_memory.chain(forgotten).collect();
        parts.sort_by_key(|(index, ..)| *index);
        parts.into_iter().map(|(_, turn, part)| (turn, part)).collect()
    }

    /// Keeps the beginning of the answer at `index`, which is evicted.
    pub(super) fn keep_excerpt(&mut self, index: usize) {
        let Some(mut words) = self.entries.get(index).and_then(Entry::words) else { return };
        if let Some((end, _)) = words.text.char_indices().nth(CHARACTERS) {
            words.text.truncate(end);
            words.text.shrink_to_fit();
        }
        if self.excerpts.len() == KEPT {
            self.excerpts.pop_front();
        }
        self.excerpts.push_back((index, words));
    }
}

impl Entry {
    fn words(&self) -> Option<Utterance> {
        let (by_person, text) = match &self.body {
            EntryBody::Text(growing) if growing.block.kind == TextKind::Answer => {
                (false, growing.plain())
            }
            EntryBody::Fixed(content) => match &**content {
                Content::UserMessage(message) => (true, message.content.clone()),
                _ => return None,
            },
            _ => return None,
        };
        (!text.is_empty()).then_some(Utterance { turn: self.turn, by_person, text })
    }
}
