//! Retrieval: searches and reads for a question, each shown as the use of a tool.

use serde_json::json;

use crate::{
    guide::{
        answer::{
            code::CodeFindings,
            project::{Fact, clip},
        },
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
        terms,
    },
};

/// Passages in one answer.
pub(crate) const PLACES: usize = 6;
/// Definitions listed around the best passage.
const NEIGHBOURS: usize = 6;
/// Uses listed.
const USES: usize = 5;
/// Files that are searched for uses.
const MAX_USING_FILES: usize = 40;
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
    let coverage = hits.get(skip).map_or(0.0, |hit| hit.coverage);
    let mut findings = CodeFindings {
        places: with_named(index, query, places, skip),
        about_file: String::new(),
        neighbours: Vec::new(),
        uses: Vec::new(),
        coverage,
        is_continued: skip > 0,
        unknown: unknown(index, query),
        left_out: index.left_out().sentence(),
    };
    if let Some(best) = findings.places.first().cloned() {
        read(turn, index, &best)?;
        findings.about_file = about(index, best.file);
        findings.neighbours = neighbours(index, query, &best);
        if let Some(definition) = &best.definition {
            findings.uses = uses(turn, index, best.file, definition)?;
        }
        if !query.wants.tests && findings.names_asked(query) {
            findings.coverage = 1.0;
        }
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

fn read(turn: &mut TurnWriter<'_>, index: &Index, place: &CitedPassage) -> Result<(), TurnStopped> {
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

/// The uses of a definition in other files, then in its own.
fn uses(
    turn: &mut TurnWriter<'_>,
    index: &Index,
    file: u32,
    definition: &Definition,
) -> Result<Vec<(String, u32, String)>, TurnStopped> {
    let is_name = definition.name.len() > 2
        && definition.name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '$');
    if !is_name || matches!(definition.kind, "heading" | "section" | "rule") {
        return Ok(Vec::new());
    }
    let input = json!({
        "pattern": format!(r"\b{}\b", definition.name),
        "path": ".",
        "output_mode": "content",
        "head_limit": USES,
    });
    turn.tool("Grep", &input, || {
        let found = find_uses(index, file, definition);
        let shown = if found.is_empty() {
            "No matches found".to_owned()
        } else {
            grep_lines(found.iter().map(|(path, line, text)| (path.as_str(), *line, text.as_str())))
        };
        (found, Ok(shown))
    })
}

fn find_uses(index: &Index, file: u32, definition: &Definition) -> Vec<(String, u32, String)> {
    let parts = terms::parts(&definition.name);
    let term = match parts.as_slice() {
        [part] => terms::stem(part),
        parts => terms::whole(parts),
    };
    let Some(term) = index.term(&term) else {
        return Vec::new();
    };
    let mut files: Vec<u32> = index
        .postings(term)
        .iter()
        .map(|posting| index.passages()[posting.passage as usize].file)
        .filter(|file| index.files()[*file as usize].is_alive)
        .collect();
    files.dedup();
    // Sources of other files first; its own file last.
    files.sort_by_key(|other| {
        (*other == file, index.files()[*other as usize].role != FileRole::Source)
    });
    let mut found = Vec::new();
    for other in files.into_iter().take(MAX_USING_FILES) {
        let Some(text) = index.text(other) else {
            continue;
        };
        let path = index.files()[other as usize].found.path.to_string_lossy().into_owned();
        let naming = text.lines().enumerate().filter(|(at, line)| {
            let is_itself = other == file && *at + 1 == definition.line as usize;
            !is_itself && terms::raw_words(line).any(|word| *word == *definition.name)
        });
        // A line that uses it says more than its import.
        let line = naming.min_by_key(|(at, line)| (is_import(line), *at));
        if let Some((at, line)) = line {
            found.push((path, at as u32 + 1, clip(line.trim(), MAX_SHOWN_BYTES)));
        }
        if found.len() == USES {
            break;
        }
    }
    found
}

fn is_import(line: &str) -> bool {
    let line = line.trim_start();
    ["use ", "pub use ", "import ", "from ", "#include", "export {", "export *"]
        .iter()
        .any(|opening| line.starts_with(opening))
        || line.contains("require(")
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
