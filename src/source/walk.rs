//! File walk: the files of a project that may be read, and their text.
//!
//! The index and the guide read nothing else. The walk leaves out ignored and hidden files, secrets
//! and links; the text leaves out binary, huge and minified files. Limits end the walk of any project.

mod glob;
mod ignore;

use std::{
    ffi::OsStr,
    io,
    mem::MaybeUninit,
    os::{fd::OwnedFd, unix::ffi::OsStrExt as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use rustix::fs::{AtFlags, FileType, RawDir, Stat, statat};

use crate::policy::{
    Secrets,
    gate::{Tree, TreeError},
};

use glob::GlobMatcher;
use ignore::{CandidatePath, IgnoreLevel};

/// Largest file that is read as text, bytes.
pub(crate) const MAX_FILE_BYTES: u64 = 1 << 20;
/// Files of one walk.
pub(crate) const MAX_FILES: usize = 60_000;
/// Directory entries that one walk looks at, including ignored ones.
const MAX_ENTRIES: usize = 1_000_000;
/// Directories that one walk enters.
const MAX_DIRS: usize = 100_000;
/// Depth of directories that a walk enters.
const MAX_DEPTH: usize = 100;
/// Longest path of a directory, bytes; the system opens no longer one.
const LONGEST_PATH: usize = 4000;
/// Memory for the paths of one walk, bytes.
const MAX_PATH_BYTES: usize = 32 << 20;
const LONGEST_WALK: Duration = Duration::from_secs(10);
/// Steps of matching ignore rules in one walk; they take a second or two.
const MATCH_STEPS: u64 = 1_000_000_000;
/// Entries between two checks of the deadline.
const ENTRIES_BETWEEN_LOOKS: usize = 64;
/// Buffer for reading directory entries, bytes.
const LIST_BYTES: usize = 32 << 10;
/// A file with a zero byte in its first bytes, this many, is binary.
const BINARY_PROBE_BYTES: usize = 8 << 10;
/// Longest average line of a text, bytes; beyond it the file is minified or data.
const MAX_MEAN_LINE_BYTES: usize = 400;

/// Hidden folders that are walked: they hold prompts and workflows of the project.
const SHOWN_HIDDEN_FOLDERS: &[&str] = &[".autocoder", ".autoforge", ".github"];

/// A file found by the walk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WalkedFile {
    /// Relative to the project's root.
    pub path: PathBuf,
    /// In bytes.
    pub size: u64,
    pub modified: Option<SystemTime>,
}

#[derive(Debug, Default)]
pub(crate) struct Walk {
    /// In no particular order.
    pub files: Vec<WalkedFile>,
    /// Whether a limit ended the walk early.
    pub is_cut: bool,
}

/// Walks the project at `root`. Blocks.
pub(crate) fn files(root: &Path, secrets: &Secrets) -> Walk {
    let opened = root.canonicalize().and_then(|root| Ok((Tree::open(&root)?, root)));
    match opened {
        Ok((tree, root)) => Walker::new(&tree, &root, secrets).walk(),
        Err(error) => {
            log::debug!("cannot walk through a project: {error}; dir={}", root.display());
            Walk::default()
        }
    }
}

/// A directory to enter.
#[derive(Debug)]
struct Pending {
    path: PathBuf,
    depth: usize,
    /// The rules of the directories above.
    level: Option<Arc<IgnoreLevel>>,
}

/// A limit that ends the walk is reached.
struct Cut;

struct Walker<'a> {
    tree: &'a Tree,
    root: &'a Path,
    secrets: &'a Secrets,
    matcher: GlobMatcher,
    deadline: Instant,
    files: Vec<WalkedFile>,
    pending: Vec<Pending>,
    n_entries: usize,
    n_dirs: usize,
    path_bytes: usize,
    is_cut: bool,
}

impl<'a> Walker<'a> {
    fn new(tree: &'a Tree, root: &'a Path, secrets: &'a Secrets) -> Self {
        let deadline = Instant::now() + LONGEST_WALK;
        Self {
            tree,
            root,
            secrets,
            matcher: GlobMatcher::new(MATCH_STEPS, deadline),
            deadline,
            files: Vec::new(),
            pending: vec![Pending { path: PathBuf::new(), depth: 0, level: None }],
            n_entries: 0,
            n_dirs: 0,
            path_bytes: 0,
            is_cut: false,
        }
    }

    fn walk(mut self) -> Walk {
        let mut buffer = Vec::with_capacity(LIST_BYTES);
        while let Some(dir) = self.pending.pop() {
            if self.directory(dir, buffer.spare_capacity_mut()).is_err() {
                self.is_cut = true;
                break;
            }
        }
        Walk { files: self.files, is_cut: self.is_cut }
    }

    /// Reads the entries of a directory. One that cannot be read, or is gone, is skipped.
    fn directory(&mut self, dir: Pending, buffer: &mut [MaybeUninit<u8>]) -> Result<(), Cut> {
        let Ok(handle) = self.tree.list(&dir.path) else {
            return Ok(());
        };
        self.n_dirs += 1;
        let is_repository = Tree::has(&handle, ".git");
        let above = dir.level.as_ref();
        let level = IgnoreLevel::of(self.tree, self.root, &dir.path, is_repository, above);
        let here = Pending { level, ..dir };
        let first_below = self.pending.len();
        let mut list = RawDir::new(&handle, buffer);
        while let Some(Ok(entry)) = list.next() {
            self.n_entries += 1;
            if self.n_entries >= MAX_ENTRIES || self.is_late() {
                return Err(Cut);
            }
            let name = entry.file_name().to_bytes();
            if !matches!(name, b"." | b"..") && !is_hidden(name) {
                self.entry(&here, &handle, OsStr::from_bytes(name), entry.file_type())?;
            }
        }
        // A fixed order, so that a walk that ends early finds the same files each time.
        self.pending[first_below..].sort_by(|a, b| b.path.cmp(&a.path));
        Ok(())
    }

    fn entry(
        &mut self,
        dir: &Pending,
        handle: &OwnedFd,
        name: &OsStr,
        kind: FileType,
    ) -> Result<(), Cut> {
        let look = || statat(handle, name, AtFlags::SYMLINK_NOFOLLOW);
        let kind = match kind {
            FileType::Unknown => look().map_or(kind, |it| FileType::from_raw_mode(it.st_mode)),
            kind => kind,
        };
        let is_dir = kind == FileType::Directory;
        if !is_dir && kind != FileType::RegularFile {
            return Ok(());
        }
        let path = dir.path.join(name);
        if let Some(level) = &dir.level {
            let asked =
                CandidatePath { path: path.as_os_str().as_bytes(), name: name.as_bytes(), is_dir };
            let is_ignored = level.ignores(asked, &mut self.matcher);
            if self.matcher.is_spent() {
                return Err(Cut);
            }
            if is_ignored {
                return Ok(());
            }
        }
        if is_dir {
            return self.below(dir, path);
        }
        if self.secrets.matches(&path) {
            return Ok(());
        }
        // The entry may have been replaced since it was listed.
        match look() {
            Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile => {
                self.add(path, &stat)
            }
            _ => Ok(()),
        }
    }

    /// Queues a directory.
    fn below(&mut self, dir: &Pending, path: PathBuf) -> Result<(), Cut> {
        if self.secrets.matches_dir(&path) {
            return Ok(());
        }
        if dir.depth >= MAX_DEPTH || path.as_os_str().len() >= LONGEST_PATH {
            self.is_cut = true;
            return Ok(());
        }
        if self.n_dirs + self.pending.len() >= MAX_DIRS {
            return Err(Cut);
        }
        self.hold(&path)?;
        self.pending.push(Pending { path, depth: dir.depth + 1, level: dir.level.clone() });
        Ok(())
    }

    fn add(&mut self, path: PathBuf, stat: &Stat) -> Result<(), Cut> {
        if self.files.len() >= MAX_FILES {
            return Err(Cut);
        }
        self.hold(&path)?;
        let size = u64::try_from(stat.st_size).unwrap_or_default();
        self.files.push(WalkedFile { path, size, modified: modified(stat) });
        Ok(())
    }

    fn hold(&mut self, path: &Path) -> Result<(), Cut> {
        self.path_bytes += path.as_os_str().len();
        if self.path_bytes > MAX_PATH_BYTES { Err(Cut) } else { Ok(()) }
    }

    fn is_late(&self) -> bool {
        self.n_entries.is_multiple_of(ENTRIES_BETWEEN_LOOKS) && Instant::now() > self.deadline
    }
}

fn modified(stat: &Stat) -> Option<SystemTime> {
    let seconds = Duration::from_secs(stat.st_mtime.unsigned_abs());
    let whole = match stat.st_mtime >= 0 {
        true => SystemTime::UNIX_EPOCH.checked_add(seconds)?,
        false => SystemTime::UNIX_EPOCH.checked_sub(seconds)?,
    };
    whole.checked_add(Duration::from_nanos(stat.st_mtime_nsec))
}

fn is_hidden(name: &[u8]) -> bool {
    name.starts_with(b".") && !SHOWN_HIDDEN_FOLDERS.iter().any(|shown| shown.as_bytes() == name)
}

/// The text of a file found by the walk. `None` if it is binary, huge, minified or a private key.
///
/// # Errors
/// The file cannot be read, or is gone since the walk.
pub(crate) fn text(tree: &Tree, found: &WalkedFile) -> io::Result<Option<String>> {
    let most = usize::try_from(MAX_FILE_BYTES).unwrap_or(usize::MAX);
    let bytes = match tree.read(&found.path, most) {
        Ok(bytes) => bytes,
        Err(TreeError::TooLarge(_) | TreeError::Secret) => return Ok(None),
        Err(TreeError::Unreadable(error)) => return Err(error),
        Err(other) => return Err(io::Error::other(other)),
    };
    let probe = &bytes[..bytes.len().min(BINARY_PROBE_BYTES)];
    if memchr::memchr(0, probe).is_some() {
        return Ok(None);
    }
    let n_lines = memchr::memchr_iter(b'\n', &bytes).count() + 1;
    if bytes.len() / n_lines > MAX_MEAN_LINE_BYTES && !is_prose(&found.path) {
        return Ok(None);
    }
    Ok(Some(match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    }))
}

fn is_prose(path: &Path) -> bool {
    crate::source::language::Language::of(path).is_prose()
}

#[cfg(test)]
mod tests;
