//! Search: from a question in words to the places of the project that answer it, without a
//! language model. A question becomes [`query`] slots (a word with everything that means the
//! same), passages and files are scored against them by [`rank`].

pub mod concepts;
pub mod definitions;
pub mod document;
pub mod feedback;
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
    find_with(index, query, &Weights::default())
}

/// As [`find`], with other weights.
pub fn find_with(index: &Index, query: &Query, weights: &Weights) -> Vec<Hit> {
    let hits = rank::rank(index, query, weights);
    if weights.feedback <= 0.0 {
        return hits;
    }
    let query = feedback::widen(index, query, &hits, weights.feedback);
    rank::rank(index, &query, weights)
}
