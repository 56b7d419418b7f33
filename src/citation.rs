//! Citations: references of answers to files, checked against the project.
//!
//! A citation tells whether the file and its lines exist, and whether the agent has read the file.
//! Readers can verify an answer, and see which files it made up.

pub(crate) mod check;
pub(crate) mod files_read;
pub(crate) mod mention;

use indexmap::{IndexMap, map::Entry};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use mention::Mention;

/// References kept of one answer.
const MAX_REFERENCES: usize = 1000;

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
    /// Memory that it takes, about, in bytes.
    pub fn bytes(&self) -> usize {
        let texts = [self.file.as_deref(), self.why.as_deref()];
        let texts: usize = texts.into_iter().flatten().map(str::len).sum();
        size_of::<Self>() + self.reference.path.len() + texts
    }
}

/// The references of an answer without duplicates, in the order of the text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct References(
    /// Whether the reference is certain to be the name of a file.
    IndexMap<Reference, bool>,
);

impl References {
    pub fn add(&mut self, mention: &Mention<'_>) {
        self.insert(mention.reference.clone(), mention.is_certain);
    }

    pub fn extend(&mut self, others: Self) {
        for (reference, is_certain) in others.0 {
            self.insert(reference, is_certain);
        }
    }

    fn insert(&mut self, reference: Reference, is_certain: bool) {
        let has_room = self.0.len() < MAX_REFERENCES;
        match self.0.entry(reference) {
            Entry::Occupied(mut known) => *known.get_mut() |= is_certain,
            Entry::Vacant(new) if has_room => drop(new.insert(is_certain)),
            Entry::Vacant(_) => (),
        }
    }

    pub fn truncate(&mut self, most: usize) {
        self.0.truncate(most);
    }

    /// The references that are not in `others`.
    pub fn without(mut self, others: &Self) -> Self {
        self.0.retain(|reference, _| !others.0.contains_key(reference));
        self
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each reference, and whether it is certain to be the name of a file.
    pub fn iter(&self) -> impl Iterator<Item = (&Reference, bool)> {
        self.0.iter().map(|(reference, is_certain)| (reference, *is_certain))
    }
}
