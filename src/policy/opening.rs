//! Opening a file of a project and nothing else: what the policy resolved is what is read, even
//! when somebody changes the directories meanwhile, and what is no plain file is never opened.

use std::{
    fs, io,
    io::Read as _,
    os::fd::{AsFd as _, AsRawFd as _, OwnedFd},
    path::{Component, Path, PathBuf},
};

use rustix::{
    fs::{FileType, Mode, OFlags},
    io::Errno,
};

use super::{Policy, Refusal};

/// Longest path, bytes; longer ones do not exist.
const LONGEST_PATH: usize = 4096;

/// Why a file is not shown.
#[derive(Debug, thiserror::Error)]
pub enum NotOpened {
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
pub fn read(policy: &Policy, path: &str, most: usize) -> Result<Vec<u8>, NotOpened> {
    let real = resolve(policy, path)?;
    read_real(&real, path, most)
}

/// The real path of what `path` names, if it may be read.
fn resolve(policy: &Policy, path: &str) -> Result<PathBuf, NotOpened> {
    if path.is_empty() || path.len() > LONGEST_PATH {
        return Err(NotOpened::BadPath("`path` is the path of a file from the project's root."));
    }
    let is_within = |part| matches!(part, Component::Normal(_) | Component::CurDir);
    if !Path::new(path).components().all(is_within) {
        return Err(NotOpened::Climbs(path.to_owned()));
    }
    Ok(policy.resolve(path)?)
}

/// Reads the file at `real`, a path without links, which is called `path`.
fn read_real(real: &Path, path: &str, most: usize) -> Result<Vec<u8>, NotOpened> {
    let failed = |error: Errno| match error {
        Errno::NOENT | Errno::NOTDIR => NotOpened::NotThere(path.to_owned()),
        error => NotOpened::Unreadable { path: path.to_owned(), source: error.into() },
    };
    // A handle to the name alone: it opens no device and waits for no pipe.
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let handle = rustix::fs::open(real, flags, Mode::empty()).map_err(failed)?;
    let stat = rustix::fs::fstat(&handle).map_err(failed)?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => (),
        FileType::Directory => return Err(NotOpened::Directory(path.to_owned())),
        // A link has come where there was none.
        FileType::Symlink => return Err(NotOpened::Changed(path.to_owned())),
        _ => return Err(NotOpened::NotPlain(path.to_owned())),
    }
    let by_handle = by_handle(&handle);
    // Where a directory on the way became a link, the handle lies elsewhere.
    let lies_at = fs::read_link(&by_handle)
        .map_err(|source| NotOpened::Unreadable { path: path.to_owned(), source })?;
    if lies_at != real {
        return Err(NotOpened::Changed(path.to_owned()));
    }
    let size = u64::try_from(stat.st_size).unwrap_or(u64::MAX);
    let most_bytes = u64::try_from(most).unwrap_or(u64::MAX);
    let too_large = |size| NotOpened::TooLarge { path: path.to_owned(), size, most };
    if size > most_bytes {
        return Err(too_large(size));
    }
    // The very file that was looked at, not what has its name by now.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = rustix::fs::open(&by_handle, flags, Mode::empty()).map_err(failed)?;
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
    fs::File::from(file)
        .take(most_bytes.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|source| NotOpened::Unreadable { path: path.to_owned(), source })?;
    if bytes.len() > most {
        return Err(too_large(most_bytes.saturating_add(1)));
    }
    Ok(bytes)
}

fn by_handle(handle: &OwnedFd) -> PathBuf {
    format!("/proc/self/fd/{}", handle.as_fd().as_raw_fd()).into()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    const MOST: usize = 100;

    #[test]
    fn p10_what_changes_between_the_check_and_the_opening_is_not_read() {
        let base = tempfile::tempdir().unwrap();
        let base = base.path().canonicalize().unwrap();
        fs::create_dir_all(base.join("project/dir")).unwrap();
        fs::create_dir_all(base.join("outside")).unwrap();
        fs::write(base.join("outside/file"), "secret").unwrap();
        fs::write(base.join("project/dir/file"), "plain").unwrap();
        let checked = base.join("project/dir/file");
        assert_eq!(read_real(&checked, "dir/file", MOST).unwrap(), b"plain");

        // A directory on the way becomes a link that leads out.
        fs::rename(base.join("project/dir"), base.join("project/old")).unwrap();
        symlink("../outside", base.join("project/dir")).unwrap();
        let changed = read_real(&checked, "dir/file", MOST);
        assert!(matches!(changed, Err(NotOpened::Changed(_))), "{changed:?}");

        // The file itself becomes one.
        fs::remove_file(base.join("project/dir")).unwrap();
        fs::create_dir(base.join("project/dir")).unwrap();
        symlink("../../outside/file", base.join("project/dir/file")).unwrap();
        let changed = read_real(&checked, "dir/file", MOST);
        assert!(matches!(changed, Err(NotOpened::Changed(_))), "{changed:?}");

        // It becomes a pipe, which would be waited for.
        fs::remove_file(&checked).unwrap();
        let made = std::process::Command::new("mkfifo").arg(&checked).status().unwrap();
        assert!(made.success());
        let pipe = read_real(&checked, "dir/file", MOST);
        assert!(matches!(pipe, Err(NotOpened::NotPlain(_))), "{pipe:?}");
    }

    #[test]
    fn a_file_is_read_whole_or_not_at_all() {
        let base = tempfile::tempdir().unwrap();
        let path = base.path().canonicalize().unwrap().join("file");
        fs::write(&path, "x".repeat(MOST)).unwrap();
        assert_eq!(read_real(&path, "file", MOST).unwrap().len(), MOST);
        fs::write(&path, "x".repeat(MOST + 1)).unwrap();
        let large = read_real(&path, "file", MOST).unwrap_err().to_string();
        assert!(large.contains("101 bytes"), "{large}");
    }
}
