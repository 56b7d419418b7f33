//! The walk: which files of a project may be read at all, and their text. Nothing else in the
//! guide opens a file of the project, so what is left out here is never read, searched or cited:
//! ignored and hidden files, secrets, links, binaries and huge files. The walk itself has an end,
//! however many entries a project has and however deep they lie.

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

/// Files larger than this are data, not text that a person wrote, bytes.
pub(crate) const MAX_FILE_BYTES: u64 = 1 << 20;
/// More files than this are not indexed; the walk takes the first it meets.
pub(crate) const MAX_FILES: usize = 60_000;
/// Entries of directories that one walk looks at, ignored ones among them.
const MAX_ENTRIES: usize = 1_000_000;
/// Directories that one walk goes into.
const MAX_DIRS: usize = 100_000;
/// Directories within one another that a walk goes into.
const MAX_DEPTH: usize = 100;
/// Longest path of a directory, bytes: the system opens none that is longer.
const LONGEST_PATH: usize = 4000;
/// Bytes of all paths that one walk holds.
const MAX_PATH_BYTES: usize = 32 << 20;
/// Longest time of one walk.
const LONGEST_WALK: Duration = Duration::from_secs(10);
/// Steps that the matching of one walk's ignore rules takes at most; a second or two.
const MATCH_STEPS: u64 = 1_000_000_000;
/// Entries between two looks at the clock.
const ENTRIES_BETWEEN_LOOKS: usize = 64;
/// Bytes of a directory's list that are read at once.
const LIST_BYTES: usize = 32 << 10;
/// A file with a zero byte among its first this many is binary.
const BINARY_PROBE_BYTES: usize = 8 << 10;
/// A file whose lines are longer than this on average is minified or data, bytes.
const MAX_MEAN_LINE_BYTES: usize = 400;

/// Hidden folders with prompts that are part of the project's description.
const SHOWN_HIDDEN_FOLDERS: &[&str] = &[".autocoder", ".autoforge", ".github"];

/// A file that the walk found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WalkedFile {
    /// Relative to the project.
    pub path: PathBuf,
    /// Bytes.
    pub size: u64,
    /// When it was last changed.
    pub modified: Option<SystemTime>,
}

/// What a walk found.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    /// Every readable file, in no order.
    pub files: Vec<WalkedFile>,
    /// Whether a limit ended it before it had seen everything.
    pub is_cut: bool,
}

/// Walks through the project at `root`. Blocks.
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

/// A directory that is yet to be looked at.
#[derive(Debug)]
struct Pending {
    path: PathBuf,
    depth: usize,
    /// What the ignore files above say.
    level: Option<Arc<IgnoreLevel>>,
}

/// A limit is reached.
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

    /// Takes in what is right in a directory. One that cannot be read, or is none any more, is
    /// passed over.
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
        // The same order each time, so that a walk that is cut finds the same files again.
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
        // It may have become something else meanwhile.
        match look() {
            Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile => {
                self.add(path, &stat)
            }
            _ => Ok(()),
        }
    }

    /// Remembers a directory to look at.
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

/// The text of a file that the walk found. `None` for what is not text: binary, huge, minified; and
/// for a private key.
///
/// # Errors
/// The file cannot be read; it may have gone since the walk.
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
