//! What a reload of the configuration changes while the server runs.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use crate::{
    config::settings::{
        ALL_PROJECTS, AuditSettings, BudgetSettings, FileLinkSettings, HistorySettings,
        ProjectInstructions, TeamSettings, agents::AgentName,
    },
    forge::Forge,
    git_remote::Repository,
    project::{Project, ProjectAccess, ProjectName},
};

/// The settings that may change while the server runs. All others are those of its start.
#[derive(Debug, Clone, Default)]
pub struct LiveSettings {
    /// The projects in the order given; names are unique.
    pub(crate) projects: Vec<Project>,
    /// Where those from git come from.
    pub(crate) repositories: Vec<Repository>,
    /// Lists that tell of more of them.
    pub(crate) forges: Vec<Forge>,
    /// What is set for agents of single projects.
    pub agents: ProjectAgents,
    pub(crate) team: TeamSettings,
    pub(crate) budgets: BudgetSettings,
    pub(crate) history: HistorySettings,
    pub(crate) audit: AuditSettings,
    pub(crate) file_links: FileLinkSettings,
}

impl LiveSettings {
    /// Who may see what.
    fn access(&self) -> (bool, Vec<(&ProjectName, &ProjectAccess)>) {
        let restricted = self.projects.iter().filter(|project| !project.access.is_open());
        let lists = restricted.map(|project| (&project.name, &project.access));
        (self.team.admins_read, lists.collect())
    }

    /// The project of this name.
    pub(crate) fn project(&self, name: &str) -> Option<&Project> {
        self.projects.iter().find(|project| project.name.as_str() == name)
    }

    /// Whether only some may see one of the projects.
    pub(crate) fn is_restricted(&self) -> bool {
        self.projects.iter().any(|project| !project.access.is_open())
    }
}

/// What is set for agents of single projects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProjectAgents {
    /// The agents that projects name.
    pub names: HashMap<ProjectName, AgentName>,
    /// What agents of projects are told.
    pub instructions: HashMap<ProjectName, ProjectInstructions>,
    /// Names of projects whose agents get no web tools; [`ALL_PROJECTS`] stands for each.
    pub offline: Vec<String>,
    /// Files and directories of the server that hold secrets: no agent can read them.
    pub kept_from: Vec<PathBuf>,
}

impl ProjectAgents {
    /// Whether the agents of a project get web tools.
    pub(crate) fn has_web(&self, project: &ProjectName) -> bool {
        !self.offline.iter().any(|name| name == ALL_PROJECTS || name == project.as_str())
    }
}

/// The live settings, shared by all who read them. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Live(Arc<Held>);

#[derive(Debug, Default)]
struct Held {
    settings: RwLock<Arc<LiveSettings>>,
    access_changes: AtomicU64,
    is_reload_refused: AtomicBool,
}

impl Live {
    /// Shares these.
    pub fn new(settings: LiveSettings) -> Self {
        let settings = RwLock::new(Arc::new(settings));
        Self(Arc::new(Held { settings, ..Held::default() }))
    }

    /// The settings as they are now.
    pub(crate) fn get(&self) -> Arc<LiveSettings> {
        Arc::clone(&self.0.settings.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces the settings, and returns those before.
    pub(crate) fn replace(&self, settings: LiveSettings) -> Arc<LiveSettings> {
        let mut held = self.0.settings.write().unwrap_or_else(PoisonError::into_inner);
        if held.access() != settings.access() {
            self.0.access_changes.fetch_add(1, Ordering::Release);
        }
        std::mem::replace(&mut held, Arc::new(settings))
    }

    /// Notes how the newest reload ended.
    pub(crate) fn note_reload(&self, is_taken: bool) {
        self.0.is_reload_refused.store(!is_taken, Ordering::Relaxed);
    }

    /// Whether the configuration could not be read when it was last reloaded, so that the one of before
    /// holds.
    pub(crate) fn is_reload_refused(&self) -> bool {
        self.0.is_reload_refused.load(Ordering::Relaxed)
    }

    /// How often it was changed who may see what. What was found out about somebody holds as long as
    /// this does.
    pub(crate) fn access_changes(&self) -> u64 {
        self.0.access_changes.load(Ordering::Acquire)
    }
}
