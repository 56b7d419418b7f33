//! Which requests concern a project that one node owns. Pure.

use actix_web::{
    HttpRequest,
    http::{Method, header},
};
use serde_json::Value;

use crate::project::ProjectName;

/// Whom a request needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// Every node answers it alike, or each for itself.
    Anywhere,
    At(ProjectName, Need),
    /// The project is named in its body.
    InBody,
}

/// What a request needs of the owner of its project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// It writes: somebody has to own the project.
    Owned,
    /// It concerns what the owner has in memory; without an owner, there is nothing.
    WhereOwned,
}

/// What is before the name of a project in paths of requests that write, and how many segments are between.
const WRITTEN: [(&str, usize); 5] = [
    ("/api/assistant/", 1),
    ("/api/projects/", 0),
    ("/api/admin/sessions/", 0),
    ("/api/admin/snapshots/", 0),
    ("/api/v1/ask/", 0),
];

/// The same in paths of requests that look at what the owner has in memory.
const LOOKED_AT: [&str; 4] =
    ["/api/assistant/ws/", "/api/assistant/events/", "/api/assistant/sessions/", "/api/v1/ask/"];

/// Paths of questions that name the project in their body.
const IN_BODY: [&str; 3] = ["/api/v1/ask", "/v1/chat/completions", "/mcp"];

/// Where a request is to be answered.
pub(super) fn of(method: &Method, path: &str) -> Place {
    if matches!(*method, Method::GET | Method::HEAD) {
        let named = LOOKED_AT.iter().find_map(|before| project_in(path, before, 0));
        return named.map_or(Place::Anywhere, |project| Place::At(project, Need::WhereOwned));
    }
    // Pictures are drawn on each node.
    if *method == Method::OPTIONS || path.ends_with("/drawings") {
        return Place::Anywhere;
    }
    if *method == Method::POST && IN_BODY.contains(&path) {
        return Place::InBody;
    }
    let named = WRITTEN.iter().find_map(|(before, between)| project_in(path, before, *between));
    // A session that nobody has is not begun to be ended.
    let ends_session = *method == Method::DELETE && path.contains("/sessions/");
    let need = if ends_session { Need::WhereOwned } else { Need::Owned };
    named.map_or(Place::Anywhere, |project| Place::At(project, need))
}

fn project_in(path: &str, before: &str, between: usize) -> Option<ProjectName> {
    let name = path.strip_prefix(before)?.split('/').nth(between)?;
    ProjectName::parse(name).ok()
}

/// The project that a body names; where it may be left out, it is `only` one.
pub(super) fn project_of_body(
    path: &str,
    body: &Value,
    only: Option<&ProjectName>,
) -> Option<ProjectName> {
    let named = match path {
        "/v1/chat/completions" => &body["model"],
        "/mcp" if body["params"]["name"] != "ask" => return None,
        "/mcp" => &body["params"]["arguments"]["project"],
        _ => &body["project"],
    };
    match named.as_str() {
        Some(name) => ProjectName::parse(name).ok(),
        None => only.filter(|_| path == "/mcp").cloned(),
    }
}

/// Whether a request asks for a WebSocket.
pub(super) fn is_socket(request: &HttpRequest) -> bool {
    let upgrade = request.headers().get(header::UPGRADE);
    upgrade.is_some_and(|to| to.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shop() -> ProjectName {
        ProjectName::parse("shop").unwrap()
    }

    #[test]
    fn what_writes_a_project_needs_somebody_who_owns_it() {
        for (method, path) in [
            (Method::POST, "/api/assistant/conversations/shop"),
            (Method::PATCH, "/api/assistant/conversations/shop/7"),
            (Method::POST, "/api/assistant/conversations/shop/7/attachments"),
            (Method::POST, "/api/assistant/events/shop/3"),
            (Method::DELETE, "/api/admin/snapshots/shop/3"),
            (Method::DELETE, "/api/v1/ask/shop/3"),
        ] {
            assert_eq!(of(&method, path), Place::At(shop(), Need::Owned), "{method} {path}");
        }
    }

    #[test]
    fn what_is_in_the_memory_of_the_owner_is_looked_at_there() {
        for (method, path) in [
            (Method::GET, "/api/assistant/ws/shop"),
            (Method::GET, "/api/assistant/events/shop"),
            (Method::GET, "/api/v1/ask/shop/3"),
            (Method::GET, "/api/assistant/sessions/shop"),
            (Method::DELETE, "/api/assistant/sessions/shop"),
            (Method::DELETE, "/api/admin/sessions/shop/3"),
        ] {
            assert_eq!(of(&method, path), Place::At(shop(), Need::WhereOwned), "{method} {path}");
        }
    }

    #[test]
    fn everything_else_is_answered_by_every_node() {
        for (method, path) in [
            (Method::GET, "/"),
            (Method::GET, "/api/assistant/conversations/shop"),
            (Method::GET, "/api/assistant/search/shop"),
            (Method::GET, "/api/projects/shop/file"),
            (Method::GET, "/api/admin/sessions"),
            (Method::POST, "/api/projects/shop/drawings"),
            (Method::POST, "/api/admin/repositories/shop"),
            (Method::OPTIONS, "/api/assistant/conversations/shop"),
            (Method::DELETE, "/mcp"),
            (Method::POST, "/login"),
            (Method::POST, "/api/me/tokens"),
            (Method::POST, "/api/assistant/conversations/no%20name"),
        ] {
            assert_eq!(of(&method, path), Place::Anywhere, "{method} {path}");
        }
    }

    #[test]
    fn a_question_names_its_project_in_its_body() {
        let ask = |arguments: Value| json!({ "method": "tools/call", "params": { "name": "ask", "arguments": arguments } });
        for (path, body) in [
            ("/api/v1/ask", json!({ "project": "shop", "question": "?" })),
            ("/v1/chat/completions", json!({ "model": "shop", "messages": [] })),
            ("/mcp", ask(json!({ "project": "shop" }))),
            ("/mcp", ask(json!({ "question": "?" }))),
        ] {
            assert_eq!(of(&Method::POST, path), Place::InBody);
            assert_eq!(project_of_body(path, &body, Some(&shop())), Some(shop()), "{body}");
        }
        let reads =
            json!({ "params": { "name": "read_file", "arguments": { "project": "shop" } } });
        for (path, body) in [
            ("/mcp", reads),
            ("/mcp", json!({ "method": "initialize" })),
            ("/mcp", json!([1, 2])),
            ("/api/v1/ask", json!({ "question": "?" })),
            ("/api/v1/ask", json!({ "project": "../etc" })),
            ("/v1/chat/completions", json!(null)),
        ] {
            assert_eq!(project_of_body(path, &body, Some(&shop())), None, "{path} {body}");
        }
    }
}
