//! Remotes: where a project from git comes from, and what git is told to get it. Pure.
//!
//! [`address`] reads addresses and names of branches, [`refs`] what a remote offers, [`command`] writes
//! arguments and environments that let a hostile repository run nothing, [`credentials`] speaks with helpers.

pub(crate) mod address;
pub(crate) mod command;
pub(crate) mod credentials;
pub(crate) mod refs;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use sha2::{Digest as _, Sha256};

use address::{BranchName, BranchPattern, RemoteAddress};

use crate::{hex, project::ProjectName};

/// The remote of one or more projects, one for each branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GitRemote {
    pub(crate) address: RemoteAddress,
    /// Time between two looks at the remote.
    pub(crate) refresh: Duration,
    /// Commits of the history that are fetched.
    pub(crate) depth: u32,
    pub(crate) login: RemoteLogin,
}

/// The files, or the program, by which git shows who it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RemoteLogin {
    pub(crate) user: Option<String>,
    /// With a token or password, for `https`.
    pub(crate) token_file: Option<PathBuf>,
    /// A program and its arguments, which tells user and password for `https`; empty: none.
    pub(crate) credential_helper: Vec<String>,
    /// With a private key, for `ssh`.
    pub(crate) ssh_key: Option<PathBuf>,
    /// With the keys of servers, for `ssh`.
    pub(crate) known_hosts: Option<PathBuf>,
}

impl RemoteLogin {
    /// The program of the helper.
    pub(crate) fn helper(&self) -> Option<&str> {
        self.credential_helper.first().map(String::as_str)
    }

    /// Whether git shows a password.
    pub(crate) fn has_password(&self) -> bool {
        self.token_file.is_some() || !self.credential_helper.is_empty()
    }
}

/// A remote with the projects that are made of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Repository {
    /// The directory of all that is kept of it.
    pub(crate) home: PathBuf,
    pub(crate) remote: GitRemote,
    /// At least one.
    pub(crate) branches: Vec<ServedBranch>,
    /// Further ones are those that match.
    pub(crate) patterns: Vec<BranchPattern>,
}

/// A branch or tag that is served as a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServedBranch {
    pub(crate) project: ProjectName,
    /// `None` for the one that the remote names as its own.
    pub(crate) name: Option<BranchName>,
    /// Whether it is there for a pattern.
    pub(crate) is_matched: bool,
}

/// The directories of repositories below the data directory.
pub(crate) const AGENTS: &str = "agents";
pub(crate) const REPOSITORIES: &str = "repositories";

impl Repository {
    /// The directory of a repository; another address has another one.
    pub(crate) fn home_of(data_dir: &Path, name: &ProjectName, address: &RemoteAddress) -> PathBuf {
        let digest = Sha256::digest(address.as_str());
        let digits = hex::digits(&digest[..6]);
        data_dir.join(AGENTS).join(REPOSITORIES).join(format!("{name}-{digits}"))
    }

    /// The project that names it in the settings.
    pub(crate) fn name(&self) -> Option<&ProjectName> {
        self.branches.first().map(|branch| &branch.project)
    }

    /// Whether the settings name it so.
    pub(crate) fn is_named(&self, name: &str) -> bool {
        self.name().is_some_and(|own| own.as_str() == name)
    }

    /// Whether a branch or tag matches one of the patterns.
    pub(crate) fn is_matched(&self, name: &BranchName) -> bool {
        self.patterns.iter().any(|pattern| pattern.matches(name))
    }

    /// The file with the branches and tags that match.
    pub(crate) fn matched_list(&self) -> PathBuf {
        self.home.join("matched")
    }

    /// All objects of the repository, without files.
    pub(crate) fn store(&self) -> PathBuf {
        self.home.join("store")
    }

    /// The directory of checked out trees.
    pub(crate) fn trees(&self) -> PathBuf {
        self.home.join("trees")
    }

    /// The link to the tree that is served of a project, which is its directory.
    pub(crate) fn link(&self, project: &ProjectName) -> PathBuf {
        self.home.join("at").join(project.as_str())
    }
}
