//! Feedback: what the first places found say besides the words of the question is likely to be
//! what the project calls the matter. Such words are searched for as well, at a lower weight.

use std::collections::{HashMap, HashSet};

use crate::guide::search::{
    index::Index,
    query::{Query, Slot},
    rank::Hit,
    role::Role,
    words,
};

/// Places that are learned from.
const PLACES: usize = 8;
/// Words that are learned.
const LEARNED: usize = 10;
/// A word counts as often as this in one place.
const MAX_COUNT: f32 = 3.0;

/// The query with the words that its best places have in common, each at most at `weight`.
pub fn widen(index: &Index, query: &Query, hits: &[Hit], weight: f32) -> Query {
    let asked: HashSet<&str> = query
        .slots
        .iter()
        .flat_map(|slot| slot.members.iter().map(|(term, _)| term.as_str()))
        .collect();
    let best_score = hits.first().map_or(1.0, |hit| hit.score.max(f32::EPSILON));
    let mut worth: HashMap<String, (f32, u32)> = HashMap::new();
    let sources = hits.iter().filter(|hit| index.files()[hit.file as usize].role == Role::Source);
    for hit in sources.take(PLACES) {
        let Some((passage, _)) = hit.passages.first() else {
            continue;
        };
        for (term, count) in terms_of(index, hit.file, *passage) {
            let share = hit.score / best_score;
            let (sum, n_places) = worth.entry(term).or_default();
            *sum += share * count.min(MAX_COUNT);
            *n_places += 1;
        }
    }
    let n_passages = index.passages().len() as f32;
    let mut learned: Vec<(String, f32)> = worth
        .into_iter()
        .filter(|(term, (_, n_places))| {
            *n_places >= 2 && !asked.contains(term.as_str()) && term.len() > 2
        })
        .filter_map(|(term, (sum, _))| {
            let n_with = index.postings(index.term(&term)?).len() as f32;
            Some((term, sum * (1.0 + n_passages / (1.0 + n_with)).ln()))
        })
        .collect();
    learned.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    learned.truncate(LEARNED);
    let most = learned.first().map_or(1.0, |(_, worth)| *worth);
    let mut query = query.clone();
    query.slots.extend(learned.into_iter().map(|(term, worth)| Slot {
        label: term.clone(),
        members: vec![(term, 1.0)],
        weight: weight * worth / most,
        is_pair: false,
    }));
    query
}

fn terms_of(index: &Index, file: u32, passage: u32) -> HashMap<String, f32> {
    let entry = index.passages()[passage as usize];
    let mut counts: HashMap<String, f32> = HashMap::new();
    let Some(text) = index.text(file) else {
        return counts;
    };
    let n_lines = (entry.end + 1 - entry.start) as usize;
    for line in text.lines().skip(entry.start as usize - 1).take(n_lines) {
        for word in words::raw_words(line) {
            for term in words::terms_of_word(word) {
                *counts.entry(term).or_default() += 1.0;
            }
        }
    }
    counts
}
