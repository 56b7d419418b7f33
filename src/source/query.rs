//! Queries: a question as weighted clauses.
//!
//! A clause is one thing that is asked for, with all terms that may name it. Synonyms are in one
//! clause and therefore never count twice.

use std::collections::HashSet;

use crate::source::{terms, thesaurus::THESAURUS};

/// One thing that a question asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct QueryClause {
    /// The words of the question, for people.
    pub label: String,
    /// The terms that may name it, with their certainty from 0 to 1; the word's own term is first.
    pub members: Vec<(String, f32)>,
    pub weight: f32,
    /// Whether it is two neighbouring words, tried as one identifier.
    pub is_pair: bool,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Query {
    pub slots: Vec<QueryClause>,
    /// Identifiers as the question spells them.
    pub identifiers: Vec<String>,
    pub wants: WantedRoles,
}

/// The file roles that a question asks for besides sources.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WantedRoles {
    pub tests: bool,
    pub prose: bool,
    pub examples: bool,
    pub data: bool,
}

/// Weight of a word that belongs to the asking.
pub const ASKING_WEIGHT: f32 = 0.2;
const COMMON_WEIGHT: f32 = 0.55;
const PAIR_WEIGHT: f32 = 0.3;
const IDENTIFIER_WEIGHT: f32 = 2.0;
const PHRASE_WEIGHT: f32 = 0.9;
/// Certainty of a concept's terms for a phrase.
const PHRASE_MEMBER_WEIGHT: f32 = 0.6;
/// Clauses of one query; a pasted page gets no more.
const MAX_CLAUSES: usize = 40;

/// Parses a question.
pub fn parse(question: &str) -> Query {
    let raw: Vec<&str> = terms::raw_words(question).collect();
    let lower: Vec<String> = raw.iter().map(|word| word.to_lowercase()).collect();
    let terms: Vec<String> = lower.iter().map(|word| terms::stem(word)).collect();
    let mut query = Query { wants: wants(&lower), ..Query::default() };
    let phrases = THESAURUS.phrases(&terms);
    let in_phrase: HashSet<usize> =
        phrases.iter().flat_map(|found| found.words.iter().copied()).collect();
    for found in &phrases {
        let label: Vec<&str> = found.words.iter().map(|at| raw[*at]).collect();
        let members = THESAURUS.members(found.concept);
        query.push(QueryClause {
            label: label.join(" "),
            members: members.iter().map(|member| (member.clone(), PHRASE_MEMBER_WEIGHT)).collect(),
            weight: PHRASE_WEIGHT,
            is_pair: false,
        });
    }
    let mut seen = HashSet::new();
    for (at, word) in lower.iter().enumerate() {
        let is_telling = !terms::is_stop_word(word) && word.len() > 1;
        if !is_telling || !seen.insert(terms[at].clone()) {
            continue;
        }
        let parts = terms::parts(raw[at]);
        if parts.len() > 1 {
            query.identifiers.push(raw[at].to_owned());
            query.push(QueryClause {
                label: raw[at].to_owned(),
                members: vec![(terms::whole(&parts), 1.0)],
                weight: IDENTIFIER_WEIGHT,
                is_pair: false,
            });
            for part in parts.iter().filter(|part| !terms::is_stop_word(part)) {
                query.push(word_slot(part, &terms::stem(part), 0.3));
            }
            continue;
        }
        let slot = if terms::is_asking_word(word) {
            QueryClause {
                label: word.clone(),
                members: vec![(terms[at].clone(), 1.0)],
                weight: ASKING_WEIGHT,
                is_pair: false,
            }
        } else if in_phrase.contains(&at) {
            QueryClause {
                label: word.clone(),
                members: vec![(terms[at].clone(), 1.0)],
                weight: ASKING_WEIGHT * 2.0,
                is_pair: false,
            }
        } else if terms::is_common_word(word) {
            word_slot(word, &terms[at], COMMON_WEIGHT)
        } else {
            word_slot(word, &terms[at], 1.0)
        };
        query.push(slot);
    }
    add_pairs(&mut query, &lower);
    query
}

fn word_slot(word: &str, term: &str, weight: f32) -> QueryClause {
    let mut members = vec![(term.to_owned(), 1.0)];
    members.extend(terms::agent(word).map(|agent| (agent, 1.0)));
    members.extend(THESAURUS.related(term));
    QueryClause { label: word.to_owned(), members, weight, is_pair: false }
}

/// Adds neighbouring words as identifiers: `rate limit` may be `rate_limit`.
fn add_pairs(query: &mut Query, lower: &[String]) {
    let telling: Vec<&String> = lower.iter().filter(|word| !terms::is_stop_word(word)).collect();
    for pair in telling.windows(2) {
        let parts = [pair[0].clone(), pair[1].clone()];
        query.push(QueryClause {
            label: format!("{} {}", pair[0], pair[1]),
            members: vec![(terms::whole(&parts), 1.0)],
            weight: PAIR_WEIGHT,
            is_pair: true,
        });
    }
}

fn wants(lower: &[String]) -> WantedRoles {
    let has = |words: &[&str]| lower.iter().any(|word| words.contains(&word.as_str()));
    // `how can tests skip the login?` asks for what tests use, not for tests.
    let lets_tests_do = lower.windows(2).any(|pair| {
        let opens = ["can", "do", "should", "let", "lets", "help", "could", "for", "in", "during"];
        opens.contains(&pair[0].as_str()) && pair[1].starts_with("test")
    });
    WantedRoles {
        tests: !lets_tests_do
            && has(&["test", "tests", "tested", "testing", "benchmark", "benchmarks"]),
        prose: has(&[
            "readme",
            "documentation",
            "documented",
            "docs",
            "changelog",
            "license",
            "guide",
            "tutorial",
        ]),
        examples: has(&["example", "examples", "demo", "sample"]),
        data: has(&[
            "config",
            "configuration",
            "dependencies",
            "dependency",
            "manifest",
            "toml",
            "json",
            "yaml",
            "ci",
        ]),
    }
}

impl Query {
    fn push(&mut self, slot: QueryClause) {
        if self.slots.len() < MAX_CLAUSES && !slot.members.is_empty() {
            self.slots.push(slot);
        }
    }

    /// Whether nothing but the asking is left.
    pub fn is_empty(&self) -> bool {
        !self.slots.iter().any(|slot| slot.weight > PAIR_WEIGHT)
    }

    /// Adds the clauses of the question before, at a share of their weight.
    pub fn add_earlier(&mut self, earlier: &Self, share: f32) {
        let known: HashSet<String> = self.slots.iter().map(|slot| slot.label.clone()).collect();
        for slot in earlier.slots.iter().filter(|slot| !known.contains(&slot.label)) {
            let mut slot = slot.clone();
            slot.weight *= share;
            self.push(slot);
        }
        for identifier in &earlier.identifiers {
            if !self.identifiers.contains(identifier) {
                self.identifiers.push(identifier.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot<'a>(query: &'a Query, label: &str) -> Option<&'a QueryClause> {
        query.slots.iter().find(|slot| slot.label == label)
    }

    #[test]
    fn words_that_only_ask_weigh_little() {
        let query = parse("where is the retry implemented?");
        let retry = slot(&query, "retry").unwrap();
        let asking = slot(&query, "implemented").unwrap();
        assert!(asking.weight < retry.weight);
        assert!(parse("how does it work").is_empty());
    }

    #[test]
    fn a_phrase_asks_for_its_concept() {
        let query = parse("how long do we wait for an answer");
        let phrase = slot(&query, "how long").unwrap();
        assert!(phrase.members.iter().any(|(term, _)| *term == terms::stem("timeout")));
    }

    #[test]
    fn an_identifier_is_searched_whole_and_in_parts() {
        let query = parse("what does spawn_blocking do");
        assert_eq!(query.identifiers, ["spawn_blocking"]);
        assert_eq!(slot(&query, "spawn_blocking").unwrap().members[0].0, "spawnblock");
        assert!(slot(&query, "spawn").is_some());
    }

    #[test]
    fn neighbours_are_tried_as_one_identifier() {
        let query = parse("the cookie jars of users");
        assert!(
            slot(&query, "cookie jars").unwrap().members.contains(&("cookiejar".to_owned(), 1.0))
        );
    }

    #[test]
    fn a_question_about_tests_wants_tests() {
        assert!(parse("where is retry tested?").wants.tests);
        assert!(!parse("where is retry done?").wants.tests);
    }

    #[test]
    fn a_follow_up_keeps_what_was_asked_before() {
        let mut query = parse("where is it tested?");
        query.add_earlier(&parse("how does the retry work?"), 0.5);
        assert!(slot(&query, "retry").is_some());
        assert!(query.wants.tests);
    }
}
