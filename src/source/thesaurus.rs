//! Thesaurus: the terms of programs that a word or phrase of everyday speech may mean.
//!
//! Its text is in `concepts.txt`, one concept a line, and `abbreviations.txt`.

use std::{collections::HashMap, sync::LazyLock};

use crate::source::terms;

const CONCEPTS: &str = include_str!("concepts.txt");
const ABBREVIATIONS: &str = include_str!("abbreviations.txt");

/// Words that may stand between the first and the last word of a phrase: `throw old ones away`.
const MAX_PHRASE_GAP: usize = 3;

/// Certainty of a long form for its short form, and the reverse.
const ABBREVIATION_WEIGHT: f32 = 0.85;
/// Certainty of a term for another term of its only concept.
const CONCEPT_WEIGHT: f32 = 0.5;

pub(crate) static THESAURUS: LazyLock<Thesaurus> =
    LazyLock::new(|| Thesaurus::read(CONCEPTS, ABBREVIATIONS));

#[derive(Debug, Default)]
pub(crate) struct Thesaurus {
    /// The terms to search for, by concept.
    concepts: Vec<Vec<String>>,
    /// The concepts of each term.
    by_term: HashMap<String, Vec<usize>>,
    /// Phrases as terms, longest first, with their concepts.
    phrases: Vec<(Vec<String>, usize)>,
    /// The other forms of each short or long form.
    abbreviations: HashMap<String, Vec<String>>,
}

/// A phrase found in a question.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PhraseMatch {
    /// The positions of its words in the question.
    pub words: Vec<usize>,
    pub concept: usize,
}

impl Thesaurus {
    /// Parses the two text files.
    pub(crate) fn read(concepts: &str, abbreviations: &str) -> Self {
        let mut thesaurus = Self::default();
        for line in content_lines(concepts) {
            thesaurus.add_concept(line);
        }
        thesaurus.phrases.sort_by_key(|(phrase, _)| std::cmp::Reverse(phrase.len()));
        for line in content_lines(abbreviations) {
            let forms: Vec<String> =
                line.split_whitespace().map(|form| term(&form.replace('_', ""))).collect();
            for form in &forms {
                let others = forms.iter().filter(|other| *other != form).cloned();
                let known = thesaurus.abbreviations.entry(form.clone()).or_default();
                known.extend(others);
                known.dedup();
            }
        }
        thesaurus
    }

    fn add_concept(&mut self, line: &str) {
        let concept = self.concepts.len();
        let mut members = Vec::new();
        for word in line.split_whitespace() {
            let (word, is_target) = match word.strip_prefix('?') {
                Some(word) => (word, false),
                None => (word, true),
            };
            let parts: Vec<String> = word.split('_').map(term).collect();
            if parts.len() > 1 {
                if is_target {
                    members.push(parts.concat());
                }
                self.phrases.push((parts, concept));
                continue;
            }
            let word = term(word);
            let concepts = self.by_term.entry(word.clone()).or_default();
            if !concepts.contains(&concept) {
                concepts.push(concept);
            }
            if is_target && !members.contains(&word) {
                members.push(word);
            }
        }
        self.concepts.push(members);
    }

    /// The terms to search for, for a concept.
    pub(crate) fn members(&self, concept: usize) -> &[String] {
        self.concepts.get(concept).map_or(&[], Vec::as_slice)
    }

    /// Other terms for a term, each with its certainty from 0 to 1.
    pub(crate) fn related(&self, term: &str) -> Vec<(String, f32)> {
        let mut related: HashMap<&str, f32> = HashMap::new();
        let concepts = self.by_term.get(term).map_or(&[][..], Vec::as_slice);
        // A term of many concepts is less certain for each.
        let weight = CONCEPT_WEIGHT / (concepts.len().max(1) as f32).sqrt();
        for concept in concepts {
            for member in self.members(*concept) {
                let known = related.entry(member).or_default();
                *known = known.max(weight);
            }
        }
        for form in self.abbreviations.get(term).into_iter().flatten() {
            related.insert(form, ABBREVIATION_WEIGHT);
        }
        let mut related: Vec<(String, f32)> = related
            .into_iter()
            .filter(|(other, _)| *other != term)
            .map(|(other, weight)| (other.to_owned(), weight))
            .collect();
        related.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        related
    }

    /// The phrases in a question, which is given as terms. No word belongs to two of them.
    pub(crate) fn phrases(&self, question: &[String]) -> Vec<PhraseMatch> {
        let mut is_taken = vec![false; question.len()];
        let mut matches = Vec::new();
        for (phrase, concept) in &self.phrases {
            for start in 0..question.len() {
                let Some(words) = match_phrase(phrase, question, start) else {
                    continue;
                };
                if words.iter().any(|word| is_taken[*word]) {
                    continue;
                }
                words.iter().for_each(|word| is_taken[*word] = true);
                matches.push(PhraseMatch { words, concept: *concept });
            }
        }
        matches
    }
}

/// The positions of a phrase that starts at `start`. The words of a phrase of two may be apart.
fn match_phrase(phrase: &[String], question: &[String], start: usize) -> Option<Vec<usize>> {
    let (first, rest) = phrase.split_first()?;
    if question.get(start) != Some(first) {
        return None;
    }
    if let [last] = rest {
        let gap = if is_particle(last) { MAX_PHRASE_GAP } else { 0 };
        let end = (start + 1..=start + 1 + gap).find(|at| question.get(*at) == Some(last))?;
        return Some(vec![start, end]);
    }
    let matches =
        rest.iter().enumerate().all(|(at, word)| question.get(start + 1 + at) == Some(word));
    matches.then(|| (start..start + phrase.len()).collect())
}

fn is_particle(word: &str) -> bool {
    matches!(
        word,
        "away"
            | "up"
            | "down"
            | "off"
            | "out"
            | "back"
            | "on"
            | "in"
            | "over"
            | "again"
            | "rid"
            | "through"
            | "together"
            | "ahead"
    )
}

fn term(word: &str) -> String {
    terms::stem(&word.to_lowercase())
}

fn content_lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(question: &str) -> Vec<String> {
        question.split_whitespace().map(term).collect()
    }

    #[test]
    fn everyday_speech_leads_to_words_of_programs() {
        for (said, meant) in [
            ("how long", "timeout"),
            ("throw old entries away", "evict"),
            ("at the same time", "concurrent"),
            ("sign in", "login"),
            ("text into numbers", "parse"),
        ] {
            let matches = THESAURUS.phrases(&terms(said));
            let is_meant = matches
                .iter()
                .any(|found| THESAURUS.members(found.concept).contains(&terms::stem(meant)));
            assert!(is_meant, "{said} does not lead to {meant}");
        }
    }

    #[test]
    fn a_short_form_is_its_long_form() {
        let related = THESAURUS.related("cfg");
        assert!(related.iter().any(|(word, _)| *word == terms::stem("configuration")));
        assert!(THESAURUS.related(&terms::stem("message")).iter().any(|(word, _)| word == "msg"));
    }

    #[test]
    fn a_word_that_only_leads_to_a_concept_is_not_searched_for() {
        let thesaurus = Thesaurus::read("?patience timeout ttl", "");
        let related = thesaurus.related("ttl");
        assert_eq!(related.len(), 1);
        assert_eq!(related[0].0, "timeout");
    }

    #[test]
    fn a_word_of_many_concepts_is_less_sure_of_each() {
        let thesaurus = Thesaurus::read("drop evict\ndrop pixel\nlimit quota", "");
        let weight = |term: &str| thesaurus.related(term)[0].1;
        assert!(weight("drop") < weight("limit"));
    }

    #[test]
    fn no_word_belongs_to_two_phrases() {
        let thesaurus = Thesaurus::read("?how_long timeout\n?long_enough threshold", "");
        let matches = thesaurus.phrases(&terms("how long enough"));
        assert_eq!(matches.len(), 1);
    }
}
