//! What every handler works with.

use std::{
    path::Path,
    sync::{Arc, atomic::AtomicBool},
};

use actix::Addr;
use actix_web::web;

use crate::{
    project::{Project, ProjectName},
    registry::Registry,
    session::Resources,
};

use super::{browser_cookie::Browsers, files::Files, problem::Problem};

/// What every handler works with. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct AppState {
    /// Settings, store and agents.
    pub resources: Resources,
    /// Knows the sessions.
    pub registry: Addr<Registry>,
    /// What browsers have read.
    pub browsers: Arc<Browsers>,
    /// The projects' files.
    pub files: Arc<Files>,
    /// When the server was started. UTC, ISO 8601.
    pub started_at: Arc<str>,
    /// The server was told to end.
    pub draining: Arc<AtomicBool>,
}

/// Why a project cannot be spoken about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoProject {
    /// The text is no project name.
    BadName,
    /// Nothing is served under the name.
    Unknown,
    /// The directory is gone, or cannot be read.
    DirectoryGone,
}

impl AppState {
    /// The project of this name, with its directory in place.
    pub(crate) async fn project(&self, name: &str) -> Result<Project, NoProject> {
        let name = ProjectName::parse(name).map_err(|_| NoProject::BadName)?;
        let projects = &self.resources.settings.projects;
        let project = projects.iter().find(|project| project.name == name);
        let project = project.cloned().ok_or(NoProject::Unknown)?;
        let dir = project.dir.clone();
        match web::block(move || is_readable(&dir)).await {
            Ok(true) => Ok(project),
            _ => Err(NoProject::DirectoryGone),
        }
    }
}

fn is_readable(dir: &Path) -> bool {
    std::fs::read_dir(dir).is_ok()
}

impl From<NoProject> for Problem {
    fn from(no: NoProject) -> Self {
        match no {
            NoProject::BadName => Self::bad_project_name(),
            NoProject::Unknown | NoProject::DirectoryGone => Self::not_found("Project not found"),
        }
    }
}
