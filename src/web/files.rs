//! The projects' files as the page may show them: what may be read, and lists for the search.

pub(crate) mod excerpt;
pub(crate) mod file_list;

use std::sync::Arc;

use actix_web::http::StatusCode;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::{
    config::settings::Settings,
    policy::{InvalidSecret, Policy, Secrets, opening::FileReadError},
    project::Project,
};

use super::problem::Problem;
use file_list::{FileList, FileLists};

/// Files that are read at a time. Each may take `advanced.reading.file_bytes` of memory.
const MAX_READS: usize = 8;

#[derive(Debug)]
pub(crate) struct ProjectFiles {
    secrets: Result<Secrets, InvalidSecret>,
    lists: FileLists,
    reads: Semaphore,
}

impl ProjectFiles {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            secrets: Secrets::new(&settings.agent.secrets),
            lists: FileLists::new(settings.reading.file_list_lifetime),
            reads: Semaphore::new(MAX_READS),
        }
    }

    /// The project's files, as of a moment ago.
    pub(super) async fn list(&self, project: &Project) -> Result<Arc<FileList>, Problem> {
        let list = self.lists.list(project, self.secrets()?).await;
        list.map_err(Problem::unavailable)
    }

    /// Decides which files of the project may be read.
    pub(super) fn policy(&self, project: &Project) -> Result<Policy, Problem> {
        Ok(Policy::new(project.dir.clone(), self.secrets()?))
    }

    /// Waits until one more file may be read.
    pub(super) async fn read_permit(&self) -> Result<SemaphorePermit<'_>, Problem> {
        self.reads.acquire().await.map_err(Problem::unavailable)
    }

    fn secrets(&self) -> Result<Secrets, Problem> {
        self.secrets.clone().map_err(Problem::unavailable)
    }
}

impl From<FileReadError> for Problem {
    fn from(error: FileReadError) -> Self {
        let status = match &error {
            FileReadError::BadPath(_) | FileReadError::Directory(_) => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            FileReadError::Refused(_) | FileReadError::Climbs(_) | FileReadError::NotPlain(_) => {
                StatusCode::FORBIDDEN
            }
            FileReadError::NotThere(_) => StatusCode::NOT_FOUND,
            FileReadError::Changed(_) => StatusCode::CONFLICT,
            FileReadError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            FileReadError::Unreadable { .. } => StatusCode::FORBIDDEN,
        };
        Self::new(status, error.to_string())
    }
}
