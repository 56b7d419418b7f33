//! Inverted index: the passages and files in which each term of a project occurs.
//!
//! It is built once, in parallel, and refreshed before each question by the files' sizes and times.

use std::{
    collections::{HashMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
    ops::Range,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
    sync::{Mutex, mpsc},
    thread,
    time::SystemTime,
};

use crate::policy::{Secrets, gate::Tree};
use crate::source::{
    document::Definition,
    file_role::FileRole,
    file_terms::{ParsedFile, parse},
    language::Language,
    terms,
    vocabulary::{TermReader, Vocabulary},
    walk::{self, WalkedFile},
};

const N_READERS: usize = 2;
/// The index is rebuilt once more than one in this many passages belongs to a changed or deleted file.
const MAX_DEAD_SHARE: usize = 3;

/// After reading more files than this, the spare capacity of lists is released.
const MANY_FILES: usize = 500;

/// The occurrences of a term in a passage.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Posting {
    pub passage: u32,
    /// In text, in comments, in defined names and in enclosing names.
    pub counts: [u8; 4],
}

/// The occurrences of a term in the gist of a file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FilePosting {
    pub file: u32,
    /// In the name, in the folders, in the head comment and in the outline.
    pub counts: [u8; 4],
}

/// A run of lines of a file.
#[derive(Debug, Clone, Copy)]
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
    /// The path, size and time with which it was read.
    pub found: WalkedFile,
    pub(crate) role: FileRole,
    pub(crate) language: Language,
    pub(crate) passages: Range<u32>,
    pub(crate) definitions: Vec<Definition>,
    /// In words.
    pub(crate) length: u32,
    /// Words in the name, without the extension.
    pub(crate) n_name_words: u32,
    /// Words in the head comment and the outline.
    pub(crate) gist_length: u32,
    /// How often other files mention what it defines, on a logarithmic scale from 0.
    pub(crate) renown: f32,
    /// Whether the file still exists as it was read.
    pub(crate) is_alive: bool,
}

/// The index of one project.
#[derive(Debug)]
pub struct Index {
    root: PathBuf,
    secrets: Secrets,
    vocabulary: Vocabulary,
    postings: Vec<Vec<Posting>>,
    file_postings: HashMap<u32, Vec<FilePosting>>,
    files: Vec<IndexedFile>,
    passages: Vec<IndexedPassage>,
    by_path: HashMap<PathBuf, u32>,
    /// Size and time of files that are not text, so that they are not opened again.
    skipped: HashMap<PathBuf, (u64, Option<SystemTime>)>,
    /// The definitions of each name, by the hash of its [`key`]: a file and an index into its definitions.
    names: HashMap<u64, Vec<(u32, u32)>>,
    n_dead_passages: usize,
}

impl Index {
    /// An empty index; [`refresh`](Self::refresh) fills it.
    pub fn new(root: PathBuf, secrets: Secrets) -> Self {
        Self {
            root,
            secrets,
            vocabulary: Vocabulary::default(),
            postings: Vec::new(),
            file_postings: HashMap::new(),
            files: Vec::new(),
            passages: Vec::new(),
            by_path: HashMap::new(),
            skipped: HashMap::new(),
            names: HashMap::new(),
            n_dead_passages: 0,
        }
    }

    /// Updates the index to the files, and returns how many were read.
    pub fn refresh(&mut self) -> usize {
        let mut found = walk::files(&self.root, &self.secrets).files;
        found.sort_by(|a, b| a.path.cmp(&b.path));
        let present: HashSet<&Path> = found.iter().map(|found| found.path.as_path()).collect();
        let gone: Vec<PathBuf> =
            self.by_path.keys().filter(|path| !present.contains(path.as_path())).cloned().collect();
        let changed: Vec<WalkedFile> =
            found.into_iter().filter(|found| !self.knows(found)).collect();
        if gone.is_empty() && changed.is_empty() {
            return 0;
        }
        for path in &gone {
            self.bury(path);
        }
        for found in &changed {
            self.bury(&found.path);
        }
        let n_read = changed.len();
        self.read(changed);
        if self.n_dead_passages * MAX_DEAD_SHARE > self.passages.len() {
            *self = Self::new(self.root.clone(), self.secrets.clone());
            return self.refresh();
        }
        self.measure_renown();
        n_read
    }

    fn knows(&self, found: &WalkedFile) -> bool {
        match self.by_path.get(&found.path) {
            Some(file) => self.files[*file as usize].found == *found,
            None => self.skipped.get(&found.path) == Some(&(found.size, found.modified)),
        }
    }

    fn bury(&mut self, path: &Path) {
        if let Some(file) = self.by_path.remove(path) {
            let entry = &mut self.files[file as usize];
            entry.is_alive = false;
            self.n_dead_passages += entry.passages.len();
            for definition in &entry.definitions {
                if let Some(places) = self.names.get_mut(&hash(&definition.name)) {
                    places.retain(|(of, _)| *of != file);
                }
            }
        }
    }

    fn read(&mut self, changed: Vec<WalkedFile>) {
        let Ok(tree) = Tree::open(&self.root) else {
            return;
        };
        let vocabulary = Mutex::new(std::mem::take(&mut self.vocabulary));
        let next = AtomicUsize::new(0);
        let (sender, receiver) = mpsc::sync_channel::<ParsedFile>(64);
        thread::scope(|scope| {
            for _ in 0..N_READERS {
                let sender = sender.clone();
                let (next, changed, tree, vocabulary) = (&next, &changed, &tree, &vocabulary);
                scope.spawn(move || {
                    let mut reader = TermReader::new(vocabulary);
                    while let Some(found) = changed.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let parsed = ParsedFile {
                            found: found.clone(),
                            content: parse(tree, found, &mut reader),
                        };
                        if sender.send(parsed).is_err() {
                            return;
                        }
                    }
                });
            }
            drop(sender);
            for parsed in receiver {
                self.add(parsed);
            }
        });
        self.vocabulary = vocabulary.into_inner().unwrap_or_default();
        self.postings.resize_with(self.vocabulary.len(), Vec::new);
        if changed.len() > MANY_FILES {
            // Lists grow by doubling and may have twice the capacity that they need.
            self.postings.iter_mut().for_each(Vec::shrink_to_fit);
            self.file_postings.values_mut().for_each(Vec::shrink_to_fit);
            self.names.values_mut().for_each(Vec::shrink_to_fit);
            self.names.shrink_to_fit();
            self.passages.shrink_to_fit();
            self.files.shrink_to_fit();
        }
    }

    fn add(&mut self, parsed: ParsedFile) {
        let ParsedFile { found, content } = parsed;
        let Some(content) = content else {
            self.skipped.insert(found.path, (found.size, found.modified));
            return;
        };
        let file = self.files.len() as u32;
        let first = self.passages.len() as u32;
        let mut length = 0;
        for parsed in content.passages {
            let passage = self.passages.len() as u32;
            self.passages.push(IndexedPassage {
                file,
                start: parsed.lines.start,
                end: parsed.lines.end,
                length: parsed.n_words,
            });
            length += parsed.n_words;
            for (term, counts) in parsed.terms {
                if self.postings.len() <= term as usize {
                    self.postings.resize_with(term as usize + 1, Vec::new);
                }
                self.postings[term as usize].push(Posting { passage, counts });
            }
        }
        for (term, counts) in content.gist {
            self.file_postings.entry(term).or_default().push(FilePosting { file, counts });
        }
        for (at, definition) in content.definitions.iter().enumerate() {
            self.names.entry(hash(&definition.name)).or_default().push((file, at as u32));
        }
        let found_path = found.path.clone();
        self.by_path.insert(found.path.clone(), file);
        self.files.push(IndexedFile {
            found,
            role: content.role,
            language: content.language,
            passages: first..self.passages.len() as u32,
            definitions: content.definitions,
            length,
            n_name_words: n_name_words(&found_path),
            gist_length: content.n_gist_words,
            renown: 0.0,
            is_alive: true,
        });
    }

    /// Counts for each file the passages that mention what it defines.
    fn measure_renown(&mut self) {
        let mut renown = vec![0.0_f32; self.files.len()];
        for (file, entry) in self.files.iter().enumerate() {
            if !entry.is_alive || entry.role != FileRole::Source || !entry.language.is_code() {
                continue;
            }
            for definition in &entry.definitions {
                let parts = terms::parts(&definition.name);
                let n_places = self.names.get(&hash(&definition.name)).map_or(0, Vec::len);
                let is_telling = parts.len() > 1 && n_places <= 2;
                let term = self.vocabulary.get(&terms::whole(&parts)).filter(|_| is_telling);
                let n_mentions = term.map_or(0, |term| self.postings[term as usize].len());
                renown[file] += n_mentions.saturating_sub(1).min(50) as f32;
            }
        }
        for (entry, renown) in self.files.iter_mut().zip(renown) {
            entry.renown = (1.0 + renown).ln();
        }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// All files, including those that are gone.
    pub fn files(&self) -> &[IndexedFile] {
        &self.files
    }

    /// The paths of the files that exist, where they are UTF-8.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        let alive = self.files.iter().filter(|entry| entry.is_alive);
        alive.filter_map(|entry| entry.found.path.to_str())
    }

    /// All passages, including those of files that are gone.
    pub(crate) fn passages(&self) -> &[IndexedPassage] {
        &self.passages
    }

    /// The number of a term.
    pub(crate) fn term(&self, term: &str) -> Option<u32> {
        self.vocabulary.get(term)
    }

    /// The passages with a term.
    pub(crate) fn postings(&self, term: u32) -> &[Posting] {
        self.postings.get(term as usize).map_or(&[], Vec::as_slice)
    }

    /// The files with a term in their gist.
    pub(crate) fn file_postings(&self, term: u32) -> &[FilePosting] {
        self.file_postings.get(&term).map_or(&[], Vec::as_slice)
    }

    /// The file at a path relative to the project.
    pub(crate) fn file_at(&self, path: &Path) -> Option<u32> {
        self.by_path.get(path).copied()
    }

    /// The definitions of a name in any spelling, with their files.
    pub(crate) fn defined(&self, name: &str) -> Vec<(u32, &Definition)> {
        let asked = key(name);
        self.names
            .get(&hash(name))
            .into_iter()
            .flatten()
            .filter_map(|(file, at)| {
                let definition = self.files[*file as usize].definitions.get(*at as usize)?;
                (key(&definition.name) == asked).then_some((*file, definition))
            })
            .collect()
    }

    /// How many files can be searched.
    pub(crate) fn n_files(&self) -> usize {
        self.by_path.len()
    }

    /// The current text of a file; `None` if it is gone or no longer text.
    pub(crate) fn text(&self, file: u32) -> Option<String> {
        let entry = self.files.get(file as usize)?;
        let tree = Tree::open(&self.root).ok()?;
        walk::text(&tree, &entry.found).ok().flatten()
    }
}

fn n_name_words(path: &Path) -> u32 {
    let stem = path.file_stem().map(|stem| stem.to_string_lossy()).unwrap_or_default();
    terms::raw_words(&stem).map(|word| terms::parts(word).len() as u32).sum()
}

/// The spelling by which a name is looked up.
fn key(name: &str) -> String {
    name.chars()
        .filter(|character| character.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

fn hash(name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    key(name).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests;
