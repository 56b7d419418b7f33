//! Paths as agents write them, and the files that they name.

use std::{
    borrow::Cow,
    path::{Component, Path, PathBuf},
};

use crate::{
    citation::{
        address,
        suffix::{self, Lines},
        written,
    },
    policy::opening::FileReadError,
    project::{Roots, roots},
    reader::serve::files::ReadableFiles,
};

/// Files of the same name that are offered for one that is not there.
const MAX_NAMESAKES: usize = 3;

/// A file that an agent named.
pub(super) struct NamedFile {
    /// From the project's root.
    pub(super) path: String,
    pub(super) bytes: Vec<u8>,
    /// Lines that were written behind the path.
    pub(super) lines: Option<Lines>,
}

/// The path from the project's root, empty for the root itself. One that leaves the project stays as
/// it is written, and is refused where it is opened.
pub(super) fn normal(written: &str, roots: &Roots) -> String {
    let path = roots.path_of(written);
    let path = Path::new(&*path);
    let parts = path.components().filter(|part| *part != Component::CurDir);
    let path: PathBuf = parts.collect();
    path.into_os_string().into_string().unwrap_or_default()
}

/// Opens the file that an agent named, also one with lines behind the path or with `%20` for a space
/// in it. The error is for the model.
pub(super) fn open(files: &ReadableFiles, written: &str) -> Result<NamedFile, String> {
    let path = normal(written, files.roots());
    let whole = std::iter::once((path.as_str(), None)).chain(suffix::splits(&path));
    let written: Vec<(&str, Option<Lines>)> = whole.collect();
    let plain = written.iter().map(|(path, lines)| (Cow::Borrowed(*path), *lines));
    let decoded = written.iter().map(|(path, lines)| (address::percent_decoded(path), *lines));
    for (path, lines) in plain.chain(decoded) {
        match files.bytes(&path) {
            Ok(bytes) => return Ok(NamedFile { path: path.into_owned(), bytes, lines }),
            Err(FileReadError::NotThere(_)) => (),
            Err(error) => return Err(refused(error)),
        }
    }
    Err(not_there(files, &path))
}

/// Says that nothing has this path, and which files have its name.
pub(super) fn not_there(files: &ReadableFiles, path: &str) -> String {
    let absent = FileReadError::NotThere(path.to_owned());
    let name =
        |path: &str| roots::inner_str(path).rsplit('/').next().unwrap_or_default().to_lowercase();
    let sought = name(suffix::splits(path).next().map_or(path, |(path, _)| path));
    let list = files.list();
    let namesakes: Vec<_> = list
        .files()
        .iter()
        .filter(|file| name(&file.path) == sought)
        .take(MAX_NAMESAKES)
        .map(|file| quoted(&file.path))
        .collect();
    match namesakes.is_empty() {
        true => format!("{absent} Look for it with `glob` or `list`."),
        false => format!("{absent} There is {}.", namesakes.join(", ")),
    }
}

/// Says why a file is not read.
pub(super) fn refused(error: FileReadError) -> String {
    match error {
        FileReadError::Directory(_) => format!("{error}. Use `list` for it."),
        error => error.to_string(),
    }
}

/// A path as a line of a result: as it is, or as a reference where it could be misread.
pub(super) fn shown(path: &str) -> String {
    match path.chars().any(char::is_control) {
        true => written::file(path),
        false => path.to_owned(),
    }
}

/// A path in a sentence.
pub(super) fn quoted(path: &str) -> String {
    match path.chars().any(char::is_control) {
        true => written::file(path),
        false => format!("`{path}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_counts_from_the_root_however_it_is_written() {
        for (written, expected) in [
            ("src/a.rs", "src/a.rs"),
            ("./src//a.rs", "src/a.rs"),
            ("src/./a.rs/", "src/a.rs"),
            ("/p/src/a.rs", "src/a.rs"),
            ("/p/", ""),
            ("/p", ""),
            (".", ""),
            ("./", ""),
            ("", ""),
            (" a b ", " a b "),
            ("../x", "../x"),
            ("/etc/passwd", "/etc/passwd"),
            ("/pp/a", "/pp/a"),
        ] {
            assert_eq!(normal(written, &Roots::from("/p")), expected, "{written:?}");
        }
    }

    #[test]
    fn a_path_that_could_be_misread_is_shown_as_a_reference() {
        assert_eq!((shown("a b").as_str(), quoted("a b").as_str()), ("a b", "`a b`"));
        for shown in [shown("a\n3: b"), quoted("a\n3: b")] {
            assert_eq!(shown, "[a�3\\: b](a%0A3%3A%20b)");
        }
    }
}
