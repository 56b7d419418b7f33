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
