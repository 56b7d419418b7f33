//! The history of a project: its commits, as the system's `git` tells them.
//!
//! [`git`] runs the program, which a hostile repository cannot make run anything else, within bounds
//! of time, memory and output. [`parse`] reads what it prints. Runs where the project's files are
//! read. Files that may hold secrets are left out, also where only an earlier version did.
//!
//! Blocks. The repository must lie in the project's directory, or be that of which it is a work tree or
//! a submodule ([`git_dir`]).

mod align;
mod changes;
pub(crate) mod checkout;
pub(crate) mod git;
pub(crate) mod git_config;
pub(crate) mod git_dir;
mod members;
pub(crate) mod parse;
#[cfg(test)]
mod tests;
pub(crate) mod text;
mod values;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use crate::policy::{Secrets, holds_private_key};

use git::Git;
pub(crate) use members::ProjectHistory;
pub(crate) use values::{
    Blame, ChangedFile, Changes, Commit, Commits, LogQuery, Search, ShownCommit,
};

/// Commits in one list at most.
pub(crate) const MAX_COMMITS: usize = 100;

/// Lines of a file that are blamed at once.
const MAX_LINES: usize = 2000;

/// Longest list of commits, in bytes.
const MAX_LIST_BYTES: usize = 2 << 20;

/// Longest message of a commit that is shown, in bytes.
const MAX_MESSAGE_BYTES: usize = 16 << 10;

/// Options of every `git log`, so that no program of the settings looks at files or signatures.
const PLAIN: [&str; 5] =
    ["--no-ext-diff", "--no-textconv", "--no-show-signature", "--no-notes", "--no-color"];

/// Fields of a commit, each ended by a zero byte: [`parse::commits`] reads them.
const FORMAT: &str = "--format=%H%x00%P%x00%aN%x00%as%x00%B";

/// Why there is no history, for a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HistoryError {
    #[error("this project is not a git repository, so that it has no history")]
    NoRepository,
    #[error(
        "the repository's data lies outside of the project's directory and does not name it as a work tree or a submodule; if the project is a part of a repository, name the root of the repository as the project"
    )]
    OutOfReach,
    #[error("git is not installed, or may not be run here")]
    NoGit,
    #[error("the repository has no commits yet")]
    Empty,
    #[error("{0:?} names no commit of this repository")]
    UnknownCommit(String),
    #[error("{0:?} may hold secrets, so that its history is not shown")]
    Secret(String),
    #[error("{0:?} is not in the last commit")]
    NotCommitted(String),
    #[error("the commit has no file {0:?} that can be shown")]
    NotThen(String),
    #[error("{0}")]
    Invalid(&'static str),
    #[error("git took longer than {0:?}; ask for less, such as one path or a later start")]
    TooLong(Duration),
    #[error("git cannot be run here: {0}")]
    Failed(String),
    #[error(
        "git cannot answer this, because of what was asked for or of the repository's settings"
    )]
    Refused,
}

/// The history of one root of a project; its paths count from there.
#[derive(Debug, Clone)]
struct RootHistory {
    dir: PathBuf,
    secrets: Secrets,
    /// What the project's paths of its files begin with.
    prefix: String,
}

/// The hashes of the commits of a project's repositories.
#[derive(Debug)]
pub(crate) struct CommitHashes(Vec<Git>);

impl CommitHashes {
    /// The whole hash of the commit that a part of one means, if it means one.
    pub(crate) fn whole(&self, hash: &str) -> Option<String> {
        let is_hash = hash.len() >= 7 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hash.then(|| self.0.iter().find_map(|git| git.commit_id(hash).ok()?)).flatten()
    }
}

impl RootHistory {
    /// The commits that lead to the one that is checked out.
    fn log(&self, query: &LogQuery) -> Result<Commits, HistoryError> {
        let git = self.open()?;
        let limit = query.limit.unwrap_or(20).clamp(1, MAX_COMMITS);
        let mut args = vec!["log".to_owned(), FORMAT.to_owned(), format!("-n{}", limit + 1)];
        args.extend(filters(query)?);
        let path = query.path.as_deref().map(|path| self.path(path)).transpose()?;
        match (path, query.lines) {
            (Some(path), Some((first, last))) => {
                args.push("--no-patch".to_owned());
                let (first, last) = (first.max(1), last.max(first).max(1));
                let last = last.min(first + MAX_LINES);
                args.push(format!("-L{first},{last}:{path}"));
            }
            (Some(path), None) => {
                // Only the history of a file goes on under its earlier name.
                let is_file = git.kind_of(&format!("HEAD:{path}"))?.as_deref() == Some("blob");
                args.extend(is_file.then(|| "--follow".to_owned()));
                args.extend(["--end-of-options", "HEAD", "--"].map(str::to_owned));
                args.push(path);
            }
            (None, _) => args.push("HEAD".to_owned()),
        }
        let mut found = commits_of(&git, &args)?;
        found.is_cut |= found.commits.len() > limit;
        found.commits.truncate(limit);
        Ok(found)
    }

    /// A commit, and how it differs from its first parent. `name` is a hash or the name of a branch or
    /// tag; at most `max_bytes` of the difference.
    fn show(&self, name: &str, max_bytes: usize) -> Result<ShownCommit, HistoryError> {
        let git = self.open()?;
        let commit = commit_named(&git, name)?;
        let base = commit.parents.first().map(String::as_str);
        let changes = changes::between(&git, &self.secrets, base, &commit.id, None, max_bytes)?;
        Ok(ShownCommit { commit, changes })
    }

    /// A file as it was in a commit, which is given by its whole hash.
    fn file_at(&self, commit: &str, path: &str) -> Result<Vec<u8>, HistoryError> {
        let git = self.open()?;
        let path = self.path(path)?;
        if !parse::is_full_id(commit) {
            return Err(HistoryError::UnknownCommit(commit.to_owned()));
        }
        let content = git.blob(&format!("{commit}:{path}"))?;
        let content = content.ok_or_else(|| HistoryError::NotThen(path.clone()))?;
        match holds_private_key(&content) {
            true => Err(HistoryError::Secret(path)),
            false => Ok(content),
        }
    }

    /// How one commit differs from another, in one path if that is given.
    fn diff(
        &self,
        from: &str,
        to: &str,
        path: Option<&str>,
        max_bytes: usize,
    ) -> Result<Changes, HistoryError> {
        let git = self.open()?;
        let (from, to) = (commit_named(&git, from)?, commit_named(&git, to)?);
        let path = path.map(|path| self.path(path)).transpose()?;
        let base = Some(from.id.as_str());
        changes::between(&git, &self.secrets, base, &to.id, path.as_deref(), max_bytes)
    }

    /// The commits that changed the lines `first` to `last` of the file at `path`, the newest first. `now`
    /// is its text, which may have changed since the last commit.
    fn log_of_lines(
        &self,
        path: &str,
        now: &str,
        (first, last): (usize, usize),
    ) -> Result<Commits, HistoryError> {
        let git = self.open()?;
        let path = self.path(path)?;
        let committed = git.blob(&format!("HEAD:{path}"))?;
        let committed = committed.ok_or_else(|| HistoryError::NotCommitted(path.clone()))?;
        let places = align::lines(now, &String::from_utf8_lossy(&committed));
        let places = places.iter().skip(first.max(1) - 1).take((last + 1).saturating_sub(first));
        let known: Vec<usize> = places.copied().flatten().collect();
        let (Some(low), Some(high)) = (known.iter().min(), known.iter().max()) else {
            return Ok(Commits::default());
        };
        let (lines, limit) = (Some((low + 1, high + 1)), Some(MAX_COMMITS));
        self.log(&LogQuery { path: Some(path), lines, limit, ..LogQuery::default() })
    }

    /// Who last changed the lines `first` to `last` of the file at `path`. `now` is its text; lines of it
    /// that are not committed have nobody.
    fn blame(
        &self,
        path: &str,
        now: &str,
        first: usize,
        last: usize,
    ) -> Result<Blame, HistoryError> {
        let git = self.open()?;
        let path = self.path(path)?;
        let committed = git.blob(&format!("HEAD:{path}"))?;
        let committed = committed.ok_or_else(|| HistoryError::NotCommitted(path.clone()))?;
        let committed = String::from_utf8_lossy(&committed);
        let places = align::lines(now, &committed);
        let first = first.max(1);
        let asked = places.get(first - 1..last.min(first + MAX_LINES).min(places.len()));
        let asked = asked.unwrap_or_default();
        let known: Vec<usize> = asked.iter().copied().flatten().collect();
        let (Some(low), Some(high)) = (known.iter().min(), known.iter().max()) else {
            return Ok(Blame { lines: vec![None; asked.len()], commits: Vec::new() });
        };
        let range = format!("-L{},{}", low + 1, high + 1);
        // Unlike elsewhere, a program of the settings would run unless told not to.
        let args = ["blame", "--porcelain", "--no-textconv", &range, "HEAD", "--", &path];
        let blamed = parse::blame(&git.run(&args, MAX_LIST_BYTES * 2)?.text());
        let mut ids: Vec<&String> = Vec::new();
        let lines = asked.iter().map(|line| {
            let id = blamed.get(&(line.as_ref()? + 1))?;
            Some(ids.iter().position(|known| *known == id).unwrap_or_else(|| {
                ids.push(id);
                ids.len() - 1
            }))
        });
        let lines: Vec<Option<usize>> = lines.collect();
        let commits = commits_by_id(&git, &ids)?;
        Ok(Blame { lines, commits })
    }

    /// The commits that fit, the newest first.
    fn search(
        &self,
        search: &Search,
        path: Option<&str>,
        limit: usize,
    ) -> Result<Commits, HistoryError> {
        let git = self.open()?;
        let limit = limit.clamp(1, MAX_COMMITS);
        let path = path.map(|path| self.path(path)).transpose()?;
        let mut args = vec!["log".to_owned(), format!("-n{}", limit + 1)];
        let (option, is_diff) = match search {
            Search::Message(words) => {
                let words = words.iter().filter(|word| !word.is_empty()).take(8);
                (words.map(|word| format!("--grep={word}")).collect::<Vec<_>>(), false)
            }
            Search::Text(text) => (vec![format!("-S{text}")], true),
            Search::Pattern(pattern) => (vec![format!("-G{pattern}")], true),
        };
        if option.iter().all(|it| it.len() <= 2) {
            return Err(HistoryError::Invalid("give words or a text to search for"));
        }
        args.extend(option);
        match is_diff {
            true => {
                args.extend(["-z", "--format=%x01%H", "--name-only"].map(str::to_owned));
                args.extend(PLAIN.map(str::to_owned));
            }
            false => args.extend(["-i", "-F", "--all-match", FORMAT].map(str::to_owned)),
        }
        args.extend(["--end-of-options", "HEAD", "--"].map(str::to_owned));
        args.extend(path);
        let mut found = match is_diff {
            false => commits_of(&git, &args)?,
            true => {
                let printed = git.run(&args, MAX_LIST_BYTES)?;
                let touched = parse::touched(&printed.bytes);
                // That a secret file once held a text is not told either.
                let shown = touched.iter().filter(|(_, files)| {
                    files.iter().any(|file| !self.secrets.matches(Path::new(file)))
                });
                let ids: Vec<&String> = shown.map(|(id, _)| id).collect();
                let commits = commits_by_id(&git, &ids)?;
                Commits { commits, is_cut: printed.is_cut, is_shallow: git.is_shallow() }
            }
        };
        found.is_cut |= found.commits.len() > limit;
        found.commits.truncate(limit);
        Ok(found)
    }

    fn open(&self) -> Result<Git, HistoryError> {
        Git::open(&self.dir)
    }

    /// A path of the root from what somebody wrote.
    fn path(&self, path: &str) -> Result<String, HistoryError> {
        let path = path.trim_start_matches("./").trim_end_matches('/');
        let is_within = !path.starts_with('/')
            && !path.split('/').any(|part| part == "..")
            && !path.contains(['\0', '\n'])
            && path.len() <= 4096;
        if !is_within {
            return Err(HistoryError::Invalid("give a path from the project's root, without `..`"));
        }
        match self.secrets.matches(Path::new(path)) || self.secrets.matches_dir(Path::new(path)) {
            true => Err(HistoryError::Secret(path.to_owned())),
            false => Ok(if path.is_empty() { ".".to_owned() } else { path.to_owned() }),
        }
    }
}

/// The commit that a hash or name means.
fn commit_named(git: &Git, name: &str) -> Result<Commit, HistoryError> {
    let unknown = || HistoryError::UnknownCommit(name.to_owned());
    if !parse::is_revision(name) {
        return Err(unknown());
    }
    let id = git.commit_id(name)?.ok_or_else(unknown)?;
    commits_by_id(git, &[&id])?.into_iter().next().ok_or_else(unknown)
}

/// These commits, in this order.
fn commits_by_id(git: &Git, ids: &[&String]) -> Result<Vec<Commit>, HistoryError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let args = ["log", "--no-walk=unsorted", FORMAT].into_iter().map(str::to_owned);
    let args: Vec<String> = args.chain(ids.iter().map(|id| (*id).clone())).collect();
    Ok(commits_of(git, &args)?.commits)
}

fn commits_of(git: &Git, args: &[String]) -> Result<Commits, HistoryError> {
    let mut all = vec!["-z".to_owned(), "--encoding=UTF-8".to_owned()];
    all.extend(PLAIN.map(str::to_owned));
    let (first, rest) = args.split_first().ok_or(HistoryError::Empty)?;
    all.insert(0, first.clone());
    all.extend(rest.iter().cloned());
    let printed = git.run(&all, MAX_LIST_BYTES)?;
    let mut commits = parse::commits(&printed.text(), MAX_MESSAGE_BYTES);
    if printed.is_cut {
        commits.pop();
    }
    Ok(Commits { commits, is_cut: printed.is_cut, is_shallow: git.is_shallow() })
}

/// Options of `git log` from the author and the dates of a query.
fn filters(query: &LogQuery) -> Result<Vec<String>, HistoryError> {
    let mut args = Vec::new();
    if let Some(author) = &query.author {
        args.extend(["-i".to_owned(), "-F".to_owned(), format!("--author={author}")]);
    }
    for (option, date) in [("since", &query.since), ("until", &query.until)] {
        let Some(date) = date else { continue };
        let is_date = date.len() <= 40
            && date.chars().all(|c| c.is_ascii_alphanumeric() || " .:+-/".contains(c));
        if !is_date {
            return Err(HistoryError::Invalid(
                "give a date such as 2026-01-31, or words such as `2 weeks ago`",
            ));
        }
        args.push(format!("--{option}={date}"));
    }
    Ok(args)
}
