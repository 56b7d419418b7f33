//! Projects from git: each repository is fetched now and then, and what is checked out is switched at once.
//!
//! Git writes to the store and to new trees; the server alone moves the link that is a project's
//! directory. When something fails, the link stays, and why is told.

mod state;

use std::{
    collections::HashMap,
    fs, io,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::{
    sync::{Notify, Semaphore},
    task::spawn_blocking,
    time::timeout,
};
use uuid::Uuid;

use crate::{
    agent::{
        Agents,
        git::{remove, remove_old_trees},
    },
    config::{matched_branches, settings::GitSettings},
    git_remote::{
        Repository, ServedBranch,
        address::{BranchName, BranchPattern},
        command::GitTask,
        refs::{RemoteRefs, WantedRef},
    },
    history::parse,
    project::ProjectName,
};

pub(crate) use state::ServedState;

/// Repositories that are fetched at once.
const AT_ONCE: usize = 2;

/// How long a tree is kept after another one is served, for agents that work in it.
const TREES_KEPT: Duration = Duration::from_secs(60 * 60);

/// Fetches after which a store is cleaned.
const CLEAN_AFTER: u32 = 20;

/// Tries where a branch moves while it is fetched.
const TRIES: usize = 2;

/// Keeps the projects from git up to date. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Repositories(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    agents: Agents,
    settings: GitSettings,
    kept: Mutex<Vec<Arc<KeptRepository>>>,
    /// Those that are kept no longer, and whose directories may be there.
    gone: Mutex<Vec<Arc<KeptRepository>>>,
    permits: Semaphore,
    /// Told when other branches match the patterns of a repository.
    branches_changed: Arc<Notify>,
    states: Mutex<HashMap<ProjectName, ServedState>>,
}

#[derive(Debug)]
struct KeptRepository {
    repository: Repository,
    /// Asks for a look at the remote.
    wanted: Notify,
    /// Held while git works on what is kept, which may be of other settings before.
    working: Arc<tokio::sync::Mutex<()>>,
}

impl Repositories {
    /// Nothing is fetched yet.
    pub(crate) fn new(agents: Agents, settings: GitSettings) -> Self {
        Self(Arc::new(Shared {
            agents,
            settings,
            kept: Mutex::default(),
            gone: Mutex::default(),
            permits: Semaphore::new(AT_ONCE),
            branches_changed: Arc::default(),
            states: Mutex::default(),
        }))
    }

    /// Keeps these from now on, and no others. They are fetched as long as somebody holds this.
    pub(crate) fn keep(&self, repositories: &[Repository]) {
        let mut kept = lock(&self.0.kept);
        let gone = kept.extract_if(.., |kept| !repositories.contains(&kept.repository));
        let mut all_gone = lock(&self.0.gone);
        let earlier = all_gone.len();
        all_gone.extend(gone);
        let gone = all_gone.get(earlier..).unwrap_or_default();
        for branch in gone.iter().flat_map(|gone| &gone.repository.branches) {
            lock(&self.0.states).remove(&branch.project);
        }
        for repository in repositories {
            if kept.iter().any(|kept| kept.repository == *repository) {
                continue;
            }
            let before = all_gone.iter().rfind(|gone| gone.repository.home == repository.home);
            let new = Arc::new(KeptRepository {
                repository: repository.clone(),
                wanted: Notify::new(),
                working: before.map(|gone| Arc::clone(&gone.working)).unwrap_or_default(),
            });
            kept.push(Arc::clone(&new));
            self.start(&new);
        }
    }

    /// Removes what is there of repositories that are kept no longer, once git has done its work on them.
    /// Nobody may read them any more.
    pub(crate) fn remove_gone(&self) {
        for gone in lock(&self.0.gone).iter().map(Arc::clone) {
            let this = self.clone();
            tokio::spawn(async move {
                let _working = gone.working.lock().await;
                let home = gone.repository.home.clone();
                let is_kept = lock(&this.0.kept).iter().any(|kept| kept.repository.home == home);
                if !is_kept && spawn_blocking(move || remove(&home)).await.is_ok() {
                    log::info!("repository is removed home={:?}", gone.repository.home);
                }
                lock(&this.0.gone).retain(|it| !Arc::ptr_eq(it, &gone));
            });
        }
    }

    /// Told when the settings are to be read again, as other branches match the patterns of a repository.
    pub(crate) fn branches_changed(&self) -> Arc<Notify> {
        Arc::clone(&self.0.branches_changed)
    }

    /// Fetches a repository until it is kept no longer.
    fn start(&self, kept: &Arc<KeptRepository>) {
        let repository = &kept.repository;
        for branch in &repository.branches {
            let commit = served_commit(repository, &branch.project);
            self.set(repository, ServedState::new(repository, branch, commit));
        }
        let (shared, kept) = (Arc::downgrade(&self.0), Arc::downgrade(kept));
        tokio::spawn(async move {
            while let (Some(shared), Some(kept)) = (shared.upgrade(), kept.upgrade()) {
                Self(Arc::clone(&shared)).update(&kept).await;
                let pause = kept.repository.remote.refresh;
                // Nothing is missed by an end of the time.
                drop(timeout(pause, kept.wanted.notified()).await);
            }
        });
    }

    /// What is served of each project from git.
    pub(crate) fn states(&self) -> Vec<ServedState> {
        let mut states: Vec<_> = lock(&self.0.states).values().cloned().collect();
        states.sort_by(|one, other| one.project.cmp(&other.project));
        states
    }

    /// What is served of a project; `None` where it is not from git.
    pub(crate) fn state(&self, project: &ProjectName) -> Option<ServedState> {
        lock(&self.0.states).get(project).cloned()
    }

    /// Asks for a look at the remote of a project; `false` where it has none.
    pub(crate) fn refresh(&self, project: &ProjectName) -> bool {
        let is_its = |kept: &&Arc<KeptRepository>| {
            kept.repository.branches.iter().any(|branch| branch.project == *project)
        };
        let kept = lock(&self.0.kept);
        kept.iter().find(is_its).inspect(|kept| kept.wanted.notify_one()).is_some()
    }

    fn set(&self, repository: &Repository, state: ServedState) {
        self.0.agents.absences().set(repository.link(&state.project), state.absence());
        lock(&self.0.states).insert(state.project.clone(), state);
    }

    /// Nothing is changed of what is served no longer.
    fn change(
        &self,
        repository: &Repository,
        project: &ProjectName,
        change: impl FnOnce(&mut ServedState),
    ) {
        let is_kept = lock(&self.0.kept).iter().any(|kept| kept.repository == *repository);
        if let Some(mut state) = self.state(project).filter(|_| is_kept) {
            change(&mut state);
            self.set(repository, state);
        }
    }

    /// Looks at the remote and serves what is new.
    async fn update(&self, kept: &KeptRepository) {
        let repository = &kept.repository;
        let _working = kept.working.lock().await;
        let Ok(_permit) = self.0.permits.acquire().await else { return };
        let since = Instant::now();
        let failed = match self.try_update(repository).await {
            Ok(failed) => failed,
            Err(words) => {
                repository.branches.iter().map(|it| (it.project.clone(), words.clone())).collect()
            }
        };
        for branch in &repository.branches {
            let problem = failed.get(&branch.project);
            if let Some(words) = problem {
                log::warn!(
                    "project is not fetched project={} error={words:?} after={:?}",
                    branch.project,
                    since.elapsed()
                );
            }
            self.change(repository, &branch.project, |state| {
                // It may have been switched for the settings of before.
                state.commit = served_commit(repository, &branch.project);
                state.looked(problem.cloned());
            });
        }
    }

    /// Returns what failed of single branches; fails where nothing can be had.
    async fn try_update(
        &self,
        repository: &Repository,
    ) -> Result<HashMap<ProjectName, String>, String> {
        if !repository.store().join("HEAD").is_file() {
            self.git(repository, GitTask::Init).await?;
        }
        let mut failed = HashMap::new();
        for _ in 0..TRIES {
            failed.clear();
            let mut new: Vec<(&ServedBranch, WantedRef)> = Vec::new();
            let refs = self.list(repository).await?;
            self.keep_matches(repository, &refs).await;
            for branch in &repository.branches {
                match refs.find(branch.name.as_ref()) {
                    Ok(wanted) => {
                        let served = served_commit(repository, &branch.project);
                        if served.as_ref() != Some(&wanted.commit) {
                            new.push((branch, wanted));
                        }
                    }
                    Err(words) => drop(failed.insert(branch.project.clone(), words)),
                }
            }
            if new.is_empty() {
                return Ok(failed);
            }
            let mut wanted: Vec<WantedRef> = new.iter().map(|(_, wanted)| wanted.clone()).collect();
            wanted.dedup();
            self.git(repository, GitTask::Fetch(wanted)).await?;
            let mut is_whole = true;
            for (branch, wanted) in new {
                if let Err(words) = self.serve(repository, branch, &wanted.commit).await {
                    is_whole = false;
                    failed.insert(branch.project.clone(), words);
                }
            }
            self.clean(repository).await;
            if is_whole {
                break;
            }
        }
        Ok(failed)
    }

    async fn list(&self, repository: &Repository) -> Result<RemoteRefs, String> {
        let names = repository.branches.iter().filter_map(|it| it.name.as_ref());
        let names = names.map(BranchName::as_str);
        let patterns = repository.patterns.iter().map(BranchPattern::as_str);
        let names = names.chain(patterns).map(str::to_owned).collect();
        let listed = self.git(repository, GitTask::List(names)).await?;
        Ok(RemoteRefs::parse(&listed))
    }

    /// Keeps the names of branches that match.
    async fn keep_matches(&self, repository: &Repository, refs: &RemoteRefs) {
        if repository.patterns.is_empty() {
            return;
        }
        let is_listed = |name: &BranchName| {
            let mut listed = repository.branches.iter().filter(|it| !it.is_matched);
            listed.any(|it| it.name.as_ref() == Some(name))
        };
        let names = refs.names().into_iter();
        let matched: Vec<_> =
            names.filter(|name| repository.is_matched(name) && !is_listed(name)).collect();
        let kept = repository.clone();
        let written = spawn_blocking(move || matched_branches::keep(&kept, &matched)).await;
        match written.map_err(io::Error::other).flatten() {
            Ok(false) => (),
            Ok(true) => self.0.branches_changed.notify_one(),
            Err(error) => {
                log::warn!(
                    "matching branches are not kept home={:?} error={error}",
                    repository.home
                );
            }
        }
    }

    /// Checks a commit out into a new tree and makes that the project's directory.
    async fn serve(
        &self,
        repository: &Repository,
        branch: &ServedBranch,
        commit: &str,
    ) -> Result<(), String> {
        let tree = repository.trees().join(format!("{commit}-{}", Uuid::new_v4().simple()));
        let task =
            GitTask::CheckOut { commit: commit.to_owned(), tree: tree.display().to_string() };
        self.git(repository, task).await?;
        let link = repository.link(&branch.project);
        let switched = spawn_blocking(move || switch(&link, &tree)).await;
        let switched = switched.map_err(io::Error::other).flatten();
        switched.map_err(|error| format!("what was fetched cannot be served: {error}"))?;
        log::info!("project is served anew project={} commit={commit}", branch.project);
        let commit = Some(commit.to_owned());
        self.change(repository, &branch.project, |state| state.commit = commit);
        Ok(())
    }

    /// Removes what nobody needs any more.
    async fn clean(&self, repository: &Repository) {
        let removed = repository.clone();
        let removed = spawn_blocking(move || remove_old_trees(&removed, TREES_KEPT)).await;
        if let Err(error) = removed {
            log::warn!("old checkouts are not removed error={error}");
        }
        let fetches = repository.name().and_then(|name| {
            let mut states = lock(&self.0.states);
            let state = states.get_mut(name)?;
            state.fetches += 1;
            Some(state.fetches)
        });
        if fetches.is_some_and(|fetches| fetches % CLEAN_AFTER == 0)
            && let Err(words) = self.git(repository, GitTask::Clean).await
        {
            log::warn!("a repository is not cleaned home={:?} error={words:?}", repository.home);
        }
    }

    async fn git(&self, repository: &Repository, task: GitTask) -> Result<String, String> {
        self.0.agents.run_git(repository, task, &self.0.settings).await
    }
}

fn lock<T>(held: &Mutex<T>) -> MutexGuard<'_, T> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The commit that is served of a project: trees are named after theirs.
fn served_commit(repository: &Repository, project: &ProjectName) -> Option<String> {
    let tree = fs::read_link(repository.link(project)).ok()?;
    let is_there = repository.home.join("at").join(&tree).is_dir();
    let name = tree.file_name()?.to_str().filter(|_| is_there)?;
    let (commit, _) = name.split_once('-')?;
    parse::is_full_id(commit).then(|| commit.to_owned())
}

/// Has a link lead to a tree, in one step. Blocks.
fn switch(link: &Path, tree: &Path) -> io::Result<()> {
    if !fs::symlink_metadata(tree)?.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    let name = tree.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let next = link.with_file_name(format!(".{}", Uuid::new_v4().simple()));
    std::os::unix::fs::symlink(Path::new("../trees").join(name), &next)?;
    fs::rename(&next, link).inspect_err(|_| drop(fs::remove_file(&next)))
}
