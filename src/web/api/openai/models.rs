//! The projects as models of the OpenAI API.

use actix_web::{HttpResponse, web};
use serde_json::{Value, json};

use crate::{
    project::ProjectName,
    web::{access::rate_limit::Visitor, openai_error::ApiError, state::AppState},
};

/// `GET /v1/models`: the projects.
#[utoipa::path(
    get,
    path = "/v1/models",
    tag = "asking",
    responses((status = 200, body = Value, description = "As of the OpenAI API")),
)]
pub(crate) async fn list(
    state: web::Data<AppState>,
    visitor: web::ReqData<Visitor>,
) -> HttpResponse {
    let models: Vec<Value> =
        state.projects(&visitor).iter().map(|project| described(&project.name)).collect();
    HttpResponse::Ok().json(json!({ "object": "list", "data": models }))
}

/// `GET /v1/models/{model}`: one of them.
#[utoipa::path(
    get,
    path = "/v1/models/{model}",
    tag = "asking",
    params(("model" = String, Path, description = "The project's name")),
    responses(
        (status = 200, body = Value, description = "As of the OpenAI API"),
        (status = "default", body = Value, description = "An error in the shape of the OpenAI API"),
    ),
)]
pub(crate) async fn show(
    state: web::Data<AppState>,
    name: web::Path<String>,
    visitor: web::ReqData<Visitor>,
) -> HttpResponse {
    match state.project(&visitor, &name).await {
        Ok(project) => HttpResponse::Ok().json(described(&project.name)),
        Err(_) => ApiError::no_model(&name).response(),
    }
}

fn described(project: &ProjectName) -> Value {
    json!({ "id": project, "object": "model", "created": 0, "owned_by": "cicerone" })
}
