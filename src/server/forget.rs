//! `cicerone forget`: deletes what is kept of a user, in the store and beside it.

use crate::{
    agent::Agents,
    config::settings::{Live, Settings},
    database::{self, Forgotten, OpenError, forget},
};

/// Forgets a user, while no server runs. Blocks.
///
/// # Errors
///
/// A server uses the store, or it cannot be opened or written.
pub fn forget(settings: &Settings, user: &str) -> Result<Forgotten, OpenError> {
    let agents = Agents::new(settings, Live::new(settings.live.clone()));
    forget::forget(&settings.data_dir.join(database::FILE_NAME), user, |affected| {
        // What a killed server left would be kept at the next start.
        agents.clear();
        for (project, conversation) in affected {
            agents.forget(project, *conversation);
        }
    })
}
