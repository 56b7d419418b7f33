//! Schema and migrations; the SQL is in `schema/`.

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};

/// Marks a file as ours (`PRAGMA application_id`, "CICR").
const APPLICATION_ID: i64 = 0x4349_4352;

/// The steps from schema `n` to `n + 1`, in order. Released ones never change.
const MIGRATIONS: &[&str] = &[
    include_str!("schema/1.sql"),
    include_str!("schema/2.sql"),
    include_str!("schema/3.sql"),
    include_str!("schema/4.sql"),
    include_str!("schema/5.sql"),
    include_str!("schema/6.sql"),
    include_str!("schema/7.sql"),
    include_str!("schema/8.sql"),
    include_str!("schema/9.sql"),
];

/// The newest schema that this program knows.
pub(super) const VERSION: i64 = MIGRATIONS.len() as i64;

/// Why a file cannot be brought to the newest schema.
#[derive(Debug)]
pub(super) enum MigrateError {
    /// It is a database of another program.
    Foreign,
    /// It has a newer schema.
    Newer(i64),
    /// SQLite failed.
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for MigrateError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

/// Brings the file to the newest schema, all steps in one transaction.
pub(super) fn migrate(connection: &Connection) -> Result<(), MigrateError> {
    migrate_to(connection, VERSION)
}

/// Brings the file to schema `to`, if it has an older one.
pub(super) fn migrate_to(connection: &Connection, to: i64) -> Result<(), MigrateError> {
    if check(connection)? >= to {
        return Ok(());
    }
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    // Another process may have migrated the file while this one waited for the lock.
    let from = check(&transaction)?;
    let steps = MIGRATIONS.iter().zip(1..);
    for (migration, version) in steps.filter(|(_, version)| (from + 1..=to).contains(version)) {
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "user_version", version)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.commit()?;
    Ok(())
}

/// The file's schema; 0 for an empty file.
pub(super) fn check(connection: &Connection) -> Result<i64, MigrateError> {
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let application: i64 =
        connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let occupied = connection
        .query_row("SELECT 1 FROM sqlite_schema LIMIT 1", (), |_| Ok(()))
        .optional()?
        .is_some();
    if occupied && application != APPLICATION_ID {
        return Err(MigrateError::Foreign);
    }
    if version > VERSION {
        return Err(MigrateError::Newer(version));
    }
    Ok(version)
}
