//! Inverted index: the passages and files in which each term of a project occurs.
//!
//! [`refresh`] builds it in parallel and brings it up to date by what changed, [`store`] keeps it on
//! disk, and [`shared`] does both for all who ask. Lists and definitions are packed, since a large project has tens of millions.

mod packed;
mod postings;
mod refresh;
pub(crate) mod shared;
pub mod store;

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    ops::Range,
    os::unix::ffi::OsStrExt as _,
    path::Path,
};

use serde::{Deserialize, Serialize};

use crate::policy::{Secrets, gate::Tree};
use crate::project::Roots;
use crate::source::{
    document::Definition,
    file_role::FileRole,
    language::Language,
    left_out::{LeftOut, LeftOutReason},
    meaning::MeaningList,
    vocabulary::Vocabulary,
    walk::{self, WalkedFile},
};

use packed::PackedDefinitions;
use postings::PostingLists;
pub(crate) use postings::Postings;

/// No list of a term, see [`Index::gist_lists`].
const NO_LIST: u32 = u32::MAX;

/// The occurrences of a term in a passage.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Posting {
    pub passage: u32,
    /// In text, in comments, in defined names and in enclosing names.
    pub counts: [u8; 4],
}

impl From<(u32, [u8; 4])> for Posting {
    fn from((passage, counts): (u32, [u8; 4])) -> Self {
        Self { passage, counts }
    }
}

/// The occurrences of a term in the gist of a file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FilePosting {
    pub file: u32,
    /// In the name, in the folders, in the head comment and in the outline.
    pub counts: [u8; 4],
}

impl From<(u32, [u8; 4])> for FilePosting {
    fn from((file, counts): (u32, [u8; 4])) -> Self {
        Self { file, counts }
    }
}

/// A run of lines of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct IndexedPassage {
    pub file: u32,
    /// The first line, counted from 1.
    pub start: u32,
    pub end: u32,
    /// In words.
    pub length: u32,
}

/// A file of the project.
#[derive(Debug)]
pub struct IndexedFile {
    /// The path, size and times with which it was read.
    pub found: WalkedFile,
    pub(crate) role: FileRole,
    pub(crate) language: Language,
    pub(crate) passages: Range<u32>,
    definitions: PackedDefinitions,
    /// In words.
    pub(crate) length: u32,
    /// Words in the name, without the extension.
    pub(crate) n_name_words: u32,
    /// Words in the head comment and the outline.
    pub(crate) gist_length: u32,
    /// The first line of the tests that stand below what they test; `u32::MAX` without any.
    pub(crate) tests_start: u32,
    /// How often other files mention what it defines, on a logarithmic scale from 0.
    pub(crate) renown: f32,
    /// Whether the file still exists as it was read.
    pub(crate) is_alive: bool,
    /// A hash of its text.
    pub(crate) content: u64,
    /// Whether it was read so soon after it was written that a later write may not show.
    is_racy: bool,
}

impl IndexedFile {
    /// In the order of the file.
    pub(crate) fn definitions(&self) -> Vec<Definition> {
        self.definitions.unpack()
    }

    pub(crate) fn n_definitions(&self) -> usize {
        self.definitions.len()
    }
}

/// A file that is not searched, so that it is not opened again.
#[derive(Debug, Clone)]
struct SkippedFile {
    found: WalkedFile,
    reason: LeftOutReason,
    is_racy: bool,
}

/// The index of one project.
#[derive(Debug)]
pub struct Index {
    roots: Roots,
    secrets: Secrets,
    vocabulary: Vocabulary,
    /// By number of the term.
    postings: PostingLists,
    /// The number of the list of each term in `file_postings`; few terms are in a gist.
    gist_lists: Vec<u32>,
    file_postings: PostingLists,
    files: Vec<IndexedFile>,
    passages: Vec<IndexedPassage>,
    /// Of each passage.
    meanings: MeaningList,
    /// Of the gist of each file.
    gist_meanings: MeaningList,
    /// The files that exist, by path.
    by_path: Vec<u32>,
    /// By path.
    skipped: Vec<SkippedFile>,
    /// The hash of each defined name with its file, sorted. May name files that are gone.
    names: Vec<(u32, u32)>,
    n_dead_passages: usize,
    /// Bytes of the definitions of all files, about.
    definition_bytes: usize,
    /// What the last walk left out.
    walk_left_out: LeftOut,
    /// Files read since the index was loaded or saved.
    n_unsaved: usize,
}

impl Index {
    /// An empty index; [`refresh`](Self::refresh) fills it.
    pub fn new(roots: impl Into<Roots>, secrets: Secrets) -> Self {
        Self {
            roots: roots.into(),
            secrets,
            vocabulary: Vocabulary::default(),
            postings: PostingLists::default(),
            gist_lists: Vec::new(),
            file_postings: PostingLists::default(),
            files: Vec::new(),
            passages: Vec::new(),
            meanings: MeaningList::default(),
            gist_meanings: MeaningList::default(),
            by_path: Vec::new(),
            skipped: Vec::new(),
            names: Vec::new(),
            n_dead_passages: 0,
            definition_bytes: 0,
            walk_left_out: LeftOut::default(),
            n_unsaved: 0,
        }
    }

    pub(crate) fn roots(&self) -> &Roots {
        &self.roots
    }

    /// The rules for files that are not in it.
    pub(crate) fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// All files, including those that are gone.
    pub fn files(&self) -> &[IndexedFile] {
        &self.files
    }

    /// The paths of the files that exist, where they are UTF-8, sorted.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> + Clone {
        let alive = self.by_path.iter().map(|file| &self.files[*file as usize]);
        alive.filter_map(|entry| entry.found.path.to_str())
    }

    /// All passages, including those of files that are gone.
    pub(crate) fn passages(&self) -> &[IndexedPassage] {
        &self.passages
    }

    /// The meaning of each passage.
    pub(crate) fn meanings(&self) -> &MeaningList {
        &self.meanings
    }

    /// The meaning of the gist of each file.
    pub(crate) fn gist_meanings(&self) -> &MeaningList {
        &self.gist_meanings
    }

    /// The number of a term.
    pub(crate) fn term(&self, term: &str) -> Option<u32> {
        self.vocabulary.get(term)
    }

    /// The passages with a term, in ascending order.
    pub(crate) fn postings(&self, term: u32) -> Postings<'_, Posting> {
        self.postings.postings(term, self.passages.len())
    }

    /// The files with a term in their gist, in ascending order.
    pub(crate) fn file_postings(&self, term: u32) -> Postings<'_, FilePosting> {
        let list = self.gist_lists.get(term as usize).copied().unwrap_or(NO_LIST);
        self.file_postings.postings(list, self.files.len())
    }

    /// The file at a path relative to the project.
    pub(crate) fn file_at(&self, path: &Path) -> Option<u32> {
        let wanted = path.as_os_str().as_bytes();
        let of = |file: &u32| self.path_bytes(*file);
        let at = self.by_path.binary_search_by(|file| of(file).cmp(wanted)).ok()?;
        self.by_path.get(at).copied()
    }

    fn path_bytes(&self, file: u32) -> &[u8] {
        self.files[file as usize].found.path.as_os_str().as_bytes()
    }

    /// The definitions of a name in any spelling, with their files.
    pub(crate) fn defined(&self, name: &str) -> Vec<(u32, Definition)> {
        let asked = key(name);
        let mut files: Vec<u32> = self.naming(hash_of_key(&asked)).collect();
        files.dedup();
        let files = files.into_iter().filter(|file| self.files[*file as usize].is_alive);
        files
            .flat_map(|file| {
                let definitions = self.files[file as usize].definitions();
                definitions.into_iter().map(move |definition| (file, definition))
            })
            .filter(|(_, definition)| key(&definition.name) == asked)
            .collect()
    }

    /// The files that define a name with this hash, once for each definition.
    fn naming(&self, hash: u32) -> impl Iterator<Item = u32> {
        let start = self.names.partition_point(|(other, _)| *other < hash);
        let same = self.names[start..].iter().take_while(move |(other, _)| *other == hash);
        same.map(|(_, file)| *file)
    }

    /// How many files can be searched.
    pub(crate) fn n_files(&self) -> usize {
        self.by_path.len()
    }

    /// What cannot be searched, and why.
    pub fn left_out(&self) -> LeftOut {
        let mut left_out = self.walk_left_out.clone();
        for skipped in &self.skipped {
            left_out.add_file(skipped.reason, &skipped.found.path);
        }
        left_out
    }

    /// The current text of a file; `None` if it is gone or no longer text.
    pub fn text(&self, file: u32) -> Option<String> {
        let entry = self.files.get(file as usize)?;
        let tree = Tree::of(&self.roots).ok()?;
        walk::text(&tree, &entry.found).ok().flatten()
    }

    /// Memory of the lists, terms and definitions, about, in bytes.
    fn bytes(&self) -> usize {
        self.postings.bytes()
            + self.file_postings.bytes()
            + self.vocabulary.bytes()
            + self.passages.capacity() * size_of::<IndexedPassage>()
            + self.meanings.capacity()
            + self.gist_meanings.capacity()
            + self.definition_bytes
            + self.names.capacity() * size_of::<(u32, u32)>()
            + self.files.capacity() * size_of::<IndexedFile>()
    }
}

/// The spelling by which a name is looked up.
fn key(name: &str) -> String {
    name.chars()
        .filter(|character| character.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

fn hash_of_key(key: &str) -> u32 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish() as u32
}

#[cfg(test)]
mod tests;
