//! Questions from the history of a code base: the subject of a commit asks for the files it changed.

use std::{collections::HashMap, error::Error, path::Path, process::Command};

use crate::questions::Question;

pub(crate) const KIND: &str = "commit";

/// Commits that are looked at.
const MAX_COMMITS: &str = "6000";
/// Commits that may ask for the same file.
const MAX_FOR_FILE: usize = 2;
const MIN_WORDS: usize = 3;

/// Endings of sources.
const SOURCES: &[&str] = &[
    "rs", "py", "js", "ts", "tsx", "jsx", "vue", "go", "java", "kt", "c", "cc", "cpp", "h", "hpp",
    "php", "rb", "swift", "cs", "scala",
];
/// Parts of the paths of tests and translations.
const NO_SOURCES: &[&str] = &["test", "/lang/", "locale", "i18n"];
/// Words of commits that do not say what they are about.
const NO_SUBJECTS: &[&str] = &[
    "merge",
    "bump",
    "format",
    "typo",
    "release",
    "revert",
    "lint",
    "version",
    "clippy",
    "fmt",
    "chore",
    "cleanup",
    "clean up",
    "refactor",
    "rename",
    "translat",
    "style",
    "whitespace",
    "code review",
    "phpstan",
    "eslint",
    "upgrade",
];

/// The newest commits that changed one source or two that still exist.
pub(crate) fn questions(
    dir: &Path,
    base: &str,
    most: usize,
) -> Result<Vec<Question>, Box<dyn Error>> {
    let log = Command::new("git")
        .arg("-C")
        .arg(dir)
        .args(["log", "--no-merges", "--name-only", "--no-renames", "-n", MAX_COMMITS])
        .arg("--format=%x01%s")
        .output()?;
    if !log.status.success() {
        return Err(format!("no history: {}", String::from_utf8_lossy(&log.stderr)).into());
    }
    let log = String::from_utf8_lossy(&log.stdout).into_owned();
    let mut asked: HashMap<String, usize> = HashMap::new();
    let questions = log.split('\u{1}').skip(1).filter_map(|commit| question(dir, base, commit));
    let fresh = questions.filter(|question| {
        let n_asked = asked.entry(question.files[0].clone()).or_default();
        *n_asked += 1;
        *n_asked <= MAX_FOR_FILE
    });
    Ok(fresh.take(most).collect())
}

fn question(dir: &Path, base: &str, commit: &str) -> Option<Question> {
    let (subject, paths) = commit.split_once('\n')?;
    // Without the number of its pull request.
    let subject = subject.split(" (#").next().unwrap_or(subject).trim();
    let paths: Vec<&str> = paths.lines().filter(|path| !path.is_empty()).collect();
    let files: Vec<String> =
        paths.iter().filter(|path| is_source(path)).map(|path| (*path).to_owned()).collect();
    let lower = subject.to_lowercase();
    let is_telling = subject.split_whitespace().count() >= MIN_WORDS
        && !NO_SUBJECTS.iter().any(|word| lower.contains(word));
    let is_small = (1..=2).contains(&files.len()) && paths.len() <= 4;
    let exist = files.iter().all(|file| dir.join(file).is_file());
    (is_telling && is_small && exist).then(|| Question {
        base: base.to_owned(),
        kind: KIND.to_owned(),
        question: subject.to_owned(),
        files,
        at: None,
    })
}

fn is_source(path: &str) -> bool {
    let lower = path.to_lowercase();
    let extension = lower.rsplit('.').next().unwrap_or_default();
    SOURCES.contains(&extension) && !NO_SOURCES.iter().any(|part| lower.contains(part))
}
