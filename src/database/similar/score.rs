//! Similarity of two questions, by the stems of their words in any order. Pure.
//!
//! In doubt two questions are not similar: a false suggestion disturbs more than a missing one.

use std::collections::BTreeSet;

use crate::source::terms::{is_stop_word, stem};

/// Words of a question that count. A longer one quotes a text.
const MAX_WORDS: usize = 32;

/// Share of all words that both questions must have.
const MIN_SHARED: f64 = 0.6;

/// Where the other question says more: share of the typed words that it must have, and share of
/// all words.
const MIN_TYPED: f64 = 0.8;
const MIN_SHARED_BY_LONGER: f64 = 0.4;

/// Words that decide between questions which share one word alone.
const INTERROGATIVES: [&str; 8] = ["how", "what", "when", "where", "which", "who", "whose", "why"];

/// Words of asking that say nothing about the subject.
const FILLERS: [&str; 14] = [
    "about", "actually", "code", "explain", "find", "give", "happen", "happens", "please",
    "project", "show", "tell", "work", "works",
];

/// Shortest prefix by which a word is searched, in characters.
const MIN_PREFIX: usize = 3;

/// The words of a question that tell its subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct QuestionTerms {
    stems: BTreeSet<String>,
    /// A last word that is still being typed.
    unfinished: Option<String>,
    /// What all forms of its words begin with.
    prefixes: BTreeSet<String>,
    interrogative: Option<&'static str>,
}

impl QuestionTerms {
    /// A question that is being typed: its last word may be the beginning of one.
    pub(crate) fn typed(text: &str) -> Self {
        let mut question = Self::asked(text);
        let is_open = text.chars().next_back().is_some_and(char::is_alphanumeric);
        let last = words(text).last().filter(|_| is_open);
        question.unfinished = last.filter(|word| question.stems.remove(&stem(word)));
        question
    }

    pub(crate) fn asked(text: &str) -> Self {
        let mut interrogative = None;
        let (mut stems, mut prefixes) = (BTreeSet::new(), BTreeSet::new());
        for word in words(text) {
            if let Some(found) = INTERROGATIVES.iter().find(|it| **it == word) {
                interrogative = interrogative.or(Some(*found));
            } else if !is_stop_word(&word) && !FILLERS.contains(&word.as_str()) {
                if stems.len() == MAX_WORDS {
                    break;
                }
                let stem = stem(&word);
                prefixes.extend(prefixes_of(&word, &stem));
                stems.insert(stem);
            }
        }
        Self { stems, unfinished: None, prefixes, interrogative }
    }

    /// A MATCH expression for any of its words in any form. `None` where it has none.
    pub(super) fn query(&self) -> Option<String> {
        let any: Vec<_> = self.prefixes.iter().map(|it| format!("\"{it}\"*")).collect();
        (!any.is_empty()).then(|| any.join(" OR "))
    }

    /// How similar `other`, which was asked, is to this one: above 0, up to 1. `None` where it asks
    /// something else.
    pub(crate) fn similarity(&self, other: &Self) -> Option<f64> {
        let has_unfinished = self.unfinished.as_ref().is_some_and(|unfinished| {
            let is_it =
                |it: &&String| it.starts_with(unfinished.as_str()) || **it == stem(unfinished);
            other.stems.difference(&self.stems).any(|it| is_it(&it))
        });
        let common = self.stems.intersection(&other.stems).count() + usize::from(has_unfinished);
        let typed = self.stems.len() + usize::from(self.unfinished.is_some());
        if common == 0 {
            return None;
        }
        let all = typed + other.stems.len() - common;
        let (shared, of_typed) = (common as f64 / all as f64, common as f64 / typed as f64);
        let is_close = match common {
            1 => all == 1 && self.interrogative == other.interrogative,
            _ => shared >= MIN_SHARED || (of_typed >= MIN_TYPED && shared >= MIN_SHARED_BY_LONGER),
        };
        is_close.then_some(shared)
    }
}

/// The words of a text in lower case.
fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|it| !it.is_empty()).map(str::to_lowercase)
}

/// The common prefix of a word and its stem, with which all its forms begin; both where that is too
/// short.
fn prefixes_of(word: &str, stem: &str) -> Vec<String> {
    let common = word.chars().zip(stem.chars()).take_while(|(one, other)| one == other);
    let prefix: String = common.map(|(c, _)| c).collect();
    // *queries* are a *query*.
    let prefix = prefix.trim_end_matches(['i', 'y']).to_owned();
    if prefix.chars().count() >= MIN_PREFIX || word == stem {
        return vec![prefix];
    }
    vec![word.to_owned(), stem.to_owned()]
}

#[cfg(test)]
mod tests;
