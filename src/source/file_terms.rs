//! File terms: what the index holds of one file.

use std::ops::Range;

use crate::source::{
    document::{self, Definition},
    file_role::{self, FileRole},
    language::Language,
    vocabulary::{CountedText, TermReader},
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
    /// Words of its head comment and its outline; terms with their counts, see `FilePosting`.
    pub gist: CountedText,
    /// The first line of the tests that stand below what they test; `u32::MAX` without any.
    pub tests_start: u32,
}

#[derive(Debug)]
pub(crate) struct PassageTerms {
    /// The first and the last line, counted from 1.
    pub lines: Range<u32>,
    /// Terms with their counts, see `Posting`.
    pub text: CountedText,
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
            PassageTerms { lines: passage.start..passage.end, text: reader.count(words) }
        })
        .collect();
    FileTerms {
        role: file_role::of(&found.path, language),
        language,
        passages,
        gist: reader.gist(&found.path, &document),
        tests_start: tests_start(&document.definitions),
        definitions: document.definitions,
    }
}

fn tests_start(definitions: &[Definition]) -> u32 {
    let is_tests =
        |found: &&Definition| found.kind == "mod" && matches!(&*found.name, "test" | "tests");
    definitions.iter().rfind(is_tests).map_or(u32::MAX, |tests| tests.line)
}
