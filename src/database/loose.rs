//! Deletes files that no question named in time, again and again.

use std::time::Duration;

use actix::WeakAddr;

use super::{Database, messages::DropLoose};

/// Interval at which they are deleted.
const INTERVAL: Duration = Duration::from_secs(600);

/// Runs until the database is gone.
pub(crate) async fn drop_loose_regularly(database: WeakAddr<Database>) {
    loop {
        actix::clock::sleep(INTERVAL).await;
        let Some(database) = database.upgrade() else { return };
        match database.send(DropLoose).await {
            Ok(Ok(())) => (),
            Ok(Err(error)) => log::warn!("cannot delete files of no question error={error}"),
            Err(_) => return,
        }
    }
}
