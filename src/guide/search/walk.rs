//! The walk: which files of a project may be read at all, and their text. Nothing else in the
//! guide opens a file of the project, so what is left out here is never read, searched or cited:
//! ignored and hidden files, secrets, links that lead out, binaries and huge files.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Mutex,
    time::SystemTime,
};

use ignore::{WalkBuilder, WalkState};

use crate::policy::Secrets;

/// Files larger than this are data, not text that a person wrote, bytes.
pub const MAX_FILE_BYTES: u64 = 1 << 20;
/// More files than this are not indexed; the walk takes the first it meets.
pub const MAX_FILES: usize = 60_000;
/// A file with a zero byte among its first this many is binary.
const BINARY_PROBE_BYTES: usize = 8 << 10;
/// A file whose lines are longer than this on average is minified or data, bytes.
const MAX_MEAN_LINE_BYTES: usize = 400;

/// Hidden folders with prompts that are part of the project's description.
const SHOWN_HIDDEN_FOLDERS: &[&str] = &[".autocoder", ".autoforge", ".github"];

/// A file that the walk found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Relative to the project.
    pub path: PathBuf,
    /// Bytes.
    pub size: u64,
    /// When it was last changed.
    pub modified: Option<SystemTime>,
}

/// Every readable file of the project at `root`, in no order.
pub fn files(root: &Path, secrets: &Secrets) -> Vec<Found> {
    let found = Mutex::new(Vec::new());
    let walk = WalkBuilder::new(root)
        .hidden(false)
        .require_git(false)
        .parents(false)
        .follow_links(false)
        .threads(2)
        .filter_entry(|entry| {
            entry.depth() == 0 || !is_hidden(entry.file_name().as_encoded_bytes())
        })
        .build_parallel();
    walk.run(|| {
        Box::new(|entry| {
            let Ok(entry) = entry else {
                return WalkState::Continue;
            };
            let is_file = entry.file_type().is_some_and(|kind| kind.is_file());
            let Ok(path) = entry.path().strip_prefix(root) else {
                return WalkState::Continue;
            };
            if !is_file || secrets.matches(path) {
                return WalkState::Continue;
            }
            let Ok(metadata) = entry.metadata() else {
                return WalkState::Continue;
            };
            let Ok(mut found) = found.lock() else {
                return WalkState::Quit;
            };
            if found.len() >= MAX_FILES {
                return WalkState::Quit;
            }
            found.push(Found {
                path: path.to_owned(),
                size: metadata.len(),
                modified: metadata.modified().ok(),
            });
            WalkState::Continue
        })
    });
    found.into_inner().unwrap_or_default()
}

fn is_hidden(name: &[u8]) -> bool {
    name.starts_with(b".") && !SHOWN_HIDDEN_FOLDERS.iter().any(|shown| shown.as_bytes() == name)
}

/// The text of a file that the walk found. `None` for what is not text: binary, huge, minified.
///
/// # Errors
/// The file cannot be read; it may have gone since the walk.
pub fn text(root: &Path, found: &Found) -> io::Result<Option<String>> {
    if found.size > MAX_FILE_BYTES {
        return Ok(None);
    }
    let bytes = fs::read(root.join(&found.path))?;
    let probe = &bytes[..bytes.len().min(BINARY_PROBE_BYTES)];
    if memchr::memchr(0, probe).is_some() {
        return Ok(None);
    }
    let n_lines = memchr::memchr_iter(b'\n', &bytes).count() + 1;
    if bytes.len() / n_lines > MAX_MEAN_LINE_BYTES && !is_prose(&found.path) {
        return Ok(None);
    }
    Ok(Some(match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    }))
}

fn is_prose(path: &Path) -> bool {
    crate::guide::search::language::Language::of(path).is_prose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_hidden_and_secret_files_are_not_found() {
        let project = tempfile::tempdir().unwrap();
        let write = |path: &str| {
            let path = project.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "text").unwrap();
        };
        for path in [
            "src/a.rs",
            "build/out.rs",
            ".env",
            ".hidden/a.rs",
            ".autocoder/prompts/app_spec.txt",
            "key.pem",
        ] {
            write(path);
        }
        fs::write(project.path().join(".gitignore"), "build/\n").unwrap();
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("far.rs"), "text").unwrap();
        std::os::unix::fs::symlink(outside.path(), project.path().join("link")).unwrap();
        std::os::unix::fs::symlink(outside.path().join("far.rs"), project.path().join("far.rs"))
            .unwrap();
        let mut found: Vec<String> = files(project.path(), &Secrets::new(&[]).unwrap())
            .into_iter()
            .map(|found| found.path.to_string_lossy().into_owned())
            .collect();
        found.sort();
        assert_eq!(found, [".autocoder/prompts/app_spec.txt", "src/a.rs"]);
    }

    #[test]
    fn binary_and_minified_files_are_not_text() {
        let project = tempfile::tempdir().unwrap();
        let check = |name: &str, bytes: &[u8]| {
            fs::write(project.path().join(name), bytes).unwrap();
            let found = Found { path: name.into(), size: bytes.len() as u64, modified: None };
            text(project.path(), &found).unwrap().is_some()
        };
        assert!(check("a.rs", b"fn a() {}\n"));
        assert!(!check("a.bin", b"a\0b"));
        assert!(!check("a.js", &[b'x'; 9000]));
    }
}
