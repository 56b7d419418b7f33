//! Reading: one file of the project as the numbers of terms that the index holds.

use std::ops::Range;

use crate::policy::gate::Tree;
use crate::source::{
    document::{self, Definition},
    file_role::{self, FileRole},
    language::Language,
    vocabulary::TermReader,
    walk::{self, WalkedFile},
};

/// A file as a reader gives it.
#[derive(Debug)]
pub(crate) struct ParsedFile {
    /// As the walk found it.
    pub found: WalkedFile,
    /// What it holds; `None` for what is no text.
    pub content: Option<FileTerms>,
}

/// What a file holds.
#[derive(Debug)]
pub(crate) struct FileTerms {
    /// What it is to the project.
    pub role: FileRole,
    /// How its lines are read.
    pub language: Language,
    /// Its definitions, in order.
    pub definitions: Vec<Definition>,
    /// Its passages, in order.
    pub passages: Vec<PassageTerms>,
    /// Words of its head comment and its outline.
    pub n_gist_words: u32,
    /// The terms of its gist, see `FilePosting`.
    pub gist: Vec<(u32, [u8; 4])>,
}

/// A passage in numbers of terms.
#[derive(Debug)]
pub(crate) struct PassageTerms {
    /// First and last line, from 1.
    pub lines: Range<u32>,
    /// Words in it.
    pub n_words: u32,
    /// Its terms, see `Posting`.
    pub terms: Vec<(u32, [u8; 4])>,
}

/// Reads a file that the walk found; `None` for what is no text.
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
