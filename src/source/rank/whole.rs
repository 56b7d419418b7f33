//! BM25 over whole files, summed up from the postings of their passages.

use crate::source::{
    index::Index,
    query::Query,
    rank::{Weights, idf, norm, saturate},
};

/// The score of each file.
pub(super) fn scores(index: &Index, query: &Query, weights: &Weights) -> Vec<f32> {
    let files = index.files();
    let n_files = files.len() as f32;
    let words: f32 = files.iter().map(|file| file.length as f32).sum();
    let mean = words / n_files.max(1.0);
    let mut scores = vec![0.0_f32; files.len()];
    let mut best = vec![0.0_f32; files.len()];
    let mut touched: Vec<u32> = Vec::new();
    for clause in &query.clauses {
        for (term, certainty) in &clause.members {
            let counted = index.term(term).map(|term| counts(index, term)).unwrap_or_default();
            let worth = certainty * idf(counted.len() as f32, n_files, weights.min_places);
            for (file, count) in counted {
                let length = norm(files[file as usize].length as f32, mean, weights.whole_b);
                let score = worth * saturate(count / length, weights.whole_k1);
                if best[file as usize] == 0.0 {
                    touched.push(file);
                }
                best[file as usize] = best[file as usize].max(score);
            }
        }
        for file in touched.drain(..) {
            scores[file as usize] += clause.weight * std::mem::take(&mut best[file as usize]);
        }
    }
    scores
}

/// How often a term occurs in each file that has it.
fn counts(index: &Index, term: u32) -> Vec<(u32, f32)> {
    let mut counts: Vec<(u32, f32)> = Vec::new();
    for posting in index.postings(term) {
        let file = index.passages()[posting.passage as usize].file;
        let count = f32::from(posting.counts[0]) + f32::from(posting.counts[1]);
        match counts.last_mut() {
            Some((last, sum)) if *last == file => *sum += count,
            _ => counts.push((file, count)),
        }
    }
    counts
}
