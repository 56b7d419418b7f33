//! Backup: a consistent copy of the store, also while a server uses it.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use rusqlite::Connection;

use super::{
    connection::{self, BUSY_TIMEOUT},
    error::OpenError,
    schema::{self, MigrateError},
};

/// Why there is no backup. An unfinished one is deleted.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The target exists.
    #[error("{path} exists already: choose another name or move it away")]
    Exists {
        /// The target.
        path: PathBuf,
    },
    /// The target cannot be written.
    #[error("cannot write {path}: {source}")]
    Target {
        /// The target.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no store to copy.
    #[error("there is no database at {path}: check --data-dir")]
    Missing {
        /// Where it would be.
        path: PathBuf,
    },
    /// The store cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The copy failed.
    #[error("cannot copy the database to {path}: {source}; check the free space there")]
    Copy {
        /// The target.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
}

/// Copies the store at `database`, as it is at this moment, to the new file `target`, which only
/// its owner can read. Answers the copy's size in bytes. Blocks; a server's writes go on.
pub fn run(database: &Path, target: &Path) -> Result<u64, BackupError> {
    let connection = connect(database)?;
    let unwritable = |source| BackupError::Target { path: target.to_owned(), source };
    let name = target.to_str().ok_or_else(|| {
        unwritable(io::Error::new(io::ErrorKind::InvalidInput, "the name is not UTF-8"))
    })?;
    // Made here and not by SQLite.
    create(target)?;
    let copied = connection
        .execute("VACUUM INTO ?1", [name])
        .map_err(|source| BackupError::Copy { path: target.to_owned(), source })
        .and_then(|_| sync_to_disk(target).map_err(unwritable));
    if copied.is_err() {
        remove_unfinished(target);
    }
    copied
}

/// Makes a file: never over another one, and never readable by others.
pub(super) fn create(target: &Path) -> Result<File, BackupError> {
    let path = target.to_owned();
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(target);
    made.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => BackupError::Exists { path },
        _ => BackupError::Target { path, source: error },
    })
}

pub(super) fn remove_unfinished(target: &Path) {
    if let Err(error) = fs::remove_file(target) {
        log::warn!("cannot delete an unfinished copy path={target:?} error={error}");
    }
}

/// A connection to the store of a server that may be running.
pub(super) fn connect(database: &Path) -> Result<Connection, BackupError> {
    if !database.exists() {
        return Err(BackupError::Missing { path: database.to_owned() });
    }
    let explain = |error| connection::explain(database, error);
    let connection = Connection::open_with_flags(database, connection::flags()).map_err(explain)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(explain)?;
    match schema::check(&connection) {
        // A newer store is copied as well as any.
        Ok(_) | Err(MigrateError::Newer(_)) => Ok(connection),
        Err(error) => Err(connection::refuse(database, error).into()),
    }
}

/// Waits until a file and its name are on the disk. Answers its size in bytes.
pub(super) fn sync_to_disk(target: &Path) -> io::Result<u64> {
    let file = File::open(target)?;
    file.sync_all()?;
    sync_name(target)?;
    Ok(file.metadata()?.len())
}

/// Waits until the name of a file is on the disk.
pub(super) fn sync_name(target: &Path) -> io::Result<()> {
    let directory = match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    File::open(directory)?.sync_all()
}
