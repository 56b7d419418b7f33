//! The line of a file that answers a query: the definition that says most of it, else the best line.

use std::{collections::HashMap, ops::Range};

use crate::source::{
    conditional, definitions,
    document::Definition,
    index::Index,
    meaning::{self, Meaning, MeaningSum},
    query::Query,
    rank::{RankedFile, fusion},
    terms,
};

/// Worth of a term in the name of a definition, in the line above or at it, and in its body.
const NAME: f32 = 2.0;
const HEAD: f32 = 1.2;
/// Worth of a term in the name of a class: its file is about it, so each of its methods is as well.
const CONTAINER_NAME: f32 = 1.0;
const BODY: f32 = 0.7;
/// Worth of each further occurrence in a body, and how many count.
const REPEATED: f32 = 0.06;
const MAX_REPEATED: u32 = 4;
/// Share of a term that only may mean what was asked.
const SYNONYM: f32 = 0.5;
/// Share of the closeness in meaning.
const CLOSENESS: f32 = 0.35;
/// Share of lying in the best passages of the file.
const PASSAGE: f32 = 0.2;
/// Factor of constants, when a number or a limit is asked for.
const VALUE: f32 = 1.4;
/// Factor of tests, when none were asked for.
const TEST: f32 = 0.3;
/// Factor of what an ordinary build leaves out.
const LEFT_OUT: f32 = 0.6;
/// Share of the best score at which a second definition is cited too.
const NEARLY: f32 = 0.7;
/// Comment lines above a definition that belong to it.
const MAX_LEAD_LINES: usize = 30;

/// A definition with its lines, counted from 0.
struct Segment<'a> {
    definition: &'a Definition,
    lines: Range<usize>,
    name_worth: f32,
    /// The occurrences of each term asked for: in the name, in the head, in the body.
    counts: HashMap<usize, [u32; 3]>,
    meaning: Meaning,
}

/// The lines to cite of a ranked file with these lines, counted from 1: the best, and a second one whose
/// definition says nearly as much.
pub(crate) fn best_lines(
    index: &Index,
    query: &Query,
    hit: &RankedFile,
    lines: &[&str],
) -> Vec<usize> {
    let entry = &index.files()[hit.file as usize];
    let asked = asked(query);
    let numbers: HashMap<&str, usize> =
        asked.iter().enumerate().map(|(at, (term, _))| (term.as_str(), at)).collect();
    let passages: Vec<Range<usize>> = hit
        .passages
        .iter()
        .take(2)
        .map(|(passage, _)| index.passages()[*passage as usize])
        .map(|passage| passage.start as usize - 1..(passage.end as usize).min(lines.len()))
        .collect();
    let definitions = entry.definitions();
    if !entry.language.is_code() || definitions.is_empty() {
        return vec![best_bare_line(lines, passages.first().cloned(), &asked, &numbers)];
    }
    let outer = without_nested(&definitions, lines);
    let segments = segments(&outer, lines, &numbers);
    let rarity: Vec<f32> = (0..asked.len())
        .map(|term| {
            let n_with =
                segments.iter().filter(|segment| segment.counts.contains_key(&term)).count();
            (1.0 + segments.len() as f32 / n_with.max(1) as f32).ln()
        })
        .collect();
    let question = fusion::meaning_of(query);
    let mut left_out = conditional::left_out_lines(lines, entry.language);
    left_out.retain(|item| !names_condition(query, lines, item));
    let total: f32 = asked.iter().zip(&rarity).map(|((_, worth), rare)| worth * rare).sum();
    let scored = segments.iter().map(|segment| {
        let said: f32 = segment
            .counts
            .iter()
            .map(|(term, counts)| {
                asked[*term].1 * rarity[*term] * said(*counts, segment.name_worth)
            })
            .sum();
        let near = question.closeness(&segment.meaning).max(0.0) * CLOSENESS * total;
        let is_near = |passage: &Range<usize>| {
            passage.start < segment.lines.end && segment.lines.start < passage.end
        };
        let rank = passages.iter().position(is_near).map_or(0.0, |at| 1.0 / (1.0 + at as f32));
        let is_value = query.wants_value && definitions::is_value(segment.definition.kind);
        let score = (said + near + PASSAGE * total * rank) * if is_value { VALUE } else { 1.0 };
        let is_test = segment.definition.line >= entry.tests_start && !query.wants.tests;
        let line = &segment.definition.line;
        let is_left_out = !query.wants.tests && left_out.iter().any(|lines| lines.contains(line));
        let factor = if is_test {
            TEST
        } else if is_left_out {
            LEFT_OUT
        } else {
            1.0
        };
        (segment, score * factor)
    });
    two_best(scored.collect(), lines.len())
}

/// Whether a word of the question is in the condition of an item with these lines, such as `windows`.
fn names_condition(query: &Query, lines: &[&str], item: &Range<u32>) -> bool {
    let lines = lines.iter().take(item.end as usize - 1).skip(item.start as usize - 1);
    let mut conditions = lines.filter_map(|line| line.trim_start().strip_prefix("#[cfg("));
    let words = query.clauses.iter().filter_map(|clause| clause.members.first());
    let mut own = words.filter(|(_, certainty)| *certainty >= 1.0);
    conditions.next().is_some_and(|condition| own.any(|(word, _)| condition.contains(word)))
}

/// The lines of the best segment, and of the next best if it says nearly as much, stands apart and is
/// no part of the first.
fn two_best(mut scored: Vec<(&Segment<'_>, f32)>, n_lines: usize) -> Vec<usize> {
    scored.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.lines.start.cmp(&b.0.lines.start)));
    let line = |segment: &Segment<'_>| (segment.definition.line as usize).clamp(1, n_lines.max(1));
    let Some((best, most)) = scored.first() else { return vec![1] };
    let also = scored[1..]
        .iter()
        .take(1)
        .filter(|(segment, score)| *score >= most * NEARLY && line(segment) != line(best));
    std::iter::once(line(best)).chain(also.map(|(segment, _)| line(segment))).collect()
}

/// The terms asked for with their worth.
fn asked(query: &Query) -> Vec<(String, f32)> {
    let mut worth: HashMap<&str, f32> = HashMap::new();
    for clause in &query.clauses {
        for (term, certainty) in &clause.members {
            let share = if *certainty < 1.0 { certainty * SYNONYM } else { 1.0 };
            let known = worth.entry(term).or_default();
            *known = known.max(clause.weight * share);
        }
    }
    worth.into_iter().map(|(term, worth)| (term.to_owned(), worth)).collect()
}

fn said([name, head, body]: [u32; 3], name_worth: f32) -> f32 {
    if name > 0 {
        name_worth
    } else if head > 0 {
        HEAD
    } else {
        BODY + REPEATED * (body.saturating_sub(1)).min(MAX_REPEATED) as f32
    }
}

/// The definitions that do not stand in the body of another that is no class.
fn without_nested<'a>(definitions: &'a [Definition], lines: &[&str]) -> Vec<&'a Definition> {
    let indent = |found: &Definition| {
        let line = lines.get(found.line as usize - 1).copied().unwrap_or_default();
        line.len() - line.trim_start().len()
    };
    let mut body: Option<usize> = None;
    let mut outer = Vec::new();
    for found in definitions {
        let own = indent(found);
        if body.is_some_and(|body| own > body) {
            continue;
        }
        body = (!definitions::is_container(found.kind)).then_some(own);
        outer.push(found);
    }
    outer
}

fn segments<'a>(
    definitions: &[&'a Definition],
    lines: &[&str],
    numbers: &HashMap<&str, usize>,
) -> Vec<Segment<'a>> {
    let starts: Vec<usize> = definitions.iter().map(|found| lead(found, lines)).collect();
    definitions
        .iter()
        .copied()
        .enumerate()
        .map(|(at, definition)| {
            let end = starts.get(at + 1).copied().unwrap_or(lines.len()).min(lines.len());
            let start = starts[at].min(end);
            let own = (definition.line as usize).min(end).max(start);
            let mut counts: HashMap<usize, [u32; 3]> = HashMap::new();
            let mut sum = MeaningSum::new();
            let mut add = |text: &str, field: usize| {
                for term in terms::raw_words(text).flat_map(terms::terms_of_word) {
                    meaning::row(&term).into_iter().for_each(|row| {
                        sum.add(row, [2.0, 1.0, 0.4][field]);
                    });
                    if let Some(number) = numbers.get(term.as_str()) {
                        counts.entry(*number).or_default()[field] += 1;
                    }
                }
            };
            add(&definition.name, 0);
            add(&definition.summary, 1);
            lines[start..own].iter().for_each(|line| add(line, 1));
            lines[own..end].iter().for_each(|line| add(line, 2));
            let is_container = definitions::is_container(definition.kind);
            let name_worth = if is_container { CONTAINER_NAME } else { NAME };
            Segment { definition, lines: start..end, name_worth, counts, meaning: sum.meaning() }
        })
        .collect()
}

/// The first line of the comment above a definition, counted from 0.
fn lead(definition: &Definition, lines: &[&str]) -> usize {
    let at = (definition.line as usize).saturating_sub(1).min(lines.len());
    let is_lead = |line: &&&str| {
        let line = line.trim_start();
        ["//", "#", "*", "/*", "@", "--", ";"].iter().any(|opening| line.starts_with(opening))
    };
    at - lines[..at].iter().rev().take(MAX_LEAD_LINES).take_while(is_lead).count()
}

fn best_bare_line(
    lines: &[&str],
    passage: Option<Range<usize>>,
    asked: &[(String, f32)],
    numbers: &HashMap<&str, usize>,
) -> usize {
    let range = passage.unwrap_or(0..lines.len());
    let score = |line: &str| {
        let mut found: Vec<usize> = terms::raw_words(line)
            .flat_map(terms::terms_of_word)
            .filter_map(|term| numbers.get(term.as_str()).copied())
            .collect();
        found.sort_unstable();
        found.dedup();
        found.into_iter().map(|term| asked[term].1).sum::<f32>()
    };
    let best = range
        .clone()
        .filter(|at| lines.get(*at).is_some_and(|line| !line.trim().is_empty()))
        .map(|at| (at, score(lines[at])))
        .max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)));
    best.map_or(range.start, |(at, _)| at) + 1
}
