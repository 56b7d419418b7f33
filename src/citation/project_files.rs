//! Project files: looks up what verdicts need to know of a project. Reads files and therefore blocks.
//!
//! The [`Policy`] decides which files may be read.

use std::{
    cell::{Cell, OnceCell, RefCell},
    collections::{HashMap, HashSet},
    ffi::OsStr,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use rustix::{fs::FileType, io::Errno};

use crate::{
    history::{CommitHashes, ProjectHistory, checkout::Checkout},
    policy::{
        Policy, Refusal,
        gate::Tree,
        opening::{self, FileReadError},
    },
    project::{Root, Roots, roots},
    source::walk::{self, listing::Listing},
};

use super::{
    address::{self, Remote},
    head_commit,
    name_list::NameList,
    verdict::{Namesakes, PathState, ProjectContents},
};

/// For how long the names of a project's files are used.
const NAMES_LIFETIME: Duration = Duration::from_secs(10);
/// Files and directories looked at for their names, ignored ones included.
const MAX_NAMES: usize = 200_000;
/// Memory for their paths, bytes.
const MAX_NAME_BYTES: usize = 32 << 20;
const LONGEST_LISTING: Duration = Duration::from_millis(700);
/// Commits that are looked up in one check: each runs a program.
const MAX_COMMITS: usize = 20;
/// Largest configuration of git that is read, bytes.
const MAX_GIT_CONFIG: usize = 64 << 10;

/// The files of one project, for checks of references to them.
#[derive(Debug)]
pub(crate) struct ProjectFiles {
    policy: Policy,
    roots: Roots,
    history: ProjectHistory,
    /// Above this size, files count as found whatever line is named.
    most_bytes: usize,
    /// The names, and when they were listed. Locked while they are.
    names: Mutex<Option<(Instant, Arc<NameList>)>>,
}

impl ProjectFiles {
    pub(crate) fn new(policy: Policy, roots: impl Into<Roots>, most_bytes: usize) -> Self {
        let roots = roots.into();
        let history = ProjectHistory::new(roots.clone(), policy.secrets().clone());
        Self { policy, roots, history, most_bytes, names: Mutex::default() }
    }

    /// The files as one check sees them: each is looked at once.
    pub(super) fn look(&self) -> Look<'_> {
        Look {
            files: self,
            states: RefCell::default(),
            hashes: OnceCell::new(),
            n_commits: Cell::new(0),
            remotes: self.remotes(),
        }
    }

    fn remotes(&self) -> Vec<Remote> {
        let read = |root: &Root| {
            let tree = Tree::open(&root.dir).ok()?;
            let config = tree.read(Path::new(".git/config"), MAX_GIT_CONFIG).ok()?;
            Some(address::remotes(&String::from_utf8(config).ok()?, &root.prefix()))
        };
        self.roots.iter().filter_map(read).flatten().collect()
    }

    /// The commit that is checked out in each root that has one.
    pub(crate) fn head_commits(&self) -> Vec<Checkout> {
        let head = |root: &Root| {
            let member = root.name.as_ref().map(ToString::to_string);
            Some(Checkout { member, ..head_commit::head_commit(&root.dir)? })
        };
        self.roots.iter().filter_map(head).collect()
    }

    /// The content of a file that may be shown.
    pub(super) fn read(&self, path: &str) -> Result<Vec<u8>, Absence> {
        opening::read(&self.policy, path, self.most_bytes).map_err(|error| match error {
            FileReadError::NotThere(_) | FileReadError::Directory(_) => Absence::Gone,
            _ => Absence::Withheld,
        })
    }

    /// Lists the names anew at the next need: those that are kept are outdated.
    pub(super) fn forget_names(&self) {
        *self.names.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn names(&self) -> Arc<NameList> {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, names)) = names.as_ref().filter(|(at, _)| at.elapsed() < NAMES_LIFETIME) {
            return Arc::clone(names);
        }
        let listed = Arc::new(self.list());
        *names = Some((Instant::now(), Arc::clone(&listed)));
        listed
    }

    /// Lists the names of all files, the ignored ones included.
    fn list(&self) -> NameList {
        let mut names = NameList::default();
        let Ok(roots) = self.roots.resolved() else { return names };
        let Ok(tree) = Tree::of(&roots) else { return names };
        let secrets = self.policy.secrets();
        let mut listing = NameWalk { tree: &tree, files: Vec::new(), bytes: 0, n_entries: 0 };
        if !listing.is_whole(&roots) {
            names.is_cut = true;
            return names;
        }
        let walk = walk::files(&roots, secrets);
        names.is_cut = walk.is_cut;
        let shown: HashSet<&Path> = walk.files.iter().map(|file| file.path.as_path()).collect();
        for path in listing.files {
            if let Some(text) = path.to_str().filter(|_| !secrets.matches(roots::inner(&path))) {
                names.add(text.to_owned(), !shown.contains(path.as_path()));
            }
        }
        names
    }
}

/// Why a file has no content to compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Absence {
    Gone,
    /// It may not or cannot be read.
    Withheld,
}

/// A walk through all directories but git's own.
struct NameWalk<'a> {
    tree: &'a Tree,
    files: Vec<PathBuf>,
    bytes: usize,
    n_entries: usize,
}

impl NameWalk<'_> {
    /// Lists everything; returns whether no limit ended it.
    fn is_whole(&mut self, roots: &Roots) -> bool {
        let deadline = Instant::now() + LONGEST_LISTING;
        let mut listing = Listing::new();
        let mut pending: Vec<PathBuf> = roots.iter().map(|root| root.path(Path::new(""))).collect();
        while let Some(dir) = pending.pop() {
            let Ok(handle) = self.tree.list(&dir) else { continue };
            let most = MAX_NAMES.saturating_sub(self.n_entries);
            let is_listed = listing.read(&handle, most, deadline);
            for entry in listing.entries() {
                let path = roots::join(&dir, OsStr::from_bytes(entry.name));
                self.n_entries += 1;
                self.bytes += path.as_os_str().len();
                match entry.kind {
                    FileType::Directory => pending.push(path),
                    _ => self.files.push(path),
                }
            }
            if !is_listed || self.bytes > MAX_NAME_BYTES || Instant::now() > deadline {
                return false;
            }
        }
        true
    }
}

/// See [`ProjectFiles::look`].
pub(super) struct Look<'a> {
    files: &'a ProjectFiles,
    states: RefCell<HashMap<String, PathState>>,
    /// Opened for the first commit that is asked for.
    hashes: OnceCell<Option<CommitHashes>>,
    /// Commits that were asked for.
    n_commits: Cell<usize>,
    remotes: Vec<Remote>,
}

impl Look<'_> {
    fn hashes(&self) -> Option<&CommitHashes> {
        self.hashes.get_or_init(|| self.files.history.commit_hashes()).as_ref()
    }
}

impl ProjectContents for Look<'_> {
    fn roots(&self) -> &Roots {
        &self.files.roots
    }

    fn remotes(&self) -> &[Remote] {
        &self.remotes
    }

    fn at(&self, path: &str) -> PathState {
        if let Some(state) = self.states.borrow().get(path) {
            return state.clone();
        }
        let state = state(&self.files.policy, &self.files.roots, path, self.files.most_bytes);
        self.states.borrow_mut().insert(path.to_owned(), state.clone());
        state
    }

    fn namesakes(&self, path: &str) -> Namesakes {
        self.files.names().namesakes(path)
    }

    fn commit(&self, hash: &str) -> Option<String> {
        let n_asked = self.n_commits.get();
        self.n_commits.set(n_asked + 1);
        (n_asked < MAX_COMMITS).then(|| self.hashes()?.whole(hash)).flatten()
    }
}

fn state(policy: &Policy, roots: &Roots, path: &str, most_bytes: usize) -> PathState {
    let withheld = |why: &str| PathState::Withheld(why.to_owned());
    match opening::read(policy, path, most_bytes) {
        Ok(bytes) => {
            let ends = memchr::memchr_iter(b'\n', &bytes).count();
            let lines = ends + usize::from(bytes.last().is_some_and(|last| *last != b'\n'));
            PathState::Lines(u32::try_from(lines).unwrap_or(u32::MAX))
        }
        Err(FileReadError::TooLarge { .. }) => PathState::TooLarge,
        Err(FileReadError::Directory(_)) => PathState::Directory,
        Err(FileReadError::NotThere(_) | FileReadError::BadPath(_)) => PathState::Missing,
        Err(FileReadError::Climbs(_)) => PathState::Outside,
        Err(FileReadError::Refused(Refusal::Secret(_))) => {
            withheld("it may hold secrets and is not shown")
        }
        Err(FileReadError::Refused(Refusal::Outside(_))) if path.starts_with('~') => {
            PathState::Outside
        }
        Err(FileReadError::Refused(Refusal::Outside(_))) => {
            let found = roots.find(Path::new(path));
            let error = found.and_then(|(root, inside)| root.dir.join(inside).metadata().err());
            match error.and_then(|error| error.raw_os_error()) {
                Some(code) if code == Errno::LOOP.raw_os_error() => {
                    withheld("its links lead in a circle")
                }
                Some(code) if code == Errno::NAMETOOLONG.raw_os_error() => PathState::Missing,
                // Part of the path is a file.
                Some(code) if code == Errno::NOTDIR.raw_os_error() => PathState::Missing,
                _ => withheld("it is a link that leads out of the project"),
            }
        }
        Err(FileReadError::Unreadable { source, .. })
            if source.kind() == std::io::ErrorKind::PermissionDenied =>
        {
            withheld("the server may not read it")
        }
        Err(other) => PathState::Withheld(other.to_string()),
    }
}
