//! SQLite connections: flags, pragmas, pools, and the file's permissions.

use std::{
    fs::{self, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::{Connection, OpenFlags};
use scheduled_thread_pool::ScheduledThreadPool;

use super::{
    error::{DatabaseError, OpenError},
    schema::{self, MigrateError},
};

/// The database's name in the data directory.
pub const FILE_NAME: &str = "cicerone.db";

/// How long SQLite itself waits for another program's lock.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Reads that run at once.
const READERS: u32 = 4;

/// An unused connection is closed after this, for its memory.
const CONNECTION_IDLE: Duration = Duration::from_secs(60);

pub(super) type Pool = r2d2::Pool<SqliteConnectionManager>;

/// The writer's pool of one connection, and the readers'.
#[derive(Debug)]
pub(super) struct Pools {
    pub(super) writer: Pool,
    pub(super) readers: Pool,
}

impl Pools {
    /// Pools on the file at `path`, which must be migrated.
    pub(super) fn open(path: &Path) -> Result<Self, OpenError> {
        let threads = ScheduledThreadPool::builder()
            .num_threads(1)
            .thread_name_pattern("database-pool")
            .build();
        let builder = || {
            r2d2::Pool::builder()
                .max_lifetime(None)
                .test_on_check_out(false)
                .connection_timeout(2 * BUSY_TIMEOUT)
        };
        let threads = Arc::new(threads);
        let manager =
            |prepare| SqliteConnectionManager::file(path).with_flags(flags()).with_init(prepare);
        let explain = |error: r2d2::Error| explain(path, error);
        let writer = builder()
            .max_size(1)
            .idle_timeout(None)
            .thread_pool(Arc::clone(&threads))
            .build(manager(prepare_writer as fn(&mut Connection) -> _))
            .map_err(explain)?;
        let readers = builder()
            .max_size(READERS)
            .min_idle(Some(0))
            .idle_timeout(Some(CONNECTION_IDLE))
            .thread_pool(threads)
            .build(manager(prepare_reader))
            .map_err(explain)?;
        Ok(Self { writer, readers })
    }
}

/// Opens and migrates the file at `path`, making it and its directory where they are missing.
/// Leaves open turns alone: a server may be at work.
pub(super) fn connect(path: &Path) -> Result<Connection, OpenError> {
    make_directory(path)?;
    make_file(path)?;
    let open = || -> rusqlite::Result<Connection> {
        let mut connection = Connection::open_with_flags(path, flags())?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        prepare_writer(&mut connection)?;
        Ok(connection)
    };
    let connection = open().map_err(|error| explain(path, error))?;
    schema::migrate(&connection).map_err(|error| refuse(path, error))?;
    Ok(connection)
}

/// Refuses a database that was written before there was a journal.
pub(super) fn require_joinable(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let sql = "SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'journal_state')
                   AND (EXISTS (SELECT 1 FROM conversations) OR EXISTS (SELECT 1 FROM answers)
                       OR EXISTS (SELECT 1 FROM credentials) OR EXISTS (SELECT 1 FROM audit))";
    let is_of_alone = connection.prepare(sql).and_then(|mut it| it.exists(()));
    match is_of_alone.map_err(|error| explain(path, error))? {
        true => Err(OpenError::OfAlone { path: path.to_owned() }),
        false => Ok(()),
    }
}

/// Refuses the database of a node of a cluster, which is written through a journal alone.
pub(super) fn require_alone(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let sql = "SELECT 1 FROM sqlite_schema WHERE name = 'journal_state'";
    let is_of_cluster = connection.prepare(sql).and_then(|mut it| it.exists(()));
    match is_of_cluster.map_err(|error| explain(path, error))? {
        true => Err(OpenError::OfCluster { path: path.to_owned() }),
        false => Ok(()),
    }
}

pub(super) fn flags() -> OpenFlags {
    OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX
}

fn prepare_writer(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // FULL: a commit has reached the disk when it returns. The journal shrinks back to
    // journal_size_limit after a large import.
    connection.execute_batch(
        "PRAGMA synchronous = FULL;
         PRAGMA foreign_keys = ON;
         PRAGMA temp_store = MEMORY;
         PRAGMA cache_size = -1024;
         PRAGMA journal_size_limit = 8388608;",
    )?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(())
}

fn prepare_reader(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.execute_batch(
        "PRAGMA query_only = ON;
         PRAGMA temp_store = MEMORY;
         PRAGMA cache_size = -512;",
    )
}

/// Makes the directory of `path`, for its owner alone.
pub(super) fn make_directory(path: &Path) -> Result<PathBuf, OpenError> {
    let directory = path.parent().unwrap_or(Path::new("")).to_owned();
    if !directory.as_os_str().is_empty() {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&directory)
            .map_err(|source| unusable(&directory, source))?;
    }
    Ok(directory)
}

/// Makes the file before SQLite does, so that nobody else can ever read it; its journal gets the
/// same permissions.
fn make_file(path: &Path) -> Result<(), OpenError> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map(drop)
        .map_err(|source| unusable(path, source))
}

fn unusable(path: &Path, source: io::Error) -> OpenError {
    OpenError::Directory { path: path.to_owned(), source }
}

/// Why the file at `path` has no schema that this program can use.
pub(super) fn refuse(path: &Path, error: MigrateError) -> OpenError {
    match error {
        MigrateError::Foreign => OpenError::Foreign { path: path.to_owned() },
        MigrateError::Newer(found) => {
            OpenError::Newer { path: path.to_owned(), found, known: schema::VERSION }
        }
        MigrateError::Sqlite(error) => explain(path, error),
    }
}

/// Why the file at `path` could not be opened.
pub(super) fn explain(path: &Path, error: impl Into<DatabaseError>) -> OpenError {
    let path = path.to_owned();
    match error.into() {
        DatabaseError::Locked => OpenError::Locked { path },
        DatabaseError::Damaged(source) => OpenError::Damaged { path, source },
        source => OpenError::Database { path, source },
    }
}
