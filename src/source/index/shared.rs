//! One index for all who ask about a project: a thread of its own builds it, keeps it up to date and
//! stores it.
//!
//! Who asks waits for a walk that began after the question, so that no change made before it is
//! missed. Only where the project is large, what the index knows is used after a short wait, while
//! the walk goes on.

use std::{
    io,
    path::PathBuf,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockWriteGuard},
    thread,
    time::{Duration, Instant},
};

use crate::policy::Secrets;
use crate::project::Roots;
use crate::source::walk;

use super::{Index, store::IndexStore};

/// A project of more files is large.
const LARGE: usize = 20_000;

/// Longest wait for a walk where there is an index, in a large project and in others.
const WALK_WAIT: [Duration; 2] = [Duration::from_millis(20), Duration::from_secs(5)];

/// Why there is no index to ask.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IndexError {
    /// It takes longer than the one who asks waits.
    #[error("the index of the project's files is still being built; ask again in a moment")]
    Unfinished,
    /// A file that the index cannot digest.
    #[error("the index of the project's files could not be built: its thread stopped")]
    Stopped,
    /// No thread could be started.
    #[error("the index of the project's files could not be built: {0}")]
    Thread(#[from] io::Error),
}

/// The index of one project. Nothing is read before the first question.
#[derive(Debug)]
pub(crate) struct SharedIndex(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    roots: Roots,
    secrets: Secrets,
    /// The directory that keeps the index between processes.
    kept: Option<PathBuf>,
    index: RwLock<Index>,
    progress: Mutex<Progress>,
    /// Signalled when `progress` changes.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Progress {
    /// Walks that were asked for, counted from 1.
    asked: u64,
    /// The last of them that is done, or that a later walk has stood in for.
    walked: u64,
    /// The files of the index, once it can be asked.
    n_files: Option<usize>,
    is_running: bool,
    /// Somebody has panicked over the index, so that a stored one is not trusted again.
    has_panicked: bool,
    /// Nobody can ask any more.
    is_closed: bool,
}

impl SharedIndex {
    /// The index of the files in `roots`, kept in the directory `kept` if there is one.
    pub(crate) fn new(roots: impl Into<Roots>, secrets: Secrets, kept: Option<PathBuf>) -> Self {
        let roots = roots.into();
        let index = RwLock::new(Index::new(roots.clone(), secrets.clone()));
        let (progress, changed) = (Mutex::default(), Condvar::new());
        Self(Arc::new(Shared { roots, secrets, kept, index, progress, changed }))
    }

    /// Asks the index. Blocks, for `patience` at most while there is none.
    ///
    /// # Errors
    /// There is no index within `patience`.
    pub(crate) fn ask<T>(
        &self,
        patience: Duration,
        ask: impl FnOnce(&Index) -> T,
    ) -> Result<T, IndexError> {
        self.wait(patience)?;
        let _reset = ResetOnPanic(&self.0);
        Ok(ask(&self.0.index.read().unwrap_or_else(PoisonError::into_inner)))
    }

    fn wait(&self, patience: Duration) -> Result<(), IndexError> {
        let since = Instant::now();
        let mut progress = self.0.progress();
        progress.asked += 1;
        let walk = progress.asked;
        if !progress.is_running {
            self.start(&mut progress)?;
        }
        self.0.changed.notify_all();
        while progress.walked < walk {
            if !progress.is_running {
                return Err(IndexError::Stopped);
            }
            let longest = match progress.n_files {
                Some(n_files) => WALK_WAIT[usize::from(n_files <= LARGE)],
                None => patience,
            };
            let left = longest.saturating_sub(since.elapsed());
            if left.is_zero() {
                return progress.n_files.map(|_| ()).ok_or(IndexError::Unfinished);
            }
            let waited = self.0.changed.wait_timeout(progress, left);
            progress = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        Ok(())
    }

    fn start(&self, progress: &mut Progress) -> io::Result<()> {
        let running = Running { shared: Arc::clone(&self.0), is_trusted: !progress.has_panicked };
        thread::Builder::new().name("index".to_owned()).spawn(move || running.keep_up())?;
        progress.is_running = true;
        Ok(())
    }
}

impl Shared {
    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn index(&self) -> RwLockWriteGuard<'_, Index> {
        self.index.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread that keeps the index up to date.
struct Running {
    shared: Arc<Shared>,
    /// Whether what is stored may be used.
    is_trusted: bool,
}

impl Running {
    fn keep_up(self) {
        let shared = &self.shared;
        let store = shared.kept.as_ref().and_then(|dir| {
            let opened = IndexStore::open(dir);
            opened.inspect_err(|error| log::warn!("the index is not kept: {error}")).ok()
        });
        if let Some(store) = store.as_ref().filter(|_| self.is_trusted) {
            let index = store.load(shared.roots.clone(), shared.secrets.clone());
            let n_files = index.n_files();
            *shared.index() = index;
            if n_files > 0 {
                shared.progress().n_files = Some(n_files);
                shared.changed.notify_all();
            }
        }
        while let Some(asked) = self.next() {
            let walk = walk::files(&shared.roots, &shared.secrets);
            let mut index = shared.index();
            index.update(walk);
            let n_files = index.n_files();
            let is_worth_saving = index.is_worth_saving();
            drop(index);
            let mut progress = shared.progress();
            (progress.walked, progress.n_files) = (asked, Some(n_files));
            drop(progress);
            shared.changed.notify_all();
            if let Some(store) = store.as_ref().filter(|_| is_worth_saving) {
                self.save(store);
            }
        }
    }

    /// Waits until a walk is asked for; `None` once nobody can ask any more.
    fn next(&self) -> Option<u64> {
        let mut progress = self.shared.progress();
        while progress.asked == progress.walked {
            if progress.is_closed {
                return None;
            }
            let waited = self.shared.changed.wait(progress);
            progress = waited.unwrap_or_else(PoisonError::into_inner);
        }
        Some(progress.asked)
    }

    fn save(&self, store: &IndexStore) {
        // Nobody else writes to the index, so that questions are answered meanwhile.
        let saved = store.save(&self.shared.index.read().unwrap_or_else(PoisonError::into_inner));
        if let Err(error) = saved {
            log::warn!("the index is not kept: {error}");
        }
        // What cannot be stored is not tried again after each walk.
        self.shared.index().set_saved();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(ResetOnPanic(&self.shared));
        self.shared.progress().is_running = false;
        self.shared.changed.notify_all();
    }
}

/// Empties an index over which this thread panics, once: it may be what is wrong.
struct ResetOnPanic<'a>(&'a Shared);

impl Drop for ResetOnPanic<'_> {
    fn drop(&mut self) {
        if !thread::panicking() || self.0.progress().has_panicked {
            return;
        }
        *self.0.index() = Index::new(self.0.roots.clone(), self.0.secrets.clone());
        let mut progress = self.0.progress();
        (progress.has_panicked, progress.n_files) = (true, None);
    }
}

impl Drop for SharedIndex {
    fn drop(&mut self) {
        self.0.progress().is_closed = true;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests;
