//! Read access to the store, through pooled connections that never wait for the writer.
//!
//! The queries are methods of [`Reader`] beside their SQL, in [`queries`](super::queries) and
//! [`similar`](super::similar).

use std::sync::Arc;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::{connection::Pool, error::DatabaseError, stats::StoreStats};

/// Reads the store. Cheap to clone; all clones share a few connections.
///
/// The queries block: call them from a blocking task, or through [`Reader::ask`]. Each sees the
/// store as it was at one moment, with everything that was acknowledged before.
#[derive(Debug, Clone)]
pub struct Reader {
    pool: Pool,
    stats: Arc<StoreStats>,
}

impl Reader {
    pub(super) fn new(pool: Pool, stats: Arc<StoreStats>) -> Self {
        Self { pool, stats }
    }

    pub(crate) fn stats(&self) -> &StoreStats {
        &self.stats
    }

    /// Runs `query` where blocking is allowed:
    /// `reader.ask(move |reader| reader.summary(&project, 12)).await`.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Self) -> Result<T, DatabaseError> + Send + 'static,
    ) -> Result<T, DatabaseError> {
        let reader = self.clone();
        match tokio::task::spawn_blocking(move || query(&reader)).await {
            Ok(answer) => answer,
            Err(error) if error.is_panic() => Err(DatabaseError::Panicked(error.to_string())),
            Err(_) => Err(DatabaseError::Stopped),
        }
    }

    /// Runs `query` in a transaction, so that all its parts see one moment.
    pub(super) fn read<T>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, DatabaseError>,
    ) -> Result<T, DatabaseError> {
        let connection = self.pool.get()?;
        let snapshot = Transaction::new_unchecked(&connection, TransactionBehavior::Deferred)?;
        query(&snapshot)
    }
}
