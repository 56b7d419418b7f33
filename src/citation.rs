//! References of answers to files of the project: found in what was said, checked against the
//! files, and told to the readers with whether the agent has read them. An answer can then be
//! verified, and what it made up is seen to be made up.

pub(crate) mod check;
pub(crate) mod files_read;
pub(crate) mod mention;

use indexmap::{IndexMap, map::Entry};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use mention::Mention;

/// References of one answer that are kept.
const MOST_KEPT: usize = 1000;

/// A file, and perhaps lines of it, as an answer named it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub struct Reference {
    /// The path as it was written.
    pub path: String,
    /// The first line, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The last line, where there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_line: Option<u32>,
}

/// A reference that was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Citation {
    /// What was written.
    #[serde(flatten)]
    pub reference: Reference,
    /// The file's path from the project's root, where it was written otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Whether the file and its lines existed when the answer was given.
    pub found: bool,
    /// Why it was not found, in words for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Whether the agent had read the file in the same turn, or a search had shown it lines of it.
    #[serde(default)]
    pub read: bool,
}

impl Citation {
    /// What it takes of memory, about, in bytes.
    pub fn bytes(&self) -> usize {
        let texts = [self.file.as_deref(), self.why.as_deref()];
        let texts: usize = texts.into_iter().flatten().map(str::len).sum();
        size_of::<Self>() + self.reference.path.len() + texts
    }
}

/// References that were found in an answer, each once, in the order of the text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct References(IndexMap<Reference, bool>);

impl References {
    /// Adds one.
    pub fn add(&mut self, mention: &Mention<'_>) {
        self.note(mention.reference.clone(), mention.is_certain);
    }

    /// Adds all of another's.
    pub fn extend(&mut self, others: Self) {
        for (reference, is_certain) in others.0 {
            self.note(reference, is_certain);
        }
    }

    fn note(&mut self, reference: Reference, is_certain: bool) {
        let has_room = self.0.len() < MOST_KEPT;
        match self.0.entry(reference) {
            Entry::Occupied(mut known) => *known.get_mut() |= is_certain,
            Entry::Vacant(new) if has_room => drop(new.insert(is_certain)),
            Entry::Vacant(_) => (),
        }
    }

    /// No more than the first `most`.
    pub fn truncate(&mut self, most: usize) {
        self.0.truncate(most);
    }

    /// Only those that are not among `others`.
    pub fn without(mut self, others: &Self) -> Self {
        self.0.retain(|reference, _| !others.0.contains_key(reference));
        self
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each of them, and whether it can hardly be anything but a file's name.
    pub fn iter(&self) -> impl Iterator<Item = (&Reference, bool)> {
        self.0.iter().map(|(reference, is_certain)| (reference, *is_certain))
    }
}
