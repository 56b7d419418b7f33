//! The vocabulary: a number for each term. Readers on several threads share one and remember
//! what they have looked up.

use std::{
    collections::HashMap,
    path::Path,
    sync::{Mutex, PoisonError},
};

use crate::source::{document::SourceDocument, terms};

/// Words that a reader remembers at most.
const MAX_KNOWN: usize = 1 << 16;

/// The number of each term.
#[derive(Debug, Default)]
pub(crate) struct Vocabulary(HashMap<Box<str>, u32>);

impl Vocabulary {
    /// The number of a term that is known.
    pub(crate) fn get(&self, term: &str) -> Option<u32> {
        self.0.get(term).copied()
    }

    /// How many terms there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    fn number(&mut self, term: String) -> u32 {
        let next = self.0.len() as u32;
        *self.0.entry(term.into_boxed_str()).or_insert(next)
    }
}

/// Turns raw words into numbers of terms, on one thread.
#[derive(Debug)]
pub(crate) struct TermReader<'a> {
    vocabulary: &'a Mutex<Vocabulary>,
    known: HashMap<Box<str>, Box<[u32]>>,
}

impl<'a> TermReader<'a> {
    /// A reader that shares `vocabulary`.
    pub(crate) fn new(vocabulary: &'a Mutex<Vocabulary>) -> Self {
        Self { vocabulary, known: HashMap::new() }
    }

    fn terms(&mut self, word: &str) -> &[u32] {
        if !self.known.contains_key(word) {
            let terms = terms::terms_of_word(word);
            let mut vocabulary = self.vocabulary.lock().unwrap_or_else(PoisonError::into_inner);
            let numbers = terms.into_iter().map(|term| vocabulary.number(term)).collect();
            drop(vocabulary);
            if self.known.len() >= MAX_KNOWN {
                // Most of what is remembered stood once, in data; what is common comes back soon.
                self.known.clear();
            }
            self.known.insert(word.into(), numbers);
        }
        self.known.get(word).map_or(&[], |numbers| numbers)
    }

    /// The number of words and the terms of a passage, each term once, with its counts.
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

    /// The terms of what tells the gist of a file: its name, its folders, its head comment and
    /// its outline; with the number of words in the last two.
    pub(crate) fn gist(
        &mut self,
        path: &Path,
        document: &SourceDocument<'_>,
    ) -> (u32, Vec<(u32, [u8; 4])>) {
        let mut terms: Vec<(u32, [u8; 4])> = Vec::new();
        let stem = path.file_stem().map(|stem| stem.to_string_lossy());
        let folders = path.parent().map(|folders| folders.to_string_lossy());
        // The name of a file such as `mod.rs` or `index.js` is its folder's.
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
