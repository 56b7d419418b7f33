//! Search: from a question in words to the places of the project that answer it, without a
//! language model. A question becomes [`query`] slots (a word with everything that means the
//! same), passages and files are scored against them by [`rank`].

pub mod concepts;
pub mod definitions;
pub mod document;
pub mod index;
pub mod language;
pub mod query;
pub mod rank;
pub mod reading;
pub mod role;
pub mod vocabulary;
pub mod walk;
pub mod words;

use crate::guide::search::{
    index::Index,
    query::Query,
    rank::{Hit, Weights},
};

/// The files that answer a query, best first.
pub fn find(index: &Index, query: &Query) -> Vec<Hit> {
    rank::rank(index, query, &Weights::default())
}
