//! Forges: lists of repositories, of an organisation or written by hand, each of which becomes a project.
//!
//! [`client`] asks a forge's API or reads a list, and [`kept`] keeps the last answer in the data directory.
//! [`answer`] reads answers, [`paging`] finds where they go on, and [`choice`] decides which of their
//! repositories are served; these three are pure.

mod answer;
pub(crate) mod choice;
mod client;
mod kept;
mod paging;

use std::{
    fmt,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use serde::{Deserialize, Serialize};
use url::Url;

use crate::{git_remote::RemoteLogin, project::ProjectName};
use choice::RepositoryChoice;
pub(crate) use kept::ForgeList;

/// A list of repositories in the settings.
#[derive(Debug, Clone)]
pub(crate) struct Forge {
    /// Its name in the settings.
    pub(crate) name: ProjectName,
    pub(crate) source: ForgeSource,
    pub(crate) choice: RepositoryChoice,
    /// By which git shows who it is; the token is for the API too.
    pub(crate) login: RemoteLogin,
    /// Time between two looks at the list.
    pub(crate) refresh: Duration,
}

/// Where a list comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ForgeSource {
    Api(ForgeApi),
    File(PathBuf),
    Web(Url),
}

/// The API of a forge, and whose repositories it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ForgeApi {
    pub(crate) kind: ApiKind,
    /// The address of the API, without a slash at its end.
    pub(crate) url: Url,
    /// An organisation, a group or a user.
    pub(crate) owner: String,
}

/// The APIs that are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ApiKind {
    GitHub,
    GitLab,
    /// Forgejo too.
    Gitea,
}

/// A repository as a list tells of it. Nothing of it is checked yet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct ListedRepository {
    pub(crate) name: String,
    /// Where it can be fetched from; at least one.
    pub(crate) addresses: Vec<String>,
    #[serde(default)]
    pub(crate) is_archived: bool,
    #[serde(default)]
    pub(crate) is_fork: bool,
}

/// What came of a look at a list.
#[derive(Debug)]
pub(crate) struct ForgeLook {
    pub(crate) forge: ProjectName,
    /// Fails with words for a person.
    pub(crate) change: Result<ForgeChange, String>,
    /// Whether an earlier list is kept.
    pub(crate) is_kept: bool,
}

/// How the repositories that are served differ from those of the list before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ForgeChange {
    /// Repositories that are served.
    pub(crate) served: usize,
    pub(crate) added: usize,
    pub(crate) removed: usize,
}

impl ForgeChange {
    pub(crate) fn is_any(self) -> bool {
        self.added + self.removed > 0
    }
}

impl ForgeSource {
    /// What a kept list is of: one of another place does not count.
    fn identity(&self) -> String {
        match self {
            Self::Api(ForgeApi { kind, url, owner, .. }) => format!("{kind} {url} {owner}"),
            Self::File(path) => format!("file {}", path.display()),
            Self::Web(url) => format!("list {url}"),
        }
    }
}

impl fmt::Display for ApiKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::GitHub => "github",
            Self::GitLab => "gitlab",
            Self::Gitea => "gitea",
        })
    }
}

impl Forge {
    /// The last list that was had. The error is for a person.
    pub(crate) fn kept(&self, data_dir: &Path) -> Result<Option<ForgeList>, String> {
        kept::read(data_dir, &self.name, &self.source.identity())
    }

    /// Asks for the list, and keeps nothing. Blocks for 20 seconds at most. The error is for a person.
    pub(crate) fn ask(&self) -> Result<ForgeList, String> {
        let (repositories, notes) = client::ask(self)?;
        Ok(ForgeList { of: self.source.identity(), repositories, notes })
    }

    /// Asks for the list and keeps it in place of the one before. Blocks for 20 seconds at most.
    pub(crate) fn look(&self, data_dir: &Path) -> ForgeLook {
        let before = self.kept(data_dir).unwrap_or_default();
        let is_kept = before.is_some();
        let before = before.map(|list| list.repositories).unwrap_or_default();
        let change = self.ask().and_then(|list| {
            kept::write(data_dir, &self.name, &list)?;
            Ok(self.choice.compare(&before, &list.repositories))
        });
        ForgeLook { forge: self.name.clone(), change, is_kept }
    }
}

/// Looks at all lists at once. Blocks for 20 seconds at most.
pub(crate) fn look_at_all(forges: &[Forge], data_dir: &Path) -> Vec<ForgeLook> {
    thread::scope(|scope| {
        let threads: Vec<_> =
            forges.iter().map(|forge| scope.spawn(|| forge.look(data_dir))).collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).collect()
    })
}

impl ForgeLook {
    /// Tells the log.
    pub(crate) fn log(&self) {
        let forge = &self.forge;
        match &self.change {
            Ok(ForgeChange { served, added, removed }) => log::info!(
                "the list of a forge was read forge={forge} served={served} added={added} \
                 removed={removed}"
            ),
            Err(words) if self.is_kept => log::warn!(
                "the list of a forge cannot be had, the last one is used forge={forge} error={words:?}"
            ),
            Err(words) => log::warn!(
                "the list of a forge cannot be had, none of its repositories is served forge={forge} \
                 error={words:?}"
            ),
        }
    }
}
