//! The lock on the data directory, held by the server that uses it.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use super::error::OpenError;

/// File in the data directory that a server keeps locked.
const LOCK_NAME: &str = "cicerone.lock";

/// How long to wait for a locked directory, and the pause between two tries.
const LOCK_WAIT: Duration = Duration::from_millis(500);
const LOCK_RETRY: Duration = Duration::from_millis(10);

/// Keeps a second server away: each would end the turns of the other. Reading and importing need
/// no lock.
#[derive(Debug)]
pub(super) struct DirectoryLock {
    /// Closing the file unlocks it, in a crash too.
    _file: File,
}

impl DirectoryLock {
    pub(super) fn acquire(directory: &Path) -> Result<Self, OpenError> {
        let path = directory.join(LOCK_NAME);
        let unusable = |source| OpenError::Directory { path: path.clone(), source };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(unusable)?;
        match lock_soon(&file) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let holder = holder(&mut file);
                return Err(OpenError::InUse { path: directory.to_owned(), holder });
            }
            Err(TryLockError::Error(source)) => return Err(unusable(source)),
        }
        // The process id is for people; the lock holds without it.
        let noted = file
            .set_len(0)
            .and_then(|()| file.write_all(std::process::id().to_string().as_bytes()));
        if let Err(error) = noted {
            log::warn!("cannot note the process id path={path:?} error={error}");
        }
        Ok(Self { _file: file })
    }
}

/// WholeNumber for a moment: a child that a killed server was just starting holds the lock until it
/// has executed its own program.
fn lock_soon(file: &File) -> Result<(), TryLockError> {
    let deadline = Instant::now() + LOCK_WAIT;
    loop {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                thread::sleep(LOCK_RETRY);
            }
            locked => return locked,
        }
    }
}

/// The process id that the file names.
fn holder(file: &mut File) -> Option<u32> {
    let mut holder = String::new();
    file.read_to_string(&mut holder).ok()?;
    holder.trim().parse().ok()
}
