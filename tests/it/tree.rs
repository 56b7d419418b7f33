//! A directory tree as it is at one moment: for seeing that nothing about it changed.

use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// Everything about one entry that somebody could change.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    mode: u32,
    owner: (u32, u32),
    changed: (i64, i64),
    content: Option<Vec<u8>>,
}

/// Every path below `root`, and itself, with all about it.
pub fn tree(root: &Path) -> BTreeMap<PathBuf, Entry> {
    let mut tree = BTreeMap::new();
    let mut rest = vec![root.to_owned()];
    while let Some(path) = rest.pop() {
        let Some(found) = unless_gone(fs::symlink_metadata(&path)) else { continue };
        if found.is_dir() {
            let Some(entries) = unless_gone(fs::read_dir(&path)) else { continue };
            rest.extend(entries.map(|entry| entry.unwrap().path()));
        }
        let content = match found.is_file() {
            true => match unless_gone(fs::read(&path)) {
                None => continue,
                content => content,
            },
            false => fs::read_link(&path).ok().map(|to| to.into_os_string().into_encoded_bytes()),
        };
        let entry = Entry {
            mode: found.mode(),
            owner: (found.uid(), found.gid()),
            changed: (found.mtime(), found.mtime_nsec()),
            content,
        };
        tree.insert(path, entry);
    }
    tree
}

/// `None` for what somebody has removed or replaced since it was listed.
fn unless_gone<T>(found: io::Result<T>) -> Option<T> {
    match found {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        found => Some(found.unwrap()),
    }
}
