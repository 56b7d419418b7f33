//! Vocabulary: a number for each term, shared by the threads that read files.

use std::{
    borrow::Cow,
    collections::HashMap,
    hash::BuildHasher as _,
    path::Path,
    sync::{Mutex, PoisonError},
};

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::project::roots;
use crate::source::{
    document::SourceDocument,
    meaning::{self, Meaning, MeaningSum},
    terms,
};

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
    known: HashMap<Box<str>, KnownWord>,
}

#[derive(Debug, Default)]
struct KnownWord {
    terms: Box<[u32]>,
    /// Rows of the table of meanings.
    rows: Box<[u32]>,
}

/// What a reader tells of a text.
#[derive(Debug)]
pub(crate) struct CountedText {
    pub n_words: u32,
    /// Terms with their counts.
    pub terms: Vec<(u32, [u8; 4])>,
    pub meaning: Meaning,
}

/// Worth of a word for the meaning of a passage: in text, comments, names defined, names enclosing.
const PASSAGE_FIELDS: [f32; 4] = [1.0, 1.5, 2.0, 0.5];
/// Worth of a word for the meaning of a gist: in the name, the folders, the head comment, the outline.
const GIST_FIELDS: [f32; 4] = [3.0, 1.0, 1.0, 1.0];

impl<'a> TermReader<'a> {
    pub(crate) fn new(vocabulary: &'a Mutex<Vocabulary>) -> Self {
        Self { vocabulary, known: HashMap::new() }
    }

    fn word(&mut self, word: &str) -> &KnownWord {
        if !self.known.contains_key(word) {
            let terms = terms::terms_of_word(word);
            let mut vocabulary = self.vocabulary.lock().unwrap_or_else(PoisonError::into_inner);
            let rows = terms.iter().filter_map(|term| meaning::row(term)).collect();
            let numbers = terms.iter().filter_map(|term| vocabulary.number(term)).collect();
            drop(vocabulary);
            if self.known.len() >= MAX_KNOWN {
                // Most cached words occurred once, in data. Common ones are soon back.
                self.known.clear();
            }
            self.known.insert(word.into(), KnownWord { terms: numbers, rows });
        }
        &self.known[word]
    }

    /// Counts the words of a passage.
    pub(crate) fn count<'w>(
        &mut self,
        words: impl Iterator<Item = (&'w str, [u16; 4])>,
    ) -> CountedText {
        let mut n_words = 0;
        let mut terms: Vec<(u32, [u8; 4])> = Vec::new();
        let mut sum = MeaningSum::new();
        for (word, counts) in words {
            let narrow = counts.map(|count| u8::try_from(count).unwrap_or(u8::MAX));
            let known = self.word(word);
            if !known.terms.is_empty() {
                n_words += u32::from(counts[0]) + u32::from(counts[1]);
            }
            terms.extend(known.terms.iter().map(|number| (*number, narrow)));
            let weight = worth(narrow, PASSAGE_FIELDS);
            known.rows.iter().for_each(|row| sum.add(*row, weight));
        }
        CountedText { n_words, terms: fold(terms), meaning: sum.meaning() }
    }

    /// Counts the words of a file's gist: its name, folders, head comment and outline. Only those of the
    /// head comment and the outline add to its length.
    pub(crate) fn gist(&mut self, path: &Path, document: &SourceDocument<'_>) -> CountedText {
        let mut terms: Vec<(u32, [u8; 4])> = Vec::new();
        let mut sum = MeaningSum::new();
        let (member, path) = roots::split(path).unwrap_or(("", path));
        let stem = path.file_stem().map(|stem| stem.to_string_lossy());
        // The member of a group is as a folder around its own.
        let member = (!member.is_empty()).then_some(Cow::Borrowed(member));
        let folders = path.parent().map(|folders| folders.to_string_lossy());
        let folders = member.into_iter().chain(folders.filter(|it| !it.is_empty()));
        let folders = folders.collect::<Vec<_>>().join("/");
        // A file such as `mod.rs` or `index.js` goes by the name of its folder.
        let is_index =
            matches!(stem.as_deref(), Some("mod" | "index" | "__init__" | "lib" | "main"));
        let mut add = |reader: &mut Self, word: &str, counts: [u8; 4]| {
            let known = reader.word(word);
            terms.extend(known.terms.iter().map(|term| (*term, counts)));
            known.rows.iter().for_each(|row| sum.add(*row, worth(counts, GIST_FIELDS)));
        };
        for word in terms::raw_words(stem.as_deref().unwrap_or_default()) {
            add(self, word, [1, 0, 0, 0]);
        }
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
        CountedText { n_words: n_words as u32, terms: fold(terms), meaning: sum.meaning() }
    }
}

/// What a word that occurs so often adds to a meaning. Repeated, it adds less each time.
fn worth(counts: [u8; 4], fields: [f32; 4]) -> f32 {
    let summed: f32 =
        counts.iter().zip(fields).map(|(count, field)| f32::from(*count) * field).sum();
    summed.sqrt()
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
