//! The list of a project's files, and the fuzzy search in it.
//!
//! A list is made by walking the project and used for a few seconds. Those who ask meanwhile wait for
//! the same list.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use nucleo_matcher::{
    Config, Matcher, Utf32Str,
    pattern::{AtomKind, CaseMatching, Normalization, Pattern},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    policy::Secrets,
    project::{Roots, roots},
    source::walk,
};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct FoundFile {
    /// The path from the project's root.
    pub path: String,
    /// The size in bytes.
    pub size: u64,
}

/// What is in a directory of a project.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Directory {
    /// Names of directories with files that may be read; in a group, of its members.
    pub dirs: Vec<String>,
    /// Names of files.
    pub files: Vec<String>,
    /// Whether it has more.
    pub truncated: bool,
}

/// Most names of a directory that are told.
pub(super) const MAX_NAMES: usize = 2000;

/// The files of a project that may be read.
#[derive(Debug)]
pub(crate) struct FileList {
    /// Ordered by path.
    files: Vec<FoundFile>,
    /// Whether the project has more files.
    pub truncated: bool,
}

impl FileList {
    pub(crate) fn files(&self) -> &[FoundFile] {
        &self.files
    }

    /// What is in the directory at `path`, which is empty for the root.
    pub(super) fn directory(&self, path: &str, is_group: bool) -> Directory {
        let prefix = roots::dir_prefix(path.trim_end_matches('/'));
        let mut found = Directory { truncated: self.truncated, ..Directory::default() };
        for file in self.below(&prefix) {
            let rest = file.path.get(prefix.len()..).unwrap_or_default();
            // The name of a group's member ends with a colon.
            let is_root = is_group && prefix.is_empty();
            let member = is_root.then(|| roots::split(Path::new(rest))).flatten();
            let (names, name) = match (member, rest.split_once('/')) {
                (Some((member, _)), _) => (&mut found.dirs, format!("{member}:")),
                (None, Some((dir, _))) => (&mut found.dirs, dir.to_owned()),
                (None, None) => (&mut found.files, rest.to_owned()),
            };
            // The list is in order, so that the same directory comes again at once.
            if names.last() != Some(&name) {
                names.push(name);
            }
            if found.dirs.len() + found.files.len() >= MAX_NAMES {
                found.truncated = true;
                break;
            }
        }
        found
    }

    /// The files whose paths begin with `prefix`.
    pub(super) fn below(&self, prefix: &str) -> &[FoundFile] {
        let first = self.files.partition_point(|file| file.path.as_str() < prefix);
        let files = self.files.get(first..).unwrap_or_default();
        let n = files.partition_point(|file| file.path.starts_with(prefix));
        files.get(..n).unwrap_or_default()
    }
}

/// The list of a project and when it was made. Locked while the project is walked.
#[derive(Debug)]
pub(super) struct KeptList {
    lifetime: Duration,
    list: Mutex<Option<(Instant, Arc<FileList>)>>,
}

impl KeptList {
    pub(super) fn new(lifetime: Duration) -> Self {
        Self { lifetime, list: Mutex::default() }
    }

    /// The files of the project in `roots`, as of a moment ago. Blocks, and so do callers that come
    /// during a walk: they wait for its list.
    pub(super) fn list(&self, roots: &Roots, secrets: &Secrets) -> Arc<FileList> {
        let mut kept = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, list)) = kept.as_ref().filter(|(at, _)| at.elapsed() < self.lifetime) {
            return Arc::clone(list);
        }
        let list = Arc::new(walk(roots, secrets));
        *kept = Some((Instant::now(), Arc::clone(&list)));
        list
    }
}

fn walk(roots: &Roots, secrets: &Secrets) -> FileList {
    let found = walk::files(roots, secrets);
    let truncated = found.is_cut;
    let mut files: Vec<_> = found
        .files
        .into_iter()
        // A path that is not UTF-8 cannot be requested.
        .filter_map(|it| {
            Some(FoundFile { path: it.path.into_os_string().into_string().ok()?, size: it.size })
        })
        .collect();
    files.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    FileList { files, truncated }
}

/// The files whose paths match best, and the number of matches. Blocks for long with a long list.
pub(crate) fn rank(list: &FileList, query: &str, limit: usize) -> (Vec<FoundFile>, usize) {
    let mut matcher = Matcher::new(Config::DEFAULT.match_paths());
    let pattern = Pattern::new(query, CaseMatching::Smart, Normalization::Smart, AtomKind::Fuzzy);
    let mut characters = Vec::new();
    let mut scored: Vec<(u32, &FoundFile)> = list
        .files
        .iter()
        .filter_map(|file| {
            let path = Utf32Str::new(&file.path, &mut characters);
            Some((pattern.score(path, &mut matcher)?, file))
        })
        .collect();
    let total = scored.len();
    if !query.trim().is_empty() {
        // Equal scores are ordered by length, then by path, as the sort is stable.
        scored.sort_by_key(|(score, file)| (std::cmp::Reverse(*score), file.path.len()));
    }
    (scored.into_iter().take(limit).map(|(_, file)| file.clone()).collect(), total)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(paths: &[&str]) -> FileList {
        let file = |path: &&str| FoundFile { path: (*path).to_owned(), size: 1 };
        FileList { files: paths.iter().map(file).collect(), truncated: false }
    }

    fn ranked(list: &FileList, query: &str) -> Vec<String> {
        rank(list, query, 10).0.into_iter().map(|it| it.path).collect()
    }

    #[test]
    fn the_files_of_a_directory_are_those_below_it() {
        let list = list(&["a-b/x", "a/b/x", "a/c", "a0", "b"]);
        for (prefix, expected) in
            [("a/", &["a/b/x", "a/c"][..]), ("a/b/", &["a/b/x"]), ("c/", &[]), ("z/", &[])]
        {
            let below: Vec<_> = list.below(prefix).iter().map(|it| it.path.as_str()).collect();
            assert_eq!(below, expected, "{prefix}");
        }
        assert_eq!(list.below("").len(), 5);
    }

    #[test]
    fn a_directory_has_the_files_and_directories_in_it() {
        let names = |list: &FileList, path: &str, is_group: bool| {
            let Directory { dirs, files, .. } = list.directory(path, is_group);
            (dirs.join(" "), files.join(" "))
        };
        let one = list(&["README.md", "a-b/x", "a/b/x", "a/b/y", "a/c", "a/d/e/f", "a0"]);
        for (path, dirs, files) in [
            ("", "a-b a", "README.md a0"),
            ("a", "b d", "c"),
            ("a/", "b d", "c"),
            ("a/b", "", "x y"),
            ("z", "", ""),
        ] {
            assert_eq!(names(&one, path, false), (dirs.to_owned(), files.to_owned()), "{path}");
        }
        let group = list(&["api:src/a.rs", "web:b.ts", "web:src/a.ts"]);
        for (path, dirs, files) in
            [("", "api: web:", ""), ("web:", "src", "b.ts"), ("web:src", "", "a.ts")]
        {
            assert_eq!(names(&group, path, true), (dirs.to_owned(), files.to_owned()), "{path}");
        }
    }

    #[test]
    fn letters_of_a_path_find_its_file_and_the_name_counts_most() {
        let list = list(&[
            "docs/session.md",
            "src/session.rs",
            "src/session/turn.rs",
            "src/web/viewer.rs",
        ]);
        assert_eq!(ranked(&list, "turn")[0], "src/session/turn.rs");
        assert_eq!(ranked(&list, "sesrs")[0], "src/session.rs");
        assert_eq!(ranked(&list, "web view"), ["src/web/viewer.rs"]);
        assert_eq!(ranked(&list, "Session").len(), 0, "a capital letter means itself");
        assert_eq!(ranked(&list, "zzz").len(), 0);
        assert_eq!(ranked(&list, "").len(), 4);
        assert_eq!(rank(&list, "s", 1), (vec![list.files[1].clone()], 4));
        // Operators of other finders are plain text here.
        assert_eq!(ranked(&list, "!turn").len(), 0);
        assert_eq!(ranked(&list, "^src").len(), 0);
    }
}
