//! The file that an agent was started from, and whether an update has replaced it since.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

/// Identifies a file and its content at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct FileIdentity {
    device: u64,
    inode: u64,
    size: u64,
    /// Modification time: seconds and nanoseconds.
    changed: (i64, i64),
}

impl FileIdentity {
    /// The file at `program`, links followed; `None` if there is none, as during an update.
    pub(crate) fn of(program: &Path) -> Option<Self> {
        let file = fs::metadata(program).ok()?;
        Some(Self {
            device: file.dev(),
            inode: file.ino(),
            size: file.len(),
            changed: (file.mtime(), file.mtime_nsec()),
        })
    }
}

/// The executable that an agent was started from.
#[derive(Debug, Clone)]
pub(crate) struct LaunchedExecutable {
    program: PathBuf,
    file: Option<FileIdentity>,
}

impl LaunchedExecutable {
    /// The executable as it is now.
    pub(crate) fn new(program: &Path) -> Self {
        Self { program: program.to_owned(), file: FileIdentity::of(program) }
    }

    /// Whether another file has replaced it. The agent would load parts of the new one.
    pub(crate) fn is_replaced(&self) -> bool {
        let now = FileIdentity::of(&self.program);
        now.is_some() && self.file.is_some() && now != self.file
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_replaced_when_another_file_is_at_its_path() {
        let dir = tempfile::tempdir().unwrap();
        let (program, link) = (dir.path().join("claude.exe"), dir.path().join("claude"));
        fs::write(&program, "one").unwrap();
        std::os::unix::fs::symlink(&program, &link).unwrap();
        let started = LaunchedExecutable::new(&link);
        assert!(!started.is_replaced());

        // In the middle of an update there is none.
        fs::rename(&program, dir.path().join("old")).unwrap();
        assert!(!started.is_replaced());
        fs::write(&program, "two").unwrap();
        assert!(started.is_replaced());

        let started = LaunchedExecutable::new(&link);
        fs::write(&program, "in place").unwrap();
        assert!(started.is_replaced());
        let other = dir.path().join("other");
        fs::write(&other, "three").unwrap();
        let started = LaunchedExecutable::new(&link);
        fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink(&other, &link).unwrap();
        assert!(started.is_replaced());
        assert!(!LaunchedExecutable::new(&dir.path().join("none")).is_replaced());
    }
}
