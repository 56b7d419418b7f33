//! The list of projects.

use actix_web::{HttpResponse, web};
use futures_util::{StreamExt as _, stream};
use serde::Serialize;

use crate::{
    features::FeatureStats,
    policy::{Policy, Secrets},
    project::{Project, SPECIFICATIONS},
    reader::Readers,
    session::Resources,
    web::{
        problem::{HandlerResult, ProblemResponse},
        state::AppState,
    },
};

/// Projects that are looked at together.
const DESCRIBED_AT_ONCE: usize = 8;

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
    let Resources { settings, agents, readers, .. } = &state.resources;
    let secrets = Secrets::new(&settings.agent.secrets).ok();
    let described = settings.projects.iter().map(|project| {
        let (readers, secrets) = (readers.clone(), secrets.clone());
        let agent = agents.choice(Some(&project.name), None).ok().map(|it| it.kind.as_str());
        async move { describe(project, &readers, secrets, agent).await }
    });
    let listed: Vec<_> = stream::iter(described).buffered(DESCRIBED_AT_ONCE).collect().await;
    Ok(HttpResponse::Ok().json(listed))
}

async fn describe(
    project: &Project,
    readers: &Readers,
    secrets: Option<Secrets>,
    agent: Option<&'static str>,
) -> ListedProject {
    let policy = secrets.map(|secrets| Policy::new(project.dir.clone(), secrets));
    let has_spec = web::block(move || policy.is_some_and(|policy| has_spec(&policy))).await;
    let stats = readers.feature_stats(project).await;
    ListedProject {
        name: project.name.to_string(),
        path: project.dir.display().to_string(),
        has_spec: has_spec.unwrap_or_default(),
        // The project itself is available without its list.
        stats: stats.unwrap_or_else(|error| {
            log::warn!("cannot read the feature list project={} error={error}", project.name);
            FeatureStats::of(0, 0, 0)
        }),
        default_concurrency: 3,
        agent,
    }
}

/// Whether the project has a specification that may be read. Opens nothing, but blocks.
fn has_spec(policy: &Policy) -> bool {
    let is_file = |path: &str| policy.resolve(path).is_ok_and(|real| real.is_file());
    SPECIFICATIONS.iter().any(|path| is_file(path))
}
