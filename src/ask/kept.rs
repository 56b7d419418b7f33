//! Which conversation was the last one, for `--continue`: a small file beside the stores of `ask`.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::client::AskError;
use crate::ids::ConversationId;

/// Most conversations that are remembered; the oldest are forgotten.
const MAX_KEPT: usize = 200;

const FILE_NAME: &str = "last.json";

/// The last conversation with one server, or about one directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LastConversation {
    pub(super) conversation_id: ConversationId,
    /// Of several stores for one directory, which one has it.
    #[serde(default)]
    pub(super) store: u32,
    /// Grows by one with each that is kept.
    #[serde(default)]
    age: u64,
}

/// The file.
#[derive(Debug)]
pub(super) struct LastConversations {
    path: PathBuf,
}

impl LastConversations {
    pub(super) fn in_dir(dir: &Path) -> Self {
        Self { path: dir.join(FILE_NAME) }
    }

    /// That of `whom`: a server and project, or a directory.
    pub(super) fn find(&self, whom: &str) -> Result<Option<LastConversation>, AskError> {
        Ok(self.read()?.remove(whom))
    }

    pub(super) fn keep(
        &self,
        whom: &str,
        conversation_id: ConversationId,
        store: u32,
    ) -> Result<(), AskError> {
        let mut all = self.read()?;
        let age = all.values().map(|it| it.age).max().unwrap_or(0) + 1;
        all.insert(whom.to_owned(), LastConversation { conversation_id, store, age });
        while all.len() > MAX_KEPT {
            let oldest = all.iter().min_by_key(|(_, it)| it.age).map(|(whom, _)| whom.clone());
            all.retain(|whom, _| Some(whom) != oldest.as_ref());
        }
        self.write(&all).map_err(|source| self.unusable(source))
    }

    /// A file that is missing or damaged keeps nothing.
    fn read(&self) -> Result<BTreeMap<String, LastConversation>, AskError> {
        match fs::read_to_string(&self.path) {
            Ok(text) => Ok(serde_json::from_str(&text).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeMap::new()),
            Err(source) => Err(self.unusable(source)),
        }
    }

    /// Writes the file beside and moves it, so that it is never half written.
    fn write(&self, all: &BTreeMap<String, LastConversation>) -> io::Result<()> {
        let dir = self.path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(dir)?;
        let new = dir.join(format!("{FILE_NAME}.{}", std::process::id()));
        let mut file = fs::File::create(&new)?;
        file.write_all(&serde_json::to_vec_pretty(all)?)?;
        fs::rename(&new, &self.path)
    }

    fn unusable(&self, source: io::Error) -> AskError {
        AskError::Files { path: self.path.display().to_string(), source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_conversation_of_each_is_found_again() {
        let dir = tempfile::tempdir().unwrap();
        let kept = LastConversations::in_dir(&dir.path().join("ask"));
        assert_eq!(kept.find("/a").unwrap(), None);
        for (whom, id, store) in [("/a", 1, 0), ("/b", 2, 3), ("/a", 3, 1)] {
            kept.keep(whom, ConversationId(id), store).unwrap();
        }
        let found = kept.find("/a").unwrap().unwrap();
        assert_eq!((found.conversation_id, found.store), (ConversationId(3), 1));
        assert_eq!(kept.find("/b").unwrap().unwrap().store, 3);
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let kept = LastConversations::in_dir(dir.path());
        for number in 0..MAX_KEPT + 10 {
            kept.keep(&number.to_string(), ConversationId(1), 0).unwrap();
        }
        assert_eq!(kept.find("9").unwrap(), None);
        assert!(kept.find("10").unwrap().is_some());
    }

    #[test]
    fn a_damaged_file_keeps_nothing_and_is_written_again() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(FILE_NAME), "{\"/a\":").unwrap();
        let kept = LastConversations::in_dir(dir.path());
        assert_eq!(kept.find("/a").unwrap(), None);
        kept.keep("/a", ConversationId(1), 0).unwrap();
        assert!(kept.find("/a").unwrap().is_some());
    }
}
