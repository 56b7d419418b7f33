//! Fusion: one order of files from what their best passages, their whole text and their meaning say.
//!
//! Each score is scaled to its maximum, since their sizes have nothing to do with each other.

use crate::source::{
    index::Index,
    meaning::{self, Meaning, MeaningList, MeaningSum},
    query::Query,
    rank::{PASSAGES_PER_HIT, RankedFile, Weights, role_factor, whole},
};

/// Passages of a project whose meanings are all compared with a question; of a larger one, only those
/// of the likeliest files are.
const MAX_COMPARED: usize = 100_000;

/// The likeliest files of a large project.
const MAX_LIKELY: usize = 2000;

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
    let gists = near(index.gist_meanings());
    let passages = match index.passages().len() {
        0..=MAX_COMPARED => near(index.meanings()),
        _ => {
            keep_likeliest(&mut hits, &whole);
            near_of(index, &asked, &hits)
        }
    };
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

/// Drops the files that words alone rank so low that meaning would not lift them.
fn keep_likeliest(hits: &mut Vec<RankedFile>, whole: &[f32]) {
    if hits.len() <= MAX_LIKELY {
        return;
    }
    let whole = |hit: &RankedFile| whole.get(hit.file as usize).copied().unwrap_or_default();
    let most = maximum(hits.iter().map(|hit| hit.score)).max(f32::EPSILON);
    let most_whole = maximum(hits.iter().map(whole)).max(f32::EPSILON);
    let worth = |hit: &RankedFile| hit.score / most + whole(hit) / most_whole;
    hits.select_nth_unstable_by(MAX_LIKELY, |a, b| worth(b).total_cmp(&worth(a)));
    hits.truncate(MAX_LIKELY);
}

/// How close the passages of some files are to a question; 0 for the others.
fn near_of(index: &Index, asked: &Meaning, hits: &[RankedFile]) -> Vec<f32> {
    let mut near = vec![0.0; index.passages().len()];
    for hit in hits {
        for passage in index.files()[hit.file as usize].passages.clone() {
            near[passage as usize] =
                index.meanings().closeness_of(passage as usize, asked).max(0.0);
        }
    }
    near
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
