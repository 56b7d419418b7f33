//! Commits and differences as text for agents. Pure.

use std::fmt::Write as _;

use super::{Blame, Changes, Commit, Commits, ShownCommit};

/// A commit in one line: hash, day, author, subject.
pub(crate) fn line(commit: &Commit) -> String {
    let Commit { short, date, author, subject, .. } = commit;
    format!("{short} {date} {author}: {subject}")
}

pub(crate) fn list(found: &Commits) -> String {
    let mut text = String::new();
    for commit in &found.commits {
        _ = writeln!(text, "{}", line(commit));
    }
    if found.commits.is_empty() {
        text.push_str("No commit fits.\n");
    }
    if found.is_cut {
        text.push_str("… and more.\n");
    }
    if found.is_shallow {
        text.push_str("This clone is shallow: it has only the last part of the history.\n");
    }
    text
}

pub(crate) fn shown(shown: &ShownCommit) -> String {
    let Commit { id, parents, author, date, subject, body, .. } = &shown.commit;
    let mut text = format!("commit {id}\nauthor {author}\ndate {date}\n");
    if parents.len() > 1 {
        text.push_str("A merge; compared with its first parent.\n");
    }
    _ = write!(text, "\n{subject}\n");
    if !body.is_empty() {
        _ = write!(text, "\n{body}\n");
    }
    text.push('\n');
    text.push_str(&changes(&shown.changes));
    text
}

pub(crate) fn changes(changes: &Changes) -> String {
    let mut text = String::new();
    for file in &changes.files {
        _ = match &file.from {
            Some(from) => writeln!(text, "{} {from} -> {}", file.status, file.path),
            None => writeln!(text, "{} {}", file.status, file.path),
        };
    }
    if changes.n_secret > 0 {
        let n = changes.n_secret;
        _ = writeln!(text, "{n} files are not shown, because they may hold secrets.");
    }
    if changes.files.is_empty() && changes.n_secret == 0 {
        text.push_str("No file differs.\n");
    }
    _ = write!(text, "\n{}", changes.diff);
    if changes.is_cut {
        text.push_str("… (cut; ask for one path)\n");
    }
    text
}

/// The lines of a file from `first`, each after the commit that wrote it last.
pub(crate) fn blame(blame: &Blame, now: &str, first: usize) -> String {
    let mut text = String::new();
    for commit in &blame.commits {
        _ = writeln!(text, "{}", line(commit));
    }
    text.push('\n');
    for ((number, line), of) in now.lines().enumerate().skip(first - 1).zip(&blame.lines) {
        let commit = of.and_then(|at| blame.commits.get(at));
        let short = commit.map_or("not committed", |commit| &commit.short);
        _ = writeln!(text, "{short}\t{}\t{line}", number + 1);
    }
    text
}
