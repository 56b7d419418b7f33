//! Confidence: how likely the first file of a ranking is the right one, by how far all its scores
//! agree, by its lead over the second and by the words that it has. Pure.

use crate::source::rank::{RankedFile, Weights};

/// Shares of the file's own score, of its lead and of its words in the confidence.
const SCORE: f32 = 0.4;
const LEAD: f32 = 0.3;
const WORDS: f32 = 0.3;

/// The confidence at which the first file is right more often than not, fitted to the questions that
/// the ranking was tuned on.
pub(crate) const SURE: f32 = 0.63;

/// The confidence in the first of `hits`, from 0 to 1.
pub(crate) fn of(hits: &[RankedFile], weights: &Weights) -> f32 {
    let Some(first) = hits.first().filter(|first| first.score > 0.0) else {
        return 0.0;
    };
    let most = 1.0 + weights.whole + weights.closest + weights.gist_meaning;
    let second = hits.get(1).map_or(0.0, |hit| hit.score);
    let lead = 1.0 - second / first.score;
    (SCORE * first.score / most + LEAD * lead + WORDS * first.coverage).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn confidence(scores: &[f32], coverage: f32) -> f32 {
        let hit = |score: &f32| RankedFile { file: 0, score: *score, passages: vec![], coverage };
        of(&scores.iter().map(hit).collect::<Vec<_>>(), &Weights::default())
    }

    #[test]
    fn a_file_that_leads_in_everything_is_sure_and_one_of_many_alike_is_not() {
        assert!(confidence(&[2.0, 1.0], 0.9) >= SURE);
        assert!(confidence(&[1.4, 1.35, 1.3], 0.8) < SURE);
        assert!(confidence(&[1.4, 0.7], 0.3) < SURE);
        assert_eq!(confidence(&[], 1.0), 0.0);
        assert_eq!(confidence(&[0.0], 1.0), 0.0);
    }
}
