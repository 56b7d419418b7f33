//! The list of projects, as the original's page and ours need it.

use std::path::Path;

use actix_web::{HttpResponse, web};
use serde::Serialize;

use crate::{
    features::{FeatureStats, Features},
    policy::{Policy, opening},
    project::{Project, SPECIFICATIONS},
};

use crate::web::{
    problem::{Problem, ProblemResponse},
    state::AppState,
};

/// A project in the list. The field order is the original's.
#[derive(Debug, Serialize)]
struct ListedProject {
    name: String,
    path: String,
    has_spec: bool,
    stats: FeatureStats,
    default_concurrency: u32,
    agent: Option<&'static str>,
}

/// `GET /api/projects`.
#[utoipa::path(
    get,
    path = "/api/projects",
    tag = "projects",
    responses((status = 200, body = [Value]), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn list(state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let projects = state.resources.settings.projects.clone();
    let agent = state.resources.agents.kind().ok().map(|kind| kind.as_str());
    let listed = web::block(move || {
        let look_at = |project| look_at(project, state.files.policy(project).ok(), agent);
        projects.iter().map(look_at).collect::<Vec<_>>()
    });
    Ok(HttpResponse::Ok().json(listed.await.map_err(Problem::unavailable)?))
}

fn look_at(
    project: &Project,
    policy: Option<Policy>,
    agent: Option<&'static str>,
) -> ListedProject {
    ListedProject {
        name: project.name.to_string(),
        path: project.dir.display().to_string(),
        has_spec: policy.is_some_and(|policy| has_spec(&policy)),
        stats: progress(&project.dir),
        default_concurrency: 3,
        agent,
    }
}

/// Whether the project has a specification that may be read. Looks at the disk.
pub(super) fn has_spec(policy: &Policy) -> bool {
    SPECIFICATIONS.iter().any(|path| opening::is_file(policy, path))
}

/// A list that cannot be read counts as empty: the project itself can still be asked about.
fn progress(dir: &Path) -> FeatureStats {
    let stats = Features::open(dir).and_then(|features| features.map(|it| it.stats()).transpose());
    stats
        .unwrap_or_else(|error| {
            log::warn!("cannot read the features dir={dir:?} error={error}");
            None
        })
        .unwrap_or_else(|| FeatureStats::of(0, 0, 0))
}
