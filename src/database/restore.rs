//! Restoring a backup in place of the store, which is kept beside it.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use rusqlite::{Connection, OpenFlags};
use time::{OffsetDateTime, macros::format_description};

use super::{
    backup::sync_name, connection, error::OpenError, inspect::inspect, integrity,
    lock::DirectoryLock,
};

/// Why a backup was not restored. The store is as it was.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The store is in use, or the backup is none.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// There is no such file.
    #[error("there is no backup at {path}")]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The backup is damaged.
    #[error("{path} is damaged and was not restored: {problem}")]
    Damaged {
        /// The backup.
        path: PathBuf,
        /// The first thing that is wrong.
        problem: String,
    },
    /// A file cannot be copied or moved.
    #[error("cannot write {path}: {source}")]
    Files {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Puts the backup in the place of the store at `database`, while no server uses it. Answers where the
/// store before is now, if there was one. Blocks.
///
/// # Errors
///
/// See [`RestoreError`].
pub fn run(backup: &Path, database: &Path) -> Result<Option<PathBuf>, RestoreError> {
    if !backup.exists() {
        return Err(RestoreError::Missing { path: backup.to_owned() });
    }
    let directory = connection::make_directory(database)?;
    let _lock = DirectoryLock::acquire(&directory)?;
    inspect(backup)?;
    check(backup)?;
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| RestoreError::Files { path, source }
    };
    let new = with_suffix(database, "restoring");
    copy(backup, &new).map_err(failed(&new))?;
    let before = move_away(database).map_err(failed(database))?;
    fs::rename(&new, database).map_err(failed(database))?;
    sync_name(database).map_err(failed(&directory))?;
    Ok(before)
}

fn check(backup: &Path) -> Result<(), RestoreError> {
    let explain = |error| connection::explain(backup, error);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(backup, flags).map_err(explain)?;
    let problems = integrity::of_file(&connection).map_err(explain)?;
    match problems.into_iter().next() {
        None => Ok(()),
        Some(problem) => Err(RestoreError::Damaged { path: backup.to_owned(), problem }),
    }
}

/// Copies a file that only its owner can read then, and waits until it is on the disk.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let mut target =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(to)?;
    io::copy(&mut File::open(from)?, &mut target)?;
    target.sync_all()
}

/// Gives the store another name, and its journal with it.
fn move_away(database: &Path) -> io::Result<Option<PathBuf>> {
    if !database.exists() {
        return Ok(None);
    }
    let format = format_description!("[year][month][day]-[hour][minute][second]");
    let at = OffsetDateTime::now_utc().format(format).map_err(io::Error::other)?;
    let before = with_suffix(database, &format!("before-{at}"));
    for part in ["-wal", "-shm", ""] {
        let name = |path: &Path| PathBuf::from(format!("{}{part}", path.display()));
        if part.is_empty() || name(database).exists() {
            fs::rename(name(database), name(&before))?;
        }
    }
    Ok(Some(before))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    PathBuf::from(format!("{}.{suffix}", path.display()))
}
