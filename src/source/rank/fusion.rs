//! Fusion: one order of files from what their best passages, their whole text and their meaning say.
//!
//! Each score is scaled to its maximum, since their sizes have nothing to do with each other.

use crate::source::{
    index::Index,
    meaning::{self, Meaning, MeaningList, MeaningSum},
    query::Query,
    rank::{PASSAGES_PER_HIT, RankedFile, Weights, role_factor, whole},
};

/// Orders files that were scored by their passages and gists.
pub(super) fn fuse(
    index: &Index,
    query: &Query,
    weights: &Weights,
    mut hits: Vec<RankedFile>,
) -> Vec<RankedFile> {
    let whole = whole::scores(index, query, weights);
    let asked = meaning_of(query);
    let near = |list: &MeaningList| -> Vec<f32> {
        list.closeness(&asked).map(|close| close.max(0.0)).collect()
    };
    let (passages, gists) = (near(index.meanings()), near(index.gist_meanings()));
    let closest: Vec<f32> = index
        .files()
        .iter()
        .map(|file| {
            let range = file.passages.start as usize..file.passages.end as usize;
            maximum(passages[range].iter().copied())
        })
        .collect();
    let roles: Vec<f32> = index
        .files()
        .iter()
        .map(|file| if file.is_alive { role_factor(file, query.wants, weights) } else { 0.0 })
        .collect();
    let scaled = |scores: &[f32]| {
        let weighed: Vec<f32> =
            scores.iter().zip(&roles).map(|(score, role)| score * role).collect();
        let most = maximum(weighed.iter().copied()).max(f32::EPSILON);
        weighed.into_iter().map(|score| score / most).collect::<Vec<f32>>()
    };
    let (whole, closest, gists) = (scaled(&whole), scaled(&closest), scaled(&gists));
    let most = maximum(hits.iter().map(|hit| hit.score * roles[hit.file as usize]));
    let most_passage = maximum(hits.iter().filter_map(|hit| Some(hit.passages.first()?.1)));
    let most_near = maximum(passages.iter().copied()).max(f32::EPSILON);
    for hit in &mut hits {
        let file = hit.file as usize;
        hit.score = hit.score * roles[file] / most.max(f32::EPSILON)
            + weights.whole * whole[file]
            + weights.closest * closest[file]
            + weights.gist_meaning * gists[file];
        for (passage, score) in &mut hit.passages {
            *score = *score / most_passage.max(f32::EPSILON)
                + weights.passage_meaning * passages[*passage as usize] / most_near;
        }
        hit.passages.sort_by(|a, b| b.1.total_cmp(&a.1));
        hit.passages.truncate(PASSAGES_PER_HIT);
    }
    hits.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.file.cmp(&b.file)));
    hits
}

/// The meaning of a question's own words.
pub(super) fn meaning_of(query: &Query) -> Meaning {
    let mut sum = MeaningSum::new();
    for clause in query.clauses.iter().filter(|clause| !clause.is_pair) {
        let own = clause.members.first().filter(|(_, certainty)| *certainty >= 1.0);
        let row = own.and_then(|(term, _)| meaning::row(term));
        row.into_iter().for_each(|row| sum.add(row, clause.weight));
    }
    sum.meaning()
}

fn maximum(scores: impl Iterator<Item = f32>) -> f32 {
    scores.fold(0.0, f32::max)
}
