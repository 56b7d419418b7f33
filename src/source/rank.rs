//! Ranking: the files that match a query best, with their best passages.
//!
//! BM25F scores passages by their fields, and files by their gist: path, head comment and outline.
//! The score of a file combines its best passages, its gist, and how often other files mention what
//! it defines. [`fusion`] adds the words of the whole file and its meaning, and weighs its role.

use std::collections::{HashMap, HashSet};

use crate::source::{
    file_role::FileRole,
    index::{Index, IndexedFile},
    query::{ASKING_WEIGHT, Query, QueryClause, WantedRoles},
    terms,
};

/// Parameters of the ranking. The defaults were tuned on one set of questions and checked on another.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weights {
    /// Worth of a word in text, comments, names defined, names enclosing.
    pub fields: [f32; 4],
    /// Worth of a word in the file's name, its folders, its head comment, its outline.
    pub heads: [f32; 4],
    /// Worth of a file whose whole name is asked for.
    pub named: f32,
    /// Worth of a file that defines an identifier that the question spells out.
    pub spelled: f32,
    /// Share of the gist in a file's score.
    pub gist: f32,
    /// How much long gists are held back.
    pub gist_b: f32,
    /// How fast a repeated word stops to count.
    pub k1: f32,
    /// How much long passages are held back.
    pub passage_b: f32,
    /// Share of the best passage in a file's score.
    pub best_passage: f32,
    /// Share of each of the next best ones.
    pub next_passages: f32,
    /// Power of the share of clauses that a place has.
    pub coverage: f32,
    /// Worth of a well known file.
    pub renown: f32,
    /// Share of synonyms besides the best one.
    pub others: f32,
    /// The rarest that a word counts as, in places.
    pub min_places: f32,
    /// Factors of tests, examples, prose, data, foreign files.
    pub roles: [f32; 5],
    /// Factor of a synonym's certainty.
    pub synonyms: f32,
    /// How much a synonym is held back by how common all synonyms of its clause are, 0 to 1.
    pub vague: f32,
    /// Factor of synonyms of a word that the project never uses.
    pub unsaid: f32,
    /// How much files of many passages are held back, which have more chances of a good one.
    pub size: f32,
    /// Share of the whole file's words, beside 1 for its best passages and its gist.
    pub whole: f32,
    /// How fast a repeated word stops to count in a whole file.
    pub whole_k1: f32,
    /// How much long files are held back.
    pub whole_b: f32,
    /// Share of the closest passage in meaning.
    pub closest: f32,
    /// Share of the closeness of the gist.
    pub gist_meaning: f32,
    /// Share of meaning in the order of a file's passages.
    pub passage_meaning: f32,
}

impl Default for Weights {
    fn default() -> Self {
        Self {
            fields: [1.0, 0.85, 0.6, 0.75],
            heads: [4.0, 1.5, 1.2, 1.0],
            named: 0.45,
            spelled: 0.5,
            gist: 0.9,
            gist_b: 0.4,
            k1: 1.3,
            passage_b: 0.9,
            best_passage: 0.4,
            next_passages: 0.4,
            coverage: 1.05,
            renown: 0.005,
            others: 0.7,
            min_places: 3.5,
            roles: [0.35, 0.5, 0.5, 0.5, 0.3],
            synonyms: 1.3,
            vague: 0.3,
            unsaid: 1.5,
            size: 0.05,
            whole: 0.5,
            whole_k1: 0.7,
            whole_b: 0.75,
            closest: 0.3,
            gist_meaning: 0.25,
            passage_meaning: 0.3,
        }
    }
}

/// A file that matches a query.
#[derive(Debug, Clone, PartialEq)]
pub struct RankedFile {
    /// The file.
    pub file: u32,
    /// Comparable only within one ranking.
    pub score: f32,
    /// The best passages with their scores, best first.
    pub passages: Vec<(u32, f32)>,
    /// The share of the query's weight that the file has, from 0 to 1.
    pub coverage: f32,
}

const PASSAGES_PER_HIT: usize = 4;

pub(crate) mod confidence;
mod fusion;
pub(crate) mod place;
mod whole;

/// The files that match a query, best first.
pub(crate) fn rank(index: &Index, query: &Query, weights: &Weights) -> Vec<RankedFile> {
    let query = &without_own_name(index, query);
    let mut scorer = Scorer::new(index, weights);
    for clause in &query.clauses {
        scorer.add(clause);
    }
    let lexical = scorer.finish(query);
    fusion::fuse(index, query, weights, lexical)
}

/// The query in which the project's own name weighs little, unless nothing else is asked for: it tells
/// no file from another.
fn without_own_name(index: &Index, query: &Query) -> Query {
    // In a group, its members' names tell their files from those of the others.
    let dir = index.roots().first().file_name().filter(|_| !index.roots().is_group());
    let name = dir.unwrap_or_default().to_string_lossy();
    let own: Vec<String> = terms::raw_words(&name).flat_map(terms::terms_of_word).collect();
    let is_own =
        |clause: &QueryClause| clause.members.first().is_some_and(|(term, _)| own.contains(term));
    let mut query = query.clone();
    if query.clauses.iter().any(|clause| !is_own(clause) && clause.weight >= 1.0) {
        let named = query.clauses.iter_mut().filter(|clause| is_own(clause));
        named.for_each(|clause| clause.weight = clause.weight.min(ASKING_WEIGHT));
    }
    query
}

/// See [`Scorer::vagueness`].
struct Vagueness {
    passage_idf: f32,
    gist_idf: f32,
}

struct Scorer<'a> {
    index: &'a Index,
    weights: &'a Weights,
    mean_passage: f32,
    passages: Vec<f32>,
    passage_cover: Vec<f32>,
    file_cover: Vec<f32>,
    /// Of the clause at hand.
    clause_passages: HashMap<u32, (f32, f32)>,
    clause_files: HashSet<u32>,
    clause_gists: HashMap<u32, (f32, f32)>,
    clause_names: HashMap<u32, f32>,
    mean_gist: f32,
    gists: Vec<f32>,
    /// How many words of a file's name are asked for.
    names: Vec<f32>,
    total_cover: f32,
}

impl<'a> Scorer<'a> {
    fn new(index: &'a Index, weights: &'a Weights) -> Self {
        let n_passages = index.passages().len();
        let n_files = index.files().len();
        let words: u64 = index.files().iter().map(|file| u64::from(file.length)).sum();
        let gist_words: u64 = index.files().iter().map(|file| u64::from(file.gist_length)).sum();
        Self {
            index,
            weights,
            mean_passage: words as f32 / n_passages.max(1) as f32,
            passages: vec![0.0; n_passages],
            passage_cover: vec![0.0; n_passages],
            file_cover: vec![0.0; n_files],
            clause_passages: HashMap::new(),
            clause_files: HashSet::new(),
            clause_gists: HashMap::new(),
            mean_gist: gist_words as f32 / n_files.max(1) as f32,
            gists: vec![0.0; n_files],
            names: vec![0.0; n_files],
            clause_names: HashMap::new(),
            total_cover: 0.0,
        }
    }

    /// How common the synonyms of a clause are together, in passages and in files. A clause that
    /// could mean anything is named everywhere and so tells little.
    fn vagueness(&mut self, clause: &QueryClause) -> Vagueness {
        let mut in_passages: HashSet<u32> = HashSet::new();
        let mut in_gists: HashSet<u32> = HashSet::new();
        for (term, _) in clause.members.iter().filter(|(_, certainty)| *certainty < 1.0) {
            let Some(term) = self.index.term(term) else {
                continue;
            };
            for posting in self.index.postings(term) {
                in_passages.insert(posting.passage);
            }
            in_gists.extend(self.index.file_postings(term).iter().map(|posting| posting.file));
        }
        let n_files = self.index.files().len() as f32;
        let n_passages = self.index.passages().len() as f32;
        let least = self.weights.min_places;
        Vagueness {
            passage_idf: idf(in_passages.len() as f32, n_passages, least),
            gist_idf: idf(in_gists.len() as f32, n_files, least),
        }
    }

    /// The worth of a term, held back by how vague its clause is when it is only a synonym.
    fn worth(&self, own: f32, clause: f32, certainty: f32) -> f32 {
        if certainty >= 1.0 {
            return own;
        }
        let vague = self.weights.vague;
        certainty * self.weights.synonyms * (vague * clause.min(own) + (1.0 - vague) * own)
    }

    fn add(&mut self, clause: &QueryClause) {
        self.clause_passages.clear();
        self.clause_files.clear();
        self.clause_gists.clear();
        self.clause_names.clear();
        let vagueness = self.vagueness(clause);
        let own = clause.members.first().and_then(|(term, _)| self.index.term(term));
        let is_said = own.is_some_and(|term| !self.index.postings(term).is_empty());
        let has_own = clause.members.first().is_some_and(|(_, certainty)| *certainty >= 1.0);
        let lift = if has_own && !is_said { self.weights.unsaid } else { 1.0 };
        for (term, certainty) in &clause.members {
            let certainty = &(certainty * if *certainty < 1.0 { lift } else { 1.0 }).min(1.0);
            if let Some(term) = self.index.term(term) {
                self.add_term(term, *certainty, &vagueness);
                self.add_gist(term, *certainty, &vagueness);
            }
        }
        // A clause that nothing names is no reason to hold a place back, yet says that the
        // question is not quite about this project.
        let cover = if self.clause_files.is_empty() { 0.3 } else { 1.0 } * clause.weight;
        self.total_cover += cover;
        for (passage, (best, sum)) in &self.clause_passages {
            let score = best + self.weights.others * (sum - best);
            self.passages[*passage as usize] += clause.weight * score;
            self.passage_cover[*passage as usize] += clause.weight;
        }
        for (file, (best, sum)) in &self.clause_gists {
            let score = best + self.weights.others * (sum - best);
            self.gists[*file as usize] += clause.weight * score;
        }
        for (file, certainty) in &self.clause_names {
            self.names[*file as usize] += clause.weight.min(1.0) * certainty;
        }
        for file in &self.clause_files {
            self.file_cover[*file as usize] += clause.weight;
        }
    }

    fn add_gist(&mut self, term: u32, certainty: f32, vagueness: &Vagueness) {
        let weights = self.weights;
        let postings = self.index.file_postings(term);
        let n_files = self.index.files().len() as f32;
        let own = idf(postings.len() as f32, n_files, weights.min_places);
        let worth = self.worth(own, vagueness.gist_idf, certainty);
        for posting in postings {
            let length = self.index.files()[posting.file as usize].gist_length as f32;
            let norm = norm(length, self.mean_gist, weights.gist_b);
            let frequency = weigh(posting.counts, weights.heads);
            let score = worth * saturate(frequency / norm, weights.k1);
            raise(&mut self.clause_gists, posting.file, score);
            if posting.counts[0] > 0 {
                let known = self.clause_names.entry(posting.file).or_default();
                *known = known.max(certainty);
            }
        }
    }

    fn add_term(&mut self, term: u32, certainty: f32, vagueness: &Vagueness) {
        let weights = self.weights;
        let postings = self.index.postings(term);
        let n_passages = self.index.passages().len() as f32;
        let own = idf(postings.len() as f32, n_passages, weights.min_places);
        let worth = self.worth(own, vagueness.passage_idf, certainty);
        for posting in postings {
            let entry = self.index.passages()[posting.passage as usize];
            let frequency = weigh(posting.counts, weights.fields);
            let norm = norm(entry.length as f32, self.mean_passage, weights.passage_b);
            let score = worth * saturate(frequency / norm, weights.k1);
            raise(&mut self.clause_passages, posting.passage, score);
            self.clause_files.insert(entry.file);
        }
        self.clause_files.extend(self.index.file_postings(term).iter().map(|posting| posting.file));
    }

    fn finish(self, query: &Query) -> Vec<RankedFile> {
        let total = self.total_cover.max(f32::EPSILON);
        let spelled: HashSet<u32> = query
            .identifiers
            .iter()
            .filter(|_| !query.wants.tests)
            .flat_map(|identifier| self.index.defined(identifier))
            .map(|(file, _)| file)
            .collect();
        let mut hits = Vec::new();
        for (file, entry) in self.index.files().iter().enumerate() {
            if !entry.is_alive || self.file_cover[file] <= 0.0 {
                continue;
            }
            let is_test = |passage: u32| {
                let start = self.index.passages()[passage as usize].start;
                start >= entry.tests_start && !query.wants.tests
            };
            let mut passages: Vec<(u32, f32)> = entry
                .passages
                .clone()
                .filter(|passage| self.passages[*passage as usize] > 0.0)
                .map(|passage| {
                    let cover = (self.passage_cover[passage as usize] / total).min(1.0);
                    let score = self.passages[passage as usize] * cover.powf(self.weights.coverage);
                    let factor = if is_test(passage) { self.weights.roles[0] } else { 1.0 };
                    (passage, score * factor)
                })
                .collect();
            passages.sort_by(|a, b| b.1.total_cmp(&a.1));
            passages.truncate(PASSAGES_PER_HIT);
            let best = passages.first().map_or(0.0, |(_, score)| *score);
            let next: f32 = passages.iter().skip(1).map(|(_, score)| *score).sum();
            let cover = (self.file_cover[file] / total).min(1.0);
            let named = (self.names[file] / entry.n_name_words.max(1) as f32).min(1.0);
            let score = (self.weights.best_passage * best
                + self.weights.next_passages * next
                + self.weights.gist * self.gists[file])
                * (1.0 + self.weights.renown * entry.renown)
                * (1.0 + self.weights.named * named)
                / (1.0 + self.weights.size * (entry.passages.len().max(1) as f32).ln())
                * if spelled.contains(&(file as u32)) { 1.0 + self.weights.spelled } else { 1.0 };
            hits.push(RankedFile { file: file as u32, score, passages, coverage: cover });
        }
        hits
    }
}

fn raise(scores: &mut HashMap<u32, (f32, f32)>, key: u32, score: f32) {
    let (best, sum) = scores.entry(key).or_default();
    *best = best.max(score);
    *sum += score;
}

fn weigh<const N: usize>(counts: [u8; N], weights: [f32; N]) -> f32 {
    counts.iter().zip(weights).map(|(count, weight)| f32::from(*count) * weight).sum()
}

fn idf(n_with: f32, n_all: f32, min_places: f32) -> f32 {
    // In a project of a few files a word of one file is nothing special yet tells them apart.
    let n_with = n_with.max(min_places.min(n_all / 50.0)).min(n_all);
    (1.0 + (n_all - n_with + 0.5) / (n_with + 0.5)).ln()
}

fn norm(length: f32, mean: f32, b: f32) -> f32 {
    1.0 - b + b * length / mean.max(1.0)
}

fn saturate(frequency: f32, k1: f32) -> f32 {
    frequency * (k1 + 1.0) / (frequency + k1)
}

fn role_factor(entry: &IndexedFile, wants: WantedRoles, weights: &Weights) -> f32 {
    let [test, example, prose, data, foreign] = weights.roles;
    let is_manifest = !entry.language.is_code() && wants.data;
    match entry.role {
        FileRole::Source if wants.tests => 0.6,
        FileRole::Source => 1.0,
        FileRole::Test if wants.tests => 1.2,
        FileRole::Test => test,
        FileRole::Example if wants.examples => 1.2,
        FileRole::Example => example,
        FileRole::Prose if wants.prose => 1.2,
        FileRole::Prose => prose,
        FileRole::Data if is_manifest => 1.0,
        FileRole::Data => data,
        FileRole::Foreign => foreign,
    }
}

#[cfg(test)]
mod tests;
