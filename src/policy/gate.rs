//! The gate: every byte of a project that the server or the guide reads comes through here. It
//! opens plain files below one directory and nothing else: no link is followed, no device is
//! opened, no pipe is waited for, and no more is read than was asked for.

use std::{
    fs::File,
    io::{self, Read as _},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::{Component, Path},
};

use rustix::{
    fs::{FileType, Mode, OFlags, ResolveFlags, Stat},
    io::Errno,
};

use super::secrets::content;

/// Why the gate stays shut.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Shut {
    /// There is no such file.
    #[error("there is no such file")]
    NotThere,
    /// A part of the path is a symbolic link.
    #[error("a part of the path is a symbolic link")]
    Link,
    /// It is a directory.
    #[error("it is a directory")]
    Directory,
    /// It is a pipe, a socket or a device, or the path is none within the project.
    #[error("it is not a plain file")]
    NotPlain,
    /// It was replaced between looking at it and opening it.
    #[error("it was changed while it was opened")]
    Changed,
    /// It has more bytes than were asked for: as many as this.
    #[error("it is too large: {0} bytes")]
    TooLarge(u64),
    /// It holds a private key, whatever its name is.
    #[error("it holds a private key")]
    Secret,
    /// The system refuses.
    #[error(transparent)]
    Unreadable(io::Error),
}

/// A directory whose files can be read: a project. It stays the same one even when another takes
/// its name.
#[derive(Debug)]
pub(crate) struct Tree {
    root: OwnedFd,
    /// Whether the kernel may be asked to resolve a whole path at once.
    at_once: bool,
}

impl Tree {
    /// The directory at `dir`. The path is the operator's: links in it are followed.
    pub(crate) fn open(dir: &Path) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::open(dir, flags, Mode::empty())?;
        Ok(Self { root, at_once: true })
    }

    /// The bytes of the plain file at `path` below the directory, `most` of them at most. Blocks.
    pub(crate) fn read(&self, path: &Path, most: usize) -> Result<Vec<u8>, Shut> {
        let (file, size) = self.plain(path)?;
        let limit = u64::try_from(most).unwrap_or(u64::MAX);
        if size > limit {
            return Err(Shut::TooLarge(size));
        }
        // One byte more shows that the file has grown meanwhile.
        let bytes = take(file, size, limit.saturating_add(1))?;
        match bytes.len() > most {
            true => Err(Shut::TooLarge(limit.saturating_add(1))),
            false => Ok(bytes),
        }
    }

    /// The first bytes of the plain file at `path`, `most` of them at most. Blocks.
    pub(crate) fn read_start(&self, path: &Path, most: usize) -> Result<Vec<u8>, Shut> {
        let (file, size) = self.plain(path)?;
        let limit = u64::try_from(most).unwrap_or(u64::MAX);
        take(file, size.min(limit), limit)
    }

    /// Whether a plain file is at `path`. Opens nothing.
    pub(crate) fn is_plain(&self, path: &Path) -> bool {
        self.look(path).is_ok()
    }

    /// Whether anything is called `name` in `dir`, which is a directory of the tree.
    pub(crate) fn has(dir: impl AsFd, name: &str) -> bool {
        rustix::fs::statat(dir, name, rustix::fs::AtFlags::SYMLINK_NOFOLLOW).is_ok()
    }

    /// The directory at `path`, to list what is in it.
    pub(crate) fn list(&self, path: &Path) -> Result<OwnedFd, Shut> {
        if path.as_os_str().is_empty() {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            return rustix::fs::openat(&self.root, ".", flags, Mode::empty()).map_err(shut);
        }
        self.at(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NONBLOCK)
    }

    /// The plain file at `path`, opened, and its size.
    fn plain(&self, path: &Path) -> Result<(File, u64), Shut> {
        // Only what was looked at is opened, so that nothing happens to a device.
        let seen = self.look(path)?;
        let file = self.at(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)?;
        let opened = rustix::fs::fstat(&file).map_err(shut)?;
        if (opened.st_dev, opened.st_ino) != (seen.st_dev, seen.st_ino) {
            return Err(Shut::Changed);
        }
        let size = u64::try_from(opened.st_size).unwrap_or(u64::MAX);
        Ok((File::from(file), size))
    }

    /// What is known of the plain file at `path` without opening it.
    fn look(&self, path: &Path) -> Result<Stat, Shut> {
        if path.as_os_str().is_empty() {
            return Err(Shut::Directory);
        }
        let stat = rustix::fs::fstat(self.at(path, OFlags::PATH)?).map_err(shut)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Ok(stat),
            FileType::Directory => Err(Shut::Directory),
            FileType::Symlink => Err(Shut::Link),
            _ => Err(Shut::NotPlain),
        }
    }

    /// What is at `path` without following a link in any part of it.
    fn at(&self, path: &Path, flags: OFlags) -> Result<OwnedFd, Shut> {
        let mut parts = path.components();
        if path.as_os_str().is_empty() || !parts.all(|part| matches!(part, Component::Normal(_))) {
            return Err(Shut::NotPlain);
        }
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        if self.at_once {
            let how =
                ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
            match rustix::fs::openat2(&self.root, path, flags, Mode::empty(), how) {
                // The kernel is old, a filter forbids the call, or somebody moves directories.
                Err(Errno::NOSYS | Errno::PERM | Errno::INVAL | Errno::AGAIN | Errno::TOOBIG) => (),
                found => return found.map_err(shut),
            }
        }
        step_by_step(self.root.as_fd(), path, flags)
    }
}

/// As `openat2` without links, for where it cannot be had: one directory after the other.
fn step_by_step(root: BorrowedFd<'_>, path: &Path, flags: OFlags) -> Result<OwnedFd, Shut> {
    let through = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut dir: Option<OwnedFd> = None;
    let mut parts = path.components().peekable();
    while let Some(part) = parts.next() {
        let above = dir.as_ref().map_or(root, AsFd::as_fd);
        let flags = if parts.peek().is_some() { through } else { flags };
        let next = rustix::fs::openat(above, part.as_os_str(), flags, Mode::empty());
        dir = Some(next.map_err(shut)?);
    }
    dir.ok_or(Shut::NotPlain)
}

/// Reads to the end of a file, `limit` bytes at most. A private key is not given away.
fn take(file: File, expected: u64, limit: u64) -> Result<Vec<u8>, Shut> {
    let mut bytes = Vec::with_capacity(usize::try_from(expected).unwrap_or_default());
    file.take(limit).read_to_end(&mut bytes).map_err(Shut::Unreadable)?;
    match content::is_private_key(&bytes) {
        true => Err(Shut::Secret),
        false => Ok(bytes),
    }
}

fn shut(error: Errno) -> Shut {
    match error {
        Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG => Shut::NotThere,
        Errno::LOOP | Errno::XDEV => Shut::Link,
        // A socket, or a device without a driver.
        Errno::NXIO | Errno::NODEV => Shut::NotPlain,
        error => Shut::Unreadable(error.into()),
    }
}

#[cfg(test)]
mod tests;
