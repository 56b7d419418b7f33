//! Opening the store for a server: directory, lock, schema, recovery, pools.

use std::{path::Path, sync::Arc};

use super::{
    Reader,
    actor::Database,
    batch::Writer,
    clock::Clock,
    connection::{self, Pools},
    error::OpenError,
    journal::{Journal, positions},
    lock::DirectoryLock,
    recovery::{self, Recovery},
};

impl Database {
    /// Opens the database file at `path` for a server, making it and its directory where they
    /// are missing, and ends the turns that a crash left open.
    ///
    /// Blocks for some milliseconds; meant for the start of the program.
    pub fn open(path: &Path) -> Result<(Self, Reader), OpenError> {
        Self::open_with(path, Clock::system(), None)
    }

    /// As [`Database::open`], with another clock, and through a journal. With one, a project is put in
    /// order when this node takes it.
    pub(crate) fn open_with(
        path: &Path,
        clock: Clock,
        journal: Option<Arc<dyn Journal>>,
    ) -> Result<(Self, Reader), OpenError> {
        let directory = connection::make_directory(path)?;
        let lock = DirectoryLock::acquire(&directory)?;
        let mut connection = connection::connect(path)?;
        let explain = |error| connection::explain(path, error);
        match journal {
            None => {
                connection::require_alone(&connection, path)?;
                report(path, recovery::recover_all(&mut connection, &clock).map_err(explain)?);
            }
            Some(_) => {
                connection::require_joinable(&connection, path)?;
                positions::prepare(&connection).map_err(|error| explain(error.into()))?;
            }
        }

        // The writer's connection opens before this one closes: the last one to close would
        // move the whole journal into the file, which can take long.
        let pools = Pools::open(path)?;
        drop(connection);
        let writer = Writer::new(pools.writer, clock, Some(lock), journal);
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
