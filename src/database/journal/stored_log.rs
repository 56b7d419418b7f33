//! What a store has of a log, looked at and changed while no server uses it.

use std::{collections::HashMap, path::Path};

use rusqlite::Connection;

use crate::database::{
    connection::{self, BUSY_TIMEOUT},
    error::OpenError,
    lock::DirectoryLock,
};

use super::{JournalScope, Position, positions};

/// What a store has of a log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct StoredLog {
    /// Which log; empty where none is known.
    pub(crate) log: String,
    /// All records up to this place are applied.
    pub(crate) watermark: Position,
    /// The place of the newest record of each scope.
    applied: HashMap<String, Position>,
}

impl StoredLog {
    /// What the store at `path` has; `None` where there is none, or where it is of a server that was alone.
    pub(crate) fn of(path: &Path) -> Result<Option<Self>, OpenError> {
        if !path.exists() {
            return Ok(None);
        }
        let explain = |error| connection::explain(path, error);
        let connection = Connection::open_with_flags(path, connection::flags()).map_err(explain)?;
        connection.busy_timeout(BUSY_TIMEOUT).map_err(explain)?;
        if !has_tables(&connection).map_err(explain)? {
            return Ok(None);
        }
        read(&connection).map(Some).map_err(explain)
    }

    /// The place of the newest record that it has, of whichever scope.
    pub(crate) fn most(&self) -> Position {
        self.applied.values().copied().fold(self.watermark, Position::max)
    }

    /// Whether it has all that another one has of the same log.
    pub(crate) fn has_all_of(&self, other: &Self) -> bool {
        other.newest().all(|(scope, at)| self.applied(&scope) >= at)
    }

    /// The newest record of each scope.
    pub(crate) fn newest(&self) -> impl Iterator<Item = (JournalScope, Position)> {
        let scopes = self.applied.iter().filter(|(_, at)| **at > Position(0));
        scopes.filter_map(|(name, at)| Some((JournalScope::parse(name)?, *at)))
    }

    /// The place of a scope's newest record.
    pub(crate) fn applied(&self, scope: &JournalScope) -> Position {
        self.applied.get(scope.as_str()).copied().unwrap_or_default()
    }
}

fn has_tables(connection: &Connection) -> rusqlite::Result<bool> {
    connection.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'journal_state'")?.exists(())
}

fn read(connection: &Connection) -> rusqlite::Result<StoredLog> {
    let (log, watermark) =
        connection.query_row("SELECT log, watermark FROM journal_state", (), |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    let mut statement = connection.prepare("SELECT scope, applied FROM journal")?;
    let applied = statement.query_map((), |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(StoredLog { log, watermark, applied: applied.collect::<rusqlite::Result<_>>()? })
}

/// Makes the directory of the store at `path` where it is missing.
pub(crate) fn make_directory(path: &Path) -> Result<(), OpenError> {
    connection::make_directory(path).map(drop)
}

/// Makes the store at `path` what a new log begins with. Blocks.
pub(crate) fn begin(path: &Path, log: &str) -> Result<(), OpenError> {
    let directory = connection::make_directory(path)?;
    let _lock = DirectoryLock::acquire(&directory)?;
    let connection = connection::connect(path)?;
    let begun = positions::prepare(&connection).and_then(|()| positions::begin(&connection, log));
    begun.map_err(|error| connection::explain(path, error))
}
