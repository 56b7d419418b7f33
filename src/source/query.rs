//! Queries: a question as weighted clauses.
//!
//! A clause is one thing that is asked for, with all terms that may name it. Synonyms are in one
//! clause and therefore never count twice.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::source::{
    terms,
    thesaurus::{PhraseMatch, THESAURUS},
};

/// One thing that a question asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct QueryClause {
    /// The words of the question, for people.
    pub label: String,
    /// The terms that may name it, with their certainty from 0 to 1; the word's own term is first.
    pub members: Vec<(String, f32)>,
    pub weight: f32,
    /// Whether it is two neighbouring words, tried as one identifier.
    pub is_pair: bool,
}

/// A question as clauses to search for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Query {
    pub(crate) clauses: Vec<QueryClause>,
    /// Identifiers as the question spells them.
    pub(crate) identifiers: Vec<String>,
    pub(crate) wants: WantedRoles,
    /// Whether it asks how something goes on, which the steps along the calls answer.
    pub(crate) wants_steps: bool,
    /// Whether it asks for a number or a limit, which a constant answers.
    pub(crate) wants_value: bool,
    /// Whether it asks why, which the words of a place seldom answer.
    pub(crate) wants_reason: bool,
}

/// The file roles that a question asks for besides sources.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WantedRoles {
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
const PART_WEIGHT: f32 = 0.3;
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
    let mut query = Query {
        wants: wants(&lower),
        wants_steps: wants_steps(&lower),
        wants_value: wants_value(&lower),
        wants_reason: lower.iter().any(|word| word == "why"),
        ..Query::default()
    };
    let phrases = THESAURUS.phrases(&terms);
    let in_phrase: HashSet<usize> =
        phrases.iter().flat_map(|found| found.words.iter().copied()).collect();
    for phrase in &phrases {
        query.push(phrase_clause(phrase, &raw));
    }
    let mut seen = HashSet::new();
    for (at, word) in lower.iter().enumerate() {
        let is_telling = !terms::is_stop_word(word) && word.len() > 1;
        if !is_telling || !seen.insert(terms[at].clone()) {
            continue;
        }
        let parts = terms::parts(raw[at]);
        if parts.len() > 1 {
            query.push_identifier(raw[at], &parts);
        } else if terms::is_asking_word(word) {
            query.push(plain_clause(word, &terms[at], ASKING_WEIGHT));
        } else if in_phrase.contains(&at) {
            query.push(plain_clause(word, &terms[at], ASKING_WEIGHT * 2.0));
        } else {
            let weight = if terms::is_common_word(word) { COMMON_WEIGHT } else { 1.0 };
            query.push(word_clause(word, &terms[at], weight));
        }
    }
    add_pairs(&mut query, &lower);
    query
}

fn phrase_clause(phrase: &PhraseMatch, words: &[&str]) -> QueryClause {
    let label: Vec<&str> = phrase.words.iter().map(|at| words[*at]).collect();
    let members = THESAURUS.members(phrase.concept).iter();
    QueryClause {
        label: label.join(" "),
        members: members.map(|member| (member.clone(), PHRASE_MEMBER_WEIGHT)).collect(),
        weight: PHRASE_WEIGHT,
        is_pair: false,
    }
}

/// A clause of one term, without synonyms.
fn plain_clause(label: &str, term: &str, weight: f32) -> QueryClause {
    let members = vec![(term.to_owned(), 1.0)];
    QueryClause { label: label.to_owned(), members, weight, is_pair: false }
}

fn word_clause(word: &str, term: &str, weight: f32) -> QueryClause {
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

fn wants_value(lower: &[String]) -> bool {
    const MEASURES: &str = "long many large big often much old far deep fast";
    let asks = |pair: &[String]| pair[0] == "how" && MEASURES.split(' ').any(|it| it == pair[1]);
    const LIMITS: &str =
        "limit limits maximum minimum max timeout default most least longest largest";
    lower.windows(2).any(asks) || lower.iter().any(|word| LIMITS.split(' ').any(|it| it == word))
}

fn wants_steps(lower: &[String]) -> bool {
    let says = |first: &str, second: &str| {
        lower.windows(2).any(|pair| pair[0] == first && second.split(' ').any(|it| it == pair[1]))
    };
    says("how", "does do is are can did") || says("what", "happens happen uses calls does")
}

/// Whether it asks for tests, not for what tests something or what tests use: `how is a host tested
/// for life?` and `how can tests skip the login?` do not.
fn wants_tests(lower: &[String]) -> bool {
    let word = |at: Option<usize>| at.and_then(|at| lower.get(at)).map_or("", String::as_str);
    lower.iter().enumerate().any(|(at, said)| {
        let (before, after) = (word(at.checked_sub(1)), word(Some(at + 1)));
        let is_last = at + 1 == lower.len();
        match said.as_str() {
            "benchmark" | "benchmarks" => true,
            "tests" => {
                !matches!(
                    before,
                    "can"
                        | "do"
                        | "should"
                        | "let"
                        | "lets"
                        | "help"
                        | "could"
                        | "for"
                        | "in"
                        | "during"
                        | "it"
                        | "that"
                        | "who"
                        | "which"
                ) || matches!(after, "cover" | "exist" | "check" | "are" | "exercise")
            }
            "tested" | "testing" => is_last || matches!(after, "in" | "and"),
            "test" => {
                matches!(
                    before,
                    "unit" | "integration" | "which" | "what" | "regression" | "a" | "the"
                ) && (is_last
                    || matches!(after, "for" | "of" | "covers" | "checks" | "is" | "file"))
            }
            _ => false,
        }
    })
}

fn wants(lower: &[String]) -> WantedRoles {
    let has = |words: &[&str]| lower.iter().any(|word| words.contains(&word.as_str()));
    WantedRoles {
        tests: wants_tests(lower),
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
    /// Adds an identifier as a whole and by its parts.
    fn push_identifier(&mut self, identifier: &str, parts: &[String]) {
        self.identifiers.push(identifier.to_owned());
        self.push(plain_clause(identifier, &terms::whole(parts), IDENTIFIER_WEIGHT));
        for part in parts.iter().filter(|part| !terms::is_stop_word(part)) {
            self.push(word_clause(part, &terms::stem(part), PART_WEIGHT));
        }
    }

    fn push(&mut self, clause: QueryClause) {
        if self.clauses.len() < MAX_CLAUSES && !clause.members.is_empty() {
            self.clauses.push(clause);
        }
    }

    /// Whether nothing but the asking is left.
    pub fn is_empty(&self) -> bool {
        !self.clauses.iter().any(|clause| clause.weight > PAIR_WEIGHT)
    }

    /// Adds the clauses of the question before, at a share of their weight.
    pub fn add_earlier(&mut self, earlier: &Self, share: f32) {
        let known: HashSet<String> =
            self.clauses.iter().map(|clause| clause.label.clone()).collect();
        for clause in earlier.clauses.iter().filter(|clause| !known.contains(&clause.label)) {
            let mut clause = clause.clone();
            clause.weight *= share;
            self.push(clause);
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

    fn clause<'a>(query: &'a Query, label: &str) -> Option<&'a QueryClause> {
        query.clauses.iter().find(|clause| clause.label == label)
    }

    #[test]
    fn words_that_only_ask_weigh_little() {
        let query = parse("where is the retry implemented?");
        let retry = clause(&query, "retry").unwrap();
        let asking = clause(&query, "implemented").unwrap();
        assert!(asking.weight < retry.weight);
        assert!(parse("how does it work").is_empty());
    }

    #[test]
    fn a_phrase_asks_for_its_concept() {
        let query = parse("how long do we wait for an answer");
        let phrase = clause(&query, "how long").unwrap();
        assert!(phrase.members.iter().any(|(term, _)| *term == terms::stem("timeout")));
    }

    #[test]
    fn an_identifier_is_searched_whole_and_in_parts() {
        let query = parse("what does spawn_blocking do");
        assert_eq!(query.identifiers, ["spawn_blocking"]);
        assert_eq!(clause(&query, "spawn_blocking").unwrap().members[0].0, "spawnblock");
        assert!(clause(&query, "spawn").is_some());
    }

    #[test]
    fn neighbours_are_tried_as_one_identifier() {
        let query = parse("the cookie jars of users");
        assert!(
            clause(&query, "cookie jars").unwrap().members.contains(&("cookiejar".to_owned(), 1.0))
        );
    }

    #[test]
    fn a_question_about_tests_wants_tests() {
        for question in [
            "where is retry tested?",
            "which tests cover the retry?",
            "where are the tests of the parser?",
            "what is the unit test for this?",
        ] {
            assert!(parse(question).wants.tests, "{question}");
        }
        for question in [
            "where is retry done?",
            "how is it tested that a name resolves?",
            "how can tests skip the login?",
            "how can I send a test message?",
            "how does one test a docker host?",
        ] {
            assert!(!parse(question).wants.tests, "{question}");
        }
    }

    #[test]
    fn a_question_for_a_value_the_steps_or_a_reason_is_told_by_its_words() {
        for (question, value, steps, reason) in [
            ("how long is a token valid?", true, false, false),
            ("what is the maximum upload size?", true, false, false),
            ("how does the cache evict?", false, true, false),
            ("what happens when a key is old?", false, true, false),
            ("why is it slow?", false, false, true),
            ("where are keys kept?", false, false, false),
        ] {
            let query = parse(question);
            let wants = (query.wants_value, query.wants_steps, query.wants_reason);
            assert_eq!(wants, (value, steps, reason), "{question}");
        }
    }

    #[test]
    fn a_follow_up_keeps_what_was_asked_before() {
        let mut query = parse("where is it tested?");
        query.add_earlier(&parse("how does the retry work?"), 0.5);
        assert!(clause(&query, "retry").is_some());
        assert!(query.wants.tests);
    }
}
