//! What was said, as an agent is told that knows nothing of it.

use crate::{entry::Content, ids::TurnNumber};

use super::{Entry, EntryBody, Transcript};

/// Answers of which the beginning stays in memory when they do not.
const KEPT: usize = 32;

/// Characters of such a beginning.
const CHARACTERS: usize = 1000;

/// What a person asked, or what was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Utterance {
    /// The turn.
    pub turn: TurnNumber,
    /// Whether a person speaks.
    pub by_person: bool,
    /// The text; only its beginning where an old answer is no longer in memory.
    pub text: String,
}

impl Transcript {
    /// The questions and answers of the past, oldest first; of old answers only some are there.
    pub fn dialogue(&self) -> Vec<Utterance> {
        let in_memory = self.entries.iter().enumerate();
        let in_memory = in_memory.filter_map(|(index, entry)| Some((index, entry.words()?)));
        let is_forgotten = |index: usize| self.entries.get(index).is_some_and(Entry::is_stored);
        let forgotten = self.excerpts.iter().filter(|(index, _)| is_forgotten(*index)).cloned();
        let mut spoken: Vec<_> = in_memory.chain(forgotten).collect();
        spoken.sort_by_key(|(index, _)| *index);
        spoken.into_iter().map(|(_, words)| words).collect()
    }

    /// Keeps how the answer at `index` begins, which leaves memory.
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
            EntryBody::Text(growing) if !growing.block.thinking => (false, growing.plain()),
            EntryBody::Fixed(content) => match &**content {
                Content::UserMessage(message) => (true, message.content.clone()),
                _ => return None,
            },
            _ => return None,
        };
        (!text.is_empty()).then_some(Utterance { turn: self.turn, by_person, text })
    }
}
