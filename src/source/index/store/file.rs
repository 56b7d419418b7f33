//! Files of an index as they are stored.

use std::{
    ffi::OsString,
    ops::Range,
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::super::{IndexedFile, SkippedFile, packed::PackedDefinitions};
use crate::source::{
    file_role::FileRole,
    language::Language,
    left_out::LeftOutReason,
    walk::{FileStamp, WalkedFile},
};

/// The bytes of a path, which need not be UTF-8.
#[derive(Debug)]
struct PathBytes(Vec<u8>);

impl Serialize for PathBytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for PathBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = PathBytes;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("the bytes of a path")
            }

            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<PathBytes, E> {
                Ok(PathBytes(bytes.to_vec()))
            }
        }
        deserializer.deserialize_bytes(Visitor)
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct SavedFound {
    path: PathBytes,
    size: u64,
    stamp: FileStamp,
}

impl SavedFound {
    fn of(found: &WalkedFile) -> Self {
        let path = PathBytes(found.path.as_os_str().as_bytes().to_vec());
        Self { path, size: found.size, stamp: found.stamp }
    }
}

impl From<SavedFound> for WalkedFile {
    fn from(saved: SavedFound) -> Self {
        let path = OsString::from_vec(saved.path.0).into();
        Self { path, size: saved.size, stamp: saved.stamp }
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SavedFile {
    found: SavedFound,
    role: FileRole,
    language: Language,
    passages: (u32, u32),
    definitions: PackedDefinitions,
    length: u32,
    n_name_words: u32,
    gist_length: u32,
    tests_start: u32,
    renown: f32,
    is_alive: bool,
    content: u64,
    is_racy: bool,
}

impl SavedFile {
    pub(super) fn of(file: &IndexedFile) -> Self {
        Self {
            found: SavedFound::of(&file.found),
            role: file.role,
            language: file.language,
            passages: (file.passages.start, file.passages.end),
            definitions: file.definitions.clone(),
            length: file.length,
            n_name_words: file.n_name_words,
            gist_length: file.gist_length,
            tests_start: file.tests_start,
            renown: file.renown,
            is_alive: file.is_alive,
            content: file.content,
            is_racy: file.is_racy,
        }
    }
}

impl From<SavedFile> for IndexedFile {
    fn from(saved: SavedFile) -> Self {
        Self {
            found: saved.found.into(),
            role: saved.role,
            language: saved.language,
            passages: Range { start: saved.passages.0, end: saved.passages.1 },
            definitions: saved.definitions,
            length: saved.length,
            n_name_words: saved.n_name_words,
            gist_length: saved.gist_length,
            tests_start: saved.tests_start,
            renown: saved.renown,
            is_alive: saved.is_alive,
            content: saved.content,
            is_racy: saved.is_racy,
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SavedSkipped {
    found: SavedFound,
    reason: LeftOutReason,
    is_racy: bool,
}

impl SavedSkipped {
    pub(super) fn of(skipped: &SkippedFile) -> Self {
        let found = SavedFound::of(&skipped.found);
        Self { found, reason: skipped.reason, is_racy: skipped.is_racy }
    }
}

impl From<SavedSkipped> for SkippedFile {
    fn from(saved: SavedSkipped) -> Self {
        Self { found: saved.found.into(), reason: saved.reason, is_racy: saved.is_racy }
    }
}
