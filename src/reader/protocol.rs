//! What the server and a reader say to each other: one line of JSON for each request and answer.
//!
//! Answers come in any order, each under the number of its request.

use std::{io, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    citation::{Citation, WrittenReference, anchor::Standing},
    config::settings::{HighlightingSettings, Settings},
    features::FeatureStats,
    guide::answering::{AnswerTask, GuideAnswer},
    history::{HistoryError, checkout::Checkout},
    policy::opening::FileReadError,
    project::Roots,
    suggestions::Suggestions,
    tools::{CallOutcome, ProjectCall},
};

use super::{
    excerpt::FileExcerpt,
    file_list::{Directory, FoundFile},
    find_in_file::FoundPlaces,
    symbols::{BlamedLines, FoundSymbols, SymbolQuery},
    text_search::{FoundText, TextStep},
    uses::FoundUses,
};

/// How long an answer of the guide waits while the index is built.
pub(crate) const INDEX_WAIT: Duration = Duration::from_secs(100);

/// What a reader is started with.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ReaderPlan {
    /// The project's directories with all links resolved, by which agents name its files.
    pub(crate) roots: Roots,
    /// Globs of secret files besides the built-in ones.
    pub(crate) secrets: Vec<String>,
    pub(crate) limits: ReadLimits,
    /// The directory that keeps the index, if it can be written to.
    pub(crate) index: PathBuf,
    /// Least severe level that it logs, to its stderr.
    pub(crate) log: String,
}

/// Upper bounds from the settings.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ReadLimits {
    /// Largest file that is read, in bytes.
    pub(crate) file_bytes: usize,
    pub(crate) page_lines: usize,
    pub(crate) page_bytes: usize,
    /// How long a list of files is used before it is made again.
    pub(crate) list_lifetime: Duration,
    /// How long a tool waits while the index is built.
    pub(crate) index_wait: Duration,
    /// Highlighting: the longest block, the part of a file, the longest line, in bytes.
    pub(crate) highlighted_bytes: [usize; 3],
    /// Longest time to highlight one block or page.
    pub(crate) highlighting_timeout: Duration,
    /// When nothing has been highlighted for this long, the memory of the grammars is freed.
    pub(crate) grammar_lifetime: Duration,
}

/// A request under its number.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RequestFrame {
    pub(crate) id: u64,
    pub(crate) request: ReaderRequest,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ReaderRequest {
    /// Whether it still answers.
    Ping,
    /// The files whose paths match best.
    FindFiles { query: String, limit: usize },
    /// A page, with the lines as HTML if `is_highlighted`.
    Page { of: PageOf, line: Option<usize>, is_highlighted: bool },
    /// A code block of an answer that still grows.
    PrefetchCode(GrownCode),
    /// One that is closed.
    HighlightCode(GrownCode),
    /// References of an answer. `read` are the files that the agent has seen.
    CheckReferences { references: Vec<WrittenReference>, read: Vec<String> },
    /// What has become of citations since they were checked.
    CompareCitations(Vec<Citation>),
    /// One sentence on the project, and questions that fit it.
    Suggest,
    /// How far the project is by its list of features.
    FeatureStats,
    /// Whether the content of a file may be read, wherever its name is allowed.
    CheckContent { path: String },
    /// The beginning of the project's specification, somewhat longer than this many characters if
    /// there is more.
    Specification { max_chars: usize },
    /// The beginning of what the repository says for agents, in the same measure.
    Instructions { max_chars: usize },
    /// What is checked out in the project's directories.
    Checkouts,
    /// Answers a question of the guide.
    Answer(Box<AnswerTask>),
    /// Runs a tool for an agent.
    CallTool(ProjectCall),
    /// What is in a directory, by its path from the project's root.
    Directory { path: String },
    /// Definitions by their names.
    FindSymbols(SymbolQuery),
    /// Who wrote lines of a file last.
    Blame { path: String, first: usize, last: usize },
    /// Goes on with a search in the text of the files.
    SearchText(TextStep),
    /// Where a name is used as code.
    FindUses { name: String },
    /// Where a text stands in what a page shows.
    FindInFile { of: PageOf, text: String },
}

impl ReaderRequest {
    /// Whether its answer depends on the project's files.
    pub(super) fn needs_files(&self) -> bool {
        !matches!(self, Self::Ping | Self::PrefetchCode(_) | Self::HighlightCode(_))
    }
}

/// What a page shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PageOf {
    /// A file as it is.
    File(String),
    /// A file as it was in a commit, by its whole hash.
    FileAt { path: String, commit: String },
    /// A commit: its message, and how it differs from the one before.
    Commit(String),
}

/// What was added to a code block.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct GrownCode {
    /// Which block, of all that this reader was given.
    pub(crate) block: u64,
    pub(crate) language: String,
    /// Bytes of the block before `added`.
    pub(crate) from: usize,
    pub(crate) added: String,
}

/// An answer under the number of its request.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct AnswerFrame {
    pub(crate) id: u64,
    pub(crate) answer: ReaderAnswer,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ReaderAnswer {
    Done,
    Found(FoundFiles),
    Page(ReadPage),
    /// The file may not or cannot be shown.
    Refused(FileRefusal),
    /// HTML of the whole block; `None` if it stays plain.
    Code(Option<HighlightedCode>),
    /// The reader does not have what was said of the block before.
    UnknownCode,
    Checked(CheckedReferences),
    /// One for each citation.
    Standings(Vec<Standing>),
    Suggestions(Suggestions),
    Stats(FeatureStats),
    Checkouts(Vec<Checkout>),
    Answered(GuideAnswer),
    /// The content may not be read, for this reason.
    Denied(String),
    Specification(Option<String>),
    /// The number of the file among those that are looked for, and its text.
    Instructions(Option<(usize, String)>),
    Tool(CallOutcome),
    Text(FoundText),
    Places(FoundPlaces),
    Uses(FoundUses),
    Directory(Directory),
    Symbols(FoundSymbols),
    Blamed(BlamedLines),
    /// The request failed, in words.
    Failed(String),
}

/// References of an answer after their check.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct CheckedReferences {
    pub(crate) citations: Vec<Citation>,
    /// The commit of each directory at that time, where git tells one.
    pub(crate) commits: Vec<Checkout>,
}

/// The result of a search for files.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct FoundFiles {
    /// The best matches first.
    pub(crate) files: Vec<FoundFile>,
    /// The number of matches.
    pub(crate) total: usize,
    /// Whether the project has more files than are searched.
    pub(crate) truncated: bool,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ReadPage {
    pub(crate) excerpt: FileExcerpt,
    /// The lines as HTML, if they were asked for.
    pub(crate) lines: Option<Vec<String>>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct HighlightedCode {
    pub(crate) html: String,
    /// Whether the limits sufficed.
    pub(crate) is_whole: bool,
}

/// Why a file is not shown, for a person.
#[derive(Debug, Serialize, Deserialize, thiserror::Error)]
#[error("{words}")]
pub(crate) struct FileRefusal {
    pub(crate) kind: FileRefusalKind,
    pub(crate) words: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FileRefusalKind {
    /// The path names no file that could be shown.
    BadPath,
    Forbidden,
    NotThere,
    Changed,
    TooLarge,
}

/// Why a reader gives no answer, in words for a person.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum ReaderError {
    #[error(
        "The project's directory {dir:?} is gone or cannot be read: {cause}. Restore it, or correct its path in the settings."
    )]
    DirectoryGone { dir: PathBuf, cause: String },
    /// It is yet to come.
    #[error("{0}")]
    Absent(String),
    #[error("The reader of the project's files did not start: {0}.")]
    NotStarted(String),
    #[error("The reader of the project's files stopped: {0}. Ask again: it starts anew.")]
    Died(String),
    #[error(
        "The reader of the project's files keeps stopping, the last time because {cause}. It is started again in {wait:?}."
    )]
    KeepsDying { cause: String, wait: Duration },
    #[error(
        "The reader of the project's files did not answer within {0:?}. Ask again, for less at a time."
    )]
    TimedOut(Duration),
    #[error("Too much is asked of the project's files at once. Ask again in a moment.")]
    Busy,
    #[error("The project's files could not be read: {0}.")]
    Failed(String),
}

impl ReaderError {
    pub(crate) fn gone(dir: PathBuf, error: &io::Error) -> Self {
        Self::DirectoryGone { dir, cause: error.to_string() }
    }
}

impl From<HistoryError> for FileRefusal {
    fn from(error: HistoryError) -> Self {
        let kind = match &error {
            HistoryError::UnknownCommit(_)
            | HistoryError::NotThen(_)
            | HistoryError::NotCommitted(_)
            | HistoryError::NoRepository
            | HistoryError::Empty => FileRefusalKind::NotThere,
            HistoryError::Invalid(_) => FileRefusalKind::BadPath,
            _ => FileRefusalKind::Forbidden,
        };
        let mut words = error.to_string();
        if let Some(first) = words.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        Self { kind, words: format!("{words}.") }
    }
}

impl From<FileReadError> for FileRefusal {
    fn from(error: FileReadError) -> Self {
        let kind = match &error {
            FileReadError::BadPath(_) | FileReadError::Directory(_) => FileRefusalKind::BadPath,
            FileReadError::Refused(_)
            | FileReadError::Climbs(_)
            | FileReadError::NotPlain(_)
            | FileReadError::Unreadable { .. } => FileRefusalKind::Forbidden,
            FileReadError::NotThere(_) => FileRefusalKind::NotThere,
            FileReadError::Changed(_) => FileRefusalKind::Changed,
            FileReadError::TooLarge { .. } => FileRefusalKind::TooLarge,
        };
        Self { kind, words: error.to_string() }
    }
}

impl ReadLimits {
    pub(crate) fn of(settings: &Settings) -> Self {
        let (reading, highlighting) = (&settings.reading, &settings.highlighting);
        Self {
            file_bytes: reading.file_bytes,
            page_lines: reading.page_lines,
            page_bytes: reading.page_bytes,
            list_lifetime: reading.file_list_lifetime,
            index_wait: settings.reader.timeout * 3 / 4,
            highlighted_bytes: [
                highlighting.block_bytes,
                highlighting.file_bytes,
                highlighting.line_bytes,
            ],
            highlighting_timeout: highlighting.timeout,
            grammar_lifetime: highlighting.idle_timeout,
        }
    }

    /// The settings of the highlighter in the reader, which keeps no results: the server does.
    pub(crate) fn highlighting(&self) -> HighlightingSettings {
        let [block_bytes, file_bytes, line_bytes] = self.highlighted_bytes;
        HighlightingSettings {
            block_bytes,
            file_bytes,
            line_bytes,
            timeout: self.highlighting_timeout,
            cache_bytes: 0,
            idle_timeout: self.grammar_lifetime,
        }
    }
}
