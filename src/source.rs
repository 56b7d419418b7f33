//! Project files: walk, languages, definitions, index and ranked search.
//!
//! A question becomes a [`query`]: clauses of terms that mean the same. [`rank`] scores the passages
//! and files of the [`index`] against them, without a language model.

pub(crate) mod conditional;
pub(crate) mod definitions;
pub(crate) mod document;
pub(crate) mod file_role;
pub(crate) mod file_terms;
pub mod index;
pub(crate) mod language;
pub mod left_out;
pub(crate) mod meaning;
pub(crate) mod notebook;
pub mod query;
pub(crate) mod rank;
pub(crate) mod readme;
pub(crate) mod table_languages;
pub(crate) mod terms;
pub(crate) mod text;
pub(crate) mod thesaurus;
pub(crate) mod vocabulary;
pub(crate) mod walk;

pub use crate::source::rank::RankedFile;
use crate::source::{index::Index, query::Query, rank::Weights};

/// The files that answer a query, best first.
pub fn find(index: &Index, query: &Query) -> Vec<RankedFile> {
    rank::rank(index, query, &Weights::default())
}

/// The confidence that the first of the files found is the right one, from 0 to 1.
pub fn confidence(hits: &[RankedFile]) -> f32 {
    rank::confidence::of(hits, &Weights::default())
}

/// Whether a confidence is high enough to show the first file as the answer.
pub fn is_sure(confidence: f32) -> bool {
    confidence >= rank::confidence::SURE
}

/// The lines of a ranked file that answer the query, counted from 1, best first: one, or two where
/// another definition of it says nearly as much. Empty if the file is gone.
pub fn lines(index: &Index, query: &Query, hit: &RankedFile) -> Vec<usize> {
    let Some(text) = index.text(hit.file) else { return Vec::new() };
    let lines: Vec<&str> = text.lines().collect();
    rank::place::best_lines(index, query, hit, &lines)
}
