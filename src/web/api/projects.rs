//! The list of projects.

use actix_web::{HttpResponse, web};
use futures_util::{StreamExt as _, stream};
use serde::Serialize;

use crate::{
    features::FeatureStats,
    history::checkout::Checkout,
    policy::{Policy, Secrets},
    project::{Project, Roots, SPECIFICATIONS},
    reader::Readers,
    session::Resources,
    web::{
        access::rate_limit::Visitor,
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
    /// The projects that a group is of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    members: Vec<String>,
    /// What is checked out, where a reader runs that can tell.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    checkouts: Vec<Checkout>,
}

/// `GET /api/projects`.
#[utoipa::path(
    get,
    path = "/api/projects",
    tag = "projects",
    responses((status = 200, body = [Value]), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn list(
    state: web::Data<AppState>,
    visitor: web::ReqData<Visitor>,
) -> HandlerResult {
    let Resources { settings, agents, readers, .. } = &state.resources;
    let secrets = Secrets::new(&settings.agent.secrets).ok();
    let described = state.projects(&visitor).into_iter().map(|project| {
        let (readers, secrets) = (readers.clone(), secrets.clone());
        let agent = agents.choice(Some(&project.name), None).ok().map(|it| it.kind.as_str());
        async move { describe(&project, &readers, secrets, agent).await }
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
    let policy =
        secrets.map(|secrets| (project.roots.clone(), Policy::new(project.roots.clone(), secrets)));
    let has_spec =
        web::block(move || policy.is_some_and(|(roots, policy)| has_spec(&roots, &policy))).await;
    let stats = readers.feature_stats(project).await;
    // A list starts no reader of each project.
    let checkouts = match readers.is_running(project) {
        true => readers.checkouts(project).await.unwrap_or_default(),
        false => Vec::new(),
    };
    let dirs: Vec<_> = project.roots.dirs().map(|dir| dir.display().to_string()).collect();
    ListedProject {
        name: project.name.to_string(),
        path: dirs.join(", "),
        members: project.members().map(ToString::to_string).collect(),
        checkouts,
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
fn has_spec(roots: &Roots, policy: &Policy) -> bool {
    let is_file =
        |path: String| policy.locate(&path).is_ok_and(|(root, inside)| root.join(inside).is_file());
    roots.iter().any(|root| SPECIFICATIONS.iter().any(|path| is_file(root.prefix() + path)))
}
