//! Whether the server can be given work, and how it is proved that agents only read.

use actix_web::{HttpResponse, web};
use serde_json::json;

use super::{problem::Problem, state::State};

/// `GET /readyz`: 200 with the self-test of the sandbox, `null` while it runs; 503 with the reason
/// where no agent can start.
pub async fn ready(state: web::Data<State>) -> Result<HttpResponse, Problem> {
    let proof = state.resources.agents.proof();
    if let Some(words) = proof.refusal() {
        return Err(Problem::unavailable(format!(
            "No agent can start, because the kernel does not confine it: {words}. `cicerone \
             doctor` tells more."
        )));
    }
    let sandbox = proof.newest();
    Ok(HttpResponse::Ok().json(json!({ "status": "ready", "sandbox": sandbox.as_deref() })))
}
