//! Definitions of a project by their names, and who wrote lines of a file: what is asked and found, and
//! the check of what a reader found.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::history::parse;

use super::checks;

/// Most lines that are asked about at once.
pub(crate) const MAX_BLAMED: usize = 500;

/// Which definitions to find.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SymbolQuery {
    /// Letters of the name, in order; or the whole name.
    pub(crate) name: String,
    /// Whether it is the whole name.
    pub(crate) is_exact: bool,
    pub(crate) limit: usize,
}

/// What a query has found.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct FoundSymbols {
    /// The best matches first.
    pub(crate) symbols: Vec<Symbol>,
    /// The number of matches.
    pub(crate) total: usize,
}

/// A definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Symbol {
    pub(crate) name: String,
    /// The kind: `fn`, `class`, `heading` and so on.
    pub(crate) kind: String,
    /// The path of its file from the project's root.
    pub(crate) path: String,
    /// The line of the name, from 1.
    pub(crate) line: u32,
}

/// Who wrote lines of a file last.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct BlamedLines {
    /// In the order of the lines.
    pub(crate) parts: Vec<BlamedPart>,
}

/// Lines one after the other that were written together.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct BlamedPart {
    /// From 1.
    pub(crate) first: usize,
    pub(crate) last: usize,
    /// Missing where they are not committed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) commit: Option<BlamedCommit>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct BlamedCommit {
    /// The whole hash.
    pub(crate) id: String,
    pub(crate) author: String,
    /// The day, as `2026-01-31`.
    pub(crate) date: String,
    /// The first paragraph of its message.
    pub(crate) subject: String,
}

/// Whether these are definitions of files that could be asked for.
pub(super) fn are_symbols(found: &FoundSymbols, limit: usize) -> bool {
    found.symbols.len() <= limit.min(found.total) && found.symbols.iter().all(is_symbol)
}

pub(super) fn is_symbol(symbol: &Symbol) -> bool {
    checks::is_path(&symbol.path)
        && checks::is_plain(&symbol.kind)
        && checks::is_short(&symbol.name)
        && symbol.line > 0
}

/// Whether the parts are of these lines, in order, with commits that could be asked for.
pub(super) fn are_blamed(blamed: &BlamedLines, first: usize, last: usize) -> bool {
    let mut next = first;
    let mut is_part = |part: &BlamedPart| {
        let is_next = part.first >= next && part.first <= part.last && part.last <= last;
        next = part.last.saturating_add(1);
        let is_commit = part.commit.as_ref().is_none_or(|commit| {
            parse::is_full_id(&commit.id)
                && [&commit.author, &commit.date, &commit.subject]
                    .into_iter()
                    .all(|text| checks::is_short(text))
        });
        is_next && is_commit
    };
    blamed.parts.iter().all(&mut is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_that_cannot_be_are_refused() {
        let symbol = |path: &str, kind: &str, line| Symbol {
            name: "a".to_owned(),
            kind: kind.to_owned(),
            path: path.to_owned(),
            line,
        };
        for (symbols, is_good) in [
            (vec![symbol("a.rs", "fn", 1)], true),
            (vec![symbol("../a.rs", "fn", 1)], false),
            (vec![symbol("a.rs", "<b>", 1)], false),
            (vec![symbol("a.rs", "fn", 0)], false),
            (vec![symbol("a.rs", "fn", 1), symbol("a.rs", "fn", 2)], false),
        ] {
            let total = symbols.len();
            assert_eq!(are_symbols(&FoundSymbols { symbols, total }, 1), is_good);
        }
    }

    #[test]
    fn blamed_lines_are_those_that_were_asked_for() {
        let commit = |id: &str| {
            let [author, date, subject] = ["A", "2026-01-31", "S"].map(str::to_owned);
            Some(BlamedCommit { id: id.to_owned(), author, date, subject })
        };
        let part = |first, last, commit| BlamedPart { first, last, commit };
        let good = commit(&"a".repeat(40));
        for (parts, is_good) in [
            (vec![part(2, 3, good.clone()), part(4, 4, None)], true),
            (vec![part(1, 3, None)], false),
            (vec![part(2, 5, None)], false),
            (vec![part(3, 2, None)], false),
            (vec![part(2, 3, None), part(3, 4, None)], false),
            (vec![part(2, 2, commit("--output=x"))], false),
        ] {
            assert_eq!(are_blamed(&BlamedLines { parts }, 2, 4), is_good);
        }
    }
}
