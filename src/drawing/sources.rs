//! What is asked for: sources of diagrams and formulas, checked before anything draws them.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use crate::hex;

/// Sources of one request.
pub(crate) const MAX_BATCH: usize = 64;

/// Time for one drawing.
pub(super) const DRAWING_TIME: Duration = Duration::from_secs(2);

/// Longest formula, bytes.
const FORMULA_BYTES: usize = 2 << 10; // 2 KiB

/// Longest source of a diagram, bytes.
const DIAGRAM_BYTES: usize = 20 << 10; // 20 KiB

/// Groups, roots and environments within each other in a formula. The library calls itself for each,
/// and a command without braces (`\sqrt\sqrt x`) nests as well.
const FORMULA_DEPTH: usize = 100;

/// The source of one drawing.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(crate) enum DrawingSource {
    /// A formula in LaTeX, without the marks around it.
    Formula {
        /// At most 2 KiB.
        source: String,
        /// Whether it stands by itself, not in a line of text.
        #[serde(default)]
        display: bool,
    },
    /// A diagram in the language of Mermaid.
    Diagram {
        /// At most 20 KiB.
        source: String,
    },
}

/// The two themes of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Theme {
    Light,
    Dark,
}

impl DrawingSource {
    /// Why nothing is to draw this, for a person.
    pub(super) fn refusal(&self) -> Option<String> {
        match self {
            Self::Formula { source, .. } => formula_refusal(source),
            Self::Diagram { .. } if !cfg!(feature = "diagrams") => {
                Some("This server was built without diagrams.".to_owned())
            }
            Self::Diagram { source } if source.len() > DIAGRAM_BYTES => {
                Some(too_long("diagram", source.len(), DIAGRAM_BYTES))
            }
            Self::Diagram { .. } => None,
        }
    }

    /// Names the source and its kind, so that a drawing is made once: 64 hexadecimal digits.
    pub(crate) fn hash(&self) -> String {
        let (mark, source) = match self {
            Self::Formula { source, display: false } => ("f", source),
            Self::Formula { source, display: true } => ("F", source),
            Self::Diagram { source } => ("d", source),
        };
        // Another version of the program may draw it differently.
        let digest = Sha256::new()
            .chain_update(env!("CARGO_PKG_VERSION"))
            .chain_update(mark)
            .chain_update(source)
            .finalize();
        hex::digits(&digest)
    }
}

fn too_long(kind: &str, bytes: usize, most: usize) -> String {
    format!("The {kind} has {bytes} bytes; at most {most} are drawn.")
}

fn formula_refusal(source: &str) -> Option<String> {
    if source.len() > FORMULA_BYTES {
        return Some(too_long("formula", source.len(), FORMULA_BYTES));
    }
    let depth = nesting(source);
    (depth > FORMULA_DEPTH).then(|| {
        format!("The formula nests {depth} levels deep; at most {FORMULA_DEPTH} are drawn.")
    })
}

/// How deeply a formula may nest, never too little: open groups and environments, and commands and
/// scripts in a row, each of which may be the argument of the one before.
fn nesting(source: &str) -> usize {
    let (mut open, mut in_row, mut deepest) = (0_usize, 0_usize, 0_usize);
    let mut characters = source.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '\\' => {
                let mut name = String::new();
                while let Some(letter) = characters.next_if(char::is_ascii_alphabetic) {
                    name.push(letter);
                }
                match name.as_str() {
                    "" => drop(characters.next()),
                    "begin" | "left" => open += 1,
                    "end" | "right" => open = open.saturating_sub(1),
                    _ => in_row += 1,
                }
            }
            '{' | '[' => open += 1,
            '}' | ']' => {
                open = open.saturating_sub(1);
                in_row = 0;
            }
            '^' | '_' => in_row += 1,
            c if c.is_whitespace() => (),
            _ => in_row = 0,
        }
        deepest = deepest.max(open + in_row);
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn formula(source: &str) -> DrawingSource {
        DrawingSource::Formula { source: source.to_owned(), display: false }
    }

    #[test]
    fn what_nests_too_deeply_is_refused_however_it_is_written() {
        for deep in [
            format!("{}x{}", r"\sqrt{".repeat(101), "}".repeat(101)),
            format!("{}x", r"\sqrt".repeat(200)),
            format!("{}x", r"\hat \vec ".repeat(100)),
            format!("x{}", "^{x".repeat(150)),
            format!("x{}", "^_".repeat(80)),
            "{".repeat(500),
            r"\begin{matrix}".repeat(120),
            r"\left(".repeat(120),
        ] {
            let words = formula(&deep).refusal();
            assert!(
                words.as_ref().is_some_and(|it| it.contains("levels deep")),
                "{deep}: {words:?}"
            );
        }
    }

    #[test]
    fn usual_formulas_are_drawn() {
        let long_row = r"\alpha+\beta\cdot\gamma=".repeat(60);
        for usual in [
            r"\frac{-b \pm \sqrt{b^2 - 4ac}}{2a}",
            r"\begin{pmatrix} a & b \\ c & d \end{pmatrix}",
            r"\left[ \sum_{i=0}^{n} x_i^2 \right]",
            long_row.as_str(),
            "",
        ] {
            assert_eq!(formula(usual).refusal(), None, "{usual}");
        }
    }

    #[test]
    fn what_is_too_long_is_refused_with_both_figures() {
        let words = formula(&"x".repeat(3000)).refusal().unwrap();
        assert_eq!(words, "The formula has 3000 bytes; at most 2048 are drawn.");
        let words = DrawingSource::Diagram { source: "x".repeat(30_000) }.refusal().unwrap();
        assert!(words.contains("20480") || words.contains("without diagrams"), "{words}");
    }

    #[test]
    fn each_kind_of_a_source_has_its_own_name() {
        let source = || "x".to_owned();
        let names = [
            DrawingSource::Formula { source: source(), display: false },
            DrawingSource::Formula { source: source(), display: true },
            DrawingSource::Diagram { source: source() },
            formula("y"),
        ]
        .map(|source| source.hash());
        let distinct: std::collections::HashSet<_> = names.iter().collect();
        assert_eq!(distinct.len(), names.len());
        assert!(names.iter().all(|name| name.len() == 64));
    }
}
