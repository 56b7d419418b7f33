//! Opening the store for a server: directory, lock, schema, recovery, pools.

use std::path::Path;

use super::{
    Reader,
    actor::Database,
    batch::Writer,
    clock::Clock,
    connection::{self, Pools},
    error::OpenError,
    lock::DirectoryLock,
    recovery::{self, Recovery},
};

impl Database {
    /// Opens the database file at `path` for a server, making it and its directory where they
    /// are missing, and ends the turns that a crash left open.
    ///
    /// Blocks for some milliseconds; meant for the start of the program.
    pub fn open(path: &Path) -> Result<(Self, Reader), OpenError> {
        Self::open_with(path, Clock::system())
    }

    /// As [`Database::open`], with another clock.
    pub(crate) fn open_with(path: &Path, clock: Clock) -> Result<(Self, Reader), OpenError> {
        let directory = connection::make_directory(path)?;
        let lock = DirectoryLock::acquire(&directory)?;
        let mut connection = connection::connect(path)?;
        let recovery = recovery::recover_all(&mut connection, &clock)
            .map_err(|error| connection::explain(path, error))?;
        report(path, recovery);

        // The writer's connection opens before this one closes: the last one to close would
        // move the whole journal into the file, which can take long.
        let pools = Pools::open(path)?;
        drop(connection);
        let writer = Writer::new(pools.writer, clock, Some(lock));
        let reader = Reader::new(pools.readers, writer.stats().clone());
        Ok((Self::new(writer), reader))
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
