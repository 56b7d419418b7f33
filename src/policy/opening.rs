//! Reads files of a project by path: the policy resolves and judges the path, the gate opens it.

use std::{
    io,
    path::{Component, Path, PathBuf},
};

use super::{
    Policy, Refusal,
    gate::{Tree, TreeError},
};

/// Longest path in bytes; the system allows no longer ones.
const LONGEST_PATH: usize = 4096;

/// Why a file was not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileReadError {
    /// The path is empty or too long.
    #[error("{0}")]
    BadPath(&'static str),
    /// The path is absolute or contains `..`.
    #[error(
        "{0:?} is not a path within the project: give it from the project's root, without `..`"
    )]
    Climbs(String),
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// There is no such file.
    #[error("There is no file {0:?} in this project.")]
    NotThere(String),
    /// It is a directory.
    #[error("{0:?} is a directory: only files can be shown")]
    Directory(String),
    /// It is a pipe, a socket or a device.
    #[error("{0:?} is not a plain file and cannot be read")]
    NotPlain(String),
    /// It was replaced while it was opened.
    #[error("{0:?} was changed while it was opened: try again")]
    Changed(String),
    /// It is too large.
    #[error("{path:?} has {size} bytes; files of at most {most} bytes are shown")]
    TooLarge {
        /// The path as asked.
        path: String,
        /// The file's size in bytes.
        size: u64,
        /// Largest size in bytes.
        most: usize,
    },
    #[error("{path:?} cannot be read: {source}")]
    Unreadable {
        /// The path as asked.
        path: String,
        source: io::Error,
    },
}

/// Reads a whole file of the project. Blocks.
pub(crate) fn read(policy: &Policy, path: &str, most: usize) -> Result<Vec<u8>, FileReadError> {
    let (tree, inside) = find(policy, path)?;
    tree.read(&inside, most).map_err(|error| read_error(error, path, most))
}

/// Reads the first bytes of a file of the project. Blocks.
pub(crate) fn read_start(
    policy: &Policy,
    path: &str,
    most: usize,
) -> Result<Vec<u8>, FileReadError> {
    let (tree, inside) = find(policy, path)?;
    tree.read_start(&inside, most).map_err(|error| read_error(error, path, most))
}

/// The project's tree and the resolved path in it, if that may be read. Blocks.
pub(crate) fn find(policy: &Policy, path: &str) -> Result<(Tree, PathBuf), FileReadError> {
    if path.is_empty() || path.len() > LONGEST_PATH {
        return Err(FileReadError::BadPath(
            "`path` is the path of a file from the project's root.",
        ));
    }
    let is_within = |part| matches!(part, Component::Normal(_) | Component::CurDir);
    let found = policy.roots.find(Path::new(path));
    let inside = found.map_or(Path::new(path), |(_, inside)| inside);
    if !inside.components().all(is_within) {
        return Err(FileReadError::Climbs(path.to_owned()));
    }
    if found.is_none() {
        return Err(FileReadError::NotThere(path.to_owned()));
    }
    let (root, inside) = policy.locate(path)?;
    let unreadable = |source| FileReadError::Unreadable { path: path.to_owned(), source };
    Ok((Tree::open(&root).map_err(unreadable)?, inside))
}

fn read_error(error: TreeError, path: &str, most: usize) -> FileReadError {
    let path = path.to_owned();
    match error {
        TreeError::NotThere => FileReadError::NotThere(path),
        TreeError::Directory => FileReadError::Directory(path),
        // The policy resolved all links, so this one is new.
        TreeError::Link | TreeError::Changed => FileReadError::Changed(path),
        TreeError::NotPlain => FileReadError::NotPlain(path),
        TreeError::TooLarge(size) => FileReadError::TooLarge { path, size, most },
        TreeError::Secret => Refusal::Secret(path).into(),
        TreeError::Unreadable(source) => FileReadError::Unreadable { path, source },
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;
    use crate::policy::Secrets;

    const MOST: usize = 100;

    #[test]
    fn p10_what_changes_between_the_check_and_the_opening_is_not_read() {
        let base = tempfile::tempdir().unwrap();
        let base = base.path().canonicalize().unwrap();
        fs::create_dir_all(base.join("project/dir")).unwrap();
        fs::create_dir_all(base.join("outside")).unwrap();
        fs::write(base.join("outside/file"), "secret").unwrap();
        fs::write(base.join("project/dir/file"), "plain").unwrap();
        let policy = Policy::new(base.join("project"), Secrets::new(&[]).unwrap());
        let checked = base.join("project/dir/file");
        assert_eq!(read(&policy, "dir/file", MOST).unwrap(), b"plain");
        let (tree, inside) = find(&policy, "dir/file").unwrap();
        let read = || tree.read(&inside, MOST).map_err(|error| read_error(error, "dir/file", MOST));

        // A directory on the way becomes a link that leads out.
        fs::rename(base.join("project/dir"), base.join("project/old")).unwrap();
        symlink("../outside", base.join("project/dir")).unwrap();
        let changed = read();
        assert!(matches!(changed, Err(FileReadError::Changed(_))), "{changed:?}");

        // The file itself becomes one.
        fs::remove_file(base.join("project/dir")).unwrap();
        fs::create_dir(base.join("project/dir")).unwrap();
        symlink("../../outside/file", base.join("project/dir/file")).unwrap();
        let changed = read();
        assert!(matches!(changed, Err(FileReadError::Changed(_))), "{changed:?}");

        // It becomes a pipe, which would be waited for.
        fs::remove_file(&checked).unwrap();
        let made = std::process::Command::new("mkfifo").arg(&checked).status().unwrap();
        assert!(made.success());
        let pipe = read();
        assert!(matches!(pipe, Err(FileReadError::NotPlain(_))), "{pipe:?}");
    }

    #[test]
    fn a_file_is_read_whole_or_not_at_all_or_from_its_start() {
        let base = tempfile::tempdir().unwrap();
        let path = base.path().join("file");
        let policy = Policy::new(base.path().to_owned(), Secrets::new(&[]).unwrap());
        fs::write(&path, "x".repeat(MOST)).unwrap();
        assert_eq!(read(&policy, "file", MOST).unwrap().len(), MOST);
        fs::write(&path, "x".repeat(MOST + 1)).unwrap();
        let large = read(&policy, "file", MOST).unwrap_err().to_string();
        assert!(large.contains("101 bytes"), "{large}");
        assert_eq!(read_start(&policy, "./file", MOST).unwrap().len(), MOST);
    }
}
