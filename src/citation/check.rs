//! Checks references against the project's files. Reads files and therefore blocks.
//!
//! The [`Policy`] decides which files may be read.

use std::{collections::HashMap, path::Path};

use crate::policy::{
    Policy, Refusal,
    opening::{self, FileReadError},
};

use super::{Citation, Reference, References, files_read};

/// The number of a file's lines, `None` if it is too large to count them; or why it is not found.
type FileCheck = Result<Option<u32>, String>;

/// Checks references in their order. `read` are the files that the agent has seen; they also identify
/// a file that was named without its directory. A file above `most_bytes` counts as found, whatever
/// line is named. A name without such a file is left out, unless it is certain to be one of a file.
pub(crate) fn check(
    policy: &Policy,
    root: &Path,
    mentioned: &References,
    read: &[String],
    most_bytes: usize,
) -> Vec<Citation> {
    let mut known: HashMap<String, Option<FileCheck>> = HashMap::new();
    let mut check = |path: &str| {
        known.entry(path.to_owned()).or_insert_with(|| check_file(policy, path, most_bytes)).clone()
    };
    let mut cite = |(reference, is_certain): (&Reference, bool)| {
        let mut path = files_read::relative(&reference.path, root).to_owned();
        let mut found = check(&path)?;
        if found.is_err()
            && let Some(file) = only_file_ending_with(&path, read)
        {
            found = check(file)?;
            path = file.to_owned();
        }
        let why = match &found {
            Ok(lines) => lines.and_then(|lines| line_error(reference, lines)),
            Err(why) => Some(why.clone()),
        };
        (why.is_none() || is_certain || found.is_ok()).then(|| Citation {
            found: why.is_none(),
            why,
            read: read.contains(&path),
            file: (path != reference.path && found.is_ok()).then_some(path),
            reference: reference.clone(),
        })
    };
    mentioned.iter().filter_map(&mut cite).collect()
}

/// Checks one file; `None` if it is a directory.
fn check_file(policy: &Policy, path: &str, most_bytes: usize) -> Option<FileCheck> {
    match opening::read(policy, path, most_bytes) {
        Ok(bytes) => {
            let ends = memchr::memchr_iter(b'\n', &bytes).count();
            let lines = ends + usize::from(bytes.last().is_some_and(|last| *last != b'\n'));
            Some(Ok(Some(u32::try_from(lines).unwrap_or(u32::MAX))))
        }
        Err(FileReadError::TooLarge { .. }) => Some(Ok(None)),
        Err(FileReadError::Directory(_)) => None,
        Err(error) => Some(Err(match error {
            FileReadError::NotThere(_) => "there is no such file".to_owned(),
            FileReadError::Climbs(_) | FileReadError::Refused(Refusal::Outside(_)) => {
                "it is not in the project".to_owned()
            }
            FileReadError::Refused(Refusal::Secret(_)) => {
                "it may hold secrets and is not shown".to_owned()
            }
            other => other.to_string(),
        })),
    }
}

/// Why the lines of a reference do not exist in a file of `n_lines` lines.
fn line_error(Reference { line, end_line, .. }: &Reference, n_lines: u32) -> Option<String> {
    let last = end_line.or(*line)?;
    if *line == Some(0) {
        return Some("lines are counted from 1".to_owned());
    }
    let noun = if n_lines == 1 { "line" } else { "lines" };
    (last > n_lines).then(|| format!("it has only {n_lines} {noun}"))
}

/// The file read whose path ends with `path`, if it is the only one.
fn only_file_ending_with<'a>(path: &str, read: &'a [String]) -> Option<&'a str> {
    let ends = |file: &&String| file.strip_suffix(path).is_some_and(|dirs| dirs.ends_with('/'));
    let mut files = read.iter().filter(ends);
    files.next().filter(|_| files.next().is_none()).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{citation::mention, policy::Secrets};

    fn checked(text: &str, read: &[&str]) -> Vec<String> {
        let project = tempfile::tempdir().unwrap();
        let root = project.path().canonicalize().unwrap();
        fs::create_dir_all(root.join("src/deep")).unwrap();
        fs::write(root.join("src/parser.rs"), "one\ntwo\nthree").unwrap();
        fs::write(root.join("src/deep/big.rs"), "x\n".repeat(1000)).unwrap();
        fs::write(root.join(".env"), "TOKEN=1").unwrap();
        fs::create_dir(root.join("src/x.rs")).unwrap();
        let policy = Policy::new(root.clone(), Secrets::new(&[]).unwrap());
        let text = text.replace("ROOT", root.to_str().unwrap());
        let mut mentioned = References::default();
        let mut rest = text.as_str();
        while let Some((_, mention, after)) = mention::find(rest) {
            mentioned.add(&mention);
            rest = after;
        }
        let read: Vec<String> = read.iter().map(|&file| file.to_owned()).collect();
        let citations = check(&policy, &root, &mentioned, &read, 500);
        let shown = citations.into_iter().map(|it| {
            let file = it.file.map(|file| format!(" = {file}")).unwrap_or_default();
            let read = if it.read { ", read" } else { "" };
            let line = format!(
                "{}{file}: {}{read}",
                it.reference.path,
                it.why.unwrap_or("found".to_owned())
            );
            line.replace(root.to_str().unwrap(), "ROOT")
        });
        shown.collect()
    }

    #[test]
    fn a_reference_is_found_only_where_file_and_line_exist() {
        assert_eq!(
            checked(
                "src/parser.rs:3 src/parser.rs:4 src/parser.rs:2-9 src/parser.rs:0 src/gone.rs",
                &[]
            ),
            [
                "src/parser.rs: found",
                "src/parser.rs: it has only 3 lines",
                "src/parser.rs: it has only 3 lines",
                "src/parser.rs: lines are counted from 1",
                "src/gone.rs: there is no such file",
            ]
        );
    }

    #[test]
    fn a_citation_tells_files_that_were_read_from_files_only_named() {
        assert_eq!(
            checked("src/parser.rs:1 parser.rs:2 src/deep/big.rs:7", &["src/parser.rs"]),
            [
                "src/parser.rs: found, read",
                "parser.rs = src/parser.rs: found, read",
                "src/deep/big.rs: found"
            ]
        );
        // Without a directory it could be any file, unless exactly one was read.
        assert_eq!(checked("parser.rs:2", &[]), ["parser.rs: there is no such file"]);
    }

    #[test]
    fn other_spellings_lead_to_the_same_file() {
        assert_eq!(
            checked("ROOT/src/parser.rs:1 and ./src/parser.rs", &["src/parser.rs"]),
            [
                "ROOT/src/parser.rs = src/parser.rs: found, read",
                "./src/parser.rs = src/parser.rs: found, read"
            ]
        );
    }

    #[test]
    fn p10_nothing_outside_and_no_secret_is_found_and_names_that_are_none_are_left_out() {
        assert_eq!(
            checked("../x/y.rs /etc/hosts.md config/.env Node.js src/x.rs github.com/a/b.go", &[]),
            ["../x/y.rs: it is not in the project", "/etc/hosts.md: it is not in the project",]
        );
    }
}
