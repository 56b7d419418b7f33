//! What is asked of a history, and what it answers.

/// A commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Commit {
    /// In full, in hexadecimal digits.
    pub(crate) id: String,
    /// Short and still unique.
    pub(crate) short: String,
    pub(crate) parents: Vec<String>,
    pub(crate) author: String,
    /// The day on which it was written, at its author's place: `2026-01-31`.
    pub(crate) date: String,
    /// The first paragraph of its message.
    pub(crate) subject: String,
    /// What follows in its message.
    pub(crate) body: String,
}

/// Which commits to list, the newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LogQuery {
    /// A file or a directory.
    pub(crate) path: Option<String>,
    /// First and last line of the file as committed, from 1.
    pub(crate) lines: Option<(usize, usize)>,
    /// A part of the author's name.
    pub(crate) author: Option<String>,
    /// A date, or words such as `2 weeks ago`.
    pub(crate) since: Option<String>,
    pub(crate) until: Option<String>,
    pub(crate) limit: Option<usize>,
}

/// What to look for in all commits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Search {
    /// All of these words in the message.
    Message(Vec<String>),
    /// The number of times that this text occurs changes.
    Text(String),
    /// An added or removed line matches this regular expression.
    Pattern(String),
}

/// A list of commits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Commits {
    pub(crate) commits: Vec<Commit>,
    /// There are, or may be, more.
    pub(crate) is_cut: bool,
    /// The history ends early because the clone is shallow.
    pub(crate) is_shallow: bool,
}

/// A file that a commit changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChangedFile {
    /// `A`, `M`, `D`, `R` and the like.
    pub(crate) status: char,
    pub(crate) path: String,
    /// The path before it was renamed or copied.
    pub(crate) from: Option<String>,
}

/// The difference between two trees.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    pub(crate) files: Vec<ChangedFile>,
    /// Files that may hold secrets, which are not shown.
    pub(crate) n_secret: usize,
    /// In the unified format.
    pub(crate) diff: String,
    pub(crate) is_cut: bool,
}

/// A commit with what it changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ShownCommit {
    pub(crate) commit: Commit,
    pub(crate) changes: Changes,
}

/// Who wrote lines of a file last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Blame {
    /// For each line asked for, the place in `commits`; `None` where it is not committed.
    pub(crate) lines: Vec<Option<usize>>,
    pub(crate) commits: Vec<Commit>,
}
