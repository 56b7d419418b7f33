//! Answers about code: the best passage quoted, the next best listed.

use crate::{citation::written, guide::passage::CitedPassage, source::query::Query};

/// The results for a question about code.
#[derive(Debug, Clone)]
pub(crate) struct CodeFindings {
    /// Best first.
    pub places: Vec<CitedPassage>,
    /// The first sentence of the best file's head comment, empty without one.
    pub about_file: String,
    /// Other definitions in the best file, as `(line, kind, name, summary)`.
    pub neighbours: Vec<(u32, String, String, String)>,
    /// Uses of the best definition, as `(path, line, text)`.
    pub uses: Vec<(String, u32, String)>,
    /// The share of the question that the best file covers, from 0 to 1.
    pub coverage: f32,
    /// Whether better passages were shown before.
    pub is_continued: bool,
    /// Words of the question that the project does not contain.
    pub unknown: Vec<String>,
    /// A sentence on the files that were not searched, `None` if all were.
    pub left_out: Option<String>,
}

impl CodeFindings {
    /// Whether the best passage defines an identifier of the question.
    pub(crate) fn names_asked(&self, query: &Query) -> bool {
        let definition = self.places.first().and_then(|place| place.definition.as_ref());
        definition.is_some_and(|definition| {
            query.identifiers.iter().any(|identifier| **identifier == *definition.name)
        })
    }
}

/// Coverage below which the answer says that it is not sure.
const SURE_COVERAGE: f32 = 0.45;

/// The answer's text.
pub(crate) fn text(findings: &CodeFindings) -> String {
    let mut answer = String::new();
    let Some((best, next)) = findings.places.split_first() else {
        return answer;
    };
    open(&mut answer, findings, best);
    if !best.quote.trim().is_empty() {
        let quoted = &best.quoted;
        let last = quoted.end.saturating_sub(1).max(quoted.start);
        let fence = fence_for(&best.quote);
        answer.push_str(&format!(
            "\n{fence}{}\n{}\n{fence}\n{}\n",
            best.fence,
            best.quote,
            written::lines(&best.path, quoted.start, last)
        ));
    }
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
    if !findings.uses.is_empty() {
        answer.push_str("\n**Used from**:\n\n");
        for (path, line, text) in &findings.uses {
            let place = written::line(path, *line);
            answer.push_str(&format!("- {place}: `{}`\n", text.trim().replace('`', "'")));
        }
    }
    if !next.is_empty() {
        answer.push_str("\n**Next best places**:\n\n");
        for place in next {
            answer.push_str(&format!("- {}: {}\n", place.citation(), why(place)));
        }
    }
    if !findings.unknown.is_empty() {
        let words: Vec<String> = findings.unknown.iter().map(|word| format!("“{word}”")).collect();
        let words = words.join(" or ");
        answer.push('\n');
        answer.push_str(&match &findings.left_out {
            None => format!("Nothing in the project says {words}.\n"),
            Some(left_out) => format!("No file that I searched says {words}. {left_out}\n"),
        });
    }
    answer
}

fn open(answer: &mut String, findings: &CodeFindings, best: &CitedPassage) {
    let is_sure = findings.coverage >= SURE_COVERAGE;
    let lead = if findings.is_continued {
        "After those comes"
    } else if is_sure {
        "The best match is"
    } else {
        "I am not sure: no place has all of what you ask for. The nearest is"
    };
    match &best.definition {
        Some(definition) => {
            answer.push_str(&format!(
                "{lead} {} at {}{}",
                named(definition.kind, &definition.name),
                best.citation(),
                said(&definition.summary)
            ));
        }
        None => {
            answer.push_str(&format!("{lead} {}.", best.citation()));
        }
    }
    answer.push('\n');
    if !findings.about_file.is_empty() {
        answer.push_str(&format!("\nThe file says of itself: “{}”\n", findings.about_file));
    }
}

/// The description of a listed passage.
fn why(place: &CitedPassage) -> String {
    match &place.definition {
        Some(definition) => {
            format!("{}{}", named(definition.kind, &definition.name), said(&definition.summary))
        }
        None => format!("`{}`", place.text.trim().replace('`', "'")),
    }
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
mod tests {
    use super::*;
    use crate::source::document::Definition;

    fn place(path: &str, summary: &str) -> CitedPassage {
        CitedPassage {
            file: 0,
            path: path.to_owned(),
            line: 7,
            text: "fn evict() {".to_owned(),
            definition: Some(Definition {
                kind: "fn",
                name: "evict".into(),
                line: 7,
                summary: summary.into(),
            }),
            quoted: 7..9,
            quote: "fn evict() {\n}".to_owned(),
            fence: "rust",
        }
    }

    #[test]
    fn an_answer_cites_quotes_and_lists() {
        let findings = CodeFindings {
            places: vec![place("src/a.rs", "Throws old ones away."), place("src/b.rs", "")],
            about_file: "A cache.".to_owned(),
            neighbours: vec![(3, "fn".to_owned(), "keep".to_owned(), String::new())],
            uses: vec![("src/c.rs".to_owned(), 2, "evict();".to_owned())],
            coverage: 1.0,
            is_continued: false,
            unknown: Vec::new(),
            left_out: None,
        };
        expect_test::expect![[r#"
            The best match is fn `evict` at `src/a.rs:7`, “Throws old ones away.”

            The file says of itself: “A cache.”

            ```rust
            fn evict() {
            }
            ```
            `src/a.rs:7-8`

            **Around it** in `src/a.rs`:

            - `src/a.rs:3`: fn `keep`.

            **Used from**:

            - `src/c.rs:2`: `evict();`

            **Next best places**:

            - `src/b.rs:7`: fn `evict`.
        "#]]
        .assert_eq(&text(&findings));
    }

    #[test]
    fn a_doubtful_answer_says_so() {
        let findings = CodeFindings {
            places: vec![place("src/a.rs", "")],
            about_file: String::new(),
            neighbours: Vec::new(),
            uses: Vec::new(),
            coverage: 0.1,
            is_continued: false,
            unknown: vec!["unicorn".to_owned()],
            left_out: None,
        };
        let partial = CodeFindings {
            left_out: Some("I have not looked at 1 file that is hidden.".to_owned()),
            ..findings.clone()
        };
        let partial = super::text(&partial);
        assert!(!partial.contains("Nothing in the project"), "{partial}");
        assert!(partial.contains("1 file that is hidden."), "{partial}");
        let text = text(&findings);
        assert!(text.starts_with("I am not sure"), "{text}");
        assert!(text.contains("Nothing in the project says “unicorn”"), "{text}");
    }

    #[test]
    fn a_quote_with_a_fence_gets_a_longer_one() {
        assert_eq!(fence_for("a\n```rust\n```\n"), "````");
        assert_eq!(fence_for("a"), "```");
    }
}
