//! Whether two questions ask much the same: by the words that carry them, without grammar, in any
//! order. Pure. Errs on the side of saying no, for whoever types wants no noise.

use std::collections::BTreeSet;

use crate::source::terms::{is_stop_word, stem};

/// Words of a question that count at most. What is longer holds a text to be looked at.
const MAX_WORDS: usize = 32;

/// Of the words of both questions, the share that both have.
const SHARED: f64 = 0.6;

/// Of the words that were typed, the share that the other question has, where it says more.
const TYPED: f64 = 0.8;
const SHARED_BY_LONGER: f64 = 0.4;

/// What a question asks for: two questions that differ in it are not the same in one word.
const INTERROGATIVES: [&str; 8] = ["how", "what", "when", "where", "which", "who", "whose", "why"];

/// Words of asking that say nothing about what is asked for.
const ASKING: [&str; 14] = [
    "about", "actually", "code", "explain", "find", "give", "happen", "happens", "please",
    "project", "show", "tell", "work", "works",
];

/// Characters with which a word is looked for at least, where not all of it is.
const SHORTEST_BEGINNING: usize = 3;

/// What a question is carried by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuestionTerms {
    /// The stems of its words.
    stems: BTreeSet<String>,
    /// A last word that may still grow, as it is typed.
    open: Option<String>,
    /// What its words begin with, in whatever form.
    beginnings: BTreeSet<String>,
    interrogative: Option<&'static str>,
}

impl QuestionTerms {
    /// A question that is being typed: its last word may be the beginning of one.
    pub fn typed(text: &str) -> Self {
        let mut question = Self::asked(text);
        let is_open = text.chars().next_back().is_some_and(char::is_alphanumeric);
        let last = words(text).last().filter(|_| is_open);
        question.open = last.filter(|word| question.stems.remove(&stem(word)));
        question
    }

    /// A question that was asked.
    pub fn asked(text: &str) -> Self {
        let mut interrogative = None;
        let (mut stems, mut beginnings) = (BTreeSet::new(), BTreeSet::new());
        for word in words(text) {
            if let Some(found) = INTERROGATIVES.iter().find(|it| **it == word) {
                interrogative = interrogative.or(Some(*found));
            } else if !is_stop_word(&word) && !ASKING.contains(&word.as_str()) {
                if stems.len() == MAX_WORDS {
                    break;
                }
                let stem = stem(&word);
                beginnings.extend(begins_with(&word, &stem));
                stems.insert(stem);
            }
        }
        Self { stems, open: None, beginnings, interrogative }
    }

    /// Any of its words in any form, in the language of the index. `None` where there is none to
    /// look for.
    pub(super) fn query(&self) -> Option<String> {
        let any: Vec<_> = self.beginnings.iter().map(|it| format!("\"{it}\"*")).collect();
        (!any.is_empty()).then(|| any.join(" OR "))
    }

    /// How close `other`, which was asked, is to this one, up to 1; `None` where it asks for
    /// something else.
    pub fn similarity(&self, other: &Self) -> Option<f64> {
        let open = self.open.as_ref().is_some_and(|open| {
            let is_it = |it: &&String| it.starts_with(open.as_str()) || **it == stem(open);
            other.stems.difference(&self.stems).any(|it| is_it(&it))
        });
        let common = self.stems.intersection(&other.stems).count() + usize::from(open);
        let typed = self.stems.len() + usize::from(self.open.is_some());
        if common == 0 {
            return None;
        }
        let all = typed + other.stems.len() - common;
        let (shared, of_typed) = (common as f64 / all as f64, common as f64 / typed as f64);
        let is_close = match common {
            1 => all == 1 && self.interrogative == other.interrogative,
            _ => shared >= SHARED || (of_typed >= TYPED && shared >= SHARED_BY_LONGER),
        };
        is_close.then_some(shared)
    }
}

/// The words of a text, in small letters.
fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|it| !it.is_empty()).map(str::to_lowercase)
}

/// What a word has in common with its stem, with which all its forms begin; both where that is
/// too little.
fn begins_with(word: &str, stem: &str) -> Vec<String> {
    let common = word.chars().zip(stem.chars()).take_while(|(one, other)| one == other);
    let beginning: String = common.map(|(c, _)| c).collect();
    // *queries* are a *query*.
    let beginning = beginning.trim_end_matches(['i', 'y']).to_owned();
    if beginning.chars().count() >= SHORTEST_BEGINNING || word == stem {
        return vec![beginning];
    }
    vec![word.to_owned(), stem.to_owned()]
}

#[cfg(test)]
mod tests;
