//! The state shared by all handlers.

use std::sync::{Arc, atomic::AtomicBool};

use actix::{Addr, MailboxError};
use actix_web::web;

use crate::{
    config::base_path::BasePath,
    histogram::{Bounds, Histogram},
    project::{Project, ProjectName},
    registry::{
        Registry,
        messages::{Find, SessionPhase},
    },
    session::{Resources, Session},
};

use super::{
    access::rate_limit::Visitor, browser_cookie::Browsers, event_streams::EventStreams,
    problem::Problem, readings::Readings,
};

/// A frame is sent in a fraction of a millisecond; a page gets its HTML every 60 to 600 ms.
pub(crate) const DELIVERY_BOUNDS: Bounds =
    [0.0005, 0.001, 0.0025, 0.01, 0.025, 0.1, 0.25, 0.5, 1.0, 5.0];

/// Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct AppState {
    pub resources: Resources,
    pub registry: Addr<Registry>,
    pub browsers: Arc<Browsers>,
    pub event_streams: EventStreams,
    pub readings: Arc<Readings>,
    /// How long text of agents takes to the sockets of viewers.
    pub deliveries: Arc<Histogram>,
    /// UTC, ISO 8601.
    pub started_at: Arc<str>,
    /// Whether the server is shutting down.
    pub draining: Arc<AtomicBool>,
}

/// Why a project is not available.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoProject {
    BadName,
    Unknown,
    /// The directory is gone or unreadable.
    DirectoryGone,
}

impl AppState {
    /// The projects that exist for a visitor: every list of projects is made of these.
    pub(crate) fn projects(&self, visitor: &Visitor) -> Vec<Project> {
        let live = self.resources.live.get();
        let projects = live.projects.iter();
        projects.filter(|project| project.access.admits(&visitor.principal)).cloned().collect()
    }

    /// The project of this name, if it exists for the visitor.
    pub(crate) fn visible_project(&self, visitor: &Visitor, name: &ProjectName) -> Option<Project> {
        let live = self.resources.live.get();
        let project = live.project(name.as_str());
        project.filter(|project| project.access.admits(&visitor.principal)).cloned()
    }

    /// The project of this name, if it exists for the visitor and its directory is readable: every path
    /// to what belongs to a project leads through here.
    pub(crate) async fn project(
        &self,
        visitor: &Visitor,
        name: &str,
    ) -> Result<Project, NoProject> {
        let name = ProjectName::parse(name).map_err(|_| NoProject::BadName)?;
        let project = self.visible_project(visitor, &name).ok_or(NoProject::Unknown)?;
        let checked = project.clone();
        match web::block(move || checked.check_dirs().is_ok()).await {
            Ok(true) => Ok(project),
            // Whoever opens a project that is yet to come is told so.
            _ if self.resources.agents.absences().of(&project).is_some() => Ok(project),
            _ => Err(NoProject::DirectoryGone),
        }
    }

    /// What a proxy puts before the server's paths.
    pub(crate) fn base_path(&self) -> &BasePath {
        &self.resources.settings.base_path
    }

    /// The session of a project, if it is live.
    pub(crate) async fn live_session(
        &self,
        project: &ProjectName,
    ) -> Result<Option<Addr<Session>>, MailboxError> {
        live_session(&self.registry, project).await
    }
}

/// The session of a project, if it is live.
pub(crate) async fn live_session(
    registry: &Addr<Registry>,
    project: &ProjectName,
) -> Result<Option<Addr<Session>>, MailboxError> {
    let found = registry.send(Find { project: project.clone() }).await?;
    Ok(match found {
        Ok(Some(SessionPhase::Live(session))) => Some(session),
        _ => None,
    })
}

/// Runs a change in a task of its own, so that it completes although the client hangs up.
pub(crate) async fn complete<T: 'static>(
    change: impl Future<Output = Result<T, Problem>> + 'static,
) -> Result<T, Problem> {
    actix_web::rt::spawn(change).await.map_err(Problem::unavailable)?
}

impl From<NoProject> for Problem {
    fn from(error: NoProject) -> Self {
        match error {
            NoProject::BadName => Self::bad_project_name(),
            NoProject::Unknown | NoProject::DirectoryGone => Self::not_found("Project not found"),
        }
    }
}
