//! The list of projects.

use std::path::Path;

use actix_web::{HttpResponse, web};
use serde::Serialize;

use crate::{
    features::{FeatureStats, Features},
    policy::{Policy, opening},
    project::{Project, SPECIFICATIONS},
};

use crate::web::{
    problem::{HandlerResult, Problem, ProblemResponse},
    state::AppState,
};

/// The order of the fields is that of legacy servers.
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
pub(crate) async fn list(state: web::Data<AppState>) -> HandlerResult {
    let projects = state.resources.settings.projects.clone();
    let agent = state.resources.agents.kind().ok().map(|kind| kind.as_str());
    let listed = web::block(move || {
        let describe = |project| describe(project, state.files.policy(project).ok(), agent);
        projects.iter().map(describe).collect::<Vec<_>>()
    });
    Ok(HttpResponse::Ok().json(listed.await.map_err(Problem::unavailable)?))
}

fn describe(
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

/// Whether the project has a specification that may be read. Blocks on the disk.
pub(super) fn has_spec(policy: &Policy) -> bool {
    SPECIFICATIONS.iter().any(|path| opening::is_file(policy, path))
}

/// The progress of the feature list. An unreadable list counts as empty, as the project itself is
/// still available.
fn progress(dir: &Path) -> FeatureStats {
    let stats = Features::open(dir).and_then(|features| features.map(|it| it.stats()).transpose());
    stats
        .unwrap_or_else(|error| {
            log::warn!("cannot read the feature list dir={dir:?} error={error}");
            None
        })
        .unwrap_or_else(|| FeatureStats::of(0, 0, 0))
}
