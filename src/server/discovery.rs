//! Discovery: the lists of forges are read before the settings are loaded, and again now and then.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use actix_web::rt;
use tokio::{sync::Notify, task::JoinHandle, time::sleep};

use crate::{
    config::{ConfigError, Configuration},
    forge::{Forge, ForgeLook, look_at_all},
};

/// Longest time until a list that could not be had is asked for again.
const RETRY: Duration = Duration::from_secs(5 * 60);

/// What came of the lists, to be told once there is a log.
#[derive(Debug)]
pub struct ForgeLists(Vec<ForgeLook>);

/// Reads the lists of all forges of the configuration and keeps them, for [`Configuration::load`] to find. One that
/// cannot be had leaves the kept one as it is. Blocks for 20 seconds at most.
pub fn look(configuration: &Configuration) -> Result<ForgeLists, ConfigError> {
    let (forges, data_dir) = configuration.forges()?;
    Ok(ForgeLists(look_at_all(&forges, &data_dir)))
}

impl ForgeLists {
    /// Tells the log.
    pub fn log(&self) {
        self.0.iter().for_each(ForgeLook::log);
    }
}

/// Tasks that look at lists; dropping this ends them.
#[derive(Debug)]
pub(super) struct ListWatch(Vec<JoinHandle<()>>);

impl Drop for ListWatch {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

/// Looks at each list again after its time, and tells `changed` when another set of repositories is to be
/// served. By then the new list is kept.
pub(super) fn watch(forges: &[Forge], data_dir: &Path, changed: &Arc<Notify>) -> ListWatch {
    let start = |forge: &Forge| {
        rt::spawn(look_regularly(forge.clone(), data_dir.to_owned(), Arc::clone(changed)))
    };
    ListWatch(forges.iter().map(start).collect())
}

async fn look_regularly(forge: Forge, data_dir: PathBuf, changed: Arc<Notify>) {
    let mut pause = forge.refresh;
    loop {
        sleep(pause).await;
        let (asked, dir) = (forge.clone(), data_dir.clone());
        let Ok(look) = rt::task::spawn_blocking(move || asked.look(&dir)).await else { return };
        match &look.change {
            Ok(change) => {
                pause = forge.refresh;
                if change.is_any() {
                    look.log();
                    changed.notify_one();
                }
            }
            Err(_) => {
                pause = forge.refresh.min(RETRY);
                look.log();
            }
        }
    }
}
