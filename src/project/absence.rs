//! Absences: why directories that are yet to come are not there.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use super::Project;

/// A sentence for each directory that is not there yet. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Absences(Arc<Mutex<HashMap<PathBuf, String>>>);

impl Absences {
    /// Sets or takes back the sentence of a directory.
    pub(crate) fn set(&self, dir: PathBuf, words: Option<String>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match words {
            Some(words) => drop(all.insert(dir, words)),
            None => drop(all.remove(&dir)),
        }
    }

    fn of_dir(&self, dir: &Path) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(dir).cloned()
    }

    /// Why a project is not there yet.
    pub(crate) fn of(&self, project: &Project) -> Option<String> {
        project.roots.dirs().find_map(|dir| self.of_dir(dir))
    }
}
