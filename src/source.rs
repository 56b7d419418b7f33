//! Project files: walk, languages, definitions, index and ranked search.
//!
//! A question becomes a [`query`]: clauses of terms that mean the same. [`rank`] scores the passages
//! and files of the [`index`] against them, without a language model.

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

use crate::source::{
    index::Index,
    query::Query,
    rank::{RankedFile, Weights},
};

/// The files that answer a query, best first.
pub fn find(index: &Index, query: &Query) -> Vec<RankedFile> {
    rank::rank(index, query, &Weights::default())
}

/// The line of a ranked file that answers the query, counted from 1. `None` if the file is gone.
pub fn line(index: &Index, query: &Query, hit: &RankedFile) -> Option<usize> {
    let text = index.text(hit.file)?;
    let lines: Vec<&str> = text.lines().collect();
    Some(rank::place::best_line(index, query, hit, &lines))
}
