//! Where a name is used as code: what a reader finds, and the check of it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    checks,
    symbols::{self, FoundSymbols, Symbol},
    text_search::{self, LineHit},
};

/// Most lines with uses that are told.
pub(crate) const MAX_USES: usize = 300;

/// Most definitions of the name that are told.
pub(crate) const MAX_DEFINITIONS: usize = 20;

/// The uses of a name.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct FoundUses {
    /// The definitions of the name as it is written. If there are several, a use may be of any.
    pub(crate) definitions: FoundSymbols,
    /// In the order of their files and lines.
    pub(crate) groups: Vec<UseGroup>,
    /// Whether there are more, or may be.
    pub(crate) more: bool,
}

/// The uses within one definition, or outside of all in a file.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct UseGroup {
    /// The path from the project's root.
    pub(crate) path: String,
    /// The innermost definition around them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) within: Option<Symbol>,
    pub(crate) uses: Vec<LineHit>,
}

/// Whether these may be uses of a name: bounded, and in files that could be asked for.
pub(super) fn are_uses(found: &FoundUses) -> bool {
    let is_group = |group: &UseGroup| {
        checks::is_path(&group.path)
            && group.within.as_ref().is_none_or(symbols::is_symbol)
            && !group.uses.is_empty()
            && group.uses.iter().all(text_search::is_hit)
    };
    symbols::are_symbols(&found.definitions, MAX_DEFINITIONS)
        && found.groups.iter().map(|group| group.uses.len()).sum::<usize>() <= MAX_USES
        && found.groups.iter().all(is_group)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reader::text_search::LinePiece;

    fn found(path: &str, within: &str, line: usize, n_uses: usize) -> FoundUses {
        let hit = || {
            let pieces = vec![LinePiece { text: "a".to_owned(), hit: true }];
            LineHit { line, from: 0, pieces, cut: false }
        };
        let within = Symbol {
            name: "a".to_owned(),
            kind: "fn".to_owned(),
            path: within.to_owned(),
            line: 1,
        };
        let uses = (0..n_uses).map(|_| hit()).collect();
        FoundUses {
            definitions: FoundSymbols { symbols: Vec::new(), total: 0 },
            groups: vec![UseGroup { path: path.to_owned(), within: Some(within), uses }],
            more: false,
        }
    }

    #[test]
    fn uses_that_cannot_be_are_refused() {
        for (found, is_good) in [
            (found("a.rs", "a.rs", 1, MAX_USES), true),
            (found("../a.rs", "a.rs", 1, 1), false),
            (found("a.rs", "/a.rs", 1, 1), false),
            (found("a.rs", "a.rs", 0, 1), false),
            (found("a.rs", "a.rs", 1, 0), false),
            (found("a.rs", "a.rs", 1, MAX_USES + 1), false),
        ] {
            assert_eq!(are_uses(&found), is_good, "{found:?}");
        }
    }
}
