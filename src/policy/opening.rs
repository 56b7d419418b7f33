//! Reading a file of a project that somebody names: the policy says which file that is and whether
//! it may be read, the gate reads that one and no other.

use std::{
    io,
    path::{Component, Path, PathBuf},
};

use super::{
    Policy, Refusal,
    gate::{Shut, Tree},
};

/// Longest path, bytes; longer ones do not exist.
const LONGEST_PATH: usize = 4096;

/// Why a file is not shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotOpened {
    /// This is no path at all.
    #[error("{0}")]
    BadPath(&'static str),
    /// The path does not start at the project's root, or leaves it by name.
    #[error(
        "{0:?} is not a path within the project: give it from the project's root, without `..`"
    )]
    Climbs(String),
    /// The policy refuses.
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
    #[error("{path:?} has {size} bytes, and files of at most {most} bytes are shown")]
    TooLarge {
        /// The path as asked.
        path: String,
        /// Bytes.
        size: u64,
        /// Bytes that are shown.
        most: usize,
    },
    /// The system refuses.
    #[error("{path:?} cannot be read: {source}")]
    Unreadable {
        /// The path as asked.
        path: String,
        /// Why.
        source: io::Error,
    },
}

/// Reads a file of the project whole. Blocks.
pub(crate) fn read(policy: &Policy, path: &str, most: usize) -> Result<Vec<u8>, NotOpened> {
    let (tree, inside) = find(policy, path)?;
    tree.read(&inside, most).map_err(|shut| not_opened(shut, path, most))
}

/// Reads the first bytes of a file of the project. Blocks.
pub(crate) fn read_start(policy: &Policy, path: &str, most: usize) -> Result<Vec<u8>, NotOpened> {
    let (tree, inside) = find(policy, path)?;
    tree.read_start(&inside, most).map_err(|shut| not_opened(shut, path, most))
}

/// Whether `path` names a plain file that may be read. Opens nothing, but asks the disk.
pub(crate) fn is_file(policy: &Policy, path: &str) -> bool {
    find(policy, path).is_ok_and(|(tree, inside)| tree.is_plain(&inside))
}

/// The project and the path in it of what `path` names, if that may be read.
fn find(policy: &Policy, path: &str) -> Result<(Tree, PathBuf), NotOpened> {
    if path.is_empty() || path.len() > LONGEST_PATH {
        return Err(NotOpened::BadPath("`path` is the path of a file from the project's root."));
    }
    let is_within = |part| matches!(part, Component::Normal(_) | Component::CurDir);
    if !Path::new(path).components().all(is_within) {
        return Err(NotOpened::Climbs(path.to_owned()));
    }
    let root = policy.root()?;
    let real = policy.resolve(path)?;
    let Ok(inside) = real.strip_prefix(&root) else {
        return Err(Refusal::Outside(path.to_owned()).into());
    };
    let unreadable = |source| NotOpened::Unreadable { path: path.to_owned(), source };
    Ok((Tree::open(&root).map_err(unreadable)?, inside.to_owned()))
}

fn not_opened(shut: Shut, path: &str, most: usize) -> NotOpened {
    let path = path.to_owned();
    match shut {
        Shut::NotThere => NotOpened::NotThere(path),
        Shut::Directory => NotOpened::Directory(path),
        // A link has come where there was none: the policy had resolved them all.
        Shut::Link | Shut::Changed => NotOpened::Changed(path),
        Shut::NotPlain => NotOpened::NotPlain(path),
        Shut::TooLarge(size) => NotOpened::TooLarge { path, size, most },
        Shut::Secret => Refusal::Secret(path).into(),
        Shut::Unreadable(source) => NotOpened::Unreadable { path, source },
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
        let read = || tree.read(&inside, MOST).map_err(|shut| not_opened(shut, "dir/file", MOST));

        // A directory on the way becomes a link that leads out.
        fs::rename(base.join("project/dir"), base.join("project/old")).unwrap();
        symlink("../outside", base.join("project/dir")).unwrap();
        let changed = read();
        assert!(matches!(changed, Err(NotOpened::Changed(_))), "{changed:?}");

        // The file itself becomes one.
        fs::remove_file(base.join("project/dir")).unwrap();
        fs::create_dir(base.join("project/dir")).unwrap();
        symlink("../../outside/file", base.join("project/dir/file")).unwrap();
        let changed = read();
        assert!(matches!(changed, Err(NotOpened::Changed(_))), "{changed:?}");

        // It becomes a pipe, which would be waited for.
        fs::remove_file(&checked).unwrap();
        let made = std::process::Command::new("mkfifo").arg(&checked).status().unwrap();
        assert!(made.success());
        let pipe = read();
        assert!(matches!(pipe, Err(NotOpened::NotPlain(_))), "{pipe:?}");
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
        assert!(is_file(&policy, "file") && !is_file(&policy, ".") && !is_file(&policy, "none"));
    }
}
