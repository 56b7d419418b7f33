//! Requests that write a project go on only at the node that owns it.

use actix_web::{
    Error,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::{Method, StatusCode, header},
    middleware::Next,
    web::Data,
};

use crate::{
    cluster::NotHere,
    project::ProjectName,
    web::{problem::Problem, state::AppState},
};

/// What is before the name of a project in paths of requests that write, and how many segments are between.
const BEFORE_PROJECT: [(&str, usize); 5] = [
    ("/api/assistant/", 1),
    ("/api/projects/", 0),
    ("/api/admin/sessions/", 0),
    ("/api/admin/projects/", 0),
    ("/api/v1/ask/", 0),
];

/// Takes the project that a request writes, where no live node owns it, and refuses the request where another
/// one does.
pub(crate) async fn check(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    if let Some(state) = request.app_data::<Data<AppState>>()
        && state.resources.cluster.is_clustered()
        && !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS)
        && let Some(project) = project_of(request.path())
        && state.resources.live.get().project(project.as_str()).is_some()
    {
        let cluster = state.resources.cluster.clone();
        cluster.here(&project).await.map_err(|not_here| refusal(&not_here))?;
    }
    next.call(request).await
}

/// The project that a path names.
fn project_of(path: &str) -> Option<ProjectName> {
    BEFORE_PROJECT.iter().find_map(|(before, between)| {
        let name = path.strip_prefix(before)?.split('/').nth(*between)?;
        ProjectName::parse(name).ok()
    })
}

/// What is answered in place of a write.
fn refusal(not_here: &NotHere) -> Problem {
    let status = match not_here {
        NotHere::Elsewhere(_) => StatusCode::MISDIRECTED_REQUEST,
        NotHere::OutOfReach => StatusCode::SERVICE_UNAVAILABLE,
    };
    Problem::new(status, format!("Nothing was changed: {not_here}."))
        .with_header(header::RETRY_AFTER, "1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_project_of_a_path_is_found_wherever_it_stands() {
        for path in [
            "/api/assistant/conversations/shop",
            "/api/assistant/conversations/shop/7/title",
            "/api/projects/shop/files",
            "/api/admin/sessions/shop",
            "/api/v1/ask/shop/3",
        ] {
            assert_eq!(project_of(path).unwrap().as_str(), "shop", "{path}");
        }
        for path in ["/", "/api/projects", "/api/v1/ask", "/mcp", "/api/assistant/conversations"] {
            assert_eq!(project_of(path), None, "{path}");
        }
    }
}
