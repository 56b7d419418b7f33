//! File terms: what the index holds of one file.

use std::ops::Range;

use crate::policy::gate::Tree;
use crate::source::{
    document::{self, Definition},
    file_role::{self, FileRole},
    language::Language,
    vocabulary::TermReader,
    walk::{self, WalkedFile},
};

/// A file that was read.
#[derive(Debug)]
pub(crate) struct ParsedFile {
    pub found: WalkedFile,
    /// `None` if it is not text.
    pub content: Option<FileTerms>,
}

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

/// Reads a file; `None` if it is not text.
pub(crate) fn parse(
    tree: &Tree,
    found: &WalkedFile,
    reader: &mut TermReader<'_>,
) -> Option<FileTerms> {
    let text = match walk::text(tree, found) {
        Ok(text) => text?,
        Err(error) => {
            log::debug!("cannot read a file to index it: {error}; path={}", found.path.display());
            return None;
        }
    };
    let language = Language::of(&found.path);
    let document = document::read(&text, language);
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
    Some(FileTerms {
        role: file_role::of(&found.path, language),
        language,
        passages,
        n_gist_words,
        gist,
        definitions: document.definitions,
    })
}
