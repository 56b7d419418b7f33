//! How the file is opened: its directory, its lock, its pragmas and its pools.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::{Connection, OpenFlags};
use scheduled_thread_pool::ScheduledThreadPool;

use super::{
    Reader,
    actor::Database,
    batch::Writer,
    clock::Clock,
    error::{DatabaseError, OpenError},
    recovery::{self, Recovery},
    schema::{self, MigrateError},
};

/// The database's name in the data directory.
pub const FILE_NAME: &str = "cicerone.db";

/// Name of the file that a server keeps locked while it uses the directory.
const LOCK_NAME: &str = "cicerone.lock";

/// How long a directory that is locked is waited for, and how often it is tried meanwhile.
const LOCK_WAIT: Duration = Duration::from_millis(500);
const LOCK_RETRY: Duration = Duration::from_millis(10);

/// How long SQLite itself waits for another program's lock.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Connections for reading; as many reads run at once.
const READERS: u32 = 4;

/// A connection that nobody used for this long is closed, for its memory.
const CONNECTION_IDLE: Duration = Duration::from_secs(60);

pub(super) type Pool = r2d2::Pool<SqliteConnectionManager>;

/// The data directory's lock. Two servers with one database would give each other's turns an
/// end; whoever merely reads or imports needs no lock.
#[derive(Debug)]
pub(super) struct DirectoryLock {
    /// Unlocked when it is closed, by a crash too.
    _file: File,
}

impl Database {
    /// Opens the database file at `path` for a server, making it and its directory where they
    /// are missing, and ends the turns that a crash left open.
    ///
    /// Blocks for some milliseconds; meant for the start of the program.
    pub fn open(path: &Path) -> Result<(Self, Reader), OpenError> {
        Self::open_with(path, Clock::system())
    }

    /// As [`Database::open`], with another clock.
    pub fn open_with(path: &Path, clock: Clock) -> Result<(Self, Reader), OpenError> {
        let directory = make_directory(path)?;
        let lock = take_lock(&directory)?;
        let mut connection = connect(path)?;
        let recovery =
            recovery::run(&mut connection, &clock.now()).map_err(|error| in_words(path, error))?;
        report(path, recovery);

        let threads = Arc::new(
            ScheduledThreadPool::builder()
                .num_threads(1)
                .thread_name_pattern("database-pool")
                .build(),
        );
        // The writer's connection opens before this one closes: the last one to close would
        // move the whole journal into the file, which can take long.
        let writer = pool(path, 1, 1, &threads, prepare_writer)?;
        drop(connection);
        let readers = pool(path, 0, READERS, &threads, prepare_reader)?;
        let writer = Writer::new(writer, clock, Some(lock));
        let reader = Reader::new(readers, writer.stats().clone());
        Ok((Self::new(writer), reader))
    }
}

/// Opens and migrates the file at `path` with one connection, outside any pool, and without
/// ending open turns: a server may be at work.
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
    let connection = open().map_err(|error| in_words(path, error))?;
    schema::migrate(&connection).map_err(|error| match error {
        MigrateError::Foreign => OpenError::Foreign { path: path.into() },
        MigrateError::Newer(found) => {
            OpenError::Newer { path: path.into(), found, known: schema::VERSION }
        }
        MigrateError::Sqlite(error) => in_words(path, error),
    })?;
    Ok(connection)
}

pub(super) fn flags() -> OpenFlags {
    OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX
}

fn prepare_writer(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // FULL: a commit has reached the disk when it returns. The file shrinks back to
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

pub(super) fn prepare_reader(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.execute_batch(
        "PRAGMA query_only = ON;
         PRAGMA temp_store = MEMORY;
         PRAGMA cache_size = -512;",
    )
}

/// A pool of up to `most` connections. `least` are opened at once and kept, the others when they
/// are needed.
fn pool(
    path: &Path,
    least: u32,
    most: u32,
    threads: &Arc<ScheduledThreadPool>,
    prepare: fn(&mut Connection) -> rusqlite::Result<()>,
) -> Result<Pool, OpenError> {
    let manager = SqliteConnectionManager::file(path).with_flags(flags()).with_init(prepare);
    r2d2::Pool::builder()
        .max_size(most)
        .min_idle(Some(least))
        .max_lifetime(None)
        .idle_timeout((most > least).then_some(CONNECTION_IDLE))
        .test_on_check_out(false)
        .connection_timeout(2 * BUSY_TIMEOUT)
        .thread_pool(threads.clone())
        .build(manager)
        .map_err(|error| in_words(path, error))
}

fn make_directory(path: &Path) -> Result<PathBuf, OpenError> {
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

/// Makes the file before SQLite does, so that nobody else can ever read it; its journal gets
/// the same permissions.
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

fn take_lock(directory: &Path) -> Result<DirectoryLock, OpenError> {
    let path = directory.join(LOCK_NAME);
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(|source| unusable(&path, source))?;
    match lock_soon(&file) {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let holder = match file.read_to_string(&mut holder) {
                Ok(_) => holder.trim().parse().ok(),
                Err(_) => None,
            };
            return Err(OpenError::InUse { path: directory.to_owned(), holder });
        }
        Err(TryLockError::Error(source)) => return Err(unusable(&path, source)),
    }
    // The process id is for people; the lock holds without it.
    let noted =
        file.set_len(0).and_then(|()| file.write_all(std::process::id().to_string().as_bytes()));
    if let Err(error) = noted {
        log::warn!("cannot note the process id path={path:?} error={error}");
    }
    Ok(DirectoryLock { _file: file })
}

/// Locks the file, and waits a moment for it: a child that a killed server was just starting
/// holds the lock until it has become another program.
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

fn unusable(path: &Path, source: io::Error) -> OpenError {
    OpenError::Directory { path: path.to_owned(), source }
}

pub(super) fn in_words(path: &Path, error: impl Into<DatabaseError>) -> OpenError {
    let path = path.to_owned();
    match error.into() {
        DatabaseError::Locked => OpenError::Locked { path },
        DatabaseError::Damaged(source) => OpenError::Damaged { path, source },
        source => OpenError::Database { path, source },
    }
}

fn report(path: &Path, recovery: Recovery) {
    if recovery == Recovery::default() {
        return;
    }
    let Recovery { interrupted, waiting, emptied } = recovery;
    log::info!(
        "put the database in order path={path:?} interrupted={interrupted} \
         waiting={waiting} emptied={emptied}"
    );
}
