//! `list`: the entries of a directory.

use std::{ffi::OsStr, fmt::Write as _, os::unix::ffi::OsStrExt as _, path::Path, time::Instant};

use rustix::fs::{AtFlags, FileType, statat};
use serde::Deserialize;

use crate::{
    policy::{gate::TreeError, opening::FileReadError},
    project::roots,
    reader::{file_list::FileList, serve::files::ReadableFiles},
    source::walk::listing::{ListedEntry, Listing},
};

use super::named_path;

/// Entries that are shown.
const MAX_SHOWN: usize = 500;

/// Entries that are read.
const MAX_ENTRIES: usize = 20_000;

#[derive(Debug, Deserialize)]
pub(super) struct ListArguments {
    #[serde(default)]
    path: String,
}

pub(super) fn list(files: &ReadableFiles, asked: &ListArguments) -> Result<String, String> {
    let path = named_path::normal(&asked.path, files.roots());
    if path.is_empty() && files.roots().is_group() {
        return Ok(members(files));
    }
    // The root has no name by which the policy could be asked.
    let asked = if path.is_empty() { "." } else { path.as_str() };
    let (tree, inside) = files.locate(asked).map_err(|error| error.to_string())?;
    let dir = tree.list(&inside).map_err(|error| unlisted(files, &path, error))?;
    let mut listing = Listing::new();
    let is_whole = listing.read(&dir, MAX_ENTRIES, Instant::now() + files.tool_time());
    let known = files.list();
    let mut shown = String::new();
    let mut n_entries = 0;
    for ListedEntry { name, kind } in listing.entries() {
        n_entries += 1;
        if n_entries > MAX_SHOWN {
            continue;
        }
        let stat = statat(&dir, name, AtFlags::SYMLINK_NOFOLLOW);
        let kind = stat.as_ref().map_or(kind, |stat| FileType::from_raw_mode(stat.st_mode));
        let size = stat.map_or(0, |stat| u64::try_from(stat.st_size).unwrap_or_default());
        let raw = OsStr::from_bytes(name);
        let entry = inside.join(raw);
        let name = named_path::shown(&String::from_utf8_lossy(name));
        let is_secret = match kind {
            FileType::Directory => files.secrets().matches_dir(&entry),
            _ => files.secrets().matches(&entry),
        };
        _ = match kind {
            FileType::Directory if is_secret => writeln!(shown, "{name}/\tmay hold secrets"),
            _ if is_secret => writeln!(shown, "{name}\tmay hold secrets"),
            FileType::Directory => {
                writeln!(shown, "{name}/\t{}", content(&known, &roots::join(path.as_ref(), raw)))
            }
            FileType::RegularFile => writeln!(shown, "{name}\t{size} bytes"),
            FileType::Symlink => writeln!(shown, "{name}\tlink"),
            _ => writeln!(shown, "{name}\tno plain file"),
        };
    }
    if n_entries == 0 {
        shown.push_str("(The directory is empty.)\n");
    }
    if n_entries > MAX_SHOWN || !is_whole {
        let of = if is_whole { "" } else { "more than " };
        _ = writeln!(shown, "(Cut: the first {MAX_SHOWN} of {of}{n_entries}; use `glob`.)");
    }
    Ok(shown)
}

/// The projects of a group.
fn members(files: &ReadableFiles) -> String {
    let list = files.list();
    let mut shown = String::new();
    for root in files.roots().iter() {
        let prefix = root.prefix();
        _ = writeln!(shown, "{prefix}\t{} files", list.below(&prefix).len());
    }
    shown
}

/// What is known of a directory's files without looking at each.
fn content(known: &FileList, dir: &Path) -> String {
    let prefix = dir.to_string_lossy().into_owned() + "/";
    match known.below(&prefix).len() {
        0 => "no file that is searched: empty, ignored or hidden".to_owned(),
        1 => "1 file".to_owned(),
        n => format!("{n} files"),
    }
}

fn unlisted(files: &ReadableFiles, path: &str, error: TreeError) -> String {
    match error {
        // What is a file is no directory.
        TreeError::NotThere => match files.bytes(path) {
            Err(FileReadError::NotThere(_)) => named_path::not_there(files, path),
            Err(error @ FileReadError::Refused(_)) => error.to_string(),
            _ => format!("{path:?} is a file: use `read` for it."),
        },
        error => format!("{path:?} cannot be listed: {error}."),
    }
}
