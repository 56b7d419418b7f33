//! The history of a project, which is that of each of its roots: a path leads to one of them, and a
//! commit to the one that has it.

use std::path::Path;

use crate::{
    history::{
        Blame, Changes, CommitHashes, Commits, HistoryError, LogQuery, MAX_COMMITS, RootHistory,
        Search, ShownCommit,
        checkout::{self, Checkout},
    },
    policy::Secrets,
    project::{Root, Roots},
};

/// The history of a project.
#[derive(Debug, Clone)]
pub(crate) struct ProjectHistory {
    roots: Roots,
    secrets: Secrets,
}

impl ProjectHistory {
    /// Of the project in `roots`, paths without links.
    pub(crate) fn new(roots: impl Into<Roots>, secrets: Secrets) -> Self {
        Self { roots: roots.into(), secrets }
    }

    /// The commits that lead to the one that is checked out; without a path, those of all roots, the
    /// newest first.
    pub(crate) fn log(&self, query: &LogQuery) -> Result<Commits, HistoryError> {
        if let Some(path) = &query.path {
            let (root, path) = self.root_of(path)?;
            return root.log(&LogQuery { path: Some(path), ..query.clone() });
        }
        self.commits_of_all(query.limit.unwrap_or(20), |root| root.log(query))
    }

    /// The commits that fit, the newest first.
    pub(crate) fn search(
        &self,
        search: &Search,
        path: Option<&str>,
        limit: usize,
    ) -> Result<Commits, HistoryError> {
        if let Some(path) = path {
            let (root, path) = self.root_of(path)?;
            return root.search(search, Some(&path), limit);
        }
        self.commits_of_all(limit, |root| root.search(search, None, limit))
    }

    /// A commit, and how it differs from its first parent. `name` is a hash or the name of a branch or
    /// tag; at most `max_bytes` of the difference. A name means the first root that has it.
    pub(crate) fn show(&self, name: &str, max_bytes: usize) -> Result<ShownCommit, HistoryError> {
        let mut shown = first(self.of_each(|root| root.show(name, max_bytes)))?;
        let (prefix, found) = shown.swap_remove(0);
        Ok(ShownCommit { changes: prefixed(found.changes, &prefix), ..found })
    }

    /// A file as it was in a commit, which is given by its whole hash.
    pub(crate) fn file_at(&self, commit: &str, path: &str) -> Result<Vec<u8>, HistoryError> {
        let (root, path) = self.root_of(path)?;
        root.file_at(commit, &path)
    }

    /// What is checked out in each root that is a repository with a commit.
    pub(crate) fn checkouts(&self) -> Vec<Checkout> {
        let member = |root: &Root| root.name.as_ref().map(ToString::to_string);
        let of =
            |root: &Root| Some(Checkout { member: member(root), ..checkout::of(&root.dir).ok()? });
        self.roots.iter().filter_map(of).collect()
    }

    /// Looks up hashes of commits; `None` where there is no history.
    pub(crate) fn commit_hashes(&self) -> Option<CommitHashes> {
        let opened: Vec<_> = self.roots().filter_map(|(_, root)| root.open().ok()).collect();
        (!opened.is_empty()).then_some(CommitHashes(opened))
    }

    /// How one commit differs from another, in one path if that is given, else in each root that has
    /// both.
    pub(crate) fn diff(
        &self,
        from: &str,
        to: &str,
        path: Option<&str>,
        max_bytes: usize,
    ) -> Result<Changes, HistoryError> {
        let found = match path {
            Some(path) => {
                let (root, path) = self.root_of(path)?;
                vec![(root.prefix.clone(), root.diff(from, to, Some(&path), max_bytes)?)]
            }
            None => first(self.of_each(|root| root.diff(from, to, None, max_bytes)))?,
        };
        let mut all = Changes::default();
        for (prefix, changes) in found {
            let Changes { files, n_secret, diff, is_cut } = prefixed(changes, &prefix);
            all.files.extend(files);
            all.n_secret += n_secret;
            all.is_cut |= is_cut;
            match all.diff.len() + diff.len() <= max_bytes {
                true => all.diff.push_str(&diff),
                false => all.is_cut = true,
            }
        }
        Ok(all)
    }

    /// See [`RootHistory::log_of_lines`].
    pub(crate) fn log_of_lines(
        &self,
        path: &str,
        now: &str,
        lines: (usize, usize),
    ) -> Result<Commits, HistoryError> {
        let (root, path) = self.root_of(path)?;
        root.log_of_lines(&path, now, lines)
    }

    /// See [`RootHistory::blame`].
    pub(crate) fn blame(
        &self,
        path: &str,
        now: &str,
        first: usize,
        last: usize,
    ) -> Result<Blame, HistoryError> {
        let (root, path) = self.root_of(path)?;
        root.blame(&path, now, first, last)
    }

    fn roots(&self) -> impl Iterator<Item = (String, RootHistory)> {
        self.roots.iter().map(|root| {
            let prefix = root.prefix();
            let history = RootHistory {
                dir: root.dir.clone(),
                secrets: self.secrets.clone(),
                prefix: prefix.clone(),
            };
            (prefix, history)
        })
    }

    /// The root that a path names, and the path in it.
    fn root_of(&self, path: &str) -> Result<(RootHistory, String), HistoryError> {
        let path = self.roots.path_of(path);
        let found = self.roots.find(Path::new(&*path));
        let (root, inside) = found.ok_or(HistoryError::Invalid(
            "give a path that begins with the name of a project and a colon",
        ))?;
        let history = RootHistory {
            dir: root.dir.clone(),
            secrets: self.secrets.clone(),
            prefix: root.prefix(),
        };
        Ok((history, inside.to_str().unwrap_or_default().to_owned()))
    }

    fn of_each<T>(
        &self,
        ask: impl Fn(&RootHistory) -> Result<T, HistoryError>,
    ) -> Vec<(String, Result<T, HistoryError>)> {
        self.roots().map(|(prefix, root)| (prefix, ask(&root))).collect()
    }

    fn commits_of_all(
        &self,
        limit: usize,
        ask: impl Fn(&RootHistory) -> Result<Commits, HistoryError>,
    ) -> Result<Commits, HistoryError> {
        let found = first(self.of_each(ask))?;
        let is_one = found.len() == 1;
        let mut all = Commits::default();
        for (_, Commits { commits, is_cut, is_shallow }) in found {
            all.commits.extend(commits);
            all.is_cut |= is_cut;
            all.is_shallow |= is_shallow;
        }
        if !is_one {
            let limit = limit.clamp(1, MAX_COMMITS);
            all.commits.sort_by(|a, b| b.date.cmp(&a.date));
            all.is_cut |= all.commits.len() > limit;
            all.commits.truncate(limit);
        }
        Ok(all)
    }
}

/// What the roots answered that could; why the first could not, where none could.
fn first<T>(
    answers: Vec<(String, Result<T, HistoryError>)>,
) -> Result<Vec<(String, T)>, HistoryError> {
    let mut found = Vec::new();
    let mut refused = None;
    for (prefix, answer) in answers {
        match answer {
            Ok(answer) => found.push((prefix, answer)),
            // That one has no such commit says more than that another has no history.
            Err(error @ HistoryError::UnknownCommit(_)) => refused = Some(error),
            Err(error) => _ = refused.get_or_insert(error),
        }
    }
    match refused {
        Some(error) if found.is_empty() => Err(error),
        _ => Ok(found),
    }
}

/// Changes of a root as changes of the project.
fn prefixed(mut changes: Changes, prefix: &str) -> Changes {
    if !prefix.is_empty() {
        for file in &mut changes.files {
            file.path.insert_str(0, prefix);
            if let Some(from) = &mut file.from {
                from.insert_str(0, prefix);
            }
        }
    }
    changes
}
