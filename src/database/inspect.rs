//! A look at the file from outside, while a server may be at work: changes nothing.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::{
    error::OpenError,
    open::{BUSY_TIMEOUT, in_words},
    schema::{self, MigrateError},
};

/// Whether a server could open the file at `path`, which must be there. Blocks.
pub fn inspect(path: &Path) -> Result<(), OpenError> {
    let in_words = |error| in_words(path, error);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(in_words)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(in_words)?;
    match schema::check(&connection) {
        Ok(_) => Ok(()),
        Err(MigrateError::Foreign) => Err(OpenError::Foreign { path: path.to_owned() }),
        Err(MigrateError::Newer(found)) => {
            Err(OpenError::Newer { path: path.to_owned(), found, known: schema::VERSION })
        }
        Err(MigrateError::Sqlite(error)) => Err(in_words(error)),
    }
}
