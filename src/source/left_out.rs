//! Files that a search does not cover, and why. Pure.
//!
//! An answer that found nothing says so with this, and never claims more than was looked at.

use std::{collections::BTreeMap, path::Path};

use serde::{Deserialize, Serialize};

use crate::source::file_role;

/// Directories that are named for one reason; the rest is counted without a name.
const MAX_PLACES: usize = 16;
/// Directories named in a sentence.
const PLACES_IN_SENTENCE: usize = 3;

/// Why a file or directory is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum LeftOutReason {
    /// There are more files than are searched.
    Files,
    /// There are more directory entries than are looked at.
    Entries,
    /// Directories are nested too deep.
    Depth,
    /// The walk took too long.
    Time,
    /// The index would be too large.
    Memory,
    /// A file is larger than any text that is read.
    TooLarge,
    /// The system does not let it be read.
    Unreadable,
    /// Its name begins with a dot.
    Hidden,
    /// An ignore file names it.
    Ignored,
    /// It may hold secrets.
    Secret,
    /// It is a symbolic link.
    Link,
    /// It is not text.
    Binary,
    /// Its lines are too long for a text that people write.
    Minified,
}

impl LeftOutReason {
    /// Whether a limit was reached, so that files of worth may be missing.
    pub fn is_limit(self) -> bool {
        use LeftOutReason::{Depth, Entries, Files, Memory, Time};
        matches!(self, Files | Entries | Depth | Time | Memory)
    }

    /// The words after "3 files": "that are …".
    fn words(self) -> &'static str {
        match self {
            Self::Files => "beyond the number of files that I search",
            Self::Entries => "beyond the number of directory entries that I look at",
            Self::Depth => "nested too deep",
            Self::Time => "that I had no time to look at",
            Self::Memory => "beyond the size that the index may have",
            Self::TooLarge => "too large",
            Self::Unreadable => "unreadable",
            Self::Hidden => "hidden",
            Self::Ignored => "ignored by git",
            Self::Secret => "that may hold secrets",
            Self::Link => "symbolic links",
            Self::Binary => "not text",
            Self::Minified => "minified or data",
        }
    }
}

/// How many files are left out, and directories that were not entered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOutCount {
    /// Files, one by one.
    pub files: usize,
    /// Directories that were not entered.
    /// Their files are not counted.
    pub dirs: usize,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct OfReason {
    total: LeftOutCount,
    /// By directory, relative to the project's root and without a slash; empty for the root.
    places: BTreeMap<String, LeftOutCount>,
}

/// What is left out, by reason and directory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut(BTreeMap<LeftOutReason, OfReason>);

impl LeftOut {
    pub(crate) fn add_file(&mut self, reason: LeftOutReason, path: &Path) {
        self.add(reason, path, LeftOutCount { files: 1, dirs: 0 });
    }

    /// Adds a directory that was not entered.
    pub(crate) fn add_dir(&mut self, reason: LeftOutReason, path: &Path) {
        self.add(reason, path, LeftOutCount { files: 0, dirs: 1 });
    }

    /// Adds what one root of a project left out; `prefix` begins the paths of its files.
    pub(crate) fn add_root(&mut self, other: Self, prefix: &str) {
        for (reason, of) in other.0 {
            let own = self.0.entry(reason).or_default();
            own.total.files += of.total.files;
            own.total.dirs += of.total.dirs;
            for (place, count) in of.places {
                let place = format!("{prefix}{place}");
                if own.places.len() < MAX_PLACES || own.places.contains_key(&place) {
                    let at = own.places.entry(place).or_default();
                    at.files += count.files;
                    at.dirs += count.dirs;
                }
            }
        }
    }

    fn add(&mut self, reason: LeftOutReason, path: &Path, count: LeftOutCount) {
        let of = self.0.entry(reason).or_default();
        of.total.files += count.files;
        of.total.dirs += count.dirs;
        // Where the rest is hidden or ignored tells little.
        if !reason.is_limit() {
            return;
        }
        let place = place(path, count.dirs > 0);
        if of.places.len() < MAX_PLACES || of.places.contains_key(&place) {
            let at = of.places.entry(place).or_default();
            at.files += count.files;
            at.dirs += count.dirs;
        }
    }

    /// Whether a limit was reached.
    pub fn is_cut(&self) -> bool {
        self.0.keys().any(|reason| reason.is_limit())
    }

    /// The reasons with their counts.
    pub fn counts(&self) -> impl Iterator<Item = (LeftOutReason, LeftOutCount)> {
        self.0.iter().map(|(reason, of)| (*reason, of.total))
    }

    /// The count of one reason.
    pub fn count(&self, reason: LeftOutReason) -> LeftOutCount {
        self.0.get(&reason).map(|of| of.total).unwrap_or_default()
    }

    /// A sentence in Markdown, such as "I have not looked at 41,000 files under `vendor/` (beyond the
    /// number of files that I search)". `None` if nothing is left out.
    pub fn sentence(&self) -> Option<String> {
        let (limits, rest): (Vec<_>, Vec<_>) =
            self.0.iter().partition(|(reason, _)| reason.is_limit());
        let limits = limits.into_iter().map(|(reason, of)| {
            let places: Vec<String> = largest(of).map(|(dir, count)| at(dir, count)).collect();
            format!("{} ({})", joined(&places), reason.words())
        });
        let rest = rest.into_iter().map(|(reason, of)| {
            let words = reason.words();
            let is_one = of.total.files + of.total.dirs == 1;
            match (*reason, is_one) {
                (LeftOutReason::Secret, _) => format!("{} {words}", things(of.total)),
                (LeftOutReason::Link, true) => "1 symbolic link".to_owned(),
                (LeftOutReason::Link, false) => format!("{} {words}", thousands(of.total.files)),
                (_, true) => format!("{} that is {words}", things(of.total)),
                (_, false) => format!("{} that are {words}", things(of.total)),
            }
        });
        let parts: Vec<String> = limits.chain(rest).collect();
        (!parts.is_empty()).then(|| format!("I have not looked at {}.", joined(&parts)))
    }
}

/// The directory under which a path is counted: the topmost, or the vendored or generated one.
fn place(path: &Path, is_dir: bool) -> String {
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
    let n_dirs = if is_dir { parts.len() } else { parts.len().saturating_sub(1) };
    let dirs = &parts[..n_dirs];
    let foreign = dirs.iter().position(|dir| file_role::is_foreign_folder(&dir.to_lowercase()));
    dirs[..foreign.map_or(1, |at| at + 1).min(n_dirs)].join("/")
}

fn largest(of: &OfReason) -> impl Iterator<Item = (&str, LeftOutCount)> {
    let mut places: Vec<(&str, LeftOutCount)> =
        of.places.iter().map(|(dir, count)| (dir.as_str(), *count)).collect();
    places.sort_by_key(|(_, count)| std::cmp::Reverse((count.files, count.dirs)));
    let shown = places.iter().take(PLACES_IN_SENTENCE);
    let (files, dirs) =
        shown.fold((0, 0), |(files, dirs), (_, count)| (files + count.files, dirs + count.dirs));
    let rest = LeftOutCount { files: of.total.files - files, dirs: of.total.dirs - dirs };
    places.truncate(PLACES_IN_SENTENCE);
    let has_rest = rest != LeftOutCount::default();
    places.into_iter().chain(has_rest.then_some(("*", rest)))
}

fn at(dir: &str, count: LeftOutCount) -> String {
    match dir {
        "" => format!("{} of the root", things(count)),
        "*" => format!("{} elsewhere", things(count)),
        member if member.ends_with(':') => format!("{} of `{member}`", things(count)),
        dir => format!("{} under `{dir}/`", things(count)),
    }
}

fn things(count: LeftOutCount) -> String {
    let many = |n: usize, one: &str, more: &str| match n {
        1 => format!("1 {one}"),
        n => format!("{} {more}", thousands(n)),
    };
    match count {
        LeftOutCount { files, dirs: 0 } => many(files, "file", "files"),
        LeftOutCount { files: 0, dirs } => many(dirs, "directory", "directories"),
        LeftOutCount { files, dirs } => many(files + dirs, "", "files and directories"),
    }
}

/// A number with a comma before each three digits.
fn thousands(n: usize) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn joined(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [before @ .., last] => format!("{} and {last}", before.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_says_what_was_left_out_and_why() {
        assert_eq!(LeftOut::default().sentence(), None);
        let mut left_out = LeftOut::default();
        for n in 0..41_000 {
            left_out.add_file(LeftOutReason::Files, format!("web/vendor/x/{n}.js").as_ref());
        }
        left_out.add_file(LeftOutReason::Files, "a/b".as_ref());
        assert!(left_out.is_cut());
        assert_eq!(
            left_out.sentence().unwrap(),
            "I have not looked at 41,000 files under `web/vendor/` and 1 file under `a/` (beyond the \
             number of files that I search)."
        );
        let mut left_out = LeftOut::default();
        left_out.add_file(LeftOutReason::Hidden, ".env".as_ref());
        left_out.add_dir(LeftOutReason::Hidden, ".cache".as_ref());
        left_out.add_dir(LeftOutReason::Ignored, "target".as_ref());
        left_out.add_file(LeftOutReason::Binary, "a.png".as_ref());
        left_out.add_file(LeftOutReason::Binary, "b.png".as_ref());
        assert!(!left_out.is_cut());
        assert_eq!(
            left_out.sentence().unwrap(),
            "I have not looked at 2 files and directories that are hidden, 1 directory that is \
             ignored by git and 2 files that are not text."
        );
    }

    #[test]
    fn no_project_makes_the_list_of_places_long() {
        let mut left_out = LeftOut::default();
        for n in 0..10_000 {
            left_out.add_dir(LeftOutReason::Time, format!("dir{n}").as_ref());
        }
        assert_eq!(left_out.count(LeftOutReason::Time).dirs, 10_000);
        let sentence = left_out.sentence().unwrap();
        assert!(sentence.contains("9,997 directories elsewhere"), "{sentence}");
    }
}
