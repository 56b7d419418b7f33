//! Directory listings: the names and kinds of the entries of one directory.

use std::{
    ffi::OsStr,
    mem::MaybeUninit,
    os::{fd::OwnedFd, unix::ffi::OsStrExt as _},
    path::Path,
    time::Instant,
};

use rustix::fs::{FileType, RawDir};

use crate::source::{
    file_role::{self, FileRole},
    language::Language,
};

use super::ENTRIES_BETWEEN_LOOKS;

/// Buffer for reading directory entries, bytes.
const LIST_BYTES: usize = 32 << 10;

/// Which entries a directory has that matter for its rules.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct SpecialEntries {
    pub has_git: bool,
    pub has_gitignore: bool,
    pub has_ignore: bool,
}

/// An entry of a directory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ListedEntry<'a> {
    pub name: &'a [u8],
    pub kind: FileType,
}

#[derive(Debug, Clone, Copy)]
struct Listed {
    start: usize,
    end: usize,
    kind: FileType,
}

/// The entries of one directory, sorted by name. Used for one directory after the other.
#[derive(Debug)]
pub(crate) struct Listing {
    buffer: Vec<u8>,
    names: Vec<u8>,
    listed: Vec<Listed>,
    pub(super) special: SpecialEntries,
}

impl Listing {
    pub(crate) fn new() -> Self {
        Self {
            buffer: Vec::with_capacity(LIST_BYTES),
            names: Vec::new(),
            listed: Vec::new(),
            special: SpecialEntries::default(),
        }
    }

    /// Reads the entries of a directory. `false` if it has more than `most`, or at the deadline.
    pub(crate) fn read(&mut self, dir: &OwnedFd, most: usize, deadline: Instant) -> bool {
        self.names.clear();
        self.listed.clear();
        self.special = SpecialEntries::default();
        let buffer: &mut [MaybeUninit<u8>] = self.buffer.spare_capacity_mut();
        let mut entries = RawDir::new(dir, buffer);
        let mut n_read = 0_usize;
        let mut is_whole = true;
        while let Some(Ok(entry)) = entries.next() {
            n_read += 1;
            let is_late = n_read.is_multiple_of(ENTRIES_BETWEEN_LOOKS) && Instant::now() > deadline;
            if n_read > most.saturating_add(2) || is_late {
                is_whole = false;
                break;
            }
            let name = entry.file_name().to_bytes();
            match name {
                b"." | b".." => continue,
                b".git" => {
                    self.special.has_git = true;
                    continue;
                }
                b".gitignore" => self.special.has_gitignore = true,
                b".ignore" => self.special.has_ignore = true,
                _ => (),
            }
            let start = self.names.len();
            self.names.extend_from_slice(name);
            let listed = Listed { start, end: self.names.len(), kind: entry.file_type() };
            self.listed.push(listed);
        }
        let names = &self.names;
        self.listed.sort_unstable_by(|a, b| names[a.start..a.end].cmp(&names[b.start..b.end]));
        is_whole
    }

    pub(super) fn len(&self) -> usize {
        self.listed.len()
    }

    /// Puts sources first, and vendored and generated files last. `dir` is relative to the root.
    pub(super) fn sort_by_worth(&mut self, dir: &Path) {
        let names = &self.names;
        self.listed.sort_by_cached_key(|listed| {
            let path = dir.join(OsStr::from_bytes(&names[listed.start..listed.end]));
            match file_role::of(&path, Language::of(&path)) {
                FileRole::Source => 0,
                FileRole::Prose => 1,
                FileRole::Example | FileRole::Test => 2,
                FileRole::Data => 3,
                FileRole::Foreign => 4,
            }
        });
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = ListedEntry<'_>> {
        let entry =
            |it: &Listed| ListedEntry { name: &self.names[it.start..it.end], kind: it.kind };
        self.listed.iter().map(entry)
    }
}
