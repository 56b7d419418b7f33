//! Answers about code: the best passage quoted, the next best listed, and how the best is connected; where
//! the ranking leaves doubt, the likeliest places alone.

use crate::{
    citation::written,
    guide::{
        answer::project::{self, Fact},
        calls::{self, Callee, Calls, Use},
        passage::CitedPassage,
    },
    source::{self, document::Definition, query::Query},
};

/// The results for a question about code.
#[derive(Debug, Clone)]
pub(crate) struct CodeFindings {
    /// Best first.
    pub places: Vec<CitedPassage>,
    /// The first sentence of the best file's head comment, empty without one.
    pub about_file: String,
    /// Other definitions in the best file, as `(line, kind, name, summary)`.
    pub neighbours: Vec<(u32, String, String, String)>,
    /// What the best definition is connected to.
    pub calls: Calls,
    /// Whether the steps along the calls are asked for.
    pub wants_steps: bool,
    /// How likely the best place is the right one, from 0 to 1.
    pub confidence: f32,
    /// Whether better passages were shown before.
    pub is_continued: bool,
    /// Words of the question that the project does not contain.
    pub unknown: Vec<String>,
    /// A sentence on the files that were not searched, `None` if all were.
    pub left_out: Option<String>,
}

impl CodeFindings {
    /// Whether the best passage may be shown as the answer.
    pub(crate) fn is_sure(&self) -> bool {
        self.is_continued || source::is_sure(self.confidence)
    }

    /// Whether the best passage defines an identifier of the question.
    pub(crate) fn names_asked(&self, query: &Query) -> bool {
        let definition = self.places.first().and_then(|place| place.definition.as_ref());
        definition.is_some_and(|definition| {
            query.identifiers.iter().any(|identifier| **identifier == *definition.name)
        })
    }
}

/// Places listed where the first is in doubt.
const MAX_LIKELIEST: usize = 5;
/// Uses listed.
const MAX_USES: usize = 5;
/// Callers in the steps.
const MAX_STEP_CALLERS: usize = 3;

/// The answer's text.
pub(crate) fn text(findings: &CodeFindings) -> String {
    let mut answer = String::new();
    let Some((best, next)) = findings.places.split_first() else {
        return answer;
    };
    if !findings.is_sure() {
        return doubtful(findings);
    }
    open(&mut answer, findings, best);
    quote(&mut answer, best);
    if let Some(also) = &best.also {
        let place = written::line(&best.path, also.line);
        answer.push_str(&format!(
            "\nIn the same file, {} at {place} fits too{}\n",
            definition(also),
            said(&also.summary)
        ));
    }
    if !next.is_empty() {
        answer.push_str("\n**Next best places**:\n\n");
        list(&mut answer, next);
    }
    match findings.wants_steps
        && best.definition.as_ref().is_some_and(|it| calls::is_function(it.kind))
    {
        true => steps(&mut answer, &findings.calls, best),
        false => surroundings(&mut answer, findings, best),
    }
    tell_unknown(&mut answer, findings);
    answer
}

/// The answer to where the program starts.
pub(crate) fn start(best: &CitedPassage, calls: &Calls, others: &[Fact]) -> String {
    let mut answer = match &best.definition {
        Some(found) => format!(
            "The program starts with {} at {}{}\n",
            definition(found),
            best.citation(),
            said(&found.summary)
        ),
        None => format!("The program starts at {}.\n", best.citation()),
    };
    quote(&mut answer, best);
    if calls.callees.is_empty() {
        answer.push_str("\nIt calls nothing that I can follow by name.\n");
    } else {
        answer.push_str("\n**Then it calls**, as far as I can follow by name:\n\n");
    }
    for (at, callee) in calls.callees.iter().enumerate() {
        answer.push_str(&format!("{}. {}\n", at + 1, called(callee)));
    }
    if !others.is_empty() {
        answer.push_str("\n**Other files in which something may start**:\n\n");
        answer.push_str(&project::list(others));
    }
    answer
}

fn called(callee: &Callee) -> String {
    let place = written::line(&callee.path, callee.definition.line);
    format!("{} at {place}{}", definition(&callee.definition), said(&callee.definition.summary))
}

/// Where the definitions of a file are used, empty where they are not.
pub(crate) fn uses(found: &[Use]) -> String {
    let uses: String = found.iter().map(|it| format!("- {}\n", used(it))).collect();
    if uses.is_empty() { uses } else { format!("\n**Used from**:\n\n{uses}") }
}

fn quote(answer: &mut String, best: &CitedPassage) {
    if best.quote.trim().is_empty() {
        return;
    }
    let quoted = &best.quoted;
    let last = quoted.end.saturating_sub(1).max(quoted.start);
    let fence = fence_for(&best.quote);
    let place = written::lines(&best.path, quoted.start, last);
    let cut = match best.ends > last {
        true => {
            format!(", only its beginning: it ends at {}", written::line(&best.path, best.ends))
        }
        false => String::new(),
    };
    answer.push_str(&format!("\n{fence}{}\n{}\n{fence}\n{place}{cut}\n", best.fence, best.quote));
}

/// The other definitions of the file, and the uses of the best.
fn surroundings(answer: &mut String, findings: &CodeFindings, best: &CitedPassage) {
    if !findings.neighbours.is_empty() {
        answer.push_str(&format!("\n**Around it** in {}:\n\n", written::file(&best.path)));
        for (line, kind, name, summary) in &findings.neighbours {
            answer.push_str(&format!(
                "- {}: {}{}\n",
                written::line(&best.path, *line),
                named(kind, name),
                said(summary)
            ));
        }
    }
    let found: Vec<Use> = findings
        .calls
        .callers
        .iter()
        .chain(&findings.calls.tests)
        .take(MAX_USES)
        .cloned()
        .collect();
    answer.push_str(&uses(&found));
}

/// The way along the calls: who calls the definition, what it calls, its tests and documents.
fn steps(answer: &mut String, calls: &Calls, best: &CitedPassage) {
    let mut steps: Vec<String> = Vec::new();
    for caller in calls.callers.iter().take(MAX_STEP_CALLERS) {
        steps.push(format!("Called from {}", used(caller)));
    }
    let own = best.definition.as_ref().map(definition).unwrap_or_default();
    steps.push(format!("{own} at {} runs, quoted above", best.citation()));
    for callee in &calls.callees {
        steps.push(format!("It calls {}", called(callee)));
    }
    for test in &calls.tests {
        steps.push(format!("Tested in {}", used(test)));
    }
    for document in &calls.documents {
        steps.push(format!("Described in {}", used(document)));
    }
    if steps.len() > 1 {
        answer.push_str("\n**Step by step**, along the calls that I find by name:\n\n");
        for (at, step) in steps.iter().enumerate() {
            answer.push_str(&format!("{}. {step}\n", at + 1));
        }
    }
}

/// A use with the definition that it stands in.
fn used(it: &Use) -> String {
    let within = it.within.as_ref().map_or(String::new(), |it| format!(" in {}", definition(it)));
    format!("{}{within}: `{}`", written::line(&it.path, it.line), it.text.trim().replace('`', "'"))
}

/// The answer where the project does not say enough of what was asked: places, and no quote that
/// would look like the answer.
fn doubtful(findings: &CodeFindings) -> String {
    let likeliest = findings.places.len().min(MAX_LIKELIEST);
    let places = match likeliest {
        1 => "this place is the likeliest".to_owned(),
        n => format!("these {n} places are the likeliest"),
    };
    let mut answer = format!("I am not sure; {places}:\n\n");
    list(&mut answer, &findings.places[..likeliest]);
    tell_unknown(&mut answer, findings);
    answer
}

fn list(answer: &mut String, places: &[CitedPassage]) {
    for place in places {
        let also = place.also.as_ref().map_or(String::new(), |also| {
            format!(
                " Also {} at {}{}",
                definition(also),
                written::line(&place.path, also.line),
                said(&also.summary)
            )
        });
        answer.push_str(&format!("- {}: {}{also}\n", place.citation(), why(place)));
    }
}

/// Says which words are nowhere, but only where nothing was left out and the answer is in doubt: else a
/// word that is missing says nothing.
fn tell_unknown(answer: &mut String, findings: &CodeFindings) {
    if findings.unknown.is_empty() || findings.is_sure() {
        return;
    }
    let words: Vec<String> = findings.unknown.iter().map(|word| format!("“{word}”")).collect();
    let words = words.join(" or ");
    answer.push('\n');
    answer.push_str(&match &findings.left_out {
        None => format!("Nothing in the project says {words}.\n"),
        Some(left_out) => format!("No file that I searched says {words}. {left_out}\n"),
    });
}

fn open(answer: &mut String, findings: &CodeFindings, best: &CitedPassage) {
    let lead = if findings.is_continued { "After those comes" } else { "The best match is" };
    match &best.definition {
        Some(found) => {
            answer.push_str(&format!(
                "{lead} {} at {}{}",
                definition(found),
                best.citation(),
                said(&found.summary)
            ));
        }
        None => {
            answer.push_str(&format!("{lead} {}.", best.citation()));
        }
    }
    if let Some(value) = &best.value {
        answer.push_str(&format!(" Its value is {value}."));
    }
    answer.push('\n');
    if !findings.about_file.is_empty() {
        answer.push_str(&format!("\nThe file says of itself: “{}”\n", findings.about_file));
    }
}

/// The description of a listed passage.
fn why(place: &CitedPassage) -> String {
    let value =
        place.value.as_ref().map_or(String::new(), |value| format!(" Its value is {value}."));
    match &place.definition {
        Some(found) if *found.summary == *found.name => format!("{}.{value}", definition(found)),
        Some(found) => format!("{}{}{value}", definition(found), said(&found.summary)),
        None => format!("`{}`", place.text.trim().replace('`', "'")),
    }
}

fn definition(found: &Definition) -> String {
    named(found.kind, &found.name)
}

fn named(kind: &str, name: &str) -> String {
    match kind {
        "heading" | "section" => format!("section “{name}”"),
        kind => format!("{kind} `{name}`"),
    }
}

fn said(summary: &str) -> String {
    if summary.is_empty() { ".".to_owned() } else { format!(", “{summary}”") }
}

/// A fence longer than any in `text`.
fn fence_for(text: &str) -> String {
    let longest = text.split(|character| character != '`').map(str::len).max().unwrap_or(0);
    "`".repeat(longest.max(2) + 1)
}

#[cfg(test)]
mod tests;
