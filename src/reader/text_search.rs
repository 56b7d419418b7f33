//! Search in the text of a project's files: what is asked and found, and the check of what a reader
//! found.
//!
//! A search goes on in short steps, each of which says where the next begins. So results come while
//! it runs, it ends when nobody asks for more, and other requests have their turn in between.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::checks;

/// Most files of one step that have hits.
pub(crate) const MAX_FILES: usize = 100;

/// Most hits of a file; it may have more.
pub(crate) const MAX_FILE_HITS: usize = 100;

/// Most bytes that are shown of a line.
pub(crate) const MAX_LINE_BYTES: usize = 400;

/// Most languages that a step names.
pub(super) const MAX_LANGUAGES: usize = 100;

/// What is looked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct TextQuery {
    pub(crate) pattern: String,
    /// Whether the pattern is a regular expression; it is a text otherwise.
    pub(crate) is_regex: bool,
    pub(crate) ignore_case: bool,
    /// Patterns of paths, separated by spaces; all files if it is empty.
    pub(crate) paths: String,
    /// As a fenced code block names it; all languages if it is empty.
    pub(crate) language: String,
}

/// A part of a search.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct TextStep {
    pub(crate) query: TextQuery,
    /// The path of the file after which it goes on; from the first file if it is empty.
    pub(crate) after: String,
    /// Most hits; the last file may have some more.
    pub(crate) most: usize,
}

/// What a step has found.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct FoundText {
    /// In the order of their paths.
    pub(crate) files: Vec<FileHits>,
    /// The last file that was looked at, where there are more.
    pub(crate) next: Option<String>,
    pub(crate) tally: TextTally,
    /// What is searched, with the first step.
    pub(crate) scope: Option<TextScope>,
}

/// The hits of one file.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct FileHits {
    /// The path from the project's root.
    pub(crate) path: String,
    pub(crate) hits: Vec<LineHit>,
    /// Whether it has more.
    pub(crate) more: bool,
}

/// A line that matches.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct LineHit {
    /// From 1.
    pub(crate) line: usize,
    /// Where in the line the pieces begin, in UTF-16 units; more than 0 where the line is long.
    pub(crate) from: usize,
    /// The line, or the part of it around the first match.
    pub(crate) pieces: Vec<LinePiece>,
    /// Whether the line goes on.
    pub(crate) cut: bool,
}

/// A part of a line.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct LinePiece {
    pub(crate) text: String,
    /// Whether it is what matches.
    pub(crate) hit: bool,
}

/// What a search looked at.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
pub(crate) struct TextTally {
    /// Files that were searched.
    pub(crate) searched: usize,
    /// Files that are no text.
    pub(crate) binary: usize,
    /// Files that are too large to be read.
    pub(crate) too_large: usize,
    /// Files that may not be read, or are gone.
    pub(crate) unread: usize,
    /// Lines of which only the beginning was searched.
    pub(crate) long_lines: usize,
    /// Files that have more hits than are shown, or took too long.
    pub(crate) cut_files: usize,
}

/// What a search looks at.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct TextScope {
    /// Files that are to be searched.
    pub(crate) files: usize,
    /// Whether the project has more files than are listed.
    pub(crate) truncated: bool,
    /// The languages of the files on these paths, the most frequent first.
    pub(crate) languages: Vec<LanguageCount>,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct LanguageCount {
    /// As a fenced code block names it.
    pub(crate) name: String,
    /// How many files.
    pub(crate) files: usize,
}

impl TextTally {
    pub(crate) fn add(&mut self, other: Self) {
        self.searched += other.searched;
        self.binary += other.binary;
        self.too_large += other.too_large;
        self.unread += other.unread;
        self.long_lines += other.long_lines;
        self.cut_files += other.cut_files;
    }
}

/// Whether a step may have found this: all is bounded, and it goes on.
pub(super) fn is_found(found: &FoundText, after: &str) -> bool {
    let is_file = |file: &FileHits| {
        checks::is_path(&file.path)
            && (1..=MAX_FILE_HITS).contains(&file.hits.len())
            && file.hits.iter().all(is_hit)
    };
    let is_scope = |scope: &TextScope| {
        scope.languages.len() <= MAX_LANGUAGES
            && scope.languages.iter().all(|it| checks::is_plain(&it.name))
    };
    found.files.len() <= MAX_FILES
        && found.files.iter().all(is_file)
        && found.scope.as_ref().is_none_or(is_scope)
        && found.next.as_deref().is_none_or(|next| checks::is_path(next) && next > after)
}

/// Whether this may be a line of a file.
pub(super) fn is_hit(hit: &LineHit) -> bool {
    let bytes: usize = hit.pieces.iter().map(|piece| piece.text.len()).sum();
    let is_piece = |piece: &LinePiece| !piece.text.is_empty();
    hit.line > 0 && bytes <= MAX_LINE_BYTES && hit.pieces.iter().all(is_piece)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str, next: Option<&str>) -> FoundText {
        let pieces = vec![LinePiece { text: text.to_owned(), hit: true }];
        let hits = vec![LineHit { line: 1, from: 0, pieces, cut: false }];
        FoundText {
            files: vec![FileHits { path: path.to_owned(), hits, more: false }],
            next: next.map(str::to_owned),
            tally: TextTally::default(),
            scope: None,
        }
    }

    #[test]
    fn what_a_step_cannot_have_found_is_refused() {
        let long = "x".repeat(MAX_LINE_BYTES + 1);
        for (found, is_good) in [
            (found("src/a.rs", "x", None), true),
            (found("src/a.rs", "x", Some("src/b.rs")), true),
            (found("src/a.rs", "x", Some("src/a")), false),
            (found("src/a.rs", "x", Some("a")), false),
            (found("../a.rs", "x", None), false),
            (found("/etc/passwd", "x", None), false),
            (found("src/a.rs", &long, None), false),
            (found("src/a.rs", "", None), false),
        ] {
            assert_eq!(is_found(&found, "src/a"), is_good, "{found:?}");
        }
        let mut many = found("a", "x", None);
        many.files.extend((0..MAX_FILES).flat_map(|_| found("a", "x", None).files));
        assert!(!is_found(&many, ""));
        let mut none = found("a", "x", None);
        none.files.iter_mut().for_each(|file| file.hits.clear());
        assert!(!is_found(&none, ""));
        let languages = vec![LanguageCount { name: "<b>".to_owned(), files: 1 }];
        let mut odd = found("a", "x", None);
        odd.scope = Some(TextScope { files: 1, truncated: false, languages });
        assert!(!is_found(&odd, ""));
    }
}
