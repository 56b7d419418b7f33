//! The gate: opens plain files below a project's roots, for every reader of the server and the guide.
//! It follows no link, opens no device, waits for no pipe, and reads no more than requested.

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
use crate::project::{ProjectName, Root, Roots, roots};

/// Why the gate does not open a file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TreeError {
    /// There is no such file.
    #[error("there is no such file")]
    NotThere,
    /// A part of the path is a symbolic link.
    #[error("a part of the path is a symbolic link")]
    Link,
    /// It is a directory.
    #[error("it is a directory")]
    Directory,
    /// It is a pipe, a socket or a device, or the path leaves the project.
    #[error("it is not a plain file")]
    NotPlain,
    /// It was replaced between the check and the opening.
    #[error("it was changed while it was opened")]
    Changed,
    /// It is larger than the limit: its size in bytes.
    #[error("it is too large: {0} bytes")]
    TooLarge(u64),
    /// It holds a private key.
    #[error("it holds a private key")]
    Secret,
    #[error(transparent)]
    Unreadable(io::Error),
}

/// A project's root directories, held open so that a replacement of their paths has no effect.
#[derive(Debug)]
pub(crate) struct Tree {
    /// By the names of a group's members.
    roots: Vec<(Option<ProjectName>, OwnedFd)>,
    /// Whether to try `openat2`, which resolves a whole path.
    has_openat2: bool,
}

impl Tree {
    /// Opens `dir`. Links in it are followed, since the path comes from the operator.
    pub(crate) fn open(dir: &Path) -> io::Result<Self> {
        Self::of(&Roots::from(dir))
    }

    /// Opens all directories of a project, likewise.
    pub(crate) fn of(roots: &Roots) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let open = |root: &Root| {
            let opened = rustix::fs::open(&root.dir, flags, Mode::empty())?;
            Ok((root.name.clone(), opened))
        };
        let roots = roots.iter().map(open).collect::<io::Result<_>>()?;
        Ok(Self { roots, has_openat2: true })
    }

    /// The directory that `path` counts from, and the rest of the path.
    fn root_of<'a>(&self, path: &'a Path) -> Result<(BorrowedFd<'_>, &'a Path), TreeError> {
        let named = |wanted: Option<&str>| {
            let root = self
                .roots
                .iter()
                .find(|(name, _)| name.as_ref().map(ProjectName::as_str) == wanted);
            root.map(|(_, root)| root.as_fd())
        };
        if let Some(root) = named(None) {
            return Ok((root, path));
        }
        let (name, inside) = roots::split(path).ok_or(TreeError::NotThere)?;
        Ok((named(Some(name)).ok_or(TreeError::NotThere)?, inside))
    }

    /// Reads the plain file at `path`, `most` bytes at most. Blocks.
    pub(crate) fn read(&self, path: &Path, most: usize) -> Result<Vec<u8>, TreeError> {
        let (file, size) = self.plain(path)?;
        let limit = u64::try_from(most).unwrap_or(u64::MAX);
        if size > limit {
            return Err(TreeError::TooLarge(size));
        }
        // One byte more reveals that the file has grown.
        let bytes = read_bytes(file, size, limit.saturating_add(1))?;
        match bytes.len() > most {
            true => Err(TreeError::TooLarge(limit.saturating_add(1))),
            false => Ok(bytes),
        }
    }

    /// Reads the first `most` bytes of the plain file at `path`. Blocks.
    pub(crate) fn read_start(&self, path: &Path, most: usize) -> Result<Vec<u8>, TreeError> {
        let (file, size) = self.plain(path)?;
        let limit = u64::try_from(most).unwrap_or(u64::MAX);
        read_bytes(file, size.min(limit), limit)
    }

    /// Opens the directory at `path` for listing.
    pub(crate) fn list(&self, path: &Path) -> Result<OwnedFd, TreeError> {
        let (root, inside) = self.root_of(path)?;
        if inside.as_os_str().is_empty() {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            return rustix::fs::openat(root, ".", flags, Mode::empty()).map_err(tree_error);
        }
        self.at(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NONBLOCK)
    }

    /// Opens the plain file at `path` and returns its size in bytes.
    fn plain(&self, path: &Path) -> Result<(File, u64), TreeError> {
        // Only a file that was checked is opened, so that no device is touched.
        let seen = self.look(path)?;
        let file = self.at(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)?;
        let opened = rustix::fs::fstat(&file).map_err(tree_error)?;
        if (opened.st_dev, opened.st_ino) != (seen.st_dev, seen.st_ino) {
            return Err(TreeError::Changed);
        }
        let size = u64::try_from(opened.st_size).unwrap_or(u64::MAX);
        Ok((File::from(file), size))
    }

    /// The metadata of the plain file at `path`, without opening it.
    fn look(&self, path: &Path) -> Result<Stat, TreeError> {
        if self.root_of(path)?.1.as_os_str().is_empty() {
            return Err(TreeError::Directory);
        }
        let stat = rustix::fs::fstat(self.at(path, OFlags::PATH)?).map_err(tree_error)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Ok(stat),
            FileType::Directory => Err(TreeError::Directory),
            FileType::Symlink => Err(TreeError::Link),
            _ => Err(TreeError::NotPlain),
        }
    }

    /// Opens `path` without following a link in any component.
    fn at(&self, path: &Path, flags: OFlags) -> Result<OwnedFd, TreeError> {
        let (root, path) = self.root_of(path)?;
        let mut parts = path.components();
        if path.as_os_str().is_empty() || !parts.all(|part| matches!(part, Component::Normal(_))) {
            return Err(TreeError::NotPlain);
        }
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        if self.has_openat2 {
            let how =
                ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
            match rustix::fs::openat2(root, path, flags, Mode::empty(), how) {
                // An old kernel, a seccomp filter, or a concurrent rename.
                Err(Errno::NOSYS | Errno::PERM | Errno::INVAL | Errno::AGAIN | Errno::TOOBIG) => (),
                found => return found.map_err(tree_error),
            }
        }
        open_by_components(root, path, flags)
    }
}

/// The fallback for `openat2`: opens one component after the other without following links.
fn open_by_components(
    root: BorrowedFd<'_>,
    path: &Path,
    flags: OFlags,
) -> Result<OwnedFd, TreeError> {
    let through = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut dir: Option<OwnedFd> = None;
    let mut parts = path.components().peekable();
    while let Some(part) = parts.next() {
        let above = dir.as_ref().map_or(root, AsFd::as_fd);
        let flags = if parts.peek().is_some() { through } else { flags };
        let next = rustix::fs::openat(above, part.as_os_str(), flags, Mode::empty());
        dir = Some(next.map_err(tree_error)?);
    }
    dir.ok_or(TreeError::NotPlain)
}

/// Reads `limit` bytes at most, and refuses a private key.
fn read_bytes(file: File, expected: u64, limit: u64) -> Result<Vec<u8>, TreeError> {
    let mut bytes = Vec::with_capacity(usize::try_from(expected).unwrap_or_default());
    file.take(limit).read_to_end(&mut bytes).map_err(TreeError::Unreadable)?;
    match content::is_private_key(&bytes) {
        true => Err(TreeError::Secret),
        false => Ok(bytes),
    }
}

fn tree_error(error: Errno) -> TreeError {
    match error {
        Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG => TreeError::NotThere,
        Errno::LOOP | Errno::XDEV => TreeError::Link,
        // A socket or a device without a driver.
        Errno::NXIO | Errno::NODEV => TreeError::NotPlain,
        error => TreeError::Unreadable(error.into()),
    }
}

#[cfg(test)]
mod tests;
