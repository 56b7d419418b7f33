//! Vocabulary: a number for each term, shared by the threads that read files.

use std::{
    collections::HashMap,
    hash::BuildHasher as _,
    path::Path,
    sync::{Mutex, PoisonError},
};

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::source::{document::SourceDocument, terms};

/// Words cached by one reader.
const MAX_KNOWN: usize = 1 << 16;

/// The terms in one text, and a table of their numbers: 15 to 20 bytes a term beside its letters.
#[derive(Debug, Default)]
pub(crate) struct Vocabulary {
    text: String,
    /// Where each term ends in the text.
    ends: Vec<u32>,
    numbers: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl Vocabulary {
    /// The vocabulary with the terms that end in `text` at `ends`. `None` if they do not fit.
    pub(crate) fn of_parts(text: String, ends: Vec<u32>) -> Option<Self> {
        let mut vocabulary = Self::default();
        vocabulary.numbers.reserve(ends.len(), |_| 0);
        let mut start = 0;
        for (number, end) in (0_u32..).zip(&ends) {
            let term = text.get(start..*end as usize)?;
            let hash = vocabulary.hasher.hash_one(term);
            vocabulary.numbers.insert_unique(hash, number, |_| 0);
            start = *end as usize;
        }
        Some(Self { text, ends, ..vocabulary })
    }

    /// All terms as one text, and where each ends in it.
    pub(crate) fn parts(&self) -> (&str, &[u32]) {
        (&self.text, &self.ends)
    }

    /// The number of a known term.
    pub(crate) fn get(&self, term: &str) -> Option<u32> {
        let is_term = |number: &u32| term_at(&self.text, &self.ends, *number) == term;
        self.numbers.find(self.hasher.hash_one(term), is_term).copied()
    }

    /// Memory in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.text.capacity() + 4 * self.ends.capacity() + 5 * self.numbers.capacity()
    }

    /// The number of a term, a new one if there is none. `None` if the vocabulary is full.
    fn number(&mut self, term: &str) -> Option<u32> {
        if let Some(number) = self.get(term) {
            return Some(number);
        }
        let end = u32::try_from(self.text.len() + term.len()).ok()?;
        let number = u32::try_from(self.ends.len()).ok()?;
        self.text.push_str(term);
        self.ends.push(end);
        let (text, ends, hasher) = (&self.text, &self.ends, &self.hasher);
        let hash = |number: &u32| hasher.hash_one(term_at(text, ends, *number));
        self.numbers.insert_unique(hasher.hash_one(term), number, hash);
        Some(number)
    }
}

fn term_at<'a>(text: &'a str, ends: &[u32], number: u32) -> &'a str {
    let at = number as usize;
    let start =
        at.checked_sub(1).and_then(|before| ends.get(before)).map_or(0, |end| *end as usize);
    ends.get(at).and_then(|end| text.get(start..*end as usize)).unwrap_or_default()
}

/// Turns words into numbers of terms, on one thread.
#[derive(Debug)]
pub(crate) struct TermReader<'a> {
    vocabulary: &'a Mutex<Vocabulary>,
    known: HashMap<Box<str>, Box<[u32]>>,
}

impl<'a> TermReader<'a> {
    pub(crate) fn new(vocabulary: &'a Mutex<Vocabulary>) -> Self {
        Self { vocabulary, known: HashMap::new() }
    }

    fn terms(&mut self, word: &str) -> &[u32] {
        if !self.known.contains_key(word) {
            let terms = terms::terms_of_word(word);
            let mut vocabulary = self.vocabulary.lock().unwrap_or_else(PoisonError::into_inner);
            let numbers = terms.iter().filter_map(|term| vocabulary.number(term)).collect();
            drop(vocabulary);
            if self.known.len() >= MAX_KNOWN {
                // Most cached words occurred once, in data. Common ones are soon back.
                self.known.clear();
            }
            self.known.insert(word.into(), numbers);
        }
        self.known.get(word).map_or(&[], |numbers| numbers)
    }

    /// The number of words of a passage, and its terms with their counts.
    pub(crate) fn count<'w>(
        &mut self,
        words: impl Iterator<Item = (&'w str, [u16; 4])>,
    ) -> (u32, Vec<(u32, [u8; 4])>) {
        let mut length = 0;
        let mut terms: Vec<(u32, [u8; 4])> = Vec::new();
        for (word, counts) in words {
            let narrow = counts.map(|count| u8::try_from(count).unwrap_or(u8::MAX));
            let numbers = self.terms(word);
            if !numbers.is_empty() {
                length += u32::from(counts[0]) + u32::from(counts[1]);
            }
            terms.extend(numbers.iter().map(|number| (*number, narrow)));
        }
        (length, fold(terms))
    }

    /// The number of words in a file's head comment and outline, and the terms of its gist: its name,
    /// folders, head comment and outline.
    pub(crate) fn gist(
        &mut self,
        path: &Path,
        document: &SourceDocument<'_>,
    ) -> (u32, Vec<(u32, [u8; 4])>) {
        let mut terms: Vec<(u32, [u8; 4])> = Vec::new();
        let stem = path.file_stem().map(|stem| stem.to_string_lossy());
        let folders = path.parent().map(|folders| folders.to_string_lossy());
        // A file such as `mod.rs` or `index.js` goes by the name of its folder.
        let is_index =
            matches!(stem.as_deref(), Some("mod" | "index" | "__init__" | "lib" | "main"));
        let mut add = |reader: &mut Self, word: &str, counts: [u8; 4]| {
            terms.extend(reader.terms(word).iter().map(|term| (*term, counts)));
        };
        for word in terms::raw_words(stem.as_deref().unwrap_or_default()) {
            add(self, word, [1, 0, 0, 0]);
        }
        let folders = folders.unwrap_or_default();
        let n_folders = folders.split('/').count();
        for (at, folder) in folders.split('/').enumerate() {
            let is_name = is_index && at + 1 == n_folders;
            let counts = if is_name { [1, 0, 0, 0] } else { [0, 1, 0, 0] };
            for word in terms::raw_words(folder) {
                add(self, word, counts);
            }
        }
        for word in &document.head {
            add(self, word, [0, 0, 1, 0]);
        }
        for word in &document.outline {
            add(self, word, [0, 0, 0, 1]);
        }
        let n_words = document.head.len() + document.outline.len();
        (n_words as u32, fold(terms))
    }
}

fn fold<const N: usize>(mut terms: Vec<(u32, [u8; N])>) -> Vec<(u32, [u8; N])> {
    terms.sort_unstable_by_key(|(term, _)| *term);
    let mut folded: Vec<(u32, [u8; N])> = Vec::with_capacity(terms.len());
    for (term, counts) in terms {
        match folded.last_mut() {
            Some((last, sum)) if *last == term => {
                for (sum, count) in sum.iter_mut().zip(counts) {
                    *sum = sum.saturating_add(count);
                }
            }
            _ => folded.push((term, counts)),
        }
    }
    folded
}
