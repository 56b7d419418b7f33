//! Citations: references of answers to files, checked against the project.
//!
//! A citation tells whether the file and its lines exist, and whether the agent has read the file.
//! Readers can verify an answer, and see which files it made up.
//!
//! [`mention`] finds what names a file, [`reading`] says what paths it may mean, [`verdict`] decides
//! from what the project has, and [`project_files`] looks that up. [`written`] writes references as
//! [`mention`] reads them.

pub(crate) mod address;
pub(crate) mod anchor;
pub(crate) mod check;
pub(crate) mod files_read;
mod head_commit;
pub(crate) mod mention;
mod name_list;
pub(crate) mod project_files;
mod reading;
mod script;
pub(crate) mod suffix;
#[cfg(test)]
mod tests;
pub(crate) mod verdict;
pub(crate) mod written;

use std::fmt;

use indexmap::{IndexMap, map::Entry};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use anchor::Anchor;
use mention::Mention;
use suffix::Lines;

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

impl Reference {
    fn set_lines(&mut self, lines: Lines) {
        (self.line, self.end_line) = (Some(lines.first), lines.last);
    }

    fn lines(&self) -> Option<Lines> {
        self.line.map(|first| Lines { first, last: self.end_line })
    }
}

/// `src/a.rs`, `src/a.rs:2` or `src/a.rs:2-14`.
impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        self.line.map_or(Ok(()), |line| write!(f, ":{line}"))?;
        self.end_line.map_or(Ok(()), |line| write!(f, "-{line}"))
    }
}

/// Where a reference stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Form {
    /// In running text.
    Text,
    /// As inline code.
    Code,
    /// As the target of a link.
    Link,
}

/// A reference as an answer wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrittenReference {
    pub(crate) reference: Reference,
    /// The whole of what was written, with its notation of lines, and in scripts without spaces with
    /// the letters before it.
    pub(crate) text: String,
    pub(crate) form: Form,
    /// Whether it can hardly be anything but the name of a file.
    pub(crate) is_certain: bool,
}

/// Why a reference that was not found need not be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Doubt {
    /// Several files have the name.
    Ambiguous,
    /// The file may not be read, or not all files could be looked at.
    Unchecked,
    /// It names no place in the project, perhaps rightly: a file elsewhere, or one that is missing.
    Absent,
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
    /// Why it need not be wrong, where it was not found; without one it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubt: Option<Doubt>,
    /// Files that may be meant, where it was not found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<String>,
    /// Whether the file's name ends with what looks like the number of a line, so that none is meant.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lines_in_name: bool,
    /// Whether the agent had read the file in the same turn, or a search had shown it lines of it.
    #[serde(default)]
    pub read: bool,
    /// The commit that it is, by its whole hash, where it is one and no file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// What it meant, where a file was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anchor: Option<Anchor>,
}

impl Citation {
    /// The path of the file from the project's root.
    pub(crate) fn file(&self) -> &str {
        self.file.as_deref().unwrap_or(&self.reference.path)
    }

    /// The lines that are meant.
    fn lines(&self) -> Option<Lines> {
        self.reference.lines().filter(|_| !self.lines_in_name)
    }

    /// Memory that it takes, about, in bytes.
    pub fn bytes(&self) -> usize {
        let texts = [self.file.as_deref(), self.why.as_deref(), self.commit.as_deref()];
        let texts: usize = texts.into_iter().flatten().map(str::len).sum();
        let candidates: usize =
            self.candidates.iter().map(|path| size_of::<String>() + path.len()).sum();
        let anchor = self.anchor.as_ref().map_or(0, Anchor::bytes);
        size_of::<Self>() + self.reference.path.len() + texts + candidates + anchor
    }
}

/// The references of an answer without duplicates, in the order of the text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct References(IndexMap<Reference, WrittenReference>);

impl References {
    pub(crate) fn add(&mut self, mention: &Mention<'_>) {
        self.insert(mention.written.clone());
    }

    pub fn extend(&mut self, others: Self) {
        others.0.into_values().for_each(|written| self.insert(written));
    }

    fn insert(&mut self, written: WrittenReference) {
        let has_room = self.0.len() < MAX_REFERENCES;
        match self.0.entry(written.reference.clone()) {
            Entry::Occupied(mut known) => known.get_mut().is_certain |= written.is_certain,
            Entry::Vacant(new) if has_room => drop(new.insert(written)),
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

    pub fn iter(&self) -> impl Iterator<Item = &WrittenReference> {
        self.0.values()
    }
}

impl FromIterator<WrittenReference> for References {
    fn from_iter<I: IntoIterator<Item = WrittenReference>>(written: I) -> Self {
        let mut references = Self::default();
        written.into_iter().for_each(|it| references.insert(it));
        references
    }
}
