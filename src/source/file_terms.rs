//! File terms: what the index holds of one file.

use std::ops::Range;

use crate::source::{
    document::{self, Definition},
    file_role::{self, FileRole},
    language::Language,
    vocabulary::TermReader,
    walk::WalkedFile,
};

#[derive(Debug)]
pub(crate) struct FileTerms {
    pub role: FileRole,
    pub language: Language,
    /// In the order of the file.
    pub definitions: Vec<Definition>,
    /// In the order of the file.
    pub passages: Vec<PassageTerms>,
    /// Words of its head comment and its outline.
    pub n_gist_words: u32,
    /// Terms of its gist with their counts, see `FilePosting`.
    pub gist: Vec<(u32, [u8; 4])>,
}

#[derive(Debug)]
pub(crate) struct PassageTerms {
    /// The first and the last line, counted from 1.
    pub lines: Range<u32>,
    pub n_words: u32,
    /// Terms with their counts, see `Posting`.
    pub terms: Vec<(u32, [u8; 4])>,
}

/// Reads the text of a file.
pub(crate) fn parse(found: &WalkedFile, text: &str, reader: &mut TermReader<'_>) -> FileTerms {
    let language = Language::of(&found.path);
    let document = document::read(text, language);
    let passages = document
        .passages
        .iter()
        .map(|passage| {
            let words = passage
                .words
                .iter()
                .map(|(word, counts)| (*word, [counts[0], counts[1], counts[2], 0]))
                .chain(passage.context.split_whitespace().map(|word| (word, [0, 0, 0, 1])));
            let (n_words, terms) = reader.count(words);
            PassageTerms { lines: passage.start..passage.end, n_words, terms }
        })
        .collect();
    let (n_gist_words, gist) = reader.gist(&found.path, &document);
    FileTerms {
        role: file_role::of(&found.path, language),
        language,
        passages,
        n_gist_words,
        gist,
        definitions: document.definitions,
    }
}
