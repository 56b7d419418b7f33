//! Readiness and status of the server.

use std::{iter, sync::atomic::Ordering};

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use crate::web::{
    placement::hand_on::ask_others,
    problem::{HandlerResult, Problem, ProblemResponse},
    state::AppState,
};

/// `GET /readyz`: 200 with the verdict on the sandbox (`pending` during its self-test); 503 if no agent
/// can start or the server is shutting down. It is open to everybody, so it names no project or path.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "health",
    responses((status = 200, body = Value), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn ready(state: web::Data<AppState>) -> HandlerResult {
    if state.draining.load(Ordering::Relaxed) {
        return Err(Problem::unavailable("The server is shutting down."));
    }
    if let Some(problem) = state.resources.cluster.problem() {
        return Err(Problem::unavailable(problem));
    }
    let agents = &state.resources.agents;
    let kind = agents.kind().map_err(|error| {
        Problem::unavailable(format!(
            "No agent can start: {}. See `cicerone doctor` or /api/admin/status for details.",
            error.cause()
        ))
    })?;
    let status = agents.sandbox_status();
    let verdict = status.newest().map_or("pending", |test| test.verdict.as_str());
    if status.refusal(kind).is_some() {
        return Err(Problem::unavailable(format!(
            "No agent can start: `agent.sandbox` requires proof that the kernel confines it, and \
             the self-test ended with \"{verdict}\". See `cicerone doctor` or /api/admin/status for \
             the reason."
        )));
    }
    let states = state.resources.repositories.states();
    let unfetched = states.iter().filter(|state| state.problem.is_some()).count();
    Ok(HttpResponse::Ok().json(match unfetched {
        0 => json!({ "status": "ready", "sandbox": verdict }),
        // What was there before is served.
        _ => json!({ "status": "ready", "sandbox": verdict, "unfetched_projects": unfetched }),
    }))
}

/// `GET /api/admin/status`: the server's version, agents and store, the report of the sandbox
/// self-test (`null` while it runs), why no agent can start (`null` if one can), and the nodes of a cluster.
#[utoipa::path(
    get,
    path = "/api/admin/status",
    tag = "admin",
    responses((status = 200, body = Value), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn status(state: web::Data<AppState>, request: HttpRequest) -> HttpResponse {
    let resources = &state.resources;
    let status = resources.agents.sandbox_status();
    let refusal = match resources.agents.kind() {
        Ok(kind) => status.refusal(kind),
        Err(error) => Some(error.to_string()),
    };
    let sandbox = status.newest();
    let (bytes, problem) = match resources.reader.ask(|reader| reader.bytes()).await {
        Ok(bytes) => (Some(bytes), None),
        Err(error) => (None, Some(error.to_string())),
    };
    let store = resources.reader.stats().snapshot();
    let mut status = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "started_at": &*state.started_at,
        "agents": {
            "running": resources.slots.in_use(),
            "waiting": resources.slots.waiting(),
            "most": resources.settings.limits.agents,
        },
        "database": {
            "bytes": bytes,
            "problem": problem,
            "commits": store.commits.count,
            "commit_failures": store.commit_failures,
            "commit_seconds": store.commits.sum.as_secs_f64(),
        },
        "refusal": refusal,
        "sandbox": sandbox.as_deref(),
    });
    if let Some(node) = resources.cluster.node() {
        let others = ask_others(&state, &request).await;
        let told = |(node, status): (String, Option<Value>)| node_row(&node, status.as_ref());
        let own = node_row(&node, Some(&status));
        status["nodes"] = iter::once(own).chain(others.into_iter().map(told)).collect();
    }
    HttpResponse::Ok().json(status)
}

/// What is told of a node by its own status: that alone which differs from node to node.
fn node_row(node: &str, status: Option<&Value>) -> Value {
    let Some(status) = status else { return json!({ "node": node, "answers": false }) };
    json!({
        "node": node,
        "answers": true,
        "version": status["version"],
        "agents": status["agents"],
        "refusal": status["refusal"],
    })
}
