//! Worth of directories: which are walked first, so that a limit cuts what tells least. Pure.

use std::{cmp::Ordering, path::PathBuf, sync::Arc};

use crate::source::file_role;

use super::ignore::IgnoreLevel;

/// Directories that usually hold the sources.
const SOURCE_FOLDERS: &[&str] = &[
    "src", "source", "sources", "lib", "libs", "app", "apps", "cmd", "pkg", "internal", "crates",
    "packages", "modules", "core", "server", "client", "backend", "frontend", "api", "include",
];
/// Directories of data that tests or programs work on.
const DATA_FOLDERS: &[&str] = &[
    "fixtures",
    "__fixtures__",
    "testdata",
    "test-data",
    "test_data",
    "__mocks__",
    "data",
    "assets",
    "corpus",
    "samples",
    "golden",
    "cassettes",
    "resources",
    "static",
    "public",
];

/// The worth of a directory and all below it, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum DirWorth {
    Source,
    Other,
    Data,
    /// Vendored or generated.
    Foreign,
}

impl DirWorth {
    /// The worth of the directory `name` within one of this worth.
    pub(super) fn below(self, name: &[u8]) -> Self {
        let name = String::from_utf8_lossy(name).to_lowercase();
        let own = if file_role::is_foreign_folder(&name) {
            Self::Foreign
        } else if DATA_FOLDERS.contains(&name.as_str()) {
            Self::Data
        } else if self == Self::Source || SOURCE_FOLDERS.contains(&name.as_str()) {
            Self::Source
        } else {
            Self::Other
        };
        match self {
            Self::Data | Self::Foreign => self.max(own),
            Self::Source | Self::Other => own,
        }
    }
}

/// A directory to enter. The greatest is entered first.
#[derive(Debug)]
pub(super) struct PendingDir {
    pub path: PathBuf,
    pub depth: usize,
    pub worth: DirWorth,
    /// The rules of the directories above.
    pub level: Option<Arc<IgnoreLevel>>,
}

impl PendingDir {
    fn key(&self) -> (DirWorth, usize, &PathBuf) {
        (self.worth, self.depth, &self.path)
    }
}

impl Ord for PendingDir {
    fn cmp(&self, other: &Self) -> Ordering {
        other.key().cmp(&self.key())
    }
}

impl PartialOrd for PendingDir {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for PendingDir {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for PendingDir {}
