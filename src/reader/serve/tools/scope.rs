//! Where a search looks: all files of a directory, or one file.

use crate::{policy::opening::FileReadError, project::roots, reader::serve::files::ReadableFiles};

use super::named_path::{self, NamedFile};

/// What is not among the files of a directory.
pub(super) const LEFT_OUT: &str =
    "Ignored and hidden files, links and files that may hold secrets are left out.";

pub(super) enum Scope {
    /// What the paths of its files begin with.
    Directory(String),
    File(NamedFile),
}

impl Scope {
    /// What an agent named; the whole project if it is empty. The error says why it is not searched.
    pub(super) fn of(files: &ReadableFiles, written: &str) -> Result<Self, String> {
        let path = named_path::normal(written, files.roots());
        if path.is_empty() {
            return Ok(Self::Directory(path));
        }
        let prefix = roots::dir_prefix(&path);
        if !files.list().below(&prefix).is_empty() {
            return Ok(Self::Directory(prefix));
        }
        match files.bytes(&path) {
            Err(FileReadError::Directory(_)) => {
                Err(format!("No file in {path:?} is searched. {LEFT_OUT}"))
            }
            // Its lines may stand behind the path.
            _ => named_path::open(files, written).map(Self::File),
        }
    }
}
