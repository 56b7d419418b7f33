//! File walk: the files of a project that may be read, and their text.
//!
//! The index and the guide read nothing else. The walk leaves out ignored and hidden files, secrets
//! and links; the text leaves out binary, huge and minified files. Limits end the walk of any project:
//! directories are entered in the order of their worth, and what is left out is counted.

mod glob;
mod ignore;
pub(crate) mod listing;
pub(crate) mod outer;
mod worth;

use std::{
    borrow::Cow,
    collections::BinaryHeap,
    ffi::OsStr,
    io,
    os::{fd::OwnedFd, unix::ffi::OsStrExt as _},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use rustix::fs::{AtFlags, FileType, Stat, statat};

use crate::policy::{
    Secrets,
    gate::{Tree, TreeError},
};
use crate::project::Roots;
use crate::source::{
    left_out::{LeftOut, LeftOutReason},
    text,
};

use glob::GlobMatcher;
use ignore::{CandidatePath, IgnoreLevel, OuterRules};
use listing::{ListedEntry, Listing};
use outer::Variables;
use worth::{DirWorth, PendingDir};

/// Largest file that is read as text, bytes.
pub(crate) const MAX_FILE_BYTES: u64 = 1 << 20;
/// Files of one walk.
pub(crate) const MAX_FILES: usize = 150_000;
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
/// Longest average line of a text, bytes; beyond it the file is minified or data.
const MAX_MEAN_LINE_BYTES: usize = 400;

/// Hidden folders that are walked: they hold prompts and workflows of the project.
const SHOWN_HIDDEN_FOLDERS: &[&str] = &[".autocoder", ".autoforge", ".github"];

/// A file found by the walk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WalkedFile {
    /// The project's path of it.
    pub path: PathBuf,
    /// In bytes.
    pub size: u64,
    /// Tells whether the file is still the same.
    pub(crate) stamp: FileStamp,
}

/// What changes when a file is written or replaced.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct FileStamp {
    /// The time of its last writing, nanoseconds since 1970.
    pub modified: i64,
    /// The time of the last change of its content or metadata, nanoseconds since 1970.
    pub changed: i64,
    pub inode: u64,
}

impl FileStamp {
    #[allow(clippy::unnecessary_cast, clippy::useless_conversion)] // Types differ by platform.
    fn of(stat: &Stat) -> Self {
        let nanos = |seconds: i64, nanos: i64| seconds.saturating_mul(1_000_000_000) + nanos;
        Self {
            modified: nanos(stat.st_mtime as i64, stat.st_mtime_nsec as i64),
            changed: nanos(stat.st_ctime as i64, stat.st_ctime_nsec as i64),
            inode: stat.st_ino as u64,
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Walk {
    /// Those of the most worth first.
    pub files: Vec<WalkedFile>,
    /// Whether a limit ended the walk early.
    pub is_cut: bool,
    /// What is not among the files, and why.
    pub left_out: LeftOut,
}

/// Walks the project in `roots`, with the rules of the user whom the environment names. The roots of
/// a group share the time, and its best files are those of all. Blocks.
pub(crate) fn files(roots: &Roots, secrets: &Secrets) -> Walk {
    let share = u32::try_from(roots.iter().count()).unwrap_or(1);
    let options =
        WalkOptions { variables: &|name| std::env::var_os(name), longest: LONGEST_WALK / share };
    let mut walk = Walk::default();
    let mut walks = Vec::new();
    for root in roots.iter() {
        let Walk { files, left_out, .. } = files_with(&root.dir, secrets, &options);
        walk.left_out.add_root(left_out, &root.prefix());
        walks.push((root, files.into_iter()));
    }
    // In turn, so that a limit leaves out what is of least worth in each.
    while !walks.is_empty() {
        walks.retain_mut(|(root, files)| {
            let Some(file) = files.next() else { return false };
            let path = root.path(&file.path);
            match walk.files.len() < MAX_FILES {
                true => walk.files.push(WalkedFile { path, ..file }),
                false => walk.left_out.add_file(LeftOutReason::Files, &path),
            }
            true
        });
    }
    walk.is_cut = walk.left_out.is_cut();
    walk
}

struct WalkOptions<'a> {
    /// Those of the user.
    variables: Variables<'a>,
    longest: Duration,
}

fn files_with(root: &Path, secrets: &Secrets, options: &WalkOptions<'_>) -> Walk {
    let opened = root.canonicalize().and_then(|root| Ok((Tree::open(&root)?, root)));
    match opened {
        Ok((tree, root)) => Walker::new(&tree, &root, secrets, options).walk(),
        Err(error) => {
            log::debug!("cannot walk through a project: {error}; dir={}", root.display());
            Walk::default()
        }
    }
}

/// A limit that ends the walk is reached.
struct Cut(LeftOutReason);

struct Walker<'a> {
    tree: &'a Tree,
    root: &'a Path,
    secrets: &'a Secrets,
    outer: OuterRules,
    matcher: GlobMatcher,
    deadline: Instant,
    files: Vec<WalkedFile>,
    pending: BinaryHeap<PendingDir>,
    n_entries: usize,
    n_dirs: usize,
    path_bytes: usize,
    left_out: LeftOut,
}

impl<'a> Walker<'a> {
    fn new(
        tree: &'a Tree,
        root: &'a Path,
        secrets: &'a Secrets,
        options: &WalkOptions<'_>,
    ) -> Self {
        let deadline = Instant::now() + options.longest;
        let mut matcher = GlobMatcher::new(MATCH_STEPS, deadline);
        let outer = OuterRules::read(root, options.variables, &mut matcher);
        let level = outer.level.clone();
        let top = PendingDir { path: PathBuf::new(), depth: 0, worth: DirWorth::Other, level };
        Self {
            tree,
            root,
            secrets,
            outer,
            matcher,
            deadline,
            files: Vec::new(),
            pending: BinaryHeap::from([top]),
            n_entries: 0,
            n_dirs: 0,
            path_bytes: 0,
            left_out: LeftOut::default(),
        }
    }

    fn walk(mut self) -> Walk {
        let mut listing = Listing::new();
        while let Some(dir) = self.pending.pop() {
            let path = dir.path.clone();
            if let Err(Cut(reason)) = self.directory(dir, &mut listing) {
                self.left_out.add_dir(reason, &path);
                for dir in self.pending.drain() {
                    self.left_out.add_dir(reason, &dir.path);
                }
            }
        }
        Walk { files: self.files, is_cut: self.left_out.is_cut(), left_out: self.left_out }
    }

    /// Reads the entries of a directory. One that is gone is skipped.
    fn directory(&mut self, dir: PendingDir, listing: &mut Listing) -> Result<(), Cut> {
        let handle = match self.tree.list(&dir.path) {
            Ok(handle) => handle,
            Err(error) => {
                if matches!(error, TreeError::Unreadable(_)) {
                    self.left_out.add_dir(LeftOutReason::Unreadable, &dir.path);
                }
                return Ok(());
            }
        };
        self.n_dirs += 1;
        let n_left = MAX_ENTRIES.saturating_sub(self.n_entries);
        let is_whole = listing.read(&handle, n_left, self.deadline);
        let above = dir.level.as_ref();
        let level =
            IgnoreLevel::of(self.tree, self.root, &dir.path, listing.special, above, &self.outer);
        let here = PendingDir { level, ..dir };
        if self.files.len() + listing.len() > MAX_FILES {
            listing.sort_by_worth(&here.path);
        }
        for entry in listing.entries() {
            self.n_entries += 1;
            if self.is_late() {
                return Err(Cut(LeftOutReason::Time));
            }
            self.entry(&here, &handle, entry)?;
        }
        match is_whole {
            true => Ok(()),
            false if Instant::now() > self.deadline => Err(Cut(LeftOutReason::Time)),
            false => Err(Cut(LeftOutReason::Entries)),
        }
    }

    fn entry(
        &mut self,
        dir: &PendingDir,
        handle: &OwnedFd,
        entry: ListedEntry<'_>,
    ) -> Result<(), Cut> {
        let ListedEntry { name, kind } = entry;
        let look = || statat(handle, name, AtFlags::SYMLINK_NOFOLLOW);
        let kind = match kind {
            FileType::Unknown => look().map_or(kind, |it| FileType::from_raw_mode(it.st_mode)),
            kind => kind,
        };
        let is_dir = kind == FileType::Directory;
        let path = dir.path.join(OsStr::from_bytes(name));
        if is_hidden(name) {
            self.leave_out(LeftOutReason::Hidden, &path, is_dir);
            return Ok(());
        }
        if !is_dir && kind != FileType::RegularFile {
            if kind == FileType::Symlink {
                self.leave_out(LeftOutReason::Link, &path, false);
            }
            return Ok(());
        }
        if let Some(level) = &dir.level {
            let whole = match self.outer.prefix.is_empty() {
                true => Cow::Borrowed(path.as_os_str().as_bytes()),
                false => Cow::Owned([&self.outer.prefix, path.as_os_str().as_bytes()].concat()),
            };
            let asked = CandidatePath { path: &whole, name, is_dir };
            let is_ignored = level.ignores(asked, &mut self.matcher);
            if self.matcher.is_spent() {
                return Err(Cut(LeftOutReason::Time));
            }
            if is_ignored {
                self.leave_out(LeftOutReason::Ignored, &path, is_dir);
                return Ok(());
            }
        }
        if is_dir {
            self.below(dir, name, path);
            return Ok(());
        }
        if self.secrets.matches(&path) {
            self.leave_out(LeftOutReason::Secret, &path, false);
            return Ok(());
        }
        if self.files.len() >= MAX_FILES || self.is_full(&path) {
            // Counted only.
            self.leave_out(LeftOutReason::Files, &path, false);
            return Ok(());
        }
        // The entry may have been replaced since it was listed.
        if let Ok(stat) = look()
            && FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
        {
            let size = u64::try_from(stat.st_size).unwrap_or_default();
            self.path_bytes += path.as_os_str().len();
            self.files.push(WalkedFile { path, size, stamp: FileStamp::of(&stat) });
        }
        Ok(())
    }

    /// Queues a directory.
    fn below(&mut self, dir: &PendingDir, name: &[u8], path: PathBuf) {
        if self.secrets.matches_dir(&path) {
            self.left_out.add_dir(LeftOutReason::Secret, &path);
        } else if dir.depth >= MAX_DEPTH || path.as_os_str().len() >= LONGEST_PATH {
            self.left_out.add_dir(LeftOutReason::Depth, &path);
        } else if self.n_dirs + self.pending.len() >= MAX_DIRS || self.is_full(&path) {
            self.left_out.add_dir(LeftOutReason::Entries, &path);
        } else {
            self.path_bytes += path.as_os_str().len();
            let worth = dir.worth.below(name);
            let level = dir.level.clone();
            self.pending.push(PendingDir { path, depth: dir.depth + 1, worth, level });
        }
    }

    fn leave_out(&mut self, reason: LeftOutReason, path: &Path, is_dir: bool) {
        match is_dir {
            true => self.left_out.add_dir(reason, path),
            false => self.left_out.add_file(reason, path),
        }
    }

    fn is_full(&self, path: &Path) -> bool {
        self.path_bytes + path.as_os_str().len() > MAX_PATH_BYTES
    }

    fn is_late(&self) -> bool {
        self.n_entries.is_multiple_of(ENTRIES_BETWEEN_LOOKS) && Instant::now() > self.deadline
    }
}

fn is_hidden(name: &[u8]) -> bool {
    name.starts_with(b".") && !SHOWN_HIDDEN_FOLDERS.iter().any(|shown| shown.as_bytes() == name)
}

/// Reads a file found by the walk as text. The inner error says why it is none.
///
/// # Errors
/// The file cannot be read, or is gone since the walk.
pub(crate) fn read_text(tree: &Tree, path: &Path) -> io::Result<Result<String, LeftOutReason>> {
    let most = usize::try_from(MAX_FILE_BYTES).unwrap_or(usize::MAX);
    let bytes = match tree.read(path, most) {
        Ok(bytes) => bytes,
        Err(TreeError::TooLarge(_)) => return Ok(Err(LeftOutReason::TooLarge)),
        Err(TreeError::Secret) => return Ok(Err(LeftOutReason::Secret)),
        Err(TreeError::Unreadable(error)) => return Err(error),
        Err(other) => return Err(io::Error::other(other)),
    };
    Ok(text_of(path, bytes))
}

/// The text of a file with these bytes, or why it is none.
fn text_of(path: &Path, bytes: Vec<u8>) -> Result<String, LeftOutReason> {
    let decoded = text::of_file(path, &bytes).ok_or(LeftOutReason::Binary)?;
    let n_lines = memchr::memchr_iter(b'\n', decoded.text.as_bytes()).count() + 1;
    if decoded.text.len() / n_lines > MAX_MEAN_LINE_BYTES && !is_prose(path) {
        return Err(LeftOutReason::Minified);
    }
    let changed = match decoded.text {
        Cow::Borrowed(text) if text.len() == bytes.len() => None,
        text => Some(text.into_owned()),
    };
    match changed {
        Some(text) => Ok(text),
        None => String::from_utf8(bytes).map_err(|_| LeftOutReason::Binary),
    }
}

/// The text of a file found by the walk. `None` if it is binary, huge, minified or a private key.
///
/// # Errors
/// The file cannot be read, or is gone since the walk.
pub(crate) fn text(tree: &Tree, found: &WalkedFile) -> io::Result<Option<String>> {
    read_text(tree, &found.path).map(Result::ok)
}

fn is_prose(path: &Path) -> bool {
    crate::source::language::Language::of(path).is_prose()
}

#[cfg(test)]
mod tests;
