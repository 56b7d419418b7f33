//! Kept lists: the last answer of each forge, as a file in the data directory.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::ListedRepository;
use crate::project::ProjectName;

/// The directory of the lists, in the data directory.
const FORGES: &str = "forges";

/// Largest file, in bytes.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// A list as it was had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ForgeList {
    /// What it is a list of.
    pub(super) of: String,
    pub(crate) repositories: Vec<ListedRepository>,
    /// What could not be read in it, in words.
    #[serde(default)]
    pub(crate) notes: Vec<String>,
}

fn path(data_dir: &Path, name: &ProjectName) -> PathBuf {
    data_dir.join(FORGES).join(format!("{name}.json"))
}

/// The list that is kept under `name`, if it is one of `of`. The error is for a person.
pub(super) fn read(
    data_dir: &Path,
    name: &ProjectName,
    of: &str,
) -> Result<Option<ForgeList>, String> {
    let path = path(data_dir, name);
    let failed = |why: String| format!("{} cannot be read: {why}", path.display());
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error.to_string())),
    };
    let mut text = Vec::new();
    file.take(MAX_BYTES).read_to_end(&mut text).map_err(|error| failed(error.to_string()))?;
    let list: ForgeList =
        serde_json::from_slice(&text).map_err(|error| failed(error.to_string()))?;
    Ok(Some(list).filter(|list| list.of == of))
}

/// Keeps a list in place of the one before, at once. The error is for a person.
pub(super) fn write(data_dir: &Path, name: &ProjectName, list: &ForgeList) -> Result<(), String> {
    let path = path(data_dir, name);
    replace(&path, list).map_err(|error| format!("{} cannot be written: {error}", path.display()))
}

fn replace(path: &Path, list: &ForgeList) -> io::Result<()> {
    let dir = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let new = dir.join(format!(".{}", Uuid::new_v4().simple()));
    let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new);
    let written = written.and_then(|mut file| {
        file.write_all(&serde_json::to_vec_pretty(list)?)?;
        file.sync_all()?;
        fs::rename(&new, path)
    });
    written.inspect_err(|_| drop(fs::remove_file(&new)))?;
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_list_is_kept_for_its_owner_and_for_what_it_is_of() {
        let dir = tempfile::tempdir().unwrap();
        let data_dir = dir.path().join("data");
        let name = ProjectName::parse("acme").unwrap();
        let list = |of: &str| ForgeList {
            of: of.to_owned(),
            repositories: Vec::new(),
            notes: vec!["x".to_owned()],
        };
        assert_eq!(read(&data_dir, &name, "a"), Ok(None));
        write(&data_dir, &name, &list("b")).unwrap();
        write(&data_dir, &name, &list("a")).unwrap();
        assert_eq!(read(&data_dir, &name, "a"), Ok(Some(list("a"))));
        assert_eq!(read(&data_dir, &name, "b"), Ok(None));
        let path = path(&data_dir, &name);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(data_dir.join("forges")).unwrap().count(), 1);
        fs::write(&path, "{").unwrap();
        assert!(read(&data_dir, &name, "a").unwrap_err().contains("acme.json cannot be read"));
    }
}
