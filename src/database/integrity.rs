//! A thorough check of the store: the file, its references, and the index of the search.

use std::{fmt, path::Path};

use rusqlite::Connection;

use super::{
    connection::{self, BUSY_TIMEOUT},
    error::OpenError,
    inspect::inspect,
    lock::DirectoryLock,
};

/// Problems that are listed of one kind, at most.
const MAX_LISTED: usize = 20;

/// What a check found.
#[derive(Debug)]
pub struct IntegrityReport {
    conversations: i64,
    entries: i64,
    /// Sentences for people.
    problems: Vec<String>,
    /// Only without a server, as that check takes the lock on the file.
    has_checked_index: bool,
}

impl IntegrityReport {
    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }
}

impl fmt::Display for IntegrityReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { conversations, entries, problems, has_checked_index } = self;
        for problem in problems {
            writeln!(f, "fail  {problem}")?;
        }
        if !has_checked_index {
            writeln!(
                f,
                "warn  a server uses the database, so that the index of the search was left out"
            )?;
        }
        match problems.len() {
            0 => write!(f, "ok    {conversations} conversations with {entries} entries are sound"),
            _ => write!(f, "The database is damaged: stop the server and restore a backup."),
        }
    }
}

/// Checks the store at `path`, which must exist. Changes nothing. Blocks: it reads the whole file.
///
/// # Errors
///
/// The file cannot be opened as a store of this version.
pub fn check(path: &Path) -> Result<IntegrityReport, OpenError> {
    inspect(path)?;
    let directory = path.parent().unwrap_or(Path::new("."));
    // A lock for a moment: as long as it is held, no server starts.
    let lock = DirectoryLock::acquire(directory).ok();
    let explain = |error| connection::explain(path, error);
    let connection = Connection::open_with_flags(path, connection::flags()).map_err(explain)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(explain)?;
    let mut problems = of_file(&connection).map_err(explain)?;
    problems.extend(of_references(&connection).map_err(explain)?);
    if lock.is_some()
        && let Err(error) =
            connection.execute("INSERT INTO search (search) VALUES ('integrity-check')", [])
    {
        problems.push(format!("the index of the search: {error}"));
    }
    let count = |table: &str| {
        connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0))
    };
    Ok(IntegrityReport {
        conversations: count("conversations").map_err(explain)?,
        entries: count("entries").map_err(explain)?,
        problems,
        has_checked_index: lock.is_some(),
    })
}

/// What SQLite finds in the file.
pub(super) fn of_file(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare(&format!("PRAGMA integrity_check({MAX_LISTED})"))?;
    let lines = statement.query_map([], |row| row.get::<_, String>(0))?;
    let lines: Vec<String> = lines.collect::<rusqlite::Result<_>>()?;
    Ok(lines.into_iter().filter(|line| line != "ok").collect())
}

/// Rows that refer to rows that are not there.
pub(super) fn of_references(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare("PRAGMA foreign_key_check")?;
    let rows = statement.query_map([], |row| {
        let (table, parent): (String, String) = (row.get(0)?, row.get(2)?);
        Ok(format!("a row of {table} refers to one of {parent} that is not there"))
    })?;
    rows.take(MAX_LISTED).collect()
}
