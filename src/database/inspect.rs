//! A read-only check of the file from outside, while a server may use it.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::{
    connection::{self, BUSY_TIMEOUT},
    error::OpenError,
    schema,
};

/// Whether a server could open the file at `path`, which must exist. Blocks.
pub(crate) fn inspect(path: &Path) -> Result<(), OpenError> {
    let explain = |error| connection::explain(path, error);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(explain)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(explain)?;
    schema::check(&connection).map(drop).map_err(|error| connection::refuse(path, error))
}
