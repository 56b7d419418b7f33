//! Retrieval: searches and reads for a question, each shown as the use of a tool.

use serde_json::json;

use crate::{
    guide::{
        answer::{code::CodeFindings, project::Fact},
        calls::{self, Calls},
        passage::{self, CitedPassage},
        turn::{TurnStopped, TurnWriter},
    },
    source::{
        self,
        document::{self, Definition},
        file_role::FileRole,
        index::Index,
        query::{ASKING_WEIGHT, Query},
        readme::TextFile,
        text::clip,
    },
};

/// Passages in one answer.
pub(crate) const PLACES: usize = 6;
/// Definitions listed around the best passage.
const NEIGHBOURS: usize = 4;
/// What the confidence loses where a reason is asked for: places seldom state one.
const WHY_DOUBT: f32 = 0.12;
/// Longest line shown in a tool's result, bytes.
const MAX_SHOWN_BYTES: usize = 200;
/// Lines that a tool's result shows of a file.
const MAX_READ_LINES: usize = 60;
/// Words of the question in the pattern of the search.
const MAX_PATTERN_WORDS: usize = 12;

/// Searches for a question about code, without the first `skip` results.
///
/// # Errors
/// The turn was stopped.
pub(crate) fn search(
    turn: &mut TurnWriter<'_>,
    index: &Index,
    query: &Query,
    skip: usize,
) -> Result<CodeFindings, TurnStopped> {
    let input = json!({"pattern": pattern(query), "path": ".", "output_mode": "content"});
    let (hits, places) = turn.tool("Grep", &input, || {
        let hits = source::find(index, query);
        let places: Vec<CitedPassage> = hits
            .iter()
            .skip(skip)
            .take(PLACES)
            .filter_map(|hit| passage::locate(index, query, hit))
            .collect();
        let shown = if places.is_empty() {
            "No matches found".to_owned()
        } else {
            grep_lines(
                places.iter().map(|place| (place.path.as_str(), place.line, place.text.as_str())),
            )
        };
        ((hits, places), Ok(shown))
    })?;
    let confidence = source::confidence(hits.get(skip..).unwrap_or_default());
    let confidence = if query.wants_reason { confidence - WHY_DOUBT } else { confidence };
    let mut findings = CodeFindings {
        places: with_named(index, query, places, skip),
        about_file: String::new(),
        neighbours: Vec::new(),
        calls: Calls::default(),
        wants_steps: query.wants_steps,
        confidence,
        is_continued: skip > 0,
        unknown: unknown(index, query),
        left_out: index.left_out().sentence(),
    };
    if !query.wants.tests && findings.names_asked(query) {
        findings.confidence = 1.0;
    }
    if let Some(best) = findings.places.first().cloned().filter(|_| findings.is_sure()) {
        read(turn, index, &best)?;
        findings.about_file = about(index, best.file);
        findings.neighbours = neighbours(index, query, &best);
        findings.calls = connections(turn, index, &best)?;
    }
    Ok(findings)
}

/// Puts the definitions of identifiers in the question before the other passages.
fn with_named(
    index: &Index,
    query: &Query,
    places: Vec<CitedPassage>,
    skip: usize,
) -> Vec<CitedPassage> {
    let mut named: Vec<CitedPassage> = Vec::new();
    // A question about tests does not ask for the definition.
    let is_asked_for = skip == 0 && !query.wants.tests;
    for identifier in query.identifiers.iter().filter(|_| is_asked_for) {
        let mut defined = index.defined(identifier);
        defined.sort_by_key(|(file, definition)| {
            let entry = &index.files()[*file as usize];
            let is_spelled_so = *definition.name == **identifier;
            (!is_spelled_so, entry.role != FileRole::Source, entry.found.path.clone())
        });
        let found = defined
            .into_iter()
            .take(2)
            .filter_map(|(file, definition)| passage::of_definition(index, file, &definition));
        named.extend(found);
    }
    for place in places {
        let is_known =
            named.iter().any(|known| known.file == place.file && known.line == place.line);
        if !is_known {
            named.push(place);
        }
    }
    named.truncate(PLACES);
    named
}

/// The terms of a query as a pattern for `grep`, to show the search.
fn pattern(query: &Query) -> String {
    // Words tried as one identifier, and agents, are only meant for the index.
    let mut clauses: Vec<_> = query.clauses.iter().filter(|clause| !clause.is_pair).collect();
    let has_content = clauses.iter().any(|clause| clause.weight > ASKING_WEIGHT);
    clauses.retain(|clause| clause.weight > ASKING_WEIGHT || !has_content);
    clauses.sort_by(|a, b| b.weight.total_cmp(&a.weight));
    let mut words: Vec<&str> = Vec::new();
    // Each word of the question first, then what else may name it.
    for depth in 0..4 {
        for clause in &clauses {
            if let Some((term, _)) = clause.members.get(depth)
                && !term.ends_with('~')
                && !words.contains(&term.as_str())
                && words.len() < MAX_PATTERN_WORDS
            {
                words.push(term);
            }
        }
    }
    words.join("|")
}

/// Words of the question that occur in no file, nor do their synonyms.
fn unknown(index: &Index, query: &Query) -> Vec<String> {
    query
        .clauses
        .iter()
        .filter(|clause| clause.weight >= 1.0)
        .filter(|clause| {
            let is_known = |term: &str| {
                index.term(term).is_some_and(|term| {
                    !index.postings(term).is_empty() || !index.file_postings(term).is_empty()
                })
            };
            !clause.members.iter().any(|(term, _)| is_known(term))
        })
        .map(|clause| clause.label.clone())
        .collect()
}

/// Reads the quoted lines, shown as the use of a tool.
///
/// # Errors
/// The turn was stopped.
pub(crate) fn read(
    turn: &mut TurnWriter<'_>,
    index: &Index,
    place: &CitedPassage,
) -> Result<(), TurnStopped> {
    let offset = place.quoted.start;
    let limit = place.quoted.end - place.quoted.start;
    let input = json!({"file_path": place.path, "offset": offset, "limit": limit});
    turn.tool("Read", &input, || {
        let shown = index
            .text(place.file)
            .map(|text| numbered(&text, offset as usize, limit as usize))
            .ok_or_else(|| format!("{} is gone", place.path));
        ((), shown)
    })
}

/// The first sentence of a file's head comment.
fn about(index: &Index, file: u32) -> String {
    let language = index.files()[file as usize].language;
    index.text(file).map(|text| document::head_sentence(&text, language)).unwrap_or_default()
}

fn neighbours(
    index: &Index,
    query: &Query,
    best: &CitedPassage,
) -> Vec<(u32, String, String, String)> {
    let worth = passage::worth(query);
    let mut scored: Vec<(f32, Definition)> = index.files()[best.file as usize]
        .definitions()
        .into_iter()
        .filter(|definition| !best.quoted.contains(&definition.line))
        .filter(|definition| best.also.as_ref() != Some(definition))
        .map(|definition| {
            let score = 2.0 * passage::line_worth(&definition.name, &worth)
                + passage::line_worth(&definition.summary, &worth);
            (score, definition)
        })
        .filter(|(score, _)| *score > 0.5)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    scored.truncate(NEIGHBOURS);
    scored.sort_by_key(|(_, definition)| definition.line);
    scored
        .into_iter()
        .map(|(_, found)| {
            (found.line, found.kind.to_owned(), found.name.to_string(), found.summary.to_string())
        })
        .collect()
}

/// The uses of a definition and what it uses, shown as a search for its name.
fn connections(
    turn: &mut TurnWriter<'_>,
    index: &Index,
    best: &CitedPassage,
) -> Result<Calls, TurnStopped> {
    let Some(definition) = &best.definition else {
        return Ok(Calls::default());
    };
    let is_name = definition.name.len() > 2
        && definition.name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '$');
    if !is_name || matches!(definition.kind, "heading" | "section" | "rule") {
        return Ok(Calls::default());
    }
    let input = json!({
        "pattern": format!(r"\b{}\b", definition.name),
        "path": ".",
        "output_mode": "content",
    });
    turn.tool("Grep", &input, || {
        let text = index.text(best.file).unwrap_or_default();
        let end = best.ends as usize;
        let body: Vec<&str> = text.lines().take(end).skip(definition.line as usize).collect();
        let calls = calls::of(index, best.file, definition, &body);
        let found: Vec<_> =
            calls.callers.iter().chain(&calls.tests).chain(&calls.documents).collect();
        let shown = if found.is_empty() {
            "No matches found".to_owned()
        } else {
            grep_lines(found.iter().map(|it| (it.path.as_str(), it.line, it.text.as_str())))
        };
        (calls, Ok(shown))
    })
}

/// Reads a whole file, shown as the use of a tool.
///
/// # Errors
/// The turn was stopped.
pub(crate) fn read_source(
    turn: &mut TurnWriter<'_>,
    index: &Index,
    path: &str,
) -> Result<Option<TextFile>, TurnStopped> {
    let Some(file) = index.file_at(path.as_ref()) else {
        return Ok(None);
    };
    turn.tool("Read", &json!({"file_path": path}), || match index.text(file) {
        Some(text) => {
            let shown = numbered(&text, 1, MAX_READ_LINES);
            let source = TextFile { path: path.to_owned(), text };
            (Some(source), Ok(shown))
        }
        None => (None, Err(format!("{path} is not a text file"))),
    })
}

/// The first `most` definitions of a file.
pub(crate) fn outline(index: &Index, file: u32, most: usize) -> Vec<Fact> {
    let entry = &index.files()[file as usize];
    let path = entry.found.path.to_string_lossy();
    entry
        .definitions()
        .into_iter()
        .take(most)
        .map(|definition| Fact {
            text: match definition.kind {
                "heading" | "section" => format!("section “{}”", definition.name),
                kind if definition.summary.is_empty() => format!("{kind} `{}`", definition.name),
                kind => format!("{kind} `{}`, “{}”", definition.name, definition.summary),
            },
            citation: format!("{path}:{}", definition.line),
        })
        .collect()
}

fn grep_lines<'a>(lines: impl Iterator<Item = (&'a str, u32, &'a str)>) -> String {
    lines.fold(String::new(), |mut shown, (path, line, text)| {
        shown.push_str(&format!("{path}:{line}:{}\n", clip(text, MAX_SHOWN_BYTES)));
        shown
    })
}

fn numbered(text: &str, offset: usize, limit: usize) -> String {
    text.lines().enumerate().skip(offset.saturating_sub(1)).take(limit).fold(
        String::new(),
        |mut shown, (at, line)| {
            shown.push_str(&format!("{}\t{}\n", at + 1, clip(line, MAX_SHOWN_BYTES)));
            shown
        },
    )
}
