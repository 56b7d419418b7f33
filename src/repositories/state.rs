//! What is served of a project from git, and how that is told. Pure but for the clock.

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    database::Clock,
    git_remote::{Repository, ServedBranch},
    project::ProjectName,
};

/// What is served of a project from git.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct ServedState {
    #[schema(value_type = String)]
    pub(crate) project: ProjectName,
    /// The address of the remote, which holds no secret.
    pub(crate) remote: String,
    /// The branch or tag; without one, that which the remote calls its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) branch: Option<String>,
    /// The commit that is served; without one, nothing is there yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) commit: Option<String>,
    /// When the remote was last reached: UTC, ISO 8601.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fetched_at: Option<String>,
    /// When the last look at the remote ended, whether it was reached or not: UTC, ISO 8601.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) looked_at: Option<String>,
    /// Why the last look at the remote failed; what was there before is served.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) problem: Option<String>,
    /// Fetches since the start.
    #[serde(skip)]
    pub(super) fetches: u32,
}

impl ServedState {
    pub(super) fn new(
        repository: &Repository,
        branch: &ServedBranch,
        commit: Option<String>,
    ) -> Self {
        Self {
            project: branch.project.clone(),
            remote: repository.remote.address.to_string(),
            branch: branch.name.as_ref().map(ToString::to_string),
            commit,
            fetched_at: None,
            looked_at: None,
            problem: None,
            fetches: 0,
        }
    }

    /// Notes the end of a look at the remote.
    pub(super) fn looked(&mut self, problem: Option<String>) {
        let now = Clock::system().now();
        if problem.is_none() {
            self.fetched_at = Some(now.clone());
        }
        self.looked_at = Some(now);
        self.problem = problem;
    }

    /// Why there is nothing yet, in a sentence for whoever opens the project.
    pub(super) fn absence(&self) -> Option<String> {
        match (&self.commit, &self.problem) {
            (Some(_), _) => None,
            (None, None) => Some(format!(
                "The project is being cloned from {}; this can take some minutes. Try again in a \
                 moment.",
                self.remote
            )),
            (None, Some(words)) => Some(format!(
                "The project could not be cloned from {}: {words}. The server tries again by \
                 itself.",
                self.remote
            )),
        }
    }

    /// What is wrong with what is served, in a sentence.
    pub(crate) fn warning(&self) -> Option<String> {
        let words = self.problem.as_ref().filter(|_| self.commit.is_some())?;
        Some(format!(
            "The last fetch from {} failed: {words}. What was there before is shown.",
            self.remote
        ))
    }
}
